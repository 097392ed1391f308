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

import numpy as np
from worlds import relatives, world

from qwh.kernels.statistics import (
    clusters,
    correlations,
    paired,
    pareto,
    prompts,
    routers,
    zone,
)

HOLDS, SIZE, RIGHT = (0.93, 0.97), (0.0, 0.05), (0.90, 1.0)


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


def holds(answer: dict, truth: float, low: str = "low", high: str = "high") -> bool:
    return answer[low] is not None and answer[low] <= truth <= answer[high]


def of_correlations(worlds: int, seed: int):
    rng = np.random.default_rng(seed)
    for n, r in ((10, 0.0), (16, 0.0), (16, -0.5), (28, -0.74), (41, -0.88)):
        truth, cells = 6 / math.pi * math.asin(r / 2), []
        for _ in range(worlds):
            x = rng.standard_normal(n)
            cells += correlations.correlate(
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
            smallest.append(correlations.max_t(x, rng.standard_normal(16), 499, seed).min() <= 0.05)
        yield (
            f"14 measurements, none related, shared part {shared:g}: any max-T p <= 0.05",
            smallest,
            SIZE,
        )
    found = []
    for _ in range(worlds):
        x = rng.standard_normal((14, 28))
        found.append(
            correlations.max_t(x, x[0] + 0.8 * rng.standard_normal(28), 499, seed)[0] <= 0.05
        )
    yield "14 measurements, one with rho -0.77 of 28 quants: it is found under max-T", found, RIGHT
    held, null = [], []
    for _ in range(worlds // 2):
        y = rng.standard_normal(28)
        row = correlations.differences(y + rng.standard_normal((2, 28)), y, 1_000, seed)[0]
        held.append(holds(row, 0, "ci_low", "ci_high"))
        null.append(row["p_meng"] < 0.05)
    yield (
        "two equally good measurements of 28 quants: interval of the difference holds 0",
        held,
        (0.93, 0.99),
    )
    yield "two equally good measurements of 28 quants: Meng's p < 0.05", null, (0, 0.06)


def of_paired(worlds: int, seed: int):
    rng = np.random.default_rng(seed)
    for n, leap, drop in ((200, 0.05, 0.05), (500, 0.01, 0.03), (2_000, 0.01, 0.011)):
        found = [
            paired.compare(int(a), int(b), n)
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
            paired.compare(int(a), int(b), n)["verdict"]
            for a, b, _ in rng.multinomial(n, (leap, drop, 1 - leap - drop), worlds)
        ]
        yield (
            f"{n} prompts, {leap:.1%} leapfrogs, {drop:.1%} drops: verdict {wanted}",
            [word == wanted for word in found],
            RIGHT,
        )
    edge = [
        paired.equivalence(int(a), int(b), 2_000)[0] < 0.05
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
        held.append(holds(paired.composite(made, [1] * 4, 1_000, seed), -0.02))
        size.append(
            paired.composite(
                [rng.choice([-1.0, 0.0, 1.0], 300, p=(0.04, 0.92, 0.04)) for _ in range(4)],
                [1] * 4,
                999,
                seed,
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
    p = paired.heterogeneity(leapfrogs, volumes - leapfrogs, 499, seed)["p"]
    return p is not None and p < 0.05


def of_zone(worlds: int, seed: int):
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
                answer = zone.no_mystery(*made, made[0] < 0.03, 500, seed)
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
                paired.composite(
                    [row[made.benchmarks == name] for name in np.unique(made.benchmarks)],
                    [1] * 5,
                    500,
                    seed,
                )["verdict"]
                == wanted
                for row in gains[far]
            ]
            cell = correlations.correlate(made.kld, gains.mean(1), 499, 50, seed)[0]
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
            paired.composite([row], [1], 500, seed)["verdict"] in ("damaged", "better")
            for row in made.scores - made.reference
        ]
    yield "pure null, 2,000 prompts: a quant is called damaged or better", words, SIZE
    for family in (1, 4):
        ranked, alone, drawn, kld = [], [], [], np.geomspace(0.001, 0.02, 16)
        for k in range(min(worlds, 400)):
            gains = relatives(16, 600, seed + k, family)
            ranked.append(zone.ranking(list(gains), ["all"] * 600, [1.0] * 600, 400, k)["p"] < 0.05)
            for found, known in (
                (alone, None),
                (drawn, clusters.score_replicates(gains, ["all"] * 600, None, 400, k)),
            ):
                found.append(
                    zone.no_mystery(
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
        kink = zone.hinge(
            kld, 0.7 - 0.02 * np.maximum(0, np.log(kld / 0.03)) + noise, None, 500, seed
        )
        held.append(holds(kink, 0.03, "profile_low", "profile_high"))
        resampled.append(holds(kink, 0.03))
        kinked.append(kink["p_linear"] < 0.05)
        straight.append(
            zone.hinge(kld, 0.7 - 0.16 * kld + noise, None, 199, seed)["p_linear"] < 0.05
        )
    yield "hinge at 0.03 nats, 41 quants: profile interval holds it", held, HOLDS
    yield "hinge at 0.03 nats, 41 quants: resampled interval holds it", resampled, (0.88, 0.97)
    yield "straight line taken for a hinge: p < 0.05", straight, SIZE
    yield "hinge told from a straight line: p < 0.05", kinked, RIGHT


def flips_only(
    quants: int, per_benchmark: int, seed: int, fall
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


def of_prompts(worlds: int, seed: int):
    rng = np.random.default_rng(seed)
    groups = np.repeat(list("abc"), 150)
    figures = {
        name: []
        for name in (
            "auroc",
            "within",
            "ratio",
            "within_ratio",
            "matched",
            "lift",
            "prompt",
            "router",
        )
    }
    for k in range(worlds // 2):
        hard = rng.standard_normal(450) + np.repeat([-1.0, 0.0, 1.0], 150)
        failed = (rng.random(450) < 1 / (1 + np.exp(-1.5 * hard))).astype(float)
        plain = np.exp(0.8 * rng.standard_normal(450) + 0.3 * failed)
        # Phi(0.3 / (0.8 sqrt 2))
        figures["auroc"].append(holds(prompts.auroc(plain, failed), 0.60462))
        figures["within"].append(
            holds(prompts.auroc(plain * np.exp(np.repeat([0, 2, 4], 150)), failed, groups), 0.60462)
        )
        hidden = np.exp(0.5 * hard + 0.6 * rng.standard_normal(450))
        row = prompts.failure_ratios(
            np.stack([plain, hidden]),
            np.stack([failed] * 2),
            groups,
            prompts.strata(groups, [hard], 12),
            500,
            k,
        )
        figures["ratio"].append(holds(row[0], math.exp(0.3), "pooled_low", "pooled_high"))
        figures["within_ratio"].append(holds(row[0], math.exp(0.3), "within_low", "within_high"))
        figures["matched"].append(holds(row[1], 1.0, "matched_low", "matched_high"))
        figures["lift"].append(holds(prompts.lift(rng.random(450), failed, groups, 500, k)[0], 1.0))
        several = (rng.random((6, 450)) < 1 / (1 + np.exp(-hard))).astype(float)
        values = np.exp(hard + 0.5 * rng.standard_normal((6, 450)) + np.arange(6)[:, None])
        figures["prompt"].append(holds(prompts.within_prompt(values, several, 500, k), 1.0))
        figures["router"].append(
            routers.routers(values[:2], 1 - several[:2], groups)[0]["within_p"] < 0.05
        )
    for key, what in (
        ("auroc", "AUROC, pooled: DeLong interval holds the truth"),
        ("within", "AUROC, within groups of other scale: interval holds the truth"),
        ("ratio", "failed/passed ratio, pooled: interval holds the truth"),
        ("within_ratio", "failed/passed ratio, within groups: interval holds the truth"),
        ("matched", "hardness alone, matched in 12 bins: ratio's interval holds 1"),
        ("lift", "KLD that foretells nothing: lift's interval holds 1"),
        ("prompt", "hardness alone, within the prompt: ratio's interval holds 1"),
    ):
        yield what, figures[key], (0.92, 0.97)
    yield "a router that knows nothing: p < 0.05 against 50 %", figures["router"], SIZE


def of_clusters(worlds: int, seed: int):
    rng = np.random.default_rng(seed)
    for chunks in (12, 60):
        held, ratio, middle = [], [], []
        edges = np.exp(np.arange(-160, 161) / 20)
        for k in range(worlds // 2):
            n = rng.integers(40, 81, chunks)
            parts = [
                math.sqrt(0.5) * rng.standard_normal() + math.sqrt(0.5) * rng.standard_normal(size)
                for size in n
            ]
            totals, squares = (
                np.array([part.sum() for part in parts]),
                np.array([(part**2).sum() for part in parts]),
            )
            held.append(holds(clusters.mean(n, totals, squares), 0))
            ratio.append(holds(clusters.ratio(totals, n, 1_000, k), 0, "bca_low", "bca_high"))
            middle.append(
                holds(
                    clusters.quantiles(
                        [np.histogram(np.exp(part), edges)[0] for part in parts],
                        edges,
                        [0.5],
                        1_000,
                        k,
                    )[0],
                    1.0,
                )
            )
        yield (
            f"{chunks} chunks that share half their variance: t interval of the mean holds it",
            held,
            HOLDS,
        )
        yield (
            f"{chunks} chunks that share half their variance: BCa interval of the ratio holds it",
            ratio,
            (0.88 if chunks < 20 else 0.92, 0.97),
        )
        yield (
            f"{chunks} chunks that share half their variance: interval of the median holds it",
            middle,
            (0.86 if chunks < 20 else 0.92, 0.97),
        )
    for scatter, prompts_each in ((0.0, 100), (0.01, 400), (0.03, 100)):
        kld = np.exp(rng.uniform(math.log(0.003), math.log(0.5), 16))
        lost = 0.3 * kld + scatter * rng.standard_normal(16)
        volume, n, noise, both = (
            np.maximum(0.2 * np.sqrt(kld), np.abs(lost) * 1.05),
            5 * prompts_each,
            [],
            [],
        )
        shares, names = (
            np.stack([(volume - lost) / 2, (volume + lost) / 2, 1 - volume], 1),
            np.repeat(list("abcde"), prompts_each),
        )
        redrawn = (
            np.array([rng.multinomial(n, share, 2_000) @ (1, -1, 0) for share in shares]).T / n
        )
        mean = clusters.rank_correlation(np.broadcast_to(kld, redrawn.shape), redrawn).mean()
        for k in range(min(worlds, 200)):
            u = rng.random((16, n))
            gains = np.where(u < shares[:, :1], 1.0, np.where(u < volume[:, None], -1.0, 0.0))
            scores = clusters.score_replicates(gains, names, None, 500, k)
            cell = clusters.two_level(
                kld[None],
                gains.mean(1)[None],
                np.broadcast_to(kld, scores.shape)[None],
                scores[None],
                k,
            )[0]
            noise.append(holds(cell, mean, "noise_low", "noise_high"))
            both.append(holds(cell, mean))
        yield (
            (
                f"16 quants, {n} prompts, scatter {scatter:g}: noise interval holds the mean rho"
                f" {mean:.2f}"
            ),
            noise,
            (0.92, 0.99),
        )
        yield (
            f"16 quants, {n} prompts, scatter {scatter:g}: interval with quants holds it",
            both,
            (0.95, 1.0),
        )
    apart, told = [], []
    for k in range(min(worlds, 400)):
        scores = (rng.random((12, 600)) < 0.6).astype(float)
        apart.append(
            bool(
                pareto.unlike(
                    scores.mean(1), clusters.score_replicates(scores, ["all"] * 600, None, 500, k)
                ).any()
            )
        )
        scores[0] = rng.random(600) < 0.35
        told.append(
            bool(
                pareto.unlike(
                    scores.mean(1), clusters.score_replicates(scores, ["all"] * 600, None, 500, k)
                )[0, 1:].all()
            )
        )
    yield "12 equal quants: any two get no common letter", apart, SIZE
    yield "one quant 25 pt lower: it shares no letter", told, RIGHT


PARTS = {
    "correlations": of_correlations,
    "paired": of_paired,
    "zone": of_zone,
    "prompts": of_prompts,
    "clusters": of_clusters,
}

if __name__ == "__main__":
    main()
