"""The two-level bootstrap on a warehouse's own rows: chunks' sums and histograms, prompts' scores,
and at last the quants are drawn anew.
"""

import numpy as np

from . import clusters

BUCKETS = 20  # of a KLD histogram per e-fold (macro kld_bucket)
TARGETS = ("composite", "volume", "direction")


def two_level(
    forms: list,
    x: list,
    totals: list,
    sizes: list,
    buckets: list,
    counts: list,
    scores: list,
    reference: list,
    benchmarks: list,
    weights: list,
    n_resamples: int,
    seed: int,
) -> list[dict]:
    """`clusters.two_level` of m measurements of q quants with composite, volume and direction.

    forms [m]: how a measurement comes from its chunks: mean, abs (of the mean), minus (the mean), a
    probability (that quantile) or None (no such way). x [m, q]: the measurements. totals, sizes [m,
    q, c]: sum and count of a chunk, each text with its own c; buckets, counts [q, c, k]: histograms
    of KLD on the first text. scores [q, n], None for a quant that did not answer every prompt,
    which is left out; reference, benchmarks, weights [n]: of prompts. Quants of one text share
    their draws, so do all quants their prompts. Returns clusters.two_level's cells with target by
    name.
    """
    keep = [q for q, row in enumerate(scores) if row is not None]
    if not keep:
        return []
    x = np.asarray(x, float)[:, keep]
    scores, reference = np.array([scores[q] for q in keep], float), np.asarray(reference, float)
    table = dict(zip(benchmarks, weights))
    gains = scores - reference
    gain, volume = (
        clusters.score_replicates(values, benchmarks, table, n_resamples, seed)
        for values in (gains, np.abs(gains))
    )
    start = clusters.score_replicates(reference, benchmarks, table, n_resamples, seed)
    shares = clusters.prompt_shares(benchmarks, table)
    y = np.array(
        [scores @ shares, np.abs(gains) @ shares, _over(gains @ shares, np.abs(gains) @ shares)]
    )
    replicates = np.full((len(forms), n_resamples, len(keep)), np.nan)
    quantiles = [i for i, form in enumerate(forms) if form not in (None, "mean", "abs", "minus")]
    if quantiles and all(
        counts[q] and len(counts[q]) == len(counts[keep[0]]) and all(counts[q]) for q in keep
    ):
        histograms, edges = _histograms([buckets[q] for q in keep], [counts[q] for q in keep])
        replicates[quantiles] = np.moveaxis(
            clusters.quantile_replicates(
                histograms, edges, [float(forms[i]) for i in quantiles], n_resamples, seed
            ),
            2,
            0,
        )
    for i, form in enumerate(forms):
        chunks = {len(sizes[i][q] or ()) for q in keep}
        # else quants lack the text or have other chunks: no joint draw
        if form in ("mean", "abs", "minus") and len(chunks) == 1 and chunks != {0}:
            means = clusters.mean_replicates(
                *(np.array([side[i][q] for q in keep], float) for side in (totals, sizes)),
                n_resamples,
                seed,
            )
            replicates[i] = np.abs(means) if form == "abs" else -means if form == "minus" else means
    y_replicates = np.array([start + gain, volume, _over(gain, volume)])
    # equal scores shall stay ties
    cells = clusters.two_level(x, np.round(y, 12), replicates, np.round(y_replicates, 12), seed)
    for cell in cells:
        if cell["reason"] is None and cell["noise_low"] is None:
            cell |= {
                "low": None,
                "high": None,
                "shrinkage": None,
                "reason": "this measurement has no bootstrap over chunks",
            }
        cell["target"] = TARGETS[cell["target"]]
    return cells


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Direction: above / below, NaN without a disagreement."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _histograms(buckets: list, counts: list) -> tuple[np.ndarray, np.ndarray]:
    """[q, c, k] counts of the histograms named by bucket [q, c, ...], and the [k + 1] edges of the
    buckets (nats).
    """
    rows = [
        (q, c, int(name), count)
        for q, (names, found) in enumerate(zip(buckets, counts))
        for c in range(len(names))
        for name, count in zip(names[c], found[c])
    ]
    quant, chunk, bucket, count = (np.array(column) for column in zip(*rows))
    first, last = bucket.min(), bucket.max()
    dense = np.zeros((len(buckets), chunk.max() + 1, last - first + 1))
    dense[quant, chunk, bucket - first] = count
    return dense, np.exp(np.arange(first, last + 2) / BUCKETS)
