"""Registers the statistics in DuckDB under their SQL names, for dbt, `qwh sql` and the tests.
Nothing else.

A missing value (NULL) reaches Python as None, which becomes NaN in an array; a figure that cannot
be had comes back as NULL.
"""

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, get_type_hints

from .statistics.port import Field, Statistic, arrow, declared, from_arrow, struct

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FIELDS, ANSWER = "statistic_fields", "answer"  # the function that tells them; what comes back
FIELD = [
    Field(name, "VARCHAR", "")
    for name in ("statistic", "part", "form", "field", "type", "sentence")
]


def names() -> list[str]:
    """All functions that SQL gets."""
    return [FIELDS, *(each.name for each in declared())]


def register(connection: "DuckDBPyConnection") -> None:
    """Add every function to a connection (never to a cursor)."""
    from duckdb import func

    connection.create_function(FIELDS, _fields, [], struct(FIELD) + "[]")
    for each in declared():
        connection.create_function(
            each.name,
            _call(each),
            [
                struct(fields) + ("[]" if name in each.rows else "")
                for name, fields in each.arguments.items()
            ],
            struct(each.answer) + ("[]" if each.many else ""),
            null_handling=func.FunctionNullHandling.SPECIAL,
            type=func.PythonUDFType.ARROW,
            # otherwise a filter on a field of the answer calls the function once more
            side_effects=True,
        )


def _fields() -> list[dict[str, str]]:
    """A row per column of each declared statistic, as dim_statistics keeps them."""
    found = []
    for each in declared():
        parts = {**each.arguments, ANSWER: each.answer}
        for part, fields in parts.items():
            many = part in each.rows or (part == ANSWER and each.many)
            for field in fields:
                row = (each.name, part, "rows" if many else "row", *field)
                found.append(dict(zip((field.name for field in FIELD), map(str, row))))
    return found


def _call(each: Statistic) -> Callable:
    """A declared statistic as DuckDB calls it: Arrow arrays of structs, or of lists of them."""
    hints = get_type_hints(each.function)
    kinds = {name: hints[name] for name in each.arguments}

    def call(*arguments: Any) -> Any:
        import pyarrow as pa

        columns = [pa.concat_arrays(part.chunks) for part in arguments]
        answers = [
            each.function(
                *(
                    _given(kinds[name], name in each.rows, column, row)
                    for name, column in zip(kinds, columns)
                )
            )
            for row in range(len(columns[0]))
        ]
        kind = pa.struct([(field.name, arrow(field.type)) for field in each.answer])
        if not each.many:
            return pa.array([answer._asdict() for answer in answers], kind)
        rows = [[row._asdict() for row in answer] for answer in answers]
        return pa.array(rows, pa.list_(kind))

    names = [Parameter(name, Parameter.POSITIONAL_ONLY) for name in kinds]
    setattr(call, "__signature__", Signature(names))  # noqa: B010 - a plain assignment has no type
    return call


def _given(kind: type, many: bool, column: Any, row: int) -> Any:
    """One argument of one call: the rows of a list, or the struct of the row."""
    import pyarrow as pa

    if not many:
        return kind(**column[row].as_py())
    if column[row].is_valid:
        start, stop = column.offsets[row].as_py(), column.offsets[row + 1].as_py()
        structs = column.values.slice(start, stop - start)
    else:
        structs = column.values.slice(0, 0)
    return from_arrow(kind, pa.Table.from_struct_array(structs))
