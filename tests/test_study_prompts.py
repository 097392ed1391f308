"""Per-prompt prediction and routing against SciPy, least squares, counting by hand, and worlds
where hardness confounds.
"""

import math

import numpy as np
import pytest
from plain import plain
from scipy import stats as scipy_stats

from qwh.kernels.statistics import failure, prediction, routers

CLIP = 1e-9  # nats
GROUPS = np.repeat(list("abc"), 200)


def world(
    effect: float, hardness: float, seed: int = 0, q: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln KLD = hardness + noise [q, n]; failure by hardness, and by KLD itself as far as effect
    goes; hardness [n] varies between and in groups.
    """
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=600) + np.repeat([-1.0, 0.0, 1.0], 200)
    own = rng.normal(size=(q, 600))
    failed = rng.random((q, 600)) < 1 / (1 + np.exp(-1.5 * hard - effect * own))
    return np.exp(-4 + hardness * hard + 0.6 * own), failed.astype(float), hard


def test_pooled_and_within_ratios():
    kld, failed, _ = world(0.5, 0.5)
    answers = failure.failure_ratios(kld, failed, GROUPS, None, 4_000, 1, CLIP)
    for row, fail, answer in zip(kld, failed == 1, answers):
        assert answer["pooled_ratio"] == pytest.approx(
            scipy_stats.gmean(row[fail]) / scipy_stats.gmean(row[~fail])
        )
        design = np.column_stack([fail, *(group == GROUPS for group in "abc")]).astype(float)
        assert answer["within_ratio"] == pytest.approx(
            np.exp(np.linalg.lstsq(design, np.log(row), rcond=None)[0][0])
        )
        assert (
            answer["pooled_low"] < answer["pooled_ratio"] < answer["pooled_high"]
            and answer["matched_ratio"] is None
        )
        welch = scipy_stats.ttest_ind(
            np.log(row[fail]), np.log(row[~fail]), equal_var=False
        ).confidence_interval()
        # groups drawn apart: a little narrower
        assert (answer["pooled_low"], answer["pooled_high"]) == pytest.approx(
            tuple(np.exp(welch)), rel=0.05
        )
    assert plain(answers)


def test_labels_are_permuted():
    rng = np.random.default_rng(1)
    kld, failed = np.exp(rng.normal(size=60)), (rng.random(60) < 0.4).astype(float)
    kld[failed == 1] *= 1.6
    answer = failure.failure_ratios(kld, failed, ["a"] * 60, None, 50, 1, CLIP)[0]
    test = scipy_stats.permutation_test(
        (np.log(kld[failed == 1]), np.log(kld[failed == 0])),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        vectorized=True,
        n_resamples=20_000,
        rng=2,
    )
    assert (
        answer["within_p"] == pytest.approx(test.pvalue, abs=0.01)
        and answer["pooled_p"] == answer["within_p"]
    )


def test_hardness_alone_shows_pooled_and_fades_when_matched():
    held, pooled, matched = 0, [], []
    for seed in range(40):
        kld, failed, hard = world(0.0, 0.5, seed, q=1)
        answer = failure.failure_ratios(
            kld, failed, GROUPS, failure.strata(GROUPS, [hard], 10), 400, 1, CLIP
        )[0]
        pooled.append(answer["pooled_ratio"])
        matched.append(answer["matched_ratio"])
        held += answer["matched_low"] <= 1.02 and answer["matched_high"] >= 0.98
        assert answer["pooled_ratio"] > answer["within_ratio"] > answer["matched_ratio"]
    assert min(pooled) > 1.5 and np.mean(matched) == pytest.approx(1.0, abs=0.05) and held >= 34


def test_a_planted_effect_survives_matching():
    kld, failed, hard = world(1.0, 0.5)
    labels = failure.strata(GROUPS, [hard], 8)
    for k, answer in enumerate(failure.failure_ratios(kld, failed, GROUPS, labels, 400, 1, CLIP)):
        assert answer["matched_low"] > 1 and answer["matched_p"] < 0.001
        assert prediction.auroc(kld[k], failed[k], labels)["low"] > 0.5


def test_auroc_is_mann_whitneys_with_delongs_error():
    rng = np.random.default_rng(2)
    values, failed = rng.normal(size=80).round(1), (rng.random(80) < 0.4).astype(float)
    values[failed == 1] += 0.4
    bad, good = values[failed == 1], values[failed == 0]
    wins = (bad[:, None] > good) + 0.5 * (bad[:, None] == good)
    answer = prediction.auroc(values, failed)
    assert answer["auroc"] == pytest.approx(
        scipy_stats.mannwhitneyu(bad, good).statistic / wins.size
    )
    assert answer["standard_error"] == pytest.approx(
        math.sqrt(wins.mean(1).var(ddof=1) / len(bad) + wins.mean(0).var(ddof=1) / len(good))
    )
    assert answer["p"] == pytest.approx(
        scipy_stats.brunnermunzel(good, bad, distribution="normal").pvalue, rel=1e-6
    )


def test_auroc_within_groups_counts_their_own_pairs_only():
    kld, failed, _ = world(0.5, 0.8)
    wins = pairs = 0.0
    for group in "abc":
        bad, good = (kld[0][(group == GROUPS) & (failed[0] == side)] for side in (1, 0))
        wins, pairs = wins + (bad[:, None] > good).sum(), pairs + len(bad) * len(good)
    answer = prediction.auroc(kld[0], failed[0], GROUPS)
    assert (
        answer["auroc"] == pytest.approx(wins / pairs)
        and answer["auroc"] < prediction.auroc(kld[0], failed[0])["auroc"]
    )


def test_aurocs_interval_holds_the_truth():
    rng, held = np.random.default_rng(3), 0
    labels = np.repeat(np.arange(30), 10)
    for _ in range(300):
        failed = (rng.random(300) < 0.3).astype(float)
        shared = rng.normal(size=300)
        values = shared + rng.normal(size=300) + failed
        answer = prediction.auroc(values, failed, labels)
        held += answer["low"] <= scipy_stats.norm.cdf(0.5) <= answer["high"]
    assert 0.915 < held / 300 < 0.985


@pytest.mark.parametrize(
    ("ratio", "spread", "area"),
    [(1.08, 1.0, 0.52), (1.22, 1.0, 0.56), (1.08, 0.5, 0.54), (1.22, 0.5, 0.61)],
)
def test_published_ratios_are_weak_aurocs(ratio, spread, area):
    rng = np.random.default_rng(4)
    failed = (rng.random(40_000) < 0.5).astype(float)
    kld = np.exp(spread * rng.normal(size=40_000) + math.log(ratio) * failed)
    assert prediction.auroc(kld, failed)["auroc"] == pytest.approx(area, abs=0.012)
    assert scipy_stats.norm.cdf(math.log(ratio) / (spread * math.sqrt(2))) == pytest.approx(
        area, abs=0.006
    )


def test_lift_of_the_top_decile():
    kld, failed, _ = world(1.5, 0.3)
    answer = prediction.lift(kld, failed, None, 1_000, 1)[0]
    top = np.argsort(-kld[0])[:60]
    assert answer["lift"] == pytest.approx(failed[0][top].mean() / failed[0].mean())

    def by_hand(kld, failed):
        return failed[np.argsort(-kld)[:60]].mean() / failed.mean()

    interval = scipy_stats.bootstrap(
        (kld[0], failed[0]),
        by_hand,
        paired=True,
        vectorized=False,
        n_resamples=1_000,
        method="percentile",
        rng=1,
    ).confidence_interval
    assert (answer["low"], answer["high"]) == pytest.approx(tuple(interval), abs=0.05)
    within = prediction.lift(kld, failed, GROUPS, 500, 1)[0]
    tops = np.concatenate(
        [
            np.flatnonzero(group == GROUPS)[np.argsort(-kld[0][group == GROUPS])[:20]]
            for group in "abc"
        ]
    )
    assert within["top_rate"] == pytest.approx(failed[0][tops].mean())
    # no order, no gain
    assert prediction.lift(np.zeros(600), failed[0], None, 50, 1)[0]["lift"] == pytest.approx(1)


def counted(kld: np.ndarray, passed: np.ndarray) -> tuple[int, int]:
    """(prompts routed right, prompts that divide) by hand."""
    right = total = 0
    for a, b, x, y in zip(*kld, *passed):
        if x != y:
            total, right = total + 1, right + ((a < b) == (x > y))
    return right, total


def test_routers_are_counted_where_one_model_is_right():
    kld, failed, _ = world(1.0, 0.5, q=3)
    kld[1] *= 10
    found = routers.routers(kld, 1 - failed, GROUPS)
    assert [(row["first"], row["second"]) for row in found] == [(0, 1), (0, 2), (1, 2)] and plain(
        found
    )
    right, total = counted(kld[:2], 1 - failed[:2])
    row = found[0]
    assert row["disagreements"] == total and row["raw_accuracy"] == pytest.approx(right / total)
    assert row["raw_p"] == pytest.approx(scipy_stats.binomtest(right, total).pvalue)
    assert row["raw_better"] == pytest.approx(
        max(row["first_right"], total - row["first_right"]) / total
    )
    ranks = scipy_stats.rankdata(kld[:2], axis=1)
    unequal = ranks[0] != ranks[1]
    right, unequal_total = counted(ranks[:, unequal], 1 - failed[:2, unequal])
    assert (
        row["ranked_accuracy"] == pytest.approx(right / unequal_total)
        and row["ranked_ties"] == total - unequal_total
    )
    assert row["ranked_accuracy"] > row["raw_accuracy"]  # one model's scale no longer decides
    assert row["ranked_low"] > 0.5 and row["within_better"] >= row["raw_better"] - 0.05
    assert (
        row["raw_gain"] == pytest.approx(row["raw_accuracy"] - row["raw_better"])
        and row["raw_gain_low"] <= row["raw_gain"] <= row["raw_gain_high"]
    )


def test_a_useless_router_differs_from_a_coin_no_more_often_than_it_may():
    rng, p = np.random.default_rng(6), []
    for _ in range(300):
        p.append(
            routers.routers(rng.random((2, 300)), 1.0 * (rng.random((2, 300)) < 0.5), ["a"] * 300)[
                0
            ]["within_p"]
        )
    assert (
        scipy_stats.binomtest(
            int((np.array(p) < 0.05).sum()), 300, 0.05, alternative="greater"
        ).pvalue
        > 0.001
    )


def test_the_published_router_needs_two_hundred_disagreements():
    assert (
        scipy_stats.binomtest(round(0.423 * 150), 150).pvalue
        > 0.05
        > scipy_stats.binomtest(round(0.423 * 200), 200).pvalue
    )


@pytest.mark.parametrize("rate", [0.0, 1.0, 0.01])
def test_all_failed_or_none_is_a_reason(rate):
    kld, groups = np.exp(np.random.default_rng(7).normal(size=(2, 50))), ["a"] * 25 + ["b"] * 25
    failed = np.full((2, 50), rate)
    failed[:, 0] = 1 - rate
    answers = [
        *failure.failure_ratios(kld, failed, groups, failure.strata(groups, [kld[0]]), 20, 1, CLIP),
        prediction.auroc(kld[0], failed[0], groups),
        *prediction.lift(kld, failed, None, 20, 1),
    ]
    answers += [
        *routers.routers(kld, 1 - failed, groups),
    ]
    for answer in answers:
        assert plain(answer) and answer["reason"]


def test_missing_equal_and_separated_values_are_reasons_not_nan():
    nan = np.nan
    kld = np.array([[0.0] * 20, [1.0, nan] * 10, [nan] * 20, list(range(20))])
    failed = np.array(
        [[0.0, 1.0] * 10, [0.0, 0.0, 1.0, 1.0] * 5, [nan] * 20, [0.0] * 10 + [1.0] * 10]
    )
    groups = ["a", "b", "c", None] * 5
    for labels in (groups, list(range(20))):
        answers = failure.failure_ratios(kld, failed, labels, labels, 20, 1, CLIP)
        assert plain(answers) and answers[0]["clipped"] == 20
        for row, fail in zip(kld, failed):
            assert plain(
                [
                    prediction.auroc(row, fail, labels),
                    prediction.auroc(row, fail),
                    prediction.lift(row, fail, labels, 20, 1),
                ]
            )
    assert "do not overlap" in prediction.auroc(kld[3], failed[3])["reason"]
    assert plain(routers.routers(kld, 1 - failed, groups))
    assert len(set(failure.strata(["a"] * 40, [np.arange(40), [nan] * 40], 4))) == 4
