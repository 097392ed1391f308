"""A benchmark while it is answered: a checkpoint per member, which becomes a run when it is whole.

Each answer is kept as it is given, and each reading of the reference's answer when its rows are
scored, in whatever order they come; a run has them in the prompts' own.
"""

import hashlib
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ...kernels.scorers import dispatch
from ...progress import say
from ...raw import checkpoint, staging
from ...raw.checkpoint import Checkpoint, Frame
from ...raw.manifest import RunFacts, now
from ...raw.store import RunWriter, Store
from .. import cohort
from ..cohort import Job
from ..engines.port import Answer
from ..lockstep import Scored
from ..members import Member, with_firsts
from ..records import columns
from ..texts.first_again import FirstAgain
from ..texts.running import Sums

ANSWER, READ = "answer", "read"  # what a frame holds
OF_REFERENCE, OF_QUANT = ("reference_tokens", "prompts", "samples"), ("tokens", "samples")


def key_of(job: Job, member: Member, shared: RunFacts) -> str:
    """What a run is kept under while it is not done."""
    return str(cohort.run_of(job, member, shared, unfinished=True).run_id)


class ReadOtherwise(Exception):
    """The reference's rows of a prompt are not those that something kept was scored against."""


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
        self._nll: list[np.ndarray] = []  # of the prompt that is being read
        self._ids: list[np.ndarray] = []
        self._sums = Sums()

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
            self._nll.append(rows.nll_ref)
            self._ids.append(rows.topk_ids.ravel())
        else:
            self._ids.append(rows.top1)
        if int(scored.where["chunk"][0]) in self.reads:
            return
        self.write(*columns(scored))
        if scored.between:
            kld, finite = scored.between
            self.write("reading_klds", scored.where | {"kld": kld, "finite": finite})
        self._sums = self._sums.plus(rows)

    def digest(self) -> str:
        """Of the reference's rows that were taken, and of no others from here on."""
        found = hashlib.sha256(_identity(self._nll, self._ids)).hexdigest()
        self._nll, self._ids = [], []
        return found

    def choices(self) -> np.ndarray:
        """The member's own choices along the answer that was read, [T]."""
        found, self._ids = np.concatenate(self._ids), []
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

    def counted(self, run: RunFacts) -> RunFacts:
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

    def in_order(self) -> list[Frame]:
        """The frames as a run has them: by prompt and attempt, the reading of a prompt first."""
        return sorted(self.held.frames, key=_place)

    def _close(self, note: dict[str, Any], started_at: str | None) -> None:
        note |= {"seconds": self._seconds(), "started_at": started_at}
        self.held.close_chunk(note)
        self._note(note)

    def _seconds(self) -> float:
        return float(self._before) + time.monotonic() - self._began


