"""Rows that are not float32: llama.cpp's 16-bit codes, float16, bfloat16; both twins, against the
logits that were stored.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from test_kernels import TWINS, at_level, logits, score

from qwh.kernels.scorers import cpu, naive
from qwh.kernels.scorers.rows import Bfloat16Rows, CodedRows

# what llama.cpp writes for [0.5, 1.25, 2, 3, -20]
GOLDEN = "80 00 80 39 bb e0 83 c1 ff d7 ff e3 ff ef ff ff 00 00 00 00"


def encode(x: np.ndarray, depth: float = 16) -> CodedRows:
    """llama.cpp's way of storing logits [T, V], in its float32 steps."""
    rows, vocabulary = x.shape
    top = x.max(1, keepdims=True)
    lowest = np.maximum(x.min(1, keepdims=True), top - np.float32(depth))
    log_total = np.log(np.exp((x - top).astype(float)).sum(1, keepdims=True)).astype(np.float32)
    scale = (top - lowest) / np.float32(65535)
    words = np.zeros((rows, 4 + vocabulary + vocabulary % 2), np.uint16)
    words[:, :4] = (
        np.concatenate([scale, lowest - top - log_total], 1).astype(np.float32).view(np.uint16)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        words[:, 4 : 4 + vocabulary] = np.where(
            (x > lowest) & (scale > 0), np.rint((1 / scale) * (x - lowest)), 0
        ).astype(np.uint16)
    return CodedRows(words, vocabulary, depth)


@pytest.mark.parametrize("twin", TWINS)
def test_the_golden_row(twin):
    x = CodedRows(np.frombuffer(bytes.fromhex(GOLDEN), np.uint16)[None], 5, 16)
    assert np.array_equal(encode(np.array([[0.5, 1.25, 2, 3, -20]], np.float32)).words, x.words)
    assert list(x.codes[0]) == [55295, 58367, 61439, 65535, 0] and x.headers[0] == pytest.approx(
        [2.4414435e-4, -16.4847317]
    )
    r, q = score(twin, x, np.array([[0.4, 1.3, 2.1, 2.8, -19]], np.float32), np.array([2]), k=5)
    assert r.nll_ref[0] == pytest.approx(1.484747, abs=1e-6) and q.nll[0] == pytest.approx(
        1.293566, abs=1e-6
    )
    assert q.kld_llamacpp[0] == pytest.approx(9.0478e-3, abs=1e-7) and list(r.topk_ids[0]) == [
        3,
        2,
        1,
        0,
        -1,
    ]
    assert (
        np.isnan(r.topk_logprobs_ref[0, 4])
        and np.isnan(q.topk_logprobs[0, 4])
        and np.isnan(r.nll_ref_at_least[0])
    )
    at_id_4, _ = score(twin, x, x, np.array([4]), k=5)
    assert (
        np.isnan(at_id_4.nll_ref[0])
        and at_id_4.rank_ref[0] == -1
        and at_id_4.nll_ref_at_least[0] == pytest.approx(16.4847317)
    )


@pytest.mark.parametrize("level, allowed", [(1e-2, 3e-3), (1e-3, 3e-3), (1e-4, 5e-3), (1e-5, 1e-2)])
def test_codes_cost_less_than_one_per_cent_where_llama_cpp_loses_its_digits(level, allowed):
    x, z = at_level(np.random.default_rng(1), 48, 32_001, level)
    y = np.zeros(48, int)
    truth = score(naive, x, z, y)[1].kld
    coded = score(cpu, encode(x), z, y)[1]
    error = abs(coded.kld / truth - 1)
    # the rest: rows that differ among clipped ids
    assert (coded.kld >= 0).all() and np.quantile(error, 0.75) < allowed
    assert (error[coded.clipped_mass < 1e-6] < allowed).all()
    if level == 1e-5:
        assert (
            np.median(abs(coded.kld_llamacpp / truth - 1)) > 0.1 and (coded.kld_llamacpp < 0).any()
        )


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("depth", [16, 24])
def test_equal_rows_are_nearly_or_exactly_zero(twin, depth):
    x, _ = logits(np.random.default_rng(2), 6, 4_097, 0)
    coded = encode(x, depth)
    _, live = score(twin, coded, x, np.arange(6))
    _, stored = score(twin, coded, coded, np.arange(6))
    # half a squared rounding error of the codes
    assert (live.kld >= 0).all() and (live.kld < 2e-8).all()
    for column in ("kld", "kld_reverse", "jsd", "tv"):
        assert not getattr(stored, column).any()


def test_a_row_that_is_not_deep_is_not_clipped():
    shallow = np.array([[0.0, 1, 2, 3, 0], [5, 5, 5, 5, 5]], np.float32)
    r, q = score(cpu, encode(shallow), shallow, np.array([0, 4]), k=5)
    np.testing.assert_allclose(
        r.nll_ref, -log_softmax(shallow.astype(float), 1)[[0, 1], [0, 4]], rtol=1e-4
    )
    assert (
        np.isnan(r.nll_ref_at_least).all()
        and (r.clipped_mass_ref < 1e-3).all()
        and not q.clipped_mass.any()
    )
    assert r.rank_ref[1] == 5 and np.isfinite(r.topk_logprobs_ref).all()


def test_clipped_mass_is_what_the_quant_gives_to_the_clipped_ids():
    x, z = logits(np.random.default_rng(3), 8, 6_000, 1.0)
    coded = encode(x)
    _, q = score(cpu, coded, z, np.zeros(8, int))
    share = np.where(coded.codes == 0, np.exp(log_softmax(z.astype(float), 1)), 0).sum(1)
    np.testing.assert_allclose(q.clipped_mass, share, rtol=1e-5, atol=1e-12)
    assert share.max() > 1e-5


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 4), st.sampled_from([2, 3, 31, 512, 513, 2_049])),
    st.sampled_from([16, 24]),
    st.floats(1e-3, 12),
    st.floats(0, 3),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_twins_agree_on_codes(shape, depth, scale, noise, both, seed):
    rng = np.random.default_rng(seed)
    x = (scale * rng.normal(size=shape)).astype(np.float32)
    z = (x + noise * rng.normal(size=shape)).astype(np.float32)
    y = rng.integers(0, shape[1], shape[0])
    x, z = encode(x, depth), encode(z, depth) if both else z
    ours, truth = score(cpu, x, z, y, 8), score(naive, x, z, y, 8)
    for a, b in zip(ours, truth):
        for name in a._fields:
            exact = getattr(b, name).dtype.kind in "ib" and name not in ("topk_ids",)
            if exact:
                assert np.array_equal(getattr(a, name), getattr(b, name)), name
            elif name not in ("margin_ref", "topk_ids"):
                np.testing.assert_allclose(
                    getattr(a, name),
                    getattr(b, name),
                    rtol=3e-5,
                    atol=1e-9 if name.startswith(("kld_r", "jsd")) or name == "kld" else 4e-6,
                    err_msg=name,
                )


