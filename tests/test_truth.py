"""The float64 twin against routes that share nothing with it: 50 decimal digits, SciPy, torch; and
the fast scorers' polynomials fitted anew.
"""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.special import expit, log_softmax, rel_entr
from test_kernels import at_level, score

from qwh.kernels.scorers import fits, naive

NEEDS = "needs the extra torch: pip install 'quant-warehouse[torch]'"


def kl(p: list[Decimal], logp: list[Decimal], logq: list[Decimal]) -> Decimal:
    return sum(weight * (a - b) for weight, a, b in zip(p, logp, logq))


def exact(x: np.ndarray, z: np.ndarray) -> dict[str, float]:
    """Divergences of two rows of logits by their definitions, in 50 digits."""
    with localcontext() as context:
        context.prec = 50
        rows = [[Decimal(float(value)) for value in row] for row in (x, z)]
        totals = [sum(value.exp() for value in row).ln() for row in rows]
        logp, logq = ([v - total for v in row] for row, total in zip(rows, totals))
        p, q = ([v.exp() for v in row] for row in (logp, logq))
        logm = [((a + b) / 2).ln() for a, b in zip(p, q)]
        return {
            "kld": float(kl(p, logp, logq)),
            "kld_reverse": float(kl(q, logq, logp)),
            "jsd": float((kl(p, logp, logm) + kl(q, logq, logm)) / 2),
            "tv": float(sum(abs(a - b) for a, b in zip(p, q)) / 2),
            "entropy": float(-sum(b * c for b, c in zip(q, logq))),
            "lse": float(totals[1]),
        }


@pytest.mark.parametrize("level", [1e-1, 1e-4, 1e-8, 1e-12])
def test_the_truth_is_true_to_fifty_digits(level):
    x, z = at_level(np.random.default_rng(11), 3, 400, level)
    _, found = score(naive, x, z, np.zeros(3, int))
    for t in range(3):
        for column, value in exact(x[t], z[t]).items():
            assert getattr(found, column)[t] == pytest.approx(value, rel=1e-7), column  # stored f32


@pytest.mark.parametrize("level", [1e-1, 1e-3])  # below, a sum of terms of both signs loses digits
def test_against_scipys_relative_entropy(level):
    x, z = at_level(np.random.default_rng(12), 6, 32_001, level)
    _, found = score(naive, x, z, np.zeros(6, int))
    p, q = (np.exp(log_softmax(row.astype(float), 1)) for row in (x, z))
    np.testing.assert_allclose(found.kld, rel_entr(p, q).sum(1), rtol=1e-7)
    np.testing.assert_allclose(found.kld_reverse, rel_entr(q, p).sum(1), rtol=1e-7)


@pytest.mark.torch
@pytest.mark.parametrize("level", [1e-1, 1e-3, 1e-5])
def test_against_torch_in_double_precision(level):
    torch = pytest.importorskip("torch", reason=NEEDS)
    x, z = at_level(np.random.default_rng(13), 6, 32_001, level)
    (r, q), y = score(naive, x, z, np.arange(6)), torch.arange(6)
    logp, logq = (torch.log_softmax(torch.from_numpy(row).double(), 1) for row in (x, z))
    kl = torch.nn.functional.kl_div(logq, logp, reduction="none", log_target=True).sum(1)
    np.testing.assert_allclose(q.kld, kl, rtol=1e-7)
    np.testing.assert_allclose(
        r.nll_ref, torch.nn.functional.nll_loss(logp, y, reduction="none"), rtol=1e-7
    )
    np.testing.assert_allclose(
        q.entropy, torch.distributions.Categorical(logits=logq).entropy(), rtol=1e-7
    )
    assert np.array_equal(r.topk_ids, logp.topk(32).indices)


@pytest.mark.torch
def test_the_fast_scorer_is_no_worse_than_torch_in_single_precision():
    torch = pytest.importorskip("torch", reason=NEEDS)
    cpu = pytest.importorskip("qwh.kernels.scorers.cpu", reason="needs numba, of the extra gguf")
    x, z = at_level(np.random.default_rng(3), 32, 20_011, 1e-6)
    (_, q), (_, truth) = score(cpu, x, z, np.zeros(32, int)), score(naive, x, z, np.zeros(32, int))
    logp, logq = (torch.log_softmax(torch.from_numpy(row), 1) for row in (x, z))
    plain = torch.nn.functional.kl_div(logq, logp, reduction="none", log_target=True).sum(1)
    ours, theirs = (np.median(abs(kld / truth.kld - 1)) for kld in (q.kld, plain.numpy()))
    assert ours < 1e-6 and ours < theirs / 100


def _jensen_shannon(u: np.ndarray) -> np.ndarray:
    s = np.sqrt(u)
    return (s * np.tanh(s) - np.log1p(2 * np.sinh(s / 2) ** 2)) / u


FITS = {  # name -> function, range, largest relative error
    "EVEN": (lambda w: 2 * np.sinh(np.sqrt(w) / 2) ** 2 / w, 0, 1, 4.4e-9),
    "ODD": (lambda w: (np.sinh(np.sqrt(w)) - np.sqrt(w)) / np.sqrt(w) ** 3, 0, 1, 1.2e-9),
    "JENSEN_SHANNON": (_jensen_shannon, 0, 1 / 4, 6.1e-10),
    "LOG1P": (lambda r: np.log1p(r) / r, 0, np.exp(-1), 5.0e-9),
    "EXP": (np.exp, -np.log(2) / 2, np.log(2) / 2, 7.6e-8),
}


@pytest.mark.parametrize("name", FITS)
def test_polynomials_are_what_their_table_says(name):
    function, low, high, largest = FITS[name]
    table = getattr(fits, name)
    at = np.linspace(low, high, 10_001)[1:]
    at = at[abs(at) > 1e-3]  # nearer to 0 the functions, as written here, lose digits
    assert abs(np.polyval(table, at) / function(at) - 1).max() < largest
    if name != "EXP":
        interpolant = np.polynomial.Chebyshev.interpolate(
            function, len(table) - 1, domain=[low, high]
        ).convert(kind=np.polynomial.Polynomial)
        np.testing.assert_allclose(table, interpolant.coef[::-1], rtol=1e-6)


def test_the_terms_of_the_divergences():
    """What fits.py says of p and q = p e^-d holds of the terms themselves."""
    d = np.linspace(-1, 1, 2_001)
    d = d[abs(d) > 0.01]
    w, q = d * d, expit(-d)
    p = 1 - q  # ln p - ln q = d
    even, odd = np.polyval(fits.EVEN, w), np.polyval(fits.ODD, w)
    jsd = w / 4 * np.polyval(fits.JENSEN_SHANNON, w / 4)
    for ours, truth in (
        (p * w * (even - d * odd), rel_entr(p, q) - p + q),
        (q * w * (even + d * odd), rel_entr(q, p) - q + p),
        ((p + q) * jsd, rel_entr(p, (p + q) / 2) + rel_entr(q, (p + q) / 2)),
    ):
        np.testing.assert_allclose(ours, truth, rtol=2e-8, atol=1e-14)
