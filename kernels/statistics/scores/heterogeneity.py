"""Do the benchmarks disagree about a quant's direction? Chi-square of its flips by benchmark."""

from typing import Annotated, NamedTuple

import numpy as np

from ..intervals import finite
from ..multiplicity import TIE, holm
from ..port import Counts, Texts, statistic


class Flips(NamedTuple):
    """One row per quant and benchmark; whole numbers."""

    quant_id: Annotated[Texts, "the quant"]
    benchmark_id: Annotated[Texts, "the benchmark"]
    leapfrogs: Annotated[Counts, "the quant alone is right"]
    drops: Annotated[Counts, "the reference alone is right"]


class TableDraws(NamedTuple):
    """Settings."""

    n_permutations: Annotated[int, "random tables of the same margins"]
    seed: Annotated[int, "of all draws"]


class Heterogeneity(NamedTuple):
    """One row per quant."""

    quant_id: Annotated[str, "the quant"]
    benchmarks: Annotated[int, "benchmarks on which quant and reference disagree"]
    statistic: Annotated[float | None, "chi-square of leapfrogs and drops by benchmark"]
    p: Annotated[
        float | None,
        "that no benchmark differs from another in direction, by random tables of the same margins",
    ]
    p_adjusted: Annotated[float | None, "p by Holm over the cohort's quants"]
    reason: Annotated[str | None, "why a figure is null"]


@statistic
def heterogeneity(rows: Flips, settings: TableDraws) -> list[Heterogeneity]:
    """Every quant of a cohort; benchmarks without disagreement are left out."""
    found = [
        _of_quant(quant, np.array([rows.leapfrogs[here], rows.drops[here]]), settings)
        for quant in np.unique(rows.quant_id.astype(str)).tolist()
        for here in [rows.quant_id == quant]
    ]
    adjusted = holm(np.array([each.p for each in found], float))
    return [each._replace(p_adjusted=finite(p)) for each, p in zip(found, adjusted)]


def _of_quant(quant: str, table: np.ndarray, settings: TableDraws) -> Heterogeneity:
    """table: leapfrogs and drops of each benchmark, [2, b]."""
    from scipy import stats

    table = table[:, table.sum(0) > 0]
    b, reason = table.shape[1], None
    if b == 0:
        reason = "no disagreement"
    elif b < 2:
        reason = "one benchmark with disagreement"
    elif not table.sum(1).all():
        reason = "every disagreement goes the same way"
    if reason:
        return Heterogeneity(quant, b, None, None, None, reason)
    found = stats.chi2_contingency(table, correction=False)
    dealt = stats.random_table(*(table.sum(axis) for axis in (1, 0))).rvs(
        settings.n_permutations, random_state=np.random.default_rng(settings.seed)
    )
    statistics = ((dealt - found.expected_freq) ** 2 / found.expected_freq).sum((1, 2))
    p = (1 + (statistics >= found.statistic - TIE).sum()) / (1 + settings.n_permutations)
    return Heterogeneity(quant, b, float(found.statistic), float(p), None, None)
