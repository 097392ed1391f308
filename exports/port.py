"""A table on its way out: what every format is given, and how one cell reads.

A format is a module with `render(table) -> bytes`; registry.py lists them. Numbers are rounded
here and nowhere else.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import polars as pl

Form = Literal["text", "number", "p"]

NOTHING = "—"  # a NULL: there is no figure
DIGITS = 4  # significant digits in print


class Column(NamedTuple):
    """What the cells of a column are: text stands left, numbers and p-values right."""

    name: str
    form: Form


class Table(NamedTuple):
    """Rows with the name under which they were asked for, and one Column for each of theirs."""

    name: str
    columns: list[Column]
    rows: "pl.DataFrame"

    def cells(self, first: int | None = None) -> list[list[str]]:
        """The first rows, or all, as a reader sees them."""
        forms = [column.form for column in self.columns]
        rows = self.rows.head(first) if first is not None else self.rows
        return [[text(value, form) for value, form in zip(row, forms)] for row in rows.iter_rows()]


def table(rows: "pl.DataFrame | list[dict]", name: str = "") -> Table:
    """A data frame, or rows of the same keys, as a table."""
    import polars as pl

    frame = pl.DataFrame(rows, infer_schema_length=None)
    columns = [Column(key, _form(key, kind)) for key, kind in frame.schema.items()]
    return Table(name, columns, frame)


def text(value: object, form: Form) -> str:
    """One cell: 4 significant digits, a p-value below 0.001 as <0.001, NULL as a dash.

    Control characters are written out: text of a model cannot steer the terminal.
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if form == "p" and 0 <= value < 0.001:
            return "<0.001"
        if value != 0 and (abs(value) < 1e-4 or abs(value) >= 1e6):
            return f"{value:.{DIGITS - 1}e}"
        return f"{value:.{DIGITS}g}"
    if isinstance(value, int):
        return f"{value:,}"
    return "".join(
        character if character.isprintable() or character == "\n" else f"\\x{ord(character):02x}"
        for character in str(value)
    )


def _form(name: str, kind: "pl.DataType") -> Form:
    """A column's form, from its type and, for a p-value, its name."""
    if not kind.is_numeric():
        return "text"
    return "p" if name == "p" or name.startswith("p_") or name.endswith("_p") else "number"