@pytest.mark.parametrize("twin", TWINS)
def test_a_row_written_from_nan_is_flagged(twin):
    x = np.random.default_rng(4).normal(size=(3, 700)).astype(np.float32)
    coded = encode(x)
    coded.words[1, :4] = np.array([np.nan, np.nan], np.float32).view(np.uint16)
    r, q = score(twin, coded, x, np.zeros(3, int))
    assert (
        list(r.finite_ref) == [True, False, True] == list(q.finite)
        and np.isnan(q.kld[1])
        and q.kld[2] < 1e-8
    )


@pytest.mark.parametrize("twin", TWINS)
def test_a_coded_quant_needs_a_coded_reference(twin):
    x = np.zeros((1, 4), np.float32)
    with pytest.raises(ValueError, match="logits file only"):
        twin.quant_rows(x, twin.reference_rows(x, np.zeros(1, int)), encode(x), np.zeros(1, int))


def upper_half(x: np.ndarray) -> np.ndarray:
    """float32 cut to bfloat16's bits."""
    return (x.view(np.uint32) >> 16).astype(np.uint16)


@pytest.mark.parametrize("twin", TWINS)
def test_float16_and_bfloat16_are_read_bit_by_bit(twin):
    rng = np.random.default_rng(6)
    x, z = logits(rng, 5, 901, 0.1)
    y = rng.integers(0, 901, 5)
    x[0, 3] = z[0, 3] = 6e-8  # a float16 that is not normal
    x[1, 5] = z[1, 5] = -np.inf
    x[2, 5] = np.nan
    for narrow, wide in (
        (
            (x.astype(np.float16), z.astype(np.float16)),
            (x.astype(np.float16).astype(np.float32), z.astype(np.float16).astype(np.float32)),
        ),
        (
            (Bfloat16Rows(upper_half(x)), Bfloat16Rows(upper_half(z))),
            tuple((upper_half(a).astype(np.uint32) << 16).view(np.float32) for a in (x, z)),
        ),
    ):
        for ours, plain in zip(score(twin, *narrow, y), score(twin, *wide, y)):
            assert all(
                np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
                for a, b in zip(ours, plain)
                if a is not None
            )
