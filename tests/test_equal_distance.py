"""Pairs of equal KLD against signs tossed in full, counts written here, and planted worlds."""

from itertools import product

import numpy as np
import pytest
from answer_rows import answer_rows, shuffled
from scipy import stats

from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.scores import equal_distance as kernel

SETTINGS = kernel.Nearness(n_tosses=9_999, seed=1, equal_distance=1.1)
# 12 prompts: drops of four quants, and two leapfrogs; three of the quants are equally far
GAINS = np.zeros((4, 12))
GAINS[0, 0] = GAINS[1, 0] = -1
GAINS[2, :7] = GAINS[3, :8] = -1
GAINS[1, 1] = GAINS[3, 8] = 1
KLD = (0.0100, 0.0105, 0.0108, 0.05)


def distances(klds, names=None):
    return rows_of(
        kernel.Distances,
        [{"quant_id": names[k] if names else f"q{k:02}", "kld": kld} for k, kld in enumerate(klds)],
    )


def test_pairs_have_the_p_of_all_tosses():
    rows = kernel.equal_distance_pairs(distances(KLD), answer_rows(GAINS), SETTINGS)
    assert [(row.quant_id, row.other_quant_id) for row in rows] == [
        ("q00", "q01"),
        ("q00", "q02"),
        ("q01", "q02"),
    ]
    assert [row.difference for row in rows] == pytest.approx([1 / 12, -6 / 12, -7 / 12])
    assert [row.p for row in rows] == pytest.approx([1, 0.03125, 0.03125], abs=0.006)


def test_the_global_test_is_the_sum_of_squares_over_all_tosses():
    found = kernel.equal_distance(distances(KLD), answer_rows(GAINS), SETTINGS)
    apart = np.array([GAINS[1] - GAINS[0], GAINS[2] - GAINS[0], GAINS[2] - GAINS[1]])
    scale = np.sqrt((apart**2).sum(1))
    z = apart.sum(1) / np.where(scale, scale, 1)
    tossed = np.array(list(product([-1.0, 1.0], repeat=12))) @ apart.T / np.where(scale, scale, 1)
    exact = ((tossed**2).sum(1) >= (z**2).sum() - 1e-9).mean()
    assert found.statistic == pytest.approx((z**2).sum())
    assert exact == 0.03125 and found.p == pytest.approx(exact, abs=0.006)
    assert (found.pairs, found.quants, found.verdict) == (3, 3, "refused")


def test_a_pair_is_any_two_within_the_factor_and_none_beyond():
    klds = [0.01, 0.011, 0.0111, 5.0, 5.5, 0.0, 0.0, None, 1e-9]
    gains = np.zeros((9, 30))
    rows = kernel.equal_distance_pairs(distances(klds), answer_rows(gains), SETTINGS)
    wanted = {
        (f"q{a:02}", f"q{b:02}")
        for a in range(9)
        for b in range(a + 1, 9)
        if klds[a] is not None
        and klds[b] is not None
        and (
            klds[a] == klds[b]
            or (min(klds[a], klds[b]) > 0 and max(klds[a] / klds[b], klds[b] / klds[a]) < 1.1000001)
        )
    }
    assert {(row.quant_id, row.other_quant_id) for row in rows} == wanted
    assert len(wanted) == 4 and all(row.quant_id < row.other_quant_id for row in rows)
    assert all((row.p, row.verdict) == (1.0, "cannot_tell") for row in rows)


def test_names_decide_which_is_first_and_rows_may_come_in_any_order():
    names = ["z", "b", "m", "a"]
    answers = answer_rows(GAINS, quants=names)
    rows = kernel.equal_distance_pairs(distances(KLD, names), answers, SETTINGS)
    assert [(row.quant_id, row.other_quant_id) for row in rows] == [
        ("b", "m"),
        ("b", "z"),
        ("m", "z"),
    ]
    assert rows[2].difference == pytest.approx(6 / 12) and rows[2].kld == 0.0108
    again = kernel.equal_distance_pairs(
        distances(KLD[::-1], names[::-1]), shuffled(answers), SETTINGS
    )
    assert rows == again


