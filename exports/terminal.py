"""A table as text for a terminal: aligned, and fitted into a width where one is given."""

from collections.abc import Iterable
from textwrap import wrap
from typing import NamedTuple

from .port import Column, Table

GAP = "  "  # between two columns
NARROW = 24  # long text wraps into a column of this width, if its words allow
WORD = 40  # a word beyond this is broken
HEAD = 10  # a shorter head stays on one line
COHORT = 16  # a cohort's name may be cut to so much in the middle where there are several
NEEDED = 2  # the importance up to which a column matters more than a cohort's name in each row
INDENT = "    "


class Printed(NamedTuple):
    """A column's cells; how wide it is with each part on one line, and how narrow it may be."""

    column: Column
    cells: list[str]
    head: int
    longest: int
    least: int
    is_cut: bool = False  # where it is too narrow; otherwise its cells wrap

    @property
    def whole(self) -> int:
        """Wide enough for head and cells."""
        return max(self.head, self.longest)


def render(table: Table, width: int | None = None) -> str:
    """The table's rows and their number; without a width all of it, each row on one line.

    width: columns of the screen: no line is wider. The most important columns that fit are shown
    and the others named below; sentences stand below their row. Only text wraps, and a head
    between its words.
    """
    table = table if width is None else table.without_lone_cohort()
    columns = [_printed(column, cells) for column, cells in zip(table.columns, table.printed())]
    if not columns:
        return "\n".join(_below(table, [], width))
    if width is None or _extent([each.whole for each in columns]) <= width:
        lines = _drawn(columns, [each.whole for each in columns], [])
        return "\n".join([*lines, *_below(table, [], width)])
    said = [each for each in columns if each.column.form == "sentence"]
    rest = [each for each in columns if each not in said] or said
    rest, cohorts = _by_cohort(table, rest, width)
    sentences = zip(*(each.cells for each in said)) if rest != said else ()
    shown = _chosen(rest, width)
    below = [_paragraph(row, width) for row in sentences]
    lines = _drawn(shown, _widths(shown, width), below, cohorts)
    left_out = [each.column for each in rest if each not in shown]
    return "\n".join([*lines, *_below(table, left_out, width)])


def _by_cohort(
    table: Table, columns: list[Printed], width: int
) -> tuple[list[Printed], dict[int, list[str]]]:
    """Where what matters does not fit beside the cohorts' names: columns without them, and for the
    first row of each cohort the lines of its name; else all columns, and nothing.
    """
    needed = [each.least for each in columns if each.column.importance <= NEEDED]
    names = next((each.cells for each in columns if each.column.name == "cohort_id"), [])
    first = {k: name for k, name in enumerate(names) if k == 0 or name != names[k - 1]}
    is_apart = len(set(first.values())) == len(first)  # no cohort comes back
    if table.is_chosen or not first or not is_apart or _extent(needed) <= width:
        return columns, {}
    rest = [each for each in columns if each.column.name != "cohort_id"]
    return rest, {k: _folded(name, width) for k, name in first.items()}


def _below(table: Table, left_out: list[Column], width: int | None) -> list[str]:
    """How many rows there are, and which columns are not shown, the important ones first."""
    total = table.rows.height if table.total is None else table.total
    said = [f"{total:,} row{'' if total == 1 else 's'}{table.note}"]
    if left_out:
        names = [each.name for each in sorted(left_out, key=lambda each: each.importance)]
        said.append(f"not shown (--wide): {', '.join(names)}")
    lines = ["..."] if table.rows.height < total else []
    if width is None:
        return [*lines, *said]
    for each in said:
        lines += wrap(each, width, subsequent_indent=INDENT, max_lines=2, placeholder=" ...")
    return lines


def _printed(column: Column, cells: list[str]) -> Printed:
    """A column with its widths; a head may stand on two lines, long text on many."""
    from rich.cells import cell_len

    texts = [line for cell in cells for line in cell.splitlines()]
    longest = max(map(cell_len, texts), default=0)
    least = longest
    if column.form in ("text", "sentence") and longest > NARROW:
        word = max(cell_len(word) for text in texts for word in text.split() or [""])
        least = min(longest, max(NARROW, min(word, WORD)))
    is_cut = column.name.endswith("cohort_id")
    least = min(least, COHORT) if is_cut else least
    head = max(map(cell_len, _two_lines(column.name).splitlines()))
    return Printed(column, cells, cell_len(column.name), longest, max(head, least), is_cut)


