"""Rows of points from plain arrays, as the statistics over quants take them."""

from collections.abc import Sequence

import numpy as np

from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.quants.points import Points


def points(x, y, uploaders: Sequence[str | None] | None = None) -> Points:
    """Measurements x [m, n] and targets y [t, n] of quants q00, q01 ...; NaN has no row.

    measurement_id and target are their numbers, of two digits.
    """
    x, y = np.atleast_2d(np.asarray(x, float)), np.atleast_2d(np.asarray(y, float))
    who = uploaders or [None] * x.shape[1]
    return rows_of(
        Points,
        [
            {
                "quant_id": f"q{k:02d}",
                "measurement_id": f"{i:02d}",
                "variant": i,
                "target": f"{j:02d}",
                "uploader": who[k],
                "x": x[i, k],
                "y": y[j, k],
            }
            for i, j, k in np.ndindex(len(x), len(y), x.shape[1])
            if np.isfinite(x[i, k]) and np.isfinite(y[j, k])
        ],
    )
