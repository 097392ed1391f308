"""`--until`: a text ends for all its quants at the first chunk where every mean KLD is sure enough,
whatever fits into memory together, and later quants read as far.
"""

import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import MODEL, REFERENCE, ingest, query, qwh
from kill_runs import start
from test_kills import command, kept, parts

from qwh.errors import ExitCode
from qwh.ingest import running
from qwh.ingest.running import Sums
from qwh.kernels.statistics.chunks.clusters import SMALLEST_CHUNKS
from qwh.raw.store import Store

MOST = 20
SIZE = 0.15  # at which the three end far from one another
ONE = ("--threads", 1)
NAMES = ("Q8_0", "Q4_K_M", "Q2_K")


def klds(warehouse, quant: str) -> tuple[np.ndarray, np.ndarray]:
    """Chunk and KLD of each of a quant's rows, as they were stored."""
    store = Store(warehouse)
    run = next(run for run in store.runs() if run.quant_id == quant)
    rows = pq.read_table(store.part("tokens", run.run_id), partitioning=None)
    return rows["chunk"].to_numpy(), rows["kld"].to_numpy().astype(float)


def relative_error(chunk: np.ndarray, kld: np.ndarray, chunks: int) -> float:
    """Of the mean over the first chunks, which are of equal length: that of the mean of means."""
    means = [kld[chunk == each].mean() for each in range(chunks)]
    return np.std(means, ddof=1) / math.sqrt(chunks) / np.mean(means)


def end(rows: dict, until: float) -> int:
    """Where the text is to end for these quants."""
    sure = (
        chunks
        for chunks in range(SMALLEST_CHUNKS, MOST)
        if all(relative_error(*each, chunks) <= until for each in rows.values())
    )
    return next(sure, MOST)


def chunks(warehouse) -> set[int]:
    return {run.chunks for run in Store(warehouse).runs()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, quants):
    """The rows of three quants over MOST chunks."""
    folder = tmp_path_factory.mktemp("whole")
    done = ingest(folder, [quants[name] for name in NAMES], "--chunks", MOST, *ONE)
    assert done.exit_code == 0, done.stderr
    return {name: klds(folder, name) for name in NAMES}


def until(folder, quants, size: float, *more):
    files = [quants[name] for name in NAMES]
    return ingest(folder, files, "--chunks", MOST, "--until", size, *ONE, *more)


def test_a_text_ends_where_all_are_sure_enough(tmp_path, quants, whole):
    ends = {size: end(whole, size) for size in (0.3, SIZE, 0.001)}
    assert ends[0.3] == SMALLEST_CHUNKS and ends[0.001] == MOST
    assert SMALLEST_CHUNKS < ends[SIZE] < MOST
    for size, expected in ends.items():
        done = until(tmp_path / str(size), quants, size)
        assert done.exit_code == 0, done.stderr
        assert chunks(tmp_path / str(size)) == {expected}, size
        assert f"ends after {expected} chunks" in done.stderr or expected == MOST
        for name in NAMES:
            found, rows = klds(tmp_path / str(size), name), whole[name]
            np.testing.assert_array_equal(found[1], rows[1][rows[0] < expected])
    assert "ends before every mean KLD has a relative error of 0.001" in done.stderr


def test_quants_that_do_not_fit_together_end_at_the_same_chunk(tmp_path, quants, whole):
    """Alone, each would end elsewhere, and where the last one would end is not yet the place."""
    alone = {end({name: rows}, SIZE) for name, rows in whole.items()}
    assert len(alone) == 3 and max(alone) < end(whole, SIZE)
    for at_once in (1, 2, 3):
        done = until(tmp_path / str(at_once), quants, SIZE, "--quants-at-once", at_once)
        assert done.exit_code == 0, done.stderr
        assert chunks(tmp_path / str(at_once)) == {end(whole, SIZE)}
    assert parts(tmp_path / "1") == parts(tmp_path / "2") == parts(tmp_path / "3")
    assert list((tmp_path / "1" / "raw" / "_staging").iterdir()) == []


