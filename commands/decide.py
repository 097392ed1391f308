"""`qwh compare`, `plan`, `pick` and `card`: what these prompts can decide between quants, and how
many would decide the rest.
"""

from typing import Annotated

import typer

from ..errors import ExitCode, QwhError
from .options import DEFAULT, CohortOption, WarehouseOption, points, size


def compare(
    first: Annotated[str, typer.Argument(help="A quant, or the reference.")],
    second: Annotated[str, typer.Argument(help="The quant that is judged against it.")],
    cohort: CohortOption = None,
    margin: Annotated[
        str, typer.Option(help="Difference of score that counts as none: 1pt, 1%, 0.01.")
    ] = "1pt",
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Compare two quants on the prompts that both answered, and say what would settle it. Example:
    qwh compare Q8_0 Q4_K_M
    """
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render
    from .decisions import compare as run

    rows, sentences = run(Warehouse(warehouse), first, second, cohort, points(margin))
    print(render(table(rows)), *sentences, sep="\n")


def plan(
    pair: Annotated[
        tuple[str, str] | None, typer.Option(help="Two quants, or the reference and a quant.")
    ] = None,
    delta: Annotated[str, typer.Option(help="True difference to be found: 1pt, 1%, 0.01.")] = "1pt",
    volume: Annotated[
        float | None,
        typer.Option(help="Share of prompts that divide them, in place of a pair.", min=0, max=1),
    ] = None,
    cohort: CohortOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Say how many prompts a difference takes. Example: qwh plan --pair Q8_0 Q4_K_M --delta 1pt"""
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render
    from .decisions import plan as run

    if (pair is None) == (volume is None):
        raise QwhError(
            "qwh plan wants either --pair A B or --volume SHARE: give one of them", ExitCode.USAGE
        )
    rows = run(Warehouse(warehouse), pair, cohort, points(delta), volume)
    print(render(table(rows)))


def pick(
    max_bytes: Annotated[
        str | None, typer.Option(help="Largest file: 4GB, 700MB, 123456789.")
    ] = None,
    cohort: CohortOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Name the smallest quant that these prompts do not resolve from the highest score. Example:
    qwh pick --max-bytes 4GB
    """
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render
    from .decisions import pick as run

    rows, sentence = run(Warehouse(warehouse), cohort, size(max_bytes) if max_bytes else None)
    print(render(table(rows)), sentence, sep="\n")


def card(cohort: CohortOption = None, warehouse: WarehouseOption = DEFAULT) -> None:
    """Print what a cohort's prompts can resolve at all. Example: qwh card"""
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render
    from .decisions import card as run

    print(render(table(run(Warehouse(warehouse), cohort))))
