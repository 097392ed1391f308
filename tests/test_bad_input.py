"""Bad input: one line that says what to do, the right exit code, and nothing left behind."""

import errno
import subprocess
import sys

import gguf
import numpy as np
import pytest
from conftest import REFERENCE, ingest, qwh

from qwh.errors import ExitCode, storage_error
from qwh.raw.store import Store


def refused(done, code: ExitCode, *words: str) -> None:
    """Exactly one line on stderr, with these words, and this exit code."""
    assert done.exit_code == code, (done.exit_code, done.stderr, done.exception)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("qwh: "), lines
    for word in words:
        assert word in lines[0]
    assert done.stdout == ""


def nothing_left(warehouse) -> None:
    store = Store(warehouse)
    assert store.runs() == [] and not list((store.raw / "_staging").iterdir())


def test_missing_file(tmp_path):
    refused(
        ingest(tmp_path, [tmp_path / "none.gguf"]), ExitCode.NOT_FOUND, "none.gguf", "no such file"
    )
    nothing_left(tmp_path)


def test_not_a_gguf(tmp_path):
    (tmp_path / "a.gguf").write_text("PK not a model")
    refused(ingest(tmp_path, [tmp_path / "a.gguf"]), ExitCode.BAD_INPUT, "GGUF")
    (tmp_path / "b.gguf").write_bytes(b"")
    refused(ingest(tmp_path, [tmp_path / "b.gguf"]), ExitCode.BAD_INPUT, "empty")
    nothing_left(tmp_path)


@pytest.mark.parametrize("keep", [4, 11, 24, 100, 5_000, 9_000, 1_000_000, -1])
def test_truncated_gguf(tmp_path, keep):
    (tmp_path / "cut.gguf").write_bytes(REFERENCE.read_bytes()[:keep])
    refused(
        ingest(tmp_path, [tmp_path / "cut.gguf"]), ExitCode.BAD_INPUT, "cut.gguf", "fetch it again"
    )
    nothing_left(tmp_path)


def test_damaged_headers_never_crash(tmp_path):
    from qwh.errors import QwhError
    from qwh.ingest.engines.gguf import read_gguf

    whole, rng, damaged = bytearray(REFERENCE.read_bytes()), np.random.default_rng(0), 0
    path = tmp_path / "hurt.gguf"
    for _ in range(300):
        hurt = bytearray(whole)
        for at in rng.integers(0, 9_000, rng.integers(1, 4)):
            hurt[at] = rng.integers(0, 256)
        path.write_bytes(hurt)
        try:
            read_gguf(path)
        except QwhError as error:
            damaged += 1
            assert "\n" not in str(error)
    assert damaged > 30


def rewritten(path, change) -> None:
    """A copy of the test model whose token list went through `change`."""
    reader, writer = gguf.GGUFReader(REFERENCE), gguf.GGUFWriter(path, "llama")
    for key, field in reader.fields.items():
        if not key.startswith("GGUF.") and key != "general.architecture":
            value = field.contents()
            writer.add_key_value(
                key,
                change(value) if key == "tokenizer.ggml.tokens" else value,
                field.types[0],
                field.types[-1] if len(field.types) > 1 else None,
            )
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_other_tokenizer(tmp_path):
    rewritten(
        tmp_path / "other.gguf", lambda tokens: [*tokens[:5], tokens[6], tokens[5], *tokens[7:]]
    )
    refused(
        ingest(tmp_path, [tmp_path / "other.gguf"]),
        ExitCode.MISMATCH,
        "tokens[5]",
        "tokenizers differ",
    )
    rewritten(tmp_path / "fewer.gguf", lambda tokens: tokens[:-1])
    refused(
        ingest(tmp_path, [tmp_path / "fewer.gguf"]), ExitCode.MISMATCH, "256 tokens against 257"
    )
    nothing_left(tmp_path)


def test_corpus_too_short_missing_or_no_text(tmp_path, quants):
    quant = [quants["Q8_0"]]
    (tmp_path / "short.txt").write_text("a" * 255)
    refused(
        ingest(tmp_path, quant, "--corpus", tmp_path / "short.txt"),
        ExitCode.BAD_INPUT,
        "255 tokens",
        "256",
    )
    refused(
        ingest(tmp_path, quant, "--corpus", tmp_path / "none.txt"), ExitCode.NOT_FOUND, "none.txt"
    )
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9" * 200)
    refused(
        ingest(tmp_path, quant, "--corpus", tmp_path / "latin.txt"),
        ExitCode.BAD_INPUT,
        "byte 3",
        "UTF-8",
    )
    nothing_left(tmp_path)


def test_context_length_beyond_the_models(tmp_path, quants):
    refused(
        ingest(tmp_path, [quants["Q8_0"]], "--context-length", 1024),
        ExitCode.BAD_INPUT,
        "1024",
        "512",
    )
    nothing_left(tmp_path)


