"""Does a target change with distance beyond these relatives? Two tests, under each labelling.

Deals of the ranks inside and between families, and generalized least squares with the noise of the
scores known from the prompts that they share: each alone fails somewhere, so both must refuse.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers
from ..intervals import ALPHA
from ..left_out import labels_of, own_families
from ..multiplicity import among
from ..port import statistic
from ..resolution import POWER
from .cells import ALIKE, CONSTANT, SAME_MEASUREMENT, TOO_FEW, Cell, Distances, Gains, cells, noise
from .families import Families
from .permuted import permuted, product
from .scatter import Slope, divides, fitted, numbered, slopes

ONE_FAMILY, ALL_ALONE = "all are of one family", "no two are of one family"


class Draws(NamedTuple):
    """How much is drawn."""

    n_permutations: Annotated[int, "deals"]
    n_tosses: Annotated[int, "normal draws of the largest |t|"]
    fewest_quants: Annotated[int, "of fewer nothing is said"]
    seed: Annotated[int, "of all draws"]


class Relative(NamedTuple):
    """One zone, measurement, target and labelling."""

    zone_rule: Annotated[str, "the rule of the zone"]
    threshold: Annotated[float, "the rule's threshold"]
    measurement_id: Annotated[str, "the measurement"]
    target: Annotated[str, "composite, volume, direction, or one of a benchmark"]
    labelling: Annotated[str, "gains or declared"]
    n: Annotated[
        int, "quants that answered every prompt; where they are fewer than 8 (fewest_quants), all"
    ]
    families: Annotated[int, "families that they are of"]
    largest_family: Annotated[int, "quants of the largest"]
    is_tested: Annotated[bool, "whether the labelling divides the quants and was tested"]
    family_share: Annotated[
        float | None, "family over own variance of the target's ranks, by REML, which whitens them"
    ]
    rho: Annotated[float | None, "correlation of the whitened ranks inside and between families"]
    p_permutation: Annotated[float | None, "ranks dealt inside families and between them"]
    p_permutation_adjusted: Annotated[
        float | None, "the same over the zone's measurements, step-down max-T"
    ]
    least_p: Annotated[float | None, "the smallest p that the deals allow"]
    t: Annotated[float | None, "slope per rank over its error, generalized least squares"]
    df: Annotated[float | None, "its degrees of freedom, Satterthwaite"]
    p_gls: Annotated[float | None, "two-sided p of t"]
    p_gls_adjusted: Annotated[
        float | None, "the same over the zone's measurements, largest of correlated normal draws"
    ]
    family_sd: Annotated[float | None, "scatter between families that prompts do not explain"]
    own_sd: Annotated[float | None, "scatter between quants of a family, likewise"]
    slope: Annotated[
        float | None, "change of the target per doubling of the KLD, generalized least squares"
    ]
    low: Annotated[float | None, "95 % interval of the slope, for other relatives too"]
    high: Annotated[float | None, "95 % interval of the slope, for other relatives too"]
    resolvable: Annotated[
        float | None, "change over the whole zone that least squares alone would find, 80 % power"
    ]
    reason: Annotated[str | None, "why figures are missing"]


NOTHING = dict.fromkeys(Relative._fields)


@statistic
def relatives(
    points: Distances, answers: Answers, families: Families, settings: Draws
) -> list[Relative]:
    """Both tests of every zone, measurement and target under each labelling."""
    labels = labels_of(families)
    gains, rows = Gains(answers), []
    for cell in cells(points, gains.answered, settings.fewest_quants):
        sums = gains.of(cell)
        for labelling, own in sorted(own_families(labels, cell.quants).items()):
            rows += _tested(cell, sums, labelling, numbered(own), settings)
    return rows


def _tested(
    cell: Cell, sums: np.ndarray | str, labelling: str, family: np.ndarray, settings: Draws
) -> list[Relative]:
    """A row for each measurement of a cell."""
    sizes = np.bincount(family)
    about = NOTHING | {
        "zone_rule": cell.zone_rule,
        "threshold": cell.threshold,
        "target": cell.target,
        "labelling": labelling,
        "n": len(cell.quants),
        "families": len(sizes),
        "largest_family": int(sizes.max()),
        "is_tested": False,
        "reason": _untestable(cell, sums, family, settings.fewest_quants),
    }
    found: list[dict] = [{} for _ in cell.measurements]
    if about["reason"] is None and not isinstance(sums, str):
        found = _both(cell, noise(sums), family, settings)
    return [
        Relative(**(about | {"measurement_id": measurement} | figures))
        for measurement, figures in zip(cell.measurements, found)
    ]


def _untestable(cell: Cell, sums: np.ndarray | str, family: np.ndarray, fewest: int) -> str | None:
    """Why a cell is not tested, or None."""
    if isinstance(sums, str):
        return sums
    if len(cell.quants) < fewest:
        return TOO_FEW
    if np.ptp(cell.y) < ALIKE:
        return CONSTANT
    if divides(family):
        return None
    return ONE_FAMILY if family.max() == 0 else ALL_ALONE


def _both(cell: Cell, known: np.ndarray, family: np.ndarray, settings: Draws) -> list[dict]:
    """Figures of each measurement; known: noise [n, n] of the target."""
    from scipy.stats import rankdata

    dealt = permuted(cell.x, cell.y, family, settings.n_permutations, settings.seed)
    ranks = rankdata(cell.x, axis=1)
    varies = np.flatnonzero(np.ptp(ranks, axis=1) > 0)
    doubled = [int(k) for k in varies if cell.doubles[k] and (cell.x[k] > 0).all()]
    rows = np.concatenate([ranks[varies], np.log2(cell.x[doubled])])
    both = slopes(rows, cell.y, known, family)
    lines = dict(zip(varies.tolist(), both))
    per_doubling = dict(zip(doubled, both[len(varies) :]))
    p = np.array([lines[k].p if k in lines else np.nan for k in range(len(ranks))])
    null = fitted(cell.y, np.ones((len(cell.y), 1)), known, family)
    largest = largest_of(ranks, p, null.inverse, settings)
    found = []
    for k in range(len(ranks)):
        if k not in lines:
            found.append({"reason": SAME_MEASUREMENT})
            continue
        line = lines[k]
        found.append(
            {
                "is_tested": True,
                "family_share": dealt.share,
                "rho": float(dealt.rho[k]),
                "p_permutation": float(dealt.p[k]),
                "p_permutation_adjusted": min(1.0, float(dealt.adjusted[k]) * cell.weight),
                "least_p": float(dealt.least[k]),
                "t": line.t,
                "df": line.df,
                "p_gls": line.p,
                "p_gls_adjusted": min(1.0, float(largest[k]) * cell.weight),
                "family_sd": math.sqrt(line.fit.family),
                "own_sd": math.sqrt(line.fit.own),
                "resolvable": (_t(1 - ALPHA / 2, line.df) + _t(POWER, line.df))
                * line.error
                * float(np.ptp(ranks[k])),
            }
            | _interval(per_doubling.get(k))
        )
    return found


def _interval(line: Slope | None) -> dict:
    """Slope per doubling with its interval; nothing for a measurement that is no KLD."""
    if line is None:
        return {}
    half = _t(1 - ALPHA / 2, line.df) * line.error
    return {"slope": line.slope, "low": line.slope - half, "high": line.slope + half}


def _t(quantile: float, df: float) -> float:
    from scipy.stats import t

    return float(t.ppf(quantile, df))


def largest_of(
    ranks: np.ndarray, p: np.ndarray, inverse: np.ndarray, settings: Draws
) -> np.ndarray:
    """p [m] of m slopes, adjusted: draws whose largest normal |z| is as large, and p at least.

    The draws share what the measurements' whitened ranks [m, n] share; inverse: of the variance of
    the target's errors [n, n].
    """
    from scipy.stats import norm

    level, turned = np.linalg.eigh(inverse)
    root = (turned * np.sqrt(level.clip(0))) @ turned.T
    one = root.sum(1)
    white = ranks @ root
    white -= np.outer(white @ one, one) / (one @ one)
    size = np.linalg.norm(white, axis=1, keepdims=True)
    white = white / np.where(size > 0, size, 1)
    drawn = np.random.default_rng((settings.seed, 3)).standard_normal(
        (settings.n_tosses, ranks.shape[1])
    )
    return among(norm.isf(p / 2), np.abs(product(drawn, white.T)), p)
