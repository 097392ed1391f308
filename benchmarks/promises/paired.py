"""A quant and its reference on the same prompts: differences, verdicts, e-values, composites."""

from collections.abc import Iterator

import numpy as np
from families_worlds import Plan, even, relatives

from qwh.kernels.statistics.answers import Answers, Sheet
from qwh.kernels.statistics.multiplicity import holm
from qwh.kernels.statistics.scores import disagreements as kernel
from qwh.kernels.statistics.scores import heterogeneity as mixed
from qwh.kernels.statistics.scores import paired
from qwh.kernels.statistics.scores.composite_differences import (
    PairedDraws,
    composite_differences,
    drawn,
)
from qwh.kernels.statistics.scores.composite_differences import parts as benchmarks_of
from qwh.kernels.statistics.scores.stratified import equivalent, not_inferior, tables
from qwh.kernels.statistics.texts import Prompts

from . import HOLDS, MARGIN, RIGHT, SIZE, Promise

ANY = (0.0, 1.0)  # a power, printed beside the size
FEW = PairedDraws(n_resamples=499, n_tosses=499, seed=1, margin=MARGIN)
SHAPES = {  # prompts of each benchmark
    "12 x 30": (30,) * 12,
    "7 x 57": (57,) * 7,
    "1 x 268": (268,),
    "1 x 400": (400,),
    "1 x 1,146": (1_146,),
    "7 x 164": (164,) * 7,
    "10 x 246": (246,) * 10,
    "20 to 43": (20, 23, 24, 25, 26, 27, 29, 31, 34, 37, 41, 43),
    "20 to 1,000": (20, 50, 100, 300, 1_000),
}


def cells(counts: np.ndarray) -> list[kernel.Cell]:
    """A cohort of quants on one benchmark; counts: leapfrogs, drops and prompts of each, [q, 3]."""
    names = np.array([f"q{k:03}" for k in range(len(counts))], object)
    gained, lost, prompts = counts.astype(float).T
    same = np.array(["a"] * len(counts), object)
    rows = kernel.Disagreements(names, same, prompts, gained, lost, np.ones(len(counts)))
    return kernel.benchmark_differences(rows, kernel.Margin(MARGIN))


def always(cell: kernel.Cell, truth: float) -> bool:
    """Whether the interval that holds at any time holds the truth."""
    low, high = paired.anytime_interval(cell.leapfrogs, cell.drops, cell.prompts)
    return low <= truth <= high


def compared(
    rng: np.random.Generator, n: int, leap: float, drop: float, worlds: int
) -> list[kernel.Cell]:
    """One quant in so many worlds with these true shares."""
    counts = rng.multinomial(n, (leap, drop, 1 - leap - drop), worlds)
    return cells(np.c_[counts[:, :2], np.full(worlds, n)])


def asked(sizes: tuple[int, ...]) -> Sheet:
    """A sheet without quants: benchmarks of these sizes and equal weight."""
    names = [f"b{k:02}" for k in range(len(sizes))]
    prompts = Prompts(np.repeat(names, sizes).tolist())
    return Sheet(
        [], np.zeros((0, sum(sizes))), np.zeros(sum(sizes)), prompts, dict.fromkeys(names, 1.0)
    )


def gains(
    rng: np.random.Generator, sizes: tuple[int, ...], volume: float, loss: np.ndarray, rows: int
) -> np.ndarray:
    """[rows, n] of this volume, at least the loss; loss: true one of each benchmark."""
    lost = np.repeat(loss, sizes)
    moved = np.maximum(volume, lost)
    u = rng.random((rows, len(lost)))
    return np.where(u < (moved + lost) / 2, -1.0, np.where(u < moved, 1.0, 0.0))


def answers(made: np.ndarray, benchmarks: np.ndarray | None = None) -> Answers:
    """Rows of gains [q, n] whose texts all differ; benchmarks: [n], one if None."""
    q, n = made.shape
    asked_in = np.repeat("a", n) if benchmarks is None else benchmarks
    quants = np.repeat(np.array([f"q{k:03}" for k in range(q)], object), n)
    prompts = np.tile(np.array([f"{k:06}" for k in range(n)], object), q)
    one = np.ones(q * n)
    names = np.tile(asked_in.astype(object), q)
    return Answers(quants, names, prompts, prompts, one, made.ravel() + 0.5, one / 2)


