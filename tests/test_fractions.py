"""Scores that are fractions: against SciPy's t, plain sums, enumerated bets and planted worlds."""

import math
from itertools import product

import hall
import numpy as np
import pytest
from answer_rows import answer_rows, shuffled
from scipy import integrate, optimize, stats

from qwh.kernels.statistics.answers import sheet
from qwh.kernels.statistics.scores import betting, fractions, paired, prompt_budget
from qwh.kernels.statistics.scores import composite_differences as composites
from qwh.kernels.statistics.scores import equal_distance as distance
from qwh.kernels.statistics.scores import score_pairs as pairs
from qwh.kernels.statistics.scores.disagreements import Margin
from qwh.kernels.statistics.scores.evidence import Counted, Measured, are_whole, evidence
from qwh.kernels.statistics.scores.fraction_differences import fraction_differences

MARGIN = 0.002
FEW = composites.PairedDraws(n_resamples=199, n_tosses=999, seed=1, margin=MARGIN)


def heavy(rng, quants, prompts, large=0.05):
    """Gains that are almost all near 0, a few large."""
    small = rng.normal(0, 0.003, (quants, prompts))
    return np.where(rng.random((quants, prompts)) < large, rng.normal(0, 0.3, small.shape), small)


def moments_of(gains, **how):
    found = sheet(answer_rows(gains, **how))
    return fractions.moments(found.gains, found)


def test_without_skewness_it_is_students_t_at_the_texts_that_carry_it():
    rng = np.random.default_rng(1)
    half = rng.standard_t(3, 100) * 0.03
    gains = 0.004 + np.r_[half, -half]  # as many above as below
    found, plain = moments_of(gains), stats.ttest_1samp(gains, 0.0)
    apart = gains - gains.mean()
    carriers = (apart**2).sum() ** 2 / (apart**4).sum()
    assert found.error[0] == pytest.approx(stats.sem(gains)) and found.carriers[0] < 60
    assert found.carriers[0] == pytest.approx(carriers)
    wanted = 2 * stats.t.sf(abs(plain.statistic), carriers - 1)
    assert fractions.different(found)[0] == pytest.approx(wanted)
    low, high = fractions.interval(found)
    reach = stats.t.ppf(0.975, carriers - 1) * stats.sem(gains)
    assert (low[0], high[0]) == pytest.approx((gains.mean() - reach, gains.mean() + reach))


def test_of_many_plain_gains_it_is_scipys_t_test():
    gains = np.random.default_rng(2).normal(0.001, 0.05, 5_000)
    found = moments_of(gains)
    assert fractions.different(found)[0] == pytest.approx(stats.ttest_1samp(gains, 0).pvalue, 0.03)
    for margin, side in ((-0.002, "greater"), (0.002, "less")):
        p = stats.ttest_1samp(gains, margin, alternative=side).pvalue
        test = fractions.above if side == "greater" else fractions.below
        assert test(found, margin)[0] == pytest.approx(p, rel=0.05)


def test_benchmarks_are_weighed_and_texts_are_drawn_whole():
    rng = np.random.default_rng(3)
    gains = heavy(rng, 1, 90)[0]
    names = ["a"] * 30 + ["b"] * 60
    texts = [f"{k // 3:02}" for k in range(90)]
    found = moments_of(gains, benchmarks=names, texts=texts, weights={"a": 1.0, "b": 3.0})
    adds: dict[str, float] = {}
    difference = 0.0
    for kind, weight, count in (("a", 0.25, 10), ("b", 0.75, 20)):
        inside = [k for k in range(90) if names[k] == kind]
        mean = sum(gains[k] for k in inside) / len(inside)
        difference += weight * mean
        for k in inside:
            part = weight * (gains[k] - mean) / len(inside) * math.sqrt(count / (count - 1))
            adds[texts[k]] = adds.get(texts[k], 0.0) + part
    assert found.difference[0] == pytest.approx(difference)
    assert found.error[0] == pytest.approx(math.sqrt(sum(one**2 for one in adds.values())))
    above = hall.above(list(adds.values()), difference, 0.0)
    assert fractions.above(found, 0.0)[0] == pytest.approx(above)
    low, high = fractions.interval(found)
    assert (low[0], high[0]) == pytest.approx(hall.interval(list(adds.values()), difference))


