"""The two-level bootstrap: rho when texts, prompts and at last the quants are drawn anew.

Tokens of one chunk resemble each other, prompts of one benchmark share quants: a chunk counts as
one observation, and per-chunk sums and histograms are enough for every mean and quantile. Quants of
one text share their draws, so do all quants their prompts: what they share cancels.
"""

from typing import TypedDict

import numpy as np

from .composites import composite_scores, score_replicates
from .draws import SMALLEST, draws
from .intervals import finite, interval
from .ranks import by_quants, redrawn_rho
from .rho import CONSTANT, too_few
from .texts import Prompts

TARGETS = ("composite", "volume", "direction")


class Chunks(TypedDict):
    """What one quant's chunks say of one measurement."""

    form: str  # mean, abs (of the mean), minus (the mean) or quantile
    fraction: float | None  # of a quantile
    totals: list[float]  # [c] sums over a chunk's tokens
    sizes: list[float]  # [c] tokens
    buckets: list[list[float] | None]  # [c] numbers of KLD's buckets, of a quantile only
    counts: list[list[float] | None]  # [c] tokens in each of them


Sheets = list[
    list[Chunks | None]
]  # [m][q]; None where the measurement is not to be had from chunks


def two_level(
    x: list,
    sheets: Sheets,
    scores: list,
    reference: list,
    asked: list,
    weights: list,
    n_resamples: int,
    seed: int,
    buckets_per_efold: int,
) -> list[dict]:
    """`redrawn` for m measurements of q quants with composite, volume and direction.

    x [m, q]: the measurements. scores [q, n], None for a quant that did not answer every prompt,
    which is left out; reference, weights [n]: of prompts; asked: [benchmarks, texts], each [n], as
    in Prompts. Returns redrawn's cells with target by name.
    """
    keep = [q for q, row in enumerate(scores) if row is not None]
    if not keep:
        return []
    answers = np.array([scores[q] for q in keep], float), np.asarray(reference, float)
    table = dict(zip(asked[0], weights))
    y, y_replicates = _targets(*answers, Prompts(*asked), table, n_resamples, seed)
    kept = [[sheet[q] for q in keep] for sheet in sheets]
    x_replicates = _measurements(kept, buckets_per_efold, n_resamples, seed)
    cells = redrawn(np.asarray(x, float)[:, keep], y, x_replicates, y_replicates, seed)
    for cell in cells:
        if cell["reason"] is None and cell["noise_low"] is None:
            cell |= dict.fromkeys(("low", "high", "shrinkage"))
            cell["reason"] = "this measurement has no bootstrap over chunks"
        cell["target"] = TARGETS[cell["target"]]
    return cells


def redrawn(
    x: np.ndarray, y: np.ndarray, x_replicates: np.ndarray, y_replicates: np.ndarray, seed: int
) -> list[dict]:
    """Spearman's rho of every measurement with every target when chunks and prompts are drawn anew.

    And then the quants too. x: [m, q], y: [t, q]; x_replicates: [m, B, q], y_replicates: [t, B, q];
    a cell leaves out the quants where x or y is NaN. Returns m x t cells: measurement, target, n,
    rho, noise_low and noise_high (percentile 95 %: the rho that other texts and prompts, as many as
    these, give these very quants on average), low and high (other quants as well), shrinkage
    (median of the noise replicates over rho), reason. The rho of scores without noise lies further
    from 0 than that average, and often outside the interval: the root of the scores' reliability
    says by how much, shrinkage roughly repeats it.
    """
    x, y, x_replicates, y_replicates = (
        np.asarray(values, float) for values in (x, y, x_replicates, y_replicates)
    )
    cells = {}
    for used, rows, columns, wanted in by_quants(x, y):
        n = int(used.sum())
        if n >= SMALLEST:
            rho = redrawn_rho(x[rows][:, None, used], y[columns][:, None, used])[0]
            rng, size = np.random.default_rng((seed, 2)), (x_replicates.shape[1], n)
            quants = rng.integers(0, n, size)[None]
            sides = x_replicates[rows][:, :, used], y_replicates[columns][:, :, used]
            noise = redrawn_rho(*sides)
            both = redrawn_rho(*(np.take_along_axis(side, quants, 2) for side in sides))
        for i, j in wanted:
            a, b = rows.index(i), columns.index(j)
            if n < SMALLEST:
                found = too_few(n)
            elif not np.isfinite(rho[a, b]):
                found = {"reason": CONSTANT}
            else:
                found = _cell(rho[a, b], noise[:, a, b], both[:, a, b])
            empty = dict.fromkeys(("rho", "noise_low", "noise_high", "low", "high", "shrinkage"))
            cells[i, j] = {"measurement": i, "target": j, "n": n} | empty | found
    return [cells[key] for key in sorted(cells)]


