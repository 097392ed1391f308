"""A quant and its reference on the same prompts of one benchmark, scored 0 or 1.

Counts are leapfrogs (the quant alone is right), drops (the reference alone is right) and prompts in
all; where texts repeat, all three over the design effect (texts.design_effect), which need not be
whole numbers. Differences are score less the reference's score, as fractions of 1. Margins,
verdicts and e-values are ours, not the paper's.
"""

import math

from ..intervals import ALPHA
from ..multiplicity import resolves


def mcnemar(leapfrogs: float, drops: float) -> float:
    """Exact two-sided McNemar p: is a disagreement as often a leapfrog as a drop?

    1 without disagreement; 0.05 takes at least 6. Counts are rounded to whole ones.
    """
    from scipy.special import bdtr

    gained, lost = round(leapfrogs), round(drops)
    return float(min(1.0, 2 * bdtr(min(gained, lost), gained + lost, 0.5)))


def improvement_share(
    leapfrogs: float, drops: float
) -> tuple[float | None, float | None, float | None]:
    """f = leapfrogs / disagreements with its Wilson interval; None without disagreement."""
    from scipy.special import ndtri

    n = leapfrogs + drops
    if n == 0:
        return None, None, None
    share, z = leapfrogs / n, ndtri(1 - ALPHA / 2)
    centre = 2 * leapfrogs + z**2
    half = z * math.sqrt(4 * leapfrogs * (1 - share) + z**2)
    low, high = ((centre + side * half) / (2 * (n + z**2)) for side in (-1, 1))
    return share, float(low) if leapfrogs else 0.0, float(high) if drops else 1.0


def difference_interval(
    leapfrogs: float, drops: float, prompts: float, level: float = 1 - ALPHA
) -> tuple[float, float]:
    """Tango's score interval (1998) of the paired difference.

    It keeps its width where few or no prompts disagree.
    """
    from scipy import optimize, special

    z = special.ndtri((1 + level) / 2)
    centre = (leapfrogs - drops) / prompts

    def end(side: int) -> float:
        def gap(difference: float) -> float:
            return side * score_z(leapfrogs, drops, prompts, difference) + z

        far = side * (1 - 1e-12)
        if gap(far) > 0:
            return float(side)
        return float(optimize.brentq(gap, centre, far, xtol=1e-12))

    return end(-1) if centre > -1 else -1.0, end(1) if centre < 1 else 1.0


def score_z(leapfrogs: float, drops: float, prompts: float, difference: float) -> float:
    """Tango's statistic: how many standard errors the observed difference lies above this one.

    |difference| < 1.
    """
    share = drop_share(leapfrogs, drops, prompts, difference)
    variance = prompts * (2 * share + difference * (1 - difference))
    gap = leapfrogs - drops - prompts * difference
    if variance > 0:
        return gap / math.sqrt(variance)
    return math.copysign(math.inf, gap) if gap else 0.0


def drop_share(leapfrogs: float, drops: float, prompts: float, difference: float) -> float:
    """The likeliest probability of a drop if this were the true difference (Tango 1998)."""
    a, b = 2 * prompts, (2 * prompts - leapfrogs + drops) * difference - leapfrogs - drops
    c = -drops * difference * (1 - difference)
    return max((math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a), -difference, 0.0)


def verdict(p_adjusted: float, difference: float, p_equivalent: float) -> str:
    """What the prompts show of a difference, as a code; both p allow for what else is tested.

    equivalent: shown to lie within the margin, even if it is not zero; damaged, better: shown to
    differ from zero; else unresolved.
    """
    if resolves(p_equivalent):
        return "equivalent"
    if resolves(p_adjusted) and difference:
        return "better" if difference > 0 else "damaged"
    return "unresolved"


def e_value(leapfrogs: float, drops: float) -> float:
    """Evidence against "a disagreement is a coin toss" that may be looked at after every prompt.

    Stop when it reaches 1 / ALPHA. Likelihood ratio of a Beta(1, 1) mixture over f; its mean under
    the coin toss is 1 whenever one stops (Ville).
    """
    from scipy.special import betaln

    exponent = (leapfrogs + drops) * math.log(2) + betaln(1 + leapfrogs, 1 + drops)
    return float(math.exp(min(exponent, 700.0)))  # 1e304 says enough


def anytime_interval(leapfrogs: float, drops: float, prompts: float) -> tuple[float, float]:
    """Interval of the difference that holds at every number of prompts at once.

    The differences that a mixture over volume, Beta(1/2, 5): mostly small, and f, Beta(1, 1), does
    not beat by a factor of 1 / ALPHA at their likeliest probabilities. Inside +-margin: sameness is
    shown and one may stop; without 0: a difference is.
    """
    from scipy import optimize
    from scipy.special import betaln, xlogy

    same = prompts - leapfrogs - drops
    mixture = (
        betaln(0.5 + leapfrogs + drops, 5 + same)
        - betaln(0.5, 5)
        + betaln(1 + leapfrogs, 1 + drops)
    )
    centre = (leapfrogs - drops) / prompts

    def room(difference: float) -> float:
        drop = drop_share(leapfrogs, drops, prompts, difference)
        shares = (drop + difference, drop, 1 - 2 * drop - difference)
        likelihood = sum(
            xlogy(count, max(share, 1e-300))
            for count, share in zip((leapfrogs, drops, same), shares)
        )
        return max(float(likelihood - mixture - math.log(ALPHA)), -1e6)

    ends = []
    for side in (-1.0, 1.0):
        far = side * (1 - 1e-12)
        open_ended = side * centre >= 1 - 1e-12 or room(far) > 0
        ends.append(side if open_ended else float(optimize.brentq(room, centre, far, xtol=1e-10)))
    return ends[0], ends[1]
