"""Pass/fail and the expected score against distance: the same prompts on the same axes.

Draws the analysis `score_changes`: what lies beside the line of no change by more than its bars is
more than the noise of these prompts. Colours: Okabe and Ito's, which the colour-blind tell apart.
"""

from typing import TYPE_CHECKING

from ..port import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (7.0, 3.4)  # inches: the width of two columns of a paper
POINTS = 100  # of a score of 1
NEAR = 1.0  # points within which the axis of scores is linear, beyond it a logarithm
LOOKS = {"answered": ("#D55E00", "s", "pass/fail"), "expected": ("#0072B2", "o", "{scoring}")}


def draw(table: Table) -> "Figure":
    """Difference from the reference's score, points of 100 with 95 % intervals, by mean KLD.

    What lies near the reference has as much room as what lies far, on both axes.

    Needs the columns kld_mean (nats, log axis), scoring, answered and expected with their _low and
    _high (fractions of 1). Rows without a figure are left out.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color="black", linewidth=0.8)
    for name in LOOKS:
        _points(axes, table, name)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=NEAR)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("mean KLD from the reference, nats")
    axes.set_ylabel("score less the reference's, points")
    axes.legend(frameon=False, loc="lower left")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _points(axes: "Axes", table: Table, name: str) -> None:
    """One scoring's points with their intervals."""
    colour, marker, label = LOOKS[name]
    rows = table.rows.drop_nulls(["kld_mean", name, f"{name}_low", f"{name}_high"])
    if rows.is_empty():
        return
    ends = (name, f"{name}_low", f"{name}_high")
    middle, low, high = (POINTS * rows[key].to_numpy() for key in ends)
    axes.errorbar(
        rows["kld_mean"].to_numpy(),
        middle,
        yerr=[middle - low, high - middle],
        fmt=marker,
        color=colour,
        markersize=4,
        linewidth=0.9,
        label=label.format(scoring=rows["scoring"][0]),
    )
