"""A table on its way out: terminal, CSV, Parquet, Markdown or LaTeX. Numbers are rounded here and
nowhere else.
"""

import json
from pathlib import Path

import polars as pl

from ..errors import storage_error

NOTHING = "—"  # a NULL: there is no figure
DIGITS = 4  # significant digits in print
ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    NOTHING: "---",
}


def printed(value: object, column: str) -> str:
    """One cell as a reader sees it: 4 significant digits, p-values below 0.001 as <0.001, NULL as a
    dash, no control characters.
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if _is_p(column) and 0 <= value < 0.001:
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


def _is_p(column: str) -> bool:
    return column == "p" or column.startswith("p_") or column.endswith("_p")


def _cells(frame: pl.DataFrame) -> list[list[str]]:
    return [
        [printed(value, name) for name, value in zip(frame.columns, row)] for row in frame.rows()
    ]


def _right(frame: pl.DataFrame) -> list[bool]:
    return [kind.is_numeric() for kind in frame.dtypes]


def terminal(frame: pl.DataFrame, width: int | None = None) -> str:
    """The table as text, columns wide enough for what they hold; numbers to the right."""
    from io import StringIO

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, right in zip(frame.columns, _right(frame)):
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=True)
    for row in _cells(frame):
        table.add_row(*row)
    out = StringIO()
    measure = Console(file=out, width=10_000, markup=False, highlight=False, emoji=False)
    measure.print(table)
    return (
        "\n".join(line.rstrip() for line in out.getvalue().splitlines())
        + f"\n{frame.height:,} rows"
    )


def markdown(frame: pl.DataFrame) -> str:
    """A GitHub table."""
    rule = ["---:" if right else "---" for right in _right(frame)]
    rows = [frame.columns, rule, *_cells(frame)]
    return "".join(
        "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in row) + " |\n"
        for row in rows
    )


def latex(frame: pl.DataFrame) -> str:
    """A booktabs tabular; the document needs \\usepackage{booktabs}."""

    def line(cells: list[str]) -> str:
        return (
            " & ".join(
                "".join(ESCAPES.get(character, character) for character in cell.replace("\n", " "))
                for cell in cells
            )
            + " \\\\\n"
        )

    columns = "".join("r" if right else "l" for right in _right(frame))
    body = "".join(line(row) for row in _cells(frame))
    return f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{line(frame.columns)}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"


def _json(value: object) -> str:
    """A nested cell as JSON text."""
    return json.dumps(value.to_list() if isinstance(value, pl.Series) else value, default=str)


def write(frame: pl.DataFrame, kind: str, path: Path) -> None:
    """Write a table as csv, parquet, markdown or latex. csv and parquet keep full precision; lists
    and structs become JSON in csv.
    """
    try:
        if kind == "parquet":
            frame.write_parquet(path)
        elif kind == "csv":
            nested = [name for name, type_ in frame.schema.items() if type_.is_nested()]
            frame.with_columns(
                pl.col(name).map_elements(_json, return_dtype=pl.String) for name in nested
            ).write_csv(path)
        else:
            Path(path).write_text({"markdown": markdown, "latex": latex}[kind](frame))
    except OSError as error:
        raise storage_error(f"cannot write {path}", error) from None
