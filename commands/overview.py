"""The screen that `qwh run` ends with: who was compared, how far, what is resolved, what next."""

import os
from itertools import pairwise
from pathlib import Path
from shlex import quote
from textwrap import fill
from typing import TYPE_CHECKING, Any

from .options import COHORT, from_here
from .said import some

if TYPE_CHECKING:
    from ..database.questions import Cohort

WIDTH = 80  # columns
SHOWN = 20  # quants; of more qwh show tells
COLUMNS = ("quant_id", "bytes", "kld_mean", "kld_mean_se", "kld_letters")


def overview(warehouse: Path, cohort: str, usual: Path) -> str:
    """What a cohort says at first sight, in 80 columns. Raises QwhError where it is not built.

    usual: the warehouse that commands take unless they are told another.
    """
    from ..database.questions import asking
    from ..database.warehouse import Warehouse

    with asking(Warehouse(warehouse), cohort) as asked:
        rows = asked.ask("overview")
        parts = [
            [_wrapped(_compared(asked, rows))],
            _distances(rows),
            _resolved(asked),
            ["next:", *_told(asked, warehouse, usual), *_next(asked, rows)],
        ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _compared(asked: "Cohort", rows: list[dict[str, Any]]) -> str:
    """Who was compared with whom, and on what."""
    from ..exports.words import counted

    [held] = asked.ask("compared")
    said = f"cohort {asked.name}: {counted(held['quants'], 'quant')}"
    said += f" against {held['reference_id']}" if held["reference_id"] else ", no reference here"
    read = next((row for row in rows if row["corpus_id"]), None)
    if read:
        length, text = read["context_length"], read["corpus_id"]
        chunks = counted(read["chunks"], "chunk") + " of" if read["chunks"] else "chunks of"
        said += f", on {text}: {chunks} {length:,} tokens" if length else f", on {text}"
    if held["benchmarks"]:
        said += f"; {counted(held['benchmarks'], 'benchmark')}"
    return said


def _distances(rows: list[dict[str, Any]]) -> list[str]:
    """How far each quant is from the reference, with the error of that."""
    from ..exports.port import table
    from ..exports.terminal import render

    measured = [row for row in rows if row["kld_mean"] is not None]
    if not measured:
        return []
    has_floor = any(row["noise_floor"] for row in measured)
    columns = (*COLUMNS, "noise_floor") if has_floor else COLUMNS
    drawn = table([some(row, columns) for row in measured[:SHOWN]], "fidelity")
    return [render(drawn._replace(total=len(measured)), WIDTH)]


def _resolved(asked: "Cohort") -> list[str]:
    """What the text and the answers tell apart, and what they do not."""
    from ..exports import words

    lines = []
    for row in asked.ask("told"):
        sentence = words.sentence(row["statistic"], row["verdict"], row["facts"] or {})
        lines.append(_wrapped(f"{row['finding']}: {sentence}"))
    return lines


def _told(asked: "Cohort", warehouse: Path, usual: Path) -> list[str]:
    """What the commands that follow have to be told to find this cohort."""
    lines = []
    if warehouse.resolve() != usual.resolve():
        lines.append(f"export QWH_WAREHOUSE={quote(from_here(warehouse))}")
    if not asked.is_only and os.environ.get(COHORT) != asked.name:
        lines.append(f"export {COHORT}={quote(asked.name)}")
    return lines


def _next(asked: "Cohort", rows: list[dict[str, Any]]) -> list[str]:
    """The commands that lead on."""
    [holds] = asked.ask("holds")
    lines = []
    if comparable := _comparable(asked, rows):
        first, second = map(quote, _nearest(comparable))
        lines += [f"qwh compare {first} {second}", f"qwh plan --pair {first} {second}"]
    if holds["answers"] and any(row["bytes"] for row in rows):
        lines.append("qwh pick")
    if holds["texts"] and not holds["answers"]:
        lines.append(
            "[[benchmarks]] in the cohort file: a text tells distance, not who does a task"
        )
    return [*lines, "qwh show fidelity"]


def _comparable(asked: "Cohort", rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Quants that are compared with each other: by answers, else by the first text."""
    known = asked.ask("names")
    for what in sorted({row["what"] for row in known}):
        names = {row["quant_id"] for row in known if row["what"] == what}
        if len(found := [row for row in rows if row["quant_id"] in names]) > 1:
            return found
    return []


def _nearest(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Two quants that the text does not tell apart, else the two that are nearest."""
    for one, other in pairwise(rows):
        if set(one["kld_letters"] or "") & set(other["kld_letters"] or ""):
            return one["quant_id"], other["quant_id"]
    return rows[0]["quant_id"], rows[1]["quant_id"]


def _wrapped(text: str) -> str:
    return fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
