"""Does the direction of a text's tokens go with the direction of the benchmarks' disagreements?

Said of these very quants: their prompts could have been others, and relatives are not parted. If
all quants had one direction d, sum of rank x direction would be 0 but for the prompts, each of
which adds to it what its gains exceed d of its disagreements by; its signs are tossed.
"""

from typing import Annotated, NamedTuple

import numpy as np

from .answers import Answers, Sheet, sheet
from .draws import SMALLEST
from .intervals import ALPHA, interval
from .multiplicity import step_down
from .port import Counts, Numbers, Texts, statistic
from .ranks import ranks_or_zero
from .rho import CONSTANT, too_few
from .texts import units
from .tosses import tossed, two_sided_p
from .two_level import TARGETS, redrawn, targets

DIRECTION = TARGETS.index("direction")


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
        "95 % interval of the rho that other prompts, as many as these, give these very quants,"
        " 2.5 %",
    ] = None
    high: Annotated[float | None, "97.5 %"] = None
    p: Annotated[
        float | None, "two-sided p that these quants have one direction, by tossed prompts"
    ] = None
    p_adjusted: Annotated[
        float | None, "the same over all texts and figures of the cohort (step-down max-T)"
    ] = None
    verdict: Annotated[str, "code, as in the seed verdicts, by p_adjusted"] = "no_figure"
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
    found, added = [], []
    for key, x in _figures(directions, whole.quants):
        used = np.isfinite(x) & np.isfinite(y)
        cell = _cell(x[used], y[used], y_draws[:, used])
        divided = int(whole.gains[used].any(0).sum())
        found.append(Agreement(*key, int(used.sum()), divided)._replace(**cell))
        usable = found[-1].rho is not None
        added.append(_trend(x, used, whole) if usable else np.zeros(whole.gains.shape[1]))
    return _judged(found, np.array(added), whole, settings)


def _figures(directions: TokenDirections, quants: list[str]) -> list[tuple[tuple, np.ndarray]]:
    """(corpus_id, context_length, estimator, measured) and the figure of each quant [q]."""
    place = {quant: k for k, quant in enumerate(quants)}
    tables: dict[tuple, np.ndarray] = {}
    *keys, names, values = (column.tolist() for column in directions)
    for *key, quant, value in zip(*keys, names, values):
        table = tables.setdefault(tuple(key), np.full(len(quants), np.nan))
        if quant in place:
            table[place[quant]] = value
    return sorted(tables.items(), key=lambda item: item[0])


def _cell(x: np.ndarray, y: np.ndarray, y_draws: np.ndarray) -> dict:
    """rho and its interval of n quants."""
    if len(x) < SMALLEST:
        return {"reason": too_few(len(x))}
    fixed = np.broadcast_to(x, (1, *y_draws.shape))
    rho = redrawn(x[None], y[None], fixed, y_draws[None])[:, 0, 0]
    if not np.isfinite(rho[0]):
        return {"reason": CONSTANT}
    low, high = interval(rho[1:])
    return {"rho": float(rho[0]), "low": low, "high": high}


def _trend(x: np.ndarray, used: np.ndarray, whole: Sheet) -> np.ndarray:
    """What each prompt [n] adds to sum of rank x direction, were all directions one."""
    gains = whole.gains[used] * whole.shares()
    volume = np.abs(gains).sum(1)
    shared = gains.sum() / volume.sum()
    return (ranks_or_zero(x[used]) / volume) @ (gains - shared * np.abs(gains))


def _judged(
    found: list[Agreement], added: np.ndarray, whole: Sheet, settings: Tosses
) -> list[Agreement]:
    """The rows with p, p_adjusted and verdict, from what each prompt adds to them [m, n]."""
    unit = units(whole.prompts.texts)
    z, null = tossed(added, unit, settings.n_tosses, settings.seed)
    z = np.where([row.rho is not None for row in found], z, np.nan)
    adjusted, raw = step_down(np.abs(z), np.abs(null)), two_sided_p(z, null)
    judged = []
    for row, trend, p, p_adjusted in zip(found, z, raw, adjusted):
        if row.rho is not None:
            row = row._replace(p=float(p), p_adjusted=float(p_adjusted))
            row = row._replace(verdict=_verdict(row, float(trend), settings))
        judged.append(row)
    return judged


def _verdict(row: Agreement, trend: float, settings: Tosses) -> str:
    """What may be said of these quants."""
    if row.n < settings.fewest_quants:
        return "too_few"
    assert row.rho is not None and row.p_adjusted is not None
    if row.p_adjusted > ALPHA or trend * row.rho <= 0:
        return "cannot_tell"
    return "rises_on_these" if trend > 0 else "falls_on_these"
