"""Tables of quants that people publish, one row per quant: CSV, TSV or Markdown.

Their columns have llama.cpp's names. A cell may hold its standard error (`0.0123 ± 0.0004`) and a
per-cent sign. Known are the labels that llama-perplexity prints and a few that tables use for them;
other columns are ignored. Whether a column without a per-cent sign is in per cent is told by Same
top p (a share is at most 1); where nothing tells it, shares are left out and counted, or
picks["unit"] decides: percent or fraction.
"""

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ...errors import BadFile
from .llama_labels import LINES, Line
from .port import Picks, Statistic, Summary
from .untrusted.files import MIB, contents

LARGEST = 4 * MIB
NAMES = (
    "quant",
    "quantization",
    "quantization type",
    "quant type",
    "quant name",
    "model",
    "model name",
    "name",
    "file",
    "filename",
    "label",
    "tier",
    "type",
    "recipe",
    "variant",
)
ALIASES = {
    "kld": "Mean KLD",
    "kl divergence": "Mean KLD",
    "mean kl divergence": "Mean KLD",
    "max kld": "Maximum KLD",
    "min kld": "Minimum KLD",
    "99% kld": "99.0% KLD",
    "95% kld": "95.0% KLD",
    "90% kld": "90.0% KLD",
    "ppl": "Mean PPL(Q)",
    "ppl(q)": "Mean PPL(Q)",
    "mean ppl": "Mean PPL(Q)",
    "perplexity": "Mean PPL(Q)",
    "ppl(base)": "Mean PPL(base)",
    "ln(ppl(q)/ppl(base))": "Mean ln(PPL(Q)/PPL(base))",
    "ln ppl/base": "Mean ln(PPL(Q)/PPL(base))",
    "ppl(q)/ppl(base)": "Mean PPL(Q)/PPL(base)",
    "same top": "Same top p",
    "same-top": "Same top p",
    "same top-p": "Same top p",
    "rms dp": "RMS Δp",
    "mean dp": "Mean Δp",
    "δp rms": "RMS Δp",
}
KNOWN = {
    **{label.lower(): line for label, line in LINES.items()},
    **{alias: LINES[label] for alias, label in ALIASES.items()},
    **{
        f"kld {label.split()[0].lower()}": line
        for label, line in LINES.items()
        if label.endswith(" KLD")
    },
}
ERROR_NAMES = ("±", "+/-", "error", "std", "stderr", "se", "standard error", "uncertainty")
NUMBER = r"(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:e[-+]?\d{1,3})?"
# value, %, error, %
CELL = re.compile(
    rf"([-+]?{NUMBER})\s*(%)?(?:\s*(?:±|\+/-|\+-|�|Â±)\s*({NUMBER})\s*(%)?)?", re.IGNORECASE
)


class Column(NamedTuple):
    """A column that is known."""

    cell: int  # which of a row's cells is its value
    line: Line
    error: int | None  # which is its standard error, where that has a column of its own
    per_cent: bool  # its heading says so


def recognises(path: Path, head: bytes) -> bool:
    """Whether a line of the head has two known columns, or one and a column of names."""
    for line in head.decode("utf-8-sig", "replace").splitlines():
        cells = _cells(line, _delimiter(line))
        if (columns := _columns(cells)) and len(columns) + (_name_column(cells) is not None) > 1:
            return True
    return False


def read(path: Path, picks: Picks) -> Iterator[Summary]:
    """One Summary per row that has a number in a known column. Raises BadFile."""
    if picks.get("unit") not in (None, "percent", "fraction"):
        raise BadFile(
            path,
            "as a whole",
            f"the unit {picks['unit']!r} was chosen for its shares",
            "choose percent or fraction",
        )
    try:
        text = bytes(contents(path, LARGEST)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(
            path, f"byte {error.start:,}", "not UTF-8", "save the table as UTF-8"
        ) from None
    tables = [table for table in _tables(path, text) if _columns(table[1])]
    if not tables:
        raise BadFile(
            path, "as a whole", "no known column", f"name at least one of {', '.join(LINES)}"
        )
    for first, heading, rows in tables:
        yield from _summaries(path, first, heading, rows, picks.get("unit"))


def _tables(path: Path, text: str) -> Iterator[tuple[int, list[str], list[list[str]]]]:
    """(line number of the heading, its cells, rows of cells) of each table.

    Those in Markdown, or the whole file as CSV or TSV.
    """
    lines = text.splitlines()
    rules = [
        number
        for number, line in enumerate(lines)
        if number and "-" in line and "|" in line and not line.strip(" \t|:-")
    ]
    end = 0
    for number in rules:
        if number < end:
            continue
        end = next((at for at in range(number + 1, len(lines)) if "|" not in lines[at]), len(lines))
        yield (
            number,
            _cells(lines[number - 1], "|"),
            [_cells(line, "|") for line in lines[number + 1 : end]],
        )
    if rules or not lines:
        return
    try:
        rows = list(
            csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(lines[0]), strict=True)
        )
    except csv.Error as error:
        raise BadFile(
            path, "as a whole", f"no table ({error})", "save it as CSV, TSV or Markdown"
        ) from None
    if rows:
        yield (
            1,
            [cell.strip() for cell in rows[0]],
            [[cell.strip() for cell in row] for row in rows[1:]],
        )


