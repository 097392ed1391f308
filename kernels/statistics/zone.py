"""Where ranking stops, and whether noise alone would stop it there.

Scores are fractions of 1, measurements are distances (larger = further from the reference), errors
are standard errors of score less reference's score on the same prompts. Hinge, ribbon, ceiling and
the no-mystery null are ours, not the paper's.
"""

import math

import numpy as np

from .clusters import prompt_shares, score_replicates
from .resampling import SMALLEST, blocks, interval, number, permutations, resamples

EDGES = 100  # places tried for the hinge
# share of worlds that must be told apart before the no-mystery null gives a verdict
RESOLVABLE = 0.9


def hinge(
    measure: np.ndarray,
    scores: np.ndarray,
    errors: np.ndarray | None,
    n_resamples: int,
    seed: int,
    replicates: np.ndarray | None = None,
) -> dict:
    """score = flat - slope x max(0, ln measure - ln edge): where the loss begins, and how sure that
    is.

    measure, scores: [q]; errors: [q] standard errors of the scores, or None for equal weights;
    replicates: [B, q] scores on resampled prompts (clusters.score_replicates), so that the
    bootstrap knows the scores' own noise. Returns n, edge, profile_low and profile_high (the edges
    that an F test at 5 % does not refuse: the interval that keeps its promise), low and high
    (percentile 95 %, quants resampled; a little too narrow), flat, slope (fraction per e-fold),
    p_linear (see `_p_linear`) and reason.
    """
    measure, scores = np.asarray(measure, float), np.asarray(scores, float)
    known = (
        (measure > 0)
        & np.isfinite(measure)
        & np.isfinite(scores)
        & (True if errors is None else np.isfinite(np.asarray(errors, float)))
    )
    n = int(known.sum())
    answer = {"n": n} | dict.fromkeys(
        ("edge", "profile_low", "profile_high", "low", "high", "flat", "slope", "p_linear")
    )
    if n < SMALLEST + 2:
        return answer | {"reason": f"{n} quants, {SMALLEST + 2} needed for an edge"}
    measure, scores = measure[known], scores[known]
    if np.ptp(scores) == 0 or np.ptp(measure) == 0:
        return answer | {"reason": "one side is the same for every quant"}
    weights = np.ones(n) if errors is None else 1 / _floored(np.asarray(errors, float)[known]) ** 2
    logs = np.log(measure)
    edges = np.linspace(*np.sort(logs)[[1, -2]], EDGES)  # at least one quant on either side
    ramps = np.maximum(0, logs - edges[:, None])  # [EDGES, n]
    best, flat, slope, _ = _fit(ramps, weights[None], scores[None])
    answer |= {"flat": float(flat[0]), "slope": float(slope[0])}
    if slope[0] <= 0:
        return answer | {"reason": "scores do not fall with the measurement: no edge"}
    answer["edge"] = float(np.exp(edges[best[0]]))
    answer["profile_low"], answer["profile_high"] = _profile(edges, ramps, weights, scores)
    drawn, found = resamples(n, n_resamples, seed), np.empty(n_resamples)
    for block in blocks(n_resamples):
        targets = (
            scores[None]
            if replicates is None
            else np.asarray(replicates)[np.arange(block.start, block.stop) % len(replicates)][
                :, known
            ]
        )
        place, _, fall, _ = _fit(ramps, drawn[block] * weights, targets)
        found[block] = np.where(fall > 0, np.exp(edges[place]), np.nan)
    answer["low"], answer["high"] = interval(found)
    return answer | {
        "p_linear": _p_linear(measure, scores, weights, ramps, min(n_resamples, 1_999), seed),
        "reason": None,
    }


