"""A reference kept: its logits to the last bit, whole or refused, going on where it stopped."""

import json
import random
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from capture_runs import SMALL, start
from conftest import LENGTH, MODEL, REFERENCE, ingest, qwh

from qwh.errors import QwhError
from qwh.ingest.captures import capturing
from qwh.ingest.cohort import all_threads
from qwh.ingest.engines import capture, llama_cpp
from qwh.ingest.engines.port import PLAIN
from qwh.raw import captures
from qwh.raw.store import Store
from qwh.raw.tensor_file import TensorFile, write

CHUNKS = 6
CUT = ("--context-length", LENGTH, "--chunks", CHUNKS)
FILES = ["capture.json", "head.safetensors", "tokens.safetensors", "vocabulary.json"]


def capture_of(folder: Path, *more: object, corpus: Path = MODEL / "corpus.txt"):
    """`qwh capture` of the test model."""
    text = ("--corpus", corpus) if "--corpus" not in more else ()
    where = ("-o", folder, "--threads", 1)
    return qwh("capture", "--reference", REFERENCE, *text, *where, *(more or CUT))


def ingested(warehouse: Path, folder: Path, *quants: Path, more: tuple = ()):
    files = [part for path in quants for part in ("--quant", path)]
    where = ("--cohort", "tiny", "--warehouse", warehouse, "--threads", 1)
    return qwh("ingest", "gguf", "--reference-capture", folder, *files, *where, *more)


def parts(warehouse: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(warehouse)): path.read_bytes()
        for path in warehouse.glob("raw/*/run_id=[0-9a-f]*/part.parquet")
    }


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """A capture in several files of hidden states."""
    folder = tmp_path_factory.mktemp("captures") / "tiny"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(capturing, "SHARD", SMALL)
        done = capture_of(folder)
    assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture
def copied(kept, tmp_path) -> Path:
    return shutil.copytree(kept, tmp_path / "kept")


def test_a_capture_gives_the_live_logits_to_the_last_bit(kept):
    """And so every KLD, far within the 1e-7 nats that a table can show."""
    file = capture.file(kept)
    live = llama_cpp.load(llama_cpp.file(REFERENCE), PLAIN, LENGTH, all_threads())
    with closing(live), closing(capture.load(file, PLAIN, LENGTH, 2)) as model:
        for ours, theirs in zip(model.read(file.stream, 50), live.read(file.stream, 50)):
            assert (ours is None) == (theirs is None)
            assert ours is None or np.array_equal(ours, theirs)
    assert file.source["capture_kld"] == 0 == file.manifest.kld["max"]
    assert file.manifest.kld["positions"] == CHUNKS * (LENGTH // 2 - 1)


def test_hidden_states_are_a_fraction_of_logits(kept):
    """2 bytes a number; at the width and vocabulary of SmolLM2 1/85 of 16-bit logits."""
    manifest, rows = captures.read_manifest(kept), CHUNKS * (LENGTH // 2 - 1)
    hidden, width = manifest.bytes_of("hidden"), 256
    assert len(list(kept.glob("hidden-*"))) == 3
    assert 2 * rows * width <= hidden <= 2 * rows * width + 3 * 1024
    assert (2 * 576) * 40 <= 2 * 49_152


def test_quants_need_neither_the_reference_nor_the_text(tmp_path, monkeypatch, quants):
    """Both are deleted; what is stored is what a live reference gives, byte for byte."""
    corpus, model = tmp_path / "corpus.txt", tmp_path / "tiny-f16.gguf"
    shutil.copy(MODEL / "corpus.txt", corpus)
    shutil.copy(REFERENCE, model)
    done = qwh("capture", "--reference", model, "--corpus", corpus, "-o", tmp_path / "kept", *CUT)
    assert done.exit_code == 0, done.stderr
    assert "to the last bit" in done.stdout
    corpus.unlink()
    model.unlink()
    done = ingested(tmp_path / "kept_w", tmp_path / "kept", quants["Q4_K_M"], quants["Q2_K"])
    assert done.exit_code == 0, done.stderr
    live = ingest(tmp_path / "live", [quants["Q4_K_M"], quants["Q2_K"]], "--chunks", CHUNKS)
    assert live.exit_code == 0, live.stderr
    assert parts(tmp_path / "kept_w") == parts(tmp_path / "live") and parts(tmp_path / "live")
    facts = {run.run_id: run for run in Store(tmp_path / "kept_w").runs()}
    for run in Store(tmp_path / "live").runs():
        other = facts[run.run_id]
        assert run.clashes(other) == other.clashes(run) == []
        assert run.capture_id is None and other.capture_kld == 0
        assert other.capture_id == captures.read_manifest(tmp_path / "kept").about.capture_id
        assert (other.corpus_sha256, other.file_sha256) == (run.corpus_sha256, run.file_sha256)


def test_a_capture_may_be_named_as_the_reference(tmp_path, kept, quants):
    """It joins quants that were read beside the live one, and its reference's run is theirs."""
    live = ingest(tmp_path, [quants["Q8_0"]], "--chunks", CHUNKS)
    assert live.exit_code == 0, live.stderr
    more = ("--quant", quants["Q2_K"], "--cohort", "tiny", "--warehouse", tmp_path)
    done = qwh("ingest", "gguf", "--reference", kept / "capture.json", *more)
    assert done.exit_code == 0, done.stderr
    assert [line.split()[1:3] for line in done.stdout.splitlines()] == [["quant", "Q2_K"]]
    runs = Store(tmp_path).runs()
    assert len({run.reference_run_id for run in runs if run.role == "quant"}) == 1


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (("--corpus", MODEL / "corpus2.txt"), "corpus2.txt with other bytes here"),
        (("--corpus", f"wiki={MODEL / 'corpus.txt'}"), "it is called corpus there, wiki here"),
        (("--context-length", 64), "context_length 128 there, 64 here"),
        (("--chunks", 4), "chunks 6 there, 4 here"),
        (("--score-from", "zero"), "score_from 64 there, 0 here"),
        (("--batch-size", 32), "batch_size 512 there, 32 here"),
        (("--control",), "the capture tiny holds what a model said once, and cannot be read again"),
    ],
)
def test_another_text_or_way_is_refused_by_name(tmp_path, kept, quants, said, what):
    done = ingested(tmp_path, kept, quants["Q8_0"], more=said)
    assert done.exit_code != 0 and what in done.stderr and done.stderr.count("\n") == 1
    assert parts(tmp_path) == {}


