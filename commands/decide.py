"""`qwh compare`, `plan`, `pick` and `card`: what these prompts, or this text, decide."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..errors import ExitCode, QwhError
from .options import DEFAULT, CohortOption, WarehouseOption, points, screen, size

if TYPE_CHECKING:
    from ..database.questions import Cohort

MARGIN = "the project's own margin if not given."
DUEL = (
    "prompts",
    "gained",
    "lost",
    "volume",
    "difference",
    "low",
    "high",
    "p",
    "p_adjusted",
    "p_equivalent",
    "e_value",
    "verdict",
)
TEXT_PAIR = ("difference", "low", "high", "p", "p_adjusted", "e_value", "chunks", "verdict")
PICK = (
    "quant_id",
    "bytes",
    "composite",
    "volume",
    "letters",
    "on_front",
    "loss_bound",
    "p_adjusted",
    "verdict",
    "damaged_on",
    "picked",
)
TEXT_PICK = ("quant_id", "bytes", "kld_mean", "chunks", "letters", "picked")


class Said(NamedTuple):
    """What a command prints: a table, then sentences."""

    rows: list[dict[str, Any]]
    sentences: list[str]


def compare(
    first: Annotated[str, typer.Argument(help="A quant, or the reference.")],
    second: Annotated[str, typer.Argument(help="The quant that is judged against it.")],
    cohort: CohortOption = None,
    margin: Annotated[
        str | None,
        typer.Option(help=f"Difference of score that counts as none: 1pt, 1%, 0.01; {MARGIN}"),
    ] = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Compare two quants on the prompts that both answered, and say what would settle it; without
    answers, on the text that both read. Example: qwh compare Q8_0 Q4_K_M
    """
    _print(compared(warehouse, first, second, cohort, _points(margin)))


