"""Simulations of what is said of prompts and chunks: see simulations.py, which prints them."""

import math
from collections.abc import Iterator

import numpy as np

from qwh.database.settings import variables
from qwh.kernels.statistics import (
    composites,
    failure,
    front,
    prediction,
    ranks,
    routers,
    two_level,
)
from qwh.kernels.statistics.intervals import interval

Promise = tuple[str, list | np.ndarray, tuple[float, float]]  # what, found in each world, range
CLIP, BUCKETS = variables()["kld_clip"], variables()["kld_buckets_per_efold"]
HOLDS, SIZE, RIGHT = (0.93, 0.97), (0.0, 0.05), (0.90, 1.0)


def holds(answer: dict, truth: float, low: str = "low", high: str = "high") -> bool:
    return answer[low] is not None and answer[low] <= truth <= answer[high]


def mean_over_chunks(n: np.ndarray, totals: np.ndarray) -> dict:
    """The t interval of a mean over tokens, chunks as clusters, as SQL's standard errors give it.

    n, totals: [c] each chunk's tokens and sum.
    """
    from scipy.stats import t

    chunks, value = len(n), totals.sum() / n.sum()
    error = np.sqrt(chunks / (chunks - 1) * ((totals - value * n) ** 2).sum()) / n.sum()
    half = t.ppf(0.975, chunks - 1) * error
    return {"low": value - half, "high": value + half}


def of_prompts(worlds: int, seed: int) -> Iterator[Promise]:
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
            "router",
        )
    }
    scales = np.exp(np.repeat([0, 2, 4], 150))
    for k in range(worlds // 2):
        hard = rng.standard_normal(450) + np.repeat([-1.0, 0.0, 1.0], 150)
        failed = (rng.random(450) < 1 / (1 + np.exp(-1.5 * hard))).astype(float)
        plain = np.exp(0.8 * rng.standard_normal(450) + 0.3 * failed)
        # Phi(0.3 / (0.8 sqrt 2))
        figures["auroc"].append(holds(prediction.auroc(plain, failed), 0.60462))
        figures["within"].append(holds(prediction.auroc(plain * scales, failed, groups), 0.60462))
        hidden = np.exp(0.5 * hard + 0.6 * rng.standard_normal(450))
        row = failure.failure_ratios(
            np.stack([plain, hidden]),
            np.stack([failed] * 2),
            groups,
            failure.strata(groups, [hard], 12),
            500,
            k,
            CLIP,
        )
        figures["ratio"].append(holds(row[0], math.exp(0.3), "pooled_low", "pooled_high"))
        figures["within_ratio"].append(holds(row[0], math.exp(0.3), "within_low", "within_high"))
        figures["matched"].append(holds(row[1], 1.0, "matched_low", "matched_high"))
        idle = prediction.lift(rng.random(450), failed, groups, 500, k)[0]
        figures["lift"].append(holds(idle, 1.0))
        several = (rng.random((6, 450)) < 1 / (1 + np.exp(-hard))).astype(float)
        values = np.exp(hard + 0.5 * rng.standard_normal((6, 450)) + np.arange(6)[:, None])
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
    ):
        yield what, figures[key], (0.92, 0.97)
    yield "a router that knows nothing: p < 0.05 against 50 %", figures["router"], SIZE


def of_clusters(worlds: int, seed: int) -> Iterator[Promise]:
    rng = np.random.default_rng(seed)
    for chunks in (12, 60):
        held, drawn, middle = [], [], []
        edges = np.exp(np.arange(-160, 161) / BUCKETS)
        for k in range(worlds // 2):
            n = rng.integers(40, 81, chunks)
            parts = [
                math.sqrt(0.5) * rng.standard_normal() + math.sqrt(0.5) * rng.standard_normal(size)
                for size in n
            ]
            totals = np.array([part.sum() for part in parts])
            held.append(holds(mean_over_chunks(n, totals), 0))
            means = two_level.mean_replicates(totals, n, 1_000, k)
            drawn.append(holds(dict(zip(("low", "high"), interval(means[:, 0]))), 0))
            histograms = np.array([[np.histogram(np.exp(part), edges)[0] for part in parts]])
            medians = two_level.quantile_replicates(histograms, edges, [0.5], 1_000, k)
            middle.append(holds(dict(zip(("low", "high"), interval(medians[:, 0, 0]))), 1.0))
        yield (
            f"{chunks} chunks that share half their variance: t interval of the mean holds it",
            held,
            HOLDS,
        )
        yield (
            f"{chunks} chunks that share half their variance: resampled interval holds it",
            drawn,
            (0.86 if chunks < 20 else 0.92, 0.97),
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
        mean = ranks.rho_by_row(np.broadcast_to(kld, redrawn.shape), redrawn).mean()
        for k in range(min(worlds, 200)):
            u = rng.random((16, n))
            gains = np.where(u < shares[:, :1], 1.0, np.where(u < volume[:, None], -1.0, 0.0))
            scores = composites.score_replicates(gains, names, None, 500, k)
            cell = two_level.redrawn(
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
                front.unlike(
                    scores.mean(1), composites.score_replicates(scores, ["all"] * 600, None, 500, k)
                ).any()
            )
        )
        scores[0] = rng.random(600) < 0.35
        told.append(
            bool(
                front.unlike(
                    scores.mean(1), composites.score_replicates(scores, ["all"] * 600, None, 500, k)
                )[0, 1:].all()
            )
        )
    yield "12 equal quants: any two get no common letter", apart, SIZE
    yield "one quant 25 pt lower: it shares no letter", told, RIGHT
