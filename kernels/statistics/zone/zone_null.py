"""Is the zone's rho what one smooth law of the loss, the quants' scatter and other prompts give?

Three sides: the score falls less in the zone than the law lets it (flatter), it falls more
(steeper), it falls more than it would with no loss at all (noise). The null is ours, not the
paper's. Labellings of families are tried one by one; the worst of them counts.
"""

import math
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers
from ..draws import SMALLEST, SMALLEST_VERDICT
from ..intervals import finite, interval
from ..multiplicity import TIE, among, resolves
from ..port import statistic
from ..quants.cells import NO_ANSWERS
from ..quants.families import Families
from .zone_choice import BY_KLD, RULES, ZoneQuants, members
from .zone_law import Law, counts, fit
from .zone_worlds import Cohort, Worlds, cohort, noise, redrawn, worlds, zone_rho

KINDS = {"flatter": ("law", 1), "steeper": ("law", -1), "noise": ("flat", -1)}  # world, side of rho
ALONE = "alone"  # the labelling where there is no other
NO_SHAPE = (None, None, None, None, None, None)
NO_LAW = "there is no law of the loss"
NO_ERROR = "no quant's answers differ from the reference's"


class NullSettings(NamedTuple):
    """How cohorts are drawn."""

    wreck_kld: Annotated[float, "quants of larger mean KLD (nats) do not count in the law"]
    n_tosses: Annotated[int, "cohorts drawn"]
    seed: Annotated[int, "of all draws"]


class ZoneLaw(NamedTuple):
    """One row per labelling: the law and the scatter about it."""

    labelling: Annotated[str, "where families come from; alone: no labelling is known"]
    n: Annotated[int, "quants that answered every prompt, with a mean KLD that counts in the law"]
    families: Annotated[int, "families among them"]
    exponent: Annotated[float | None, "b of the law floor / (1 + (half_kld / KLD)^b), 0.5 to 2"]
    half_kld: Annotated[float | None, "mean KLD (nats) at which half of the floor is lost"]
    floor: Annotated[float | None, "composite lost far from the reference, a fraction, at most 0"]
    scatter_families: Annotated[float | None, "standard deviation that families share, a fraction"]
    scatter_quants: Annotated[float | None, "standard deviation of each quant's own, a fraction"]
    prompt_error: Annotated[float | None, "root mean square error of the composites, by prompts"]
    reason: Annotated[str | None, "why there is no law"]


class ZoneNull(NamedTuple):
    """One row per zone, labelling and side."""

    zone_rule: Annotated[str, "the rule that drew the silent zone"]
    threshold: Annotated[float, "the rule's threshold"]
    labelling: Annotated[str, "where families come from; alone: no labelling is known"]
    kind: Annotated[str, "flatter or steeper than the law, or noise: more than no loss gives"]
    n: Annotated[int, "quants of the zone that answered every prompt"]
    rho: Annotated[float | None, "Spearman's rho of mean KLD and composite in the zone"]
    expected: Annotated[float | None, "median rho in cohorts drawn from the law, or of no loss"]
    expected_low: Annotated[float | None, "95 % of those cohorts have a rho from"]
    expected_high: Annotated[float | None, "to"]
    p: Annotated[float | None, "one-sided p of such a rho, add-one"]
    p_adjusted: Annotated[
        float | None,
        "step-down over the cohort's zones of 8 quants or more: those that the measurement draws"
        " (kld_max) are one family, those that the score draws another",
    ]
    verdict: Annotated[str, "refused, not_refused, too_few, no_law or no_answers"]
    reason: Annotated[str | None, "why a figure is null"]


class ZoneEdge(NamedTuple):
    """One row per labelling and edge of the zone."""

    labelling: Annotated[str, "where families come from; alone: no labelling is known"]
    edge: Annotated[float, "largest mean KLD (nats) of the zone"]
    n: Annotated[int, "quants up to there that answered every prompt"]
    rho: Annotated[float | None, "Spearman's rho of mean KLD and composite, up to there"]
    expected: Annotated[float | None, "median rho in cohorts drawn from the law"]
    expected_low: Annotated[float | None, "95 % of those cohorts have a rho from"]
    expected_high: Annotated[float | None, "to"]


