"""Tossed signs and adjusted p against sums over all tosses, SciPy, and definitions written out."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from qwh.kernels.statistics import multiplicity, tosses

# -1 where the quant alone is wrong, 1 where it alone is right; 12 prompts
GAINS = np.zeros((4, 12))
GAINS[0, 0] = GAINS[1, 0] = -1
GAINS[2, :7] = GAINS[3, :8] = -1
GAINS[1, 1] = GAINS[3, 8] = 1
ALL = np.array(list(product([-1.0, 1.0], repeat=12)))
ALONE = np.arange(12)


def all_tosses(sums: np.ndarray) -> np.ndarray:
    return ALL @ sums.T / np.sqrt((sums**2).sum(1))


def without_add_one(p: np.ndarray, count: int) -> np.ndarray:
    return (p * (1 + count) - 1) / count


def test_losses_over_all_tosses_have_the_known_p():
    z = -GAINS.sum(1) / np.sqrt((GAINS**2).sum(1))
    p = multiplicity.step_down(z, -all_tosses(GAINS))
    assert without_add_one(p, 4096) == pytest.approx([0.5, 0.75, 0.0078125, 0.01953125])


def test_pairs_over_all_tosses_have_the_known_p():
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    sums = GAINS[pairs[:, 0]] - GAINS[pairs[:, 1]]
    z, null = sums.sum(1) / np.sqrt((sums**2).sum(1)), all_tosses(sums)
    raw = (np.abs(null) >= np.abs(z) - 1e-9).mean(0)
    assert raw == pytest.approx([1, 0.03125, 0.03125])
    adjusted = multiplicity.step_down(np.abs(z), np.abs(null))
    assert without_add_one(adjusted, 4096) == pytest.approx([1, 0.03125, 0.03125])
    assert ((null**2).sum(1) >= (z**2).sum() - 1e-9).mean() == 0.03125
    found, drawn = tosses.tossed(sums, ALONE, 19_999, 1)
    assert found == pytest.approx(z)
    assert tosses.two_sided_p(found, drawn) == pytest.approx(raw, abs=0.005)


def test_tosses_meet_the_sum_over_all():
    weighted = GAINS * np.linspace(0.5, 1.5, 12)
    z, null = tosses.tossed(weighted, ALONE, 40_000, 7)
    assert z == pytest.approx(weighted.sum(1) / np.sqrt((weighted**2).sum(1)))
    exact = (np.abs(all_tosses(weighted)) >= np.abs(z) - 1e-9).mean(0)
    assert (np.abs(null) >= np.abs(z) - 1e-9).mean(0) == pytest.approx(exact, abs=0.012)
    assert np.corrcoef(null.T)[2, 3] == pytest.approx(
        np.corrcoef(all_tosses(weighted).T)[2, 3], 0.02
    )


def test_items_of_one_text_are_tossed_together():
    unit = np.array([0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7])
    z, null = tosses.tossed(GAINS, unit, 20_000, 3)
    by_text = np.array([[row[unit == u].sum() for u in range(8)] for row in GAINS])
    scale = np.sqrt((by_text**2).sum(1))
    assert scale[1] == z[1] == 0  # what one item gains, another of its text loses
    assert z[[0, 2, 3]] == pytest.approx((by_text.sum(1) / np.where(scale, scale, 1))[[0, 2, 3]])
    assert set(np.round(null[:, 0], 9)) == {-1.0, 1.0}
    # 4 + 2 + 1 all one way: 2 of 8 tosses
    assert (np.abs(null[:, 2]) >= abs(z[2]) - 1e-9).mean() == pytest.approx(0.25, abs=0.01)


def test_nothing_gained_or_lost_is_no_evidence():
    z, null = tosses.tossed(np.zeros((2, 12)), ALONE, 50, 1)
    assert not z.any() and not null.any() and (tosses.two_sided_p(z, null) == 1).all()
    z, null = tosses.tossed(GAINS[[2]] * 0.1 - GAINS[[2]] * 0.1, ALONE, 50, 1)
    assert not z.any() and not null.any()
    assert tosses.toss_sums(np.zeros((2, 0)), 5, 1).shape == (5, 2)


def test_a_small_p_is_not_held_up_by_few_tosses_and_never_below_the_binomials():
    for drops, leapfrogs in ((30, 0), (40, 6), (25, 3), (60, 20), (12, 0), (8, 1)):
        row = np.repeat([-1.0, 1.0], (drops, leapfrogs))[None]
        z, null = tosses.tossed(row, np.arange(row.shape[1]), 1_999, 5)
        exact = stats.binomtest(leapfrogs, drops + leapfrogs).pvalue
        found = tosses.two_sided_p(z, null)[0]
        assert found >= exact * 0.6 and (found < 1 / 2_000 or exact > 1e-5)


def test_step_down_is_the_definition():
    rng = np.random.default_rng(2)
    null = rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5))
    observed = np.array([2.5, 0.1, 4.0, 1.0, -0.3])
    order, running, wanted = np.argsort(-observed), 0.0, {}
    for k, which in enumerate(order):
        rest = null[:, order[k:]].max(1)
        running = max(running, (1 + (rest >= observed[which]).sum()) / 401)
        wanted[which] = running
    found = multiplicity.step_down(observed, null)
    assert found == pytest.approx([wanted[k] for k in range(5)])
    shuffle = np.array([3, 0, 4, 2, 1])
    assert multiplicity.step_down(observed[shuffle], null[:, shuffle]) == pytest.approx(
        found[shuffle]
    )


def test_holm_and_benjamini_hochberg_pass_over_the_missing():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.005])
    assert multiplicity.holm(p) == pytest.approx([0.03, np.nan, 0.06, 0.06, 0.02], nan_ok=True)
    assert multiplicity.benjamini_hochberg(p) == pytest.approx(
        [0.02, np.nan, 0.04, 0.04, 0.02], nan_ok=True
    )
    observed = np.array([3.0, np.nan, 1.0])
    null = np.array([[0.0, 9.0, 0.0], [4.0, 9.0, 0.5], [1.0, 9.0, 2.0]])
    assert multiplicity.step_down(observed, null) == pytest.approx([0.5, np.nan, 0.5], nan_ok=True)
    assert not len(multiplicity.holm(np.array([])))
    for adjust in (multiplicity.holm, multiplicity.benjamini_hochberg):
        assert np.isnan(adjust(np.array([np.nan]))).all()
    assert np.isnan(multiplicity.step_down(np.array([np.nan]), np.zeros((3, 1)))).all()
