"""What is kept while members read or answer: a checkpoint each, a run when it is whole.

A quant's rows are scored against the reference's, so what is kept of a quant says which rows those
were; a reference that reads otherwise than it did ends what was kept.
"""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
import pyarrow as pa

from ..raw import checkpoint, staging
from ..raw.checkpoint import Checkpoint, Frame
from ..raw.manifest import RunFacts
from ..raw.store import RunWriter, Store
from . import cohort
from .cohort import Job
from .first_again import FirstAgain
from .members import Member, with_firsts


class ReadOtherwise(Exception):
    """The reference's rows of a chunk, or of a prompt, are not those that something kept was scored
    against.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


class Kept(Protocol):
    """What is kept of one member. chunks: how many of its frames count; None: all."""

    held: Checkpoint

    def frames(self, chunks: int | None) -> Sequence[Frame]:
        """The frames in a run's order."""

    def counted(self, run: RunFacts, chunks: int | None) -> RunFacts:
        """The run with what was counted in them."""


K = TypeVar("K", bound=Kept)


class KeptRuns(Generic[K]):
    """All members' checkpoints of a text or a benchmark. Use as a context manager: leaving it
    without `publish` keeps them for the next time.

    of_reference, of_quant: tables that such a run has even where they are empty.
    """

    of_reference: tuple[str, ...] = ()
    of_quant: tuple[str, ...] = ()
    reference: K

    def __init__(self, store: Store, job: Job, shared: RunFacts, quants: list[Member]):
        self.store, self.job, self.shared = store, job, shared
        self.quants: dict[Member, K] = {}
        self.again: dict[Member, FirstAgain] = {}  # quants that are read for their repeats alone
        self._quants, self._other = quants, False
        self._stack = ExitStack()

    def opened(self, held: Checkpoint) -> K:
        """What a member's checkpoint holds."""
        raise NotImplementedError

    def key(self, member: Member) -> str:
        """What a member's run is kept under while it is not done."""
        raise NotImplementedError

    def name(self, member: Member) -> str:
        """A member and what it reads, for a person."""
        raise NotImplementedError

    def agree(self, quant: Member) -> None:
        """Drop what a quant holds of other rows of the reference than those that are kept."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Raises QwhError if another process makes one of these runs."""
        place = self.store.staging
        with ExitStack() as stack:
            ours = self.key(self.job.reference)
            head = checkpoint.of_reference(place, ours, self.name(self.job.reference))
            stack.callback(_leave, head)
            self.reference = self.opened(head)
            for quant in self._quants:
                held = checkpoint.of_quant(place, self.key(quant), ours, self.name(quant))
                stack.callback(held.release)
                self.quants[quant] = self.opened(held)
                self.agree(quant)
            for first in with_firsts(self._quants):
                if first not in self.quants:
                    run = cohort.run_of(self.job, first, self.shared)
                    self.again[first] = FirstAgain(self.store, run, self.name(first))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def publish(
        self, quants: list[Member], shared: RunFacts | None = None, chunks: int | None = None
    ) -> list[RunFacts]:
        """Publish a run for each quant, and one for the reference unless the store holds its very
        rows. shared, chunks: where a text ends after so many chunks, its facts.

        The rows' digest is part of the reference's name: a quant always points at the rows that it
        was scored against.
        """
        shared, rows = shared or self.shared, hashlib.sha256()
        for frame in self.reference.frames(chunks):
            for table, batch in self.reference.held.rows_of(frame):
                if table == "reference_tokens":
                    rows.update(_identity(batch))
        head = cohort.run_of(self.job, self.job.reference, shared, rows=rows.hexdigest())
        published = []
        if not self.store.find(head.run_id):
            published.append(self._publish(self.reference, head, self.of_reference, chunks))
        for quant in quants:
            run = cohort.run_of(self.job, quant, shared)
            run = replace(run, reference_run_id=head.run_id)
            if quant.first and quant.role == "repeat":
                first = cohort.run_of(self.job, quant.first, shared)
                run = replace(run, first_run_id=first.run_id)
            kept = self.quants.pop(quant)
            published.append(self._publish(kept, run, self.of_quant, chunks))
            kept.held.remove()
        return published

    def _publish(
        self, kept: K, run: RunFacts, tables: tuple[str, ...], chunks: int | None
    ) -> RunFacts:
        with RunWriter(self.store, *tables) as writer:
            for frame in kept.frames(chunks):
                for table, batch in kept.held.rows_of(frame):
                    if table not in writer.rows:
                        writer.add(table)
                    writer.append(table, batch)
            return writer.publish(kept.counted(run, chunks))


def _leave(head: Checkpoint) -> None:
    """What is kept of a reference stays as long as a quant needs it."""
    if staging.is_needed(head.folder):
        head.release()
    else:
        head.remove()


def _identity(batch: pa.RecordBatch) -> bytes:
    """As records.identity, of rows that were kept."""
    nll = batch.column("nll_ref").to_numpy(zero_copy_only=False)
    ids = batch.column("topk_ids").flatten().to_numpy(zero_copy_only=False)
    return np.asarray(nll, np.float32).tobytes() + np.asarray(ids, np.int32).tobytes()
