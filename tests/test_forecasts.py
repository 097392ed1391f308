"""What forecasts pass/fail: SciPy's rho over splits made here, errors in closed form, reasons."""

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr
from scored_rows import family_rows, measured_rows, scored_rows

from qwh.kernels.statistics.left_out import Left, errors, spread
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.rho_contrasts import contrasts
from qwh.kernels.statistics.scores.forecasters import Scored
from qwh.kernels.statistics.scores.forecasting import Splits
from qwh.kernels.statistics.scores.forecasts import forecast_differences, forecasts

SETTINGS = Splits(n_splits=400, n_tosses=199, fewest_quants=8, seed=1)
FAMILIES = [0, 0, 1, 1, 2, 2, 3, 3, 4, 5]


def world(quants=10, prompts=90, seed=0, noise=1.0):
    """Gains by pass/fail and by a score that does not flip, and a KLD: all go with one truth."""
    rng = np.random.default_rng(seed)
    truth = np.linspace(-1, 0, quants)
    gains = np.clip(
        np.round(0.3 * truth[:, None] + noise * rng.standard_normal((quants, prompts)) / 2), -1, 1
    )
    soft = 0.1 * truth[:, None] + 0.1 * noise * rng.standard_normal((quants, prompts))
    return {"answered": gains, "expected@1": soft}, {
        "kld": 0.01 - 0.005 * truth + 0.002 * rng.random(quants)
    }


