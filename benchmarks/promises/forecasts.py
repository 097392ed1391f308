"""What forecasts pass/fail on prompts that were not asked, among relatives whose truth is known.

A prompt has a margin; a quant shifts all margins by its true loss and each by a perturbation as
large as the root of its KLD, of which a family has a part in common. Pass/fail is a margin's sign;
an expected score is its logistic function at a temperature.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from families_worlds import even, uneven
from scipy.special import expit
from scipy.stats import spearmanr

from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.quants.families import Families, linked
from qwh.kernels.statistics.scores.forecasters import Measured, Scored
from qwh.kernels.statistics.scores.forecasting import Splits
from qwh.kernels.statistics.scores.forecasts import forecast_differences, forecasts

from . import SIZE, Promise

HELD = (0.93, 1.0)
NEAR = (-0.02, 0.02)
ANY = (0.0, 1.0)
SOFT, TWIN, KLD = "expected@0.3", "twin", "kld"
SPLITS = 60  # fewer than the tables take: their noise is in the errors too
SETTINGS = Splits(n_splits=SPLITS, n_tosses=499, fewest_quants=8, seed=1)


class Plan(NamedTuple):
    """What a cohort is made of."""

    sizes: tuple[int, ...]  # of its families
    prompts: int = 1_000
    loss: float = 0.0  # sd of the quants' true shifts of the margin, of a standard deviation of 1.5
    between: float = 0.5  # share of the variance of shifts, and of ln KLD, between families
    goes: float = 0.0  # correlation of ln KLD with the true loss
    flips: float = 0.5  # share of the perturbation that a family has in common
    twin: bool = False  # a scoring that is pass/fail on other prompts, and forecasts alike
    measured: int = 1  # how many measurements there are, of one distance

    def __str__(self) -> str:
        told = f"{sum(self.sizes)} in {len(self.sizes)}, {self.prompts} prompts"
        told += f", loss {self.loss:g}, KLD goes {self.goes:g}"
        told += f", {self.measured} KLDs" * (self.measured > 1)
        return told + ", as good a twin" * self.twin


class Cohort(NamedTuple):
    """Quants that differ from the reference, and their gains on prompts."""

    family: np.ndarray  # [q]
    kld: np.ndarray  # [m, q]
    gains: dict[str, np.ndarray]  # [q, n] by scoring


NOTHING = (
    Plan(even(16, 16), flips=0.0),
    Plan(even(16, 4), flips=0.8),
    Plan(uneven(9, 4), flips=0.8, measured=8),
    Plan(uneven(28, 7), prompts=400, flips=0.8, measured=8),
)
TWINS = (
    Plan(even(16, 4), loss=0.02, goes=0.9, twin=True),
    Plan(uneven(9, 5), loss=0.05, goes=0.9, twin=True),
    Plan(uneven(13, 4), loss=0.02, goes=0.9, flips=0.8, twin=True),
    Plan(uneven(28, 7), loss=0.1, between=0.9, goes=0.95, twin=True),
)
SOMETHING = (
    Plan(even(16, 4), loss=0.01, goes=0.7),
    Plan(uneven(9, 5), loss=0.02, goes=0.7),
    Plan(uneven(8, 3), loss=0.02, between=0.9, goes=0.7),
    Plan(uneven(28, 7), loss=0.1, between=0.9, goes=0.7),
    Plan(uneven(41, 10), loss=0.01, goes=0.5, flips=0.8),
    Plan(even(16, 8), prompts=200, loss=0.01, goes=0.5, flips=0.8),
)


def cohort(plan: Plan, rng: np.random.Generator) -> Cohort:
    """A cohort by a plan."""
    family = np.repeat(np.arange(len(plan.sizes)), plan.sizes)

    def mixed(share: float, *columns: int) -> np.ndarray:
        """Standard normal [q, ...], this share of its variance in common within families."""
        common = rng.standard_normal((len(plan.sizes), *columns))[family]
        own = rng.standard_normal((len(family), *columns))
        return math.sqrt(share) * common + math.sqrt(1 - share) * own

    true = mixed(plan.between)
    place = -plan.goes * true + math.sqrt(1 - plan.goes**2) * mixed(plan.between)
    kld = 0.005 * np.exp(1.5 * np.tanh(place / 1.7))
    many = kld * np.exp(0.1 * rng.standard_normal((plan.measured, len(kld))))
    many[0] = kld
    gains = {}
    for scoring in ("answered", TWIN) if plan.twin else ("answered", SOFT):
        if scoring != SOFT:
            margins = 1.5 * rng.standard_normal(plan.prompts)
            moved = margins + plan.loss * true[:, None]
            moved = moved + np.sqrt(kld)[:, None] * mixed(plan.flips, plan.prompts)
            gains[scoring] = 1.0 * (moved > 0) - (margins > 0)
        else:
            gains[scoring] = expit(moved / 0.3) - expit(margins / 0.3)
    return Cohort(family, many, gains)


def rows(made: Cohort) -> tuple[Scored, Measured, Families]:
    """A cohort as SQL would give it: labels as declared, which are true, and as found."""
    quants = np.array([f"q{k:02}" for k in range(len(made.family))], object)
    n = made.gains["answered"].shape[1]
    prompts = np.array([f"{k:05}" for k in range(n)], object)
    whole = len(made.gains) * len(quants) * n
    scored = Scored(
        np.repeat(np.array(list(made.gains), object), len(quants) * n),
        np.tile(np.repeat(quants, n), len(made.gains)),
        np.tile(np.where(np.arange(n) < n // 2, "a", "b").astype(object), whole // n),
        np.tile(prompts, whole // n),
        np.tile(prompts, whole // n),
        np.ones(whole),
        np.concatenate([of.ravel() for of in made.gains.values()]),
        np.zeros(whole),
    )
    m, q = made.kld.shape
    names = np.array([KLD, *(f"m{k:02}" for k in range(1, m))], object)
    full = np.full(m * q, "full", object)
    measured = Measured(
        full, np.zeros(m * q), np.repeat(np.arange(m), q), np.repeat(names, q), np.tile(quants, m),
        made.kld.ravel(),
    )  # fmt: skip
    return scored, measured, _families(made, quants)


def _families(made: Cohort, quants: np.ndarray) -> Families:
    gains = made.gains["answered"]
    flips = gains.std(1) > 0
    alike = np.eye(len(quants))
    if flips.any():
        alike[np.ix_(flips, flips)] = np.atleast_2d(np.corrcoef(gains[flips]))
    labels = {"declared": made.family, "gains": linked(alike)}
    return rows_of(
        Families,
        [
            {"labelling": labelling, "quant_id": quant, "family_id": str(label)}
            for labelling, of in labels.items()
            for quant, label in zip(quants, of)
        ],
    )


def planted(plan: Plan, worlds: int, seed: int) -> dict[str, float]:
    """The rank correlations that a half of the prompts has with another, over fresh cohorts."""
    rng, found = np.random.default_rng((seed, 1)), []
    for _ in range(worlds):
        made = cohort(plan, rng)
        side = np.arange(plan.prompts) % 2 == 0
        target = made.gains["answered"][:, ~side].mean(1)
        halves = {name: of[:, side].mean(1) for name, of in made.gains.items()}
        halves[KLD] = -made.kld[0]
        again = {name: of[:, ~side].mean(1) for name, of in made.gains.items()}
        pairs = {name: (of, target) for name, of in halves.items()}
        pairs |= {f"own {name}": (halves[name], of) for name, of in again.items()}
        found.append({name: _rho(*pair) for name, pair in pairs.items()})
    return {name: float(np.mean([each[name] for each in found])) for name in found[0]}


def _rho(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's; 0 where a side ranks nothing."""
    if np.ptp(one) < 1e-12 or np.ptp(other) < 1e-12:
        return 0.0
    return float(spearmanr(np.round(one, 12), np.round(other, 12)).statistic)


