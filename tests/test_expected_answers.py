"""Accepted answers read by real llama.cpp: what is stored is what its logits give when counted
another way, and what sampling from them gives.
"""

import json
import subprocess
import sys
import time

import duckdb
import numpy as np
import pytest
from conftest import MODEL, REFERENCE, qwh
from outside import Outside
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import chi2, entropy

from qwh.errors import ExitCode
from qwh.raw.store import Store

PROMPTS = [json.loads(line) for line in (MODEL / "prompts.jsonl").read_text().splitlines()]
EOS = 256  # the test model's; below it, ids are bytes
ENDS = [ord("\n"), EOS]  # no token of it is longer than a byte
FIRST_OF_A_SUM = next(i for i, each in enumerate(PROMPTS) if each["category"] == "sum")


def ask(warehouse, quants, *more, benchmark=MODEL / "prompts.jsonl"):
    """`qwh ingest prompts` on one thread."""
    files = [part for path in quants for part in ("--quant", path)]
    where = ("--cohort", "tiny", "--warehouse", warehouse, "--threads", 1)
    return qwh("ingest", "prompts", benchmark, "--reference", REFERENCE, *files, *where, *more)


def written(folder, *prompts: tuple[str, list[str]]):
    """A benchmark file of prompts with their accepted answers."""
    path = folder / "b.jsonl"
    lines = (json.dumps({"prompt": prompt, "answers": answers}) for prompt, answers in prompts)
    path.write_text("\n".join(lines) + "\n")
    return path


def runs(warehouse, task: str = "answers") -> dict:
    """quant_id -> facts of its run."""
    return {run.quant_id: run for run in Store(warehouse).runs() if run.task == task}


def rows(warehouse, quant_id: str, columns: str = "*", where: str = "true") -> list[tuple]:
    """Rows of a member's answer_logprobs, in order."""
    part = Store(warehouse).part("answer_logprobs", runs(warehouse)[quant_id].run_id)
    return duckdb.sql(f"""
        select {columns} from '{part}' where {where}
        order by prompt_index, answer_index, temperature desc
    """).fetchall()


def expected(warehouse, quant_id: str, temperature: float) -> np.ndarray:
    """The expected score of every prompt."""
    found = np.zeros(len(PROMPTS))
    for prompt, logprob in rows(
        warehouse, quant_id, "prompt_index, logprob", f"temperature = {temperature}"
    ):
        found[prompt] += np.exp(logprob)
    return found


def follows(
    model: Outside, prompt: str, answer: str, temperature: float
) -> tuple[float, float, bool]:
    """(log-prob of the answer and an end, mean entropy, greedy)."""
    head, tail = list(prompt.encode()), list(answer.encode())
    z = model.logits(head + tail)[len(head) - 1 :] / temperature
    own = [log_softmax(row)[token] for row, token in zip(z, tail)]
    own.append(logsumexp(z[-1][ENDS]) - logsumexp(z[-1]))
    greedy = z[:-1].argmax(1).tolist() == tail and z[-1].argmax() in ENDS
    return sum(own), entropy(softmax(z, axis=1), axis=1).mean(), greedy


@pytest.fixture(scope="module")
def outside(quants):
    """Two models by that class, by their names."""
    found = {"tiny-f16": Outside(REFERENCE), "Q8_0": Outside(quants["Q8_0"])}
    yield found
    for each in found.values():
        each.close()


@pytest.fixture(scope="module")
def asked(tmp_path_factory, quants):
    """A warehouse of the test benchmark, answered and read."""
    folder = tmp_path_factory.mktemp("asked")
    done = ask(folder, [quants["Q8_0"], quants["Q2_K"]])
    assert done.exit_code == 0, done.stderr
    return folder


@pytest.mark.parametrize("quant_id", ["tiny-f16", "Q8_0"])
def test_stored_figures_are_those_of_the_engines_logits(asked, outside, quant_id):
    found = rows(asked, quant_id, where="prompt_index % 4 = 0")
    assert len(found) == 2 * 3 * len(PROMPTS[::4])  # with and without a space, temperatures
    for (
        _,
        prompt,
        _,
        index,
        answer,
        temperature,
        logprob,
        tokens,
        size,
        greedy,
        spread,
        *_,
    ) in found:
        (text,) = PROMPTS[prompt]["answers"]
        assert answer == (text, f" {text}")[index]
        assert tokens == size == len(answer.encode())
        truth = follows(outside[quant_id], PROMPTS[prompt]["prompt"], answer, temperature)
        assert abs(logprob - truth[0]) < 1e-5 and abs(spread - truth[1]) < 1e-5
        assert greedy == truth[2]