def test_score_from_nonsense(tmp_path, quants):
    refused(ingest(tmp_path, [quants["Q8_0"]], "--score-from", "thirds"), ExitCode.USAGE, "thirds")
    nothing_left(tmp_path)


def test_two_quants_of_one_name(tmp_path, quants):
    refused(
        ingest(tmp_path, [quants["Q8_0"], quants["Q8_0"]]),
        ExitCode.USAGE,
        "two quants are called Q8_0",
    )


def test_a_warehouse_that_cannot_be_written(tmp_path, quants):
    (tmp_path / "file").write_text("")
    refused(ingest(tmp_path / "file" / "w", [quants["Q8_0"]]), ExitCode.STORAGE, "--warehouse")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("{", "line 2"),
        ('{"prompt": "x"}', "line 2"),
        ('{"prompt": "x", "answers": []}', "line 2"),
        ('{"prompt": 3, "answers": ["a"]}', "line 2"),
        (r'{"prompt": "x", "answers": ["\ud83d"]}', "line 2"),
    ],
)
def test_a_damaged_benchmark(tmp_path, quants, line, found):
    (tmp_path / "b.jsonl").write_text('{"prompt": "a", "answers": "b"}\n' + line + "\n")
    done = qwh(
        "ingest",
        "prompts",
        tmp_path / "b.jsonl",
        "--reference",
        REFERENCE,
        "--quant",
        quants["Q8_0"],
        "--cohort",
        "c",
        "--warehouse",
        tmp_path,
    )
    refused(done, ExitCode.BAD_INPUT, found)
    nothing_left(tmp_path)


def test_unknown_names_and_no_warehouse(tmp_path, warehouse):
    refused(
        qwh("show", "nonsense", "--warehouse", warehouse),
        ExitCode.NOT_FOUND,
        "nonsense",
        "qwh show lists all",
    )
    refused(qwh("show", "../README", "--warehouse", warehouse), ExitCode.NOT_FOUND)
    refused(
        qwh("show", "fidelity", "--warehouse", warehouse, "--cohort", "nobody"),
        ExitCode.NOT_FOUND,
        "nobody",
        "tiny",
    )
    refused(qwh("show", "fidelity", "--warehouse", tmp_path), ExitCode.NOT_FOUND, "qwh init")
    refused(qwh("build", "--warehouse", tmp_path), ExitCode.NOT_FOUND, "qwh init")
    refused(
        qwh(
            "export",
            "fidelity",
            "--format",
            "csv",
            "-o",
            tmp_path / "no" / "x.csv",
            "--warehouse",
            warehouse,
        ),
        ExitCode.NOT_FOUND,
        "x.csv",
    )


def test_prompts_longer_than_the_model_reads(tmp_path, quants):
    (tmp_path / "long.jsonl").write_text('{"prompt": "' + "a" * 600 + '", "answers": "b"}\n')
    done = qwh(
        "ingest",
        "prompts",
        tmp_path / "long.jsonl",
        "--reference",
        REFERENCE,
        "--quant",
        quants["Q8_0"],
        "--cohort",
        "c",
        "--warehouse",
        tmp_path,
    )
    refused(done, ExitCode.BAD_INPUT, "608 tokens")


def test_a_core_install_names_the_extra_it_lacks(tmp_path, quants):
    # as if it were not installed
    code = "import sys; sys.modules['llama_cpp'] = None; from qwh.cli import app; app()"
    arguments = [
        "ingest",
        "gguf",
        "--reference",
        REFERENCE,
        "--quant",
        quants["Q8_0"],
        "--corpus",
        "x.txt",
        "--cohort",
        "c",
        "--warehouse",
        tmp_path,
    ]
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == ExitCode.MISSING_EXTRA, done.stderr
    assert (
        len(done.stderr.splitlines()) == 1
        and "llama-cpp-python" in done.stderr
        and "quant-warehouse[gguf]" in done.stderr
    )


def test_a_limit_on_the_size_of_files_is_not_a_full_disk(tmp_path):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64));"
    limited += f"import sys; sys.argv = ['qwh', 'init', {str(tmp_path / 'w')!r}];"
    limited += "from qwh.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-Bc", limited], capture_output=True, text=True, cwd=tmp_path
    )
    [line] = done.stderr.splitlines()
    assert done.returncode == ExitCode.STORAGE and "File too large" in line
    assert "ulimit -f" in line and "free some space" not in line
    assert qwh("init", tmp_path / "w").exit_code == 0


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free some space or choose another --warehouse"),
        (errno.EACCES, "make it writable or choose another --warehouse"),
        (errno.EROFS, "make it writable or"),
        (errno.EIO, "check the disk or"),
        (None, "check the disk or"),
    ],
)
def test_what_a_disk_refuses_has_its_own_advice(number, words):
    line = str(storage_error("cannot write rows", OSError(number, "it is so", "here")))
    assert line.startswith("cannot write rows: ") and line.endswith("then run it again")
    assert words in line
