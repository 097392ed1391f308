"""Answers as rows, made from gains: what the statistics of prompts take."""

import numpy as np

from qwh.kernels.statistics.answers import Answers
from qwh.kernels.statistics.port import rows_of


def answer_rows(
    gains: np.ndarray,
    benchmarks: list[str] | None = None,
    texts: list[str] | None = None,
    weights: dict[str, float] | None = None,
    quants: list[str] | None = None,
) -> Answers:
    """Of quants q00, q01, ... with these gains [q, n], NaN where a quant did not answer.

    The reference's score is what leaves room for them: 1 where one loses, else 0.
    """
    gains = np.atleast_2d(np.asarray(gains, float))
    reference = (np.nan_to_num(gains) < 0).any(0) * 1.0
    # where one gains and another loses, half way
    reference[(np.nan_to_num(gains) > 0).any(0) & (reference == 1)] = 0.5
    records = []
    for q, row in enumerate(gains):
        for n, gain in enumerate(row):
            if np.isnan(gain):
                continue
            benchmark = benchmarks[n] if benchmarks else "a"
            records.append(
                {
                    "quant_id": quants[q] if quants else f"q{q:02}",
                    "benchmark_id": benchmark,
                    "prompt_id": f"{n:05}",
                    "text_id": texts[n] if texts else f"{n:05}",
                    "weight": (weights or {}).get(benchmark, 1.0),
                    "score": reference[n] + gain,
                    "score_ref": reference[n],
                }
            )
    return rows_of(Answers, records)


def shuffled(rows: Answers, seed: int = 0) -> Answers:
    """The same rows given in another order."""
    order = np.random.default_rng(seed).permutation(len(rows[0]))
    records = [
        {name: column[k] for name, column in zip(rows._fields, rows)} for k in order.tolist()
    ]
    return rows_of(Answers, records)
