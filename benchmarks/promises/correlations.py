"""Correlations over quants: intervals, permutation p, max-T, differences of two measurements, and
whether the direction of tokens goes with that of benchmarks.
"""

import math
from collections.abc import Iterator

import numpy as np
from worlds import points

from qwh.kernels.statistics.answers import Answers
from qwh.kernels.statistics.quants.direction_agreement import (
    TokenDirections,
    Tosses,
    direction_agreement,
)
from qwh.kernels.statistics.quants.rho import Draws, max_t, rank_correlations
from qwh.kernels.statistics.quants.rho_differences import Resamples, correlation_differences

from . import HOLDS, RIGHT, SIZE, VARS, Promise, holds

FEWEST = VARS["fewest_quants"]
APPROXIMATE = (0.0, 0.1)  # of a p that no verdict uses and whose column says so


def related(n: int, r: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two normal variables [n] of correlation r."""
    x = rng.standard_normal(n)
    return x, r * x + math.sqrt(1 - r * r) * rng.standard_normal(n)


def of_one(worlds: int, seed: int) -> Iterator[Promise]:
    """One measurement and one target, of few and of many unrelated quants."""
    rng = np.random.default_rng(seed)
    cases = ((5, 0.0), (5, -0.88), (6, -0.97), (8, -0.97), (10, 0.0), (16, 0.0), (16, -0.5))
    for n, r in (*cases, (28, -0.74), (41, -0.88)):
        truth = 6 / math.pi * math.asin(r / 2)
        cells = [
            rank_correlations(points(*related(n, r, rng)), Draws(399, 1_000, seed))[0]
            for _ in range(worlds)
        ]
        name = f"rho {truth:.2f} of {n} quants: "
        # of fewer than 8 quants they may be too wide, never too narrow
        promised = HOLDS if n >= FEWEST and abs(r) < 0.95 else (HOLDS[0], 1.0)
        held = [holds(cell._asdict(), truth) for cell in cells]
        yield Promise(f"{name}interval holds it", held, promised)
        if r == 0:
            small = [cell.p_permutation < 0.05 for cell in cells]
            yield Promise(f"{name}permutation p < 0.05", small, SIZE)
            close = [cell.largest_compatible < 0.3 for cell in cells]
            what = "the largest |rho| said to be compatible is below 0.3"
            yield Promise(f"{name}{what}", close, SIZE)


def of_many(worlds: int, seed: int) -> Iterator[Promise]:
    """p adjusted over 14 measurements, related to each other and to the target or not."""
    rng, settings = np.random.default_rng(seed), Draws(499, 0, seed)
    for shared in (0.3, 1.0, 3.0):
        smallest = []
        for _ in range(2 * worlds):
            x = shared * rng.standard_normal(16) + rng.standard_normal((14, 16))
            smallest.append(max_t(x, rng.standard_normal(16), settings)[0].min() <= 0.05)
        what = f"14 measurements, none related, shared part {shared:g}: any max-T p <= 0.05"
        yield Promise(what, smallest, SIZE)
    found = []
    for _ in range(worlds):
        x = rng.standard_normal((14, 28))
        y = x[0] + 0.8 * rng.standard_normal(28)
        found.append(max_t(x, y, settings)[0][0] <= 0.05)
    what = "14 measurements, one with rho -0.77 of 28 quants: it is found under max-T"
    yield Promise(what, found, RIGHT)


def of_differences(worlds: int, seed: int) -> Iterator[Promise]:
    """Two measurements that foretell the target equally well, and one that does so better."""
    rng = np.random.default_rng(seed)
    for n, noise in ((10, 1.0), (16, 0.5), (28, 1.0), (28, 0.3), (41, 1.0)):
        rows = [_two_measurements(n, noise, noise, rng, seed) for _ in range(worlds // 2)]
        name = f"two equally good measurements of {n} quants, noise {noise:g}: "
        held = [holds(row._asdict(), 0) for row in rows]
        yield Promise(f"{name}interval of the difference holds 0", held, (0.93, 1.0))
        small = [(row.p or 1) <= 0.05 for row in rows]
        yield Promise(f"{name}Meng's p <= 0.05", small, APPROXIMATE)
    rows = [_two_measurements(41, 0.3, 2.0, rng, seed) for _ in range(worlds // 2)]
    what = "noise 0.3 and 2 of 41 quants: Meng's p <= 0.05"
    yield Promise(what, [(row.p or 1) <= 0.05 for row in rows], RIGHT)


def _two_measurements(n: int, one: float, other: float, rng: np.random.Generator, seed: int):
    """The difference of two measurements that are the target and noise of such sizes."""
    y = rng.standard_normal(n)
    x = y + np.array([[one], [other]]) * rng.standard_normal((2, n))
    return correlation_differences(points(x, y), Resamples(400, seed))[0]


def of_directions(worlds: int, seed: int) -> Iterator[Promise]:
    """Token directions of quants whose disagreements all lean one way, relatives or not.

    The figure of the tokens goes with the volume, and volumes differ; a prompt that the reference
    passes can only be dropped.
    """
    rng = np.random.default_rng(seed)
    plans = [(8, 400), (16, 1_000), (35, 1_000), (41, 2_500)]
    for (quants, prompts), shared, accuracy in (
        (plan, shared, accuracy)
        for plan in plans
        for shared, accuracy in ((0.0, 0.5), (0.7, 0.5), (0.7, 0.85))
    ):
        rows = [_agreement(quants, prompts, shared, accuracy, 0.0, rng) for _ in range(worlds // 4)]
        name = (
            f"{quants} quants, {prompts} prompts, relatives share {shared:g}, accuracy {accuracy:g}"
        )
        said = ["on_these" in row.verdict for row in rows]
        yield Promise(f"{name}: goes with or against", said, SIZE)
    few = [_agreement(7, 400, 0.0, 0.5, 0.0, rng).verdict == "too_few" for _ in range(20)]
    yield Promise("7 quants: no verdict", few, (1, 1))
    for quants, lean in ((8, 0.4), (16, 0.2), (16, 0.4), (35, 0.1), (35, 0.2)):
        rows = [_agreement(quants, 1_000, 0.7, 0.5, lean, rng) for _ in range(worlds // 4)]
        found = [row.verdict == "rises_on_these" for row in rows]
        what = f"{quants} quants, 1000 prompts, directions -{lean:g} to {lean:g}: goes with (power)"
        yield Promise(what, found, (0, 1))


def _agreement(
    quants: int, prompts: int, shared: float, accuracy: float, lean: float, rng: np.random.Generator
):
    """The row of one figure; families of about 4 share so much of what makes a prompt flip."""
    from scipy.stats import norm

    family = np.arange(quants) // 4
    place = np.sort(rng.standard_normal(quants))
    volume = np.clip(0.08 * np.exp(0.7 * place), 0.01, 0.4)
    direction = (1 - 2 * accuracy) * (lean == 0) + lean * np.linspace(-1, 1, quants)
    reference = (rng.random(prompts) < accuracy).astype(float)
    leap, drop = (
        volume * (1 + direction) / 2 / (1 - accuracy),
        volume * (1 - direction) / 2 / accuracy,
    )
    common = rng.standard_normal((family.max() + 1, prompts))[family]
    latent = math.sqrt(shared) * common
    latent += math.sqrt(1 - shared) * rng.standard_normal((quants, prompts))
    chance = np.where(reference == 1, drop[:, None], leap[:, None])
    scores = np.where(latent < norm.ppf(chance), 1 - reference, reference)
    figure = place + 0.3 * rng.standard_normal(quants) * (lean == 0)
    names = np.array([f"q{k:02d}" for k in range(quants)], object)
    items = np.array([f"{k:05d}" for k in range(prompts)], object)
    whole = quants * prompts
    answers = Answers(
        np.repeat(names, prompts), np.full(whole, "b", object), np.tile(items, quants),
        np.tile(items, quants), np.ones(whole), scores.ravel(), np.tile(reference, quants),
    )  # fmt: skip
    text = np.full(quants, "text", object)
    tokens = TokenDirections(text, np.full(quants, 512), text, text, names, figure)
    seed = int(rng.integers(1 << 31))  # tosses of one seed would err alike in every world
    return direction_agreement(tokens, answers, Tosses(200, 999, FEWEST, seed))[0]


PROMISES = (of_one, of_many, of_differences, of_directions)
