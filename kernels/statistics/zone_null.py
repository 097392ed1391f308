"""Would the zone's rho be what it is if only noise hid a straight fall of the score there?

Scores are fractions of 1, measurements are distances (larger = further from the reference), errors
are standard errors of score less reference's score on the same prompts. The no-mystery null is
ours, not the paper's.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from .composites import score_replicates
from .draws import SMALLEST
from .intervals import ALPHA, finite, interval
from .ranks import rho_by_row
from .texts import Prompts
from .zone_edge import floored

# share of worlds that must be told apart before the null gives a verdict
RESOLVABLE = 0.9
FIGURES = (
    "slope",
    "slope_error",
    "misfit",
    "rho_full",
    "rho_zone",
    *(
        f"{world}_{figure}"
        for world in ("full", "line", "flat")
        for figure in ("expected", "low", "high")
    ),
    "p_line",
    "p_flat",
    "resolvable",
)


class Worlds(NamedTuple):
    """Cohorts in which the whole cohort's straight line holds, and in which nothing but noise."""

    line: np.ndarray  # [B, q] scores
    noise: np.ndarray  # [B, q] the noise alone
    slope: float  # fraction per unit of measure
    slope_error: float
    misfit: float  # mean square of residual / error


def no_mystery(
    measure: np.ndarray,
    scores: np.ndarray,
    errors: np.ndarray,
    in_zone: np.ndarray,
    n_simulations: int,
    seed: int,
    replicates: np.ndarray | None = None,
) -> dict:
    """Would a score that falls in one straight line with the measurement give the zone's rho?

    measure, scores, errors: [q]; in_zone: [q] bool; replicates: [B, q] scores on resampled prompts,
    whose noise keeps what the quants share (independent normal noise of these errors if None). Two
    worlds are simulated: `line`, where the whole cohort's slope, with its own uncertainty, goes on
    inside the zone, and `flat`, where the zone has no slope. p_line: the line gives a rho so near
    to 0, or beyond; p_flat: flat gives a rho so far from it. resolvable: in how many of either
    world's cohorts the other is refused, the smaller share. Verdict: `cannot tell` below RESOLVABLE
    or where neither is refused; `steeper than noise` where the line is; else `explained by noise`.
    Returns n, n_zone, slope, slope_error, misfit (see Worlds), rho_full, rho_zone, {full, line,
    flat}_{expected, low, high}, p_line, p_flat, resolvable, verdict and reason.
    """
    measure, scores, errors = (np.asarray(values, float) for values in (measure, scores, errors))
    known = np.isfinite(measure) & np.isfinite(scores) & np.isfinite(errors)
    measure, scores, errors = measure[known], scores[known], errors[known]
    zone = np.asarray(in_zone, bool)[known]
    answer: dict[str, Any] = dict.fromkeys(FIGURES) | {"n": len(scores), "n_zone": int(zone.sum())}
    answer |= {"verdict": "cannot tell", "reason": _why_not(measure, scores, errors, zone)}
    if answer["reason"]:
        return answer
    noise = None if replicates is None else np.asarray(replicates, float)[:, known]
    worlds = _worlds(measure, scores, errors, n_simulations, seed, noise)
    rho_zone = float(_rho_rows(measure[zone], scores[None, zone])[0])
    answer |= {
        "slope": worlds.slope,
        "slope_error": worlds.slope_error,
        "misfit": worlds.misfit,
        "rho_full": float(_rho_rows(measure, scores[None])[0]),
        "rho_zone": rho_zone,
    }
    line, flat = (_rho_rows(measure[zone], made[:, zone]) for made in (worlds.line, worlds.noise))
    for world, rho in (("full", _rho_rows(measure, worlds.line)), ("line", line), ("flat", flat)):
        answer[f"{world}_expected"] = finite(np.median(rho))
        answer[f"{world}_low"], answer[f"{world}_high"] = interval(rho)
    # the line's own direction: nearer to 0 means against it
    sign = -1 if worlds.slope < 0 else 1
    return answer | _judged(sign * line, sign * flat, sign * rho_zone)


