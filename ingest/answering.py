"""Prompts answered greedily by every model, and the reference's answers read by all.

Each model answers each prompt by itself; the answer is right if, normalised, it is one of the
expected ones. The reference's own answer is read by every quant (teacher forcing), so that each
prompt has a KLD.
"""

from contextlib import ExitStack

import numpy as np

from ..errors import ExitCode, QwhError
from ..kernels.scorers import dispatch
from ..progress import progress
from ..raw.manifest import RunFacts
from ..raw.store import RunWriter, Store
from . import cohort
from .asked import Asked, facts, key, prompt_row, tokenized
from .benchmarks import Benchmark
from .cohort import Job
from .engines.port import Answer, Sequence, Speaker, Start, Vocabulary
from .lockstep import Lane, Scored, Scorer, load
from .members import Member
from .records import Record, publish
from .stopping import Watch
from .trace import Trace


def refuse_mute(lanes: list[Lane]) -> None:
    """Raise QwhError unless all models can go on from their own tokens."""
    for lane in lanes:
        if not isinstance(lane.model, Speaker):
            raise QwhError(
                f"{lane.member.file.path.name} cannot answer prompts: the engine"
                f" {lane.member.kind} only reads: use a model of another engine",
                ExitCode.USAGE,
            )


class Answering:
    """A benchmark on its way through groups of loaded models, each with the reference."""

    def __init__(self, store: Store, job: Job, benchmark: Benchmark, vocabulary: Vocabulary):
        self.store, self.job, self.benchmark = store, job, benchmark
        self.vocabulary = vocabulary
        self.asked = tokenized(benchmark, vocabulary)
        self.length = max(len(each.ids) for each in self.asked) + benchmark.max_new_tokens
        file = job.reference.file
        if file.context_length and self.length > file.context_length:
            raise QwhError(
                f"the longest prompt of {benchmark.benchmark_id} needs {self.length} tokens, beyond"
                f" what {file.path.name} was made for ({file.context_length}): shorten it",
                ExitCode.BAD_INPUT,
            )
        self.shared = cohort.shared_facts(job, facts(benchmark, self.asked, vocabulary))
        self.records: dict[Member, Record] = {}
        self.choices: dict[Member, list[np.ndarray]] = {}  # top ids along the reference's answer

    def all(self) -> list[RunFacts]:
        """Every prompt through every model that lacks it, in groups that fit into memory."""
        name, published = self.benchmark.benchmark_id, []
        todo = cohort.missing(self.store, self.job, self.shared, name)
        for group in cohort.groups(self.job, todo, self.length):
            with ExitStack() as stack:
                members = [self.job.reference, *group]
                lanes = load(stack, members, self.length, self.job.settings)
                refuse_mute(lanes)
                published += self._answered(lanes)
        return published

    def _answered(self, lanes: list[Lane]) -> list[RunFacts]:
        """Every prompt through loaded models; publishes one run for each."""
        self.records = {}
        title = f"answering {self.benchmark.benchmark_id}"
        with ExitStack() as stack:
            for lane in lanes:
                ours = ("reference_tokens", "prompts") if lane is lanes[0] else ("tokens",)
                writer = stack.enter_context(RunWriter(self.store, *ours, "samples"))
                self.records[lane.member] = Record(writer)
            bar = stack.enter_context(progress(title, len(self.asked) * len(lanes), "prompts"))
            settings = self.job.settings
            scorer = stack.enter_context(
                Scorer(lanes, settings, self._take, Trace(), lambda who, positions: None)
            )
            for each in self.asked:
                self._ask(each, lanes, scorer)
                bar.advance(len(lanes))
            return publish(self.store, self.job, self.records, self.shared)

    def _ask(self, asked: Asked, lanes: list[Lane], scorer: Scorer) -> None:
        """One prompt: the reference answers, all read its answer, each quant answers by itself."""
        reference, *quants = lanes
        theirs = self._answer(reference, asked, [])
        row = prompt_row(self.benchmark, asked, len(theirs.ids))
        self.records[reference.member].writer.write("prompts", row)
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
        return next(lane.model.answer([start], self.benchmark.max_new_tokens, self._watch))

    def _watch(self) -> Watch:
        return Watch(self.benchmark, self.vocabulary)

    def _take(self, scored: Scored) -> None:
        """Rows from the scorer: written, and a quant's choices kept."""
        self.records[scored.member].take(scored)
        if isinstance(scored.rows, dispatch.QuantRows):
            self.choices[scored.member].append(scored.rows.top1)

    def _write_sample(self, member: Member, asked: Asked, answer: Answer) -> None:
        grade = self.benchmark.graded(self.vocabulary.text(answer.ids), asked.prompt)
        columns = {
            "attempt": [0],
            "answer": [grade.answer],
            "score": [float(grade.is_right)],
            "answer_tokens": [len(answer.ids)],
            "finish_reason": [answer.reason],
        }
        self.records[member].writer.write("samples", key(self.benchmark, asked) | columns)
