"""A quant and its reference on the same prompts: differences, verdicts, e-values, composites."""

from collections.abc import Iterator

import numpy as np

from qwh.kernels.statistics import composites, paired

from . import HOLDS, MARGIN, RIGHT, SIZE, Promise, holds


def compared(rng: np.random.Generator, n: int, leap: float, drop: float, worlds: int) -> list[dict]:
    """The paired figures of so many worlds with these true shares."""
    counts = rng.multinomial(n, (leap, drop, 1 - leap - drop), worlds)
    return [paired.compare(int(a), int(b), n, MARGIN) for a, b, _ in counts]


def of_intervals(worlds: int, seed: int) -> Iterator[Promise]:
    """The difference of scores, at a fixed number of prompts and at any."""
    rng = np.random.default_rng(seed)
    for n, leap, drop in ((200, 0.05, 0.05), (500, 0.01, 0.03), (2_000, 0.01, 0.011)):
        found, what = compared(rng, n, leap, drop, worlds), f"{n} prompts, {leap:.1%} leapfrogs, "
        held = [holds(answer, leap - drop) for answer in found]
        what += f"{drop:.1%} drops: "
        yield Promise(what + "Tango's interval holds the difference", held, HOLDS)
        always = [holds(answer, leap - drop, "anytime_low", "anytime_high") for answer in found]
        yield Promise(what + "anytime interval holds it", always, (0.95, 1))


def of_verdicts(worlds: int, seed: int) -> Iterator[Promise]:
    """Each verdict where it is due, and equivalence where it is just not."""
    rng = np.random.default_rng(seed)
    for n, leap, drop, wanted in (
        (1_000, 0.02, 0.08, "damaged"),
        (1_000, 0.08, 0.02, "better"),
        (4_000, 0.01, 0.01, "equivalent"),
        (400, 0.05, 0.055, "unresolved"),
    ):
        found = [row["verdict"] == wanted for row in compared(rng, n, leap, drop, worlds)]
        what = f"{n} prompts, {leap:.1%} leapfrogs, {drop:.1%} drops: verdict {wanted}"
        yield Promise(what, found, RIGHT)
    counts = rng.multinomial(2_000, (0.01, 0.02, 0.97), worlds)
    edge = [paired.equivalence(int(a), int(b), 2_000, MARGIN)[0] < 0.05 for a, b, _ in counts]
    yield Promise("a loss of just the margin (1 pt): called equivalent", edge, (0, 0.055))


def of_e_values(worlds: int, seed: int) -> Iterator[Promise]:
    """Evidence that may be looked at after every prompt."""
    flips = np.random.default_rng(seed).random((worlds, 400)) < 0.5
    leapfrogs, n = np.cumsum(flips, 1)[:, ::20], np.arange(1, 401)[::20]
    values = np.array(
        [[paired.e_value(int(a), int(k - a)) for a, k in zip(row, n)] for row in leapfrogs]
    )
    stop = np.where((values >= 5).any(1), (values >= 5).argmax(1), values.shape[1] - 1)
    stopped = values[np.arange(worlds), stop]
    what = "coin-toss disagreements: mean e-value when stopped at 5 or at the end"
    yield Promise(what, stopped, (0.0, 1.0))
    what = "coin-toss disagreements: e-value ever reaches 20"
    yield Promise(what, (values >= 20).any(1), SIZE)


def of_composites(worlds: int, seed: int) -> Iterator[Promise]:
    """Four benchmarks together."""
    rng = np.random.default_rng(seed)
    held, size, equal = [], [], [1.0] * 4
    for _ in range(worlds // 2):
        counts = rng.multinomial(300, (0.03, 0.05, 0.92), 4)
        made = [np.repeat([1.0, -1.0, 0.0], row) for row in counts]
        held.append(holds(composites.composite(made, equal, 1_000, seed, MARGIN), -0.02))
        none = [rng.choice([-1.0, 0.0, 1.0], 300, p=(0.04, 0.92, 0.04)) for _ in range(4)]
        p = composites.composite(none, equal, 999, seed, MARGIN)["p_different"]
        size.append(p < 0.05)
    yield Promise("composite of 4 benchmarks: interval holds the difference", held, HOLDS)
    yield Promise("composite of 4 benchmarks, no difference: p < 0.05", size, SIZE)


def of_heterogeneity(worlds: int, seed: int) -> Iterator[Promise]:
    """Do the benchmarks disagree about the direction?"""
    rng = np.random.default_rng(seed)
    volumes = np.array((12, 20, 30, 40))
    for kind, shares, wanted in (
        ("one direction", (0.4,) * 4, SIZE),
        ("planted opposite directions", (0.15, 0.85, 0.15, 0.85), RIGHT),
    ):
        found = []
        for _ in range(worlds // 2):
            leapfrogs = rng.binomial(volumes, shares)
            p = composites.heterogeneity(leapfrogs, volumes - leapfrogs, 499, seed)["p"]
            found.append(p is not None and p < 0.05)
        yield Promise(f"benchmarks of {kind}: heterogeneity p < 0.05", found, wanted)


PROMISES = (of_intervals, of_verdicts, of_e_values, of_composites, of_heterogeneity)