class Told(NamedTuple):
    """What the tables say of a cohort."""

    rows: dict[str, Any]  # by forecaster
    differences: dict[tuple[str, str], Any]


def told(plan: Plan, rng: np.random.Generator) -> Told:
    """One cohort's tables."""
    settings = SETTINGS._replace(seed=int(rng.integers(1 << 31)))
    made = rows(cohort(plan, rng))
    each = {row.forecaster: row for row in forecasts(*made, settings)}
    pairs = {(row.forecaster, row.other): row for row in forecast_differences(*made, settings)}
    return Told(each, pairs)


def of_forecasts(worlds: int, seed: int) -> Iterator[Promise]:
    """Unbiased, and intervals that hold the rho of fresh quants and prompts."""
    for plan in (*NOTHING, *TWINS, *SOMETHING):
        rng, count = np.random.default_rng(seed), max(worlds // 8, 20)
        truth = planted(plan, 5 * count, seed)
        found = [told(plan, rng) for _ in range(count)]
        for name in (*("answered", TWIN if plan.twin else SOFT), KLD):
            mine = [each.rows[name] for each in found]
            off = [row.rho - truth[name] for row in mine if row.rho is not None]
            yield Promise(f"{plan}: rho of {name} less {truth[name]:.2f}", off, NEAR)
            yield Promise(f"{plan}: interval of {name} holds it", _held(mine, truth[name]), HELD)
            if name != KLD:
                own = truth[f"own {name}"]
                held = _held(mine, own, "own_low", "own_high")
                yield Promise(f"{plan}: interval of its own rho {own:.2f} holds it", held, HELD)
        for pair in found[0].differences:
            if set(pair) <= truth.keys():
                apart = truth[pair[0]] - truth[pair[1]]
                held = _held([each.differences[pair] for each in found], apart)
                what = f"{plan}: interval of {pair[0]} less {pair[1]} holds {apart:.2f}"
                yield Promise(what, held, HELD)
        yield from _words(plan, found, truth)


def _held(mine: list, truth: float, low: str = "low", high: str = "high") -> list[bool]:
    """Whether intervals hold the truth, where there are intervals."""
    ends = [(getattr(row, low), getattr(row, high)) for row in mine]
    return [a <= truth <= b for a, b in ends if a is not None] or [True]


def _words(plan: Plan, found: list[Told], truth: dict[str, float]) -> Iterator[Promise]:
    """Wrong words, of any forecaster or pair, and right ones."""
    if plan.loss == 0:
        wrong = [
            any(row.verdict in ("forecasts", "against") for row in each.rows.values())
            for each in found
        ]
        yield Promise(f"{plan}: any forecasts, or goes against", wrong, SIZE)
        wrong = [
            any(row.verdict in ("more", "less") for row in each.differences.values())
            for each in found
        ]
        yield Promise(f"{plan}: any forecasts more, or less", wrong, SIZE)
        return
    for name in ("answered", KLD):
        right = [each.rows[name].verdict == "forecasts" for each in found]
        yield Promise(f"{plan}: {name} forecasts (power)", right, ANY)
    for pair in found[0].differences:
        if set(pair) <= truth.keys():
            apart = truth[pair[0]] - truth[pair[1]]
            words = ("less",) if apart > 0 else ("more",)
            if pair == (TWIN, "answered"):
                words = ("more", "less")
            wrong = [each.differences[pair].verdict in words for each in found]
            yield Promise(f"{plan}: {pair[0]} against {pair[1]} told wrongly", wrong, SIZE)
            right = [each.differences[pair].verdict in ("more", "less") for each in found]
            if pair != (TWIN, "answered"):
                yield Promise(f"{plan}: {pair[0]} and {pair[1]} told apart (power)", right, ANY)


PROMISES = (of_forecasts,)
