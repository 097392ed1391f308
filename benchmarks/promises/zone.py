"""The zone: the no-mystery null, planted directions, what prompts can rank, the hinge's edge."""

import math
from collections.abc import Callable, Iterator

import numpy as np
from worlds import relatives, world

from qwh.kernels.statistics import composites, rho, zone_edge, zone_null, zone_ranking

from . import HOLDS, MARGIN, RIGHT, SIZE, SPLITS, Promise, holds

Fall = Callable[[np.ndarray], np.ndarray]  # KLD -> score that is lost
WORLDS: dict[str, tuple[Callable[[float], Fall], str]] = {  # -> fall by slope, the right verdict
    "line": (lambda slope: lambda kld: slope * kld, "explained by noise"),
    "flat": (lambda slope: lambda kld: slope * np.maximum(0, kld - 0.03), "steeper than noise"),
}


def of_the_null(worlds: int, seed: int) -> Iterator[Promise]:
    """In worlds that it can tell apart, and in worlds that it cannot."""
    for per_benchmark, slope, resolved in (
        (500, 0.08, False),
        (500, 0.16, False),
        (500, 0.3, None),
        (8_000, 1.0, True),
        (20_000, 0.8, True),
    ):
        for kind, (fall, right) in WORLDS.items():
            words, told = [], []
            for k in range(min(worlds, 200)):
                made = flips_only(41, per_benchmark, seed + k, fall(slope))
                answer = zone_null.no_mystery(*made, made[0] < 0.03, 500, seed)
                words.append(answer["verdict"])
                told.append(answer["resolvable"] or 0)
            name = f"{kind} world, {slope:g} per nat, 5 x {per_benchmark:,} prompts"
            name += f" (resolvable {np.mean(told):.2f})"
            if resolved is None:
                wrong = [word not in (right, "cannot tell") for word in words]
                yield Promise(f"{name}: the wrong world", wrong, SIZE)
            else:
                wanted = right if resolved else "cannot tell"
                yield Promise(f"{name}: {wanted}", [word == wanted for word in words], RIGHT)


def flips_only(
    quants: int, per_benchmark: int, seed: int, fall: Fall
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """KLD, composite and its error: the counts of worlds.world without its prompts."""
    rng = np.random.default_rng(seed)
    kld, n = np.exp(rng.uniform(math.log(0.003), math.log(0.5), quants)), 5 * per_benchmark
    lost = fall(kld)
    volume = np.maximum(0.12 * np.sqrt(kld), np.abs(lost) * 1.05)
    shares = zip((volume - lost) / 2, (volume + lost) / 2, 1 - volume)
    flips = np.array([rng.multinomial(n, share) for share in shares])
    gain, seen = (flips[:, 0] - flips[:, 1]) / n, (flips[:, 0] + flips[:, 1]) / n
    return kld, 0.7 + gain, np.sqrt((seen - gain**2) / n)


def of_planted_directions(worlds: int, seed: int) -> Iterator[Promise]:
    """Half the volume goes one way."""
    for gain, wanted, way in ((-0.5, "better", "up"), (0.5, "damaged", "down")):
        words, told = [], []
        for k in range(min(worlds, 60)):
            made = world(28, 500, seed + k, 0.3, lambda kld, gain=gain: gain * np.sqrt(kld) * 0.3)
            gains = made.scores - made.reference
            for row in gains[made.kld > 0.1]:
                parts = [row[made.benchmarks == name] for name in np.unique(made.benchmarks)]
                answer = composites.composite(parts, [1.0] * 5, 500, seed, MARGIN)
                words.append(answer["verdict"] == wanted)
            cell = rho.correlate(made.kld, gains.mean(1), 499, 50, seed)[0]
            told.append(cell["p_permutation"] < 0.05 and (cell["rho"] > 0) == (gain < 0))
        name = f"planted direction, half the volume {way}"
        yield Promise(f"{name}: far quants {wanted}", words, RIGHT)
        fate = "rises" if gain < 0 else "falls"
        yield Promise(f"{name}: score {fate} with KLD", told, RIGHT)


def of_nothing(worlds: int, seed: int) -> Iterator[Promise]:
    """No quant gains or loses."""
    words = []
    for k in range(min(worlds, 60)):
        made = world(16, 400, seed + k, 0.2, lambda kld: 0 * kld)
        for row in made.scores - made.reference:
            verdict = composites.composite([row], [1.0], 500, seed, MARGIN)["verdict"]
            words.append(verdict in ("damaged", "better"))
    yield Promise("pure null, 2,000 prompts: a quant is called damaged or better", words, SIZE)


def of_relatives(worlds: int, seed: int) -> Iterator[Promise]:
    """Quants that differ in nothing, each on its own or in families that share answers."""
    kld, inside = np.geomspace(0.001, 0.02, 16), np.ones(16, bool)
    names, weights = ["all"] * 600, [1.0] * 600
    for family in (1, 4):
        ranked, alone, drawn = [], [], []
        for k in range(min(worlds, 400)):
            gains = relatives(16, 600, seed + k, family)
            answer = zone_ranking.ranking(list(gains), [names, None], weights, 400, k, SPLITS)
            ranked.append(answer["p"] < 0.05)
            replicates = composites.score_replicates(gains, names, None, 400, k)
            scores, errors = gains.mean(1), gains.std(1) / math.sqrt(600)
            for found, known in ((alone, None), (drawn, replicates)):
                null = zone_null.no_mystery(kld, scores, errors, inside, 400, k, known)
                found.append(null["p_flat"] < 0.05)
        name = "16 quants that differ in nothing" + (", families of 4" if family > 1 else "")
        yield Promise(f"{name}: said to be rankable", ranked, SIZE)
        what = f"{name}: prompts drawn anew, either side of flat p < 0.05"
        yield Promise(what, drawn, (0.0, 0.10))
        if family == 1:  # among relatives 43 % of these p are below 0.05
            yield Promise(f"{name}: independent noise, the same", alone, (0.0, 0.10))


def of_hinges(worlds: int, seed: int) -> Iterator[Promise]:
    """An edge that is there, and one that is not."""
    rng = np.random.default_rng(seed)
    held, resampled, straight, kinked = [], [], [], []
    for _ in range(worlds // 4):
        kld = np.exp(rng.uniform(math.log(0.003), math.log(0.5), 41))
        noise = 0.004 * rng.standard_normal(41)
        bent = 0.7 - 0.02 * np.maximum(0, np.log(kld / 0.03)) + noise
        kink = zone_edge.hinge(kld, bent, None, 500, seed)
        held.append(holds(kink, 0.03, "profile_low", "profile_high"))
        resampled.append(holds(kink, 0.03))
        kinked.append(kink["p_linear"] < 0.05)
        line = zone_edge.hinge(kld, 0.7 - 0.16 * kld + noise, None, 199, seed)
        straight.append(line["p_linear"] < 0.05)
    yield Promise("hinge at 0.03 nats, 41 quants: profile interval holds it", held, HOLDS)
    what = "hinge at 0.03 nats, 41 quants: resampled interval holds it"
    yield Promise(what, resampled, (0.88, 0.97))
    yield Promise("straight line taken for a hinge: p < 0.05", straight, SIZE)
    yield Promise("hinge told from a straight line: p < 0.05", kinked, RIGHT)


PROMISES = (of_the_null, of_planted_directions, of_nothing, of_relatives, of_hinges)
