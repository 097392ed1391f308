"""Tokens of one chunk resemble each other, prompts of one benchmark share quants: errors by
resampling what was really drawn.

A chunk counts as one observation; per-chunk sums and histograms are enough for every mean, ratio
and quantile. Prompts are drawn within their benchmark, jointly for all quants, so that what the
quants share cancels in their comparison.
"""

from collections import Counter

import numpy as np

from .correlations import by_quants
from .resampling import SMALLEST, bca, draws, interval, number

BEYOND = 100  # tokens beyond a quantile, below which its interval is not given


def mean(n: np.ndarray, totals: np.ndarray, squares: np.ndarray, level: float = 0.95) -> dict:
    """Mean over tokens with chunks as clusters: n, totals, squares [c] are each chunk's count, sum
    and sum of squares.

    Ratio estimator with c / (c - 1), interval by t with c - 1 degrees. design_effect: variance over
    that of independent tokens; effective_tokens: how many independent ones would say as much.
    Returns mean, standard_error, low, high, standard_error_iid, design_effect, effective_tokens,
    tokens, chunks, reason.
    """
    from scipy.stats import t

    n, totals, squares = (np.asarray(values, float) for values in (n, totals, squares))
    keep = (n > 0) & np.isfinite(totals) & np.isfinite(squares)
    n, totals, squares = n[keep], totals[keep], squares[keep]
    tokens, chunks = n.sum(), len(n)
    keys = (
        "mean",
        "standard_error",
        "low",
        "high",
        "standard_error_iid",
        "design_effect",
        "effective_tokens",
    )
    answer = dict.fromkeys(keys) | {"tokens": int(tokens), "chunks": chunks}
    if not chunks:
        return answer | {"reason": "no tokens"}
    value = totals.sum() / tokens
    answer["mean"] = float(value)
    if chunks < 2:
        return answer | {"reason": "one chunk: no error"}
    error = np.sqrt(chunks / (chunks - 1) * ((totals - value * n) ** 2).sum()) / tokens
    half = t.ppf((1 + level) / 2, chunks - 1) * error
    answer |= {
        "standard_error": float(error),
        "low": float(value - half),
        "high": float(value + half),
    }
    independent = np.sqrt(max(squares.sum() / tokens - value**2, 0) / (tokens - 1))
    if not independent > 0:
        return answer | {"reason": "every token is the same: no design effect"}
    effect = (error / independent) ** 2
    return answer | {
        "standard_error_iid": float(independent),
        "design_effect": float(effect),
        "effective_tokens": number(tokens / effect) if effect > 0 else None,
        "reason": None,
    }