def test_losses_that_no_prompt_shows_bound_every_claim_of_sameness():
    found = moments_of(np.r_[np.zeros((1, 1_600)), np.full((1, 1_600), 0.5)])
    whole = (1 - MARGIN) ** 1_600  # a loss of the margin through prompts that lose everything
    assert fractions.equivalent(found, MARGIN)[0] == pytest.approx(whole)
    assert whole < 0.05 and fractions.different(found).tolist() == [1.0, 1.0]
    low, high = fractions.interval(found)
    assert (1 + low[0]) ** 1_600 == pytest.approx(0.025) and high[0] == -low[0]
    uneven = moments_of(np.zeros(60), benchmarks=["a"] * 20 + ["b"] * 40)
    assert fractions.unseen(uneven, np.array([0.1]))[0] == pytest.approx(0.8**20)


def test_the_least_margin_is_where_the_test_passes():
    found = moments_of(heavy(np.random.default_rng(4), 1, 3_000))
    for z in (1.645, 3.0):

        def gap(margin, z=z):
            return fractions.not_inferior(found, margin)[0] - stats.norm.sf(z)

        wanted = optimize.brentq(gap, 1e-4, 0.2)
        assert fractions.least_margin(found, z)[0] == pytest.approx(wanted)


def test_draws_share_what_quants_share():
    rng = np.random.default_rng(5)
    gains = heavy(rng, 3, 400)
    gains[1] = 0.8 * gains[0] + 0.2 * gains[1]
    null = fractions.draws(moments_of(gains), 20_000, 1)
    assert np.corrcoef(null.T) == pytest.approx(np.corrcoef(gains), abs=0.03)
    assert null.std(0) == pytest.approx(np.ones(3), abs=0.02)


def test_the_data_say_whether_answers_are_counted_or_measured():
    whole, part = np.array([[1.0, -1, 0, np.nan]]), np.array([[0.5, 0, 0, np.nan]])
    assert are_whole(whole) and not are_whole(part)
    found = sheet(answer_rows(np.ones(4)))
    assert isinstance(evidence(whole, found), Counted)
    assert isinstance(evidence(part, found), Measured)


def test_a_budget_of_prompts_is_that_of_the_observed_variance():
    gains = heavy(np.random.default_rng(6), 1, 1_000)
    found, prompts = moments_of(gains), np.array([1_000])
    error, reach = stats.sem(gains[0]), stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    needed = prompt_budget.needed(found, 0.01, stats.norm.ppf(0.975), prompts)
    assert needed[0] == math.ceil(1_000 * (reach * error / 0.01) ** 2)
    least = prompt_budget.resolvable(found, stats.norm.ppf(0.975))
    assert least[0] == pytest.approx(reach * error) and least[0] < np.abs(gains).mean()
    assert np.isnan(prompt_budget.needed(found, 0.5, 1.96, prompts)[0])
    none = prompt_budget.needed_for_none(found, MARGIN, stats.norm.ppf(0.95), prompts)
    by_error = 1_000 * ((stats.norm.ppf(0.95) + stats.norm.ppf(0.8)) * error / MARGIN) ** 2
    assert none[0] == math.ceil(max(by_error, math.log(0.05) / math.log(1 - MARGIN)))


def test_whole_gains_are_bet_on_as_they_are_counted():
    for gained, lost, same in ((3, 9, 40), (0, 6, 0), (20, 20, 5), (0, 0, 7)):
        gains = np.r_[np.ones(gained), -np.ones(lost), np.zeros(same)]
        assert betting.e_value(gains) == pytest.approx(paired.e_value(gained, lost))


