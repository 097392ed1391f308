"""`qwh demo`: SmolLM2-135M-Instruct and quants of it, from nothing to the printed tables, or from
results that lie here.
"""

import os
import time
from pathlib import Path

from ..database.warehouse import Warehouse
from ..progress import say
from ..raw.store import Store
from . import models

HERE = Path(__file__).resolve().parent
COHORT = "smollm2-135m-instruct"
MADE_FROM = "F16 copy of a Q4_1 file"
TABLES = ("study", "fidelity", "volume_and_direction", "correlations", "zone")
STUDY_TABLES = (*TABLES, "disagreements", "prompt_failure", "token_direction")

SIZES = {  # prompts: every how manieth is asked
    "quick": {"quants": models.QUICK, "chunks": 4, "long_chunks": 2, "prompts": 18},
    "": {"quants": models.QUANTS, "chunks": 16, "long_chunks": 4, "prompts": 4},
    "full": {"quants": models.FULL, "chunks": 16, "long_chunks": 4, "prompts": 1},
}
LENGTH, LONGER = 512, 1024  # the two context lengths of the measurements


def run(folder: Path, name: str) -> None:
    """Make the models, ingest, build, and print the tables: name is one of SIZES. What an earlier
    demo finished is not done again.
    """
    from ..ingest.corpus import ingest_gguf
    from ..ingest.engines.gguf import read_gguf
    from ..ingest.plan import Member, Settings
    from ..ingest.prompts import ingest_prompts, read_benchmark

    clock = time.monotonic()
    size = SIZES[name]
    cohort = f"{COHORT}-{name}" if name else COHORT
    warehouse = Warehouse(folder)
    store = Store(folder).create()
    threads = os.cpu_count() or 1

    say("1/4 making the reference and its quants with llama.cpp's quantizer")
    reference_path = models.make_reference(models.find_source(), warehouse.folder / "models")
    quant_paths = models.make_quants(
        reference_path, warehouse.folder / "models", size["quants"], threads, say
    )
    reference = Member("f16", read_gguf(reference_path))
    quants = [Member(path.stem, read_gguf(path)) for path in quant_paths]

    def settings() -> Settings:
        return Settings(cohort, threads, made_from=MADE_FROM)

    say("2/4 reading prose and code, every position scored against the reference")
    prose, code = f"prose={HERE / 'prose.txt'}", f"code={HERE / 'code.txt'}"
    ingest_gguf(
        store, settings(), reference, quants, [prose, code], [LENGTH], size["chunks"], "half"
    )
    ingest_gguf(
        store, settings(), reference, quants, [prose], [LONGER], size["long_chunks"], "half"
    )

    say("3/4 answering the benchmarks")
    for path in sorted((HERE / "benchmarks").glob("*.jsonl")):
        ingest_prompts(
            store,
            settings(),
            reference,
            quants,
            read_benchmark(path, max_new_tokens=8).every(size["prompts"]),
        )

    say("4/4 dbt build")
    _tables(warehouse, cohort, TABLES, clock)


def study(folder: Path) -> None:
    """Load what `qwh demo --full` measured, build, and print the study's tables."""
    from .study import load

    clock = time.monotonic()
    load(Store(folder).create())
    _tables(Warehouse(folder), f"{COHORT}-full", STUDY_TABLES, clock)


def _tables(warehouse: Warehouse, cohort: str, names: tuple[str, ...], clock: float) -> None:
    """Build and print."""
    from ..commands.shell import status
    from ..exports.tables import terminal

    warehouse.build()
    for name in names:
        print(f"\n{name}")
        print(terminal(warehouse.relation(name, cohort).drop("cohort_id")))
    print()
    status(warehouse)
    print(
        f"\nThe reference is an {MADE_FROM}: these figures compare quants with that copy, not with"
        " the original weights."
    )
    print(
        f"The warehouse is {warehouse.database} (open it with: duckdb -readonly"
        f" {warehouse.database})"
    )
    say(f"done in {time.monotonic() - clock:,.0f} s")
