"""How often is each word of the statistics said of quants whose truth is known?

    python benchmarks/calibration.py [--worlds N] [--quants 8 16 28 41] [--parts PART ...]

Draws cohorts from the calibrated quants (calibrated/README.md) and prints one line per word: how
often it is said, twice the simulation's error, and the range promised: at most 5 % where it would
be wrong; 0 to 1 beside a power, which nobody promises.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
from calibrated import cohorts, packed
from calibrated.cohorts import Cohort
from promises import MARGIN, SIZE, VARS, Promise, line

from qwh.kernels.statistics.answers import Answers
from qwh.kernels.statistics.chunks import text_pairs
from qwh.kernels.statistics.chunks.clusters import Chunks, Neighbours
from qwh.kernels.statistics.quants import relatives, these
from qwh.kernels.statistics.quants.cells import Distances
from qwh.kernels.statistics.quants.families import Families
from qwh.kernels.statistics.scores import candidates, composite_differences, equal_distance
from qwh.kernels.statistics.scores.score_pairs import PairDraws
from qwh.kernels.statistics.zone import losses, zone_choice, zone_direction, zone_null

ANY = (0.0, 1.0)
TOSSES, SEED, POSITIONS = 499, 20_260_617, 47.0  # positions of a chunk that are scored
Part = Callable[[packed.Packed, int, int, np.random.Generator], Iterator[Promise]]


def main() -> None:
    """Run the parts and print their tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--quants", type=int, nargs="+", default=[8, 16, 28, 41])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    arguments = parser.parse_args()
    known = packed.load()
    print(f"{'':<98}{'found':>8}{'+-':>7}   promised")
    for part in arguments.parts:
        for n in arguments.quants:
            start = time.perf_counter()
            rng = np.random.default_rng((SEED, n))
            for promise in PARTS[part](known, n, arguments.worlds, rng):
                print(line(promise._replace(what=f"{n} quants: {promise.what}")), flush=True)
            print(f"{part}, {n} quants: {time.perf_counter() - start:.0f} s", flush=True)


def answers(drawn: Cohort) -> Answers:
    """The cohort's answers as rows, in their order."""
    n, prompts = drawn.scores.shape
    quants = np.repeat(np.array(drawn.quants, object), prompts)
    asked = np.tile(cohorts.PROMPTS, n)
    benchmarks = np.tile(cohorts.BENCHMARKS, n)
    weight = np.ones(n * prompts)
    return Answers(
        quants, benchmarks, asked, asked, weight, drawn.scores.ravel(), np.tile(drawn.reference, n)
    )


def labelled(drawn: Cohort) -> Families:
    """The cohort's families as declared ones."""
    n = len(drawn.quants)
    names = np.array(drawn.quants, object), np.array(drawn.families, object)
    return Families(np.array(["declared"] * n, object), *names)


def order(known: packed.Packed, n: int, worlds: int, rng: np.random.Generator) -> Iterator[Promise]:
    """Falls or rises with distance: beyond the relatives, and on these quants."""
    n4 = n - n % 4
    nulls = {
        "one level, distances dealt, false families": (cohorts.one_level, n),
        "true families, each dealt a distance": (cohorts.families_between, min(n4, 40)),
        "true families, distances dealt inside too": (cohorts.families_inside, min(n4, 40)),
    }
    if n <= len(known.only("recipe")):
        nulls["random recipes, distances dealt, false families"] = (cohorts.recipes, n)
    for what, (world, size) in nulls.items():
        said = [beyond(world(known, size, rng)) for _ in range(worlds)]
        yield Promise(f"{what}: falls or rises beyond relatives", said, SIZE)
    said = [here(cohorts.dealt(known, n, rng)) for _ in range(worlds)]
    yield Promise("answers dealt: falls or rises on these quants", said, SIZE)
    drawn = [cohorts.across_levels(known, n, rng) for _ in range(worlds)]
    fours = [each._replace(families=[f"{k // 4}" for k in range(n)]) for each in drawn]
    yield Promise("all levels: found beyond relatives (power)", [*map(beyond, fours)], ANY)
    yield Promise("all levels: found on these quants (power)", [*map(here, drawn)], ANY)


