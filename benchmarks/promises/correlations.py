"""Correlations over quants: intervals, permutation p, max-T, differences of two measurements."""

import math
from collections.abc import Iterator

import numpy as np

from qwh.kernels.statistics import rho, rho_differences

from . import HOLDS, RIGHT, SIZE, Promise, holds


def of_one(worlds: int, seed: int) -> Iterator[Promise]:
    """One measurement and one target, of few and of many quants."""
    rng = np.random.default_rng(seed)
    for n, r in ((10, 0.0), (16, 0.0), (16, -0.5), (28, -0.74), (41, -0.88)):
        truth, cells = 6 / math.pi * math.asin(r / 2), []
        for _ in range(worlds):
            x = rng.standard_normal(n)
            y = r * x + math.sqrt(1 - r * r) * rng.standard_normal(n)
            cells += rho.correlate(x, y, 399, 1_000, seed)
        for kind, name in (("ci", "percentile"), ("bca", "BCa"), ("z", "Fisher z")):
            low, high = f"{kind}_low", f"{kind}_high"
            held = [cell[low] is None or holds(cell, truth, low, high) for cell in cells]
            yield Promise(f"rho {truth:.2f} of {n} quants: {name} interval holds it", held, HOLDS)
        if r == 0:
            small = [cell["p_permutation"] < 0.05 for cell in cells]
            yield Promise(f"rho 0 of {n} quants: permutation p < 0.05", small, SIZE)
            close = [cell["largest_compatible"] < 0.3 for cell in cells]
            what = f"rho 0 of {n} quants: the largest |rho| said to be compatible is below 0.3"
            yield Promise(what, close, SIZE)


def of_many(worlds: int, seed: int) -> Iterator[Promise]:
    """p adjusted over 14 measurements, related to each other and to the target or not."""
    rng = np.random.default_rng(seed)
    for shared in (0.3, 1.0, 3.0):
        smallest = []
        for _ in range(2 * worlds):
            x = shared * rng.standard_normal(16) + rng.standard_normal((14, 16))
            smallest.append(rho.max_t(x, rng.standard_normal(16), 499, seed).min() <= 0.05)
        what = f"14 measurements, none related, shared part {shared:g}: any max-T p <= 0.05"
        yield Promise(what, smallest, SIZE)
    found = []
    for _ in range(worlds):
        x = rng.standard_normal((14, 28))
        y = x[0] + 0.8 * rng.standard_normal(28)
        found.append(rho.max_t(x, y, 499, seed)[0] <= 0.05)
    what = "14 measurements, one with rho -0.77 of 28 quants: it is found under max-T"
    yield Promise(what, found, RIGHT)


def of_differences(worlds: int, seed: int) -> Iterator[Promise]:
    """Two measurements that foretell the target equally well."""
    rng = np.random.default_rng(seed)
    held, null = [], []
    for _ in range(worlds // 2):
        y = rng.standard_normal(28)
        x = y + rng.standard_normal((2, 28))
        row = rho_differences.differences(x, y, 1_000, seed)[0]
        held.append(holds(row, 0, "ci_low", "ci_high"))
        null.append(row["p_meng"] < 0.05)
    what = "two equally good measurements of 28 quants: "
    yield Promise(what + "interval of the difference holds 0", held, (0.93, 0.99))
    yield Promise(what + "Meng's p < 0.05", null, (0, 0.06))


PROMISES = (of_one, of_many, of_differences)
