"""The whole dbt project on a small warehouse whose every number can be worked out by hand."""

import json
import math
import os
import shutil

import duckdb
import numpy as np
import pytest

from qwh.database.build import build
from qwh.database.warehouse import Warehouse
from qwh.errors import ExitCode, QwhError
from qwh.raw.manifest import COMPARABLE, RunFacts
from qwh.raw.schema import TABLES
from qwh.raw.store import RunWriter, Store

FACTS = {
    "cohort_id": "toy",
    "status": "complete",
    "started_at": "2026-01-01T00:00:00Z",
    "finished_at": "2026-01-01T00:00:01Z",
    "tokenizer_sha256": "tok",
    "engine": "llama.cpp",
    "engine_version": "1",
    "device": "cpu",
    "batch_size": 1,
    "ubatch_size": 1,
    "estimator": "by-hand",
    "logits_dtype": "f32",
    "metrics_version": 1,
    "schema_version": 1,
    "block_levels": 4096,
}
TEXTS = [("prose", 0, 4), ("prose", 0, 8), ("code", 1, 4)]  # corpus, its rank, context length
# Two chunks of two positions; a fifth position has no finite numbers and must not move any mean.
CHUNK, POSITION, FINITE = [0, 0, 1, 1, 1], [2, 3, 1, 2, 3], [True, True, True, True, False]
KLD = {"far": [1, 2, 3, 4, 99], "near": [1 / 64, 1 / 64, 1 / 64, 1 / 64, 99]}
# Prompts that each member answers right; the quiz has 8, the sums 4.
RIGHT = {
    "reference": {"quiz": {0, 1, 2, 3, 4, 5}, "sums": {0, 1, 2, 3}},
    "far": {"quiz": {0, 1, 2, 3, 6}, "sums": {0, 1, 2}},
    "near": {"quiz": {0, 1, 2, 3, 4, 5}, "sums": {0, 1, 2, 3}},
}
PROMPTS = {"quiz": 8, "sums": 4}
ANSWER_KLD = [1e-3, 1e-1]  # of each quant on the two tokens of each answer of the reference


def columns(table: str, n: int, **given) -> dict:
    """n rows of a raw table: the given columns, zeros elsewhere."""
    rows = {}
    for field in TABLES[table]:
        kind = str(field.type)
        blank = [""] * n if kind == "string" else np.zeros((n, 1) if kind.startswith("list") else n)
        rows[field.name] = given.get(field.name, blank)
    return rows | {
        name: np.asarray(given[name], bool) for name in ("finite", "finite_ref") if name in given
    }


def publish(store: Store, run_id: str, tables: dict, **facts) -> None:
    with RunWriter(store, *tables) as writer:
        for table, rows in tables.items():
            writer.write(table, rows)
        rows = sum(len(tables[table]["chunk"]) for table in tables if "tokens" in table)
        ours = {
            "run_id": run_id,
            "quant_id": facts["role"],
            "file_sha256": facts.get("quant_id", "reference"),
            "rows": rows,
        }
        writer.publish(RunFacts(**(FACTS | ours | facts)))


def samples(benchmark: str, right: set) -> dict:
    """Wrong answers of quants and reference differ: an answer names its member's right set."""
    n = PROMPTS[benchmark]
    answers = ["right" if i in right else f"wrong {sorted(right)}" for i in range(n)]
    return columns(
        "samples",
        n,
        benchmark_id=[benchmark] * n,
        prompt_index=np.arange(n),
        prompt_id=[f"{benchmark}-{i}" for i in range(n)],
        answer=answers,
        score=np.array([float(i in right) for i in range(n)]),
        attempt=np.zeros(n, int),
    )


def publish_reference(store: Store) -> None:
    for corpus, rank, length in TEXTS:
        tokens = columns(
            "reference_tokens",
            5,
            chunk=CHUNK,
            position=POSITION,
            token_id=[7] * 5,
            nll_ref=[1.0] * 5,
            top1_ref=[7, 7, 7, 8, 8],
            finite_ref=[True] * 5,
        )
        publish(
            store,
            f"ref-{corpus}-{length}",
            {"reference_tokens": tokens},
            role="reference",
            task="corpus",
            corpus_id=corpus,
            corpus_rank=rank,
            context_length=length,
        )
    for benchmark, n in PROMPTS.items():
        chunk, position = np.repeat(np.arange(n), 2), np.tile([5, 6], n)
        tokens = columns(
            "reference_tokens", 2 * n, chunk=chunk, position=position, finite_ref=[True] * (2 * n)
        )
        prompts = columns(
            "prompts",
            n,
            benchmark_id=[benchmark] * n,
            prompt_index=np.arange(n),
            prompt_id=[f"{benchmark}-{i}" for i in range(n)],
            category=["easy"] * n,
            prompt_tokens=[5] * n,
            reference_answer_tokens=[2] * n,
        )
        publish(
            store,
            f"ref-{benchmark}",
            {
                "reference_tokens": tokens,
                "prompts": prompts,
                "samples": samples(benchmark, RIGHT["reference"][benchmark]),
            },
            role="reference",
            task="benchmark",
            corpus_id=benchmark,
            benchmark_id=benchmark,
            corpus_rank=0,
            harness="{}",
        )


