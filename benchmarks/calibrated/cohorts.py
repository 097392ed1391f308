"""Cohorts drawn from the calibrated quants, with what is known to be true of each.

A null is made of the quants' real answers by dealing: quants of one level differ in nothing but the
seed, so that any distance is as good for one as for another; and answers dealt anew among quants
and reference, prompt by prompt, leave no quant better than another on any other prompts.
"""

from typing import NamedTuple

import numpy as np

from .packed import KINDS, PROMPTS_A_KIND, Packed

LEVEL = 0.016  # the level with the most quants, and that of the families
NEAR = 0.03  # the last level of a zone near the reference
PROMPTS = np.array([f"{kind}/{k:03}" for kind in KINDS for k in range(PROMPTS_A_KIND)], object)
BENCHMARKS = np.repeat(np.array(KINDS, object), PROMPTS_A_KIND)


class Cohort(NamedTuple):
    """n quants on all prompts, in alphabetical order of their names."""

    quants: list[str]
    distance: np.ndarray  # [n] mean KLD, or what was dealt in its place
    families: list[str]  # [n]
    scores: np.ndarray  # [n, prompts] float
    reference: np.ndarray  # [prompts] float
    rows: np.ndarray  # [n]: their rows in the packed file


def cohort(packed: Packed, rows: np.ndarray) -> Cohort:
    """These quants as they are, each a family of its own unless it was made one of a family."""
    named = [f"q{k:02}" for k in range(len(rows))]
    families = [packed.families[row] or f"alone {row}" for row in rows]
    scores, reference = packed.scores[rows].astype(float), packed.reference.astype(float)
    return Cohort(named, packed.kld[rows].mean(1), families, scores, reference, rows)


def across_levels(packed: Packed, n: int, rng: np.random.Generator) -> Cohort:
    """Quants of all levels: a smooth loss with distance, nothing else."""
    return cohort(packed, rng.choice(packed.only("noise"), n, replace=False))


def one_level(packed: Packed, n: int, rng: np.random.Generator) -> Cohort:
    """Quants of one level; distances dealt, and families of four that are none."""
    drawn = cohort(packed, rng.choice(packed.only("noise", LEVEL), n, replace=False))
    labels = [f"{k // 4:02}" for k in range(n)]
    return drawn._replace(distance=rng.permutation(_distances(n)), families=labels)


def recipes(packed: Packed, n: int, rng: np.random.Generator) -> Cohort:
    """Recipes of random types; distances dealt, and families of four that are none."""
    drawn = cohort(packed, rng.choice(packed.only("recipe"), n, replace=False))
    labels = [f"{k // 4:02}" for k in range(n)]
    return drawn._replace(distance=rng.permutation(_distances(n)), families=labels)


def families_between(packed: Packed, n: int, rng: np.random.Generator) -> Cohort:
    """True families of four, each at one distance that was dealt to it."""
    drawn = cohort(packed, _families(packed, n, rng))
    far = np.repeat(rng.permutation(_distances(n // 4)), 4)
    return drawn._replace(distance=far * np.exp(rng.normal(0, 0.01, n)))


def families_inside(packed: Packed, n: int, rng: np.random.Generator) -> Cohort:
    """True families of four, distances dealt to quants."""
    drawn = cohort(packed, _families(packed, n, rng))
    return drawn._replace(distance=rng.permutation(_distances(n)))


def dealt(packed: Packed, n: int, rng: np.random.Generator) -> Cohort:
    """Quants of one level with answers dealt anew among them and the reference: all are equal."""
    drawn = cohort(packed, rng.choice(packed.only("noise", LEVEL), n, replace=False))
    answers = rng.permuted(np.vstack([drawn.scores, drawn.reference]), axis=0)
    return drawn._replace(scores=answers[:-1], reference=answers[-1])


def spoilt(given: Cohort, loss: float, rng: np.random.Generator) -> Cohort:
    """The same with right answers made wrong: each quant loses `loss` on other prompts too."""
    wrong = rng.random(given.scores.shape) < loss / given.scores.mean()
    return given._replace(scores=np.where(wrong, 0.0, given.scores))


def chunks_dealt(packed: Packed, n: int, rng: np.random.Generator) -> np.ndarray:
    """KLD of each chunk [n, c], dealt anew among quants of one level: none is nearer."""
    rows = rng.choice(packed.only("noise", LEVEL), n, replace=False)
    return rng.permuted(packed.kld[rows], axis=0)


def _families(packed: Packed, n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of n // 4 whole families."""
    names = sorted({family for family in packed.families if family})
    chosen = rng.choice(names, n // 4, replace=False)
    return np.array([row for name in chosen for row, f in enumerate(packed.families) if f == name])


def _distances(n: int) -> np.ndarray:
    """n distances that are no quant's own."""
    return np.geomspace(0.002, 0.02, n)
