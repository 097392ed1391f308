"""Tango's score test over several benchmarks: against its single-benchmark form, and against the
constrained likelihood maximised by SciPy.
"""

import numpy as np
import pytest
from scipy import optimize
from scipy.stats import norm

from qwh.kernels.statistics.answers import Sheet
from qwh.kernels.statistics.scores import paired, stratified
from qwh.kernels.statistics.texts import Prompts

COUNTS = [(5, 12, 400), (0, 0, 50), (0, 3, 50), (4, 0, 50), (25, 25, 50), (50, 0, 50), (0, 9, 9)]


def made(leapfrogs, drops, prompts, weight) -> stratified.Tables:
    """Rows of counts [m, b] whose scores are 0 or 1."""
    gained, lost, n, share = (
        np.atleast_2d(np.asarray(part, float)) for part in (leapfrogs, drops, prompts, weight)
    )
    return stratified.Tables(gained, lost, n, share, np.ones_like(gained), (gained + lost) / n)


def asked(sizes: list[int], weights: list[float], copies: int = 1) -> Sheet:
    """The prompts of benchmarks of so many texts, each text asked so often."""
    groups = [f"b{k}" for k, size in enumerate(sizes) for _ in range(size * copies)]
    texts = [str(item // copies) for item in range(len(groups))]
    named = {f"b{k}": weight for k, weight in enumerate(weights)}
    return Sheet(
        [], np.zeros((0, len(groups))), np.zeros(len(groups)), Prompts(groups, texts), named
    )


@pytest.mark.parametrize("counts", COUNTS)
def test_one_benchmark_is_tangos(counts):
    found = made(*([value] for value in counts), [1])
    low, high = paired.difference_interval(*counts)
    assert [part[0] for part in stratified.interval(found)] == pytest.approx([low, high], abs=1e-9)
    for difference in (-0.1, 0.02):
        z = paired.score_z(*counts, difference)
        assert stratified.score_z(found, difference)[0] == pytest.approx(z, rel=1e-9)


def likeliest(gained, lost, n, weight, difference) -> float:
    """The score statistic at shares that SciPy finds the likeliest under the constraint."""
    b, same = len(n), n - gained - lost

    def unlikely(shares):
        up, down = np.maximum(shares[:b], 1e-9), np.maximum(shares[b:], 1e-9)
        return -(
            gained @ np.log(up)
            + lost @ np.log(down)
            + same @ np.log(np.maximum(1 - up - down, 1e-9))
        )

    def excess(shares):
        return weight @ (shares[:b] - shares[b:]) - difference

    start = np.concatenate([(gained + 0.5) / n, (lost + 0.5) / n])
    found = optimize.minimize(
        unlikely,
        start,
        constraints=[{"type": "eq", "fun": excess}],
        bounds=[(1e-9, 0.9)] * (2 * b),
        method="SLSQP",
        options={"maxiter": 900, "ftol": 1e-14},
    )
    up, down = found.x[:b], found.x[b:]
    variance = (weight**2 * (up + down - (up - down) ** 2) / n).sum()
    return (weight @ ((gained - lost) / n) - difference) / np.sqrt(variance)


def test_several_benchmarks_are_the_constrained_likelihoods():
    rng, n = np.random.default_rng(0), np.array([40.0, 60, 164, 300])
    weight = np.array([0.4, 0.3, 0.2, 0.1])
    for _ in range(8):
        gained, lost = rng.integers(1, 9, (2, 4)).astype(float)
        found = made([gained], [lost], [n], [weight])
        for difference in (-0.06, -0.02, 0.07):
            z = likeliest(gained, lost, n, weight, difference)
            assert stratified.score_z(found, difference)[0] == pytest.approx(z, rel=1e-4, abs=1e-4)
        low, high = (end[0] for end in stratified.interval(found))
        for end, side in ((low, 1), (high, -1)):
            z = side * likeliest(gained, lost, n, weight, end)
            assert z == pytest.approx(norm.ppf(0.975), rel=1e-3)


def test_half_a_prompt_is_taken_off():
    z = norm.isf(stratified.not_inferior(made([5], [12], [400], [1]), 0.03)[0])
    gap = (5 - 12) / 400 + 0.03
    assert z == pytest.approx(paired.score_z(5, 12, 400, -0.03) * (1 - 0.5 / 400 / gap), rel=1e-9)
    uneven = made([5, 1], [6, 9], [40, 400], [0.5, 0.5])
    z = norm.isf(stratified.not_inferior(uneven, 0.05)[0])
    prompt, gap = 0.25 / 40 + 0.25 / 400, uneven.difference[0] + 0.05
    assert z == pytest.approx(stratified.score_z(uneven, -0.05)[0] * (1 - prompt / 2 / gap))
    both = stratified.equivalent(made([5], [12], [400], [1]), 0.03)[0]
    assert both == stratified.not_inferior(made([5], [12], [400], [1]), 0.03)[0]


def test_copies_of_every_text_say_what_one_says():
    rng = np.random.default_rng(1)
    gains = rng.choice([-1.0, 0, 1], (3, 100), p=[0.1, 0.8, 0.1])
    once = stratified.tables(gains, asked([40, 60], [2, 1]))
    often = stratified.tables(np.repeat(gains, 3, axis=1), asked([40, 60], [2, 1], 3))
    for one, other in zip(once, often):
        np.testing.assert_allclose(other, one, rtol=1e-9)


def test_counts_keep_mean_and_spread_of_graded_gains_and_leave_out_what_is_missing():
    rng = np.random.default_rng(2)
    gains = rng.choice([-0.5, -0.2, 0, 0, 0, 0.2, 0.4], (4, 90))
    gains[0, :40] = np.nan
    gains[1, ::7] = np.nan
    found = stratified.tables(gains, asked([40, 50], [1, 3]))
    means = [[np.nanmean(row[:40]), np.nanmean(row[40:])] for row in gains[1:]]
    assert found.difference[0] == pytest.approx(gains[0, 40:].mean())
    assert found.difference[1:] == pytest.approx(np.array(means) @ [0.25, 0.75])
    square = found.jump[1:] ** 2 * (found.leapfrogs + found.drops)[1:] / found.prompts[1:]
    truth = [[np.nanmean(row[:40] ** 2), np.nanmean(row[40:] ** 2)] for row in gains[1:]]
    assert square == pytest.approx(np.array(truth))
    binary = stratified.tables(np.sign(gains[2:]), asked([40, 50], [1, 3]))
    assert (binary.jump == 1).all() and binary.prompts.tolist() == [[40, 50]] * 2
    assert binary.leapfrogs[0].tolist() == [(gains[2, :40] > 0).sum(), (gains[2, 40:] > 0).sum()]
