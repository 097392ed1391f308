"""The scorer: both twins against SciPy, the fast one against the float64 one, at KLD from 1e-1 down
to 1e-8.
"""

import math
import os
import platform
import subprocess
import sys

import numpy as np
import pytest
from conftest import MODEL, REFERENCE
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax, logsumexp, rel_entr

from qwh.kernels.scorers import cpu, loops, naive

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
        (r.lse_ref, logsumexp(x.astype(float), 1)),
        (r.nll_ref, -lp[at, y]),
        (r.entropy_ref, -(p * lp).sum(1)),
        (q.nll, -lq[at, y]),
        (q.kld, rel_entr(p, s).sum(1)),
        (q.kld_reverse, rel_entr(s, p).sum(1)),
        (q.jsd, jensenshannon(p, s, axis=1) ** 2),
        (q.tv, abs(p - s).sum(1) / 2),
        (q.entropy, -(s * lq).sum(1)),
        (q.lse, logsumexp(z.astype(float), 1)),
    ):
        np.testing.assert_allclose(ours, truth, rtol=3e-6)
    order = np.argsort(-x, axis=1, kind="stable")
    assert np.array_equal(r.topk_ids, order[:, :10]) and np.array_equal(r.top1_ref, order[:, 0])
    np.testing.assert_allclose(
        r.topk_logprobs_ref, np.take_along_axis(lp, order[:, :10], 1), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        q.topk_logprobs, np.take_along_axis(lq, order[:, :10], 1), rtol=1e-5, atol=1e-6
    )
    assert np.array_equal(r.rank_ref, 1 + np.argsort(order, axis=1)[at, y])
    np.testing.assert_allclose(
        r.margin_ref, lp[at, order[:, 0]] - lp[at, order[:, 1]], rtol=1e-5, atol=1e-6
    )


def at_level(rng, rows: int, vocabulary: int, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose KLD is about `level` each: half of the noise's variance under the reference."""
    # softened: no noise moves a certain row by 0.1 nats
    x = logits(rng, rows, vocabulary, 0)[0] / 2
    noise = rng.normal(size=x.shape)
    p = np.exp(log_softmax(x.astype(float), 1))
    variance = (p * noise**2).sum(1) - (p * noise).sum(1) ** 2
    return x, (x + noise * np.sqrt(2 * level / variance)[:, None]).astype(np.float32)


@pytest.mark.parametrize("level", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8])
@pytest.mark.parametrize("vocabulary", [32_000, 50_257])
def test_one_part_in_a_hundred_thousand(level, vocabulary):
    rng = np.random.default_rng(1)
    x, z = at_level(rng, 12, vocabulary, level)
    y = rng.integers(0, vocabulary, 12)
    (_, q), (_, truth) = score(cpu, x, z, y), score(naive, x, z, y)
    assert level / 4 < np.median(truth.kld) < 4 * level and (q.kld >= 0).all()
    for column in ("kld", "kld_reverse", "jsd"):
        np.testing.assert_allclose(getattr(q, column), getattr(truth, column), rtol=1e-5)
    np.testing.assert_allclose(q.tv, truth.tv, rtol=1e-5, atol=1e-7)  # a sum of float32 differences
    for column in ("top1", "rank"):
        assert np.array_equal(getattr(q, column), getattr(truth, column))


def test_a_vocabulary_of_250_thousand_and_one_position():
    x, z = at_level(np.random.default_rng(7), 1, 250_003, 1e-4)
    (r, q), (r0, q0) = (
        score(cpu, x, z, np.array([250_002]), threads=4),
        score(naive, x, z, np.array([250_002])),
    )
    assert (
        np.array_equal(r.topk_ids, r0.topk_ids) and r.rank_ref == r0.rank_ref and q.rank == q0.rank
    )
    np.testing.assert_allclose(
        [q.kld, q.kld_reverse, q.jsd, q.entropy, q.nll],
        [q0.kld, q0.kld_reverse, q0.jsd, q0.entropy, q0.nll],
        rtol=1e-5,
    )


def test_near_and_far_stretches_of_one_row():
    rng = np.random.default_rng(8)
    x, z = logits(rng, 6, 9_001, 1e-3)
    for stretch in (slice(100, 140), slice(512, 1_024), slice(3_000, 5_000), slice(8_990, 9_001)):
        z[:, stretch] += rng.normal(0, 3, z[:, stretch].shape).astype(np.float32)
    (_, q), (_, truth) = score(cpu, x, z, np.zeros(6, int)), score(naive, x, z, np.zeros(6, int))
    for column in ("kld", "kld_reverse", "jsd", "tv"):
        np.testing.assert_allclose(getattr(q, column), getattr(truth, column), rtol=1e-5)


