"""Which way does a zone lean? Its quants' disagreements with the reference in one figure.

f = leapfrogs / disagreements over all quants of the zone and all prompts alike (graded scores: what
is gained over what is gained and lost). Quants share prompts, so that texts are what is drawn: all
that is said holds for these quants on other prompts.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..intervals import ALPHA, finite
from ..multiplicity import among, resolves
from ..port import Numbers, Texts, Truths, statistic
from ..resolution import POWER
from ..scores import fractions
from ..scores.evidence import are_whole
from ..texts import units
from ..tosses import counted_p, text_sums, tossed

QUANTS = 8  # below, nothing is said of a figure over quants
KINDS = ("improvement_share", "change_per_doubling")
# which figures whole losses that no text shows would undo
UNDONE = dict(zip(KINDS, (fractions.GAINS, fractions.BOTH)))
OPEN = dict(zip(KINDS, ("cannot_tell", "change_cannot_tell")))
NEITHER = dict(zip(KINDS, (0.5, 0.0)))  # the figure that is no direction, or no change
SHOWN = dict(zip(KINDS, (("loses", "gains"), ("falls", "rises"))))


class Members(NamedTuple):
    """One row per zone and quant in it."""

    zone_rule: Annotated[Texts, "how the zone is drawn"]
    threshold: Annotated[Numbers, "where"]
    by_score: Annotated[Truths, "whether its members are chosen by the answers themselves"]
    quant_id: Annotated[Texts, "the quant"]
    kld: Annotated[Numbers, "its mean KLD on the first text, nats"]


class Tosses(NamedTuple):
    """Settings."""

    n_tosses: Annotated[int, "tosses of all prompts together"]
    seed: Annotated[int, "of all draws"]


class ZoneDirection(NamedTuple):
    """One row per zone and kind of figure."""

    zone_rule: Annotated[str, "how the zone is drawn"]
    threshold: Annotated[float, "where"]
    kind: Annotated[
        str,
        "improvement_share: f, leapfrogs / disagreements of all its quants; change_per_doubling:"
        " what f gains when the KLD doubles",
    ]
    n: Annotated[int, "quants in the zone with a composite"]
    texts: Annotated[int, "texts on which one of them and the reference disagree"]
    disagreements: Annotated[float, "of all quants and prompts; graded ones by their size"]
    figure: Annotated[float | None, "the figure; null with a reason"]
    low: Annotated[
        float | None,
        "95 % interval, texts drawn anew, these quants: Wilson's at effective coins, or of a change"
        " the linearised one; of fractions that by their t, mended for skewness",
    ]
    high: Annotated[float | None, "its other end"]
    p: Annotated[
        float | None,
        "of no direction (f = 0.5), or of no change with KLD; the sign of what each text adds a"
        " coin toss, of fractions by their t, two-sided, and at least the chance of losses that no"
        " text shows",
    ]
    p_adjusted: Annotated[float | None, "p by step-down max-T over the cohort's zones of one kind"]
    detectable: Annotated[
        float | None, "smallest |figure - 0.5|, or |change|, that so many texts find, 80 % power"
    ]
    verdict: Annotated[
        str,
        "loses, gains: more drops, or more leapfrogs, than the other; falls, rises: f does so with"
        " KLD (by p_adjusted and the interval both); cannot_tell, change_cannot_tell: not shown;"
        " too_few: 8 quants needed; chosen_by_score: the zone's quants are chosen by these answers;"
        " none: no disagreement, or KLDs that do not differ",
    ]


class _Figure(NamedTuple):
    figure: float | None
    low: float | None
    high: float | None
    detectable: float | None
    adds: np.ndarray  # [n] what each prompt adds to the tested sum
    most: float  # what whole losses on a prompt would take off its size


@statistic
def zone_directions(members: Members, answers: Answers, settings: Tosses) -> list[ZoneDirection]:
    """Every zone of a cohort: its f, and whether f changes with KLD."""
    found = sheet(answers)
    unit = units(found.prompts.texts, len(found.reference))
    zones = sorted(set(zip(members.zone_rule.tolist(), members.threshold.tolist())))
    rows: list[tuple[ZoneDirection, _Figure]] = []
    for rule, threshold in zones:
        here = (members.zone_rule == rule) & (members.threshold == threshold)
        zone = Members(*(column[here] for column in members))
        rows += _zone(zone, found.of(zone.quant_id.tolist()), unit)
    judged = _tossed if are_whole(found.gains) else _measured
    return [
        row
        for kind in KINDS
        for here in [[each for each in rows if each[0].kind == kind]]
        if here
        for row in _adjusted(here, *judged(here, unit, settings))
    ]


def _zone(zone: Members, found: Sheet, unit: np.ndarray) -> list[tuple[ZoneDirection, _Figure]]:
    """Both kinds of a zone, without p, with what is tested."""
    gains = np.nan_to_num(found.gains)
    leapt, size = np.maximum(gains, 0.0), np.abs(gains)
    by_text = np.bincount(unit, size.sum(0))
    n, texts = len(zone.quant_id), int((by_text > 0).sum())
    total = float(size.sum())
    are_coins, doublings = are_whole(gains), np.log2(np.where(zone.kld > 0, zone.kld, np.nan))
    share = _improvement_share(leapt.sum(0), size.sum(0), unit, are_coins)._replace(most=float(n))
    change = _change(leapt, size, doublings, unit, are_coins)
    rows = []
    for kind, found_figure in zip(KINDS, (share, change)):
        verdict = OPEN[kind]
        if found_figure.figure is None:
            verdict = "none"
        elif zone.by_score[0]:
            verdict = "chosen_by_score"
        elif kind == KINDS[1] and n < QUANTS:
            verdict = "too_few"
        where = (str(zone.zone_rule[0]), float(zone.threshold[0]), kind, n, texts, total)
        rows.append(
            (
                ZoneDirection(
                    *where, *found_figure[:3], None, None, found_figure.detectable, verdict
                ),
                found_figure,
            )
        )
    return rows


def _improvement_share(
    leapt: np.ndarray, size: np.ndarray, unit: np.ndarray, are_coins: bool
) -> _Figure:
    """f of sums over quants [n]; are_coins: every gain is -1, 0 or 1."""
    adds = 2 * leapt - size
    total = size.sum()
    if total <= 0:
        return _Figure(None, None, None, None, adds, 0.0)
    share = float(leapt.sum() / total)
    won, all_of = np.bincount(unit, leapt), np.bincount(unit, size)
    residuals = ((won - share * all_of) ** 2).sum()
    if are_coins or residuals <= 1e-12 * (all_of**2).sum():
        return _Figure(share, *_of_coins(share, all_of, residuals), adds, 0.0)
    return _Figure(share, *_of_sizes(share, won, all_of), adds, 0.0)


def _of_coins(
    share: float, all_of: np.ndarray, residuals: float
) -> tuple[float, float, float | None]:
    """Ends and what is detectable: Wilson's interval at the number of coins that say as much."""
    from scipy.stats import norm, t

    total, texts = all_of.sum(), int((all_of > 0).sum())
    variance = share * (1 - share)
    if residuals > 0 and variance > 0:
        coins = min(variance * total**2 / residuals * (texts - 1) / texts, total)
    else:  # as many as texts, if all weigh alike
        coins = total**2 / (all_of**2).sum() * ((texts - 1) / texts if texts > 1 else 1.0)
    z = float(t.ppf(1 - ALPHA / 2, max(texts - 1, 1)))
    centre = (share + z**2 / (2 * coins)) / (1 + z**2 / coins)
    half = z / (1 + z**2 / coins) * math.sqrt(variance / coins + z**2 / (4 * coins**2))
    least = (z + float(norm.ppf(POWER))) / (2 * math.sqrt(coins))
    return max(centre - half, 0.0), min(centre + half, 1.0), least if least < 0.5 else None


