"""How do volume, spread and net loss of the scores grow with KLD?

If quantizing changes a prompt's log-odds a little, with a variance in proportion to KLD, the volume
grows as the root of KLD by any score. So does the spread of the changes; that of right and wrong,
where a change is a whole point, grows as the fourth root. Of the net loss nothing is argued.
"""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..draws import SMALLEST
from ..intervals import finite
from ..left_out import DECLARED, families, few_families, labels_of, own_families
from ..multiplicity import TIE, holm, resolves
from ..port import Numbers, Texts, statistic
from ..quants.families import Families
from ..quants.rho import too_few
from ..scores.forecasters import TARGET, Scored
from .power_laws import Law
from .powers import QUANTITIES, SPREAD, VOLUME, Labels, laws

ARGUED = {VOLUME: 0.5, SPREAD: 0.5}  # exponents of small changes of log-odds
ARGUED_OF_TARGET = {VOLUME: 0.5, SPREAD: 0.25}  # of right and wrong
ALONE = "alone"  # the labelling where there is no other
SAME_KLD = "all quants have one KLD"
UNVARIED = "the figure is 0 for every quant"
UNBOUND = "no exponent between 0 and 4 fits best"
OPEN = "an end of the interval is not between 0 and 4"


class Scale(NamedTuple):
    """What counts, and what is drawn."""

    wreck_kld: Annotated[float, "quants of larger mean KLD (nats) do not count"]
    fewest_quants: Annotated[int, "of fewer nothing is said"]
    seed: Annotated[int, "of all draws"]


class ZoneKlds(NamedTuple):
    """One row per zone and quant in it."""

    zone_rule: Annotated[Texts, "the rule that draws the zone"]
    threshold: Annotated[Numbers, "the rule's threshold"]
    quant_id: Annotated[Texts, "the quant"]
    kld: Annotated[Numbers, "its mean KLD on the primary text, nats"]


class Scaling(NamedTuple):
    """One row per zone, scoring and quantity."""

    zone_rule: Annotated[str, "the rule that drew the zone"]
    threshold: Annotated[float, "the rule's threshold"]
    scoring: Annotated[str, "what a score is"]
    quantity: Annotated[str, "volume, spread (standard deviation of a prompt's change) or net_loss"]
    n: Annotated[int, "quants with this score on every prompt and a mean KLD that counts"]
    families: Annotated[int | None, "families of the labelling"] = None
    labelling: Annotated[str | None, "the labelling of the widest interval"] = None
    middle_kld: Annotated[float | None, "geometric mean of their mean KLD, nats"] = None
    level: Annotated[float | None, "the fitted figure at the middle KLD, a fraction"] = None
    exponent: Annotated[float | None, "the figure grows as KLD to this power"] = None
    low: Annotated[
        float | None,
        "95 % interval for other families of quants and other prompts; of a net loss null where it"
        " has no end between 0 and 4",
    ] = None
    high: Annotated[float | None, "the same"] = None
    argued: Annotated[float | None, "the exponent that small changes of log-odds give"] = None
    p: Annotated[float | None, "two-sided p that the exponent is the argued one"] = None
    p_adjusted: Annotated[float | None, "the same over the zone's argued exponents, Holm"] = None
    verdict: Annotated[str, "code of the seed verdicts"] = "no_fit"
    reason: Annotated[str | None, "why a figure is null"] = None


@statistic
def scaling(rows: Scored, klds: ZoneKlds, families_of: Families, settings: Scale) -> list[Scaling]:
    """Exponents of every zone, scoring and quantity."""
    sheets, labels = dict(_sheets(rows)), labels_of(families_of)
    found: list[Scaling] = []
    for key in sorted(set(zip(klds.zone_rule.tolist(), klds.threshold.tolist()))):
        here = (klds.zone_rule == key[0]) & (klds.threshold == key[1])
        here &= (klds.kld > 0) & (klds.kld <= settings.wreck_kld)
        kld = dict(zip(klds.quant_id[here].tolist(), klds.kld[here].tolist()))
        zone: list[Scaling] = []
        for scoring, known in sheets.items():
            quants = [quant for quant in known.quants if quant in kld]
            own = own_families(labels, quants) or {ALONE: quants}
            at = known.of(quants), np.array([kld[quant] for quant in quants])
            for quantity, found_laws in _exponents(*at, own, settings.seed).items():
                row = Scaling(*key, scoring, quantity, len(quants))
                if isinstance(found_laws, str):
                    zone.append(row._replace(reason=found_laws))
                else:
                    zone.append(_filled(row, found_laws, own, float(np.exp(np.log(at[1]).mean()))))
        found += _said(zone, DECLARED in labels, settings.fewest_quants)
    return found


