"""Which quants form the silent zone: four rules, and what choosing by the score itself does to rho.

kld_max looks at the measurement alone. The other three look at the score, and a quant that was
lucky on these prompts gets in more easily; then the same luck counts in rho. Cross-fitting chooses
on one half of the prompts and ranks on the other.
"""

from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, sheet
from ..draws import SMALLEST, halves
from ..intervals import ALPHA
from ..port import Numbers, Texts, statistic
from ..ranks import rho_inside
from ..scores.composites import Part, by_benchmark
from ..texts import count

BY_KLD = "kld_max"  # the rule that looks at the measurement alone
RULES = (BY_KLD, "score_tol", "tost", "not_different")


class ZoneQuants(NamedTuple):
    """One row per zone and quant, in the zone or not, as fct_zone_members has it."""

    zone_rule: Annotated[Texts, "the rule that draws the zone; full holds every quant"]
    threshold: Annotated[Numbers, "the rule's threshold"]
    quant_id: Annotated[Texts, "the quant"]
    kld: Annotated[Numbers, "its mean KLD on the primary text, nats"]
    error: Annotated[Numbers, "standard error of its composite less the reference's, a fraction"]


class SplitSettings(NamedTuple):
    """How prompts are halved."""

    n_splits: Annotated[int, "random halves of the prompts"]
    seed: Annotated[int, "of all draws"]


class ZoneCrossfit(NamedTuple):
    """One row per zone."""

    zone_rule: Annotated[str, "the rule that draws the zone"]
    threshold: Annotated[float, "the rule's threshold"]
    splits: Annotated[int, "splits of the prompts with members enough"]
    members: Annotated[float | None, "mean number of members"]
    rho: Annotated[float | None, "mean over splits, ranked on the other half"]
    rho_same_half: Annotated[float | None, "ranked on the half that chose"]
    reason: Annotated[str | None, "why rho is null"]


def members(
    rule: str, threshold: float, measure: np.ndarray, differences: np.ndarray, errors: np.ndarray
) -> np.ndarray:
    """Members [q] bool by one of RULES; SQL's fct_zone_members says the same.

    measure, differences (score less the reference's), errors of those: [q]; NaN is never a member.
    kld_max: measure <= threshold (nats); score_tol: difference >= -threshold; tost: shown at 5 % to
    lie within +-threshold; not_different: the test of no difference at level threshold does not
    refuse. Raises ValueError for another rule.
    """
    from scipy.stats import norm

    measure, differences, errors = (
        np.asarray(values, float) for values in (measure, differences, errors)
    )
    if rule == BY_KLD:
        return measure <= threshold
    if rule == "score_tol":
        return differences >= -threshold
    if rule == "tost":
        return np.abs(differences) + norm.ppf(1 - ALPHA) * errors < threshold
    if rule == "not_different":
        return np.abs(differences) <= norm.isf(threshold / 2) * errors
    raise ValueError(f"zone rule {rule!r} is none of {', '.join(RULES)}")


@statistic
def zone_crossfits(
    zones: ZoneQuants, answers: Answers, settings: SplitSettings
) -> list[ZoneCrossfit]:
    """rho of mean KLD and composite among members chosen on one half, ranked on the other.

    Over the quants that have a mean KLD and answered every prompt. Each benchmark is halved on its
    own; both halves take both parts in every split. rho less rho_same_half is what the luck of
    choosing adds.
    """
    wanted = sorted(set(zip(zones.zone_rule.tolist(), zones.threshold.tolist())))
    kld = dict(zip(zones.quant_id.tolist(), zones.kld.tolist()))
    every = sheet(answers).complete() if len(answers.quant_id) else None
    quants = [q for q in (every.quants if every else []) if np.isfinite(kld.get(q, np.nan))]
    chosen = every.of(quants) if every else None
    parts = by_benchmark(chosen.gains, chosen.prompts, chosen.weights) if chosen else []
    reason, halved = None, None
    if not quants or min(count(part.unit) for part in parts) < 4:
        reason = "each benchmark needs 4 prompts or more that all have answered"
    else:
        halved = _halved(parts, settings.seed, settings.n_splits)
    measure = np.array([kld[quant] for quant in quants])
    return [
        ZoneCrossfit(*zone, 0, None, None, None, reason)
        if halved is None
        else _crossfit(zone, measure, *halved)
        for zone in wanted
        if zone[0] in RULES
    ]


def _crossfit(
    zone: tuple[str, float], measure: np.ndarray, means: np.ndarray, errors: np.ndarray
) -> ZoneCrossfit:
    """The row of a zone; means, errors: of the halves' composites, [2, splits, q]."""
    rhos = []
    for side in (0, 1):
        inside = np.broadcast_to(members(*zone, measure, means[side], errors[side]), means[0].shape)
        inside = inside & (inside.sum(1, keepdims=True) >= SMALLEST)
        ranked = (rho_inside(measure, means[half], inside) for half in (1 - side, side))
        rhos.append(np.stack([*ranked, inside.sum(1)], 1))
    found = np.concatenate(rhos)
    found = found[np.isfinite(found).all(1)]
    if not len(found):
        reason = f"no split has {SMALLEST} members that can be ranked"
        return ZoneCrossfit(*zone, 0, None, None, None, reason)
    fresh, same, chosen = found.mean(0).tolist()
    return ZoneCrossfit(*zone, len(found) // 2, chosen, fresh, same, None)


def _halved(parts: list[Part], seed: int, n_splits: int) -> tuple[np.ndarray, np.ndarray]:
    """Composite gains of both halves of every split, [2, s, q], and their standard errors.

    Halves are of texts; the squares below are of a text's sum less the mean times its items.
    """
    q = parts[0].scores.shape[1]
    means, variances = np.zeros((2, n_splits, q)), np.zeros((2, n_splits, q))
    for k, (share, part, unit) in enumerate(parts):
        sizes = np.bincount(unit)[:, None]
        sums = np.zeros((len(sizes), q))
        np.add.at(sums, unit, part)
        first = halves(len(sizes), n_splits, seed + k)
        for side, chosen in enumerate((first, 1 - first)):
            n = chosen @ sizes
            mean = chosen @ sums / n
            both, squares = chosen @ (sums * sizes) / n, chosen @ sizes**2 / n
            spread = chosen @ sums**2 / n - mean * (2 * both - mean * squares)
            means[side] += share * mean
            variances[side] += share**2 * np.maximum(spread, 0) / n
    return means, np.sqrt(variances)
