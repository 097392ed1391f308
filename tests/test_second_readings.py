"""The reference and quants read twice: roles, what is stored of both, and that none is a quant."""

import json
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest
from conftest import LENGTH, MODEL, REFERENCE, ingest
from gguf_runs import refused
from kill_runs import start
from scipy.special import log_softmax

from qwh.errors import ExitCode
from qwh.ingest.engines import llama_context
from qwh.ingest.texts.text import Cut, read_text
from qwh.raw import edits
from qwh.raw.store import Store

CHUNKS = 3
CUT = ("--chunks", CHUNKS, "--threads", 1)
NAMES = ("Q8_0", "Q4_K_M")


def published(warehouse: Path) -> dict[tuple, object]:
    """(role, quant_id, reading) -> the run."""
    return {(run.role, run.quant_id, run.reading): run for run in Store(warehouse).runs()}


def rows(warehouse: Path, table: str, run_id: str, columns: str = "kld") -> np.ndarray:
    """Columns of a run's rows, in order; [T, columns]."""
    part = Store(warehouse).part(table, run_id)
    return np.array(duckdb.sql(f"select {columns} from read_parquet('{part}')").fetchall())


def parts(warehouse: Path) -> dict[str, str]:
    """(run, table) -> the hash of its rows."""
    return {
        f"{run.run_id} {table}": about["sha256"]
        for run in Store(warehouse).runs()
        for table, about in json.loads(run.parts).items()
    }


@pytest.fixture(scope="module")
def plain(tmp_path_factory, quants) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    assert ingest(folder, [quants[name] for name in NAMES], *CUT).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def twice(tmp_path_factory, quants) -> Path:
    """Everything at once."""
    folder = tmp_path_factory.mktemp("twice")
    done = ingest(folder, [quants[name] for name in NAMES], *CUT, "--control", "--repeat")
    assert done.exit_code == 0, done.stderr
    return folder


def copied(source: Path, folder: Path) -> Path:
    return Path(shutil.copytree(source, folder / "copy"))


def test_second_readings_have_roles_and_point_at_the_first(twice):
    found = published(twice)
    assert set(found) == {
        ("reference", "tiny-f16", ""),
        ("control", "tiny-f16", "rows=16"),
        *(("quant", name, "") for name in NAMES),
        *(("repeat", name, "rows=16") for name in NAMES),
    }
    head = found["reference", "tiny-f16", ""]
    for (role, name, _), run in found.items():
        again = role in ("control", "repeat")
        assert (run.batch_size, run.ubatch_size) == ((16, 16) if again else (512, 512))
        first = found["quant", name, ""].run_id if role == "repeat" else None
        assert run.first_run_id == first
        assert run.reference_run_id == (None if run is head else head.run_id)
        tables = {"reference_tokens"} if run is head else {"tokens"}
        assert set(json.loads(run.parts)) == tables | ({"reading_klds"} if first else set())


def test_first_readings_are_those_of_a_plain_run(plain, twice):
    assert parts(plain).items() < parts(twice).items()


def straight(path: Path, block: int) -> np.ndarray:
    """Log-probs of the scored positions of every chunk, float64, straight from llama.cpp."""
    weights = llama_context.Weights(path)
    context = llama_context.Context(weights, LENGTH, block, 1)
    text = read_text(str(MODEL / "corpus.txt"), 0, Cut(LENGTH, CHUNKS, "half"), weights)
    found = []
    for sequence in text.sequences():
        context.keep(0)
        for at in range(0, LENGTH, block):
            wanted = sequence.targets[at : at + block] >= 0
            logits = context.forward(sequence.ids[at : at + block], at, wanted)
            if logits is not None:
                found.append(log_softmax(logits.astype(np.float64), axis=1))
    context.close()
    weights.close()
    return np.concatenate(found)


@pytest.mark.parametrize("name", NAMES)
def test_kl_between_the_readings_is_that_of_llama_cpps_own_logits(twice, quants, name):
    a, b = straight(quants[name], LENGTH), straight(quants[name], 16)
    expected = (np.exp(a) * (a - b)).sum(1)
    run = published(twice)["repeat", name, "rows=16"]
    chunk, position, kld, finite = rows(
        twice, "reading_klds", run.run_id, "chunk, position, kld, finite"
    ).T
    assert finite.all() and expected.mean() > 1e-8
    np.testing.assert_allclose(kld, expected, rtol=2e-3, atol=2e-9)
    where = np.stack([chunk, position], 1)
    np.testing.assert_array_equal(where, rows(twice, "tokens", run.run_id, "chunk, position"))


def test_a_float_files_control_is_small_and_not_nothing(twice):
    found = published(twice)
    control = rows(twice, "tokens", found["control", "tiny-f16", "rows=16"].run_id).mean()
    least = min(rows(twice, "tokens", found["quant", name, ""].run_id).mean() for name in NAMES)
    assert 0 < control < least / 10


def test_what_is_there_is_read_again_for_its_repeat_and_not_stored_again(
    tmp_path, plain, twice, quants
):
    folder = copied(plain, tmp_path)
    files = [quants[name] for name in NAMES]
    done = ingest(folder, files, *CUT, "--control", "--repeat")
    assert done.exit_code == 0 and "otherwise" not in done.stderr, done.stderr
    assert parts(folder) == parts(twice)
    again = ingest(folder, files, *CUT, "--control", "--repeat")
    assert again.stdout == "" and again.stderr.count("nothing to do") == 5
    assert parts(folder) == parts(twice)