def rewritten(folder: Path, change) -> None:
    """A capture whose manifest says something else of itself, with a check that fits."""
    path = folder / "capture.json"
    found = captures.read_manifest(folder)
    change(found.about)
    for name in [each for each in found.files if each.endswith(".safetensors")]:
        file = TensorFile(folder / name)
        said = file.about | {"capture_id": found.about.capture_id}
        arrays = {
            key: each._replace(values=np.array(each.values)) for key, each in file.arrays.items()
        }
        write(folder / name, arrays, said)
        found.files[name] |= captures.described(folder / name)
    path.write_text(found.to_json())


def test_another_engine_is_refused_by_name(tmp_path, copied, quants):
    rewritten(copied, lambda about: about.engine.update(engine_version="0.3.35"))
    done = ingested(tmp_path / "w", copied, quants["Q8_0"])
    assert done.exit_code == 5
    assert "engine_version 0.3.35 there, 0.3.36 here" in done.stderr


def test_another_tokenizer_is_refused_by_name(tmp_path, copied, quants):
    """Other tokens, and the same ones that may be put together otherwise."""
    path = copied / "vocabulary.json"
    whole = json.loads(path.read_text())
    for key, value, what in (
        ("tokens", ["?", *whole["tokens"][1:]], "their tokenizers differ, tokens[0]"),
        ("pre", "other", "may cut a text otherwise (pre is"),
    ):
        path.write_text(json.dumps(whole | {key: value}))
        manifest = captures.read_manifest(copied)
        manifest.files["vocabulary.json"] |= captures.described(path)
        (copied / "capture.json").write_text(manifest.to_json())
        done = ingested(tmp_path / "w", copied, quants["Q8_0"])
        assert done.exit_code == 5 and what in done.stderr, done.stderr


