"""Does `qwh ingest` find in the calibrated quants what make.py found in torch?

    python benchmarks/calibrated/through_qwh.py FOLDER [quants]

Writes some of the quants as GGUF files beside the model that make.py left in FOLDER, has llama.cpp
read the text and answer the prompts through qwh's own ingest, and prints how far both agree.
"""

import sys
import tempfile
from pathlib import Path

import make
import numpy as np
import packed
import polars as pl
import quants
import tasks
import train

from qwh.ingest.cohort import Settings, job
from qwh.ingest.prompts.asking import ask_benchmark
from qwh.ingest.prompts.benchmarks import Benchmark
from qwh.ingest.prompts.prompt_lines import Prompt
from qwh.ingest.texts.scoring import score_texts
from qwh.ingest.texts.text import Cut
from qwh.ingest.trace import Trace
from qwh.raw.manifest import RunFacts
from qwh.raw.store import Store

LONGEST = 10  # bytes of an answer with its line's end


def main(folder: Path, count: int) -> None:
    """Measure `count` quants the other way and print a line for each."""
    known = packed.load()
    measured = make.Measured(folder / "reference.gguf")
    with tempfile.TemporaryDirectory() as work:
        files = [written(quant, measured, Path(work)) for quant in quants.planned()[:count]]
        store = Store(Path(work) / "warehouse").create()
        asked = job("calibrated", folder / "reference.gguf", files, None, Settings(1, top_k=0))
        text = Path(work) / "text.txt"
        text.write_bytes(bytes(measured.text.flatten().tolist()))
        cut = Cut(make.LENGTH, make.CHUNKS, "half")
        score_texts(store, asked, [str(text)], [cut], Trace())
        for kind in packed.KINDS:
            ask_benchmark(store, asked, benchmark(kind))
        heads = ("answers equal", "right here", "there", "KLD here", "there")
        print(" " * 16 + "".join(f"{head:>{w}}" for head, w in zip(heads, (16, 12, 8, 10, 10))))
        for path in (folder / "reference.gguf", *files):
            print(line(path.stem, store, known), flush=True)


def written(quant: quants.Quant, measured: make.Measured, work: Path) -> Path:
    """The quant as a file."""
    path = work / f"{quant.quant_id}.gguf"
    if quant.level is None:
        quants.mixed(measured.reference, path, quant.seeds[1])
    else:
        train.save(make.network(measured.made(quant)), path, quant.quant_id)
    return path


def benchmark(kind: str) -> Benchmark:
    """The prompts of a kind as qwh asks them."""
    asked = tasks.prompts(kind, packed.PROMPTS_A_KIND, make.PROMPTS)
    prompts = [Prompt(kind, question, (answer,)) for question, answer in asked]
    return Benchmark(kind, "", prompts, LONGEST)


def line(quant_id: str, store: Store, known: packed.Packed) -> str:
    """What both ways found in one member."""
    runs = [run for run in store.runs() if run.quant_id == quant_id]
    answered = {run.corpus_id: run for run in runs if run.task == "benchmark"}
    there = np.concatenate(
        [rows(store, "samples", answered[kind])["score"] for kind in packed.KINDS]
    )
    if quant_id == "reference":
        here, klds = known.reference, ""
    else:
        at = known.quants.index(quant_id)
        (text,) = (run for run in runs if run.task == "corpus")
        here = known.scores[at]
        klds = f"{known.kld[at].mean():>10.5f}{rows(store, 'tokens', text)['kld'].mean():>10.5f}"
    equal = int((here == (there > 0.5)).sum())
    return f"{quant_id:<16}{equal:>8} of {len(here)}{here.sum():>12}{there.sum():>8.0f}{klds}"


def rows(store: Store, table: str, run: RunFacts) -> pl.DataFrame:
    """A run's rows of a raw table, in their order."""
    return pl.read_parquet(store.part(table, run.run_id), hive_partitioning=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 9)
