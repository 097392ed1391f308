"""One machine, one number: compiled now or loaded from the cache, the rows are equal to the bit."""

import os
import subprocess
import sys

from conftest import LENGTH, MODEL, REFERENCE

from qwh.raw.store import Store

COMMAND = "import sys; sys.argv[0] = 'qwh'; from qwh.cli import app; app()"


def ingest_in_a_process_of_its_own(warehouse, quant, cache):
    """`qwh ingest gguf` with numba's cache in a given folder."""
    options = {
        "--reference": REFERENCE,
        "--quant": quant,
        "--corpus": MODEL / "corpus.txt",
        "--cohort": "tiny",
        "--context-length": LENGTH,
        "--chunks": 2,
        "--threads": 1,
        "--warehouse": warehouse,
    }
    given = [str(part) for pair in options.items() for part in pair]
    done = subprocess.run(
        [sys.executable, "-P", "-c", COMMAND, "ingest", "gguf", *given],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert list(cache.rglob("*.nbc")), "numba must have used this cache"


def rows(warehouse) -> dict[str, bytes]:
    """Name of each table's part -> its bytes, of the runs of one reference and its quants."""
    store = Store(warehouse)
    return {
        f"{run.role} {run.quant_id} {run.run_id}": b"".join(
            path.read_bytes() for path in sorted(store.raw.glob(f"*/run_id={run.run_id}/*.parquet"))
        )
        for run in store.runs()
    }


def test_a_cold_and_a_warm_cache_store_one_reference(tmp_path, quants):
    cold, other = tmp_path / "cold", tmp_path / "other"
    ingest_in_a_process_of_its_own(tmp_path / "one", quants["Q8_0"], cold)
    ingest_in_a_process_of_its_own(tmp_path / "one", quants["Q4_K_M"], cold)  # warm by now
    one = rows(tmp_path / "one")
    assert sorted(name.split()[0] for name in one) == ["quant", "quant", "reference"]
    ingest_in_a_process_of_its_own(tmp_path / "two", quants["Q4_K_M"], other)
    ingest_in_a_process_of_its_own(tmp_path / "two", quants["Q8_0"], other)
    assert rows(tmp_path / "two") == one
    assert all(one.values())
