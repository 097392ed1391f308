"""A table on its way out: what every format is given, and how one cell reads.

A format is a module with `render(table) -> bytes`; registry.py lists them. Numbers are rounded
here and nowhere else.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from . import columns as seed

if TYPE_CHECKING:
    import polars as pl

Form = Literal[
    "id", "text", "sentence", "verdict", "flag",
    "count", "bytes", "nats", "share", "p", "ratio", "number",
]  # fmt: skip

LEFT = ("id", "text", "sentence", "verdict", "flag")  # stand left; the others stand right
NOTHING = "—"  # a NULL: there is no figure
DIGITS = 4  # significant digits in print, of what has no error
OF_ERROR = 2  # significant digits of an error; its figure gets as many decimals
SMALL, LARGE = -4, 6  # powers of ten outside of which a number is written with one
NOISE = 1e-12  # an error that is so small a part of its figure, or of LEAST, is rounding
LEAST = 1e-3
UNKNOWN = 3  # the importance of a table's first column, where nothing is known of it
LAST = 1000  # the importance of what is shown only where there is room for everything


class Column(NamedTuple):
    """What the cells of a column are, and what it is called in print."""

    name: str
    form: Form
    label: str = ""
    unit: str = ""
    error: tuple[str, ...] = ()  # its standard error's column, or the ends of its 95 % interval
    importance: int = 1  # 1 is always shown; the largest is left out first

    @property
    def is_left(self) -> bool:
        """Whether its cells stand left."""
        return self.form in LEFT


class Table(NamedTuple):
    """Rows with the name under which they were asked for, and one Column for each of theirs."""

    name: str
    columns: list[Column]
    rows: "pl.DataFrame"
    errors: dict[str, list[float | None]] | None = None  # column -> the error of each cell
    total: int | None = None  # how many rows there are, where these are only the first
    note: str = ""  # what holds of all rows, said after their number
    is_chosen: bool = False  # these columns were asked for by name
    is_one_cohort: bool = False  # a cohort was asked for: those that are not shown are of it too

    def printed(self) -> list[list[str]]:
        """The columns as a reader sees them, each cell rounded by its own error if it has one."""
        errors, none = self.errors or {}, [None] * self.rows.height
        return [
            [
                text(value, column.form, error)
                for value, error in zip(
                    self.rows[column.name].to_list(), errors.get(column.name, none)
                )
            ]
            for column in self.columns
        ]

    def cells(self) -> list[list[str]]:
        """The rows as a reader sees them."""
        return [list(row) for row in zip(*self.printed())]

    def select(self, names: Sequence[str]) -> "Table":
        """Only these columns, in this order, each as important as the others."""
        known = {column.name: column._replace(importance=1) for column in self.columns}
        columns = [known[name] for name in names]
        return self._replace(columns=columns, rows=self.rows.select(names), is_chosen=True)

    def without_lone_cohort(self) -> "Table":
        """Without cohort_id where it is the same in every row: the note has its name."""
        if self.is_chosen or "cohort_id" not in self.rows.columns or len(self.columns) == 1:
            return self
        cohorts = self.rows["cohort_id"].unique()
        is_all = self.is_one_cohort or self.total in (None, self.rows.height)
        if len(cohorts) != 1 or cohorts[0] is None or not is_all:
            return self
        rest = [column for column in self.columns if column.name != "cohort_id"]
        rows = self.rows.drop("cohort_id")
        return self._replace(columns=rest, rows=rows, note=f" of cohort {cohorts[0]}")


def table(rows: "pl.DataFrame | list[dict]", name: str = "") -> Table:
    """A data frame, or rows of the same keys, as a table.

    name: the analysis, whose columns are described in seeds/columns.csv; those of anything else
    are as important as the ones of their name there, else by their place.
    """
    import polars as pl

    frame = pl.DataFrame(rows, infer_schema_length=None)
    known = seed.known(name) or seed.alike()
    columns = []
    for place, key in enumerate(frame.columns):
        guessed = _guessed(key, frame.schema[key], place)
        column = _described(key, known[key]) if key in known else guessed
        column = column if column.is_left == guessed.is_left else guessed  # another's of its name
        is_empty = frame.height == frame[key].null_count() > 0 and column.importance > 1
        columns.append(column._replace(importance=LAST) if is_empty else column)
    errors = {
        column.name: _errors(frame, column.error)
        for column in columns
        if column.error and set(column.error) <= set(frame.columns)
    }
    return Table(name, columns, frame, errors)


def text(value: object, form: Form, error: float | None = None) -> str:
    """One cell: a number rounded by its error or to 4 digits, a small p as <0.001, NULL as a dash.

    Control characters are written out: text of a model cannot steer the terminal.
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if form == "p" and 0 <= value < 0.001:
            return "<0.001"
        return rounded(value, error)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        cells = ((text(key, "id"), text(each, form)) for key, each in value.items())
        return ", ".join(f"{key}: {each}" for key, each in cells)
    if isinstance(value, list):
        return f"[{', '.join(text(each, form) for each in value)}]"
    return "".join(
        character if character.isprintable() or character == "\n" else f"\\x{ord(character):02x}"
        for character in str(value)
    )


def rounded(value: float, error: float | None = None) -> str:
    """A number with the decimals of its error, if that is one, written with two digits.

    -0.005782 +- 0.01 is -0.01, +- 0.0123 it is -0.006; without an error it has 4 digits.
    """
    value += 0.0  # a zero has no sign
    least = NOISE * max(abs(value), LEAST)
    if error is None or not isfinite(error) or not isfinite(value) or error <= least:
        if value != 0 and (abs(value) < 10**SMALL or abs(value) >= 10**LARGE):
            return f"{value:.{DIGITS - 1}e}"
        return f"{value:.{DIGITS}g}"
    shortest = Decimal(f"{error:.{OF_ERROR - 1}e}").normalize()
    places = -int(shortest.as_tuple().exponent)
    number = Decimal(value).quantize(Decimal(1).scaleb(-places))
    if number and number.adjusted() < SMALL and places > LARGE:
        return f"{float(number):.{number.adjusted() + places}e}"
    return f"{abs(number) if number.is_zero() else number:.{max(places, 0)}f}"


def _errors(frame: "pl.DataFrame", names: tuple[str, ...]) -> list[float | None]:
    """The standard error of each row: a column, or half an interval's width in errors."""
    if len(names) == 1:
        return frame[names[0]].to_list()
    low, high = names
    return ((frame[high] - frame[low]) / (2 * NormalDist().inv_cdf(0.975))).to_list()


def _described(name: str, row: dict[str, str]) -> Column:
    """A column by its row of the seed."""
    error, importance = tuple(row["error"].split()), int(row["importance"])
    return Column(name, cast(Form, row["form"]), row["label"], row["unit"], error, importance)


def _guessed(name: str, kind: "pl.DataType", place: int) -> Column:
    """A column by its type and, for a p-value, its name; hashes and nested cells come last."""
    form: Form = "text"
    if kind.is_numeric():
        form = "p" if name == "p" or name.startswith("p_") or name.endswith("_p") else "number"
    is_for_machines = kind.is_nested() or name.endswith("sha256")
    return Column(name, form, importance=LAST if is_for_machines else place + UNKNOWN)
