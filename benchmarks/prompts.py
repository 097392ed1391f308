"""Prompts answered side by side, beside llama.cpp's own server on the same ids and settings.

    python benchmarks/prompts.py --model M.gguf --benchmark facts.jsonl

For 1, 8 and 24 sequences: prompts per second of qwh's engine and of `llama-server -np N`, in turns,
each time loaded anew, medians, with both scores. Answers are greedy and end at a line feed. Before
them the floor: what the prompts' own tokens and the answers take at the model's best rate, in
passes of 60 rows; and how many rows were run for nothing, to fill passes up.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from peer import build
from peer_server import Server

from qwh.ingest.engines import llama_cpp
from qwh.ingest.engines.llama_slots import MOST
from qwh.ingest.engines.port import PLAIN, Reading, Sequence, Start
from qwh.ingest.prompts.answering import PASS
from qwh.ingest.prompts.asked import Asked, tokenized
from qwh.ingest.prompts.benchmarks import Benchmark, read_benchmark
from qwh.ingest.prompts.stopping import Watch


class Took(NamedTuple):
    """One round: wall and CPU seconds, right answers, rows that were run."""

    wall: float
    cpu: float
    right: int
    rows: int = 0


class Questions:
    """Prompts of some benchmarks, as ids of one model."""

    def __init__(self, model: Path, paths: list[Path], step: int, limit: int):
        self.model, self.limit = llama_cpp.file(model), limit
        self.vocabulary = llama_cpp.vocabulary(self.model)
        self.asked: list[tuple[Benchmark, Asked]] = []
        for path in paths:
            benchmark = read_benchmark(path, limit).every(step)
            self.asked += [(benchmark, each) for each in tokenized(benchmark, self.vocabulary)]
        self.prompts = [asked.ids for _, asked in self.asked]
        self.length = max(map(len, self.prompts)) + limit

    def right(self, texts: list[str]) -> int:
        """How many answers are right, by the benchmark's own rule."""
        graded = (b.graded(text, a.prompt) for (b, a), text in zip(self.asked, texts))
        return sum(grade.is_right for grade in graded)

    def own_rows(self, texts: list[str]) -> int:
        """Tokens that must be run: of prompts what none before begins with, and of answers."""
        known: set[int] = set()
        rows = 0
        for ids in self.prompts:
            beginnings = [hash(tuple(ids[:n])) for n in range(1, len(ids) + 1)]
            rows += sum(each not in known for each in beginnings)
            known.update(beginnings)
        return rows + sum(len(self.vocabulary.tokenize(text)) for text in texts)


def ours(questions: Questions, slots: int, threads: int) -> tuple[Took, list[str]]:
    """One round of qwh's engine, and the answers."""
    reading = Reading(rows=PASS, slots=slots)
    model: Any = llama_cpp.load(questions.model, reading, questions.length, threads)
    rows, decode = [0], model.context.decode

    def counted(tokens: np.ndarray, *more: Any) -> Any:
        rows[0] += len(tokens)
        return decode(tokens, *more)

    model.context.decode = counted
    starts = [Start(number, ids, []) for number, ids in enumerate(questions.prompts)]
    benchmark, vocabulary = questions.asked[0][0], questions.vocabulary
    wall, cpu = time.perf_counter(), time.process_time()
    answered = model.answer(starts, questions.limit, lambda: Watch(benchmark, vocabulary))
    found = {answer.number: vocabulary.text(answer.ids) for answer in answered}
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    model.close()
    texts = [found[number] for number in range(len(starts))]
    return Took(wall, cpu, questions.right(texts), rows[0]), texts


def theirs(questions: Questions, slots: int, threads: int, programs: Path) -> Took:
    """One round of the server."""
    program, model = programs / "llama-server", questions.model.path
    with Server(program, model, slots, questions.length, threads) as server:
        wall, cpu = time.perf_counter(), server.cpu()
        texts = server.answers(questions.prompts, questions.limit, ["\n"])
        wall, cpu = time.perf_counter() - wall, server.cpu() - cpu
    return Took(wall, cpu, questions.right(texts))


def best_rate(questions: Questions, threads: int) -> float:
    """Rows per second in passes of as many rows as a sequence gives, nothing scored."""
    model = llama_cpp.load(questions.model, PLAIN._replace(rows=MOST), MOST, threads)
    ids = np.resize(np.array(questions.prompts[0], np.int32), MOST)
    sequence = Sequence(0, ids, np.full(MOST, -1, np.int32))
    rates = []
    for _ in range(12):
        began = time.perf_counter()
        for _ in model.read([sequence], MOST):
            pass
        rates.append(MOST / (time.perf_counter() - began))
    model.close()
    return statistics.median(rates)


def main() -> None:
    """Print the floor, then a line per number of slots."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--benchmark", type=Path, action="append", required=True)
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 8, 24])
    parser.add_argument("--one-in", type=int, default=1)
    parser.add_argument("--max-new-tokens", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    questions = Questions(given.model, given.benchmark, given.one_in, given.max_new_tokens)
    count, programs = len(questions.prompts), build()
    rate = best_rate(questions, given.threads)
    own = questions.own_rows(ours(questions, max(given.slots), given.threads)[1])
    print(
        f"{given.model.name}: {count} prompts; floor {own:,} rows at {rate:,.0f} rows/s ="
        f" {own / rate:.2f} s, {count * rate / own:.1f} prompts/s",
        flush=True,
    )
    for slots in given.slots:
        mine, server = [], []
        for _ in range(given.rounds):
            mine.append(ours(questions, slots, given.threads)[0])
            server.append(theirs(questions, slots, given.threads, programs))
        here, there = (Took(*map(statistics.median, zip(*each))) for each in (mine, server))
        print(
            f"  {slots:>2} slots: qwh {count / here.wall:7.1f} prompts/s, {here.right:g} right;"
            f" llama-server {count / there.wall:7.1f}, {there.right:g} right; ratio"
            f" {there.wall / here.wall:.2f}, of CPU time {there.cpu / here.cpu:.2f}; qwh ran"
            f" {here.rows:,.0f} rows, {here.rows / own - 1:.0%} beyond the floor's",
            flush=True,
        )


if __name__ == "__main__":
    main()
