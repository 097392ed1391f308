"""`qwh runs` at the command line, and what ingest makes of runs that were edited."""

import shutil
from pathlib import Path

import pytest
from conftest import MODEL, REFERENCE, ingest, qwh

from qwh.errors import ExitCode
from qwh.raw import checkpoint
from qwh.raw.store import Store

TEXT = ("--corpus", MODEL / "corpus.txt", "--context-length", 64, "--chunks", 2)


@pytest.fixture(scope="module")
def measured(quants, tmp_path_factory) -> Path:
    """A reference and two quants on one text: three runs, not built."""
    folder = tmp_path_factory.mktemp("measured") / "w"
    done = ingest(folder, [quants["Q8_0"], quants["Q4_K_M"]], *TEXT, cohort="c")
    assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture
def folder(measured, tmp_path) -> Path:
    return shutil.copytree(measured, tmp_path / "w")


def runs(folder: Path, *words: object):
    return qwh("runs", *words, "--warehouse", folder)


def ids(folder: Path, *more: str) -> dict[str, str]:
    """Name -> id, of what `qwh runs list` prints."""
    lines = runs(folder, "list", *more).stdout.splitlines()
    return {line.split("\t")[2]: line.split("\t")[0] for line in lines}


def test_a_list_has_a_line_for_each_run_with_its_whole_id(folder):
    found = ids(folder)
    assert set(found) == {"tiny-f16", "Q8_0", "Q4_K_M"}
    assert all(len(run_id) == 16 for run_id in found.values())
    done = runs(folder, "retract", found["Q8_0"][:6], "--why", "a wrong file")
    assert done.exit_code == 0 and done.stdout.startswith(f"{found['Q8_0']}  Q8_0")
    assert set(ids(folder)) == {"tiny-f16", "Q4_K_M"}
    assert ids(folder, "--all") == found
    assert "1 more, retracted" in runs(folder, "list").stderr
    other = runs(folder, "list", "--cohort", "nobody")
    assert other.exit_code == ExitCode.NOT_FOUND and "there are c" in other.stderr


def test_show_tells_every_fact_and_the_history(folder):
    [run_id] = [each for name, each in ids(folder).items() if name == "Q8_0"]
    runs(folder, "rename", "Q8_0", "eight", "--cohort", "c")
    runs(folder, "tag", run_id, "night")
    shown = runs(folder, "show", run_id[:8]).stdout
    run = Store(folder).find(run_id)
    facts = {name: str(value) for name, value in vars(run).items() if value is not None}
    lines = {line[:22].strip(): line[22:] for line in shown.splitlines()}
    assert {name: lines[name] for name in facts} == facts
    assert (lines["quant_id"], lines["published_as"], lines["tags"]) == ("eight", "Q8_0", "night")
    assert "quant_id eight" in shown and "tag:night true" in shown


def test_what_has_no_reason_or_would_lose_its_reference_is_refused(folder):
    found = ids(folder)
    for words, code, said in (
        (["retract", found["Q8_0"]], ExitCode.USAGE, "--why"),
        (["retract"], ExitCode.USAGE, "which runs"),
        (["retract", found["tiny-f16"], "--why", "x"], ExitCode.MISMATCH, "--with-quants"),
        (["rename", "Q8_0", "tiny-f16"], ExitCode.MISMATCH, "choose another name"),
        (["rename", "Q8_0", "Q4_K_M"], ExitCode.MISMATCH, "which is another file"),
        (["tag", found["Q8_0"], "two words"], ExitCode.USAGE, "one word"),
        (["show", "zz"], ExitCode.NOT_FOUND, "no run begins with it"),
    ):
        done = runs(folder, *words)
        assert done.exit_code == code and said in done.stderr
        assert len(done.stderr.strip().splitlines()) <= 2
    assert ids(folder) == found and Store(folder).ledger.edits() == []


