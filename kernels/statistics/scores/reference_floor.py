"""How much more a quant disagrees with the reference than the reference with its own second run."""

import math
from typing import Annotated, NamedTuple

import numpy as np

from ..intervals import ALPHA, finite
from ..port import Numbers, Texts, statistic
from ..texts import count, mean_variance, units


class Volumes(NamedTuple):
    """One row per quant, benchmark and prompt."""

    quant_id: Annotated[Texts, "the quant"]
    benchmark_id: Annotated[Texts, "the benchmark"]
    prompt_id: Annotated[Texts, "the prompt within its benchmark"]
    text_id: Annotated[Texts, "equal where a benchmark asks one text more than once"]
    volume: Annotated[Numbers, "mean |score - reference's score| of one attempt each"]
    volume_ref: Annotated[Numbers, "the same of two attempts of the reference; missing for one"]


class Excess(NamedTuple):
    """One row per quant and benchmark."""

    quant_id: Annotated[str, "the quant"]
    benchmark_id: Annotated[str, "the benchmark"]
    prompts: Annotated[int, "prompts that both answered and the reference more than once"]
    volume: Annotated[float | None, "mean |score - reference's score| of one attempt each, 0 to 1"]
    volume_floor: Annotated[float | None, "the same of two attempts of the reference"]
    excess: Annotated[float | None, "volume - volume_floor"]
    excess_low: Annotated[float | None, "its t interval over texts, 95 %"]
    excess_high: Annotated[float | None, "its other end"]
    reason: Annotated[str | None, "why a figure is null"]


@statistic
def reference_floor(rows: Volumes) -> list[Excess]:
    """Every quant and benchmark of a cohort."""
    cells = np.array([rows.quant_id, rows.benchmark_id], str)
    names, number = np.unique(cells, axis=1, return_inverse=True)
    return [
        _excess(quant, benchmark, rows, number.ravel() == k)
        for k, (quant, benchmark) in enumerate(names.T.tolist())
    ]


def _excess(quant: str, benchmark: str, rows: Volumes, here: np.ndarray) -> Excess:
    """here: [n] whether a row is of this cell."""
    from scipy import stats

    known = here & np.isfinite(rows.volume) & np.isfinite(rows.volume_ref)
    unit, n = units(rows.text_id[known]), int(known.sum())
    answer = Excess(quant, benchmark, n, None, None, None, None, None, None)
    if not np.isfinite(rows.volume_ref[here]).any():
        return answer._replace(
            reason="the reference has one answer to each prompt: no floor is known"
        )
    if count(unit) < 2:
        return answer._replace(reason=f"2 prompts needed, {count(unit)} found")
    volume, floor = rows.volume[known], rows.volume_ref[known]
    excess = volume - floor
    answer = answer._replace(
        volume=float(volume.mean()), volume_floor=float(floor.mean()), excess=float(excess.mean())
    )
    if not excess.any():
        return answer._replace(reason="no prompt differs: no interval")
    error = math.sqrt(mean_variance(excess, unit))
    low, high = stats.t(count(unit) - 1, excess.mean(), error).interval(1 - ALPHA)
    return answer._replace(excess_low=finite(low), excess_high=finite(high))