class Seen(NamedTuple):
    """A zone's rho."""

    zone: tuple[str, float]
    n: int
    rho: float  # NaN where there is a reason
    drawn: Worlds | None  # rho in the drawn cohorts, [B] each
    reason: str | None


class Labelled(NamedTuple):
    """A cohort under one labelling."""

    labelling: str
    families: list[str]  # a label per quant
    law: Law | None


@statistic
def zone_laws(
    zones: ZoneQuants, answers: Answers, families: Families, settings: NullSettings
) -> list[ZoneLaw]:
    """The smooth law of the loss in mean KLD under each labelling of families."""
    known = cohort(zones, answers)
    counted = counts(known.kld, settings.wreck_kld)
    found = []
    for labelling, labels, law in _labelled(known, families, settings):
        n, kinds = int(counted.sum()), len({f for f, has in zip(labels, counted) if has})
        if law is None:
            reason = _no_law(known, counted)
            found.append(ZoneLaw(labelling, n, kinds, *NO_SHAPE, reason))
            continue
        error = math.sqrt(float(noise(known.sheet).diagonal()[counted].mean()))
        scatter = math.sqrt(law.family), math.sqrt(law.own)
        shape = law.exponent, law.half, law.floor
        found.append(ZoneLaw(labelling, n, kinds, *shape, *scatter, error, None))
    return found


@statistic
def zone_nulls(
    zones: ZoneQuants, answers: Answers, families: Families, settings: NullSettings
) -> list[ZoneNull]:
    """Every zone's rho beside those of cohorts drawn from the law, and of no loss.

    n_tosses cohorts, their prompts drawn anew, their scatter with families in it, the law refitted
    in each; a rule that looks at the score draws its zone in each.
    """
    pairs = sorted(set(zip(zones.zone_rule.tolist(), zones.threshold.tolist())))
    drawn_by = [pair for pair in pairs if pair[0] in RULES]
    return nulls(cohort(zones, answers), drawn_by, families, settings)


def nulls(
    known: Cohort, zones: list[tuple[str, float]], families: Families, settings: NullSettings
) -> list[ZoneNull]:
    """The rows of a cohort's zones, (rule, threshold) each."""
    found: list[ZoneNull] = []
    for labelling, drawn in _drawn(known, families, settings):
        seen = [_seen(known, zone, drawn) for zone in zones]
        found += _sides(seen, labelling, settings.n_tosses)
    return found


@statistic
def zone_edges(
    zones: ZoneQuants, answers: Answers, families: Families, settings: NullSettings
) -> list[ZoneEdge]:
    """rho up to every quant's mean KLD, beside those of the very cohorts of `zone_nulls`."""
    known = cohort(zones, answers)
    edges = np.unique(known.kld[known.kld <= settings.wreck_kld])
    found = []
    for labelling, drawn in _drawn(known, families, settings):
        for edge in edges.tolist():
            seen = _seen(known, ("kld_max", edge), drawn)
            if seen.drawn is not None:
                spread = _expected(seen.drawn.law)
                found.append(ZoneEdge(labelling, edge, seen.n, finite(seen.rho), *spread))
    return found


def _labelled(known: Cohort, families: Families, settings: NullSettings) -> Iterator[Labelled]:
    """The cohort and its law under each labelling in hand, by name."""
    spread = noise(known.sheet) if known.quants else np.zeros((0, 0))
    counted = counts(known.kld, settings.wreck_kld)
    for labelling in sorted(set(families.labelling.tolist())) or [ALONE]:
        here = families.labelling == labelling
        of = dict(zip(families.quant_id[here].tolist(), families.family_id[here].tolist()))
        labels = [of.get(quant) or f"{ALONE} {quant}" for quant in known.quants]
        law = None
        if _no_law(known, counted) is None:
            law = fit(known.kld, known.gains, spread, labels, settings.wreck_kld)
        yield Labelled(labelling, labels, law)


def _no_law(known: Cohort, counted: np.ndarray) -> str | None:
    """The reason for no law, if there is one; counted: the quants that a law may have, [n] bool."""
    if not known.quants:
        return NO_ANSWERS
    if counted.sum() < SMALLEST_VERDICT:
        return f"{SMALLEST_VERDICT} quants needed, {counted.sum()} found"
    if not known.sheet.gains[counted].any():
        return NO_ERROR
    return None


