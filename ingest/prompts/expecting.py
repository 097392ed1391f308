"""Accepted answers read by every model: how likely each of them, and then an end, would be given.

Nothing is generated: an answer follows its prompt (teacher forcing), and its tokens' probabilities
are those with which sampling would give it. An answer is a token sequence: the text as it would
continue the prompt, with and without the leading space that the harness strips. Its end is the
model's own, or a token that after leading spaces begins with a line feed, where the harness stops.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...errors import ExitCode, QwhError
from ...kernels.scorers.dispatch import AnswerRows
from ...progress import Bar, progress, say
from ...raw.manifest import RunFacts
from ...raw.schema import TABLES
from ...raw.store import RunWriter, Store
from .. import cohort
from ..cohort import Job
from ..engines.port import Sequence, Vocabulary
from ..lockstep import Lane
from ..members import Member
from ..records import Record
from .asked import Asked, common, facts, hashed, key, prompt_row, tokenized
from .benchmarks import Benchmark
from .following import ANY_END, SIDE_BY_SIDE, Reader, Runs, continues
from .prompt_lines import accepted_texts

ROWS = 4096  # rows of answers that wait for the disk
COLDEST = 1e-6  # temperature: float32 holds a difference of logits over it


@dataclass(frozen=True)
class Wanted:
    """How accepted answers are scored.

    temperatures: falling, 1 always among them, for loss is of the model's own distribution.
    longest: tokens of an answer beyond which only that one is stored.
    """

    temperatures: tuple[float, ...] = (1.0, 0.6, 0.3)
    longest: int = 32

    def harness(self, template: str | None = None) -> str:
        """JSON text, stored with every run: the facts that must agree. template: the prompts'."""
        said = {
            "temperatures": self.temperatures,
            "ends": "end of generation, or a line feed after spaces",
            "variants": "as it is and with a leading space",
            "longest_answer": self.longest,
            "layout": "a prompt with its answers in one pass",
            "qwh_answers": 1,
        }
        if template is not None:
            said |= {"template": template, "ends": "end of generation"}
        return json.dumps(said, sort_keys=True)


USUAL = Wanted()


def wanted(temperatures: Iterable[float], longest: int) -> Wanted:
    """What a command line asks for. Raises QwhError: a temperature that is none.

    Temperatures whose names are equal, as scorings print them, are one.
    """
    for each in temperatures:
        if not COLDEST <= each < math.inf:
            raise QwhError(
                f"--temperature {each:g} divides no logits: give a number from {COLDEST:g} up"
                " (answering is what is done at 0)",
                ExitCode.USAGE,
            )
    named = {float(f"{each:g}") for each in (1.0, *temperatures)}
    return Wanted(tuple(sorted(named, reverse=True)), longest)


class Accepted(NamedTuple):
    """One token sequence of an accepted answer."""

    text: str
    ids: list[int]


class Question(NamedTuple):
    """A prompt with the different token sequences of its accepted answers.

    unread: how many of those answers give none, for they are empty or find no room.
    """

    asked: Asked
    accepted: list[Accepted]
    unread: int


def ends(vocabulary: Vocabulary, size: int, newline: bool = True) -> np.ndarray:
    """The ids that end an answer, rising. newline: those of a line feed do."""

    def is_end(token: int) -> bool:
        begins = newline and vocabulary.text([token]).lstrip(" ").startswith("\n")
        return begins or vocabulary.is_end(token)

    return np.fromiter(filter(is_end, range(size)), np.int32)


def questions(asked: list[Asked], vocabulary: Vocabulary, room: int | None) -> list[Question]:
    """Every prompt with its accepted answers, those that fit beside it into `room` positions."""
    found = []
    for each in asked:
        sequences: dict[tuple[int, ...], str] = {}
        unread = sum(not text.strip() for text in each.prompt.answers)
        for text in accepted_texts(each.prompt):
            fits = False
            for variant in (text, f" {text}"):
                ids = tuple(continues(each, variant, vocabulary))
                if ids and (room is None or len(each.ids) + len(ids) <= room):
                    sequences.setdefault(ids, variant)
                    fits = True
            unread += not fits
        accepted = [Accepted(text, list(ids)) for ids, text in sequences.items()]
        found.append(Question(each, accepted, unread))
    return found


def sequences(asked: list[Question]) -> Iterator[Sequence]:
    """What is read, in order: each answer on the memory of its prompt, which keeps what the prompt
    before has in common.
    """
    before: list[int] = []
    for (number, _, prompt, _), accepted, _ in asked:
        for answer in accepted:
            ids = np.array(prompt + answer.ids, np.int32)
            targets = np.full(len(ids), -1, np.int32)
            targets[len(prompt) - 1 :] = [*answer.ids, ANY_END]
            yield Sequence(number, ids, targets, common(before, prompt))
            before = prompt


