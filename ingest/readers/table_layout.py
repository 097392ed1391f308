"""Which rows of a grid are a heading, and which of its columns are names, texts and statistics."""

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ...errors import BadFile
from .file_sizes import heading_unit
from .table_cells import bare, is_empty, is_measure
from .table_grids import Grid, Row
from .table_headings import Meaning, is_error, meaning, plain

NAMES = (
    "quant",
    "quant_id",
    "quantization",
    "quantisation",
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
    "run name",
    "run_name",
    "mlflow.runname",
)
TEXTS = (
    "corpus_id",
    "corpus",
    "text",
    "dataset",
    "dataset name",
    "dataset_name",
    "eval_dataset",
    "test set",
    "eval set",
    "data",
    "task",
    "benchmark",
    "domain",
    "language",
    "test",
    "eval",
    "text_id",
)
CONTEXTS = (
    "context_length",
    "context length",
    "context size",
    "context_size",
    "context window",
    "context",
    "n_ctx",
    "ctx",
    "ctx_size",
    "ctx-size",
    "ctx size",
    "max_length",
    "max length",
    "sequence length",
    "sequence_length",
    "seq_len",
    "max_seq_len",
    "seqlen",
)
STATES = ("state", "status")
# what numbers the rows of one model's course
COURSES = re.compile(
    r"_?(?:chunks?|layers?|blocks?|blk|tensors?|modules?|(?:global_)?steps?|epochs?"
    r"|iter(?:ation)?s?"
    r"|positions?|pos|offsets?|batch(?:es)?|samples?|seeds?|tokens?|depths?)"
    r"(?:[ _](?:id|idx|index|name|no|number|n))?"
)
NUMBERED = re.compile(  # a row of a course by its name
    r"(?:blk|(?:model\.)?layers?|blocks?|chunks?|(?:global_)?steps?|epochs?|iter(?:ation)?"
    r"|checkpoint|pos(?:ition)?|tokens?|ctx|n_ctx|context)[._ #:=-]*\d+.*",
    re.IGNORECASE,
)
NUMBERING = ("", "#", "rank", "no", "no.", "nr", "nr.", "index", "idx", "unnamed: 0", "i", "id")
BITS = re.compile(r"\bbpw|\bbits?\b")  # names, where nothing else is
MEASURES = re.compile(r"[-+]?[\d.,\s]+(?:[kmgt]i?b|%|s|h|t/s)?", re.IGNORECASE)
ASIDES = {"notes", "note", "comment", "comments", "remarks", "imatrix", "date", "loras"}
SHARE = re.compile(r"\d{1,3}(?:\.\d+)?\s?%")  # a quantile's heading, or a cell
ANSWERS = {"doc_id", "question_id", "prompt", "question", "response", "answer", "instance_id"}
FAILED = re.compile(
    r"oom|out of memory|crash|fail|err|time[d -]*out|nan\b|-?inf\b|n/?a\b|tbd|to ?do|pending"
    r"|skip|missing|unsupported|not |did ?n|broken|kill|abort|segfault|dnf|[x✗✘❌#]",
    re.IGNORECASE,
)


class Table(NamedTuple):
    """A heading that is understood in part at least, and the rows below it."""

    title: str | None
    place: str  # where the heading stands
    heading: list[str]
    rows: list[Row]
    delimiter: str


class Column(NamedTuple):
    """A column of known numbers."""

    cell: int  # which of a row's cells
    heading: str
    meaning: Meaning
    error: int | None  # which cell is its standard error, where that has a column of its own


class Layout(NamedTuple):
    """What is where in a table's rows."""

    columns: list[Column]
    name: int
    text: int | None
    context: int | None
    state: int | None
    scored: int | None  # the count of scored positions, as our own tables have it
    sizes: list[int]  # the columns of files' sizes


