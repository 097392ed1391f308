"""Top-k lists against the KLD over the whole vocabulary, in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwh.kernels.scorers.topk_bounds import FLOOR, Limits, TopList, topk_bounds


def rows(seed: int, positions: int, vocabulary: int, spread: float, noise: float):
    """Log-probs of a reference and a quant, [T, V], and the true KLD, [T]."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(positions, vocabulary)) * spread
    y = x + random.normal(size=x.shape) * noise
    logp, logq = (z - np.logaddexp.reduce(z, axis=1, keepdims=True) for z in (x, y))
    difference = logp - logq
    return logp, logq, (np.exp(logp) * (np.expm1(-difference) + difference)).sum(axis=1)


def top(logprobs: np.ndarray, k: int) -> TopList:
    ids = np.argsort(-logprobs, axis=1, kind="stable")[:, :k]
    return TopList(ids, np.take_along_axis(logprobs, ids, axis=1))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 400),
    st.floats(0.01, 12),
    st.floats(0, 6),
    st.integers(1, 80),
    st.integers(1, 80),
)
def test_the_truth_lies_between_the_bounds(seed, vocabulary, spread, noise, k_ref, k):
    logp, logq, true = rows(seed, 4, vocabulary, spread, noise)
    limits = Limits(least_logprob=logq.min(), vocabulary=vocabulary)
    found = topk_bounds(top(logp, k_ref), top(logq, k), limits)
    slack = 1e-12 * (1 + true)
    assert (
        (found.lower >= 0).all()
        and (found.lower <= true + slack).all()
        and (true <= found.upper + slack).all()
    )
    assert np.isfinite(found.upper).all() and (found.k == min(k_ref, vocabulary)).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 12), st.floats(0, 3), st.integers(1, 64))
def test_float32_log_probs_keep_the_bounds(seed, spread, noise, k):
    logp, logq, true = rows(seed, 4, 300, spread, noise)
    reference, quant = (
        TopList(side.ids, side.logprobs.astype(np.float32)) for side in (top(logp, k), top(logq, k))
    )
    limits = Limits(least_logprob=logq.min() - 1e-4, precision=1e-5)
    found = topk_bounds(reference, quant, limits)
    assert (found.lower <= true + 1e-12).all() and (true <= found.upper + 1e-12).all()


@pytest.mark.parametrize("noise, least", [(0.1, 0.5), (0.5, 0.6)])
def test_the_lower_bound_is_most_of_it_for_peaked_rows(noise, least):
    logp, logq, true = rows(1, 200, 2000, 4.0, noise)
    found = topk_bounds(top(logp, 64), top(logq, 64))
    assert found.lower.mean() > least * true.mean() and (found.lower <= true + 1e-12).all()
    assert np.isinf(found.upper).all()  # nothing bounds what the quant does not list


def test_complete_lists_give_the_kld_itself():
    logp, logq, true = rows(2, 50, 40, 2.0, 0.7)
    found = topk_bounds(top(logp, 40), top(logq, 40), Limits(vocabulary=40))
    np.testing.assert_allclose(found.kld_topk, true, rtol=1e-9)
    np.testing.assert_allclose(found.lower, true, rtol=1e-9)
    np.testing.assert_allclose(found.upper, true, rtol=1e-9)
    assert (found.floored == 0).all()


def test_equal_lists_are_zero():
    logp, _, _ = rows(3, 20, 500, 3.0, 0.0)
    found = topk_bounds(top(logp, 20), top(logp, 20))
    assert (np.abs(found.kld_topk) < 1e-12).all() and (found.lower < 1e-12).all()


BY_HAND = (
    TopList(np.array([[7, 8]]), np.log([[0.5, 0.3]])),
    TopList(np.array([[7, 9]]), np.log([[0.6, 0.2]])),
)


def test_top_k_kld_by_hand():
    """Reference 0.5, 0.3 of ids 7, 8; quant 0.6, 0.2 of ids 7, 9: 8 gets the floor."""
    found = topk_bounds(*BY_HAND)
    by_hand = 0.625 * np.log(0.625 / 0.75) + 0.375 * (np.log(0.375) - FLOOR)
    assert found.kld_topk[0] == pytest.approx(by_hand) and found.floored[0] == 1 and found.k[0] == 2
    assert found.lower[0] == pytest.approx(0.5 * np.log(0.5 / 0.6) + 0.5 * np.log(0.5 / 0.4))
    assert topk_bounds(*BY_HAND, Limits(k=1)).kld_topk[0] == 0


def test_the_upper_bound_by_hand():
    """The reference's 8 and its tail of 0.2 stand against e^-10; a tail id has at most 0.3."""
    found = topk_bounds(*BY_HAND, Limits(least_logprob=-10.0))
    assert found.upper[0] == pytest.approx(
        0.5 * np.log(0.5 / 0.6) + 0.3 * (np.log(0.3) + 10) + 0.2 * (np.log(0.3) + 10)
    )


def test_short_lists_are_padded_and_impossible_ones_are_no_numbers():
    ids = np.array([[1, 2, -1], [-1, -1, -1], [1, 2, 3]])
    logprobs = np.array([[-0.1, -3.0, np.nan], [np.nan] * 3, [-0.1, -0.1, -0.1]])
    found = topk_bounds(TopList(ids, logprobs), TopList(ids, logprobs))
    assert found.kld_topk[0] == pytest.approx(0, abs=1e-12) and list(found.k) == [2, 0, 0]
    assert (
        np.isnan(found.kld_topk[1:]).all()
        and np.isnan(found.lower[1:]).all()
        and np.isnan(found.upper[1:]).all()
    )


def test_no_positions():
    empty = TopList(np.empty((0, 5), int), np.empty((0, 5)))
    assert [len(column) for column in topk_bounds(empty, empty)] == [0] * 5
