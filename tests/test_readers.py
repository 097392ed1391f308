"""The readers' registry: who recognises what, what a reader module is, and what it needs."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from harness_files import (
    CHOICES,
    DETAILS,
    EVALPLUS,
    FIXTURES,
    HELM,
    INSPECT,
    LIGHTEVAL,
    LIVECODEBENCH,
    LM_EVAL,
    QUESTIONS,
    READERS,
    RESULTS,
    read,
    refused,
)

from qwh.errors import ExitCode, QwhError
from qwh.ingest.readers import registry
from qwh.ingest.readers.port import Reader
from qwh.ingest.readers.registry import KINDS, Kind

TESTS = Path(__file__).parent


def head(path: Path) -> bytes:
    return path.read_bytes()[: 1 << 16] if path.is_file() else b""


def test_every_file_is_recognised_by_its_reader_alone():
    owners = {
        QUESTIONS: "lm-eval",
        CHOICES: "lm-eval",
        RESULTS: "lm-eval",
        LM_EVAL: "lm-eval",
        LM_EVAL.parent: "lm-eval",
        LIVECODEBENCH: "livecodebench",
        EVALPLUS: "evalplus",
        **dict.fromkeys(sorted(INSPECT.iterdir()), "inspect"),
        **dict.fromkeys(DETAILS, "lighteval"),
        LIGHTEVAL: "lighteval",
        HELM / "per_instance_stats.json": "helm",
        HELM: "helm",
    }
    for path, owner in owners.items():
        by = [kind for kind, reader in READERS.items() if reader.recognises(path, head(path))]
        assert by == [owner], path
        assert registry.recognise(path) == owner
    for path in (FIXTURES / "README.md", FIXTURES / "remake.py"):
        assert not any(reader.recognises(path, head(path)) for reader in READERS.values()), path
    with pytest.raises(QwhError, match=r"holds files of lm-eval and .*name the kind"):
        registry.recognise(FIXTURES)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_missing_and_unusable_paths(tmp_path, reader):
    with pytest.raises(QwhError) as error:
        read(reader, tmp_path / "none.json")
    assert error.value.code == ExitCode.NOT_FOUND
    refused(reader, tmp_path)
    refused(reader, Path("/dev/null"), "neither a file nor a folder")


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_is_a_module_of_two_functions(kind):
    reader = registry.reader(kind)
    for name in ("recognises", "read"):
        promised = list(inspect.signature(getattr(Reader, name)).parameters)
        assert list(inspect.signature(getattr(reader, name)).parameters) == promised[1:]
    assert reader.__doc__ and KINDS[kind].sentence[-1] != "."
    tests = [path for path in TESTS.glob("test_*.py") if KINDS[kind].module in path.read_text()]
    assert tests, f"no test names {KINDS[kind].module}"


def test_readers_whose_extra_is_not_installed_are_not_asked(monkeypatch):
    def import_module(name, package):
        raise ModuleNotFoundError(name="some_package")

    monkeypatch.setattr(registry, "import_module", import_module)
    monkeypatch.setattr(registry, "KINDS", {"needy": Kind("needy", "what needs more", "more")})
    with pytest.raises(QwhError, match=r"some_package.*quant-warehouse\[more\]") as error:
        registry.reader("needy")
    assert error.value.code == ExitCode.MISSING_EXTRA
    assert registry.recognise(LIVECODEBENCH) is None


WITHOUT_EXTRAS = """
import sys
for package in ("gguf", "llama_cpp", "llvmlite", "numba", "torch", "transformers", "triton"):
    sys.modules[package] = None
from qwh.cli import app
app()
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("auto", TESTS / "fixtures" / "printed" / "kld.log"),
        ("auto", INSPECT / "whole.eval"),
        ("auto", LIGHTEVAL),
        ("generic", "runs.csv", "--map", "item=task", "--map", "score=passed"),
    ],
    ids=["log", "zip", "parquet", "generic"],
)
def test_readers_need_no_extra(tmp_path, arguments):
    (tmp_path / "runs.csv").write_text("task,passed\na,true\nb,false\n")
    options = ("--cohort", "c", "--quant-id", "q", "--warehouse", tmp_path / "w")
    done = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT_EXTRAS, "ingest", *map(str, (*arguments, *options))],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0 and "complete" in done.stdout, done.stderr
