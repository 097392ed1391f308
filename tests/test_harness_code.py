"""LiveCodeBench and evalplus: every attempt at every problem, and its grade."""

import json

from harness_files import EVALPLUS, LIVECODEBENCH, one, refused, scores

from qwh.ingest.readers import evalplus, livecodebench


def test_livecodebench(tmp_path):
    samples, rows = one(livecodebench, LIVECODEBENCH)
    assert (
        samples.benchmark_id == "livecodebench"
        and samples.model_name == "Stand-In-7B"
        and samples.left_out == {"a problem that occurs again": 1}
    )
    assert samples.harness == {
        "harness": "livecodebench",
        "scenario": "codegeneration",
        "temperature": 0.2,
        "chain_of_thought": False,
        "first_contest": "2023-05-13",
        "last_contest": "2023-07-13",
    }
    assert scores(rows) == {
        ("abc301_a", 0): 1,
        ("abc301_a", 1): 1,
        ("2808", 0): 0,
        ("2808", 1): 1,
        ("1883_B", 0): 0,
        ("1883_B", 1): 0,
    }
    assert (
        rows[0].category == "easy"
        and rows[1].answer == "print(1)"
        and rows[2].prompt.endswith("pass")
        and len({row.prompt_id for row in rows}) == 3
    )
    path = tmp_path / "codegeneration_2_0.2_eval.json"
    path.write_text(
        json.dumps(
            [{"pass@1": 0.5, "detail": {"pass@1": {"0": 0.5}}}, {"0": [[True], [-2]]}, [["{}"]]]
        )
    )
    assert livecodebench.recognises(path, path.read_bytes())
    refused(livecodebench, path, "codegeneration_2_0.2_eval_all.json")


def test_livecodebench_repair_and_test_prediction(tmp_path):
    problem = {"question_id": "a", "question_content": "Sum.", "graded_list": [True, False]}
    path = tmp_path / "selfrepair_2_0.2_eval_all.json"
    path.write_text(json.dumps([problem | {"original_code_list": ["x", "y"]}]))
    # each attempt was shown other code
    assert len({row.prompt_id for row in one(livecodebench, path)[1]}) == 2
    path.write_text(
        json.dumps([problem | {"test_id": 0, "pred_list": ["1", "2"]}, problem | {"test_id": 1}])
    )
    samples, rows = one(livecodebench, path)
    assert (
        {row.item for row in rows} == {"a/0", "a/1"}
        and len({row.prompt_id for row in rows}) == 2
        and rows[0].answer == "1"
        and not samples.left_out
    )


def test_evalplus(tmp_path):
    samples, rows = one(evalplus, EVALPLUS)
    assert (
        samples.benchmark_id == "humaneval+"
        and samples.model_name == "mock--coder"
        and samples.facts["backend"] == "hf"
    )
    assert (
        samples.harness["tests"] == "plus"
        and samples.harness["temperature"] == 0.2
        and len(samples.harness["data_set_hash"]) == 32
    )
    assert (
        [row.score for row in rows] == [1, 0, 1, 0, 0, 1]
        and [row.attempt for row in rows] == [0, 1] * 3
        and rows[0].answer.startswith("def double")
    )
    samples, rows = one(evalplus, EVALPLUS, tests="base")
    assert samples.benchmark_id == "humaneval" and [row.score for row in rows] == [1, 0, 1, 1, 1, 1]
    refused(evalplus, EVALPLUS, "plus, base", tests="extra")
    found = json.loads(EVALPLUS.read_text())
    for solutions in found["eval"].values():
        for solution in solutions:
            solution["plus_status"] = None
    (
        found["eval"]["HumanEval/1"][0]["base_status"],
        found["eval"]["HumanEval/2"][0]["base_status"],
    ) = ("timeout", "eaten")
    path = tmp_path / "m_vllm_temp_0.0.eval_results.json"
    path.write_text(json.dumps(found))
    samples, rows = one(evalplus, path)
    assert (
        samples.harness["tests"] == "base"
        and samples.model_name == "m"
        and [row.score for row in rows] == [1, 0, 0, 1, 1]
        and rows[2].finish_reason == "timeout"
    )
    assert samples.left_out == {"a status that is not pass, fail or timeout": 1}
    refused(evalplus, path, "choose one of base", tests="plus")
