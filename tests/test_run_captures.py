"""`qwh run` keeps what its reference says of each text, and does not run it again."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import MODEL, REFERENCE, qwh

from qwh.database import build
from qwh.ingest.engines import llama_cpp
from qwh.raw import captures
from qwh.raw.store import Store

LENGTH, CHUNKS = 128, 4
COHORT = f"""\
cohort = "mine"
reference = "models/tiny-f16.gguf"
quants = ["models/*.gguf"]

[[texts]]
path = "wiki.txt"
context_length = {LENGTH}
chunks = {CHUNKS}
"""


@pytest.fixture
def here(tmp_path, monkeypatch, quants) -> Path:
    """A cohort file with one quant; nothing of it is built."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QWH_WAREHOUSE", raising=False)
    monkeypatch.delenv("QWH_COHORT", raising=False)
    built = SimpleNamespace(line=lambda: "built")
    monkeypatch.setattr(build, "build", lambda *_, **__: built)
    monkeypatch.setattr("qwh.commands.overview.overview", lambda *_: "")
    (tmp_path / "models").mkdir()
    shutil.copy(REFERENCE, tmp_path / "models")
    shutil.copy(quants["Q4_K_M"], tmp_path / "models" / "tiny-Q4_K_M.gguf")
    shutil.copy(MODEL / "corpus.txt", tmp_path / "wiki.txt")
    (tmp_path / "qwh.toml").write_text(COHORT)
    return tmp_path


@pytest.fixture
def loaded(monkeypatch) -> list[str]:
    """The GGUF files that are loaded from here on, live or to be kept."""
    names: list[str] = []
    for way in ("load", "tap"):
        real = getattr(llama_cpp, way)

        def noted(file, *more, real=real):
            names.append(file.path.name)
            return real(file, *more)

        monkeypatch.setattr(llama_cpp, way, noted)
    return names


def run(*more: object):
    done = qwh("run", "--threads", 1, *more)
    assert done.exit_code == 0, done.stderr
    return done


def kept() -> list[Path]:
    return sorted(Path("warehouse/captures").glob("*/capture.json"))


def runs() -> list:
    return Store(Path("warehouse")).runs()


def test_a_reference_is_run_once(here, loaded, quants):
    """The quant that comes later needs neither its weights nor its file."""
    done = run()
    assert loaded == ["tiny-f16.gguf", "tiny-Q4_K_M.gguf"]
    assert "capture = false keeps none" in done.stderr and len(kept()) == 1
    loaded.clear()
    (here / "models" / "tiny-f16.gguf").unlink()
    shutil.copy(quants["Q2_K"], here / "models" / "tiny-Q2_K.gguf")
    run()
    assert loaded == ["tiny-Q2_K.gguf"]
    found = {run.quant_id: run for run in runs()}
    assert set(found) == {"tiny-f16", "Q4_K_M", "Q2_K"}
    assert found["Q2_K"].reference_run_id == found["tiny-f16"].run_id
    assert found["Q2_K"].capture_id == captures.read_manifest(kept()[0].parent).about.capture_id


def test_the_cohort_file_may_refuse(here, loaded):
    (here / "qwh.toml").write_text(f"capture = false\n{COHORT}")
    run()
    assert (
        loaded == ["tiny-f16.gguf", "tiny-Q4_K_M.gguf"] and not Path("warehouse/captures").exists()
    )
    assert {run.capture_id for run in runs()} == {None}


def test_what_is_kept_of_another_text_or_file_is_made_again(here, loaded, quants):
    run()
    (before,) = kept()
    text = (here / "wiki.txt").read_text()
    (here / "wiki.txt").write_text("Once more. " + text)
    loaded.clear()
    done = run()
    assert loaded == ["tiny-f16.gguf", "tiny-Q4_K_M.gguf"]
    assert "is of what has changed since: it is removed" in done.stderr
    assert len(kept()) == 1 and kept() != [before]
    assert {run.corpus_sha256 for run in runs()} == {
        captures.read_manifest(kept()[0].parent).about.text["corpus_sha256"]
    }


def test_what_is_damaged_is_made_again(here, loaded, quants):
    run()
    path = kept()[0].parent / "head.safetensors"
    broken = bytearray(path.read_bytes())
    broken[-1] ^= 1
    path.write_bytes(broken)
    shutil.copy(quants["Q2_K"], here / "models" / "tiny-Q2_K.gguf")
    loaded.clear()
    done = run()
    assert "what is left of it is removed" in done.stderr
    assert loaded == ["tiny-f16.gguf", "tiny-Q2_K.gguf"] and len(kept()) == 1


def test_a_quantized_reference_is_run_each_time(here, loaded, quants):
    shutil.copy(quants["Q8_0"], here / "models" / "tiny-f16.gguf")
    done = run()
    assert "its head is Q8_0" in done.stderr and not kept()
    assert loaded[-2:] == ["tiny-f16.gguf", "tiny-Q4_K_M.gguf"]


def test_a_text_whose_end_is_not_known_is_kept_when_it_is(here, loaded, quants):
    (here / "qwh.toml").write_text("until = 0.9\n" + COHORT.replace("chunks = 4\n", ""))
    done = run()
    assert "where it ends is not known yet" in done.stderr and not kept()
    (chunks,) = {run.chunks for run in runs()}
    shutil.copy(quants["Q2_K"], here / "models" / "tiny-Q2_K.gguf")
    run()
    assert captures.read_manifest(kept()[0].parent).about.text["chunks"] == chunks
    assert {run.chunks for run in runs()} == {chunks}


def test_a_control_reads_the_model_itself(here, loaded, quants):
    """One that is there does without the model's file."""
    (here / "qwh.toml").write_text(f"control = true\n{COHORT}")
    run()
    found = {run.role: run for run in runs()}
    assert set(found) == {"reference", "quant", "control"}
    assert found["control"].reference_run_id == found["reference"].run_id
    assert found["control"].file_sha256 == found["reference"].file_sha256
    loaded.clear()
    os.utime(here / "qwh.toml")
    run()
    assert loaded == []
    (here / "models" / "tiny-f16.gguf").unlink()
    shutil.copy(quants["Q2_K"], here / "models" / "tiny-Q2_K.gguf")
    run()
    assert loaded == ["tiny-Q2_K.gguf"]


def test_a_full_disk_keeps_nothing_and_the_reference_is_run(here, loaded, monkeypatch):
    from qwh.ingest.captures import capturing

    def full(*_):
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(capturing, "write", full)
    done = run()
    assert "No space left" in done.stderr and "the reference is run" in done.stderr
    assert loaded == ["tiny-f16.gguf", "tiny-f16.gguf", "tiny-Q4_K_M.gguf"] and not kept()
