"""What a statistic is: rows with ids in, rows with ids out, settings in one struct.

A kind of row is a NamedTuple whose fields carry a type and a sentence:

    class Points(NamedTuple):
        quant_id: Annotated[Texts, "the quant"]
        x: Annotated[Numbers, "the measurement, larger = further from the reference"]

In rows a field is a whole column; in answers and settings it is one value. `@statistic` reads the
SQL types of a function off these hints, so that its names, types and sentences are said once.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, NamedTuple, TypeAlias, get_args, get_origin, get_type_hints

import numpy as np

# columns of rows that come in; sorted by their texts, then by their numbers
Texts: TypeAlias = Annotated[np.ndarray, "VARCHAR"]  # object; None where missing
Numbers: TypeAlias = Annotated[np.ndarray, "DOUBLE"]  # float; NaN where missing
Counts: TypeAlias = Annotated[np.ndarray, "BIGINT"]  # int; a missing one is refused
Truths: TypeAlias = Annotated[np.ndarray, "BOOLEAN"]  # bool; a missing one is False
Lists: TypeAlias = Annotated[np.ndarray, "DOUBLE[]"]  # object: a float array, or None
Names: TypeAlias = Annotated[np.ndarray, "VARCHAR[]"]  # object: a list of texts, or None
SCALARS = {str: "VARCHAR", float: "DOUBLE", int: "BIGINT", bool: "BOOLEAN"}


class Field(NamedTuple):
    """A column of a statistic's rows, settings or answers."""

    name: str
    type: str  # DuckDB's
    sentence: str


class Statistic(NamedTuple):
    """A function that SQL can call under its own name."""

    name: str
    function: Callable[..., Any]
    arguments: dict[str, list[Field]]  # in the function's order
    rows: frozenset[str]  # the arguments that are many rows
    answer: list[Field]
    many: bool  # whether it answers with many rows


STATISTICS: dict[str, Statistic] = {}


def statistic(function: Callable) -> Callable:
    """Declare a function of rows and settings: `f(rows: Points, settings: Draws) -> list[Answer]`.

    An argument whose fields are columns is a list of structs in SQL, one of values is a struct; so
    is an answer that is no list. Raises TypeError where a field lacks its type or its sentence.
    """
    hints = get_type_hints(function, include_extras=True)
    answer = hints.pop("return")
    many = get_origin(answer) is list
    fields = {name: _fields(kind) for name, kind in hints.items()}
    whole = frozenset(name for name, kind in hints.items() if _is_column(kind))
    result = _fields(get_args(answer)[0] if many else answer)
    name = function.__name__
    STATISTICS[name] = Statistic(name, function, fields, whole, result, many)
    return function


def declared() -> list[Statistic]:
    """All statistics, by name; their modules are imported by the first call."""
    from .registry import MODULES

    for module in MODULES:
        import_module(f".{module}", __package__)
    return [STATISTICS[name] for name in sorted(STATISTICS)]


def struct(fields: list[Field]) -> str:
    """DuckDB's type of one row."""
    return "STRUCT(" + ", ".join(f'"{field.name}" {field.type}' for field in fields) + ")"


def rows_of(kind: type, records: list[dict]) -> Any:
    """Rows of a kind from records, as SQL would give them: sorted, a missing value as its own.

    Raises KeyError for a record without a field.
    """
    import pyarrow as pa

    columns = {
        field.name: pa.array([record[field.name] for record in records], arrow(field.type))
        for field in _fields(kind)
    }
    return from_arrow(kind, pa.table(columns))


def from_arrow(kind: type, table: Any) -> Any:
    """Rows of a kind from an Arrow table of its columns, sorted by texts, then numbers."""
    import pyarrow.compute as pc

    fields = _fields(kind)
    order = [(f.name, "ascending") for f in fields if f.type == "VARCHAR"]
    order += [(f.name, "ascending") for f in fields if f.type in ("BIGINT", "DOUBLE")]
    if order and len(table) > 1:
        table = table.take(pc.sort_indices(table, sort_keys=order))
    return kind(**{field.name: _column(table[field.name], field) for field in fields})


def arrow(duckdb_type: str) -> Any:
    """The Arrow type of a field's DuckDB type."""
    import pyarrow as pa

    if duckdb_type.endswith("[]"):
        return pa.list_(arrow(duckdb_type[:-2]))
    simple = {"VARCHAR": pa.string, "DOUBLE": pa.float64, "BIGINT": pa.int64, "BOOLEAN": pa.bool_}
    return simple[duckdb_type]()


def _column(values: Any, field: Field) -> np.ndarray:
    """One column of rows as NumPy; see the types above for what is missing."""
    if field.type == "DOUBLE":
        return values.to_numpy().astype(float)
    if field.type == "BIGINT":
        if values.null_count:
            raise ValueError(f"{field.name} is missing in {values.null_count} rows")
        return values.to_numpy().astype(np.int64)
    if field.type == "BOOLEAN":
        return values.fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
    column = np.empty(len(values), object)
    column[:] = values.to_pylist()
    if field.type == "DOUBLE[]":
        column[:] = [None if value is None else np.array(value, float) for value in column]
    return column


def _fields(kind: Any) -> list[Field]:
    """The fields of a kind of row. Raises TypeError where one lacks its type or sentence."""
    fields = []
    for name, hint in get_type_hints(kind, include_extras=True).items():
        base, *said = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        if base is np.ndarray:
            sql, *said = said
        else:
            known = [SCALARS[part] for part in (base, *get_args(base)) if part in SCALARS]
            if not known:
                raise TypeError(f"{kind.__name__}.{name} has no SQL type: {hint}")
            sql = known[0]
        if len(said) != 1:
            raise TypeError(f"{kind.__name__}.{name} wants one sentence, has {len(said)}")
        fields.append(Field(name, sql, said[0]))
    return fields


def _is_column(kind: Any) -> bool:
    """Whether the fields of a kind are columns of many rows."""
    return any(
        get_args(hint)[:1] == (np.ndarray,)
        for hint in get_type_hints(kind, include_extras=True).values()
    )
