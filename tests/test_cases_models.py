"""Models of other kinds (recurrent, hybrid, embedding, of a fork's types), and no models at all."""

import gzip
import json
import shutil
import struct

import duckdb
import gguf_files
import numpy as np
import pytest
from conftest import REFERENCE as TINY
from conftest import qwh
from gguf_files import CASES
from gguf_runs import (
    CORPUS,
    LENGTH,
    QUANT,
    REFERENCE,
    ingest,
    kld,
    logits,
    refused,
    runs,
    token_ids,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwh.errors import ExitCode, QwhError
from qwh.raw.store import Store

PROMPTS = CASES / "30-prompts.jsonl"


def answer(warehouse, quant, reference, *more):
    """`qwh ingest prompts` of one quant."""
    files = ("--reference", reference, "--quant", quant, "--cohort", "m")
    return qwh("ingest", "prompts", PROMPTS, *files, "--warehouse", warehouse, *more)


def stored(warehouse, table: str, quant_id: str) -> list[tuple]:
    """(chunk, mean KLD, rows) of a quant's tokens, or (prompt_index, answer) of its samples."""
    run = runs(warehouse, "benchmark")[quant_id]
    path = Store(warehouse).raw / table / f"run_id={run.run_id}"
    what = {
        "tokens": "chunk, avg(kld), count(*) from '{}' group by 1",
        "samples": "prompt_index, answer from '{}'",
    }[table]
    return duckdb.sql(f"select {what.format(path / 'part.parquet')} order by 1").fetchall()


def truth_of_prompts(reference, quant) -> list[float]:
    """Mean KLD along the reference's own answer of 8 tokens, each read from a cleared memory."""
    found = []
    for line in PROMPTS.read_text().splitlines():
        prompt = token_ids(reference, json.loads(line)["prompt"])
        whole = list(prompt)
        while len(whole) < len(prompt) + 8:
            whole.append(int(logits(reference, whole)[-1].argmax()))
        found.append(float(kld(reference, quant, whole)[len(prompt) - 1 : -1].mean()))
    return found


def test_a_recurrent_model_answers_prompts(tmp_path):
    reference, quant = (CASES / f"30-mamba-{each}.gguf" for each in ("ref", "q"))
    done = answer(tmp_path, quant, reference)
    assert done.exit_code == 0, done.stderr
    klds = stored(tmp_path, "tokens", "q")  # as its file, less what the reference's has too
    assert [rows for _, _, rows in klds] == [8] * 4
    means = [mean for _, mean, _ in klds]
    assert means == pytest.approx([0.022358, 0.021429, 0.022512, 0.022197], abs=5e-7)
    assert np.mean(means) == pytest.approx(0.022124, abs=5e-7)
    assert means == pytest.approx(truth_of_prompts(reference, quant), rel=1e-5)
    for name in ("30-mamba-ref", "q"):
        assert stored(tmp_path, "samples", name) == [(i, "::::::::") for i in range(4)]


@pytest.mark.parametrize("make", [gguf_files.hybrid, gguf_files.recurrent])
@pytest.mark.parametrize("batch", [512, 16])
def test_every_read_begins_with_cleared_memory(tmp_path, make, batch):
    model = make()
    reference = model.write(tmp_path / "reference.gguf")
    quant = model.shaken(3).write(tmp_path / "quant.gguf")
    done = answer(tmp_path / "w", quant, reference, "--batch-size", batch)
    assert done.exit_code == 0, done.stderr
    means = [mean for _, mean, _ in stored(tmp_path / "w", "tokens", "quant")]
    truth = truth_of_prompts(reference, quant)
    assert min(truth) > 1e-4 and means == pytest.approx(truth, rel=2e-3)
    done = ingest(tmp_path / "w", quant, "--batch-size", batch, reference=reference)
    assert done.exit_code == 0, done.stderr
    text = token_ids(reference, CORPUS.read_text())
    half = LENGTH // 2
    texts = [run for run in Store(tmp_path / "w").runs() if run.corpus_id == "corpus"]
    of_text = next(run for run in texts if run.role == "quant")
    part = Store(tmp_path / "w").raw / "tokens" / f"run_id={of_text.run_id}" / "part.parquet"
    rows = duckdb.sql(f"select chunk, avg(kld) from '{part}' group by 1 order by 1").fetchall()
    for chunk, mean in rows:
        ids = text[chunk * LENGTH : (chunk + 1) * LENGTH]
        assert mean == pytest.approx(kld(reference, quant, ids)[half:-1].mean(), rel=2e-3)


def test_an_embedding_model_has_no_next_token(tmp_path):
    reference, quant = (CASES / f"29-bert-{each}.gguf" for each in ("ref", "q"))
    words = ("an embedding model (bert)", "no next-token probabilities")
    refused(ingest(tmp_path, quant, reference=reference), *words)
    refused(answer(tmp_path, quant, reference), *words)
    refused(ingest(tmp_path, quant), quant.name, *words)
    bare = gguf_files.read(quant).set(bert__attention__causal=None, bert__pooling_type=None)
    bare.write(tmp_path / "bare.gguf")  # nothing in the file says so, and llama.cpp gives no logits
    done = ingest(tmp_path, tmp_path / "bare.gguf", reference=reference)
    assert done.exit_code == ExitCode.BAD_INPUT
    refused(ingest(tmp_path, tmp_path / "bare.gguf"), "(bert)", "no next-token probabilities")
    assert runs(tmp_path) == {}


@pytest.mark.parametrize(
    "fields, words",
    [
        ({"llama__pooling_type": 3}, "an embedding model (llama)"),
        ({"llama__pooling_type": 4}, "a reranker (llama)"),
        ({"llama__attention__causal": False}, "an embedding model (llama)"),
    ],
)
def test_what_a_file_says_of_its_outputs_counts(tmp_path, fields, words):
    path = gguf_files.micro().set(**fields).write(tmp_path / "q.gguf")
    refused(ingest(tmp_path, path), words, "no next-token probabilities")
    assert ingest(tmp_path, QUANT).exit_code == 0
    plain = gguf_files.read(QUANT).set(llama__pooling_type=0).write(tmp_path / "plain.gguf")
    assert ingest(tmp_path, plain).exit_code == 0


def with_type(path, number: int):
    """micro-q.gguf whose blk.0.attn_q.weight has a tensor type of this number."""
    raw = bytearray(QUANT.read_bytes())
    name = b"blk.0.attn_q.weight"
    at = raw.index(name) + len(name) + 4 + 16  # dimensions, two sizes
    assert struct.unpack_from("<I", raw, at) == (1,)  # F16
    struct.pack_into("<I", raw, at, number)
    path.write_bytes(raw)
    return path


def test_tensor_types_of_others_are_named_as_such(tmp_path):
    done = ingest(tmp_path, CASES / "25-type-144.gguf")
    unknown = "which llama.cpp of this version does not know"
    refused(done, "blk.0.attn_q.weight has tensor type 144", unknown, "ik_llama.cpp")
    found = [done.stderr]
    done = ingest(tmp_path, CASES / "26-type-42.gguf")
    refused(done, "blk.0.attn_q.weight has tensor type 42", "Q2_0")
    found.append(done.stderr)
    for number, word in ((31, "REMOVED"), (43, "newer"), (339, "ik_llama.cpp")):
        done = ingest(tmp_path, with_type(tmp_path / "q.gguf", number))
        refused(done, f"has tensor type {number}", unknown, word)
        found.append(done.stderr)
    assert not [line for line in found if "damaged" in line or "fetch it again" in line]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(number=st.integers(0, 2000))
def test_any_tensor_type_is_read_or_named(tmp_path, number):
    from qwh.ingest.engines.gguf import read_gguf

    path = with_type(tmp_path / "q.gguf", number)
    try:
        found = read_gguf(path)
    except QwhError as error:
        damaged = "damaged" in str(error)
        assert damaged == (number >= 1024) or "tensors need" in str(error), error
        assert damaged or "tensors need" in str(error) or f"tensor type {number}" in str(error)
    else:
        assert number < 43 and found.parameters == 2720


def test_types_that_llama_cpp_makes_are_read(tmp_path):
    from qwh.ingest.engines.gguf_parts import model_headers
    from qwh.ingest.engines.llama_quantize import quantize

    path = tmp_path / "tiny-Q2_0.gguf"
    quantize(TINY, path, "Q2_0", 2)  # file type 41
    tensors = {tensor.name: tensor for tensor in model_headers(path)[0].tensors}
    tensor = tensors["blk.1.attn_q.weight"]
    assert (tensor.kind, tensor.bytes) == ("Q2_0", 18432)
    assert 8 * tensor.bytes / tensor.weights == 2.25
    done = ingest(tmp_path / "w", path, reference=TINY)
    assert done.exit_code == 0, done.stderr
    run = runs(tmp_path / "w")["Q2_0"]
    assert run.rows == 124 and run.file_type == "MOSTLY_Q2_0"
    types = json.loads(run.tensor_types)
    assert types["Q2_0"]["bytes"] * 64 == types["Q2_0"]["weights"] * 18
    assert run.bits_per_weight == pytest.approx(
        8 * sum(each["bytes"] for each in types.values()) / run.parameters, rel=1e-12
    )


def test_what_is_no_model_is_told_apart(tmp_path):
    pointer = CASES / "34-lfs-pointer.gguf"
    page, packed = tmp_path / "page.gguf", tmp_path / "micro-q.gguf.gz"
    page.write_text("\n<!doctype HTML>\n<html><body>Sign in</body></html>")
    packed.write_bytes(gzip.compress(QUANT.read_bytes()))
    for path, words in (
        (pointer, ("a Git LFS pointer", "git lfs pull")),
        (page, ("an HTML page", "download link")),
        (packed, ("packed with gzip", "unpack")),
    ):
        refused(ingest(tmp_path, path), path.name, *words)
        refused(ingest(tmp_path, QUANT, reference=path), path.name, *words)
        refused(answer(tmp_path, path, REFERENCE), path.name, *words)
    refused(ingest(tmp_path, QUANT, reference=CASES), CASES.name, "it is a folder")
    # a folder is its files: the first of these is no model, and no text
    refused(ingest(tmp_path, CASES), "as a model", CASES.name)
    refused(ingest(tmp_path, QUANT, corpus=CASES), "the corpus", CASES.name, "not UTF-8")
    refused(ingest(tmp_path, QUANT, corpus=pointer), "a Git LFS pointer", "git lfs pull")
    assert runs(tmp_path) == {}


def test_a_differing_end_is_refused_where_answers_end(tmp_path):
    done = answer(tmp_path, CASES / "27-other-eos.gguf", REFERENCE)
    refused(done, "EOS", "255 against 256", code=ExitCode.MISMATCH)
    done = answer(tmp_path, CASES / "28-no-add-bos.gguf", REFERENCE)
    assert done.exit_code == 0 and "add_bos_token is absent" in done.stderr


def test_a_path_that_exists_is_no_name_and_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (folder := tmp_path / "ctx=512").mkdir()
    shutil.copy(CORPUS, folder)
    for given_, name in (
        ("ctx=512/corpus.txt", "corpus"),
        ("wiki=ctx=512/corpus.txt", "wiki"),
        (f"two={CORPUS}", "two"),
    ):
        done = ingest(tmp_path / name, QUANT, corpus=given_)
        assert done.exit_code == 0, done.stderr
        assert runs(tmp_path / name)["q"].corpus_id == name
    done = ingest(tmp_path, QUANT, corpus="wiki=none.txt")
    refused(done, "the corpus none.txt", "no such file", code=ExitCode.NOT_FOUND)


def test_nothing_is_measured_twice_or_without_a_name(tmp_path):
    twice = ingest(tmp_path, QUANT, "--corpus", CORPUS)
    refused(twice, "two texts are called corpus", code=ExitCode.USAGE)
    done = ingest(tmp_path, QUANT, "--context-length", LENGTH)
    assert done.exit_code == 0 and len(Store(tmp_path).runs()) == 2
    nameless = ingest(tmp_path, QUANT, "--cohort", " ")
    refused(nameless, "--cohort ' ' is no name: write 1 to 120", code=ExitCode.USAGE)


def test_a_quant_whose_logits_are_no_numbers_is_counted_not_fatal(tmp_path):
    broken = gguf_files.read(QUANT)
    broken.tensors["output_norm.weight"][3] = np.nan
    done = answer(tmp_path / "w", broken.write(tmp_path / "nan.gguf"), REFERENCE)
    assert done.exit_code == 0 and runs(tmp_path / "w", "benchmark")["nan"].nonfinite == 32
