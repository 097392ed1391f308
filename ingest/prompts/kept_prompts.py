"""A benchmark while it is answered: what its members keep of it.

Each answer is kept as it is given, and each reading of the reference's answer when its rows are
scored, in whatever order they come; a run has them in the prompts' own.
"""

import hashlib
import time
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ...kernels.scorers import dispatch
from ...progress import say
from ...raw.checkpoint import Checkpoint, Frame
from ...raw.manifest import RunFacts, now
from .. import cohort
from ..cohort import Job
from ..engines.port import Answer
from ..kept import KeptRuns, ReadOtherwise
from ..lockstep import Scored
from ..members import Member
from ..records import identity, tables
from ..running import Sums

ANSWER, READ = "answer", "read"  # what a frame holds


def key_of(job: Job, member: Member, shared: RunFacts) -> str:
    """What a run is kept under while it is not done."""
    return str(cohort.run_of(job, member, shared, unfinished=True).run_id)


class Read(NamedTuple):
    """A kept reading. rows_of: digest of the reference's rows; flip: where the member's choice is
    first another than the reference's, and that token, -1 where its logits are no finite numbers.
    """

    rows_of: str
    flip: tuple[int, int] | None
    sums: Sums


class Given(NamedTuple):
    """A kept answer. missed: what was looked for in it is not there."""

    answer: Answer
    right: bool
    missed: bool


class KeptAnswers:
    """One member's prompts. answers: by prompt and attempt; reads: by prompt."""

    def __init__(self, held: Checkpoint):
        self.held = held
        self._began = time.monotonic()
        self._load()

    def _load(self) -> None:
        self.answers: dict[tuple[int, int], Given] = {}
        self.reads: dict[int, Read] = {}
        for frame in self.held.frames:
            self._note(frame.note)
        self._before = self.held.frames[-1].note["seconds"] if self.held.frames else 0.0
        self._digest, self._sums = hashlib.sha256(), Sums()  # of the prompt that is being read
        self._choices: list[np.ndarray] = []

    def _note(self, note: dict[str, Any]) -> None:
        if ANSWER in note:
            answer = Answer(*note[ANSWER])
            given = Given(answer, note["right"], note["missed"])
            self.answers[answer.number, answer.attempt] = given
        else:
            flip = note["flip"] and tuple(note["flip"])
            self.reads[note[READ]] = Read(note["rows_of"], flip, Sums(*note["sums"]))

    def begin(self) -> None:
        """Count seconds from here on."""
        self._before, self._began = self._seconds(), time.monotonic()

    def whole(self, attempts: int) -> int:
        """How many prompts, from the first on, are read and answered."""
        number = 0
        while number in self.reads and (number, attempts - 1) in self.answers:
            number += 1
        return number

    def write(self, table: str, rows: dict[str, Any]) -> None:
        """Rows of what is closed next."""
        self.held.write(table, rows)

    def close_answer(self, given: Given, started_at: str | None) -> None:
        """Keep an answer, whose sample is written."""
        note = {ANSWER: given.answer, "right": given.right, "missed": given.missed}
        self._close(note, started_at)

    def take(self, scored: Scored) -> None:
        """A block of rows of the prompt that is being read; of rows that are held, their digest."""
        rows = scored.rows
        if isinstance(rows, dispatch.ReferenceRows):
            self._digest.update(identity(rows))
        else:
            self._choices.append(rows.top1)
        if int(scored.where["chunk"][0]) in self.reads:
            return
        for table, block in tables(scored):
            self.write(table, block)
        self._sums = self._sums.plus(rows)

    def digest(self) -> str:
        """Of the reference's rows that were taken, and of no others from here on."""
        found, self._digest = self._digest.hexdigest(), hashlib.sha256()
        return found

    def choices(self) -> np.ndarray:
        """The member's own choices along the answer that was read, [T]."""
        found, self._choices = np.concatenate(self._choices), []
        return found

    def close_read(
        self, number: int, rows_of: str, flip: tuple[int, int] | None, started_at: str | None
    ) -> None:
        """Keep the reading of a prompt, whose rows were taken."""
        note = {READ: number, "rows_of": rows_of, "flip": flip, "sums": self._sums}
        self._close(note, started_at)
        self._sums = Sums()

    def keep(self, prompts: int) -> None:
        """Drop what is not of the first prompts, which are held in order, and what is open."""
        held = sum(_place(frame)[0] < prompts for frame in self.held.frames)
        self.held.keep(held)
        self._load()

    def frames(self, chunks: int | None = None) -> list[Frame]:
        """By prompt and attempt, the reading of a prompt first."""
        return sorted(self.held.frames, key=_place)

    def counted(self, run: RunFacts, chunks: int | None = None) -> RunFacts:
        """The run with what was counted."""
        sums = [each.sums for each in self.reads.values()]
        return replace(
            run,
            rows=sum(each.rows for each in sums),
            nonfinite=sum(each.rows - each.finite for each in sums),
            started_at=self.held.frames[0].note["started_at"],
            finished_at=now(),
            seconds=round(self._seconds(), 3),
        )

    def _close(self, note: dict[str, Any], started_at: str | None) -> None:
        note |= {"seconds": self._seconds(), "started_at": started_at}
        self.held.close_chunk(note)
        self._note(note)

    def _seconds(self) -> float:
        return float(self._before) + time.monotonic() - self._began


