"""Where does the loss begin? A hinge in the measurement's logarithm, and how sure its edge is.

Scores are fractions of 1, measurements are distances (larger = further from the reference), errors
are standard errors of score less reference's score on the same prompts. The hinge is ours, not the
paper's.
"""

import numpy as np

from .draws import SMALLEST, blocks, resamples
from .intervals import finite, interval
from .rho import CONSTANT

EDGES = 100  # places tried for the hinge


def hinge(
    measure: np.ndarray,
    scores: np.ndarray,
    errors: np.ndarray | None,
    n_resamples: int,
    seed: int,
) -> dict:
    """score = flat - slope x max(0, ln measure - ln edge): where the loss begins.

    measure, scores: [q]; errors: [q] standard errors of the scores, or None for equal weights.
    Returns n, edge, profile_low and profile_high (the edges that an F test at 5 % does not refuse:
    the interval that keeps its promise), low and high (percentile 95 %, quants resampled; a little
    too narrow), flat, slope (fraction per e-fold), p_linear (see `_p_linear`) and reason.
    """
    measure, scores = np.asarray(measure, float), np.asarray(scores, float)
    known = (measure > 0) & np.isfinite(measure) & np.isfinite(scores)
    if errors is not None:
        known &= np.isfinite(np.asarray(errors, float))
    n = int(known.sum())
    answer = {"n": n} | dict.fromkeys(
        ("edge", "profile_low", "profile_high", "low", "high", "flat", "slope", "p_linear")
    )
    if n < SMALLEST + 2:
        return answer | {"reason": f"{n} quants, {SMALLEST + 2} needed for an edge"}
    measure, scores = measure[known], scores[known]
    if np.ptp(scores) == 0 or np.ptp(measure) == 0:
        return answer | {"reason": CONSTANT}
    weights = np.ones(n) if errors is None else 1 / floored(np.asarray(errors, float)[known]) ** 2
    logs = np.log(measure)
    second, last_but_one = np.sort(logs)[[1, -2]]  # at least one quant on either side
    edges = np.linspace(second, last_but_one, EDGES)
    ramps = np.maximum(0, logs - edges[:, None])  # [EDGES, n]
    best, flat, slope, _ = _fit(ramps, weights[None], scores[None])
    answer |= {"flat": float(flat[0]), "slope": float(slope[0])}
    if slope[0] <= 0:
        return answer | {"reason": "scores do not fall with the measurement: no edge"}
    answer["edge"] = float(np.exp(edges[best[0]]))
    answer["profile_low"], answer["profile_high"] = _profile(edges, ramps, weights, scores)
    drawn, found = resamples(n, n_resamples, seed), np.empty(n_resamples)
    for block in blocks(n_resamples):
        place, _, fall, _ = _fit(ramps, drawn[block] * weights, scores[None])
        found[block] = np.where(fall > 0, np.exp(edges[place]), np.nan)
    answer["low"], answer["high"] = interval(found)
    answer["p_linear"] = _p_linear(measure, scores, weights, ramps, min(n_resamples, 1_999), seed)
    return answer | {"reason": None}


def floored(errors: np.ndarray) -> np.ndarray:
    """Errors [q] with those of 0 (a quant that never disagreed) raised to the smallest that is not.

    1 if all are 0.
    """
    positive = errors[errors > 0]
    return np.maximum(errors, positive.min() if len(positive) else 1.0)


def _fit(ramps: np.ndarray, weights: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weighted least squares of scores on each ramp [g, n]; scores and weights [B or 1, n].

    Returns the best ramp's number, flat, slope (a fall) and squares left, each [B].
    """
    total = weights.sum(1, keepdims=True)
    mean_y = (weights * scores).sum(1, keepdims=True) / total
    mean_h = weights @ ramps.T / total  # [B, g]
    spread = np.maximum(weights @ (ramps**2).T - total * mean_h**2, 0)
    joint = (weights * scores) @ ramps.T - total * mean_h * mean_y
    spread, mean_h = np.broadcast_to(spread, joint.shape), np.broadcast_to(mean_h, joint.shape)
    usable = spread > 1e-12 * total
    # a rise is no hinge
    gained = np.where(usable & (joint < 0), joint**2 / np.where(usable, spread, 1), 0.0)
    best = gained.argmax(1)
    at = np.arange(len(gained)), best
    slope = np.where(gained[at] > 0, -joint[at] / np.where(usable[at], spread[at], 1), 0.0)
    left = (weights * (scores - mean_y) ** 2).sum(1) - gained[at]
    return best, mean_y[:, 0] + slope * mean_h[at], slope, np.maximum(left, 1e-300)


def _profile(
    edges: np.ndarray, ramps: np.ndarray, weights: np.ndarray, scores: np.ndarray
) -> tuple[float, float]:
    """First and last edge whose fit is not worse than the best by an F test at 5 %.

    Half a step wider on either side.
    """
    from scipy.stats import f

    left = np.array([_fit(ramp[None], weights[None], scores[None])[3][0] for ramp in ramps])
    freedom = len(scores) - 3
    kept = edges[left <= left.min() * (1 + f.ppf(0.95, 1, freedom) / freedom)]
    half = (edges[1] - edges[0]) / 2
    return float(np.exp(kept.min() - half)), float(np.exp(kept.max() + half))


def _p_linear(
    measure: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray,
    ramps: np.ndarray,
    n_resamples: int,
    seed: int,
) -> float | None:
    """How often scores on a straight line in the measurement itself would prefer a hinge so much.

    Parametric bootstrap: the usual F test does not hold, since without a hinge there is no edge.
    None if the line leaves nothing over.
    """
    from scipy.stats import monte_carlo_test

    root = np.sqrt(weights)
    design = np.stack([np.ones_like(measure), measure], 1)
    line = design @ np.linalg.lstsq(design * root[:, None], scores * root, rcond=None)[0]
    noise = float(np.sqrt((weights * (scores - line) ** 2).sum() / (len(scores) - 2)))
    if not noise > 1e-12:
        return None

    def preference(values: np.ndarray, axis: int = -1) -> np.ndarray:
        kinked, straight = (
            _fit(shape, weights[None], np.atleast_2d(values))[3]
            for shape in (ramps, (measure - measure.min())[None])
        )
        return np.log(straight / kinked)

    rng = np.random.default_rng((seed, 3))
    found = monte_carlo_test(
        scores,
        lambda size: line + rng.standard_normal(size) * noise / root,
        preference,
        vectorized=True,
        n_resamples=n_resamples,
        batch=500,
        alternative="greater",
    )
    return finite(float(np.squeeze(found.pvalue)))
