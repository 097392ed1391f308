"""Options that several commands share, and the amounts that they read."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ExitCode, QwhError
from ..exports.registry import FORMATS, SCREEN
from ..raw.names import refuse_name
from . import completion
from .usual import DEFAULT as DEFAULT
from .usual import WAREHOUSE


def cohort_name(cohort: str | None) -> str | None:
    """A cohort's name as it is. Raises QwhError for what can be none."""
    return None if cohort is None else refuse_name(cohort, "--cohort")


def quant_names(names: list[str] | None) -> list[str] | None:
    """Quants' names as they are. Raises QwhError for what can be none."""
    return None if names is None else [refuse_name(name, "--quant-id") for name in names]


WarehouseOption = Annotated[
    Path, typer.Option("--warehouse", envvar=WAREHOUSE, help="The warehouse's folder.")
]
COHORT = "QWH_COHORT"  # the variable that names it
CohortOption = Annotated[
    str | None,
    typer.Option(
        envvar=COHORT,
        help="Only this cohort's rows; default: the only one.",
        autocompletion=completion.cohorts,
    ),
]
IntoCohortOption = Annotated[
    str | None,
    typer.Option(
        envvar=COHORT,
        help="The set of quants that are compared with one another; default: the only one there.",
        callback=cohort_name,
        autocompletion=completion.cohorts,
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be stored.")]
AtOnceOption = Annotated[
    int | None,
    typer.Option(help="Quants held in memory together; default: as many as fit.", min=1),
]
ThreadsOption = Annotated[int | None, typer.Option(help="CPU threads; default: all cores.", min=1)]
WideOption = Annotated[
    bool, typer.Option("--wide", help="Every column, and every cell on one line.")
]
WidthOption = Annotated[
    int | None,
    typer.Option(
        help="Fit into so many columns; default: COLUMNS, the terminal's, or 100.", min=20
    ),
]
FormatOption = Annotated[
    str,
    typer.Option(
        metavar="|".join((SCREEN, *FORMATS)),
        help="Of what is printed; table is for the screen, csv, json and parquet are not rounded.",
        autocompletion=lambda: [(SCREEN, "for the screen"), *completion.formats()],
    ),
]
ColumnsOption = Annotated[
    str | None, typer.Option(metavar="A,B,...", help="Only these columns, in this order.")
]
PagerOption = Annotated[
    bool,
    typer.Option(
        "--pager/--no-pager",
        help="What is longer than the terminal goes through a pager (PAGER, else less).",
    ),
]


def from_here(path: Path) -> str:
    """A path as one types it in this folder; in full where none leads there, as on another disk."""
    try:
        return os.path.relpath(path)
    except ValueError:
        return str(path.resolve())


def points(text: str) -> float:
    """A difference of score as a fraction: 1pt and 1% are 0.01. Raises QwhError."""
    number = text.strip().lower().removesuffix("pt").removesuffix("%").strip()
    value = _number(number, text, "a difference: write one such as 1pt, 1% or 0.01")
    if number != text.strip().lower():
        value /= 100
    if not 0 < value < 1:
        raise QwhError(
            f"{text} is not a difference between 0 and 100 points: write one such as 1pt",
            ExitCode.USAGE,
        )
    return value


def size(text: str) -> float:
    """A file's size in bytes: 4GB, 700MB, 3.5GiB or a number. Raises QwhError."""
    from ..ingest.readers.file_sizes import UNITS

    number = text.strip().lower().rstrip("kmgtib")
    unit = text.strip().lower()[len(number) :]
    if unit not in UNITS:
        raise QwhError(f"{text} is not a size: write one such as 4GB", ExitCode.USAGE)
    return _number(number, text, "a size: write one such as 4GB") * UNITS[unit]


def _number(number: str, text: str, wanted: str) -> float:
    """A finite number >= 0, cut out of a text that is wanted to be an amount."""
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not value >= 0 or value == float("inf"):
        raise QwhError(f"{text} is not {wanted}", ExitCode.USAGE)
    return value