@pytest.mark.parametrize("quant_id", ["tiny-f16", "Q8_0", "Q2_K"])
def test_the_greedy_flag_is_an_exact_match_of_the_greedy_answer(asked, quant_id):
    part = Store(asked).part("samples", runs(asked, "benchmark")[quant_id].run_id)
    samples = duckdb.sql(f"""
        select answer, score, finish_reason from '{part}' order by prompt_index
    """).fetchall()
    flagged = dict.fromkeys(range(len(PROMPTS)), False)
    for prompt, flag in rows(asked, quant_id, "prompt_index, greedy", "temperature = 1"):
        flagged[prompt] |= flag
    exact = [answer in each["answers"] for (answer, _, _), each in zip(samples, PROMPTS)]
    assert list(flagged.values()) == exact
    parted = sum(bool(score) != match for (_, score, _), match in zip(samples, exact))
    print(f"{quant_id}: normalisation parts {parted} of {len(PROMPTS)}")


def sampled(model: Outside, prompt: str, answers: list[str], temperature: float, draw) -> bool:
    """Whether an answer that is sampled token by token is an accepted one with an end after it.

    It is given up where it is none any more.
    """
    head, given = list(prompt.encode()), b""
    accepted = [variant.encode() for text in answers for variant in (text, f" {text}")]
    while any(each.startswith(given) for each in accepted):
        chances = softmax(model.logits(head + list(given))[-1] / temperature)
        token = int(draw.choice(len(chances), p=chances))
        if token in ENDS:
            return given in accepted
        given += bytes([token])
    return False


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_sampling_gives_the_accepted_answers_as_often(asked, outside, temperature):
    prompts = list(range(FIRST_OF_A_SUM, FIRST_OF_A_SUM + 6))  # neither sure nor hopeless
    times, draw = 400, np.random.default_rng(15)
    chances = expected(asked, "tiny-f16", temperature)[prompts]
    hits = [
        sum(
            sampled(outside["tiny-f16"], each["prompt"], each["answers"], temperature, draw)
            for _ in range(times)
        )
        for each in (PROMPTS[i] for i in prompts)
    ]
    spread = times * chances * (1 - chances)
    told = spread > 5
    assert told.sum() >= 4
    z = (np.array(hits) - times * chances)[told] / np.sqrt(spread[told])
    assert (z**2).sum() < chi2.isf(1e-3, told.sum()), z


def test_as_the_temperature_falls_the_expected_score_is_pass_or_fail(tmp_path, quants):
    cold = (0.3, 0.1, 0.03, 0.001)  # two choices may lie within .02 of each other
    options = [part for each in cold for part in ("--temperature", each)]
    assert ask(tmp_path, [quants["Q2_K"]], *options, "--answers-only").exit_code == 0
    for member in ("tiny-f16", "Q2_K"):
        found = rows(tmp_path, member, "prompt_index, greedy", "temperature = 1")
        greedy = np.zeros(len(PROMPTS))
        for prompt, flag in found:
            greedy[prompt] += flag
        away = [abs(expected(tmp_path, member, each) - greedy).mean() for each in (1.0, *cold)]
        assert away == sorted(away, reverse=True)
        assert away[-1] < 0.001 < away[0]


def test_reading_alone_gives_the_same_bits_and_no_pass_or_fail(asked, tmp_path, quants):
    done = ask(tmp_path, [quants["Q2_K"], quants["Q8_0"]], "--answers-only")
    assert done.exit_code == 0 and "no pass or fail" in done.stderr
    for member in ("tiny-f16", "Q8_0", "Q2_K"):
        assert rows(tmp_path, member) == rows(asked, member)
    assert {run.task for run in Store(tmp_path).runs()} == {"answers"}


def test_the_layout_is_a_fact_and_every_members(asked, quants):
    found = runs(asked)
    facts = {(run.reading, run.batch_size, run.ubatch_size, run.harness) for run in found.values()}
    assert len(found) == 3 and len(facts) == 1
    assert found["Q8_0"].reading == "sequences=16"
    assert json.loads(found["Q8_0"].harness)["layout"] == "a prompt with its answers in one pass"
    assert found["Q8_0"].reference_run_id == found["tiny-f16"].run_id
    other = ask(asked, [quants["Q6_K"]], "--answers-only", "--batch-size", 16)
    assert other.exit_code == ExitCode.MISMATCH and "batch_size 512 there, 16 here" in other.stderr