def distances(drawn: Cohort) -> Distances:
    """Distance and composite of each quant, as one zone's rows."""
    n = len(drawn.quants)

    def texts(value: str) -> np.ndarray:
        return np.array([value] * n, object)

    composite = drawn.scores.reshape(n, len(packed.KINDS), -1).mean((1, 2))
    return Distances(
        texts("full"),
        np.zeros(n),
        texts("kld"),
        texts("composite"),
        np.array(drawn.quants, object),
        drawn.distance,
        composite,
        np.ones(n, bool),
    )


def beyond(drawn: Cohort) -> bool:
    """Whether both tests of relatives refuse, with one sign."""
    settings = relatives.Draws(999, TOSSES, VARS["fewest_quants"], SEED)
    (row,) = relatives.relatives(distances(drawn), answers(drawn), labelled(drawn), settings)
    if row.p_permutation is None or row.p_gls is None:
        return False
    return max(row.p_permutation_adjusted, row.p_gls_adjusted) <= 0.05 and row.rho * row.t > 0


def here(drawn: Cohort) -> bool:
    """Whether prompts alone refuse."""
    settings = these.Tosses(TOSSES, VARS["fewest_quants"], SEED)
    (row,) = these.these_quants(distances(drawn), answers(drawn), settings)
    return row.p_these_adjusted is not None and row.p_these_adjusted <= 0.05


def scores(
    known: packed.Packed, n: int, worlds: int, rng: np.random.Generator
) -> Iterator[Promise]:
    """Composites less the reference's, losses, and pairs of equal distance."""
    null = [cohorts.dealt(known, n, rng) for _ in range(worlds)]
    at_margin = [cohorts.spoilt(each, MARGIN, rng) for each in null]
    real = [cohorts.across_levels(known, n, rng) for _ in range(worlds)]
    words = [[row.verdict for row in composites(each)] for each in null]
    told = [{"damaged", "better"} & set(each) for each in words]
    yield Promise("answers dealt: any quant damaged or better", [*map(bool, told)], SIZE)
    yield Promise("answers dealt: equivalent (power)", share(words, "equivalent"), ANY)
    edge = [composites(each) for each in at_margin]
    close = [any(row.p_equivalent_adjusted <= 0.05 for row in rows) for rows in edge]
    draws = PairDraws(TOSSES, SEED, MARGIN)
    beside = [candidates.candidates(answers(each), draws) for each in at_margin]
    above = [any(row.verdict == "not_inferior" for row in rows) for rows in beside]
    yield Promise("a loss of one margin: any quant equivalent", close, SIZE)
    yield Promise("a loss of one margin: any quant not inferior", above, SIZE)
    words = [[row.verdict for row in composites(each)] for each in real]
    yield Promise("all levels: damaged (power)", share(words, "damaged"), ANY)
    words = [[row.verdict for row in lost(each)] for each in null]
    yield Promise("answers dealt: any loss", ["loss" in each for each in words], SIZE)
    words = [[row.verdict for row in lost(each)] for each in real]
    yield Promise("all levels: loss (power)", share(words, "loss"), ANY)
    yield from pairs(null, "answers dealt", SIZE)
    same = [cohorts.one_level(known, n, rng) for _ in range(worlds)]
    own = [each._replace(distance=known.kld[each.rows].mean(1)) for each in same]
    yield from pairs(own, "one level, seeds apart (power)", ANY)


def composites(drawn: Cohort) -> list[composite_differences.Composite]:
    """Rows of every quant."""
    settings = composite_differences.PairedDraws(TOSSES, TOSSES, SEED, MARGIN)
    return composite_differences.composite_differences(answers(drawn), settings)


def lost(drawn: Cohort) -> list[losses.Loss]:
    """Rows of every quant."""
    return losses.losses(answers(drawn), losses.LossSettings(TOSSES, SEED))


def share(words: list[list[str]], word: str) -> list[float]:
    """Of each cohort's quants."""
    return [each.count(word) / len(each) for each in words]


def pairs(drawn: list[Cohort], what: str, promised: tuple[float, float]) -> Iterator[Promise]:
    """Pairs of equal distance: any that differ, and whether KLD alone decides."""
    settings = equal_distance.Nearness(TOSSES, SEED, VARS["equal_distance"])
    differ, refused = [], []
    for each in drawn:
        near = equal_distance.Distances(np.array(each.quants, object), each.distance)
        rows = equal_distance.equal_distance_pairs(near, answers(each), settings)
        differ.append(any(row.verdict == "differ" for row in rows))
        whole = equal_distance.equal_distance(near, answers(each), settings)
        refused.append(whole.verdict == "refused")
    yield Promise(f"{what}: any pair of equal KLD differs", differ, promised)
    yield Promise(f"{what}: that KLD alone decides is refused", refused, promised)


