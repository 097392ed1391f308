"""`qwh run` from the command line, with the real model: what is missing is done, nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MODEL, REFERENCE, query, qwh

from qwh.database import build
from qwh.ingest import cohort
from qwh.raw import disk
from qwh.raw.store import Store

LENGTH, CHUNKS = 128, 4
COHORT = f"""\
cohort = "mine"
reference = "models/tiny-f16.gguf"
quants = ["models/*.gguf"]
margin = 0.02

[[texts]]
path = "wiki.txt"
context_length = {LENGTH}
chunks = {CHUNKS}

[[texts]]
path = "code.txt"
context_length = {LENGTH}
chunks = {CHUNKS}
primary = true

[[benchmarks]]
path = "facts.jsonl"

[[imports]]
path = "evals/{{quant}}/answers.csv"
kind = "table"
text = "theirs"

[zone]
rule = "kld_max"
threshold = 0.0001
"""


def table(kld: float) -> str:
    return f"quant,kld_mean,kld_mean_se\nx,{kld},0.0001\n"


@pytest.fixture(scope="module")
def begun(tmp_path_factory, quants) -> tuple[Path, str]:
    """A folder in which `qwh run` was typed once, and what that printed."""
    folder = tmp_path_factory.mktemp("begun")
    (folder / "models").mkdir()
    for name, kld in {"Q8_0": 0.001, "Q4_K_M": 0.01}.items():
        shutil.copy(quants[name], folder / "models" / f"tiny-{name}.gguf")
        (folder / "evals" / name).mkdir(parents=True)
        (folder / "evals" / name / "answers.csv").write_text(table(kld))
    shutil.copy(REFERENCE, folder / "models")
    shutil.copy(MODEL / "corpus.txt", folder / "wiki.txt")
    shutil.copy(MODEL / "corpus2.txt", folder / "code.txt")
    lines = (MODEL / "prompts.jsonl").read_text().splitlines(keepends=True)
    (folder / "facts.jsonl").write_text("".join(lines[::16]))
    (folder / "qwh.toml").write_text(COHORT)
    done = qwh("run", folder / "qwh.toml")
    assert done.exit_code == 0, done.stderr
    return folder, done.stdout


@pytest.fixture
def here(begun, tmp_path, monkeypatch) -> Path:
    """A copy of that folder, to work in."""
    folder = shutil.copytree(begun[0], tmp_path / "here")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("QWH_WAREHOUSE", raising=False)
    monkeypatch.delenv("QWH_COHORT", raising=False)
    return folder


@pytest.fixture
def unbuilt(monkeypatch) -> list[dict]:
    """No build: the settings that each would have had; the screen is that of the tables there."""
    asked: list[dict] = []

    def none(_: object, settings: dict) -> build.Built:
        asked.append(settings)
        return build.Built({}, {}, 0, 0, 0, 0.0)

    monkeypatch.setattr(build, "build", none)
    return asked


def runs(folder: Path, **wanted: object) -> list:
    return [
        run
        for run in Store(folder / "warehouse").runs()
        if all(getattr(run, key) == value for key, value in wanted.items())
    ]


def loads(monkeypatch) -> list[str]:
    """The models that are loaded from here on; what is kept of a reference is none."""
    loaded: list[str] = []
    load = cohort.load

    def noted(who, *more):
        if who.file.stream is None:
            loaded.append(who.quant_id)
        return load(who, *more)

    monkeypatch.setattr(cohort, "load", noted)
    return loaded


def test_one_run_measures_builds_and_says_what_is_resolved(begun):
    folder, printed = begun
    assert {run.quant_id for run in runs(folder, role="quant")} == {"Q8_0", "Q4_K_M"}
    assert {run.quant_id for run in runs(folder, role="reference")} == {"tiny-f16"}
    *_, screen = printed.partition("cohort mine: ")
    assert screen.startswith("2 quants against tiny-f16, on code: 4 chunks of 128 tokens")
    assert max(map(len, printed.splitlines())) <= 80
    assert "1\n  benchmark\n" in screen and "kld_mean" in screen and "better" not in screen
    assert f"export QWH_WAREHOUSE={os.path.relpath(folder / 'warehouse')}" in screen
    assert "qwh compare Q8_0 Q4_K_M" in screen and "qwh pick" in screen


def test_the_files_zone_margin_and_primary_text_are_the_tables(begun):
    folder = begun[0] / "warehouse"
    assert query(folder, "select primary_corpus, primary_context_length from dim_cohorts") == [
        ("code", LENGTH)
    ]
    assert query(folder, "select distinct margin from dim_scorings") == [(0.02,)]
    assert query(folder, "select zone_rule, threshold from dim_zone_rules where is_default") == [
        ("kld_max", 0.0001)
    ]
    own = query(folder, "select quant_id from fct_fidelity where estimator = 'table' order by 1")
    assert own == [("Q4_K_M",), ("Q8_0",)], "an import's {quant} is the model file's name"


def test_a_second_run_is_one_line_and_opens_no_model(begun):
    """A process of its own shows what is imported; the files are not read, either."""
    code = (
        "import sys; from qwh.cli import app; from qwh.raw import disk; disk.sha256 = None\n"
        "app(['run'], standalone_mode=False)\n"
        "print(*sys.modules.keys() & {'dbt', 'llama_cpp', 'numba', 'llvmlite', 'torch'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=begun[0], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    line, imported = done.stdout.splitlines()
    assert line.startswith("cohort mine: nothing to do") and len(line) <= 80
    assert imported == "" and done.stderr == ""


def test_a_quant_that_joins_is_run_and_nothing_else(here, quants, unbuilt, monkeypatch):
    before = {run.run_id: run for run in runs(here)}
    shutil.copy(quants["Q2_K"], here / "models" / "tiny-Q2_K.gguf")
    assert qwh("run", "--dry-run").stdout.splitlines() == [
        f"read wiki at context length {LENGTH} with Q2_K",
        f"read code at context length {LENGTH} with Q2_K",
        "ask facts.jsonl of Q2_K",
    ]
    loaded = loads(monkeypatch)
    done = qwh("run")
    assert done.exit_code == 0, done.stderr
    new = [run for run in runs(here) if run.run_id not in before]
    assert [(run.quant_id, run.task, run.corpus_id) for run in new] == [
        ("Q2_K", "corpus", "code"),
        ("Q2_K", "corpus", "wiki"),
        ("Q2_K", "benchmark", "facts"),
        ("Q2_K", "answers", "facts"),
    ]
    assert set(loaded) == {"tiny-f16", "Q2_K"} and loaded.count("tiny-f16") <= 2, loaded
    assert {run.run_id: run for run in runs(here) if run.run_id in before} == before
    assert unbuilt == [
        {"zone_rule": "kld_max", "zone_threshold": 0.0001, "margin": 0.02, "margin_expected": 0.02}
    ]
    assert "Q2_K  code  252 rows, 0 not finite" in done.stderr
    assert "primary" in Store(here / "warehouse").ledger.tags(new[0].run_id)


def test_a_changed_model_is_measured_anew_and_the_older_runs_are_taken_back(here, quants, unbuilt):
    before = {run.run_id for run in runs(here)}
    older = {run.run_id for run in runs(here, quant_id="Q4_K_M") if run.file_sha256}
    shutil.copy(quants["Q3_K_M"], here / "models" / "tiny-Q4_K_M.gguf")
    done = qwh("run")
    assert done.exit_code == 0, done.stderr
    assert "its file has changed: tiny-Q4_K_M.gguf" in done.stderr
    kept = runs(here)
    assert before - {run.run_id for run in kept} == older and len(older) == 4
    sha256 = disk.sha256(quants["Q3_K_M"])
    own = [run for run in kept if run.quant_id == "Q4_K_M" and run.file_sha256]
    assert {run.file_sha256 for run in own} == {sha256} and len(own) == 4
    state = Store(here / "warehouse").ledger.state()
    reasons = {state[str(run_id)]["retracted"].why for run_id in older}
    assert reasons == {"its file has changed: tiny-Q4_K_M.gguf"}
    # the former file again: its runs are put back, no model is run
    shutil.copy(quants["Q4_K_M"], here / "models" / "tiny-Q4_K_M.gguf")
    done = qwh("run")
    assert done.exit_code == 0, done.stderr
    assert {run.run_id for run in runs(here)} == before


def test_changed_texts_and_imports_are_taken_back_too(here, unbuilt):
    (here / "wiki.txt").write_text((here / "wiki.txt").read_text()[500:])
    (here / "evals" / "Q8_0" / "answers.csv").write_text(table(0.02))
    older = {run.run_id for run in runs(here, corpus_id="wiki")}
    older |= {run.run_id for run in runs(here, corpus_id="theirs", quant_id="Q8_0")}
    before = {run.run_id for run in runs(here)}
    done = qwh("run")
    assert done.exit_code == 0, done.stderr
    assert before - {run.run_id for run in runs(here)} == older
    assert len(runs(here)) == len(before), "each has its successor"
    assert "has changed: wiki.txt" in done.stderr and "has changed: answers.csv" in done.stderr
    assert len(runs(here, corpus_id="theirs")) == 2
    (here / "evals" / "Q8_0" / "answers.csv").write_text(table(0.001))
    assert qwh("run").exit_code == 0
    assert {run.run_id for run in runs(here, corpus_id="theirs")} <= before, "as it was at first"
    assert "nothing is missing" in qwh("run", "--dry-run").stdout


def test_what_was_retracted_by_hand_stays_so(here, unbuilt):
    store = Store(here / "warehouse")
    [run] = runs(here, quant_id="Q8_0", corpus_id="wiki")
    done = qwh("runs", "retract", run.run_id, "--why", "cut short", "--warehouse", store.raw.parent)
    assert done.exit_code == 0, done.stderr
    assert qwh("run", "--dry-run").stdout == "cohort mine: nothing is missing\n"
    assert qwh("run").exit_code == 0 and store.find(run.run_id) is None


def test_a_renamed_quant_keeps_its_name_and_is_not_measured_again(here, quants, unbuilt):
    place = ("--cohort", "mine", "--warehouse", here / "warehouse")
    done = qwh("runs", "rename", "Q8_0", "eight", *place)
    assert done.exit_code == 0, done.stderr
    (here / "qwh.toml").write_text(COHORT[: COHORT.index("[[imports]]")])
    assert "nothing is missing" in qwh("run", "--dry-run").stdout
    again = ("--corpus", "wiki.txt", "--context-length", LENGTH, "--chunks", CHUNKS, *place)
    done = qwh("ingest", "gguf", "--reference", "models/tiny-f16.gguf", "--quant", "models", *again)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "" and "eight on wiki at context length" in done.stderr
    text = COHORT[: COHORT.index("[[imports]]")].replace(
        '["models/*.gguf"]', '[{ path = "models/tiny-Q8_0.gguf", name = "Q8_0" }]'
    )
    (here / "qwh.toml").write_text(text)
    done = qwh("run")
    assert "cohort mine has it as eight: run qwh runs rename eight Q8_0" in done.stderr


def test_other_settings_than_the_held_ones_are_said_before_anything_is_run(here, monkeypatch):
    loaded = loads(monkeypatch)
    (here / "qwh.toml").write_text(COHORT.replace(f"chunks = {CHUNKS}", "chunks = 6", 1))
    done = qwh("run")
    assert "chunks of wiki would be 6, and cohort mine holds it with 4" in done.stderr
    assert done.stderr.count("\n") == 1 and not loaded
    (here / "qwh.toml").write_text(COHORT.replace("cohort = ", "cohort = 'other' #", 1))
    assert len(qwh("run", "--dry-run").stdout.splitlines()) == 8
    assert len(qwh("run", "--dry-run", "--cohort", "third").stdout.splitlines()) == 8
    (here / "qwh.toml").write_text(COHORT)
    monkeypatch.setenv("QWH_WAREHOUSE", str(here / "another"))
    assert len(qwh("run", "--dry-run").stdout.splitlines()) == 8
    assert "nothing is missing" in qwh("run", "--dry-run", "--warehouse", "warehouse").stdout
    shutil.copytree(here / "models", here / "more")
    (here / "qwh.toml").write_text(COHORT.replace("models/*.gguf", "mo*/*8_0.gguf"))
    done = qwh("run")
    assert "tiny-Q8_0.gguf are both called Q8_0: give quants names" in done.stderr
    shutil.copy(here / "models" / "tiny-Q8_0.gguf", here / "more" / "tiny-f16.gguf")
    named = "[{ path = 'more/tiny-f16.gguf', name = 'tiny-f16' }]"
    (here / "qwh.toml").write_text(COHORT.replace('["models/*.gguf"]', named))
    done = qwh("run", "--dry-run")
    assert "tiny-f16.gguf and the reference are both called tiny-f16" in done.stderr


def test_the_references_own_file_is_no_quant_though_it_is_named(here, unbuilt):
    for quants, words in {
        '["models/tiny-f16.gguf", "models/*.gguf"]': "nothing is missing",
        '["models/tiny-f16.gguf"]': "no model beside the reference's own",
    }.items():
        (here / "qwh.toml").write_text(COHORT.replace('["models/*.gguf"]', quants))
        done = qwh("run", "--dry-run")
        assert words in done.stdout + done.stderr


def test_names_uploader_and_facts_of_a_quant_are_stored(here, quants, unbuilt):
    shutil.copy(quants["Q2_K"], here / "other.gguf")
    entry = (
        'quants = ["models", { path = "other.gguf", name = "Q2-ours", uploader = "we",'
        ' facts = { imatrix = "wiki", run = 3 } }]'
    )
    text = COHORT.replace('quants = ["models/*.gguf"]', entry)
    (here / "qwh.toml").write_text(text[: text.index("[[benchmarks]]")])
    done = qwh("run")
    assert done.exit_code == 0, done.stderr
    mine = runs(here, quant_id="Q2-ours")
    assert len(mine) == 2 and {run.uploader for run in mine} == {"we"}
    assert json.loads(mine[0].facts or "") == {"imatrix": "wiki", "run": 3}


def test_a_cohort_of_imports_alone(tmp_path, unbuilt, monkeypatch):
    """Its reference is told by what {quant} is for it; without a model nothing is run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qwh.commands.overview.overview", lambda *_: "the screen")
    for name, passed in {"f16": 3, "Q8_0": 2, "Q4_K_M": 1}.items():
        lines = [
            {"task_id": f"HumanEval/{k}", "completion": "", "result": "", "passed": k < passed}
            for k in range(4)
        ]
        path = tmp_path / "evals" / f"run-{name}" / "samples.jsonl_results.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    Path("qwh.toml").write_text(
        "cohort = 'others'\n[[imports]]\npath = './evals/run-{quant}/*.jsonl'\nreference = 'f16'\n"
    )
    assert len(qwh("run", "--dry-run").stdout.splitlines()) == 3
    done = qwh("run")
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "the screen\n" and unbuilt == [None]
    assert {(run.role, run.quant_id) for run in runs(tmp_path)} == {
        ("reference", "f16"),
        ("quant", "Q8_0"),
        ("quant", "Q4_K_M"),
    }
    assert qwh("run", "--dry-run").stdout == "cohort others: nothing is missing\n"