def test_a_first_reading_of_other_bits_is_said(tmp_path, plain, quants):
    folder = copied(plain, tmp_path)
    part = Store(folder).part("tokens", published(folder)["quant", "Q8_0", ""].run_id)
    other = tmp_path / "other.parquet"
    duckdb.sql(
        f"copy (select * replace (if(chunk = 1, kld * 1.01::float, kld) as kld) from '{part}')"
        f" to '{other}' (format parquet)"
    )
    other.replace(part)
    done = ingest(folder, [quants["Q8_0"]], *CUT, "--repeat")
    assert done.exit_code == 0
    assert "Q8_0 on corpus at 128: chunk 1 is read otherwise than in its run" in done.stderr


def test_a_retracted_quant_takes_its_repeat_with_it(tmp_path, twice):
    folder = copied(twice, tmp_path)
    store, found = Store(folder), published(folder)
    first, second = found["quant", "Q8_0", ""], found["repeat", "Q8_0", "rows=16"]
    gone = edits.retract(store, [first.run_id], "a wrong file")
    assert {run.run_id for run in gone} == {first.run_id, second.run_id}
    with pytest.raises(Exception, match="restore that too"):
        edits.restore(store, [second.run_id])
    edits.restore(store, [first.run_id])
    assert published(folder).keys() == found.keys()
    edits.retract(store, [second.run_id], "too much")
    assert ("quant", "Q8_0", "") in published(folder)


def test_renamed_members_keep_their_second_readings(tmp_path, twice, quants):
    folder = copied(twice, tmp_path)
    edits.rename(Store(folder), "Q8_0", "eight", "tiny")
    edits.rename(Store(folder), "tiny-f16", "head", "tiny")
    done = ingest(folder, [quants[name] for name in NAMES], *CUT, "--control", "--repeat")
    assert done.exit_code == 0 and done.stdout == "", done.stderr
    assert ("repeat", "eight", "rows=16") in published(folder)


def test_another_batch_shape_is_still_refused_where_it_is_no_second_reading(
    tmp_path, twice, quants
):
    folder = copied(twice, tmp_path)
    refused(
        ingest(folder, [quants["Q6_K"]], *CUT, "--batch-size", 16),
        "batch_size 512 there, 16 here",
        code=ExitCode.MISMATCH,
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--repeat", "--reading", "rows=512"), "--repeat would read Q8_0 as before"),
        (("--control", "--batch-size", 16), "--control would read tiny-f16 as before"),
        (("--repeat", "--reading", "rows"), "write NAME=VALUE, as rows=16"),
        (("--repeat", "--reading", "row=16"), "did you mean rows?"),
        (("--reading", "rows=16"), "rows=16 is no setting of a quant"),
    ],
)
def test_what_is_no_second_reading_is_refused(tmp_path, quants, options, words):
    refused(ingest(tmp_path, [quants["Q8_0"]], *CUT, *options), words, code=ExitCode.USAGE)


def test_a_quant_can_be_read_twice_under_other_settings(tmp_path, quants):
    done = ingest(
        tmp_path, [quants["Q8_0"]], *CUT, "--repeat", "--reading", "kv_type=q8_0", "--control"
    )
    assert done.exit_code == 0, done.stderr
    found = published(tmp_path)
    assert ("repeat", "Q8_0", "kv_type=q8_0") in found
    assert ("control", "tiny-f16", "kv_type=q8_0") in found


def test_a_control_needs_no_quant(tmp_path):
    done = ingest(tmp_path, [], *CUT, "--control")
    assert done.exit_code == 0, done.stderr
    assert sorted(run.role for run in Store(tmp_path).runs()) == ["control", "reference"]
    refused(ingest(tmp_path, [], *CUT), "give --quant FILE, or --control", code=ExitCode.USAGE)


def test_a_text_that_ends_by_itself_ends_for_second_readings_too(tmp_path, quants):
    until = ("--chunks", 12, "--threads", 1, "--until", 0.5, "--quants-at-once", 1)
    files = [quants[name] for name in NAMES]
    assert ingest(tmp_path / "a", files, *until).exit_code == 0
    done = ingest(tmp_path / "b", files, *until, "--control", "--repeat")
    assert done.exit_code == 0, done.stderr
    assert parts(tmp_path / "a").items() < parts(tmp_path / "b").items()
    assert len({run.chunks for run in published(tmp_path / "b").values()}) == 1


def test_killed_in_the_middle_of_a_repeat_it_goes_on(tmp_path, twice, quants):
    files = [part for name in NAMES for part in ("--quant", quants[name])]
    command = [
        *("ingest", "gguf", "--reference", REFERENCE, *files, "--corpus", MODEL / "corpus.txt"),
        *("--cohort", "tiny", "--context-length", LENGTH, *CUT, "--control", "--repeat"),
        *("--warehouse", tmp_path / "w"),
    ]
    reads = tmp_path / "reads"
    for chunks in (7, 13):  # of 18 that six readings begin
        child = start(command, tmp_path / "said", reads)
        while child.exitcode is None and (
            not reads.exists() or len(reads.read_text().splitlines()) < chunks
        ):
            child.join(0.001)
        child.kill()
        child.join()
        assert child.exitcode == -9
    child = start(command, tmp_path / "said")
    child.join()
    assert child.exitcode == 0, (tmp_path / "said").read_text()
    assert parts(tmp_path / "w") == parts(twice)
    assert list((tmp_path / "w" / "raw" / "_staging").iterdir()) == []