def _two_lines(name: str) -> str:
    """A long name broken behind the _ that makes it narrowest, if it has one."""
    ends = [k + 1 for k, letter in enumerate(name) if letter == "_" and 0 < k < len(name) - 1]
    if len(name) < HEAD or not ends:
        return name
    end = min(ends, key=lambda end: max(end, len(name) - end))
    return f"{name[:end]}\n{name[end:]}"


def _extent(widths: list[int]) -> int:
    """How wide columns of these widths are together."""
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _chosen(columns: list[Printed], width: int) -> list[Printed]:
    """The columns that fit, in their order: the important ones first, one at least.

    Those of one importance, such as the ends of an interval, are shown together or not at all; of
    the first importance as many as fit, the verdict before all others.
    """
    kept: list[Printed] = []
    for level in sorted({each.column.importance for each in columns}):
        members = [each for each in columns if each.column.importance == level]
        members.sort(key=lambda each: each.column.form != "verdict")
        for group in [members] if kept else [[each] for each in members]:
            if not kept or _extent([each.least for each in kept + group]) <= width:
                kept += group
    return [each for each in columns if each in kept]


def _widths(columns: list[Printed], width: int) -> list[int]:
    """The columns' widths: room that is left makes heads whole, then goes to long text."""
    widths = [min(each.least, width) for each in columns]
    room = width - _extent(widths)
    for k in sorted(range(len(widths)), key=lambda k: columns[k].head - widths[k]):
        lack = columns[k].head - widths[k]
        if 0 < lack <= room:
            widths[k], room = columns[k].head, room - lack
    for _ in range(room):
        k = max(range(len(widths)), key=lambda k: columns[k].longest / max(widths[k], 1))
        widths[k] += widths[k] < columns[k].longest
    return widths


def _drawn(
    columns: list[Printed],
    widths: list[int],
    below: list[list[str]],
    above: dict[int, list[str]] | None = None,
) -> list[str]:
    """Head, rule and rows, each with what stands below it; an empty line between tall ones.

    above: number of a row -> the lines before it.
    """
    rows = [
        _aligned(columns, widths, [_lines(*cell) for cell in zip(columns, row, widths)])
        for row in zip(*(each.cells for each in columns))
    ]
    rows = [row + more for row, more in zip(rows, below)] if below else rows
    heads = [
        [name] if len(name) <= wide else _folded(_two_lines(name), wide)
        for name, wide in zip([each.column.name for each in columns], widths)
    ]
    most = max(map(len, heads))
    heads = [[""] * (most - len(head)) + head for head in heads]  # they end on one line
    lines = [*_aligned(columns, widths, heads), "─" * _extent(widths)]
    between = [""] if any(len(row) > 1 for row in rows) else []
    for place, row in enumerate(rows):
        lines += [*(between if place else []), *(above or {}).get(place, []), *row]
    return lines


def _aligned(columns: list[Printed], widths: list[int], cells: list[list[str]]) -> list[str]:
    """One row's lines; cells: the lines of each."""
    from rich.cells import cell_len

    lines = []
    for k in range(max(map(len, cells))):
        parts = []
        for each, wide, texts in zip(columns, widths, cells):
            text = texts[k] if k < len(texts) else ""
            empty = " " * (wide - cell_len(text))
            parts.append(text + empty if each.column.is_left else empty + text)
        lines.append(GAP.join(parts).rstrip())
    return lines


def _lines(each: Printed, text: str, width: int) -> list[str]:
    """A cell's lines."""
    if each.is_cut and len(text) > width:
        end = (width - 1) // 2
        return [f"{text[: width - 1 - end]}…{text[len(text) - end :]}"]
    return _folded(text, width)


def _folded(text: str, width: int) -> list[str]:
    """The text's lines, none wider than this."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    if cell_len(text) <= width and "\n" not in text:
        return [text]
    lines = Text(text).wrap(Console(width=width), width, overflow="fold")
    return [line.plain.rstrip() for line in lines]


def _paragraph(sentences: Iterable[str], width: int) -> list[str]:
    """Sentences below their row."""
    inner = max(width - len(INDENT), 1)
    return [INDENT + line for sentence in sentences for line in _folded(sentence, inner)]
