"""Cohorts whose prompts are hard or easy, and whose quants are relatives: KLD, outcomes, truth."""

from typing import NamedTuple

import numpy as np

from qwh.kernels.statistics.prompt_splits import Outcomes
from qwh.kernels.statistics.prompt_table import Strata, alike, numbered

KINDS = np.repeat(np.arange(6), 60)  # of task
N = len(KINDS)
QUANTS, FAMILIES = 12, 3


class World(NamedTuple):
    """What is true of a cohort."""

    rate: float = 0.08  # at which a quant's answer differs from the reference's, in the middle
    planted: float = 0.0  # ln KLD of an answer that differs, more than of one that does not
    hard: float = 0.0  # ln KLD for each unit of hardness
    hard_flips: float = 0.0  # logit of differing for each unit of hardness
    uneven: float = 0.0  # by how much ln KLD of hard prompts is more spread, not higher
    tails: str = "normal"  # of ln KLD: normal, skewed or heavy
    items: int = 1  # how often each text is asked
    levels: int = 0  # hardness has so many levels; 0: it is continuous


def cohort(world: World, rng: np.random.Generator) -> Outcomes:
    """Quants in families that share most of what is random, on prompts of 6 kinds.

    Kinds differ in how often the reference passes, in KLD and in how often answers differ, whatever
    the world: pooled figures are never 1. Entropy is the prompt's hardness.
    """
    unit = np.arange(N) // world.items
    hard = rng.standard_normal(N)[unit]
    if world.levels:
        cuts = np.quantile(hard, np.arange(1, world.levels) / world.levels)
        hard = np.searchsorted(cuts, hard) - (world.levels - 1) / 2.0
    kind = KINDS / 5 - 0.5
    passed_ref = rng.random(N) < 1 / (1 + np.exp(2 * kind + hard))
    family = np.arange(QUANTS) % FAMILIES
    flips = _shared(rng, family, unit)
    logit = np.log(world.rate / (1 - world.rate)) + kind + world.hard_flips * hard
    scale = np.linspace(-1, 1, QUANTS)[:, None]  # coarser quants: more KLD, more differ
    differs = _uniform(flips) < 1 / (1 + np.exp(-logit - 0.5 * scale))
    noise = _tails(_shared(rng, family, unit), world.tails)
    noise = noise * np.exp(world.uneven * hard)
    logs = -3 + scale + 2 * kind + world.hard * hard + 0.7 * noise + world.planted * differs
    passed = passed_ref ^ differs
    strata = {
        "pooled": Strata(np.zeros(N, int), unit),
        "within": Strata(KINDS, unit),
        "matched": Strata(numbered(KINDS * 100 + hard) if world.levels else alike(KINDS, [hard]), unit),
    }
    names = [f"q{k:02}" for k in range(QUANTS)]
    kld = np.exp(logs)
    return Outcomes(names, kld, np.zeros_like(passed), passed, passed_ref, strata)


def _shared(rng: np.random.Generator, family: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Standard normal [q, n]: 0.6 of the variance is the family's, items of a text share half."""
    found = np.zeros((len(family), len(unit)))
    for share, rows in ((0.6, family), (0.4, np.arange(len(family)))):
        for part, columns in ((0.5, unit), (0.5, np.arange(len(unit)))):
            drawn = rng.standard_normal((rows.max() + 1, columns.max() + 1))
            found += np.sqrt(share * part) * drawn[rows][:, columns]
    return found


def _uniform(normal: np.ndarray) -> np.ndarray:
    """The same as uniform numbers."""
    from scipy.special import ndtr

    return ndtr(normal)


def _tails(normal: np.ndarray, tails: str) -> np.ndarray:
    """Of variance 1 still, with another shape."""
    from scipy.stats import t

    if tails == "skewed":
        return -np.log(np.maximum(1 - _uniform(normal), 1e-300)) - 1
    if tails == "heavy":
        return t.ppf(_uniform(normal), 3) / np.sqrt(3)
    return normal

