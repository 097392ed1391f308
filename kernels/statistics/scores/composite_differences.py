"""Each quant's composite less the reference's: what all benchmarks together show of it.

p_different: the sign of what every text gains is a coin toss; of fractions a t test, mended for
skewness. Tosses and tests of all quants of a cohort are made together, so that each p has one
beside it that allows for the others.
"""

import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..intervals import finite, interval
from ..multiplicity import among, holm
from ..port import statistic
from ..texts import Prompts, count, design_effect, mean_variance, units
from .composites import Part, by_benchmark
from .evidence import Measured, evidence
from .fractions import NO_DIRECTION, reason, told
from .paired import difference_interval, verdict


class PairedDraws(NamedTuple):
    """Settings."""

    n_resamples: Annotated[int, "bootstrap replicates, and tosses of a quant on its own"]
    n_tosses: Annotated[int, "tosses of all quants together"]
    seed: Annotated[int, "of all draws"]
    margin: Annotated[float, "difference of score that counts as none, fraction"]


class Composite(NamedTuple):
    """One row per quant."""

    quant_id: Annotated[str, "the quant"]
    difference: Annotated[float | None, "composite less the reference's, fraction"]
    standard_error: Annotated[
        float | None, "of the difference, over texts, by its formula, fraction"
    ]
    difference_low: Annotated[
        float | None,
        "95 % interval, texts drawn anew; of fractions by their t",
    ]
    difference_high: Annotated[float | None, "its other end"]
    p_different: Annotated[
        float | None,
        "the sign of what each text gains a coin toss, two-sided; of fractions by their t,"
        " mended for skewness",
    ]
    p_adjusted: Annotated[
        float | None, "p_different by step-down max-T over the cohort's quants, prompts shared"
    ]
    p_equivalent: Annotated[
        float | None,
        "that it lies within +-margin, by stratified score tests; of fractions by their t",
    ]
    p_equivalent_adjusted: Annotated[float | None, "p_equivalent by Holm over the cohort's quants"]
    p_not_inferior: Annotated[
        float | None, "that it lies above -margin; stat_candidates adjusts it over the quants"
    ]
    margin: Annotated[float, "difference that counts as none, fraction (var margin)"]
    volume: Annotated[float | None, "weighted share of disagreement"]
    direction: Annotated[float | None, "difference / volume; null without disagreement"]
    verdict: Annotated[str, "damaged, equivalent, better or unresolved, by the adjusted p"]
    reason: Annotated[str | None, "why a figure is null, or a word withheld"]


class Drawn(NamedTuple):
    """What a quant's own draws say of its composite; None where it cannot be had."""

    difference: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    p_different: float | None = None
    volume: float | None = None
    reason: str | None = None


@statistic
def composite_differences(answers: Answers, settings: PairedDraws) -> list[Composite]:
    """Every quant of a cohort, alone and beside the others.

    A quant that lacks a benchmark is compared on those it has.
    """
    return compared(sheet(answers), settings)


def compared(found: Sheet, settings: PairedDraws) -> list[Composite]:
    """The same of a sheet."""
    if not found.quants:
        return []
    shown = evidence(found.gains, found)
    if isinstance(shown, Measured):
        own = measured(shown, settings.margin)
    else:
        own = [drawn(parts(row, found), settings.n_resamples, settings.seed) for row in found.gains]
    raw = np.array([each.p_different for each in own], float)
    z, null = shown.drawn(settings.n_tosses, settings.seed)
    unlike = among(np.where(np.isnan(raw), np.nan, np.abs(z)), np.abs(null), raw)
    same, above = (
        np.where(np.isnan(raw), np.nan, test(settings.margin))
        for test in (shown.equivalent, shown.not_inferior)
    )
    p = np.array([unlike, same, holm(same), above]).T
    return [
        _row(quant, each, settings.margin, [finite(value) for value in row])
        for quant, each, row in zip(found.quants, own, p)
    ]