def _of_sizes(
    share: float, won: np.ndarray, all_of: np.ndarray
) -> tuple[float, float, float | None]:
    """The same of fractions: the error of a ratio of sums over texts, linearised."""
    low, high, _ = fractions.linearised((won - share * all_of) / all_of.sum(), share)
    *_, least = fractions.linearised((won - all_of / 2) / all_of.sum(), 0.5)
    return max(low, 0.0), min(high, 1.0), least if least < 0.5 else None


def _change(
    leapt: np.ndarray, size: np.ndarray, x: np.ndarray, unit: np.ndarray, are_coins: bool
) -> _Figure:
    """Slope of f on x [q] = log2 KLD, quants weighted by their disagreements [q, n]."""
    from scipy.stats import norm, t

    nothing = _Figure(None, None, None, None, np.zeros(len(unit)), 0.0)
    weight = np.where(np.isfinite(x), size.sum(1), 0.0)
    if weight.sum() <= 0:
        return nothing
    x = np.where(np.isfinite(x), x, 0.0)
    apart = np.where(weight > 0, x - (weight @ x) / weight.sum(), 0.0)
    spread = float(weight @ apart**2)
    if spread <= 1e-9 * weight.sum():
        return nothing
    share = leapt[weight > 0].sum() / weight.sum()
    adds = apart @ (leapt - share * size)
    slope = float(adds.sum() / spread)
    # far quants that lose undo a rise, near ones a fall
    most = float(share * np.maximum(apart if slope > 0 else -apart, 0.0).sum())
    by_text = np.bincount(unit, apart @ (leapt - (share + slope * apart)[:, None] * size))
    texts = int((np.bincount(unit, size.sum(0)) > 0).sum())
    if texts < 3:
        return _Figure(slope, None, None, None, adds, most)
    if not are_coins:
        hidden = -math.log(ALPHA) * most * len(unit) / len(by_text) / spread
        return _Figure(slope, *fractions.linearised(by_text / spread, slope, hidden), adds, most)
    error = math.sqrt(texts / (texts - 2) * (by_text**2).sum()) / spread
    times = float(t.ppf(1 - ALPHA / 2, texts - 2))
    half, least = times * error, (times + float(norm.ppf(POWER))) * error
    return _Figure(slope, slope - half, slope + half, least, adds, most)


