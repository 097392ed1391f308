"""A cohort's quants as points: their distance by each measurement beside each target."""

from typing import Annotated, NamedTuple

import numpy as np

from ..port import Counts, Numbers, Texts


class Points(NamedTuple):
    """One row per measurement, target and quant that has both, as fct_zone_points has them."""

    quant_id: Annotated[Texts, "the quant"]
    measurement_id: Annotated[Texts, "what was measured"]
    variant: Annotated[Counts, "the measurement's number, by which they are ordered"]
    target: Annotated[Texts, "what it is held against"]
    uploader: Annotated[Texts, "who published the quant; null where nobody said"]
    x: Annotated[Numbers, "the measurement, larger = further from the reference"]
    y: Annotated[Numbers, "the target's figure"]


class Sides(NamedTuple):
    """The same as two tables of n quants by name, NaN where a quant has no point."""

    measurements: list[tuple[int, str]]  # [m] variant and measurement_id, in their order
    targets: list[str]  # [t] by name
    uploaders: list[str | None]  # [n]
    x: np.ndarray  # [m, n]
    y: np.ndarray  # [t, n]


def sides(points: Points) -> Sides:
    """The two sides of these points."""
    names, quant = np.unique(points.quant_id.astype(str), return_inverse=True)
    targets, column = np.unique(points.target.astype(str), return_inverse=True)
    keys = list(zip(points.variant.tolist(), points.measurement_id.tolist()))
    measurements = sorted(set(keys))
    place = {key: k for k, key in enumerate(measurements)}
    x, y = (np.full((len(side), len(names)), np.nan) for side in (measurements, targets))
    x[[place[key] for key in keys], quant] = points.x
    y[column, quant] = points.y
    uploaders = dict(zip(quant.tolist(), points.uploader.tolist()))
    known = [uploaders[k] for k in range(len(names))]
    return Sides(measurements, targets.tolist(), known, x, y)
