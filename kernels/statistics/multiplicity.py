"""Many p at once: what each is worth when the others are looked at too. NaN stays NaN and is one
test less.
"""

import numpy as np

from .intervals import ALPHA

TIE = 1e-9  # figures that differ by less are equal


def resolves(p: float | None) -> bool:
    """Whether a test tells something at its level; SQL's macro of this name says the same.

    p at the level does: an exact one lies there or below in at most ALPHA of worlds without a
    difference. None and NaN tell nothing.
    """
    return p is not None and bool(p <= ALPHA)


def step_down(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Adjusted p [m] by step-down max-T (Westfall and Young 1993), add-one.

    observed: [m], larger = more extreme; null: [B, m], the same of B joint draws. Holds the chance
    of any false rejection, whatever the draws share.
    """
    observed = np.asarray(observed, float)
    adjusted = np.full(len(observed), np.nan)
    order = np.argsort(-observed, kind="stable")
    order = order[~np.isnan(observed[order])]
    if not len(order):
        return adjusted
    drawn = np.where(np.isnan(null), -np.inf, null)[:, order]
    largest = np.maximum.accumulate(drawn[:, ::-1], axis=1)[:, ::-1]  # of this and the weaker
    p = (1 + (largest >= observed[order] - TIE).sum(0)) / (1 + len(null))
    adjusted[order] = np.maximum.accumulate(p)
    return adjusted


def among(z: np.ndarray, null: np.ndarray, p: np.ndarray) -> np.ndarray:
    """p [m] allowing for the others, by step-down max-T of z [m]; none falls below its own.

    null: [B, m] tossed z. z that are normal, not tossed, share what the tosses share.
    """
    return np.fmax(step_down(z, null), p)


def critical_z(null: np.ndarray, alone: float) -> float:
    """The z that the largest of all passes in 5 % of draws [B, m]; at least one test's own."""
    if null.shape[1] < 2 or not len(null):
        return alone
    return max(alone, float(np.quantile(null.max(1), 1 - ALPHA)))


def passed_at(null: np.ndarray) -> float:
    """What the largest of these must exceed for a p of step_down that resolves; null: [B, m]."""
    allowed = int(ALPHA * (1 + len(null))) - 1  # draws that may be as large
    if allowed < 0:
        return float("inf")
    largest = np.partition(null.max(1), len(null) - 1 - allowed)
    return float(largest[len(null) - 1 - allowed]) + TIE


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p [m] (1979): any false rejection, whatever the tests share."""
    p = np.asarray(p, float)
    adjusted = np.full(len(p), np.nan)
    order = np.argsort(p, kind="stable")
    order = order[np.isfinite(p[order])]
    stepped = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjusted p [m] of Benjamini and Hochberg (1995): the share of false rejections in a list."""
    from scipy.stats import false_discovery_control

    p = np.asarray(p, float)
    adjusted = np.full(len(p), np.nan)
    known = np.isfinite(p)
    if known.any():
        adjusted[known] = false_discovery_control(p[known])
    return adjusted
