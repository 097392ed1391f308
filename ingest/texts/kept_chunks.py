"""A text while it is read: a checkpoint per member, which becomes a run when it is whole.

A quant's rows are scored against the reference's, so each of its chunks says which rows of the
reference those were; a reference that reads a chunk otherwise than it did ends what was kept.
"""

import hashlib
import time
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pyarrow as pa

from ...kernels.scorers import dispatch
from ...progress import say
from ...raw import checkpoint, staging
from ...raw.checkpoint import Checkpoint
from ...raw.manifest import RunFacts, now
from ...raw.store import RunWriter, Store
from .. import cohort
from ..cohort import Job
from ..lockstep import Scored
from ..members import Member, with_firsts
from ..records import columns, identity
from .first_again import FirstAgain
from .running import Sums


class ReadOtherwise(Exception):
    """The reference's rows of a chunk are not those that something kept was scored against."""

    def __init__(self, chunk: int):
        super().__init__(chunk)
        self.chunk = chunk


class Kept:
    """One member's chunks of a text. rows_of: per chunk, the digest of the reference's rows."""

    def __init__(self, held: Checkpoint):
        self.held = held
        self.sums = [Sums(*frame.note["sums"]) for frame in held.frames]
        self.rows_of = [frame.note["rows_of"] for frame in held.frames]
        self._chunk, self._digest = Sums(), hashlib.sha256()
        self._seconds, self._began = self._spent(), time.monotonic()

    @property
    def chunks(self) -> int:
        """How many chunks are whole."""
        return self.held.chunks

    def begin(self) -> None:
        """Count seconds from here on."""
        self._seconds, self._began = self._spent(), time.monotonic()

    def take(self, scored: Scored) -> None:
        """Write a block of rows of the first chunk that is not held."""
        self.held.write(*columns(scored))
        if scored.between:
            kld, finite = scored.between
            self.held.write("reading_klds", scored.where | {"kld": kld, "finite": finite})
        self._chunk = self._chunk.plus(scored.rows)

    def digest(self, scored: Scored) -> str | None:
        """The digest of a chunk of the reference's rows, with its last block."""
        assert isinstance(scored.rows, dispatch.ReferenceRows)
        self._digest.update(identity(scored.rows))
        if not scored.ends:
            return None
        found, self._digest = self._digest.hexdigest(), hashlib.sha256()
        return found

    def close_chunk(self, rows_of: str, started_at: str | None) -> None:
        """Keep the chunk that was taken."""
        seconds = self._seconds + time.monotonic() - self._began
        note = {"sums": self._chunk, "rows_of": rows_of, "seconds": seconds}
        self.held.close_chunk(note | {"started_at": started_at})
        self.sums.append(self._chunk)
        self.rows_of.append(rows_of)
        self._chunk = Sums()

    def keep(self, chunks: int) -> None:
        """Drop what follows the first chunks, and what is not whole."""
        self.held.keep(chunks)
        del self.sums[chunks:], self.rows_of[chunks:]
        self._chunk, self._digest = Sums(), hashlib.sha256()

    def counted(self, run: RunFacts, chunks: int) -> RunFacts:
        """The run of the first chunks, with what was counted in them."""
        sums, last = self.sums[:chunks], self.held.frames[chunks - 1].note
        return replace(
            run,
            rows=sum(each.rows for each in sums),
            nonfinite=sum(each.rows - each.finite for each in sums),
            started_at=self.held.frames[0].note["started_at"],
            finished_at=now(),
            seconds=round(last["seconds"], 3),
        )

    def _spent(self) -> float:
        return float(self.held.frames[-1].note["seconds"]) if self.held.frames else 0.0


def key(job: Job, member: Member, shared: RunFacts) -> str:
    """What a run is kept under before it is known how many chunks it will have."""
    begun = replace(shared, chunks=None, token_stream_sha256=None)
    return str(cohort.run_of(job, member, begun, unfinished=True).run_id)


