"""What accepted answers' logits say: the compiled scorer, its float64 twin, and SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import entropy

from qwh.kernels.scorers import answers, dispatch, naive
from qwh.kernels.scorers.dispatch import END

TEMPERATURES = (1.0, 0.6, 0.3)


def logits(rows: int, vocabulary: int, scale: float, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return (scale * draw.standard_normal((rows, vocabulary))).astype(np.float32)


def by_scipy(x: np.ndarray, targets, ends, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """(log-prob, entropy) of each row, in float64."""
    z = x.astype(np.float64) / temperature
    whole = logsumexp(z, axis=1)
    part = [logsumexp(z[t][ends if y == END else [y]]) for t, y in enumerate(targets)]
    return np.array(part) - whole, entropy(np.exp(z - whole[:, None]), axis=1)


@pytest.mark.parametrize("twin", [answers, naive, dispatch])
@pytest.mark.parametrize("scale", [0.01, 1.0, 4.0, 12.0])
@pytest.mark.parametrize("vocabulary", [256, 513, 49_152])
def test_against_scipy(twin, scale, vocabulary):
    x = logits(33, vocabulary, scale, 7)  # an answer of 32 tokens and its end
    targets = np.append(np.random.default_rng(8).integers(0, vocabulary, 32), END)
    targets[::3] = x.argmax(1)[::3]
    targets[-1] = END
    ends = np.array([3, 17, 200])
    got = twin.answer_rows(x, targets, ends, TEMPERATURES, 2)
    assert got.finite.all()
    for k, temperature in enumerate(TEMPERATURES):
        logprob, spread = by_scipy(x, targets, ends, temperature)
        assert abs(got.logprob[:, k].sum() - logprob.sum()) < 1e-5
        np.testing.assert_allclose(got.logprob[:, k], logprob, atol=1e-6)
        np.testing.assert_allclose(got.entropy[:, k], spread, atol=2e-6)
    meant = [x[t].argmax() in (ends if y == END else [y]) for t, y in enumerate(targets)]
    assert got.greedy.tolist() == meant


@given(
    vocabulary=st.integers(1, 1400),
    scale=st.sampled_from([0.0, 0.5, 3.0, 30.0]),
    kind=st.sampled_from([np.float32, np.float16]),
    temperatures=st.lists(st.floats(0.02, 5.0), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_twins_agree(vocabulary, scale, kind, temperatures, seed):
    x = logits(5, vocabulary, scale, seed).astype(kind)
    draw = np.random.default_rng(seed)
    if vocabulary > 2:
        x[draw.integers(5), draw.integers(vocabulary)] = draw.choice([-np.inf, np.inf, np.nan])
    targets = draw.integers(-1, vocabulary, 5)
    ends = draw.permutation(vocabulary)[: draw.integers(1, vocabulary + 1)]
    ours = answers.answer_rows(x, targets, ends, tuple(temperatures))
    truth = naive.answer_rows(x, targets, ends, tuple(temperatures))
    assert ours.finite.tolist() == truth.finite.tolist()
    assert ours.greedy.tolist() == truth.greedy.tolist()
    # the rounding of a logit to float32 is divided by the temperature
    np.testing.assert_allclose(ours.logprob, truth.logprob, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(ours.entropy, truth.entropy, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("twin", [answers, naive])
def test_what_has_no_probability_is_not_finite(twin):
    x = np.zeros((6, 8), np.float32)
    x[0, 2] = -np.inf  # the target
    x[1, [5, 6]] = -np.inf  # every end
    x[2, 5] = -np.inf  # one of the ends
    x[3, 0] = np.nan
    x[4, 7] = np.inf
    x[5] = -np.inf
    got = twin.answer_rows(x, np.array([2, END, END, 2, 2, 2]), np.array([5, 6]), (1.0,))
    assert got.finite.tolist() == [False, False, True, False, False, False]
    assert got.logprob[2, 0] == pytest.approx(-np.log(7))
    assert np.isnan(got.logprob[[0, 1, 3, 4, 5]]).all() and not got.greedy.any()


def test_ties_go_to_the_lower_id():
    x = np.zeros((2, 700), np.float32)
    x[:, [600, 650]] = 1.0
    for twin in (answers, naive):
        got = twin.answer_rows(x, np.array([600, 650]), np.array([0]), (1.0,))
        assert got.greedy.tolist() == [True, False]


def test_a_torch_tensor_is_taken_and_bfloat16_is_not():
    torch = pytest.importorskip("torch")
    x = logits(3, 300, 2.0, 1)
    ask = (np.array([1, 2, END]), np.array([5]), TEMPERATURES)
    ours = dispatch.answer_rows(torch.from_numpy(x), *ask)
    assert np.array_equal(ours.logprob, answers.answer_rows(x, *ask).logprob)
    with pytest.raises(ValueError, match="bfloat16"):
        dispatch.answer_rows(torch.from_numpy(x).to(torch.bfloat16), *ask)
