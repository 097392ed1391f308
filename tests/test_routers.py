"""KLD as a router between quants and models: counted by hand, judged by SciPy, adjusted over all
pairs at once.
"""

from itertools import combinations

import numpy as np
import pytest
from plain import plain
from scipy import stats as scipy_stats

from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.prompts.routers import KINDS, Coins, Routed, Router, routers

COINS = Coins(0.5, 1999, 1)
GROUPS = np.repeat(["a", "b", "c"], 200)
N = len(GROUPS)


def world(effect: float, hardness: float, quants: int = 3, seed: int = 0) -> tuple:
    """KLD and scores [q, n]: ln KLD = hardness + noise; failure by hardness, and by KLD itself as
    far as effect goes.
    """
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=N) + np.repeat([-1.0, 0.0, 1.0], 200)
    own = rng.normal(size=(quants, N))
    failed = rng.random((quants, N)) < 1 / (1 + np.exp(-1.5 * hard - effect * own))
    return np.exp(-4 + hardness * hard + 0.6 * own), (~failed).astype(float)


def records(kld: np.ndarray, score: np.ndarray, texts: int = N, pool: str = "pool") -> list[dict]:
    return [
        {
            "pool_id": pool,
            "cohort_id": "c",
            "quant_id": f"q{quant:02}",
            "prompt_id": f"p{k:04}",
            "kind_of_task": GROUPS[k],
            "text_id": f"t{k % texts:04}",
            "kld": kld[quant, k],
            "score": score[quant, k],
        }
        for quant in range(len(kld))
        for k in range(kld.shape[1])
        if np.isfinite(kld[quant, k])
    ]


def routed(some: list[dict], coins: Coins = COINS) -> dict[tuple, Router]:
    rows = routers(rows_of(Routed, some), coins)
    return {(row.quant_id, row.other_quant_id, row.kind): row for row in rows}


def counted(values: np.ndarray, passed: np.ndarray) -> tuple[int, int, int]:
    """(prompts routed right, prompts that divide with unequal values, ties) by hand."""
    right = total = ties = 0
    for a, b, x, y in zip(*values, *passed):
        if x != y and a == b:
            ties += 1
        elif x != y:
            total, right = total + 1, right + ((a < b) == (x > y))
    return right, total, ties


def test_routers_are_counted_where_one_model_is_right():
    kld, score = world(1.0, 0.5)
    kld[1] *= 10
    kld = kld.round(4)
    found = routed(records(kld, score))
    within = np.empty_like(kld)
    for group in "abc":
        within[:, group == GROUPS] = scipy_stats.rankdata(kld[:, group == GROUPS], axis=1)
    values = {"raw": kld, "ranked": scipy_stats.rankdata(kld, axis=1), "within": within}
    for (a, b), kind in ((pair, kind) for pair in combinations(range(3), 2) for kind in KINDS):
        row = found[f"q{a:02}", f"q{b:02}", kind]
        right, total, ties = counted(values[kind][[a, b]], score[[a, b]])
        test = scipy_stats.binomtest(right, total)
        ends = test.proportion_ci(method="wilson")
        assert (row.disagreements, row.ties) == (total + ties, ties)
        assert (row.figure, row.p) == pytest.approx((right / total, test.pvalue))
        assert (row.low, row.high) == pytest.approx((ends.low, ends.high))
        assert row.gain == pytest.approx(row.figure - row.better)
        assert row.gain_low <= row.gain <= row.gain_high
        if kind == "raw":
            first = row.first_right, row.disagreements - row.first_right
            assert row.better == pytest.approx(max(first) / sum(first), abs=ties / total)
    raw, ranked = (found["q00", "q01", kind] for kind in ("raw", "ranked"))
    assert ranked.figure > raw.figure  # one model's scale no longer decides


def test_rows_in_any_order_give_one_answer():
    some = records(*world(1.0, 0.5))
    order = np.random.default_rng(1).permutation(len(some))
    assert routed([some[k] for k in order]) == routed(some)


