"""Events dealt anew to the texts of a stratum: what a sum of values would be if they said nothing.

Where texts are exchangeable this holds for values of any shape, which a t test of few events does
not. The sum's mean, variance and third moment are exact (Hoeffding 1951); its tails are those of
Pearson's type III, which is gamma's (Mielke and Berry 2007).
"""

import numpy as np

from .prompt_table import Strata


def dealt_p(values: np.ndarray, events: np.ndarray, strata: Strata) -> float:
    """Two-sided p that values sum up so far from their mean where the events are.

    values, events: [n]; all events of a text are dealt together, to a text of its stratum. 1 where
    nothing can be dealt.
    """
    labels, a, b = _texts(values[None], events[None], strata)
    a, b = a[0], b[0]
    n = np.bincount(labels)
    variance = np.bincount(labels, a * a) * np.bincount(labels, b * b)
    third = np.bincount(labels, a * a * a) * np.bincount(labels, b * b * b)
    two, three = n > 1, n > 2
    return _two_sided(
        float(a @ b),
        float((variance[two] / (n[two] - 1)).sum()),
        float((third * n)[three] @ (1 / ((n - 1) * (n - 2))[three])),
    )


def dealt_together_p(values: np.ndarray, events: np.ndarray, strata: Strata) -> float:
    """The same of the sum over q things that are asked the same, [q, n] each: a text is dealt the
    events of another text with all q.
    """
    labels, a, b = _texts(values, events, strata)
    gap = variance = third = 0.0
    for part in np.split(np.arange(len(labels)), np.flatnonzero(np.diff(labels)) + 1):
        n = len(part)
        if n > 1:
            pairs = a[:, part].T @ b[:, part]  # what a text adds with the events of another
            gap += float(np.trace(pairs))
            squares = pairs * pairs
            variance += float(squares.sum()) / (n - 1)
            if n > 2:
                third += float((squares * pairs).sum()) * n / ((n - 1) * (n - 2))
    return _two_sided(gap, variance, third)


def _texts(
    values: np.ndarray, events: np.ndarray, strata: Strata
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(stratum of each text in order [m], mean values, events [q, m]), less the stratum's mean."""
    span = strata.unit.max() + 1
    cells, text = np.unique(strata.labels * span + strata.unit, return_inverse=True)
    labels, found = np.unique(cells // span, return_inverse=True)[1], []
    for rows, sizes in ((values, np.bincount(text)), (events, 1)):
        sums = np.array([np.bincount(text, row) for row in rows]) / sizes
        means = np.array([np.bincount(labels, row) for row in sums]) / np.bincount(labels)
        found.append(sums - means[:, labels])
    return labels, found[0], found[1]


def _two_sided(gap: float, variance: float, third: float) -> float:
    """Twice the tail beyond gap, at most 1."""
    from scipy.special import gammainc, gammaincc, ndtr

    if variance <= 0:
        return 1.0
    z, skew = gap / np.sqrt(variance), third / variance**1.5
    if abs(skew) < 1e-4:
        return float(2 * ndtr(-abs(z)))
    # z as a gamma less its mean, mirrored where the skew is to the left
    shape = 4 / skew**2
    at = max(0.0, shape + 2 * z / skew)
    return float(min(1.0, 2 * gammaincc(shape, at), 2 * gammainc(shape, at)))
