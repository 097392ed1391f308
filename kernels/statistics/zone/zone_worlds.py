"""Cohorts as they could have been: other prompts, other quants' scatter, one smooth law or no loss.

Scores are composites less the reference's, as fractions; KLD in nats. Prompts are drawn anew for
all quants together, so that what relatives share in their answers stays shared.
"""

from typing import NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..draws import SMALLEST
from ..quants.scatter import numbered
from ..ranks import rho_by_row, rho_inside
from ..scores.composites import by_benchmark, score_replicates
from ..texts import Prompts
from .zone_choice import ZoneQuants, members
from .zone_law import Law, refitted

DIGITS = 12  # scores that differ by less are equal


class Cohort(NamedTuple):
    """The n quants that have a mean KLD and answered every prompt."""

    quants: list[str]
    kld: np.ndarray  # [n]
    gains: np.ndarray  # [n]
    errors: np.ndarray  # of the gains, as the rules of zones take them, [n]
    sheet: Sheet


class Worlds(NamedTuple):
    """Composites less the reference's in cohorts drawn anew, [B, n] each."""

    law: np.ndarray  # one smooth law, refitted to each cohort
    flat: np.ndarray  # no loss at all


def cohort(zones: ZoneQuants, answers: Answers) -> Cohort:
    """The quants of the zones' rows that can be drawn anew, by name."""
    every = sheet(answers).complete() if len(answers.quant_id) else None
    known = np.isfinite(zones.kld)
    at = dict(zip(zones.quant_id[known].tolist(), zip(zones.kld[known], zones.error[known])))
    quants = [quant for quant in (every.quants if every else []) if quant in at]
    kld, errors = np.array([at[quant] for quant in quants], float).reshape(-1, 2).T
    if every is None or not quants:
        empty = np.zeros(0)
        return Cohort(
            [], empty, empty, empty, Sheet([], np.zeros((0, 0)), empty, Prompts([], []), {})
        )
    chosen = every.of(quants)
    gains = np.round(chosen.gains @ chosen.shares(), DIGITS)
    return Cohort(quants, kld, gains, errors, chosen)


def noise(answered: Sheet) -> np.ndarray:
    """Covariance [q, q] of the composites of a sheet without gaps, prompts drawn anew."""
    total = np.zeros((len(answered.quants),) * 2)
    for share, gains, unit in by_benchmark(answered.gains, answered.prompts, answered.weights):
        texts = int(unit.max()) + 1
        residuals = np.zeros((texts, gains.shape[1]))
        np.add.at(residuals, unit, gains - gains.mean(0))
        total += share**2 * texts / max(1, texts - 1) * (residuals.T @ residuals) / len(gains) ** 2
    return total


def redrawn(answered: Sheet, n_draws: int, seed: int) -> np.ndarray:
    """What other prompts would have added to the composites less the reference's: [n_draws, q].

    Composites are told apart by half of a disagreement's worth at most, at random: what few
    disagreements leave tied in a cohort, a law would rank in the drawn ones.
    """
    drawn = score_replicates(answered.gains, answered.prompts, answered.weights, n_draws, seed)
    weighted = answered.gains * answered.shares()
    one = np.sqrt((weighted**2).sum() / max(1, np.count_nonzero(weighted)))
    within = one * (np.random.default_rng((seed, 6)).random(drawn.shape) - 0.5)
    return drawn - weighted.sum(1) + within


def worlds(
    law: Law, kld: np.ndarray, families: list[str], prompts: np.ndarray, seed: int
) -> Worlds:
    """Cohorts of the law and of no loss; prompts: what other prompts add, [2 B, n], used once each.

    kld: [n] nats; families: a label per quant.
    """
    count = len(prompts) // 2
    rng = np.random.default_rng((seed, 5))
    family = numbered(families)
    shape = (2 * count, family.max() + 1)
    shared = np.sqrt(law.family) * rng.standard_normal(shape)[:, family]
    own = np.sqrt(law.own) * rng.standard_normal((2 * count, len(family)))
    drawn = prompts + shared + own
    fresh = drawn[count:]
    laws = refitted(law, kld, law.values + drawn[:count])
    return Worlds(np.round(laws + fresh, DIGITS), np.round(fresh, DIGITS))


def zone_rho(known: Cohort, zone_rule: str, threshold: float, gains: np.ndarray) -> np.ndarray:
    """Spearman's rho of KLD with rows of gains [B, n] in the zone that each row has: [B].

    0 where a zone's gains are all the same, which ranks nothing; NaN where fewer than SMALLEST
    quants are in it. A rule that looks at the score draws another zone from other scores.
    """
    inside = members(zone_rule, threshold, known.kld, gains, known.errors)
    if inside.ndim == 1:
        if inside.sum() < SMALLEST:
            return np.full(len(gains), np.nan)
        return np.nan_to_num(rho_by_row(known.kld[None, inside], gains[:, inside]))
    rho = np.nan_to_num(rho_inside(known.kld, gains, inside))
    return np.where(inside.sum(1) < SMALLEST, np.nan, rho)
