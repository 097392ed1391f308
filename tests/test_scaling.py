"""Powers of KLD against SciPy's fits and least squares written here, and what has no answer."""

import numpy as np
import pytest
from scipy.optimize import curve_fit, root
from scored_rows import family_rows, scored_rows

from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.zone.power_laws import Sides, log_linear, positive, signed
from qwh.kernels.statistics.zone.scaling import Scale, ZoneKlds, scaling

SETTINGS = Scale(wreck_kld=1.0, fewest_quants=8, seed=1)
KLD = np.geomspace(0.0005, 0.03, 12)
X = np.log(KLD) - np.log(KLD).mean()


def zone_rows(klds, zone=("full", 0.0)):
    return rows_of(
        ZoneKlds,
        [
            {"zone_rule": zone[0], "threshold": zone[1], "quant_id": f"q{q:02}", "kld": float(kld)}
            for q, kld in enumerate(klds)
        ],
    )


def alone(q, groups=20):
    """Nothing that prompts change; every quant its own family."""
    return Sides(np.zeros((groups, q)), ~np.eye(q, dtype=bool), np.arange(q))


def noisy(seed=0):
    """A volume and a net loss that is negative for some, with weights."""
    rng = np.random.default_rng(seed)
    volume = 0.02 * np.exp(0.5 * X + 0.2 * rng.standard_normal(12))
    net = 0.002 * np.exp(1.1 * X) + 0.002 * np.exp(0.4 * X) * rng.standard_normal(12)
    assert (net < 0).any()
    return volume, net, np.exp(-0.8 * X)


def test_a_net_loss_is_fitted_as_scipy_fits_it():
    _, net, weights = noisy()
    sides = alone(12)._replace(without=np.tile(net, (20, 1)))
    found = signed(KLD, net, weights, sides)
    (level, power), _ = curve_fit(
        lambda x, level, power: level * np.exp(power * x), X, net, (0.002, 1), weights**-0.5
    )
    assert (found.level, found.exponent) == pytest.approx((level, power), rel=2e-4)
    turned = signed(KLD, -net, weights, sides._replace(without=-sides.without))
    assert (turned.exponent, turned.low, turned.high) == pytest.approx(
        (found.exponent, found.low, found.high), nan_ok=True
    )
    assert turned.level == pytest.approx(-found.level)


def test_a_volume_solves_the_equations_of_quasi_likelihood():
    volume, _, weights = noisy()
    volume[0] = 0  # counts as any other
    level, power = log_linear(X, volume, weights)

    def left(at):
        relative = weights * (volume / np.exp(at[0] + at[1] * X) - 1)
        return relative.sum(), (relative * X).sum()

    wanted = root(left, (np.log(0.02), 0.5), tol=1e-12)
    assert wanted.success and (level, power) == pytest.approx(tuple(wanted.x), abs=1e-8)


def test_the_interval_of_a_volume_is_the_jackknifes_over_families():
    volume, _, weights = noisy()
    family = np.repeat(np.arange(6), 2)
    stays = np.arange(6)[:, None] != family
    sides = Sides(np.tile(volume, (20, 1)), stays, family)
    found = positive(KLD, volume, weights, sides)
    fewer = np.array([log_linear(X[kept], volume[kept], weights[kept])[1] for kept in stays])
    error = np.sqrt(5 / 6 * ((fewer - found.exponent) ** 2).sum())
    assert found.error == pytest.approx(error) and found.df == pytest.approx(5)
    assert found.high - found.exponent == pytest.approx(2.570582 * error, rel=1e-6)


def test_the_ends_of_a_net_loss_are_where_a_second_term_is_just_refused():
    """At an end: least squares of level curve + tilt x curve, t of the tilt by leaving out."""
    _, net, weights = noisy(seed=4)
    found = signed(KLD, net, weights, alone(12)._replace(without=np.tile(net, (20, 1))))
    assert found.low < found.exponent < found.high

    def t(power):
        curve = np.exp(power * X)
        design = np.stack([curve, X * curve], 1) * np.sqrt(weights)[:, None]
        aim = net * np.sqrt(weights)
        tilts = np.array(
            [
                np.linalg.lstsq(np.delete(design, k, 0), np.delete(aim, k), rcond=None)[0][1]
                for k in range(12)
            ]
        )
        tilt = np.linalg.lstsq(design, aim, rcond=None)[0][1]
        return abs(tilt) / np.sqrt(11 / 12 * ((tilts - tilt) ** 2).sum())

    for end in (found.low, found.high):
        assert t(end) == pytest.approx(2.200985, abs=0.01)


