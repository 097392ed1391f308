"""Which quants have shown a loss of score? Tossed signs, adjusted over all quants of a cohort."""

from statistics import NormalDist
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..intervals import ALPHA
from ..multiplicity import TIE, among, resolves
from ..port import statistic
from ..resolution import POWER
from ..scores import fractions
from ..scores.evidence import are_whole
from ..texts import units
from ..tosses import scales, text_sums, tossed


class LossSettings(NamedTuple):
    """How signs are tossed."""

    n_tosses: Annotated[int, "tosses of all prompts' signs"]
    seed: Annotated[int, "of all draws"]


class Loss(NamedTuple):
    """One row per quant."""

    quant_id: Annotated[str, "name of the model file within the cohort"]
    prompts: Annotated[int, "prompts that it answered"]
    difference: Annotated[float | None, "composite less the reference's, a fraction"]
    z: Annotated[
        float | None,
        "loss over the root of its texts' summed squares; of fractions the normal z of p",
    ]
    p: Annotated[
        float | None,
        "one-sided p of a loss by tossed signs, add-one; of fractions by their t, mended for"
        " skewness",
    ]
    p_adjusted: Annotated[float | None, "the same over the cohort's quants, step-down max-T"]
    resolvable: Annotated[
        float | None,
        "loss that would be shown with 80 % power at this volume, a fraction; null without volume",
    ]
    verdict: Annotated[
        str,
        "loss: shown lower, one-sided, by p_adjusted; cannot_tell; no_disagreement: no text is"
        " gained or lost, so that what could be shown is unknown; not_all: it did not answer every"
        " prompt",
    ]
    reason: Annotated[str | None, "why a figure is null"]


@statistic
def losses(answers: Answers, settings: LossSettings) -> list[Loss]:
    """p of a loss of every quant that answered all prompts: one sign per text for all quants.

    Where nothing is lost, what a text gains is as likely as what it loses.
    """
    return shown(sheet(answers), settings) if len(answers.quant_id) else []


def shown(every: Sheet, settings: LossSettings) -> list[Loss]:
    """The rows of a cohort's sheet."""
    whole = every.complete()
    weighted = whole.gains * whole.shares()
    z, null, p, scale = (_tossed if are_whole(whole.gains) else _measured)(whole, settings)
    adjusted = among(z, null, p)
    # every quant must pass what the largest of all does where nothing is lost
    needed = (np.quantile(null.max(1), 1 - ALPHA) if len(z) else 0.0) + NormalDist().inv_cdf(POWER)
    place = {quant: k for k, quant in enumerate(whole.quants)}
    found = []
    for quant, scores in zip(every.quants, every.scores):
        n = int((scores == scores).sum())
        if quant not in place:
            missing = "it did not answer every prompt"
            found.append(Loss(quant, n, None, None, None, None, None, "not_all", missing))
            continue
        k = place[quant]
        lost, told = float(weighted[k].sum()), float(needed * scale[k]) or None
        figures = float(z[k]), float(p[k]), float(adjusted[k])
        verdict = "cannot_tell" if told else "no_disagreement"
        verdict = "loss" if resolves(adjusted[k]) else verdict
        found.append(Loss(quant, n, lost, *figures, told, verdict, None))
    return found


def _tossed(whole: Sheet, settings: LossSettings) -> tuple[np.ndarray, ...]:
    """(z [q], null [n_tosses, q], p [q], scale [q]) of losses: the sign of each text tossed."""
    weighted = whole.gains * whole.shares()
    groups, texts = whole.prompts
    unit = units(None if texts is None else list(zip(groups, texts)), len(groups))
    z, null = (-part for part in tossed(weighted, unit, settings.n_tosses, settings.seed))
    p = (1 + (null >= z - TIE).sum(0)) / (1 + settings.n_tosses)
    return z, null, p, scales(text_sums(weighted, unit))


def _measured(whole: Sheet, settings: LossSettings) -> tuple[np.ndarray, ...]:
    """The same of fractions, by their t."""
    from scipy.stats import norm

    found = fractions.moments(whole.gains, whole)
    p = fractions.below(found, 0.0)
    null = fractions.draws(found, settings.n_tosses, settings.seed)
    return norm.isf(p), null, p, found.error
