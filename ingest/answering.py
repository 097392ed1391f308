"""Prompts answered greedily by every model, and the reference's answers read by all.

Each model answers each prompt by itself; the answer is right if, normalised, it is one of the
expected ones. The reference's own answer is read by every quant (teacher forcing), so that each
prompt has a KLD.
"""

import hashlib
import json
from contextlib import ExitStack, closing
from typing import Any, NamedTuple

import numpy as np

from ..errors import ExitCode, QwhError
from ..kernels.scorers import dispatch
from ..progress import progress
from ..raw.manifest import RunFacts
from ..raw.store import RunWriter, Store
from . import cohort
from .benchmarks import Benchmark, Prompt, normalise
from .cohort import Job, Member
from .engines.port import Answer, Sequence, Speaker, Start, Vocabulary
from .lockstep import Lane, Scored, Scorer, load
from .records import Record, publish
from .trace import Trace


class Asked(NamedTuple):
    """A benchmark's prompt. ids: its tokens; shared: those that the prompt before begins with."""

    number: int
    prompt: Prompt
    ids: list[int]
    shared: int


def answer_benchmark(store: Store, job: Job, benchmark: Benchmark) -> list[RunFacts]:
    """Answer a benchmark with the reference and every quant. Returns the new runs.

    Runs that the store holds already are left out. Raises QwhError; nothing half done stays behind.
    """
    for member in (job.reference, *job.quants):
        if member.file.stream is not None:
            raise QwhError(
                f"{member.file.path.name} holds logits of one text and answers nothing: give the"
                " model that wrote it",
                ExitCode.USAGE,
            )
    file = job.reference.file
    with closing(job.reference.engine.vocabulary(file)) as vocabulary:
        asked = _tokenized(benchmark, vocabulary)
        length = max(len(each.ids) for each in asked) + benchmark.max_new_tokens
        if file.context_length and length > file.context_length:
            raise QwhError(
                f"the longest prompt of {benchmark.benchmark_id} needs {length} tokens, beyond what"
                f" {file.path.name} was made for ({file.context_length}): shorten it",
                ExitCode.BAD_INPUT,
            )
        cohort.refuse_other_reading(
            job, lambda theirs: _other_answers(benchmark, file.vocab_size, vocabulary, theirs)
        )
        shared = cohort.shared_facts(job, _facts(benchmark, asked, vocabulary))
        cohort.refuse_mixing(store, job, [shared])
        todo = cohort.missing(store, job, shared, benchmark.benchmark_id)
        published = []
        for group in cohort.groups(job, todo, length):
            with ExitStack() as stack:
                members = [job.reference, *group]
                lanes = load(stack, members, length, job.settings)
                refuse_mute(lanes)
                published += _Answering(store, job, benchmark, vocabulary).all(lanes, asked, shared)
    return published


def refuse_mute(lanes: list[Lane]) -> None:
    """Raise QwhError unless all models can go on from their own tokens."""
    for lane in lanes:
        if not isinstance(lane.model, Speaker):
            raise QwhError(
                f"{lane.member.file.path.name} cannot answer prompts: the engine"
                f" {lane.member.kind} only reads: use a model of another engine",
                ExitCode.USAGE,
            )


def _tokenized(benchmark: Benchmark, vocabulary: Vocabulary) -> list[Asked]:
    found: list[Asked] = []
    before: list[int] = []
    for index, prompt in enumerate(benchmark.prompts):
        ids = vocabulary.tokenize(prompt.text).tolist()
        same = next((i for i, (a, b) in enumerate(zip(before, ids)) if a != b), None)
        common = min(len(before), len(ids)) if same is None else same
        found.append(Asked(index, prompt, ids, min(common, len(ids) - 1)))
        before = ids
    return found


def _other_answers(
    benchmark: Benchmark, vocab_size: int, ours: Vocabulary, theirs: Vocabulary
) -> str | None:
    """In what the prompts or the ends of answers differ between two vocabularies, if at all."""
    here, there = ([each.ids for each in _tokenized(benchmark, x)] for x in (ours, theirs))
    if here != there:
        return f"the tokens of {benchmark.benchmark_id}'s prompts"
    ends = any(ours.is_end(token) != theirs.is_end(token) for token in range(vocab_size))
    return "EOS, at which answers end" if ends or ours.eos != theirs.eos else None


def _facts(benchmark: Benchmark, asked: list[Asked], vocabulary: Vocabulary) -> dict[str, Any]:
    """The fields of RunFacts about the benchmark."""
    ids = [each.ids for each in asked]
    return {
        "task": "benchmark",
        "scored_span": "ref_answer",
        "corpus_id": benchmark.benchmark_id,
        "benchmark_id": benchmark.benchmark_id,
        "corpus_sha256": benchmark.sha256,
        "corpus_rank": 0,
        "corpus_tokens": sum(map(len, ids)),
        "chunks": len(ids),
        "add_bos": vocabulary.add_bos,
        "harness": benchmark.harness,
        "token_stream_sha256": hashlib.sha256(json.dumps(ids).encode()).hexdigest(),
    }


