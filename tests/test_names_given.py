"""A name is a name wherever it is given: as an option, by a path, in a cohort file, at a rename."""

import pytest
from conftest import MODEL, REFERENCE, qwh

from qwh.errors import ExitCode
from qwh.raw.names import LONGEST, RULE, is_name
from qwh.raw.store import Store

LONG = "x" * LONGEST
NO_NAMES = ["", " ", " x", "x ", "a\nb", "a\tb", "\x1b[31mred", "\u202ered", LONG + "x"]
LOG = "Final estimate: PPL = 6.4321 +/- 0.03456\n"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "q.log"
    path.write_text(LOG)
    return path


@pytest.mark.parametrize("name", NO_NAMES)
@pytest.mark.parametrize("option", ["--quant-id", "--cohort"])
def test_an_import_refuses_what_is_no_name(tmp_path, log, option, name):
    given = {"--quant-id": "q", "--cohort": "c"} | {option: name}
    options = [part for pair in given.items() for part in pair]
    done = qwh("ingest", "llama-log", log, *options, "--warehouse", tmp_path / "w")
    assert done.exit_code == ExitCode.USAGE
    assert done.stderr.startswith(f"qwh: {option} ") and RULE in done.stderr
    assert done.stderr.count("\n") == 1 and "\x1b" not in done.stderr
    assert not (tmp_path / "w").exists() or not Store(tmp_path / "w").runs()


@pytest.mark.parametrize("name", NO_NAMES)
def test_models_are_not_opened_for_what_is_no_name(tmp_path, name):
    given = ["--reference", REFERENCE, "--quant", REFERENCE, "--warehouse", tmp_path / "w"]
    for task in (
        ["gguf", "--corpus", MODEL / "corpus.txt"],
        ["prompts", MODEL / "prompts.jsonl"],
    ):
        done = qwh("ingest", *task, *given, "--cohort", "c", "--quant-id", name)
        assert done.exit_code == ExitCode.USAGE and RULE in done.stderr
    assert not (tmp_path / "w").exists()


def test_a_name_found_in_a_path_is_a_name_too(tmp_path):
    path = tmp_path / "logs" / " q.log"
    path.parent.mkdir()
    path.write_text(LOG)
    wanted = ["--quant-from", "logs/{quant}.log", "--cohort", "c", "--warehouse", tmp_path / "w"]
    done = qwh("ingest", "llama-log", path, *wanted)
    assert done.exit_code == ExitCode.USAGE and "{quant}" in done.stderr and RULE in done.stderr


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("cohort", "cohort = {}\n[[imports]]\npath = 'a.log'"),
        ("quants[1].name", "[[quants]]\npath = 'a.gguf'\nname = {}"),
        ("imports[1].reference", "[[imports]]\npath = '{{quant}}.log'\nreference = {}"),
    ],
)
@pytest.mark.parametrize("name", [" x", "a\\nb", LONG + "x"])
def test_a_cohort_file_refuses_what_is_no_name(tmp_path, key, text, name):
    file = tmp_path / "qwh.toml"
    file.write_text(text.format(f'"{name}"'))
    done = qwh("run", file)
    assert done.exit_code == ExitCode.BAD_INPUT and f"{key} is " in done.stderr
    assert RULE in done.stderr and done.stderr.count("\n") == 1


def test_a_run_refuses_a_cohort_that_is_none(tmp_path, monkeypatch, log):
    file = tmp_path / "qwh.toml"
    file.write_text("[[imports]]\npath = 'q.log'\n")
    monkeypatch.setenv("QWH_COHORT", " x")
    for given in (["--cohort", ""], []):
        done = qwh("run", file, *given)
        assert done.exit_code == ExitCode.USAGE and RULE in done.stderr


def test_a_long_name_and_signs_of_every_kind_stay_names(tmp_path, log):
    for name in (LONG, "Q4 K/M=[{1}]*?", "größe-日本", "-q"):
        assert is_name(name)
        done = qwh(
            "ingest", "llama-log", log, f"--quant-id={name}", "--cohort", name,
            "--warehouse", tmp_path / "w",
        )  # fmt: skip
        assert done.exit_code == ExitCode.OK, done.stderr
    assert {run.quant_id for run in Store(tmp_path / "w").runs()} >= {LONG, "-q"}