def by_hand(one, other, benchmarks, texts, splits, seed):
    """Mean rho of `one`'s mean over benchmarks on a half with `other`'s on the other half."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(splits):
        halves = [[], []]
        for name in sorted(set(benchmarks)):
            inside = [n for n, of in enumerate(benchmarks) if of == name]
            kinds = sorted({texts[n] for n in inside})
            first = set(rng.permutation(kinds)[: len(kinds) // 2])
            for side, chosen in enumerate((True, False)):
                halves[side].append([n for n in inside if (texts[n] in first) == chosen])
        for a, b in ((0, 1), (1, 0)):
            x = np.mean([one[:, part].mean(1) for part in halves[a]], axis=0)
            y = np.mean([other[:, part].mean(1) for part in halves[b]], axis=0)
            found.append(spearmanr(np.round(x, 12), np.round(y, 12)).statistic)
    return np.mean(found), np.std(found) / np.sqrt(splits)


def row(found, name, other=None):
    return next(
        each for each in found if each.forecaster == name and getattr(each, "other", None) == other
    )


def test_rho_is_scipys_over_splits_made_here():
    gains, kld = world()
    benchmarks = ["a"] * 30 + ["b"] * 60
    texts = [f"{n // 2:03}" if n < 30 else f"{n:03}" for n in range(90)]
    labels = family_rows({"declared": FAMILIES})
    rows = scored_rows(gains, benchmarks, texts), measured_rows(kld)
    found = forecasts(*rows, labels, SETTINGS)
    assert [each.forecaster for each in found] == ["answered", "expected@1", "kld"]
    target = gains["answered"]
    for name, values in (*gains.items(), ("kld", -np.tile(kld["kld"][:, None], 90))):
        mean, error = by_hand(values, target, benchmarks, texts, 1_000, seed=7)
        assert row(found, name).rho == pytest.approx(mean, abs=3 * error + 0.01)
        if name != "kld":
            mean, error = by_hand(values, values, benchmarks, texts, 1_000, seed=8)
            assert row(found, name).own == pytest.approx(mean, abs=3 * error + 0.01)
    assert row(found, "kld").own is None
    assert row(found, "answered").rho == pytest.approx(row(found, "answered").own)
    assert row(found, "kld").ceiling == pytest.approx(np.sqrt(row(found, "answered").own))
    assert all(each.prompts == 90 and each.n == 10 for each in found)


def test_differences_are_those_of_the_rhos_and_change_sign_with_the_order():
    gains, kld = world(noise=0.7)
    rows = scored_rows(gains), measured_rows(kld), family_rows({"declared": FAMILIES}), SETTINGS
    rhos = {each.forecaster: each.rho for each in forecasts(*rows)}
    found = forecast_differences(*rows)
    assert [(each.forecaster, each.other) for each in found] == [
        ("expected@1", "answered"),
        ("kld", "answered"),
        ("expected@1", "kld"),
    ]
    for each in found:
        assert each.difference == pytest.approx(rhos[each.forecaster] - rhos[each.other], abs=1e-12)
        assert each.low <= each.difference <= each.high


def test_rows_in_another_order_say_the_same():
    gains, kld = world()
    rows = scored_rows(gains)
    order = np.random.default_rng(3).permutation(len(rows[0])).tolist()
    mixed = rows_of(
        Scored, [dict(zip(rows._fields, (column[k] for column in rows))) for k in order]
    )
    rest = measured_rows(kld), family_rows({"declared": FAMILIES}), SETTINGS
    assert forecasts(rows, *rest) == forecasts(mixed, *rest)


def test_a_measurement_and_a_loss_are_forecasts_where_larger_is_worse():
    truth = np.linspace(0, 1, 9)[:, None]
    gains = {"answered": -truth * np.ones(20), "loss": -3 * truth * np.ones(20)}
    found = forecasts(
        scored_rows(gains), measured_rows({"kld": truth[:, 0], "wrong": -truth[:, 0]}),
        family_rows({"declared": range(9)}), SETTINGS,
    )  # fmt: skip
    assert {each.forecaster: each.rho for each in found} == pytest.approx(
        {"answered": 1, "loss": 1, "kld": 1, "wrong": -1}
    )


def test_the_errors_of_a_mean_over_quants_are_those_of_clustered_means():
    """A mean over quants of figures that families share: the jackknife has a closed form."""
    rng = np.random.default_rng(5)
    family = np.repeat(np.arange(6), 3)
    values = rng.standard_normal(6)[family] + rng.standard_normal(18)
    without = np.array([values[family != f].mean() for f in range(6)])
    moved = np.zeros((20, 1, 18))
    left = Left(np.array([values.mean()]), without[:, None], moved, family)
    error = np.array([values[family == f].mean() for f in range(6)]).std(ddof=1) / np.sqrt(6)
    assert spread(left).error[0] == pytest.approx(error)
    assert errors(left)[0][0] == pytest.approx(error) and errors(left)[1][0] == pytest.approx(5)


def test_prompts_that_move_all_families_alike_add_to_the_error():
    """Each group of texts moves the figure through every family by the same."""
    shift = np.random.default_rng(6).standard_normal(20)
    shift -= shift.mean()
    moved = np.tile(shift[:, None, None], (1, 1, 6)) / 6
    left = Left(np.zeros(1), np.zeros((6, 1)), moved, np.arange(6))
    shared = (shift**2).sum() * 19 / 20
    assert errors(left)[0][0] == pytest.approx(np.sqrt(shared * (1 - 1 / 6)))


def test_the_widest_labelling_counts_and_too_few_families_have_no_interval():
    gains, kld = world(noise=0.8)
    rows = scored_rows(gains), measured_rows(kld)
    labels = {"declared": FAMILIES, "gains": list(range(10))}
    both = forecasts(*rows, family_rows(labels), SETTINGS)
    apart = [forecasts(*rows, family_rows({name: of}), SETTINGS) for name, of in labels.items()]
    for each, *alone in zip(both, *apart):
        widths = [other.high - other.low for other in alone]
        assert each.high - each.low == pytest.approx(max(widths))
        assert each.p == pytest.approx(max(other.p for other in alone))
    assert {each.verdict for each in apart[1]} <= {"undeclared", "cannot_tell"}
    few = forecasts(*rows, family_rows({"declared": [0] * 5 + [1] * 5}), SETTINGS)
    assert {each.verdict for each in few} == {"no_interval"}
    assert few[0].low is None and few[0].rho == both[0].rho and "2 of 3" in few[0].reason


def test_what_lacks_prompts_or_quants_is_compared_on_what_both_have():
    gains, kld = world(quants=12, prompts=60)
    gains["expected@1"][:, 40:] = np.nan
    kld["late"] = np.where(np.arange(12) < 9, kld["kld"], np.nan)
    rows = (
        scored_rows(gains), measured_rows(kld), family_rows({"declared": range(12)}), SETTINGS
    )  # fmt: skip
    found = forecasts(*rows)
    asked = {each.forecaster: (each.n, each.prompts) for each in found}
    assert asked == {"answered": (12, 60), "expected@1": (12, 40), "kld": (12, 60), "late": (9, 60)}
    fewer = {name: of[:, :40] for name, of in gains.items()}
    alone = forecast_differences(scored_rows(fewer), *rows[1:])
    wanted = row(alone, "expected@1", "kld").difference
    assert row(forecast_differences(*rows), "expected@1", "kld").difference == wanted


def test_reasons_of_what_has_no_figure():
    gains, kld = world(quants=9)
    labels = family_rows({"declared": range(9)})
    same = forecasts(
        scored_rows({"answered": np.zeros((9, 20))}), measured_rows(kld), labels, SETTINGS
    )  # fmt: skip
    assert {(each.rho, each.verdict) for each in same} == {(None, "no_figure")}
    assert same[0].reason == "one side is the same for every quant"
    only = {"expected@1": gains["expected@1"]}
    assert forecasts(scored_rows(only), measured_rows(kld), labels, SETTINGS) == []
    tiny = forecasts(
        scored_rows({"answered": gains["answered"][:, :3]}), measured_rows(kld), labels, SETTINGS
    )
    assert {(each.prompts, each.verdict) for each in tiny} == {(0, "no_figure")}
    few = forecasts(
        scored_rows({"answered": gains["answered"][:4]}), measured_rows({"kld": kld["kld"][:4]}),
        labels, SETTINGS,
    )  # fmt: skip
    assert {each.verdict for each in few} == {"too_few"}


def test_halves_that_disagree_set_no_ceiling():
    wave = np.tile([1.0, -1.0], 20) * np.linspace(0, 1, 9)[:, None]
    found = forecasts(
        scored_rows({"answered": wave}), measured_rows({"kld": np.arange(9.0)}),
        family_rows({"declared": range(9)}), SETTINGS,
    )  # fmt: skip
    assert found[0].own < 0 and found[0].ceiling is None and "no ceiling" in found[0].reason


def test_a_difference_that_is_refused_has_an_interval_that_ends_at_nought():
    """Two rhos near 1 that always move together: the test of Fisher's z and the interval agree."""
    rng = np.random.default_rng(9)
    together = rng.standard_normal((12, 1)) * [0.03, 0.031] + 0.0005 * rng.standard_normal((12, 2))
    rho = np.array([0.95, 0.93])
    left = Left(rho, rho + together / 11, np.zeros((20, 2, 12)), np.arange(12))
    draws = rng.standard_normal((999, 1))
    found = contrasts(rho, spread(left), [(0, 1)], draws)
    assert (found.p[0] <= 0.05) == (found.low[0] >= 0)
    back = contrasts(rho, spread(left), [(1, 0)], draws)
    assert back.low[0] == pytest.approx(-found.high[0]) and back.p[0] == pytest.approx(found.p[0])


def test_ranks_of_halves_are_scipys():
    from qwh.kernels.statistics.scores.halved import standard_ranks

    values = np.random.default_rng(2).integers(0, 4, (5, 7)).astype(float)
    ranks = np.array([rankdata(each) - 4 for each in values])
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    assert standard_ranks(values) == pytest.approx(ranks / length)
    assert not standard_ranks(np.ones(7)).any()