def test_a_file_of_another_size_is_told_by_it_and_no_other(copied):
    about = captures.read_manifest(copied)
    path = copied / "tokens.safetensors"
    whole = path.read_bytes()
    for raw, word in ((whole[:-1] + b"x", "capture: make"), (whole + b"x", "of them, not ")):
        path.write_bytes(raw)
        with pytest.raises(QwhError, match="its bytes are not those of its capture") as error:
            captures.refuse_damage(copied, about)
        assert word in str(error.value)


def test_every_flipped_bit_is_refused(copied):
    """In the manifest, in every file's header and data: at the ends and at random places."""
    draw = random.Random(5)
    names = sorted(path.name for path in copied.iterdir())
    assert set(FILES) < set(names)
    for name in names:
        path = copied / name
        whole = path.read_bytes()
        places = {0, 7, 8, 9, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(20))}
        places |= {draw.randrange(min(len(whole), 400)) for _ in range(20)}
        for place in places:
            flipped = bytearray(whole)
            flipped[place] ^= 1 << draw.randrange(8)
            path.write_bytes(flipped)
            with pytest.raises(QwhError):
                capture.file(copied)
            if name.endswith(".safetensors"):  # by itself, before there is a manifest
                capture_id = captures.read_manifest(copied).about.capture_id
                assert captures.whole(path, capture_id) is None, (name, place)
        for length in (0, 5, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(QwhError):
                capture.file(copied)
        path.write_bytes(whole + b"\0")
        with pytest.raises(QwhError):
            capture.file(copied)
        path.unlink()
        with pytest.raises(QwhError):
            capture.file(copied)
        path.write_bytes(whole)
    capture.file(copied)


def test_files_of_another_capture_are_refused(tmp_path, copied):
    other = tmp_path / "other"
    assert capture_of(other, *CUT[:2], "--chunks", 4).exit_code == 0
    for name in ("head.safetensors", "hidden-00000.safetensors", "tokens.safetensors"):
        shutil.copy(other / name, copied / name)
        with pytest.raises(QwhError):
            capture.file(copied)
    manifest = captures.read_manifest(copied)
    for name in manifest.files:
        manifest.files[name] |= captures.described(copied / name)
    (copied / "capture.json").write_text(manifest.to_json())
    with pytest.raises(QwhError, match="do not fit one another"):
        capture.file(copied)


def test_folders_that_are_none_are_refused_in_one_line(tmp_path, kept, quants):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    for folder, code in ((tmp_path / "notes", 3), (tmp_path / "nowhere", 3)):
        done = ingested(tmp_path / "w", folder, quants["Q8_0"])
        assert done.exit_code == code and done.stderr.count("\n") == 1, done.stderr
    done = capture_of(tmp_path / "notes")
    assert done.exit_code == 2 and "something else lies there" in done.stderr
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"
    done = capture_of(tmp_path / "new", "--context-length", 1024)
    assert done.exit_code == 4 and "was made for (512)" in done.stderr
    done = capture_of(kept, *CUT[:2], "--chunks", 4)
    assert done.exit_code == 5 and "chunks 6 there, 4 here" in done.stderr
    for more, what in (((), "no text is given"), (("--corpus", "x"), "no such file")):
        files = ("--reference", REFERENCE, "--quant", quants["Q8_0"], "--cohort", "c")
        done = qwh("ingest", "gguf", *files, "--warehouse", tmp_path / "w", *more)
        assert done.exit_code in (2, 3) and what in done.stderr
    files = ("--quant", quants["Q8_0"], "--corpus", MODEL / "corpus.txt", "--cohort", "c")
    done = qwh("ingest", "gguf", *files, "--warehouse", tmp_path / "w")
    assert done.exit_code == 2 and "neither is given" in done.stderr


def test_a_capture_is_no_logits_file_and_speaks_no_answers(tmp_path, kept, quants):
    where = ("--quant", quants["Q8_0"], "--cohort", "c", "--warehouse", tmp_path / "w")
    done = qwh("ingest", "logits-file", kept, *where)
    assert done.exit_code == 2 and "--reference-capture" in done.stderr
    done = qwh("ingest", "prompts", MODEL / "prompts.jsonl", "--reference", kept, *where)
    assert done.exit_code == 2 and "answers nothing: give the model" in done.stderr
    assert "the capture tiny holds what a model said of one text" in done.stderr


def test_a_path_in_a_manifest_leads_nowhere(copied, tmp_path):
    (tmp_path / "hidden-00009.safetensors").write_bytes(b"x")
    manifest = captures.read_manifest(copied)
    manifest.files["../hidden-00009.safetensors"] = captures.described(
        tmp_path / "hidden-00009.safetensors"
    )
    (copied / "capture.json").write_text(manifest.to_json())
    with pytest.raises(QwhError, match="files"):
        capture.file(copied)


def test_facts_of_another_type_are_refused(copied):
    for change in (
        lambda about: about.model.update(vocab_size="many"),
        lambda about: about.text.update(chunks=None),
        lambda about: about.text.update(chunks=10**9),
        lambda about: about.model.update(file_name="../../x", nonsense=1),
        lambda about: about.vocabulary.update(bos="x"),
    ):
        whole = (copied / "capture.json").read_text()
        manifest = captures.read_manifest(copied)
        change(manifest.about)
        (copied / "capture.json").write_text(manifest.to_json())
        with pytest.raises(QwhError):
            capture.file(copied)
        (copied / "capture.json").write_text(whole)


def test_a_quantized_head_is_not_kept(tmp_path, quants):
    """One line says so, and nothing is left behind."""
    done = qwh(
        "capture", "--reference", quants["Q8_0"], "--corpus", MODEL / "corpus.txt",
        "-o", tmp_path / "kept", *CUT,
    )  # fmt: skip
    assert done.exit_code == 4 and not (tmp_path / "kept").exists()
    assert "cannot be kept, it is run each time: its head is Q8_0" in done.stderr


def test_several_texts_go_into_folders_of_their_own(tmp_path, quants):
    texts = ("--corpus", MODEL / "corpus.txt", "--corpus", MODEL / "corpus2.txt")
    done = capture_of(tmp_path / "kept", *texts, *CUT)
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "corpus-128",
        "corpus2-128",
    ]
    done = ingested(tmp_path / "w", tmp_path / "kept", quants["Q8_0"])
    assert done.exit_code == 0, done.stderr
    runs = [(run.role, run.corpus_id, run.corpus_rank) for run in Store(tmp_path / "w").runs()]
    assert sorted(runs) == [
        ("quant", "corpus", 0),
        ("quant", "corpus2", 1),
        ("reference", "corpus", 0),
        ("reference", "corpus2", 1),
    ]


