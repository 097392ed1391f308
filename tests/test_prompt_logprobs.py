"""Servers' log-probs of given texts: three forms of the same truth, what none of them can give, and damaged responses."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import qwh, query
from qwh.ingest.errors import ExitCode, QwhError
from qwh.ingest.readers import prompt_logprobs
from scipy.special import log_softmax, rel_entr
from test_bad_input import refused

TEXTS, LENGTH, VOCABULARY, K = 3, 9, 40, 5


@pytest.fixture(scope="module")
def truth():
    """Tokens [TEXTS, LENGTH] and both models' log-probs [TEXTS, LENGTH - 1, V] for what follows."""
    rng = np.random.default_rng(0)
    x = 2 * rng.normal(size=(TEXTS, LENGTH - 1, VOCABULARY))
    return rng.integers(0, VOCABULARY, (TEXTS, LENGTH)), log_softmax(x, 2), log_softmax(x + 0.3 * rng.normal(size=x.shape), 2)


def top(row: np.ndarray) -> list[int]:
    return [int(token) for token in np.argsort(-row, kind="stable")[:K]]


def vllm(tokens, logp) -> list[dict]:
    responses = []
    for ids, rows in zip(tokens, logp):
        entries = [None]
        for token, row in zip(ids[1:], rows):
            ranks = {int(other): 1 + int((row > row[other]).sum()) for other in [token, *top(row)]}  # the realised token first
            entries.append({str(other): {"logprob": float(row[other]), "rank": rank, "decoded_token": f"t{other}"} for other, rank in ranks.items()})
        responses.append({"model": "tiny", "choices": [{"index": 0, "text": "", "prompt_logprobs": entries}]})
    return responses


def sglang(tokens, logp) -> list[list[dict]]:
    return [[{"text": "", "meta_info": {
        "prompt_tokens": LENGTH, "cached_tokens": 0,
        "input_token_logprobs": [[None, int(ids[0]), None]] + [[float(row[token]), int(token), None] for token, row in zip(ids[1:], rows)],
        "input_top_logprobs": [None] + [[[float(row[other]), other, None] for other in top(row)] for row in rows],
    }}] for ids, rows in zip(tokens, logp)]


def openai(tokens, logp) -> list[dict]:
    return [{"model": "tiny", "choices": [{"logprobs": {
        "tokens": [f"t{token}" for token in ids], "token_logprobs": [None] + [float(row[token]) for token, row in zip(ids[1:], rows)], "top_logprobs": None, "text_offset": list(range(LENGTH)),
    }}]} for ids, rows in zip(tokens, logp)]


FORMS = {"vllm": vllm, "sglang": sglang, "openai": openai}


def saved(folder: Path, name: str, responses: list, lines: bool = True) -> Path:
    path = folder / f"{name}.{'jsonl' if lines else 'json'}"
    path.write_text("\n".join(map(json.dumps, responses)) if lines else json.dumps(responses))
    return path


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_what_it_can(tmp_path, truth, form):
    tokens, logp, _ = truth
    (found,) = prompt_logprobs.read(saved(tmp_path, form, FORMS[form](tokens, logp)), {})
    texts = list(found.rows)
    assert found.engine == form and len(texts) == TEXTS
    np.testing.assert_allclose([text.nll for text in texts], -np.take_along_axis(logp, tokens[:, 1:, None], 2)[..., 0])
    if form == "openai":
        assert all(not ids for text in texts for ids in text.top_ids) and texts[0].token_ids == [None] * 8 and texts[0].tokens[0] == f"t{tokens[0, 1]}"
    else:
        assert [text.token_ids for text in texts] == tokens[:, 1:].tolist()
        assert [ids[:K] for text in texts for ids in text.top_ids] == [top(row) for rows in logp for row in rows]
        assert all(len(ids) == K for text in texts for ids in text.top_ids)  # the realised token is not one more


