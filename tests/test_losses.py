"""Shown losses: signs of prompts tossed for all quants at once, against every toss there is."""

import itertools

import numpy as np
import pytest
from answer_rows import answer_rows
from plain import plain

from qwh.exports.words import sentence
from qwh.kernels.statistics.zone.losses import LossSettings, losses

SETTINGS = LossSettings(19_999, 1)


def gains() -> np.ndarray:
    found = np.zeros((4, 12))
    found[0, 0] = found[1, 0] = -1
    found[1, 1] = 1
    found[2, :7] = -1
    found[3, :8], found[3, 8] = -1, 1
    return found


def every_toss(gains: np.ndarray) -> list[float]:
    """Step-down p by all signs, written out: quants in order, each against those not larger."""
    scale = np.sqrt((gains**2).sum(1))
    z = -gains.sum(1) / scale
    tosses = np.array(list(itertools.product((1, -1), repeat=gains.shape[1])))
    drawn = -(tosses @ gains.T) / scale
    found, largest = {}, 0.0
    for quant in sorted(range(len(z)), key=lambda k: -z[k]):
        rest = [k for k in range(len(z)) if k not in found]
        largest = max(largest, (drawn[:, rest].max(1) >= z[quant] - 1e-9).mean())
        found[quant] = largest
    return [found[k] for k in range(len(z))]


def test_p_is_that_of_every_toss():
    exact = every_toss(gains())
    assert exact == [0.5, 0.75, 0.0078125, 0.01953125]
    rows = losses(answer_rows(gains()), SETTINGS)
    assert plain(rows)
    assert [row.p_adjusted for row in rows] == pytest.approx(exact, abs=0.012)
    assert [row.p for row in rows] == pytest.approx([0.5, 0.75, 2**-7, 10 / 512], abs=0.012)
    assert [row.verdict for row in rows] == ["cannot_tell", "cannot_tell", "loss", "loss"]
    assert [row.difference for row in rows] == pytest.approx([-1 / 12, 0, -7 / 12, -7 / 12])


def test_a_text_that_is_asked_twice_is_tossed_once():
    twice = answer_rows(np.repeat(gains(), 2, axis=1), texts=[f"{k // 2:05}" for k in range(24)])
    for once, row in zip(losses(answer_rows(gains()), SETTINGS), losses(twice, SETTINGS)):
        assert row[2:6] == pytest.approx(once[2:6])


def test_benchmarks_count_by_their_weights():
    labels = ["a"] * 6 + ["b"] * 6
    rows = losses(answer_rows(gains(), labels, weights={"a": 3.0, "b": 1.0}), SETTINGS)
    assert rows[2].difference == pytest.approx(-(0.75 * 1 + 0.25 / 6))
    shares = np.repeat([0.75 / 6, 0.25 / 6], 6)
    exact = every_toss(gains() * shares)
    assert [row.p_adjusted for row in rows] == pytest.approx(exact, abs=0.012)


def test_who_did_not_answer_all_is_told_and_left_out():
    some = gains()
    some[3, 11] = np.nan
    rows = losses(answer_rows(some), SETTINGS)
    assert plain(rows) and [row.verdict for row in rows][3] == "not_all" and rows[3].prompts == 11
    assert [row.p_adjusted for row in rows[:3]] == pytest.approx(every_toss(some[:3]), abs=0.012)


def test_raw_p_claims_losses_where_there_are_none_and_adjusted_p_does_not():
    raw, adjusted, worlds = 0, 0, 100
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        made = rng.choice([-1.0, 0, 1], (24, 300), p=[0.04, 0.92, 0.04])
        rows = losses(answer_rows(made), LossSettings(199, seed))
        raw += any(row.p <= 0.05 for row in rows)
        adjusted += any(row.verdict == "loss" for row in rows)
    assert raw > 50 and adjusted <= 11


def test_no_answers_no_rows():
    assert losses(answer_rows(np.zeros((0, 0))), SETTINGS) == []
    [row] = losses(answer_rows(np.zeros((1, 5))), SETTINGS)
    assert (row.z, row.verdict, row.resolvable) == (0, "no_disagreement", None) and plain(row)


def test_a_one_sided_loss_is_not_said_in_the_words_of_a_two_sided_one():
    row = {"p_adjusted": 0.03}
    one, two = sentence("losses", "loss", row), sentence("composites", "damaged", row)
    assert one == "shown lower than the reference (one-sided p 0.03, adjusted over all quants)"
    assert one != two and "one-sided" not in two