def test_verdicts_use_p_adjusted_over_all_pairs():
    """Max-T lies between a pair's own p and Bonferroni's, and knows copies of one pair."""
    kld, score = world(0.7, 0.5, quants=8)
    found = routed(records(kld, score))
    told = {row.verdict for row in found.values()}
    for row in found.values():
        assert row.p <= row.p_adjusted and row.p_adjusted <= max(28 * row.p, 28 / 2000) + 0.05
        word = "above_half" if row.figure > 0.5 else "below_half"
        if row.verdict != "beats_both":
            assert row.verdict == (word if row.p_adjusted <= 0.05 else "cannot_tell")
    assert "above_half" in told
    twins = np.tile([0, 1], 8)
    copies = routed(records(kld[twins], score[twins]))
    alone = routed(records(kld[:2], score[:2]))
    one, many = (rows["q00", "q01", "ranked"] for rows in (alone, copies))
    assert many.p_adjusted == pytest.approx(one.p_adjusted, abs=0.01)


def test_what_could_have_told_is_found_four_times_of_five():
    rng = np.random.default_rng(3)
    kld, score = rng.random((2, 400)), (rng.random((2, 400)) < 0.5).astype(float)
    row = routed(records(kld, score, 400))["q00", "q01", "raw"]
    n = row.disagreements
    critical = scipy_stats.norm.isf(0.025) / (2 * np.sqrt(n))
    found = scipy_stats.binom.sf((0.5 + critical) * n, n, row.detectable)
    assert found == pytest.approx(0.8, abs=0.06)


def test_a_useless_router_is_no_word():
    """Hard prompts raise KLD and failure of all quants together: any word is wrong."""
    wrong = []
    for seed in range(60):
        kld, score = world(0.0, 1.0, quants=5, seed=seed)
        rows = routed(records(kld, score), Coins(0.5, 499, seed)).values()
        wrong.append(any(row.verdict != "cannot_tell" for row in rows if row.kind == "ranked"))
    assert scipy_stats.binomtest(sum(wrong), 60, 0.05, alternative="greater").pvalue > 0.01


def test_the_published_router_needs_two_hundred_disagreements():
    p = [scipy_stats.binomtest(round(0.423 * n), n).pvalue for n in (150, 200)]
    assert p[0] > 0.05 > p[1]


@pytest.mark.parametrize("divided", [0, 4])
def test_few_divided_prompts_are_a_reason(divided):
    kld, score = np.random.default_rng(7).random((2, N)), np.ones((2, N))
    score[0, :divided] = 0
    for row in routed(records(kld, score)).values():
        assert row.verdict == "too_few" and plain(row._asdict())
        assert row.reason == f"5 prompts needed that divide the two models, {divided} found"


def test_missing_and_equal_values_are_left_out():
    kld, score = world(1.0, 0.5)
    kld[0, ::2], kld[1, :150] = np.nan, 1.0
    kld[2] = 1.0
    found = routed(records(kld, score))
    assert plain([row._asdict() for row in found.values()])
    row = found["q00", "q01", "raw"]
    both = np.isfinite(kld[:2]).all(0)
    assert row.disagreements == (score[0] != score[1])[both].sum()
    kld[1] = 1.0
    tied = routed(records(kld, score))["q01", "q02", "raw"]
    assert tied.ties == tied.disagreements and tied.reason.endswith(
        "unequal values needed, 0 found"
    )


def test_pools_are_compared_within_and_adjusted_together():
    kld, score = world(1.0, 0.5)
    some = [*records(kld, score, pool="one"), *records(kld[:2], score[:2], pool="two")]
    rows = routers(rows_of(Routed, some), COINS)
    assert len(rows) == (3 + 1) * len(KINDS)
    assert routers(rows_of(Routed, []), COINS) == []
