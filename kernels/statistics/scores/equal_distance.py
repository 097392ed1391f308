"""Quants that lie equally far from the reference: do they answer equally well?

If a text's mean KLD decided what a quant can do, two quants of one KLD would have one composite.
Pairs are tested on the prompts that both answered, by tossing the sign of what one gains on the
other; one toss serves all pairs, so that what they share is in their joint null.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..intervals import ALPHA, finite
from ..multiplicity import TIE, benjamini_hochberg, resolves
from ..port import Numbers, Texts, statistic
from ..resolution import POWER
from .evidence import evidence
from .fractions import BOTH


class Distances(NamedTuple):
    """One row per quant."""

    quant_id: Annotated[Texts, "the quant"]
    kld: Annotated[Numbers, "its mean KLD on the first text, nats"]


class Nearness(NamedTuple):
    """Settings."""

    n_tosses: Annotated[int, "tosses of all prompts together"]
    seed: Annotated[int, "of all draws"]
    equal_distance: Annotated[float, "larger over smaller KLD up to which two are equally far"]


class EqualPair(NamedTuple):
    """One row per pair of quants of equal KLD, by name."""

    quant_id: Annotated[str, "the quant"]
    other_quant_id: Annotated[str, "the other one, later by name"]
    kld: Annotated[float, "mean KLD of quant_id on the first text, nats"]
    other_kld: Annotated[float, "mean KLD of other_quant_id on it, nats"]
    difference: Annotated[
        float | None,
        "composite of other_quant_id less that of quant_id, on the prompts that both answered,"
        " fraction; null where a benchmark has none",
    ]
    low: Annotated[
        float | None,
        "95 % interval of the difference, by the stratified score test; of fractions by their t",
    ]
    high: Annotated[float | None, "its other end"]
    p: Annotated[
        float | None,
        "the sign of what each text divides them by a coin toss, two-sided; of fractions by"
        " their t, mended for skewness, and at least the chance of losses that no text shows",
    ]
    p_adjusted: Annotated[float | None, "p by Benjamini and Hochberg over all pairs of the cohort"]
    verdict: Annotated[
        str,
        "differ: shown to, by p_adjusted; cannot_tell: not shown, they may be equal or not;"
        " no_answers: a benchmark without prompts that both answered",
    ]


class EqualDistance(NamedTuple):
    """One row per cohort."""

    pairs: Annotated[int, "pairs of equal KLD whose composites can be compared"]
    quants: Annotated[int, "quants in them"]
    differ_raw: Annotated[
        int, "pairs whose p is 0.05 at most, of which chance alone gives one in twenty"
    ]
    differ: Annotated[int, "pairs shown to differ, by p_adjusted"]
    largest_difference: Annotated[
        float | None, "largest |difference| of those; null where none is shown"
    ]
    statistic: Annotated[float | None, "sum of z^2 over the pairs; expected: their number"]
    p: Annotated[
        float | None, "how often tossed signs give so large a sum: KLD alone decides composites"
    ]
    resolvable: Annotated[
        float | None,
        "standard deviation of true differences that this sum finds with 80 % power, fraction; of"
        " fractions that of differences beyond what unseen losses make",
    ]
    verdict: Annotated[
        str,
        "refused: that KLD alone decides; not_refused: not shown to be wrong; no_pairs: no two"
        " quants are equally far",
    ]


class _Tested(NamedTuple):
    """All pairs of a cohort; NaN where nothing can be compared."""

    near: list[tuple[int, int]]  # rows of the distances
    difference: np.ndarray  # [k]
    low: np.ndarray
    high: np.ndarray
    z: np.ndarray
    p: np.ndarray
    adjusted: np.ndarray
    error: np.ndarray
    null: np.ndarray  # [n_tosses, k], 0 where nothing can be compared


@statistic
def equal_distance_pairs(
    distances: Distances, answers: Answers, settings: Nearness
) -> list[EqualPair]:
    """Every pair of quants of a cohort whose mean KLDs are equal within a factor."""
    tested = _test(distances, answers, settings)
    return [
        EqualPair(
            distances.quant_id[a],
            distances.quant_id[b],
            float(distances.kld[a]),
            float(distances.kld[b]),
            finite(tested.difference[k]),
            finite(tested.low[k]),
            finite(tested.high[k]),
            finite(tested.p[k]),
            finite(tested.adjusted[k]),
            _verdict(tested.adjusted[k]),
        )
        for k, (a, b) in enumerate(tested.near)
    ]


@statistic
def equal_distance(distances: Distances, answers: Answers, settings: Nearness) -> EqualDistance:
    """Does KLD alone decide composites? All pairs of equal KLD in one test."""
    tested = _test(distances, answers, settings)
    known = np.isfinite(tested.p)
    if not known.any():
        return EqualDistance(0, 0, 0, 0, None, None, None, None, "no_pairs")
    total = float((tested.z[known] ** 2).sum())
    null = (tested.null**2).sum(1)
    p = float((1 + (null >= total - TIE).sum()) / (1 + len(null)))
    differ = np.array([resolves(p) for p in tested.adjusted])
    return EqualDistance(
        int(known.sum()),
        len({row for pair, has in zip(tested.near, known) if has for row in pair}),
        sum(resolves(p) for p in tested.p),
        int(differ.sum()),
        float(np.abs(tested.difference[differ]).max()) if differ.any() else None,
        total,
        p,
        _resolvable(tested),
        "refused" if resolves(p) else "not_refused",
    )


def near_pairs(kld: np.ndarray, factor: float) -> list[tuple[int, int]]:
    """Rows of kld [q] whose larger is at most factor times the smaller; NaN is near nothing."""
    order = np.argsort(kld, kind="stable")
    order = order[np.isfinite(kld[order])]
    found = []
    for k, a in enumerate(order.tolist()):
        for b in order[k + 1 :].tolist():
            equal = kld[a] == kld[b]
            if not equal and not (
                kld[a] > 0 and math.log(kld[b] / kld[a]) <= math.log(factor) + TIE
            ):
                break
            found.append((min(a, b), max(a, b)))
    return sorted(found)


def _test(distances: Distances, answers: Answers, settings: Nearness) -> _Tested:
    """Rows are sorted by quant_id, so that the first of a pair is the earlier by name."""
    near = near_pairs(distances.kld, settings.equal_distance)
    found = sheet(answers).of(distances.quant_id.tolist())
    first, second = np.array(near, int).reshape(-1, 2).T
    gains = found.scores[second] - found.scores[first]
    comparable = _complete(gains, found)
    gains = gains[comparable]
    figures = np.full((7, len(near)), np.nan)
    null = np.zeros((settings.n_tosses, len(near)))
    if len(gains):
        shown = evidence(gains, found, BOTH)
        z, null[:, comparable] = shown.drawn(settings.n_tosses, settings.seed)
        p = shown.different(z, null[:, comparable])
        figures[:6, comparable] = shown.difference, *shown.interval(), z, p, shown.error
        figures[6] = benjamini_hochberg(figures[4])
    difference, low, high, z, p, error, adjusted = figures
    return _Tested(near, difference, low, high, z, p, adjusted, error, null)


def _resolvable(tested: _Tested) -> float | None:
    """How far true differences must scatter for 80 % of draws to pass the bar of the tosses."""
    error = np.where(tested.error > 0, tested.error, np.inf)
    bar = np.quantile((tested.null**2).sum(1), 1 - ALPHA)

    def found(scatter: float) -> float:
        return float(((tested.null**2 * (1 + (scatter / error) ** 2)).sum(1) > bar).mean())

    low, high = 0.0, 1.0
    if found(high) < POWER:
        return None
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= POWER else (middle, high)
    return high


def _complete(gains: np.ndarray, found: Sheet) -> np.ndarray:
    """Which rows of gains [m, n] have one in every benchmark, [m]."""
    names = np.array(found.prompts.groups, str)
    each = [np.isfinite(gains[:, names == name]).any(1) for name in np.unique(names)]
    return np.all(each, axis=0) if each else np.zeros(len(gains), bool)


def _verdict(p_adjusted: float) -> str:
    if math.isnan(p_adjusted):
        return "no_answers"
    return "differ" if resolves(p_adjusted) else "cannot_tell"
