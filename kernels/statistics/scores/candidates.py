"""Which quants are shown to lose less than the margin against the reference, all judged together.

Not shown is not "loses more": so few prompts may be unable to tell.
"""

from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..intervals import ALPHA
from ..multiplicity import among, critical_z, passed_at, resolves
from ..port import statistic
from .evidence import Evidence, evidence
from .prompt_budget import needed_for_none
from .score_pairs import PairDraws


class Candidate(NamedTuple):
    """One row per quant."""

    quant_id: Annotated[str, "the quant"]
    difference: Annotated[float, "composite less the reference's, fraction"]
    margin: Annotated[float, "loss of score that counts as none, fraction"]
    p_not_inferior: Annotated[
        float,
        "that it loses less than the margin, by the stratified score test; of fractions by their t",
    ]
    p_not_inferior_adjusted: Annotated[
        float, "the same by step-down max-T over all quants that are looked at, prompts shared"
    ]
    loss_bound: Annotated[
        float, "the smallest margin at which the verdict would be not_inferior, fraction; at most 1"
    ]
    prompts: Annotated[int, "that it and the reference answered"]
    prompts_needed: Annotated[
        int,
        "prompts that show with 80 % power that it loses less than the margin, if it loses"
        " nothing, among as many quants",
    ]
    verdict: Annotated[
        str,
        "not_inferior: shown to lose less than the margin, by p_not_inferior_adjusted;"
        " cannot_tell: not shown",
    ]


@statistic
def candidates(answers: Answers, settings: PairDraws) -> list[Candidate]:
    """The quants given, each against the reference and beside the others."""
    return judged(sheet(answers), settings)


def judged(found: Sheet, settings: PairDraws) -> list[Candidate]:
    """The same of a sheet."""
    from scipy.stats import norm

    if not found.quants:
        return []
    gains = found.gains
    shown = evidence(gains, found)
    _, null = shown.drawn(settings.n_tosses, settings.seed)
    p = shown.not_inferior(settings.margin)
    critical = critical_z(null, float(norm.isf(ALPHA)))
    prompts = np.isfinite(gains).sum(1)
    more = needed_for_none(shown.part, settings.margin, critical, prompts)
    beside = among(norm.isf(p), null, p)
    bound = np.minimum(loss_bounds(shown, null), 1.0)
    rows = zip(found.quants, shown.difference, p, beside, bound, prompts, more)
    return [
        Candidate(
            quant,
            float(difference),
            settings.margin,
            float(raw),
            float(adjusted),
            float(loss),
            int(answered),
            int(wanted),
            "not_inferior" if resolves(adjusted) else "cannot_tell",
        )
        for quant, difference, raw, adjusted, loss, answered, wanted in rows
    ]


def loss_bounds(shown: Evidence, null: np.ndarray) -> np.ndarray:
    """The smallest margin [m] at which step-down tests show each loss to be less.

    null: [B, m] tossed z. As the margin grows, quants pass one after another, and each leaves the
    others fewer to be judged with.
    """
    from scipy.stats import norm

    bounds = np.full(null.shape[1], np.nan)
    left, reached, critical = np.arange(len(bounds)), -np.inf, np.nan
    at = bounds
    while len(left):
        higher = max(passed_at(null[:, left]), float(norm.isf(ALPHA)))
        if higher != critical:
            critical = higher
            at = np.full(len(bounds), np.inf)
            if np.isfinite(critical):
                at[left] = shown.rows(left).least_margin(critical)
        reached = max(reached, at[left].min())
        passes = at[left] <= reached
        bounds[left[passes]] = reached
        left = left[~passes]
    return bounds
