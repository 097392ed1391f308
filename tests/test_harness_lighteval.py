"""lighteval: the details that it wrote itself are read exactly."""

import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
from harness_files import DETAILS, LIGHTEVAL, LIGHTEVAL_RESULTS, one, read, refused

from qwh.ingest.readers import lighteval


def test_lighteval():
    (choices, rows_choices), (_, rows_questions) = read(lighteval, LIGHTEVAL)
    assert choices.benchmark_id == "tiny_choices" and choices.model_name == "mock/stand-in"
    assert (
        choices.harness.items()
        >= {
            "metric": "acc",
            "num_fewshot": 0,
            "version": 1,
            "generation": {"temperature": 0},
        }.items()
    )
    results = json.loads(LIGHTEVAL_RESULTS.read_text())["results"]
    assert (
        sum(row.score for row in rows_choices) / 6 == results["tiny_choices|0"]["acc"]
        and sum(row.score for row in rows_questions) / 6 == results["tiny_questions|0"]["em"]
    )
    row = {row.item: row for row in rows_questions}["1"]
    assert (row.score, row.prompt, row.expected, row.answer, row.answer_tokens) == (
        1.0,
        "Capital of Italy?",
        "Rome",
        "Rome",
        1,
    )
    assert (
        json.loads(rows_choices[0].answer) == [0.0, -0.5, -1.0]
        and len({row.prompt_id for row in rows_choices + rows_questions}) == 12
    )


def test_lighteval_both_namings_and_bare_nan(tmp_path):
    table = pq.read_table(DETAILS[0])
    path = tmp_path / "out" / DETAILS[0].relative_to(LIGHTEVAL)
    path.parent.mkdir(parents=True)
    pq.write_table(
        table.rename_columns([f"__{name}__" for name in table.column_names]), path, row_group_size=2
    )
    results = tmp_path / "out" / LIGHTEVAL_RESULTS.relative_to(LIGHTEVAL)
    results.parent.mkdir(parents=True)
    results.write_text(LIGHTEVAL_RESULTS.read_text().replace("0.22360679774997896", "NaN"))
    samples, rows = one(lighteval, tmp_path / "out")
    original, original_rows = one(lighteval, DETAILS[0])
    assert rows == original_rows and samples.harness == original.harness
    refused(lighteval, path, "choose one of acc", metric="em")
    scores = table.column("metric").combine_chunks().field(0).to_pylist()
    hurt = pa.StructArray.from_arrays(
        [pa.array([math.nan, math.inf, None, *map(float, scores[3:])])], names=["acc"]
    )
    pq.write_table(table.set_column(table.column_names.index("metric"), "metric", hurt), path)
    samples, rows = one(lighteval, path)
    assert len(rows) == 3 and samples.left_out == {"its acc is not a finite number": 3}
