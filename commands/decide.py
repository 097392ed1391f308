"""`qwh compare`, `plan`, `pick` and `card`: what these prompts, or this text, decide."""

from typing import Annotated

import typer

from ..errors import ExitCode, QwhError
from ..exports.registry import SCREEN
from . import completion
from .decided import compared, picked, planned, planned_volume, resolved
from .look import Look
from .options import (
    DEFAULT,
    CohortOption,
    ColumnsOption,
    FormatOption,
    WarehouseOption,
    WideOption,
    points,
    size,
)
from .said import show
from .scorings import ANSWERED, ScoringOption

MARGIN = "the scoring's own margin if not given."


def compare(
    first: Annotated[
        str,
        typer.Argument(help="A quant, or the reference.", autocompletion=completion.quants),
    ],
    second: Annotated[
        str,
        typer.Argument(
            help="The quant that is judged against it.", autocompletion=completion.quants
        ),
    ],
    cohort: CohortOption = None,
    margin: Annotated[
        str | None,
        typer.Option(help=f"Difference of score that counts as none: 1pt, 1%, 0.01; {MARGIN}"),
    ] = None,
    scoring: ScoringOption = None,
    format: FormatOption = SCREEN,
    columns: ColumnsOption = None,
    wide: WideOption = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Compare two quants on the prompts that both answered, and say what would settle it; without
    answers, on the text that both read. Example: qwh compare Q8_0 Q4_K_M
    """
    said = compared(warehouse, first, second, cohort, _points(margin), scoring)
    show("compare", said, Look(format, columns, wide))


def plan(
    pair: Annotated[
        tuple[str, str] | None,
        typer.Option(
            help="Two quants, or the reference and a quant.", autocompletion=completion.quants
        ),
    ] = None,
    delta: Annotated[
        str | None, typer.Option(help=f"True difference to be found: 1pt, 1%, 0.01; {MARGIN}")
    ] = None,
    volume: Annotated[
        float | None,
        typer.Option(help="Share of prompts that divide them, in place of a pair.", min=0, max=1),
    ] = None,
    cohort: CohortOption = None,
    scoring: ScoringOption = None,
    format: FormatOption = SCREEN,
    columns: ColumnsOption = None,
    wide: WideOption = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Say how many prompts a difference takes; without answers, how many chunks of the text.
    Example: qwh plan --pair Q8_0 Q4_K_M --delta 1pt
    """
    from ..database.settings import variables

    if (pair is None) == (volume is None):
        raise QwhError(
            "qwh plan wants either --pair A B or --volume SHARE: give one of them", ExitCode.USAGE
        )
    if pair is None:
        if scoring not in (None, ANSWERED):
            raise QwhError(
                "--volume is a share of prompts that are answered rightly by one of two: leave"
                " --scoring out, or give --pair",
                ExitCode.USAGE,
            )
        said = planned_volume(volume or 0.0, _points(delta) or variables()["margin"])
    else:
        said = planned(warehouse, pair, cohort, _points(delta), scoring)
    show("plan", said, Look(format, columns, wide))


def pick(
    max_bytes: Annotated[
        str | None, typer.Option(help="Largest file: 4GB, 700MB, 123456789.")
    ] = None,
    margin: Annotated[
        str | None, typer.Option(help=f"Loss of score that counts as none: 1pt, 1%; {MARGIN}")
    ] = None,
    cohort: CohortOption = None,
    scoring: ScoringOption = None,
    format: FormatOption = SCREEN,
    columns: ColumnsOption = None,
    wide: WideOption = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Name the smallest quant that is shown to lose less than the margin against the reference;
    without answers, the smallest that the text does not tell from the lowest mean KLD. Example:
    qwh pick --max-bytes 4GB
    """
    limit = size(max_bytes) if max_bytes else float("inf")
    said = picked(warehouse, cohort, limit, _points(margin), scoring)
    show("pick", said, Look(format, columns, wide))


def card(
    cohort: CohortOption = None,
    scoring: ScoringOption = None,
    format: FormatOption = SCREEN,
    columns: ColumnsOption = None,
    wide: WideOption = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Print what a cohort's prompts can resolve at all. Example: qwh card"""
    said = resolved(warehouse, cohort, scoring)
    show("card", said, Look(format, columns, wide))


def _points(text: str | None) -> float | None:
    """A difference of score as a fraction, if one was given."""
    return points(text) if text else None
