"""Can these prompts rank these quants at all? Reliability of their scores, and a test of it.

Scores are fractions of 1, errors are standard errors of score less reference's score on the same
prompts. Reliability, ranking test and fall per doubling are ours, not the paper's.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..draws import SMALLEST, SMALLEST_VERDICT, halves
from ..intervals import ALPHA, finite
from ..multiplicity import resolves, step_down
from ..port import Numbers, Texts, Truths, statistic
from ..quants.rho import too_few
from ..resolution import POWER
from ..scores.composites import by_benchmark, composite_scores, score_replicates
from ..texts import count

DRAWS = 2_000  # of which a resolvable difference is read off
NO_ANSWERS = "no quant of the zone has answered every prompt"
NO_MODEL = "no interval: reliability_halves has one, which knows what relatives share"
UNRELATED = "no interval: one of such slopes takes quants for unrelated; stat_trends has one"


class ZoneScores(NamedTuple):
    """One row per zone and quant, in the zone or not, as fct_zone_members has it."""

    zone_rule: Annotated[Texts, "the rule that draws the zone"]
    threshold: Annotated[Numbers, "the rule's threshold"]
    quant_id: Annotated[Texts, "the quant"]
    kld: Annotated[Numbers, "its mean KLD on the primary text, nats"]
    composite: Annotated[Numbers, "its composite, a fraction; missing without one"]
    error: Annotated[Numbers, "standard error of its composite less the reference's, a fraction"]
    is_member: Annotated[Truths, "whether it lies in the zone"]


class RankingSettings(NamedTuple):
    """How quants and prompts are drawn."""

    n_resamples: Annotated[int, "prompts drawn anew"]
    n_splits: Annotated[int, "random halves of the prompts"]
    seed: Annotated[int, "of all draws"]


class ZoneFigure(NamedTuple):
    """One row per zone and kind of figure."""

    zone_rule: Annotated[str, "the rule that drew the silent zone"]
    threshold: Annotated[float, "the rule's threshold"]
    kind: Annotated[str, "reliability, reliability_halves, noise_ceiling or fall_per_doubling"]
    n: Annotated[int, "quants of the zone that have what it takes"]
    figure: Annotated[float | None, "the figure; null with a reason"]
    low: Annotated[
        float | None,
        "95 % interval of reliability_halves and noise_ceiling for these quants, relatives or not,"
        " on other prompts",
    ]
    high: Annotated[float | None, "the same"]
    p: Annotated[
        float | None, "of reliability_halves: quants without a difference lie so far apart"
    ]
    p_adjusted: Annotated[float | None, "over the cohort's zones of 8 quants or more, step-down"]
    resolvable: Annotated[
        float | None, "of reliability_halves: standard deviation that 80 % power tells, a fraction"
    ]
    verdict: Annotated[str | None, "of reliability_halves: a code of the seed verdicts"]
    reason: Annotated[str | None, "why a figure or its interval is null"]


class Figure(NamedTuple):
    """A figure and its interval."""

    n: int
    figure: float | None
    low: float | None
    high: float | None
    reason: str | None


class Spread(NamedTuple):
    """How far apart a zone's quants lie, and drawn quants without a difference: variances."""

    observed: float
    drawn: np.ndarray  # [B]
    deviations: np.ndarray  # what other prompts add to each quant, [B, q]
    places: np.ndarray  # the quants' composites less their mean, [q]


class Ranked(NamedTuple):
    """A zone's test that its quants differ in nothing."""

    p: float | None
    p_adjusted: float | None
    resolvable: float | None


@statistic
def zone_figures(
    zones: ZoneScores, answers: Answers, settings: RankingSettings
) -> list[ZoneFigure]:
    """What the scores of every zone can rank: four kinds of figure.

    reliability: share of the variance of the composites that is not their errors';
    reliability_halves: the same without a model of the errors, with the test that the quants differ
    in nothing; noise_ceiling: the largest |rho| with the composite that reliability_halves (or
    reliability where it is null) allows; fall_per_doubling: change of the composite when mean KLD
    doubles (Theil and Sen).
    """
    every = sheet(answers).complete() if len(answers.quant_id) else None
    wanted = sorted(set(zip(zones.zone_rule.tolist(), zones.threshold.tolist())))
    plain, apart = [], []
    for rule, threshold in wanted:
        here = (zones.zone_rule == rule) & (zones.threshold == threshold) & zones.is_member
        scored = np.isfinite(zones.composite[here])
        kld, score, error = (
            column[here][scored] for column in (zones.kld, zones.composite, zones.error)
        )
        inside = zones.quant_id[here].tolist()
        chosen = None if every is None else every.of([q for q in every.quants if q in inside])
        halved = split_half(chosen, settings) if chosen else Figure(0, None, None, None, NO_ANSWERS)
        apart.append(None if chosen is None or halved.figure is None else spread(chosen, settings))
        plain.append((reliability(score, error), halved, fall_per_doubling(kld, score)))
    ranked = _ranked(apart, [each[1].n for each in plain], settings.n_resamples)
    plain = [(one, _held(two, each), three) for (one, two, three), each in zip(plain, apart)]
    return [
        ZoneFigure(*zone, *row)
        for k, zone in enumerate(wanted)
        for row in _rows(*plain[k], ranked[k])
    ]


