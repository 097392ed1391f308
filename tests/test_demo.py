"""The demo's questions, and its study: packed from a warehouse and loaded into another without a
change.
"""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import polars as pl

from qwh.database.warehouse import Warehouse
from qwh.demo import models, study
from qwh.demo import run as demo
from qwh.ingest.prompts import normalise, read_benchmark
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
    for run in Store(warehouse).runs():
        copy = store.find(run.run_id)
        assert replace(copy, top_k=run.top_k, parts=run.parts) == run
        for table in json.loads(run.parts):
            rows, again = (
                pl.read_parquet(side.part(table, run.run_id), hive_partitioning=False)
                for side in (Store(warehouse), store)
            )
            assert rows.drop(study.OMITTED, strict=False).equals(
                again.drop(study.OMITTED, strict=False)
            )


def test_the_study_is_whole_and_prints_every_table(tmp_path, capsys):
    runs = [json.loads(line) for line in (study.RESULTS / "runs.jsonl").read_text().splitlines()]
    assert Counter(run.quant_id for run in runs if run.role == "quant") == dict.fromkeys(
        models.FULL, 3 + len(BENCHMARKS)
    )
    demo.study(tmp_path)
    printed = capsys.readouterr().out
    assert [f"\n{name}\n" in printed for name in demo.STUDY_TABLES] == [True] * len(
        demo.STUDY_TABLES
    )
    assert (
        Warehouse(tmp_path)
        .relation("fidelity", "smollm2-135m-instruct-full")
        .select("quant_id")
        .unique()
        .height
        == len(models.FULL)
        and "NaN" not in printed
    )
    zone = {
        row["threshold"]: row
        for row in (
            Warehouse(tmp_path)
            .relation("zone")
            .filter(pl.col("zone_rule") == "kld_max")
            .rows(named=True)
        )
    }
    # a rho alone would have said more
    assert (
        zone[0.02]["is_rankable"]
        and not zone[0.01]["is_rankable"]
        and zone[0.01]["rho_zone"] < -0.6
    )
