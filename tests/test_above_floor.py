"""The test of a quant's KLD against the control's, by chunk: SciPy's t, and planted truths."""

import numpy as np
import pytest
from scipy import stats

from qwh.kernels.statistics.chunks.above_floor import FloorChunks, above_floor
from qwh.kernels.statistics.chunks.clusters import Neighbours
from qwh.kernels.statistics.port import rows_of


def chunk_rows(quant: str, totals: np.ndarray, floors: np.ndarray) -> list[dict]:
    return [
        {
            "corpus_id": "t",
            "context_length": 512,
            "estimator": "e",
            "route": "llama.cpp",
            "quant_id": quant,
            "chunk": k,
            "total": total,
            "floor": floor,
            "n": 100.0,
        }
        for k, (total, floor) in enumerate(zip(totals, floors))
    ]


def test_without_skew_it_is_scipys_paired_t():
    rng = np.random.default_rng(0)
    half = rng.normal(0, 1, 10)
    apart = 0.8 + np.concatenate([half, -half])  # no skew: Hall's cubic is straight
    floors = rng.random(20)
    records = chunk_rows("a", floors + apart, floors)
    [row] = above_floor(rows_of(FloorChunks, records[::-1]), Neighbours(0.0))
    truth = stats.ttest_1samp(apart / 100, 0)
    ends = truth.confidence_interval(0.95)
    assert row.p == pytest.approx(truth.pvalue, rel=1e-6) and row.p_adjusted == row.p
    assert [row.low, row.high] == pytest.approx([ends.low, ends.high], rel=1e-4)
    assert row.verdict == "above_floor" and (row.chunks, row.n) == (20, 2000)


def test_below_the_floor_is_not_above_it():
    rng = np.random.default_rng(0)
    floors = 5 + rng.random(20)
    same, below = chunk_rows("same", floors, floors), chunk_rows("below", rng.random(20), floors)
    few = chunk_rows("few", floors[:3] + 9, floors[:3])
    found = above_floor(rows_of(FloorChunks, same + below + few), Neighbours(0.3))
    said = {row.quant_id: (row.verdict, row.reason) for row in found}
    assert said == {
        "below": ("not_above_floor", None),
        "few": ("too_few_chunks", "fewer than 4 chunks"),
        "same": ("not_above_floor", "the figure is the same on every chunk"),
    }


@pytest.mark.parametrize("chunks", [4, 8])
def test_quants_at_the_floor_are_rarely_called_above(chunks):
    """Heavy tails, few chunks: of 400 worlds of five quants at most 5 % have a wrong word."""
    rng, wrong, right = np.random.default_rng(5), 0, 0
    for _ in range(400):
        klds = np.exp(rng.normal(0, 0.8, (7, chunks)))
        records = [row for k in range(5) for row in chunk_rows(f"q{k}", klds[k], klds[5])]
        records += chunk_rows("far", 30 * klds[6], klds[5])
        found = above_floor(rows_of(FloorChunks, records), Neighbours(0.3))
        wrong += any(row.verdict == "above_floor" for row in found if row.quant_id != "far")
        right += any(row.verdict == "above_floor" for row in found if row.quant_id == "far")
    assert wrong <= 20 and (chunks == 4 or right > 40)
