"""Which way a zone leans against counts written here, SciPy's Wilson interval, least squares, and
planted worlds.
"""

import math

import hall
import numpy as np
import pytest
from answer_rows import answer_rows, shuffled
from scipy import stats

from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.zone import zone_direction as kernel

SETTINGS = kernel.Tosses(n_tosses=4_999, seed=1)
SHARE, CHANGE = kernel.KINDS


def members(klds, rule="kld_max", threshold=0.02, by_score=False):
    return [
        {
            "zone_rule": rule,
            "threshold": threshold,
            "by_score": by_score,
            "quant_id": f"q{k:02}",
            "kld": kld,
        }
        for k, kld in enumerate(klds)
    ]


def directions(zones, gains, **how):
    rows = kernel.zone_directions(
        rows_of(kernel.Members, zones), answer_rows(gains, **how), SETTINGS
    )
    return {(row.zone_rule, row.threshold, row.kind): row for row in rows}


def world(rng, quants, prompts, share, shared=0.7):
    """Gains of quants that flip one prompt in ten; a leapfrog with this share, [q] or one."""
    common, own = (
        np.where(
            rng.random((rows, prompts)) < 0.1,
            np.where(rng.random((rows, prompts)) < np.reshape(share, (-1, 1)), 1.0, -1.0),
            0.0,
        )
        for rows in (1 if np.ndim(share) == 0 else quants, quants)
    )
    return np.where(rng.random((quants, prompts)) < shared, common, own)


def test_one_quant_is_its_improvement_share_with_wilsons_interval():
    gains = np.r_[np.ones(8), -np.ones(30), np.zeros(462)]
    row = directions(members([0.01]), gains)["kld_max", 0.02, SHARE]
    assert (row.n, row.texts, row.disagreements) == (1, 38, 38) and row.figure == 8 / 38
    z, coins = stats.t.ppf(0.975, 37), 37
    centre = (8 / 38 + z**2 / (2 * coins)) / (1 + z**2 / coins)
    half = z / (1 + z**2 / coins) * math.sqrt(8 * 30 / 38**2 / coins + z**2 / (4 * coins**2))
    assert (row.low, row.high) == pytest.approx((centre - half, centre + half))
    wilson = stats.binomtest(8, 38).proportion_ci(method="wilson")
    assert (row.low, row.high) == pytest.approx((wilson.low, wilson.high), abs=0.01)
    assert row.p == row.p_adjusted == pytest.approx(stats.binomtest(8, 38).pvalue, abs=0.002)
    assert row.verdict == "loses"