class Expecting:
    """One benchmark's accepted answers on their way through models, one model at a time.

    They do not need each other: each is a run of its own, published when its last answer is read.
    """

    def __init__(
        self, store: Store, job: Job, benchmark: Benchmark, vocabulary: Vocabulary, wanted: Wanted
    ):
        self.store, self.benchmark, self.wanted = store, benchmark, wanted
        self.job = job.read_with(sequences=SIDE_BY_SIDE)
        file, asked = job.reference.file, tokenized(benchmark, vocabulary)
        self.questions = questions(asked, vocabulary, file.context_length)
        self.ends = ends(vocabulary, file.vocab_size, newline=benchmark.template is None)
        self.sequences = list(sequences(self.questions))
        self.length = max((len(each.ids) for each in self.sequences), default=0)
        ours = {
            "task": "answers",
            "scored_span": "accepted_answers",
            "harness": wanted.harness(benchmark.template),
            "token_stream_sha256": hashed(ids(self.questions)),
            "top_k": None,  # none are kept
        }
        self.shared = cohort.shared_facts(self.job, facts(benchmark, asked, vocabulary) | ours)
        self.runs = Runs(store, self.job, self.shared)

    def _missing(self) -> list[Member]:
        """The members whose runs the store lacks, the reference first; says what cannot be read."""
        name, unread = self.benchmark.benchmark_id, sum(not q.accepted for q in self.questions)
        if not self.sequences:
            say(f"{name} has no accepted answers that can be read: no expected scores of it")
            return []
        if unread:
            say(
                f"{name}: {unread} of {len(self.questions)} prompts have no accepted answer that"
                " can be read (empty, or too long for the model): no expected scores of them"
            )
        beside = sum(bool(q.accepted and q.unread) for q in self.questions)
        if beside:
            say(
                f"{name}: in {beside} of {len(self.questions)} prompts some accepted answers cannot"
                " be read, others can: the expected scores go without those"
            )
        texts = (text for each in self.benchmark.prompts for text in each.answers)
        cut = sum(len(text.strip().splitlines()) > 1 for text in texts)
        if cut:
            say(f"{name}: of {cut} accepted answers with a line feed the first line is read")
        return self.runs.missing(f"{name}'s accepted answers")

    def all(self) -> list[RunFacts]:
        """Every answer through every model that lacks it; publishes one run for each."""
        members = self._missing()
        title = f"reading {self.benchmark.benchmark_id}'s accepted answers"
        published = []
        with progress(title, len(members) * len(self.questions), "prompts") as bar:
            for who in members:
                with closing(cohort.load(who, self.length, self.job.settings)) as model:
                    published.append(self._read(Lane(who, model), bar))
        return published

    def _read(self, lane: Lane, bar: Bar) -> RunFacts:
        is_reference = lane.member is self.job.reference
        tables = ("answer_logprobs", *(("prompts",) if is_reference else ()))
        with ExitStack() as stack:
            writer = stack.enter_context(RunWriter(self.store, *tables))
            record, sheet = Record(writer), Sheet(writer)
            reader = Reader(lane, self.job, self.sequences, self.ends, self.wanted.temperatures)
            stack.callback(reader.close)
            for question in self.questions:
                if is_reference:
                    writer.write("prompts", prompt_row(self.benchmark, question.asked, None))
                for index, answer in enumerate(question.accepted):
                    found = reader.next()
                    record.count(found.finite)
                    sheet.add(self._columns(question, index, answer, found))
                bar.advance(1)
            sheet.flush()
            return record.publish(self.runs.of(lane.member))

    def _columns(
        self, question: Question, index: int, answer: Accepted, found: AnswerRows
    ) -> dict[str, list[Any]]:
        """The rows of one answer, one per temperature."""
        every = list(enumerate(self.wanted.temperatures))
        kept = (
            every
            if len(answer.ids) <= self.wanted.longest
            else [(k, temperature) for k, temperature in every if temperature == 1]
        )
        n = len(kept)
        named = {name: value * n for name, value in key(self.benchmark, question.asked).items()}
        return named | {
            "answer_index": [index] * n,
            "answer": [answer.text] * n,
            "temperature": [temperature for _, temperature in kept],
            "logprob": [found.logprob[:, k].sum() for k, _ in kept],
            "tokens": [len(answer.ids)] * n,
            "bytes": [len(answer.text.encode())] * n,
            "greedy": [bool(found.greedy.all())] * n,
            "entropy": [found.entropy[:, k].mean() for k, _ in kept],
        }


class Sheet:
    """Rows of `answer_logprobs` that go to disk some thousands together."""

    def __init__(self, writer: RunWriter):
        self.writer = writer
        self.columns: dict[str, list[Any]] = {name: [] for name in TABLES["answer_logprobs"].names}

    def add(self, rows: dict[str, list[Any]]) -> None:
        """Take rows, column by column."""
        for name, values in rows.items():
            self.columns[name] += values
        if len(self.columns["answer"]) >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Hand on what waits."""
        if self.columns["answer"]:
            self.writer.write("answer_logprobs", self.columns)
            self.columns = {name: [] for name in self.columns}


def ids(asked: list[Question]) -> list[Any]:
    """What is read, as nested lists."""
    return [[each.asked.ids, [answer.ids for answer in each.accepted]] for each in asked]
