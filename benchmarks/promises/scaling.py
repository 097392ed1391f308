"""How volume, spread and net loss grow with KLD, among relatives whose exponents are planted.

A family has a part of its quants' scatter about the laws in common, and of what prompts do to them.
The net loss scatters as the spread does, so that it is often negative.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from families_worlds import even, uneven
from scipy.stats import norm, t

from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.quants.families import Families
from qwh.kernels.statistics.scores.forecasters import Scored
from qwh.kernels.statistics.zone.scaling import Scale, ZoneKlds, scaling

from . import SIZE, Promise

HELD = (0.93, 1.0)
ANY = (0.0, 1.0)
SOFT, HARD = "expected@1", "answered"
ARGUED = {(SOFT, "volume"): 0.5, (SOFT, "spread"): 0.5}
ARGUED |= {(HARD, "volume"): 0.5, (HARD, "spread"): 0.25}
MIDDLE = 0.003  # nats


class Plan(NamedTuple):
    """What a cohort is made of."""

    sizes: tuple[int, ...]  # of its families
    prompts: int = 1_000
    loss: float = 0.0  # net loss at the middle KLD, of the volume there
    power: float = 1.0  # of the net loss
    change: float = 0.5  # power of the changes: the argued one
    scatter: float = 0.15  # of ln spread
    lean: float = 0.02  # sd of true net losses about their law, of the volume
    between: float = 0.5  # share of variances that lies between families

    def __str__(self) -> str:
        told = f"{sum(self.sizes)} in {len(self.sizes)}, {self.prompts} prompts"
        told += f", loss {self.loss:g} KLD^{self.power:g}" if self.loss else ", no net loss"
        return told + f", changes KLD^{self.change:g}" * (self.change != 0.5)


PLANS = (
    Plan(uneven(8, 4)),
    Plan(uneven(8, 4), loss=0.1),
    Plan(even(16, 4), loss=0.15, power=0.5),
    Plan(even(16, 16), loss=0.1),
    Plan(uneven(16, 5), loss=-0.1),
    Plan(uneven(28, 7)),
    Plan(uneven(28, 7), loss=0.1, between=0.9),
    Plan(uneven(44, 10), loss=0.03, power=1.5),
    Plan(uneven(44, 10), prompts=200, loss=0.1),
    Plan(uneven(28, 7), loss=0.1, change=0.8),
)


def told(plan: Plan, rng: np.random.Generator) -> dict[tuple[str, str], NamedTuple]:
    """One cohort's exponents by scoring and quantity."""
    family = np.repeat(np.arange(len(plan.sizes)), plan.sizes)
    q, n = len(family), plan.prompts

    def mixed(*columns: int) -> np.ndarray:
        """Standard normal [q, ...], a share of its variance in common within families."""
        common = rng.standard_normal((len(plan.sizes), *columns))[family]
        own = rng.standard_normal((q, *columns))
        return math.sqrt(plan.between) * common + math.sqrt(1 - plan.between) * own

    kld = MIDDLE * np.exp(2.3 * (2 * norm.cdf(mixed()) - 1))
    size = (kld / MIDDLE) ** plan.change * np.exp(plan.scatter * mixed())
    lean = plan.loss * (kld / MIDDLE) ** (plan.power - plan.change) + plan.lean * mixed()
    lean = np.clip(lean, -0.9, 0.9)[:, None]  # net loss over volume
    place = norm.cdf(mixed(n))
    soft = 0.02 * size[:, None] * t.ppf(place, 4) * np.where(place < 0.5, 1 + lean, 1 - lean)
    volume = 0.04 * size[:, None]
    hard = 1.0 * (place > 1 - volume * (1 - lean) / 2) - (place < volume * (1 + lean) / 2)
    names = [f"q{k:02}" for k in range(q)]
    prompts = np.array([f"{k:05}" for k in range(n)], object)
    whole = q * n
    scored = Scored(
        np.repeat(np.array([SOFT, HARD], object), whole),
        np.tile(np.repeat(np.array(names, object), n), 2),
        np.full(2 * whole, "a", object),
        np.tile(prompts, 2 * q),
        np.tile(prompts, 2 * q),
        np.ones(2 * whole),
        np.concatenate([soft.ravel(), hard.ravel()]),
        np.zeros(2 * whole),
    )
    zone = ZoneKlds(np.full(q, "full", object), np.zeros(q), np.array(names, object), kld)
    labels = [
        {"labelling": "declared", "quant_id": name, "family_id": str(label)}
        for name, label in zip(names, family)
    ]
    settings = Scale(wreck_kld=1.0, fewest_quants=8, seed=int(rng.integers(1 << 31)))
    found = scaling(scored, zone, rows_of(Families, labels), settings)
    return {(row.scoring, row.quantity): row for row in found}


def of_scaling(worlds: int, seed: int) -> Iterator[Promise]:
    """Intervals hold what is planted; an argued power is refused wrongly at most so often."""
    for plan in PLANS:
        rng = np.random.default_rng(seed)
        found = [told(plan, rng) for _ in range(max(worlds // 4, 20))]
        argued = plan.change == 0.5
        for key, power in ARGUED.items():
            true, what = power * plan.change / 0.5, " ".join(key)
            held = [_holds(each[key], true) for each in found]
            yield Promise(
                f"{plan}: interval of {what} holds {power * plan.change / 0.5:g}", held, HELD
            )
        refused = [any(row.verdict == "refused" for row in each.values()) for each in found]
        what = "any argued power refused" + " (power)" * (not argued)
        yield Promise(f"{plan}: {what}", refused, SIZE if argued else ANY)
        for scoring in (SOFT, HARD):
            net = [each[scoring, "net_loss"] for each in found]
            has = [row.verdict == "measured" for row in net]
            if plan.loss == 0:
                yield Promise(f"{plan}: {scoring}: a power of no net loss", has, SIZE)
                continue
            held = [_holds(row, plan.power) for row in net]
            yield Promise(
                f"{plan}: interval of {scoring} net_loss holds {plan.power:g}", held, HELD
            )
            yield Promise(f"{plan}: {scoring}: the power of the net loss has both ends", has, ANY)


def _holds(row, power: float) -> bool:
    """Whether an interval holds the power; an end that is open is beyond it."""
    low = -math.inf if row.low is None else row.low
    return low <= power <= (math.inf if row.high is None else row.high)


PROMISES = (of_scaling,)
