"""One prompt's KLD: does it foretell failure, and which of two models to ask?"""

import math
from collections.abc import Iterator

import numpy as np

from qwh.kernels.statistics import failure, prediction, routers

from . import CLIP, SIZE, Promise, holds

GROUPS = np.repeat(list("abc"), 150)
N = len(GROUPS)
SENTENCES = {
    "auroc": "AUROC, pooled: DeLong interval holds the truth",
    "within": "AUROC, within groups of other scale: interval holds the truth",
    "ratio": "failed/passed ratio, pooled: interval holds the truth",
    "within_ratio": "failed/passed ratio, within groups: interval holds the truth",
    "matched": "hardness alone, matched in 12 bins: ratio's interval holds 1",
    "lift": "KLD that foretells nothing: lift's interval holds 1",
}
TRUE_AUROC = 0.60462  # Phi(0.3 / (0.8 sqrt 2))


def of_prediction(worlds: int, seed: int) -> Iterator[Promise]:
    """A KLD that is e^0.3 times as high where a prompt fails, one that goes with hardness alone,
    one that says nothing.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, list[bool]] = {name: [] for name in SENTENCES}
    for k in range(worlds // 2):
        hard = rng.standard_normal(N) + np.repeat([-1.0, 0.0, 1.0], 150)
        failed = (rng.random(N) < 1 / (1 + np.exp(-1.5 * hard))).astype(float)
        plain = np.exp(0.8 * rng.standard_normal(N) + 0.3 * failed)
        scaled = plain * np.exp(np.repeat([0, 2, 4], 150))
        found["auroc"].append(holds(prediction.auroc(plain, failed), TRUE_AUROC))
        found["within"].append(holds(prediction.auroc(scaled, failed, GROUPS), TRUE_AUROC))
        klds = np.stack([plain, np.exp(0.5 * hard + 0.6 * rng.standard_normal(N))])
        alike = failure.strata(GROUPS, [hard], 12)
        first, second = failure.failure_ratios(
            klds, np.stack([failed] * 2), GROUPS, alike, 500, k, CLIP
        )
        found["ratio"].append(holds(first, math.exp(0.3), "pooled_low", "pooled_high"))
        found["within_ratio"].append(holds(first, math.exp(0.3), "within_low", "within_high"))
        found["matched"].append(holds(second, 1.0, "matched_low", "matched_high"))
        lift = prediction.lift(rng.random((1, N)), failed[None], GROUPS, 500, k)[0]
        found["lift"].append(holds(lift, 1.0))
    for name, what in SENTENCES.items():
        yield Promise(what, found[name], (0.92, 0.97))


def of_routers(worlds: int, seed: int) -> Iterator[Promise]:
    """Two models whose KLD goes with how hard a prompt is, and with nothing else."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(worlds // 2):
        hard = rng.standard_normal(N) + np.repeat([-1.0, 0.0, 1.0], 150)
        failed = (rng.random((2, N)) < 1 / (1 + np.exp(-hard))).astype(float)
        kld = np.exp(hard + 0.5 * rng.standard_normal((2, N)) + np.arange(2)[:, None])
        found.append(routers.routers(kld, 1 - failed, GROUPS)[0]["within_p"] < 0.05)
    yield Promise("a router that knows nothing: p < 0.05 against 50 %", found, SIZE)


PROMISES = (of_prediction, of_routers)
