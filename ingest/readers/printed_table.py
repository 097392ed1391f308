"""Tables of quants that people publish, one row per quant, in whatever form a table has.

CSV and its kin, Markdown, org, psql, LaTeX, JSON, workbooks, Parquet, and what qwh itself exports.
Known columns have llama.cpp's names, ours, or words for them. Columns and rows that are not taken
are named. Whether a share without a per-cent sign is in per cent is told by Same top p (a share is
at most 1); where nothing tells it, shares are left out and counted, or picks["unit"] decides.
"""

from collections.abc import Iterator
from pathlib import Path

from ...errors import BadFile
from .port import NotTaken, Picks, Statistic, Summary
from .registry import HEAD
from .table_cells import bare, is_empty, is_measure
from .table_files import grids, is_workbook, of_head
from .table_grids import Grid
from .table_headings import meaning, why_not
from .table_layout import (
    Layout,
    Table,
    column_of,
    is_of_answers,
    known_columns,
    layout,
    name_column,
    tables,
)
from .table_numbers import ASIDE, UNTOLD, Units, Untold, has_aside, statistic, units
from .table_rows import Entry, entries, further_named, refuse_twins, titled, whole

PICKS = {"unit": ("percent", "fraction"), "decimal": ("comma", "point")}
EXAMPLES = "Mean KLD, Median KLD, 99.0% KLD, Mean PPL(Q), Same top p, RMS Δp"
FAILED = {"crashed", "failed", "killed", "running", "error", "interrupted"}
UNKNOWN = "its heading is no statistic of llama.cpp's or ours"


def recognises(path: Path, head: bytes) -> bool:
    """Whether a table has two known columns, or one and a column of names; or it is a workbook."""
    if not head or is_workbook(path, head):
        return bool(head)
    try:
        found = of_head(path, head, len(head) < HEAD)
    except BadFile:
        return False
    for grid in found:
        try:
            there = tables(path, grid)
        except BadFile:  # its headings are known, and not as they should be
            return True
        for table in there:
            known = len(known_columns(table.heading, table.rows))
            known += name_column(table.heading) is not None
            if known > 1 and not is_of_answers(table.heading):
                return True
    return False


def read(path: Path, picks: Picks) -> Iterator[Summary | NotTaken]:
    """One Summary per row that has a number in a known column. Raises BadFile."""
    for pick, allowed in PICKS.items():
        if picks.get(pick, allowed[0]) not in allowed:
            found = f"the {pick} {picks[pick]!r} was chosen for its numbers"
            raise BadFile(path, "as a whole", found, f"choose {' or '.join(allowed)}")
    given = grids(path)
    known = [table for grid in given for table in tables(path, grid)]
    known = known or [table for grid in given for table in tables(path, grid, least=1)]
    if not known:
        raise _nothing_known(path, given)
    layouts = [layout(path, table) for table in known]
    written = [units(path, table, there, picks) for table, there in zip(known, layouts)]
    rows, has_title = list[tuple[Units, Entry | NotTaken]](), titled(known)
    for how, table, there in zip(written, known, layouts):
        further = further_named(path, table, picks.get("name"))
        rows += [(how, further(row)) for row in entries(path, table, there, has_title)]
    refuse_twins(path, [row for _, row in rows if isinstance(row, Entry)])
    count, passed = 0, list[NotTaken]()
    for how, row in rows:
        for part in [row] if isinstance(row, NotTaken) else _summary(path, row, how):
            if isinstance(part, NotTaken):
                passed.append(part)
            else:
                count += 1
                yield part
    if not count:
        raise BadFile(
            path,
            "as a whole",
            f"no number under a known column, {passed[0].what}: {passed[0].why}"
            if passed
            else "a heading without rows",
            "write numbers such as 0.0123 below the headings",
        )
    yield from passed
    for how, table, there in zip(written, known, layouts):
        yield from _untold_sizes(table, how)
        yield from _unknown(table, there)