def no_mystery_of_prompts(
    measure: list,
    scores: list,
    errors: list,
    in_zone: list,
    answers: list,
    asked: list | None,
    weights: list | None,
    n_simulations: int,
    seed: int,
) -> dict:
    """`no_mystery` with its noise from prompts drawn anew.

    answers: [q, n]; asked: [benchmarks, texts], each [n], as in Prompts; independent noise where a
    quant's are not known (None).
    """
    x, y, spread, zone = (np.asarray(values) for values in (measure, scores, errors, in_zone))
    if asked is None or weights is None or any(row is None for row in answers):
        return no_mystery(x, y, spread, zone, n_simulations, seed)
    table = dict(zip(asked[0], weights))
    replicates = score_replicates(
        np.asarray(answers, float), Prompts(*asked), table, n_simulations, seed
    )
    return no_mystery(x, y, spread, zone, n_simulations, seed, replicates)


def _why_not(
    measure: np.ndarray, scores: np.ndarray, errors: np.ndarray, zone: np.ndarray
) -> str | None:
    """The reason for no figure, if there is one."""
    if zone.sum() < SMALLEST:
        return f"{zone.sum()} quants in the zone, {SMALLEST} needed"
    if np.ptp(measure[zone]) == 0 or np.ptp(scores[zone]) == 0:
        return "one side is the same for every quant of the zone"
    if not errors.max() > 0:
        return "no score has an error: no noise to compare with"
    return None


def _judged(line: np.ndarray, flat: np.ndarray, rho: float) -> dict:
    """p_line, p_flat, resolvable and verdict; larger is further along the line's own direction.

    line, flat: the zone's rho in either world [B]; rho: the one that was found.
    """
    p_line = float((1 + (line <= rho + 1e-12).sum()) / (1 + len(line)))
    p_flat = float((1 + (flat >= rho - 1e-12).sum()) / (1 + len(flat)))
    refused = line > np.quantile(flat, 1 - ALPHA), flat < np.quantile(line, ALPHA)
    resolvable = float(min(part.mean() for part in refused))
    verdict = "steeper than noise" if p_line < ALPHA else "explained by noise"
    if resolvable < RESOLVABLE or min(p_line, p_flat) >= ALPHA:
        verdict = "cannot tell"
    return {"p_line": p_line, "p_flat": p_flat, "resolvable": resolvable, "verdict": verdict}


def _worlds(
    measure: np.ndarray,
    scores: np.ndarray,
    errors: np.ndarray,
    count: int,
    seed: int,
    replicates: np.ndarray | None,
) -> Worlds:
    """count worlds around the weighted straight line of scores [q] in measure [q]."""
    errors = floored(errors)
    weights = 1 / errors**2
    centred = measure - (weights @ measure) / weights.sum()
    spread = weights @ centred**2
    slope = float((weights * centred) @ scores / spread) if spread > 0 else 0.0
    residuals = scores - (weights @ scores) / weights.sum() - slope * centred
    misfit = float(weights @ residuals**2 / max(1, len(scores) - 2))
    slope_error = math.sqrt(max(1.0, misfit) / spread) if spread > 0 else 0.0
    rng = np.random.default_rng((seed, 4))
    if replicates is None:
        noise = rng.standard_normal((count, len(scores))) * errors
    else:
        noise = (replicates - replicates.mean(0))[rng.integers(0, len(replicates), count)]
    slopes = slope + slope_error * rng.standard_normal((count, 1))
    return Worlds(slopes * centred + noise, noise, slope, slope_error, misfit)


def _rho_rows(measure: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Spearman's rho of measure [q] with every row of scores [B, q].

    0 for a constant row, which ranks nothing.
    """
    return np.nan_to_num(rho_by_row(measure[None], scores))
