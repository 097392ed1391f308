"""Dotted paths into what a row holds: objects, lists of one or by number, JSON within a text."""

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from .untrusted.json_plain import clean

ABSENT: Final = object()  # there is nothing at this path; None is something
MAX_TEXT = 1 << 20  # characters of a text that is looked into as JSON
DEEPEST = 3  # levels of names that are listed


def along(found: Any, path: str) -> Any:
    """What lies at a path, or ABSENT.

    A name may itself hold dots: of those that are there the longest is meant.
    """
    if isinstance(found, list) and len(found) == 1 and not path.split(".", 1)[0].isdecimal():
        found = found[0]
    if isinstance(found, str):
        found = _json(found)
    if isinstance(found, list):
        number, _, rest = path.partition(".")
        if not number.isdecimal() or len(number) > 9 or int(number) >= len(found):
            return ABSENT
        return along(found[int(number)], rest) if rest else found[int(number)]
    if not isinstance(found, dict):
        return ABSENT
    if path in found:
        return found[path]
    parts = path.split(".")
    for count in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:count])
        if name in found:
            inner = along(found[name], ".".join(parts[count:]))
            if inner is not ABSENT:
                return inner
    return ABSENT


def names(found: dict, before: str = "") -> Iterator[str]:
    """The paths within an object that lead to something else than an object."""
    for name, value in found.items():
        path = f"{before}{name}"
        if isinstance(value, dict) and value and path.count(".") < DEEPEST:
            yield from names(value, f"{path}.")
        else:
            yield path


def text(value: Any) -> str | None:
    """A cell as text: the same for a number of a table, of JSON and of Parquet."""
    if value is None or isinstance(value, str):
        return clean(value) if value else None
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)
    if isinstance(value, bool | dict | list):
        return clean(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _json(found: str) -> Any:
    """The object or list that a text is, or None."""
    if found.lstrip()[:1] not in ("{", "[") or len(found) > MAX_TEXT:
        return None
    try:
        return json.loads(found)
    except (ValueError, RecursionError):
        return None
