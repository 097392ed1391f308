"""Untrusted JSON through the standard library, for files that are small or of no fixed form."""

import json
import math
from pathlib import Path
from typing import Any

from ....errors import BadFile

# lists and objects in one piece of JSON: with what they hold some 300 bytes each
MOST_OBJECTS = 4_000_000


def parsed(path: Path, place: str, raw: bytes) -> Any:
    """JSON, with NaN and Infinity as the floats of that name.

    Raises BadFile where it is none or nested too deeply.
    """
    if raw.count(b"[") + raw.count(b"{") > MOST_OBJECTS:
        raise BadFile(path, place, f"more than {MOST_OBJECTS:,} lists and objects", "split it")
    try:
        return json.loads(raw)
    except json.JSONDecodeError as error:
        raise BadFile(
            path,
            f"{place}, character {error.pos:,}",
            f"not JSON ({error.msg})",
            "it is damaged or cut short, write it again",
        ) from None
    except RecursionError:
        raise BadFile(
            path, place, "JSON nested too deeply", "check that it is the file that was meant"
        ) from None
    except ValueError as error:  # bytes that are no text, or an integer of thousands of digits
        raise BadFile(
            path, place, f"not JSON ({str(error)[:80]})", "it is damaged, write it again"
        ) from None


def clean(text: str) -> str:
    """A text that can be written as UTF-8: JSON may hold halves of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def finite(value: object) -> float | None:
    """A number as a float; None where it is missing, NaN, infinite, or true or false."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def graded(value: object) -> float | None:
    """A score: 1.0 and 0.0 for true and false, else what `finite` says."""
    return float(value) if isinstance(value, bool) else finite(value)


def at(found: object, *keys: str) -> Any:
    """found[key][key]..., or None as soon as there is none."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found