class KeptPrompts(KeptRuns[KeptAnswers]):
    """All members' prompts of a benchmark."""

    of_reference, of_quant = ("reference_tokens", "prompts", "samples"), ("tokens", "samples")

    def opened(self, held: Checkpoint) -> KeptAnswers:
        """See KeptRuns."""
        return KeptAnswers(held)

    def key(self, member: Member) -> str:
        """See KeptRuns."""
        return key_of(self.job, member, self.shared)

    def name(self, member: Member) -> str:
        """See KeptRuns."""
        return f"{member.title} on {self.shared.corpus_id}"

    def agree(self, quant: Member) -> None:
        """Drop what a quant holds if it was scored against other rows."""
        kept, theirs = self.quants[quant], self.reference.reads
        if any(n in theirs and theirs[n].rows_of != read.rows_of for n, read in kept.reads.items()):
            say(
                f"{self.name(quant)}: it was scored against other rows of the reference: it is"
                " asked again"
            )
            kept.keep(0)

    def of(self, member: Member) -> KeptAnswers:
        """A member's prompts."""
        return self.reference if member is self.job.reference else self.quants[member]

    def lacks(self, member: Member, number: int) -> bool:
        """Whether a member is to read a prompt: for itself, or a first reading for its repeat."""
        repeats = (kept for who, kept in self.quants.items() if who.first is member)
        own = [] if member in self.again else [self.of(member)]
        return any(number not in kept.reads for kept in (*own, *repeats))

    def take(self, scored: Scored) -> None:
        """A block of rows, in order; the reference's before its quants'. Raises ReadOtherwise."""
        number, at = int(scored.where["chunk"][0]), self.shared.started_at
        if self._other:
            raise ReadOtherwise(number)
        if scored.member in self.again:
            self.again[scored.member].take(scored)
            return
        kept = self.of(scored.member)
        kept.take(scored)
        if not scored.ends:
            return
        if kept is self.reference:
            self._close_reference(number, kept.digest())
            return
        choices = kept.choices()
        if number not in kept.reads:
            theirs = self.reference.answers[number, 0].answer
            rows_of = self.reference.reads[number].rows_of
            kept.close_read(number, rows_of, _flip(choices, theirs.ids), at)

    def _close_reference(self, number: int, digest: str) -> None:
        held = [each for each in (self.reference, *self.quants.values()) if number in each.reads]
        if any(each.reads[number].rows_of != digest for each in held):
            self._other = True
            raise ReadOtherwise(number)
        if number not in self.reference.reads:
            self.reference.close_read(number, digest, None, self.shared.started_at)

    def drop(self) -> None:
        """Begin anew, for the reference reads a prompt otherwise than it did."""
        self._other = False
        say(
            f"{self.name(self.job.reference)}: it reads a prompt otherwise than before, as another"
            " machine might: what was kept is asked again"
        )
        for kept in (self.reference, *self.quants.values()):
            kept.keep(0)


def _place(frame: Frame) -> tuple[int, int]:
    """The prompt and the attempt of a frame, -1 of a reading."""
    if READ in frame.note:
        return frame.note[READ], -1
    answer = Answer(*frame.note[ANSWER])
    return answer.number, answer.attempt


def _flip(choices: np.ndarray, theirs: list[int]) -> tuple[int, int] | None:
    """Where a member's own choice is first another than the reference's answer, and what it is."""
    flips = np.flatnonzero(choices != theirs)
    return (int(flips[0]), int(choices[flips[0]])) if len(flips) else None
