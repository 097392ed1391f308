"""Which prompts are compared when it is asked whether KLD foretells failure, and by which figures.

What a quant fails mixes what it lost with what the reference could not do either. So besides all
prompts there are three splits: failed against passed by the reference alone, dropped against kept
where the reference passes, leapfrogged against still wrong where it fails.
"""

from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np

from ..port import Numbers, Texts
from .failure import Judged, ratio
from .prediction import auroc, lift
from .prompt_table import Strata, alike, numbered, places

SPLITS = ("all", "reference", "drop", "leapfrog")
OWN = ("all", "drop", "leapfrog")  # of what each quant itself did
Figure = Callable[[np.ndarray, np.ndarray, Strata, float], Judged | None]
KINDS: dict[str, tuple[Figure, str]] = {  # kind -> figure, the strata within which it compares
    "ratio_pooled": (ratio, "pooled"),
    "ratio_within": (ratio, "within"),
    "ratio_matched": (ratio, "matched"),
    "auroc_pooled": (auroc, "pooled"),
    "auroc_within": (auroc, "within"),
    "auroc_matched": (auroc, "matched"),
    "lift_pooled": (lift, "pooled"),
    "lift_within": (lift, "within"),
}


class Asked(NamedTuple):
    """One row per quant and prompt that it answered and whose KLD is known."""

    quant_id: Annotated[Texts, "the quant"]
    prompt_id: Annotated[Texts, "the prompt, with its benchmark"]
    kind_of_task: Annotated[Texts, "benchmark and kind of task"]
    text_id: Annotated[Texts, "equal where a benchmark asks one text more than once"]
    kld: Annotated[Numbers, "mean over the reference's answer, nats"]
    score: Annotated[Numbers, "the quant's, 0 to 1"]
    score_ref: Annotated[Numbers, "the reference's, 0 to 1"]
    prompt_tokens: Annotated[Numbers, "tokens of the prompt"]
    entropy: Annotated[Numbers, "mean entropy of the reference over its answer, nats"]


class Outcomes(NamedTuple):
    """What q quants and their reference did with n prompts."""

    quants: list[str]
    kld: np.ndarray  # [q, n] nats, not below the clip; NaN where a quant did not answer
    clipped: np.ndarray  # [q, n] whether it was below
    passed: np.ndarray  # [q, n]
    passed_ref: np.ndarray  # [n]
    strata: dict[str, Strata]  # pooled, within kinds of task, matched in length and entropy too

    def split(self, name: str, quant: int) -> tuple[np.ndarray, np.ndarray]:
        """(which prompts a split compares, where its event is), [n] bool each."""
        answered, failed = np.isfinite(self.kld[quant]), ~self.passed[quant]
        if name == "reference":
            return answered, ~self.passed_ref
        if name == "drop":
            return answered & self.passed_ref, failed
        if name == "leapfrog":
            return answered & ~self.passed_ref, ~failed
        return answered, failed


def outcomes(rows: Asked, kld_clip: float, pass_mark: float) -> Outcomes:
    """The rows of one cohort side by side: a prompt is passed by a score of pass_mark or more."""
    at = places(rows.quant_id, rows.prompt_id)
    kld, score = at.table(rows.kld), at.table(rows.score)
    known = np.isfinite(kld) & np.isfinite(score)
    kinds = numbered(at.of_prompts(rows.kind_of_task))
    unit = numbered(at.of_prompts(rows.text_id))
    confounders = [at.of_prompts(values) for values in (rows.prompt_tokens, rows.entropy)]
    return Outcomes(
        at.names,
        np.where(known, np.maximum(kld, kld_clip), np.nan),
        known & (kld < kld_clip),
        known & (score >= pass_mark),
        at.of_prompts(rows.score_ref) >= pass_mark,
        {
            "pooled": Strata(np.zeros_like(kinds), unit),
            "within": Strata(kinds, unit),
            "matched": Strata(alike(kinds, confounders), unit),
        },
    )
