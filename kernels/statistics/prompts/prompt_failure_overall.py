"""Does a prompt's KLD foretell what quants make of it? One figure per cohort, split and kind.

Quants of a cohort are asked the same prompts and fail mostly the same ones, so that so many quants
above 1 are no so many findings. Here texts are drawn and tossed for all quants at once, and, for
ratios, events dealt anew to them: the larger p counts.
"""

from typing import Annotated, NamedTuple

import numpy as np

from ..draws import SMALLEST
from ..intervals import ALPHA, finite, interval
from ..multiplicity import holm
from ..port import statistic
from ..resolution import POWER
from ..tosses import signs, text_sums
from .dealing import dealt_together_p
from .failure import Judged
from .prompt_failure import judged, useless, verdict
from .prompt_splits import KINDS, OWN, SPLITS, Asked, Outcomes, outcomes
from .prompt_table import Strata

SAME_PROMPT = "ratio_same_prompt"
# a median of lifts says little: of few events that say nothing, most quants have none in the top
MEDIANS = tuple(kind for kind in KINDS if not kind.startswith("lift"))


class Tosses(NamedTuple):
    """Where KLD and scores are cut, and the tosses."""

    kld_clip: Annotated[float, "the smallest KLD that has a logarithm, nats"]
    pass_mark: Annotated[float, "the least score that passes a prompt"]
    fewest_quants: Annotated[int, "quants below which nothing is said of them together"]
    n_tosses: Annotated[int, "tosses of all texts"]
    seed: Annotated[int, "of the tosses"]


class Overall(NamedTuple):
    """One row per split and kind of figure."""

    split: Annotated[str, "what is compared, as in stat_prompt_failure"]
    kind: Annotated[
        str,
        "the figure whose median over quants is taken, as in stat_prompt_failure; or"
        " ratio_same_prompt: on one and the same prompt, KLD of the quants where it is failed,"
        " dropped or leapfrogged over that of those where it is not, each quant against its own"
        " mean",
    ]
    quants: Annotated[int, "quants with a figure"]
    prompts: Annotated[int, "prompts that any quant fails, drops or leapfrogs"]
    figure: Annotated[float | None, "the figure; null with a reason"] = None
    low: Annotated[
        float | None, "95 % interval, other prompts drawn and asked of the same quants"
    ] = None
    high: Annotated[float | None, "the same"] = None
    p: Annotated[float | None, "two-sided, that KLD does not differ, for all quants at once"] = None
    p_adjusted: Annotated[float | None, "Holm over the splits of this kind"] = None
    detectable: Annotated[
        float | None, "the least figure that would be told so adjusted, with 80 % power"
    ] = None
    verdict: Annotated[str, "code, as in the seed verdicts"] = ""
    reason: Annotated[str | None, "why a figure is null"] = None


@statistic
def prompt_failure_overall(rows: Asked, settings: Tosses) -> list[Overall]:
    """Whether KLD is higher where quants or the reference fail, over all quants of a cohort."""
    return overall(outcomes(rows, settings.kld_clip, settings.pass_mark), settings)


def overall(cohort: Outcomes, settings: Tosses) -> list[Overall]:
    """The same of outcomes side by side."""
    answers: list[Overall] = []
    for kind in (*MEDIANS, SAME_PROMPT):
        if kind == SAME_PROMPT:
            found = [_same_prompt(cohort, split) for split in OWN]
        else:
            found = [_median(cohort, split, kind, settings) for split in SPLITS]
        adjusted = holm(np.array([row.p for row in found], float)).tolist()
        answers += [_told(row, p, settings) for row, p in zip(found, adjusted)]
    return answers


def _told(row: Overall, p: float, settings: Tosses) -> Overall:
    """The row with its adjusted p and verdict."""
    if row.quants < settings.fewest_quants or row.p is None or row.figure is None:
        return row._replace(verdict="too_few")
    told = verdict(p, row.figure > useless(row.kind))
    if told != "cannot_tell":
        same = "_same" if row.kind == SAME_PROMPT else ""
        told = f"{row.split}{same}_{told}"
    return row._replace(p_adjusted=p, verdict=told)


def _empty(cohort: Outcomes, split: str, kind: str, quants: int) -> Overall:
    """A row without a figure."""
    each = [np.logical_and(*cohort.split(split, quant)) for quant in range(len(cohort.quants))]
    prompts = int(np.any(each, axis=0).sum())
    return Overall(split, kind, quants, prompts)


def _median(cohort: Outcomes, split: str, kind: str, settings: Tosses) -> Overall:
    """The median over quants; texts' influences on all of them are tossed together."""
    found, influence = [], []
    for quant in range(len(cohort.quants)):
        each = judged(cohort, quant, split, kind, ALPHA)
        if each is not None and each.p is not None:
            found.append(each)
            influence.append(np.zeros(cohort.kld.shape[1]))
            influence[-1][cohort.split(split, quant)[0]] = each.influence
    row = _empty(cohort, split, kind, len(found))
    if not found:
        reason = f"no quant has {SMALLEST} prompts on either side that can be compared"
        return row._replace(reason=reason)
    sums = text_sums(np.array(influence), cohort.strata["pooled"].unit)
    row = _drawn(row, found, sums, settings)
    if row.p is not None and kind.startswith("ratio"):
        row = row._replace(p=max(row.p, _dealt_p(cohort, split, cohort.strata[KINDS[kind][1]])))
    return row


