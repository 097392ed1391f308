"""Options that several commands share, and the amounts that they read."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ExitCode, QwhError

WarehouseOption = Annotated[
    Path, typer.Option("--warehouse", envvar="QWH_WAREHOUSE", help="The warehouse's folder.")
]
CohortOption = Annotated[str | None, typer.Option(help="Only this cohort's rows.")]
DEFAULT = Path("warehouse")
UNITS = {
    "kb": 1e3,
    "mb": 1e6,
    "gb": 1e9,
    "tb": 1e12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
    "b": 1,
    "": 1,
}


def points(text: str) -> float:
    """A difference of score as a fraction: 1pt and 1% are 0.01. Raises QwhError."""
    number = text.strip().lower().removesuffix("pt").removesuffix("%").strip()
    value = _number(number, text, "a difference such as 1pt, 1% or 0.01") / (
        1 if number == text.strip().lower() else 100
    )
    if not 0 < value < 1:
        raise QwhError(
            f"{text} is not a difference between 0 and 100 points: write one such as 1pt",
            ExitCode.USAGE,
        )
    return value


def size(text: str) -> float:
    """A file's size in bytes: 4GB, 700MB, 3.5GiB or a number. Raises QwhError."""
    number = text.strip().lower().rstrip("kmgtib")
    unit = text.strip().lower()[len(number) :]
    if unit not in UNITS:
        raise QwhError(f"{text} is not a size: write one such as 4GB", ExitCode.USAGE)
    return _number(number, text, "a size such as 4GB") * UNITS[unit]


def _number(number: str, text: str, wanted: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not value >= 0 or value == float("inf"):
        raise QwhError(f"{text} is not {wanted}: write it so", ExitCode.USAGE)
    return value