def of_intervals(worlds: int, seed: int) -> Iterator[Promise]:
    """The difference of scores, at a fixed number of prompts and at any."""
    rng = np.random.default_rng(seed)
    for n, leap, drop in ((200, 0.05, 0.05), (500, 0.01, 0.03), (2_000, 0.01, 0.011)):
        found, what = compared(rng, n, leap, drop, worlds), f"{n} prompts, {leap:.1%} leapfrogs, "
        what, truth = what + f"{drop:.1%} drops: ", leap - drop
        held = [cell.low <= truth <= cell.high for cell in found]
        yield Promise(what + "Tango's interval holds the difference", held, HOLDS)
        held = [always(cell, truth) for cell in found]
        yield Promise(what + "anytime interval holds it", held, (0.95, 1))


def words(rng: np.random.Generator, n: int, leap: float, drop: float, quants: int) -> np.ndarray:
    """Verdicts of quants with these true shares on n prompts, judged together."""
    counts = rng.multinomial(n, (leap, drop, 1 - leap - drop), quants)
    return np.array([cell.verdict for cell in cells(np.c_[counts[:, :2], np.full(quants, n)])])


def of_cells(worlds: int, seed: int) -> Iterator[Promise]:
    """Words of single benchmarks, 60 quants at once: any wrong one, and the right ones found."""
    rng, times = np.random.default_rng(seed), range(max(worlds // 10, 1))
    for n, volume in ((150, 0.08), (1_000, 0.05)):
        equal = [words(rng, n, volume / 2, volume / 2, 60) for _ in times]
        what = f"60 cells of {n} prompts, volume {volume:.0%}, equal: any damaged or better"
        yield Promise(what, [np.isin(said, ("damaged", "better")).any() for said in equal], SIZE)
        edge = [words(rng, n, 0.005, 0.015, 60) for _ in times]
        what = f"60 cells of {n} prompts, loss of just the margin: any equivalent"
        yield Promise(what, [(said == "equivalent").any() for said in edge], SIZE)
    lost = [(words(rng, 1_000, 0.01, 0.05, 60) == "damaged").mean() for _ in times]
    yield Promise("60 cells of 1,000 prompts, loss 4 pt: damaged", lost, ANY)
    same = [(words(rng, 4_000, 0.01, 0.01, 60) == "equivalent").mean() for _ in times]
    yield Promise("60 cells of 4,000 prompts, volume 2 %, equal: equivalent", same, ANY)


def of_equivalence(worlds: int, seed: int) -> Iterator[Promise]:
    """A composite that loses just the margin is equivalent no more often than promised."""
    rng = np.random.default_rng(seed)
    for name, sizes in SHAPES.items():
        sheet_of, even_loss = asked(sizes), np.full(len(sizes), MARGIN)
        one = np.r_[np.zeros(len(sizes) - 1), MARGIN * len(sizes)]
        for volume, loss, how in (
            (0.01, even_loss, "volume 1 %"),
            (0.02, even_loss, "volume 2 %"),
            (0.02, one, "volume 2 %, all in one benchmark"),
        ):
            made = gains(rng, sizes, volume, loss, 4 * worlds)
            p = equivalent(tables(made, sheet_of), MARGIN)
            what = f"{name} prompts, {how}, loss of just the margin: called equivalent"
            yield Promise(what, p < 0.05, SIZE)
        made = gains(rng, sizes, 0.08, even_loss, 4 * worlds)
        p = not_inferior(tables(made, sheet_of), MARGIN)
        what = f"{name} prompts, volume 8 %, loss of just the margin: called not inferior"
        yield Promise(what, p < 0.05, SIZE)
        made = gains(rng, sizes, 0.02, 0 * even_loss, worlds)
        p = equivalent(tables(made, sheet_of), MARGIN)
        yield Promise(f"{name} prompts, volume 2 %, no loss: called equivalent", p < 0.05, ANY)


def of_verdicts(worlds: int, seed: int) -> Iterator[Promise]:
    """Words of composites, all quants of a cohort at once; relatives share their flips."""
    rng = np.random.default_rng(seed)
    for name, plan in (
        ("24 unrelated", Plan(even(24, 24), 1_500, flips=0.0)),
        ("24 in 6 families", Plan(even(24, 6), 1_500)),
        ("8 in 2 families, 300 prompts", Plan(even(8, 2), 300)),
    ):
        wrong, found, raw = [], [], []
        for _ in range(max(worlds // 4, 1)):
            made = relatives(plan, rng).gains
            made[-2:] = np.where(rng.random((2, plan.prompts)) < 0.03, -1.0, made[-2:])
            rows = composite_differences(answers(made), FEW)
            wrong.append(any(row.verdict in ("damaged", "better") for row in rows[:-2]))
            raw.append(any(row.p_different < 0.05 for row in rows[:-2]))
            found.append(np.mean([row.verdict == "damaged" for row in rows[-2:]]))
        yield Promise(f"{name}, equal: any called damaged or better", wrong, SIZE)
        yield Promise(f"{name}, equal: any raw p < 0.05", raw, ANY)
        yield Promise(f"{name}: a loss of 3 pt beside them is called damaged", found, ANY)


def of_equal_cohorts(worlds: int, seed: int) -> Iterator[Promise]:
    """Equivalence of 16 quants at once, those of a family with the same flips."""
    rng = np.random.default_rng(seed)
    for name, sizes in (("7 x 164", SHAPES["7 x 164"]), ("10 x 1,000", (1_000,) * 10)):
        sheet_of, zero = asked(sizes), np.zeros(len(sizes))
        for loss, what, promised in (
            (zero + MARGIN, "loss of just the margin: any called equivalent", SIZE),
            (zero, "volume 2 %, no loss: called equivalent", ANY),
        ):
            said = []
            for _ in range(max(worlds // 4, 1)):
                common = gains(rng, sizes, 0.02, loss, 4).repeat(4, axis=0)
                own = gains(rng, sizes, 0.02, loss, 16)
                made = np.where(rng.random(own.shape) < 0.8, common, own)
                called = holm(equivalent(tables(made, sheet_of), MARGIN)) < 0.05
                said.append(called.any() if promised is SIZE else called.mean())
            yield Promise(f"16 quants, {name} prompts, {what}", said, promised)


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
    """The interval and the p of one quant's composite."""
    rng = np.random.default_rng(seed)
    for name in ("12 x 30", "7 x 164", "10 x 246"):
        sizes, held, size = SHAPES[name], [], []
        sheet_of, loss = asked(sizes), np.full(len(sizes), 0.02)
        made = gains(rng, sizes, 0.08, loss, worlds // 2)
        for row in made:
            own = drawn(benchmarks_of(row, sheet_of), 1_000, seed)
            held.append(own.low is not None and own.low <= -0.02 <= own.high)
        for row in gains(rng, sizes, 0.08, 0 * loss, worlds // 2):
            p = drawn(benchmarks_of(row, sheet_of), 999, seed).p_different
            size.append(p is not None and p < 0.05)
        yield Promise(f"{name} prompts, volume 8 %, loss 2 pt: composite's interval", held, HOLDS)
        yield Promise(f"{name} prompts, volume 8 %, no difference: p < 0.05", size, SIZE)


def of_heterogeneity(worlds: int, seed: int) -> Iterator[Promise]:
    """Do the benchmarks disagree about the direction?"""
    rng = np.random.default_rng(seed)
    volumes = np.array((12, 20, 30, 40))
    names = np.array(["a", "b", "c", "d"], object)
    for kind, shares, wanted in (
        ("one direction", (0.4,) * 4, SIZE),
        ("planted opposite directions", (0.15, 0.85, 0.15, 0.85), RIGHT),
    ):
        found = []
        for _ in range(worlds // 2):
            leapt = rng.binomial(volumes, shares)
            rows = mixed.Flips(np.array(["q"] * 4, object), names, leapt, volumes - leapt)
            [row] = mixed.heterogeneity(rows, mixed.TableDraws(n_permutations=499, seed=seed))
            found.append(row.p is not None and row.p < 0.05)
        yield Promise(f"benchmarks of {kind}: heterogeneity p < 0.05", found, wanted)


PROMISES = (
    of_intervals,
    of_cells,
    of_equivalence,
    of_verdicts,
    of_equal_cohorts,
    of_e_values,
    of_composites,
    of_heterogeneity,
)
