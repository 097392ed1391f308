"""Choices on their way in: the table that they make, the runs that they name, the scores."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import query, qwh
from harness_files import CHOICES, DETAILS

from qwh.ingest.readers import lm_eval_lines
from qwh.raw.store import Store

LINES = [json.loads(line) for line in CHOICES.read_text().splitlines()]
TEMPERATURES = (1, 0.6, 0.3)


def bring(warehouse: Path, path: Path, quant: str, *more: object, kind: str = "lm-eval"):
    """The import of a file, which goes well."""
    more = (*more, "--is-reference") if quant == "ref" else more
    into = ("--cohort", "c", "--quant-id", quant, "--warehouse", warehouse)
    done = qwh("ingest", kind, path, *into, *more)
    assert done.exit_code == 0, done.stderr
    return done


def graded(line: dict, **more: object) -> dict:
    """A line with the grades that the tool gives by its own rule."""
    line = line | more
    likelihoods = np.array([float(each) for each, _ in line["filtered_resps"]])
    letters = np.array([float(len(choice)) for choice in line["doc"]["choices"]])
    right = line["doc"]["gold"]
    return line | {
        "acc": float(np.argmax(likelihoods) == right),
        "acc_norm": float(np.argmax(likelihoods / letters) == right),
    }


def quantized(seed: int = 1) -> list[dict]:
    """The real lines as another model might have answered them."""
    draw = np.random.default_rng(seed)
    lines = []
    for line in LINES:
        answers = [
            [str(float(each) + draw.normal(0, 0.3)), greedy]
            for each, greedy in line["filtered_resps"]
        ]
        lines.append(graded(line, filtered_resps=answers, resps=[[each] for each in answers]))
    return lines


def written(folder: Path, lines: list[dict]) -> Path:
    """A samples file of these lines, without a results json."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CHOICES.name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def rows(warehouse: Path, number: int = -1) -> list[dict]:
    """The choices of one of the runs."""
    store = Store(warehouse)
    return list(store.rows("choices", store.runs()[number].run_id))


def test_choices_are_a_table_of_their_own(tmp_path):
    done = bring(tmp_path, CHOICES, "q")
    assert "likelihoods of the choices of 6" in done.stdout
    run = Store(tmp_path).runs()[-1]
    assert json.loads(run.parts)["choices"]["rows"] == 18
    prompts = [row["prompt_id"] for row in Store(tmp_path).rows("prompts", run.run_id)]
    found = iter(rows(tmp_path))
    for prompt_id, line in zip(prompts, LINES):
        for place, (answer, choice) in enumerate(
            zip(line["filtered_resps"], line["doc"]["choices"])
        ):
            assert next(found) == {
                "benchmark_id": "tiny_choices",
                "prompt_id": prompt_id,
                "choice": place,
                "loglikelihood": float(answer[0]),
                "length": len(choice),
                "is_right": place == line["doc"]["gold"],
            }


def test_a_run_without_choices_has_no_such_part(tmp_path):
    lines = [line | {"filtered_resps": ["Paris"], "resps": [["Paris"]]} for line in LINES]
    done = bring(tmp_path, written(tmp_path / "a", lines), "q")
    run = Store(tmp_path).runs()[-1]
    assert set(json.loads(run.parts)) == {"prompts", "samples"}
    assert "likelihoods" not in done.stdout + done.stderr
    assert not Store(tmp_path).part("choices", run.run_id).exists()


@pytest.mark.parametrize("quant", ["q", "ref"])
def test_a_run_that_is_held_without_its_choices_is_replaced(tmp_path, monkeypatch, quant):
    """As if an older version had brought it in: bringing the file in again adds them."""
    with monkeypatch.context() as older:
        older.setattr(lm_eval_lines, "options", lambda *_: ())
        first = bring(tmp_path, CHOICES, quant).stdout.split()[0]
    again = bring(tmp_path, CHOICES, quant)
    assert f"replaces run {first} of {CHOICES.name}" in again.stderr
    assert "already in the warehouse" in bring(tmp_path, CHOICES, quant).stderr
    bare, full = (json.loads(run.parts) for run in Store(tmp_path).runs())
    assert full.pop("choices") and bare == full  # to the byte


def test_a_later_run_without_choices_does_not_hide_them(tmp_path, monkeypatch):
    first = bring(tmp_path, CHOICES, "q").stdout.split()[0]
    monkeypatch.setattr(lm_eval_lines, "options", lambda *_: ())
    assert f"run {first} of {CHOICES.name} is fuller" in bring(tmp_path, CHOICES, "q").stderr


def test_choices_that_a_grade_contradicts_stay_out(tmp_path):
    wrong = [LINES[0] | {"acc": 0.0}, *LINES[1:]]
    done = bring(tmp_path, written(tmp_path / "a", wrong), "q")
    assert "the log-likelihoods of its choices are left out: those of item 0" in done.stderr
    assert "choices" not in json.loads(Store(tmp_path).runs()[-1].parts)


