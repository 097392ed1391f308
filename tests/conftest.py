"""What the tests share: a small real model (tests/model), real quants of it, and a warehouse filled
with them.
"""

import os
from pathlib import Path

import duckdb
import pytest
from compiled import manifest  # noqa: F401 (a fixture)
from toy import copy, toy  # noqa: F401 (fixtures)
from typer.testing import CliRunner

import qwh.kernels
from qwh.cli import app

if not Path("/dev/nvidiactl").exists():
    # no GPU: Triton's kernels run under its interpreter; read when Triton is imported
    os.environ["TRITON_INTERPRET"] = "1"

kernels = Path(qwh.kernels.__file__).parent / "scorers"
changed = max((kernels / name).stat().st_mtime for name in ("lanes.py", "fits.py", "rows.py"))
for entry in ("loops.py", "answers.py"):
    if changed > (kernels / entry).stat().st_mtime:
        # numba's cache looks at this file only, and would keep code from before the change
        (kernels / entry).touch()

MODEL = Path(__file__).parent / "model"
REFERENCE = MODEL / "tiny-f16.gguf"
QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
LENGTH, CHUNKS = 128, 12


def qwh(*arguments: object):
    """Run the command line in this process; the result has exit_code, stdout and stderr."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def query(warehouse: Path, sql: str) -> list[tuple]:
    """Rows of a query to the built file, on a connection that is closed again."""
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as connection:
        return connection.sql(sql).fetchall()


def ingest(warehouse: Path, quants: list[Path], *more: object, cohort: str = "tiny"):
    """`qwh ingest gguf` on the test model and its first text."""
    files = [part for path in quants for part in ("--quant", path)]
    options = {"--corpus": MODEL / "corpus.txt", "--context-length": LENGTH, "--chunks": CHUNKS}
    given = [part for name, value in options.items() if name not in more for part in (name, value)]
    return qwh(
        "ingest",
        "gguf",
        "--reference",
        REFERENCE,
        *files,
        "--cohort",
        cohort,
        "--warehouse",
        warehouse,
        *given,
        *more,
    )


@pytest.fixture(scope="session")
def quants(tmp_path_factory) -> dict[str, Path]:
    """name -> a GGUF made from the test model by llama.cpp's own quantizer."""
    from qwh.demo.models import make_quants

    folder = tmp_path_factory.mktemp("quants")
    paths = make_quants(REFERENCE, folder, QUANTS, 2)
    return dict(zip(QUANTS, paths))


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory, quants) -> Path:
    """A built warehouse: six quants, two texts, two context lengths, one benchmark."""
    folder = tmp_path_factory.mktemp("warehouse")
    files = list(quants.values())
    texts = (
        "--corpus",
        MODEL / "corpus.txt",
        "--corpus",
        MODEL / "corpus2.txt",
        "--context-length",
        LENGTH,
        "--context-length",
        2 * LENGTH,
        "--chunks",
        CHUNKS,
    )
    for done in (
        ingest(folder, files, *texts),
        qwh(
            "ingest",
            "prompts",
            MODEL / "prompts.jsonl",
            "--reference",
            REFERENCE,
            *(part for path in files for part in ("--quant", path)),
            "--cohort",
            "tiny",
            "--warehouse",
            folder,
        ),
        qwh("build", "--warehouse", folder),
    ):
        assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Path:
    """The warehouse of `qwh demo --study`, built from the packed results; what that command printed
    lies beside it in printed.txt.
    """
    folder = tmp_path_factory.mktemp("study") / "warehouse"
    done = qwh("demo", "--study", "--warehouse", folder)
    assert done.exit_code == 0, done.stderr
    (folder.parent / "printed.txt").write_text(done.stdout)
    return folder