def _drawn(
    known: Cohort, families: Families, settings: NullSettings
) -> Iterator[tuple[str, Worlds | None]]:
    """Each labelling with its cohorts drawn anew: the same prompts for all of them."""
    prompts = None
    for labelling, labels, law in _labelled(known, families, settings):
        if law is None:
            yield labelling, None
            continue
        if prompts is None:
            prompts = redrawn(known.sheet, 2 * settings.n_tosses, settings.seed)
        yield labelling, worlds(law, known.kld, labels, prompts, settings.seed)


def _seen(known: Cohort, zone: tuple[str, float], drawn: Worlds | None) -> Seen:
    """A zone's rho beside those of the drawn cohorts."""
    inside = members(*zone, known.kld, known.gains, known.errors)
    n = int(inside.sum())
    reason = None
    if drawn is None:
        reason = NO_LAW if known.quants else NO_ANSWERS
    elif n < SMALLEST:
        reason = f"{SMALLEST} quants needed in the zone, {n} found"
    elif np.ptp(known.kld[inside]) == 0 or np.ptp(known.gains[inside]) == 0:
        reason = "one side is the same for every quant of the zone"
    if drawn is None or reason:
        return Seen(zone, n, math.nan, None, reason)
    rho = float(zone_rho(known, *zone, known.gains[None])[0])
    return Seen(zone, n, rho, Worlds(*(zone_rho(known, *zone, made) for made in drawn)), None)


def _sides(seen: list[Seen], labelling: str, n_draws: int) -> Iterator[ZoneNull]:
    """Three rows for each zone under one labelling, each side's p adjusted apart.

    Zones that the measurement draws do not pay for those that the score draws, nor these for them.
    """
    by_score = np.array([each.zone[0] != BY_KLD for each in seen], bool)
    sizes = np.array([each.n for each in seen])
    observed = np.array([each.rho for each in seen])
    for kind, (world, sign) in KINDS.items():
        null = np.full((n_draws, len(seen)), np.nan)
        for k, each in enumerate(seen):
            if each.drawn is not None:
                null[:, k] = getattr(each.drawn, world)
        p, adjusted = np.full((2, len(seen)), np.nan)
        for own in (~by_score, by_score):
            p[own], adjusted[own] = _tails(
                sign * observed[own], sign * null[:, own], sizes[own] >= SMALLEST_VERDICT
            )
        for k, each in enumerate(seen):
            spread = _expected(null[:, k])
            figures = finite(each.rho), *spread, finite(p[k]), finite(adjusted[k])
            verdict = _verdict(each, adjusted[k])
            yield ZoneNull(*each.zone, labelling, kind, each.n, *figures, verdict, each.reason)


def _verdict(seen: Seen, adjusted: float) -> str:
    """What is said of one side of a zone."""
    if seen.reason in (NO_ANSWERS, NO_LAW):
        return "no_answers" if seen.reason == NO_ANSWERS else "no_law"
    if seen.n < SMALLEST_VERDICT:
        return "too_few"
    return "refused" if resolves(adjusted) else "not_refused"


def _tails(
    observed: np.ndarray, null: np.ndarray, judged: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """p of each zone's figure [z] in drawn ones [B, z], larger = more extreme, and p adjusted.

    Zones are made comparable by their draws' mean and standard deviation. A drawn cohort without a
    figure counts as extreme for that zone, not for another, and no p_adjusted is below its own p.
    judged: the zones among which p is adjusted, [z] bool.
    """
    known = np.isfinite(observed)
    if not known.any():
        return observed, observed
    with np.errstate(invalid="ignore"):
        centre, spread = (of(null[:, known], axis=0) for of in (np.nanmean, np.nanstd))
    spread = np.where(spread > 0, spread, 1.0)
    score = (observed[known] - centre) / spread
    drawn = (null[:, known] - centre) / spread
    p, adjusted = np.full((2, len(observed)), np.nan)
    p[known] = (1 + ((drawn >= score - TIE) | np.isnan(drawn)).sum(0)) / (1 + len(drawn))
    own = np.where(judged[known], p[known], np.nan)
    adjusted[known] = among(np.where(judged[known], score, np.nan), drawn, own)
    return p, adjusted


def _expected(rho: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Median of drawn rho [B], and what 95 % of them lie between."""
    has = rho[np.isfinite(rho)]
    return (finite(float(np.median(has))), *interval(rho)) if len(has) else (None, None, None)