def edge_curve(
    measure: np.ndarray, scores: np.ndarray, errors: np.ndarray | None, n_resamples: int, seed: int
) -> list[dict]:
    """rho of measurement and score among the quants up to each threshold: one threshold is not
    evidence.

    measure, scores: [q]; errors: [q] or None. Returns, for the SMALLEST nearest quants and each one
    more: threshold, n, rho, low, high (percentile 95 % over those quants), expected, expected_low,
    expected_high (what a straight line and these errors would give; None without errors) and
    reason.
    """
    from .stats import spearman

    measure, scores = np.asarray(measure, float), np.asarray(scores, float)
    known = np.flatnonzero(
        np.isfinite(measure)
        & np.isfinite(scores)
        & (True if errors is None else np.isfinite(np.asarray(errors, float)))
    )
    order = known[np.argsort(measure[known], kind="stable")]
    keys = ("rho", "low", "high", "expected", "expected_low", "expected_high")
    curve = []
    worlds = (
        None
        if errors is None or len(order) < SMALLEST
        else _worlds(
            measure[order], scores[order], np.asarray(errors, float)[order], n_resamples, seed
        )
    )
    for n in range(SMALLEST, len(order) + 1):
        inside = order[:n]
        if n < len(order) and measure[order[n]] == measure[inside[-1]]:
            continue  # a threshold cannot part equal measurements
        found = spearman(list(measure[inside]), list(scores[inside]), 1, n_resamples, seed)
        row = (
            {"threshold": float(measure[inside[-1]]), "n": n}
            | dict.fromkeys(keys)
            | {
                "rho": found["rho"],
                "low": found["ci_low"],
                "high": found["ci_high"],
                "reason": found["reason"],
            }
        )
        if worlds is not None and found["rho"] is not None:
            expected = _rho_rows(measure[inside], worlds["line"][:, :n])
            row["expected"], (row["expected_low"], row["expected_high"]) = (
                number(np.median(expected)),
                interval(expected),
            )
        curve.append(row)
    return curve


def restricted_rho(rho: float | None, full: np.ndarray, zone: np.ndarray) -> float | None:
    """The rho that the full cohort's would become for want of range alone (Thorndike's case 2), by
    the spread of ln measurement.

    full, zone: measurements [q] of the cohort and of the zone. None where a spread is zero or rho
    is None.
    """
    logs = [
        np.log(values[(values > 0) & np.isfinite(values)])
        for values in (np.asarray(full, float), np.asarray(zone, float))
    ]
    if rho is None or min(map(len, logs)) < 2 or min(part.std() for part in logs) == 0:
        return None
    u = logs[1].std(ddof=1) / logs[0].std(ddof=1)
    return float(rho * u / math.sqrt(1 - rho**2 + rho**2 * u**2))


def reliability(scores: np.ndarray, errors: np.ndarray, n_resamples: int, seed: int) -> dict:
    """Share of the variance of scores [q] that is not their errors' [q]: 1 - (n - 3) / (n - 1)
    mean(error^2) / variance, at least 0.

    The factor takes off the bias of dividing by a variance of few quants (Morris 1983). Errors of
    score less reference's score are a little larger than the noise that parts quants, so this is a
    little low; `split_half` is not. Returns n, reliability, low, high (percentile 95 % over quants)
    and reason.
    """
    scores, errors = np.asarray(scores, float), np.asarray(errors, float)
    known = np.isfinite(scores) & np.isfinite(errors)
    scores, errors = scores[known], errors[known]
    n = len(scores)
    answer = {"n": n} | dict.fromkeys(("reliability", "low", "high"))
    if n < SMALLEST:
        return answer | {"reason": f"{n} quants, {SMALLEST} needed"}
    if np.ptp(scores) == 0:
        return answer | {"reliability": 0.0, "reason": "all scores are the same"}
    drawn = resamples(n, n_resamples, seed)
    means = drawn @ scores / n
    variance, noise = (drawn @ scores**2 / n - means**2) * n / (n - 1), drawn @ errors**2 / n
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = interval(
            np.maximum(
                0, 1 - (n - 3) / (n - 1) * noise / np.where(variance > 1e-15, variance, np.nan)
            )
        )
    value = max(0.0, 1 - (n - 3) / (n - 1) * float((errors**2).mean() / scores.var(ddof=1)))
    return answer | {"reliability": value, "low": low, "high": high, "reason": None}