class _Answering:
    """One group of loaded models on its way through a benchmark."""

    def __init__(self, store: Store, job: Job, benchmark: Benchmark, vocabulary: Vocabulary):
        self.store, self.job, self.benchmark = store, job, benchmark
        self.vocabulary = vocabulary
        self.records: dict[Member, Record] = {}
        self.choices: dict[Member, list[np.ndarray]] = {}  # top ids along the reference's answer

    def all(self, lanes: list[Lane], asked: list[Asked], shared: RunFacts) -> list[RunFacts]:
        """Every prompt through every model; publishes one run for each."""
        title = f"answering {self.benchmark.benchmark_id}"
        with ExitStack() as stack:
            for lane in lanes:
                ours = ("reference_tokens", "prompts") if lane is lanes[0] else ("tokens",)
                writer = stack.enter_context(RunWriter(self.store, *ours, "samples"))
                self.records[lane.member] = Record(writer)
            bar = stack.enter_context(progress(title, len(asked) * len(lanes), "prompts"))
            settings = self.job.settings
            scorer = stack.enter_context(
                Scorer(lanes, settings, self._take, Trace(), lambda positions: None)
            )
            for each in asked:
                self._ask(each, lanes, scorer)
                bar.advance(len(lanes))
            return publish(self.store, self.job, self.records, shared)

    def _ask(self, asked: Asked, lanes: list[Lane], scorer: Scorer) -> None:
        """One prompt: the reference answers, all read its answer, each quant answers by itself."""
        reference, *quants = lanes
        theirs = self._answer(reference, asked, [])
        self._write_prompt(asked, theirs)
        self._write_sample(reference.member, asked, theirs)
        ids = np.array(asked.ids + theirs.ids[:-1], np.int32)
        targets = np.full(len(ids), -1, np.int32)
        targets[len(asked.ids) - 1 :] = theirs.ids
        self.choices = {quant.member: [] for quant in quants}
        scorer.read([Sequence(asked.number, ids, targets, asked.shared)], len(ids))
        for quant in quants:
            # up to its first other choice the quant's greedy answer is the reference's; from there
            # it goes on alone
            own, choices = theirs, np.concatenate(self.choices[quant.member])
            flips = np.flatnonzero(choices != theirs.ids)
            if len(flips):
                # -1: its logits are no finite numbers there, and the model itself must choose
                choice = [int(choices[flips[0]])] if choices[flips[0]] >= 0 else []
                given = [*theirs.ids[: flips[0]], *choice]
                own = self._answer(quant, asked, given)
            self._write_sample(quant.member, asked, own)

    def _answer(self, lane: Lane, asked: Asked, given: list[int]) -> Answer:
        start = Start(asked.number, asked.ids, given)
        assert isinstance(lane.model, Speaker)
        return next(lane.model.answer([start], self.benchmark.max_new_tokens, self._ends))

    def _ends(self, given: list[int]) -> bool:
        if not given:
            return False
        text = self.vocabulary.text
        return self.vocabulary.is_end(given[-1]) or "\n" in text(given).lstrip("\n ")

    def _take(self, scored: Scored) -> None:
        """Rows from the scorer: written, and a quant's choices kept."""
        self.records[scored.member].take(scored)
        if isinstance(scored.rows, dispatch.QuantRows):
            self.choices[scored.member].append(scored.rows.top1)

    def _key(self, asked: Asked) -> dict[str, list[Any]]:
        return {
            "benchmark_id": [self.benchmark.benchmark_id],
            "prompt_index": [asked.number],
            "prompt_id": [asked.prompt.prompt_id],
        }

    def _write_prompt(self, asked: Asked, theirs: Answer) -> None:
        columns = {
            "category": [asked.prompt.category],
            "prompt": [asked.prompt.text],
            "expected": [json.dumps(asked.prompt.answers)],
            "reference_answer_tokens": [len(theirs.ids)],
            "prompt_tokens": [len(asked.ids)],
            "item": [str(asked.number)],
            "text_id": None,
        }
        writer = self.records[self.job.reference].writer
        writer.write("prompts", self._key(asked) | columns)

    def _write_sample(self, member: Member, asked: Asked, answer: Answer) -> None:
        lines = self.vocabulary.text(answer.ids).strip().splitlines()
        text = lines[0].strip() if lines else ""
        right = normalise(text) in {normalise(expected) for expected in asked.prompt.answers}
        columns = {
            "attempt": [0],
            "answer": [text],
            "score": [float(right)],
            "answer_tokens": [len(answer.ids)],
            "finish_reason": [answer.reason],
        }
        self.records[member].writer.write("samples", self._key(asked) | columns)