def ratio(numerators: np.ndarray, denominators: np.ndarray, n_resamples: int, seed: int) -> dict:
    """Sum over sum, chunks [c] resampled: ratio, percentile (low, high) and BCa (bca_low, bca_high)
    95 % intervals, reason.

    Two quants on the same chunks: give the difference of their sums as numerators; it is far
    tighter than two intervals.
    """
    numerators, denominators = np.asarray(numerators, float), np.asarray(denominators, float)
    keep = np.isfinite(numerators) & np.isfinite(denominators)
    numerators, denominators = numerators[keep], denominators[keep]
    answer = dict.fromkeys(("ratio", "low", "high", "bca_low", "bca_high"))
    if not denominators.sum() > 0:
        return answer | {"reason": "nothing to divide by"}
    value = numerators.sum() / denominators.sum()
    answer["ratio"] = float(value)
    if len(numerators) < SMALLEST:
        return answer | {"reason": f"{len(numerators)} chunks, {SMALLEST} needed for an interval"}
    replicates = mean_replicates(numerators, denominators, n_resamples, seed)[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        jackknife = (numerators.sum() - numerators) / (denominators.sum() - denominators)
    (low, high), (bca_low, bca_high) = interval(replicates), bca(replicates, value, jackknife)
    return answer | {
        "low": low,
        "high": high,
        "bca_low": bca_low,
        "bca_high": bca_high,
        "reason": None,
    }


def quantiles(
    histograms: np.ndarray,
    edges: np.ndarray,
    probabilities: list[float],
    n_resamples: int,
    seed: int,
) -> list[dict]:
    """Quantiles of all tokens from one histogram per chunk, with percentile 95 % intervals over
    chunks.

    histograms: [c, k] counts, edges: [k + 1] positive and rising (nats); inside a bucket tokens are
    taken as even in the logarithm. Returns for each probability value, low, high, beyond (tokens
    above it) and reason; an interval takes BEYOND tokens above it.
    """
    histograms, logs = (
        np.atleast_2d(np.asarray(histograms, float)),
        np.log(np.asarray(edges, float)),
    )
    chunks, tokens = len(histograms), histograms.sum()
    answers = [
        {
            "probability": p,
            "value": None,
            "low": None,
            "high": None,
            "beyond": int(round(tokens * (1 - p))),
        }
        for p in probabilities
    ]
    if not tokens:
        return [answer | {"reason": "no tokens"} for answer in answers]
    observed = _read(histograms.sum(0)[None], logs, probabilities)[0]
    replicates = np.full((n_resamples, len(probabilities)), np.nan)
    if chunks >= SMALLEST:
        for block, drawn in draws(chunks, n_resamples, seed):
            replicates[block] = _read(drawn @ histograms, logs, probabilities)
    for k, answer in enumerate(answers):
        answer["value"] = float(observed[k])
        answer["reason"] = (
            f"{chunks} chunks, {SMALLEST} needed for an interval" if chunks < SMALLEST else None
        )
        if answer["beyond"] < BEYOND:
            answer["reason"] = (
                f"{answer['beyond']} tokens beyond it, {BEYOND} needed for an interval"
            )
        if answer["reason"] is None:
            answer["low"], answer["high"] = interval(replicates[:, k])
    return answers


def mean_replicates(totals: np.ndarray, n: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    """Means [B, q] of q quants when their shared chunks are resampled: totals [q, c], n [c] or [q,
    c].
    """
    totals = np.atleast_2d(np.asarray(totals, float))
    sizes, found = np.broadcast_to(n, totals.shape), np.empty((n_resamples, len(totals)))
    for block, drawn in draws(totals.shape[1], n_resamples, seed):
        with np.errstate(invalid="ignore", divide="ignore"):
            found[block] = (drawn @ totals.T) / (drawn @ sizes.T)
    return found


def quantile_replicates(
    histograms: np.ndarray,
    edges: np.ndarray,
    probabilities: list[float],
    n_resamples: int,
    seed: int,
) -> np.ndarray:
    """Quantiles [B, q, p] of q quants when their shared chunks are resampled: histograms [q, c, k],
    edges [k + 1] as for `quantiles`.
    """
    found = np.empty((n_resamples, len(histograms), len(probabilities)))
    for block, drawn in draws(histograms.shape[1], n_resamples, seed):
        for q, counts in enumerate(histograms):
            found[block, q] = _read(drawn @ counts, np.log(edges), probabilities)
    return found


def prompt_shares(benchmarks: list, weights: dict) -> np.ndarray:
    """What each prompt [n] adds to a composite that takes every prompt: its benchmark's weight over
    the benchmark's size, summing to 1.
    """
    sizes = Counter(benchmarks)
    return np.array([weights[name] / sizes[name] for name in benchmarks]) / sum(weights.values())


def score_replicates(
    scores: np.ndarray, benchmarks: list, weights: dict | None, n_resamples: int, seed: int
) -> np.ndarray:
    """Composites [B, q] when prompts are resampled within their benchmark, the same prompts for
    every quant.

    scores: [q, n], NaN where a quant did not answer; benchmarks: [n]; weights: benchmark -> weight
    (equal if None; one that is not named weighs 1). |score - reference's score| in place of scores
    gives the composite volume.
    """
    scores = np.atleast_2d(np.asarray(scores, float))
    names = np.array([str(name) for name in benchmarks])
    weights = {name: (weights or {}).get(name, 1.0) for name in np.unique(names)}
    found = np.zeros((n_resamples, len(scores)))
    for k, (name, weight) in enumerate(weights.items()):
        part = scores[:, names == name].T
        has = np.isfinite(part)
        part = np.where(has, part, 0.0)
        for block, drawn in draws(len(part), n_resamples, seed + k):
            with np.errstate(invalid="ignore", divide="ignore"):
                means = (drawn @ part) / (len(part) if has.all() else drawn @ has)
            found[block] += weight / sum(weights.values()) * means
    return found


def two_level(
    x: np.ndarray, y: np.ndarray, x_replicates: np.ndarray, y_replicates: np.ndarray, seed: int
) -> list[dict]:
    """Spearman's rho of every measurement with every target when chunks and prompts, and then the
    quants too, are drawn anew.

    x: [m, q], y: [t, q]; x_replicates: [m, B, q], y_replicates: [t, B, q], from `mean_replicates`
    and `score_replicates`; a cell leaves out the quants where x or y is NaN. Returns m x t cells:
    measurement, target, n, rho, noise_low and noise_high (percentile 95 %: the rho that other texts
    and prompts, as many as these, give these very quants on average), low and high (other quants as
    well), shrinkage (median of the noise replicates over rho), reason. The rho of scores without
    noise lies further from 0 than that average, and often outside the interval: the noise ceiling
    (zone.noise_ceiling) says by how much, shrinkage roughly repeats it.
    """
    x, y, x_replicates, y_replicates = (
        np.asarray(values, float) for values in (x, y, x_replicates, y_replicates)
    )
    cells = {}
    for used, rows, columns, wanted in by_quants(x, y):
        n = int(used.sum())
        if n >= SMALLEST:
            rho = _rank_products(x[rows][:, None, used], y[columns][:, None, used])[0]
            drawn = np.random.default_rng((seed, 2)).integers(0, n, (x_replicates.shape[1], n))[
                None
            ]
            sides = x_replicates[rows][:, :, used], y_replicates[columns][:, :, used]
            noise, both = (
                _rank_products(*sides),
                _rank_products(*(np.take_along_axis(side, drawn, 2) for side in sides)),
            )
        for i, j in wanted:
            answer = {"measurement": i, "target": j, "n": n} | dict.fromkeys(
                ("rho", "noise_low", "noise_high", "low", "high", "shrinkage")
            )
            a, b = rows.index(i), columns.index(j)
            if n < SMALLEST:
                answer["reason"] = f"{n} quants, {SMALLEST} needed"
            elif not np.isfinite(rho[a, b]):
                answer["reason"] = "one side is the same for every quant"
            else:
                (noise_low, noise_high), (low, high) = (
                    interval(noise[:, a, b]),
                    interval(both[:, a, b]),
                )
                known = noise[np.isfinite(noise[:, a, b]), a, b]
                shrinkage = (
                    number(np.median(known) / rho[a, b]) if len(known) and rho[a, b] else None
                )
                answer |= {
                    "rho": float(rho[a, b]),
                    "noise_low": noise_low,
                    "noise_high": noise_high,
                    "low": low,
                    "high": high,
                    "shrinkage": shrinkage,
                    "reason": None,
                }
            cells[i, j] = answer
    return [cells[key] for key in sorted(cells)]


def rank_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rho of each row of x with the same row of y: [B, n] -> [B]; NaN where a row is
    constant.
    """
    return _rank_products(x[None], y[None])[:, 0, 0]


def _rank_products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rho of x [m, B, n] with y [t, B, n] replicate by replicate, each row ranked once:
    [B, m, t]; NaN where a row is constant.
    """
    from scipy.stats import rankdata

    # [B, m, n], [B, t, n]
    x, y = (np.swapaxes(rankdata(side, axis=2) - (side.shape[2] + 1) / 2, 0, 1) for side in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.round(
            x @ y.swapaxes(1, 2) / np.sqrt((x**2).sum(2)[:, :, None] * (y**2).sum(2)[:, None]), 12
        )


def _read(counts: np.ndarray, logs: np.ndarray, probabilities: list[float]) -> np.ndarray:
    """Quantiles [B, p] of the histograms counts [B, k] over buckets with log edges [k + 1]."""
    upto = np.cumsum(counts, 1)
    found = np.empty((len(counts), len(probabilities)))
    for k, p in enumerate(probabilities):
        wanted = p * upto[:, -1:]
        bucket = np.minimum((upto < wanted).sum(1), counts.shape[1] - 1)
        inside = np.take_along_axis(counts, bucket[:, None], 1)[:, 0]
        before = np.take_along_axis(upto, bucket[:, None], 1)[:, 0] - inside
        part = np.where(inside > 0, (wanted[:, 0] - before) / np.where(inside > 0, inside, 1), 0.0)
        found[:, k] = np.exp(logs[bucket] + part * (logs[bucket + 1] - logs[bucket]))
    return found
