"""What it costs to read accepted answers, beside answering: prompts per second of each.

    python benchmarks/accepted_answers.py --reference R.gguf --quant A.gguf --benchmark facts.jsonl

Both are asked of the same prompts and members, in turns, each time in a new warehouse; medians are
printed, wall and CPU time. A prompt counts once for every member. `floor` runs the prompts alone,
what each has not in common with the one before, and asks for the logits of its last token; `apart`
reads the same answers one sequence at a time.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from qwh.ingest import cohort
from qwh.ingest.cohort import Job, Settings, job
from qwh.ingest.engines.port import Sequence
from qwh.ingest.prompts.answering import Answering
from qwh.ingest.prompts.benchmarks import Benchmark, read_benchmark
from qwh.ingest.prompts.expecting import USUAL, Expecting
from qwh.raw.store import Store


def answering(asked: Job, benchmark: Benchmark, folder: Path) -> None:
    """Greedy answers of all members, the reference's read by all."""
    with closing(asked.reference.engine.vocabulary(asked.reference.file)) as vocabulary:
        Answering(Store(folder).create(), asked, benchmark, vocabulary).all()


def expecting(asked: Job, benchmark: Benchmark, folder: Path) -> Expecting:
    """Accepted answers read by all members."""
    with closing(asked.reference.engine.vocabulary(asked.reference.file)) as vocabulary:
        found = Expecting(Store(folder).create(), asked, benchmark, vocabulary, USUAL)
        found.all()
    return found


def read(asked: Job, sequences: list[Sequence]) -> None:
    """Sequences through every member, one by one, nothing scored."""
    length = max(len(each.ids) for each in sequences)
    for who in (asked.reference, *asked.quants):
        with closing(cohort.load(who, length, asked.settings)) as model:
            for _ in model.read(sequences, asked.settings.reading.rows):
                pass


def alone(found: Expecting) -> list[Sequence]:
    """The prompts without their answers."""
    prompts = []
    for asked in (question.asked for question in found.questions):
        targets = np.full(len(asked.ids), -1, np.int32)
        targets[-1] = 0
        prompts.append(Sequence(asked.number, np.array(asked.ids, np.int32), targets, asked.shared))
    return prompts


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def rounds(asked: Job, benchmark: Benchmark, count: int) -> dict[str, tuple[float, float]]:
    """Median wall and CPU seconds of each way, all ways in turns."""
    took: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as work:
        found = expecting(asked, benchmark, Path(work) / "first")  # and all is in memory
        prompts = alone(found)
        for number in range(count):
            folder = Path(work) / str(number)
            ways: dict[str, Callable[[], object]] = {
                "answering": partial(answering, asked, benchmark, folder),
                "reading": partial(expecting, asked, benchmark, folder),
                "apart": partial(read, asked, found.sequences),
                "floor": partial(read, asked, prompts),
            }
            for name, way in ways.items():
                took.setdefault(name, []).append(timed(way))
    medians = ([statistics.median(each) for each in zip(*seconds)] for seconds in took.values())
    return {name: (wall, cpu) for name, (wall, cpu) in zip(took, medians)}


def main() -> None:
    """Print a line per way, and how many times as fast as answering it is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--quant", type=Path, action="append", required=True)
    parser.add_argument("--benchmark", type=Path, action="append", required=True)
    parser.add_argument("--one-in", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=cohort.all_threads())
    given = parser.parse_args()
    asked = job("speed", given.reference, given.quant, None, Settings(given.threads))
    for path in given.benchmark:
        benchmark = read_benchmark(path, max_new_tokens=8).every(given.one_in)
        took = rounds(asked, benchmark, given.rounds)
        print(f"{path.stem}: {len(benchmark.prompts)} prompts, {1 + len(asked.quants)} members")
        count = (1 + len(asked.quants)) * len(benchmark.prompts)
        base = took["answering"]
        for name, (wall, cpu) in took.items():
            print(
                f"  {name:<10}{count / wall:8.1f} prompts/s, {count / cpu:8.1f} per CPU second;"
                f" {base[0] / wall:.2f} and {base[1] / cpu:.2f} times as fast as answering",
                flush=True,
            )


if __name__ == "__main__":
    main()
