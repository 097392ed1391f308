"""What each quant's fractions show against the reference's, benchmark by benchmark."""

from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..intervals import ALPHA, finite
from ..multiplicity import holm
from ..port import statistic
from ..texts import units
from . import betting, fractions
from .disagreements import Margin
from .evidence import Measured
from .paired import improvement_share, verdict
from .prompt_budget import needed, resolvable


class FractionCell(NamedTuple):
    """One row per quant and benchmark; adjusted p are Holm's over all of them."""

    quant_id: Annotated[str, "the quant"]
    benchmark_id: Annotated[str, "the benchmark"]
    prompts: Annotated[int, "answered by both"]
    leapfrogs: Annotated[float, "sum of what the quant gains"]
    drops: Annotated[float, "sum of what it loses"]
    difference: Annotated[float, "score less the reference's, fraction"]
    low: Annotated[float | None, "95 % interval by its t, mended for skewness"]
    high: Annotated[float | None, "its other end"]
    p: Annotated[
        float | None,
        "that they differ, by that t; of a gain at least the chance of losses that no text shows",
    ]
    p_adjusted: Annotated[float | None, "p by Holm over all cells of the cohort"]
    improvement_share: Annotated[
        float | None, "leapfrogs / (leapfrogs + drops); null without disagreement"
    ]
    share_low: Annotated[float | None, "its interval, as that of a ratio of sums over texts, 2.5 %"]
    share_high: Annotated[float | None, "97.5 %"]
    margin: Annotated[float, "difference that counts as none, fraction"]
    p_equivalent: Annotated[
        float | None, "that the difference lies within +-margin (two one-sided tests)"
    ]
    p_equivalent_adjusted: Annotated[
        float | None, "p_equivalent by Holm over all cells of the cohort"
    ]
    p_not_inferior: Annotated[float | None, "that it lies above -margin"]
    e_value: Annotated[
        float,
        "evidence against no difference by betting on every text, valid whenever one looks and"
        " whatever the tails: stop at 20",
    ]
    anytime_low: Annotated[
        float, "interval of the difference that holds at every number of prompts at once"
    ]
    anytime_high: Annotated[float, "its other end"]
    minimum_difference: Annotated[
        float | None, "smallest difference that so many prompts find with 80 % power, fraction"
    ]
    prompts_for_margin: Annotated[
        int | None,
        "prompts that find a difference of one margin with 80 % power; null where the volume is"
        " smaller",
    ]
    verdict: Annotated[str, "damaged, equivalent, better or unresolved, by the adjusted p"]
    reason: Annotated[str | None, "why a figure is null, or a word withheld"]


@statistic
def fraction_differences(answers: Answers, settings: Margin) -> list[FractionCell]:
    """Every quant and benchmark of a cohort, each tested alone and beside all others."""
    return cells(sheet(answers), settings.margin)


def cells(found: Sheet, margin: float) -> list[FractionCell]:
    """The same of a sheet."""
    names = np.array(found.prompts.groups, str)
    alone = [
        cell
        for kind in np.unique(names).tolist()
        for cell in _benchmark(kind, found.asking(names == kind), margin)
    ]
    alone.sort(key=lambda cell: (cell.quant_id, cell.benchmark_id))
    beside, same = (
        holm(np.array([getattr(cell, name) for cell in alone], float))
        for name in ("p", "p_equivalent")
    )
    return [_judged(*each) for each in zip(alone, beside.tolist(), same.tolist())]


def _benchmark(kind: str, one: Sheet, margin: float) -> list[FractionCell]:
    """The quants on one benchmark, without adjusted p."""
    from scipy.stats import norm

    shown = Measured(fractions.moments(one.gains, one))
    found, prompts = shown.part, np.isfinite(one.gains).sum(1)
    critical = float(norm.isf(ALPHA / 2))
    known = found.texts[:, 0] > 1
    columns = np.stack(
        [
            *shown.interval(),
            fractions.told(found),
            shown.equivalent(margin),
            shown.not_inferior(margin),
            resolvable(found, critical),
            needed(found, margin, critical, prompts),
        ],
        1,
    )
    unit, rows = units(one.prompts.texts, len(one.reference)), []
    for k, (quant, gains) in enumerate(zip(one.quants, one.gains)):
        has = np.isfinite(gains)
        if not has.any():
            continue
        why = fractions.reason(found, k, margin) if known[k] else "fewer than 2 prompts"
        figures = [finite(value) if known[k] else None for value in columns[k]]
        rows.append(_cell((quant, kind), gains[has], units(unit[has]), (margin, figures, why)))
    return rows


def _cell(
    ids: tuple[str, str],
    gains: np.ndarray,
    unit: np.ndarray,
    said: tuple[float, list[float | None], str | None],
) -> FractionCell:
    """gains: [n] of one quant; said: margin, figures in the order of _benchmark, reason."""
    margin, (low, high, p, same, above, least, wanted), why = said
    leapt, lost = np.maximum(gains, 0.0), np.maximum(-gains, 0.0)
    staked = betting.stakeable(gains, unit)
    return FractionCell(
        *ids,
        len(gains),
        float(leapt.sum()),
        float(lost.sum()),
        float(gains.mean()),
        low,
        high,
        p,
        None,
        *_share(np.bincount(unit, leapt), np.bincount(unit, leapt + lost)),
        margin,
        same,
        None,
        above,
        betting.e_value(staked),
        *betting.anytime_interval(gains, unit),
        least,
        None if wanted is None else int(wanted),
        "unresolved",
        why,
    )


def _share(won: np.ndarray, all_of: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """What is gained over what is gained and lost, with its interval; by texts."""
    total = all_of.sum()
    if total <= 0:
        return None, None, None
    share = float(won.sum() / total)
    if not (won * (all_of - won)).any() and share in (0.0, 1.0):  # as of coins of uneven size
        coins = float(total**2 / (all_of**2).sum())
        return improvement_share(share * coins, (1 - share) * coins)
    low, high, _ = fractions.linearised((won - share * all_of) / total, share)
    return share, max(low, 0.0), min(high, 1.0)


def _judged(cell: FractionCell, p_adjusted: float, same_adjusted: float) -> FractionCell:
    """With its adjusted p and its word."""
    said = verdict(p_adjusted, cell.difference, same_adjusted)
    kept = said == "unresolved" or cell.reason == fractions.NO_DIRECTION
    return cell._replace(
        p_adjusted=finite(p_adjusted),
        p_equivalent_adjusted=finite(same_adjusted),
        verdict=said,
        reason=cell.reason if kept else None,
    )
