"""Real models through real llama.cpp: the rows are the numbers that an independent route finds."""

import json
import re
import subprocess
import sys
import time

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import CHUNKS, LENGTH, MODEL, REFERENCE, ingest, query, qwh
from scipy.special import log_softmax, rel_entr, softmax

from qwh.errors import ExitCode
from qwh.raw.store import Store

PROMPTS = len((MODEL / "prompts.jsonl").read_text().splitlines())


def tokens(warehouse, quant_id: str, corpus: str = "corpus", length: int = LENGTH):
    """Quant and reference columns of one run, in order, as NumPy arrays."""
    raw = Store(warehouse).raw
    run = next(
        run
        for run in Store(warehouse).runs()
        if run.quant_id == quant_id and run.corpus_id == corpus and run.context_length == length
    )
    return duckdb.sql(f"""
        select q.*, r.* exclude (chunk, position)
        from '{raw}/tokens/run_id={run.run_id}/part.parquet' as q
        join '{raw}/reference_tokens/run_id={run.reference_run_id}/part.parquet' as r
            using (chunk, position)
        order by chunk, position
    """).fetchnumpy()


def logits(path, chunk: int) -> tuple[np.ndarray, np.ndarray]:
    """A chunk of the first text read in one piece: token ids [n] and llama.cpp's logits [n,
    vocabulary] as float64.
    """
    from qwh.ingest.engines import llama_context as engine

    model = engine.Weights(path)
    context = engine.Context(model, LENGTH, LENGTH, 2)
    ids = model.tokenize((MODEL / "corpus.txt").read_text())[chunk * LENGTH : (chunk + 1) * LENGTH]
    rows = context.forward(ids, 0, np.ones(LENGTH, bool)).astype(np.float64)
    context.close()
    model.close()
    return ids, rows