def zones(known: packed.Packed, n: int, worlds: int, rng: np.random.Generator) -> Iterator[Promise]:
    """The zone beside one smooth law, and which way it leans."""
    real = [cohorts.across_levels(known, n, rng) for _ in range(worlds)]
    rows = [beside_law(each) for each in real]
    for kind, promised in (("flatter", SIZE), ("steeper", SIZE), ("noise", ANY)):
        said = [any(row.kind == kind and row.verdict == "refused" for row in each) for each in rows]
        power = " (power)" if promised == ANY else ""
        yield Promise(f"all levels: the zone's rho refuses: {kind}{power}", said, promised)
    flat = [cohorts.dealt(known, n, rng) for _ in range(worlds)]
    far = [each._replace(distance=np.geomspace(0.002, 0.2, n)) for each in flat]
    said = [any(row.verdict == "refused" for row in beside_law(each)) for each in far]
    yield Promise("answers dealt: the zone's rho refuses anything", said, SIZE)
    null = [*map(lean, flat)]
    told = [bool({"gains", "loses", "falls", "rises"} & each) for each in null]
    yield Promise("answers dealt: the zone leans, or its lean changes", told, SIZE)
    told = ["loses" in lean(each) for each in real]
    yield Promise("all levels: the zone loses (power)", told, ANY)


def beside_law(drawn: Cohort) -> list[zone_null.ZoneNull]:
    """Rows of the zone of all quants up to NEAR."""
    n = len(drawn.quants)
    gains = drawn.scores - drawn.reference
    quants = zone_choice.ZoneQuants(
        np.array(["kld_max"] * n, object),
        np.full(n, cohorts.NEAR * 1.2),
        np.array(drawn.quants, object),
        drawn.distance,
        gains.std(1) / np.sqrt(gains.shape[1]),
    )
    settings = zone_null.NullSettings(VARS["wreck_kld"], TOSSES, SEED)
    return zone_null.zone_nulls(quants, answers(drawn), labelled(drawn), settings)


def lean(drawn: Cohort) -> set[str]:
    """Words on the direction of the zone of all quants up to NEAR."""
    near = np.flatnonzero(drawn.distance <= cohorts.NEAR * 1.2)
    members = zone_direction.Members(
        np.array(["kld_max"] * len(near), object),
        np.full(len(near), cohorts.NEAR * 1.2),
        np.zeros(len(near), bool),
        np.array(drawn.quants, object)[near],
        drawn.distance[near],
    )
    settings = zone_direction.Tosses(TOSSES, SEED)
    rows = zone_direction.zone_directions(members, answers(drawn), settings)
    return {row.verdict for row in rows}


def text(known: packed.Packed, n: int, worlds: int, rng: np.random.Generator) -> Iterator[Promise]:
    """Pairs of quants told apart by a text alone."""
    for chunks in (8, 25, 100):
        null = [cohorts.chunks_dealt(known, n, rng)[:, :chunks] for _ in range(worlds)]
        told = [apart(each) > 0 for each in null]
        yield Promise(f"{chunks} chunks dealt: any pair told apart", told, SIZE)
        real = [known.kld[cohorts.across_levels(known, n, rng).rows] for _ in range(worlds)]
        found = [apart(each[:, :chunks]) for each in real]
        yield Promise(f"{chunks} chunks, all levels: pairs told apart (power)", found, ANY)


def apart(kld: np.ndarray) -> float:
    """Share of pairs told apart by the KLD of each chunk [n, c]."""
    n, chunks = kld.shape

    def texts(value: str) -> np.ndarray:
        return np.array([value] * kld.size, object)

    quants = np.repeat(np.array([f"q{k:02}" for k in range(n)], object), chunks)
    rows = Chunks(
        texts("text"),
        np.full(kld.size, 96),
        texts("torch"),
        texts("kld"),
        quants,
        np.tile(np.arange(chunks), n),
        kld.ravel() * POSITIONS,
        np.full(kld.size, POSITIONS),
    )
    found = text_pairs.text_pairs(rows, Neighbours(VARS["neighbour_correlation"]))
    told = [pair.verdict in ("first_lower", "second_lower") for pair in found]
    return sum(told) / len(told)


PARTS: dict[str, Part] = {"order": order, "scores": scores, "zones": zones, "text": text}


if __name__ == "__main__":
    main()
