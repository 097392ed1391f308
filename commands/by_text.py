"""What a text decides where there are no answers: distances, never which of two is better."""

from typing import TYPE_CHECKING

from ..errors import ExitCode, QwhError
from .said import Said, of_two, some

if TYPE_CHECKING:
    from ..database.questions import Cohort

TEXT_PAIR = ("difference", "low", "high", "p", "p_adjusted", "e_value", "chunks", "verdict")
TEXT_PICK = ("quant_id", "bytes", "kld_mean", "noise_floor", "chunks", "letters", "picked")


def picked_by_text(asked: "Cohort", limit: float) -> Said:
    """The smallest file of the group that holds the lowest mean KLD: a distance, never quality."""
    from ..exports import words

    rows = asked.ask("text_groups", most=limit)
    shown = [some(row, TEXT_PICK) for row in rows]
    if rows and not any(row["letters"] for row in rows):
        code = "too_few_chunks" if any(row["chunks"] for row in rows) else "no_pairing"
        nearest = min(rows, key=lambda row: row["kld_mean"])
        return Said(shown, [words.sentence("text_groups", code, nearest)])
    unsized = without_size(asked, limit)
    chosen = [row for row in rows if row["picked"]]
    known = [row for row in rows if row["letters"] and row["bytes"] is not None]
    about = (chosen or sorted(known or rows, key=lambda row: row["kld_mean"]))[0]
    about |= {"text": about["corpus_id"]}
    code = "picked" if chosen else "no_pick"
    return Said(shown, [words.sentence("text_groups", code, about), *unsized])


def on_text(asked: "Cohort", pair: dict[str, str]) -> Said:
    """The second against the first on the cohort's first text; nothing where it lacks one."""
    from ..exports import words

    rows = asked.ask("text_pair", **pair)
    columns = {"first_figure": pair["first"], "second_figure": pair["second"]}
    said = [words.sentence("text_pairs", row["verdict"], row["facts"]) for row in rows]
    for facts in (row["facts"] for row in rows if row["facts"]["first_floor"]):
        said[0] += f"; {words.sentence('above_floor', 'pair', facts)}"  # the first is of KLD
    return Said([of_two(row, ("kind",), columns) | some(row, TEXT_PAIR) for row in rows], said)


def without_size(asked: "Cohort", limit: float) -> list[str]:
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
