"""Cohorts whose prompts are hard or easy and whose quants are relatives: KLD, outcomes, truth."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import t

from qwh.kernels.statistics.prompts.prompt_splits import Outcomes
from qwh.kernels.statistics.prompts.prompt_table import Strata, alike, numbered

KINDS = np.repeat(np.arange(6), 50)  # of task
N = len(KINDS)
QUANTS, FAMILIES = 15, 5


class World(NamedTuple):
    """What is true of a cohort."""

    rate: float = 0.08  # at which answers differ from the reference's, in the middle
    planted: float = 0.0  # ln KLD of an answer that differs, more than of one that does not
    hard: float = 0.0  # ln KLD for each unit of hardness
    hard_flips: float = 0.0  # logit of differing for each unit of hardness
    uneven: float = 0.0  # how much more hard prompts' ln KLD is spread, at the same mean
    tails: str = "normal"  # of ln KLD: normal, skewed or heavy
    items: int = 1  # how often each text is asked
    levels: int = 0  # hardness has so many levels, and is matched exactly; 0: it is continuous


def cohort(world: World, rng: np.random.Generator) -> Outcomes:
    """Quants in families that share 60 % of what is random, on prompts of 6 kinds.

    Kinds differ in how often the reference passes, in KLD and in how often answers differ, whatever
    the world: pooled figures always say something. Prompts are matched by their hardness.
    """
    unit = np.arange(N) // world.items
    hard: np.ndarray = rng.standard_normal(N)[unit]
    if world.levels:
        cuts = np.quantile(hard, np.arange(1, world.levels) / world.levels)
        hard = (np.searchsorted(cuts, hard) - (world.levels - 1) / 2.0).astype(float)
    kind, coarse = KINDS / 5 - 0.5, np.linspace(-1, 1, QUANTS)[:, None]
    passed_ref = rng.random(N) < 1 / (1 + np.exp(2 * kind + hard))
    logit = np.log(world.rate / (1 - world.rate)) + kind + world.hard_flips * hard
    differs = ndtr(_shared(rng, unit)) < 1 / (1 + np.exp(-logit - 0.5 * coarse))
    noise = _shaped(_shared(rng, unit), world.tails) * np.exp(world.uneven * hard)
    logs = -3 + coarse + 2 * kind + world.hard * hard + 0.7 * noise + world.planted * differs
    passed = passed_ref ^ differs
    matched = numbered(KINDS * 100 + hard) if world.levels else alike(KINDS, [hard])
    labels = {"pooled": np.zeros(N, int), "within": KINDS, "matched": matched}
    return Outcomes(
        [f"q{k:02}" for k in range(QUANTS)],
        np.exp(logs),
        np.zeros_like(passed),
        passed,
        passed_ref,
        {way: Strata(of, unit) for way, of in labels.items()},
    )


def _shared(rng: np.random.Generator, unit: np.ndarray) -> np.ndarray:
    """Standard normal [q, n]: 60 % of the variance is the family's, half of it a text's."""
    found = np.zeros((QUANTS, len(unit)))
    for share, rows in ((0.6, np.arange(QUANTS) % FAMILIES), (0.4, np.arange(QUANTS))):
        for columns in (unit, np.arange(len(unit))):
            drawn = rng.standard_normal((rows.max() + 1, columns.max() + 1))
            found += np.sqrt(share / 2) * drawn[rows][:, columns]
    return found


def _shaped(normal: np.ndarray, tails: str) -> np.ndarray:
    """Of mean 0 and variance 1 still, in another shape."""
    if tails == "skewed":
        return -np.log(np.maximum(1 - ndtr(normal), 1e-300)) - 1
    if tails == "heavy":
        return t.ppf(ndtr(normal), 3) / np.sqrt(3)
    return normal
