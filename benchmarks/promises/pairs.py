"""Pairs of equal distance, and which way a zone leans: every word wrong and right."""

from collections.abc import Iterator

import numpy as np
from families_worlds import Cohort, Plan, even, relatives

from qwh.kernels.statistics.scores import equal_distance as kernel
from qwh.kernels.statistics.zone import zone_direction as leaning

from . import HOLDS, SIZE, Promise
from .paired import ANY, answers

SETTINGS = kernel.Nearness(n_tosses=499, seed=1, equal_distance=1.1)
TOSSES = leaning.Tosses(n_tosses=499, seed=1)
RANGE = {"low": 0.002, "high": 0.04}
COHORTS = {
    "41 unrelated": Plan(even(41, 41), 1_500, between=0.0, flips=0.0, **RANGE),
    "41 in 8 families": Plan(even(41, 8), 1_500, between=0.1, **RANGE),
    "41 in 8 families, graded": Plan(even(41, 8), 1_500, between=0.1, graded=True, **RANGE),
    "12 in 3 families, 300 prompts": Plan(even(12, 3), 300, **RANGE),
}


def dropped(made: Cohort, share: np.ndarray, rng: np.random.Generator) -> Cohort:
    """The same quants, each of which loses a further share [q] of the prompts, all on its own."""
    lost = rng.random(made.gains.shape) < share[:, None]
    return made._replace(
        gains=np.where(lost, -1.0, made.gains), truth=made.truth * (1 - share) - share
    )


def tested(made: Cohort) -> tuple[list[kernel.EqualPair], np.ndarray, kernel.EqualDistance]:
    """(pairs, their true differences, the global test)."""
    names = [f"q{k:03}" for k in range(len(made.kld))]
    distances = kernel.Distances(np.array(names, object), made.kld)
    rows = answers(made.gains)
    pairs = kernel.equal_distance_pairs(distances, rows, SETTINGS)
    place = dict(zip(names, made.truth))
    truth = np.array([place[row.other_quant_id] - place[row.quant_id] for row in pairs])
    return pairs, truth, kernel.equal_distance(distances, rows, SETTINGS)


def of_pairs(worlds: int, seed: int) -> Iterator[Promise]:
    """False ones among the pairs said to differ, true ones found, and KLD alone refused."""
    rng = np.random.default_rng(seed)
    for name, plan in COHORTS.items():
        for world in ("all equal", "KLD decides: 1 pt per 0.01 nats", "3 quants lose 2 pt"):
            listed, found, refused, held = [], [], [], []
            for _ in range(max(worlds // 5, 1)):
                made = relatives(plan, rng)
                share = np.zeros(len(made.kld))
                if world.startswith("KLD"):
                    share = made.kld
                elif world.startswith("3"):
                    share[rng.choice(len(share), 3, replace=False)] = 0.02
                pairs, truth, whole = tested(dropped(made, share, rng))
                differ = np.array([row.verdict == "differ" for row in pairs], bool)
                same = np.abs(truth) < 0.01
                listed.append((differ & same).sum() / max(differ.sum(), 1))
                found += differ[~same].tolist()
                refused.append(whole.verdict == "refused")
                held += [row.low <= gap <= row.high for row, gap in zip(pairs, truth)]
            what = f"{name}, {world}: "
            yield Promise(what + "false ones among pairs that differ", listed, SIZE)
            if found:
                yield Promise(what + "a differing pair is listed", found, ANY)
            size = ANY if found else SIZE
            yield Promise(what + "KLD alone is refused", refused, size)
            yield Promise(what + "a pair's interval holds", held, HOLDS)


def of_scatter(worlds: int, seed: int) -> Iterator[Promise]:
    """Offsets of the size that the test says it resolves are found."""
    rng = np.random.default_rng(seed)
    plan = COHORTS["41 in 8 families"]._replace(offset=0.007, offset_between=0.0)
    refused = []
    for _ in range(max(worlds // 5, 1)):
        _, _, whole = tested(relatives(plan, rng))
        refused.append(whole.verdict == "refused")
    yield Promise("41 in 8 families, quants differ, sd .7 pt: KLD alone is refused", refused, ANY)


def zone(made: np.ndarray, kld: np.ndarray) -> tuple[leaning.ZoneDirection, ...]:
    """Both kinds of figure of one zone."""
    q = len(kld)
    names = np.array([f"q{k:03}" for k in range(q)], object)
    rule = np.array(["kld_max"] * q, object)
    members = leaning.Members(rule, np.full(q, 0.02), np.zeros(q, bool), names, kld)
    return tuple(leaning.zone_directions(members, answers(made), TOSSES))


def leans(
    rng: np.random.Generator, plan: Plan, share: np.ndarray, volume: float = 0.06
) -> np.ndarray:
    """Gains [q, n] with this chance [q] that a flip is a leapfrog; families share flips."""
    q = len(share)
    family = np.repeat(np.arange(len(plan.sizes)), plan.sizes)
    coins = rng.random((2, len(plan.sizes), plan.prompts))[:, family]
    own = rng.random((2, q, plan.prompts))
    moved, way = np.where(rng.random((q, plan.prompts)) < plan.flips, coins, own)
    return np.where(moved < volume, np.where(way < share[:, None], 1.0, -1.0), 0.0)


def of_direction(worlds: int, seed: int) -> Iterator[Promise]:
    """The zone's pooled share of leapfrogs, and whether it changes with KLD."""
    rng = np.random.default_rng(seed)
    for name, plan in (
        ("16 in 4 families, 1,146 prompts", Plan(even(16, 4), 1_146)),
        ("16 in 4 families, 150 prompts", Plan(even(16, 4), 150)),
        ("9 unrelated, 400 prompts", Plan(even(9, 9), 400, flips=0.0)),
        ("12 in 2 families, 5,000 prompts", Plan(even(12, 2), 5_000)),
    ):
        q = sum(plan.sizes)
        x = np.linspace(-1, 1, q)
        for level, slope in ((0.5, 0.0), (0.35, 0.0), (0.5, 0.15)):
            share, change, held, held_change = [], [], [], []
            for _ in range(max(worlds // 4, 1)):
                order = rng.permutation(x) if slope == 0 else x
                one, other = zone(leans(rng, plan, level + slope * order), np.exp2(order))
                share.append(one.verdict in ("loses", "gains"))
                change.append(other.verdict in ("falls", "rises"))
                held.append(one.low is not None and one.low <= level <= one.high)
                held_change.append(other.low is not None and other.low <= slope <= other.high)
            what = f"{name}, f {level:g}" + (f" +- {slope:g}" if slope else "") + ": "
            yield Promise(what + "interval of f holds", held, HOLDS)
            yield Promise(what + "leans", share, SIZE if level == 0.5 else ANY)
            yield Promise(what + "interval of the change holds", held_change, HOLDS)
            yield Promise(what + "changes", change, ANY if slope else SIZE)


PROMISES = (of_pairs, of_scatter, of_direction)
