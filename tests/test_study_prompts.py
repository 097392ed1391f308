"""A prompt's KLD and what happened on it: ratio, AUROC and lift against SciPy, least squares and
counting by hand, and worlds where hardness confounds.
"""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from qwh.kernels.statistics.prompts.failure import Judged, ratio
from qwh.kernels.statistics.prompts.prediction import TOP, auroc, lift
from qwh.kernels.statistics.prompts.prompt_table import Strata, alike

GROUPS = np.repeat(np.arange(3), 200)
N = len(GROUPS)
ALONE = np.arange(N)
POOLED, WITHIN = Strata(np.zeros(N, int), ALONE), Strata(GROUPS, ALONE)
LEVEL = 0.05


def world(effect: float, hardness: float, seed: int = 0) -> tuple[np.ndarray, ...]:
    """KLD, event and hardness [n]: ln KLD = hardness + noise; the event comes by hardness, and by
    KLD itself as far as effect goes; hardness varies between and in groups.
    """
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=N) + np.repeat([-1.0, 0.0, 1.0], 200)
    own = rng.normal(size=N)
    event = rng.random(N) < 1 / (1 + np.exp(-1.5 * hard - effect * own))
    return np.exp(-4 + hardness * hard + 0.6 * own), event, hard


def found(answer: Judged | None) -> Judged:
    assert answer is not None
    return answer


def by_least_squares(kld: np.ndarray, event: np.ndarray, strata: Strata) -> tuple[float, ...]:
    """(ratio, error of its ln, degrees of freedom) by whole matrices."""
    levels = (strata.labels[:, None] == np.unique(strata.labels)).astype(float)
    design = np.column_stack([event.astype(float), levels])
    inverse = np.linalg.inv(design.T @ design)
    hat = design @ inverse @ design.T
    slopes = inverse[0] @ design.T  # of the event on ln KLD
    residuals = np.log(kld) - hat @ np.log(kld)
    texts = strata.unit[:, None] == np.unique(strata.unit)
    weight = slopes / np.sqrt(1 - texts @ (texts.T @ np.diag(hat)))
    products = (np.eye(len(kld)) - hat) @ (weight[:, None] * texts)
    gram = products.T @ products
    error = np.sqrt(((texts.T @ (weight * residuals)) ** 2).sum())
    return np.exp(slopes @ np.log(kld)), error, np.trace(gram) ** 2 / (gram**2).sum()


@pytest.mark.parametrize(("copies", "is_of_one_group"), [(1, True), (3, True), (3, False)])
def test_the_ratio_is_a_regressions_with_its_robust_error(copies, is_of_one_group):
    kld, event, _ = (part[::6] for part in world(0.5, 0.5))
    rng = np.random.default_rng(2)
    unit = np.repeat(np.arange(len(kld)), copies)
    kld, event = kld[unit] * np.exp(0.3 * rng.normal(size=len(unit))), event[unit]
    labels = GROUPS[::6][unit]
    if not is_of_one_group:  # the last group has no text of its own
        labels = np.where(np.arange(len(unit)) % copies, labels + 3, labels)
    strata = Strata(labels, unit)
    figure, error, df = by_least_squares(kld, event, strata)
    answer = found(ratio(kld, event, strata, LEVEL))
    reach = scipy_stats.t.isf(0.025, df) * error
    assert answer.figure == pytest.approx(figure, rel=1e-9)
    ends = figure * np.exp(-reach), figure * np.exp(reach)
    assert (answer.low, answer.high) == pytest.approx(ends, rel=1e-9)
    assert answer.p == pytest.approx(2 * scipy_stats.t.sf(abs(np.log(figure)) / error, df))


def test_the_pooled_ratio_is_welchs_test_of_geometric_means():
    kld, event, _ = world(0.5, 0.5)
    answer = found(ratio(kld, event, POOLED, LEVEL))
    means = scipy_stats.gmean(kld[event]), scipy_stats.gmean(kld[~event])
    welch = scipy_stats.ttest_ind(np.log(kld[event]), np.log(kld[~event]), equal_var=False)
    assert answer.figure == pytest.approx(means[0] / means[1])
    ends = np.exp(tuple(welch.confidence_interval()))
    assert (answer.low, answer.high) == pytest.approx(tuple(ends), rel=1e-4)


