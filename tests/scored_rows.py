"""Scores by several scorings as rows, made from gains: what forecasts and exponents take."""

import numpy as np

from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.quants.families import Families
from qwh.kernels.statistics.scores.forecasters import Measured, Scored


def scored_rows(
    gains: dict[str, np.ndarray],
    benchmarks: list[str] | None = None,
    texts: list[str] | None = None,
    weights: dict[str, float] | None = None,
) -> Scored:
    """Of quants q00, q01, ... with these gains [q, n] by scoring, NaN where there is none."""
    return rows_of(
        Scored,
        [
            {
                "scoring": scoring,
                "quant_id": f"q{q:02}",
                "benchmark_id": benchmarks[n] if benchmarks else "a",
                "prompt_id": f"{n:05}",
                "text_id": texts[n] if texts else f"{n:05}",
                "weight": (weights or {}).get(benchmarks[n] if benchmarks else "a", 1.0),
                "score": 0.5 + gain,
                "score_ref": 0.5,
            }
            for scoring, of in gains.items()
            for q, row in enumerate(np.atleast_2d(of).tolist())
            for n, gain in enumerate(row)
            if gain == gain
        ],
    )


def measured_rows(
    figures: dict[str, np.ndarray], zone: tuple[str, float] = ("full", 0)
) -> Measured:
    """Of the same quants: each measurement [q], NaN where there is none; the first is the KLD."""
    return rows_of(
        Measured,
        [
            {
                "zone_rule": zone[0],
                "threshold": float(zone[1]),
                "variant": 1 + variant,
                "measurement_id": name,
                "quant_id": f"q{q:02}",
                "x": x,
            }
            for variant, (name, of) in enumerate(figures.items())
            for q, x in enumerate(np.asarray(of).tolist())
            if x == x
        ],
    )


def family_rows(labels: dict[str, list[object]]) -> Families:
    """A family for each of the same quants, by labelling."""
    return rows_of(
        Families,
        [
            {"labelling": labelling, "quant_id": f"q{q:02}", "family_id": str(family)}
            for labelling, of in labels.items()
            for q, family in enumerate(of)
        ],
    )