def _dealt_p(cohort: Outcomes, split: str, strata: Strata) -> float:
    """p of the sum of the quants' ln ratios, by events that are dealt for all of them together.

    Of the quants that answered every prompt of the split.
    """
    among = np.any([cohort.split(split, k)[0] for k in range(len(cohort.quants))], axis=0)
    whole = np.flatnonzero(np.isfinite(cohort.kld[:, among]).all(1)).tolist()
    strata, logs, events = strata.of(among), [], []
    for quant in whole:
        event = cohort.split(split, quant)[1][among]
        spread = ((event - strata.mean(event)) ** 2).sum()
        if spread > 0:
            logs.append(np.log(cohort.kld[quant][among]) / spread)
            events.append(event)
    return dealt_together_p(np.array(logs), np.array(events), strata) if logs else 0.0


def _drawn(row: Overall, found: list[Judged], sums: np.ndarray, settings: Tosses) -> Overall:
    """The row with its median: texts' influences, sums [q, texts], tossed about figures and 0."""
    from scipy.special import expit, ndtri

    back = {"ratio": np.exp, "auroc": expit, "lift": lambda value: value + 1}[
        row.kind.split("_")[0]
    ]
    values = np.array([each.value for each in found])
    medians, null = [], []
    with np.errstate(over="ignore"):  # of quants with next to no degrees of freedom
        for block in signs(sums.shape[1], settings.n_tosses, settings.seed):
            moved = block @ sums.T
            medians.append(np.median(back(values + moved), axis=1))
            null.append(np.median(moved, axis=1))
        thrown = np.concatenate(null)
        least = (ndtri(POWER) - ndtri(ALPHA / len(SPLITS) / 2)) * thrown.std()
        detectable = finite(back(least))
    low, high = interval(np.concatenate(medians))
    beyond = np.abs(thrown) >= abs(np.median(values)) - 1e-12
    return row._replace(
        figure=float(np.median([each.figure for each in found])),
        low=low,
        high=high,
        p=float((1 + beyond.sum()) / (1 + len(beyond))),
        detectable=detectable,
    )


def _same_prompt(cohort: Outcomes, split: str) -> Overall:
    """ln KLD less its prompt's and its quant's level, on the event less both of its levels.

    Quants that answered every prompt; clusters are texts.
    """
    from scipy.special import ndtri, stdtr, stdtrit

    whole = np.flatnonzero(np.isfinite(cohort.kld).all(1)).tolist()
    row = _empty(cohort, split, SAME_PROMPT, len(whole))
    among = cohort.split(split, whole[0])[0] if whole else np.zeros(0, bool)
    if len(whole) < 2 or not among.any():
        reason = f"quants that answered every prompt: {len(whole)}, with {among.sum()} of the split"
        return row._replace(reason=reason)
    events = np.array([cohort.split(split, quant)[1][among] for quant in whole])
    unit = cohort.strata["pooled"].unit[among]
    divided = len(np.unique(unit[events.any(0) & ~events.all(0)]))
    if divided < SMALLEST:
        return row._replace(
            reason=f"{SMALLEST} prompts needed that divide the quants, {divided} found"
        )
    value, error, df = _two_way(events.astype(float), np.log(cohort.kld[whole][:, among]), unit)
    if error < 1e-12:
        return row._replace(reason="ln KLD does not differ between prompts and quants")
    reach = stdtrit(df, 1 - ALPHA / 2) * error
    least = ndtri(POWER) - stdtrit(df, ALPHA / len(OWN) / 2)
    figure, low, high = np.exp([value, value - reach, value + reach]).tolist()
    return row._replace(
        figure=figure,
        low=low,
        high=high,
        p=float(2 * stdtr(df, -abs(value) / error)),
        detectable=float(np.exp(least * error)),
    )


def _two_way(x: np.ndarray, y: np.ndarray, unit: np.ndarray) -> tuple[float, float, float]:
    """(slope of y on x beside a level for each row and column [q, n], its error, its degrees of
    freedom); unit: [n] the text of each column, whose residuals go together.
    """
    x, y = _less_both_levels(x), _less_both_levels(y)
    weight = np.bincount(unit, (x**2).sum(0))
    spread = weight.sum()
    slope = (x * y).sum() / spread
    rest = np.maximum(1 - weight / spread, 1e-12)
    moved = np.bincount(unit, (x * (y - slope * x)).sum(0)) / np.sqrt(rest) / spread
    df = max(1.0, spread**2 / (weight**2).sum() - 1)
    return float(slope), float(np.sqrt((moved**2).sum())), float(df)


def _less_both_levels(values: np.ndarray) -> np.ndarray:
    """Values [q, n] less the means of their row and of their column."""
    return values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
