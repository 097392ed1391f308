"""A table's rows on their way to disk: columns become Arrow batches, batches a Parquet file."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .schema import TABLES

I32 = pa.int32()


def batch(table: str, columns: dict[str, Any]) -> pa.RecordBatch:
    """Rows of a raw table. columns: name -> sequence or NumPy array, one entry per row ([T, k]
    arrays for list columns), or None: all NULL.
    """
    schema = TABLES[table]
    rows = len(next(iter(columns.values())))
    return pa.record_batch(
        [_column(columns[field.name], field.type, rows) for field in schema], schema=schema
    )


def open_part(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """zstd; floats byte-split without a dictionary (DuckDB 1.5 cannot read that encoding on
    integers).
    """
    floats = [_leaf(field) for field in schema if _is_float(field.type)]
    others = [_leaf(field) for field in schema if not _is_float(field.type)]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=others,
        column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
    )


def _is_float(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind.value_type if pa.types.is_list(kind) else kind)


def _leaf(field: pa.Field) -> str:
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name


def _column(values: Any, kind: pa.DataType, rows: int) -> pa.Array:
    """A column from NumPy or Python values; NaN becomes NULL. [T, k] -> list<k>."""
    if values is None:
        return pa.nulls(rows, kind)
    if pa.types.is_list(kind) and isinstance(values, list):  # rows of different lengths
        return pa.array(values, kind, from_pandas=True)
    if pa.types.is_list(kind):
        rows, k = values.shape
        return pa.ListArray.from_arrays(
            pa.array(np.arange(rows + 1, dtype=np.int32) * k, I32),
            pa.array(values.ravel(), kind.value_type, from_pandas=True),
        )
    return pa.array(values, kind, from_pandas=True)
