"""Paired correctness against SciPy, likelihoods maximised by hand, exact sums over all outcomes,
and planted truths.
"""

import math

import numpy as np
import pytest
from plain import plain
from scipy import optimize, special
from scipy import stats as scipy_stats

from qwh.kernels.statistics import composites, paired, resolution

MARGIN = 0.01


@pytest.mark.parametrize(
    ("leapfrogs", "drops", "p"), [(5, 0, 0.0625), (6, 0, 0.03125), (0, 6, 0.03125), (0, 0, 1.0)]
)
def test_fewer_than_six_disagreements_resolve_nothing(leapfrogs, drops, p):
    assert paired.mcnemar(leapfrogs, drops) == pytest.approx(p)


@pytest.mark.parametrize(
    ("leapfrogs", "drops", "prompts"), [(8, 30, 500), (0, 3, 40), (12, 12, 60), (7, 1, 9)]
)
def test_tangos_interval_inverts_the_score_test(leapfrogs, drops, prompts):
    def score(difference: float) -> float:
        def loss(drop: float) -> float:
            shares = drop + difference, drop, 1 - 2 * drop - difference
            return -sum(
                special.xlogy(count, max(share, 1e-300))
                for count, share in zip((leapfrogs, drops, prompts - leapfrogs - drops), shares)
            )

        drop = optimize.minimize_scalar(
            loss,
            bounds=(max(0, -difference), (1 - difference) / 2),
            method="bounded",
            options={"xatol": 1e-12},
        ).x
        return ((leapfrogs - drops) / prompts - difference) / math.sqrt(
            (2 * drop + difference - difference**2) / prompts
        )

    low, high = paired.difference_interval(leapfrogs, drops, prompts)
    assert (score(low), score(high)) == pytest.approx((1.959964, -1.959964), abs=2e-3)


def outcomes(prompts: int):
    """Every (leapfrogs, drops) of so many prompts."""
    return [(a, b) for a in range(prompts + 1) for b in range(prompts + 1 - a)]


@pytest.mark.parametrize(("leap", "drop"), [(0.05, 0.05), (0.02, 0.10), (0.0, 0.04), (0.2, 0.3)])
def test_tangos_interval_holds_the_truth_by_exact_sum(leap, drop):
    n = 40
    held = sum(
        scipy_stats.multinomial.pmf((a, b, n - a - b), n, (leap, drop, 1 - leap - drop))
        for a, b in outcomes(n)
        if paired.difference_interval(a, b, n)[0]
        <= leap - drop
        <= paired.difference_interval(a, b, n)[1]
    )
    assert held >= 0.93


def test_equivalence_is_the_90_percent_interval_inside_the_margin_and_students_test():
    for a, b, n in ((3, 5, 800), (20, 24, 2_000), (0, 0, 400), (2, 14, 900), (40, 40, 1_000)):
        low, high = paired.difference_interval(a, b, n, 0.90)
        same, above = paired.equivalence(a, b, n, 0.01)
        assert (same < 0.05) == (low > -0.01 and high < 0.01) and (above < 0.05) == (low > -0.01)
    d = np.repeat([1.0, -1.0, 0.0], (200, 230, 9_570))
    one_sided = (
        scipy_stats.ttest_1samp(d, -0.005, alternative="greater").pvalue,
        scipy_stats.ttest_1samp(d, 0.005, alternative="less").pvalue,
    )
    assert paired.equivalence(200, 230, 10_000, 0.005) == pytest.approx(
        (max(one_sided), one_sided[0]), rel=0.05
    )


def test_improvement_share_is_wilsons_and_never_a_half_by_default():
    z, n, f = 1.959964, 38, 8 / 38
    centre, half = (
        (f + z**2 / (2 * n)) / (1 + z**2 / n),
        z / (1 + z**2 / n) * math.sqrt(f * (1 - f) / n + z**2 / (4 * n**2)),
    )
    assert paired.improvement_share(8, 30) == pytest.approx(
        (f, centre - half, centre + half), abs=1e-6
    )
    assert paired.improvement_share(0, 0) == (None, None, None)


@pytest.mark.parametrize(("leapfrogs", "drops", "e"), [(8, 30, 144), (12, 19, 0.48), (0, 0, 1)])
def test_e_values(leapfrogs, drops, e):
    assert paired.e_value(leapfrogs, drops) == pytest.approx(e, rel=0.01)


