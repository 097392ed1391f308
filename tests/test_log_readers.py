"""Logs, tables and log-probs of other tools: known answers for every wording, and no wrong number
out of a log that was cut.
"""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_files import FIXTURES, READERS, checked, reference_file, result_file

from qwh.errors import QwhError
from qwh.ingest.readers import hfkldr, llama_log, prompt_logprobs
from qwh.ingest.readers import printed_table as table
from qwh.ingest.readers.port import Summary, TokenRows
from qwh.ingest.readers.running_means import FORMS, chunk_values


def summaries(path: Path, **picks: str) -> list[Summary]:
    """What a log, a table or a results file holds; checked for what every Summary promises."""
    reader = next(
        reader
        for reader in READERS.values()
        if reader.recognises(path, path.read_bytes()[: 1 << 16])
    )
    return [checked(found) for found in reader.read(path, picks)]


def log(name: str) -> Summary:
    (found,) = summaries(FIXTURES / name)
    return found


def values(summary: Summary) -> dict[str, float]:
    return {statistic.metric: statistic.value for statistic in summary.statistics}


# ---- what llama-perplexity prints


def test_every_line_of_a_comparison():
    found = log("kld.log")
    assert (
        found.partial is None
        and not found.left_out
        and found.context_length == 128
        and found.n == 756
    )
    assert found.facts == {
        "program": "llama-perplexity",
        "mode": "kl_divergence",
        "chunks": 12,
        "batch_size": 256,
        "n_seq": 2,
    }
    assert {statistic.metric: statistic[1:] for statistic in found.statistics} == {
        "ppl": (1.205623, 0.029510),
        "ppl_ref": (1.205758, 0.029669),
        "nll_correlation": (0.9998, None),
        "ln_ppl_ratio": (-0.000112, 0.000540),
        "ppl_ratio": (0.999888, 0.000540),
        "ppl_difference": (-0.000135, 0.000652),
        "kld_mean": (0.000119, 0.000015),
        "kld_max": (0.002959, None),
        "kld_p999": (0.002950, None),
        "kld_p99": (0.002460, None),
        "kld_p95": (0.000850, None),
        "kld_p90": (0.000286, None),
        "kld_median": (0.000002, None),
        "kld_p10": (0.0, None),
        "kld_p05": (0.0, None),
        "kld_p01": (-0.000001, None),
        "kld_p001": (-0.000002, None),
        "kld_min": (-0.000002, None),
        "dp_mean": (-0.0003, 0.00017),
        "dp_max": (0.02595, None),
        "dp_p999": (0.02578, None),
        "dp_p99": (0.01442, None),
        "dp_p95": (0.00197, None),
        "dp_p90": (0.00009, None),
        "dp_p75": (0.0, None),
        "dp_median": (0.0, None),
        "dp_p25": (-0.00001, None),
        "dp_p10": (-0.00011, None),
        "dp_p05": (-0.00308, None),
        "dp_p01": (-0.02021, None),
        "dp_p001": (-0.03565, None),
        "dp_min": (-0.0362, None),
        "dp_rms": (0.00472, 0.00046),
        "top1_agreement": (0.99471, 0.00264),
    }


def test_chunk_values_are_differences_of_running_means():
    chunks = {(chunk.metric, chunk.chunk): chunk for chunk in log("kld.log").chunks}
    assert len(chunks) == 5 * 12
    third = chunks["ln_ppl_ratio", 2]
    assert third.value == pytest.approx(
        3 * -0.00041 - 2 * 0.00016
    ) and third.precision == pytest.approx(5 * 0.5e-5)
    assert chunks["top1_agreement", 0].value == pytest.approx(0.98413) and chunks[
        "top1_agreement", 0
    ].precision == pytest.approx(0.5e-5)
    assert chunks["nll_mean", 1].value == pytest.approx(
        2 * math.log(1.1908) - math.log(1.2221), abs=1e-6
    )
    assert chunks["dp_rms", 1].value == pytest.approx(
        math.sqrt(2 * 0.00289**2 - 0.00375**2), rel=0.01
    )


