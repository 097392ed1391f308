"""Paired correctness against SciPy, likelihoods maximised by hand, exact sums over all outcomes,
and planted truths.
"""

import math

import numpy as np
import pytest
from plain import plain
from scipy import optimize, special
from scipy import stats as scipy_stats

from qwh.kernels.statistics import resolution
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.scores import heterogeneity, paired, reference_floor
from qwh.kernels.statistics.scores.disagreements import (
    Cell,
    Disagreements,
    Margin,
    benchmark_differences,
    disagreement_intervals,
)

MARGIN = 0.01


def cells(*counts: tuple[float, float, float], effect: float = 1.0) -> list[Cell]:
    """Of one cohort, each judged."""
    return benchmark_differences(rows_of_cells(*counts, effect=effect), Margin(MARGIN))


def rows_of_cells(*counts: tuple[float, float, float], effect: float = 1.0) -> Disagreements:
    """Of one cohort: leapfrogs, drops and prompts of a quant each."""
    names = ("leapfrogs", "drops", "prompts")
    rows = [
        {"quant_id": f"q{k:03}", "benchmark_id": "a", "design_effect": effect}
        | dict(zip(names, map(float, each)))
        for k, each in enumerate(counts)
    ]
    return rows_of(Disagreements, rows)


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


def test_equivalence_is_students_test_less_half_a_prompt():
    d = np.repeat([1.0, -1.0, 0.0], (400, 470, 9_130))
    half = 0.5 / len(d)
    one_sided = (
        scipy_stats.ttest_1samp(d, half - 0.01, alternative="greater").pvalue,
        scipy_stats.ttest_1samp(d, 0.01 - half, alternative="less").pvalue,
    )
    [cell] = cells((400, 470, 10_000))
    assert (cell.p_equivalent, cell.p_not_inferior) == pytest.approx(
        (max(one_sided), one_sided[0]), rel=0.1
    )
    # no disagreement at all is shown to be none, and not more surely than no drop of one in 100 is
    [none] = cells((0, 0, 500))
    assert 0.99**500 < none.p_equivalent < 0.05


@pytest.mark.parametrize("prompts", [100, 268, 400])
@pytest.mark.parametrize("leap", [0.0, 0.01, 0.05])
def test_a_loss_of_the_margin_is_called_equivalent_no_more_often_than_promised(prompts, leap):
    drop, most = leap + MARGIN, 25 + int(prompts * 0.14)
    counts = [(a, b) for a in range(most) for b in range(a + most)]
    chance = scipy_stats.multinomial.pmf(
        [(a, b, prompts - a - b) for a, b in counts], prompts, (leap, drop, 1 - leap - drop)
    )
    likely = [(*count, prompts) for count, p in zip(counts, chance) if p > 1e-7]
    said = np.array([cell.p_equivalent < 0.05 for cell in cells(*likely)])
    assert chance[chance > 1e-7][said].sum() <= 0.05


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


def flips(leapfrogs: list[int], drops: list[int]) -> heterogeneity.Heterogeneity:
    """Of one quant."""
    rows = [
        {"quant_id": "q", "benchmark_id": f"b{k}", "leapfrogs": a, "drops": b}
        for k, (a, b) in enumerate(zip(leapfrogs, drops))
    ]
    settings = heterogeneity.TableDraws(n_permutations=9_999, seed=1)
    [found] = heterogeneity.heterogeneity(rows_of(heterogeneity.Flips, rows), settings)
    return found


def test_heterogeneity_of_direction():
    two = flips([2, 14, 0], [11, 5, 0])
    assert two.benchmarks == 2 and two.p == pytest.approx(
        scipy_stats.fisher_exact([[2, 14], [11, 5]]).pvalue, abs=0.01
    )
    assert two.statistic == pytest.approx(
        scipy_stats.chi2_contingency([[2, 14], [11, 5]], correction=False).statistic
    )
    assert flips([5, 10, 20], [10, 20, 40]).p > 0.5
    for table, reason in (
        (([0], [0]), "no disagreement"),
        (([3], [1]), "one benchmark with disagreement"),
        (([3, 2], [0, 0]), "every disagreement goes the same way"),
    ):
        answer = flips(*table)
        assert answer.reason == reason and answer.p is None and plain(answer)
    assert plain(flips([0, 3_000], [3_000, 0]))


def floors(quant: np.ndarray, replicate: np.ndarray) -> reference_floor.Excess:
    """Of one benchmark whose texts all differ."""
    rows = [
        {"quant_id": "q", "benchmark_id": "b", "prompt_id": f"{k:05}", "text_id": f"{k:05}"}
        | {"volume": float(a), "volume_ref": float(b)}
        for k, (a, b) in enumerate(zip(quant, replicate))
    ]
    [found] = reference_floor.reference_floor(rows_of(reference_floor.Volumes, rows))
    return found


