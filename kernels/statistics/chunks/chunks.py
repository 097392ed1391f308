"""Measurements of a text when its chunks are drawn anew.

Tokens of one chunk resemble each other: a chunk counts as one observation, and its sums and its
histogram of KLD are enough for every mean and quantile. Quants of one text share their draws.
"""

from collections import Counter
from typing import Annotated, NamedTuple

import numpy as np

from ..draws import draws
from ..port import Counts, Lists, Numbers, Texts

MEANS = ("mean", "exp", "root")  # ranks do not see exp and root
TOTALS = {
    "kld": "kld_sum",
    "nll": "nll_sum",
    "delta_loss": "delta_loss_sum",
    "top1_agree": "top1_agree_sum",
    "delta_p_squared": "delta_p_squared_sum",
}


class Chunks(NamedTuple):
    """One row per quant and chunk of a text, as fct_chunks has them."""

    quant_id: Annotated[Texts, "the quant"]
    corpus_id: Annotated[Texts, "the text"]
    context_length: Annotated[Counts, "tokens per chunk"]
    chunk: Annotated[Counts, "its number in the text"]
    n: Annotated[Numbers, "scored tokens"]
    kld_sum: Annotated[Numbers, "sum of their KLD, nats"]
    nll_sum: Annotated[Numbers, "sum of their NLL, nats"]
    delta_loss_sum: Annotated[Numbers, "sum of NLL less the reference's, nats"]
    top1_agree_sum: Annotated[Numbers, "tokens whose most likely token is the reference's"]
    delta_p_squared_sum: Annotated[Numbers, "sum of squared differences of their probability"]
    kld_buckets: Annotated[Lists, "buckets of KLD that hold tokens"]
    kld_counts: Annotated[Lists, "how many tokens each of them holds"]


class Recipe(NamedTuple):
    """How a measurement comes from the chunks of a text."""

    corpus_id: str | None  # None: it does not
    context_length: float
    quantity: str | None
    form: str | None  # mean, exp, root, abs (of the mean) or quantile; others cannot be drawn
    fraction: float  # of a quantile
    orientation: float  # 1: larger is further from the reference, -1: smaller is


class Drawn(NamedTuple):
    """Chunks drawn anew so often, from one seed."""

    n_resamples: int
    seed: int
    buckets_per_efold: int  # of the histograms


def redrawn_measurements(
    recipes: list[Recipe], chunks: Chunks, quants: list[str], drawn: Drawn
) -> np.ndarray:
    """The measurements of quants when chunks are drawn anew, [m, B, q]; NaN where that cannot be.

    It cannot where a quant lacks the text or has other chunks of it than most (no joint draw), or
    where the measurement is no mean and no quantile.
    """
    found = np.full((len(recipes), drawn.n_resamples, len(quants)), np.nan)
    texts: dict[tuple[str, float], list[int]] = {}
    for i, recipe in enumerate(recipes):
        if recipe.corpus_id is not None:
            texts.setdefault((recipe.corpus_id, recipe.context_length), []).append(i)
    for (corpus_id, length), rows in texts.items():
        here = (chunks.corpus_id == corpus_id) & (chunks.context_length == length)
        has, order = _alike(chunks, np.flatnonzero(here), quants)
        if has:
            of_text = Chunks(*(column[order] for column in chunks))
            for i, values in _of_text(recipes, rows, of_text, drawn).items():
                found[i][:, has] = values
    return found


def _alike(chunks: Chunks, rows: np.ndarray, quants: list[str]) -> tuple[list[int], np.ndarray]:
    """Places of the quants that have the chunks which most have, and the rows of these, [q, c]."""
    own = [rows[chunks.quant_id[rows] == quant] for quant in quants]
    numbers = [tuple(chunks.chunk[part].tolist()) for part in own]
    [(most, _)] = Counter(filter(None, numbers)).most_common(1) or [((), 0)]
    has = [k for k, found in enumerate(numbers) if most and found == most]
    return has, np.stack([own[k] for k in has]) if has else np.empty((0, 0), int)


def _of_text(
    recipes: list[Recipe], rows: list[int], chunks: Chunks, drawn: Drawn
) -> dict[int, np.ndarray]:
    """Number -> [B, q] of those of one text's recipes that can be drawn; chunks: columns [q, c]."""
    found, quantiles = {}, []
    for i in rows:
        recipe = recipes[i]
        if recipe.form in (*MEANS, "abs") and recipe.quantity in TOTALS:
            totals = getattr(chunks, TOTALS[recipe.quantity])
            means = mean_replicates(totals, chunks.n, drawn.n_resamples, drawn.seed)
            found[i] = np.abs(means) if recipe.form == "abs" else recipe.orientation * means
        elif recipe.form == "quantile" and recipe.quantity == "kld":
            quantiles.append(i)
    if quantiles and all(counts is not None and len(counts) for counts in chunks.kld_counts.flat):
        histograms, edges = _histograms(chunks, drawn.buckets_per_efold)
        fractions = [recipes[i].fraction for i in quantiles]
        both = quantile_replicates(histograms, edges, fractions, drawn.n_resamples, drawn.seed)
        found |= {i: both[:, :, k] for k, i in enumerate(quantiles)}
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


def _histograms(chunks: Chunks, buckets_per_efold: int) -> tuple[np.ndarray, np.ndarray]:
    """[q, c, k] counts of the chunks' histograms, and the [k + 1] edges of their buckets."""
    sizes = [len(counts) for counts in chunks.kld_counts.flat]
    place = np.repeat(np.arange(len(sizes)), sizes)
    bucket = np.concatenate(list(chunks.kld_buckets.flat)).astype(int)
    first, last = bucket.min(), bucket.max()
    dense = np.zeros((len(sizes), last - first + 1))
    dense[place, bucket - first] = np.concatenate(list(chunks.kld_counts.flat))
    edges = np.exp(np.arange(first, last + 2) / buckets_per_efold)
    return dense.reshape(*chunks.kld_counts.shape, -1), edges