def changes(power, lean=0.0, seed=1, prompts=300):
    """Gains [12, n] whose size grows as KLD to a power."""
    drawn = np.random.default_rng(seed).standard_t(5, (12, prompts)) - lean
    return 0.01 * np.exp(power * X)[:, None] * drawn


def told(rows):
    return {(row.scoring, row.quantity): row for row in rows}


def test_powers_of_scores_by_benchmark_are_fitted_from_the_gains():
    gains = changes(0.5, lean=0.3)
    benchmarks = ["a"] * 200 + ["b"] * 100
    found = told(
        scaling(
            scored_rows({"expected@1": gains}, benchmarks, weights={"a": 1, "b": 3}),
            zone_rows(KLD), family_rows({"declared": range(12)}), SETTINGS,
        )
    )  # fmt: skip
    parts = [gains[:, :200], gains[:, 200:]]
    volume = sum(share * np.abs(part).mean(1) for share, part in zip((0.25, 0.75), parts))
    net = sum(share * part.mean(1) for share, part in zip((0.25, 0.75), parts))
    spread = sum(share * part.var(1) for share, part in zip((0.25, 0.75), parts)) ** 0.5
    for quantity, figure in (("volume", volume), ("spread", spread)):
        row = found["expected@1", quantity]
        plain = log_linear(X, figure, np.ones(12))
        assert row.exponent == pytest.approx(plain[1], abs=0.01)
        assert row.low < 0.5 < row.high and row.argued == 0.5 and row.verdict == "not_refused"
    row = found["expected@1", "net_loss"]
    assert row.level == pytest.approx(-net.mean(), rel=0.2) and row.argued is None
    assert row.middle_kld == pytest.approx(np.exp(np.log(KLD).mean()))


def test_right_and_wrong_has_an_argued_spread_of_its_own_and_another_power_is_refused():
    both = {"answered": changes(0.5), "expected@1": changes(0.8)}
    labels = {"declared": range(12)}
    rows = scored_rows(both), zone_rows(KLD)
    found = told(scaling(*rows, family_rows(labels), SETTINGS))
    assert found["answered", "spread"].argued == 0.25
    assert found["expected@1", "spread"].argued == found["answered", "volume"].argued == 0.5
    words = {key: row.verdict for key, row in found.items() if key[1] != "net_loss"}
    assert words == {
        ("answered", "volume"): "not_refused",
        ("answered", "spread"): "refused",
        ("expected@1", "volume"): "refused",
        ("expected@1", "spread"): "refused",
    }
    other = told(scaling(*rows, family_rows({"gains": range(12)}), SETTINGS))
    assert other["answered", "spread"].verdict == "undeclared"
    assert other["answered", "spread"].exponent == found["answered", "spread"].exponent


def test_what_has_no_answer_says_why():
    gains = {"answered": changes(0.5)}
    labels = family_rows({"declared": range(12)})

    def reasons(rows, klds, of=labels):
        return {(row.verdict, row.reason) for row in scaling(rows, zone_rows(klds), of, SETTINGS)}

    still = scored_rows({"answered": np.zeros((12, 30))})
    assert reasons(still, KLD) == {("no_fit", "the figure is 0 for every quant")}
    rows = scored_rows(gains)
    assert reasons(rows, np.full(12, 0.01)) == {("no_fit", "all quants have one KLD")}
    wrecks = np.where(np.arange(12) < 8, 2.0, KLD)
    assert reasons(rows, wrecks) == {("too_few", "5 quants needed, 4 found")}
    few = reasons(rows, KLD, family_rows({"declared": [0] * 6 + [1] * 6}))
    assert ("open", "families (declared): 2 of 3 that an interval needs") in few


def test_no_net_loss_has_no_power():
    """Prompts in pairs that undo each other: nothing is lost but by what families differ."""
    gains = changes(0.5, prompts=150)
    whole = np.concatenate([gains, -gains], 1)
    whole += 1e-5 * np.where(np.arange(12) % 2, 1, -1)[:, None]
    found = told(
        scaling(
            scored_rows({"expected@1": whole}), zone_rows(KLD),
            family_rows({"declared": range(12)}), SETTINGS,
        )
    )  # fmt: skip
    row = found["expected@1", "net_loss"]
    assert row.verdict in ("open", "no_fit") and row.reason is not None
