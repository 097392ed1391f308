"""What ranks the quants on one half of the prompts, beside what ranks them on the other half."""

from typing import NamedTuple

import numpy as np

from ..draws import halves
from ..left_out import Left, Spread, families, groups, spread
from ..quants.scatter import numbered
from ..texts import Prompts, count
from .composites import by_benchmark

DIGITS = 12  # composites that differ by less are equal
FEWEST_TEXTS = 4  # of a benchmark: of fewer, a half without a group of texts may hold none


class Asked(NamedTuple):
    """What q quants gain by m scorings on n prompts."""

    gains: np.ndarray  # score less the reference's, [m, q, n]
    prompts: Prompts
    weights: dict[str, float]  # benchmark -> weight


class Halved(NamedTuple):
    """Composites of m scorings and q quants on both halves of s splits of the prompts."""

    whole: np.ndarray  # [s, 2, m, q]
    without: np.ndarray  # the same without each group of texts, [G, s, 2, m, q]


def halved(known: Asked, n_splits: int, seed: int) -> Halved:
    """Of gains without gaps: the texts of each benchmark are halved on their own."""
    m, q, n = known.gains.shape
    parts = by_benchmark(known.gains.reshape(m * q, n), known.prompts, known.weights)
    group = groups([part.unit for part in parts], seed)
    kinds = 1 + max(int(each.max()) for each in group)
    found = np.zeros((1 + kinds, n_splits, 2, m * q))
    for k, (share, scores, unit) in enumerate(parts):
        first = halves(count(unit), n_splits, seed + k)[:, unit]
        sides = np.stack([first, 1 - first], 1)  # [s, 2, n]
        inside = [group[k] == g for g in range(kinds)]
        totals = np.stack([sides[:, :, here] @ scores[here] for here in inside])
        sizes = np.stack([sides[:, :, here].sum(2) for here in inside])[..., None]
        found[0] += share * totals.sum(0) / sizes.sum(0)
        found[1:] += share * (totals.sum(0) - totals) / (sizes.sum(0) - sizes)
    found = np.round(found, DIGITS).reshape(1 + kinds, n_splits, 2, m, q)
    return Halved(found[0], found[1:])


def agreement(scores: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """What each quant adds to rank correlations, [m + k + m, q]; their sums are means over splits.

    Of scores [s, 2, m, q] and measurements [k, q]: of m scorings on one half with the first of them
    on the other half, of k measurements with the first scoring on a half, and of m scorings on one
    half with themselves on the other. Scores that are all equal rank nothing: 0.
    """
    ranked = standard_ranks(scores)
    target = ranked[:, ::-1, :1]
    ahead = (ranked * target).mean((0, 1))
    own = (ranked[:, 0] * ranked[:, 1]).mean(0)
    return np.concatenate([ahead, standard_ranks(fixed) * target.mean((0, 1)), own])


def standard_ranks(values: np.ndarray) -> np.ndarray:
    """Mid-ranks along the last axis, centred and of length 1; 0 where all are equal."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=-1) - (values.shape[-1] + 1) / 2
    size = np.sqrt((ranks**2).sum(-1, keepdims=True))
    return ranks / np.where(size > 0, size, 1)


class Compared(NamedTuple):
    """What m scorings and k measurements say on one half of the first scoring on the other."""

    rho: np.ndarray  # as of `agreement`, [m + k + m]
    single: np.ndarray  # 5 % and 95 % of single splits, [2, m + k]
    varies: np.ndarray  # whether a forecaster ranks the quants at all, [m + k]
    spreads: dict[str, Spread | None]  # labelling -> of rho; None of too few families


def compared(
    known: Asked, fixed: np.ndarray, labels: dict[str, list[str]], n_splits: int, seed: int
) -> Compared:
    """Of gains without gaps and measurements [k, q]; labels: labelling -> a family per quant."""
    scores = halved(known, n_splits, seed)
    whole = agreement(scores.whole, fixed)
    moved = np.stack([agreement(each, fixed) - whole for each in scores.without])
    spreads: dict[str, Spread | None] = {}
    for labelling, names in labels.items():
        stays = families(names)
        if stays is None:
            spreads[labelling] = None
            continue
        fewer = [agreement(scores.whole[..., kept], fixed[:, kept]).sum(1) for kept in stays]
        left = Left(whole.sum(1), np.stack(fewer), moved, numbered(names))
        spreads[labelling] = spread(left)
    single = np.quantile(_singly(scores.whole, fixed), (0.05, 0.95), axis=0)
    varies = np.concatenate([np.ptp(scores.whole, axis=3).max((0, 1)), np.ptp(fixed, axis=1)]) > 0
    return Compared(whole.sum(1), single, varies, spreads)


def _singly(scores: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """rho of every single half with the other, [2 s, m + k]; see `agreement`."""
    ranked = standard_ranks(scores)
    target = ranked[:, ::-1, 0].reshape(-1, ranked.shape[-1])
    ahead = (ranked * ranked[:, ::-1, :1]).sum(3).reshape(-1, ranked.shape[2])
    return np.concatenate([ahead, target @ standard_ranks(fixed).T], 1)
