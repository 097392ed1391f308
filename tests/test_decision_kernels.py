"""Pairs, candidates, duels and the front: against enumerated tosses, SciPy and brute force."""

from itertools import combinations, product

import hall
import numpy as np
import pytest
from answer_rows import answer_rows, shuffled
from scipy import integrate, optimize, stats

from qwh.kernels.statistics.answers import Answers
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.scores import prompt_budget, stratified
from qwh.kernels.statistics.scores.candidates import candidates
from qwh.kernels.statistics.scores.duels import duel
from qwh.kernels.statistics.scores.front import Files, FrontDraws, front_places, membership
from qwh.kernels.statistics.scores.score_pairs import PairDraws, score_pairs

DRAWS = PairDraws(n_tosses=20_000, seed=1, margin=0.01)


def pairs_of(answers: Answers, draws: PairDraws = DRAWS) -> dict:
    """(quant, other) -> its row."""
    return {(row.quant_id, row.other_quant_id): row for row in score_pairs(answers, draws)}


def gains_of(leapfrogs: int, drops: int, prompts: int) -> np.ndarray:
    """So many gained, so many lost, [prompts]."""
    return np.r_[np.ones(leapfrogs), -np.ones(drops), np.zeros(prompts - leapfrogs - drops)]


def test_pairs_are_those_of_all_tosses():
    """Twelve prompts on which every sign can be enumerated."""
    gains = np.zeros((4, 12))
    gains[[0, 1], 0] = -1
    gains[1, 1] = 1
    gains[2, :7] = -1
    gains[3, :8] = -1
    gains[3, 8] = 1
    found = pairs_of(answer_rows(gains))
    signs = np.array(list(product((-1, 1), repeat=12)))
    scores = np.vstack([gains, np.zeros(12)])
    names = ["q00", "q01", "q02", "q03", None]
    z = {}
    for a, b in combinations(range(5), 2):
        apart = scores[b] - scores[a]
        z[names[a], names[b]] = (signs * apart).sum(1) / np.sqrt(max((apart**2).sum(), 1))
    largest = np.max([np.abs(tossed) for tossed in z.values()], axis=0)
    strongest = max(z, key=lambda pair: abs(z[pair][-1]))  # all signs are +1 there
    for pair, tossed in z.items():
        row = found[pair]
        seen = abs(tossed[-1])
        assert row.p == pytest.approx((np.abs(tossed) >= seen - 1e-9).mean(), abs=0.012)
        assert row.p_adjusted <= (largest >= seen - 1e-9).mean() + 0.012
        if pair == strongest:
            assert row.p_adjusted == pytest.approx((largest >= seen - 1e-9).mean(), abs=0.012)
        assert row.prompts == 12


def test_a_pair_of_two_quants_is_counted_by_hand():
    """Two benchmarks, weighted 2 to 1; q01 did not answer the last five prompts."""
    rng = np.random.default_rng(5)
    gains = rng.choice([-1.0, 0, 0, 0, 1], (2, 60))
    gains[1, -5:] = np.nan
    answers = answer_rows(gains, ["a"] * 40 + ["b"] * 20, weights={"a": 2.0, "b": 1.0})
    row = pairs_of(answers)["q00", "q01"]
    apart = gains[1] - gains[0]
    by_hand = (2 * apart[:40].mean() + apart[40:55].mean()) / 3
    moved = (2 * np.abs(apart[:40]).mean() + np.abs(apart[40:55]).mean()) / 3
    assert row.difference == pytest.approx(by_hand)
    assert row.volume == pytest.approx(moved)
    assert row.prompts == 55
    assert row.low < by_hand < row.high
    reference = pairs_of(answers)["q01", None]
    alone = (2 * gains[1, :40].mean() + gains[1, 40:55].mean()) / 3
    assert reference.difference == pytest.approx(-alone)


