"""What prompts, or a text, decide between models: a table and sentences for each question."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ExitCode, QwhError, meant
from .by_text import on_text, picked_by_text, without_size
from .said import Said, of_two, some
from .scorings import Scoring, named, of_cohort

if TYPE_CHECKING:
    from ..database.questions import Cohort

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
ANSWERS = "answers"  # what most pairs are compared by, in analyses/questions/names.sql
BESIDE = {"answered": "composite", "answered_verdict": "verdict"}  # where others are gone by


def compared(
    warehouse: Path,
    first: str,
    second: str,
    cohort: str | None,
    margin: float | None,
    scoring: str | None = None,
) -> Said:
    """The second against the first: a row per benchmark and scoring, or per figure of a text."""
    from ..database.questions import asking
    from ..database.warehouse import Warehouse

    with asking(Warehouse(warehouse), cohort) as asked:
        pair = {"first": first, "second": second}
        holds = _holds(asked)
        if holds["scores"] and not holds["answers"] and not holds["texts"]:
            return _unpaired(asked)
        answered = _both_answered(asked, first, second)
        by_text = on_text(asked, pair)
        if not answered:
            return by_text
        by = of_cohort(asked, scoring, margin)
        rows = {each: _duels(asked, pair, each) for each in by}
        chosen, *beside = [
            _sentences(_whole(asked, pair, each), each)
            for each in by
            if rows[each] or each == by[0]
        ]
        said = chosen + [sentences[0] for sentences in beside]
        # which of two lies nearer says nothing of their scores
        shown = [row for each in by for row in rows[each]]
        return Said(shown, said + by_text.sentences[:1])


def planned(
    warehouse: Path,
    pair: tuple[str, str],
    cohort: str | None,
    delta: float | None,
    scoring: str | None = None,
) -> Said:
    """Prompts that find a true difference of delta (80 % power, 5 %), by benchmark of a pair.

    On a text: chunks that would tell the two apart, if what was seen is their difference.
    """
    from ..database.questions import asking
    from ..database.warehouse import Warehouse

    names = dict(zip(("first", "second"), pair))
    with asking(Warehouse(warehouse), cohort) as asked:
        _holds(asked)
        if not _both_answered(asked, *pair):
            if delta:
                raise QwhError(
                    f"{pair[0]} and {pair[1]} have a text and no answers: leave --delta out, its"
                    " chunks are counted for the difference that was seen",
                    ExitCode.USAGE,
                )
            columns = ("kind", "difference", "chunks", "chunks_needed", "verdict")
            return Said([some(row, columns) for row in asked.ask("text_pair", **names)], [])
        chosen, *beside = of_cohort(asked, scoring, delta)
        rows = _budgets(asked, names, chosen)
        for each in beside:
            rows += _budgets(asked, names, each) if _duels(asked, names, each) else []
        return Said(rows, [])


def _budgets(asked: "Cohort", pair: dict[str, str], scoring: Scoring) -> list[dict[str, Any]]:
    """Prompts that find a difference of one margin: by benchmark, of all, and among all pairs."""
    from ..exports import words

    columns = ("scoring", "prompts", "volume", "delta", "resolvable", "prompts_needed")
    more = {"scoring": scoring.name, "delta": scoring.margin}
    asking = pair | scoring.asked()
    rows = [
        {"benchmark_id": row["benchmark_id"]} | some(row | more, columns)
        for row in asked.ask("duel", **asking)
    ]
    whole = _whole(asked, pair, scoring) | more
    together = {"benchmark_id": f"all, of {words.counted(whole['pairs'], 'pair')}"}
    alone = {name: whole[f"{name}_alone"] for name in columns[-2:]}
    return [
        *rows,
        {"benchmark_id": "all"} | some(whole | alone, columns),
        together | some(whole, columns),
    ]


def planned_volume(volume: float, delta: float) -> Said:
    """Prompts that find a true difference of delta where so large a share divides two."""
    from ..kernels.statistics.resolution import prompts_needed

    needed = prompts_needed(volume, delta)
    return Said([{"volume": volume, "delta": delta, "prompts_needed": needed}], [])


def picked(
    warehouse: Path,
    cohort: str | None,
    limit: float,
    margin: float | None,
    scoring: str | None = None,
) -> Said:
    """A row per quant that is small enough, smallest first, and a sentence about the one picked.

    By other scores than answered, answered has columns and a sentence beside. Raises QwhError where
    no size is known, or none is small enough.
    """
    from ..database.questions import asking
    from ..database.warehouse import Warehouse

    with asking(Warehouse(warehouse), cohort) as asked:
        holds = _holds(asked)
        if not holds["answers"] and not holds["texts"]:
            return _unpaired(asked)
        if not holds["answers"]:
            return picked_by_text(asked, limit)
        unsized = without_size(asked, limit)
        chosen, *beside = [
            _picked(asked, limit, each) for each in of_cohort(asked, scoring, margin)
        ]
        if not chosen.rows:
            raise QwhError(
                f"no quant of cohort {asked.name} that is so small has every benchmark: allow"
                " larger ones",
                ExitCode.NOT_FOUND,
            )
        rows = [some(row, PICK) for row in chosen.rows]
        said = chosen.sentences + [sentence for each in beside for sentence in each.sentences]
        for each in beside:
            answered = {row["quant_id"]: row for row in each.rows}
            for row in rows:
                other = answered.get(row["quant_id"], {})
                row |= {name: other.get(column) for name, column in BESIDE.items()}
        return Said(rows, said + unsized)


def _picked(asked: "Cohort", limit: float, scoring: Scoring) -> Said:
    """The same by one scoring, with all columns."""
    from ..exports import words

    rows = asked.ask("pick", most=limit, **scoring.asked())
    if not rows:
        return Said([], [])
    chosen = [row for row in rows if row["picked"]]
    shown = [row for row in rows if row["verdict"] == "not_inferior"]
    code = "picked" if chosen else "none_undamaged" if shown else "none_shown"
    nearest = sorted(rows, key=lambda row: (row["loss_bound"], row["bytes"]))
    about = (chosen or shown or nearest)[0]
    return Said(rows, [named(words.sentence("front", code, about), scoring)])


def resolved(warehouse: Path, cohort: str | None, scoring: str | None = None) -> Said:
    """What a cohort's prompts resolve: rows of figure and value, answered's beside."""
    from ..database.questions import asking
    from ..database.warehouse import Warehouse
    from ..exports import words

    with asking(Warehouse(warehouse), cohort) as asked:
        by = of_cohort(asked, scoring, None)
        cards = [asked.ask("card", scoring=each.name) for each in by]
        if not cards or not cards[0]:
            _refuse_without_answers(asked)
        rows = [{"figure": words.sentence("cards", row["kind"], row)} for row in cards[0]]
        for scores, of_scores in zip(by, cards):
            figures = {row["kind"]: row["figure"] for row in of_scores}
            for row, label in zip(rows, cards[0]):
                kind = label["kind"]
                row[scores.name] = words.facts({kind: figures.get(kind)})[kind]
        return Said(rows, [])


def _duels(asked: "Cohort", pair: dict[str, str], scoring: Scoring) -> list[dict[str, Any]]:
    """A row per benchmark."""
    columns = {"score_ref": pair["first"], "score": pair["second"]}
    return [
        of_two(row | {"scoring": scoring.name}, ("benchmark_id", "scoring"), columns)
        | some(row, DUEL)
        for row in asked.ask("duel", **pair, **scoring.asked())
    ]


def _sentences(whole: dict[str, Any], scoring: Scoring) -> list[str]:
    """What may be said of two scores, and what would settle the rest."""
    from ..exports import words

    codes = [whole["verdict"]]
    if whole["verdict_alone"] != whole["verdict"]:
        codes.append(f"alone_{whole['verdict_alone']}")
    if whole["verdict"] == "cannot_tell":
        codes.append("needed" if whole["prompts_needed"] else "beyond")
    verdict, *more = [words.sentence("pairs", code, whole) for code in codes]
    return [named(verdict, scoring), *more]


def _whole(asked: "Cohort", pair: dict[str, str], scoring: Scoring) -> dict[str, Any]:
    """All benchmarks of a pair together. Raises QwhError where it has no prompt in common."""
    rows = asked.ask("pair", **pair, **scoring.asked())
    if not rows or not rows[0]["prompts"]:
        every = [row["scoring"] for row in asked.ask("comparable")]
        others = [each for each in every if asked.ask("duel", **pair, scoring=each, margin=1.0)]
        hint = f"give --scoring {others[0]}" if others else "see qwh show unpaired"
        raise QwhError(
            f"{pair['first']} and {pair['second']} have no prompt in common by {scoring.name}:"
            f" {hint}",
            ExitCode.NOT_FOUND,
        )
    return rows[0] | pair


def _unpaired(asked: "Cohort") -> Said:
    """Scores that no prompts pair: shown, and not judged."""
    from ..exports import words

    rows = asked.ask("unpaired_scores")
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


def _both_answered(asked: "Cohort", first: str, second: str) -> bool:
    """Whether two models are compared by answers; else both have the cohort's first text.

    Raises QwhError for one model twice, or two that cannot be compared.
    """
    if first == second:
        raise QwhError(f"{first} against itself says nothing: name two quants", ExitCode.USAGE)
    kinds: dict[str, list[str]] = {}
    for row in asked.ask("names"):
        kinds.setdefault(row["what"], []).append(row["quant_id"])
    usual = ANSWERS if ANSWERS in kinds else next(iter(kinds), ANSWERS)
    for what in (ANSWERS, *kinds):
        if {first, second} <= set(kinds.get(what, [])):
            return what == ANSWERS
    names = kinds.get(usual, [])
    [name, *_] = [each for each in (first, second) if each not in names]
    raise QwhError(
        f"there is no {name} with {usual} in cohort {asked.name}: {meant(name, names)}",
        ExitCode.NOT_FOUND,
    )