@pytest.mark.parametrize("twin", TWINS)
def test_equal_logits_are_exactly_zero(twin):
    x, _ = logits(np.random.default_rng(2), 6, 4_097, 0)
    _, q = score(twin, x, x.copy(), np.arange(6))
    for column in ("kld", "kld_reverse", "jsd", "tv"):
        assert not getattr(q, column).any()


SHAPES = st.tuples(st.integers(1, 5), st.sampled_from([2, 3, 31, 257, 511, 512, 513, 1_025, 4_099]))


@settings(max_examples=60, deadline=None)
@given(
    SHAPES,
    st.floats(1e-4, 30),
    st.floats(0, 3),
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(0, 2**31),
)
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
        np.testing.assert_allclose(
            getattr(q, name),
            getattr(q0, name),
            rtol=2e-5,
            atol=(
                2e-6
                if name in ("nll", "entropy", "topk_logprobs")
                else 1e-7
                if name == "tv"
                else 1e-9
            ),
            err_msg=name,
        )


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.integers(1, 6), st.integers(1, 40), st.integers(0, 2**31))
def test_ties_go_to_the_lower_id(shape, levels, k, seed):
    rng = np.random.default_rng(seed)
    x, z = (rng.integers(0, levels, shape).astype(np.float32) for _ in range(2))
    y = rng.integers(0, shape[1], shape[0])
    r, q = score(cpu, x, z, y, k)
    order, other, at = (
        np.argsort(-x, axis=1, kind="stable"),
        np.argsort(-z, axis=1, kind="stable"),
        np.arange(shape[0]),
    )
    assert (
        np.array_equal(r.topk_ids, order[:, :k])
        and np.array_equal(r.top1_ref, order[:, 0])
        and np.array_equal(q.top1, other[:, 0])
    )
    assert np.array_equal(r.rank_ref, 1 + np.argsort(order, axis=1)[at, y]) and np.array_equal(
        q.rank, 1 + np.argsort(other, axis=1)[at, y]
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 1_600),
    st.sampled_from([np.nan, -np.nan, np.inf]),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_one_bad_entry_anywhere_is_seen(vocabulary, bad, masked, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, vocabulary)).astype(np.float32)
    x[0, rng.integers(0, vocabulary)] = bad
    if masked:
        x[0, np.isfinite(x[0])] = -np.inf
    y = np.zeros(2, int)
    clean = np.repeat(x[1:], 2, 0)
    assert list(cpu.reference_rows(x, y).finite_ref) == [False, True]
    assert list(score(cpu, clean, x, y)[1].finite) == [False, True]


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("top", [0, 511, 512, 1_300])
def test_the_maximum_may_be_anywhere(twin, top):
    # a new maximum in every block
    x = np.sort(np.random.default_rng(9).normal(size=(1, 1_301)).astype(np.float32) * 4)
    x[0, top] += 30
    r, q = score(twin, x, x[:, ::-1].copy(), np.array([top]))
    assert r.top1_ref[0] == top and r.rank_ref[0] == 1 and q.top1[0] == 1_300 - top
    np.testing.assert_allclose([r.lse_ref[0], q.lse[0]], logsumexp(x.astype(float)), rtol=1e-7)
    lp = log_softmax(x[0].astype(float))
    np.testing.assert_allclose(r.entropy_ref[0], -(np.exp(lp) * lp).sum(), rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("level", [1e4, -1e4])
def test_extreme_rows(twin, level):
    flat, one_hot = np.full((1, 600), level, np.float32), np.full((1, 600), level, np.float32)
    one_hot[0, 77] += 60
    r, q = score(twin, flat, flat, np.array([599]), k=4)
    assert r.rank_ref[0] == 600 and list(r.topk_ids[0]) == [0, 1, 2, 3] and r.top1_ref[0] == 0
    assert r.nll_ref[0] == pytest.approx(math.log(600)) and r.entropy_ref[0] == pytest.approx(
        math.log(600)
    )
    r, q = score(twin, one_hot, flat, np.array([77]))
    assert (
        r.nll_ref[0] == pytest.approx(0, abs=1e-12)
        and q.kld[0] == pytest.approx(math.log(600), rel=1e-6)
        and q.finite[0]
    )


@pytest.mark.parametrize("twin", TWINS)
def test_rows_without_finite_numbers_are_flagged_and_poison_nothing(twin):
    rng = np.random.default_rng(4)
    x, z = logits(rng, 12, 700, 1e-2)
    y = rng.integers(100, 700, 12)
    clean_r, clean_q = score(twin, x, z, y)
    x, z = x.copy(), z.copy()
    x[1, 5], z[2, 5], x[3, 0], z[4, 699] = np.nan, np.nan, np.inf, np.inf  # damaged
    # nothing allowed; allowed by one side only
    x[5], z[6, 7] = -np.inf, -np.inf
    # a mask that both share is legal
    x[7, :50] = z[7, :50] = -np.inf
    # the realised token is impossible
    z[8, y[8]] = x[8, y[8]] = -np.inf
    # allowed by the quant only: KL(quant || reference) is infinite
    x[9, 3] = -np.inf
    r, q = score(twin, x, z, y)
    assert list(np.flatnonzero(~r.finite_ref)) == [1, 3, 5, 8]
    assert list(np.flatnonzero(~q.finite)) == [1, 2, 3, 4, 5, 6, 8, 9]
    bad = ~q.finite
    assert (
        np.isnan(q.kld[bad]).all()
        and (q.top1[bad] == -1).all()
        and np.isnan(q.topk_logprobs[bad]).all()
    )
    kept = np.array([0, 10, 11])
    assert np.array_equal(q.kld[kept], clean_q.kld[kept]) and np.array_equal(
        r.nll_ref[kept], clean_r.nll_ref[kept]
    )
    assert np.isfinite(q.kld[7]) and q.kld[7] > 0


def test_bounds_between_divergences():
    rng = np.random.default_rng(5)
    for noise in (3.0, 0.3, 0.01):
        x, z = logits(rng, 32, 3_001, noise)
        _, q = score(cpu, x, z, np.zeros(32, int))
        assert (q.jsd <= math.log(2) + 1e-6).all() and (q.tv <= 1 + 1e-6).all()
        assert (q.tv.astype(float) ** 2 <= q.kld / 2 * (1 + 1e-5) + 1e-12).all()  # Pinsker
        p, s = np.exp(log_softmax(x.astype(float), 1)), np.exp(log_softmax(z.astype(float), 1))
        # the expected acceptance rate
        np.testing.assert_allclose(1 - q.tv, np.minimum(p, s).sum(1), atol=1e-6)


def test_f16_logits_are_taken():
    x, z = logits(np.random.default_rng(6), 3, 900, 0.1)
    half = score(cpu, x.astype(np.float16), z.astype(np.float16), np.zeros(3, int))[1]
    full = score(
        cpu,
        x.astype(np.float16).astype(np.float32),
        z.astype(np.float16).astype(np.float32),
        np.zeros(3, int),
    )[1]
    assert np.array_equal(half.kld, full.kld)


def test_threads_do_not_change_a_bit():
    x, z = logits(np.random.default_rng(10), 7, 2_050, 0.1)
    y = np.arange(7)
    for many in (2, 3, 16):
        for ours, alone in zip(score(cpu, x, z, y, threads=many), score(cpu, x, z, y)):
            assert all(np.array_equal(a, b) for a, b in zip(ours, alone))


@pytest.mark.parametrize("missing, says", [((), "numba-f32"), (("numba",), "numpy-f64")])
def test_what_scores_where_numba_is_missing(missing, says):
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({missing})); from qwh.kernels.scorers import"
        " dispatch; print(dispatch.estimator(), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == [says, "False"], done.stderr  # and no scorer loads torch


