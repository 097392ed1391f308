"""Prompts answered by every model, and the reference's answers read by all.

Each model answers each prompt by itself; what makes an answer right is the benchmark's to say. The
reference's own answer is read by every quant (teacher forcing), so that each prompt has a KLD.
Where answers are greedy it is a quant's as well, up to the quant's first other choice.
"""

from collections.abc import Hashable, Iterator
from contextlib import ExitStack
from itertools import takewhile
from math import lcm

import numpy as np

from ...errors import ExitCode, QwhError
from ...progress import Runner, race, say
from ...raw import checkpoint
from ...raw.manifest import RunFacts
from ...raw.store import Store
from .. import cohort
from ..cohort import Job
from ..engines.port import Answer, Sequence, Speaker, Start, Vocabulary
from ..kept import ReadOtherwise
from ..lockstep import Lane, Scorer, load
from ..members import Member, with_firsts
from ..readings import seconds
from ..running import mean_kld
from ..trace import Trace
from .asked import Asked, facts, key, prompt_row, refuse_long, tokenized
from .benchmarks import Benchmark
from .kept_prompts import Given, KeptAnswers, KeptPrompts, key_of
from .slot_memory import refuse_large
from .stopping import Watch
from .tally import Tally

GROUP = 64  # prompts that all models go through together, where they are answered side by side
PASS = 64  # positions of a pass, at most: whole passes are what a prompt shares with another


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
        self.store, self.benchmark = store, benchmark
        # passes begin at multiples of a few positions, whatever is held of another prompt: an
        # answer hangs on no other
        rows = min(job.settings.reading.rows, PASS)
        self.job = job.read_with(rows=rows, slots=benchmark.parallel)
        self.vocabulary = vocabulary
        self.asked = tokenized(benchmark, vocabulary)
        self.length = max(len(each.ids) for each in self.asked) + benchmark.max_new_tokens
        refuse_long(job, benchmark, self.length, "it, or let answers be shorter")
        self.seconds = seconds(store, self.job)
        members = (self.job.reference, *self.job.quants, *self.seconds)
        self.whole = lcm(*(who.reading.rows for who in members))  # positions of whole passes
        self.shared = cohort.shared_facts(self.job, facts(benchmark, self.asked, vocabulary))
        self.advance = lambda member, answers: None

    def all(self) -> list[RunFacts]:
        """Every prompt through every model that lacks it, in groups that fit into memory.

        Raises QwhError; what was answered is kept, and the same call goes on from there.
        """
        todo = self._lacking()
        if not todo:
            return []
        refuse_large(self.job, [self.job.reference, *todo], self.length)
        published, tally = [], Tally(self.benchmark)
        with KeptPrompts(self.store, self.job, self.shared, todo) as kept:
            for group in cohort.groups(self.job, todo, self.length):
                with ExitStack() as stack:
                    members = [self.job.reference, *with_firsts(group)]
                    lanes = load(stack, members, self.length, self.job.settings)
                    refuse_mute(lanes)
                    self._answered(lanes, kept)
                for lane in lanes:
                    self._count(lane.member, kept, tally)
                published += kept.publish(group)
        tally.say()
        return published

    def _lacking(self) -> list[Member]:
        """Those whose runs are not there; of the others nothing stays kept."""
        name = self.benchmark.benchmark_id
        found = cohort.missing(self.store, self.job, self.shared, name, self.seconds)
        for who in (*self.job.quants, *self.seconds):
            if who not in found:
                checkpoint.drop(self.store.staging, key_of(self.job, who, self.shared))
        return found

    def _count(self, member: Member, kept: KeptPrompts, tally: Tally) -> None:
        """All of a member's answers, once; also those of an earlier try."""
        if member.title in tally.answers or member in kept.again:
            return
        for given in kept.of(member).answers.values():
            tally.add(member.title, given.answer.reason, given.missed)

    def _answered(self, lanes: list[Lane], kept: KeptPrompts) -> None:
        """Every prompt through loaded models."""
        while True:
            try:
                self._through(lanes, kept)
            except ReadOtherwise:
                kept.drop()
            else:
                return

    def _through(self, lanes: list[Lane], kept: KeptPrompts) -> None:
        """What the models lack, some prompts at a time."""
        self._begin(lanes, kept)
        runners: dict[Hashable, Runner] = {
            lane.member: self._runner(lane.member, kept.of(lane.member))
            for lane in lanes
            if lane.member not in kept.again
        }
        title, size = f"answering {self.benchmark.benchmark_id}", self._together
        with (
            race(title, runners, "answers") as advance,
            Scorer(lanes, self.job.settings, kept.take, Trace(), lambda who, n: None) as scorer,
        ):
            self.advance = advance
            for first in range(0, len(self.asked), size):
                self._ask(self.asked[first : first + size], lanes, kept, scorer)

    @property
    def _together(self) -> int:
        """Prompts of a group. Without slots one by one: a prompt's memory serves its own answer."""
        parallel = self.benchmark.parallel
        return max(GROUP, parallel) if parallel > 1 else 1

    def _begin(self, lanes: list[Lane], kept: KeptPrompts) -> None:
        """Let models go on where what is kept ends."""
        held = [lane.member for lane in lanes if lane.member not in kept.again]
        if any(kept.of(who).answers for who in held[1:]):
            first = min(kept.of(who).whole(self.benchmark.attempts) for who in held)
            say(f"{self.benchmark.benchmark_id}: goes on at prompt {first} of {len(self.asked)}")
        for who in held:
            kept.of(who).begin()

    def _ask(
        self, group: list[Asked], lanes: list[Lane], kept: KeptPrompts, scorer: Scorer
    ) -> None:
        """Some prompts: the reference answers, all read that, each quant answers by itself."""
        reference, *quants = lanes
        self._answer(reference, [start for each in group for start in self._starts(each)], kept)
        sequences = [self._sequence(each.number, kept) for each in group]
        begins = {lane: _held(group, lane.member, kept) for lane in lanes}
        if (first := min(begins.values())) < len(group):
            rows = self.job.settings.reading.rows
            scorer.read(sequences, rows, begins | {reference: first})
        for quant in (lane for lane in quants if lane.member not in kept.again):
            read = kept.of(quant.member).reads
            starts = [s for each in group for s in self._own(each, read[each.number].flip, kept)]
            self._answer(quant, starts, kept)

    def _starts(self, asked: Asked) -> Iterator[Start]:
        """A prompt's attempts from nothing."""
        draw, name = self.benchmark.draw, asked.prompt.prompt_id
        for attempt in range(self.benchmark.attempts):
            drawn = draw.choice(name, attempt) if draw else None
            yield Start(asked.number, asked.ids, [], drawn, attempt)

    def _own(
        self, asked: Asked, flip: tuple[int, int] | None, kept: KeptPrompts
    ) -> Iterator[Start]:
        """A quant's own attempts. A greedy one is the reference's up to the first other choice."""
        if self.benchmark.draw:
            yield from self._starts(asked)
            return
        given = kept.reference.answers[asked.number, 0].answer.ids
        if flip:
            at, choice = flip
            # -1: its logits are no finite numbers there, and the model itself must choose
            given = [*given[:at], *([choice] if choice >= 0 else [])]
        yield Start(asked.number, asked.ids, given)

    def _sequence(self, number: int, kept: KeptPrompts) -> Sequence:
        """A prompt with the reference's answer."""
        asked, theirs = self.asked[number], kept.reference.answers[number, 0].answer.ids
        ids = np.array(asked.ids + theirs[:-1], np.int32)
        targets = np.full(len(ids), -1, np.int32)
        targets[len(asked.ids) - 1 :] = theirs
        shared = asked.shared // self.whole * self.whole if self.benchmark.parallel == 1 else 0
        return Sequence(number, ids, targets, shared)

    def _answer(self, lane: Lane, starts: list[Start], kept: KeptPrompts) -> None:
        """Answers that are not held, each kept as it is given."""
        held = kept.of(lane.member).answers
        lacking = [start for start in starts if (start.number, start.attempt) not in held]
        assert isinstance(lane.model, Speaker)
        for answer in lane.model.answer(lacking, self.benchmark.max_new_tokens, self._watch):
            self._keep(lane.member, answer, kept)

    def _keep(self, member: Member, answer: Answer, kept: KeptPrompts) -> None:
        """A sample, graded; with the reference's first one of a prompt, that prompt."""
        asked, held = self.asked[answer.number], kept.of(member)
        grade = self.benchmark.graded(self.vocabulary.text(answer.ids), asked.prompt)
        columns = {
            "attempt": [answer.attempt],
            "answer": [grade.answer],
            "score": [float(grade.is_right)],
            "answer_tokens": [len(answer.ids)],
            "finish_reason": [answer.reason],
        }
        if member is self.job.reference and answer.attempt == 0:
            held.write("prompts", prompt_row(self.benchmark, asked, len(answer.ids)))
        held.write("samples", key(self.benchmark, asked) | columns)
        given = Given(answer, grade.is_right, grade.missed)
        held.close_answer(given, self.shared.started_at)
        self.advance(member, 1)

    def _watch(self) -> Watch:
        return Watch(self.benchmark, self.vocabulary)

    def _runner(self, member: Member, kept: KeptAnswers) -> Runner:
        """What is said of a member while it answers."""

        def figures() -> str:
            answers, sums = list(kept.answers.values()), [x.sums for x in list(kept.reads.values())]
            right = f"{sum(x.right for x in answers) / max(len(answers), 1):.1%} right"
            is_quant = member is not self.job.reference and sums
            return f"{right} KLD {mean_kld(sums)}" if is_quant else right

        total = len(self.asked) * self.benchmark.attempts
        return Runner(member.title, total, len(kept.answers), figures)


def _held(group: list[Asked], member: Member, kept: KeptPrompts) -> int:
    """How many of a group's first prompts a member need not read."""
    return sum(1 for _ in takewhile(lambda asked: not kept.lacks(member, asked.number), group))
