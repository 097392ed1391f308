"""The two-level bootstrap from rows: against one draw after the other, in plain loops, and against
the warehouse itself.
"""

import numpy as np
import pytest
from conftest import query
from plain import plain
from scipy.stats import norm, spearmanr

from qwh.kernels.statistics.answers import Answers
from qwh.kernels.statistics.chunks.chunks import Chunks
from qwh.kernels.statistics.draws import draws
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.quants.two_level import TARGETS, Distances, Redraws, TwoLevel, two_level

B, SEED, BUCKETS = 300, 3, 20
QUANTS = [f"q{k}" for k in range(7)]
# measurement_id -> text, quantity, form, fraction
MADE = {
    "mean": ("one", "kld", "mean", None),
    "wide": ("two", "delta_loss", "abs", None),
    "median": ("one", "kld", "quantile", 0.5),
    "largest": ("one", "kld", "max", None),
    "own": (None, None, None, None),
}


class Book:
    """Seven quants, texts of 9 and 5 chunks, two benchmarks of unequal weight, as records."""

    def __init__(self):
        rng = np.random.default_rng(0)
        distance = np.exp(np.linspace(-5, 0, 7))
        self.tokens = distance[:, None, None] * np.exp(rng.standard_normal((7, 9, 60)))
        self.other = rng.normal(-0.02 + distance[:, None], 0.3, (7, 5))
        self.scores = (rng.random((7, 90)) < 0.8 - 0.3 * distance[:, None]).astype(float)
        self.reference = (rng.random(90) < 0.8).astype(float)
        self.x = {
            "mean": self.tokens.mean((1, 2)),
            "wide": np.abs(self.other.mean(1)),
            "median": np.median(self.tokens, (1, 2)),
            "largest": self.tokens.max((1, 2)),
            "own": distance,
        }
        self.chunks = [self._chunk(q, "one", c, self.tokens[q, c]) for q, c in np.ndindex(7, 9)] + [
            self._chunk(q, "two", c, None, self.other[q, c]) for q, c in np.ndindex(7, 5)
        ]
        self.answers = [
            {
                "quant_id": QUANTS[q],
                "benchmark_id": "a" if k < 30 else "b",
                "prompt_id": f"{k:02d}",
                "text_id": f"{k:02d}",
                "weight": 3.0 if k < 30 else 1.0,
                "score": self.scores[q, k],
                "score_ref": self.reference[k],
            }
            for q, k in np.ndindex(7, 90)
        ]

    @staticmethod
    def _chunk(q: int, text: str, chunk: int, tokens=None, delta=None) -> dict:
        """A row of fct_chunks from the KLD of its tokens."""
        buckets = counts = None
        if tokens is not None:
            buckets, counts = np.unique(np.floor(BUCKETS * np.log(tokens)), return_counts=True)
        return {
            "quant_id": QUANTS[q],
            "corpus_id": text,
            "context_length": 64,
            "chunk": chunk,
            "n": 1.0 if tokens is None else float(len(tokens)),
            "kld_sum": None if tokens is None else float(tokens.sum()),
            "nll_sum": None,
            "delta_loss_sum": delta,
            "top1_agree_sum": None,
            "delta_p_squared_sum": None,
            "kld_buckets": buckets if buckets is None else buckets.astype(float).tolist(),
            "kld_counts": counts if counts is None else counts.astype(float).tolist(),
        }

    def distances(self, members: int = 7) -> list[dict]:
        """The full cohort, and a zone of the first quants."""
        return [
            {
                "zone_rule": zone,
                "threshold": 0.0,
                "measurement_id": name,
                "variant": k,
                "quant_id": QUANTS[q],
                "x": float(self.x[name][q]),
                "corpus_id": text,
                "context_length": None if text is None else 64.0,
                "quantity": quantity,
                "form": form,
                "fraction": fraction,
                "orientation": 1.0,
            }
            for zone, size in (("full", 7), ("zone", members))
            for k, (name, (text, quantity, form, fraction)) in enumerate(MADE.items())
            for q in range(size)
        ]

    def run(self, order=lambda rows: rows) -> dict[tuple[str, str, str], TwoLevel]:
        """two_level's rows by zone, measurement and target."""
        kinds = ((Distances, self.distances()), (Chunks, self.chunks), (Answers, self.answers))
        rows = [rows_of(kind, order(records)) for kind, records in kinds]
        found = two_level(*rows, Redraws(B, SEED, BUCKETS))
        assert plain(found)
        return {(row.zone_rule, row.measurement_id, row.target): row for row in found}


@pytest.fixture
def book() -> Book:
    return Book()


