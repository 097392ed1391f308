"""The functions that stay in the database for any shell, against SciPy and rows counted by hand."""

import math

import duckdb
import numpy as np
import pytest
from conftest import query
from scipy import stats
from test_opens_anywhere import shell

from qwh.database.warehouse import PROJECT
from qwh.raw.store import Store

NAMES = {"perplexity", "spearman", "wilson", "kld_summary", "flips", "answers", "worst_tokens"}


@pytest.fixture
def connection(warehouse):
    """The file as any program opens it, without our functions."""
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as opened:
        yield opened


def test_each_is_described(warehouse):
    found = query(
        warehouse, "select function_name, comment from duckdb_functions() where not internal"
    )
    assert {name for name, _ in found} == NAMES and all(comment for _, comment in found)
    overview = (PROJECT / "models" / "overview.md").read_text()
    assert all(f"- `{name}(" in overview for name in NAMES)


@pytest.mark.parametrize("seed", range(5))
def test_spearman_is_scipys_with_ties_and_nulls(connection, seed):
    rng = np.random.default_rng(seed)
    xs, ys = rng.integers(0, 9, 40).tolist(), rng.normal(size=40).round(1).tolist()
    expected = stats.spearmanr(xs, ys).statistic
    asked = connection.execute("select spearman($xs, $ys)", {"xs": xs, "ys": ys})
    assert asked.fetchone()[0] == pytest.approx(expected, abs=1e-12)
    holes = {"xs": [*xs, None, 3], "ys": [*ys, 0.5, None]}
    assert connection.execute("select spearman($xs, $ys)", holes).fetchone()[0] == pytest.approx(
        expected, abs=1e-12
    )


def test_spearman_of_groups_is_that_of_each(connection):
    rows = connection.execute(
        "select quant_id, list(kld order by chunk, position), list(nll order by chunk, position),"
        " spearman(list(kld order by chunk, position), list(nll order by chunk, position))"
        " from int_tokens where task = 'corpus' and context_length = 128 group by 1"
    ).fetchall()
    assert len(rows) == 6
    for _, xs, ys, rho in rows:
        assert rho == pytest.approx(stats.spearmanr(xs, ys).statistic, abs=1e-9)


def test_what_has_no_rho_is_null(connection):
    for lists in ("[], []", "[1], [2]", "[1, 1], [1, 2]", "null, null", "[null, 1], [2, null]"):
        assert connection.execute(f"select spearman({lists})").fetchone() == (None,), lists


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (0, 30), (7, 9), (50, 100), (12, 12)])
def test_wilsons_interval_is_scipys(connection, hits, n):
    found = connection.execute("select wilson(?, ?)", [hits, n]).fetchone()[0]
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert found["share"] == hits / n
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_of_nothing_a_share_is_unknown(connection):
    found = connection.execute("select wilson(0, 0)").fetchone()[0]
    assert found == {"share": None, "low": 0.0, "high": 1.0}
    counted = connection.execute(
        "select wilson(count(*) filter (top1_agree), count(*)).share, avg(top1_agree::int)"
        " from int_tokens"
    ).fetchone()
    assert counted[0] == pytest.approx(counted[1], abs=1e-12)


def test_perplexity_is_that_of_the_tables(connection):
    rows = connection.execute(
        "select quant_id, perplexity(nll), exp(sum(nll::double) / count(*)) from int_tokens"
        " where corpus_id = 'corpus' and context_length = 128 group by 1"
    ).fetchall()
    table = dict(connection.execute("select quant_id, ppl from fidelity").fetchall())
    assert len(rows) == len(table) == 6
    for quant, perplexity, by_hand in rows:
        assert perplexity == pytest.approx(by_hand, rel=1e-6)
        assert perplexity == pytest.approx(table[quant], rel=1e-6)


def test_kld_summary_is_of_that_quant(connection):
    rows = connection.execute("from kld_summary('Q4_K_M')").fetchall()
    by_hand = connection.execute(
        "select cohort_id, corpus_id, context_length, avg(kld::double), median(kld::double),"
        " max(kld), count(*) from int_tokens where quant_id = 'Q4_K_M' and task = 'corpus'"
        " group by all order by all"
    ).fetchall()
    assert len(rows) == len(by_hand) == 4
    for found, (*keys, mean, median, largest, n) in zip(rows, by_hand):
        assert list(found[:3]) == keys and found[9] == n
        assert found[4] == pytest.approx(mean, rel=1e-6) and found[8] == pytest.approx(largest)
        assert found[6] == pytest.approx(median, rel=1e-6)
    assert connection.execute("from kld_summary('none')").fetchall() == []


def test_flips_are_the_prompts_that_one_side_alone_gets_right(connection):
    found = connection.execute(
        "select flip, count(*) from flips('tiny', 'Q2_K') group by 1"
    ).fetchall()
    [[leapfrogs, drops]] = connection.execute(
        "select sum(leapfrogs), sum(drops) from fct_disagreements"
        " where quant_id = 'Q2_K' and scoring = 'answered'"
    ).fetchall()
    assert leapfrogs + drops > 0
    assert dict(found) == {k: v for k, v in (("leapfrog", leapfrogs), ("drop", drops)) if v}
    assert connection.execute("from flips('none', 'Q2_K')").fetchall() == []


def test_answers_of_both_sides_stand_beside_their_prompt(connection, warehouse):
    """Against the raw rows of both runs."""
    asked = "select item, prompt, answer_ref, answer, score_ref, score from answers('tiny', 'Q2_K')"
    found = connection.execute(asked).fetchall()
    store, expected = Store(warehouse), dict[str, list]()
    runs = {run.quant_id: run for run in store.runs() if run.task == "benchmark"}
    sides = [runs["tiny-f16"].run_id, runs["Q2_K"].run_id]
    for row in store.rows("prompts", sides[0]):
        expected[row["prompt_id"]] = [row["item"], row["prompt"]]
    for column in ("answer", "score"):
        for side in sides:
            for row in store.rows("samples", side):
                expected[row["prompt_id"]].append(row[column])
    assert sorted(found) == sorted(map(tuple, expected.values()))
    changes = [(score != was, score > was) for *_, was, score in found if score != was]
    assert changes == sorted(changes) and 0 < len(changes) < len(found)
    assert [row[-1] != row[-2] for row in found[: len(changes)]] == [True] * len(changes)


def test_worst_tokens_are_those_of_largest_kld(warehouse, connection):
    klds = [
        row[0]
        for row in connection.execute(
            "select kld from int_tokens where quant_id = 'Q2_K' order by 1 desc limit 20"
        ).fetchall()
    ]
    found = connection.execute("select kld from worst_tokens('tiny', 'Q2_K')").fetchall()
    assert [row[0] for row in found] == klds and not any(map(math.isnan, klds))
    three = shell("from worst_tokens('tiny', 'Q2_K', most := 3)", warehouse, "warehouse.duckdb")
    assert len(three[0].splitlines()) == 3 and not three[1]
