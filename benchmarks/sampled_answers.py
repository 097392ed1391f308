"""Whether sampling gives accepted answers as often as is stored of them.

    python benchmarks/sampled_answers.py MODEL.gguf BENCHMARK.jsonl

Of 20 prompts 2,000 whole answers each are sampled token by token from llama.cpp's logits, each
text run anew, until the harness would stop. For every prompt: how many were an accepted token
sequence with an end, beside the expected score; in the end the sum of z^2 over prompts. `as text`
are those that spell an accepted answer in any tokens, of which that score is a lower bound.
"""

import argparse
from contextlib import closing
from pathlib import Path

import numpy as np

from qwh.ingest import cohort
from qwh.ingest.cohort import Settings, job
from qwh.ingest.engines.port import Model, Sequence, Vocabulary
from qwh.ingest.prompts.asked import tokenized
from qwh.ingest.prompts.benchmarks import read_benchmark
from qwh.ingest.prompts.expecting import Question, ends, questions
from qwh.ingest.prompts.prompt_lines import accepted_texts

LONGEST = 48  # tokens of a sampled answer
PROMPTS, TIMES = 20, 2000


class Sampler:
    """Chances of the next token after any ids, kept where they were asked for before."""

    def __init__(self, model: Model, prompt: list[int], temperature: float):
        self.model, self.prompt, self.temperature = model, prompt, temperature
        self.known: dict[tuple[int, ...], np.ndarray] = {}

    def chances(self, given: tuple[int, ...]) -> np.ndarray:
        """Running sums of the probabilities [V], float64."""
        if given not in self.known:
            ids = np.array([*self.prompt, *given], np.int32)
            targets = np.full(len(ids), -1, np.int32)
            targets[-1] = 0
            (logits,) = self.model.read([Sequence(0, ids, targets)], len(ids))
            assert isinstance(logits, np.ndarray)
            z = np.asarray(logits[-1], np.float64) / self.temperature
            p = np.exp(z - z.max())
            self.known[given] = np.cumsum(p / p.sum())
        return self.known[given]

    def sample(self, stops: set[int], vocabulary: Vocabulary, draw: np.random.Generator) -> tuple:
        """An answer's ids, its end left out, and whether it came to one."""
        given: tuple[int, ...] = ()
        while len(given) < LONGEST:
            token = int(np.searchsorted(self.chances(given), draw.random(), side="right"))
            # a line feed before the answer is stripped by the harness, and does not end it
            if token in stops and (given or vocabulary.is_end(token)):
                return given, True
            given += (token,)
        return given, False


def expected(model: Model, each: Question, stops: set[int], temperature: float) -> float:
    """The expected score in float64, from texts that run anew."""
    total, sampler = 0.0, Sampler(model, each.asked.ids, temperature)
    for answer in each.accepted:
        p = 1.0
        for i, token in enumerate(answer.ids):
            p *= np.diff(sampler.chances(tuple(answer.ids[:i])), prepend=0.0)[token]
        last = np.diff(sampler.chances(tuple(answer.ids)), prepend=0.0)
        total += p * last[list(stops)].sum()
    return total


def compared(
    model: Model, vocabulary: Vocabulary, each: Question, stops: set[int], temperature: float
) -> tuple[float, int, int]:
    """(expected score, times an accepted sequence was sampled, times it was spelt) of a prompt."""
    draw = np.random.default_rng(15 + each.asked.number)
    sampler = Sampler(model, each.asked.ids, temperature)
    wanted = {tuple(answer.ids) for answer in each.accepted}
    texts, hits, spelt = accepted_texts(each.asked.prompt), 0, 0
    for _ in range(TIMES):
        ids, ended = sampler.sample(stops, vocabulary, draw)
        hits += ended and ids in wanted
        spelt += ended and vocabulary.text(list(ids)).strip() in texts
    return expected(model, each, stops, temperature), hits, spelt


def main() -> None:
    """Print a line per prompt and temperature, then the sums."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("benchmark", type=Path)
    given = parser.parse_args()
    asked = job("sampled", given.model, [given.model], ["same"], Settings(1))
    who = asked.reference
    with closing(who.engine.vocabulary(who.file)) as vocabulary:
        benchmark = read_benchmark(given.benchmark, 8)
        every = questions(tokenized(benchmark, vocabulary), vocabulary, who.file.context_length)
        stops = set(ends(vocabulary, who.file.vocab_size).tolist())
        length = max(len(each.asked.ids) for each in every) + LONGEST
        with closing(cohort.load(who, length, asked.settings)) as model:
            # those that are neither sure nor hopeless tell most
            every.sort(key=lambda each: abs(expected(model, each, stops, 1.0) - 0.5))
            for temperature in (1.0, 0.6):
                squares = []
                for each in every[:PROMPTS]:
                    p, hits, spelt = compared(model, vocabulary, each, stops, temperature)
                    z = (hits - TIMES * p) / (TIMES * p * (1 - p)) ** 0.5
                    squares.append(z**2)
                    print(
                        f"T {temperature:g}  prompt {each.asked.number:>4}: expected {p:.4f},"
                        f" sampled {hits / TIMES:.4f}, as text {spelt / TIMES:.4f}, z {z:+.2f}",
                        flush=True,
                    )
                print(f"T {temperature:g}: sum of z^2 {sum(squares):.1f} over {len(squares)}")


if __name__ == "__main__":
    main()
