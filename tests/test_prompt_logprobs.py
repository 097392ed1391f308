"""Servers' log-probs in the warehouse: token rows without a KLD, and its bounds."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import query, qwh
from scipy.special import log_softmax, rel_entr
from test_bad_input import refused

from qwh.errors import ExitCode

TEXTS, LENGTH, VOCABULARY, K = 3, 9, 40, 5


@pytest.fixture(scope="module")
def truth():
    """Tokens [TEXTS, LENGTH] and both models' log-probs [TEXTS, LENGTH - 1, V] for what follows."""
    rng = np.random.default_rng(0)
    x = 2 * rng.normal(size=(TEXTS, LENGTH - 1, VOCABULARY))
    return (
        rng.integers(0, VOCABULARY, (TEXTS, LENGTH)),
        log_softmax(x, 2),
        log_softmax(x + 0.3 * rng.normal(size=x.shape), 2),
    )


def top(row: np.ndarray) -> list[int]:
    return [int(token) for token in np.argsort(-row, kind="stable")[:K]]


def vllm(tokens, logp) -> list[dict]:
    responses = []
    for ids, rows in zip(tokens, logp):
        entries = [None]
        for token, row in zip(ids[1:], rows):
            # the realised token first
            ranks = {int(other): 1 + int((row > row[other]).sum()) for other in [token, *top(row)]}
            entries.append(
                {
                    str(other): {
                        "logprob": float(row[other]),
                        "rank": rank,
                        "decoded_token": f"t{other}",
                    }
                    for other, rank in ranks.items()
                }
            )
        responses.append(
            {"model": "tiny", "choices": [{"index": 0, "text": "", "prompt_logprobs": entries}]}
        )
    return responses


def sglang(tokens, logp) -> list[list[dict]]:
    return [
        [
            {
                "text": "",
                "meta_info": {
                    "prompt_tokens": LENGTH,
                    "cached_tokens": 0,
                    "input_token_logprobs": (
                        [[None, int(ids[0]), None]]
                        + [
                            [float(row[token]), int(token), None]
                            for token, row in zip(ids[1:], rows)
                        ]
                    ),
                    "input_top_logprobs": (
                        [None]
                        + [[[float(row[other]), other, None] for other in top(row)] for row in rows]
                    ),
                },
            }
        ]
        for ids, rows in zip(tokens, logp)
    ]


FORMS = {"vllm": vllm, "sglang": sglang}


def saved(folder: Path, name: str, responses: list) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text("\n".join(map(json.dumps, responses)))
    return path


@pytest.mark.parametrize("form", FORMS)
def test_in_the_warehouse_with_bounds(tmp_path, truth, form):
    tokens, logp, logq = truth
    warehouse = tmp_path / "w"

    def ingest(path, *more):
        return qwh(
            "ingest",
            "prompt-logprobs",
            path,
            "--cohort",
            "c",
            "--corpus-id",
            "wiki",
            "--warehouse",
            warehouse,
            *more,
        )

    reference, quant = (
        saved(tmp_path, "ref", FORMS[form](tokens, logp)),
        saved(tmp_path, "q", FORMS[form](tokens, logq)),
    )
    refused(ingest(quant, "--quant-id", "q"), ExitCode.NOT_FOUND, "--is-reference")
    assert ingest(reference, "--quant-id", "f16", "--is-reference").exit_code == 0
    done = ingest(quant, "--quant-id", "q", "--least-logprob", float(logq.min()))
    assert done.exit_code == 0, done.stderr
    assert (
        "nothing to do"
        in ingest(quant, "--quant-id", "q", "--least-logprob", float(logq.min())).stderr
    )
    build = qwh("build", "--warehouse", warehouse)
    assert build.exit_code == 0, build.stderr
    kld = rel_entr(np.exp(logp), np.exp(logq)).sum(2).mean()
    [(lower, upper, k, n)] = query(
        warehouse, "select kld_lower_mean, kld_upper_mean, k, n from fct_topk_fidelity"
    )
    assert lower < kld < upper and (k, n) == (K, TEXTS * (LENGTH - 1))
    [(kld_column, agreement)] = query(
        warehouse, "select max(kld), avg(top1_agree::integer) from int_tokens"
    )
    assert kld_column is None and agreement == pytest.approx(
        (logp.argmax(2) == logq.argmax(2)).mean()
    )
    metrics = dict(query(warehouse, "select metric, value from fct_fidelity"))
    assert "kld_mean" not in metrics and metrics["ppl"] == pytest.approx(
        np.exp(-np.take_along_axis(logq, tokens[:, 1:, None], 2).mean()), rel=1e-5
    )
    other = saved(tmp_path, "other", FORMS[form](tokens[::-1], logq))
    refused(ingest(other, "--quant-id", "q2"), ExitCode.MISMATCH, "same prompts")


def test_dry_run(tmp_path, truth):
    done = qwh(
        "ingest",
        "prompt-logprobs",
        saved(tmp_path, "v", vllm(*truth[:2])),
        "--cohort",
        "c",
        "--is-reference",
        "--dry-run",
        "--warehouse",
        tmp_path / "w",
    )
    assert (
        done.exit_code == 0
        and f"{TEXTS * 8} rows of 3 texts with the top 5 of vLLM" in done.stdout
        and not (tmp_path / "w").exists()
    )


def test_texts_instead_of_ids_have_no_bounds(tmp_path):
    """The OpenAI form names no ids: NLL is stored, and no top-k KLD."""
    logprobs = {"tokens": ["a", "b"], "token_logprobs": [None, -0.5], "top_logprobs": None}
    path = saved(tmp_path, "texts", [{"choices": [{"logprobs": logprobs}]}])
    given = ("ingest", "prompt-logprobs", path, "--cohort", "c", "--warehouse", tmp_path / "w")
    assert qwh(*given, "--quant-id", "f16", "--is-reference").exit_code == 0
    done = qwh(*given, "--quant-id", "q")
    assert done.exit_code == 0 and "1 rows" in done.stdout, done.stderr


def test_a_floor_is_part_of_the_run(tmp_path, truth):
    """Another floor is another run, and no number is no floor."""
    path = saved(tmp_path, "v", vllm(*truth[:2]))
    given = ("ingest", "prompt-logprobs", path, "--cohort", "c", "--warehouse", tmp_path / "w")
    qwh(*given, "--quant-id", "f16", "--is-reference")
    first, again, other = (qwh(*given, "--floor", floor) for floor in (-20, -20.0, -30))
    assert "nothing to do" in again.stderr and "rows" in first.stdout
    assert other.stdout.split()[0] != first.stdout.split()[0]
    done = qwh("ingest", "auto", *given[2:], "--pick", "floor=low")
    assert done.exit_code == ExitCode.USAGE and "floor low: a log-prob is a number" in done.stderr
