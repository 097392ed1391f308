"""A table as text for a terminal: aligned, and fitted into a width where one is given."""

from io import StringIO
from textwrap import fill

from .port import Table

GAP = 3  # spaces between two columns
NARROW = 24  # long text wraps into a column of this width, if its words allow
WORD = 40  # a word beyond this is broken


def render(table: Table, width: int | None = None, rows: int | None = None) -> str:
    """The table's first rows, or all, and their number; each cell on one line without a width.

    width: columns of the screen. Long text wraps; columns that do not fit even so are left out
    from the right and named below.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Drawn

    cells = table.cells(rows)
    whole, least = _extents(table, cells)
    widths = whole if width is None else _fitted(whole, least, width)
    drawn = Drawn(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    drawn.leading = int(widths != whole[: len(widths)])  # an empty line between rows that wrap
    for column, columns in zip(table.columns, widths):
        drawn.add_column(
            column.name,
            justify="left" if column.form == "text" else "right",
            width=columns,
            overflow="fold",
        )
    for row in cells:
        drawn.add_row(*row[: len(widths)])
    out = StringIO()
    console = Console(file=out, width=sum(widths) + GAP * len(widths), markup=False, emoji=False)
    console.print(drawn, highlight=False)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    lines += ["..."] if len(cells) < table.rows.height else []
    lines.append(_counted(table.rows.height, "row"))
    left_out = [column.name for column in table.columns[len(widths) :]]
    if left_out and width:
        named = (
            f"... {_counted(len(left_out), 'more column')}, all with --wide: {', '.join(left_out)}"
        )
        lines.append(fill(named, width, subsequent_indent="    "))
    return "\n".join(lines)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _extents(table: Table, cells: list[list[str]]) -> tuple[list[int], list[int]]:
    """How wide each column is with every cell on one line, and how narrow it may be."""
    from rich.cells import cell_len

    whole, least = [], []
    for k, column in enumerate(table.columns):
        head = cell_len(column.name)
        texts = [line for row in cells for line in row[k].splitlines()]
        longest = max(map(cell_len, texts), default=0)
        whole.append(max(head, longest))
        if column.form == "text" and longest > NARROW:
            word = max(cell_len(word) for text in texts for word in text.split() or [""])
            least.append(min(whole[k], max(head, NARROW, min(word, WORD))))
        else:
            least.append(whole[k])
    return whole, least


def _fitted(whole: list[int], least: list[int], width: int) -> list[int]:
    """Widths of the columns that fit, from the left, one at least; the rest goes where it lacks."""
    kept = len(least)
    while kept > 1 and sum(least[:kept]) + GAP * (kept - 1) > width:
        kept -= 1
    widths = least[:kept]
    for _ in range(width - sum(widths) - GAP * (kept - 1)):
        k = max(range(kept), key=lambda k: whole[k] / max(widths[k], 1))
        widths[k] += widths[k] < whole[k]
    return widths
