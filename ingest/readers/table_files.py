"""Grids of cells out of a file of any form that a table has: text, JSON, workbook, Parquet."""

from pathlib import Path

from ...errors import BadFile
from . import table_grids, table_json
from .table_cells import Typed
from .table_grids import Grid, Row
from .table_long import widened
from .untrusted import workbooks
from .untrusted.files import MIB, contents
from .untrusted.tables import Parquet

LARGEST = 4 * MIB
MOST_ROWS = 20_000  # of a Parquet file
HEAD_ROWS = 20
WORKBOOKS = (".xlsx", ".xlsm", ".ods")
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # what spreadsheets call Unicode text


def grids(path: Path) -> list[Grid]:
    """Everything in a file that may be a table. Raises QwhError (not found) or BadFile."""
    raw = bytes(contents(path, LARGEST))
    if raw.startswith(b"PK\3\4"):
        found = [
            Grid(title, [_sheet_row(title, at, cells) for at, cells in enumerate(rows, 1)])
            for title, rows in workbooks.sheets(path)
        ]
    elif raw.startswith(OLD_WORKBOOK):
        raise BadFile(path, "as a whole", "a workbook of before 2007", "save the sheet as CSV")
    elif raw.startswith(b"PAR1"):
        found = [_stored(path)]
    else:
        text = _decoded(path, raw)
        found = [grid] if (grid := _json(path, text)) else table_grids.grids(path, text)
    return [widened(path, grid) for grid in found]


def of_head(path: Path, head: bytes, whole: bool) -> list[Grid]:
    """The same of a file's first bytes, as far as they go. Raises BadFile."""
    if head.startswith(b"PAR1"):
        if path.stat().st_size > LARGEST:
            return []
        grid = _stored(path)
        return [widened(path, grid._replace(rows=grid.rows[:HEAD_ROWS]))]
    text = _decoded(path, head if whole else head[: head.rfind(b"\n") + 1], "replace")
    if text.lstrip()[:1] in table_json.OPENS:
        try:
            found = table_json.grid(path, text) if whole else table_json.first_entry(text)
        except BadFile:
            found = None
        if found:
            return [widened(path, found)]
    return [widened(path, grid) for grid in table_grids.grids(path, text)]


def is_workbook(path: Path, head: bytes) -> bool:
    """Whether it is a spreadsheet's own file."""
    sheets = b"xl/workbook.xml" in head or b"opendocument.spreadsheet" in head
    if head.startswith(b"PK\3\4"):
        return sheets or path.suffix.lower() in WORKBOOKS
    return head.startswith(OLD_WORKBOOK) and path.suffix.lower() == ".xls"


def _json(path: Path, text: str) -> Grid | None:
    """The grid of a JSON text; None where it is none, or of another form."""
    if text.lstrip()[:1] not in table_json.OPENS:
        return None
    try:
        return table_json.grid(path, text)
    except BadFile:
        if path.suffix.lower() in table_json.ENDINGS:
            raise
        return None  # Markdown may begin with a link


def _decoded(path: Path, raw: bytes, errors: str = "strict") -> str:
    try:
        return raw.decode("utf-16" if raw.startswith(UTF_16) else "utf-8", errors)
    except UnicodeDecodeError as error:
        raise BadFile(
            path, f"byte {error.start:,}", "not UTF-8", "save the table as UTF-8"
        ) from None


def _sheet_row(title: str, number: int, cells: list[workbooks.Cell]) -> Row:
    texts = [Typed(cell.text) if cell.is_number else cell.text.strip() for cell in cells]
    return Row(f"sheet {title[:40]}, row {number}", texts)


def _stored(path: Path) -> Grid:
    """The grid of a Parquet file; lists and structs are passed over."""
    table = Parquet(path)
    rows = [Row("its columns", list(table.columns))]
    for place, cells in table.rows(list(table.columns)):
        if len(rows) > MOST_ROWS:
            found = f"more than {MOST_ROWS:,} rows"
            raise BadFile(path, "as a whole", found, "give a table with a row per quant")
        rows.append(Row(place, [_text(value) for value in cells.values()]))
    return Grid(None, rows)


def _text(value: object) -> str:
    """A stored value as a cell."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else ""
    return Typed(repr(value))