def graded(seed, quants=8, prompts=200, lean=-0.01):
    """Small graded gains, which relatives share in part."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(lean, 0.05, (1, prompts)), rng.normal(lean, 0.03, (quants, prompts))
    return 0.5 * common + own


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_graded_gains_have_the_interval_of_a_ratio_of_texts(scale):
    gains, texts = scale * graded(5), [f"{k // 2:03}" for k in range(200)]
    row = directions(members([0.01] * 8), gains, texts=texts)["kld_max", 0.02, SHARE]
    won, total = {}, {}
    for quant in gains:
        for text, gain in zip(texts, quant):
            won[text] = won.get(text, 0.0) + max(gain, 0.0)
            total[text] = total.get(text, 0.0) + abs(gain)
    whole, n = sum(total.values()), len(total)
    share = sum(won.values()) / whole
    error = {
        of: math.sqrt(n / (n - 1) * sum((won[k] - of * total[k]) ** 2 for k in won)) / whole
        for of in (share, 0.5)
    }
    without = [(sum(won.values()) - won[k]) / (whole - total[k]) for k in won]
    jackknife = math.sqrt((n - 1) * np.var(without))
    assert error[share] == pytest.approx(jackknife, rel=0.03)
    assert (row.figure, row.texts) == (pytest.approx(share), n)
    scale_up = math.sqrt(n / (n - 1)) / whole
    adds = {of: [(won[k] - of * total[k]) * scale_up for k in won] for of in (share, 0.5)}
    assert (row.low, row.high) == pytest.approx(hall.interval(adds[share], share))
    reach = stats.t.ppf(0.975, hall.mended(adds[0.5], 0.5, 0)[1]) + stats.norm.ppf(0.8)
    assert row.detectable == pytest.approx(reach * error[0.5])
    assert row.verdict == "loses" and row.high < 0.5 and 0.5 - share > row.detectable


def test_whole_losses_that_no_text_shows_would_undo_a_lean_and_a_change():
    rng, klds = np.random.default_rng(8), np.arange(1, 9) / 400
    up = 0.01 + rng.normal(0, 0.01, (8, 100))
    found = directions(members(klds), up)
    share = found["kld_max", 0.02, SHARE]
    assert share.p == pytest.approx((1 - up.mean()) ** 100) and share.verdict == "cannot_tell"
    assert share.low > 0.5
    down = directions(members(klds), -up)["kld_max", 0.02, SHARE]
    assert down.p < 1e-6 and down.verdict == "loses"
    for way in (1, -1):
        tilted = way * np.linspace(-0.01, 0.01, 8)[:, None] + rng.normal(0, 0.005, (8, 100))
        row = directions(members(klds), tilted)["kld_max", 0.02, CHANGE]
        size, x = np.abs(tilted), np.log2(klds)
        apart = x - np.average(x, weights=size.sum(1))
        f = np.maximum(tilted, 0).sum() / size.sum()
        moved = (apart @ (np.maximum(tilted, 0) - f * size)).sum()
        lost = f * sum(max(way * one, 0) for one in apart)  # far or near ones lose a text
        assert row.p == pytest.approx((1 - abs(moved) / lost / 100) ** 100)
        assert row.verdict == "change_cannot_tell" and min(row.low * way, row.high * way) > 0


def test_no_word_goes_against_its_own_interval():
    shown = 0
    for seed in range(40):
        gains = graded(seed, lean=-0.005)
        for row in directions(members(np.arange(1, 9) / 100), gains).values():
            neither = 0.5 if row.kind == SHARE else 0.0
            if row.verdict in ("loses", "gains", "falls", "rises"):
                shown += 1
                assert row.p_adjusted <= 0.05 and not row.low <= neither <= row.high
    assert shown >= 10


def test_equal_graded_losses_alone_have_an_interval_and_no_word():
    row = directions(members([0.01]), np.full(20, -0.1))["kld_max", 0.02, SHARE]
    z, coins = stats.t.ppf(0.975, 19), 19
    assert (row.figure, row.low) == (0.0, 0.0)
    assert row.high == pytest.approx(z**2 / coins / (1 + z**2 / coins))
    assert row.verdict == "cannot_tell"


def test_copies_of_a_quant_and_of_a_text_say_no_more_than_one():
    gains = np.r_[np.ones(4), -np.ones(12), np.zeros(100)]
    one = directions(members([0.01]), gains)["kld_max", 0.02, SHARE]
    nine = directions(members([0.01] * 9), np.tile(gains, (9, 1)))["kld_max", 0.02, SHARE]
    thrice = directions(
        members([0.01]), np.repeat(gains, 3), texts=[str(n) for n in np.repeat(range(116), 3)]
    )["kld_max", 0.02, SHARE]
    for row in (nine, thrice):
        assert (row.figure, row.texts) == (one.figure, 16)
        assert (row.low, row.high) == pytest.approx((one.low, one.high))
        assert row.p == pytest.approx(one.p, abs=0.02)


def test_the_change_is_least_squares_of_every_disagreement_on_log2_kld():
    rng = np.random.default_rng(1)
    klds = np.exp(rng.uniform(-6, -3, 9))
    gains = world(rng, 9, 300, np.full(9, 0.4))
    row = directions(members(klds), gains)["kld_max", 0.02, CHANGE]
    quant, prompt = np.nonzero(gains)
    fit = stats.linregress(np.log2(klds)[quant], gains[quant, prompt] > 0)
    assert row.figure == pytest.approx(fit.slope)
    x = np.log2(klds)[quant] - np.log2(klds)[quant].mean()
    residual = (gains[quant, prompt] > 0) - fit.intercept - fit.slope * np.log2(klds)[quant]
    texts = len(set(prompt))
    sums = np.bincount(prompt, x * residual)
    error = math.sqrt(texts / (texts - 2) * (sums**2).sum()) / (x**2).sum()
    half = stats.t.ppf(0.975, texts - 2) * error
    assert (row.low, row.high) == pytest.approx((row.figure - half, row.figure + half))
    assert row.verdict == "change_cannot_tell" and row.p_adjusted >= row.p > 0.05


def test_planted_directions_and_changes_are_found_and_none_is_where_there_is_none():
    rng = np.random.default_rng(2)
    said = {"level": [], "down": [], "change": []}
    x = np.linspace(-1, 1, 9)
    for _ in range(30):
        for name, share in (("level", 0.5), ("down", 0.3), ("change", 0.5 + 0.3 * x)):
            found = directions(members(np.exp2(x)), world(rng, 9, 800, share))
            said[name].append([found["kld_max", 0.02, kind].verdict for kind in kernel.KINDS])
    count = {name: np.array(words) for name, words in said.items()}
    assert (count["level"][:, 0] != "cannot_tell").sum() <= 5
    assert (count["level"][:, 1] != "change_cannot_tell").sum() <= 5
    assert (count["down"][:, 0] == "loses").sum() >= 25
    assert (count["down"][:, 1] != "change_cannot_tell").sum() <= 5
    assert (count["change"][:, 1] == "rises").sum() >= 25


def test_words_are_kept_where_nothing_can_be_said():
    rng = np.random.default_rng(3)
    gains = world(rng, 8, 200, 0.2)
    zones = (
        members([0.01] * 8)
        + members([0.01, 0.02, 0.03], threshold=0.01)
        + members(np.arange(1, 9) / 100, rule="score_tol", by_score=True)
    )
    found = directions(zones, gains)
    assert found["kld_max", 0.02, SHARE].verdict == "loses"
    assert found["kld_max", 0.02, CHANGE].verdict == "none"
    assert found["kld_max", 0.01, CHANGE].verdict == "too_few"
    assert found["score_tol", 0.02, SHARE].verdict == "chosen_by_score"
    assert found["score_tol", 0.02, SHARE].figure == found["kld_max", 0.02, SHARE].figure
    for row in found.values():
        if row.verdict in ("none", "too_few", "chosen_by_score"):
            assert row.p is None and row.p_adjusted is None
    silent = directions(members([0.01, 0.02]), np.zeros((2, 50)))
    assert {row.verdict for row in silent.values()} == {"none"}
    assert {row.figure for row in silent.values()} == {None}


def test_rows_may_come_in_any_order():
    rng = np.random.default_rng(4)
    gains = world(rng, 9, 120, 0.4)
    zones = members(np.exp(rng.normal(size=9))) + members(range(1, 9), rule="full", threshold=0.0)
    answers = answer_rows(gains)
    turned = [zones[k] for k in rng.permutation(len(zones))]
    one, other = (
        kernel.zone_directions(rows_of(kernel.Members, zone), rows, SETTINGS)
        for zone, rows in ((zones, answers), (turned, shuffled(answers)))
    )
    assert one == other
