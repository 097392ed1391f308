"""What forecasts the quants' pass/fail on prompts that were not asked?

Every scoring on one half of the prompts, and every measurement without a prompt, beside pass/fail
on the other half, over many splits within benchmarks. A rho above 0 is a right forecast: scores are
taken as they are, losses and distances turned. It is that of halves; twice as many prompts forecast
more. The intervals hold for other families of quants and other prompts.
"""

import math
from typing import Annotated, Any, NamedTuple

from ..draws import SMALLEST
from ..left_out import DECLARED, labels_of
from ..multiplicity import resolves
from ..port import statistic
from ..quants.families import Families
from ..rho_contrasts import Pair
from .forecasters import Measured, Scored, table, zones
from .forecasting import Judged, Splits, judged

NO_CEILING = "two halves of pass/fail do not agree, so that they set no ceiling"


class Forecast(NamedTuple):
    """One row per zone and forecaster."""

    zone_rule: Annotated[str, "the rule that drew the zone"]
    threshold: Annotated[float, "the rule's threshold"]
    forecaster: Annotated[str, "a scoring, loss, or a measurement"]
    n: Annotated[int, "quants of the zone that have it, and pass/fail on every prompt"]
    prompts: Annotated[int, "prompts that are halved"]
    families: Annotated[int | None, "families of the labelling"] = None
    labelling: Annotated[str | None, "the labelling of the widest interval"] = None
    rho: Annotated[
        float | None,
        "Spearman's rho with pass/fail on the other half, mean over splits: above 0 it forecasts"
        " rightly; losses and distances are turned; null with a reason",
    ] = None
    low: Annotated[
        float | None, "95 % interval of rho for other families of quants and other prompts"
    ] = None
    high: Annotated[float | None, "the same"] = None
    single_low: Annotated[float | None, "5 % of single splits have a lower rho"] = None
    single_high: Annotated[float | None, "5 % of single splits have a higher rho"] = None
    own: Annotated[
        float | None, "rho with itself on the other half; null for what needs no prompts"
    ] = None
    own_low: Annotated[float | None, "95 % interval of it"] = None
    own_high: Annotated[float | None, "the same"] = None
    ceiling: Annotated[
        float | None,
        "root of pass/fail's own rho on these prompts: what the quants' true order would reach",
    ] = None
    p: Annotated[float | None, "two-sided p that rho is 0"] = None
    p_adjusted: Annotated[float | None, "the same over the zone's forecasters"] = None
    resolvable: Annotated[float | None, "rho that 80 % power tells from 0"] = None
    verdict: Annotated[str, "code of the seed verdicts"] = "no_figure"
    reason: Annotated[str | None, "why a figure is null"] = None


class ForecastDifference(NamedTuple):
    """One row per zone, forecaster and other forecaster."""

    zone_rule: Annotated[str, "the rule that drew the zone"]
    threshold: Annotated[float, "the rule's threshold"]
    forecaster: Annotated[str, "the one"]
    other: Annotated[str, "the other: pass/fail, or the main KLD"]
    n: Annotated[int, "quants of the zone that have both"]
    prompts: Annotated[int, "prompts that are halved"]
    families: Annotated[int | None, "families of the labelling"] = None
    labelling: Annotated[str | None, "the labelling of the widest interval"] = None
    difference: Annotated[float | None, "rho of the one less rho of the other"] = None
    low: Annotated[
        float | None, "95 % interval of it for other families of quants and other prompts"
    ] = None
    high: Annotated[float | None, "the same"] = None
    p: Annotated[float | None, "two-sided p that it is 0"] = None
    p_adjusted: Annotated[float | None, "the same over the zone's pairs of forecasters"] = None
    resolvable: Annotated[float | None, "difference that 80 % power tells from 0"] = None
    verdict: Annotated[str, "code of the seed verdicts"] = "no_figure"
    reason: Annotated[str | None, "why a figure is null"] = None


@statistic
def forecasts(
    rows: Scored, measured: Measured, families: Families, settings: Splits
) -> list[Forecast]:
    """Each forecaster's rho with pass/fail on the other half of the prompts, and with itself."""
    known = table(rows)
    found = []
    for zone in zones(known, measured) if known else ():
        pairs: list[Pair] = [(k, None) for k in range(len(zone.names))]
        for (k, _), each in judged(zone, pairs, labels_of(families), settings).items():
            about = Forecast(*zone.key, zone.names[k], each.n, each.prompts)
            own, single = each.own_interval or (None, None), each.single or (None, None)
            ceiling = math.sqrt(each.target) if each.target and each.target > 0 else None
            reason = each.reason
            if reason is None and ceiling is None:
                reason = NO_CEILING
            found.append(
                about._replace(
                    **_shared(each),
                    rho=each.figure,
                    single_low=single[0],
                    single_high=single[1],
                    own=each.own,
                    own_low=own[0],
                    own_high=own[1],
                    ceiling=ceiling,
                    verdict=_word(each, families, settings, ("forecasts", "against")),
                    reason=reason,
                )
            )
    return found


@statistic
def forecast_differences(
    rows: Scored, measured: Measured, families: Families, settings: Splits
) -> list[ForecastDifference]:
    """Every forecaster less pass/fail, and every scoring less the main KLD, on what both have."""
    known = table(rows)
    found = []
    for zone in zones(known, measured) if known else ():
        pairs: list[Pair] = [(k, 0) for k in range(1, len(zone.names))]
        pairs += [(k, zone.scorings) for k in range(1, zone.scorings) if len(zone.fixed)]
        for (k, other), each in judged(zone, pairs, labels_of(families), settings).items():
            names = zone.names[k], zone.names[other or 0]
            about = ForecastDifference(*zone.key, *names, each.n, each.prompts)
            word = _word(each, families, settings, ("more", "less"))
            found.append(
                about._replace(
                    **_shared(each), difference=each.figure, verdict=word, reason=each.reason
                )
            )
    return found


def _shared(each: Judged) -> dict[str, Any]:
    """The columns that both tables have under one name."""
    low, high = each.interval or (None, None)
    return {
        "families": each.families,
        "labelling": each.labelling,
        "low": low,
        "high": high,
        "p": each.p,
        "p_adjusted": each.p_adjusted,
        "resolvable": each.resolvable,
    }


def _word(each: Judged, families: Families, settings: Splits, words: tuple[str, str]) -> str:
    """The code; words: for above 0, and for below."""
    if each.figure is None:
        return "too_few" if each.n < SMALLEST else "no_figure"
    if each.n < settings.fewest_quants:
        return "too_few"
    if each.interval is None:
        return "no_interval"
    if resolves(each.p_adjusted):
        if DECLARED not in set(families.labelling.tolist()):
            return "undeclared"
        return words[0] if each.figure > 0 else words[1]
    return "cannot_tell"
