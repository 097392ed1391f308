"""Grids of cells out of files: Markdown, org, psql, boxes, CSV, TSV, what `qwh sql` prints; JSON
and workbooks through modules of their own.

A grid may hold titles, several headings and notes: which rows are what is for its readers to tell.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import BadFile
from .table_headings import meaning

_BOX = str.maketrans(dict.fromkeys("─━═╌┄", "-") | dict.fromkeys("│┃║", "|"))
_CORNERS = re.compile("[┌┐└┘├┤┬┴┼╔╗╚╝╠╣╦╩╬╭╮╰╯┏┓┗┛┣┫┳┻╋╞╡╪╤╧╟╢┠┨╂┡┩╇]")
_RULE = re.compile(r"[|+]?\s*:?[-=]+:?\s*(?:[|+]\s*:?[-=]+:?\s*)*[|+]?")
_LINE = re.compile(r"[-= \t]*[-=]{2}[-= \t]*")  # under a heading whose columns stand apart
_PIPE = re.compile(r"(?<!\\)\|")
_QUOTED = re.compile(r"^(?:>\s?)+")  # Markdown's quotes
_TITLE = re.compile(r"#{1,6}\s+(.*?)\s*#*|\*\*(.+)\*\*:?|__(.+)__:?|(.{1,100}):")
_COUNTED = re.compile(r"\(?\d[\d,]* rows?\)?|\.\.\..*")  # below psql's and our own tables
_TYPES = re.compile(  # the row in which DuckDB's shell says what its columns are
    r"varchar|double|float|boolean|date|timestamp.*|decimal\(.*\)|u?(?:tiny|small|big|huge)?int\d*"
)
_TABULAR = re.compile(r"\\begin\{tabular[x*]?\}")
_LINES = re.compile(r"\\(?:top|mid|bottom|cmid)rule(?:\([lr]*\))?(?:\{[^{}]*\})?|\\hline")
_STYLE = re.compile(r"\\(?:textbf|textit|emph|mathbf|text|texttt)\{([^{}]*)\}")
APART = "  "  # the delimiter of columns that stand apart, by two spaces or more
LONGEST_TITLE = 200
MOST_COLUMNS = 2_000
DELIMITERS = (",", "\t", ";", "|", APART)


class Row(NamedTuple):
    """The cells of one row, and where it stands."""

    place: str
    cells: list[str]


class Grid(NamedTuple):
    """Rows that stand together, and what stands above them."""

    title: str | None
    rows: list[Row]
    delimiter: str = "|"


def grids(path: Path, text: str) -> list[Grid]:
    """The tables that are drawn with rules, or the whole text as one grid. Raises BadFile."""
    parts = [part.partition("\\end{tabular") for part in _TABULAR.split(text)[1:]]
    if bodies := [body for body, end, _ in parts if end]:
        return [Grid(None, list(_typeset(body))) for body in bodies]
    lines = [_QUOTED.sub("", line) for line in text.translate(_BOX).splitlines()]
    lines = [_CORNERS.sub("+", line) for line in lines]
    return list(_drawn(lines)) or [_delimited(path, lines)]


def is_rule(line: str) -> bool:
    """Whether a line draws what separates a heading from its rows."""
    line = line.strip()
    return bool(_RULE.fullmatch(line)) and ("|" in line or "+" in line)


def _drawn(lines: list[str]) -> Iterator[Grid]:
    """Blocks of lines with | that have a rule among them."""
    title, block = None, list[int]()
    for number, line in enumerate([*lines, ""]):
        if _PIPE.search(line) or is_rule(line):
            block.append(number)
            continue
        if any(is_rule(lines[at]) for at in block):
            rows = [
                Row(f"row {at + 1}", _piped(lines[at])) for at in block if not is_rule(lines[at])
            ]
            yield Grid(title, [row for row in rows if not all(map(_TYPES.fullmatch, row.cells))])
            title = None
        block = []
        found = _TITLE.fullmatch(line.strip()) if len(line) < LONGEST_TITLE else None
        if found:
            title = next(part for part in found.groups() if part).strip("*`_: ")


def _typeset(body: str) -> Iterator[Row]:
    """The rows of a LaTeX tabular."""
    for number, line in enumerate(_LINES.sub("", body).split("\\\\"), 1):
        cells = re.split(r"(?<!\\)&", re.sub(r"^\s*\{[^\n]*\}", "", line) if number == 1 else line)
        cells = [_STYLE.sub(r"\1", cell).replace("\\pm", "±").strip() for cell in cells]
        cells = [re.sub(r"\\([_%&#${}])", r"\1", cell) for cell in cells]
        yield Row(f"row {number}", [cell.replace("\\textbar{}", "|") for cell in cells])


def _piped(line: str) -> list[str]:
    """The cells of a line with |; an escaped one stays within its cell."""
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _PIPE.split(line)]


def _delimited(path: Path, lines: list[str]) -> Grid:
    """The text as CSV or its kin, by the delimiter under which most headings are known."""
    best, most = None, -1.0
    wrong: csv.Error | str | None = None
    first = next((line for line in lines if line.strip()), "")
    likely = max(DELIMITERS, key=first.count)
    for delimiter in DELIMITERS:
        try:
            rows = list(_split(lines, delimiter))
        except csv.Error as error:
            wrong = error if delimiter == likely else wrong
            continue
        known = max(
            (sum(meaning(cell) is not None for cell in row.cells) for row in rows[:200]), default=0
        )
        wide = max((len(row.cells) for row in rows), default=0)
        if wide > MOST_COLUMNS:
            wrong = wrong or f"{wide:,} columns"
            continue
        if known + (wide > 1) / 2 > most:
            best, most = Grid(None, rows, delimiter), known + (wide > 1) / 2
    if best is None or (wrong and most < 1):
        raise BadFile(
            path, "as a whole", f"no table ({wrong})", "save it as CSV, TSV or Markdown"
        ) from None
    return best


def _split(lines: list[str], delimiter: str) -> Iterator[Row]:
    """Rows at a delimiter, without rules and without what counts the rows."""
    if delimiter == APART:
        for number, line in enumerate(lines, 1):
            if not (_LINE.fullmatch(line) or _COUNTED.fullmatch(line.strip())):
                yield Row(f"row {number}", re.split(r" {2,}", line.strip()))
        return
    reader = csv.reader(io.StringIO("\n".join(lines), newline=""), delimiter=delimiter, strict=True)
    for cells in reader:
        yield Row(f"row {reader.line_num}", [cell.strip() for cell in cells])