def test_a_model_that_was_renamed_is_not_measured_twice(folder, quants):
    found = ids(folder)
    runs(folder, "rename", "tiny-f16", "f16")
    runs(folder, "rename", "Q8_0", "eight")
    for more in ((), ("--quant-id", "eight")):
        done = ingest(folder, [quants["Q8_0"]], *TEXT, *more, cohort="c")
        assert done.exit_code == 0 and done.stdout == ""
        assert "eight on corpus at context length 64 is already in the warehouse" in done.stderr
    other = ("--corpus", MODEL / "corpus2.txt", *TEXT[2:])
    assert ingest(folder, [quants["Q8_0"]], *other, cohort="c").exit_code == 0
    names = [(run.role, run.quant_id, run.corpus_id) for run in Store(folder).runs()]
    assert names.count(("quant", "eight", "corpus2")) == 1
    assert names.count(("reference", "f16", "corpus2")) == 1 and len(names) == 5
    assert ids(folder).keys() == {"f16", "eight", "Q4_K_M"}
    assert found["Q8_0"] in runs(folder, "list").stdout


def test_measuring_what_was_retracted_puts_it_back(folder, quants):
    found = ids(folder)
    runs(folder, "retract", found["tiny-f16"], "--with-quants", "--why", "in doubt")
    assert ids(folder) == {}
    done = ingest(folder, [quants["Q8_0"]], *TEXT, cohort="c")
    assert done.exit_code == 0 and done.stdout == ""
    assert f"Q8_0 on corpus ({found['Q8_0']}) was retracted, and is back" in done.stderr
    assert set(ids(folder)) == {"tiny-f16", "Q8_0"}


def test_only_a_purge_deletes_and_it_asks(folder, quants):
    found, store = ids(folder), Store(folder)
    runs(folder, "retract", found["Q8_0"], "--why", "in doubt")
    refused = runs(folder, "retract", found["Q8_0"], "--purge")
    assert refused.exit_code == ExitCode.USAGE and "--yes" in refused.stderr
    kept = runs(folder, "retract", found["tiny-f16"], "--purge", "--yes", "--why", "all of it")
    assert kept.exit_code == ExitCode.MISMATCH
    assert store.part("tokens", found["Q8_0"]).exists()
    done = runs(folder, "retract", "--purge", "--yes")
    assert done.exit_code == 0 and found["Q8_0"] in done.stdout
    assert not store.part("tokens", found["Q8_0"]).exists()
    assert ids(folder, "--all").keys() == {"tiny-f16", "Q4_K_M"}
    again = ingest(folder, [quants["Q8_0"]], *TEXT, cohort="c")
    assert again.exit_code == 0 and found["Q8_0"] in again.stdout
    assert ids(folder) == found and REFERENCE.exists()
    nothing = runs(folder, "retract", "--purge", "--yes")
    assert nothing.exit_code == 0 and "nothing to delete" in nothing.stderr


def test_status_tells_what_is_half_done(folder):
    kept = checkpoint.of_quant(Store(folder).staging, "a" * 16, "b" * 16, "Q9 on wiki")
    kept.close_chunk({})
    kept.release()
    done = qwh("status", "--warehouse", folder)
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 4
    assert "Q9 on wiki is half done: the command that began it goes on" in done.stderr
    assert "run qwh build" in done.stderr


def test_a_dry_run_says_that_a_retracted_run_would_be_back(tmp_path):
    log = tmp_path / "q.log"
    log.write_text("Final estimate: PPL = 6.4321 +/- 0.03456\n")
    given = ("ingest", "llama-log", log, "--quant-id", "q", "--cohort", "c", "--warehouse")
    qwh(*given, tmp_path / "w")
    [run_id] = ids(tmp_path / "w").values()
    runs(tmp_path / "w", "retract", run_id, "--why", "a wrong file")
    dry = qwh(*given, tmp_path / "w", "--dry-run")
    assert dry.exit_code == 0 and dry.stdout == ""
    assert f"({run_id}) was retracted, and would be back\n" in dry.stderr
    assert "is back" not in dry.stderr and "already in the warehouse" not in dry.stderr
    assert ids(tmp_path / "w") == {} and len(Store(tmp_path / "w").ledger.edits()) == 1
    done = qwh(*given, tmp_path / "w")
    assert f"({run_id}) was retracted, and is back\n" in done.stderr
    assert ids(tmp_path / "w") == {"q": run_id}