def test_the_bets_mean_one_where_nothing_is_gained():
    steps = np.array([-1.0, 0.2, 0.6])
    chances = np.array([0.2, 0.5, 0.3])
    chances[1:] = np.linalg.solve([[1, 1], [0.2, 0.6]], [0.8, 0.2])
    assert chances @ steps == pytest.approx(0) and chances.min() > 0
    mean = sum(
        np.prod(chances[list(path)]) * betting.e_value(steps[list(path)])
        for path in product(range(3), repeat=6)
    )
    assert mean == pytest.approx(1)


def test_the_anytime_interval_ends_where_the_bets_reach_twenty():
    gains = heavy(np.random.default_rng(7), 1, 60, large=0.2)[0] - 0.02
    unit = np.arange(60)
    ends = betting.anytime_interval(gains, unit)
    assert ends[0] < gains.mean() < ends[1]
    for end in ends:
        low, high = -1 / (1 - end), 1 / (1 + end)
        mean = integrate.quad(lambda stake, at: np.prod(1 + stake * (gains - at)), low, high, end)
        assert mean[0] / (high - low) == pytest.approx(20, rel=1e-3)
    twice = betting.anytime_interval(np.repeat(gains, 2), np.repeat(unit, 2))
    assert twice == pytest.approx(ends, abs=1e-6)


def test_fractions_of_a_cell_are_counted_by_hand():
    rng = np.random.default_rng(8)
    gains = np.vstack([heavy(rng, 1, 300)[0], heavy(rng, 1, 300, large=0.4)[0] - 0.1])
    gains[1, 100:] = np.nan
    names = ["a"] * 100 + ["b"] * 200
    rows = fraction_differences(answer_rows(gains, names), Margin(MARGIN))
    assert [(row.quant_id, row.benchmark_id) for row in rows] == [
        ("q00", "a"),
        ("q00", "b"),
        ("q01", "a"),
    ]
    for row, d in zip(rows, (gains[0, :100], gains[0, 100:], gains[1, :100])):
        n, adds = len(d), (d - d.mean()) / math.sqrt(len(d) * (len(d) - 1))
        assert row.prompts == n and row.difference == pytest.approx(d.mean())
        assert row.leapfrogs == pytest.approx(d[d > 0].sum())
        assert row.drops == pytest.approx(-d[d < 0].sum())
        above = hall.above(adds, d.mean(), 0.0)
        hidden = (1 - d.mean()) ** n if d.mean() > 0 else 0.0
        assert row.p == pytest.approx(max(2 * min(above, 1 - above), hidden))
        assert (row.low, row.high) == pytest.approx(hall.interval(adds, d.mean()))
        sizes = np.abs(d).sum()
        share = d[d > 0].sum() / sizes
        parts = (np.maximum(d, 0) - share * np.abs(d)) / sizes * math.sqrt(n / (n - 1))
        assert row.improvement_share == pytest.approx(share)
        low, high = hall.interval(parts, share)
        assert (row.share_low, row.share_high) == pytest.approx((max(low, 0), min(high, 1)))
    assert rows[2].verdict == "damaged" and rows[2].e_value > 20
    p = np.sort([row.p for row in rows])
    assert sorted(row.p_adjusted for row in rows) == pytest.approx(
        np.minimum(np.maximum.accumulate(p * [3, 2, 1]), 1)
    )


def test_order_changes_nothing():
    rows = answer_rows(heavy(np.random.default_rng(9), 3, 80), ["a"] * 30 + ["b"] * 50)
    for statistic, settings in (
        (composites.composite_differences, FEW),
        (fraction_differences, Margin(MARGIN)),
    ):
        assert statistic(shuffled(rows), settings) == statistic(rows, settings)


