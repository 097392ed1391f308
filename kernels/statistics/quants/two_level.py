"""rho of these very quants when the prompts, and the text's chunks, are drawn anew.

All quants share their prompts and, on one text, their chunks: what they share cancels. The quants
stay as they are: what other quants would show is a matter of families (relatives.py).

Draws add noise to scores that hold noise already. What that takes away is shown (shrinkage), and
the interval allows for it (intervals.redrawn_z).
"""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..chunks.chunks import Chunks, Drawn, Recipe, redrawn_measurements
from ..draws import SMALLEST
from ..intervals import finite, redrawn_z
from ..port import Counts, Numbers, Texts, statistic
from ..ranks import by_quants, redrawn_rho
from ..scores.composites import composite_scores, score_replicates
from .rho import CONSTANT, too_few

TARGETS = ("composite", "volume", "direction")
BOTH, ALONE = "chunks and prompts", "prompts"
NO_DRAWS = "most draws have no rho: one side is the same for every quant"


class Distances(NamedTuple):
    """One row per zone, measurement and member: the measurement, and what it is made from."""

    zone_rule: Annotated[Texts, "the rule that drew the zone"]
    threshold: Annotated[Numbers, "the rule's threshold"]
    measurement_id: Annotated[Texts, "what was measured"]
    variant: Annotated[Counts, "the measurement's number, by which they are ordered"]
    quant_id: Annotated[Texts, "the quant"]
    x: Annotated[Numbers, "the measurement, larger = further from the reference"]
    corpus_id: Annotated[Texts, "its text; null for a measure of the user's own"]
    context_length: Annotated[Numbers, "tokens per chunk of that text"]
    quantity: Annotated[Texts, "what a token contributes (seed metrics)"]
    form: Annotated[Texts, "how the metric comes from it (seed metrics)"]
    fraction: Annotated[Numbers, "which quantile, 0 to 1"]
    orientation: Annotated[Numbers, "1 where larger is further from the reference, else -1"]


class Redraws(NamedTuple):
    """How often and from which seed is drawn."""

    n_resamples: Annotated[int, "bootstrap replicates"]
    seed: Annotated[int, "of all draws"]
    kld_buckets_per_efold: Annotated[int, "of the histograms of KLD that chunks keep"]


class TwoLevel(NamedTuple):
    """A measurement against a target, with what other prompts and chunks would make of it."""

    zone_rule: Annotated[str, "full, or the rule that drew the silent zone"]
    threshold: Annotated[float, "the rule's threshold"]
    measurement_id: Annotated[str, "what was measured"]
    variant: Annotated[int, "number in the list of 14; above 1000: a measure of the user's own"]
    target: Annotated[str, "composite, volume or direction"]
    n: Annotated[int, "quants with both figures that answered every prompt"]
    rho: Annotated[float | None, "Spearman's rho as observed; null with a reason"] = None
    low: Annotated[
        float | None,
        "95 % interval of the rho that other prompts (and chunks), as many as these, give these"
        " very quants in the mean, 2.5 %; it holds rho; the rho without noise lies further from 0",
    ] = None
    high: Annotated[float | None, "97.5 %"] = None
    drawn: Annotated[
        str | None,
        "what was drawn anew: chunks and prompts, or prompts, where the measurement has no joint"
        " chunks and is taken as it is",
    ] = None
    shrinkage: Annotated[
        float | None,
        "median of rho over the draws, divided by rho: what more noise of the same kind takes away",
    ] = None
    reason: Annotated[str | None, "why a figure is null"] = None


@statistic
def two_level(
    distances: Distances, chunks: Chunks, answers: Answers, settings: Redraws
) -> list[TwoLevel]:
    """rho of every zone and measurement with composite, volume and direction, and its noise.

    Quants that did not answer every prompt are left out.
    """
    whole = sheet(answers).complete()
    if not whole.quants:
        return []
    y, y_draws = targets(whole, settings.n_resamples, settings.seed)
    keys, recipes = _measurements(distances)
    drawn = Drawn(*settings)
    x_draws = redrawn_measurements(recipes, chunks, whole.quants, drawn)
    found = []
    for zone_rule, threshold, x in _zones(distances, keys, whole.quants):
        for (i, j), (n, cell) in sorted(_cells(x, y, x_draws, y_draws).items()):
            variant, name = keys[i]
            key = zone_rule, threshold, name, variant, TARGETS[j], n
            found.append(TwoLevel(*key)._replace(**cell))
    return found


