"""Choices of a multiple choice: what readers take of them, and what they leave out."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness_files import CHOICES, DETAILS, HELM, LM_EVAL, QUESTIONS, RESULTS, one, read
from harness_older import older_lighteval

from qwh.ingest.readers import helm, lighteval, lm_eval
from qwh.ingest.readers.port import Option, Sample, Samples

LINES = [json.loads(line) for line in CHOICES.read_text().splitlines()]
MISSING = "the log-likelihood of a choice is missing or no number"
UNSAID = "nothing says which choice is right"


def line(likelihoods: list, acc: float | None = None, target: object = "0", **more: object) -> dict:
    """A line of the real file with other answers; acc: what the tool's own rule gives."""
    count = len(likelihoods)
    requests = {
        f"gen_args_{place}": {"arg_0": "Q?", "arg_1": f" {'x' * (place + 1)}"}
        for place in range(count)
    }
    answers = [[each if each is None else str(each), "False"] for each in likelihoods]
    bare = {key: value for key, value in LINES[0].items() if key not in ("acc", "acc_norm")}
    given = {"target": str(target), "arguments": requests, "filtered_resps": answers, "em": 1.0}
    given |= {"resps": [[answer] for answer in answers], "metrics": ["em"], "doc": {}}
    return bare | given | ({} if acc is None else {"acc": acc}) | more


def samples(path: Path, *lines: dict) -> tuple[Samples, list[Sample]]:
    """A file of such lines, read."""
    numbered = [each | {"doc_id": number} for number, each in enumerate(lines)]
    path.write_text("".join(json.dumps(each) + "\n" for each in numbered))
    return one(lm_eval, path)


def first(path: Path, given: dict) -> tuple[tuple[Option, ...], dict[str, int]]:
    """The choices of one line beside a sound one, and the reasons why there are none."""
    found, rows = samples(path / "samples_t.jsonl", given, line([-1, -2]))
    assert len(rows[1].choices) == 2
    return rows[0].choices, found.doubts.reasons(True)


def test_the_likeliest_choice_is_what_lm_eval_graded():
    found, rows = one(lm_eval, CHOICES)
    assert found.doubts.reasons(True) == {} and found.doubts.likelihoods is None
    for row, written in zip(rows, LINES, strict=True):
        likelihoods = np.array([float(answer) for answer, _ in written["filtered_resps"]])
        letters = np.array([len(choice) for choice in written["doc"]["choices"]])
        assert [each.loglikelihood for each in row.choices] == likelihoods.tolist()
        assert [each.length for each in row.choices] == letters.tolist()
        right = [each.is_right for each in row.choices]
        assert right == [place == written["doc"]["gold"] for place in range(3)]
        assert right[np.argmax(likelihoods)] == written["acc"]
        assert right[np.argmax(likelihoods / letters)] == written["acc_norm"]
    assert all(row.choices == () for row in one(lm_eval, QUESTIONS)[1])


def test_filters_and_metrics_do_not_change_the_choices():
    assert one(lm_eval, CHOICES)[1][2].choices == one(lm_eval, CHOICES, metric="acc_norm")[1][2][-1]


@pytest.mark.parametrize(
    "given, reason",
    [
        (line([-1, None]), MISSING),
        (line([-1, "nan"]), MISSING),
        (line([-1, "broken"]), MISSING),
        (line([-1, "inf"]), MISSING),
        (line([-1, -2], filtered_resps=[["-1", "False"], None]), MISSING),
        (line(["-inf", "-inf"]), "no choice has any probability"),
        (line([-1]), "it has one choice"),
        (line([-1, -2], target="2"), UNSAID),
        (line([-1, -2], target="-100"), UNSAID),
        (line([-1, -2], target="[]"), UNSAID),
        (line([-1, -2], target="something else"), UNSAID),
        (line([-1, -2], target=None), UNSAID),
    ],
)
def test_what_gives_no_probability_is_left_out_and_counted(tmp_path, given, reason):
    assert first(tmp_path, given) == ((), {reason: 1})


