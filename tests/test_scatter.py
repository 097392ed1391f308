"""REML with known noise and the slope under it, against a second route: error contrasts."""

import numpy as np
import pytest
from scipy import linalg, optimize, stats

from qwh.kernels.statistics.quants import scatter

KLD = np.array([0.001, 0.004, 0.012, 0.002, 0.006, 0.015, 0.003, 0.020])
FAMILIES = np.array([0, 0, 0, 1, 1, 1, 2, 2])
FALLING = np.array([0.702, 0.699, 0.690, 0.700, 0.697, 0.688, 0.693, 0.689])
MIXED = np.array([0.702, 0.701, 0.699, 0.691, 0.693, 0.690, 0.698, 0.696])
SAME = 1.0 * (FAMILIES[:, None] == FAMILIES)
NOISE = 4e-6 * (0.3 + 0.4 * SAME + 0.3 * np.eye(8))


@pytest.mark.parametrize(
    ("y", "noise", "wanted"),
    [
        (FALLING, NOISE, (-0.00189269, -4.09367, 4.59634, 0.0112206, 0, 7.49709e-6)),
        (MIXED, NOISE, (-0.00037617, -1.87089, 4.02604, 0.134230, 1.87742e-5, 3.34468e-7)),
        (FALLING, 0 * NOISE, (None, -4.27502, 4.85667, None, 0, None)),
    ],
)
def test_the_slope_has_its_known_answers(y, noise, wanted):
    found = scatter.slope(stats.rankdata(KLD), y, noise, FAMILIES)
    figures = (found.slope, found.t, found.df, found.p, found.fit.family, found.fit.own)
    for figure, known, within in zip(figures, wanted, (1e-4, 1e-4, 1e-4, 1e-3, 0.01, 0.01)):
        assert known is None or figure == pytest.approx(known, rel=within, abs=1e-12)


@pytest.mark.parametrize("y", [FALLING, MIXED])
def test_error_contrasts_give_the_same_likelihood_t_and_degrees(y):
    design = np.column_stack([np.ones(8), stats.rankdata(KLD)])
    contrasts = linalg.null_space(design.T)

    def total(own: float, family: float) -> np.ndarray:
        return NOISE + own * np.eye(8) + family * SAME

    def loss(logs: np.ndarray) -> float:
        variance = contrasts.T @ total(*np.exp(logs)) @ contrasts
        return -stats.multivariate_normal(np.zeros(6), variance).logpdf(contrasts.T @ y)

    def slope_variance(own: float, family: float) -> float:
        return linalg.inv(design.T @ linalg.solve(total(own, family), design))[1, 1]

    options = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 5000}
    starts = ([-12, -12], [-13, -20], [-16, -11])
    best = min(
        (optimize.minimize(loss, s, method="Nelder-Mead", options=options) for s in starts),
        key=lambda found: found.fun,
    )
    own, family = np.exp(best.x)
    variance = total(own, family)
    normal = design.T @ linalg.solve(variance, design)
    b = linalg.solve(normal, design.T @ linalg.solve(variance, y))[1]
    phi, step = slope_variance(own, family), 1e-9
    change = np.array(
        [
            (slope_variance(own + step, family) - slope_variance(own - step, family)) / 2 / step,
            (slope_variance(own, family + step) - slope_variance(own, family - step)) / 2 / step,
        ]
    )
    inverse = linalg.inv(contrasts.T @ variance @ contrasts)
    kinds = [contrasts.T @ contrasts, contrasts.T @ SAME @ contrasts]
    information = [[np.trace(inverse @ p @ inverse @ q) / 2 for p in kinds] for q in kinds]
    df = 2 * phi**2 / (change @ linalg.inv(np.array(information)) @ change)

    found = scatter.slope(stats.rankdata(KLD), y, NOISE, FAMILIES)
    assert found.slope == pytest.approx(b, rel=1e-3)
    assert found.t == pytest.approx(b / np.sqrt(phi), rel=1e-3)
    assert found.df == pytest.approx(df, rel=1e-3)
    floor = 1e-12  # the logs of the second route never reach 0
    theirs = loss(np.log([max(found.fit.own, floor), max(found.fit.family, floor)]))
    assert theirs <= best.fun + 1e-6


def test_without_noise_and_families_it_is_ordinary_least_squares():
    x = stats.rankdata(KLD)
    for labels in (np.zeros(8), np.arange(8)):
        found = scatter.slope(x, FALLING, np.zeros((8, 8)), labels)
        line = stats.linregress(x, FALLING)
        assert found.slope == pytest.approx(line.slope, rel=1e-6)
        assert found.error == pytest.approx(line.stderr, rel=1e-4)
        assert found.df == pytest.approx(6, rel=1e-3)
        assert found.p == pytest.approx(line.pvalue, rel=1e-3)
        assert found.fit.family == 0


def test_the_order_and_the_names_of_quants_do_not_matter():
    order = np.random.default_rng(0).permutation(8)
    names = np.array(["z", "z", "z", "a", "a", "a", "m", "m"])
    found = scatter.slope(KLD, MIXED, NOISE, FAMILIES)
    dealt = scatter.slope(KLD[order], MIXED[order], NOISE[np.ix_(order, order)], names[order])
    assert dealt[:5] == pytest.approx(found[:5], rel=1e-6)


def test_labels_divide_only_if_some_are_related_and_some_are_not():
    assert scatter.divides(FAMILIES)
    assert not scatter.divides(np.zeros(8))
    assert not scatter.divides(np.arange(8))


def test_quants_without_a_flip_leave_the_slope_finite():
    noise = NOISE.copy()
    noise[0] = noise[:, 0] = 0
    noise[1] = noise[:, 1] = 0
    found = scatter.slope(KLD, FALLING, noise, FAMILIES)
    assert np.isfinite(found[:5]).all()


def test_the_scatter_is_the_same_however_strong_the_slope():
    rng = np.random.default_rng(3)
    family = np.repeat(np.arange(8), 4)
    noise = 1e-6 * (0.3 + 0.4 * (family[:, None] == family) + 0.3 * np.eye(32))
    x = rng.standard_normal(32)
    design = np.column_stack([np.ones(32), x])
    for own_sd, family_sd in ((0.001, 0.004), (0.0, 0.003), (0.004, 0.0)):
        y = family_sd * rng.standard_normal(8)[family] + own_sd * rng.standard_normal(32)
        y += np.linalg.cholesky(noise) @ rng.standard_normal(32)
        gentle = scatter.fitted(y, design, noise, family)
        strong = scatter.fitted(y + 5 * x, design, noise, family)
        assert strong.family == pytest.approx(gentle.family, rel=0.01, abs=1e-9)
        assert strong.own == pytest.approx(gentle.own, rel=0.01, abs=1e-9)
        grid = [0.0, *np.geomspace(1e-8, 1e-3, 26)]
        lowest = min(restricted(y, design, noise, family, a, b) for a in grid for b in grid)
        ours = restricted(y, design, noise, family, gentle.own, gentle.family)
        assert ours <= lowest + 1e-4


def restricted(y, design, noise, family, own: float, between: float) -> float:
    """Negative likelihood of the error contrasts."""
    contrasts = linalg.null_space(design.T)
    total = noise + own * np.eye(len(y)) + between * (family[:, None] == family)
    inside = contrasts.T @ total @ contrasts
    return -stats.multivariate_normal(np.zeros(len(inside)), inside).logpdf(contrasts.T @ y)