def plan(
    pair: Annotated[
        tuple[str, str] | None, typer.Option(help="Two quants, or the reference and a quant.")
    ] = None,
    delta: Annotated[
        str | None, typer.Option(help=f"True difference to be found: 1pt, 1%, 0.01; {MARGIN}")
    ] = None,
    volume: Annotated[
        float | None,
        typer.Option(help="Share of prompts that divide them, in place of a pair.", min=0, max=1),
    ] = None,
    cohort: CohortOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Say how many prompts a difference takes; without answers, how many chunks of the text.
    Example: qwh plan --pair Q8_0 Q4_K_M --delta 1pt
    """
    if (pair is None) == (volume is None):
        raise QwhError(
            "qwh plan wants either --pair A B or --volume SHARE: give one of them", ExitCode.USAGE
        )
    if pair is None:
        _print(planned_volume(volume or 0.0, _points(delta)))
    else:
        _print(planned(warehouse, pair, cohort, delta))


def pick(
    max_bytes: Annotated[
        str | None, typer.Option(help="Largest file: 4GB, 700MB, 123456789.")
    ] = None,
    margin: Annotated[
        str | None, typer.Option(help=f"Loss of score that counts as none: 1pt, 1%; {MARGIN}")
    ] = None,
    cohort: CohortOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Name the smallest quant that is shown to lose less than the margin against the reference;
    without answers, the smallest that the text does not tell from the lowest mean KLD. Example:
    qwh pick --max-bytes 4GB
    """
    limit = size(max_bytes) if max_bytes else float("inf")
    _print(picked(warehouse, cohort, limit, _points(margin)))


def card(cohort: CohortOption = None, warehouse: WarehouseOption = DEFAULT) -> None:
    """Print what a cohort's prompts can resolve at all. Example: qwh card"""
    _print(resolved(warehouse, cohort))


def compared(warehouse: Path, first: str, second: str, cohort: str | None, margin: float) -> Said:
    """The second against the first: a row per benchmark, or per figure of a text."""
    from ..database.questions import asking
    from ..database.warehouse import Warehouse

    with asking(Warehouse(warehouse), cohort) as asked:
        pair = {"first": first, "second": second}
        holds = _holds(asked)
        if holds["scores"] and not holds["answers"] and not holds["texts"]:
            return _unpaired(asked)
        _refuse_unknown(asked, first, second)
        on_text = _on_text(asked, pair)
        if not holds["answers"]:
            return on_text
        rows = asked.ask("duel", **pair, margin=margin)
        whole = _whole(asked, pair, margin)
        named = {"score_ref": first, "score": second}
        shown = [_row(row, "benchmark_id", named) | _some(row, DUEL) for row in rows]
        # which of two lies nearer says nothing of their scores
        return Said(shown, _sentences(whole) + on_text.sentences[:1])


def planned(warehouse: Path, pair: tuple[str, str], cohort: str | None, delta: str | None) -> Said:
    """Prompts that find a true difference of delta (80 % power, 5 %), by benchmark of a pair.

    On a text: chunks that would tell the two apart, if what was seen is their difference.
    """
    from ..database.questions import asking
    from ..database.warehouse import Warehouse
    from ..exports import words

    names = dict(zip(("first", "second"), pair))
    with asking(Warehouse(warehouse), cohort) as asked:
        holds = _holds(asked)
        _refuse_unknown(asked, *pair)
        if not holds["answers"]:
            if delta:
                raise QwhError(
                    f"cohort {asked.name} has a text and no answers: leave --delta out, its"
                    " chunks are counted for the difference that was seen",
                    ExitCode.USAGE,
                )
            columns = ("kind", "difference", "chunks", "chunks_needed", "verdict")
            return Said([_some(row, columns) for row in asked.ask("text_pair", **names)], [])
        wanted = _points(delta)
        columns = ("prompts", "volume", "delta", "resolvable", "prompts_needed")
        rows = [
            {"benchmark_id": row["benchmark_id"]} | _some(row | {"delta": wanted}, columns)
            for row in asked.ask("duel", **names, margin=wanted)
        ]
        whole = _whole(asked, names, wanted) | {"delta": wanted}
        together = {"benchmark_id": f"all, of {words.counted(whole['pairs'], 'pair')}"} | _some(
            whole, columns
        )
        alone = {name: whole[f"{name}_alone"] for name in columns[-2:]}
        rows += [{"benchmark_id": "all"} | _some(whole | alone, columns), together]
        return Said(rows, [])


def planned_volume(volume: float, delta: float) -> Said:
    """Prompts that find a true difference of delta where so large a share divides two."""
    from ..kernels.statistics.resolution import prompts_needed

    needed = prompts_needed(volume, delta)
    return Said([{"volume": volume, "delta": delta, "prompts_needed": needed}], [])


def picked(warehouse: Path, cohort: str | None, limit: float, margin: float) -> Said:
    """A row per quant that is small enough, smallest first, and a sentence about the one picked.

    Raises QwhError where no size is known, or none is small enough.
    """
    from ..database.questions import asking
    from ..database.warehouse import Warehouse
    from ..exports import words

    with asking(Warehouse(warehouse), cohort) as asked:
        holds = _holds(asked)
        if not holds["answers"] and not holds["texts"]:
            return _unpaired(asked)
        if not holds["answers"]:
            return _picked_by_text(asked, limit)
        unsized = _unsized(asked, limit)
        rows = asked.ask("pick", most=limit, margin=margin)
        chosen = [row for row in rows if row["picked"]]
        shown = [row for row in rows if row["verdict"] == "not_inferior"]
        code = "picked" if chosen else "none_undamaged" if shown else "none_shown"
        nearest = sorted(rows, key=lambda row: (row["loss_bound"], row["bytes"]))
        about = (chosen or shown or nearest)[0]
        said = [words.sentence("front", code, about), *unsized]
        return Said([_some(row, PICK) for row in rows], said)


def resolved(warehouse: Path, cohort: str | None) -> Said:
    """What a cohort's prompts resolve: rows of figure and value."""
    from ..database.questions import asking
    from ..database.warehouse import Warehouse
    from ..exports import words

    with asking(Warehouse(warehouse), cohort) as asked:
        rows = asked.ask("card")
        if not rows:
            _refuse_without_answers(asked)
        labels = [words.sentence("cards", row["kind"], row) for row in rows]
        values = [words.facts({row["kind"]: row["figure"]})[row["kind"]] for row in rows]
        return Said([{"figure": label, "value": value} for label, value in zip(labels, values)], [])


def _picked_by_text(asked: "Cohort", limit: float) -> Said:
    """The smallest file of the group that holds the lowest mean KLD: a distance, never quality."""
    from ..exports import words

    rows = asked.ask("text_groups", most=limit)
    shown = [_some(row, TEXT_PICK) for row in rows]
    if rows and not any(row["letters"] for row in rows):
        code = "too_few_chunks" if any(row["chunks"] for row in rows) else "no_pairing"
        nearest = min(rows, key=lambda row: row["kld_mean"])
        return Said(shown, [words.sentence("text_groups", code, nearest)])
    unsized = _unsized(asked, limit)
    chosen = [row for row in rows if row["picked"]]
    known = [row for row in rows if row["letters"] and row["bytes"] is not None]
    about = (chosen or sorted(known or rows, key=lambda row: row["kld_mean"]))[0]
    about |= {"text": about["corpus_id"]}
    code = "picked" if chosen else "no_pick"
    return Said(shown, [words.sentence("text_groups", code, about), *unsized])


def _on_text(asked: "Cohort", pair: dict[str, str]) -> Said:
    """The second against the first on the cohort's first text; nothing where it lacks one."""
    from ..exports import words

    rows = asked.ask("text_pair", **pair)
    named = {"first_figure": pair["first"], "second_figure": pair["second"]}
    return Said(
        [_row(row, "kind", named) | _some(row, TEXT_PAIR) for row in rows],
        [words.sentence("text_pairs", row["verdict"], row["facts"]) for row in rows],
    )


def _sentences(whole: dict[str, Any]) -> list[str]:
    """What may be said of two scores, and what would settle the rest."""
    from ..exports import words

    codes = [whole["verdict"]]
    if whole["verdict_alone"] != whole["verdict"]:
        codes.append(f"alone_{whole['verdict_alone']}")
    if whole["verdict"] == "cannot_tell":
        codes.append("needed" if whole["prompts_needed"] else "beyond")
    return [words.sentence("pairs", code, whole) for code in codes]


def _whole(asked: "Cohort", pair: dict[str, str], margin: float) -> dict[str, Any]:
    """All benchmarks of a pair together. Raises QwhError where it has no prompt in common."""
    rows = asked.ask("pair", **pair, margin=margin)
    if not rows or not rows[0]["prompts"]:
        raise QwhError(
            f"{pair['first']} and {pair['second']} answered no prompt in common: see qwh show"
            " unpaired",
            ExitCode.NOT_FOUND,
        )
    return rows[0] | pair


def _unpaired(asked: "Cohort") -> Said:
    """Scores that no prompts pair: shown, and not judged."""
    from ..exports import words

    rows = asked.ask("scores")
    return Said(rows, [words.sentence("scores", "unpaired", {})])


def _holds(asked: "Cohort") -> dict[str, bool]:
    """What the cohort's models can be compared by. Raises QwhError if there is nothing."""
    [holds] = asked.ask("holds")
    if not any(holds.values()):
        _refuse_without_answers(asked)
    return holds


def _refuse_without_answers(asked: "Cohort") -> None:
    raise QwhError(
        f"cohort {asked.name} has no benchmark that reference and quants both answered: bring one"
        " in with qwh ingest prompts, or import its results",
        ExitCode.NOT_FOUND,
    )


def _refuse_unknown(asked: "Cohort", first: str, second: str) -> None:
    """Raise QwhError for one model twice, or one that cannot be compared."""
    if first == second:
        raise QwhError(f"{first} against itself says nothing: name two quants", ExitCode.USAGE)
    rows = asked.ask("names")
    names = sorted(row["quant_id"] for row in rows)
    for name in (first, second):
        if name not in names:
            raise QwhError(
                f"there is no {name} with {rows[0]['what']} in cohort {asked.name}: there are"
                f" {', '.join(names)}",
                ExitCode.NOT_FOUND,
            )


def _unsized(asked: "Cohort", limit: float) -> list[str]:
    """What to say of quants whose size is not known; nothing where all are.

    Raises QwhError where no file's size is known, or none is small enough.
    """
    from ..exports import words

    sizes = asked.ask("sizes")
    unsized = [row["quant_id"] for row in sizes if row["bytes"] is None]
    if len(unsized) == len(sizes):
        raise QwhError(
            f"cohort {asked.name} holds no file sizes: ingest the quants' GGUF files with qwh"
            " ingest gguf, or import again with --size QUANT=4.1GB",
            ExitCode.NOT_FOUND,
        )
    if sizes[0]["bytes"] > limit:
        raise QwhError(
            f"no quant of cohort {asked.name} is that small: the smallest is"
            f" {sizes[0]['quant_id']} with {sizes[0]['bytes']:,} bytes",
            ExitCode.NOT_FOUND,
        )
    facts = {"unsized": ", ".join(unsized)}
    return [words.sentence("front", "unsized", facts)] if unsized else []


def _row(row: dict[str, Any], key: str, named: dict[str, str]) -> dict[str, Any]:
    """A key and the two models' figures, under the models' names."""
    return {key: row[key]} | {name: row[column] for column, name in named.items()}


def _some(row: dict[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    return {column: row[column] for column in columns}


def _print(said: Said) -> None:
    from ..exports.port import table
    from ..exports.terminal import render

    print(render(table(said.rows), screen()), *said.sentences, sep="\n")


def _points(text: str | None) -> float:
    """A difference of score as a fraction; the project's margin where none was given."""
    from ..database.settings import variables

    return points(text) if text else variables()["margin"]
