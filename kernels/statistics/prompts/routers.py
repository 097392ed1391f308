"""KLD as a router: send each prompt to the model that moved less from its own reference.

Counted where exactly one of two models is right. 50 % is one comparison; always asking the better
of the two is the other. Raw KLD also differs in scale between models, so three routers are judged:
raw KLD, each model's own rank of it over all prompts, and that rank within the prompt's kind of
task. Always asking the better one is chosen on the prompts it is judged on, which flatters it.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Annotated, NamedTuple

import numpy as np

from ..draws import SMALLEST
from ..intervals import ALPHA
from ..multiplicity import resolves, step_down
from ..port import Numbers, Texts, statistic
from ..resolution import POWER
from ..scores.paired import difference_interval, improvement_share, mcnemar
from ..texts import design_effect
from ..tosses import tossed
from .prompt_table import numbered, places

KINDS = ("raw", "ranked", "within")


class Routed(NamedTuple):
    """One row per model and prompt, in each pool that it is in."""

    pool_id: Annotated[Texts, "every two models of a pool are compared"]
    cohort_id: Annotated[Texts, "the model's cohort"]
    quant_id: Annotated[Texts, "the model"]
    prompt_id: Annotated[Texts, "the prompt, with its benchmark"]
    kind_of_task: Annotated[Texts, "benchmark and kind of task"]
    text_id: Annotated[Texts, "equal where a benchmark asks one text more than once"]
    kld: Annotated[Numbers, "mean over the reference's answer, nats"]
    score: Annotated[Numbers, "the model's, 0 to 1"]


class Coins(NamedTuple):
    """What passes a prompt, and the tosses."""

    pass_mark: Annotated[float, "the least score that passes a prompt"]
    n_tosses: Annotated[int, "tosses of all texts"]
    seed: Annotated[int, "of the tosses"]


class Router(NamedTuple):
    """One row per pair of models and kind of router."""

    cohort_id: Annotated[str, "the one's cohort"]
    quant_id: Annotated[str, "the one"]
    other_cohort_id: Annotated[str, "the other's cohort: the same, or another model's"]
    other_quant_id: Annotated[str, "the other"]
    kind: Annotated[
        str,
        "by which the lower is asked: raw KLD, each quant's own rank of it over all prompts"
        " (ranked), or that rank within the kind of task (within)",
    ]
    disagreements: Annotated[int, "prompts that exactly one passes"]
    first_right: Annotated[int, "of them, quant_id passes"]
    ties: Annotated[int | None, "of them, prompts with equal values, left out"] = None
    figure: Annotated[float | None, "share of the others on which the lower is the right one"] = (
        None
    )
    low: Annotated[float | None, "95 % interval (Wilson)"] = None
    high: Annotated[float | None, "the same"] = None
    p: Annotated[float | None, "two-sided exact p, against 50 %"] = None
    p_adjusted: Annotated[
        float | None, "max-T over all pairs of this kind, texts' signs tossed for all at once"
    ] = None
    detectable: Annotated[
        float | None, "the least share that would be told so adjusted, with 80 % power"
    ] = None
    better: Annotated[
        float | None,
        "share right of always asking the one that is right more often (within: in each kind of"
        " task)",
    ] = None
    gain: Annotated[float | None, "figure less better"] = None
    gain_low: Annotated[float | None, "95 % interval (Tango)"] = None
    gain_high: Annotated[float | None, "the same"] = None
    gain_p: Annotated[float | None, "two-sided exact p, against no gain"] = None
    gain_p_adjusted: Annotated[float | None, "adjusted as p is"] = None
    verdict: Annotated[str, "code, as in the seed verdicts"] = ""
    reason: Annotated[str | None, "why figures are null"] = None


class Judged(NamedTuple):
    """A pair's row before p is adjusted, and what each text says, [texts]."""

    row: Router
    halves: np.ndarray  # prompts routed right less those routed wrong
    gains: np.ndarray  # prompts routed right less those that always asking the better gets right


@statistic
def routers(rows: Routed, settings: Coins) -> list[Router]:
    """On prompts that exactly one of two models passes: is it the one with the lower KLD?"""
    found = [each for pool in np.unique(rows.pool_id) for each in _pool(rows, pool, settings)]
    answers = []
    for kind in KINDS:
        some = [each for each in found if each.row.kind == kind]
        halves, largest = _adjusted([each.halves for each in some], settings)
        gains, _ = _adjusted([each.gains for each in some], settings)
        for each, half, gain in zip(some, halves.tolist(), gains.tolist()):
            answers.append(_told(_detectable(each, largest), half, gain))
    return answers


def _adjusted(sums: list[np.ndarray], settings: Coins) -> tuple[np.ndarray, float]:
    """(adjusted p of each pair by step-down max-T, NaN where nothing is to be told; the z that the
    largest of all passes by chance at the level).
    """
    if not sums:
        return np.empty(0), float("nan")
    z, null = tossed(np.array(sums), np.arange(len(sums[0])), settings.n_tosses, settings.seed)
    null = np.abs(null)
    largest = float(np.quantile(null.max(1), 1 - ALPHA))
    return step_down(np.where(np.any(sums, axis=1), np.abs(z), np.nan), null), largest


