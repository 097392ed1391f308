"""GGUF files as people have them: in parts, or of another conversion than their reference."""

import hashlib
import json
import shutil
from pathlib import Path

import gguf_files
import numpy as np
import pytest
from conftest import REFERENCE as TINY
from conftest import query, qwh
from gguf_files import CASES
from gguf_runs import (
    CHUNKS,
    CORPUS,
    LENGTH,
    QUANT,
    REFERENCE,
    ingest,
    kld,
    refused,
    runs,
    token_ids,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwh.errors import ExitCode
from qwh.ingest.engines import gguf
from qwh.ingest.engines.gguf import FLOATS, read_gguf
from qwh.ingest.engines.gguf_header import Header
from qwh.raw.store import Store

GOLDEN = Path(__file__).parent / "golden"
KLD = 0.010947  # of micro-q.gguf
COMPARED = ("micro-q", "23-split-00001-of-00002", "24-split-00001-of-00003", "27-other-eos")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A built warehouse of all that is compared, and what was said on the way."""
    folder, said = tmp_path_factory.mktemp("gguf"), {}
    for name in (*COMPARED, "28-no-add-bos"):
        done = ingest(folder, CASES / f"{name}.gguf")
        assert done.exit_code == 0, done.stderr
        said[name] = done.stderr
    done = qwh("build", "--warehouse", folder)
    assert done.exit_code == 0, done.stderr
    return folder, said


def test_the_klds_of_all_are_those_of_the_logits(built):
    half = LENGTH // 2
    ids = np.reshape(token_ids(REFERENCE, CORPUS.read_text())[: CHUNKS * LENGTH], (CHUNKS, LENGTH))
    klds = [kld(REFERENCE, QUANT, chunk)[half:-1] for chunk in ids]
    truth = float(np.concatenate(klds).mean())
    assert truth == pytest.approx(KLD, abs=5e-7)
    sql = "select quant_id, value, n from fct_fidelity where metric = 'kld_mean' order by all"
    rows = query(built[0], sql)
    assert [name for name, _, _ in rows] == [
        "23-split", "24-split", "27-other-eos", "28-no-add-bos", "q",
    ]  # fmt: skip
    for name, mean, count in rows:
        assert mean == pytest.approx(truth, rel=1e-5) and count == CHUNKS * (half - 1), name


@pytest.mark.parametrize("name, files, size", [("23-split", 2, 10752), ("24-split", 3, 10880)])
def test_a_model_in_parts_is_one_model(built, name, files, size):
    run = runs(built[0])[name]
    assert (run.parameters, run.file_bytes) == (2720, size)
    assert run.bits_per_weight == 16.141176470588235
    assert run.file_name == f"{name}-00001-of-{files:05d}.gguf" and run.model_name == "micro"


def test_every_part_is_in_the_hash(tmp_path):
    for path in CASES.glob("24-split-*"):
        shutil.copy(path, tmp_path)
    first, last = sorted(tmp_path.glob("24-split-*"))[::2]
    assert ingest(tmp_path / "w", first).exit_code == 0
    raw = bytearray(last.read_bytes())
    raw[-40] ^= 1  # a weight of the last part
    last.write_bytes(raw)
    refused(ingest(tmp_path / "w", first), "another file as 24-split", code=ExitCode.MISMATCH)


def test_what_is_wrong_with_parts_is_said(tmp_path):
    for path in CASES.glob("2[34]-split-*"):
        shutil.copy(path, tmp_path)
    first, second, third = sorted(tmp_path.glob("24-split-*"))
    refused(ingest(tmp_path / "w", third), "it is part 3 of 3", f"give the first, {first.name}")
    other = tmp_path / "renamed.gguf"
    shutil.copy(first, other)
    refused(ingest(tmp_path / "w", other), "part 1 of 3", "-00001-of-00003.gguf", "names")
    kept = second.read_bytes()
    second.unlink()
    missing = ingest(tmp_path / "w", first)
    refused(missing, f"of its 3 parts {second.name} is missing", code=ExitCode.NOT_FOUND)
    shutil.copy(third, second)
    refused(ingest(tmp_path / "w", first), second.name, "it is part 3 of 3, not part 2 of 3")
    second.write_bytes(kept[:-1])
    refused(ingest(tmp_path / "w", first), second.name, "its tensors need", "fetch it again")
    assert runs(tmp_path / "w") == {}


def test_parts_of_two_models_are_not_put_together(tmp_path):
    model = gguf_files.micro()
    paths = [
        each.write(tmp_path / str(i) / "q.gguf", split_max_tensors=most)
        for i, (each, most) in enumerate(((model, 6), (model.shaken(1), 5)))
        if not (tmp_path / str(i)).mkdir()
    ]
    double = tmp_path / "0" / paths[0].name.replace("00001-of", "00002-of")
    others = sorted(paths[1].parent.glob("*.gguf"))
    assert len(others) == 3  # of 5, 5 and 1 tensors: cut otherwise
    shutil.copy(others[1], double)
    refused(ingest(tmp_path / "w", paths[0]), double.name, "it is part 2 of 3, not part 2 of 2")
    two = gguf_files.read(paths[0]).set(split__count=2, split__no=1)
    two.tensors = {"blk.0.attn_norm.weight": model.tensors["blk.0.attn_norm.weight"]}
    two.write(double)
    refused(ingest(tmp_path / "w", paths[0]), double.name, "another model", "attn_norm.weight")


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(most=st.integers(1, 11), bare=st.booleans(), lost=st.integers(0, 11))
def test_however_it_is_split_it_is_the_same_model(tmp_path, most, bare, lost):
    from qwh.errors import QwhError
    from qwh.ingest.engines.gguf import read_gguf

    folder = tmp_path / f"{most}-{bare}"
    folder.mkdir(exist_ok=True)
    first = gguf_files.read(QUANT).write(
        folder / "q.gguf", split_max_tensors=most, small_first_shard=bare
    )
    whole, found = read_gguf(QUANT), read_gguf(first)
    same = ("parameters", "bits_per_weight", "tensor_types", "block_levels", "tokenizer", "name")
    assert all(getattr(found, each) == getattr(whole, each) for each in same)
    parts = sorted(folder.glob("*.gguf"))
    if len(parts) > 1:
        gone = parts[lost % len(parts)]
        kept = gone.read_bytes()
        gone.unlink()
        with pytest.raises(QwhError, match=gone.name):
            read_gguf(first)
        gone.write_bytes(kept)


def test_what_differs_in_another_conversion_is_said(built):
    folder, said = built
    assert "eos_token_id is 255 against 256" in said["27-other-eos"]
    assert "add_bos_token is absent against False" in said["28-no-add-bos"]
    assert "written otherwise" not in said["micro-q"]
    assert len({run.tokenizer_sha256 for run in runs(folder).values()}) == 1
    assert len([run for run in runs(folder).values() if run.role == "reference"]) == 1


def test_other_tokens_of_the_text_are_refused(tmp_path):
    quant = gguf_files.read(QUANT)
    added = quant.set(tokenizer__ggml__add_bos_token=True).write(tmp_path / "bos.gguf")
    refused(ingest(tmp_path / "w", added), "BOS", "add_bos_token is True", code=ExitCode.MISMATCH)
    quant.set(tokenizer__ggml__add_bos_token=False)
    tokens, kind, inner = quant.fields["tokenizer.ggml.tokens"]
    merged = [*tokens]
    merged[200] = "th"
    for each in (quant, reference := gguf_files.micro()):
        each.fields["tokenizer.ggml.tokens"] = (merged, kind, inner)
    reference.write(tmp_path / "reference.gguf")
    quant.set(tokenizer__ggml__merges=["t h"]).write(tmp_path / "merged.gguf")
    done = ingest(tmp_path / "w", tmp_path / "merged.gguf", reference=tmp_path / "reference.gguf")
    refused(done, "the tokens of corpus", "merges", code=ExitCode.MISMATCH)
    assert runs(tmp_path / "w") == {}


def test_another_conversion_joins_those_that_stood_beside_a_file_of_logits(tmp_path):
    model = gguf_files.read(TINY).shaken(1)
    other = gguf_files.read(TINY).shaken(2)
    paths = {
        "plain": model.write(tmp_path / "plain.gguf"),
        "other": other.set(tokenizer__ggml__eos_token_id=7).write(tmp_path / "other.gguf"),
        "bos": other.set(tokenizer__ggml__add_bos_token=True).write(tmp_path / "bos.gguf"),
    }

    def stored(name: str, *more):
        files = (GOLDEN / "base.dat", "--quant", paths[name], "--corpus-id", "text")
        where = ("--cohort", "c", "--warehouse", tmp_path / "w", "--batch-size", 64)
        return qwh("ingest", "logits-file", *files, *where, *more)

    for name in ("plain", "other"):
        done = stored(name)
        assert done.exit_code == 0, done.stderr
    found = Store(tmp_path / "w").runs()
    assert sorted(run.role for run in found) == ["quant", "quant", "reference"]
    assert len({run.tokenizer_sha256 for run in found}) == 1
    refused(stored("bos"), "tokenizer_sha256", "another --cohort", code=ExitCode.MISMATCH)
    named = stored("bos", "--reference", TINY, "--cohort", "d")
    refused(named, "BOS", "add_bos_token is True against False", code=ExitCode.MISMATCH)
    told = stored("other", "--reference", TINY, "--cohort", "d")
    assert told.exit_code == 0 and "eos_token_id is 7 against" in told.stderr


def test_a_quantized_tensor_has_one_hash(quants):
    whole = read_gguf(quants["Q4_K_M"])
    quantized = {name: kind for name, kind in whole.tensor_types.items() if name not in FLOATS}
    assert sum(whole.tensor_hashes.values()) == sum(kind["weights"] for kind in quantized.values())
    assert set(json.loads(whole.facts["tensor_hashes"])) == by_hand(whole.path, FLOATS)
    assert read_gguf(REFERENCE).tensor_hashes == {}


def test_a_tensor_has_one_hash_in_whichever_part_it_lies(monkeypatch):
    monkeypatch.setattr(gguf, "FLOATS", ("F32",))  # the split files hold halves
    whole, parts = read_gguf(QUANT), read_gguf(CASES / "23-split-00001-of-00002.gguf")
    assert whole.tensor_hashes == parts.tensor_hashes
    assert set(whole.tensor_hashes) == by_hand(QUANT, ("F32",))


def by_hand(path: Path, floats: tuple[str, ...]) -> set[str]:
    """Hashes of a file's tensors, read at their offsets."""
    content = path.read_bytes()
    return {
        hashlib.sha256(content[tensor.offset : tensor.offset + tensor.bytes]).hexdigest()[:12]
        for tensor in Header(path).tensors
        if tensor.kind not in floats
    }