def test_order_of_prompts_says_nothing():
    kld, event, hard = world(0.5, 0.5)
    order = np.random.default_rng(3).permutation(N)
    for figure in (ratio, auroc, lift):
        for strata in (POOLED, WITHIN, Strata(alike(GROUPS, [hard]), ALONE)):
            other = Strata(strata.labels[order], strata.unit[order])
            shuffled = found(figure(kld[order], event[order], other, LEVEL))
            assert shuffled[:5] == pytest.approx(found(figure(kld, event, strata, LEVEL))[:5])


def test_hardness_alone_shows_pooled_and_fades_when_matched():
    held, pooled, matched = 0, [], []
    for seed in range(40):
        kld, event, hard = world(0.0, 0.5, seed)
        like = Strata(alike(GROUPS, [hard], 10), ALONE)
        each = [found(ratio(kld, event, strata, LEVEL)) for strata in (POOLED, WITHIN, like)]
        pooled.append(each[0].figure)
        matched.append(each[2].figure)
        held += each[2].low <= 1.02 and each[2].high >= 0.98
        assert each[0].figure > each[1].figure > each[2].figure
    assert min(pooled) > 1.5 and np.mean(matched) == pytest.approx(1.0, abs=0.05) and held >= 34


def test_a_planted_effect_survives_matching():
    kld, event, hard = world(1.0, 0.5)
    like = Strata(alike(GROUPS, [hard], 8), ALONE)
    answer = found(ratio(kld, event, like, LEVEL))
    assert answer.low > 1 and answer.p < 0.001
    assert found(auroc(kld, event, like, LEVEL)).low > 0.5


def test_auroc_is_mann_whitneys_with_brunner_and_munzels_error():
    rng = np.random.default_rng(2)
    event = rng.random(80) < 0.4
    values = (rng.normal(size=80) + 0.4 * event).round(1)
    bad, good = values[event], values[~event]
    wins = (bad[:, None] > good) + 0.5 * (bad[:, None] == good)
    area = scipy_stats.mannwhitneyu(bad, good).statistic / wins.size
    parts = wins.mean(1).var(ddof=1) / len(bad), wins.mean(0).var(ddof=1) / len(good)
    df = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (bad, good)))
    test = scipy_stats.brunnermunzel(good, bad)
    assert 2 * scipy_stats.t.sf(abs(area - 0.5) / math.sqrt(sum(parts)), df) == pytest.approx(
        test.pvalue
    )
    answer = found(auroc(values, event, Strata(np.zeros(80, int), np.arange(80)), LEVEL))
    reach = scipy_stats.t.isf(0.025, df) * math.sqrt(sum(parts)) / (area * (1 - area))
    logit = math.log(area / (1 - area))
    ends = [1 / (1 + math.exp(-end)) for end in (logit - reach, logit + reach)]
    assert answer[:3] == pytest.approx((area, *ends))


def test_auroc_within_groups_counts_their_own_pairs_only():
    kld, event, _ = world(0.5, 0.8)
    wins = pairs = 0.0
    for group in range(3):
        bad, good = (kld[(group == GROUPS) & side] for side in (event, ~event))
        wins, pairs = wins + (bad[:, None] > good).sum(), pairs + len(bad) * len(good)
    answer = found(auroc(kld, event, WITHIN, LEVEL))
    assert answer.figure == pytest.approx(wins / pairs)
    assert answer.figure < found(auroc(kld, event, POOLED, LEVEL)).figure


