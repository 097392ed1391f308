"""Does the direction of a text's tokens go with the direction of the benchmarks' disagreements?

Said of these very quants: their prompts could have been others, and relatives are not parted. If
all quants had one direction d, their gains less d of their disagreements would show no trend with
the rank of the figure but for the prompts: their signs are tossed, their directions dealt anew.
"""

from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..draws import SMALLEST, permutations
from ..intervals import redrawn_z
from ..multiplicity import TIE, resolves, step_down
from ..port import Counts, Numbers, Texts, statistic
from ..ranks import ranks_or_zero
from ..texts import units
from ..tosses import scales, text_sums, tossed, two_sided_p
from .rho import CONSTANT, too_few
from .two_level import TARGETS, redrawn, targets

DIRECTION = TARGETS.index("direction")
Key = tuple[str, int, str, str]  # corpus_id, context_length, estimator, measured


class TokenDirections(NamedTuple):
    """One row per text, estimator, figure of its tokens and quant."""

    corpus_id: Annotated[Texts, "the text"]
    context_length: Annotated[Counts, "tokens per chunk"]
    estimator: Annotated[Texts, "the scorer"]
    measured: Annotated[Texts, "which figure of the tokens"]
    quant_id: Annotated[Texts, "the quant"]
    figure: Annotated[Numbers, "its value"]


class Tosses(NamedTuple):
    """How often and from which seed is drawn."""

    n_resamples: Annotated[int, "bootstrap replicates"]
    n_tosses: Annotated[int, "times that all signs are tossed"]
    fewest_quants: Annotated[int, "of fewer nothing is said"]
    seed: Annotated[int, "of all draws"]


class Agreement(NamedTuple):
    """A figure of the tokens against the direction of the composite."""

    corpus_id: Annotated[str, "the text"]
    context_length: Annotated[int, "tokens per chunk"]
    estimator: Annotated[str, "the scorer"]
    measured: Annotated[str, "improvement_share or token_direction (stat_token_direction)"]
    n: Annotated[int, "quants with both figures that answered every prompt"]
    prompts: Annotated[int, "prompts on which any of them disagrees with the reference"]
    rho: Annotated[
        float | None, "Spearman's rho with the composite's direction; null with a reason"
    ] = None
    low: Annotated[
        float | None,
        "95 % interval of the rho that other prompts, as many as these, give these very quants"
        " in the mean, 2.5 %; it holds rho",
    ] = None
    high: Annotated[float | None, "97.5 %"] = None
    p: Annotated[
        float | None,
        "two-sided p that these quants have one direction: prompts' signs tossed, or their"
        " directions dealt anew, whichever is larger",
    ] = None
    p_adjusted: Annotated[
        float | None, "the same over all texts and figures of the cohort (step-down max-T)"
    ] = None
    verdict: Annotated[str, "code, as in the seed verdicts, by p_adjusted and the interval"] = (
        "no_figure"
    )
    reason: Annotated[str | None, "why rho is null"] = None


@statistic
def direction_agreement(
    directions: TokenDirections, answers: Answers, settings: Tosses
) -> list[Agreement]:
    """rho of every text and figure with the direction of the composite, prompts drawn anew.

    Quants that did not answer every prompt are left out.
    """
    whole = sheet(answers).complete()
    if not whole.quants:
        return []
    y, y_draws = (part[DIRECTION] for part in targets(whole, settings.n_resamples, settings.seed))
    found, trends = [], []
    for key, x in _figures(directions, whole.quants):
        used = np.isfinite(x) & np.isfinite(y)
        cell = _cell(x[used], y[used], y_draws[:, used])
        divided = int(whole.gains[used].any(0).sum())
        found.append(Agreement(*key, int(used.sum()), divided)._replace(**cell))
        gains = whole.gains * whole.shares() * used[:, None] * (found[-1].rho is not None)
        trends.append(_trend(ranks_or_zero(np.where(used, x, np.nan)), gains))
    return _judged(found, trends, whole, settings)


def _figures(directions: TokenDirections, quants: list[str]) -> list[tuple[Key, np.ndarray]]:
    """(corpus_id, context_length, estimator, measured) and the figure of each quant [q]."""
    place = {quant: k for k, quant in enumerate(quants)}
    tables: dict[Key, np.ndarray] = {}
    for a, b, c, d, quant, value in zip(*(column.tolist() for column in directions)):
        table = tables.setdefault((a, b, c, d), np.full(len(quants), np.nan))
        if quant in place:
            table[place[quant]] = value
    return sorted(tables.items(), key=lambda item: item[0])


