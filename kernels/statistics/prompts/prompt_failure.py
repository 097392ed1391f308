"""Does a prompt's KLD foretell what a quant makes of it? A figure per quant, split and kind.

Prompts that are hard have both more failures and more KLD. Pooled figures show mostly that;
within compares prompts of one kind of task, matched those of like length and entropy too. That KLD
is higher where a quant fails is said of prompts as they are, not of what KLD does to an answer.
"""

from typing import Annotated, NamedTuple

import numpy as np

from ..intervals import ALPHA
from ..multiplicity import holm, resolves
from ..port import statistic
from .failure import Judged, lacking
from .prompt_splits import KINDS, OWN, SPLITS, Asked, Outcomes, outcomes


class Marks(NamedTuple):
    """Where KLD and scores are cut."""

    kld_clip: Annotated[float, "the smallest KLD that has a logarithm, nats"]
    pass_mark: Annotated[float, "the least score that passes a prompt"]


class PromptFailure(NamedTuple):
    """One row per quant, split and kind of figure."""

    quant_id: Annotated[str, "the quant"]
    split: Annotated[
        str,
        "what is compared: all (failed against passed), reference (failed against passed by the"
        " reference, whatever the quant did), drop (dropped against kept, where the reference"
        " passes), leapfrog (leapfrogged against still wrong, where it fails)",
    ]
    kind: Annotated[
        str,
        "ratio of geometric-mean KLD, AUROC (0.5 = no use) or lift of the tenth with the largest"
        " KLD; over all prompts (pooled), within kinds of task, or matched in length and the"
        " reference's entropy too",
    ]
    n_event: Annotated[int, "prompts that are failed, dropped or leapfrogged"]
    n_other: Annotated[int, "prompts that they are compared with"]
    clipped: Annotated[int, "of both, prompts whose KLD is below var kld_clip and counts as that"]
    figure: Annotated[float | None, "the figure; null with a reason"] = None
    low: Annotated[float | None, "95 % interval, other prompts drawn"] = None
    high: Annotated[float | None, "the same"] = None
    p: Annotated[float | None, "two-sided, that KLD does not differ"] = None
    p_adjusted: Annotated[
        float | None,
        "Holm over the cohort's quants and splits of this kind; null for the reference's split,"
        " which has the same prompts for every quant",
    ] = None
    detectable: Annotated[
        float | None, "the least figure that would be told so adjusted, with 80 % power"
    ] = None
    verdict: Annotated[str, "code, as in the seed verdicts"] = ""
    reason: Annotated[str | None, "why a figure is null"] = None


@statistic
def prompt_failure(rows: Asked, settings: Marks) -> list[PromptFailure]:
    """Whether KLD is higher where a quant or the reference fails, by quant, split and kind."""
    return failures(outcomes(rows, settings.kld_clip, settings.pass_mark))


def failures(cohort: Outcomes) -> list[PromptFailure]:
    """The same of outcomes side by side."""
    level = ALPHA / max(1, len(cohort.quants) * len(OWN))
    answers = []
    for kind in KINDS:
        found = [
            _row(cohort, quant, split, kind, level)
            for split in SPLITS
            for quant in range(len(cohort.quants))
        ]
        tested = [row.p if row.split in OWN else None for row in found]
        adjusted = holm(np.array(tested, float))
        answers += [_told(row, p) for row, p in zip(found, adjusted.tolist())]
    return answers


def judged(cohort: Outcomes, quant: int, split: str, kind: str, level: float) -> Judged | None:
    """A figure of one quant's prompts of a split. None: too few."""
    among, event = cohort.split(split, quant)
    figure, within = KINDS[kind]
    return figure(cohort.kld[quant][among], event[among], cohort.strata[within].of(among), level)


def _row(cohort: Outcomes, quant: int, split: str, kind: str, level: float) -> PromptFailure:
    """The row, before p is adjusted."""
    among, event = cohort.split(split, quant)
    n_event = int((among & event).sum())
    row = PromptFailure(
        cohort.quants[quant],
        split,
        kind,
        n_event,
        int(among.sum()) - n_event,
        int((cohort.clipped[quant] & among).sum()),
    )
    found = judged(cohort, quant, split, kind, level)
    if found is None:
        lack = lacking(event[among], cohort.strata[KINDS[kind][1]].of(among))
        return row._replace(reason=lack)
    return row._replace(
        figure=found.figure,
        low=found.low,
        high=found.high,
        p=found.p,
        detectable=found.detectable,
        reason=None if found.p is not None else "the two sides do not overlap: no interval",
    )


def _told(row: PromptFailure, p: float) -> PromptFailure:
    """The row with its adjusted p and verdict."""
    if row.p is None or row.figure is None:
        return row._replace(verdict="too_few")
    if row.split not in OWN:
        return row._replace(verdict="one_fact")
    return row._replace(p_adjusted=p, verdict=verdict(p, row.figure > useless(row.kind)))


def useless(kind: str) -> float:
    """The figure of a KLD that foretells nothing."""
    return 0.5 if kind.startswith("auroc") else 1.0


def verdict(p: float, is_higher: bool) -> str:
    """The code of an adjusted p."""
    if not resolves(p):
        return "cannot_tell"
    return "higher" if is_higher else "lower"
