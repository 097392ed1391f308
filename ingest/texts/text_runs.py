"""One job's way through its texts: who lacks what, who is in memory together, where a text ends.

With `until`, a text ends at the first chunk at which no quant's mean KLD has a larger relative
error, whatever fits into memory together: each group of quants reads until its own are sure enough,
and those that stopped before go on to where the last one stopped, until one number suits all.
"""

import math
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from ...kernels.statistics.chunks.clusters import SMALLEST_CHUNKS
from ...progress import Runner, race, say
from ...raw import checkpoint
from ...raw.manifest import SAME_TEXT, RunFacts
from ...raw.store import Store
from .. import cohort
from ..cohort import Job
from ..first_again import FirstAgain
from ..kept import ReadOtherwise
from ..lockstep import Lane, Scorer, load
from ..members import Member, with_firsts
from ..mixing import refuse_mixing
from ..readings import seconds
from ..running import Sums, enough, mean_kld, perplexity
from ..trace import Trace
from .kept_chunks import KeptChunks, KeptText, key
from .text import Text


@dataclass(eq=False)
class Task:
    """A text that is to be read. source: more fields of RunFacts about it.

    free: it may end sooner, where the cohort's other runs of it do. until: the relative error of
    mean KLD at which it ends; None: at its last chunk.
    """

    text: Text
    source: dict[str, Any] = field(default_factory=dict)
    free: bool = False
    until: float | None = None
    least: int = 0  # chunks that all members are to read

    @property
    def name(self) -> str:
        """For a person."""
        return f"{self.text.corpus_id} at context length {self.text.context_length}"

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of RunFacts about the text; its end is none of them while it is open."""
        unknown = {"chunks": None, "token_stream_sha256": None} if self.until is not None else {}
        return self.text.facts | self.source | unknown

    def end_at(self, chunks: int) -> None:
        """From here on the text is its first chunks."""
        self.text = replace(self.text, stream=self.text.stream[:chunks])
        self.until = None

    def end_of(self, quants: list[KeptChunks]) -> int | None:
        """Where the text ends for these quants; None: they have not read so far."""
        until = math.inf if self.until is None else self.until
        found = enough([each.sums for each in quants], self.least, until)
        whole = len(self.text.stream)
        return whole if not found and all(each.chunks >= whole for each in quants) else found


class TextRuns:
    """One job's way through its texts."""

    def __init__(self, store: Store, job: Job, trace: Trace):
        self.store, self.job, self.trace = store, job, trace
        self.seconds = seconds(store, job)
        self.published: list[RunFacts] = []

    def score(self, tasks: list[Task]) -> list[RunFacts]:
        """Score what the store lacks. Returns the new runs; raises QwhError."""
        for task in tasks:
            self._settle(task)
        refuse_mixing(self.store, self.job, [self._shared(task) for task in tasks])
        for length in dict.fromkeys(task.text.context_length for task in tasks):
            self._score([task for task in tasks if task.text.context_length == length], length)
        return self.published

    def _settle(self, task: Task) -> None:
        """Let a text end where it is known to end."""
        whole = len(task.text.stream)
        same = ("cohort_id", *SAME_TEXT)
        ours = self._shared(task)
        held = (
            run.chunks
            for run in reversed(self.store.runs())
            if all(getattr(run, key) == getattr(ours, key) for key in same)
        )
        chunks = next((each for each in held if each), None) if task.free else None
        if chunks:
            task.end_at(chunks)  # another text of that name is told by its tokens, and refused
        if chunks and chunks < whole:
            say(f"{task.name}: its first {chunks} chunks are read, as in the cohort's runs")
        least = SMALLEST_CHUNKS if task.until is not None else chunks or whole
        task.least = min(least, whole)

    def _shared(self, task: Task) -> RunFacts:
        return cohort.as_held(self.store, self.job, cohort.shared_facts(self.job, task.facts))

    def _score(self, tasks: list[Task], length: int) -> None:
        """Texts of one length by all quants."""
        with ExitStack() as stack:
            texts: dict[Task, KeptText] = {}
            for task in tasks:
                shared = self._shared(task)
                lacking = self._lacking(task, shared)
                if lacking:
                    text = KeptText(self.store, self.job, shared, lacking)
                    texts[task] = stack.enter_context(text)
            both = [*self.job.quants, *self.seconds]
            wanted = [who for who in both if any(who in text.quants for text in texts.values())]
            groups = list(cohort.groups(self.job, wanted, length))
            before: list[int] = []
            while before != (before := [task.least for task in texts]):
                for group in groups:
                    self._group(texts, group, length)
            for task, text in texts.items():
                if task.until is not None:
                    self._end(task)
                    self._publish(task, text, list(text.quants))

    def _lacking(self, task: Task, shared: RunFacts) -> list[Member]:
        """Those whose runs are not there; of a text without an end, all."""
        both = [*self.job.quants, *self.seconds]
        if task.until is not None:
            return both
        lacking = cohort.missing(self.store, self.job, shared, task.name, self.seconds)
        for quant in both:
            if quant not in lacking:
                checkpoint.drop(self.store.staging, key(self.job, quant, shared))
        return lacking

    def _group(self, texts: dict[Task, KeptText], group: list[Member], length: int) -> None:
        """Quants that are in memory together, on every text of one length; publishes those that
        are done with a text whose end is known.
        """
        open_ = [task for task, text in texts.items() if self._end_of(task, text, group) is None]
        lacking = [quant for quant in group if any(quant in texts[task].quants for task in open_)]
        with ExitStack() as stack:
            members = [self.job.reference, *with_firsts(lacking)] if open_ else []
            lanes = load(stack, members, length, self.job.settings)
            for task, text in texts.items():
                if task in open_:
                    mine = {lane.member for lane in lanes if lane.member in text.quants}
                    mine |= {who.first for who in mine if who.first}
                    self._read(task, text, [x for x in lanes if x is lanes[0] or x.member in mine])
                task.least = self._end_of(task, text, group) or task.least
                if task.until is None:
                    self._publish(task, text, [quant for quant in group if quant in text.quants])

    def _end_of(self, task: Task, text: KeptText, group: list[Member]) -> int | None:
        """Where the text ends for a group; None: it has not read so far."""
        mine = [who for who in group if who in text.quants]
        if not mine:
            return task.least
        deciding = [text.quants[who] for who in mine if not who.first]
        end = task.end_of(deciding) if deciding else task.least
        kept = [text.reference, *(text.quants[who] for who in mine)]
        return end if end and all(each.chunks >= end for each in kept) else None

    def _read(self, task: Task, text: KeptText, lanes: list[Lane]) -> None:
        """Chunks of a text that loaded models lack."""
        while True:
            try:
                self._through(task, text, lanes)
            except ReadOtherwise as other:
                text.keep(other.number)
            else:
                return

    def _through(self, task: Task, text: KeptText, lanes: list[Lane]) -> None:
        sequences = task.text.sequences()
        begins = {lane: min(text.begin(lane.member), len(sequences)) for lane in lanes}
        first = begins[lanes[0]] = min(begins.values())
        if any(begins.values()):
            say(f"{task.name}: goes on at chunk {first} of {len(sequences)}")
        runners: dict[Hashable, Runner] = {
            lane.member: self._runner(task, text.of(lane.member).sums, lane.member, begins[lane])
            for lane in lanes
        }
        for lane in lanes:
            text.of(lane.member).begin()
        rows = min(self.job.settings.reading.rows, task.text.context_length)
        with (
            race(f"scoring {task.name}", runners, "tokens") as advance,
            Scorer(lanes, self.job.settings, text.take, self.trace, advance) as scorer,
        ):
            kept = {lane.member: text.of(lane.member) for lane in lanes[1:]}
            scorer.read(sequences, rows, begins, self._sure(task, kept))

    def _sure(
        self, task: Task, kept: Mapping[Member, KeptChunks | FirstAgain]
    ) -> Callable[[], bool]:
        """Whether a text may end, asked after each chunk: of the chunks that all have read.

        Second readings decide nothing; they read as far as it is known to be needed.
        """
        looked = task.least
        quants = [each.sums for who, each in kept.items() if not who.first]

        def sure() -> bool:
            nonlocal looked
            if task.until is None:
                return False
            read = min(each.chunks for each in kept.values())
            end = enough(quants, looked, task.until) if quants else task.least
            looked = max(looked, 1 + min(map(len, quants), default=0))
            return end is not None and read >= end

        return sure

    def _runner(self, task: Task, sums: list[Sums], member: Member, begin: int) -> Runner:
        """What is said of a member while it reads."""
        lengths = [len(chunk) for chunk in task.text.stream]

        def figures() -> str:
            read = list(sums)
            if not read:
                return ""
            ppl = f"PPL {perplexity(read)}"
            return ppl if member is self.job.reference else f"{ppl} KLD {mean_kld(read)}"

        return Runner(member.title, sum(lengths), sum(lengths[:begin]), figures)

    def _end(self, task: Task) -> None:
        """A text that all have read to where it ends."""
        chunks, until = task.least, task.until
        say(
            f"{task.name}: ends after {chunks} chunks, where no mean KLD has a relative error above"
            f" {until:g}"
            if chunks < len(task.text.stream)
            else f"{task.name}: ends before every mean KLD has a relative error of {until:g}"
        )
        task.end_at(chunks)
        refuse_mixing(self.store, self.job, [self._shared(task)])

    def _publish(self, task: Task, text: KeptText, quants: list[Member]) -> None:
        if quants:
            self.published += text.publish(quants, self._shared(task), len(task.text.stream))
