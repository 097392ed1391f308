"""Do the statistics keep their promises? Worlds with a planted truth, by the hundred, and how often
each figure was right.

    python benchmarks/simulations.py [--worlds N] [--seed S] [--parts PART ...]

Prints one line per promise: the figure found, its own simulation error (two standard errors), and
the range promised. A figure is "outside" only if it misses the range by more than that error.
Parts: correlations, paired, zone, prompts, clusters.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator

import numpy as np
from simulated_prompts import HOLDS, RIGHT, SIZE, Promise, holds, of_clusters, of_prompts
from worlds import relatives, world

from qwh.database.settings import variables
from qwh.kernels.statistics import (
    composites,
    paired,
    rho,
    rho_differences,
    zone_edge,
    zone_null,
    zone_ranking,
)

MARGIN, SPLITS = variables()["margin"], variables()["n_splits"]


def main() -> None:
    """Run the parts and print their table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--worlds", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"{'':<98}{'found':>8}{'+-':>7}   promised")
    for part in arguments.parts:
        start = time.perf_counter()
        for what, found, (low, high) in PARTS[part](arguments.worlds, arguments.seed):
            values = np.asarray(found, float)
            mean, error = (
                values.mean(),
                2 * max(values.std(), 0.5 / len(values)) / math.sqrt(len(values)),
            )
            word = "" if low - error <= mean <= high + error else "outside"
            print(f"{what:<98}{mean:>8.3f}{error:>7.3f}   {low:g} to {high:g} {word}", flush=True)
        print(f"{part}: {time.perf_counter() - start:.0f} s", flush=True)