@pytest.mark.parametrize(
    "given, right",
    [
        (line([-1, -2, -3], 0.0, target="2"), [2]),
        (line([-1, -2, -3], 1.0, target="[0, 2]"), [0, 2]),
        (line([-1, -2, -3], 0.0, target="xx"), [1]),
        (line([-1, -2, -3], 0.0, target=" xx"), [1]),
        (line([-1, -2], 0.0, target=True), [1]),
        (line([-1, -2], 1.0, target=False), [0]),
        (line([-1, "-inf"], 1.0), [0]),
        (line([-1, -2, -3], 1.0, filtered_resps=None), [0]),
        (line([-1, -2], 1.0, arguments=[["Q?", " x"], ["Q?", " xx"]]), [0]),
        (line(list(range(-12, 0)), 1.0, target="11"), [11]),
    ],
)
def test_right_choices_are_told_by_place_or_by_text(tmp_path, given, right):
    choices, reasons = first(tmp_path, given)
    assert reasons == {} and [n for n, each in enumerate(choices) if each.is_right] == right
    assert [each.length for each in choices] == list(range(1, len(choices) + 1))


def test_a_target_that_is_a_place_and_another_choice_says_nothing(tmp_path):
    requests = {f"gen_args_{n}": {"arg_0": "Q?", "arg_1": f" {1 - n}"} for n in range(2)}
    assert first(tmp_path, line([-1, -2], arguments=requests)) == ((), {UNSAID: 1})


def test_reduced_files_keep_what_they_can(tmp_path):
    bare = line([-1, -2], 1.0)
    del bare["arguments"], bare["resps"]
    choices, _ = first(tmp_path, bare)
    assert choices == (Option(-1, None, True), Option(-2, None, False))
    assert first(tmp_path, bare | {"filtered_resps": None}) == ((), {})


def test_one_request_alone_is_no_multiple_choice(tmp_path):
    found, rows = samples(tmp_path / "samples_t.jsonl", line([-1]), line([-2]))
    assert [row.choices for row in rows] == [(), ()]
    assert found.doubts.reasons(False) == {}


def test_requests_are_put_in_order(tmp_path):
    requests = {f"gen_args_{n}": {"arg_0": "Q?", "arg_1": " " + "x" * (n + 1)} for n in range(11)}
    mixed = dict(sorted(requests.items())) | {"gen_args_11": None}
    choices, _ = first(tmp_path, line(list(range(-11, 0)), arguments=mixed))
    assert [each.length for each in choices] == list(range(1, 12))


def test_choices_without_the_prompt_do_not_count(tmp_path):
    requests = {
        f"gen_args_{n}": {"arg_0": "Q?" if n < 2 else "", "arg_1": f" {'yn'[n % 2]}"}
        for n in range(4)
    }
    choices, _ = first(tmp_path, line([-1, -2, -0.1, -0.2], 1.0, arguments=requests))
    assert choices == (Option(-1, 1, True), Option(-2, 1, False))


@pytest.mark.parametrize("acc, right", [(1.0, 1), (0.0, 0)])
def test_of_two_choices_within_the_prompt_the_grade_tells(tmp_path, acc, right):
    """As in winogrande, whose target is what follows both."""
    requests = {f"gen_args_{n}": {"arg_0": f"The {n}", "arg_1": " was late."} for n in range(2)}
    choices, _ = first(tmp_path, line([-2, -1], acc, "was late.", arguments=requests))
    assert [each.is_right for each in choices] == [right == 0, right == 1]
    assert [each.length for each in choices] == [None, None]
    assert first(tmp_path, line([-2, -1], None, "was late.", arguments=requests))[1] == {UNSAID: 1}


def test_several_right_choices_of_truthfulqa(tmp_path):
    """Its second grade is the share of the right ones, which is what they add up to."""
    shares = np.exp([-1.0, -2.0, -3.0])
    both = {"mc1_targets": {"choices": ["x", "xx"], "labels": [1, 0]}}
    both |= {"mc2_targets": {"choices": ["x", "xx", "xxx"], "labels": [1, 1, 0]}}
    given = line([-1, -2, -3], float(shares[:2].sum() / shares.sum()), doc=both)
    found, rows = samples(tmp_path / "samples_t.jsonl", given)
    assert [each.is_right for each in rows[0].choices] == [True, True, False]
    assert found.doubts.likelihoods is None
    found, _ = samples(tmp_path / "samples_u.jsonl", given | {"doc": {}})
    assert found.doubts.likelihoods == "0"


