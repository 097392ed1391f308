"""inspect: its logs are read exactly, packed in any way, whole or crashed."""

import json
import math

from harness_files import INSPECT, archive, members, one, refused, scores

from qwh.ingest.readers import inspect_ai
from qwh.ingest.readers.port import text_id


def test_inspect_logs_agree():
    (whole, rows), (deflated, rows_deflated), (plain, rows_plain) = (
        one(inspect_ai, INSPECT / name) for name in ("whole.eval", "deflated.eval", "plain.json")
    )
    assert scores(rows) == {
        (f"q{index}", epoch): float(index not in (2, 4)) for index in range(6) for epoch in range(2)
    }
    assert (
        rows == rows_deflated
        and scores(rows) == scores(rows_plain)
        and whole.harness == deflated.harness == plain.harness
    )
    assert (
        whole.benchmark_id == "capitals"
        and whole.model_name == "mockllm/model"
        and whole.partial is None
        and whole.left_out == {}
    )
    assert (
        whole.harness["epochs"] == 2
        and whole.harness["scorer"] == "match"
        and whole.harness["solvers"] == ["system_message", "generate"]
        and whole.harness["generate"] == {"temperature": 0.0}
    )
    assert (
        rows[0].answer == "Paris"
        and rows[0].expected == "Paris"
        and rows[0].answer_tokens == 5
        and rows[0].prompt_id == rows[6].prompt_id
    )
    assert [row.prompt_id for row in rows[:3]] == [row.prompt_id for row in rows_plain[:3]]


def test_inspect_reads_the_sample_where_the_summary_is_cut():
    rows = {row.item: row for row in one(inspect_ai, INSPECT / "whole.eval")[1]}
    assert rows["q3"].prompt == "Capital of Peru?" + " Think." * 900 and rows[
        "q3"
    ].prompt_id == text_id(json.dumps([rows["q3"].prompt, None]))


def test_inspect_crashed_run():
    samples, rows = one(inspect_ai, INSPECT / "crashed.eval")
    assert (
        len(rows) == 11
        and samples.partial
        == "the run crashed or was still going on: the log has no header; 11 of 12 samples"
    )
    assert samples.harness == one(inspect_ai, INSPECT / "whole.eval")[0].harness and (
        "q5",
        1,
    ) not in scores(rows)


def test_inspect_picks():
    samples, rows = one(inspect_ai, INSPECT / "whole.eval", scorer="length")
    assert samples.harness["metric"] == "short" and [row.score for row in rows[:4]] == [0, 1, 0, 1]
    assert [
        row.score
        for row in one(inspect_ai, INSPECT / "whole.eval", scorer="length", metric="letters")[1][:3]
    ] == [5, 4, 5]
    refused(inspect_ai, INSPECT / "whole.eval", "match, length", scorer="judge")
    refused(inspect_ai, INSPECT / "whole.eval", "short, letters", scorer="length", metric="long")
    refused(inspect_ai, INSPECT / "whole.eval", "value", metric="short")


def test_inspect_reads_frames_newer_samples_and_messages(tmp_path):
    files = members(INSPECT / "whole.eval")
    path = tmp_path / "frames.eval"
    path.write_bytes(archive(files))
    assert one(inspect_ai, path)[1] == one(inspect_ai, INSPECT / "whole.eval")[1]
    summaries = json.loads(files["summaries.json"])
    for summary in summaries:
        summary["input"] = [
            {"id": f"random{summary['epoch']}", "role": "user", "content": summary["input"]}
        ]
    files["summaries.json"] = json.dumps(
        summaries
        + [
            summaries[0] | {"scores": {"match": {"value": 0.25}}},
            summaries[1] | {"scores": {"match": {"value": math.nan}}},
        ]
    ).encode()
    path.write_bytes(archive(files))
    samples, rows = one(inspect_ai, path)
    assert (
        samples.left_out == {"a sample that was run again": 2, "no finite score from match": 1}
        and scores(rows)["q0", 0] == 0.25
    )
    # random ids of messages are not part of the prompt
    assert rows[0].prompt == "user: Capital of France?" and rows[0].prompt_id == rows[5].prompt_id


def test_inspect_leaves_out_prompts_that_are_not_whole(tmp_path):
    files = members(INSPECT / "whole.eval")
    del files["samples/q3_epoch_1.json"]
    (tmp_path / "a.eval").write_bytes(archive(files))
    samples, rows = one(inspect_ai, tmp_path / "a.eval")
    assert samples.left_out == {"its prompt is not kept whole": 1} and len(rows) == 11
