"""The numbers of a table's known columns: decimal mark, unit of shares, statistics."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from ...errors import BadFile
from .file_sizes import sizes
from .port import Picks, Statistic
from .table_cells import Number, OpenMark, bare, decimal_mark, is_empty, number
from .table_grids import Row
from .table_headings import holds_error
from .table_layout import Column, Layout, Table, column_of

UNTOLD = "shares that may be per cent or fractions"
ASIDE = "numbers in brackets behind others, of unknown meaning"
MARKS = {"comma": ",", "point": "."}
LEAST = {"ppl": 1.0, "kld_mean": -0.001}  # what no such number is below


class Units(NamedTuple):
    """How a table writes its numbers."""

    mark: str | None  # the decimal mark, of the whole table
    of_column: dict[int, str | None]  # column -> its own
    shift: int | None  # shares are shifted by 2 digits (per cent) or 0; None where nothing tells
    shift_of_ours: int | None  # the same for columns under our own names
    picked: bool  # by the user
    sizes: dict[int, dict[str, int | None]]  # column of files' sizes -> cell -> bytes, if told


class Untold(NamedTuple):
    """A number that is there and cannot be taken."""

    why: str


def units(path: Path, table: Table, there: Layout, picks: Picks) -> Units:
    """What a table's numbers tell together. Raises BadFile where its headings contradict them."""
    columns = there.columns
    cells = {at: column_of(table, at) for column in columns for at in _places(column)}
    mark = MARKS.get(picks.get("decimal", "")) or _mark(path, table, cells)
    of_column = {at: decimal_mark(said) for at, said in cells.items()}
    files = {at: sizes(table.heading[at], column_of(table, at), mark) for at in there.sizes}
    found = Units(mark, of_column, None, 0, False, files)
    if "decimal" in picks:
        found = found._replace(of_column=dict.fromkeys(cells, mark))
    unit = picks.get("unit")
    if unit:
        shift = 2 if unit == "percent" else 0
        return found._replace(shift=shift, shift_of_ours=shift, picked=True)
    ours, others = list[float](), list[float]()
    for column in columns:
        if column.meaning.metric != "top1_agreement":
            continue
        shares = list(_unsigned(path, table, column, found))
        if shares and column.meaning.per_cent and max(shares) <= 1:
            raise BadFile(
                path,
                table.place,
                f"`{column.heading}` says per cent, and its largest number is {max(shares):g}",
                "choose --pick unit=fraction or unit=percent",
            )
        (ours if column.meaning.ours else others).extend(shares)
    return found._replace(
        shift=_scale(others) if others else None, shift_of_ours=_scale(ours) if ours else 0
    )


def _scale(shares: list[float]) -> int | None:
    """2 for numbers in per cent, 0 for fractions; None where some look like the one, some like the
    other.
    """
    if max(shares) <= 1:
        return 0
    return 2 if min(shares) > 1 else None


def statistic(path: Path, row: Row, column: Column, how: Units) -> Statistic | Untold | None:
    """A cell's number in our units, why it has none, or None where empty. Raises BadFile."""
    cell = row.cells[column.cell]
    if is_empty(cell):
        return None
    found = _number(path, row, column.cell, how)
    if found is None:
        return Untold(f'"{bare(cell)[:40]}" is no number')
    shift = _shift(column, found, how)
    if isinstance(shift, Untold):
        return shift
    value = float(found.value.scaleb(-shift))
    metric = column.meaning.metric
    if not abs(value) < 1e300 or value < LEAST.get(metric, value):
        return Untold(f'"{bare(cell)[:40]}" is no {metric}')
    if metric == "top1_agreement" and not 0 <= value <= 1:
        return Untold(f'"{bare(cell)[:40]}" is no share of all tokens')
    error = _error(path, row, column, found, how)
    standard_error = None if error is None else float(error.scaleb(-shift))
    if standard_error is not None and not 0 <= standard_error < 1e300:
        standard_error = None
    return Statistic(metric, value, standard_error)


def has_aside(path: Path, row: Row, column: Column, how: Units) -> bool:
    """Whether a number in brackets stands behind a cell's, and nothing says what it is."""
    found = _number(path, row, column.cell, how)
    return bool(found and found.aside and not holds_error(column.heading))


def _places(column: Column) -> list[int]:
    return [at for at in (column.cell, column.error) if at is not None]


def _mark(path: Path, table: Table, cells: dict[int, list[str]]) -> str | None:
    """The decimal mark of the known columns; files with ; are of places that write a comma."""
    said = [cell for column in cells.values() for cell in column]
    mark = decimal_mark(said)
    text = "".join(said)
    return "," if mark is None and table.delimiter == ";" and "," in text else mark


def _number(path: Path, row: Row, at: int, how: Units) -> Number | None:
    """Raises BadFile where thousands and decimals cannot be told apart."""
    try:
        return number(row.cells[at], how.mark, how.of_column.get(at))
    except OpenMark as open_mark:
        raise BadFile(
            path,
            row.place,
            f'"{open_mark}" has thousands or decimals, and nothing tells which',
            "choose --pick decimal=comma or decimal=point",
        ) from None


def _unsigned(path: Path, table: Table, column: Column, how: Units) -> Iterable[float]:
    """A column's numbers that have no per-cent sign."""
    for row in table.rows:
        if column.cell < len(row.cells) and not is_empty(row.cells[column.cell]):
            found = _number(path, row, column.cell, how)
            if found and not found.per_cent:
                yield float(found.value)


def _shift(column: Column, found: Number, how: Units) -> int | Untold:
    """By how many digits a number is shifted to be in our unit."""
    if not column.meaning.is_share:
        return Untold("a per-cent sign belongs to no such number") if found.per_cent else 0
    if found.per_cent or (column.meaning.per_cent and not how.picked):
        return 2
    shift = how.shift_of_ours if column.meaning.ours else how.shift
    return Untold(UNTOLD) if shift is None else shift


def _error(path: Path, row: Row, column: Column, found: Number, how: Units) -> Decimal | None:
    """The standard error of a cell: within it, in brackets that the heading explains, or beside."""
    if found.error is not None:
        return found.error
    if found.aside and holds_error(column.heading):
        inside = number(found.aside.strip().rstrip("%"), how.mark, how.of_column.get(column.cell))
        return inside.value if inside else None
    if column.error is None or is_empty(row.cells[column.error]):
        return None
    beside = _number(path, row, column.error, how)
    return beside.value if beside else None
