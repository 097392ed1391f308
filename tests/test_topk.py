"""Top-k KLD: its definition by hand, and bounds that hold for the truth over the whole vocabulary."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qwh.kernels.topk import FLOOR, topk_kld
from scipy.special import log_softmax, rel_entr


def top(logp: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-logp, axis=1, kind="stable")[:, :k]


def seen(logp: np.ndarray, logq: np.ndarray, k: int):
    """What an API shows of two full distributions [T, V]."""
    ids, own = top(logp, k), top(logq, k)
    inside = (ids[:, :, None] == own[:, None, :]).any(2)
    at_ids = np.where(inside, np.take_along_axis(logq, ids, 1), np.nan)
    return np.take_along_axis(logp, ids, 1), at_ids, np.take_along_axis(logq, own, 1)


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 60), st.integers(1, 20), st.floats(0.1, 5), st.floats(0, 4), st.integers(0, 2**31))
def test_the_truth_lies_between_the_bounds(vocabulary, k, scale, noise, seed):
    rng = np.random.default_rng(seed)
    x = scale * rng.normal(size=(5, vocabulary))
    logp, logq = log_softmax(x, 1), log_softmax(x + noise * rng.normal(size=x.shape), 1)
    truth = rel_entr(np.exp(logp), np.exp(logq)).sum(1)
    found = topk_kld(*seen(logp, logq, min(k, vocabulary)), least_logprob=float(logq.min()))
    assert (found.lower <= truth + 1e-9).all() and (truth <= found.upper + 1e-9).all()
    if k >= vocabulary:
        np.testing.assert_allclose(found.lower, truth, atol=1e-9)
        np.testing.assert_allclose(found.upper, truth, atol=1e-9)


def test_nothing_bounds_it_above_without_a_least_log_prob():
    logp = log_softmax(np.random.default_rng(0).normal(size=(3, 50)), 1)
    assert np.isnan(topk_kld(*seen(logp, logp, 5)).upper).all()


def test_the_definition_by_hand():
    logp, logq, own = np.log([[0.5, 0.3, 0.1]]), np.array([[np.log(0.4), np.nan, np.log(0.2)]]), np.log([[0.4, 0.25, 0.2]])
    p, q = np.array([5, 3, 1]) / 9, np.array([0.4 / 0.85, np.exp(FLOOR), 0.2 / 0.85])
    found = topk_kld(logp, logq, own)
    assert found.kld_topk[0] == pytest.approx((p * np.log(p / q)).sum()) and found.floored[0] == 1
    assert found.lower[0] == pytest.approx(0.5 * np.log(0.5 / 0.4) + 0.1 * np.log(0.1 / 0.2) + 0.4 * np.log(0.4 / 0.4))


def test_equal_lists_are_zero():
    logp = log_softmax(np.random.default_rng(1).normal(size=(4, 30)), 1)
    found = topk_kld(*seen(logp, logp, 7))
    np.testing.assert_allclose(found.kld_topk, 0, atol=1e-12)
    np.testing.assert_allclose(found.lower, 0, atol=1e-12)
    assert not found.floored.any()