def _detectable(each: Judged, largest: float) -> Router:
    """The row with the least share above one half that passes `largest` with POWER."""
    from scipy.special import ndtri

    row = each.row
    if row.p is None or row.ties is None:
        return row
    error = np.sqrt((each.halves**2).sum()) / (row.disagreements - row.ties)
    share = 0.5 + (largest + ndtri(POWER)) * error / 2
    return row._replace(detectable=float(share) if share < 1 else None)


def _told(row: Router, half: float, gain: float) -> Router:
    """The row with its adjusted p, which is never below p, and its verdict."""
    if row.p is None or row.gain_p is None or row.figure is None or row.gain is None:
        return row._replace(verdict="too_few")
    half, gain = (
        max(p, 1.0 if np.isnan(adjusted) else adjusted)
        for p, adjusted in ((row.p, half), (row.gain_p, gain))
    )
    told = "cannot_tell"
    if resolves(half):
        told = "above_half" if row.figure > 0.5 else "below_half"
    if resolves(gain) and row.gain > 0:
        told = "beats_both"
    return row._replace(p_adjusted=half, gain_p_adjusted=gain, verdict=told)


def _pool(rows: Routed, pool: str, settings: Coins) -> Iterator[Judged]:
    """Every two models of a pool, by each kind of router."""
    unit = numbered(rows.text_id)
    texts, here = int(unit.max()) + 1, rows.pool_id == pool
    own = Routed(*(column[here] for column in rows))
    names = np.array([f"{cohort}\0{quant}" for cohort, quant in zip(own.cohort_id, own.quant_id)])
    at = places(names, own.prompt_id)
    kld, score = at.table(own.kld), at.table(own.score)
    kld = np.where(np.isfinite(score), kld, np.nan)
    kinds, unit = numbered(at.of_prompts(own.kind_of_task)), at.of_prompts(unit[here])
    values = {"raw": kld, "ranked": _ranks(kld, np.zeros_like(kinds)), "within": _ranks(kld, kinds)}
    ids = [name.split("\0") for name in at.names]
    for a, b in combinations(range(len(ids)), 2):
        right = score[[a, b]] >= settings.pass_mark
        divided = (right[0] != right[1]) & np.isfinite(kld[[a, b]]).all(0)
        counts = int(divided.sum()), int(right[0][divided].sum())
        for kind in KINDS:
            row = Router(ids[a][0], ids[a][1], ids[b][0], ids[b][1], kind, *counts)
            parts = kinds if kind == "within" else np.zeros_like(kinds)
            routed, better, counted = _asked(values[kind][[a, b]], right[0], divided, parts)
            yield _judged(row, routed, better, unit[counted], texts)


def _asked(
    values: np.ndarray, first: np.ndarray, divided: np.ndarray, parts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(router right, always the better right [m] bool, which of the n prompts are counted).

    values: [2, n]; first: whether the first model is right; parts: within which the better of the
    two is chosen.
    """
    counted = np.flatnonzero(divided & (values[0] != values[1]))
    first, parts = first[counted], parts[counted]
    routed = (values[0] < values[1])[counted] == first
    leads = np.bincount(parts, np.where(first, 1, -1))[parts] >= 0
    return routed, leads == first, counted


def _judged(
    row: Router, routed: np.ndarray, better: np.ndarray, unit: np.ndarray, texts: int
) -> Judged:
    """The figures of a router: whether it, and always asking the better, was right, [m] bool."""
    n = len(routed)
    nothing = np.zeros(texts)
    if row.disagreements < SMALLEST:
        reason = f"{SMALLEST} prompts needed that divide the two models, {row.disagreements} found"
        return Judged(row._replace(reason=reason), nothing, nothing)
    row = row._replace(ties=row.disagreements - n)
    if n < SMALLEST:
        reason = f"{SMALLEST} prompts with unequal values needed, {n} found"
        return Judged(row._replace(reason=reason), nothing, nothing)
    _, own = np.unique(unit, return_inverse=True)
    effect = design_effect(routed.astype(float), own)
    right, wrong = float(routed.sum() / effect), float((~routed).sum() / effect)
    figure, low, high = improvement_share(right, wrong)
    gains = routed.astype(float) - better
    effect = design_effect(gains, own)
    up, down = float((gains > 0).sum() / effect), float((gains < 0).sum() / effect)
    gain_low, gain_high = difference_interval(up, down, n / effect)
    row = row._replace(
        figure=figure,
        low=low,
        high=high,
        p=mcnemar(right, wrong),
        better=float(better.mean()),
        gain=float(gains.mean()),
        gain_low=gain_low,
        gain_high=gain_high,
        gain_p=mcnemar(up, down),
    )
    halves = np.bincount(unit, np.where(routed, 1, -1), texts)
    return Judged(row, halves, np.bincount(unit, gains, texts))


def _ranks(kld: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Each model's share of its own prompts of the same kind at or below its KLD: [q, n].

    By mid-ranks, in (0, 1); NaN where missing.
    """
    from scipy.stats import rankdata

    ranks = np.empty_like(kld)
    for kind in np.unique(kinds):
        part = kld[:, kinds == kind]
        ranks[:, kinds == kind] = rankdata(part, axis=1, nan_policy="omit") / (
            np.isfinite(part).sum(1, keepdims=True) + 1
        )
    return ranks
