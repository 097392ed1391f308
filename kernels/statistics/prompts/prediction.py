"""Does a prompt's KLD foretell an event? AUROC, and the lift of the prompts with most KLD."""

import numpy as np

from ..intervals import ALPHA
from ..resolution import POWER
from ..texts import design_effect
from .failure import Judged, lacking
from .prompt_table import Strata

TOP = 0.1  # share of the prompts that a guard on KLD would look at


def auroc(kld: np.ndarray, event: np.ndarray, strata: Strata, level: float) -> Judged | None:
    """Probability that a prompt with the event has the larger KLD than one of its stratum without.

    kld: [n]; event: [n] bool; level: at which it would be told. DeLong's error over texts, t with
    Brunner and Munzel's (2000) degrees of freedom, on the logit scale. None if a side has fewer
    texts than SMALLEST; no interval where the sides do not overlap.
    """
    from scipy.special import expit, logit, ndtri, stdtr, stdtrit

    if lacking(event, strata):
        return None
    wins, rivals = _placements(kld, event, strata.labels)
    pairs = rivals[event].sum()
    area = float(wins[event].sum() / pairs)
    influence, parts = (wins - area * rivals) / pairs, []
    for side in (event & (rivals > 0), ~event & (rivals > 0)):
        n = strata.texts(side)
        influence[side] *= np.sqrt(n / (n - 1))
        parts.append(((np.bincount(strata.unit[side], influence[side]) ** 2).sum(), n - 1))
    error = np.sqrt((np.bincount(strata.unit, influence) ** 2).sum())
    if error == 0 or not 0 < area < 1:
        return Judged(area, None, None, None, None)
    slope = 1 / (area * (1 - area))  # of the logit
    df = sum(part for part, _ in parts) ** 2 / sum(part**2 / n for part, n in parts)
    value, error = float(logit(area)), error * slope
    reach = stdtrit(df, 1 - ALPHA / 2) * error
    low, high = expit([value - reach, value + reach]).tolist()
    detectable = float(expit((ndtri(POWER) - stdtrit(df, level / 2)) * error))
    p = float(2 * stdtr(df, -abs(value) / error))
    return Judged(area, low, high, p, detectable, value, influence * slope)


def lift(kld: np.ndarray, event: np.ndarray, strata: Strata, level: float) -> Judged | None:
    """How many times as often the event comes among the TOP prompts by KLD as among all.

    That is the share of the events which lie in the top, over TOP: exact binomial test and interval
    (Clopper and Pearson) of that share, with as many events as have its variance when they are
    dealt within the strata, and count as one where texts repeat. Each stratum has its own top;
    prompts of equal KLD share their places. None if there are too few prompts.
    """
    from scipy.special import betainc, betaincc, betaincinv, ndtri

    if lacking(event, strata):
        return None
    top = _top(kld, strata.labels)
    base = strata.mean(event)
    share = float(top[event].mean())
    events = event.sum() ** 2 / (base * (1 - base)).sum()
    unit = np.unique(strata.unit[event], return_inverse=True)[1]
    events /= design_effect(top[event], unit)
    inside = share * events
    outside = events - inside
    above = betainc(inside, outside + 1, TOP) if inside > 0 else 1.0
    below = betaincc(inside + 1, outside, TOP) if outside > 0 else 1.0
    low = betaincinv(inside, outside + 1, ALPHA / 2) if inside > 0 else 0.0
    high = betaincinv(inside + 1, outside, 1 - ALPHA / 2) if outside > 0 else 1.0
    error = np.sqrt(TOP * (1 - TOP) / events)
    detectable = TOP + (ndtri(POWER) - ndtri(level / 2)) * error
    return Judged(
        share / TOP,
        float(low / TOP),
        float(high / TOP),
        float(min(1.0, 2 * above, 2 * below)),
        float(detectable / TOP) if detectable < 1 else None,
    )


def _placements(
    kld: np.ndarray, event: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(rivals that each prompt beats, rivals) [n]: those of the other kind in its stratum.

    A prompt with the event beats rivals of smaller KLD, another one those of larger; equals half.
    """
    order = np.lexsort((kld, labels))
    starts, own, run = _runs(kld[order], labels[order])
    wins, rivals = np.empty(len(kld)), np.empty(len(kld))
    for side in (event, ~event):
        others = (~side)[order].astype(float)
        until = np.r_[0.0, np.cumsum(others)]
        ends = np.r_[run[1:], len(kld)]
        total = np.bincount(labels, ~side)[labels[order]]
        equal = until[ends] - until[run]
        beaten = (until[run] + equal / 2)[own] - until[starts]
        beaten = beaten if side is event else total - beaten
        wins[order[side[order]]] = beaten[side[order]]
        rivals[order[side[order]]] = total[side[order]]
    return wins, rivals


def _top(kld: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much of each prompt lies in the TOP of its stratum by KLD, [n]; equals share."""
    order = np.lexsort((-kld, labels))
    starts, own, _ = _runs(kld[order], labels[order])
    size = TOP * np.bincount(labels)[labels[order]]
    inside = np.clip(size - (np.arange(len(kld)) - starts), 0, 1)
    shared = np.bincount(own, inside) / np.bincount(own)
    found = np.empty(len(kld))
    found[order] = shared[own]
    return found


def _runs(kld: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of sorted prompts: (where each one's stratum starts [n], its run's number [n], runs' starts).

    A run is the prompts of one stratum that have equal KLD.
    """
    n = len(kld)
    new = np.r_[True, labels[1:] != labels[:-1]]
    starts = np.maximum.accumulate(np.where(new, np.arange(n), 0))
    begins = new | np.r_[True, kld[1:] != kld[:-1]]
    return starts, np.cumsum(begins) - 1, np.flatnonzero(begins)