def test_a_capture_goes_on_where_it_was_killed_and_gives_the_same_bytes(tmp_path, kept):
    """A process dies at a call of fsync or rename, the next one goes on: each writes one file."""
    expected = {path.name: path.read_bytes() for path in kept.iterdir()}
    text = ("--corpus", MODEL / "corpus.txt", *CUT, "--threads", 1)
    for call in (5, 1, 2, 3, 4):
        folder, died, before = tmp_path / f"at{call}", 0, set()
        command = ["capture", "--reference", REFERENCE, "-o", folder, *text]
        while True:
            child = start(command, tmp_path / "said", die_at=call if call == 5 or not died else 0)
            child.join()
            there = {path.name for path in folder.glob("*.safetensors")}
            assert before <= there
            if child.exitcode == 0:
                break
            assert child.exitcode == -9, (tmp_path / "said").read_text()
            if not (folder / "capture.json").exists():
                with pytest.raises(QwhError, match=r"not whole yet|none"):
                    capture.file(folder)
            died, before = died + 1, there
        assert died == (6 if call == 5 else 1)
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert {name: data for name, data in found.items() if "lock" not in name} == expected


def test_a_damaged_file_of_an_unfinished_capture_is_made_again(copied, kept):
    expected = {path.name: path.read_bytes() for path in kept.iterdir()}
    (copied / "capture.json").unlink()
    for name, place in (("hidden-00001.safetensors", 9), ("hidden-00002.safetensors", -9)):
        path = copied / name
        broken = bytearray(path.read_bytes())
        broken[place] ^= 4
        path.write_bytes(broken)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(capturing, "SHARD", SMALL)
        assert capture_of(copied).exit_code == 0
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == expected


def test_another_text_does_not_go_on_where_one_was_stopped(copied):
    (copied / "capture.json").unlink()
    done = capture_of(copied, corpus=MODEL / "corpus2.txt")
    assert done.exit_code == 5 and "corpus_id corpus there, corpus2 here" in done.stderr