def test_the_same_run_in_other_wrappings(tmp_path):
    raw, whole = (FIXTURES / "kld.log").read_bytes(), log("kld.log")
    assert log("json-lines.log") == whole
    verbose = log("verbose.log")
    assert verbose.quant_name == "tiny-Q4_0" and (verbose.statistics, verbose.chunks) == (
        whole.statistics,
        whole.chunks,
    )
    wrappings = {
        "crlf": raw.replace(b"\n", b"\r\n"),
        "utf-16": raw.decode().encode("utf-16"),
        "bom": b"\xef\xbb\xbf" + raw,
        "latin": raw.decode().replace("Δ", "D").encode("latin-1"),
        "cp437": raw.decode("cp437").encode(),
        "twice": raw.decode("latin-1").encode(),
        "ascii": raw.decode().encode("ascii", "replace"),
        "nothing": raw.decode().encode("ascii", "ignore"),
        "words": raw.decode().replace("±", "+/-").encode(),
        "prefixed": b"".join(b"0.00.510.431 W " + line for line in raw.splitlines(keepends=True)),
        "no newline": raw.rstrip(),
        "interleaved": b"".join(
            line + b"0.00.510.431 W some other: message 1.5\nllama_perf: 17 ms\n"
            for line in raw.splitlines(keepends=True)
        ),
    }
    for name, wrapped in wrappings.items():
        (tmp_path / name).write_bytes(wrapped)
        (found,) = summaries(tmp_path / name)
        assert (found.statistics, found.chunks, found.partial) == (
            whole.statistics,
            whole.chunks,
            None,
        ), name


def test_perplexity_alone():
    found, reference = log("perplexity.log"), log("reference.log")
    assert (
        found.statistics == [("ppl", 1.2056, 0.02951)]
        and found.partial is None
        and not found.is_reference
        and found.n == 756
    )
    assert (
        reference.statistics == [("ppl", 1.2058, 0.02967)]
        and reference.is_reference
        and reference.facts["logits_file"] == "base.dat"
    )
    assert (
        log("colours.log").statistics == found.statistics
        and log("colours.log").chunks == found.chunks
    )
    from_table = [chunk for chunk in log("kld.log").chunks if chunk.metric == "nll_mean"]
    assert len(found.chunks) == 12 and all(
        abs(a.value - b.value) <= a.precision + b.precision
        for a, b in zip(found.chunks, from_table)
    )


def test_ik_llama():
    found = log("ik-llama.log")
    assert (found.quant_name, found.context_length, found.n) == (
        "GLM-4.5-Air-IQ4_KS",
        512,
        6 * 255,
    ) and found.facts["wording"] == "ik_llama.cpp"
    assert (
        found.statistics == [("ppl", 4.6513, 0.02854)]
        and len(found.chunks) == 6
        and found.partial is None
        and found.facts["build"] == "3914 (b14b2c6f)"
    )


def test_january_2024():
    found = log("january-2024.log")
    assert values(found) == {
        "kld_mean": 0.01236,
        "kld_median": 0.005517,
        "kld_max": 0.713214,
        "kld_p99": 0.08632,
        "kld_p95": 0.038402,
        "kld_p90": 0.025961,
        "kld_min": -0.000008,
        "kld_p01": 0.000014,
        "kld_p05": 0.00013,
        "kld_p10": 0.000415,
    }
    assert (
        found.statistics[0].standard_error == 0.00092
        and found.partial is None
        and found.quant_name == "q4_k_s"
    )
    assert next(
        chunk.value for chunk in found.chunks if chunk[:2] == (1, "top1_agreement")
    ) == pytest.approx(2 * 0.95686 - 0.96078)