def test_benchmarks_weigh_what_they_weigh_and_texts_are_one_unit():
    rng = np.random.default_rng(2)
    names = ["a"] * 40 + ["b"] * 100
    gains = rng.choice([-1.0, 0.0, 1.0], (2, 140), p=(0.3, 0.6, 0.1))
    weights = {"a": 3.0, "b": 1.0}
    answers = answer_rows(gains, names, weights=weights)
    [row] = kernel.equal_distance_pairs(distances([1.0, 1.0]), answers, SETTINGS)
    apart = gains[1] - gains[0]
    assert row.difference == pytest.approx(0.75 * apart[:40].mean() + 0.25 * apart[40:].mean())
    each = apart * np.r_[np.full(40, 0.75 / 40), np.full(100, 0.25 / 100)]
    draws = rng.choice([-1.0, 1.0], (40_000, 140)) @ each
    assert row.p == pytest.approx((abs(draws) >= abs(each.sum()) - 1e-12).mean(), abs=0.01)
    assert row.low < row.difference < row.high
    copies = answer_rows(
        np.repeat(gains, 3, 1),
        np.repeat(names, 3).tolist(),
        [str(n) for n in np.repeat(np.arange(140), 3)],
        weights,
    )
    [thrice] = kernel.equal_distance_pairs(distances([1.0, 1.0]), copies, SETTINGS)
    assert thrice.difference == pytest.approx(row.difference)
    assert thrice.p == pytest.approx(row.p, abs=0.012)
    assert (thrice.low, thrice.high) == pytest.approx((row.low, row.high), abs=1e-6)


def test_two_that_share_no_prompt_of_a_benchmark_are_listed_without_a_word():
    gains = np.zeros((3, 40))
    gains[0, 20:] = np.nan
    gains[1:, 3] = -1
    rows = kernel.equal_distance_pairs(
        distances([1.0, 1.0, 1.0]), answer_rows(gains, ["a"] * 20 + ["b"] * 20), SETTINGS
    )
    assert [row.verdict for row in rows] == ["no_answers", "no_answers", "cannot_tell"]
    assert rows[0].difference is None and rows[0].p is None and rows[0].p_adjusted is None
    assert (rows[2].difference, rows[2].p, rows[2].p_adjusted) == (0, 1, 1)
    none = kernel.equal_distance(distances([1.0, 2.0]), answer_rows(np.zeros((2, 9))), SETTINGS)
    assert (none.pairs, none.p, none.verdict) == (0, None, "no_pairs")
    alone = kernel.equal_distance_pairs(distances([1.0]), answer_rows(np.zeros(9)), SETTINGS)
    assert alone == []


def test_one_pair_of_many_is_found_though_tosses_are_few():
    rng = np.random.default_rng(4)
    gains = rng.choice([-1.0, 0.0, 1.0], (30, 400), p=(0.05, 0.9, 0.05))
    gains[7, :60] = -1
    klds = np.exp(np.arange(30) // 2 * 0.2)
    few = SETTINGS._replace(n_tosses=199)
    rows = kernel.equal_distance_pairs(distances(klds), answer_rows(gains), few)
    assert [row.quant_id for row in rows if row.verdict == "differ"] == ["q06"]
    adjusted = stats.false_discovery_control([row.p for row in rows])
    assert [row.p_adjusted for row in rows] == pytest.approx(adjusted)


def test_equal_worlds_are_refused_as_often_as_promised_and_unequal_ones_found():
    rng, few = np.random.default_rng(5), SETTINGS._replace(n_tosses=199)
    klds = np.exp(np.arange(8) // 4 * 0.2)
    said = {0.0: 0, 0.12: 0}
    for lost in said:
        for _ in range(25):
            shared = rng.choice([-1.0, 0.0, 1.0], (2, 200), p=(0.05, 0.9, 0.05)).repeat(4, 0)
            own = rng.choice([-1.0, 0.0, 1.0], (8, 200), p=(0.05, 0.9, 0.05))
            gains = np.where(rng.random((8, 200)) < 0.6, shared, own)
            gains[::4] = np.where(rng.random((2, 200)) < lost, -1.0, gains[::4])
            found = kernel.equal_distance(distances(klds), answer_rows(gains), few)
            said[lost] += found.verdict == "refused"
    assert said[0.0] <= 4 and said[0.12] >= 20
