"""Prompts whose signs are tossed: what a sum of gains looks like where nobody is better.

If two sides differ in nothing, what a text gains is as likely as what it loses. One coin per text
serves all rows at once, so that what they share is in their joint null too.
"""

from collections.abc import Iterator

import numpy as np

from .multiplicity import TIE

BLOCK = 200  # tosses handled at once; never one matrix of all signs
# P(sum >= t) of any weighted coins is at most so many times the normal tail's (Bentkus and
# Dzindzalieta 2015)
ABOVE_NORMAL = 3.178


def text_sums(gains: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """What each text's items gain together, [m, texts], of gains [m, n]; unit: [n] its number."""
    texts = int(unit.max(initial=-1)) + 1
    if texts == len(unit) and (unit == np.arange(texts)).all():
        return gains
    sums = np.zeros((texts, len(gains)))
    np.add.at(sums, unit, gains.T)
    return sums.T


def signs(texts: int, n_tosses: int, seed: int) -> Iterator[np.ndarray]:
    """Blocks [at most BLOCK, texts] of -1 and 1, n_tosses rows in all; one seed, one sequence."""
    rng = np.random.default_rng(seed)
    for start in range(0, n_tosses, BLOCK):
        rows = min(BLOCK, n_tosses - start)
        bits = np.frombuffer(rng.bytes(rows * (-(-texts // 8))), np.uint8).reshape(rows, -1)
        yield np.unpackbits(bits, axis=1, count=texts) * 2.0 - 1.0


def toss_sums(sums: np.ndarray, n_tosses: int, seed: int) -> np.ndarray:
    """Sums of tossed rows, [n_tosses, m], of sums [m, texts]."""
    texts = sums.shape[1]
    used = np.flatnonzero(sums.any(0))
    weights = np.ascontiguousarray(sums[:, used].T)
    found = [block[:, used] @ weights for block in signs(texts, n_tosses, seed)]
    return np.concatenate(found) if found else np.zeros((0, len(sums)))


def scales(sums: np.ndarray) -> np.ndarray:
    """Standard deviation of each row's tossed sum, [m]."""
    return np.sqrt((sums**2).sum(1))


def tossed(
    gains: np.ndarray, unit: np.ndarray, n_tosses: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(z [m], null [n_tosses, m]) of weighted gains [m, n], which hold no NaN.

    z = sum / sqrt(sum of squares) over what each text gains (unit: [n] its number); 0 where
    nothing is gained or lost.
    """
    sums = text_sums(gains, unit)
    scale = scales(sums)
    scale = np.where(scale > 0, scale, 1.0)
    return sums.sum(1) / scale, toss_sums(sums, n_tosses, seed) / scale


def two_sided_p(z: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Two-sided p [m] of z [m] by its tosses [n_tosses, m], add-one.

    So few tosses cannot tell how small a small p is; ABOVE_NORMAL can.
    """
    from scipy.stats import norm

    return np.minimum(counted_p(z, null), ABOVE_NORMAL * 2 * norm.sf(np.abs(z)))


def counted_p(z: np.ndarray, null: np.ndarray) -> np.ndarray:
    """The same by its tosses alone: at least 1 / (1 + n_tosses)."""
    return (1 + (np.abs(null) >= np.abs(z) - TIE).sum(0)) / (1 + len(null))
