"""The two-level bootstrap from a warehouse's rows: against one draw after the other, in plain
loops, and against the warehouse itself.
"""

import numpy as np
import pytest
from conftest import query
from plain import plain
from scipy.stats import spearmanr

from qwh.kernels.statistics import two_level
from qwh.kernels.statistics.draws import draws

B, SEED, BUCKETS = 300, 3, 20


@pytest.fixture
def book():
    """Seven quants, two texts of 9 and 5 chunks, two benchmarks of unequal weight: two_level's
    arguments by name.
    """
    rng = np.random.default_rng(0)
    distance = np.exp(np.linspace(-5, 0, 7))
    tokens = [[distance[q] * np.exp(rng.standard_normal(60)) for _ in range(9)] for q in range(7)]
    other = rng.normal(-0.02 + distance[:, None], 0.3, (7, 5))
    scores = (rng.random((7, 90)) < 0.8 - 0.3 * distance[:, None]).astype(float)
    x = [
        [np.mean(np.concatenate(quant)) for quant in tokens],
        np.abs(other.mean(1)),
        [np.median(np.concatenate(quant)) for quant in tokens],
        distance,
    ]
    return {
        "x": x,
        "sheets": [
            [of_tokens("mean", quant) for quant in tokens],
            [of_sums("abs", row.tolist(), [1.0] * 5) for row in other],
            [of_tokens("quantile", quant) for quant in tokens],
            [None] * 7,
        ],
        "scores": scores.tolist(),
        "reference": (rng.random(90) < 0.8).astype(float).tolist(),
        "asked": [["a"] * 30 + ["b"] * 60, None],
        "weights": [3.0] * 30 + [1.0] * 60,
    }


def of_sums(form: str, totals: list[float], sizes: list[float]) -> dict:
    """Chunks of one quant and measurement, without histograms."""
    empty = [None] * len(sizes)
    sums = {"form": form, "fraction": None, "totals": totals, "sizes": sizes}
    return sums | {"buckets": empty, "counts": empty}


def of_tokens(form: str, chunks: list[np.ndarray]) -> dict:
    """Chunks of one quant and measurement from the values of their tokens."""
    sums = of_sums(form, [float(part.sum()) for part in chunks], [60.0] * len(chunks))
    if form != "quantile":
        return sums
    buckets = [np.floor(BUCKETS * np.log(part)).astype(int) for part in chunks]
    found = [np.unique(part, return_counts=True) for part in buckets]
    names, counts = ([side.tolist() for side in sides] for sides in zip(*found))
    return sums | {"fraction": 0.5, "buckets": names, "counts": counts}


def run(book: dict) -> list[dict]:
    """two_level's cells."""
    return two_level.two_level(*book.values(), B, SEED, BUCKETS)


def drawn(count: int, seed: int) -> np.ndarray:
    return np.concatenate([counts for _, counts in draws(count, B, seed)])


def test_every_draw_is_the_loops(book):
    cells = {(cell["measurement"], cell["target"]): cell for cell in run(book)}
    scores, reference = np.array(book["scores"]), np.array(book["reference"])
    prompts = [drawn(30, SEED), drawn(60, SEED + 1)]  # a, b

    def targets(a, b):
        gain = sum(
            share * ((scores[:, part] - reference[part]) @ counts) / counts.sum()
            for share, part, counts in ((0.75, slice(30), a), (0.25, slice(30, 90), b))
        )
        volume = sum(
            share * (np.abs(scores[:, part] - reference[part]) @ counts) / counts.sum()
            for share, part, counts in ((0.75, slice(30), a), (0.25, slice(30, 90), b))
        )
        # the reference's score moves all quants alike
        return {"composite": gain, "volume": volume, "direction": gain / volume}

    totals = [np.array([chunks["totals"] for chunks in sheet]).T for sheet in book["sheets"][:2]]
    means, wide = drawn(9, SEED) @ totals[0], np.abs(drawn(5, SEED) @ totals[1])
    measured = {0: means, 1: wide}
    for target in two_level.TARGETS:
        for i, values in measured.items():
            rho = [
                spearmanr(values[k], targets(prompts[0][k], prompts[1][k])[target]).statistic
                for k in range(B)
            ]
            cell = cells[i, target]
            assert (cell["noise_low"], cell["noise_high"]) == pytest.approx(
                tuple(np.quantile(rho, (0.025, 0.975))), abs=1e-6
            )
            assert (
                cell["rho"]
                == pytest.approx(
                    spearmanr(
                        book["x"][i], np.round(targets(np.ones(30), np.ones(60))[target], 12)
                    ).statistic
                )
                and cell["low"] <= cell["noise_low"]
            )
    assert plain(list(cells.values()))


def test_a_quantile_moves_as_its_tokens_would(book):
    cells = {(cell["measurement"], cell["target"]): cell for cell in run(book)}
    # medians and means of the same tokens rank alike
    assert cells[2, "volume"]["noise_low"] == pytest.approx(
        cells[0, "volume"]["noise_low"], abs=0.15
    )


def test_what_cannot_be_drawn_says_why(book):
    cells = run(book)
    assert {cell["reason"] for cell in cells if cell["measurement"] == 3} == {
        "this measurement has no bootstrap over chunks"
    }
    assert all(
        cell["rho"] is not None and cell["low"] is None
        for cell in cells
        if cell["measurement"] == 3
    )
    book["sheets"][1][2] = of_sums("abs", [1.0] * 4, [1.0] * 4)  # a quant with other chunks
    book["scores"][6] = None
    cells = run(book)
    assert {cell["n"] for cell in cells} == {6} and all(
        cell["reason"] for cell in cells if cell["measurement"] == 1
    )
    whole = book["sheets"][2][0]
    # a quant, or its chunks, without KLD
    for hole in (None, *(whole | {"counts": [none] * 9} for none in (None, []))):
        book["sheets"][2][0] = hole
        assert all(cell["reason"] for cell in run(book) if cell["measurement"] == 2)
    book["scores"] = [None] * 7
    assert run(book) == []


def test_the_warehouses_rho_is_the_correlations(warehouse):
    rows = query(
        warehouse,
        """
        select two.rho, one.rho, two.noise_low, two.noise_high, two.variant, two.reason
        from stat_two_level two
        join stat_correlations one
        using (cohort_id, zone_rule, threshold, measurement_id, estimator, target)
        """,
    )
    [(expected,)] = query(
        warehouse,
        "select count(*) from stat_correlations where target in ('composite', 'volume',"
        " 'direction') and (zone_rule = 'full' or (zone_rule, threshold) = ('kld_max', 0.02))",
    )
    assert len(rows) == expected and any(low is not None for _, _, low, *_ in rows)
    for rho, single, low, high, variant, reason in rows:
        assert (
            rho == pytest.approx(single, abs=1e-9) if single is not None else rho is None and reason
        )
        assert (low is not None and -1 <= low <= high <= 1) or reason
        assert variant != 7 or reason  # the largest KLD


def test_every_zone_has_its_correlations_and_its_halves(warehouse):
    zones = query(
        warehouse, "select distinct zone_rule, threshold from fct_zone_members where is_member"
    )
    assert (
        set(query(warehouse, "select distinct zone_rule, threshold from stat_correlations"))
        == set(zones)
        and len(zones) > 3
    )
    assert query(
        warehouse,
        "select count(*) from stat_zones where reliability_halves is null and reason is null",
    ) == [(0,)]