def test_real_logits_of_a_real_model(quants):
    """All scorers on what llama.cpp gives for the test model's text, where most positions are
    nearly certain.
    """
    from qwh.ingest.engines.llama_cpp import file, load, vocabulary
    from qwh.ingest.engines.port import Reading
    from qwh.ingest.texts.text import Cut, read_text

    files = [file(path) for path in (REFERENCE, quants["Q8_0"], quants["Q4_K_M"])]
    text = read_text(str(MODEL / "corpus.txt"), 0, Cut(128, 4, "half"), vocabulary(files[0]))
    sequences = text.sequences()
    streams = [load(each, Reading(128), 128, 1).read(sequences, 128) for each in files]
    seen = []
    for sequence, (x, *others) in zip(sequences, zip(*streams)):
        for z in others:
            y = sequence.targets[sequence.targets >= 0]
            (r, q), (r0, q0) = score(cpu, x, z, y), score(naive, x, z, y)
            large = q0.kld >= 1e-8
            for column in ("kld", "kld_reverse", "jsd"):
                np.testing.assert_allclose(
                    getattr(q, column)[large], getattr(q0, column)[large], rtol=1e-5
                )
            assert (q.kld >= 0).all() and all(
                np.array_equal(a, b)
                for a, b in ((q.top1, q0.top1), (q.rank, q0.rank), (r.topk_ids, r0.topk_ids))
            )
            seen += list(q0.kld)
    assert min(seen) < 1e-7 and max(seen) > 1e-4


def test_without_avx512():
    environment = os.environ | {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+sse4.1,+sse4.2",
    }
    if platform.machine() != "x86_64":
        pytest.skip("AVX2 is x86's")
    tests = [
        f"{__file__}::test_one_part_in_a_hundred_thousand",
        f"{__file__}::test_equal_logits_are_exactly_zero",
        f"{__file__}::test_rows_without_finite_numbers_are_flagged_and_poison_nothing",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stdout[-2000:]


def test_compiles_where_no_cache_can_be_written(monkeypatch):
    def njit(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(loops, "njit", njit)
    assert loops.compiled(len) is len