class KeptPrompts:
    """All members' prompts of a benchmark. Use as a context manager: leaving it without `publish`
    keeps what is there for the next time.
    """

    def __init__(self, store: Store, job: Job, shared: RunFacts, quants: list[Member]):
        self.store, self.job, self.shared = store, job, shared
        self._quants, self._other = quants, False
        self.again: dict[Member, FirstAgain] = {}  # quants that are read for their repeats alone
        self._stack = ExitStack()

    def __enter__(self) -> "KeptPrompts":
        """Raises QwhError if another process makes one of these runs."""
        place = self.store.staging
        with ExitStack() as stack:
            ours = key_of(self.job, self.job.reference, self.shared)
            head = checkpoint.of_reference(place, ours, self._name(self.job.reference))
            stack.callback(self._leave, head)
            self.reference = KeptAnswers(head)
            self.quants: dict[Member, KeptAnswers] = {}
            for quant in self._quants:
                held = checkpoint.of_quant(
                    place, key_of(self.job, quant, self.shared), ours, self._name(quant)
                )
                stack.callback(held.release)
                self.quants[quant] = KeptAnswers(held)
                self._agree(quant)
            for first in with_firsts(self._quants):
                if first not in self.quants:
                    run = cohort.run_of(self.job, first, self.shared)
                    self.again[first] = FirstAgain(self.store, run, self._name(first))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

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
        if self._other:
            raise ReadOtherwise
        if scored.member in self.again:
            self.again[scored.member].take(scored)
            return
        kept = self.of(scored.member)
        kept.take(scored)
        if not scored.ends:
            return
        number, at = int(scored.where["chunk"][0]), self.shared.started_at
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
            raise ReadOtherwise
        if number not in self.reference.reads:
            self.reference.close_read(number, digest, None, self.shared.started_at)

    def drop(self) -> None:
        """Begin anew, for the reference reads a prompt otherwise than it did."""
        self._other = False
        say(
            f"{self._name(self.job.reference)}: it reads a prompt otherwise than before, as another"
            " machine might: what was kept is asked again"
        )
        for kept in (self.reference, *self.quants.values()):
            kept.keep(0)

    def publish(self, quants: list[Member]) -> list[RunFacts]:
        """Publish a run for each quant, and one for the reference unless the store holds its very
        rows.

        The rows' digest is part of the reference's name: a quant always points at the rows that it
        was scored against.
        """
        rows = hashlib.sha256()
        for frame in self.reference.in_order():
            if READ in frame.note:
                rows.update(_identity_of(self.reference.held.rows_of(frame)))
        head = cohort.run_of(self.job, self.job.reference, self.shared, rows=rows.hexdigest())
        published = []
        if not self.store.find(head.run_id):
            published.append(self._publish(self.reference, head, OF_REFERENCE))
        for quant in quants:
            run = cohort.run_of(self.job, quant, self.shared)
            kept = self.quants[quant]
            run = replace(run, reference_run_id=head.run_id)
            if quant.first and quant.role == "repeat":
                first = cohort.run_of(self.job, quant.first, self.shared)
                run = replace(run, first_run_id=first.run_id)
            published.append(self._publish(kept, run, OF_QUANT))
            del self.quants[quant]
            kept.held.remove()
        return published

    def _publish(self, kept: KeptAnswers, run: RunFacts, tables: tuple[str, ...]) -> RunFacts:
        with RunWriter(self.store, *tables) as writer:
            for frame in kept.in_order():
                for table, batch in kept.held.rows_of(frame):
                    if table not in writer.rows:
                        writer.add(table)
                    writer.append(table, batch)
            return writer.publish(kept.counted(run))

    def _agree(self, quant: Member) -> None:
        """Drop what a quant holds if it was scored against other rows."""
        kept, theirs = self.quants[quant], self.reference.reads
        if any(n in theirs and theirs[n].rows_of != read.rows_of for n, read in kept.reads.items()):
            say(
                f"{self._name(quant)}: it was scored against other rows of the reference: it is"
                " asked again"
            )
            kept.keep(0)

    def _leave(self, head: Checkpoint) -> None:
        """The reference's prompts stay as long as a quant needs them."""
        if staging.is_needed(head.folder):
            head.release()
        else:
            head.remove()

    def _name(self, member: Member) -> str:
        return f"{member.title} on {self.shared.corpus_id}"


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


def _identity(nll: Iterable[np.ndarray], ids: Iterable[np.ndarray]) -> bytes:
    """What a prompt's rows add to the digest that tells a reference's rows from others."""
    floats = (np.asarray(each, np.float32) for each in nll)
    whole = (np.asarray(each, np.int32) for each in ids)
    return b"".join(part.tobytes() for part in (*floats, *whole))


def _identity_of(rows: Iterable[tuple[str, pa.RecordBatch]]) -> bytes:
    """The same of rows that were kept."""
    nll, ids = [], []
    for _, batch in rows:
        nll.append(batch.column("nll_ref").to_numpy(zero_copy_only=False))
        ids.append(batch.column("topk_ids").flatten().to_numpy(zero_copy_only=False))
    return _identity(nll, ids)