def test_later_quants_read_as_far_without_the_option(tmp_path, quants):
    assert until(tmp_path, quants, SIZE).exit_code == 0
    (held,) = chunks(tmp_path)
    files = [quants[name] for name in ("Q8_0", "Q6_K")]
    done = ingest(tmp_path, files, "--chunks", held + 1)
    assert done.exit_code == ExitCode.MISMATCH and f"chunks {held} there" in done.stderr
    more = (*ONE, "--cohort", "tiny", "--warehouse", tmp_path, "--context-length", 128)
    done = qwh(*command(tmp_path, quants)[:2], *reference_and(files), *more)
    assert done.exit_code == 0, done.stderr
    assert f"its first {held} chunks are read" in done.stderr
    assert "Q8_0 on corpus at context length 128 is already in the warehouse" in done.stderr
    assert chunks(tmp_path) == {held} and len(Store(tmp_path).runs()) == 5
    # the option again, however small: the text has its end
    done = until(tmp_path, quants | {"Q2_K": quants["Q3_K_M"]}, 0.0001, *named("Q3_K_M"))
    assert done.exit_code == 0, done.stderr
    assert chunks(tmp_path) == {held} and len(Store(tmp_path).runs()) == 6


def test_another_text_of_the_name_is_refused_before_anything_is_read(tmp_path, quants):
    assert ingest(tmp_path, [quants["Q8_0"]], *ONE).exit_code == 0
    other = tmp_path / "corpus.txt"
    other.write_text((MODEL / "corpus.txt").read_text()[5000:])
    more = ("--corpus", other, "--chunks", 4, "--until", 0.3, *ONE)
    done = ingest(tmp_path, [quants["Q6_K"]], *more)
    assert done.exit_code == ExitCode.MISMATCH and "another text as corpus" in done.stderr
    assert "scoring" not in done.stderr


def reference_and(files):
    given = [part for path in files for part in ("--quant", path)]
    return ["--reference", REFERENCE, *given, "--corpus", MODEL / "corpus.txt"]


def named(last: str):
    return [part for name in (*NAMES[:2], last) for part in ("--quant-id", name)]


def test_a_killed_run_ends_where_an_uninterrupted_one_does(tmp_path, quants):
    arguments = ("--until", SIZE, "--quants-at-once", 1)
    given = command(tmp_path / "whole", quants, *arguments)
    given[given.index("--chunks") + 1] = MOST
    child = start(given, tmp_path / "said")
    child.join()
    assert child.exitcode == 0, (tmp_path / "said").read_text()
    (held,) = chunks(tmp_path / "whole")
    assert SMALLEST_CHUNKS < held < MOST
    again = [tmp_path / "killed" if each == tmp_path / "whole" else each for each in given]
    for kept_chunks in (2, 5):
        child = start(again, tmp_path / "said")
        while child.exitcode is None and max(kept(tmp_path / "killed").values()) < kept_chunks:
            child.join(0.01)
        child.kill()
        child.join()
    child = start(again, tmp_path / "said")
    child.join()
    assert child.exitcode == 0, (tmp_path / "said").read_text()
    assert parts(tmp_path / "killed") == parts(tmp_path / "whole")


def test_the_error_is_the_one_of_the_tables(warehouse):
    """Of the running figures and of fct_fidelity, from the same rows."""
    runs = {run.run_id: run for run in Store(warehouse).runs() if run.task == "corpus"}
    found = query(
        warehouse,
        "select run_id, metric, value, standard_error from fct_fidelity"
        " where metric in ('kld_mean', 'ppl') and standard_error is not null",
    )
    checked = 0
    for run_id, metric, value, error in found:
        if run_id not in runs:
            continue
        rows = pq.read_table(Store(warehouse).part("tokens", run_id), partitioning=None)
        sums: dict[int, Sums] = {}
        for row in rows.select(["chunk", "nll", "kld"]).to_pylist():
            before = sums.get(row["chunk"], Sums())
            sums[row["chunk"]] = Sums(
                before.rows + 1, before.finite + 1, before.nll + row["nll"], before.kld + row["kld"]
            )
        figure = running.mean_kld if metric == "kld_mean" else running.perplexity
        mean = figure(list(sums.values()))
        assert (mean.value, mean.error) == pytest.approx((value, error), rel=1e-9)
        checked += 1
    assert checked >= 24
    assert json.dumps(Sums(1, 1, 0.5, 0.25)) == "[1, 1, 0.5, 0.25]"  # as a checkpoint notes it


def test_means_of_nothing_and_of_no_difference():
    assert running.mean_kld([Sums()]).relative_error == math.inf
    assert running.mean_kld([Sums(2, 2, 1.0, 0.0)] * 4).relative_error == 0.0
    assert running.mean_kld([Sums(2, 2, 1.0, 0.1)]).relative_error == math.inf
    assert str(running.Mean(0.0012345, 0.000067)) == "0.001234±0.000067"
    assert str(running.Mean(9.3123, 0.045)) == "9.312±0.045"
    assert str(running.Mean(9.3123, None)) == "9.312"
