"""`qwh worst`: the tokens at which a quant is furthest from its reference, in their context."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import ExitCode, QwhError, meant
from ..exports.registry import SCREEN
from . import completion
from .look import Look, put
from .options import (
    DEFAULT,
    CohortOption,
    ColumnsOption,
    FormatOption,
    WarehouseOption,
    WideOption,
    WidthOption,
)

PLACE, FIGURES = ("corpus_id", "context_length", "chunk", "position"), ("kld", "delta_loss")
SPELLED = {"token_id": "token", "top1_ref": "reference_says", "top1": "quant_says"}


def worst(
    quant: Annotated[str, typer.Argument(help="The quant.", autocompletion=completion.quants)],
    model: Annotated[
        Path, typer.Argument(help="A model file of the cohort, whose tokenizer spells the tokens.")
    ],
    cohort: CohortOption = None,
    most: Annotated[int, typer.Option(help="How many tokens.", min=1)] = 20,
    before: Annotated[int, typer.Option(help="Tokens shown before each.", min=0)] = 12,
    format: FormatOption = SCREEN,
    columns: ColumnsOption = None,
    wide: WideOption = False,
    width: WidthOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Print the tokens of a quant with the largest KLD, in words, with what stands before them.

    Example: qwh worst Q4_K_M models/f16.gguf
    """
    from ..database.names import quants
    from ..database.questions import asking
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..ingest.pieces import pieces

    with asking(Warehouse(warehouse), cohort) as asked:
        name = asked.name
        rows = asked.ask("worst", quant=quant, most=most, before=before)
    if not rows:
        known = quants(warehouse, name)
        why = "has no rows of tokens: name a quant that read a text or answered prompts"
        why = why if quant in known else f"is not there: {meant(quant, known)}"
        raise QwhError(f"{quant} of cohort {name} {why}", ExitCode.NOT_FOUND)
    with pieces(model, rows[0]["vocabulary_sha256"]) as text:
        told = [_told(row, text, is_quoted=format == SCREEN) for row in rows]
    put(table(told), Look(format, columns, wide, width))


def _told(
    row: dict[str, Any], text: Callable[[list[int]], str], is_quoted: bool
) -> dict[str, str | float]:
    """A row with texts for ids, quoted where a space or the end of a line would not be seen."""

    def spelled(ids: list[int]) -> str:
        return json.dumps(text(ids), ensure_ascii=False) if is_quoted else text(ids)

    return (
        {key: row[key] for key in PLACE}
        | {"before": spelled(row["before_it"])}
        | {told: spelled([row[given]]) for given, told in SPELLED.items()}
        | {key: row[key] for key in FIGURES}
    )
