"""A text while it is read: what its members keep of it, chunk by chunk."""

import hashlib
import time
from dataclasses import replace

from ...kernels.scorers import dispatch
from ...progress import say
from ...raw.checkpoint import Checkpoint, Frame
from ...raw.manifest import RunFacts, now
from .. import cohort
from ..cohort import Job
from ..first_again import FirstAgain
from ..kept import KeptRuns, ReadOtherwise
from ..lockstep import Scored
from ..members import Member
from ..records import identity, tables
from ..running import Sums


class KeptChunks:
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
        for table, block in tables(scored):
            self.held.write(table, block)
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

    def frames(self, chunks: int | None) -> list[Frame]:
        """Of the first chunks."""
        return self.held.frames[:chunks]

    def counted(self, run: RunFacts, chunks: int | None) -> RunFacts:
        """The run of the first chunks, with what was counted in them."""
        sums, last = self.sums[:chunks], self.frames(chunks)[-1].note
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


class KeptText(KeptRuns[KeptChunks]):
    """All members' chunks of a text."""

    def opened(self, held: Checkpoint) -> KeptChunks:
        """See KeptRuns."""
        return KeptChunks(held)

    def key(self, member: Member) -> str:
        """See KeptRuns."""
        return key(self.job, member, self.shared)

    def name(self, member: Member) -> str:
        """See KeptRuns."""
        return f"{member.title} on {self.shared.corpus_id} at {self.shared.context_length}"

    def agree(self, quant: Member) -> None:
        """Drop a quant's chunks from the first on that was scored against other rows."""
        kept = self.quants[quant]
        pairs = zip(kept.rows_of, self.reference.rows_of)
        first = next((number for number, (a, b) in enumerate(pairs) if a != b), None)
        if first is not None:
            say(
                f"{self.name(quant)}: chunk {first} was scored against other rows of the"
                " reference: it is read again, with what followed"
            )
            kept.keep(first)

    def of(self, member: Member) -> KeptChunks | FirstAgain:
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
            f"{self.name(self.job.reference)}: chunk {chunks} is read otherwise than before, as"
            " another machine might: what was kept from there on is read again"
        )
        for kept in (self.reference, *self.quants.values()):
            kept.keep(min(chunks, kept.chunks))
        for first in self.again.values():
            first.forget()