def drawn(count: int, seed: int) -> np.ndarray:
    return np.concatenate([counts for _, counts in draws(count, B, seed)])


def test_every_draw_is_the_loops(book):
    cells = book.run()
    parts = ((0.75, slice(30)), (0.25, slice(30, 90)))
    prompts = [drawn(30, SEED), drawn(60, SEED + 1)]  # a, b
    gains = book.scores - book.reference

    def targets(*counts):
        gain, volume = (
            sum(
                share * (side[:, part] @ own) / own.sum()
                for (share, part), own in zip(parts, counts)
            )
            for side in (gains, np.abs(gains))
        )
        # the reference's score moves all quants alike
        return {"composite": gain, "volume": volume, "direction": gain / volume}

    measured = {
        "mean": drawn(9, SEED) @ book.tokens.sum(2).T,
        "wide": np.abs(drawn(5, SEED) @ book.other.T),
        "own": np.broadcast_to(book.x["own"], (B, 7)),
        "largest": np.broadcast_to(book.x["largest"], (B, 7)),
    }
    for target in TARGETS:
        for name, values in measured.items():
            rho = [
                spearmanr(values[k], targets(prompts[0][k], prompts[1][k])[target]).statistic
                for k in range(B)
            ]
            cell = cells["full", name, target]
            observed = np.round(targets(np.ones(30), np.ones(60))[target], 12)
            assert cell.rho == pytest.approx(spearmanr(book.x[name], observed).statistic)
            assert cell.shrinkage == pytest.approx(np.median(rho) / cell.rho)
            # seven quants: percentiles, as wide as to hold rho
            low, high = np.quantile(rho, (0.025, 0.975))
            ends = min(low, cell.rho), max(high, cell.rho)
            assert (cell.low, cell.high) == pytest.approx(ends, abs=1e-6)


def test_of_eight_quants_half_the_noise_is_laid_about_rho():
    """Each draw goes half of the way; of its z, by SciPy's rho, twice the spread counts."""
    rng = np.random.default_rng(4)
    n, prompts = 9, 120
    scores = (rng.random((n, prompts)) < np.linspace(0.9, 0.5, n)[:, None]).astype(float)
    x, reference = np.arange(n) / 10, np.ones(prompts)
    [row] = [
        row
        for row in two_level(*own_measure(x, scores, reference), Redraws(B, SEED, BUCKETS))
        if row.target == "composite"
    ]
    seen = scores.mean(1)
    halfway = (seen + drawn(prompts, SEED) @ scores.T / prompts) / 2
    rho = [spearmanr(x, np.round(each, 10)).statistic for each in halfway]
    observed = spearmanr(x, seen).statistic
    most = 1 - 12 / (n**3 - n)
    reach = norm.isf(0.025) * 2 * np.std(np.arctanh(np.clip(rho, -most, most)))
    assert row.rho == pytest.approx(observed)
    assert (row.low, row.high) == pytest.approx(
        (np.tanh(np.arctanh(observed) - reach), np.tanh(np.arctanh(observed) + reach)), abs=1e-9
    )


@pytest.mark.parametrize("n", [6, 16])
def test_rho_lies_in_its_interval_where_noise_pulls_every_draw_towards_nothing(n):
    """Each quant has its own flips, as many more as it is further away: rho is 1 by construction,
    and what is drawn anew puts neighbours out of order.
    """
    prompts = 200
    flips = np.zeros((n, prompts))
    for quant in range(n):
        flips[quant, np.random.default_rng(quant).permutation(prompts)[: 20 + quant]] = 1
    rows = two_level(
        *own_measure(np.arange(n) / 10, 1 - flips, np.ones(prompts)), Redraws(B, SEED, BUCKETS)
    )
    [row] = [row for row in rows if row.target == "volume"]
    rho = [spearmanr(np.arange(n), each).statistic for each in drawn(prompts, SEED) @ flips.T]
    assert row.rho == pytest.approx(1) and np.quantile(rho, 0.975) < 0.99
    assert row.low < row.rho <= row.high


def own_measure(x: np.ndarray, scores: np.ndarray, reference: np.ndarray) -> tuple:
    """Rows of one measure [n] of the user's own and of the answers [n, prompts]."""
    made = (None, None, None, None)
    distances = [
        dict(zip(("corpus_id", "quantity", "form", "fraction"), made))
        | {"zone_rule": "full", "threshold": 0.0, "measurement_id": "own", "variant": 1001}
        | {"quant_id": f"q{q:02d}", "x": float(value), "context_length": None, "orientation": 1.0}
        for q, value in enumerate(x)
    ]
    answers = [
        {
            "quant_id": f"q{q:02d}",
            "benchmark_id": "a",
            "prompt_id": f"{k:03d}",
            "text_id": f"{k:03d}",
            "weight": 1.0,
            "score": scores[q, k],
            "score_ref": reference[k],
        }
        for q, k in np.ndindex(scores.shape)
    ]
    return rows_of(Distances, distances), rows_of(Chunks, []), rows_of(Answers, answers)


