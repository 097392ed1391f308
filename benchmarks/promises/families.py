"""Trends among relatives: how often each word is wrong, and how often it is found when it is right.

Worlds are made by families_worlds: families of one bit rate or of many, that share flips, an
offset of the score, both or neither. Labels are the true ones as declared, and those found in the
answers beside them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from families_worlds import Cohort, Plan, even, relatives, uneven
from scipy.stats import t

from qwh.kernels.statistics.answers import Answers, sheet
from qwh.kernels.statistics.intervals import ALPHA
from qwh.kernels.statistics.quants import families, these
from qwh.kernels.statistics.quants import relatives as tests
from qwh.kernels.statistics.quants.cells import Distances, noise
from qwh.kernels.statistics.quants.permuted import permuted
from qwh.kernels.statistics.quants.scatter import slope
from qwh.kernels.statistics.quants.trends import Alone, Labelled, trend
from qwh.kernels.statistics.zone import zone_ranking

from . import SIZE, Promise

DRAWS = tests.Draws(n_permutations=499, n_tosses=499, fewest_quants=8, seed=1)
TOSSES = these.Tosses(n_tosses=499, fewest_quants=8, seed=1)
HELD = (0.93, 1.0)
ANY = (0.0, 1.0)  # a figure that is shown and not promised
BEYOND, HERE = ("falls_beyond", "rises_beyond"), ("falls_here", "rises_here")
OFFSET = {"offset": 0.005, "offset_between": 0.9}
NULLS = {
    "16 in 4 within, flips": Plan(even(16, 4), between=0.1),
    "16 in 4 within, flips and offsets": Plan(even(16, 4), between=0.1, **OFFSET),
    "16 in 4 between, flips and offsets": Plan(even(16, 4), **OFFSET),
    "16 in 4 between, offsets, no flips": Plan(even(16, 4), flips=0.0, **OFFSET),
    "28 in 7 uneven within, flips": Plan(uneven(28, 7), between=0.1),
    "28 in 7 uneven between, flips and offsets": Plan(uneven(28, 7), **OFFSET),
    "8 in 4 between, flips and offsets": Plan(even(8, 4), **OFFSET),
    "16 in 4 between, flips and offsets, 4,000": Plan(even(16, 4), 4_000, **OFFSET),
    "16 in 4 within, flips and offsets, graded": Plan(
        even(16, 4), between=0.1, graded=True, **OFFSET
    ),
    "16 unrelated": Plan(even(16, 16), flips=0.0, between=0.0),
}
MANY = Plan(uneven(41, 10), between=0.1, **OFFSET)  # more families than the others
FALLS = {
    "16 in 4 within, flips and offsets": Plan(even(16, 4), between=0.1, fall=0.004, **OFFSET),
    "16 in 4 between, flips and offsets": Plan(even(16, 4), fall=0.004, **OFFSET),
    "28 in 7 uneven within, flips and offsets": Plan(
        uneven(28, 7), between=0.1, fall=0.004, **OFFSET
    ),
    "28 in 7 uneven between, 4,000": Plan(uneven(28, 7), 4_000, fall=0.004, **OFFSET),
    "16 in 4 within, graded": Plan(even(16, 4), between=0.1, fall=0.004, graded=True, **OFFSET),
}


class Outcome(NamedTuple):
    """One target of one cohort."""

    word: str
    undeclared: str  # the word if nothing were declared
    found: bool  # whether the labels found in the answers alone refuse
    slope: tuple[float, float, float]  # low, estimate, high of the labelling that speaks
    alone: bool  # whether the prompts' interval holds these quants' own true slope


def rows_of_cohort(
    made: Cohort, measured: np.ndarray, target: np.ndarray, name: str
) -> tuple[Distances, Answers]:
    """Points and answers as SQL would give them; measured: [m, q]."""
    quants = np.array([f"q{k:02d}" for k in range(len(made.kld))], object)
    m, (q, n) = len(measured), made.gains.shape

    def spread(value: object, count: int) -> np.ndarray:
        column = np.empty(count, object)
        column[:] = value
        return column

    measurements = [f"m{k:02d}" for k in range(m)]
    points = Distances(
        spread("full", m * q),
        np.zeros(m * q),
        np.repeat(np.array(measurements, object), q),
        spread(name, m * q),
        np.tile(quants, m),
        measured.ravel(),
        np.tile(target, m),
        np.repeat(np.arange(m) == 0, q),
    )
    prompts = np.array([f"p{j:05d}" for j in range(n)], object)
    answers = Answers(
        np.repeat(quants, n),
        spread("b", q * n),
        np.tile(prompts, q),
        np.tile(prompts, q),
        np.ones(q * n),
        (made.reference + made.gains).ravel(),
        np.tile(made.reference, q),
    )
    return points, answers


def outcome(
    made: Cohort,
    name: str = "composite",
    measured: np.ndarray | None = None,
    declared: np.ndarray | None = None,
    target: np.ndarray | None = None,
) -> Outcome:
    """The words of the first measurement (KLD), adjusted over all that are measured [m, q].

    declared: [q] labels, the true ones if they are not given; target: [q], else the mean over
    prompts of what the name says.
    """
    if target is None:
        target = (np.abs(made.gains) if name == "volume" else made.gains).mean(1)
    points, answers = rows_of_cohort(
        made, made.kld[None] if measured is None else measured, target, name
    )
    members = families.gain_families(answers)
    said = made.family if declared is None else declared
    both = [("declared", member.quant_id, f"f{said[k]}") for k, member in enumerate(members)]
    both += [("gains", member.quant_id, member.family_id or "") for member in members]
    labels = families.Families(*(np.array(column, object) for column in zip(*both)))
    rows = tests.relatives(points, answers, labels, DRAWS)
    first = [row for row in rows if row.measurement_id == "m00"]
    alone = these.these_quants(points, answers, TOSSES)[0]
    word = _trend(first, alone)
    speaks = next((row for row in first if row.labelling == word.labelling), first[0])
    gains = [row for row in first if row.labelling == "gains"]
    found = _trend(gains, alone)
    missing = float("nan")
    return Outcome(
        word.verdict,
        found.verdict,
        found.p_adjusted is not None and found.p_adjusted <= ALPHA,
        tuple(missing if v is None else v for v in (speaks.low, speaks.slope, speaks.high)),
        _holds_own_slope(made, alone),
    )


def _holds_own_slope(made: Cohort, alone: these.These) -> bool:
    """Of the score; alone: the answer about it."""
    away = np.log2(made.kld) - np.log2(made.kld).mean()
    own = float(away @ made.truth / (away @ away))
    return alone.these_low is not None and alone.these_low <= own <= alone.these_high


def _trend(rows: list[tests.Relative], alone: these.These):
    columns = {
        name: np.array(
            [getattr(row, name) for row in rows],
            object if name == "labelling" else bool if name == "is_tested" else float,
        )
        for name in Labelled._fields
    }
    facts = Alone(alone.n, alone.z, alone.p_these_adjusted, DRAWS.fewest_quants)
    return trend(Labelled(**columns), facts)


def of_nothing(worlds: int, seed: int) -> Iterator[Promise]:
    """The score does not change with KLD: "beyond" is wrong, "here" is right of these offsets."""
    for what, plan in NULLS.items():
        outcomes = _of(plan, worlds // 4, seed)
        yield Promise(f"{what}, no trend: beyond", _share(outcomes, BEYOND), SIZE)
        yield Promise(f"{what}, no trend: here", _share(outcomes, HERE), _here(plan))
        yield Promise(
            f"{what}, no trend: both tests, found labels alone (never a word)",
            [each.found for each in outcomes],
            ANY,
        )
        # a labelling that divides nothing gives none
        covered = [
            low <= 0 <= high for low, _, high in (each.slope for each in outcomes) if low == low
        ]
        yield Promise(f"{what}, no trend: interval of the slope holds 0", covered, HELD)
        yield Promise(
            f"{what}, no trend: prompts' interval holds these quants' own slope",
            [each.alone for each in outcomes],
            HELD,
        )


def of_labels(worlds: int, seed: int) -> Iterator[Promise]:
    """What is declared is not quite true, and the answers show no family: only offsets are shared.

    A limit, not a promise: no test knows of a family that nobody names and no answer shows.
    """
    plan = NULLS["16 in 4 between, offsets, no flips"]
    wrong = {
        "each family in halves": lambda family, rng: 2 * family + rng.integers(0, 2, len(family)),
        "two families as one": lambda family, rng: family // 2,
        "a fifth wrong": lambda family, rng: np.where(
            rng.random(len(family)) < 0.2, rng.integers(0, 4, len(family)), family
        ),
    }
    for what, labels in wrong.items():
        rng, found = np.random.default_rng(seed), []
        for _ in range(worlds // 4):
            made = relatives(plan, rng)
            found.append(outcome(made, declared=labels(made.family, rng)))
        yield Promise(f"{what}, no trend: beyond (a limit)", _share(found, BEYOND), ANY)


def of_volume(worlds: int, seed: int) -> Iterator[Promise]:
    """The volume is the same at every KLD: ranks of KLD are dealt anew to the families."""
    for what in ("16 in 4 within, flips", "28 in 7 uneven between, flips and offsets"):
        rng, plan, found = np.random.default_rng(seed), NULLS[what], []
        for _ in range(worlds // 4):
            made = relatives(plan._replace(low=0.0049, high=0.0051), rng)
            found.append(outcome(made, "volume"))
        yield Promise(f"{what}, volume without trend: beyond", _share(found, BEYOND), SIZE)
        outcomes = _of(plan, worlds // 8, seed, "volume")
        yield Promise(f"{what}, volume rises: beyond", _share(outcomes, ("rises_beyond",)), ANY)


def of_falls(worlds: int, seed: int) -> Iterator[Promise]:
    """The score falls by .4 points per sd of ln KLD: what is found of it."""
    for what, plan in FALLS.items():
        outcomes = _of(plan, worlds // 8, seed)
        yield Promise(f"{what}, fall: beyond", _share(outcomes, ("falls_beyond",)), ANY)
        yield Promise(f"{what}, fall: rises, beyond or here", _wrong(outcomes), (0.0, 0.025))


def of_power(worlds: int, seed: int) -> Iterator[Promise]:
    """A loss as large as is said that least squares alone would find."""
    for what in ("16 in 4 within, flips and offsets", "28 in 7 uneven between, flips and offsets"):
        rng, alone, both = np.random.default_rng(seed), [], []
        for _ in range(worlds // 4):
            made = relatives(NULLS[what], rng)
            ranks = made.kld.argsort().argsort().astype(float)
            known = noise(made.gains / made.gains.shape[1])
            y = made.gains.mean(1)
            line = slope(ranks, y, known, made.family)
            quantiles = t.ppf(0.975, line.df) + t.ppf(0.8, line.df)
            loss = quantiles * line.error * np.ptp(ranks)
            fallen = y - loss * (ranks - ranks.mean()) / np.ptp(ranks)
            alone.append(slope(ranks, fallen, known, made.family).p <= ALPHA)
            dealt = permuted(ranks[None], fallen, made.family, DRAWS.n_permutations, DRAWS.seed)
            both.append(alone[-1] and dealt.p[0] <= ALPHA)
        yield Promise(f"{what}: the loss that least squares alone would find", alone, (0.7, 0.9))
        yield Promise(f"{what}: the same, found by both tests", both, ANY)


def of_fourteen(worlds: int, seed: int) -> Iterator[Promise]:
    """14 measurements of one distance: any of them called beyond."""
    rng = np.random.default_rng(seed)
    for what in ("16 in 4 within, flips", "28 in 7 uneven between, flips and offsets"):
        found = []
        for _ in range(worlds // 8):
            made = relatives(NULLS[what], rng)
            noisy = np.exp(0.25 * rng.standard_normal((14, len(made.kld))))
            measured = made.kld * noisy
            # any of the 14: each has its turn as the first
            words = [
                outcome(made, measured=np.roll(measured, -k, axis=0)).word for k in range(0, 14, 5)
            ]
            found.append(any(word in BEYOND for word in words))
        yield Promise(f"{what}, 14 measurements, no trend: any beyond", found, SIZE)


def of_direction(worlds: int, seed: int) -> Iterator[Promise]:
    """The direction goes with KLD in no way: both tests, given its noise, and what is said of it.

    The noise is that of the ratio, linearised. The tests are too bold, so nothing may be said.
    """
    for what in ("16 in 4 within, flips", "28 in 7 uneven within, flips", "41 in 10"):
        rng, both, silent = np.random.default_rng(seed), [], []
        for _ in range(worlds // 8):
            made = relatives(NULLS.get(what, MANY), rng)
            size = np.abs(made.gains)
            volume = size.sum(1, keepdims=True)
            if not volume.all():
                continue
            y = made.gains.sum(1) / volume[:, 0]
            known = noise((made.gains - y[:, None] * size) / volume)
            ranks = made.kld.argsort().argsort().astype(float)
            dealt = permuted(ranks[None], y, made.family, DRAWS.n_permutations, DRAWS.seed)
            line = slope(ranks, y, known, made.family)
            both.append(dealt.p[0] <= ALPHA and line.p <= ALPHA)
            silent.append(outcome(made, "direction", target=y).word == "no_verdict")
        yield Promise(f"{what}, direction without trend: both tests (never a word)", both, ANY)
        yield Promise(f"{what}, direction without trend: no verdict", silent, (1.0, 1.0))


def of_reliability(worlds: int, seed: int) -> Iterator[Promise]:
    """The reliability of these quants' scores: its interval, and that it does not start at 0."""
    plans = NULLS | {
        "8 in 2 between, flips and offsets": Plan(even(8, 2), **OFFSET),
        "41 in 10 uneven between, flips and offsets": Plan(uneven(41, 10), **OFFSET),
        "16 in 4 within, flips, a fall": Plan(even(16, 4), between=0.1, fall=0.004),
    }
    for what, plan in plans.items():
        rng, held, above = np.random.default_rng(seed), [], []
        for k in range(worlds // 8):
            made = relatives(plan, rng)
            _, answers = rows_of_cohort(made, made.kld[None], made.gains.mean(1), "composite")
            settings = zone_ranking.RankingSettings(400, 20, k)
            low, high = zone_ranking.reliable_interval(
                zone_ranking.spread(sheet(answers), settings)
            )
            apart = made.gains - made.gains.mean(0)
            noise = apart.var(1).mean() / (made.gains.shape[1] - 1)
            held.append(low <= made.truth.var() / (made.truth.var() + noise) <= high)
            above.append(low > 0)
        yield Promise(f"{what}: reliability lies in its interval", held, HELD)
        nothing = plan.offset == 0 and plan.fall == 0
        said = f"{what}: interval of the reliability above 0"
        yield Promise(said, above, SIZE if nothing else ANY)


def _of(plan: Plan, worlds: int, seed: int, name: str = "composite") -> list[Outcome]:
    rng = np.random.default_rng(seed)
    return [outcome(relatives(plan, rng), name) for _ in range(worlds)]


def _share(outcomes: list[Outcome], words: tuple[str, ...]) -> list[bool]:
    return [each.word in words for each in outcomes]


def _wrong(outcomes: list[Outcome]) -> list[bool]:
    return _share(outcomes, ("rises_beyond", "rises_here"))


def _here(plan: Plan) -> tuple[float, float]:
    """Offsets are true differences of these very quants: then "here" is no error."""
    return ANY if plan.offset else SIZE


PROMISES = (
    of_nothing,
    of_labels,
    of_volume,
    of_falls,
    of_power,
    of_fourteen,
    of_direction,
    of_reliability,
)