def publish_quant(store: Store, quant: str, like: str | None = None, **facts) -> None:
    """A quant with the numbers of `like`; facts overwrite those of its runs."""
    like = like or quant
    for corpus, rank, length in TEXTS:
        kld = np.array(KLD[like]) * (length // 4)  # twice as far at twice the context length
        # the realised token is 7: agree, harm, agree, neutral
        tokens = columns(
            "tokens",
            5,
            chunk=CHUNK,
            position=POSITION,
            nll=[1.5, 1.5, 2.0, 1.0, 99.0],
            kld=kld,
            top1=[7, 9, 7, 9, 8],
            finite=FINITE,
        )
        for name in ("nll", "kld"):
            tokens[name] = np.where(FINITE, tokens[name], np.nan)
        publish(
            store,
            f"{quant}-{corpus}-{length}",
            {"tokens": tokens},
            **{
                "role": "quant",
                "quant_id": quant,
                "task": "corpus",
                "reference_run_id": f"ref-{corpus}-{length}",
                "corpus_id": corpus,
                "corpus_rank": rank,
                "context_length": length,
                "nonfinite": 1,
            }
            | facts,
        )
    for benchmark, n in PROMPTS.items():
        tokens = columns(
            "tokens",
            2 * n,
            chunk=np.repeat(np.arange(n), 2),
            position=np.tile([5, 6], n),
            kld=np.tile(ANSWER_KLD, n),
            top1=np.tile([0, 1], n),
            finite=[True] * (2 * n),
        )
        publish(
            store,
            f"{quant}-{benchmark}",
            {"tokens": tokens, "samples": samples(benchmark, RIGHT[like][benchmark])},
            **{
                "role": "quant",
                "quant_id": quant,
                "task": "benchmark",
                "reference_run_id": f"ref-{benchmark}",
                "corpus_id": benchmark,
                "benchmark_id": benchmark,
                "corpus_rank": 0,
                "harness": "{}",
            }
            | facts,
        )


def rows(warehouse: Warehouse, query: str) -> list:
    # no UDF: what any DuckDB shell sees
    with duckdb.connect(str(warehouse.database), read_only=True) as connection:
        return connection.sql(query).fetchall()


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Warehouse:
    folder = tmp_path_factory.mktemp("it's a warehouse")  # a quote and blanks: paths stand in SQL
    store = Store(folder).create()
    publish_reference(store)
    publish_quant(store, "far")
    publish_quant(store, "near")
    warehouse = Warehouse(folder)
    build(warehouse)
    return warehouse


@pytest.fixture
def copy(toy, tmp_path) -> Warehouse:
    """The toy warehouse, free to be changed."""
    shutil.copytree(toy.folder, tmp_path / "copy")
    return Warehouse(tmp_path / "copy")


FIDELITY = {  # of `far` on prose at 4: value, clustered standard error or None
    "kld_mean": (2.5, 1.0),  # chunk sums 3 and 7, two positions each: sqrt(2 x (2² + 2²)) / 4
    "kld_gmean": (24**0.25, None),
    "kld_median": (2.5, None),
    "kld_p90": (3.7, None),
    "kld_p95": (3.85, None),
    "kld_p99": (3.97, None),
    "kld_p999": (3.997, None),
    "kld_max": (4.0, None),
    "kld_cvar99": (4.0, None),
    "kld_reverse_mean": (0.0, 0.0),
    "jsd_mean": (0.0, 0.0),
    "tv_mean": (0.0, 0.0),
    "ppl": (math.exp(1.5), 0.0),
    "ln_ppl_ratio": (0.5, 0.0),
    "ln_ppl_ratio_abs": (0.5, 0.0),
    "token_direction": (-2.0, 1.0),
    "dp_mean": ((2 * math.exp(-1.5) + math.exp(-2) - 3 * math.exp(-1)) / 4, None),
    "dp_rms": (
        math.sqrt(
            (2 * (math.exp(-1.5) - math.exp(-1)) ** 2 + (math.exp(-2) - math.exp(-1)) ** 2) / 4
        ),
        None,
    ),
    "top1_agreement": (0.5, 0.0),
}


@pytest.mark.parametrize("metric", FIDELITY)
def test_every_metric_by_hand(toy, metric):
    value, error = FIDELITY[metric]
    [(found, oriented, found_error, n, nonfinite)] = rows(
        toy,
        "select value, value_oriented, standard_error, n, nonfinite from fct_fidelity where"
        f" quant_id = 'far' and measurement_id = '{metric}:prose:4'",
    )
    assert found == pytest.approx(value, rel=1e-6, abs=1e-12)
    assert oriented == (-found if metric in ("top1_agreement", "dp_mean") else found)
    assert (n, nonfinite) == (4, 1)
    if error is not None:
        assert found_error == pytest.approx(error, abs=1e-7)


def test_the_metrics_are_these_and_14_variants_exist(toy):
    assert {metric for (metric,) in rows(toy, "select distinct metric from fct_fidelity")} == set(
        FIDELITY
    )
    variants = rows(
        toy,
        "select variant, measurement_id from dim_measurements where variant is not null order by 1",
    )
    assert [variant for variant, _ in variants] == list(range(1, 15))
    assert (variants[0][1], variants[12][1], variants[13][1]) == (
        "kld_mean:prose:4",
        "kld_mean:code:4",
        "kld_mean:prose:8",
    )
    assert rows(
        toy,
        "select value from fct_fidelity where quant_id = 'far' and measurement_id ="
        " 'kld_mean:prose:8'",
    ) == [(5.0,)]


def test_token_flips_count_against_the_realised_token(toy):
    found = rows(
        toy,
        "select sum(benefits), sum(harms), sum(neutrals), sum(n), sum(nonfinite) from"
        " int_run_chunks where run_id = 'far-prose-4'",
    )
    assert found == [(0, 1, 1, 4, 1)]


def test_disagreements_split_into_leapfrogs_and_drops(toy):
    query = (
        "select score_ref, score, leapfrogs, drops, volume, direction, mcnemar_p,"
        " other_wrong_answers from fct_disagreements where quant_id = '{}' and benchmark_id ="
        " 'quiz'"
    )
    assert rows(toy, query.format("far"))[0] == pytest.approx(
        (0.75, 0.625, 1, 2, 0.375, -1 / 3, 1.0, 1)
    )
    # no volume: no direction, not 0.5
    assert rows(toy, query.format("near")) == [(0.75, 0.75, 0, 0, 0, None, 1, 0)]
    assert rows(
        toy, "select score from fct_scores where role = 'reference' order by benchmark_id"
    ) == [(0.75,), (1.0,)]


def test_composites_move_by_volume_times_direction(toy):
    composites = {
        quant: row
        for quant, *row in rows(
            toy, "select quant_id, composite_ref, composite, volume, direction from fct_composites"
        )
    }
    assert composites["far"] == pytest.approx([0.875, 0.6875, 0.3125, -0.6], abs=1e-15)
    assert composites["near"] == [0.875, 0.875, 0.0, None]


def test_prompt_kld_over_the_references_answer(toy):
    found = rows(
        toy,
        "select distinct tokens, kld_mean, kld_gmean, kld_max, clipped, first_token_flip from"
        " int_prompt_kld where run_id = 'far-quiz'",
    )
    assert len(found) == 1 and found[0] == pytest.approx((2, 0.0505, 0.01, 0.1, 0, 1), rel=1e-6)


def test_the_zone_holds_what_its_threshold_says(toy):
    members = (
        "select quant_id from fct_zone_members where zone_rule = 'kld_max' and is_member and"
        " threshold = {} order by 1"
    )
    assert rows(toy, members.format(0.02)) == [("near",)]
    assert rows(toy, members.format(0.01)) == []


def test_the_reference_is_described_and_never_measured(toy):
    assert rows(
        toy,
        "select reference_id, quants, primary_corpus, primary_context_length, reference_is_original"
        " from dim_cohorts",
    ) == [("reference", 2, "prose", 4, True)]
    assert rows(toy, "select count(*) from fct_fidelity where quant_id = 'reference'") == [(0,)]


def test_views_work_wherever_the_shell_is_opened(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rows(toy, "select count(*) from int_tokens where run_id = 'far-prose-4'") == [(5,)]


def test_contracts_and_comments_are_in_the_file(toy):
    assert (
        rows(
            toy,
            "select table_name from duckdb_tables() where table_name similar to '(dim|fct|stat)_.*'"
            " and comment is null",
        )
        == []
    )
    assert (
        rows(
            toy,
            "select table_name, column_name from duckdb_columns() where table_name similar to"
            " '(dim|fct|stat)_.*' and comment is null",
        )
        == []
    )


def test_a_new_run_is_added_and_a_vanished_one_leaves(copy):
    """Building on what is there ends in the same tables as building from nothing."""
    publish_quant(Store(copy.folder), "third", like="far")
    for manifest in (copy.folder / "raw" / "runs").glob("near-*.json"):
        manifest.unlink()
    build(copy)
    tables = [
        "int_run_chunks",
        "int_run_quantiles",
        "int_prompt_kld",
        "fct_fidelity",
        "fct_composites",
    ]
    after = {table: sorted(map(repr, rows(copy, f"from {table}"))) for table in tables}
    assert rows(copy, "select distinct quant_id from fct_fidelity order by 1") == [
        ("far",),
        ("third",),
    ]
    build(copy, full_refresh=True)
    assert after == {table: sorted(map(repr, rows(copy, f"from {table}"))) for table in tables}


def test_a_run_repeated_with_another_top_k_counts_once(copy):
    """The later run replaces the earlier one; its prompts are not added to it."""
    before = (
        rows(copy, "select * exclude (run_id) from fct_fidelity order by all"),
        rows(copy, "from fct_disagreements order by all"),
    )
    publish_quant(
        Store(copy.folder),
        "far-again",
        like="far",
        quant_id="far",
        top_k=64,
        started_at="2026-01-02T00:00:00Z",
    )
    build(copy)
    assert before == (
        rows(copy, "select * exclude (run_id) from fct_fidelity order by all"),
        rows(copy, "from fct_disagreements order by all"),
    )
    assert rows(
        copy,
        "select distinct run_id from fct_fidelity where quant_id = 'far' and measurement_id ="
        " 'kld_mean:prose:4'",
    ) == [("far-again-prose-4",)]


def test_a_quant_that_lacks_a_benchmark_has_no_composite(copy):
    (copy.folder / "raw" / "runs" / "far-sums.json").unlink()
    build(copy)
    assert rows(copy, "select quant_id, benchmarks from fct_composites") == [("near", 2)]


def stops(warehouse: Warehouse, test: str) -> None:
    """The build fails in that dbt test, and readers keep the tables they had."""
    before = os.stat(warehouse.database).st_mtime_ns
    with pytest.raises(QwhError, match=test) as refused:
        build(warehouse)
    assert refused.value.code == ExitCode.BUILD_FAILED
    assert os.stat(warehouse.database).st_mtime_ns == before


@pytest.mark.parametrize("fact", ["tokenizer_sha256", "engine_version", "token_stream_sha256"])
def test_a_run_that_differs_from_its_reference_stops_the_build(copy, fact):
    publish_quant(Store(copy.folder), "odd", like="far", **{fact: "another"})
    stops(copy, "runs_share_their_references_facts")


@pytest.mark.parametrize("table", ["tokens", "reference_tokens"])
def test_a_lost_part_stops_the_build(copy, table):
    publish_quant(Store(copy.folder), "third", like="far")
    run = {"tokens": "third-prose-4", "reference_tokens": "ref-prose-4"}[table]
    shutil.rmtree(Store(copy.folder).part(table, run).parent)
    stops(copy, "every_token_meets_its_reference")


def test_the_comparability_test_knows_every_fact():
    from qwh.database.warehouse import PROJECT

    sql = (PROJECT / "tests" / "runs_share_their_references_facts.sql").read_text()
    assert [fact for fact in COMPARABLE if f"'{fact}'" not in sql] == []


def test_an_empty_warehouse_builds(tmp_path):
    Store(tmp_path).create()
    warehouse = Warehouse(tmp_path)
    build(warehouse)
    assert rows(warehouse, "select count(*) from fct_fidelity") == [(0,)]


def test_a_warehouse_with_only_a_reference_builds(tmp_path):
    publish_reference(Store(tmp_path).create())
    warehouse = Warehouse(tmp_path)
    build(warehouse)
    assert rows(warehouse, "select quants from dim_cohorts") == [(0,)]
    assert (
        json.loads((tmp_path / "raw" / "runs" / "ref-quiz.json").read_text())["role"] == "reference"
    )