def test_reasons_say_why_no_word_is_said():
    lone = np.zeros(200)
    lone[:2] = -0.9
    lone[2:] = np.random.default_rng(10).normal(0, 1e-4, 198)
    tiny = 0.001 + np.random.default_rng(11).normal(0, 1e-4, 200)
    rows = composites.composite_differences(answer_rows(np.vstack([lone, tiny])), FEW)
    assert rows[0].reason == "prompts that carry the difference: 2.0, too few for a word"
    assert rows[1].reason == fractions.reason(moments_of(tiny), 0, MARGIN) is not None
    assert "undo so small a gain" in rows[1].reason and rows[1].difference_low > 0
    near = np.random.default_rng(3).normal(0, MARGIN, 200)
    [row] = composites.compared(sheet(answer_rows(near[None])), FEW)
    assert max(-row.difference_low, row.difference_high) < MARGIN
    assert row.p_equivalent == pytest.approx((1 - MARGIN + abs(near.mean())) ** 200)
    assert row.verdict == "unresolved" and row.reason.endswith("could exceed the margin")
    assert {row.verdict for row in rows} == {"unresolved"}


def test_no_two_are_told_apart_by_less_than_unseen_losses_make():
    rng = np.random.default_rng(13)
    gains = np.vstack([0.1 + rng.normal(0, 0.02, 60), rng.normal(-0.1, 0.02, 60)])
    gains = np.vstack([gains, rng.normal(0, 0.02, 60) + 0.02])  # 0.98^60 is 0.3
    rows = answer_rows(gains, ["a"] * 20 + ["b"] * 40)
    draws = pairs.PairDraws(n_tosses=499, seed=1, margin=MARGIN)
    told = {(row.quant_id, row.other_quant_id): row for row in pairs.score_pairs(rows, draws)}

    def unseen(row):  # all in the benchmark of 20 prompts, which weighs one half
        return (1 - min(2 * abs(row.difference), 1)) ** 20

    for (quant, other), row in told.items():
        if other is None and quant == "q01":  # it loses on its reference
            assert row.p < unseen(row) and row.verdict == "other_higher"
        else:
            assert row.p == pytest.approx(unseen(row)) and unseen(row) > 1e-6
    assert told["q00", None].verdict == "other_lower"
    assert told["q02", None].verdict == "cannot_tell" and told["q02", None].high < 0
    assert told["q00", "q01"].verdict == "other_lower"
    of_reference = composites.composite_differences(rows, FEW)
    assert [told[row.quant_id, None].p for row in of_reference] == [
        row.p_different for row in of_reference
    ]
    near = distance.Distances(np.array(["q00", "q01", "q02"], object), np.full(3, 0.01))
    equal = distance.equal_distance_pairs(near, rows, distance.Nearness(499, 1, 1.1))
    assert [row.p for row in equal] == [told[row.quant_id, row.other_quant_id].p for row in equal]


def test_a_budget_of_either_side_is_found_again():
    found, z, prompts = moments_of(heavy(np.random.default_rng(14), 1, 1_000)), 1.96, 1_000
    plain = prompt_budget.resolvable(found, z)[0]
    least = prompt_budget.resolvable(found, z, True)[0]
    chance = stats.norm.ppf(0.8) * found.error[0]
    assert least == pytest.approx(max(plain, chance - math.log(2 * stats.norm.sf(z)) / prompts))
    needed = prompt_budget.needed(found, least, z, np.array([prompts]), True)[0]
    assert needed == pytest.approx(prompts, abs=1)
    calm = moments_of(np.random.default_rng(15).normal(0, 0.002, 1_000))
    small = prompt_budget.needed(calm, 0.001, z, np.array([prompts]), True)[0]
    luck = stats.norm.ppf(0.8) * calm.error[0] * math.sqrt(prompts / small)
    assert luck - math.log(2 * stats.norm.sf(z)) / small == pytest.approx(0.001, rel=1e-3)


def test_skewed_cohorts_of_equal_quants_seldom_get_one_wrong_word():
    rng, wrong, raw = np.random.default_rng(12), 0, 0
    for _ in range(40):
        lost = rng.random((12, 400)) < 0.05
        gains = np.where(lost, -rng.uniform(0, 0.8, lost.shape), 0.05 * 0.4 / 0.95)
        rows = composites.composite_differences(answer_rows(gains), FEW)
        wrong += any(row.verdict in ("damaged", "better") for row in rows)
        raw += any(row.p_different <= 0.05 for row in rows)
    assert wrong <= 5 and raw >= 5