def of_correlations(worlds: int, seed: int) -> Iterator[Promise]:
    rng = np.random.default_rng(seed)
    for n, r in ((10, 0.0), (16, 0.0), (16, -0.5), (28, -0.74), (41, -0.88)):
        truth, cells = 6 / math.pi * math.asin(r / 2), []
        for _ in range(worlds):
            x = rng.standard_normal(n)
            cells += rho.correlate(
                x, r * x + math.sqrt(1 - r * r) * rng.standard_normal(n), 399, 1_000, seed
            )
        for kind, name in (("ci", "percentile"), ("bca", "BCa"), ("z", "Fisher z")):
            yield (
                f"rho {truth:.2f} of {n} quants: {name} interval holds it",
                [
                    cell[f"{kind}_low"] is None or holds(cell, truth, f"{kind}_low", f"{kind}_high")
                    for cell in cells
                ],
                HOLDS,
            )
        if r == 0:
            yield (
                f"rho 0 of {n} quants: permutation p < 0.05",
                [cell["p_permutation"] < 0.05 for cell in cells],
                SIZE,
            )
            yield (
                f"rho 0 of {n} quants: the largest |rho| said to be compatible is below 0.3",
                [cell["largest_compatible"] < 0.3 for cell in cells],
                SIZE,
            )
    for shared in (0.3, 1.0, 3.0):
        smallest = []
        for _ in range(2 * worlds):
            x = shared * rng.standard_normal(16) + rng.standard_normal((14, 16))
            smallest.append(rho.max_t(x, rng.standard_normal(16), 499, seed).min() <= 0.05)
        yield (
            f"14 measurements, none related, shared part {shared:g}: any max-T p <= 0.05",
            smallest,
            SIZE,
        )
    found = []
    for _ in range(worlds):
        x = rng.standard_normal((14, 28))
        found.append(rho.max_t(x, x[0] + 0.8 * rng.standard_normal(28), 499, seed)[0] <= 0.05)
    yield "14 measurements, one with rho -0.77 of 28 quants: it is found under max-T", found, RIGHT
    held, null = [], []
    for _ in range(worlds // 2):
        y = rng.standard_normal(28)
        row = rho_differences.differences(y + rng.standard_normal((2, 28)), y, 1_000, seed)[0]
        held.append(holds(row, 0, "ci_low", "ci_high"))
        null.append(row["p_meng"] < 0.05)
    yield (
        "two equally good measurements of 28 quants: interval of the difference holds 0",
        held,
        (0.93, 0.99),
    )
    yield "two equally good measurements of 28 quants: Meng's p < 0.05", null, (0, 0.06)


def of_paired(worlds: int, seed: int) -> Iterator[Promise]:
    rng = np.random.default_rng(seed)
    for n, leap, drop in ((200, 0.05, 0.05), (500, 0.01, 0.03), (2_000, 0.01, 0.011)):
        found = [
            paired.compare(int(a), int(b), n, MARGIN)
            for a, b, _ in rng.multinomial(n, (leap, drop, 1 - leap - drop), worlds)
        ]
        yield (
            (
                f"{n} prompts, {leap:.1%} leapfrogs, {drop:.1%} drops: Tango's interval holds the"
                " difference"
            ),
            [holds(answer, leap - drop) for answer in found],
            HOLDS,
        )
        yield (
            f"{n} prompts, {leap:.1%} leapfrogs, {drop:.1%} drops: anytime interval holds it",
            [holds(answer, leap - drop, "anytime_low", "anytime_high") for answer in found],
            (0.95, 1),
        )
    for n, leap, drop, wanted in (
        (1_000, 0.02, 0.08, "damaged"),
        (1_000, 0.08, 0.02, "better"),
        (4_000, 0.01, 0.01, "equivalent"),
        (400, 0.05, 0.055, "unresolved"),
    ):
        found = [
            paired.compare(int(a), int(b), n, MARGIN)["verdict"]
            for a, b, _ in rng.multinomial(n, (leap, drop, 1 - leap - drop), worlds)
        ]
        yield (
            f"{n} prompts, {leap:.1%} leapfrogs, {drop:.1%} drops: verdict {wanted}",
            [word == wanted for word in found],
            RIGHT,
        )
    edge = [
        paired.equivalence(int(a), int(b), 2_000, MARGIN)[0] < 0.05
        for a, b, _ in rng.multinomial(2_000, (0.01, 0.02, 0.97), worlds)
    ]
    yield "a loss of just the margin (1 pt): called equivalent", edge, (0, 0.055)
    flips = rng.random((worlds, 400)) < 0.5
    leapfrogs, n = np.cumsum(flips, 1), np.arange(1, 401)
    values = np.array(
        [
            [paired.e_value(int(a), int(k - a)) for a, k in zip(row[::20], n[::20])]
            for row in leapfrogs
        ]
    )
    stopped = values[
        np.arange(worlds),
        np.where((values >= 5).any(1), (values >= 5).argmax(1), values.shape[1] - 1),
    ]
    yield (
        "coin-toss disagreements: mean e-value when stopped at 5 or at the end",
        stopped,
        (0.0, 1.0),
    )
    yield "coin-toss disagreements: e-value ever reaches 20", (values >= 20).any(1), SIZE
    held, size = [], []
    for _ in range(worlds // 2):
        made = [
            np.repeat([1.0, -1.0, 0.0], row) for row in rng.multinomial(300, (0.03, 0.05, 0.92), 4)
        ]
        held.append(holds(composites.composite(made, [1] * 4, 1_000, seed, MARGIN), -0.02))
        size.append(
            composites.composite(
                [rng.choice([-1.0, 0.0, 1.0], 300, p=(0.04, 0.92, 0.04)) for _ in range(4)],
                [1] * 4,
                999,
                seed,
                MARGIN,
            )["p_different"]
            < 0.05
        )
    yield "composite of 4 benchmarks: interval holds the difference", held, HOLDS
    yield "composite of 4 benchmarks, no difference: p < 0.05", size, SIZE
    yield (
        "benchmarks of one direction: heterogeneity p < 0.05",
        [heterogeneous(rng, (0.4,) * 4, seed) for _ in range(worlds // 2)],
        SIZE,
    )
    yield (
        "benchmarks of planted opposite directions: heterogeneity p < 0.05",
        [heterogeneous(rng, (0.15, 0.85, 0.15, 0.85), seed) for _ in range(worlds // 2)],
        RIGHT,
    )


def heterogeneous(rng: np.random.Generator, shares: tuple, seed: int) -> bool:
    volumes = np.array((12, 20, 30, 40))
    leapfrogs = rng.binomial(volumes, shares)
    p = composites.heterogeneity(leapfrogs, volumes - leapfrogs, 499, seed)["p"]
    return p is not None and p < 0.05


def of_zone(worlds: int, seed: int) -> Iterator[Promise]:
    """The no-mystery null in worlds that it can tell apart, and in worlds that it cannot; planted
    directions; the hinge's edge.
    """
    kinds = {
        "line": lambda slope: lambda kld: slope * kld,
        "flat": lambda slope: lambda kld: slope * np.maximum(0, kld - 0.03),
    }
    right = {"line": "explained by noise", "flat": "steeper than noise"}
    for per_benchmark, slope, resolved in (
        (500, 0.08, False),
        (500, 0.16, False),
        (500, 0.3, None),
        (8_000, 1.0, True),
        (20_000, 0.8, True),
    ):
        for kind, fall in kinds.items():
            words, told = [], []
            for k in range(min(worlds, 200)):
                made = flips_only(41, per_benchmark, seed + k, fall(slope))
                answer = zone_null.no_mystery(*made, made[0] < 0.03, 500, seed)
                words.append(answer["verdict"])
                told.append(answer["resolvable"] or 0)
            name = (
                f"{kind} world, {slope:g} per nat, 5 x {per_benchmark:,} prompts (resolvable"
                f" {np.mean(told):.2f})"
            )
            if resolved is None:
                yield (
                    f"{name}: the wrong world",
                    [word not in (right[kind], "cannot tell") for word in words],
                    SIZE,
                )
            else:
                wanted = right[kind] if resolved else "cannot tell"
                yield f"{name}: {wanted}", [word == wanted for word in words], RIGHT
    for gain, wanted in ((-0.5, "better"), (0.5, "damaged")):
        words, told = [], []
        for k in range(min(worlds, 60)):
            made = world(28, 500, seed + k, 0.3, lambda kld, gain=gain: gain * np.sqrt(kld) * 0.3)
            far = made.kld > 0.1
            gains = made.scores - made.reference
            words += [
                composites.composite(
                    [row[made.benchmarks == name] for name in np.unique(made.benchmarks)],
                    [1] * 5,
                    500,
                    seed,
                    MARGIN,
                )["verdict"]
                == wanted
                for row in gains[far]
            ]
            cell = rho.correlate(made.kld, gains.mean(1), 499, 50, seed)[0]
            told.append(cell["p_permutation"] < 0.05 and (cell["rho"] > 0) == (gain < 0))
        yield (
            (
                f"planted direction, half the volume {'up' if gain < 0 else 'down'}: far quants"
                f" {wanted}"
            ),
            words,
            RIGHT,
        )
        yield (
            (
                f"planted direction, half the volume {'up' if gain < 0 else 'down'}: score"
                f" {'rises' if gain < 0 else 'falls'} with KLD"
            ),
            told,
            RIGHT,
        )
    words = []
    for k in range(min(worlds, 60)):
        made = world(16, 400, seed + k, 0.2, lambda kld: 0 * kld)
        words += [
            composites.composite([row], [1], 500, seed, MARGIN)["verdict"] in ("damaged", "better")
            for row in made.scores - made.reference
        ]
    yield "pure null, 2,000 prompts: a quant is called damaged or better", words, SIZE
    for family in (1, 4):
        ranked, alone, drawn, kld = [], [], [], np.geomspace(0.001, 0.02, 16)
        for k in range(min(worlds, 400)):
            gains = relatives(16, 600, seed + k, family)
            can = zone_ranking.ranking(list(gains), ["all"] * 600, [1.0] * 600, 400, k, SPLITS)
            ranked.append(can["p"] < 0.05)
            for found, known in (
                (alone, None),
                (drawn, composites.score_replicates(gains, ["all"] * 600, None, 400, k)),
            ):
                found.append(
                    zone_null.no_mystery(
                        kld,
                        gains.mean(1),
                        gains.std(1) / math.sqrt(600),
                        [True] * 16,
                        400,
                        k,
                        known,
                    )["p_flat"]
                    < 0.05
                )
        name = "16 quants that differ in nothing" + (", families of 4" if family > 1 else "")
        yield f"{name}: said to be rankable", ranked, SIZE
        yield f"{name}: prompts drawn anew, either side of flat p < 0.05", drawn, (0.0, 0.10)
        if family == 1:  # among relatives 43 % of these p are below 0.05
            yield f"{name}: independent noise, the same", alone, (0.0, 0.10)
    rng = np.random.default_rng(seed)
    held, resampled, straight, kinked = [], [], [], []
    for _ in range(worlds // 4):
        kld = np.exp(rng.uniform(math.log(0.003), math.log(0.5), 41))
        noise = 0.004 * rng.standard_normal(41)
        kink = zone_edge.hinge(
            kld, 0.7 - 0.02 * np.maximum(0, np.log(kld / 0.03)) + noise, None, 500, seed
        )
        held.append(holds(kink, 0.03, "profile_low", "profile_high"))
        resampled.append(holds(kink, 0.03))
        kinked.append(kink["p_linear"] < 0.05)
        straight.append(
            zone_edge.hinge(kld, 0.7 - 0.16 * kld + noise, None, 199, seed)["p_linear"] < 0.05
        )
    yield "hinge at 0.03 nats, 41 quants: profile interval holds it", held, HOLDS
    yield "hinge at 0.03 nats, 41 quants: resampled interval holds it", resampled, (0.88, 0.97)
    yield "straight line taken for a hinge: p < 0.05", straight, SIZE
    yield "hinge told from a straight line: p < 0.05", kinked, RIGHT


def flips_only(
    quants: int, per_benchmark: int, seed: int, fall: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """KLD, composite and its error: the counts of worlds.world without its prompts."""
    rng = np.random.default_rng(seed)
    kld, n = np.exp(rng.uniform(math.log(0.003), math.log(0.5), quants)), 5 * per_benchmark
    lost = fall(kld)
    volume = np.maximum(0.12 * np.sqrt(kld), np.abs(lost) * 1.05)
    flips = np.array(
        [rng.multinomial(n, ((v - d) / 2, (v + d) / 2, 1 - v)) for v, d in zip(volume, lost)]
    )
    gain, seen = (flips[:, 0] - flips[:, 1]) / n, (flips[:, 0] + flips[:, 1]) / n
    return kld, 0.7 + gain, np.sqrt((seen - gain**2) / n)


PARTS = {
    "correlations": of_correlations,
    "paired": of_paired,
    "zone": of_zone,
    "prompts": of_prompts,
    "clusters": of_clusters,
}

if __name__ == "__main__":
    main()