def _rows(plain: Figure, halved: Figure, fall: Figure, ranked: Ranked) -> list[tuple]:
    """A zone's four rows, from kind on."""
    reliable = plain.figure if halved.figure is None else halved.figure
    ceiling = None if reliable is None else math.sqrt(reliable)
    ends = [None if end is None else math.sqrt(end) for end in (halved.low, halved.high)]
    n, reason = (plain.n, plain.reason) if halved.figure is None else (halved.n, halved.reason)
    none = (None, None, None, None)
    return [
        ("reliability", *plain[:4], *none, plain.reason),
        (
            "reliability_halves",
            *halved[:4],
            *ranked,
            _verdict(halved, ranked),
            halved.reason,
        ),
        ("noise_ceiling", n, ceiling, *ends, *none, reason),
        ("fall_per_doubling", *fall[:4], *none, fall.reason),
    ]


def _verdict(halved: Figure, ranked: Ranked) -> str:
    """What the prompts can do with the zone's quants."""
    if halved.reason == NO_ANSWERS:
        return "no_answers"
    if halved.n < SMALLEST_VERDICT:
        return "too_few"
    return "rankable" if resolves(ranked.p_adjusted) else "not_rankable"


def reliability(scores: np.ndarray, errors: np.ndarray) -> Figure:
    """Share of the variance of scores [q] that is not their errors' [q].

    1 - (n - 3) / (n - 1) mean(error^2) / variance, at least 0. The factor takes off the bias of
    dividing by a variance of few quants (Morris 1983). Errors of score less reference's score are a
    little larger than the noise that parts quants, so this is a little low; `split_half` is not.
    """
    known = np.isfinite(scores) & np.isfinite(errors)
    scores, errors = scores[known], errors[known]
    n = len(scores)
    if n < SMALLEST:
        return Figure(n, None, None, None, too_few(n))
    if np.ptp(scores) == 0:
        return Figure(n, 0.0, None, None, "all scores are the same")
    share = (n - 3) / (n - 1)
    value = max(0.0, 1 - share * float((errors**2).mean() / scores.var(ddof=1)))
    return Figure(n, value, None, None, NO_MODEL)


def split_half(answered: Sheet, settings: RankingSettings) -> Figure:
    """The same reliability without a model: composites of two halves of the prompts, correlated.

    answered: a sheet without gaps; the texts of each benchmark are halved on their own. The mean r
    of the splits is stepped up (Spearman and Brown: 2 r / (1 + r)), at least 0.
    """
    scores, n = answered.scores, len(answered.quants)
    parts = by_benchmark(scores, answered.prompts, answered.weights) if n else []
    texts = [count(part.unit) for part in parts]
    if n < SMALLEST or min(texts) < 2:
        reason = f"{SMALLEST} quants needed, {n} found, and 2 prompts of each benchmark"
        return Figure(n, None, None, None, reason + " that all have answered")
    first, second = np.zeros((settings.n_splits, n)), np.zeros((settings.n_splits, n))
    for k, (share, part, unit) in enumerate(parts):
        chosen = halves(count(unit), settings.n_splits, settings.seed + k)[:, unit]
        sums, size = chosen @ part, chosen.sum(1, keepdims=True)
        first += share * sums / size
        second += share * (part.sum(0) - sums) / (len(part) - size)
    first, second = (half - half.mean(1, keepdims=True) for half in (first, second))
    if min(np.ptp(first, axis=1).min(), np.ptp(second, axis=1).min()) < 1e-12:
        return Figure(n, None, None, None, "all scores are the same in a half")
    r = float(((first * second).mean(1) / (first.std(1) * second.std(1))).mean())
    return Figure(n, max(0.0, 2 * r / max(1 + r, 1e-3)), None, None, None)