def targets(whole: Sheet, n_resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Composite, volume and direction [3, q] of the quants, and with prompts drawn anew [3, B, q].

    Rounded to 12 digits, so that equal scores stay ties; direction is NaN without disagreement.
    """
    asked, weights, gains = whole.prompts, whole.weights, whole.gains
    gain, volume, score = (
        composite_scores(values, asked, weights) for values in (gains, np.abs(gains), whole.scores)
    )
    y = np.array([score, volume, _over(gain, volume)])
    gain, volume, start = (
        score_replicates(values, asked, weights, n_resamples, seed)
        for values in (gains, np.abs(gains), whole.reference)
    )
    return np.round(y, 12), np.round([start + gain, volume, _over(gain, volume)], 12)


def redrawn(
    x: np.ndarray, y: np.ndarray, x_draws: np.ndarray, y_draws: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """rho of x [m, n] with y [t, n] as they are, drawn anew, and half of the way to the draws.

    x_draws: [m, B, n], y_draws: [t, B, n]; returns [m, t], [B, m, t], [B, m, t]. A measurement that
    cannot be drawn anew (NaN) is taken as it is.
    """
    drawn = np.isfinite(x_draws).all((1, 2))[:, None, None]
    x, y = x[:, None], y[:, None]
    x_draws = np.where(drawn, x_draws, x)
    # coarser than targets are rounded, so that equal ones stay ties
    half = (x + x_draws) / 2, np.round((y + y_draws) / 2, 10)
    return redrawn_rho(x, y)[0], redrawn_rho(x_draws, y_draws), redrawn_rho(*half)


def _cells(
    x: np.ndarray, y: np.ndarray, x_draws: np.ndarray, y_draws: np.ndarray
) -> dict[tuple[int, int], tuple[int, dict[str, Any]]]:
    """(row of x, row of y) -> n and TwoLevel's figures, where any quant has both."""
    cells: dict[tuple[int, int], tuple[int, dict[str, Any]]] = {}
    for used, rows, columns, wanted in by_quants(x, y):
        n = int(used.sum())
        if n < SMALLEST:
            cells |= {cell: (n, {"reason": too_few(n)}) for cell in wanted if n}
            continue
        draws = x_draws[rows][:, :, used]
        sides = x[rows][:, used], y[columns][:, used], draws, y_draws[columns][:, :, used]
        rho, whole, half = redrawn(*sides)
        both = np.isfinite(draws).all((1, 2))
        for i, j in wanted:
            a, b = rows.index(i), columns.index(j)
            figures = _figures(float(rho[a, b]), whole[:, a, b], half[:, a, b], n)
            if figures["reason"] is None:
                figures["drawn"] = BOTH if both[a] else ALONE
            cells[i, j] = n, figures
    return cells


def _figures(rho: float, whole: np.ndarray, half: np.ndarray, n: int) -> dict[str, Any]:
    """TwoLevel's figures of n quants from rho as it is and as drawn, [B] each."""
    if not np.isfinite(rho):
        return {"reason": CONSTANT}
    low, high = redrawn_z(rho, n, whole, half)
    known = whole[np.isfinite(whole)]
    return {
        "rho": rho,
        "low": low,
        "high": high,
        "shrinkage": finite(np.median(known) / rho) if len(known) and rho else None,
        "reason": NO_DRAWS if low is None else None,
    }


def _measurements(distances: Distances) -> tuple[list[tuple[int, str]], list[Recipe]]:
    """(variant, measurement_id) of the measurements in their order, and what makes them."""
    keys = list(zip(distances.variant.tolist(), distances.measurement_id.tolist()))
    first = {key: k for k, key in reversed(list(enumerate(keys)))}
    columns = [getattr(distances, name) for name in Recipe._fields]
    order = sorted(first)
    return order, [Recipe(*(column[first[key]] for column in columns)) for key in order]


def _zones(
    distances: Distances, keys: list[tuple[int, str]], quants: list[str]
) -> Iterator[tuple[str, float, np.ndarray]]:
    """Each zone with its members' measurements [m, q], NaN where there is none."""
    row = {key: k for k, key in enumerate(keys)}
    column = {quant: k for k, quant in enumerate(quants)}
    zones: dict[tuple[str, float], np.ndarray] = {}
    cells = zip(
        zip(distances.zone_rule.tolist(), distances.threshold.tolist()),
        zip(distances.variant.tolist(), distances.measurement_id.tolist()),
        distances.quant_id.tolist(),
        distances.x.tolist(),
    )
    for zone, key, quant, x in cells:
        table = zones.setdefault(zone, np.full((len(keys), len(quants)), np.nan))
        if quant in column:
            table[row[key], column[quant]] = x
    for zone, table in sorted(zones.items()):
        yield *zone, table


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Direction: above / below, NaN without a disagreement."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)