def _sheets(rows: Scored) -> Iterator[tuple[str, Sheet]]:
    """Each scoring with the quants that have it on every prompt; benchmarks of one text are out."""
    for scoring in sorted(set(rows.scoring.tolist())):
        here = rows.scoring == scoring
        known = sheet(Answers(*(column[here] for column in rows[1:]))).complete()
        labels, texts = (np.array(each, object) for each in known.prompts)
        several = [kind for kind in set(labels) if len(set(texts[labels == kind])) > 1]
        kept = np.isin(labels.astype(str), several)
        if kept.any():
            yield scoring, known.asking(kept)


def _exponents(
    known: Sheet, kld: np.ndarray, labels: Labels, seed: int
) -> dict[str, dict[str, Law] | str]:
    """Laws of each quantity by labelling, or why there are none."""
    if len(kld) < SMALLEST:
        return dict.fromkeys(QUANTITIES, too_few(len(kld)))
    if np.ptp(kld) == 0:
        return dict.fromkeys(QUANTITIES, SAME_KLD)
    if not known.gains.any():
        return dict.fromkeys(QUANTITIES, UNVARIED)
    return {**laws(known, kld, labels, seed)}


def _filled(row: Scaling, by_label: dict[str, Law], families_of: Labels, middle: float) -> Scaling:
    """The row with the law of the widest interval, and the largest p."""
    widths = {name: _width(law) for name, law in by_label.items()}
    name = max(sorted(widths), key=lambda name: widths[name])
    law, count = by_label[name], len(set(families_of[name]))
    reason = None
    if not np.isfinite(law.exponent):
        reason = UNBOUND
    elif families(families_of[name]) is None:
        reason = few_families(name, count)
    elif not np.isfinite(widths[name]):
        reason = OPEN
    argued = (ARGUED_OF_TARGET if row.scoring == TARGET else ARGUED).get(row.quantity)
    p = None
    if argued is not None and reason is None:
        p = max(_p(law, argued) for law in by_label.values())
    return row._replace(
        families=count,
        labelling=name,
        middle_kld=middle,
        level=finite(law.level),
        exponent=finite(law.exponent),
        low=finite(law.low),
        high=finite(law.high),
        argued=argued,
        p=p,
        reason=reason,
    )


def _p(law: Law, argued: float) -> float:
    """Two-sided p that the law's exponent is the argued one."""
    from scipy.stats import t

    gap = abs(law.exponent - argued)
    return 1.0 if gap < TIE else float(2 * t.sf(gap / law.error, law.df))


def _width(law: Law) -> float:
    """Of its interval; one without an end is the widest."""
    width = law.high - law.low
    return float(width) if np.isfinite(width) else np.inf


def _said(zone: list[Scaling], is_declared: bool, fewest: int) -> list[Scaling]:
    """The rows of a zone with their words; p adjusted over its argued exponents."""
    p = np.array([np.nan if row.p is None else row.p for row in zone])
    found = []
    for row, adjusted in zip(zone, holm(p).tolist()):
        if row.n < fewest:
            word = "too_few"
        elif row.exponent is None or row.middle_kld is None:
            word = "no_fit"
        elif row.low is None or row.high is None:
            word = "open"
        elif row.argued is None:
            word = "measured"
        elif not resolves(adjusted):
            word = "not_refused"
        else:
            word = "refused" if is_declared else "undeclared"
        found.append(row._replace(p_adjusted=finite(adjusted), verdict=word))
    return found