def test_the_e_value_is_a_bet_whose_fair_price_is_one():
    for n in (1, 7, 60):
        mean = sum(
            scipy_stats.binom.pmf(k, n, 0.5) * paired.e_value(k, n - k) for k in range(n + 1)
        )
        assert mean == pytest.approx(1)
    rng = np.random.default_rng(0)
    leapfrogs = np.cumsum(rng.random((3_000, 300)) < 0.5, axis=1)
    n = np.arange(1, 301)
    logs = n * math.log(2) + special.betaln(1 + leapfrogs, 1 + n - leapfrogs)
    assert (logs.max(1) >= math.log(20)).mean() <= 0.05 + 0.012  # looked at after every prompt


def test_the_anytime_interval_holds_at_every_look():
    rng, missed = np.random.default_rng(1), 0
    for _ in range(150):
        kinds = rng.choice(3, 1_200, p=(0.02, 0.05, 0.93))
        looks = [
            (int((kinds[:n] == 0).sum()), int((kinds[:n] == 1).sum()), n)
            for n in (10, 30, 60, 120, 250, 500, 900, 1_200)
        ]
        missed += any(
            not low <= -0.03 <= high
            for low, high in (paired.anytime_interval(*look) for look in looks)
        )
    assert missed / 150 <= 0.05 + 0.03
    low, high = paired.anytime_interval(24, 60, 1_200)
    fixed = paired.difference_interval(24, 60, 1_200)
    assert low < fixed[0] and fixed[1] < high < 0


@pytest.mark.parametrize(
    ("volume", "prompts"),
    [
        (0.02, (25_109, 6_272, 1_562, 385)),
        (0.05, (62_784, 15_690, 3_917, 974)),
        (0.10, (125_575, 31_388, 7_842, 1_955)),
        (0.20, (251_157, 62_784, 15_690, 3_917)),
    ],
)
def test_prompts_needed(volume, prompts):
    gaps = (0.0025, 0.005, 0.01, 0.02)
    assert tuple(resolution.prompts_needed(volume, gap) for gap in gaps) == prompts
    for gap, n in zip(gaps, prompts):
        assert resolution.minimum_resolvable_difference(volume, n) == pytest.approx(gap, rel=2e-3)
    assert (
        resolution.prompts_needed(volume, 0) is None
        and resolution.prompts_needed(0.01, 0.02) is None
    )
    assert resolution.minimum_resolvable_difference(0.02, 10) is None


def test_the_promised_power_is_found():
    volume, n = 0.06, 1_500
    gap, rng = resolution.minimum_resolvable_difference(volume, n), np.random.default_rng(2)
    found = rng.multinomial(n, ((volume - gap) / 2, (volume + gap) / 2, 1 - volume), 1_000)
    power = np.mean(
        [
            not paired.difference_interval(int(a), int(b), n)[0]
            <= 0
            <= paired.difference_interval(int(a), int(b), n)[1]
            for a, b, _ in found
        ]
    )
    assert power == pytest.approx(0.8, abs=0.05)


def test_one_benchmarks_composite_is_its_own_comparison():
    d = np.repeat([1.0, -1.0, 0.0], (9, 24, 467))
    answer = composites.composite([d], [3.0], 20_000, 1, MARGIN)
    assert (
        answer["difference"]
        == pytest.approx(answer["volume"] * answer["direction"])
        == pytest.approx(-15 / 500)
    )
    assert answer["p_different"] == pytest.approx(paired.mcnemar(9, 24), abs=0.003)
    assert (answer["low"], answer["high"]) == pytest.approx(
        paired.difference_interval(9, 24, 500), abs=0.003
    )
    assert answer["verdict"] == "damaged" and answer["standard_error"] == pytest.approx(
        math.sqrt((33 / 500 - 0.03**2) / 499)
    )


def test_composites_weigh_benchmarks_and_take_graded_scores():
    rng = np.random.default_rng(3)
    parts = [
        rng.choice([-1.0, -0.5, 0.0, 0.25, 1.0], 400, p=(0.05, 0.05, 0.8, 0.05, 0.05)),
        rng.normal(size=900) * 0.1,
    ]
    answer = composites.composite(parts, [1, 3], 4_000, 1, MARGIN)
    assert answer["difference"] == pytest.approx(0.25 * parts[0].mean() + 0.75 * parts[1].mean())
    interval = scipy_stats.bootstrap(
        parts,
        lambda a, b, axis=-1: 0.25 * a.mean(axis) + 0.75 * b.mean(axis),
        n_resamples=4_000,
        method="percentile",
        rng=1,
    ).confidence_interval
    assert (answer["low"], answer["high"]) == pytest.approx(tuple(interval), abs=0.0015)