def _summary(path: Path, entry: Entry, how: Units) -> Iterator[Summary | NotTaken]:
    """A row's Summary, where it has a number, and what of it is not taken."""
    statistics, left_out, passed = dict[str, Statistic](), dict[str, int](), list[NotTaken]()
    for column in entry.layout.columns:
        found = statistic(path, entry.row, column, how)
        if isinstance(found, Statistic):
            statistics.setdefault(found.metric, found)
            if has_aside(path, entry.row, column, how):
                left_out[ASIDE] = left_out.get(ASIDE, 0) + 1
        elif isinstance(found, Untold) and found.why == UNTOLD:
            left_out[UNTOLD] = left_out.get(UNTOLD, 0) + 1
        elif isinstance(found, Untold):
            passed.append(NotTaken(f"{column.heading[:60]} of {entry.name[:80]}", found.why))
    if not statistics:
        why = passed[0].why if passed else UNTOLD if left_out else "it has no number"
        yield NotTaken(f"row {entry.name[:80]}", why)
        return
    state, counts = entry.layout.state, entry.layout.scored
    said = bare(entry.row.cells[state]) if state is not None else ""
    yield Summary(
        entry.name,
        entry.text,
        entry.context,
        list(statistics.values()),
        n=whole(entry.row.cells[counts]) if counts is not None else None,
        file_bytes=_file_bytes(entry, how),
        facts={"table": path.name},
        partial=f"its state is {said[:40]}" if said.lower() in FAILED else None,
        left_out=left_out,
    )
    yield from passed


def _file_bytes(entry: Entry, how: Units) -> int | None:
    """The size of a row's file, of the first column that tells it."""
    said = (told.get(bare(entry.row.cells[at])) for at, told in how.sizes.items())
    return next(filter(None, said), None)


def _untold_sizes(table: Table, how: Units) -> Iterator[NotTaken]:
    """The cells of the files' sizes that tell none, by column."""
    for at, told in how.sizes.items():
        untold = [cell for cell, size in told.items() if size is None]
        if untold:
            what = f"{untold[0][:40]!r}" + (f" and {len(untold) - 1} more" if untold[1:] else "")
            yield NotTaken(
                f"{what} of column {table.heading[at][:60]}",
                "no size, or its unit is not said: head it Size (GB), Size (GiB) or size_bytes",
            )


def _unknown(table: Table, there: Layout) -> Iterator[NotTaken]:
    """The columns of numbers that are not understood, and those that speak of a known thing."""
    used = {there.name, there.text, there.context, there.scored}
    used |= {at for column in there.columns for at in (column.cell, column.error)} | {*there.sizes}
    plain = list[str]()
    for at, heading in enumerate(table.heading):
        said = column_of(table, at)
        if at in used or not said:
            continue
        if why := why_not(heading):
            yield NotTaken(f"column {heading[:60]}", why)
        elif sum(map(is_measure, said)) * 2 > len(said):
            plain.append(heading[:60] or f"{at + 1} (without a heading)")
    if plain:
        what = (
            f"column {plain[0]}" if len(plain) == 1 else f"each of the columns {', '.join(plain)}"
        )
        yield NotTaken(what, UNKNOWN)


def _nothing_known(path: Path, given: list[Grid]) -> BadFile:
    """The error for tables without a known column: names theirs."""
    rows = [row.cells for grid in given for row in grid.rows]
    heading = next((row for row in rows if sum(not is_empty(cell) for cell in row) > 1), [])
    there = [bare(cell)[:40] for cell in heading if not is_empty(cell)]
    if sum(bool(meaning(bare(row[0]))) for row in rows if row) > 1:
        found, advice = "its metrics are rows", "turn it on its side: a row per quant"
        return BadFile(path, "as a whole", found, advice)
    among = f" among {', '.join(there[:12])}" if there else ""
    hints = [f"`{cell}`: {why}" for cell in there if (why := why_not(cell))]
    return BadFile(
        path,
        "as a whole",
        f"no known column{among}{f' ({hints[0]})' if hints else ''}",
        f"name at least one of {EXAMPLES}",
    )