@pytest.mark.parametrize("form", ["vllm", "sglang"])
def test_in_the_warehouse_with_bounds(tmp_path, truth, form):
    tokens, logp, logq = truth
    warehouse = tmp_path / "w"

    def ingest(path, *more):
        return qwh("ingest", "prompt-logprobs", path, "--cohort", "c", "--corpus-id", "wiki", "--warehouse", warehouse, *more)

    reference, quant = saved(tmp_path, "ref", FORMS[form](tokens, logp)), saved(tmp_path, "q", FORMS[form](tokens, logq))
    refused(ingest(quant, "--quant-id", "q"), ExitCode.NOT_FOUND, "--is-reference")
    assert ingest(reference, "--quant-id", "f16", "--is-reference").exit_code == 0
    done = ingest(quant, "--quant-id", "q", "--least-logprob", float(logq.min()))
    assert done.exit_code == 0, done.stderr
    assert "nothing to do" in ingest(quant, "--quant-id", "q", "--least-logprob", float(logq.min())).stderr
    build = qwh("build", "--warehouse", warehouse)
    assert build.exit_code == 0, build.stderr
    kld = rel_entr(np.exp(logp), np.exp(logq)).sum(2).mean()
    [(lower, upper, k, n)] = query(warehouse, "select kld_lower_mean, kld_upper_mean, k, n from fct_topk_fidelity")
    assert lower < kld < upper and (k, n) == (K, TEXTS * (LENGTH - 1))
    [(kld_column, agreement)] = query(warehouse, "select max(kld), avg(top1_agree::integer) from int_tokens")
    assert kld_column is None and agreement == pytest.approx((logp.argmax(2) == logq.argmax(2)).mean())
    metrics = dict(query(warehouse, "select metric, value from fct_fidelity"))
    assert "kld_mean" not in metrics and metrics["ppl"] == pytest.approx(np.exp(-np.take_along_axis(logq, tokens[:, 1:, None], 2).mean()), rel=1e-5)
    other = saved(tmp_path, "other", FORMS[form](tokens[::-1], logq))
    refused(ingest(other, "--quant-id", "q2"), ExitCode.MISMATCH, "same prompts")


def test_a_floored_log_prob_is_no_number(tmp_path, truth):
    tokens, logp, _ = truth
    responses = vllm(tokens, logp)
    entry = responses[0]["choices"][0]["prompt_logprobs"][1]
    entry[next(iter(entry))]["logprob"] = -9999.0
    (found,) = prompt_logprobs.read(saved(tmp_path, "v", responses, lines=False), {})
    assert next(found.rows).nll[0] is None and found.left_out == {"tokens whose log-prob the server floors": 1}


def test_dry_run(tmp_path, truth):
    done = qwh("ingest", "prompt-logprobs", saved(tmp_path, "v", vllm(*truth[:2])), "--cohort", "c", "--dry-run", "--warehouse", tmp_path / "w")
    assert done.exit_code == 0 and f"tiny (quant) on v: {TEXTS * 8} positions of 3 texts with the top 5 of vllm" in done.stdout and not (tmp_path / "w").exists()


def wrong_values(value: object, rng) -> object:
    """The same JSON with one part replaced, dropped or doubled."""
    part = value
    while True:
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        key = keys[rng.integers(len(keys))]
        if not isinstance(part[key], (dict, list)) or not part[key] or rng.random() < 0.3:
            part[key] = [None, -1, 1e999, "x", [], {}, True, 2**70, "NaN", -5, 0.5][rng.integers(11)]
            return value
        part = part[key]


@pytest.mark.parametrize("form", FORMS)
def test_damaged_responses(tmp_path, truth, form):
    rng, files = np.random.default_rng(0), []
    responses = FORMS[form](*truth[:2])
    text = "\n".join(map(json.dumps, responses))
    files += [text[:cut] for cut in rng.integers(0, len(text), 60)]
    files += [json.dumps(wrong_values(json.loads(json.dumps(responses[0])), rng)) for _ in range(100)]
    for _ in range(60):
        hurt = bytearray(text.encode())
        for at in rng.integers(0, len(hurt), 3):
            hurt[at] = rng.integers(32, 127)
        files.append(hurt.decode())
    files += ["", "[" * 100_000, '{"prompt_logprobs": ' * 5_000, text.replace("logprob", "x"), text * 3]
    assert len(files) >= 200
    for content in files:
        path = tmp_path / "hurt.jsonl"
        path.write_text(content)
        try:
            for found in prompt_logprobs.read(path, {}):
                for response in found.rows:
                    assert all(value is None or 0 <= value < np.inf for value in response.nll)
        except QwhError as error:
            assert "hurt.jsonl" in str(error) and "\n" not in str(error) and error.code == ExitCode.BAD_INPUT