def tables(path: Path, grid: Grid, least: int = 2) -> list[Table]:
    """The tables with a known column, one below the other. Raises BadFile.

    least: cells of a heading; a row of fewer is a title.
    """
    found, title, at = list[Table](), grid.title, 0
    while at < len(grid.rows):
        row = grid.rows[at]
        at += 1
        if not _is_heading(row.cells, least):
            said = [cell for cell in row.cells if not is_empty(cell)]
            if said:
                title = bare(said[0]) if len(said) == 1 else None
            if found:
                found[-1].rows.append(row)
            continue
        heading = [_said(cell) for cell in row.cells]
        if at < len(grid.rows) and (joined := _joined(path, row, grid.rows[at])):
            heading = joined
            at += 1
        elif at > 1:
            heading = _refined(heading, grid.rows[at - 2])
        if found:
            _drop_title(found[-1].rows)
        found.append(Table(title, row.place, heading, [], grid.delimiter))
        title = None
    return found


def layout(path: Path, table: Table) -> Layout:
    """The columns of a table. Raises BadFile if none names quants, or a metric is there twice."""
    heading = table.heading
    columns = known_columns(heading, table.rows)
    _refuse_doubles(path, table, columns)
    taken = {column.cell for column in columns} | {column.error for column in columns}
    sizes = [at for at, cell in enumerate(heading) if heading_unit(cell) is not None]
    taken |= set(sizes)
    lower = [plain(cell) for cell in heading]
    text, context = _first(lower, TEXTS), _first(lower, CONTEXTS)
    if text is not None and all(map(is_measure, column_of(table, text))):
        text = None  # what it names is counted or measured
    name = _first(lower, NAMES)
    if name is None:
        free = [at for at in range(len(heading)) if at not in taken and at != text]
        name = _unnamed(path, table, [at for at in free if any(column_of(table, at))])
    if all(map(NUMBERED.fullmatch, names := column_of(table, name))) and len(names) > 1:
        raise refused_course(path, heading[name])
    scored = _first(lower, ("n",)) if lower[name] == "quant_id" else None
    return Layout(columns, name, text, context, _first(lower, STATES), scored, sizes)


def known_columns(heading: list[str], rows: Iterable[Row] = ()) -> list[Column]:
    """The columns whose headings are understood, with their standard errors."""
    meanings = [meaning(cell) for cell in heading]
    values = {m.metric for m in meanings if m and not m.error}
    rows = list(rows)
    columns = list[Column]()
    for at, found in enumerate(meanings):
        if found and found.error and found.metric not in values and _hold_errors(rows, at):
            found = found._replace(error=False)  # `PPL (±)`: the number and its error
        if not found or found.error:
            continue
        follows = at + 1 < len(heading) and is_error(heading[at + 1])
        error = (
            at + 1
            if follows
            else next(
                (k for k, m in enumerate(meanings) if m and m.error and m.metric == found.metric),
                None,
            )
        )
        columns.append(Column(at, heading[at], found, None if error == at else error))
    return columns


def name_column(heading: list[str]) -> int | None:
    """The column whose heading says that it names quants."""
    return _first([plain(cell) for cell in heading], NAMES)


def is_of_answers(heading: list[str]) -> bool:
    """Whether a table is of answers or prompts, one per row."""
    return bool(ANSWERS & {plain(cell) for cell in heading})


def course(table: Table, besides: Iterable[int]) -> str | None:
    """The heading of a column that numbers the rows of one model's course, if there is one."""
    for at, cell in enumerate(table.heading):
        if at not in besides and COURSES.fullmatch(plain(cell)):
            return cell
    return None


def refused_course(path: Path, heading: str) -> BadFile:
    """The error for a table of one model's course."""
    return BadFile(
        path,
        "as a whole",
        f"the column `{heading}` numbers the rows, this is one model's course and no table of"
        " quants",
        "give a table with a row per quant",
    )


def _said(cell: str) -> str:
    """A heading as it is written, without emphasis."""
    return " ".join(cell.strip("*`~ ").split())


def _is_heading(cells: list[str], least: int) -> bool:
    """Whether a row of so many words has a known column."""
    said = [bare(cell) for cell in cells if not is_empty(cell)]
    if len(said) < least or any(map(is_measure, said)):
        return False
    return any(map(meaning, said))


def _drop_title(rows: list[Row]) -> None:
    """Take away a single cell at the end: the title of what follows."""
    while rows and all(map(is_empty, rows[-1].cells)):
        rows.pop()
    if rows and sum(not is_empty(cell) for cell in rows[-1].cells) == 1:
        rows.pop()


