"""Does a target change with distance over these very quants? Of the prompts' noise alone.

Right about other prompts, silent about another quant: what it finds holds of these quants.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers
from ..intervals import ALPHA
from ..multiplicity import step_down
from ..port import statistic
from ..ranks import centred_ranks
from ..tosses import tossed
from .cells import (
    ALIKE,
    CONSTANT,
    NO_SPREAD,
    SAME_MEASUREMENT,
    TOO_FEW,
    Cell,
    Distances,
    Gains,
    cells,
)


class Tosses(NamedTuple):
    """How much is drawn."""

    n_tosses: Annotated[int, "tosses of every text's sign"]
    fewest_quants: Annotated[int, "if fewer answered every prompt, none is left out"]
    seed: Annotated[int, "of all draws"]


class These(NamedTuple):
    """One zone, measurement and target."""

    zone_rule: Annotated[str, "the rule of the zone"]
    threshold: Annotated[float, "the rule's threshold"]
    measurement_id: Annotated[str, "the measurement"]
    target: Annotated[str, "composite, volume, direction, or one of a benchmark"]
    n: Annotated[
        int, "quants that answered every prompt; where they are fewer than 8 (fewest_quants), all"
    ]
    measurements: Annotated[
        int, "measurements over which p is adjusted; those that rank all quants alike count once"
    ]
    effective_n: Annotated[
        float | None, "independent quants that they are worth, by what their answers share"
    ]
    z: Annotated[float | None, "of the contrast of ranks, over texts; negative: it falls"]
    p_these: Annotated[float | None, "two-sided p of z: other prompts, these very quants"]
    p_these_adjusted: Annotated[
        float | None,
        "the same over the zone's measurements, tossed signs, step-down max-T; at least p_these",
    ]
    these_low: Annotated[
        float | None, "95 % interval of these quants' own slope per doubling, prompts alone"
    ]
    these_high: Annotated[
        float | None, "95 % interval of these quants' own slope per doubling, prompts alone"
    ]
    reason: Annotated[str | None, "why figures are missing"]


NOTHING = dict.fromkeys(These._fields[7:])


@statistic
def these_quants(points: Distances, answers: Answers, settings: Tosses) -> list[These]:
    """The contrast over prompts of every zone, measurement and target."""
    gains = Gains(answers)
    whole = list(cells(points, gains.answered, settings.fewest_quants))
    held = [gains.of(cell) for cell in whole]
    contrasts = [
        None
        if isinstance(sums, str)
        else centred_ranks(cell.x, np.ones((1, len(cell.y))))[0] @ sums
        for cell, sums in zip(whole, held)
    ]
    adjusted = _adjusted(whole, contrasts, settings)
    rows = []
    for cell, sums, contrast, p in zip(whole, held, contrasts, adjusted):
        worth = gains.worth(cell)
        for k in range(len(cell.x)):
            if isinstance(sums, str) or contrast is None:
                figures = NOTHING | {"reason": sums}
            else:
                figures = _figures(cell, k, sums, contrast[k], float(p[k]))
            about = (cell.zone_rule, cell.threshold, cell.measurements[k], cell.target)
            rows.append(These(*about, len(cell.y), cell.distinct, worth, **figures))
    return rows


def _adjusted(
    whole: list[Cell], contrasts: list[np.ndarray | None], settings: Tosses
) -> list[np.ndarray]:
    """p of each cell's contrasts [m, texts], adjusted over them; empty where there are none.

    One coin per text serves all cells of the same prompts.
    """
    alike: dict[str, list[int]] = {}
    for k, (cell, contrast) in enumerate(zip(whole, contrasts)):
        if contrast is not None:
            alike.setdefault(cell.benchmark, []).append(k)
    found = [np.empty(0) for _ in whole]
    for together in alike.values():
        rows = np.concatenate([contrasts[k] for k in together])
        z, null = tossed(rows, np.arange(rows.shape[1]), settings.n_tosses, settings.seed)
        start = 0
        for k in together:
            part = slice(start, start := start + len(whole[k].x))
            p = step_down(np.abs(z[part]), np.abs(null[:, part]))
            found[k] = np.minimum(p * whole[k].weight, 1)
    return found


def _figures(cell: Cell, k: int, sums: np.ndarray, contrast: np.ndarray, adjusted: float) -> dict:
    """What prompts alone say of one measurement; sums: [n, texts] of the target."""
    from scipy.stats import norm

    error = _error(contrast)
    if error < ALIKE:  # what is left is rounding
        return NOTHING | {"reason": _no_error(cell, k)}
    z = float(contrast.sum() / error)
    p = float(2 * norm.sf(abs(z)))
    found = NOTHING | {"z": z, "p_these": p, "p_these_adjusted": max(p, adjusted)}
    x = cell.x[k]
    if cell.doubles[k] and (x > 0).all() and np.ptp(x) > 0:
        away = np.log2(x) - np.log2(x).mean()
        per_text = away @ sums / (away @ away)
        half = float(norm.isf(ALPHA / 2)) * _error(per_text)
        slope = float(per_text.sum())
        found |= {"these_low": slope - half, "these_high": slope + half}
    return found


def _no_error(cell: Cell, k: int) -> str:
    """Why a contrast has no spread."""
    if len(cell.y) < 2:
        return TOO_FEW
    if np.ptp(cell.y) < ALIKE:
        return CONSTANT
    return SAME_MEASUREMENT if np.ptp(cell.x[k]) == 0 else NO_SPREAD


def _error(parts: np.ndarray) -> float:
    """Standard error of the total of parts [texts], the texts drawn anew."""
    texts = len(parts)
    return math.sqrt(texts) * float(parts.std(ddof=1)) if texts > 1 else 0.0
