"""A booktabs tabular; the document needs \\usepackage{booktabs}."""

from .port import NOTHING, Table

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
    "\n": " ",
    NOTHING: "---",
}
ESCAPED = str.maketrans(ESCAPES)


def render(table: Table) -> bytes:
    """The tabular, UTF-8; numbers to the right."""
    columns = "".join("l" if column.is_left else "r" for column in table.columns)
    lines = [
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        _row([column.name for column in table.columns]),
        "\\midrule",
        *map(_row, table.cells()),
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "".join(line + "\n" for line in lines).encode()


def _row(cells: list[str]) -> str:
    return " & ".join(cell.translate(ESCAPED) for cell in cells) + " \\\\"
