"""Untrusted workbooks, .xlsx and .ods: their sheets as rows of texts, without a spreadsheet.

Both are zip files of XML, read event by event within limits; a document type, and with it every
entity, is refused. Numbers keep the decimals of the file; one that is shown in per cent says so.
"""

import posixpath
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

from ....errors import BadFile
from .archives import Zip
from .files import MIB

MAX_XML = 32 * MIB  # one unpacked member of a workbook
MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 20_000, 1_000, 200_000  # of a sheet
MOST_LETTERS = 1_000  # of a cell's text; a note may be longer, no name and no number is
BUILT_IN_SHARES = {"9", "10"}  # the number formats 0% and 0.00%
ADVICE = "save the sheet as CSV"


class Cell(NamedTuple):
    """What a cell holds."""

    text: str
    is_number: bool


Sheet = tuple[str, list[list[Cell]]]  # its name and its rows
Attributes = dict[str, str]


def sheets(path: Path) -> Iterator[Sheet]:
    """Every sheet, in the workbook's order. Raises BadFile."""
    packed = Zip(path)
    try:
        if "xl/workbook.xml" in packed.members:
            yield from _excel(packed)
        elif "content.xml" in packed.members:
            reader = _OpenDocument(packed.path)
            _walk(packed, "content.xml", reader.start, reader.end, reader.text)
            yield from reader.sheets
        else:
            raise BadFile(path, "as a whole", "a zip file that is no workbook", ADVICE)
    finally:
        packed.close()