def test_april_2024_without_utf_8():
    found = log("april-2024.log")
    # two lines say 99.0%
    assert found.partial is None and len(found.statistics) == 31 and "kld_p90" not in values(found)
    assert (
        values(found)["dp_rms"],
        values(found)["top1_agreement"],
        values(found)["dp_min"],
        values(found)["kld_p99"],
    ) == (0.02446, 0.95081, -0.59782, 0.064442)


def test_a_shell_loop():
    found = summaries(FIXTURES / "loop.log")
    assert [run.quant_name for run in found] == ["tiny-Q8_0", "tiny-Q4_K_M", "tiny-Q4_0"] and all(
        run.partial is None and len(run.statistics) == 34 for run in found
    )
    assert (
        found[2].statistics == log("kld.log").statistics
        and found[0].statistics != found[1].statistics
    )


def test_what_is_not_finite_is_counted():
    found = log("nan.log")
    assert (
        found.left_out
        == {
            "statistics that are nan or inf": 7,
            "running means that are nan or inf": 4 * 6,
        }
        and found.partial is None
    )
    assert (
        "kld_mean" not in values(found)
        and values(found)["kld_p99"] == 0.00246
        and sum(chunk.metric == "kld_mean" for chunk in found.chunks) == 6
    )


def test_a_lost_end_is_partial(tmp_path):
    found = log("lost-end.log")
    assert found.partial and "top1_agreement" not in values(found)
    short = log("one-chunk.log")
    assert (
        short.statistics == []
        and short.partial == "no statistics, only running means up to chunk 1 of 1"
        and len(short.chunks) == 5
    )
    (tmp_path / "cut.log").write_bytes((FIXTURES / "perplexity.log").read_bytes().split(b"[8]")[0])
    cut = summaries(tmp_path / "cut.log")[0]
    assert (
        cut.statistics == []
        and cut.partial == "no final estimate, only running means up to chunk 7 of 12"
        and len(cut.chunks) == 7
        and cut.left_out == {"chunks that were not printed": 5}
    )


@pytest.mark.parametrize(
    "name",
    ["kld.log", "perplexity.log", "ik-llama.log", "january-2024.log", "april-2024.log", "loop.log"],
)
def test_wherever_a_log_is_cut_no_number_is_wrong(tmp_path, name):
    raw = (FIXTURES / name).read_bytes()
    whole, path = summaries(FIXTURES / name), tmp_path / name
    cuts = {
        *range(len(raw) - 40, len(raw)),
        *range(0, len(raw), 61),
        *(at + shift for at in range(len(raw)) if raw[at : at + 1] in b"\n:" for shift in (0, 1)),
    }
    for cut in sorted(cuts):
        path.write_bytes(raw[:cut])
        try:
            found = list(llama_log.read(path, {}))
        except QwhError:
            continue
        for run, complete in zip(found, whole, strict=False):
            assert set(run.statistics) <= set(complete.statistics) and set(run.chunks) <= set(
                complete.chunks
            ), cut
            assert run.partial or run.statistics == complete.statistics, cut


def test_cut_runs_of_a_loop_stay_apart(tmp_path):
    """Three runs of which only stdout was kept, the first two cut anywhere: none takes a number of
    the next.
    """
    runs = (FIXTURES / "loop.log").read_bytes().split(b"+ llama-perplexity")[1:]
    stdout = [run[run.index(b"0.00 minutes") :] for run in runs]
    whole = summaries(FIXTURES / "loop.log")
    rng = random.Random(1)
    for _ in range(150):
        first, second = (stdout[index][: rng.randrange(len(stdout[index]))] for index in (0, 1))
        (tmp_path / "loop.log").write_bytes(first + second + stdout[2])
        found = list(llama_log.read(tmp_path / "loop.log", {}))
        assert found[-1].statistics == whole[2].statistics and found[-1].partial is None
        for run in found[:-1]:
            assert run.partial and any(
                set(run.statistics) <= set(complete.statistics)
                and set(run.chunks) <= set(complete.chunks)
                for complete in whole[:2]
            )


