"""What stands in an importance matrix's calibration text as well: counted, stored, said."""

from pathlib import Path

import numpy as np
import pytest
from conftest import MODEL, REFERENCE, qwh
from gguf_files import read

from qwh.ingest.calibration import RUN, Calibration, hashed_runs, overlap
from qwh.raw.store import Store

CORPUS, OTHER = MODEL / "corpus.txt", MODEL / "corpus2.txt"
LENGTH, CHUNKS = 64, 4
rng = np.random.default_rng(0)


class Bytes:
    """A vocabulary whose ids are bytes."""

    add_bos, bos = False, -1

    def tokenize(self, text: str) -> np.ndarray:
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32)


def runs(ids: list[int], length: int = RUN) -> list[tuple]:
    return [tuple(ids[at : at + length]) for at in range(len(ids) - length + 1)]


def counted(texts: list[np.ndarray], beside: np.ndarray) -> float:
    """The share by sets of tuples."""
    found = []
    for ids in texts:
        length = min(RUN, len(ids))
        known = set(runs(beside.tolist(), length))
        found += [run in known for run in runs(ids.tolist(), length)] if length else []
    return float(np.mean(found))


def calibrated(folder: Path, ids: np.ndarray) -> Calibration:
    path = folder / "calibration.txt"
    path.write_bytes(bytes(ids.tolist()))
    return Calibration(path, Bytes())


def test_the_share_is_that_of_sets_of_tuples(tmp_path):
    """Few different ids, so that short runs are found by chance and long ones are not."""
    beside = rng.integers(97, 100, 3000).astype(np.int32)
    found = calibrated(tmp_path, beside)
    texts = [rng.integers(97, 100, size).astype(np.int32) for size in (1, 4, 12, 40, 300)]
    texts += [beside[500:700].copy(), np.concatenate([beside[:20], texts[3]]), beside[:0]]
    for chosen in (texts, texts[:3], texts[3:5], texts[5:6]):
        assert found.share(chosen) == pytest.approx(counted(chosen, beside), abs=1e-12)
    assert found.share(texts[5:6]) == 1 and found.share([]) is None
    assert found.share([np.arange(20)]) == 0


def test_hashes_tell_runs_apart():
    ids = rng.integers(0, 50_000, 20_000).astype(np.int32)
    for length in (1, 2, RUN):
        hashes = hashed_runs(ids, length)
        assert len(np.unique(hashes)) == len(set(runs(ids.tolist(), length)))
    assert len(hashed_runs(ids[:3], 4)) == 0


def test_it_is_said_in_one_line(tmp_path, capsys):
    found = calibrated(tmp_path, np.arange(100, dtype=np.int32))
    facts = overlap("wiki", [np.arange(50, 120)], found)
    assert facts["calibration_overlap"] == round(38 / 58, 6)
    assert facts["calibration_sha256"] == found.sha256
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("wiki: 65.5% of its runs of 13 tokens stand in calibration.txt as well")
    assert overlap("wiki", [np.arange(50)], None) == {} and capsys.readouterr().err == ""


@pytest.fixture(scope="module")
def weighed(tmp_path_factory):
    """A model whose file says that an importance matrix of a text made it."""
    folder = tmp_path_factory.mktemp("weighed")
    model = read(REFERENCE).shaken(1)
    names = {"quantize__imatrix__file": "i.gguf", "quantize__imatrix__dataset": "old/place/cal.txt"}
    return model.set(**names).write(folder / "weighed.gguf")


def facts(warehouse) -> dict:
    return {
        (run.quant_id, run.task): (run.calibration_overlap, run.calibration_sha256)
        for run in Store(warehouse).runs()
    }


def ask(warehouse, files, *more):
    each = [part for path in files for part in ("--quant", path)]
    cut = ("--corpus", CORPUS, "--context-length", LENGTH, "--chunks", CHUNKS, "--threads", 1)
    where = ("--cohort", "c", "--warehouse", warehouse)
    done = qwh("ingest", "gguf", "--reference", REFERENCE, *each, *cut, *where, *more)
    assert done.exit_code == 0, done.stderr
    return done


def test_a_text_beside_the_quant_is_found_and_counted(tmp_path, weighed, quants):
    """The file names a place that is not there; the text lies beside it. Others get no fact."""
    text = CORPUS.read_bytes()[: LENGTH * 2] + OTHER.read_bytes()[:500]
    (weighed.parent / "cal.txt").write_bytes(text)
    done = ask(tmp_path, [weighed, quants["Q4_K_M"]])
    (weighed.parent / "cal.txt").unlink()
    assert "stand in cal.txt as well" in done.stderr
    read = np.frombuffer(CORPUS.read_bytes()[: LENGTH * CHUNKS], np.uint8).reshape(CHUNKS, LENGTH)
    share = round(counted(list(read), np.frombuffer(text, np.uint8)), 6)
    found = facts(tmp_path)
    assert found["weighed", "corpus"][0] == share >= 0.5
    assert found["Q4_K_M", "corpus"] == found["tiny-f16", "corpus"] == (None, None)


def test_without_the_text_there_is_no_fact_and_runs_have_the_same_names(tmp_path, weighed):
    plain, with_text = tmp_path / "a", tmp_path / "b"
    assert "runs of 13" not in ask(plain, [weighed]).stderr
    assert "stand in corpus.txt" in ask(with_text, [weighed], "--calibration", CORPUS).stderr
    assert facts(plain)["weighed", "corpus"] == (None, None)
    assert facts(with_text)["weighed", "corpus"][0] == 1
    names = [{run.run_id for run in Store(each).runs()} for each in (plain, with_text)]
    assert names[0] == names[1]


def test_prompts_are_counted_by_their_words(tmp_path, weighed):
    (tmp_path / "cal.txt").write_text("say: Where does Abel live, and who else?")
    (tmp_path / "b.jsonl").write_text(
        '{"prompt": "Where does Abel live", "answers": "x"}\n{"prompt": "Abel?", "answers": "y"}\n'
    )
    models = ("--reference", REFERENCE, "--quant", weighed, "--threads", 1)
    where = ("--cohort", "c", "--warehouse", tmp_path / "w")
    cal = ("--calibration", tmp_path / "cal.txt")
    done = qwh("ingest", "prompts", tmp_path / "b.jsonl", *models, *where, *cal)
    assert done.exit_code == 0 and done.stderr.count("b: 87.5% of its runs") == 1, done.stderr
    # without their first letters: 7 runs of 13 letters, all there, and one of four, which is not
    assert {each for (who, _), each in facts(tmp_path / "w").items() if who == "weighed"} == {
        (0.875, facts(tmp_path / "w")["weighed", "answers"][1])
    }


def test_a_calibration_text_without_a_calibrated_quant_is_said(tmp_path, quants):
    done = ask(tmp_path, [quants["Q8_0"]], "--calibration", CORPUS)
    assert "no quant here names an importance matrix: no overlap with corpus.txt" in done.stderr
    assert set(facts(tmp_path).values()) == {(None, None)}