def test_the_same_again_does_nothing_and_a_new_quant_is_added(tmp_path, quants):
    path = written(tmp_path, ("Q: a\nA:", ["b"]))
    ask(tmp_path, [quants["Q8_0"]], "--answers-only", benchmark=path)
    again = ask(tmp_path, [quants["Q8_0"]], "--answers-only", benchmark=path)
    assert again.exit_code == 0 and again.stdout == "" and again.stderr.count("already") == 2
    more = ask(tmp_path, [quants["Q8_0"], quants["Q6_K"]], "--answers-only", benchmark=path)
    assert [line.split()[2] for line in more.stdout.splitlines()] == ["Q6_K"]


@pytest.mark.parametrize("temperature", [0, -1, "nan", "inf", 1e-9])
def test_a_temperature_that_is_none_is_refused(tmp_path, quants, temperature):
    done = ask(tmp_path, [quants["Q8_0"]], "--temperature", temperature)
    assert done.exit_code == ExitCode.USAGE and done.stderr.count("\n") == 1
    assert "--temperature" in done.stderr and not (tmp_path / "raw").exists()


def test_temperatures_are_a_set_with_one_in_it(tmp_path, quants):
    path = written(tmp_path, ("Q: a\nA:", ["b"]))
    options = ("--temperature", 0.5, "--temperature", 2, "--temperature", 0.50000001)
    done = ask(tmp_path, [quants["Q8_0"]], *options, "--answers-only", benchmark=path)
    assert done.exit_code == 0, done.stderr
    stored = rows(tmp_path, "Q8_0", "temperature", "answer_index = 0")
    assert stored == [(2.0,), (1.0,), (0.5,)]
    later = ask(tmp_path, [quants["Q8_0"]], "--answers-only", benchmark=path)
    assert later.exit_code == ExitCode.MISMATCH
    assert "temperatures [2.0, 1.0, 0.5] there, [1.0, 0.6, 0.3] here" in later.stderr


def test_odd_accepted_answers(tmp_path, quants, outside):
    many = [f"t{i}" for i in range(20)]
    prompts = [
        ("Q: a\nA:", ["red", "red", " red", "red ", "Red"]),
        ("Q: b\nA:", ["ümlaut", "日本", "🦊"]),
        ("Q: c\nA:", ["x" * 40]),
        ("Q: d\nA:", ["", "  ", "\n"]),
        ("Q: e\nA:", ["two\nlines", "two"]),
        ("Q: e\nA: more than the one before", many),
        ("z", ["y"]),
    ]
    path = written(tmp_path, *prompts)
    done = ask(tmp_path, [quants["Q8_0"]], "--answers-only", benchmark=path)
    assert done.exit_code == 0, done.stderr
    assert "1 of 7 prompts have no accepted answer" in done.stderr
    assert "of 1 accepted answers with a line feed the first line is read" in done.stderr
    found = {i: [] for i in range(7)}
    for prompt, answer, temperature, logprob, tokens, size in rows(
        tmp_path, "Q8_0", "prompt_index, answer, temperature, logprob, tokens, bytes"
    ):
        assert tokens == size == len(answer.encode())
        truth = follows(outside["Q8_0"], prompts[prompt][0], answer, temperature)
        assert abs(logprob - truth[0]) < 1e-4
        found[prompt].append((answer, temperature))
    texts = {prompt: list(dict.fromkeys(x for x, _ in each)) for prompt, each in found.items()}
    assert texts[0] == ["red", " red", "Red", " Red"]
    assert texts[1] == ["ümlaut", " ümlaut", "日本", " 日本", "🦊", " 🦊"]
    assert found[2] == [("x" * 40, 1.0), (" " + "x" * 40, 1.0)]  # loss alone
    assert texts[3] == [] and texts[4] == ["two", " two"]
    assert len(texts[5]) == 40 and len(texts[6]) == 2


@pytest.mark.parametrize("rows_at_once", [4, 24])
def test_small_passes_give_near_figures(asked, tmp_path, quants, rows_at_once):
    size = ("--batch-size", rows_at_once)
    assert ask(tmp_path, [quants["Q8_0"]], *size, "--answers-only").exit_code == 0
    ours, theirs = (
        np.array(rows(where, "tiny-f16", "logprob", "temperature = 1"))
        for where in (asked, tmp_path)
    )
    assert abs(ours - theirs).max() < 0.02