def _cell(x: np.ndarray, y: np.ndarray, y_draws: np.ndarray) -> dict:
    """rho and its interval of n quants."""
    if len(x) < SMALLEST:
        return {"reason": too_few(len(x))}
    fixed = np.broadcast_to(x, (1, *y_draws.shape))
    [[rho]], *drawn = redrawn(x[None], y[None], fixed, y_draws[None])
    if not np.isfinite(rho):
        return {"reason": CONSTANT}
    low, high = redrawn_z(float(rho), len(x), *(part[:, 0, 0] for part in drawn))
    return {"rho": float(rho), "low": low, "high": high}


def _trend(ranks: np.ndarray, gains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each prompt adds to the trend of direction with rank, and how far it can, [n] each.

    ranks [q], weighted gains [q, n]. Each disagreement counts alike, so that a quant with few of
    them weighs little; what is added is less what it were if all directions were one.
    """
    size = np.abs(gains)
    volume = size.sum(1)
    if not volume.any():
        return size.sum(0), size.sum(0)
    ranks = ranks - ranks @ volume / volume.sum()
    return ranks @ (gains - gains.sum() / volume.sum() * size), ranks @ size


def _judged(
    found: list[Agreement],
    trends: list[tuple[np.ndarray, np.ndarray]],
    whole: Sheet,
    settings: Tosses,
) -> list[Agreement]:
    """The rows with p, p_adjusted and verdict, from their trends.

    Tossed signs hold whatever prompts share, but are too bold where almost all disagreements go one
    way; dealing the prompts' directions to one another is right there. The larger p counts.
    """
    unit = units(whole.prompts.texts)
    added, reach = (np.array(side) for side in zip(*trends))
    z, null = tossed(added, unit, settings.n_tosses, settings.seed)
    dealt = _dealt(text_sums(reach, unit), whole, unit, settings)
    known = np.array([row.rho is not None for row in found])
    tests = [(np.abs(np.where(known, seen, np.nan)), drawn) for seen, drawn in ((z, null), dealt)]
    raw = np.maximum.reduce([two_sided_p(*tests[0]), _counted(*tests[1])])
    adjusted = np.maximum.reduce([step_down(seen, np.abs(drawn)) for seen, drawn in tests])
    judged = []
    for row, trend, p, p_adjusted in zip(found, z, raw, adjusted):
        if row.rho is not None:
            row = row._replace(p=float(p), p_adjusted=float(p_adjusted))
            row = row._replace(verdict=_verdict(row, float(trend), settings))
        judged.append(row)
    return judged


def _dealt(
    reach: np.ndarray, whole: Sheet, unit: np.ndarray, settings: Tosses
) -> tuple[np.ndarray, np.ndarray]:
    """The trends [m], scaled, and with the texts' directions dealt anew, [n_tosses, m].

    reach: [m, texts] how far each text can move them.
    """
    gains = text_sums(whole.gains * whole.shares(), unit).sum(0)
    size = text_sums(np.abs(whole.gains) * whole.shares(), unit).sum(0)
    divided = size > 0
    direction, reach = gains[divided] / size[divided], reach[:, divided]
    scale = scales(reach) * direction.std() if len(direction) else np.ones(len(reach))
    scale = np.where(scale > 0, scale, 1.0)
    orders = permutations(len(direction), settings.n_tosses, settings.seed)
    return reach @ direction / scale, direction[orders] @ reach.T / scale


def _counted(seen: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Two-sided p [m] of |trends| by draws of them, add-one."""
    return (1 + (np.abs(null) >= seen - TIE).sum(0)) / (1 + len(null))


def _verdict(row: Agreement, trend: float, settings: Tosses) -> str:
    """What may be said of these quants, where the trend is shown and rho's interval agrees."""
    if row.n < settings.fewest_quants:
        return "too_few"
    if not resolves(row.p_adjusted) or row.low is None or row.high is None:
        return "cannot_tell"
    if trend > 0 and row.low > 0:
        return "rises_on_these"
    return "falls_on_these" if trend < 0 and row.high < 0 else "cannot_tell"
