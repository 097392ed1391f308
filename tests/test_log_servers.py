"""Log-probs as servers give them (prompt_logprobs, server_forms)."""

import json
import math

import numpy as np
import pytest
from log_files import FIXTURES, checked

from qwh.errors import QwhError
from qwh.ingest.readers import prompt_logprobs
from qwh.ingest.readers.port import TokenRows


def rows(name: str) -> TokenRows:
    (found,) = (checked(found) for found in prompt_logprobs.read(FIXTURES / name, {}))
    return found


def test_vllm():
    found = rows("vllm.jsonl")
    assert (found.quant_name, found.engine, found.top_k, len(found.blocks)) == (
        "m-fp8",
        "vLLM",
        2,
        2,
    ) and found.left_out == {"tokens that are censored at -9999": 2}
    block = found.blocks[0]
    assert (
        list(block.position) == [1, 2, 3]
        and list(block.token_id) == [311, 4099, 9]
        and list(block.rank) == [1, 812, 90000]
        and list(block.top1) == [311, 5, 5]
    )
    np.testing.assert_equal(block.nll, [0.25, 9.5, math.nan])
    # 4099 and 9 are none of the two likeliest
    assert block.topk_ids.tolist() == [
        [311, 77],
        [5, 6],
        [5, 6],
    ] and block.topk_logprobs.tolist() == [[-0.25, -2.0], [-0.1, -3.0], [0.0, -12.5]]
    assert rows("vllm-chat.json").blocks[0].token_id.tolist() == [311, 4099, 9]


def test_sorted_keys_hide_which_token_is_there(tmp_path):
    """Keys that another program sorted: only a rank beyond the list still tells the token."""
    entries = (
        [None]
        + [{"10": {"logprob": -0.5, "rank": 1}, "20": {"logprob": -1.0, "rank": 2}}] * 9
        + [{"10": {"logprob": -0.5, "rank": 1}, "20": {"logprob": -8.0, "rank": 70}}]
    )
    (tmp_path / "a.json").write_text(json.dumps({"prompt_logprobs": entries}))
    found = checked(next(prompt_logprobs.read(tmp_path / "a.json", {})))
    assert (
        found.blocks[0].token_id.tolist() == [-1] * 9 + [20]
        and found.left_out["tokens of which the entry does not tell which is there"] == 9
    )


def test_sglang():
    found = rows("sglang.json")
    assert found.engine == "SGLang" and found.left_out == {
        "positions that the server had cached or was not asked for": 2
    }
    first, second = found.blocks
    assert (
        first.token_id.tolist() == [311, 4099, 9]
        and first.nll.tolist() == [0.25, 9.5, 0.7]
        and first.top1.tolist() == [311, 5, 9]
        and first.topk_ids[2].tolist() == [9, 6]
    )
    assert second.position.tolist() == [3, 4] and second.topk_ids is None and second.top1 is None


def test_the_openai_form_gives_texts_and_no_ids():
    block = rows("openai.json").blocks[0]
    # " on" is the answer
    assert (
        block.token == [" cat", " sat"]
        and block.top1_token == [" dog", " sat"]
        and block.nll.tolist() == [3.5, 0.75]
    )
    assert block.token_id is None and block.topk_ids is None and block.rank is None


def test_the_openai_form_with_ids(tmp_path):
    """return_tokens_as_token_ids: a token below the two likeliest is no one of the top k."""
    logprobs = {
        "tokens": ["token_id:1", "token_id:2", "token_id:3"],
        "token_logprobs": [None, -0.5, -7.0],
        "top_logprobs": [
            None,
            {"token_id:2": -0.5, "token_id:8": -1.0},
            {"token_id:3": -7.0, "token_id:9": -0.1, "token_id:8": -3.0},
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps({"choices": [{"logprobs": logprobs}]}))
    block = checked(next(prompt_logprobs.read(tmp_path / "a.json", {}))).blocks[0]
    assert (
        block.token_id.tolist() == [2, 3]
        and block.topk_ids.tolist() == [[2, 8], [9, 8]]
        and block.top1.tolist() == [2, 9]
        and block.token is None
    )


@pytest.mark.parametrize(
    "reasons, prompts", [(["length", "length"], [2, 1]), (["stop", "length"], None)]
)
def test_where_a_prompt_ends_is_known_or_refused(tmp_path, reasons, prompts):
    """Two prompts of 3 and 2 tokens in one response.

    Each has an answer of one token, if both answers were cut at max_tokens.
    """
    lists = [
        {
            "tokens": ["a"] * length,
            "token_logprobs": [None] + [-1.0] * (length - 1),
            "top_logprobs": None,
        }
        for length in (4, 3)
    ]
    response = {
        "choices": [
            {"logprobs": logprobs, "finish_reason": reason}
            for logprobs, reason in zip(lists, reasons)
        ],
        "usage": {"prompt_tokens": 5},
    }
    (tmp_path / "a.json").write_text(json.dumps(response))
    if prompts:
        assert [
            len(block.nll)
            for block in checked(next(prompt_logprobs.read(tmp_path / "a.json", {}))).blocks
        ] == prompts
    else:
        with pytest.raises(QwhError, match="where the prompts end"):
            next(prompt_logprobs.read(tmp_path / "a.json", {}))


def test_a_cut_last_line_is_partial(tmp_path):
    raw = (FIXTURES / "vllm.jsonl").read_bytes()
    (tmp_path / "a.jsonl").write_bytes(raw[:-200])
    found = checked(next(prompt_logprobs.read(tmp_path / "a.jsonl", {})))
    assert found.partial == "cut within line 2" and len(found.blocks) == 1
