"""One prompt's KLD: does it foretell failure, and which of two models to ask?

A word is wrong where it is said of any quant or split of a cohort though KLD says nothing within
kinds of task (or among prompts alike). Hard prompts that have more of both are no such world for
figures within kinds; there only those among prompts alike, and of one prompt, may say nothing.
"""

import math
from collections.abc import Iterator

import numpy as np

from qwh.kernels.statistics.prompts.failure import Judged, ratio
from qwh.kernels.statistics.prompts.prediction import auroc, lift
from qwh.kernels.statistics.prompts.prompt_failure import failures
from qwh.kernels.statistics.prompts.prompt_failure_overall import Overall, Tosses, overall
from qwh.kernels.statistics.prompts.prompt_table import Strata
from qwh.kernels.statistics.prompts.routers import Coins, Routed, routers

from . import CLIP, HOLDS, SIZE, VARS, Promise
from .prompt_worlds import KINDS, QUANTS, N, World, cohort

MARK, FEWEST = VARS["pass_mark"], VARS["fewest_quants"]
WITHIN = ("ratio_within", "auroc_within", "lift_within")
MATCHED = ("ratio_matched", "auroc_matched", "ratio_same_prompt")
NOTHING = {  # world -> figures that say nothing in it
    "independent": (World(), (*WITHIN, *MATCHED)),
    "rare events": (World(rate=0.05), (*WITHIN, *MATCHED)),
    "rare, skewed KLD": (World(rate=0.05, tails="skewed"), (*WITHIN, *MATCHED)),
    "rare, heavy tails": (World(rate=0.05, tails="heavy"), (*WITHIN, *MATCHED)),
    # more of the widely spread ones are in the top: lift does say something
    "rare, uneven spread": (World(rate=0.05, uneven=0.5, hard_flips=1.0), (*WITHIN[:2], *MATCHED)),
    "texts asked 3 times": (World(items=3), (*WITHIN, *MATCHED)),
    "hard prompts": (World(hard=0.5, hard_flips=1.0, levels=4), MATCHED),
    "rare, hard prompts": (World(rate=0.05, hard=0.5, hard_flips=1.0, levels=4), MATCHED),
}
# ln KLD that is skewed and spreads with hardness misleads t and deals both: promised to nobody
LIMITS = {
    "rare, skewed, uneven spread": (
        World(rate=0.05, tails="skewed", uneven=0.5, hard_flips=1.0),
        ("ratio_within", "ratio_matched", "ratio_same_prompt"),
    ),
}
SOMETHING = {  # ln KLD of answers that differ is as much higher
    "e^0.5 where answers differ": World(planted=0.5),
    "e^1 where answers differ, rare": World(planted=1.0, rate=0.05),
    "e^0.5, hard prompts": World(planted=0.5, hard=0.5, hard_flips=1.0, levels=4),
}
POWER = (0.0, 1.0)  # printed beside the sizes


