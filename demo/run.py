"""`qwh demo`: SmolLM2-135M-Instruct and quants of it, from nothing to a built warehouse.

Or from what lies here: the results of the largest size.
"""

import os
from pathlib import Path
from typing import NamedTuple

from ..database.build import build
from ..database.warehouse import Warehouse
from ..errors import ExitCode, QwhError
from ..progress import say
from ..raw.store import Store
from . import models, study

HERE = Path(__file__).resolve().parent
COHORT = "smollm2-135m-instruct"
MADE_FROM = "F16 copy of a Q4_1 file"
MODELS = "models"  # the folder of the files in the warehouse's


class Size(NamedTuple):
    """How much is measured. lengths: tokens per chunk of prose and code, then of prose again;
    chunks: how many of each; one_in: of so many prompts one is asked.
    """

    cohort: str
    quants: list[str]
    lengths: tuple[int, int]
    chunks: tuple[int, int]
    one_in: int


SHORT = Size(COHORT, models.FIVE, lengths=(256, 512), chunks=(4, 2), one_in=24)
FULL = Size(f"{COHORT}-full", models.FULL, lengths=(512, 1024), chunks=(16, 4), one_in=1)
OURS = (SHORT.cohort, FULL.cohort, "bytes-by-heart")  # the last: the second model's


def run(folder: Path, size: Size) -> str:
    """Make the models, ingest and build; returns the cohort's name.

    What an earlier demo finished is not done again.
    """
    store = Store(folder).create()
    _refuse_others(store)
    threads = os.cpu_count() or 1
    say("1/4 making the reference and its quants with llama.cpp's quantizer")
    files = Warehouse(folder).folder / MODELS
    reference = models.make_reference(models.find_source(), files, threads)
    quants = models.make_quants(reference, files, size.quants, threads)
    _ingest(store, size, reference, quants, threads)
    say("4/4 dbt build")
    build(Warehouse(folder))
    return size.cohort


def _ingest(store: Store, size: Size, reference: Path, quants: list[Path], threads: int) -> None:
    """Texts and prompts through the reference and all quants."""
    from ..ingest.cohort import Settings, job
    from ..ingest.prompts.asking import ask_benchmark
    from ..ingest.prompts.benchmarks import read_benchmark
    from ..ingest.texts.scoring import score_texts
    from ..ingest.texts.text import Cut
    from ..ingest.trace import Trace

    settings = Settings(threads, made_from=MADE_FROM)
    asked = job(size.cohort, reference, quants, None, settings)
    say("2/4 reading prose and code, every position scored against the reference")
    prose, code = f"prose={HERE / 'prose.txt'}", f"code={HERE / 'code.txt'}"
    short, long = (Cut(*each, "half") for each in zip(size.lengths, size.chunks))
    score_texts(store, asked, [prose, code], [short], Trace())
    score_texts(store, asked, [prose], [long], Trace())

    say("3/4 answering the benchmarks, and reading their accepted answers")
    for path in sorted((HERE / "benchmarks").glob("*.jsonl")):
        benchmark = read_benchmark(path, max_new_tokens=8).every(size.one_in)
        ask_benchmark(store, asked, benchmark)


def load(folder: Path) -> str:
    """Load what `qwh demo --full` measured, and the second model, and build; returns the cohort's
    name.
    """
    store = Store(folder).create()
    _refuse_others(store)
    for packed in (study.RESULTS, study.SECOND):
        study.load(store, packed)
    build(Warehouse(folder))
    return FULL.cohort


def _refuse_others(store: Store) -> None:
    """Raise QwhError where a user's own cohort lies: the demo goes beside it, not into it."""
    held = {run.cohort_id for run in store.runs()} - set(OURS)
    if held:
        raise QwhError(
            f"{store.raw.parent} holds the cohort {min(map(str, held))}, which is not the demo's:"
            " name another folder with --warehouse",
            ExitCode.MISMATCH,
        )