@pytest.mark.parametrize(
    ("published", "spread", "area"),
    [(1.08, 1.0, 0.52), (1.22, 1.0, 0.56), (1.08, 0.5, 0.54), (1.22, 0.5, 0.61)],
)
def test_published_ratios_are_weak_aurocs(published, spread, area):
    rng, n = np.random.default_rng(4), 40_000
    event = rng.random(n) < 0.5
    kld = np.exp(spread * rng.normal(size=n) + math.log(published) * event)
    answer = found(auroc(kld, event, Strata(np.zeros(n, int), np.arange(n)), LEVEL))
    assert answer.figure == pytest.approx(area, abs=0.012)
    assert scipy_stats.norm.cdf(math.log(published) / (spread * math.sqrt(2))) == pytest.approx(
        area, abs=0.006
    )


def test_lift_is_the_top_tenths_failure_rate_over_the_base_rate():
    kld, event, _ = world(1.5, 0.3)
    top = np.argsort(-kld)[: N // 10]
    assert found(lift(kld, event, POOLED, LEVEL)).figure == pytest.approx(
        event[top].mean() / event.mean()
    )
    parts = [np.flatnonzero(group == GROUPS) for group in range(3)]
    tops = np.concatenate([part[np.argsort(-kld[part])[:20]] for part in parts])
    assert found(lift(kld, event, WITHIN, LEVEL)).figure == pytest.approx(
        event[tops].mean() / event.mean()
    )
    # no order, no gain
    assert found(lift(np.zeros(N), event, POOLED, LEVEL)).figure == pytest.approx(1)


def test_lift_is_judged_by_the_exact_binomial_test():
    """20 of 100 prompts have the event: as good as 25 that are dealt with replacement. Four of 20
    lie in the top ten: five of 25.
    """
    prompts = np.arange(100)
    event, kld = prompts % 5 == 0, np.full(100, 0.1)
    kld[[0, 5, 10, 15]], kld[[1, 2, 3, 4, 6, 7]] = 2.0, 1.0
    answer = found(lift(kld, event, Strata(np.zeros(100, int), prompts), LEVEL))
    exact = scipy_stats.binomtest(5, 25, TOP).proportion_ci(method="exact")
    assert answer[:3] == pytest.approx((2.0, exact.low / TOP, exact.high / TOP))
    assert answer.p == pytest.approx(2 * scipy_stats.binom.sf(4, 25, TOP))


def test_intervals_hold_the_truth_where_events_are_rare():
    """Eight events of 240 on average, as a near quant's drops are."""
    rng, held = np.random.default_rng(5), {ratio: 0, auroc: 0, lift: 0}
    labels, worlds = np.repeat(np.arange(6), 40), 0
    strata = Strata(labels, np.arange(240))
    while worlds < 300:
        event = rng.random(240) < 8 / 240
        if event.sum() < 5:
            continue
        kld = np.exp(rng.normal(size=240) * np.exp(0.5 * event) + labels)
        worlds += 1
        for figure, truth in ((ratio, 1.0), (auroc, 0.5)):
            answer = found(figure(kld, event, strata, LEVEL))
            held[figure] += answer.low is None or answer.low <= truth <= answer.high
        answer = found(lift(np.exp(rng.normal(size=240)), event, strata, LEVEL))
        held[lift] += answer.low <= 1 <= answer.high
    assert all(count / 300 > 0.92 for count in held.values()), held


@pytest.mark.parametrize("events", [0, 4, N - 4, N])
def test_too_few_of_either_say_nothing(events):
    event = np.arange(N) < events
    for figure in (ratio, auroc, lift):
        assert figure(np.exp(world(0, 0)[0]), event, POOLED, LEVEL) is None


def test_sides_that_do_not_overlap_have_no_interval():
    event = np.arange(N) < 20
    answer = found(auroc(np.where(event, 2.0, 1.0), event, POOLED, LEVEL))
    assert answer[:5] == (1.0, None, None, None, None)
    assert found(ratio(np.where(event, 2.0, 1.0), event, POOLED, LEVEL)).p is None


def test_prompts_alike_are_of_one_kind_and_bin():
    kinds, nothing = np.zeros(40, int), np.full(40, np.nan)
    assert np.bincount(alike(kinds, [np.arange(40.0), nothing])).tolist() == [10] * 4
    assert len(np.unique(alike(GROUPS, [np.zeros(N)]))) == 3
