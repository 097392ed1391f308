"""Loss on real text = displacement + direction: the identity in closed form, and its control on
text that the reference itself wrote.
"""

import numpy as np
import pytest
from scipy.special import log_softmax

from qwh.kernels.scorers import cpu, naive


@pytest.fixture
def rows():
    """Logits of a reference and of a quant of it, [60, 97] each."""
    rng = np.random.default_rng(0)
    x = rng.standard_t(5, (60, 97)).astype(np.float32) * 2
    return x, (x + 0.3 * rng.standard_normal(x.shape)).astype(np.float32)


def losses(twin, x: np.ndarray, z: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(quant's NLL less the reference's, KLD) of every row."""
    reference = twin.reference_rows(x, tokens, 4, 1)
    quant = twin.quant_rows(x, reference, z, tokens, 1)
    return np.asarray(quant.nll, float) - np.asarray(reference.nll_ref, float), np.asarray(
        quant.kld, float
    )


@pytest.mark.parametrize("twin", [naive, cpu])
def test_loss_is_displacement_plus_direction_whatever_the_text(rows, twin):
    x, z = rows
    truth = np.random.default_rng(1).dirichlet(np.full(97, 0.1), 60)  # the text's own distribution
    every = [losses(twin, x, z, np.full(60, token, np.int32)) for token in range(97)]
    loss = sum(truth[:, token] * row for token, (row, _) in enumerate(every))
    p, q = (log_softmax(side.astype(float), 1) for side in rows)
    direction = ((truth - np.exp(p)) * (p - q)).sum(1)
    # NLL columns are single precision
    assert loss == pytest.approx(every[0][1] + direction, abs=2e-6)


def test_text_of_the_reference_has_no_direction(rows):
    x, z = (np.repeat(side, 400, 0) for side in rows)
    rng = np.random.default_rng(2)
    tokens = (
        (rng.random((len(x), 1)) < np.exp(log_softmax(x.astype(float), 1)).cumsum(1))
        .argmax(1)
        .astype(np.int32)
    )
    loss, kld = losses(cpu, x, z, tokens)
    direction = loss - kld
    assert abs(direction.mean()) < 4 * direction.std() / np.sqrt(
        len(x)
    ) and loss.mean() > 8 * loss.std() / np.sqrt(len(x))