def parts(gains: np.ndarray, found: Sheet) -> list[Part]:
    """The benchmarks of gains [n] that have any, with their shares of the sum; NaN is left out."""
    has = np.isfinite(gains)
    labels = np.array(found.prompts.groups, object)[has]
    unit = units(found.prompts.texts, len(gains))[has]
    return by_benchmark(gains[None, has], Prompts(labels, unit), found.weights)


def drawn(benchmarks: Sequence[Part], n_resamples: int, seed: int) -> Drawn:
    """The difference with its error, its percentile interval and the p of its own tosses."""
    if not benchmarks or min(count(part.unit) for part in benchmarks) < 2:
        return Drawn(reason="a benchmark has fewer than 2 prompts")
    volume = float(sum(part.share * np.abs(part.scores[:, 0]).mean() for part in benchmarks))
    if volume == 0:
        return _without_disagreement(benchmarks)
    difference = float(sum(part.share * part.scores[:, 0].mean() for part in benchmarks))
    replicates, tosses = _replicates(benchmarks, n_resamples, np.random.default_rng(seed))
    variance = sum(
        part.share**2 * mean_variance(part.scores[:, 0], part.unit) for part in benchmarks
    )
    further = (np.abs(tosses) >= abs(difference) - 1e-12).sum()
    return Drawn(
        difference,
        math.sqrt(variance),
        *interval(replicates),
        float((1 + further) / (1 + n_resamples)),
        volume,
    )


def measured(shown: Measured, margin: float) -> list[Drawn]:
    """The same of fractions, by their t: m rows at once."""
    found, (low, high) = shown.part, shown.interval()
    columns = (found.difference, found.error, low, high, told(found), found.volume)
    return [
        Drawn(reason="a benchmark has fewer than 2 prompts")
        if found.texts[k][found.weight[k] > 0].min(initial=2) < 2
        else Drawn(*figures)._replace(reason=reason(found, k, margin))
        for k, figures in enumerate(np.stack(columns, 1).tolist())
    ]


def _row(quant: str, own: Drawn, margin: float, p: list[float | None]) -> Composite:
    """p: adjusted of different, raw and adjusted of equivalent, raw of not inferior."""
    unlike, same, same_adjusted, above = p
    said = "unresolved"
    if own.difference is not None and unlike is not None and same_adjusted is not None:
        said = verdict(unlike, own.difference, same_adjusted)
    return Composite(
        quant,
        own.difference,
        own.standard_error,
        own.low,
        own.high,
        own.p_different,
        unlike,
        same,
        same_adjusted,
        above,
        margin,
        own.volume,
        own.difference / own.volume if own.volume and own.difference is not None else None,
        said,
        own.reason if said == "unresolved" or own.reason == NO_DIRECTION else None,
    )


def _without_disagreement(benchmarks: Sequence[Part]) -> Drawn:
    """Nothing to resample: the score test's interval at the texts that count."""
    effective = 1 / sum(
        part.share**2 * design_effect(part.scores[:, 0], part.unit) / len(part.scores[:, 0])
        for part in benchmarks
    )
    low, high = difference_interval(0, 0, effective)
    return Drawn(0.0, 0.0, low, high, 1.0, 0.0, NO_DIRECTION)


def _replicates(
    benchmarks: Sequence[Part], n_resamples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The composite difference [B] with texts resampled, and [B] with its signs tossed anew."""
    replicates, tosses = np.zeros(n_resamples), np.zeros(n_resamples)
    for share, scores, unit in benchmarks:
        values = scores[:, 0]
        texts = np.column_stack([np.bincount(unit, values), np.bincount(unit)])
        # texts of equal sum and size are interchangeable
        kinds, counts = np.unique(texts, axis=0, return_counts=True)
        times = rng.multinomial(len(texts), counts / len(texts), n_resamples)
        replicates += share * (times @ kinds[:, 0]) / (times @ kinds[:, 1])
        sums = np.abs(texts[:, 0])
        sizes, counts = np.unique(sums[sums != 0], return_counts=True)
        heads = rng.binomial(counts, 0.5, (n_resamples, len(sizes)))
        tosses += share * ((2 * heads - counts) @ sizes) / len(values)
    return replicates, tosses