def test_what_was_drawn_is_said(book):
    cells = book.run()
    assert {name: cells["full", name, "volume"].drawn for name in MADE} == {
        "mean": "chunks and prompts",
        "wide": "chunks and prompts",
        "median": "chunks and prompts",
        "largest": "prompts",
        "own": "prompts",
    }
    book.chunks = []
    assert {cell.drawn for cell in book.run().values()} == {"prompts"}


def test_a_cohort_without_chunks_has_the_noise_of_its_prompts(book):
    with_chunks, book.chunks = book.run(), []
    without = book.run()
    assert without.keys() == with_chunks.keys()
    assert all(cell.low is not None and cell.reason is None for cell in without.values())
    for target in TARGETS:
        own = ("full", "own", target)
        assert without[own] == with_chunks[own]  # a measure of one's own never had chunks


def test_rows_in_another_order_give_the_same(book):
    rng = np.random.default_rng(2)
    assert book.run() == book.run(lambda rows: [rows[k] for k in rng.permutation(len(rows))])


def test_a_quantile_moves_as_its_tokens_would(book):
    cells = book.run()
    # medians and means of the same tokens rank alike
    assert cells["full", "median", "volume"].low == pytest.approx(
        cells["full", "mean", "volume"].low, abs=0.15
    )


def test_a_quant_with_other_chunks_leaves_prompts_alone_to_be_drawn(book):
    book.chunks = [row for row in book.chunks if (row["quant_id"], row["chunk"]) != ("q2", 4)]
    cells = book.run()
    assert {cells["full", name, "volume"].drawn for name in MADE} == {"prompts"}
    book = Book()
    for row in book.chunks:
        if row["quant_id"] == "q0":
            row["kld_counts"] = row["kld_buckets"] = None
    drawn = {name: cell.drawn for (_, name, _), cell in book.run().items()}
    assert drawn["median"] == "prompts" and drawn["mean"] == "chunks and prompts"


def test_who_did_not_answer_all_is_left_out(book):
    book.answers = [
        row for row in book.answers if (row["quant_id"], row["prompt_id"]) != ("q6", "33")
    ]
    assert {cell.n for cell in book.run().values()} == {6}
    book.answers = book.answers[:60]  # q0, a part
    assert {cell.reason for cell in book.run().values()} == {"5 quants needed, 1 found"}
    book.answers = []
    assert book.run() == {}


def test_few_quants_and_equal_ones_have_a_reason(book):
    book.distances = lambda members=4: Book.distances(book, members)
    cells = book.run()
    assert cells["zone", "own", "volume"].reason == "5 quants needed, 4 found"
    assert cells["full", "own", "volume"].rho is not None
    book.x["own"] = np.ones(7)
    assert book.run()["full", "own", "volume"].reason == "one side is the same for every quant"


def test_the_warehouses_rho_is_the_correlations(warehouse):
    rows = query(
        warehouse,
        """
        select two.rho, one.rho, two.low, two.high, two.variant, two.drawn, two.reason
        from stat_two_level two
        join stat_correlations one
        using (cohort_id, scoring, zone_rule, threshold, measurement_id, estimator, target)
        """,
    )
    [(expected,)] = query(
        warehouse,
        "select count(*) from stat_correlations where target in ('composite', 'volume',"
        " 'direction') and (zone_rule = 'full' or (zone_rule, threshold) = ('kld_max', 0.02))",
    )
    assert len(rows) == expected and any(low is not None for _, _, low, *_ in rows)
    for rho, single, low, high, variant, drawn, reason in rows:
        assert (
            rho == pytest.approx(single, abs=1e-9) if single is not None else rho is None and reason
        )
        assert (low is not None and -1 <= low <= rho <= high <= 1) or reason
        assert variant != 7 or drawn == "prompts" or reason  # the largest KLD


def test_every_zone_has_its_correlations(warehouse):
    zones = query(
        warehouse, "select distinct zone_rule, threshold from fct_zone_members where is_member"
    )
    assert (
        set(query(warehouse, "select distinct zone_rule, threshold from stat_correlations"))
        == set(zones)
        and len(zones) > 3
    )
