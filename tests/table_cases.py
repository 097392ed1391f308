"""What the tests of tables share: the kept files, imports, and what stands in a warehouse."""

from pathlib import Path

import duckdb
from conftest import qwh

from qwh.raw.store import Store

CASES = Path(__file__).parent / "fixtures" / "cases"
Stored = dict[tuple[str, str, int], dict[str, tuple[float, float | None]]]


def ingest(warehouse: Path, path: Path, *more: object, kind: str = "table"):
    """`qwh ingest KIND PATH` into the cohort m."""
    return qwh("ingest", kind, path, "--cohort", "m", "--warehouse", warehouse, *more)


def stored(warehouse: Path) -> Stored:
    """(quant, text, context length) -> metric -> (value, standard error), from the raw files."""
    store, found = Store(warehouse), Stored()
    for run in store.runs():
        rows = duckdb.sql(
            f"select metric, value, standard_error from '{store.part('summaries', run.run_id)}'"
        ).fetchall()
        key = (run.quant_id, run.corpus_id, run.context_length)
        assert key not in found
        found[key] = {metric: (value, error) for metric, value, error in rows}
    return found


def table(*metrics: str, **rows: tuple) -> Stored:
    """What a file without a text's name should store; a pair is a value and its error."""
    return {
        (name, "unstated", 0): {
            metric: value if isinstance(value, tuple) else (value, None)
            for metric, value in zip(metrics, values)
            if value is not None
        }
        for name, values in rows.items()
    }


def kept(warehouse: Path, path: Path, *more: object, kind: str = "table") -> tuple[Stored, str]:
    """What a file stores, and what is said of it; a dry run says the same of what is not taken."""
    dry = ingest(warehouse, path, *more, "--dry-run", kind=kind)
    assert dry.exit_code == 0, dry.stderr
    assert not list((warehouse / "raw").rglob("*.parquet"))
    done = ingest(warehouse, path, *more, kind=kind)
    assert done.exit_code == 0, done.stderr
    left = [line for line in done.stderr.splitlines() if "not taken" in line]
    assert left == [line for line in dry.stderr.splitlines() if "not taken" in line]
    return stored(warehouse), done.stderr


def refused(warehouse: Path, path: Path, *words: str, kind: str = "table") -> str:
    """A refusal: one line that has the words, a non-zero exit code, nothing stored."""
    done = ingest(warehouse, path, kind=kind)
    line = done.stderr.splitlines()[-1]
    assert done.exit_code not in (0, 1) and not list(Store(warehouse).runs()), done.output
    assert line.startswith("qwh: ") and all(word in line for word in words), line
    assert "not taken" not in done.stderr
    return line