def _joined(path: Path, row: Row, below: Row) -> list[str] | None:
    """The heading of two rows: what stands above holds for all below it up to the next.

    None where the second row is a quant's. Raises BadFile where it has words that are not known.
    """
    own = [_said(cell) for cell in row.cells]
    known = [column.cell for column in known_columns(own)]
    under = [bare(cell) for at, cell in enumerate(below.cells) if at in known]
    under = [cell for cell in under if not is_empty(cell)]
    words = [cell for cell in under if not is_measure(cell)]
    numbers = [cell for cell in map(bare, below.cells) if is_measure(cell)]
    if not under or not all(map(SHARE.fullmatch, numbers)):
        unnamed = [_said(cell).lower() for cell, said in zip(below.cells, own) if not said]
        if {*NAMES, *TEXTS, *CONTEXTS}.intersection(unnamed):
            raise _of_two_rows(path, below, numbers or words)
        return None
    above, group = list[str](), ""
    for cell in [*own, *[""] * (len(below.cells) - len(own))]:
        group = cell or group
        above.append(group)
    heading = []
    for first, second in zip(above, [*map(_said, below.cells), *[""] * len(above)]):
        both = f"{first} {second}".strip()
        heading.append(both if meaning(both) or not meaning(second) else second)
    if all(meaning(heading[at]) for at in known):
        return heading
    if not words or any(map(FAILED.match, words)):
        return None
    raise _of_two_rows(path, below, words)


def _of_two_rows(path: Path, below: Row, said: list[str]) -> BadFile:
    """The error for a second row of headings that does not join the first."""
    return BadFile(
        path,
        below.place,
        f"under the heading stands {said[0][:40]!r}: headings in two rows, or no number",
        "join the headings into one row, and write numbers below it",
    )


def _refined(heading: list[str], above: Row) -> list[str]:
    """A heading with what stands in the row above, where both together are known: Median, KLD."""
    if any(is_measure(cell) and not SHARE.fullmatch(bare(cell)) for cell in above.cells):
        return heading
    refined, group = list[str](), ""
    for at, cell in enumerate(heading):
        group = _said(above.cells[at]) if at < len(above.cells) and above.cells[at] else group
        both = f"{group} {cell}"
        refined.append(both if group and meaning(cell) and meaning(both) else cell)
    return refined


def _first(lower: list[str], names: tuple[str, ...]) -> int | None:
    """The column of the first of these names that is there."""
    return next((lower.index(name) for name in names if name in lower), None)


def column_of(table: Table, at: int) -> list[str]:
    """What a column says, without its empty cells."""
    return [
        bare(row.cells[at])
        for row in table.rows
        if at < len(row.cells) and not is_empty(row.cells[at])
    ]


def _unnamed(path: Path, table: Table, free: list[int]) -> int:
    """The column of names where no heading says so: the first of words, or of bits per weight."""
    for at in free:
        heading, cells = plain(table.heading[at]), column_of(table, at)
        if COURSES.fullmatch(heading) or heading in CONTEXTS:
            raise refused_course(path, table.heading[at])
        if heading in ASIDES:
            continue
        if BITS.search(heading) or not all(map(MEASURES.fullmatch, cells)):
            return at
        if _counts(cells) and heading not in NUMBERING:
            raise refused_course(path, table.heading[at])
    raise BadFile(path, table.place, "no column with the quants' names", "add a column Quant")


def _counts(cells: list[str]) -> bool:
    """Whether cells are whole numbers that only grow."""
    if not all(re.fullmatch(r"\d{1,9}", cell) for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return all(before < after for before, after in pairwise(numbers))


def _hold_errors(rows: list[Row], at: int) -> bool:
    """Whether a column's cells hold numbers with their errors."""
    return any(at < len(row.cells) and re.search(r"±|\+/-|\(", row.cells[at]) for row in rows)


def _refuse_doubles(path: Path, table: Table, columns: list[Column]) -> None:
    """Refuse two columns of one metric, unless they say the same."""
    seen = dict[str, Column]()
    for column in columns:
        other = seen.setdefault(column.meaning.metric, column)
        if other is not column and column_of(table, other.cell) != column_of(table, column.cell):
            raise BadFile(
                path,
                table.place,
                f"the columns `{other.heading}` and `{column.heading}` are both"
                f" {column.meaning.metric}",
                "keep one, or give each text a table of its own",
            )
