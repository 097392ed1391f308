"""Statistics of a text alone against SciPy, closed forms and counts written here."""

import itertools
import math

import numpy as np
import pytest
from scipy import optimize, stats

from qwh.kernels.statistics.chunks import evidence, text_power
from qwh.kernels.statistics.chunks.clusters import Chunks, Neighbours, layout
from qwh.kernels.statistics.chunks.text_pairs import text_pairs
from qwh.kernels.statistics.chunks.token_direction import token_directions
from qwh.kernels.statistics.port import rows_of

NONE, SOME = Neighbours(0.0), Neighbours(0.3)
WIDER = math.sqrt(1.3 / 0.7)  # what a correlation of 0.3 does to the error of a long sum


def chunks(sums: dict[str, np.ndarray], sizes: np.ndarray, kind: str = "kld", first: int = 0):
    """Rows of quants on one text, as records; a NaN is left out."""
    return [
        {
            "corpus_id": "t",
            "context_length": 512,
            "estimator": "e",
            "kind": kind,
            "quant_id": quant,
            "chunk": first + k,
            "total": float(total),
            "n": float(n),
        }
        for quant, row in sums.items()
        for k, (total, n) in enumerate(zip(row, sizes))
        if np.isfinite(total)
    ]


def pairs(records, settings=SOME):
    """(quant, other) -> row."""
    found = text_pairs(rows_of(Chunks, records), settings)
    return {(row.quant_id, row.other_quant_id): row for row in found}


def directions(records, settings=SOME):
    return token_directions(rows_of(Chunks, records), settings)


def holm(p: list[float]) -> list[float]:
    """The largest of the smaller ones' p times how many are left, written out."""
    return [min(1.0, max(q * sum(other >= q for other in p) for q in p if q <= mine)) for mine in p]


