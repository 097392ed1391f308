"""Token direction against the benchmarks': SciPy's rho, every toss of the signs, planted truths."""

from itertools import combinations, product

import numpy as np
import pytest
from plain import plain
from scipy.stats import rankdata, spearmanr

from qwh.kernels.statistics.answers import Answers
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.quants.direction_agreement import (
    Agreement,
    TokenDirections,
    Tosses,
    direction_agreement,
)

SETTINGS = Tosses(200, 4_000, 8, 1)


def answers(scores: np.ndarray, reference: np.ndarray, weights=(1.0, 1.0)) -> list[dict]:
    """Records of scores [q, n]: the first half of the prompts is benchmark a, the other b."""
    half = scores.shape[1] // 2
    return [
        {
            "quant_id": f"q{q:02d}",
            "benchmark_id": "ab"[k >= half],
            "prompt_id": f"{k:04d}",
            "text_id": f"{k:04d}",
            "weight": weights[k >= half],
            "score": scores[q, k],
            "score_ref": reference[k],
        }
        for q, k in np.ndindex(scores.shape)
    ]


def directions(figures: np.ndarray, measured: str = "token_direction") -> list[dict]:
    """Records of one figure [q] of one text; NaN has no row."""
    return [
        {
            "corpus_id": "text",
            "context_length": 64,
            "estimator": "e",
            "measured": measured,
            "quant_id": f"q{q:02d}",
            "figure": figure,
        }
        for q, figure in enumerate(figures)
        if np.isfinite(figure)
    ]


def agree(figures: list[dict], answered: list[dict]) -> list[Agreement]:
    found = direction_agreement(
        rows_of(TokenDirections, figures), rows_of(Answers, answered), SETTINGS
    )
    assert plain(found)
    return found


def flips(directions: np.ndarray, n: int, seed: int, volume: float = 0.4):
    """Scores [q, n] that leave the reference [n] on a share of prompts, in such directions."""
    rng = np.random.default_rng(seed)
    reference = (rng.random(n) < 0.5).astype(float)
    shape = len(directions), n
    gains = np.where(rng.random(shape) < (1 + directions[:, None]) / 2, 1.0, -1.0)
    # a prompt can only be won where the reference fails it
    gains *= (rng.random(shape) < volume) & ((gains > 0) == (reference == 0))
    return reference + gains, reference


def test_rho_is_scipys_and_p_that_of_every_toss():
    rng = np.random.default_rng(5)
    reference = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1.0])
    scores = np.where(rng.random((9, 10)) < 0.6, 1 - reference, reference)
    figures = rng.random(9)
    [row] = agree(directions(figures), answers(scores, reference, (3.0, 1.0)))
    gains = (scores - reference) * np.repeat([0.75 / 5, 0.25 / 5], 5)
    volume = np.abs(gains).sum(1)
    assert row.rho == pytest.approx(spearmanr(figures, (gains.sum(1) / volume).round(12))[0])
    assert (row.n, row.prompts) == (9, 10)
    shared = gains.sum() / volume.sum()
    ranks = rankdata(figures) - np.average(rankdata(figures), weights=volume)
    added = ranks @ (gains - shared * np.abs(gains))
    tossed = np.abs(np.array(list(product((-1, 1), repeat=10))) @ added)
    exact = (tossed >= abs(added.sum()) - 1e-12).mean()
    # every prompt is divided; all quants that leave the reference on it do so in one direction
    signs, reach = 1 - 2 * reference, ranks @ np.abs(gains)
    orders = np.array(list(combinations(range(10), 5)))
    dealt = np.full((len(orders), 10), -1.0)
    np.put_along_axis(dealt, orders, 1.0, axis=1)
    dealt_p = (np.abs(dealt @ reach) >= abs(signs @ reach) - 1e-12).mean()
    assert row.p == pytest.approx(max(exact, dealt_p), abs=0.025) and row.p_adjusted == row.p


def test_what_is_planted_is_found_on_these_and_adjusted_over_all():
    planted = np.linspace(-0.8, 0.8, 16)
    even = np.abs(planted)  # no trend of the directions goes with it
    both = directions(planted) + directions(even, "other") + directions(-planted, "turned")
    rows = agree(both, answers(*flips(planted, 600, 2)))
    assert {row.measured: row.verdict for row in rows} == {
        "token_direction": "rises_on_these",
        "turned": "falls_on_these",
        "other": "cannot_tell",
    }
    assert all(row.p <= row.p_adjusted for row in rows)
    [rises] = [row for row in rows if row.measured == "token_direction"]
    assert 0 < rises.low <= rises.high <= 1


def test_few_quants_get_no_verdict_and_a_lack_has_a_reason():
    planted = np.linspace(-0.8, 0.8, 7)
    scores, reference = flips(planted, 600, 2)
    [row] = agree(directions(planted), answers(scores, reference))
    assert row.verdict == "too_few" and row.rho is not None
    [row] = agree(directions(np.ones(7)), answers(scores, reference))
    assert (row.verdict, row.reason) == ("no_figure", "one side is the same for every quant")
    [row] = agree(directions(planted[:4]), answers(scores, reference))
    assert (row.verdict, row.reason) == ("no_figure", "5 quants needed, 4 found")
    assert agree(directions(planted), []) == []
    scores[2] = reference  # it never disagrees: no direction
    [row] = agree(directions(planted), answers(scores, reference))
    assert row.n == 6


def test_rows_in_another_order_give_the_same():
    rng = np.random.default_rng(3)
    planted = np.linspace(-0.5, 0.5, 8)
    figures, answered = directions(planted), answers(*flips(planted, 40, 2))
    shuffled = ([rows[k] for k in rng.permutation(len(rows))] for rows in (figures, answered))
    assert agree(*shuffled) == agree(figures, answered)