@pytest.mark.parametrize("grade, doubted", [(1.0, None), (0.0, "0")])
def test_a_grade_that_contradicts_is_told(tmp_path, grade, doubted):
    found, _ = samples(tmp_path / "samples_t.jsonl", line([-1, -2], grade), line([-1, -2], 1.0))
    assert found.doubts.likelihoods == doubted
    # -1 over 1 letter is less than -1.5 over 2, so by lengths the second one is likeliest
    given = line([-1, -1.5], 1.0, acc_norm=1 - grade)
    assert samples(tmp_path / "samples_u.jsonl", given)[0].doubts.lengths == doubted


def test_equal_choices_fit_either_grade(tmp_path):
    for grade in (0.0, 1.0):
        given = line([-1, -1], grade, target="1")
        assert samples(tmp_path / "samples_t.jsonl", given)[0].doubts.likelihoods is None


@pytest.mark.parametrize("said, lengths", [(" ", [1, 2]), ("", [2, 3]), ("\n", [2, 3])])
def test_the_results_json_says_how_prompt_and_choice_are_joined(tmp_path, said, lengths):
    config = json.loads(RESULTS.read_text()) | {"configs": {"t": {"target_delimiter": said}}}
    (tmp_path / RESULTS.name).write_text(json.dumps(config))
    _, rows = samples(tmp_path / CHOICES.name.replace("tiny_choices", "t"), line([-1, -2]))
    assert [each.length for each in rows[0].choices] == lengths


def test_generated_repeats_are_no_choices(tmp_path):
    answers = [["-1.5", "True"], ["-2.5", "18"]]
    assert first(tmp_path, line([-1, -2], filtered_resps=answers)) == ((), {})


def test_the_older_array_of_lines(tmp_path):
    given = line([-1, -2], 1.0, filtered_resps=[[-1.0, True], [-2.0, False]])
    path = tmp_path / "m_t.jsonl"
    path.write_text(json.dumps([given | {"doc_id": 0}, given | {"doc_id": 1}]))
    assert one(lm_eval, path)[1][1].choices == (Option(-1, 1, True), Option(-2, 2, False))
    text = json.dumps([given | {"doc_id": 0}]).replace("-2.0", "-Infinity")
    path.write_text(text)
    found, rows = one(lm_eval, path)
    assert rows[0].choices == () and found.doubts.reasons(True) == {MISSING: 1}


def test_a_whole_folder():
    chosen = {found.benchmark_id: rows for found, rows in read(lm_eval, LM_EVAL)}
    assert {name: len(rows[0].choices) for name, rows in chosen.items()} == {
        "tiny_choices": 3,
        "tiny_questions": 0,
    }


def details(path: Path, metric: dict, choices: list[str], **response: object) -> Path:
    """The real details with other choices and answers."""
    path = path / DETAILS[0].name
    rows = pq.read_table(DETAILS[0]).to_pylist()
    for row in rows:
        row["doc"] |= {"choices": choices}
        row["metric"] = metric
        row["model_response"] |= response
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_the_likeliest_choice_is_what_lighteval_graded():
    table = {row["doc"]["id"]: row for row in pq.read_table(DETAILS[0]).to_pylist()}
    found, rows = one(lighteval, DETAILS[0])
    assert found.doubts.reasons(True) == {} and len(rows) == 6
    for row in rows:
        written = table[row.item]
        likelihoods = written["model_response"]["logprobs"]
        assert [each.loglikelihood for each in row.choices] == likelihoods
        right = [each.is_right for each in row.choices]
        assert right[int(np.argmax(likelihoods))] == written["metric"]["acc"]
    assert all(row.choices == () for row in one(lighteval, DETAILS[1])[1])


