"""The scorer: both twins against SciPy, the fast one against the float64 one, at KLD from 1e-1 down to 1e-8."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qwh.kernels import cpu, naive
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax, logsumexp, rel_entr

TWINS = [naive, cpu]


def logits(rng, rows: int, vocabulary: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Heavy-tailed rows with a favourite, as language models give, and a noisy copy of them."""
    x = rng.standard_t(5, (rows, vocabulary)) * 1.5
    x[np.arange(rows), rng.integers(0, vocabulary, rows)] += rng.uniform(0, 12, rows)
    return x.astype(np.float32), (x + noise * rng.normal(size=x.shape)).astype(np.float32)


def score(twin, x, z, y, k=32, threads=1):
    reference = twin.reference_rows(x, y, k, threads)
    return reference, twin.quant_rows(x, reference, z, y, threads)


@pytest.mark.parametrize("twin", TWINS)
def test_against_scipy(twin):
    rng = np.random.default_rng(0)
    x, z = logits(rng, 9, 1_003, 0.3)
    y = rng.integers(0, 1_003, 9)
    r, q = score(twin, x, z, y, k=10)
    lp, lq, at = log_softmax(x.astype(float), 1), log_softmax(z.astype(float), 1), np.arange(9)
    p, s = np.exp(lp), np.exp(lq)
    for ours, truth in (
        (r.lse_ref, logsumexp(x.astype(float), 1)), (r.nll_ref, -lp[at, y]), (r.entropy_ref, -(p * lp).sum(1)), (q.nll, -lq[at, y]),
        (q.kld, rel_entr(p, s).sum(1)), (q.kld_reverse, rel_entr(s, p).sum(1)), (q.jsd, jensenshannon(p, s, axis=1) ** 2),
        (q.tv, abs(p - s).sum(1) / 2), (q.entropy, -(s * lq).sum(1)), (q.lse, logsumexp(z.astype(float), 1)),
    ):
        np.testing.assert_allclose(ours, truth, rtol=3e-6)
    order = np.argsort(-x, axis=1, kind="stable")
    assert np.array_equal(r.topk_ids, order[:, :10]) and np.array_equal(r.top1_ref, order[:, 0])
    np.testing.assert_allclose(r.topk_logprobs_ref, np.take_along_axis(lp, order[:, :10], 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(q.topk_logprobs, np.take_along_axis(lq, order[:, :10], 1), rtol=1e-5, atol=1e-6)
    assert np.array_equal(r.rank_ref, 1 + np.argsort(order, axis=1)[at, y])
    np.testing.assert_allclose(r.margin_ref, lp[at, order[:, 0]] - lp[at, order[:, 1]], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("noise", [0.5, 0.15, 0.05, 1.5e-2, 5e-3, 1.5e-3, 5e-4, 2.5e-4])
@pytest.mark.parametrize("vocabulary", [32_000, 50_257])
def test_one_part_in_a_hundred_thousand(noise, vocabulary):
    rng = np.random.default_rng(1)
    x, z = logits(rng, 24, vocabulary, noise)
    y = rng.integers(0, vocabulary, 24)
    (r, q), (_, truth) = score(cpu, x, z, y), score(naive, x, z, y)
    seen = truth.kld >= 1e-8
    assert seen.sum() >= 8 and (q.kld >= 0).all()
    for column in ("kld", "kld_reverse", "jsd"):
        np.testing.assert_allclose(getattr(q, column)[seen], getattr(truth, column)[seen], rtol=1e-5)
    np.testing.assert_allclose(q.tv, truth.tv, rtol=1e-5, atol=1e-7)  # a sum of float32 differences
    for column in ("top1", "rank"):
        assert np.array_equal(getattr(q, column), getattr(truth, column))


@pytest.mark.parametrize("twin", TWINS)
def test_equal_logits_are_exactly_zero(twin):
    x, _ = logits(np.random.default_rng(2), 6, 4_097, 0)
    _, q = score(twin, x, x.copy(), np.arange(6))
    for column in ("kld", "kld_reverse", "jsd", "tv"):
        assert not getattr(q, column).any()


SHAPES = st.tuples(st.integers(1, 5), st.sampled_from([2, 3, 31, 257, 511, 512, 513, 1_025, 4_099]))


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.floats(1e-4, 30), st.floats(0, 3), st.integers(1, 40), st.integers(1, 3), st.integers(0, 2**31))
def test_twins_agree_on_any_shape(shape, scale, noise, k, threads, seed):
    rng = np.random.default_rng(seed)
    x = (scale * rng.normal(size=shape)).astype(np.float32)
    z = (x + noise * rng.normal(size=shape)).astype(np.float32)
    y = rng.integers(0, shape[1], shape[0])
    (r, q), (r0, q0) = score(cpu, x, z, y, k, threads), score(naive, x, z, y, k)
    for name in ("top1_ref", "rank_ref", "topk_ids", "finite_ref"):
        assert np.array_equal(getattr(r, name), getattr(r0, name)), name
    for name in ("top1", "rank", "finite"):
        assert np.array_equal(getattr(q, name), getattr(q0, name)), name
    for name in ("kld", "kld_reverse", "jsd", "tv", "nll", "entropy", "topk_logprobs"):
        np.testing.assert_allclose(getattr(q, name), getattr(q0, name), rtol=2e-5, atol=2e-6 if name in ("nll", "entropy", "topk_logprobs") else 1e-7 if name == "tv" else 1e-9, err_msg=name)


def test_no_worse_than_plain_torch_in_single_precision():
    import torch

    rng = np.random.default_rng(3)
    x, z = logits(rng, 64, 20_011, 2e-3)
    (_, q), (_, truth) = score(cpu, x, z, np.zeros(64, int)), score(naive, x, z, np.zeros(64, int))
    plain = torch.nn.functional.kl_div(torch.log_softmax(torch.from_numpy(z), 1), torch.log_softmax(torch.from_numpy(x), 1), reduction="none", log_target=True).sum(1).numpy()
    error = lambda kld: np.median(abs(kld / truth.kld - 1))
    assert error(q.kld) < 1e-6 and error(q.kld) < error(plain) / 100


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("level", [1e4, -1e4])
def test_extreme_rows(twin, level):
    flat, one_hot = np.full((1, 600), level, np.float32), np.full((1, 600), level, np.float32)
    one_hot[0, 77] += 60
    r, q = score(twin, flat, flat, np.array([599]), k=4)
    assert r.rank_ref[0] == 600 and list(r.topk_ids[0]) == [0, 1, 2, 3] and r.top1_ref[0] == 0
    assert r.nll_ref[0] == pytest.approx(math.log(600)) and r.entropy_ref[0] == pytest.approx(math.log(600))
    r, q = score(twin, one_hot, flat, np.array([77]))
    assert r.nll_ref[0] == pytest.approx(0, abs=1e-12) and q.kld[0] == pytest.approx(math.log(600), rel=1e-6) and q.finite[0]


@pytest.mark.parametrize("twin", TWINS)
def test_rows_without_finite_numbers_are_flagged_and_poison_nothing(twin):
    rng = np.random.default_rng(4)
    x, z = logits(rng, 12, 700, 1e-2)
    y = rng.integers(100, 700, 12)
    clean_r, clean_q = score(twin, x, z, y)
    x, z = x.copy(), z.copy()
    x[1, 5], z[2, 5], x[3, 0], z[4, 699] = np.nan, np.nan, np.inf, np.inf   # damaged
    x[5], z[6, 7] = -np.inf, -np.inf                                       # nothing allowed; allowed by one side only
    x[7, :50] = z[7, :50] = -np.inf                                        # a mask that both share is legal
    z[8, y[8]] = x[8, y[8]] = -np.inf                                      # the realised token is impossible
    r, q = score(twin, x, z, y)
    assert list(np.flatnonzero(~r.finite_ref)) == [1, 3, 5, 8]
    assert list(np.flatnonzero(~q.finite)) == [1, 2, 3, 4, 5, 6, 8]
    bad = ~q.finite
    assert np.isnan(q.kld[bad]).all() and (q.top1[bad] == -1).all() and np.isnan(q.topk_logprobs[bad]).all()
    kept = np.array([0, 9, 10, 11])
    assert np.array_equal(q.kld[kept], clean_q.kld[kept]) and np.array_equal(r.nll_ref[kept], clean_r.nll_ref[kept])
    assert np.isfinite(q.kld[7]) and q.kld[7] > 0


def test_bounds_between_divergences():
    rng = np.random.default_rng(5)
    for noise in (3.0, 0.3, 0.01):
        x, z = logits(rng, 32, 3_001, noise)
        _, q = score(cpu, x, z, np.zeros(32, int))
        assert (q.jsd <= math.log(2) + 1e-6).all() and (q.tv <= 1 + 1e-6).all()
        assert (q.tv.astype(float) ** 2 <= q.kld / 2 * (1 + 1e-5) + 1e-12).all()  # Pinsker


def test_f16_logits_are_taken():
    x, z = logits(np.random.default_rng(6), 3, 900, 0.1)
    half = score(cpu, x.astype(np.float16), z.astype(np.float16), np.zeros(3, int))[1]
    full = score(cpu, x.astype(np.float16).astype(np.float32), z.astype(np.float16).astype(np.float32), np.zeros(3, int))[1]
    assert np.array_equal(half.kld, full.kld)