def _cell(rho: float, noise: np.ndarray, both: np.ndarray) -> dict:
    """One cell's figures from its rho in replicates [B] of chunks and prompts, and of all three."""
    (noise_low, noise_high), (low, high) = interval(noise), interval(both)
    known = noise[np.isfinite(noise)]
    return {
        "rho": float(rho),
        "noise_low": noise_low,
        "noise_high": noise_high,
        "low": low,
        "high": high,
        "shrinkage": finite(np.median(known) / rho) if len(known) and rho else None,
        "reason": None,
    }


def _targets(
    scores: np.ndarray,
    reference: np.ndarray,
    benchmarks: Prompts,
    weights: dict,
    n_resamples: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Composite, volume and direction [3, q] of scores [q, n], and their replicates [3, B, q]."""
    gains = scores - reference
    gain, volume = (
        composite_scores(values, benchmarks, weights) for values in (gains, np.abs(gains))
    )
    y = np.array([composite_scores(scores, benchmarks, weights), volume, _over(gain, volume)])
    gain, volume, start = (
        score_replicates(values, benchmarks, weights, n_resamples, seed)
        for values in (gains, np.abs(gains), reference)
    )
    replicates = np.array([start + gain, volume, _over(gain, volume)])
    # equal scores shall stay ties
    return np.round(y, 12), np.round(replicates, 12)


def _measurements(
    sheets: Sheets, buckets_per_efold: int, n_resamples: int, seed: int
) -> np.ndarray:
    """The measurements when their chunks are drawn anew, [m, B, q]; NaN where that cannot be.

    It cannot where quants lack the text or have other chunks: no joint draw.
    """
    found = np.full((len(sheets), n_resamples, len(sheets[0])), np.nan)
    quantiles: dict[int, float] = {}
    for i, sheet in enumerate(sheets):
        quants = [chunks for chunks in sheet if chunks]
        if len(quants) < len(sheet) or len({len(chunks["sizes"]) for chunks in quants}) > 1:
            continue
        form, fraction = quants[0]["form"], quants[0]["fraction"]
        if form == "quantile":
            if fraction is not None and all(all(chunks["counts"]) for chunks in quants):
                quantiles[i] = fraction
            continue
        totals = np.array([chunks["totals"] for chunks in quants], float)
        n = np.array([chunks["sizes"] for chunks in quants], float)
        means = mean_replicates(totals, n, n_resamples, seed)
        found[i] = np.abs(means) if form == "abs" else -means if form == "minus" else means
    if quantiles:
        # they are all of one text
        histograms, edges = _histograms(sheets[min(quantiles)], buckets_per_efold)
        probabilities = list(quantiles.values())
        drawn = quantile_replicates(histograms, edges, probabilities, n_resamples, seed)
        found[list(quantiles)] = np.moveaxis(drawn, 2, 0)
    return found


def mean_replicates(totals: np.ndarray, n: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    """Means [B, q] of q quants when their shared chunks are resampled.

    totals: [q, c]; n: [c] or [q, c].
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
    """Quantiles [B, q, p] of q quants when their shared chunks are resampled.

    histograms: [q, c, k] counts; edges: [k + 1] positive and rising (nats). Inside a bucket tokens
    are taken as even in the logarithm.
    """
    found = np.empty((n_resamples, len(histograms), len(probabilities)))
    for block, drawn in draws(histograms.shape[1], n_resamples, seed):
        for q, counts in enumerate(histograms):
            found[block, q] = _quantiles(drawn @ counts, np.log(edges), probabilities)
    return found


def _quantiles(counts: np.ndarray, logs: np.ndarray, probabilities: list[float]) -> np.ndarray:
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


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Direction: above / below, NaN without a disagreement."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _histograms(
    sheet: list[Chunks | None], buckets_per_efold: int
) -> tuple[np.ndarray, np.ndarray]:
    """[q, c, k] counts of a measurement's histograms, and the [k + 1] edges of their buckets."""
    rows = [
        (q, c, int(name), count)
        for q, chunks in enumerate(sheet)
        if chunks
        for c, (names, counts) in enumerate(zip(chunks["buckets"], chunks["counts"]))
        for name, count in zip(names or (), counts or ())
    ]
    quant, chunk, bucket, count = (np.array(column) for column in zip(*rows))
    first, last = bucket.min(), bucket.max()
    dense = np.zeros((len(sheet), chunk.max() + 1, last - first + 1))
    dense[quant, chunk, bucket - first] = count
    return dense, np.exp(np.arange(first, last + 2) / buckets_per_efold)
