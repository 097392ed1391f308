"""What a warehouse holds, counted from raw/: it needs no tables, and tells which runs they lack."""

import json
from typing import TYPE_CHECKING

from ..raw.store import Store
from . import freshness
from .warehouse import Warehouse

if TYPE_CHECKING:
    import polars as pl


def holdings(warehouse: Warehouse) -> "pl.DataFrame":
    """One row per cohort, corpus and context length: runs, quants, rows and bytes in raw/.

    A quant counts once, however many runs it has; runs that were retracted do not. not_built: runs
    that the last whole build of the tables did not see.
    """
    import polars as pl

    seen = freshness.last(warehouse.existing())
    built = seen.files if seen else {}
    keys = ["cohort", "corpus", "context_length"]
    counts = ["rows", "bytes", "not_built"]
    texts = dict.fromkeys([*keys[:2], "quant"], pl.String())
    rows = [
        (
            run.cohort_id,
            run.corpus_id,
            run.context_length,
            run.quant_id if run.role == "quant" else None,
            run.rows or 0,
            sum(part["bytes"] for part in json.loads(run.parts or "{}").values()),
            int(f"runs/{run.run_id}.json" not in built),
        )
        for run in Store(warehouse.folder).runs()
    ]
    types = dict.fromkeys([*keys, "quant", *counts], pl.Int64()) | texts
    quants = pl.col("quant").drop_nulls().n_unique().cast(pl.Int64)
    totals = (pl.len().cast(pl.Int64).alias("runs"), quants.alias("quants"))
    frame = pl.DataFrame(rows, types, orient="row")
    return frame.group_by(keys).agg(*totals, pl.col(counts).sum()).sort(keys)