def test_every_word_about_a_pair_is_said_where_it_is_due():
    n = 3_000
    gains = np.stack(
        [
            gains_of(20, 320, n),
            gains_of(0, 0, n),
            gains_of(320, 20, n),
            np.roll(gains_of(150, 150, n), 700),
        ]
    )
    found = pairs_of(answer_rows(gains))
    said = {pair: row.verdict for pair, row in found.items()}
    assert said["q00", None] == "other_higher" and said["q02", None] == "other_lower"
    assert said["q01", None] == "within_margin"
    assert said["q03", None] == "cannot_tell"
    assert found["q03", None].prompts_needed > n and found["q01", None].prompts_needed is None
    few = pairs_of(answer_rows(np.array([gains_of(0, 7, 200), gains_of(0, 0, 200)])))
    row = few["q00", None]
    # 7 to 0 is p 1/64, and there is nothing else to allow for
    assert row.p == pytest.approx(2 / 2**7, abs=0.003)
    assert row.verdict_alone == "other_higher"


def test_what_nobody_answered_together_is_no_pair():
    gains = np.zeros((2, 20))
    gains[0, :10] = gains[1, 10:] = np.nan
    row = pairs_of(answer_rows(gains))["q00", "q01"]
    assert (row.verdict, row.verdict_alone, row.prompts, row.p) == (
        "no_answers",
        "no_answers",
        0,
        None,
    )


def tango(leapfrogs: int, drops: int, prompts: int, margin: float) -> float:
    """p that the difference lies above -margin: Tango's z (1998), half a prompt taken off."""
    a = 2 * prompts
    b = -(2 * prompts - leapfrogs + drops) * margin - leapfrogs - drops
    c = drops * margin * (1 + margin)
    drop = max((np.sqrt(b * b - 4 * a * c) - b) / (2 * a), margin)
    gap = leapfrogs - drops + prompts * margin - 0.5
    return stats.norm.sf(gap / np.sqrt(prompts * (2 * drop - margin * (1 + margin))))


def test_candidates_are_tangos_and_allow_for_each_other():
    counts = [(1, 1, 1_500), (4, 6, 1_500), (30, 25, 1_500), (5, 40, 1_500)]
    gains = np.array([gains_of(*row) for row in counts])
    found = candidates(answer_rows(gains), DRAWS)
    p = np.array([tango(*row, 0.01) for row in counts])
    assert [row.p_not_inferior for row in found] == pytest.approx(p, abs=2e-4)
    assert [row.p_not_inferior for row in found[:3]] == pytest.approx(p[:3])
    rng = np.random.default_rng(3)
    signs = rng.choice([-1.0, 1], (20_000, 1_500))
    tossed = signs @ gains.T / np.sqrt((gains**2).sum(1))
    adjusted, left = {}, np.argsort(p)
    for place, k in enumerate(left):
        beside = (tossed[:, left[place:]].max(1) >= stats.norm.isf(p[k])).mean()
        adjusted[k] = max([beside, p[k], *adjusted.values()])
    for k, row in enumerate(found):
        assert row.p_not_inferior_adjusted == pytest.approx(adjusted[k], abs=0.01)
        assert row.verdict == ("not_inferior" if adjusted[k] <= 0.05 else "cannot_tell")
        assert row.difference == pytest.approx((counts[k][0] - counts[k][1]) / 1_500)
        assert (row.loss_bound < 0.01) == (row.verdict == "not_inferior")
    assert {row.verdict for row in found} == {"not_inferior", "cannot_tell"}


