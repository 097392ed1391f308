"""Figures show what their tables hold, and nothing else."""

import io

import numpy as np
import polars as pl
import pytest

from qwh.exports.figures import score_changes
from qwh.exports.port import table

pytest.importorskip("matplotlib")


def rows() -> pl.DataFrame:
    """Three quants; the third was never answered, only read."""
    return pl.DataFrame(
        {
            "quant_id": ["Q8_0", "Q4_K_M", "Q2_K"],
            "kld_mean": [0.001, 0.01, 0.2],
            "scoring": ["expected@0.3"] * 3,
            "answered": [0.002, -0.01, None],
            "answered_low": [-0.004, -0.03, None],
            "answered_high": [0.008, 0.01, None],
            "expected": [0.0, -0.012, -0.1],
            "expected_low": [-0.001, -0.015, -0.13],
            "expected_high": [0.001, -0.009, -0.07],
        }
    )


def test_scores_are_drawn_in_points_with_their_intervals():
    [axes] = score_changes.draw(table(rows())).axes
    answered, expected = axes.containers
    for drawn, x, y in (
        (answered, [0.001, 0.01], [0.2, -1.0]),
        (expected, [0.001, 0.01, 0.2], [0, -1.2, -10]),
    ):
        np.testing.assert_allclose(drawn.lines[0].get_xdata(), x)
        np.testing.assert_allclose(drawn.lines[0].get_ydata(), y)
    ends = [segment[:, 1].tolist() for segment in answered.lines[2][0].get_segments()]
    np.testing.assert_allclose(ends, [[-0.4, 0.8], [-3, 1]])
    assert axes.get_xscale() == "log"
    assert [each.get_text() for each in axes.get_legend().get_texts()] == [
        "pass/fail",
        "expected@0.3",
    ]


@pytest.mark.parametrize("format", ["svg", "pdf", "png"])
def test_a_figure_is_written_in_every_format(format):
    file = io.BytesIO()
    score_changes.draw(table(rows())).savefig(file, format=format)
    assert len(file.getvalue()) > 1000


def test_a_cohort_that_was_only_read_has_one_scoring():
    nothing = pl.lit(None, pl.Float64)
    names = ("answered", "answered_low", "answered_high")
    only = rows().with_columns(**dict.fromkeys(names, nothing))
    [axes] = score_changes.draw(table(only)).axes
    assert len(axes.containers) == 1
