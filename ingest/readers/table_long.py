"""Long tables, with a row per quant and statistic, as wide ones, with a column per statistic.

So come fct_fidelity and llama_perplexity out of the warehouse.
"""

from pathlib import Path

from ...errors import BadFile
from .table_cells import Typed, bare, is_empty
from .table_grids import Grid, Row
from .table_headings import SHARES, meaning, plain

STATISTICS, VALUES = ("metric", "statistic"), ("value",)
ERRORS = ("standard_error_iid", "standard_error", "error", "stderr", "se")
WHOSE = ("quant_id", "quant", "model")
UNIT, MEASUREMENT = "unit", "measurement_id"  # metric:text:context length
KEPT = ("corpus_id", "context_length")


def widened(path: Path, grid: Grid) -> Grid:
    """The wide grid of a long one; any other as it is. Raises BadFile for a twofold number."""
    for at, row in enumerate(grid.rows[:10]):
        heading = [plain(cell) for cell in row.cells]
        if all(_first(heading, names) is not None for names in (WHOSE, STATISTICS, VALUES)):
            below = grid.rows[at + 1 :]
            return _wide(path, grid, heading, below) if _is_known(heading, below) else grid
    return grid


def _first(heading: list[str], names: tuple[str, ...]) -> int | None:
    return next((heading.index(name) for name in names if name in heading), None)


def _cell(row: Row, heading: list[str], *names: str) -> str:
    """What a row says under the first of these headings that is not empty."""
    places = [heading.index(name) for name in names if name in heading]
    return next(
        (row.cells[at] for at in places if at < len(row.cells) and not is_empty(row.cells[at])), ""
    )


def _is_known(heading: list[str], rows: list[Row]) -> bool:
    """Whether the statistics are ours or llama.cpp's: harnesses have metrics and values too."""
    found = {plain(_cell(row, heading, *STATISTICS)) for row in rows} - {""}
    return any(name in SHARES or (meaning(name) and "statistic" in heading) for name in found)


def _wide(path: Path, grid: Grid, heading: list[str], rows: list[Row]) -> Grid:
    wide = dict[tuple[str, str, str], dict[str, str]]()
    for row in rows:
        name, statistic = _cell(row, heading, *WHOSE), bare(_cell(row, heading, *STATISTICS))
        value, error = _cell(row, heading, *VALUES), _cell(row, heading, *ERRORS)
        if not name or not statistic:
            continue
        text, context = (_cell(row, heading, kept) for kept in KEPT)
        measured = _cell(row, heading, MEASUREMENT)
        if measured.startswith(f"{statistic}:"):
            text, _, context = measured.removeprefix(f"{statistic}:").rpartition(":")
        cells = wide.setdefault((name, text, context), {})
        if statistic in cells:
            raise BadFile(
                path, row.place, f"another {statistic} of {name[:80]!r}", "keep one row of it"
            )
        sign = "%" if _cell(row, heading, UNIT) == "%" and value else ""
        cells[statistic] = _signed(value, sign)
        cells[f"{statistic} stderr"] = _signed(error, sign if error else "")
    columns = list(dict.fromkeys(column for cells in wide.values() for column in cells))
    return Grid(
        grid.title,
        [Row("its statistics", ["quant_id", *KEPT, *columns])]
        + [
            Row(f"the rows of {key[0][:80]}", [*key, *(cells.get(name, "") for name in columns)])
            for key, cells in wide.items()
        ],
        grid.delimiter,
    )


def _signed(cell: str, sign: str) -> str:
    """A cell with a per-cent sign, still of its type."""
    return Typed(cell + sign) if isinstance(cell, Typed) else cell + sign