def _tossed(
    rows: list[tuple[ZoneDirection, _Figure]], unit: np.ndarray, settings: Tosses
) -> tuple[np.ndarray, ...]:
    """(z [k], null [n_tosses, k], p [k]) of the tested sums of one kind by tossed signs."""
    adds = np.array([figure.adds for _, figure in rows])
    z, null = tossed(adds, unit, settings.n_tosses, settings.seed)
    return z, null, counted_p(z, null)


def _measured(
    rows: list[tuple[ZoneDirection, _Figure]], unit: np.ndarray, settings: Tosses
) -> tuple[np.ndarray, ...]:
    """The same of fractions, by their t and what unseen losses could make of them."""
    from scipy.stats import norm

    most = np.array([figure.most or 1.0 for _, figure in rows])
    # 1 in all where every prompt is lost
    adds = np.array([figure.adds for _, figure in rows]) / (most * len(unit))[:, None]
    each = text_sums(adds, unit) - adds.mean(1, keepdims=True) * np.bincount(unit)
    found = fractions.of_sums(each, adds.sum(1), np.abs(adds).sum(1))
    p = fractions.told(found, UNDONE[rows[0][0].kind])
    null = fractions.draws(found, settings.n_tosses, settings.seed)
    return np.sign(found.difference) * norm.isf(p / 2), null, p


def _adjusted(
    rows: list[tuple[ZoneDirection, _Figure]], z: np.ndarray, null: np.ndarray, p: np.ndarray
) -> list[ZoneDirection]:
    """The same rows with their p, where a verdict is open."""
    is_open = np.array([row.verdict == OPEN[row.kind] for row, _ in rows])
    raw = np.where(is_open, p, np.nan)
    adjusted = among(np.where(is_open, np.abs(z), np.nan), np.abs(null), raw)
    said = []
    for (row, _), one, q, lean in zip(rows, raw, adjusted, z):
        is_shown = resolves(q) and _excludes(row, NEITHER[row.kind])
        verdict = SHOWN[row.kind][int(lean > 0)] if is_shown else row.verdict
        said.append(row._replace(p=finite(one), p_adjusted=finite(q), verdict=verdict))
    return said


def _excludes(row: ZoneDirection, neither: float) -> bool:
    """Whether the interval lies on one side; an unknown one does not."""
    return row.low is not None and row.high is not None and not row.low <= neither <= row.high
