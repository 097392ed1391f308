"""Sequences side by side in llama.cpp, each in memory of its own, where none moves another's bits.

llama.cpp takes another kernel for few rows than for many, and leaves a few rows over to a third.
Here every pass has a multiple of 4 rows and at least 8, so that one kernel computes them all; no
sequence gives a pass more than 60, where attention changes its own; what a pass lacks is filled up
with tokens that are forgotten after it. So a row depends on the ids before it alone, not on where a
sequence was cut, what it kept of another, or who is beside it. `prove` tries that on the machine.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ...errors import ExitCode, QwhError
from .going import Going
from .llama_context import Context
from .port import Answer, Sequence, Start, blocks

STEP, LEAST, MOST = 4, 8, 60  # rows of a pass: a multiple, at least; at most of one sequence
CELLS = 256  # llama.cpp gives each sequence a multiple of it
FILL = 0  # a token that is run and forgotten
WORTH = 8  # ids that a copy of another slot's memory must save
TRIED = 22  # ids of the sequence by which independence is tried


class Slots:
    """Memory of several sequences on loaded weights.

    held: of each slot, the ids that a pass of `_fill` put there; what an answer adds is not kept.
    """

    def __init__(self, context: Context, count: int):
        self.context, self.rows = context, rows_for(count)
        self.held = [np.empty(0, np.int32) for _ in range(self.rows)]
        self.cells = [0] * self.rows  # positions of each slot that hold something
        self.going: dict[int, Going] = {}  # slot -> its answer
        self.least = LEAST  # rows of a step
        self._prove()

    def answer(
        self, starts: Iterable[Start], limit: int, watch: Callable[[], Callable[[int], bool]]
    ) -> Iterator[Answer]:
        """See port.Speaker: a slot that is free takes the next start at once."""
        self.going = {}
        waiting = iter(starts)
        while True:
            yield from self._take_on(waiting, limit, watch)
            if not self.going:
                return
            logits = self._step()
            for slot, each in list(self.going.items()):
                each.take(logits[slot])
                if each.is_done:
                    del self.going[slot]
                    yield each.answer

    def read(self, sequences: list[Sequence], rows: int) -> Iterator[np.ndarray | None]:
        """See port.Model: one after another, each on what any slot holds of its beginning."""
        for each in sequences:
            scored = each.scored(0, len(each.ids))
            slot = self._place(each.ids[: scored[0]] if len(scored) else each.ids)
            for start, stop in blocks(each, rows):
                wanted = each.scored(start, stop)
                yield self._fill(slot, each.ids[:stop], wanted)

    def _take_on(
        self, waiting: Iterator[Start], limit: int, watch: Callable[[], Callable[[int], bool]]
    ) -> Iterator[Answer]:
        """Fill the free slots; answers that end with what was given are done at once."""
        while len(self.going) < self.rows:
            start = next(waiting, None)
            if start is None:
                return
            each = Going(start, watch(), limit)
            if each.is_done:
                yield each.answer
                continue
            ids = np.array(each.ids[:-1], np.int32)
            slot = self._place(ids)
            self._fill(slot, ids, np.empty(0, int))
            self.going[slot] = each

    def _place(self, ids: np.ndarray) -> int:
        """A free slot that holds as many of these ids as any slot does, and no others."""
        shared = [_common(held, ids) for held in self.held]
        free = [slot for slot in range(self.rows) if slot not in self.going]
        slot = max(free, key=lambda each: (shared[each], -len(self.held[each]), -each))
        best = max(range(self.rows), key=lambda each: shared[each])
        if shared[best] >= shared[slot] + WORTH:
            self.context.copy(best, slot)
            self.held[slot], self.cells[slot] = self.held[best], self.cells[best]
            shared[slot] = shared[best]
        self._cut(slot, shared[slot])
        return slot

    def _fill(self, slot: int, ids: np.ndarray, wanted: np.ndarray) -> np.ndarray | None:
        """Run what a slot lacks of some ids. Returns the logits of the wanted positions, [T, V]."""
        parts = []
        for start in range(len(self.held[slot]), len(ids), MOST):
            stop = min(start + MOST, len(ids))
            n = _padded(stop - start)
            tokens = np.full(n, FILL, np.int32)
            tokens[: stop - start] = ids[start:stop]
            here = wanted[(wanted >= start) & (wanted < stop)] - start
            asked = _asked(here, n)
            logits = self.context.run(tokens, np.arange(start, start + n), np.full(n, slot), asked)
            if logits is not None:
                place = np.cumsum(asked) - 1
                parts.append(logits[place[here]])  # a copy: the next pass overwrites it
            self.cells[slot] = start + n
            self._cut(slot, stop)
        if len(ids) > len(self.held[slot]):
            self.held[slot] = ids
        return np.concatenate(parts) if parts else None

    def _step(self) -> np.ndarray:
        """The next token of every answer, in one pass over the slots from the first on; logits
        [rows, V].
        """
        n = max(_padded(max(self.going) + 1), self.least)
        tokens = np.full(n, FILL, np.int32)
        at = np.array(self.cells[:n])
        for slot, each in self.going.items():
            tokens[slot] = each.last
        logits = self.context.run(tokens, at, np.arange(n), np.ones(n, bool))
        assert logits is not None
        for slot in range(n):
            self.cells[slot] += 1
            if slot not in self.going:
                self._cut(slot, self.cells[slot] - 1)
        return logits

    def _prove(self) -> None:
        """Raise QwhError unless a sequence has the same bits wherever, however and beside whom.

        Where only a step of fewer rows has others, every step has them all.
        """
        ids = (np.arange(TRIED, dtype=np.int32) * 7919 + 13) % self.context.weights.vocab_size
        last, wanted = self.rows - 1, np.arange(TRIED - LEAST, TRIED)
        whole = self._fill(0, ids, wanted)
        self._fill(last, ids[:5], wanted[:0])
        apart = self._fill(last, ids, wanted)
        assert whole is not None and apart is not None
        same = np.array_equal(whole, apart)
        few, all_ = self._stepped(0, ids), self._stepped(last, ids)
        if same and not np.array_equal(few, all_):
            self.least = self.rows
            same = np.array_equal(self._stepped(0, ids), all_)
        if not same:
            raise QwhError(
                f"{self.context.weights.path.name}: on this machine llama.cpp gives an answer other"
                " bits beside others than alone: leave --parallel out",
                ExitCode.USAGE,
            )
        for slot in (0, last):
            self._cut(slot, 0)

    def _stepped(self, slot: int, ids: np.ndarray) -> np.ndarray:
        """The logits of the last of some ids, [V], the two last ones run in steps."""
        self._cut(slot, len(ids) - 2)
        for token in ids[-2:].tolist():
            self.going = {slot: Going(Start(0, [token], []), lambda token: False, 1)}
            logits = self._step()[slot].copy()
        self.going = {}
        return logits

    def _cut(self, slot: int, length: int) -> None:
        """Forget what a slot holds after its first `length` positions."""
        if self.cells[slot] > length:
            self.context.cut(slot, length)
            self.cells[slot] = length
            self.held[slot] = self.held[slot][:length]


def rows_for(count: int) -> int:
    """Slots where so many are wanted: a pass has a row of each, so none of its rows is spared."""
    return _padded(count)


def room_for(length: int) -> int:
    """Positions of a slot that holds `length`: what fills a pass up finds room, too."""
    return -(-(length + LEAST) // CELLS) * CELLS


def _padded(rows: int) -> int:
    return max(LEAST, -(-rows // STEP) * STEP)


def _asked(wanted: np.ndarray, rows: int) -> np.ndarray:
    """[rows] bool: the wanted rows and as many beside as one kernel takes; none where none is."""
    asked = np.zeros(rows, bool)
    asked[wanted] = True
    if len(wanted):
        spare = np.flatnonzero(~asked)
        asked[spare[: _padded(len(wanted)) - len(wanted)]] = True
    return asked


def _common(a: np.ndarray, b: np.ndarray) -> int:
    """Length of the common prefix."""
    n = min(len(a), len(b))
    differ = np.flatnonzero(a[:n] != b[:n])
    return int(differ[0]) if len(differ) else n