def test_contradicting_lines_are_left_out(tmp_path):
    (tmp_path / "a.log").write_bytes(
        (FIXTURES / "kld.log").read_bytes() + b"Maximum KLD:   0.100000\n"
    )
    found = summaries(tmp_path / "a.log")[0]
    assert (
        "kld_max" not in values(found)
        and found.partial == "Maximum KLD printed twice with different values"
    )


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.lists(st.floats(1e-6, 0.9), min_size=1, max_size=60))
def test_printed_running_means_give_the_chunks_back(metric, truth):
    decimals = 4 if metric == "ppl" else 5
    averaged = np.square(truth) if metric == "dp_rms" else np.array(truth)
    means = np.cumsum(averaged) / np.arange(1, len(truth) + 1)
    shown = {"ppl": np.exp, "dp_rms": np.sqrt}.get(metric, np.asarray)(means)
    chunks, left_out = chunk_values(
        metric,
        {
            n: (float(f"{value:.{decimals}f}"), 0.5 * 10.0**-decimals)
            for n, value in enumerate(shown, 1)
        },
    )
    assert not left_out and len(chunks) == len(truth)
    for chunk, value in zip(chunks, truth):
        assert abs(chunk.value - value) <= chunk.precision + 1e-9


# ---- the other files


def test_qbench():
    found = summaries(FIXTURES / "qbench.json")
    assert [entry.quant_name for entry in found] == [
        "BF16",
        "Noise floor",
        "EXL3 4.00 bpw",
        "EXL2 4.00 bpw",
        "broken",
    ] and [entry.is_reference for entry in found] == [True] + [False] * 4
    assert values(found[2]) == {
        "ppl": 7.161,
        "kld_mean": 0.0121,
        "kld_median": 0.0061,
        "kld_p10": 2e-4,
        "kld_p25": 0.0016,
        "kld_p75": 0.0142,
        "kld_p90": 0.0275,
    }
    assert found[1].facts["noise_floor"] and found[1].facts["kld_buckets"][1] == {
        "conf_range": [0.95, 1.0],
        "share": 0.0,
        "mean": None,
        "median": None,
    }
    assert (
        found[4].statistics == []
        and found[4].partial.startswith("no ppl")
        and [entry.partial for entry in found[:4]] == [None] * 4
    )


def test_tables():
    rows = summaries(FIXTURES / "table.csv")
    assert [row.quant_name for row in rows] == ["Q8_0", "Q4_K_M", "Q3_K_M"]
    assert rows[1].statistics == [
        ("ppl", 6.6463, 0.0421),
        ("kld_mean", 0.01237, 0.00021),
        ("kld_median", 0.00478, None),
        ("kld_p99", 0.3362, None),
        ("dp_rms", 0.03123, 0.00041),
        ("top1_agreement", 0.94917, 0.0008),
    ]
    assert summaries(FIXTURES / "table.tsv")[0].statistics == [
        ("kld_mean", 0.0395, 0.0004),
        ("kld_p999", 1.5457, None),
        ("top1_agreement", 0.89938, None),
    ]
    rows = summaries(FIXTURES / "table.md")
    assert values(rows[0]) == {"ppl": 6.5159, "ln_ppl_ratio": 0.0} and values(rows[2]) == {
        "top1_agreement": 0.90637,
        "kld_median": 0.018433,
        "kld_p99": 1.0482,
        "ppl": 6.437,
        "ln_ppl_ratio": -0.0122,
    }


def test_a_tables_unit_is_never_guessed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Quant,Mean KLD,RMS Δp\nQ8_0,0.001,0.5\n")
    found = summaries(path)[0]
    assert values(found) == {"kld_mean": 0.001} and found.left_out == {
        "shares that may be per cent or fractions": 1
    }
    assert (
        values(summaries(path, unit="percent")[0])["dp_rms"] == 0.005
        and values(summaries(path, unit="fraction")[0])["dp_rms"] == 0.5
    )
    path.write_text("Quant,Same top p,RMS Δp\nQ8_0,0.99,0.005\n")
    assert values(summaries(path)[0]) == {"top1_agreement": 0.99, "dp_rms": 0.005}


