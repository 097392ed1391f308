"""Every two models of a cohort, the reference among them: which scores differ, which are the same.

A pair is tested on the prompts that both answered, by tossing the sign of what one gains on the
other. One toss serves all pairs, so that what they share is in their joint null too.
"""

from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..intervals import ALPHA, finite
from ..multiplicity import among, critical_z, resolves
from ..port import statistic
from .evidence import evidence
from .fractions import BOTH, LOSSES
from .prompt_budget import needed, resolvable


class PairDraws(NamedTuple):
    """Settings."""

    n_tosses: Annotated[int, "tosses of all prompts together"]
    seed: Annotated[int, "of all draws"]
    margin: Annotated[float, "difference of score that counts as none, fraction"]


class ScorePair(NamedTuple):
    """One row per pair of models."""

    quant_id: Annotated[str, "the quant"]
    other_quant_id: Annotated[str | None, "the other one, later by name; null: the reference"]
    prompts: Annotated[int, "that both answered"]
    volume: Annotated[
        float | None, "weighted share of prompts that divide them (graded: mean size), fraction"
    ]
    difference: Annotated[
        float | None,
        "composite of other_quant_id less that of quant_id, over the benchmarks that both"
        " answered, fraction",
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
    p_adjusted: Annotated[
        float | None,
        "p by step-down max-T over all pairs of quants, or over all with the reference",
    ]
    p_equivalent: Annotated[
        float | None,
        "that the difference lies within +-margin, by stratified score tests; of fractions by"
        " their t",
    ]
    p_equivalent_adjusted: Annotated[
        float | None, "p_equivalent by step-down max-T over the same pairs"
    ]
    margin: Annotated[float, "difference that counts as none, fraction"]
    resolvable: Annotated[
        float | None,
        "smallest true difference that so many prompts find with 80 % power among all pairs,"
        " fraction; null where so little divides them that none is found",
    ]
    resolvable_alone: Annotated[float | None, "the same for this pair alone"]
    prompts_needed: Annotated[
        int | None,
        "prompts that find a true difference of one margin with 80 % power among all pairs; null"
        " where less than that divides them",
    ]
    prompts_needed_alone: Annotated[int | None, "the same for this pair alone"]
    verdict: Annotated[
        str,
        "other_higher or other_lower: shown to differ, by p_adjusted; within_margin: shown to"
        " differ by less than the margin, by p_equivalent_adjusted; cannot_tell: neither;"
        " no_answers: no prompt that both answered",
    ]
    verdict_alone: Annotated[
        str, "the same by p and p_equivalent: of a pair chosen before its scores were seen"
    ]


@statistic
def score_pairs(answers: Answers, settings: PairDraws) -> list[ScorePair]:
    """Every pair of quants of a cohort, and every quant with the reference."""
    return paired(sheet(answers), settings)


def paired(found: Sheet, settings: PairDraws) -> list[ScorePair]:
    """The same of a sheet."""
    scores = np.vstack([found.scores, found.reference])
    first, second = np.triu_indices(len(scores), 1)
    gains = scores[second] - scores[first]
    has = np.isfinite(gains).any(1)
    with_reference = second[has] == len(scores) - 1
    tested = iter(_test(gains[has], with_reference, found, settings) if has.any() else ())
    names: list[str | None] = [*found.quants, None]
    return [
        ScorePair(str(names[a]), names[b], *(next(tested) if both else _none(settings.margin)))
        for a, b, both in zip(first, second, has)
    ]


def _test(
    gains: np.ndarray, with_reference: np.ndarray, found: Sheet, settings: PairDraws
) -> list[tuple]:
    """ScorePair's fields from prompts on, for gains [k, n]; with_reference: [k] bool."""
    from scipy.stats import norm

    prompts = np.isfinite(gains).sum(1)
    undone = np.where(with_reference, LOSSES, BOTH)  # the quant comes first
    shown = evidence(gains, found, undone)
    z, null = shown.drawn(settings.n_tosses, settings.seed)
    raw = shown.different(z, null)
    null, alone = np.abs(null), float(norm.isf(ALPHA / 2))
    same = shown.equivalent(settings.margin)
    p, critical = np.array([raw, raw, same, same]), np.full(len(z), alone)
    for group in (with_reference, ~with_reference):  # two questions, each judged among its own
        tosses = null[:, group]
        p[1, group] = among(np.abs(z[group]), tosses, raw[group])
        p[3, group] = among(norm.isf(same[group]), tosses, same[group])
        critical[group] = critical_z(tosses, alone) if group.any() else alone
    either = ~with_reference
    budget = (
        needed(shown.part, settings.margin, level, prompts, either) for level in (critical, alone)
    )
    columns = (
        shown.volume,
        shown.difference,
        *shown.interval(),
        *p,
        np.full(len(gains), settings.margin),
        resolvable(shown.part, critical, either),
        resolvable(shown.part, alone, either),
        *budget,
    )
    return [
        (
            int(n),
            *map(finite, row[:-2]),
            *map(_whole, row[-2:]),
            _verdict(*row[[1, 5, 7]]),
            _verdict(*row[[1, 4, 6]]),
        )
        for n, row in zip(prompts, np.stack(columns, 1))
    ]


def _verdict(difference: float, p_different: float, p_equivalent: float) -> str:
    if resolves(p_equivalent):
        return "within_margin"
    if resolves(p_different):
        return "other_higher" if difference > 0 else "other_lower"
    return "cannot_tell"


def _whole(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None


def _none(margin: float) -> tuple:
    """The same where both answered nothing in common."""
    return 0, *[None] * 8, margin, None, None, None, None, "no_answers", "no_answers"
