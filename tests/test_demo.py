"""The demo's questions, and its study: packed from a warehouse, loaded without a change."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import polars as pl
import polars.selectors as cs

from qwh.database.warehouse import Warehouse
from qwh.demo import make_prompts, models, study
from qwh.demo.run import FULL
from qwh.demo.tables import COLUMNS
from qwh.ingest.prompts.benchmarks import read_benchmark
from qwh.ingest.prompts.grading import normalise
from qwh.raw.store import Store

BENCHMARKS = sorted((Path(study.__file__).parent / "benchmarks").glob("*.jsonl"))


def test_the_benchmarks_are_whole():
    asked = [read_benchmark(path, max_new_tokens=8) for path in BENCHMARKS]
    assert len(asked) == 7 and sum(len(benchmark.prompts) for benchmark in asked) == 1146
    for benchmark in asked:
        for prompt in benchmark.prompts:
            assert (
                prompt.text.endswith("\nA:")
                and prompt.text.count("Q: ") == 4
                and all(normalise(answer) for answer in prompt.answers)
            )


def test_python_says_what_the_code_benchmark_expects():
    for line in (
        (Path(study.__file__).parent / "benchmarks" / "code.jsonl").read_text().splitlines()
    ):
        asked = json.loads(line)
        expression = (
            asked["prompt"]
            .splitlines()[-2]
            .removeprefix("Q: What does Python print for print(")
            .removesuffix(")?")
        )
        assert [str(eval(expression, {}))] == asked["answers"]


def test_a_packed_warehouse_loads_as_it_was(warehouse, tmp_path):
    study.pack(warehouse, "tiny", tmp_path / "results")
    store = Store(tmp_path / "w").create()
    assert len(study.load(store, tmp_path / "results")) == len(Store(warehouse).runs())
    assert study.load(store, tmp_path / "results") == []  # all there
    hashed = [run for run in store.runs() if run.tensor_hashes]
    assert len(hashed) == len({run.quant_id for run in hashed}) > 1  # once for each file
    for run in Store(warehouse).runs():
        copy = store.find(run.run_id)
        assert copy.tensor_hashes in (None, run.tensor_hashes)
        same = {"top_k": run.top_k, "parts": run.parts, "tensor_hashes": run.tensor_hashes}
        assert replace(copy, **same) == run
        for table in json.loads(run.parts):
            rows, again = (
                pl.read_parquet(side.part(table, run.run_id), hive_partitioning=False)
                .drop(study.OMITTED if table.endswith("tokens") else (), strict=False)
                .with_columns(cs.by_name(*study.SINGLE, require_all=False).cast(pl.Float32))
                for side in (Store(warehouse), store)
            )
            assert rows.equals(again), (run.task, table)


def test_the_benchmarks_are_what_the_rules_make(tmp_path, monkeypatch):
    monkeypatch.setattr(make_prompts, "__file__", str(tmp_path / "make_prompts.py"))
    make_prompts.main()
    for path in BENCHMARKS:
        assert (tmp_path / "benchmarks" / path.name).read_bytes() == path.read_bytes()


def test_the_study_is_whole():
    runs = [json.loads(line) for line in (study.RESULTS / "runs.jsonl").read_text().splitlines()]
    assert Counter(run["quant_id"] for run in runs if run["role"] == "quant") == dict.fromkeys(
        models.FULL,
        3 + 2 * len(BENCHMARKS),  # each asked, and its accepted answers read
    )
    assert {run["cohort_id"] for run in runs} == {FULL.cohort}


def test_the_demo_prints_every_table_in_a_hundred_columns(study):
    printed = (study.parent / "printed.txt").read_text()
    lines = printed.splitlines()
    # the folder is told as it is called
    assert [line for line in lines if len(line) > 100 and str(study) not in line] == []
    for name, columns in COLUMNS.items():
        heading = f"\n{printed}".split(f"\n\n{name}\n")[1].split("─")[0]
        for column in columns.split():
            if column != "says":  # a sentence stands below its row
                assert all(part in heading for part in column.split("_")), (name, column)
    assert "NaN" not in printed and "--wide" not in printed
    assert f"{len(models.FULL)} rows" in lines


def test_the_study_knows_where_it_cannot_rank(study):
    fidelity = Warehouse(study).relation("fidelity", FULL.cohort)
    assert fidelity["quant_id"].n_unique() == len(models.FULL)
    zones = Warehouse(study).relation("zone", FULL.cohort)
    zones = zones.filter(zone_rule="kld_max", scoring="answered")
    zone = {row["threshold"]: row for row in zones.rows(named=True)}
    assert (zone[0.02]["ranking"], zone[0.01]["ranking"]) == ("rankable", "not_rankable")
    assert zone[0.01]["rho"] < -0.6  # a rho alone would have said more