class KeptText:
    """All members' chunks of a text. Use as a context manager: leaving it without `publish` keeps
    the whole chunks for the next time.
    """

    def __init__(self, store: Store, job: Job, shared: RunFacts, quants: list[Member]):
        self.store, self.job, self.shared = store, job, shared
        self._quants, self._other = quants, False
        self.again: dict[Member, FirstAgain] = {}  # quants that are read for their repeats alone
        self._stack = ExitStack()

    def __enter__(self) -> "KeptText":
        """Raises QwhError if another process makes one of these runs."""
        place = self.store.staging
        with ExitStack() as stack:
            ours = key(self.job, self.job.reference, self.shared)
            head = checkpoint.of_reference(place, ours, self._name(self.job.reference))
            stack.callback(self._leave, head)
            self.reference = Kept(head)
            self.quants: dict[Member, Kept] = {}
            for quant in self._quants:
                theirs = key(self.job, quant, self.shared)
                held = checkpoint.of_quant(place, theirs, ours, self._name(quant))
                stack.callback(held.release)
                self.quants[quant] = Kept(held)
                self._agree(quant)
            for first in with_firsts(self._quants):
                if first not in self.quants:
                    run = cohort.run_of(self.job, first, self.shared)
                    self.again[first] = FirstAgain(self.store, run, self._name(first))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, member: Member) -> "Kept | FirstAgain":
        """A member's chunks."""
        if member in self.again:
            return self.again[member]
        return self.reference if member is self.job.reference else self.quants[member]

    def begin(self, member: Member) -> int:
        """The chunk from which on a member is to be read: a first reading with its repeat."""
        own = [] if member in self.again else [self.of(member).chunks]
        repeats = [kept for who, kept in self.quants.items() if who.first is member]
        return min((*own, *(kept.chunks for kept in repeats)))

    def take(self, scored: Scored) -> None:
        """A block of rows, in order; the reference's before its quants'. Raises ReadOtherwise."""
        number = int(scored.where["chunk"][0])
        if self._other:
            raise ReadOtherwise(number)
        if scored.member is self.job.reference:
            self._take_reference(scored, number)
            return
        if scored.member in self.again:
            self.again[scored.member].take(scored)
            return
        kept = self.quants[scored.member]
        if number < kept.chunks:
            return  # it is read for its repeat's sake
        kept.take(scored)
        if scored.ends:
            kept.close_chunk(self.reference.rows_of[number], self.shared.started_at)

    def _take_reference(self, scored: Scored, number: int) -> None:
        kept, is_new = self.reference, number >= self.reference.chunks
        if is_new:
            kept.take(scored)
        digest = kept.digest(scored)
        if digest is None:
            return
        held = [each for each in (kept, *self.quants.values()) if each.chunks > number]
        if any(each.rows_of[number] != digest for each in held):
            self._other = True
            raise ReadOtherwise(number)
        if is_new:
            kept.close_chunk(digest, self.shared.started_at)

    def keep(self, chunks: int) -> None:
        """Drop what follows the first chunks of all members, for the reference reads it otherwise
        than it did.
        """
        self._other = False
        say(
            f"{self._name(self.job.reference)}: chunk {chunks} is read otherwise than before, as"
            " another machine might: what was kept from there on is read again"
        )
        for kept in (self.reference, *self.quants.values()):
            kept.keep(min(chunks, kept.chunks))
        for first in self.again.values():
            first.forget()

    def publish(self, quants: list[Member], shared: RunFacts, chunks: int) -> list[RunFacts]:
        """Publish a run of the first chunks for each quant, and one for the reference unless the
        store holds its very rows. shared: with the facts of these chunks.

        The rows' digest is part of the reference's name: a quant always points at the rows that it
        was scored against.
        """
        rows = hashlib.sha256()
        for _, batch in self.reference.held.rows(chunks):
            rows.update(_identity(batch))
        head = cohort.run_of(self.job, self.job.reference, shared, rows=rows.hexdigest())
        published = []
        if not self.store.find(head.run_id):
            published.append(self._publish(self.reference, head, chunks))
        for quant in quants:
            run = cohort.run_of(self.job, quant, shared)
            kept = self.quants[quant]
            run = replace(run, reference_run_id=head.run_id)
            if quant.first and quant.role == "repeat":
                first = cohort.run_of(self.job, quant.first, shared)
                run = replace(run, first_run_id=first.run_id)
            published.append(self._publish(kept, run, chunks))
            del self.quants[quant]
            kept.held.remove()
        return published

    def _publish(self, kept: Kept, run: RunFacts, chunks: int) -> RunFacts:
        with RunWriter(self.store) as writer:
            for table, batch in kept.held.rows(chunks):
                if table not in writer.rows:
                    writer.add(table)
                writer.append(table, batch)
            return writer.publish(kept.counted(run, chunks))

    def _agree(self, quant: Member) -> None:
        """Drop a quant's chunks from the first on that was scored against other rows."""
        kept = self.quants[quant]
        pairs = zip(kept.rows_of, self.reference.rows_of)
        first = next((number for number, (a, b) in enumerate(pairs) if a != b), None)
        if first is not None:
            say(
                f"{self._name(quant)}: chunk {first} was scored against other rows of the"
                " reference: it is read again, with what followed"
            )
            kept.keep(first)

    def _leave(self, head: Checkpoint) -> None:
        """The reference's chunks stay as long as a quant needs them."""
        if staging.is_needed(head.folder):
            head.release()
        else:
            head.remove()

    def _name(self, member: Member) -> str:
        return f"{member.title} on {self.shared.corpus_id} at {self.shared.context_length}"


def _identity(batch: pa.RecordBatch) -> bytes:
    """As records.identity, of rows that were kept."""
    nll = batch.column("nll_ref").to_numpy(zero_copy_only=False)
    ids = batch.column("topk_ids").flatten().to_numpy(zero_copy_only=False)
    return np.asarray(nll, np.float32).tobytes() + np.asarray(ids, np.int32).tobytes()
