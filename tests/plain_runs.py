"""What a warehouse holds of one import, read from its files without a build."""

from pathlib import Path

import pyarrow.parquet as pq

from qwh.raw.manifest import RunFacts
from qwh.raw.store import Store

CASES = Path(__file__).parent / "fixtures" / "cases"


def rows(warehouse: Path, table: str, run: RunFacts) -> list[dict]:
    """The rows of one run in a raw table."""
    path = Store(warehouse).part(table, run.run_id)
    return pq.read_table(path).to_pylist() if path.exists() else []


def figures(warehouse: Path) -> dict[str, dict[str, tuple[float, float | None]]]:
    """quant -> metric -> (value, standard error), of each run in a warehouse; a quant has one."""
    found = {}
    for run in Store(warehouse).runs():
        assert run.quant_id not in found
        found[run.quant_id] = {
            row["metric"]: (row["value"], row["standard_error"])
            for row in rows(warehouse, "summaries", run)
        }
    return found