def test_answers_of_which_some_cannot_be_read_are_told(tmp_path, quants):
    some = ["red", "", "Red", "RED", " "]
    path = written(
        tmp_path, ("Q: a\nA:", some), ("Q: b\nA:", ["", " "]), ("a" * 505, ["b", "b" * 9])
    )
    done = ask(tmp_path, [quants["Q8_0"]], "--answers-only", benchmark=path)
    assert done.exit_code == 0, done.stderr
    assert "1 of 3 prompts have no accepted answer" in done.stderr
    assert "in 2 of 3 prompts some accepted answers cannot be read" in done.stderr
    answers = [text for (text,) in rows(tmp_path, "Q8_0", "answer", "temperature = 1")]
    assert answers == ["red", " red", "Red", " Red", "RED", " RED", "b", " b"]


def test_a_model_without_eos_ends_its_answers_all_the_same(asked, tmp_path, quants, monkeypatch):
    import llama_cpp

    monkeypatch.setattr(llama_cpp, "llama_vocab_eos", lambda vocabulary: -1)
    done = ask(tmp_path, [quants["Q8_0"]], "--answers-only")
    assert done.exit_code == 0, done.stderr
    assert rows(tmp_path, "Q8_0") == rows(asked, "Q8_0")


def test_a_reference_that_was_answered_before_is_read_alone(asked, tmp_path, quants):
    ask(tmp_path, [quants["Q8_0"]])
    for run in runs(tmp_path).values():  # as a version of qwh left it that only answered
        Store(tmp_path).manifest(run.run_id).unlink()
    done = ask(tmp_path, [quants["Q2_K"]], "--answers-only")
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["tiny-f16", "Q2_K"]
    assert set(runs(tmp_path, "benchmark")) == {"tiny-f16", "Q8_0"}
    assert rows(tmp_path, "Q2_K") == rows(asked, "Q2_K")


def test_status_counts_a_quant_once(asked):
    shown = qwh("status", "--warehouse", asked).stdout.splitlines()
    assert shown[0].split()[3:5] == ["runs", "quants"]
    assert shown[2].split()[:5] == ["tiny", "prompts", "—", "6", "2"]


def test_a_benchmark_without_accepted_answers_says_so(tmp_path, quants):
    path = written(tmp_path, ("Q: a\nA:", [""]), ("Q: b\nA:", ["\n"]))
    done = ask(tmp_path, [quants["Q8_0"]], "--answers-only", benchmark=path)
    assert done.exit_code == 0 and done.stdout == "" and runs(tmp_path) == {}
    assert "b has no accepted answers that can be read" in done.stderr


def test_answers_beside_which_the_prompt_does_not_fit_are_left_out(tmp_path, quants):
    path = written(tmp_path, ("a" * 510, ["b", "bcd"]))  # the model reads 512
    done = ask(tmp_path, [quants["Q8_0"]], "--answers-only", benchmark=path)
    assert done.exit_code == 0, done.stderr
    assert rows(tmp_path, "Q8_0", "answer", "temperature = 1") == [("b",), (" b",)]


def test_a_killed_reading_keeps_whole_members_alone(tmp_path, quants):
    command = "import sys; sys.argv[0] = 'qwh'; from qwh.cli import app; app()"
    files = [part for name in ("Q8_0", "Q6_K") for part in ("--quant", quants[name])]
    arguments = [
        *("ingest", "prompts", MODEL / "prompts.jsonl", "--reference", REFERENCE, *files),
        *("--cohort", "tiny", "--warehouse", tmp_path, "--threads", 1, "--answers-only"),
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *map(str, arguments)], stderr=subprocess.DEVNULL
    )
    while not list((tmp_path / "raw" / "runs").glob("[0-9a-f]*.json")):
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    kept = runs(tmp_path)
    assert "tiny-f16" in kept and len(kept) < 3
    done = ask(tmp_path, [quants["Q8_0"], quants["Q6_K"]], "--answers-only")
    assert done.exit_code == 0 and set(runs(tmp_path)) == {"tiny-f16", "Q8_0", "Q6_K"}
    assert len(done.stdout.splitlines()) == 3 - len(kept)
    assert list((tmp_path / "raw" / "_staging").iterdir()) == []
