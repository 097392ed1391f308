"""Made-up cohorts of relatives: quants of a family share flips, an offset of the score, or both.

A prompt has a margin; a quant shifts it by its offset and by a perturbation as large as the root of
its KLD, of which a family shares a part. Prompts near the border flip for everybody.
"""

import math
from typing import NamedTuple

import numpy as np

DENSITY = 0.4  # of a standard normal margin at the border: what a shift by 1 moves the score
STEPS = np.array([-0.5, 0.0, 0.5])  # margins at which a graded score goes up by a part


class Plan(NamedTuple):
    """What a cohort is made of."""

    sizes: tuple[int, ...]  # of its families
    prompts: int = 1_000
    between: float = 0.9  # share of the variance of ln KLD that lies between families
    flips: float = 0.8  # share of the perturbation that a family has in common
    offset: float = 0.0  # sd of the true offsets of score, fraction
    offset_between: float = 0.9  # share of their variance that lies between families
    fall: float = 0.0  # true loss of score per sd of ln KLD, fraction
    low: float = 0.001  # least KLD, nats
    high: float = 0.02  # largest
    graded: bool = False  # scores of 0, 1/3, 2/3 and 1


class Cohort(NamedTuple):
    """A cohort of q quants on n prompts."""

    kld: np.ndarray  # [q] nats
    family: np.ndarray  # [q] number of its family
    gains: np.ndarray  # [q, n] score less the reference's
    truth: np.ndarray  # [q] true difference of score, over all prompts there could be
    reference: np.ndarray  # [n] its scores


def relatives(plan: Plan, rng: np.random.Generator) -> Cohort:
    """A cohort by a plan."""
    family = np.repeat(np.arange(len(plan.sizes)), plan.sizes)

    def mixed(share: float) -> np.ndarray:
        """Standard normal [q], this share of its variance in common within families."""
        common = rng.standard_normal(len(plan.sizes))[family]
        return math.sqrt(share) * common + math.sqrt(1 - share) * rng.standard_normal(len(family))

    place = mixed(plan.between)
    middle = (math.log(plan.low) + math.log(plan.high)) / 2
    half = (math.log(plan.high) - math.log(plan.low)) / 2
    kld = np.exp(middle + half * np.clip(place / 1.7, -1, 1) + 1e-6 * place)
    wanted = plan.offset * mixed(plan.offset_between) - plan.fall * place
    margins = rng.standard_normal(plan.prompts)
    common = rng.standard_normal((len(plan.sizes), plan.prompts))[family]
    own = rng.standard_normal((len(family), plan.prompts))
    shift = math.sqrt(plan.flips) * common + math.sqrt(1 - plan.flips) * own
    moved = margins + wanted[:, None] / DENSITY + np.sqrt(kld)[:, None] * shift
    reference = scored(margins, plan.graded)
    gains = scored(moved, plan.graded) - reference
    return Cohort(kld, family, gains, expected(wanted / DENSITY, kld, plan.graded), reference)


def expected(shift: np.ndarray, kld: np.ndarray, graded: bool) -> np.ndarray:
    """What quants [q] gain over all prompts there could be, by their margins' shift and KLD."""
    from scipy.stats import norm

    steps = STEPS if graded else np.zeros(1)
    apart = (shift[:, None] - steps) / np.sqrt(1 + kld)[:, None]
    return (norm.cdf(apart) - norm.cdf(-steps)).mean(1)


def scored(margins: np.ndarray, graded: bool) -> np.ndarray:
    """Scores of margins, 0 to 1: passed or not, or how many of the STEPS are passed."""
    if not graded:
        return (margins > 0).astype(float)
    return np.add.reduce([margins > step for step in STEPS]) / len(STEPS)


def even(quants: int, families: int) -> tuple[int, ...]:
    """Sizes of families as equal as can be."""
    return tuple(len(part) for part in np.array_split(np.arange(quants), families))


def uneven(quants: int, families: int) -> tuple[int, ...]:
    """Sizes of families that grow from 1: a few large ones hold most quants."""
    weights = np.arange(1, families + 1) ** 1.5
    sizes = np.maximum(1, np.floor(quants * weights / weights.sum())).astype(int)
    sizes[-1] += quants - sizes.sum()
    return tuple(sizes.tolist())