@pytest.mark.parametrize("counts", [(1, 1, 1_500), (0, 1, 90), (1, 0, 400), (0, 0, 300)])
def test_the_bound_of_one_quant_is_tangos_margin(counts):
    """So few disagree that tosses ask no more than the normal's 5 %."""
    [row] = candidates(answer_rows(gains_of(*counts)[None]), DRAWS)
    margin = optimize.brentq(lambda m: tango(*counts, m) - 0.05, 1e-4, 0.5)
    assert row.loss_bound == pytest.approx(margin, rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_a_bound_is_the_margin_where_the_verdict_turns(seed):
    """Among others, over benchmarks of uneven weights; one quant answers as the reference does."""
    rng = np.random.default_rng(seed)
    moved = rng.choice([0.0, 0.002, 0.01, 0.05], 5)
    sizes = {"a": 300, "b": 60}
    gains = np.array([rng.choice([-1.0, 0, 1], 360, p=[x, 1 - 1.5 * x, x / 2]) for x in moved])
    gains[0] = 0
    names = [name for name, size in sizes.items() for _ in range(size)]
    answers = answer_rows(gains, names, weights={"a": 1.0, "b": 3.0})
    draws = DRAWS._replace(n_tosses=999)
    for k, row in enumerate(candidates(answers, draws)):
        for share, verdict in ((1 - 1e-6, "cannot_tell"), (1 + 1e-6, "not_inferior")):
            at = candidates(answers, draws._replace(margin=row.loss_bound * share))[k]
            assert at.verdict == verdict and at.loss_bound == row.loss_bound


def test_a_wreck_counts_among_those_looked_at():
    """Its p rounds to 1, and its prompts are tossed with the others'."""
    gains = np.array([gains_of(30, 20, 1_500), gains_of(0, 1_400, 1_500)])
    found = candidates(answer_rows(gains), DRAWS)
    assert found[1].p_not_inferior == found[1].p_not_inferior_adjusted == 1.0
    rng = np.random.default_rng(3)
    signs = rng.choice([-1.0, 1], (20_000, 1_500))
    largest = (signs @ gains.T / np.sqrt((gains**2).sum(1))).max(1)
    seen = stats.norm.isf(found[0].p_not_inferior)
    assert found[0].p_not_inferior_adjusted == pytest.approx((largest >= seen).mean(), abs=0.004)


def test_too_few_draws_show_no_bound():
    found = candidates(answer_rows(np.zeros((2, 900))), DRAWS._replace(n_tosses=9))
    assert {(row.loss_bound, row.verdict) for row in found} == {(1.0, "cannot_tell")}


def test_fewer_quants_allowed_are_fewer_to_allow_for():
    gains = np.random.default_rng(4).choice([-1.0, 0, 1], (12, 900), p=[0.01, 0.98, 0.01])
    whole = candidates(answer_rows(gains), DRAWS)
    part = candidates(answer_rows(gains[:2]), DRAWS)
    for one, other in zip(part, whole):
        assert one.p_not_inferior == other.p_not_inferior
        assert one.p_not_inferior_adjusted <= other.p_not_inferior_adjusted + 1e-9
        assert one.loss_bound < other.loss_bound


def test_prompts_needed_find_what_they_promise():
    """At the level of one test they are the normal approximation's, by hand."""
    gains = gains_of(25, 25, 1_000)[None]
    [row] = candidates(answer_rows(gains), DRAWS)
    z = stats.norm.isf(0.05) + stats.norm.ppf(0.8)
    assert row.prompts_needed == np.ceil(z**2 * 0.05 / 0.01**2)
    row = pairs_of(answer_rows(gains))["q00", None]
    z = stats.norm.isf(0.025) + stats.norm.ppf(0.8)
    assert row.prompts_needed_alone == 3_917 == np.ceil(z**2 * (0.05 - 0.01**2) / 0.01**2)
    counts = stratified.Tables(*(np.array([[x]], float) for x in (25, 25, 1_000, 1, 1, 0.05)))
    back = prompt_budget.needed(counts, row.resolvable_alone, z - stats.norm.ppf(0.8), [1_000])
    assert back == pytest.approx(1_000, abs=2)


def test_a_duel_is_counted_by_hand():
    gains = np.r_[gains_of(9, 0, 150), gains_of(3, 5, 80), gains_of(0, 0, 900), gains_of(0, 11, 60)]
    names = ["up"] * 150 + ["mixed"] * 80 + ["same"] * 900 + ["down"] * 60
    found = {row.benchmark_id: row for row in duel(answer_rows(gains, names), DRAWS)}
    p = {
        name: stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
        for name, (gained, lost) in {
            "up": (9, 0),
            "mixed": (3, 5),
            "same": (0, 0),
            "down": (0, 11),
        }.items()
    }
    order = sorted(p, key=p.get)
    holm = np.maximum.accumulate([(4 - k) * p[name] for k, name in enumerate(order)])
    for name, adjusted in zip(order, holm):
        assert found[name].p == pytest.approx(p[name])
        assert found[name].p_adjusted == pytest.approx(min(1, adjusted))
    assert {name: row.verdict for name, row in found.items()} == {
        "up": "higher",
        "down": "lower",
        "mixed": "cannot_tell",
        "same": "within_margin",
    }
    assert (found["mixed"].gained, found["mixed"].lost, found["mixed"].volume) == (3, 5, 0.1)


def test_graded_scores_have_a_t_and_a_bet():
    rng = np.random.default_rng(6)
    for mean, size, verdict in ((0.05, 90, "higher"), (0.008, 60, "cannot_tell")):
        gains = rng.normal(mean, 0.1, size).clip(-0.5, 0.5)
        [row] = duel(answer_rows(gains), DRAWS)
        adds = (gains - gains.mean()) / np.sqrt(size * (size - 1))
        above = hall.above(adds, gains.mean(), 0.0)
        unseen = (1 - abs(gains.mean())) ** size  # whole losses of either side
        assert row.p == pytest.approx(max(2 * min(above, 1 - above), unseen))
        assert (row.low, row.high) == pytest.approx(hall.interval(adds, gains.mean()))
        staked = integrate.quad(lambda stake, of: np.prod(1 + stake * of) / 2, -1, 1, gains)[0]
        assert row.e_value == pytest.approx(staked) and row.verdict == verdict


@pytest.mark.parametrize("statistic", [score_pairs, candidates, duel])
def test_order_and_copies_change_nothing(statistic):
    rng = np.random.default_rng(7)
    gains = rng.choice([-1.0, 0, 0, 0, 1], (1 if statistic is duel else 3, 60))
    names, draws = ["a"] * 25 + ["b"] * 35, DRAWS._replace(n_tosses=500)
    once = answer_rows(gains, names)
    assert statistic(shuffled(once), draws) == statistic(once, draws)
    copies = answer_rows(
        np.repeat(gains, 3, axis=1),
        np.repeat(names, 3).tolist(),
        [f"{item // 3:05}" for item in range(180)],
    )
    for one, three in zip(statistic(once, draws), statistic(copies, draws)):
        for name, value in one._asdict().items():
            if name in ("prompts", "gained", "lost", "prompts_needed", "prompts_needed_alone"):
                assert value is None or getattr(three, name) == pytest.approx(3 * value, abs=3)
            elif isinstance(value, float):
                assert getattr(three, name) == pytest.approx(value, rel=1e-9), name
            else:
                assert getattr(three, name) == value


def test_front_by_brute_force():
    rng = np.random.default_rng(8)
    sizes, volumes, scores = (
        rng.integers(1, 5, 8).astype(float),
        rng.integers(0, 4, (600, 8)) / 10,
        rng.integers(0, 4, (600, 8)) / 10,
    )

    def beats(b: int, other: int, own: int) -> bool:
        mine, theirs = ((sizes[k], volumes[b, k], -scores[b, k]) for k in (own, other))
        return all(t <= m for t, m in zip(theirs, mine)) and theirs != mine

    for k, (share, _, often) in enumerate(membership(sizes, volumes, scores)):
        lost = np.array([[beats(b, other, k) for other in range(8)] for b in range(600)])
        assert share == pytest.approx(1 - lost.any(1).mean())
        assert often == pytest.approx(lost.mean(0).max())


def test_a_front_without_a_size_has_no_place_on_it():
    gains = np.array([gains_of(1, 3, 40), gains_of(0, 1, 40), gains_of(2, 2, 40)])
    sizes = [("q00", 2.0), ("q01", 1.0), ("q02", None)]
    files = rows_of(Files, [dict(zip(Files._fields, row)) for row in sizes])
    found = {
        row.quant_id: row for row in front_places(answer_rows(gains), files, FrontDraws(200, 1))
    }
    assert found["q02"].on_front is None
    assert found["q01"].on_front == 1.0 and found["q01"].beaten_by is None
    assert found["q00"].beaten_by == "q01" and 0.5 < found["q00"].beaten_share <= 1
