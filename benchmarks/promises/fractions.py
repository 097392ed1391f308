"""Scores that are fractions: most prompts differ by almost nothing, a few by much, some one way."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from qwh.kernels.statistics.answers import Sheet
from qwh.kernels.statistics.scores import betting, fractions
from qwh.kernels.statistics.scores import equal_distance as distance
from qwh.kernels.statistics.scores.candidates import judged
from qwh.kernels.statistics.scores.composite_differences import PairedDraws, compared
from qwh.kernels.statistics.scores.duels import duels
from qwh.kernels.statistics.scores.fraction_differences import cells
from qwh.kernels.statistics.scores.score_pairs import PairDraws, paired
from qwh.kernels.statistics.texts import Prompts
from qwh.kernels.statistics.zone import zone_direction as leaning
from qwh.kernels.statistics.zone import zone_ranking as ranking
from qwh.kernels.statistics.zone.losses import LossSettings, shown

from . import SIZE, VARS, Promise
from .paired import ANY, answers

MARGIN = VARS["margin_expected"]
COVERS = (0.93, 1.0)  # an interval that is too wide breaks no promise
PROMPTS = {"50": 1.0, "200": 1.0, "1,146": 1.0, "5,000": 0.4, "20,000": 0.1}  # share of the worlds
Draw = Callable[[np.random.Generator, int, int], np.ndarray]  # [quants, prompts] of mean 0


class World(NamedTuple):
    """Gains of one quant; what a family shares is drawn once for its quants."""

    draw: Draw
    shared: float = 0.0  # how likely a quant's gain on a prompt is its family's


def log_odds(temperature: float, moved: float) -> Draw:
    """Probabilities of the right answer, quant and reference moved alike in log-odds."""

    def draw(rng: np.random.Generator, quants: int, prompts: int) -> np.ndarray:
        place = rng.normal(0.3, 2.0, prompts)
        sides = place + rng.normal(0.0, moved, (quants + 1, prompts))
        scores = 1 / (1 + np.exp(-sides / temperature))
        return scores[:-1] - scores[-1]

    return draw


def few_large(share: float, size: float = 0.8) -> Draw:
    """This share of prompts differs by up to a size, either way; the others hardly."""

    def draw(rng: np.random.Generator, quants: int, prompts: int) -> np.ndarray:
        shape = (quants, prompts)
        large = size * rng.choice([-1, 1], shape) * rng.beta(1, 2, shape)
        return np.where(rng.random(shape) < share, large, rng.normal(0, 0.003, shape))

    return draw


def rare(expected: float, way: int = -1) -> Draw:
    """So many prompts lose (or gain) much, and all others make up for it by a little each."""

    def draw(rng: np.random.Generator, quants: int, prompts: int) -> np.ndarray:
        share, shape = min(expected / prompts, 0.5), (quants, prompts)
        large = rng.random(shape) < share
        small = rng.normal(0, 0.003, shape)
        return way * (np.where(large, rng.uniform(0.2, 0.9, shape), small) - 0.55 * share)

    return draw


SYMMETRIC = {
    "log-odds, T .3": World(log_odds(0.3, 0.1)),
    "log-odds, T 1": World(log_odds(1.0, 0.1)),
    "2 % large": World(few_large(0.02)),
    "10 % large": World(few_large(0.1)),
}
SKEWED = {
    "3 rare losses": World(rare(3)),
    "10 rare losses": World(rare(10)),
    "30 rare losses": World(rare(30)),
    "10 rare gains": World(rare(10, 1)),
}
WORLDS = SYMMETRIC | SKEWED


def gains_of(
    world: World, rng: np.random.Generator, sizes: tuple[int, ...], prompts: int
) -> np.ndarray:
    """[quants, prompts] of families of these sizes."""
    family = np.repeat(np.arange(len(sizes)), sizes)
    common = world.draw(rng, len(sizes), prompts)[family]
    own = world.draw(rng, len(family), prompts)
    return np.where(rng.random(own.shape) < world.shared, common, own)


def sheet_of(gains: np.ndarray, benchmarks: int = 1, repeats: int = 1) -> Sheet:
    """A sheet of these gains [q, n]; each text is asked so many times."""
    q, n = gains.shape
    names = [f"b{k % benchmarks}" for k in range(n // repeats)]
    texts = [f"{k:06}" for k in range(n // repeats)]
    prompts = Prompts(np.repeat(names, repeats).tolist(), np.repeat(texts, repeats).tolist())
    quants = [f"q{k:03}" for k in range(q)]
    return Sheet(quants, gains, np.zeros(n), prompts, dict.fromkeys(names, 1.0))


def one_by_one(worlds: int, seed: int) -> Iterator[tuple[str, Sheet, Sheet]]:
    """(name, quants without a difference, the same that lose just the margin)."""
    rng = np.random.default_rng(seed)
    for kind, world in WORLDS.items():
        for prompts, share in PROMPTS.items():
            n, rows = int(prompts.replace(",", "")), max(int(worlds * share), 20)
            made = np.vstack([world.draw(rng, 1, n) for _ in range(rows)])
            for benchmarks in (1, 7):
                what = f"{kind}, {prompts} prompts, {benchmarks} benchmark(s): "
                yield what, sheet_of(made, benchmarks), sheet_of(made - MARGIN, benchmarks)


def of_one(worlds: int, seed: int) -> Iterator[Promise]:
    """Interval, p and equivalence of one quant."""
    for what, equal, lost in one_by_one(worlds, seed):
        found, less = (fractions.moments(each.gains, each) for each in (equal, lost))
        low, high = fractions.interval(found)
        yield Promise(what + "interval holds", (low <= 0) & (high >= 0), COVERS)
        yield Promise(what + "p <= .05", fractions.told(found) <= 0.05, SIZE)
        same = fractions.equivalent(less, MARGIN) <= 0.05
        yield Promise(what + "loss of the margin: equivalent", same, SIZE)
        fine = fractions.not_inferior(less, MARGIN) <= 0.05
        yield Promise(what + "loss of the margin: not inferior", fine, SIZE)
        same = fractions.equivalent(found, MARGIN) <= 0.05
        yield Promise(what + "no loss: equivalent", same, ANY)
        ten = fractions.moments(equal.gains - 5 * MARGIN, equal)
        yield Promise(what + "loss of 5 margins: p <= .05", fractions.told(ten) <= 0.05, ANY)


def of_repeats(worlds: int, seed: int) -> Iterator[Promise]:
    """Texts asked three times, whose gains are much alike."""
    rng = np.random.default_rng(seed)
    for kind, world in WORLDS.items():
        texts = np.vstack([world.draw(rng, 1, 400) for _ in range(worlds)])
        made = np.repeat(texts, 3, axis=1)
        made = np.where(rng.random(made.shape) < 0.2, 0.0, made)
        found = fractions.moments(made, sheet_of(made, 4, 3))
        low, high = fractions.interval(found)
        what = f"{kind}, 400 texts asked 3 times: "
        yield Promise(what + "interval holds", (low <= 0) & (high >= 0), COVERS)
        yield Promise(what + "p <= .05", fractions.told(found) <= 0.05, SIZE)


def of_unseen(worlds: int, seed: int) -> Iterator[Promise]:
    """One large loss is expected, so that one cohort in three shows none: what holds then."""
    rng = np.random.default_rng(seed)
    for prompts in (50, 1_146, 5_000):
        made = np.vstack([rare(1)(rng, 1, prompts) for _ in range(worlds)])
        whole, what = sheet_of(made), f"1 rare loss, {prompts:,} prompts: "
        found, less = (fractions.moments(each, whole) for each in (made, made - MARGIN))
        low, high = fractions.interval(found)
        yield Promise(what + "interval holds", (low <= 0) & (high >= 0), ANY)
        yield Promise(what + "p <= .05", fractions.told(found) <= 0.05, SIZE)
        same = fractions.equivalent(less, MARGIN) <= 0.05
        yield Promise(what + "loss of the margin: equivalent", same, SIZE)
        bets = [betting.e_value(row) >= 20 for row in made[: worlds // 2]]
        yield Promise(what + "e-value reaches 20", bets, SIZE)


def of_unseen_zones(worlds: int, seed: int) -> Iterator[Promise]:
    """One large loss is expected of a quant, or of half a zone: what is said beside other ones."""
    rng, q = np.random.default_rng(seed), 12
    names = np.array([f"q{k:03}" for k in range(q)], object)
    rule, one, klds = np.array(["kld_max"] * q, object), np.full(q, 0.02), np.geomspace(0.5, 2, q)
    pair, how = PairDraws(499, 1, MARGIN), distance.Nearness(499, 1, 1.1)
    for kind, other in (("still", few_large(0.0)), ("log-odds", log_odds(0.3, 0.1))):
        for n in (50, 1_146):
            apart, duel, differ, refused, leans, changes = ([] for _ in range(6))
            for _ in range(max(worlds // 5, 10)):
                made = np.vstack([rare(1)(rng, 1, n), other(rng, 1, n)])
                sheet = sheet_of(made)
                first = paired(sheet, pair)[0].verdict_alone, paired(sheet, pair)[1].verdict_alone
                apart += [word in ("other_higher", "other_lower") for word in first]
                held = sheet.of(["q000"])._replace(reference=sheet.scores[1])
                duel.append(duels(held, pair)[0].verdict in ("higher", "lower"))
                near, rows = distance.Distances(names[:2], one[:2]), answers(made)
                found = distance.equal_distance_pairs(near, rows, how)
                differ.append(found[0].verdict == "differ")
                refused.append(distance.equal_distance(near, rows, how).verdict == "refused")
                zone = answers(np.repeat(made[:: rng.choice([-1, 1])], q // 2, axis=0))
                members = leaning.Members(rule, one, one > 1, names, klds)
                share, change = leaning.zone_directions(members, zone, leaning.Tosses(499, 1))
                leans.append(share.verdict in ("loses", "gains"))
                changes.append(change.verdict in ("falls", "rises"))
            what = f"1 rare loss beside {kind}, {n:,} prompts: "
            yield Promise(what + "the pair, or it and the reference, differ", apart, SIZE)
            yield Promise(what + "a duel is decided", duel, SIZE)
            yield Promise(what + "equally far and differ", differ, SIZE)
            yield Promise(what + "KLD alone is refused", refused, SIZE)
            yield Promise(what + "the zone leans", leans, SIZE)
            yield Promise(what + "f changes with KLD", changes, SIZE)


def of_bets(worlds: int, seed: int) -> Iterator[Promise]:
    """Evidence that may be looked at after every prompt: stopped where it is largest."""
    rng = np.random.default_rng(seed)
    looks = np.unique(np.geomspace(10, 1_200, 24).astype(int))
    for kind, world in (WORLDS | {"1 rare loss": World(rare(1))}).items():
        made = np.vstack([world.draw(rng, 1, looks[-1]) for _ in range(max(worlds // 4, 20))])
        for lost, wanted in ((0.0, SIZE), (5 * MARGIN, ANY)):
            values = np.array([[betting.e_value(row[:n] - lost) for n in looks] for row in made])
            what = f"{kind}, loss {lost:g}, {len(looks)} looks up to {looks[-1]:,} prompts: "
            yield Promise(what + "ever 20", (values >= 20).any(1), wanted)
            if not lost:
                stop = np.where((values >= 2).any(1), (values >= 2).argmax(1), len(looks) - 1)
                stopped = values[np.arange(len(values)), stop]
                yield Promise(what + "mean when stopped at 2", stopped, (0.0, 1.0))
        unit = np.arange(300)
        ends = [betting.anytime_interval(row[:300], unit) for row in made]
        held = [low <= 0 <= high for low, high in ends]
        yield Promise(f"{kind}, 300 prompts: anytime interval holds", held, (0.95, 1.0))


def cohorts(worlds: int, seed: int) -> Iterator[tuple[str, Callable[[float], Sheet], range]]:
    """(name, a maker of a cohort of quants that all lose so much, how many times)."""
    rng = np.random.default_rng(seed)
    for kind in ("log-odds, T .3", "2 % large", "10 rare losses", "30 rare losses"):
        for sizes, shared in (((1,) * 12, 0.0), ((3,) * 4, 0.8)):
            for n, benchmarks in ((200, 4), (1_146, 7)) + ((5_000, 7),) * (shared > 0):
                world = WORLDS[kind]._replace(shared=shared)
                how = "12 in 4 families" if shared else "12 unrelated"

                def make(lost: float, world=world, sizes=sizes, n=n, parts=benchmarks) -> Sheet:
                    return sheet_of(gains_of(world, rng, sizes, n) - lost, parts)

                times = range(max(worlds // (4 if n < 2_000 else 10), 10))
                yield f"{kind}, {how}, {n:,} prompts: ", make, times


def of_cohorts(worlds: int, seed: int) -> Iterator[Promise]:
    """Every word about the quants of a cohort at once: any wrong one, and the right ones found."""
    few = PairedDraws(99, 499, 1, MARGIN)
    pair = PairDraws(499, 1, MARGIN)
    for what, make, times in cohorts(worlds, seed):
        wrong, differ, lose, cell = [], [], [], []
        for _ in times:
            made = make(0.0)
            said = {row.verdict for row in compared(made, few)}
            wrong.append(bool(said & {"damaged", "better"}))
            said = {row.verdict for row in paired(made, pair) if row.other_quant_id}
            differ.append(bool(said & {"other_higher", "other_lower"}))
            lose.append(any(row.verdict == "loss" for row in shown(made, LossSettings(499, 1))))
            said = {row.verdict for row in cells(made.of(made.quants[:3]), MARGIN)}
            cell.append(bool(said & {"damaged", "better"}))
        yield Promise(what + "any damaged or better", wrong, SIZE)
        yield Promise(what + "any pair said to differ", differ, SIZE)
        yield Promise(what + "any said to lose", lose, SIZE)
        yield Promise(what + "any benchmark of 3 damaged or better", cell, SIZE)
        same, fine, within = [], [], []
        for _ in times:
            made = make(MARGIN)
            same.append(any(row.verdict == "equivalent" for row in compared(made, few)))
            fine.append(any(row.verdict == "not_inferior" for row in judged(made, pair)))
            made = made._replace(scores=made.scores + MARGIN * (np.arange(12) % 2)[:, None])
            rows = [row for row in paired(made, pair) if row.other_quant_id]
            apart = [int(str(row.other_quant_id)[1:]) - int(row.quant_id[1:]) for row in rows]
            said = [row.verdict for row, gap in zip(rows, apart) if gap % 2]
            within.append("within_margin" in said)
        yield Promise(what + "lose the margin: any equivalent", same, SIZE)
        yield Promise(what + "lose the margin: any not inferior", fine, SIZE)
        yield Promise(what + "a margin apart: any pair within it", within, SIZE)


def of_zones(worlds: int, seed: int) -> Iterator[Promise]:
    """What is said of a zone of equal quants: ranked, leaning, unlike at equal distance."""
    rng, q = np.random.default_rng(seed), 12
    names = np.array([f"q{k:03}" for k in range(q)], object)
    rule, one, inside = np.array(["kld_max"] * q, object), np.full(q, 0.02), np.ones(q, bool)
    for kind in ("log-odds, T .3", "2 % large", "30 rare losses"):
        for n in (200, 1_146):
            ranked, leans, changes, held, refused, differ = [], [], [], [], [], []
            for _ in range(max(worlds // 5, 10)):
                made = gains_of(WORLDS[kind]._replace(shared=0.8), rng, (3,) * 4, n)
                rows, kld = answers(made), np.exp2(rng.permutation(np.linspace(-1, 1, q)))
                error = made.std(1) / np.sqrt(n)
                zone = ranking.ZoneScores(rule, one, names, kld, made.mean(1), error, inside)
                figures = ranking.zone_figures(zone, rows, ranking.RankingSettings(499, 50, 1))
                ranked.append(any(row.verdict == "rankable" for row in figures))
                members = leaning.Members(rule, one, ~inside, names, kld)
                share, change = leaning.zone_directions(members, rows, leaning.Tosses(499, 1))
                leans.append(share.verdict in ("loses", "gains"))
                held.append(share.low is not None and share.low <= 0.5 <= share.high)
                changes.append(change.verdict in ("falls", "rises"))
                near, how = distance.Distances(names, one), distance.Nearness(499, 1, 1.1)
                refused.append(distance.equal_distance(near, rows, how).verdict == "refused")
                pairs = distance.equal_distance_pairs(near, rows, how)
                differ.append(any(row.verdict == "differ" for row in pairs))
            what = f"{kind}, 12 equal quants in 4 families, {n:,} prompts: "
            yield Promise(what + "rankable", ranked, SIZE)
            yield Promise(what + "leans", leans, SIZE)
            yield Promise(what + "interval of f holds", held, COVERS)
            yield Promise(what + "f changes with KLD", changes, SIZE)
            yield Promise(what + "KLD alone is refused", refused, SIZE)
            yield Promise(what + "any pair differs", differ, SIZE)


PROMISES = (of_one, of_repeats, of_unseen, of_unseen_zones, of_bets, of_cohorts, of_zones)