def _held(halved: Figure, apart: Spread | None) -> Figure:
    """The figure with its interval, which holds it."""
    if apart is None or halved.figure is None:
        return halved
    low, high = reliable_interval(apart)
    return halved._replace(low=min(low, halved.figure), high=max(high, halved.figure))


def reliable_interval(apart: Spread) -> tuple[float, float]:
    """95 % interval of the share of these quants' variance that is not the prompts' noise.

    The true differences are taken to be some multiple of the differences seen. Its ends are the
    least and the largest multiple with which drawn noise, that keeps what relatives share, gives a
    variance as large, or as small, as the one seen in 2.5 % of draws.
    """
    from scipy.optimize import brentq

    noise = float(apart.drawn.mean())
    q = len(apart.places)
    across = 2 * (apart.deviations @ apart.places) / q

    def gap(multiple: float, quantile: float) -> float:
        seen = multiple**2 * apart.observed + multiple * across + apart.drawn
        return float(np.quantile(seen, quantile)) - apart.observed

    def share(quantile: float) -> float:
        if gap(0.0, quantile) >= 0 or noise <= 0:
            return float(noise <= 0)
        true = brentq(gap, 0.0, 10.0, (quantile,), xtol=1e-6) ** 2 * apart.observed
        return float(true / (true + noise))

    return share(1 - ALPHA / 2), share(ALPHA / 2)


def spread(answered: Sheet, settings: RankingSettings) -> Spread:
    """Variance of the composites over quants, and that of quants that differ in nothing.

    Prompts are drawn anew for all quants together, so that the drawn variances keep what quants
    share: the comparison holds for relatives, where intervals over quants do not.
    """
    what = answered.scores, answered.prompts, answered.weights
    replicates = score_replicates(*what, settings.n_resamples, settings.seed)
    deviations = replicates - replicates.mean(0)
    seen = composite_scores(*what)
    return Spread(float(seen.var()), deviations.var(1), deviations, seen - seen.mean())


def _ranked(apart: list[Spread | None], sizes: list[int], n_draws: int) -> list[Ranked]:
    """Each zone's test that its quants differ in nothing; p adjusted over the zones.

    A zone's variances are made comparable by the mean and standard deviation of its drawn ones.
    """
    p, observed = np.full((2, len(apart)), np.nan)
    null = np.full((n_draws, len(apart)), np.nan)
    for k, each in enumerate(apart):
        if each is not None:
            p[k] = (1 + (each.drawn >= each.observed).sum()) / (1 + n_draws)
            if sizes[k] >= SMALLEST_VERDICT:
                centre, scale = each.drawn.mean(), each.drawn.std() or 1.0
                observed[k] = (each.observed - centre) / scale
                null[:, k] = (each.drawn - centre) / scale
    adjusted = step_down(observed, null)
    judged = np.isfinite(observed)
    largest = np.quantile(null[:, judged].max(1), 1 - ALPHA) if judged.any() else math.nan
    found = []
    for k, each in enumerate(apart):
        told = None
        if each is not None and judged[k]:
            told = _resolvable(each, each.drawn.mean() + largest * each.drawn.std())
        found.append(Ranked(finite(p[k]), finite(adjusted[k]), told))
    return found


def _resolvable(apart: Spread, needed: float) -> float | None:
    """The true standard deviation between quants whose variance passes `needed` POWER times."""
    from scipy.optimize import brentq

    deviations = apart.deviations[:DRAWS]
    true = np.random.default_rng(0).standard_normal(deviations.shape)

    def missing(deviation: float) -> float:
        return POWER - ((deviations + deviation * true).var(1) >= needed).mean()

    most = 10 * math.sqrt(needed)
    return float(brentq(missing, 0, most, xtol=1e-3 * most)) if needed > 0 else None


def fall_per_doubling(kld: np.ndarray, scores: np.ndarray) -> Figure:
    """Change of the score (fraction) when mean KLD doubles; kld, scores: [q].

    The median of all pairs' slopes (Theil and Sen).
    """
    from scipy.stats import theilslopes

    known = (kld > 0) & np.isfinite(kld) & np.isfinite(scores)
    n = int(known.sum())
    if n < SMALLEST:
        return Figure(n, None, None, None, too_few(n))
    if np.ptp(kld[known]) == 0:
        return Figure(n, None, None, None, "the measurement is the same for every quant")
    found = theilslopes(scores[known], np.log2(kld[known]))
    return Figure(n, finite(found[0]), None, None, UNRELATED)
