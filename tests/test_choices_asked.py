"""Multiple choice by real llama.cpp: log-likelihoods as its logits give them when counted another
way, the choice that is taken, and files that are none.
"""

import json

import duckdb
import numpy as np
import pytest
from conftest import REFERENCE, qwh
from outside import Outside
from scipy.special import log_softmax

from qwh.errors import ExitCode, QwhError
from qwh.ingest.prompts.benchmarks import read_benchmark
from qwh.raw.store import Store

TOWNS = ["Farun", "Arlen", "a town of which nobody knows", "Farunia"]
LINES = [
    {"prompt": f"Q: Where does {name} live?\nA:", "choices": TOWNS[: 2 + n], "right": n % 2}
    for n, name in enumerate(("Abel", "Bria", "Cato"))
]
LINES += [
    {"prompt": "Q: Where does Dora live?\nA: ", "choices": ["Farun", "Ärlen"], "right": [0, 1]},
    {"prompt": "Q: 2 + 2?\nA:", "choices": [str(n) for n in range(20)], "right": 4},
]


def written(folder, lines: list[dict], name: str = "towns.jsonl"):
    path = folder / name
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n")
    return path


def ask(warehouse, quant, benchmark, *more):
    where = ("--cohort", "tiny", "--warehouse", warehouse, "--threads", 1)
    models = ("--reference", REFERENCE, "--quant", quant)
    done = qwh("ingest", "prompts", benchmark, *models, *where, *more)
    assert done.exit_code == 0, done.stderr
    return done


def rows(warehouse, quant_id: str, table: str, columns: str) -> list[tuple]:
    """Rows of a member's run, as they were written."""
    (run,) = (run for run in Store(warehouse).runs() if run.quant_id == quant_id)
    return duckdb.sql(
        f"select {columns} from '{Store(warehouse).part(table, run.run_id)}'"
    ).fetchall()


@pytest.fixture(scope="module")
def chosen(tmp_path_factory, quants):
    folder = tmp_path_factory.mktemp("chosen")
    ask(folder, quants["Q8_0"], written(folder, LINES))
    return folder


@pytest.mark.parametrize("quant_id", ["tiny-f16", "Q8_0"])
def test_log_likelihoods_are_those_of_the_engines_logits(chosen, quants, quant_id):
    """Against straight llama.cpp, each choice alone, sums of SciPy's log-softmax in float64."""
    model = Outside(REFERENCE if quant_id == "tiny-f16" else quants[quant_id])
    found = iter(rows(chosen, quant_id, "choices", "choice, loglikelihood, length, is_right"))
    samples = rows(chosen, quant_id, "samples", "prompt_index, attempt, answer, score")
    for number, line in enumerate(LINES):
        head, truth = line["prompt"].rstrip().encode(), []
        for place, choice in enumerate(line["choices"]):
            tail = (line["prompt"] + f" {choice}").encode()[len(head) :]
            z = log_softmax(model.logits(list(head + tail)), axis=1)[len(head) - 1 : -1]
            truth.append(sum(row[token] for row, token in zip(z, tail)))
            stored = next(found)
            right = place in np.atleast_1d(line["right"])
            assert stored == (place, pytest.approx(truth[-1], abs=1e-4), len(choice), right)
        taken = int(np.argmax(truth))
        score = float(taken in np.atleast_1d(line["right"]))
        assert samples[number] == (number, 0, line["choices"][taken], score)
    model.close()


def test_the_order_of_prompts_moves_nothing_that_matters(tmp_path, quants, chosen):
    ask(tmp_path, quants["Q8_0"], written(tmp_path, LINES[::-1]))
    columns = "prompt_id, choice, loglikelihood"
    here, there = (
        {row[:2]: row[2] for row in rows(folder, "Q8_0", "choices", columns)}
        for folder in (chosen, tmp_path)
    )
    assert here.keys() == there.keys() and len(here) == 2 + 3 + 4 + 2 + 20
    assert all(abs(here[key] - there[key]) < 1e-3 for key in here)  # a batch of other rows


def test_what_was_read_is_not_read_again(chosen, quants, tmp_path):
    before = len(Store(chosen).runs())
    done = ask(chosen, quants["Q8_0"], written(tmp_path, LINES))
    assert "has read towns's choices already" in done.stderr
    assert len(Store(chosen).runs()) == before == 2


def test_the_harness_says_how_choices_are_read(chosen):
    (harness,) = {run.harness for run in Store(chosen).runs()}
    assert json.loads(harness) == {
        "decoding": "the likeliest choice",
        "joined_by": "a space, or nothing after a template",
        "layout": "a prompt with its choices in one pass",
        "length": "characters of a choice",
        "qwh_choices": 1,
        "template": None,
    }
    assert {run.scored_span for run in Store(chosen).runs()} == {"choices"}


WRONG = [
    {"prompt": "p", "choices": ["a"], "right": 0},
    {"prompt": "p", "choices": ["a", "b"]},
    {"prompt": "p", "choices": ["a", "b"], "right": 2},
    {"prompt": "p", "choices": ["a", "b"], "right": -1},
    {"prompt": "p", "choices": ["a", "b"], "right": True},
    {"prompt": "p", "choices": ["a", "b"], "right": []},
    {"prompt": "p", "choices": ["a", "b"], "right": "a"},
    {"prompt": "p", "choices": ["a", "a"], "right": 0},
    {"prompt": "p", "choices": ["a", " "], "right": 0},
    {"prompt": "p", "choices": ["a", 1], "right": 0},
    {"prompt": "p", "choices": "ab", "right": 0, "answers": ["a"]},
    {"prompt": 1, "choices": ["a", "b"], "right": 0},
]


@pytest.mark.parametrize("line", WRONG)
def test_lines_that_are_no_multiple_choice_are_named(tmp_path, line):
    path = written(tmp_path, [LINES[0], line])
    with pytest.raises(QwhError, match=r'line 2 is not \{"prompt": text, "choices"') as raised:
        read_benchmark(path, 8)
    assert raised.value.code == ExitCode.BAD_INPUT and "\n" not in str(raised.value)


def test_a_file_is_of_one_kind(tmp_path):
    path = written(tmp_path, [LINES[0], {"prompt": "p", "answers": ["a"]}])
    with pytest.raises(QwhError, match="make two files of it"):
        read_benchmark(path, 8)
    path = written(tmp_path, [LINES[0], LINES[0] | {"right": 1}])
    with pytest.raises(QwhError, match="the same prompt twice"):
        read_benchmark(path, 8)
    read_benchmark(written(tmp_path, [LINES[0], LINES[0] | {"choices": ["x", "y"]}]), 8)


def test_choices_are_read_a_second_time_as_texts_are(tmp_path, quants):
    ask(tmp_path, quants["Q8_0"], written(tmp_path, LINES), "--control", "--repeat")
    runs = {run.role: run for run in Store(tmp_path).runs()}
    assert runs.keys() == {"reference", "quant", "control", "repeat"}
    assert runs["repeat"].first_run_id == runs["quant"].run_id
    assert runs["repeat"].quant_id == "Q8_0" and runs["control"].quant_id == "tiny-f16"
    assert runs["control"].reference_run_id == runs["reference"].run_id
    files = [Store(tmp_path).part("choices", runs[role].run_id) for role in ("quant", "repeat")]
    pairs = duckdb.sql(f"""
        select a.loglikelihood, b.loglikelihood from '{files[0]}' a join '{files[1]}' b
        using (prompt_id, choice)
    """).fetchall()
    assert len(pairs) == 31 and all(abs(one - other) < 1e-2 for one, other in pairs)
