"""What each quant's disagreements with the reference show, benchmark by benchmark."""

from typing import Annotated, NamedTuple

import numpy as np

from ..multiplicity import holm
from ..port import Numbers, Texts, statistic
from ..resolution import minimum_resolvable_difference, prompts_needed
from .paired import (
    anytime_interval,
    difference_interval,
    e_value,
    improvement_share,
    mcnemar,
    verdict,
)
from .stratified import Tables, equivalent, not_inferior

UNDIVIDED = "no disagreement: no direction"


class Disagreements(NamedTuple):
    """One row per quant and benchmark scored 0 or 1."""

    quant_id: Annotated[Texts, "the quant"]
    benchmark_id: Annotated[Texts, "the benchmark"]
    prompts: Annotated[Numbers, "answered by both"]
    leapfrogs: Annotated[Numbers, "the quant alone is right"]
    drops: Annotated[Numbers, "the reference alone is right"]
    design_effect: Annotated[Numbers, "how many items count as one prompt"]


class Margin(NamedTuple):
    """Settings."""

    margin: Annotated[float, "difference of score that counts as none, fraction"]


class Cell(NamedTuple):
    """One row per quant and benchmark; adjusted p are Holm's over all of them."""

    quant_id: Annotated[str, "the quant"]
    benchmark_id: Annotated[str, "the benchmark"]
    prompts: Annotated[int, "answered by both"]
    leapfrogs: Annotated[int, "the quant alone is right"]
    drops: Annotated[int, "the reference alone is right"]
    difference: Annotated[float, "score less the reference's, fraction"]
    low: Annotated[float, "of the difference: Tango's paired score interval, 2.5 %"]
    high: Annotated[float, "97.5 %"]
    p: Annotated[float, "McNemar's, exact, two-sided"]
    p_adjusted: Annotated[float, "p by Holm over all cells of the cohort"]
    improvement_share: Annotated[float | None, "leapfrogs / disagreements; null without one"]
    margin: Annotated[float, "difference that counts as none, fraction (var margin)"]
    p_equivalent: Annotated[float, "that the difference lies within +-margin (two one-sided tests)"]
    p_equivalent_adjusted: Annotated[float, "p_equivalent by Holm over all cells of the cohort"]
    p_not_inferior: Annotated[float, "that it lies above -margin"]
    e_value: Annotated[
        float,
        'evidence against "a disagreement is a coin toss", valid whenever one looks: stop at 20',
    ]
    minimum_difference: Annotated[
        float | None,
        "smallest difference that so many prompts find with 80 % power at this volume, fraction",
    ]
    prompts_for_margin: Annotated[
        int | None,
        "prompts that resolve a difference of one margin at this volume;"
        " null where the volume is smaller",
    ]
    verdict: Annotated[str, "damaged, equivalent, better or unresolved, by the adjusted p"]
    reason: Annotated[str | None, "why a figure is null"]


class Interval(NamedTuple):
    """One row per quant, benchmark and kind of figure."""

    quant_id: Annotated[str, "the quant"]
    benchmark_id: Annotated[str, "the benchmark"]
    kind: Annotated[
        str,
        "improvement_share: leapfrogs / disagreements, by Wilson; difference_at_any_time: score"
        " less the reference's, in an interval that holds at every number of prompts at once",
    ]
    figure: Annotated[float | None, "the figure, a fraction; null with a reason"]
    low: Annotated[float | None, "95 % interval"]
    high: Annotated[float | None, "its other end"]
    reason: Annotated[str | None, "why a figure is null"]


@statistic
def disagreement_intervals(rows: Disagreements) -> list[Interval]:
    """What each cell's disagreements say beside its difference at this number of prompts."""
    found = []
    counts = np.stack([rows.leapfrogs, rows.drops, rows.prompts]) / rows.design_effect
    for quant, benchmark, (leapfrogs, drops, prompts) in zip(
        rows.quant_id, rows.benchmark_id, counts.T.tolist()
    ):
        share = improvement_share(leapfrogs, drops)
        reason = UNDIVIDED if share[0] is None else None
        ends = anytime_interval(leapfrogs, drops, prompts)
        difference = (leapfrogs - drops) / prompts
        found += [
            Interval(quant, benchmark, "improvement_share", *share, reason),
            Interval(quant, benchmark, "difference_at_any_time", difference, *ends, None),
        ]
    return found


@statistic
def benchmark_differences(rows: Disagreements, settings: Margin) -> list[Cell]:
    """Every cell of a cohort, each tested alone and beside all others."""
    counts = np.stack([rows.leapfrogs, rows.drops, rows.prompts]) / rows.design_effect
    tables = one_benchmark(*counts)
    p = np.array(
        [
            [mcnemar(gained, lost) for gained, lost in counts[:2].T],
            equivalent(tables, settings.margin),
            not_inferior(tables, settings.margin),
        ]
    )
    p = np.r_[p, [holm(p[0]), holm(p[1])]]
    return [_cell(rows, settings.margin, k, counts[:, k], p[:, k]) for k in range(len(p.T))]


def one_benchmark(leapfrogs: np.ndarray, drops: np.ndarray, prompts: np.ndarray) -> Tables:
    """Tables of rows [m] of one benchmark each, scored 0 or 1."""
    one = np.ones((len(prompts), 1))
    volume = ((leapfrogs + drops) / prompts)[:, None]
    return Tables(leapfrogs[:, None], drops[:, None], prompts[:, None], one, one, volume)


def _cell(rows: Disagreements, margin: float, k: int, counts: np.ndarray, p: np.ndarray) -> Cell:
    """Row k; counts: leapfrogs, drops and prompts that count; p: raw three, adjusted two."""
    leapfrogs, drops, prompts = counts.tolist()
    volume = (rows.leapfrogs[k] + rows.drops[k]) / rows.prompts[k]
    difference = (leapfrogs - drops) / prompts
    low, high = difference_interval(leapfrogs, drops, prompts)
    return Cell(
        rows.quant_id[k],
        rows.benchmark_id[k],
        round(rows.prompts[k]),
        round(rows.leapfrogs[k]),
        round(rows.drops[k]),
        difference,
        low,
        high,
        float(p[0]),
        float(p[3]),
        improvement_share(leapfrogs, drops)[0],
        margin,
        float(p[1]),
        float(p[4]),
        float(p[2]),
        e_value(leapfrogs, drops),
        minimum_resolvable_difference((leapfrogs + drops) / prompts, prompts),
        prompts_needed(volume, margin),
        verdict(p[3], difference, p[4]),
        None if leapfrogs + drops else UNDIVIDED,
    )