def test_rows_are_what_scipy_finds_in_the_same_logits(warehouse, quants):
    chunk, half = 3, LENGTH // 2
    ids, reference = logits(REFERENCE, chunk)
    _, quant = logits(quants["Q4_K_M"], chunk)
    got = tokens(warehouse, "Q4_K_M")
    rows = got["chunk"] == chunk
    # llama-perplexity's second half
    assert list(got["position"][rows]) == list(range(half + 1, LENGTH))
    x, z, y = reference[half:-1], quant[half:-1], ids[half + 1 :]
    p, q, at = softmax(x, 1), softmax(z, 1), np.arange(len(y))
    assert np.array_equal(got["token_id"][rows], y)
    # the same chunk in one piece and only half of its logits asked for: equal to float32's rounding
    # inside llama.cpp
    np.testing.assert_allclose(
        got["nll_ref"][rows], -log_softmax(x, 1)[at, y], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(got["nll"][rows], -log_softmax(z, 1)[at, y], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got["kld"][rows], rel_entr(p, q).sum(1), rtol=1e-3, atol=1e-8)
    np.testing.assert_allclose(got["tv"][rows], abs(p - q).sum(1) / 2, rtol=1e-3, atol=1e-7)
    assert np.array_equal(got["top1_ref"][rows], x.argmax(1)) and np.array_equal(
        got["top1"][rows], z.argmax(1)
    )


def test_a_model_against_itself_is_exactly_zero(tmp_path):
    done = ingest(tmp_path, [REFERENCE], "--quant-id", "same")
    assert done.exit_code == 0, done.stderr
    got = tokens(tmp_path, "same")
    assert len(got["kld"]) == CHUNKS * (LENGTH - 1 - LENGTH // 2)
    for column in ("kld", "kld_reverse", "jsd", "tv"):
        assert not got[column].any()
    assert np.array_equal(got["nll"], got["nll_ref"]) and got["finite"].all()


def test_blocks_smaller_than_a_chunk_give_the_same_rows(tmp_path, quants):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    ingest(whole, [quants["Q4_K_M"]], "--batch-size", 512)
    ingest(parts, [quants["Q4_K_M"]], "--batch-size", 24)
    a, b = tokens(whole, "Q4_K_M"), tokens(parts, "Q4_K_M")
    assert np.array_equal(a["position"], b["position"]) and np.array_equal(
        a["token_id"], b["token_id"]
    )
    # llama.cpp itself rounds otherwise for other batch shapes (which is why batch_size is
    # provenance): same rows, near values
    assert abs(a["nll"] - b["nll"]).max() < 0.1 and abs(a["nll"].mean() - b["nll"].mean()) < 0.005


@pytest.mark.parametrize(("score_from", "first"), [("zero", 1), ("5", 6)])
def test_scoring_starts_where_it_is_told(tmp_path, quants, score_from, first):
    done = ingest(tmp_path, [quants["Q8_0"]], "--score-from", score_from)
    assert done.exit_code == 0, done.stderr
    got = tokens(tmp_path, "Q8_0")
    assert got["position"].min() == first and got["position"].max() == LENGTH - 1


def test_the_same_again_does_nothing_and_says_so(tmp_path, quants):
    first = ingest(tmp_path, [quants["Q8_0"]])
    runs = Store(tmp_path).runs()
    again = ingest(tmp_path, [quants["Q8_0"]])
    assert first.exit_code == again.exit_code == 0
    assert "already in the warehouse" in again.stderr and again.stdout == ""
    assert Store(tmp_path).runs() == runs


def test_a_later_quant_shares_the_references_rows(tmp_path, quants):
    ingest(tmp_path, [quants["Q8_0"]])
    ingest(tmp_path, [quants["Q2_K"]])
    runs = Store(tmp_path).runs()
    assert sorted(run.role for run in runs) == ["quant", "quant", "reference"]
    assert len({run.reference_run_id for run in runs if run.role == "quant"}) == 1


def test_other_settings_are_not_mixed_into_a_cohort(tmp_path, quants):
    ingest(tmp_path, [quants["Q8_0"]])
    other = ingest(tmp_path, [quants["Q2_K"]], "--chunks", 4)
    assert other.exit_code == ExitCode.MISMATCH and "chunks 12 there, 4 here" in other.stderr
    clash = ingest(tmp_path, [quants["Q2_K"]], "--quant-id", "Q8_0")
    assert clash.exit_code == ExitCode.MISMATCH and "--quant-id" in clash.stderr


def test_the_reference_and_its_quants_have_names_of_their_own(tmp_path, quants):
    done = ingest(tmp_path, [quants["Q8_0"]], "--quant-id", REFERENCE.stem)
    assert done.exit_code == ExitCode.USAGE and "both called tiny-f16" in done.stderr
    assert Store(tmp_path).runs() == []


def test_a_trace_that_cannot_be_written_is_told_before_the_work(tmp_path, quants):
    done = ingest(tmp_path, [quants["Q8_0"]], "--trace", tmp_path / "none" / "trace.json")
    assert done.exit_code == ExitCode.STORAGE and len(done.stderr.splitlines()) == 1
    assert Store(tmp_path).runs() == []


def test_provenance_tells_what_the_file_is_not_what_it_is_called(warehouse, quants):
    run = next(run for run in Store(warehouse).runs() if run.quant_id == "Q4_K_M")
    types = json.loads(run.tensor_types)
    # llama.cpp's mix, and no fallback: every row is a multiple of 256
    assert set(types) == {"F32", "Q4_K", "Q6_K"}
    weights, size = (
        sum(t["weights"] for t in types.values()),
        sum(t["bytes"] for t in types.values()),
    )
    assert run.bits_per_weight == pytest.approx(8 * size / weights) and 4 < run.bits_per_weight < 6
    assert run.file_bytes == quants["Q4_K_M"].stat().st_size
    reference = next(run for run in Store(warehouse).runs() if run.role == "reference")
    # trained in float: almost no two weights of a block are equal
    assert reference.block_levels > 24


def test_a_reference_made_from_four_bits_is_found_out(tmp_path, quants):
    from qwh.demo.models import make_quants
    from qwh.ingest.engines.gguf import read_gguf

    (four,) = make_quants(REFERENCE, tmp_path, ["Q4_0+pure"], 1)
    (back,) = make_quants(four, tmp_path, ["F16"], 1)
    assert read_gguf(back).block_levels <= 16


def test_the_benchmark_is_neither_hopeless_nor_solved(warehouse):
    scores = dict(
        query(warehouse, "select quant_id, score from fct_scores where scoring = 'answered'")
    )
    assert 0.3 < scores["tiny-f16"] < 0.97  # chance is below 0.15 in every category
    volumes = dict(
        query(
            warehouse, "select quant_id, volume from fct_disagreements where scoring = 'answered'"
        )
    )
    # quantizing moves answers, and 2 bits more than 8
    assert volumes["Q2_K"] > 0.02 >= volumes["Q8_0"]


def test_answers_are_greedy_and_scored_after_normalisation(warehouse):
    from qwh.ingest.prompts.grading import normalise

    assert normalise(' "Arlen."\nQ: ') == "arlen" and normalise("\n") == ""
    rows = query(
        warehouse,
        """
        select answer, expected, score
        from stg_samples join stg_runs using (run_id)
        join stg_prompts
            on stg_prompts.run_id = coalesce(reference_run_id, stg_samples.run_id)
            and stg_prompts.prompt_id = stg_samples.prompt_id
    """,
    )
    assert len(rows) == 7 * PROMPTS
    assert all(
        score == (normalise(answer) in {normalise(text) for text in json.loads(expected)})
        for answer, expected, score in rows
    )


def test_each_prompt_has_the_kld_of_the_references_own_answer(warehouse):
    ((prompts, scored, answered),) = query(
        warehouse,
        """
        select count(*), sum(tokens), sum(reference_answer_tokens)
        from int_prompt_kld join stg_runs using (run_id)
        join stg_prompts
            on stg_prompts.run_id = reference_run_id
            and stg_prompts.prompt_id = int_prompt_kld.prompt_id
    """,
    )
    assert prompts == 6 * PROMPTS and scored == answered


def test_a_killed_ingest_leaves_no_half_run_and_is_redone(tmp_path, quants):
    command = "import sys; sys.argv[0] = 'qwh'; from qwh.cli import app; app()"
    arguments = [
        "ingest",
        "gguf",
        "--reference",
        REFERENCE,
        "--quant",
        quants["Q8_0"],
        "--corpus",
        MODEL / "corpus.txt",
        "--cohort",
        "tiny",
        "--context-length",
        LENGTH,
        "--warehouse",
        tmp_path,
    ]
    running = subprocess.Popen(
        [sys.executable, "-P", "-c", command, *map(str, arguments)], stderr=subprocess.DEVNULL
    )
    store = Store(tmp_path)
    while running.poll() is None and not list(store.raw.glob("_staging/*/about.json")):
        time.sleep(0.01)
    running.kill()
    assert running.wait() == -9, "it must still be at work when it is killed"
    assert store.runs() == [] and list((store.raw / "_staging").iterdir())
    done = ingest(tmp_path, [quants["Q8_0"]])
    assert (
        done.exit_code == 0
        and len(store.runs()) == 2
        and not list((store.raw / "_staging").iterdir())
    )


def test_progress_tells_rate_and_time_left(tmp_path, quants):
    done = ingest(tmp_path, [quants["Q8_0"]])
    assert (
        "3,072 of 3,072 tokens" in done.stderr
        and "tokens/s" in done.stderr
        and "0 s left" in done.stderr
    )


def test_the_last_line_of_progress_tells_what_is_stored(tmp_path, quants):
    """With the last chunk of the last quant."""
    done = ingest(tmp_path, [quants["Q4_K_M"], quants["Q2_K"]])
    last = [line for line in done.stderr.splitlines() if line.startswith("scoring")][-1]
    store = Store(tmp_path)
    for run in store.runs():
        if run.role == "quant":
            kld = pq.read_table(store.part("tokens", run.run_id), columns=["kld"])["kld"]
            told = re.search(rf"{run.quant_id} PPL \S+ KLD ([\d.e-]+)±([\d.e-]+)", last)
            assert told and abs(float(told[1]) - np.mean(kld)) < 0.051 * float(told[2])


def test_reading_needs_no_warehouse_made_before(tmp_path, quants):
    done = ingest(tmp_path / "new" / "place", [quants["Q8_0"]], "--chunks", 2)
    assert done.exit_code == 0, done.stderr
    assert qwh("status", "--warehouse", tmp_path / "new" / "place").exit_code == 0


def test_a_reference_that_is_a_quant_is_said(tmp_path, quants):
    said = "is quantized itself"
    assert (
        said
        in ingest(tmp_path, [quants["Q2_K"]], "--reference", quants["Q4_K_M"], "--chunks", 2).stderr
    )
    assert said not in ingest(tmp_path, [quants["Q2_K"]], "--chunks", 2, cohort="of-floats").stderr
