"""Can these prompts rank these quants at all? Reliability of their scores, and a test of it.

Scores are fractions of 1, errors are standard errors of score less reference's score on the same
prompts. Reliability, ranking test and fall per doubling are ours, not the paper's.
"""

import numpy as np

from .composites import Weights, by_benchmark, composite_scores, score_replicates
from .draws import SMALLEST, blocks, halves, resamples
from .intervals import finite, interval
from .rho import too_few
from .texts import Labels, Prompts, count


def reliability(scores: np.ndarray, errors: np.ndarray, n_resamples: int, seed: int) -> dict:
    """Share of the variance of scores [q] that is not their errors' [q].

    1 - (n - 3) / (n - 1) mean(error^2) / variance, at least 0. The factor takes off the bias of
    dividing by a variance of few quants (Morris 1983). Errors of score less reference's score are a
    little larger than the noise that parts quants, so this is a little low; `split_half` is not.
    Returns n, reliability, low, high (percentile 95 % over quants) and reason.
    """
    scores, errors = np.asarray(scores, float), np.asarray(errors, float)
    known = np.isfinite(scores) & np.isfinite(errors)
    scores, errors = scores[known], errors[known]
    n = len(scores)
    answer = {"n": n} | dict.fromkeys(("reliability", "low", "high"))
    if n < SMALLEST:
        return answer | {"reason": too_few(n)}
    if np.ptp(scores) == 0:
        return answer | {"reliability": 0.0, "reason": "all scores are the same"}
    drawn, share = resamples(n, n_resamples, seed), (n - 3) / (n - 1)
    means = drawn @ scores / n
    variance, noise = (drawn @ scores**2 / n - means**2) * n / (n - 1), drawn @ errors**2 / n
    with np.errstate(divide="ignore", invalid="ignore"):
        noise_share = noise / np.where(variance > 1e-15, variance, np.nan)
    low, high = interval(np.maximum(0, 1 - share * noise_share))
    value = max(0.0, 1 - share * float((errors**2).mean() / scores.var(ddof=1)))
    return answer | {"reliability": value, "low": low, "high": high, "reason": None}


def split_half(
    scores: np.ndarray,
    benchmarks: Labels | Prompts,
    weights: Weights | None,
    n_resamples: int,
    seed: int,
    n_splits: int,
) -> dict:
    """The same reliability without a model: composites of two halves of the prompts, correlated.

    scores: [q, n] per prompt, none missing; benchmarks: [n], the texts of each halved on their own;
    weights: benchmark -> weight, equal if None. The mean r over quants of the splits is stepped up
    (Spearman and Brown: 2 r / (1 + r)). Returns n, reliability, low, high (percentile 95 % over
    quants; all at least 0) and reason. The interval takes the quants for independent of each other,
    which `ranking` does not.
    """
    scores = np.atleast_2d(np.asarray(scores, float))
    n = len(scores)
    answer = {"n": n} | dict.fromkeys(("reliability", "low", "high"))
    parts = by_benchmark(scores, benchmarks, weights)
    texts = [count(part.unit) for part in parts]
    if n < SMALLEST or not parts or min(texts) < 2 or not np.isfinite(scores).all():
        return answer | {
            "reason": (
                f"{n} quants ({SMALLEST} needed), each benchmark with 2 prompts or more that all"
                " have answered"
            )
        }
    first, second = np.zeros((n_splits, n)), np.zeros((n_splits, n))
    for k, (share, part, unit) in enumerate(parts):
        chosen = halves(count(unit), n_splits, seed + k)[:, unit]
        sums, size = chosen @ part, chosen.sum(1, keepdims=True)
        first += share * sums / size
        second += share * (part.sum(0) - sums) / (len(part) - size)
    first, second = (half - half.mean(1, keepdims=True) for half in (first, second))
    if min(np.ptp(first, axis=1).min(), np.ptp(second, axis=1).min()) < 1e-12:
        return answer | {"reason": "all scores are the same in a half"}
    drawn = resamples(n, n_resamples, seed) / n
    low, high = interval(
        np.concatenate([_stepped(first, second, drawn[block]) for block in blocks(n_resamples)])
    )
    value = float(_stepped(first, second, np.full((1, n), 1 / n))[0])
    return answer | {"reliability": value, "low": low, "high": high, "reason": None}


def _stepped(first: np.ndarray, second: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Reliability [B] in samples of quants; halves' composites [s, q], shares drawn [B, q]."""
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


def ranking(
    scores: list, asked: list, weights: list, n_resamples: int, seed: int, n_splits: int
) -> dict:
    """`split_half`, and p of the hypothesis that these quants differ in nothing.

    scores: [q, n]; asked: [benchmarks, texts], each [n], as in Prompts; weights: [n]. p: in how
    many draws of prompts quants that differ in nothing would have composites as far apart as these.
    The draws keep what quants share, so that p holds for quants that are relatives, where intervals
    over quants do not. Where p is not small these prompts cannot rank these quants, whatever a rho
    says.
    """
    benchmarks, table = Prompts(*asked), dict(zip(asked[0], weights))
    answers = np.reshape(scores, (len(scores), len(weights))).astype(float)
    answer = {"p": None} | split_half(answers, benchmarks, table, n_resamples, seed, n_splits)
    if answer["reliability"] is None:
        return answer
    replicates = score_replicates(answers, benchmarks, table, n_resamples, seed)
    apart = (replicates - replicates.mean(0)).var(1)
    observed = composite_scores(answers, benchmarks, table).var()
    return answer | {"p": float((1 + (apart >= observed).sum()) / (1 + n_resamples))}


def fall_per_doubling(measure: np.ndarray, scores: np.ndarray) -> dict:
    """Change of the score (fraction) when the measurement doubles.

    measure, scores: [q]. The median of all pairs' slopes (Theil and Sen) with its interval. Returns
    n, slope, low, high, reason.
    """
    from scipy.stats import theilslopes

    measure, scores = np.asarray(measure, float), np.asarray(scores, float)
    known = (measure > 0) & np.isfinite(measure) & np.isfinite(scores)
    answer = {"n": int(known.sum())} | dict.fromkeys(("slope", "low", "high"))
    if known.sum() < SMALLEST:
        return answer | {"reason": too_few(int(known.sum()))}
    if np.ptp(measure[known]) == 0:
        return answer | {"reason": "the measurement is the same for every quant"}
    found = theilslopes(scores[known], np.log2(measure[known]))
    return answer | {
        "slope": finite(found.slope),
        "low": finite(found.low_slope),
        "high": finite(found.high_slope),
        "reason": None,
    }
