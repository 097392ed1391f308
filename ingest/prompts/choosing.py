"""Multiple choice: how likely every model finds each choice after its prompt, and which it takes.

As lm-evaluation-harness has it: a choice's log-likelihood is the sum over its tokens, the likeliest
choice is the answer, and where lengths are to be made up for it is divided by the characters of
the choice.
"""

from contextlib import ExitStack, closing
from typing import Any, NamedTuple

import numpy as np

from ...errors import ExitCode, QwhError
from ...progress import Bar, progress
from ...raw.manifest import RunFacts
from ...raw.store import RunWriter, Store
from .. import cohort
from ..cohort import Job
from ..engines.port import Sequence, Vocabulary
from ..lockstep import Lane
from ..readings import seconds
from ..records import Record
from .asked import Asked, common, facts, hashed, key, prompt_row, refuse_long, tokenized
from .benchmarks import CHOICES, Benchmark
from .following import SIDE_BY_SIDE, Reader, Runs, continues

AS_IT_IS = (1.0,)  # temperature
NO_ENDS = np.empty(0, np.int32)  # a choice is scored without an end


class Question(NamedTuple):
    """A prompt with the ids of each of its choices."""

    asked: Asked
    choices: list[list[int]]


def questions(benchmark: Benchmark, vocabulary: Vocabulary) -> list[Question]:
    """Every prompt with its choices. Raises QwhError for a choice that adds no token."""
    found = []
    for each in tokenized(benchmark, vocabulary):
        ids = [continues(each, text, vocabulary) for text in each.prompt.continuations]
        if not all(ids):
            raise QwhError(
                f"choice {ids.index([])} of prompt {each.number + 1} of {benchmark.benchmark_id}"
                " adds no token to it: mend that line",
                ExitCode.BAD_INPUT,
            )
        found.append(Question(each, ids))
    return found


def sequences(asked: list[Question]) -> list[Sequence]:
    """What is read, in order: each choice on the memory of its prompt."""
    found: list[Sequence] = []
    before: list[int] = []
    for question in asked:
        prompt = question.asked.ids
        for choice in question.choices:
            ids = np.array(prompt + choice[:-1], np.int32)
            targets = np.full(len(ids), -1, np.int32)
            targets[len(prompt) - 1 :] = choice
            found.append(Sequence(question.asked.number, ids, targets, common(before, prompt)))
            before = prompt
    return found


def ids(asked: list[Question]) -> list[Any]:
    """What is read, as nested lists."""
    return [[each.asked.ids, each.choices] for each in asked]


class Choosing:
    """One benchmark's choices on their way through models, one model at a time."""

    def __init__(self, store: Store, job: Job, benchmark: Benchmark, vocabulary: Vocabulary):
        self.store, self.benchmark, self.job = (
            store,
            benchmark,
            job.read_with(sequences=SIDE_BY_SIDE),
        )
        self.questions = questions(benchmark, vocabulary)
        self.sequences = sequences(self.questions)
        self.length = max(len(each.ids) for each in self.sequences)
        refuse_long(job, benchmark, self.length, "it, or its choices")
        asked = [each.asked for each in self.questions]
        ours = {
            "scored_span": CHOICES,
            "token_stream_sha256": hashed(ids(self.questions)),
            "top_k": None,  # none are kept
        }
        self.shared = cohort.shared_facts(self.job, facts(benchmark, asked, vocabulary) | ours)
        self.runs, self.seconds = Runs(store, self.job, self.shared), seconds(store, self.job)

    def all(self) -> list[RunFacts]:
        """Every choice through every model that lacks it; publishes one run for each."""
        name, published = self.benchmark.benchmark_id, []
        members = self.runs.missing(f"{name}'s choices", self.seconds)
        total = len(members) * len(self.questions)
        with progress(f"reading {name}'s choices", total, "prompts") as bar:
            for who in members:
                with closing(cohort.load(who, self.length, self.job.settings)) as model:
                    published.append(self._read(Lane(who, model), bar))
        return published

    def _read(self, lane: Lane, bar: Bar) -> RunFacts:
        is_reference = lane.member is self.job.reference
        tables = ("choices", "samples", *(("prompts",) if is_reference else ()))
        with ExitStack() as stack:
            writer = stack.enter_context(RunWriter(self.store, *tables))
            record = Record(writer)
            reader = Reader(lane, self.job, self.sequences, NO_ENDS, AS_IT_IS)
            stack.callback(reader.close)
            for question in self.questions:
                if is_reference:
                    writer.write("prompts", prompt_row(self.benchmark, question.asked, None))
                sums = []
                for _ in question.choices:
                    found = reader.next()
                    record.count(found.finite)
                    sums.append(float(found.logprob[:, 0].sum()))
                self._write(writer, question, sums)
                bar.advance(1)
            return record.publish(self.runs.of(lane.member))

    def _write(self, writer: RunWriter, question: Question, sums: list[float]) -> None:
        """A prompt's choices with their log-likelihoods, and the one that is taken."""
        prompt, n = question.asked.prompt, len(sums)
        # of what is no number nothing is taken
        taken = int(np.argmax(sums)) if np.isfinite(sums).all() else None
        named = key(self.benchmark, question.asked)
        writer.write(
            "choices",
            {name: named[name] * n for name in ("benchmark_id", "prompt_id")}
            | {
                "choice": list(range(n)),
                "loglikelihood": sums,
                "length": [len(text) for text in prompt.choices],
                "is_right": [place in prompt.right for place in range(n)],
            },
        )
        sample = {
            "attempt": [0],
            "answer": ["" if taken is None else prompt.choices[taken]],
            "score": [float(taken in prompt.right)],
            "answer_tokens": [0 if taken is None else len(question.choices[taken])],
            "finish_reason": [None],
        }
        writer.write("samples", named | sample)