@pytest.mark.parametrize(
    "text, words",
    [
        ("Quant,Speed\nQ8_0,3\n", "Mean KLD"),
        ("", "empty"),
        ("Quant,Mean KLD\nQ8_0,1\nQ8_0,2\n", "another row"),
        ("Quant,Mean KLD,Same top p\nQ8_0,0.1,99 %\nQ6_K,0.\n", "2 cells where the heading has 3"),
        ("Mean KLD\n0.1\n", "no column with the quants' names"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(QwhError, match=words):
        list(table.read(tmp_path / "a.csv", {}))


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
    """Another program wrote the keys in order: only a rank beyond the list still tells the
    token.
    """
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
    """return_tokens_as_token_ids: the second token lies below the two likeliest, and is no one of
    the top k.
    """
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
    """Two prompts of 3 and 2 tokens in one response, an answer of one token each if both answers
    were cut at max_tokens.
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


# ---- hipfire


def test_hipfires_reference(tmp_path):
    (tmp_path / "a.bin").write_bytes(reference_file())
    found = checked(next(hfkldr.read(tmp_path / "a.bin", {})))
    rng = np.random.default_rng(5)
    tokens, p = rng.integers(0, 6, (2, 8)), [rng.dirichlet(np.ones(6)) for _ in range(6)]
    assert (found.context_length, found.top_k, found.is_reference, found.partial) == (
        8,
        4,
        True,
        None,
    )
    for chunk, block in enumerate(found.blocks):
        assert (
            block.chunk == chunk
            and block.position.tolist() == [5, 6, 7]
            and block.token_id.tolist() == tokens[chunk, 5:].tolist()
        )
        for row, token in enumerate(block.token_id):
            truth = p[3 * chunk + row]
            assert block.top1[row] == truth.argmax() and block.residual[row] == pytest.approx(
                np.sort(truth)[:2].sum(), rel=1e-5
            )
            rank = 1 + int((truth > truth[token]).sum())
            assert block.rank[row] == (rank if rank <= 4 else 0)
            assert (
                block.nll[row] == pytest.approx(-math.log(truth[token]), rel=1e-5)
                if rank <= 4
                else math.isnan(block.nll[row])
            )
    assert found.left_out.get("NLL of tokens outside of the reference's top k", 0) == sum(
        int(np.isnan(block.nll).sum()) for block in found.blocks
    )


def test_a_cut_reference_keeps_its_whole_chunks(tmp_path):
    (tmp_path / "a.bin").write_bytes(reference_file(3)[:-1])
    found = checked(next(hfkldr.read(tmp_path / "a.bin", {})))
    assert found.partial == "2 of 3 chunks are whole" and len(found.blocks) == 2


def test_hipfires_results(tmp_path):
    (tmp_path / "a.bin").write_bytes(result_file())
    found = summaries(tmp_path / "a.bin")[0]
    assert values(found) == {
        "kld_lumped_mean": pytest.approx(0.2),
        "ppl": pytest.approx(math.exp(2.1)),
    } and found.statistics[0].standard_error == pytest.approx(0.1)
    assert {(chunk.metric, chunk.chunk): chunk.value for chunk in found.chunks} == {
        ("kld_lumped_mean", 0): 0.1,
        ("kld_lumped_mean", 1): 0.3,
        ("kld_lumped_p99", 0): 0.5,
        ("kld_lumped_p99", 1): 0.9,
        ("nll_mean", 0): 2.0,
        ("nll_mean", 1): 2.2,
    }
    (tmp_path / "a.bin").write_bytes(result_file(1))
    assert values(summaries(tmp_path / "a.bin")[0]) == {"kld_lumped_mean": pytest.approx(0.2)}