def test_lengths_that_a_grade_contradicts_stay_out(tmp_path):
    wrong = [LINES[0] | {"acc_norm": 0.0}, *LINES[1:]]
    done = bring(tmp_path, written(tmp_path / "a", wrong), "q")
    assert "no score of its choices is normalised" in done.stderr
    assert {row["length"] for row in rows(tmp_path)} == {None}


def test_what_is_left_out_is_counted_on_a_line(tmp_path):
    broken = [["nan", "False"], *LINES[0]["filtered_resps"][1:]]
    lines = [LINES[0] | {"filtered_resps": broken}, LINES[1] | {"target": "7"}, *LINES[2:]]
    done = bring(tmp_path, written(tmp_path / "a", lines), "q")
    for reason in ("is missing or no number", "nothing says which choice is right"):
        assert f"choices of 1 prompts left out: {reason}" in done.stderr.replace(
            "the log-likelihood of a choice ", ""
        )
    assert len(rows(tmp_path)) == 12
    kept = Store(tmp_path).rows("samples", Store(tmp_path).runs()[-1].run_id)
    assert len(list(kept)) == 6


def test_a_prompt_that_is_asked_twice_has_its_choices_twice(tmp_path):
    twice = [*LINES, LINES[0] | {"doc_id": 6}]
    bring(tmp_path, written(tmp_path / "a", twice), "q")
    found = rows(tmp_path)
    assert len(found) == 21 and len({row["prompt_id"] for row in found}) == 7
    assert [row["loglikelihood"] for row in found[:3]] == [
        row["loglikelihood"] for row in found[-3:]
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A reference of three benchmarks, a quant of them, one whose answers lack their choices."""
    warehouse, folder = tmp_path_factory.mktemp("w"), tmp_path_factory.mktemp("files")
    bare = [line | {"filtered_resps": None, "resps": []} for line in quantized(2)]
    answers = {"ref": LINES, "q": quantized(), "bare": bare}
    for quant, lines in answers.items():
        path = written(folder / quant, lines)
        bring(warehouse, path, quant)
        bring(warehouse, path, quant, "--benchmark-id", "another")
        if quant != "bare":
            bring(warehouse, DETAILS[0], quant, "--benchmark-id", "light", kind="lighteval")
    done = qwh("build", "--warehouse", warehouse)
    assert done.exit_code == 0 and "set aside" not in done.stderr, done.stderr
    return warehouse


def expected(lines: list[dict], temperature: float, normalised: bool) -> dict[str, float]:
    """doc_id -> probability of the right choice, counted in NumPy."""
    found = {}
    for line in lines:
        likelihoods = np.array([float(each) for each, _ in line["filtered_resps"]])
        if normalised:
            likelihoods /= [len(choice) for choice in line["doc"]["choices"]]
        shares = np.exp(likelihoods / temperature)
        found[str(line["doc_id"])] = float(shares[line["doc"]["gold"]] / shares.sum())
    return found


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("kind", ["choices", "choices_norm"])
@pytest.mark.parametrize("benchmark", ["tiny_choices", "another"])
def test_the_probability_of_the_right_choice_is_numpys(built, benchmark, kind, temperature):
    for quant, lines in (("ref", LINES), ("q", quantized())):
        found = query(
            built,
            f"""
            select prompts.item, scores.score
            from int_prompt_scores as scores
            inner join int_current_runs as runs using (run_id)
            inner join stg_prompts as prompts using (run_id, prompt_id)
            where runs.quant_id = '{quant}' and runs.benchmark_id = '{benchmark}'
                and scores.scoring = '{kind}@{temperature:g}'
            """,
        )
        counted = expected(lines, temperature, kind == "choices_norm")
        assert dict(found) == pytest.approx(counted, abs=1e-12)
        mean = query(
            built,
            f"select score from fct_scores where quant_id = '{quant}' and"
            f" benchmark_id = '{benchmark}' and scoring = '{kind}@{temperature:g}'",
        )
        assert mean[0][0] == pytest.approx(np.mean(list(counted.values())), abs=1e-12)


def test_answers_without_choices_are_scored_as_answers_alone(built):
    scorings = dict(
        query(built, "select quant_id, list(distinct scoring) from fct_scores group by quant_id")
    )
    assert scorings["bare"] == ["answered"]
    assert set(scorings["q"]) == {"answered"} | {
        f"{kind}@{temperature:g}"
        for kind in ("choices", "choices_norm")
        for temperature in TEMPERATURES
    }
    light = "select distinct scoring from fct_scores where benchmark_id = 'light'"
    assert {scoring for (scoring,) in query(built, light)} == {
        "answered",
        *(f"choices@{temperature:g}" for temperature in TEMPERATURES),
    }


def test_the_change_is_volume_times_direction_by_every_scoring(built):
    for benchmark in ("tiny_choices", "another"):
        for temperature in TEMPERATURES:
            before, after = (expected(each, temperature, False) for each in (LINES, quantized()))
            changes = np.array([after[doc] - before[doc] for doc in before])
            found = query(
                built,
                "select volume, volume * direction from fct_disagreements where quant_id = 'q' and"
                f" benchmark_id = '{benchmark}' and scoring = 'choices@{temperature:g}'",
            )
            assert found[0] == pytest.approx((np.abs(changes).mean(), changes.mean()), abs=1e-12)
