"""The rows of published tables: whose numbers each holds, of which text, and which are twins."""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from ...errors import BadFile
from .names import plain_name
from .port import NotTaken
from .table_cells import bare, is_empty, is_measure
from .table_grids import Row
from .table_layout import Layout, Table, course, refused_course

SUMMARIES = re.compile(  # a row of the others' sum
    r"(?:total|sum|median|std(?:ev)?|min|max|overall|media|gesamt|all)\W*"
    r"|(?:average|avg|mean|geomean|promedio|moyenne|mittelwert|durchschnitt)\b\D*",
    re.IGNORECASE,
)
TEXT = re.compile(  # a title that names a text
    r"wiki|\bptb\b|\bc4\b|\bcode\b|\bmath|\bchat\b|book|\bpile\b|corpus|\btexts?\b|calib|prose"
    r"|\bnews\b|lambada|fineweb|pajama|python|github|arxiv|dialog|conversation|dataset",
    re.IGNORECASE,
)
ENDINGS = {".raw", ".txt", ".md", ".jsonl", ".parquet"}  # of a text's file
MODEL = re.compile(r"\d\s?[bB]\b")  # a title that names a model: 7B, 1.5b
NONE = {"none", "no", "false", "without"}  # a further name that is none
YES = {"yes", "true", "with"}  # and one that is the column's
SHOWN = 12  # columns in one line
THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")


class Entry(NamedTuple):
    """A row of a quant."""

    table: Table
    layout: Layout
    row: Row
    name: str
    text: str | None
    context: int | None


def entries(
    path: Path, table: Table, layout: Layout, has_title: bool
) -> Iterator[Entry | NotTaken]:
    """A table's rows, and those that are no quant's. has_title: its title names the text.

    Raises BadFile for a row that does not fit its heading.
    """
    width = len(table.heading)
    for row in table.rows:
        said = [cell for cell in row.cells if not is_empty(cell)]
        if not said:
            continue
        if len(row.cells) < width and len(said) == 1 and (" " in said[0] or said[0][0] == "#"):
            yield NotTaken(row.place, f"{said[0][:60]!r} is a note")
            continue
        _refuse_misfit(path, row, width)
        numbers = any(not is_empty(row.cells[column.cell]) for column in layout.columns)
        cell = row.cells[layout.name]
        name = plain_name(cell)
        if name is None and numbers:
            found = f"no name of a quant{f', {cell[:40]!r}' if cell else ''}"
            raise BadFile(path, row.place, found, "give each row its own name")
        if name is None or not numbers:
            what = f"row {name[:60]}" if name else row.place
            yield NotTaken(what, "it has no number under a known column")
        elif SUMMARIES.fullmatch(name):
            yield NotTaken(f"row {name}", "it sums up the others and is no quant")
        else:
            text = _text(bare(row.cells[layout.text])) if layout.text is not None else ""
            context = _context(path, row, layout.context)
            title = table.title if has_title else None
            yield Entry(table, layout, row, name, text or title, context)


def _text(cell: str) -> str:
    """A text's name as logs have it: a file's without its folder and ending."""
    file = PureWindowsPath(cell)
    return file.stem if file.suffix.lower() in ENDINGS else cell


def titled(found: list[Table]) -> bool:
    """Whether the titles of several tables name a text each."""
    titles = [table.title or "" for table in found]
    return len(set(titles)) > 1 and all(
        TEXT.search(title) and not MODEL.search(title) for title in titles
    )


def further_named(
    path: Path, table: Table, heading: str | None
) -> Callable[[Entry | NotTaken], Entry | NotTaken]:
    """Gives a row the words of one more column as a part of its name, where it has any.

    Raises BadFile if there is no column of that heading.
    """
    if heading is None:
        return lambda entry: entry
    headings = [bare(cell) for cell in table.heading]
    if heading not in headings:
        found = f"it has no column {heading}: it has {', '.join(headings[:SHOWN])}"
        raise BadFile(path, "as a whole", found, "name one of them with --pick name=")
    at = headings.index(heading)

    def named(entry: Entry | NotTaken) -> Entry | NotTaken:
        if isinstance(entry, NotTaken) or is_empty(cell := bare(entry.row.cells[at])):
            return entry
        word = "" if cell.lower() in NONE else heading if cell.lower() in YES else cell
        return entry._replace(name=f"{entry.name} {word}".rstrip())

    return named


def refuse_twins(path: Path, found: Iterable[Entry]) -> None:
    """Refuse a second row of one quant on one text, and say what tells the two apart."""
    seen = dict[tuple[str, str | None, int | None], Entry]()
    for entry in found:
        other = seen.setdefault((entry.name, entry.text, entry.context), entry)
        if other is entry:
            continue
        if entry.table is other.table:
            used = [entry.layout.name, *(column.cell for column in entry.layout.columns)]
            if numbering := course(entry.table, used):
                raise refused_course(path, numbering)
        raise BadFile(
            path,
            entry.row.place,
            f"another row for {entry.name[:80]!r} after {other.row.place}, two rows for"
            f" {entry.name[:80]}{f' on {entry.text}' if entry.text else ''}",
            _advice(entry, other),
        )


def _advice(entry: Entry, other: Entry) -> str:
    """What to do about two rows of one name."""
    if entry.table is not other.table:
        return (
            "give each table a file of its own, with its --corpus-id (or, of several models, its"
            " --cohort), or join them"
        )
    taken = {column.cell for column in entry.layout.columns}
    for at, heading in enumerate(entry.table.heading):
        mine, theirs = bare(entry.row.cells[at]), bare(other.row.cells[at])
        if at in taken or at == entry.layout.name or mine == theirs or not (mine or theirs):
            continue
        if not (is_measure(mine) or is_measure(theirs)):
            return (
                f"they differ in `{heading[:40]}` ({theirs[:40]} and {mine[:40]}): give"
                f" each row its own name with --pick name={shlex.quote(heading)}, which adds that"
                " to it"
            )
    return "give each row its own name"


def _refuse_misfit(path: Path, row: Row, width: int) -> None:
    """Raise BadFile for a row with fewer cells than its heading, or with more."""
    last = max((at for at, cell in enumerate(row.cells, 1) if not is_empty(cell)), default=0)
    if last > width:
        raise BadFile(
            path,
            row.place,
            f"{last} cells where the heading has {width}",
            "name each column; within a cell write | as \\|, and quote the delimiter",
        )
    if len(row.cells) < width:
        raise BadFile(
            path,
            row.place,
            f"{len(row.cells)} cells where the heading has {width}",
            "it may be cut short: complete the row or remove it",
        )


def whole(cell: str) -> int | None:
    """A count, perhaps with thousands, of a text or of a float; None where it is none."""
    text = bare(cell)
    digits = text.replace(",", "") if THOUSANDS.fullmatch(text) else text.removesuffix(".0")
    return int(digits) if digits.isdecimal() and len(digits) < 16 else None


def _context(path: Path, row: Row, at: int | None) -> int | None:
    """A row's context length. Raises BadFile for a cell that is none."""
    cell = bare(row.cells[at]) if at is not None else ""
    if is_empty(cell):
        return None
    count = whole(cell)
    if count is not None and count < 1 << 31:
        return count or None
    power = cell[:-1]
    if cell[-1] in "kK" and power.isdecimal() and int(power) in (1, 2, 4, 8, 16, 32, 64, 128):
        return 1024 * int(power)
    raise BadFile(
        path, row.place, f"{cell[:40]!r} is no context length", "write it in tokens, such as 4096"
    )