def _delimiter(line: str) -> str:
    return max("\t;,|", key=line.count) if line.lstrip()[:1] != "|" else "|"


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line without Markdown's emphasis."""
    line = line.strip()
    if delimiter == "|":
        line = line.removeprefix("|").removesuffix("|")
    return [cell.strip().strip("*`_ ").strip() for cell in line.split(delimiter)]


def _columns(cells: list[str]) -> list[Column]:
    columns = list[Column]()
    for index, cell in enumerate(cells):
        plain = " ".join(cell.replace("∆", "Δ").lower().split())
        line = KNOWN.get(plain) or KNOWN.get(
            plain.removesuffix("%").removesuffix("(%)").removesuffix("(").strip()
        )
        if line and line not in [column.line for column in columns]:
            following = " ".join(cells[index + 1].lower().split()) if index + 1 < len(cells) else ""
            error = following in ERROR_NAMES or (
                following.removeprefix(plain).strip(" ()") in ERROR_NAMES
                and following.startswith(plain)
            )
            columns.append(Column(index, line, index + 1 if error else None, plain not in KNOWN))
    return columns


def _name_column(cells: list[str]) -> int | None:
    lower = [" ".join(cell.lower().split()) for cell in cells]
    return next((lower.index(name) for name in NAMES if name in lower), None)


def _summaries(
    path: Path, first: int, heading: list[str], rows: list[list[str]], unit: str | None
) -> Iterator[Summary]:
    columns = _columns(heading)
    taken = {column.cell for column in columns} | {column.error for column in columns}
    name_at = _name_column(heading)
    if name_at is None:
        name_at = next((index for index in range(len(heading)) if index not in taken), None)
    if name_at is None:
        raise BadFile(
            path, f"line {first}", "no column with the quants' names", "add a column Quant"
        )
    shift = _shift(columns, rows, unit)
    seen: set[str] = set()
    for offset, row in enumerate(rows, first + 1):
        if not any(row):
            continue
        if len(row) < len(heading):
            raise BadFile(
                path,
                f"row {offset}",
                f"{len(row)} cells where the heading has {len(heading)}",
                "it may be cut short: complete the row or remove it",
            )
        name = row[name_at]
        if not name or name in seen:
            raise BadFile(
                path,
                f"row {offset}",
                f"another row for {name[:80]!r}" if name else "no name of a quant",
                "give each row its own name",
            )
        seen.add(name)
        statistics, left_out = list[Statistic](), dict[str, int]()
        for column in columns:
            found = _statistic(row, column, shift)
            if isinstance(found, Statistic):
                statistics.append(found)
            elif found:
                left_out[found] = left_out.get(found, 0) + 1
        if statistics:
            yield Summary(
                name, None, None, statistics, facts={"table": path.name}, left_out=left_out
            )


def _shift(columns: list[Column], rows: list[list[str]], unit: str | None) -> int | None:
    """By how many digits shares without a per-cent sign are shifted; None where nothing tells it.

    2 for per cent, 0 for fractions.
    """
    if unit:
        return 2 if unit == "percent" else 0
    cells = [
        row[column.cell]
        for column in columns
        if column.line.metric == "top1_agreement"
        for row in rows
        if len(row) > column.cell
    ]
    shares = [float(match[1]) for cell in cells if (match := CELL.fullmatch(cell)) and not match[2]]
    return (2 if max(shares) > 1 else 0) if shares else None


def _statistic(row: list[str], column: Column, shift: int | None) -> Statistic | str | None:
    """A cell's number, or why there is none; None for an empty cell."""
    cell = row[column.cell]
    if cell.lower() in ("", "-", "—", "–", "n/a", "na", "null", "none"):
        return None
    match = CELL.fullmatch(cell)
    if not match or not abs(float(match[1])) < 1e300:
        return "cells that are no finite numbers"
    error = match[3]
    if error is None and column.error is not None and (other := CELL.fullmatch(row[column.error])):
        error = other[1]
    if column.line.per_cent:
        shift = 2 if match[2] or match[4] or column.per_cent else shift
        if shift is None:
            return "shares that may be per cent or fractions"
    elif match[2] or column.per_cent:
        return "cells with a per-cent sign that belongs to no share"
    else:
        shift = 0
    standard_error = None if error is None else _shifted(error, shift)
    if standard_error is not None and not standard_error < 1e300:
        standard_error = None
    return Statistic(column.line.metric, _shifted(match[1], shift), standard_error)


def _shifted(text: str, digits: int) -> float:
    """94.917 shifted by 2 is 0.94917 to the last bit."""
    return float(Decimal(text).scaleb(-digits))