@pytest.mark.parametrize(
    "metric, choices, lengths",
    [
        ({"acc": 1, "acc_norm": 0}, ["a", "bcd"], [1, 3]),
        ({"acc": 1, "acc_norm": 0}, [" a", " bcd"], [None, None]),
        ({"acc": 1, "acc_norm_nospace": 0}, [" a", " bcd"], [1, 3]),
        ({"acc": 1, "acc_norm_token": 1}, ["a", "bcd"], [2, 1]),
        ({"acc": 1}, ["a", "bcd"], [None, None]),
    ],
)
def test_lighteval_says_by_a_metrics_name_what_it_divides_by(tmp_path, metric, choices, lengths):
    given = {"logprobs": [-1.0, -2.0], "output_tokens": [[1, 2], [3]]}
    found, rows = one(lighteval, details(tmp_path, metric, choices, **given), metric="acc")
    doubts = found.doubts
    assert [each.length for each in rows[0].choices] == lengths
    assert (doubts.likelihoods, doubts.lengths) == (None, None) and not doubts.reasons(True)


def test_lighteval_without_a_number_or_a_right_choice(tmp_path):
    bad = details(tmp_path, {"acc": 1}, ["a", "b"], logprobs=[-1.0, math.nan])
    assert one(lighteval, bad)[0].doubts.reasons(True) == {MISSING: 6}
    bad = details(tmp_path, {"acc": 1}, ["a", "b"], logprobs=[-1.0])
    assert one(lighteval, bad)[0].doubts.reasons(True) == {}


def test_lighteval_before_0_8(tmp_path):
    _, rows = one(lighteval, older_lighteval(tmp_path / "a", "ref", "struct"))
    assert rows[0].choices == (Option(-1, None, True), Option(-2, None, False))
    found, rows = one(lighteval, older_lighteval(tmp_path / "b", "ref", "text"))
    assert rows[0].choices == (Option(-1, None, True), Option(-2, None, False))
    assert found.doubts.likelihoods == "3"  # graded wrong, though its likeliest choice is right


def separate(folder: Path, spelt: list[str], mode: str = "original", match: float = 1.0) -> Path:
    """The real run as if each reference had been asked by itself, the first at -1, then -2, ..."""
    folder = folder / HELM.name
    folder.mkdir()
    state = json.loads((HELM / "scenario_state.json").read_text())
    asked = []
    for each in state["request_states"]:
        for place, reference in enumerate(each["instance"]["references"]):
            reference["tags"] = ["correct"] if place == 0 else []
            words = [{"text": "Q?", "logprob": -50}]
            words += [{"text": token, "logprob": -1.0 - place} for token in spelt]
            words += [{"text": f" {reference['output']['text']}", "logprob": -1.0 - place}]
            result = each["result"] | {"completions": [{"text": "", "tokens": words}]}
            asked.append(each | {"reference_index": place, "request_mode": mode, "result": result})
    (folder / "scenario_state.json").write_text(json.dumps({"request_states": asked}))
    (folder / "run_spec.json").write_text((HELM / "run_spec.json").read_text())
    stats = json.loads((HELM / "per_instance_stats.json").read_text())
    for instance in stats:
        for stat in instance["stats"]:
            if stat["name"]["name"] == "exact_match":
                stat["mean"] = match
    (folder / "per_instance_stats.json").write_text(json.dumps(stats))
    return folder


def test_helm_where_each_choice_was_asked_by_itself(tmp_path):
    found, rows = one(helm, separate(tmp_path, []))
    assert rows[0].choices == (Option(-1, 1, True), Option(-2, 1, False))
    assert found.doubts.lengths is None and found.doubts.reasons(True) == {}
    assert all(row.choices == () for row in one(helm, HELM)[1])


def test_helm_that_contradicts_itself_or_lacks_a_choice(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
    assert one(helm, separate(tmp_path / "a", [], match=0.0))[0].doubts.lengths == "id60"
    assert one(helm, separate(tmp_path / "b", [], "calibration"))[1][0].choices == ()
    folder = separate(tmp_path / "c", [])
    state = json.loads((folder / "scenario_state.json").read_text())
    for each in state["request_states"]:
        each["result"]["completions"][0]["tokens"][-1]["text"] = " other"
    (folder / "scenario_state.json").write_text(json.dumps(state))
    assert one(helm, folder)[0].doubts.reasons(True) == {MISSING: 6}