def of_words(worlds: int, seed: int) -> Iterator[Promise]:
    """Every word of stat_prompt_failure and its overall where KLD says nothing, and where it does.

    Many words in each of a fifth of the worlds.
    """
    for name, (world, kinds) in (NOTHING | LIMITS).items():
        size = SIZE if name in NOTHING else POWER
        alone, together = _words(world, worlds // 5, seed)
        for kind in kinds:
            if kind in alone:
                what = f"{name}: {kind}, a word of any quant"
                yield Promise(what, np.any(alone[kind], axis=1).tolist(), size)
            if kind in together:
                what = f"{name}: {kind}, a word of all quants together"
                yield Promise(what, np.any(together[kind], axis=1).tolist(), size)
    for name, world in SOMETHING.items():
        alone, together = _words(world, worlds // 10, seed)
        for kind in (*WITHIN, *MATCHED):
            if kind in alone:
                drops = np.mean(alone[kind][:, QUANTS : 2 * QUANTS], axis=1)
                yield Promise(f"{name}: {kind}, drops are told of a quant", drops.tolist(), POWER)
            if kind in together:
                drops = together[kind][:, -2]
                what = f"{name}: {kind}, drops are told of all together"
                yield Promise(what, drops.tolist(), POWER)


def _words(world: World, worlds: int, seed: int) -> tuple[dict, dict]:
    """kind -> whether a word is said of each quant and split, [worlds, ..], and of all together."""
    rng = np.random.default_rng(seed)
    alone: dict[str, list] = {}
    together: dict[str, list] = {}
    for k in range(worlds):
        made = cohort(world, rng)
        settings = Tosses(CLIP, MARK, FEWEST, 499, k)
        for found, rows in ((alone, failures(made)), (together, overall(made, settings))):
            told: dict[str, list] = {}
            for row in rows:
                if row.verdict != "one_fact":
                    word = row.verdict.endswith(("higher", "lower"))
                    told.setdefault(row.kind, []).append(word)
            for kind, words in told.items():
                found.setdefault(kind, []).append(words)
    one, all_of_them = ({k: np.array(v) for k, v in found.items()} for found in (alone, together))
    return one, all_of_them


def of_intervals(worlds: int, seed: int) -> Iterator[Promise]:
    """A KLD that is e^0.3 as high where the event is; events common, or eight of 300."""
    rng = np.random.default_rng(seed)
    strata = Strata(KINDS, np.arange(N))
    truth = {"ratio": math.exp(0.3), "AUROC": 0.60462, "lift, of nothing": 1.0}
    for name, rate in (("common", 0.3), ("rare", 0.03)):
        found: dict[str, list[bool]] = {figure: [] for figure in truth}
        for _ in range(worlds):
            event = rng.random(N) < rate
            kld = np.exp(0.8 * rng.standard_normal(N) + 0.3 * event + KINDS)
            answers = ratio(kld, event, strata, 0.05), auroc(kld, event, strata, 0.05)
            nothing = lift(rng.random(N), event, strata, 0.05)
            for figure, answer in zip(truth, (*answers, nothing)):
                if answer is not None:
                    found[figure].append(_holds(answer, truth[figure]))
        for figure, held in found.items():
            # lift's interval is exact, hence wide where events are rare
            promised = (HOLDS[0], 1.0) if figure.startswith("lift") else HOLDS
            yield Promise(f"{figure}, {name} events: interval holds the truth", held, promised)


def _holds(answer: Judged | Overall, truth: float) -> bool:
    """Whether the interval holds it; one that cannot be had leaves all open."""
    return answer.low is None or answer.high is None or answer.low <= truth <= answer.high


def of_medians(worlds: int, seed: int) -> Iterator[Promise]:
    """The median over quants: its interval, on other prompts of the same quants."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[bool]] = {"ratio_within": [], "auroc_within": []}
    truth = {"ratio_within": math.exp(0.5), "auroc_within": 0.69323}  # Phi(0.5 / (0.7 sqrt 2))
    for k in range(worlds // 5):
        made = cohort(World(planted=0.5, rate=0.15), rng)
        for row in overall(made, Tosses(CLIP, MARK, FEWEST, 999, k)):
            if row.kind in truth and row.split == "drop":
                found[row.kind].append(_holds(row, truth[row.kind]))
    for kind, held in found.items():
        # it counts the noise of the quants' own figures twice
        promised = (HOLDS[0], 1.0)
        yield Promise(f"{kind}, median over quants: interval holds the truth", held, promised)


def of_routers(worlds: int, seed: int) -> Iterator[Promise]:
    """Related quants whose KLD goes with how hard a prompt is and with nothing else, and ones whose
    KLD is e^0.3 as high where they are wrong.
    """
    promised = (
        ("hard prompts: a word of any pair", World(hard=1.0), 0.0, SIZE),
        ("texts asked 3 times: a word of any pair", World(hard=1.0, items=3), 0.0, SIZE),
        ("e^0.3 where wrong: a pair is told", World(hard=1.0), 0.3, POWER),
    )
    for what, world, wrong, span in promised:
        rng = np.random.default_rng(seed)
        found: dict[str, list[float]] = {}
        for k in range(worlds // 5):
            told: dict[str, list[bool]] = {}
            for row in routers(_routed(world, wrong, rng), Coins(MARK, 499, k)):
                word = row.verdict in ("above_half", "below_half", "beats_both")
                told.setdefault(row.kind, []).append(word)
            for kind, words in told.items():
                share = float(any(words) if span == SIZE else np.mean(words))
                found.setdefault(kind, []).append(share)
        for kind in ("ranked", "within"):
            yield Promise(f"router, {kind}: {what}", found[kind], span)


def _routed(world: World, wrong: float, rng: np.random.Generator) -> Routed:
    """A cohort's rows as routers take them: answers are tossed, items of a text alike."""
    made = cohort(world, rng)
    unit = made.strata["within"].unit
    passed = (rng.random(made.kld.shape) < 0.6)[:, unit]
    kld = made.kld * np.exp(wrong * ~passed)
    quants, prompts = (index.ravel() for index in np.indices(kld.shape))
    return Routed(
        np.full(quants.shape, "pool"),
        np.full(quants.shape, "cohort"),
        np.array([f"q{k:02}" for k in quants]),
        np.array([f"p{k:04}" for k in prompts]),
        np.array([f"kind {k}" for k in KINDS[prompts]]),
        np.array([f"t{k:04}" for k in unit[prompts]]),
        kld.ravel(),
        passed.ravel().astype(float),
    )


PROMISES = (of_words, of_intervals, of_medians, of_routers)
