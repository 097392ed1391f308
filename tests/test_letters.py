"""Letters of groups: two quants share one exactly where they are not told apart."""

from itertools import combinations

import numpy as np
import pytest

from qwh.kernels.statistics.letters import Apart, Ranked, group_letters, letters
from qwh.kernels.statistics.port import rows_of


def called(scores: dict[str, float | None], apart: list[tuple[str, str]]) -> dict[str, str | None]:
    """quant -> letters, through rows as SQL gives them."""
    quants = [{"quant_id": quant, "rank_by": score} for quant, score in scores.items()]
    pairs = [
        {"quant_id": one, "other_quant_id": other, "is_apart": (one, other) in apart}
        for one, other in combinations(scores, 2)
    ]
    rows = group_letters(rows_of(Ranked, quants), rows_of(Apart, pairs))
    return {row.quant_id: row.letters for row in rows}


def test_an_overlap_is_two_letters():
    assert called({"low": 1, "mid": 2, "high": 3}, [("low", "high")]) == {
        "high": "a",
        "mid": "ab",
        "low": "b",
    }


def test_a_quant_without_a_figure_has_no_letter():
    assert called({"x": 1.0, "y": None}, []) == {"x": "a", "y": None}
    assert called({}, []) == {}


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_letters_are_shared_by_just_the_pairs_that_are_not_apart(share):
    rng = np.random.default_rng(9)
    apart = np.triu(rng.random((12, 12)) < share, 1)
    apart |= apart.T
    found = letters(range(12), apart)
    for i, j in np.ndindex(12, 12):
        assert bool(set(found[i]) & set(found[j])) == (i == j or not apart[i, j])
    assert "a" in found[0]
    if share == 0:
        assert set(found.values()) == {"a"}


def test_a_letter_beyond_z_has_a_number():
    apart = ~np.eye(54, dtype=bool)
    found = letters(range(54), apart)
    assert (found[25], found[26], found[51], found[52], found[53]) == ("z", "A", "Z", "a2", "b2")