def test_heterogeneity_of_direction():
    two = composites.heterogeneity([2, 14, 0], [11, 5, 0], 9_999, 1)
    assert two["benchmarks"] == 2 and two["p"] == pytest.approx(
        scipy_stats.fisher_exact([[2, 14], [11, 5]]).pvalue, abs=0.01
    )
    assert two["statistic"] == pytest.approx(
        scipy_stats.chi2_contingency([[2, 14], [11, 5]], correction=False).statistic
    )
    alike = composites.heterogeneity([5, 10, 20], [10, 20, 40], 999, 1)
    assert alike["p"] > 0.5
    for table, reason in (
        (([0], [0]), "no disagreement"),
        (([3], [1]), "one benchmark with disagreement"),
        (([3, 2], [0, 0]), "every disagreement goes the same way"),
    ):
        answer = composites.heterogeneity(*table, 99, 1)
        assert answer["reason"] == reason and answer["p"] is None and plain(answer)
    assert plain(composites.heterogeneity([0, 3_000], [3_000, 0], 99, 1))


def test_excess_volume_over_the_references_own_flips():
    rng = np.random.default_rng(4)
    floor, quant = 1.0 * (rng.random(2_000) < 0.04), 1.0 * (rng.random(2_000) < 0.07)
    answer = composites.excess_volume(quant, floor)
    assert answer["excess"] == pytest.approx(answer["volume"] - answer["floor"])
    assert (answer["low"], answer["high"]) == pytest.approx(
        tuple(scipy_stats.ttest_rel(quant, floor).confidence_interval())
    )
    assert (
        composites.excess_volume(floor, floor)["reason"]
        and composites.excess_volume([], [])["reason"]
    )


@pytest.mark.parametrize(
    ("leap", "drop", "prompts", "wanted"),
    [
        (0.02, 0.08, 1_000, "damaged"),
        (0.08, 0.02, 1_000, "better"),
        (0.01, 0.01, 4_000, "equivalent"),
        (0.05, 0.055, 400, "unresolved"),
    ],
)
def test_verdicts_in_planted_worlds(leap, drop, prompts, wanted):
    rng = np.random.default_rng(5)
    worlds = rng.multinomial(prompts, (leap, drop, 1 - leap - drop), 200)
    found = [paired.compare(int(a), int(b), prompts, MARGIN)["verdict"] for a, b, _ in worlds]
    assert found.count(wanted) >= 180, {word: found.count(word) for word in set(found)}


def test_a_small_loss_that_is_sure_is_still_within_the_margin():
    answer = paired.compare(10, 40, 10_000, MARGIN)
    assert answer["p_mcnemar"] < 0.001 and answer["high"] < 0 and answer["verdict"] == "equivalent"


def test_no_count_gives_nan_or_a_crash():
    for n in (0, 1, 2, 3, 5, 50):
        for a, b in outcomes(min(n, 5)):
            answer = paired.compare(a, b, n, MARGIN)
            assert plain(answer) and answer["verdict"] in (
                "damaged",
                "equivalent",
                "better",
                "unresolved",
            )
            if n:
                assert (
                    -1 <= answer["low"] <= answer["difference"] <= answer["high"] <= 1
                    and answer["anytime_low"] <= answer["difference"] <= answer["anytime_high"]
                )
    assert plain(paired.compare(4_000, 0, 4_000, MARGIN)) and plain(
        paired.compare(0, 4_000, 4_000, MARGIN)
    )
    for parts in (
        [],
        [[]],
        [[0.0]],
        [[0.0, 0.0]],
        [[1.0, 1.0]],
        [[0.0] * 300, [math.nan, 0.0, 1.0]],
        [[0.0] * 4_000],
    ):
        assert plain(
            composites.composite(
                [np.array(part) for part in parts], [1] * len(parts), 50, 1, MARGIN
            )
        )
    assert composites.composite([np.zeros(4_000)], [1], 50, 1, MARGIN)["verdict"] == "equivalent"
    assert composites.composite([np.zeros(100)], [1], 50, 1, MARGIN)["verdict"] == "unresolved"