def split_half(
    scores: np.ndarray,
    benchmarks: list,
    weights: dict | None,
    n_resamples: int,
    seed: int,
    splits: int = 200,
) -> dict:
    """The same reliability without a model: composites of two random halves of the prompts,
    correlated over quants.

    scores: [q, n] per prompt, none missing; benchmarks: [n], each halved on its own; weights:
    benchmark -> weight, equal if None. The mean r of the splits is stepped up (Spearman and Brown:
    2 r / (1 + r)). Returns n, reliability, low, high (percentile 95 % over quants; all at least 0)
    and reason. The interval takes the quants for independent of each other, which `ranking` does
    not.
    """
    scores = np.atleast_2d(np.asarray(scores, float))
    names = np.array([str(name) for name in benchmarks])
    answer = {"n": len(scores)} | dict.fromkeys(("reliability", "low", "high"))
    sizes = {name: int((names == name).sum()) for name in np.unique(names)}
    if (
        len(scores) < SMALLEST
        or not sizes
        or min(sizes.values()) < 2
        or not np.isfinite(scores).all()
    ):
        return answer | {
            "reason": (
                f"{len(scores)} quants ({SMALLEST} needed), each benchmark with 2 prompts or more"
                " that all have answered"
            )
        }
    first, second = np.zeros((splits, len(scores))), np.zeros((splits, len(scores)))
    for k, (name, size) in enumerate(sizes.items()):
        part, share = scores[:, names == name].T, (weights or {}).get(name, 1.0)
        half = (permutations(size, splits, seed + k) < size // 2).astype(float)
        sums = half @ part
        first += share * sums / (size // 2)
        second += share * (part.sum(0) - sums) / (size - size // 2)
    first, second = (half - half.mean(1, keepdims=True) for half in (first, second))
    if min(np.ptp(first, axis=1).min(), np.ptp(second, axis=1).min()) < 1e-12:
        return answer | {"reason": "all scores are the same in a half"}

    def stepped(drawn: np.ndarray) -> np.ndarray:
        """Reliability in each sample of quants, drawn [B, q]."""
        drawn = drawn / len(scores)
        means = drawn @ first.T, drawn @ second.T
        covariance = drawn @ (first * second).T - means[0] * means[1]
        variances = drawn @ (first**2).T - means[0] ** 2, drawn @ (second**2).T - means[1] ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            r = np.where(
                np.minimum(*variances) > 1e-15,
                covariance / np.sqrt(variances[0] * variances[1]),
                np.nan,
            ).mean(1)
        return np.maximum(0, 2 * r / np.maximum(1 + r, 1e-3))

    drawn = resamples(len(scores), n_resamples, seed)
    low, high = interval(np.concatenate([stepped(drawn[block]) for block in blocks(n_resamples)]))
    return answer | {
        "reliability": float(stepped(np.ones((1, len(scores))))[0]),
        "low": low,
        "high": high,
        "reason": None,
    }


def ranking(scores: list, benchmarks: list, weights: list, n_resamples: int, seed: int) -> dict:
    """`split_half`, and p: in how many draws of prompts quants that differ in nothing would have
    composites as far apart as these.

    scores: [q, n]; benchmarks and their weights: [n], of prompts. The draws keep what quants share,
    so that p holds for quants that are relatives, where intervals over quants do not. Where p is
    not small these prompts cannot rank these quants, whatever a rho says.
    """
    scores, table = (
        np.reshape(scores, (len(scores), len(benchmarks))).astype(float),
        dict(zip(benchmarks, weights)),
    )
    answer = {"p": None} | split_half(scores, benchmarks, table, n_resamples, seed)
    if answer["reliability"] is None:
        return answer
    replicates = score_replicates(scores, benchmarks, table, n_resamples, seed)
    apart = (replicates - replicates.mean(0)).var(1)
    return answer | {
        "p": float(
            (1 + (apart >= (scores @ prompt_shares(benchmarks, table)).var()).sum())
            / (1 + n_resamples)
        )
    }


def noise_ceiling(
    reliability_scores: float | None, reliability_measure: float | None = 1.0
) -> float | None:
    """Largest |rho| that scores and measurements of these reliabilities allow: the root of their
    product.
    """
    if reliability_scores is None or reliability_measure is None:
        return None
    return math.sqrt(max(0.0, reliability_scores) * max(0.0, reliability_measure))


def no_mystery(
    measure: np.ndarray,
    scores: np.ndarray,
    errors: np.ndarray,
    in_zone: np.ndarray,
    n_simulations: int,
    seed: int,
    replicates: np.ndarray | None = None,
    alpha: float = 0.05,
) -> dict:
    """Would the zone's rho be what it is if the score fell in one straight line with the
    measurement, and only noise hid it there?

    measure, scores, errors: [q]; in_zone: [q] bool; replicates: [B, q] scores on resampled prompts,
    whose noise keeps what the quants share (independent normal noise of these errors if None). Two
    worlds are simulated: `line`, where the whole cohort's slope, with its own uncertainty, goes on
    inside the zone, and `flat`, where the zone has no slope. p_line: the line gives a rho so near
    to 0, or beyond; p_flat: flat gives a rho so far from it. resolvable: in how many of either
    world's cohorts the other is refused, the smaller share. Verdict: `cannot tell` below RESOLVABLE
    or where neither is refused; `steeper than noise` where the line is; else `explained by noise`.
    Returns n, n_zone, slope (fraction per unit of measure), slope_error, misfit (mean square of
    residual / error), rho_full, rho_zone, {full, line, flat}_{expected, low, high}, p_line, p_flat,
    resolvable, verdict and reason.
    """
    measure, scores, errors = (np.asarray(values, float) for values in (measure, scores, errors))
    known = np.isfinite(measure) & np.isfinite(scores) & np.isfinite(errors)
    measure, scores, errors, zone = (
        measure[known],
        scores[known],
        errors[known],
        np.asarray(in_zone, bool)[known],
    )
    answer = {"n": len(scores), "n_zone": int(zone.sum())} | dict.fromkeys(
        ("slope", "slope_error", "misfit", "rho_full", "rho_zone")
    )
    answer |= dict.fromkeys(
        f"{world}_{figure}"
        for world in ("full", "line", "flat")
        for figure in ("expected", "low", "high")
    )
    answer |= dict.fromkeys(("p_line", "p_flat", "resolvable")) | {
        "verdict": "cannot tell",
        "reason": None,
    }
    if answer["n_zone"] < SMALLEST:
        return answer | {"reason": f"{answer['n_zone']} quants in the zone, {SMALLEST} needed"}
    if np.ptp(measure[zone]) == 0 or np.ptp(scores[zone]) == 0:
        return answer | {"reason": "one side is the same for every quant of the zone"}
    if not errors.max() > 0:
        return answer | {"reason": "no score has an error: no noise to compare with"}
    worlds = _worlds(
        measure,
        scores,
        errors,
        n_simulations,
        seed,
        None if replicates is None else np.asarray(replicates, float)[:, known],
    )
    rho_zone, rho_full = (
        float(_rho_rows(measure[part], scores[None, part])[0])
        for part in (zone, np.ones(len(zone), bool))
    )
    line, flat, full = (
        _rho_rows(measure[zone], worlds["line"][:, zone]),
        _rho_rows(measure[zone], worlds["noise"][:, zone]),
        _rho_rows(measure, worlds["line"]),
    )
    for world, values in (("full", full), ("line", line), ("flat", flat)):
        answer[f"{world}_expected"], (answer[f"{world}_low"], answer[f"{world}_high"]) = (
            number(np.median(values)),
            interval(values),
        )
    # the line's own direction: nearer to 0 means against it
    sign = -1 if worlds["slope"] < 0 else 1
    p_line = (1 + (sign * line <= sign * rho_zone + 1e-12).sum()) / (1 + n_simulations)
    p_flat = (1 + (sign * flat >= sign * rho_zone - 1e-12).sum()) / (1 + n_simulations)
    resolvable = float(
        min(
            (sign * line > np.quantile(sign * flat, 1 - alpha)).mean(),
            (sign * flat < np.quantile(sign * line, alpha)).mean(),
        )
    )
    answer |= {
        "slope": worlds["slope"],
        "slope_error": worlds["slope_error"],
        "misfit": worlds["misfit"],
        "rho_full": rho_full,
        "rho_zone": rho_zone,
    }
    answer |= {"p_line": float(p_line), "p_flat": float(p_flat), "resolvable": resolvable}
    if resolvable < RESOLVABLE or min(p_line, p_flat) >= alpha:
        return answer
    return answer | {"verdict": "steeper than noise" if p_line < alpha else "explained by noise"}


def no_mystery_of_prompts(
    measure: list,
    scores: list,
    errors: list,
    in_zone: list,
    answers: list,
    benchmarks: list | None,
    weights: list | None,
    n_simulations: int,
    seed: int,
) -> dict:
    """`no_mystery` with its noise from prompts drawn anew: answers [q, n], or independent noise
    where a quant's are not known (None).
    """
    if benchmarks is None or any(row is None for row in answers):
        return no_mystery(measure, scores, errors, in_zone, n_simulations, seed)
    replicates = score_replicates(
        np.asarray(answers, float), benchmarks, dict(zip(benchmarks, weights)), n_simulations, seed
    )
    return no_mystery(measure, scores, errors, in_zone, n_simulations, seed, replicates)


def fall_per_doubling(measure: np.ndarray, scores: np.ndarray, level: float = 0.95) -> dict:
    """Change of the score (fraction) when the measurement doubles: median of all pairs' slopes
    (Theil and Sen) with its interval.

    measure, scores: [q]. Returns n, slope, low, high, reason.
    """
    from scipy.stats import theilslopes

    measure, scores = np.asarray(measure, float), np.asarray(scores, float)
    known = (measure > 0) & np.isfinite(measure) & np.isfinite(scores)
    answer = {"n": int(known.sum())} | dict.fromkeys(("slope", "low", "high"))
    if known.sum() < SMALLEST:
        return answer | {"reason": f"{known.sum()} quants, {SMALLEST} needed"}
    if np.ptp(measure[known]) == 0:
        return answer | {"reason": "the measurement is the same for every quant"}
    found = theilslopes(scores[known], np.log2(measure[known]), alpha=level)
    return answer | {
        "slope": number(found.slope),
        "low": number(found.low_slope),
        "high": number(found.high_slope),
        "reason": None,
    }


def page_trend(measure: np.ndarray, scores: np.ndarray) -> dict:
    """Do scores fall as the measurement grows, all benchmarks together? Page's test: benchmarks as
    blocks, quants ordered by the measurement.

    measure: [q], scores: [b, q]; quants that lack a benchmark are left out. Returns n, benchmarks,
    p (one-sided) and reason.
    """
    from scipy.stats import page_trend_test

    measure, scores = np.asarray(measure, float), np.atleast_2d(np.asarray(scores, float))
    known = np.isfinite(measure) & np.isfinite(scores).all(0)
    answer = {"n": int(known.sum()), "benchmarks": len(scores), "p": None}
    if known.sum() < SMALLEST or len(scores) < 2:
        return answer | {
            "reason": f"{known.sum()} quants and {len(scores)} benchmarks, {SMALLEST} and 2 needed"
        }
    order = np.argsort(-measure[known], kind="stable")
    return answer | {
        "p": number(page_trend_test(scores[:, known][:, order]).pvalue),
        "reason": None,
    }


def _worlds(
    measure: np.ndarray,
    scores: np.ndarray,
    errors: np.ndarray,
    count: int,
    seed: int,
    replicates: np.ndarray | None = None,
) -> dict:
    """Scores [count, q] of worlds where the cohort's straight line holds (`line`) or nothing but
    noise (`noise`), and that line's figures.
    """
    errors = _floored(errors)
    weights = 1 / errors**2
    centred = measure - (weights @ measure) / weights.sum()
    spread = weights @ centred**2
    slope = float((weights * centred) @ scores / spread) if spread > 0 else 0.0
    residuals = scores - (weights @ scores) / weights.sum() - slope * centred
    misfit = float(weights @ residuals**2 / max(1, len(scores) - 2))
    slope_error = math.sqrt(max(1.0, misfit) / spread) if spread > 0 else 0.0
    rng = np.random.default_rng((seed, 4))
    noise = (
        rng.standard_normal((count, len(scores))) * errors
        if replicates is None
        else (replicates - replicates.mean(0))[rng.integers(0, len(replicates), count)]
    )
    slopes = slope + slope_error * rng.standard_normal((count, 1))
    return {
        "line": slopes * centred + noise,
        "noise": noise,
        "slope": slope,
        "slope_error": slope_error,
        "misfit": misfit,
    }


def _floored(errors: np.ndarray) -> np.ndarray:
    """Errors [q] with those of 0 (a quant that never disagreed) raised to the smallest that is not;
    1 if all are 0.
    """
    positive = errors[errors > 0]
    return np.maximum(errors, positive.min() if len(positive) else 1.0)


def _rho_rows(measure: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Spearman's rho of measure [q] with every row of scores [B, q]; 0 for a constant row, which
    ranks nothing.
    """
    from .clusters import rank_correlation

    return np.nan_to_num(rank_correlation(measure[None], scores))


def _fit(ramps: np.ndarray, weights: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weighted least squares of scores [B or 1, n] on each ramp [g, n]: the best ramp's number,
    flat, slope (a fall) and squares left, [B].
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
    """First and last edge whose fit is not worse than the best by an F test at 5 %, half a step
    wider on either side.
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
    """How often scores that fall in a straight line with the measurement itself would prefer a
    hinge so much: parametric bootstrap.

    The usual F test does not hold, since without a hinge there is no edge. None if the line leaves
    nothing over.
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
    worlds = {
        "rvs": lambda size: line + rng.standard_normal(size) * noise / root,
        "statistic": preference,
        "vectorized": True,
    }
    return number(
        np.squeeze(
            monte_carlo_test(
                scores, **worlds, n_resamples=n_resamples, batch=500, alternative="greater"
            ).pvalue
        )
    )
