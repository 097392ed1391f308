"""Which quants are shown to lose less than the margin against the reference, all judged together.

Not shown is not "loses more": so few prompts may be unable to tell.
"""

from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..intervals import ALPHA
from ..multiplicity import among, critical_z
from ..port import statistic
from ..texts import units
from ..tosses import tossed
from .composite_differences import weighted
from .prompt_budget import needed_for_none
from .score_pairs import PairDraws
from .stratified import lowest, not_inferior, prompt, tables


class Candidate(NamedTuple):
    """One row per quant."""

    quant_id: Annotated[str, "the quant"]
    difference: Annotated[float, "composite less the reference's, fraction"]
    margin: Annotated[float, "loss of score that counts as none, fraction"]
    p_not_inferior: Annotated[
        float, "that it loses less than the margin, by the stratified score test"
    ]
    p_not_inferior_adjusted: Annotated[
        float, "the same by step-down max-T over all quants that are looked at, prompts shared"
    ]
    loss_bound: Annotated[
        float, "it is shown to lose less than this, all quants judged together, fraction"
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
    gains, unit = found.gains, units(found.prompts.texts, len(found.reference))
    own, counts = weighted(gains, found), tables(gains, found)
    _, null = tossed(own, unit, settings.n_tosses, settings.seed)
    p = not_inferior(counts, settings.margin)
    critical = critical_z(null, float(norm.isf(ALPHA)))
    prompts = np.isfinite(gains).sum(1)
    more = needed_for_none(counts, settings.margin, critical, prompts)
    beside = among(norm.isf(p), null, p)
    bound = np.minimum(prompt(counts) / 2 - lowest(counts, critical), 1.0)
    rows = zip(found.quants, own.sum(1), p, beside, bound, prompts, more)
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
            "not_inferior" if adjusted < ALPHA else "cannot_tell",
        )
        for quant, difference, raw, adjusted, loss, answered, wanted in rows
    ]