def test_the_only_cohort_is_the_default_and_a_variable_names_one(here, tmp_path, monkeypatch):
    place = ("--warehouse", here / "warehouse")
    (here / "more.csv").write_text(table(0.03).replace("x,", "Q5,"))
    into = qwh("ingest", "table", here / "m*.csv", "--corpus-id", "theirs", *place)
    assert into.exit_code == 0, into.stderr
    assert "into cohort mine, the only one here" in into.stderr
    assert runs(here, quant_id="Q5")[0].cohort_id == "mine"
    (here / "more.csv").write_text(table(0.04).replace("x,", "tiny-Q8_0,"))
    named = qwh("ingest", "table", here / "more.csv", "--corpus-id", "others", *place)
    assert named.exit_code == 0, named.stderr
    assert [run.quant_id for run in runs(here, corpus_id="others")] == ["Q8_0"]
    monkeypatch.setenv("QWH_COHORT", "two")
    named = qwh("ingest", "table", here / "more.csv", *place)
    assert named.exit_code == 0 and runs(here, cohort_id="two")
    monkeypatch.delenv("QWH_COHORT")
    neither = qwh("ingest", "table", here / "more.csv", *place)
    assert neither.exit_code == 2 and "give --cohort one of mine, two" in neither.stderr
    none = qwh("ingest", "table", here / "more.csv", "--warehouse", tmp_path / "new")
    assert none.exit_code == 2 and "there is none yet: give it a name" in none.stderr
