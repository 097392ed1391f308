"""Sequences go through a reference and its quants in lock-step and become token rows.

All models move through the sequences together, one block of positions at a time, so that the
reference runs once for a whole group of quants, no logits reach the disk, and memory holds one
block of rows per model. While one model reads, a thread scores the rows of those before it where
the engine left them, and another writes what is scored. No engine is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import NamedTuple, TypeAlias

import numpy as np

from ..errors import ExitCode, QwhError
from ..kernels.scorers import dispatch
from . import cohort
from .cohort import Settings
from .engines.port import Logits, Model, Sequence, blocks
from .members import Member
from .trace import FORWARD, SCORE, WRITE, Trace

Rows: TypeAlias = "dispatch.ReferenceRows | dispatch.QuantRows"


class Lane(NamedTuple):
    """A member and its loaded model."""

    member: Member
    model: Model


class Scored(NamedTuple):
    """Rows of one member's block. where: chunk and position, [T]; targets: [T] int32 token ids.

    ends: no more of this sequence's rows follow. between: of a repeat, KL(first reading || this)
    and whether both are finite, [T] each.
    """

    member: Member
    where: dict[str, np.ndarray]
    targets: np.ndarray
    rows: Rows
    ends: bool
    between: tuple[np.ndarray, np.ndarray] | None = None


class Block(NamedTuple):
    """Positions start..stop-1 of a sequence."""

    sequence: Sequence
    start: int
    stop: int

    @property
    def scored(self) -> np.ndarray:
        """Which of them are scored, [T] int."""
        return self.sequence.scored(self.start, self.stop)

    @property
    def ends(self) -> bool:
        """Whether nothing is scored after it."""
        return not len(self.sequence.scored(self.stop, len(self.sequence.ids)))

    @property
    def targets(self) -> np.ndarray:
        """The token ids that are scored, [T] int32."""
        return self.sequence.targets[self.scored]

    @property
    def where(self) -> dict[str, np.ndarray]:
        """Chunk and position of each, [T]; the position is that of the token that is predicted."""
        at = self.scored
        chunk = np.full(len(at), self.sequence.number, np.int32)
        return {"chunk": chunk, "position": (at + 1).astype(np.int32)}


class Scorer:
    """Reads sequences with a reference and its quants in lock-step and hands on their scored rows.

    sink is called in the writing thread, in order; advance, as models read, with the member and the
    number of positions. Use as a context manager: leaving it waits for its threads.
    """

    def __init__(
        self,
        lanes: list[Lane],  # the reference first
        settings: Settings,
        sink: Callable[[Scored], None],
        trace: Trace,
        advance: Callable[[Member, int], None],
    ):
        reference, *quants = lanes
        self.reference, self.lanes = reference, lanes
        # the first quant reads before the reference: the last one's rows are scored meanwhile
        self.order = [*quants[:1], reference, *quants[1:]] if len(quants) > 1 else lanes
        lane_of = {lane.member: lane for lane in lanes}
        self.first_of = {  # repeats, each behind its first reading in `lanes`
            lane: lane_of[lane.member.first]
            for lane in quants
            if lane.member.first and lane.member.role == "repeat"
        }
        self.settings, self.sink, self.trace, self.advance = settings, sink, trace, advance
        self.pending: dict[Lane, Future[tuple[Rows, Future[None]]]] = {}

    def __enter__(self) -> Scorer:
        self.scoring = ThreadPoolExecutor(1, "qwh-score")  # in the order of submission
        self.writing = ThreadPoolExecutor(1, "qwh-write")
        return self

    def __exit__(self, *_: object) -> None:
        self.scoring.shutdown()
        self.writing.shutdown()

    def read(
        self,
        sequences: list[Sequence],
        rows: int,
        begins: dict[Lane, int] | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Score sequences, in blocks of `rows` positions; returns when all is written.

        begins: how many sequences a lane leaves out at the beginning, for it has read them; the
        reference leaves out no more than any other. enough: asked after each sequence.
        """
        begins = dict.fromkeys(self.lanes, 0) | (begins or {})
        with ExitStack() as stack:
            streams = {}
            for lane in self.lanes:
                streams[lane] = lane.model.read(sequences[begins[lane] :], rows)
                stack.callback(getattr(streams[lane], "close", lambda: None))
            stack.callback(self._wait, self.lanes)  # no model goes on while its rows are scored
            for number in range(begins[self.reference], len(sequences)):
                there = {lane: streams[lane] for lane in self.order if begins[lane] <= number}
                for start, stop in blocks(sequences[number], rows):
                    self._block(there, Block(sequences[number], start, stop))
                if enough():
                    break

    def _block(self, streams: dict[Lane, Iterator[Logits | None]], block: Block) -> None:
        """One block of positions through the models that read it, in the order of their streams."""
        there: dict[Lane, Logits] = {}
        for lane, stream in streams.items():
            # every quant's rows are scored against the reference's, so it waits for all
            repeats = [each for each, first in self.first_of.items() if first is lane]
            self._wait(self.lanes if lane is self.reference else [lane, *repeats])
            with self.trace.span(FORWARD, lane.member.quant_id):
                logits = next(stream)
            self.advance(lane.member, block.stop - block.start)
            refuse_unfit(lane, logits, len(block.scored))
            if logits is None:
                continue
            there[lane] = logits
            if lane is self.reference:
                self._submit(lane, there, block)
            for quant in there if lane is self.reference else [lane]:
                if quant is not self.reference and self.reference in there:
                    self._submit(quant, there, block)

    def _submit(self, lane: Lane, there: dict[Lane, Logits], block: Block) -> None:
        """Have a lane's block scored, then written; the reference's before its quants'."""
        logits, logits_ref = there[lane], there[self.reference]
        before = None if lane is self.reference else self.pending[self.reference]
        settings, member, targets = self.settings, lane.member, block.targets
        first = there[self.first_of[lane]] if lane in self.first_of else None

        def score() -> tuple[Rows, Future[None]]:
            with self.trace.span(SCORE, member.quant_id):
                rows: Rows
                if before is None:
                    top_k = settings.top_k
                    rows = dispatch.reference_rows(logits, targets, top_k, settings.threads)
                else:
                    ref, _ = before.result()
                    assert isinstance(ref, dispatch.ReferenceRows)
                    rows = dispatch.quant_rows(logits_ref, ref, logits, targets, settings.threads)
                kld = _between(first, logits, targets, settings.threads)
            scored = Scored(member, block.where, targets, rows, block.ends, kld)
            return rows, self.writing.submit(self._write, scored)

        self.pending[lane] = self.scoring.submit(score)

    def _write(self, scored: Scored) -> None:
        with self.trace.span(WRITE, scored.member.quant_id):
            self.sink(scored)

    def _wait(self, lanes: list[Lane]) -> None:
        """Until no one reads these lanes' buffers, and what came of them is written."""
        for lane in lanes:
            if lane in self.pending:
                self.pending.pop(lane).result()[1].result()


