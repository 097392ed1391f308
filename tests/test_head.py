"""A head's logits: their definition, in one order of sums, whatever else is asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qwh.kernels.scorers import head
from qwh.kernels.scorers.head import Finish, Head, Order, Weights, fit, narrow, widen
from qwh.kernels.scorers.naive import head_logits

WIDTH, VOCABULARY = 64, 37
FINISHES = {
    "plain": Finish(),
    "in 16 lanes": Finish(Order(16)),
    "in 64 lanes": Finish(Order(64)),
    "in pairs": Finish(Order(16, pairs=True)),
    "scaled": Finish(Order(8), scale=0.125),
    "capped": Finish(Order(32), scale=2.0, cap=15.0),
}


def weights(kind: str, bias: bool = False, width: int = WIDTH) -> Weights:
    draw = np.random.default_rng(3)
    numbers = draw.standard_normal((VOCABULARY, width)).astype(np.float32)
    more = draw.standard_normal(VOCABULARY).astype(np.float32) if bias else None
    return Weights(kind, narrow(numbers, kind), more)


def hidden(rows: int, kind: str, width: int = WIDTH) -> np.ndarray:
    draw = np.random.default_rng(rows)
    return widen(narrow(draw.standard_normal((rows, width)).astype(np.float32), kind), kind)


@pytest.fixture(params=["compiled", "numpy"])
def way(request, monkeypatch) -> str:
    """With a compiler, and without."""
    if request.param == "numpy":
        monkeypatch.setattr(head, "_compiled", lambda: None)
    return request.param


@pytest.mark.parametrize("kind", ["F16", "BF16", "F32"])
@pytest.mark.parametrize("finish", FINISHES.values(), ids=FINISHES)
def test_a_head_is_its_definition(way, kind, finish):
    given_, h = weights(kind, bias=True), hidden(70, kind)
    found = Head(given_, finish).logits(h)
    wanted = head_logits(
        h, widen(given_.weight, kind), given_.bias, scale=finish.scale, cap=finish.cap
    )
    assert found.dtype == np.float32 and found.shape == (70, VOCABULARY)
    assert np.allclose(found, wanted, rtol=0, atol=1e-5 * abs(wanted).max())


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 200), st.integers(0, 2**31), st.sampled_from(list(FINISHES.values())))
def test_a_rows_bits_depend_on_that_row_alone(rows, seed, finish):
    given_, h = weights("F16"), hidden(rows, "F16")
    whole = Head(given_, finish, threads=2).logits(h).copy()
    order = np.random.default_rng(seed).permutation(rows)
    assert np.array_equal(Head(given_, finish).logits(h[order]), whole[order])
    one = int(order[0])
    assert np.array_equal(Head(given_, finish).logits(h[one : one + 1])[0], whole[one])


@pytest.mark.parametrize("kind", ["F16", "BF16"])
@pytest.mark.parametrize("lanes", head.LANES)
def test_with_a_compiler_and_without_the_bits_are_the_same(monkeypatch, kind, lanes):
    """Products of 16-bit numbers are exact in float32, so that the order of the sums is all."""
    given_, h, finish = weights(kind, width=256), hidden(9, kind, 256), Finish(Order(lanes))
    compiled = Head(given_, finish).logits(h).copy()
    monkeypatch.setattr(head, "_compiled", lambda: None)
    assert np.array_equal(Head(given_, finish).logits(h), compiled)


@pytest.mark.parametrize("lanes", head.LANES)
def test_sums_run_in_lanes_that_are_added_by_halves(lanes):
    """Said number by number, of exact products."""
    given_, h = weights("F16", width=128), hidden(2, "F16", 128)
    found = Head(given_, Finish(Order(lanes))).logits(h)
    for row, column in ((0, 0), (1, VOCABULARY - 1), (0, 17)):
        sums = [np.float32(0)] * lanes
        for k, (a, b) in enumerate(zip(h[row], widen(given_.weight, "F16")[column])):
            sums[k % lanes] = np.float32(sums[k % lanes] + a * b)
        while len(sums) > 1:
            half = len(sums) // 2
            sums = [np.float32(a + b) for a, b in zip(sums[:half], sums[half:])]
        assert found[row, column] == sums[0]


@pytest.mark.parametrize(
    ("caps", "scales", "made"),
    [
        ([], [], Finish(Order(16))),
        ([], [], Finish(Order(64))),
        ([30.0], [], Finish(Order(16), cap=30.0)),
        ([], [0.0625, 16.0], Finish(Order(16), scale=0.0625)),
        ([15.0], [0.5], Finish(Order(32), scale=0.5, cap=15.0)),
    ],
)
def test_what_follows_a_product_is_found(caps, scales, made):
    given_, h = weights("F16"), hidden(64, "F16")
    logits = Head(given_, made).logits(h).copy()
    found = fit(h, logits, given_, caps, scales)
    assert found is not None and found[1:] == made[1:]
    assert np.array_equal(Head(given_, found).logits(h), logits)


def test_a_scale_that_nobody_names_is_found_by_least_squares():
    given_, h = weights("F16"), hidden(64, "F16")
    logits = 0.3 * Head(given_, Finish()).logits(h)
    found = fit(h, logits, given_, [], [])
    assert found is not None and found.scale == pytest.approx(0.3, rel=1e-6)


def test_what_is_no_function_of_the_hidden_states_is_not_found():
    given_, h = weights("F16"), hidden(64, "F16")
    logits = Head(given_, Finish()).logits(h) + np.random.default_rng(0).normal(0, 0.01, (64, 37))
    assert fit(h, logits, given_, [30.0], [0.5]) is None


def test_bfloat16_is_rounded_to_even_and_keeps_what_is_no_number():
    values = np.array([1.0, 1.00390625, 1.01171875, -np.inf, np.nan], np.float32)
    back = widen(narrow(values, "BF16"), "BF16")
    assert back[:4].tolist() == [1.0, 1.0, 1.015625, -np.inf] and np.isnan(back[4])