def drawn(quants: int, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    hard = np.exp(0.5 * rng.standard_normal(count))
    own = np.exp(0.3 * rng.standard_normal((quants, count)))
    return {f"q{k}": (1 + 0.2 * k) * hard * own[k] * 100 for k in range(quants)}


def test_chunks_of_one_size_are_scipys_paired_t():
    sums, sizes = drawn(4, 20), np.full(20, 100.0)
    found = pairs(chunks(sums, sizes), NONE)
    raw = []
    for (one, other), row in found.items():
        truth = stats.ttest_rel(sums[other] / 100, sums[one] / 100)
        low, high = truth.confidence_interval(0.95)
        assert row.p == pytest.approx(truth.pvalue, rel=1e-9)
        assert (row.low, row.high) == (pytest.approx(low), pytest.approx(high))
        difference = (sums[other] - sums[one]) / 100
        assert row.figure == pytest.approx(difference.mean())
        assert row.standard_error == pytest.approx(stats.sem(difference))
        raw.append(row.p)
    adjusted = [row.p_adjusted for row in found.values()]
    assert adjusted == pytest.approx(holm(raw))
    for row in found.values():
        side = "first_lower" if row.figure > 0 else "second_lower"
        assert row.verdict == (side if row.p_adjusted <= 0.05 else "cannot_tell")
    assert {row.verdict for row in found.values()} == {"first_lower", "cannot_tell"}


def test_neighbours_that_are_alike_widen_the_interval_and_nothing_else():
    sums, sizes = drawn(2, 20), np.full(20, 100.0)
    [plain], [wide] = (pairs(chunks(sums, sizes), how).values() for how in (NONE, SOME))
    assert wide.high - wide.low == pytest.approx(WIDER * (plain.high - plain.low))
    t = stats.t.isf(plain.p / 2, 19) / WIDER
    assert wide.p == pytest.approx(2 * stats.t.sf(t, 19))
    assert (wide.figure, wide.standard_error) == (plain.figure, plain.standard_error)


def test_chunks_of_many_sizes_are_a_ratio_of_sums():
    rng = np.random.default_rng(3)
    sizes = rng.integers(20, 200, 12).astype(float)
    sums = {name: rng.gamma(2, 1, 12) * sizes for name in "ab"}
    [row] = pairs(chunks(sums, sizes), NONE).values()
    means = {name: sum(sums[name]) / sum(sizes) for name in "ab"}
    left = [
        (sums["b"][k] - means["b"] * sizes[k] - sums["a"][k] + means["a"] * sizes[k]) / sum(sizes)
        for k in range(12)
    ]
    error = math.sqrt(12 / 11 * sum(part**2 for part in left))
    assert row.figure == pytest.approx(means["b"] - means["a"])
    assert row.standard_error == pytest.approx(error)
    assert row.p == pytest.approx(2 * stats.t.sf(abs(row.figure) / error, 11))


def test_long_texts_are_blocks_of_neighbours():
    count, length = 100, 3
    sums, sizes = drawn(2, count), np.full(count, 100.0)
    [row] = pairs(chunks(sums, sizes)).values()
    blocks = count // length
    difference = (sums["q1"] - sums["q0"]) / 100
    joined = [[] for _ in range(blocks)]
    for k, value in enumerate(difference - difference.mean()):
        joined[k * blocks // count].append(value)
    error = math.sqrt(blocks / (blocks - 1) * sum(sum(part) ** 2 for part in joined)) / count
    # what is left of an autoregression's correlation between sums of three
    within = 1 + 2 * (2 / 3 * 0.3 + 1 / 3 * 0.3**2)
    error *= WIDER / math.sqrt(within)
    assert row.p == pytest.approx(2 * stats.t.sf(abs(row.figure) / error, blocks - 1))
    assert layout(count, 0.3) == (blocks, pytest.approx(WIDER / math.sqrt(within)))


def test_the_order_of_rows_says_nothing():
    records = chunks(drawn(4, 30), np.arange(50.0, 80.0))
    mixed = [records[k] for k in np.random.default_rng(1).permutation(len(records))]
    assert pairs(records) == pairs(mixed)
    assert directions(chunks(drawn(3, 9), np.full(9, 80.0), "loss")) == directions(
        list(reversed(chunks(drawn(3, 9), np.full(9, 80.0), "loss")))
    )


def test_pairs_stand_on_the_chunks_that_both_have():
    sums, sizes = drawn(3, 20), np.full(20, 100.0)
    sums["q2"][12:] = np.nan
    found = pairs(chunks(sums, sizes), NONE)
    truth = stats.ttest_rel(sums["q2"][:12], sums["q0"][:12])
    assert found["q0", "q2"].p == pytest.approx(truth.pvalue)
    assert [row.chunks for row in found.values()] == [20, 12, 12]


def test_too_few_chunks_and_no_spread_have_no_p_and_say_why():
    few = pairs(chunks(drawn(2, 3), np.full(3, 100.0)))["q0", "q1"]
    assert (few.p, few.verdict, few.chunks) == (None, "too_few_chunks", 3)
    assert few.figure is not None and few.reason == "fewer than 4 chunks in common"
    sizes = np.full(6, 10.0)
    counts = np.array([3.0, 1, 4, 1, 5, 2])
    for other, reason in ((counts + 1, "the difference is the same on"), (counts, "no chunk")):
        row = pairs(chunks({"a": counts, "b": other}, sizes, "flips"))["a", "b"]
        assert (row.p, row.low, row.e_value, row.verdict) == (None, None, None, "no_spread")
        assert row.reason.startswith(reason)


def test_evidence_is_a_mixture_of_bets_and_no_pattern_of_signs_gains():
    sizes = np.array([0.5, 2.0, 0.1, 1.0, 3.0, 0.7, 0.7, 1.5])
    patterns = np.array(list(itertools.product((-1, 1), repeat=8)))
    worth = evidence.e_values(patterns * sizes)
    # of one pattern, written out
    signs, total = patterns[37], 0.0
    for bet in (0.125, 0.25, 0.5, 1.0, 2.0):
        for side in (1, -1):
            stake = 1.0
            for k in range(8):
                scaled = sizes[k] / math.sqrt(sum(sizes[: k + 1] ** 2) / (k + 1))
                stake *= math.exp(side * bet * signs[k] * scaled)
                stake /= math.cosh(bet * scaled) ** 1.5
            total += stake / 10
    assert worth[37] == pytest.approx(total)
    assert worth.mean() <= 1
    assert evidence.e_values(np.zeros((1, 5))) == pytest.approx(1)


@pytest.mark.parametrize("effect, level", [(0.3, 0.05), (1.0, 0.005), (0.05, 1e-4)])
def test_chunks_needed_have_scipys_power(effect, level):
    [needed] = text_power.chunks_needed(np.array([effect]), level, 0.3)

    def power(count: int) -> float:
        blocks, wider = layout(count, 0.3)
        critical = stats.t.isf(level / 2, blocks - 1) * wider
        return stats.nct.sf(critical, blocks - 1, effect * math.sqrt(count))

    assert power(needed) >= 0.8 - 1e-3
    assert power(int(0.95 * needed) - 1) < 0.8
    assert text_power.chunks_needed(np.array([0.0, np.nan, 1e-9]), level, 0.3) == [None] * 3


def test_chunks_needed_are_at_the_level_of_all_pairs():
    sums, sizes = drawn(4, 40), np.full(40, 100.0)
    found = pairs(chunks(sums, sizes))
    difference = (sums["q1"] - sums["q0"]) / 100
    effect = abs(difference.mean()) / difference.std(ddof=1)
    [needed] = text_power.chunks_needed(np.array([effect]), 0.05 / 6, 0.3)
    assert found["q0", "q1"].chunks_needed == needed


def test_few_chunks_of_a_text_are_judged_by_t():
    """With 4 chunks a normal quantile calls every seventh null a change."""
    rng, told, normal = np.random.default_rng(5), 0, 0
    for _ in range(400):
        sums = rng.standard_normal(4) * 100
        [row] = directions(chunks({"q": sums}, np.full(4, 100.0), "loss"), NONE)
        truth = stats.ttest_1samp(sums / 100, 0)
        low, high = truth.confidence_interval(0.95)
        assert row.p >= truth.pvalue - 1e-9 and row.low <= low + 1e-9 and row.high >= high - 1e-9
        told += row.verdict != "cannot_tell"
        normal += abs(row.figure) > 1.96 * row.standard_error
    assert told / 400 < 0.08 and normal / 400 > 0.10


def hall(values: np.ndarray, null: float) -> float:
    """Hall's (1992) statistic of a mean, term by term; stats.skew is the biased one."""
    n, skew = len(values), float(stats.skew(values))
    s = (values.mean() - null) / values.std(ddof=1)
    return math.sqrt(n) * (s + skew * s**2 / 3 + skew**2 * s**3 / 27 + skew / (6 * n))


@pytest.mark.parametrize("side", [1, -1])
def test_skewed_chunks_are_judged_by_t_and_by_halls_cubic(side):
    rng, bent = np.random.default_rng(6), 0
    for _ in range(40):
        values = side * (rng.exponential(1, 12) - 0.4)
        [row] = directions(chunks({"q": values * 100}, np.full(12, 100.0), "loss"), NONE)
        plain, cubic = stats.ttest_1samp(values, 0), hall(values, 0)
        p = max(plain.pvalue, 2 * stats.t.sf(abs(cubic), 11))
        assert row.p == pytest.approx(p)
        low, high = plain.confidence_interval(0.95)
        wide = 20 * (high - low)
        reach = stats.t.isf(0.025, 11)
        ends = [
            optimize.brentq(
                lambda null, of=values, at=at: hall(of, null) - at, low - wide, high + wide
            )
            for at in (reach, -reach)
        ]
        assert (row.low, row.high) == pytest.approx((min(low, ends[0]), max(high, ends[1])))
        bent += row.p > plain.pvalue
    assert bent > 10


def test_chunks_without_a_skew_are_judged_by_t_alone():
    values = np.array([-1.5, -1.0, 1.0, 1.5]) + 0.3
    [row] = directions(chunks({"q": values * 100}, np.full(4, 100.0), "loss"), NONE)
    truth = stats.ttest_1samp(values, 0)
    assert row.p == pytest.approx(truth.pvalue, rel=1e-3)
    assert (row.low, row.high) == pytest.approx(tuple(truth.confidence_interval()), rel=1e-3)


def test_directions_are_adjusted_over_quants_and_texts():
    rng = np.random.default_rng(8)
    records = []
    for text in ("a", "b"):
        for kind, mean in (("loss", 0.4), ("token_direction", -0.3)):
            sums = {f"q{k}": (mean + rng.standard_normal(16) * 0.3) * 50 for k in range(3)}
            more = chunks(sums, np.full(16, 50.0), kind)
            records += [record | {"corpus_id": text} for record in more]
    found = directions(records)
    for kind, words in (
        ("loss", {"loss_higher", "cannot_tell"}),
        ("token_direction", {"towards_text", "cannot_tell"}),
    ):
        rows = [row for row in found if row.kind == kind]
        assert [row.p_adjusted for row in rows] == pytest.approx(holm([row.p for row in rows]))
        assert len(rows) == 6 and {row.verdict for row in rows} <= words
        assert all((row.verdict == "cannot_tell") == (row.p_adjusted > 0.05) for row in rows)


def test_a_share_of_flips_is_held_against_a_half():
    rng = np.random.default_rng(2)
    flips = rng.integers(5, 15, 20).astype(float)
    helped = np.round(flips * 0.25)
    [row] = directions(chunks({"q": helped}, flips, "improvement_share"))
    share = helped.sum() / flips.sum()
    error = math.sqrt(20 / 19 * sum((helped - share * flips) ** 2)) / flips.sum()
    assert row.figure == pytest.approx(share) and row.standard_error == pytest.approx(error)
    assert row.p == pytest.approx(2 * stats.t.sf((0.5 - share) / error / WIDER, 19))
    assert row.verdict == "flips_harm"
    [none] = directions(chunks({"q": np.zeros(5)}, np.zeros(5), "improvement_share"))
    assert (none.figure, none.verdict, none.reason) == (None, "no_spread", "no position counts")
    [one] = directions(chunks({"q": np.array([3.0])}, np.array([6.0]), "improvement_share"))
    assert (one.figure, one.standard_error, one.verdict) == (0.5, None, "too_few_chunks")