def _between(
    first: Logits | None, logits: Logits, targets: np.ndarray, threads: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """KL(first reading || this one) at each position, nats, and whether both are finite; [T] each.

    None where there is no first reading.
    """
    if first is None:
        return None
    ours = dispatch.reference_rows(first, targets, 1, threads)
    rows = dispatch.quant_rows(first, ours, logits, targets, threads)
    return rows.kld, rows.finite


def refuse_unfit(lane: Lane, logits: Logits | None, scored: int) -> None:
    """Raise QwhError unless a block has a row for each scored position and a column for each id.

    And where its numbers are no floats, or bfloat16, whose rounding is more than what is measured.
    """
    dtype = "f32" if logits is None else dispatch.logits_dtype(logits)
    if dtype not in ("f16", "f32", "f64") and not dtype.startswith("u16-"):
        what = dispatch.BF16_FLOOR if dtype == "bf16" else f"its engine gave {dtype}: give float32"
        raise QwhError(f"{lane.member.file.path.name}: {what}", ExitCode.BAD_INPUT)
    found = (0, 0) if logits is None else tuple(logits.shape)
    wanted = (scored, lane.member.file.vocab_size) if scored else (0, 0)
    if found != wanted:
        raise QwhError(
            f"{lane.member.file.path.name}: its engine gave logits of shape {found} for a block of"
            f" {wanted}: update the engine, or fetch the file again",
            ExitCode.BAD_INPUT,
        )


def load(stack: ExitStack, members: list[Member], length: int, settings: Settings) -> list[Lane]:
    """Members with their models in memory, freed by the stack."""
    return [
        Lane(who, stack.enter_context(closing(cohort.load(who, length, settings))))
        for who in members
    ]