def _walk(
    packed: Zip,
    member: str,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> None:
    """Go through a member's XML; names lose their prefixes. Raises BadFile."""
    place = f"member {member[:100]}"
    if member not in packed.members:
        raise BadFile(packed.path, place, "it is not there", ADVICE)
    size = packed.members[member].file_size
    if size > MAX_XML:
        raise BadFile(
            packed.path, place, f"{size:,} bytes where at most {MAX_XML:,} are read", ADVICE
        )

    def refuse(*_: object) -> None:
        raise BadFile(packed.path, place, "it declares a document type", ADVICE)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: start(
        name.rpartition(":")[2], {key.rpartition(":")[2]: v for key, v in attributes.items()}
    )
    parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    parser.CharacterDataHandler = text
    try:
        parser.Parse(packed.read(member), True)
    except expat.ExpatError as error:
        raise BadFile(packed.path, place, f"no XML ({error})", ADVICE) from None


def _excel(packed: Zip) -> Iterator[Sheet]:
    """The sheets of an .xlsx."""
    named, targets = list[tuple[str, str]](), dict[str, str]()

    def entry(name: str, given: Attributes) -> None:
        if name == "sheet":
            named.append((given.get("name", ""), given.get("id", "")))
        elif name == "Relationship":
            targets[given.get("Id", "")] = given.get("Target", "")

    for member in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
        _walk(packed, member, entry, _nothing, _nothing)
    strings, shares = _Strings(), _Formats()
    if "xl/sharedStrings.xml" in packed.members:
        _walk(packed, "xl/sharedStrings.xml", strings.start, strings.end, strings.text)
    if "xl/styles.xml" in packed.members:
        _walk(packed, "xl/styles.xml", shares.start, shares.end, _nothing)
    for title, identity in named:
        member = posixpath.normpath(posixpath.join("xl", targets.get(identity, "")))
        member = member if member in packed.members else targets.get(identity, "").lstrip("/")
        if member.startswith("xl/worksheets/"):
            sheet = _ExcelSheet(packed.path, strings.found, shares.shares)
            _walk(packed, member, sheet.start, sheet.end, sheet.text)
            yield title, sheet.rows


def _nothing(_: object) -> None:
    """For events that say nothing."""


class _Strings:
    """The texts that the cells of an .xlsx share."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._open, self._aside = False, False

    def start(self, name: str, given: Attributes) -> None:
        self._open = name == "t" and not self._aside
        self._aside = self._aside or name == "rPh"  # how a word is spoken
        if name == "si":
            self._parts = []

    def end(self, name: str) -> None:
        self._open = False
        self._aside = self._aside and name != "rPh"
        if name == "si":
            self.found.append("".join(self._parts))

    def text(self, data: str) -> None:
        if self._open:
            self._parts.append(data)


class _Formats:
    """Which styles of an .xlsx show a number in per cent."""

    def __init__(self) -> None:
        self.shares: set[int] = set()
        self._codes = set(BUILT_IN_SHARES)
        self._inside, self._count = False, 0

    def start(self, name: str, given: Attributes) -> None:
        if name == "numFmt" and "%" in given.get("formatCode", ""):
            self._codes.add(given.get("numFmtId", ""))
        elif name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside:
            if given.get("numFmtId") in self._codes:
                self.shares.add(self._count)
            self._count += 1

    def end(self, name: str) -> None:
        self._inside = self._inside and name != "cellXfs"


class _Rows:
    """The rows of a sheet as they grow, within limits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[list[Cell]] = []
        self._cells = 0

    def put(self, row: int, column: int, cell: Cell) -> None:
        """A cell at its place, both from 0. Raises BadFile."""
        if not cell.text:
            return
        if row >= MOST_ROWS or column >= MOST_COLUMNS:
            found = f"more than {MOST_ROWS:,} rows or {MOST_COLUMNS:,} columns"
            raise BadFile(self.path, "a sheet", found, ADVICE)
        self.rows += [[] for _ in range(row + 1 - len(self.rows))]
        line = self.rows[row]
        new = [Cell("", False)] * (column + 1 - len(line))
        self._cells += len(new)
        if self._cells > MOST_CELLS:
            raise BadFile(self.path, "a sheet", f"more than {MOST_CELLS:,} cells", ADVICE)
        line += new
        line[column] = Cell(cell.text[:MOST_LETTERS], cell.is_number)


class _ExcelSheet(_Rows):
    """One sheet of an .xlsx."""

    def __init__(self, path: Path, strings: list[str], shares: set[int]) -> None:
        super().__init__(path)
        self._strings, self._shares = strings, shares
        self._row, self._column = -1, -1
        self._kind, self._style, self._parts = "n", 0, list[str]()
        self._open = False

    def start(self, name: str, given: Attributes) -> None:
        if name == "row":
            self._row = _index(given.get("r"), self._row + 1)
            self._column = -1
        elif name == "c":
            letters = given.get("r", "").rstrip("0123456789")
            self._column = _column(letters) if letters else self._column + 1
            self._kind, self._style = given.get("t", "n"), _index(given.get("s"), 0, 0)
            self._parts = []
        self._open = name in ("v", "t")

    def end(self, name: str) -> None:
        self._open = False
        if name == "c":
            self.put(self._row, self._column, self._cell("".join(self._parts)))

    def text(self, data: str) -> None:
        if self._open:
            self._parts.append(data)

    def _cell(self, text: str) -> Cell:
        if self._kind == "s":
            at = _index(text, -1, 0)
            return Cell(self._strings[at] if 0 <= at < len(self._strings) else "", False)
        if self._kind != "n":
            return Cell(text, False)
        return Cell(_shown(text, self._style in self._shares), bool(text))


class _OpenDocument:
    """The sheets of an .ods."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sheets: list[Sheet] = []
        self._rows = _Rows(path)
        self._row, self._column = 0, 0
        self._repeat_row, self._repeat = 1, 1
        self._given: Attributes = {}
        self._parts: list[str] = []
        self._open = False

    def start(self, name: str, given: Attributes) -> None:
        if name == "table":
            self._rows, self._row = _Rows(self.path), 0
            self.sheets.append((given.get("name", ""), self._rows.rows))
        elif name == "table-row":
            self._column = 0
            self._repeat_row = _index(given.get("number-rows-repeated"), 1, 0)
        elif name in ("table-cell", "covered-table-cell"):
            self._given, self._parts = given, []
            self._repeat = _index(given.get("number-columns-repeated"), 1, 0)
        self._open = name in ("p", "span") or (self._open and name in ("a", "s"))

    def end(self, name: str) -> None:
        if name == "table-row":
            self._row += self._repeat_row
        elif name in ("table-cell", "covered-table-cell"):
            cell = self._cell("".join(self._parts))
            for row in range(self._repeat_row if cell.text else 0):
                for column in range(self._repeat):
                    self._rows.put(self._row + row, self._column + column, cell)
            self._column += self._repeat
        elif name == "p":
            self._open = False

    def text(self, data: str) -> None:
        if self._open:
            self._parts.append(data)

    def _cell(self, text: str) -> Cell:
        kind, value = self._given.get("value-type"), self._given.get("value")
        if kind in ("float", "percentage") and value:
            return Cell(_shown(value, kind == "percentage"), True)
        return Cell(text, False)


def _shown(text: str, per_cent: bool) -> str:
    """A number's text; of a share that is shown in per cent, the per cent, to the last digit."""
    try:
        return f"{Decimal(text).scaleb(2)}%" if per_cent else text
    except InvalidOperation:
        return text


def _index(text: str | None, default: int, first: int = 1) -> int:
    """A count from `first` as one from 0; the default where there is none."""
    return int(text) - first if text and text.isdecimal() and len(text) < 13 else default


def _column(letters: str) -> int:
    """A is 0, B is 1, AA is 26."""
    number = 0
    for letter in letters[:4].upper():
        number = number * 26 + ord(letter) - 64
    return number - 1