def test_excess_volume_over_the_references_own_flips():
    rng = np.random.default_rng(4)
    floor, quant = 1.0 * (rng.random(2_000) < 0.04), 1.0 * (rng.random(2_000) < 0.07)
    answer = floors(quant, floor)
    assert answer.excess == pytest.approx(quant.mean() - floor.mean())
    assert (answer.excess_low, answer.excess_high) == pytest.approx(
        tuple(scipy_stats.ttest_rel(quant, floor).confidence_interval())
    )
    assert floors(floor, floor).reason == "no prompt differs: no interval"
    assert floors(floor[:1], floor[:1]).reason == "2 prompts needed, 1 found"
    assert floors(floor, np.full(2_000, np.nan)).reason.endswith("no floor is known")
    assert reference_floor.reference_floor(rows_of(reference_floor.Volumes, [])) == []


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
    found = [
        paired.verdict(cell.p, cell.difference, cell.p_equivalent)  # each world alone
        for cell in cells(*((a, b, prompts) for a, b, _ in worlds))
    ]
    assert found.count(wanted) >= 180, {word: found.count(word) for word in set(found)}


def test_a_small_loss_that_is_sure_is_still_within_the_margin():
    [answer] = cells((10, 40, 10_000))
    assert answer.p < 0.001 and answer.high < 0
    assert answer.verdict == "equivalent"


def test_every_cell_has_holms_p_over_all_and_words_go_by_it():
    rng = np.random.default_rng(6)
    counts = [(*rng.binomial(300, (0.06, 0.06)), 300) for _ in range(40)] + [(2, 40, 300)]
    found = cells(*counts)
    raw = np.array([scipy_stats.binomtest(a, a + b).pvalue for a, b, _ in counts])
    order, running, wanted = np.argsort(raw), 0.0, np.zeros(41)
    for k, which in enumerate(order):
        running = max(running, min(1.0, (41 - k) * raw[which]))
        wanted[which] = running
    assert [cell.p_adjusted for cell in found] == pytest.approx(wanted)
    assert [cell.verdict for cell in found] == ["unresolved"] * 40 + ["damaged"]
    for cell in found:
        assert cell.p_equivalent_adjusted >= cell.p_equivalent


def test_cells_of_equal_quants_seldom_hold_one_wrong_word():
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(30):
        counts = rng.multinomial(150, (0.04, 0.04, 0.92), 40)
        found = cells(*((a, b, 150) for a, b, _ in counts))
        wrong += any(cell.verdict in ("damaged", "better") for cell in found)
    assert wrong <= 4


def test_repeated_texts_count_as_the_texts_they_are():
    [once], [thrice] = cells((4, 12, 100)), cells((12, 36, 300), effect=3.0)
    assert (thrice.prompts, thrice.leapfrogs) == (300, 12)
    for name in set(Cell._fields) - {"prompts", "leapfrogs", "drops"}:
        assert getattr(thrice, name) == pytest.approx(getattr(once, name)), name


def test_intervals_of_a_cell_are_those_of_its_counts_over_the_design_effect():
    [share, always] = disagreement_intervals(rows_of_cells((24, 60, 3_600), effect=3.0))
    wilson = scipy_stats.binomtest(8, 28).proportion_ci(method="wilson")
    assert (share.kind, share.figure) == ("improvement_share", pytest.approx(8 / 28))
    assert (share.low, share.high) == pytest.approx((wilson.low, wilson.high))
    assert (always.kind, always.figure) == ("difference_at_any_time", pytest.approx(-36 / 3_600))
    tango = paired.difference_interval(8, 20, 1_200)
    assert always.low < tango[0] and always.high > tango[1]  # it pays for every look
    [none, _] = disagreement_intervals(rows_of_cells((0, 0, 9)))
    assert none.figure is None and none.reason == "no disagreement: no direction"


def test_no_count_gives_nan_or_a_crash():
    for n in (1, 2, 3, 5, 50):
        for answer in cells(*((a, b, n) for a, b in outcomes(min(n, 5)))):
            assert plain(answer) and answer.verdict in (
                "damaged",
                "equivalent",
                "better",
                "unresolved",
            )
            assert -1 <= answer.low <= answer.difference <= answer.high <= 1
        for row in disagreement_intervals(rows_of_cells(*((a, b, n) for a, b in outcomes(n % 6)))):
            assert plain(row) and (row.figure is None) == (row.reason is not None)
            assert row.figure is None or row.low <= row.figure <= row.high
    assert all(plain(answer) for answer in cells((4_000, 0, 4_000), (0, 4_000, 4_000)))
    assert cells() == []
