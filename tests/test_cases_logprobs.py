"""Servers' log-probs as people have them, through the command line."""

import json
import math
from pathlib import Path

import pytest
from conftest import qwh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_runs import CASES, rows
from test_bad_input import refused

from qwh.errors import ExitCode, QwhError
from qwh.ingest.readers import prompt_logprobs
from qwh.raw.store import Store

FILES = CASES / "quant"
WHERE_FAILED = "This model's maximum context length is 4096 tokens."


def ingest(warehouse: Path, path: Path, *more: object, kind: str = "prompt-logprobs"):
    given = ("--cohort", "m", "--warehouse", warehouse, "--quant-id", "r", "--is-reference")
    return qwh("ingest", kind, path, *given, *more)


def stored(warehouse: Path) -> list[dict]:
    """The rows of the one reference in a warehouse."""
    [run] = Store(warehouse).runs()
    return rows(warehouse, "reference_tokens", run)


def vllm(path: Path, *entries: dict, **more: object) -> Path:
    path.write_text(json.dumps({"model": "m", "prompt_logprobs": [None, *entries]} | more))
    return path


@pytest.mark.parametrize("kind", ["prompt-logprobs", "auto"])
def test_raw_logits_are_refused(tmp_path, kind):
    done = ingest(tmp_path, FILES / "31-raw-logits.json", kind=kind)
    assert done.exit_code == ExitCode.BAD_INPUT and Store(tmp_path).runs() == []
    assert "22.5 is above 0" in done.stderr and "logits" in done.stderr


@pytest.mark.parametrize(
    "values, word",
    [
        ((-0.25, -0.31, -0.42), "sum to 2.17"),
        ((0.7788, 0.1353), "0.7788 is above 0"),
        ((-0.25, -2.0, -1.0), "sum to 1.28"),
        ((-33.07, -34.2, -35.0), "most likely token has -33.07"),
    ],
)
def test_logits_below_0_and_probabilities(tmp_path, values, word):
    entry = {str(i): {"logprob": value, "rank": i + 1} for i, value in enumerate(values)}
    done = ingest(tmp_path / "w", vllm(tmp_path / "a.json", entry))
    refused(done, ExitCode.BAD_INPUT, word, "ask for log-probs")


def test_sglang_s_logits(tmp_path):
    meta = {
        "input_token_logprobs": [[None, 1, None], [12.5, 2, None]],
        "input_top_logprobs": [None, [[12.5, 2, None]]],
    }
    (tmp_path / "a.json").write_text(json.dumps({"text": "", "meta_info": meta}))
    refused(ingest(tmp_path / "w", tmp_path / "a.json"), ExitCode.BAD_INPUT, "12.5 is above 0")


def test_rounded_log_probs_are_read(tmp_path):
    """Two likely tokens, rounded upwards, whose probabilities sum up to a little more than 1."""
    entry = {"1": {"logprob": -0.69, "rank": 1}, "2": {"logprob": -0.69, "rank": 2}}
    assert 1 < 2 * math.exp(-0.69) < 1.01
    assert ingest(tmp_path / "w", vllm(tmp_path / "a.json", entry)).exit_code == 0


def test_numbers_alone(tmp_path):
    done = ingest(tmp_path, FILES / "32-floats.json")
    assert done.exit_code == 0, done.stderr
    first, second = stored(tmp_path)
    assert (first["token_id"], first["nll_ref"], first["top1_ref"]) == (311, 0.25, 311)
    assert (second["token_id"], second["nll_ref"], second["top1_ref"]) == (4099, 9.5, 5)
    assert second["topk_ids"] == [5, 6] and first["topk_ids"] == [311, 77]
    assert first["rank_ref"] is None and second["rank_ref"] is None


def test_numbers_that_another_program_sorted(tmp_path):
    """Nothing tells which token is there; the prompt's ids do."""
    entries = [{str(100 - i): -0.1 - i / 100, "7": -4.0, "8": -5.0} for i in range(9)]
    path = vllm(tmp_path / "a.json", *entries)
    refused(ingest(tmp_path / "w", path), ExitCode.BAD_INPUT, "nothing tells which token")
    path = vllm(tmp_path / "a.json", *entries, prompt_token_ids=[1, *[7] * 9])
    assert ingest(tmp_path / "w", path).exit_code == 0
    assert {row["nll_ref"] for row in stored(tmp_path / "w")} == {4.0}


def test_a_failed_request_is_counted_and_quoted(tmp_path):
    path = FILES / "33-batch-with-failure.jsonl"
    for more in (("--dry-run",), ()):
        done = ingest(tmp_path, path, *more)
        assert done.exit_code == 0 and "2 texts" in done.stdout and WHERE_FAILED in done.stdout
    assert [row["chunk"] for row in stored(tmp_path)] == [0, 0, 1, 1]
    failed = path.read_text().splitlines()[1]
    (tmp_path / "all.jsonl").write_text(f"{failed}\n{failed}\n")
    refused(ingest(tmp_path / "w", tmp_path / "all.jsonl"), ExitCode.BAD_INPUT, WHERE_FAILED)


@pytest.mark.parametrize(
    "failed",
    [
        {"error": {"message": "too long", "code": 400}},
        {"error": "too long"},
        {"object": "error", "message": "too long"},
        {"detail": "too long"},
        {"custom_id": "a", "response": None, "error": {"message": "too long"}},
        {
            "custom_id": "a",
            "response": {"status_code": 400, "body": {"error": {"message": "too long"}}},
        },
        {"text": "", "meta_info": {"finish_reason": {"type": "abort", "message": "too long"}}},
    ],
)
def test_other_words_for_a_failure(tmp_path, failed):
    good = (FILES / "33-batch-with-failure.jsonl").read_text().splitlines()[0]
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(failed)}\n{good}\n")
    done = ingest(tmp_path / "w", tmp_path / "a.jsonl")
    assert done.exit_code == 0 and 'the server said "too long"' in done.stdout, done.stderr


def test_a_whole_vocabulary_is_refused_with_the_true_numbers(tmp_path):
    entry = {str(i): {"logprob": -9.4 - 1e-4 * i, "rank": i + 1} for i in range(12_000)}
    done = ingest(tmp_path / "w", vllm(tmp_path / "a.json", entry))
    refused(done, ExitCode.BAD_INPUT, "12,000 alternatives", "at most 10,000 are read")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=5, unique=True),
    st.lists(st.floats(-12, 0.2), min_size=5, max_size=5),
    st.booleans(),
)
def test_no_other_number_comes_out(tmp_path, ids, values, alone):
    """A position's log-probs as they are written, or a refusal where they are none."""
    given = dict(zip(map(str, ids), values))
    entry = given if alone else {name: {"logprob": value} for name, value in given.items()}
    path = vllm(tmp_path / "a.json", entry)
    total = math.fsum(map(math.exp, given.values()))
    try:
        [found] = prompt_logprobs.read(path, {})
        [block] = found.blocks
    except QwhError:
        assert max(given.values()) > 1e-3 or total > 1.02
        return
    assert max(given.values()) <= 1e-3 and total <= 1.02
    assert block.nll[0] == max(-given[str(ids[0])], 0.0) and block.token_id[0] == ids[0]
    for token, logprob in zip(block.topk_ids[0], block.topk_logprobs[0]):
        assert logprob == min(given[str(token)], 0.0)
