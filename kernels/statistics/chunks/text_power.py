"""How many chunks of a text a difference takes, by the t test that judges pairs."""

import math
from functools import lru_cache

import numpy as np

from ..resolution import POWER
from .clusters import LARGEST, SMALLEST_CHUNKS, layout

MOST = 10**9  # chunks; beyond them no number is given


def chunks_needed(effects: np.ndarray, level: float, correlation: float) -> list[int | None]:
    """Chunks at which each effect is found at a level with POWER; None for no effect, or too many.

    effects: [m] |difference| in standard deviations of one chunk. By the noncentral t of `layout`,
    whose widened error is what the test compares with.
    """
    chunks, wanted = _wanted(level, correlation)
    found: list[int | None] = []
    for effect in np.abs(effects):
        if not np.isfinite(effect) or effect == 0 or effect * math.sqrt(MOST) < wanted[-1]:
            found.append(None)
            continue
        k = int(np.argmax(effect * np.sqrt(chunks) >= wanted))
        exact = math.ceil((wanted[k] / effect) ** 2)
        found.append(max(exact, int(chunks[k - 1]) + 1 if k else int(chunks[0])))
    return found


@lru_cache(64)
def _wanted(level: float, correlation: float) -> tuple[np.ndarray, np.ndarray]:
    """(numbers of chunks, mean of t at each that gives POWER)."""
    from scipy.special import nctdtrinc
    from scipy.stats import t

    few = np.arange(SMALLEST_CHUNKS, 2 * LARGEST)
    many = np.unique(np.geomspace(2 * LARGEST, MOST, 200).astype(int))
    chunks = np.concatenate([few, many])
    blocks, caution = np.array([layout(int(c), correlation) for c in chunks]).T
    critical = t.ppf(1 - level / 2, blocks - 1) * caution
    return chunks, nctdtrinc(blocks - 1, 1 - POWER, critical)
