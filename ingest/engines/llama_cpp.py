"""The engine "gguf": llama.cpp runs a GGUF file, one sequence at a time.

Or, where the reading says so, several that begin alike in one pass.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from . import llama_settings
from .gguf import read_gguf
from .gguf_header import MAGIC
from .going import Going
from .llama_branches import alike, branches
from .port import Answer, ModelFile, Reading, Sequence, Start, blocks

if TYPE_CHECKING:
    from .llama_tap import Tapped

file = read_gguf
SETTINGS, contradiction = llama_settings.SETTINGS, llama_settings.contradiction


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file begins as a GGUF file does."""
    return head.startswith(MAGIC)


def vocabulary(file: ModelFile) -> "Vocabulary":
    """The file's tokenizer, read without its weights."""
    return Vocabulary(file)


def facts(file: ModelFile, reading: Reading) -> dict[str, Any]:
    """The fields of RunFacts about llama.cpp."""
    from . import llama_context

    return {
        "engine": "llama.cpp",
        "engine_version": llama_context.VERSION,
        "device": llama_context.device(),
        "logits_dtype": "f32",
        **llama_settings.facts(reading),
    }


def load(file: ModelFile, reading: Reading, length: int, threads: int) -> "Model":
    """The model in memory, with attention memory for one sequence of `length` positions."""
    return Model(file, reading, length, threads)


def tap(file: ModelFile, reading: Reading, length: int, threads: int) -> "Tapped":
    """The model in memory, showing what its head reads. Raises HeadUnknown."""
    from .llama_tap import Tapped

    return Tapped(file, reading, length, threads)


def takes(file: ModelFile, reading: Reading, length: int) -> int:
    """Bytes that a loaded model holds: its weights and its attention memory."""
    from . import llama_slots

    kept = getattr(file, "kept", (0, 0))
    slots = llama_slots.rows_for(reading.slots) if reading.slots > 1 else 1
    room = llama_slots.room_for(length) if reading.slots > 1 else length
    return file.bytes + int(slots * room * llama_settings.cached_bytes(reading, kept))


def room() -> int:
    """Half of the free memory: the page cache and the scorer want some too."""
    return int(psutil.virtual_memory().available) // 2


class Vocabulary:
    """A GGUF file's tokenizer."""

    def __init__(self, file: ModelFile):
        from .llama_context import Weights

        self.weights = Weights(file.path, vocab_only=True)
        self.bos: int = self.weights.bos
        self.add_bos: bool = self.weights.add_bos
        self.eos: int = self.weights.eos
        self.tokenize = self.weights.tokenize
        self.tokenize_markup = self.weights.tokenize_markup
        self.text = self.weights.text
        self.is_end = self.weights.is_end
        self.close = self.weights.close


class Model:
    """One loaded file with the attention memory of one sequence, of which the next keeps a part.

    A reading of several sequences puts those side by side that begin alike; a recurrent model has
    no memory that they could share, and reads them one by one.
    """

    def __init__(self, file: ModelFile, reading: Reading, length: int, threads: int):
        from . import llama_slots
        from .llama_context import Context, Weights

        self.weights = Weights(file.path)
        self.slots: llama_slots.Slots | None = None
        block = min(reading.rows, length)
        # llama.cpp wants no more sequences than a pass has tokens
        self.sequences = min(reading.sequences, block) if self.weights.has_positions else 1
        room = length if self.sequences == 1 else length + block  # beside one, a batch of others
        threads = llama_settings.threads_of(reading, threads)
        how = llama_settings.parameters(reading)
        try:
            self.weights.adapt(llama_settings.adapters(reading))
            if reading.slots > 1 and self.weights.has_positions:
                rows = llama_slots.rows_for(reading.slots)
                room, block = llama_slots.room_for(length), max(rows, llama_slots.MOST)
                how |= {"n_ctx": room * rows, "kv_unified": False}
                self.context = Context(self.weights, room, block, threads, rows, how)
                self.slots = llama_slots.Slots(self.context, reading.slots)
            else:
                self.context = Context(self.weights, room, block, threads, self.sequences, how)
        except BaseException:
            self.weights.close()
            raise
        self.held = np.empty(0, np.int32)  # the ids whose attention memory is there

    def read(self, sequences: list[Sequence], rows: int) -> Iterator[np.ndarray | None]:
        """See port.Model; views of llama.cpp's own buffer where a block is one pass."""
        if self.slots:
            yield from self.slots.read(sequences, rows)
            return
        for group in alike(sequences, self.sequences, min(rows, self.context.block)):
            yield from self._together(group) if len(group) > 1 else self._alone(group[0], rows)

    def _alone(self, sequence: Sequence, rows: int) -> Iterator[np.ndarray | None]:
        self._keep(sequence.ids, sequence.shared)
        for start, stop in blocks(sequence, max(rows, self.context.block)):
            scored = sequence.scored(start, stop)
            logits = self._pass(sequence.ids, start, stop, scored)
            self.held = sequence.ids[:stop]
            for first in range(start, stop, rows):
                inside = (scored >= first) & (scored < min(first + rows, stop))
                at = np.flatnonzero(inside)
                yield None if logits is None or not len(at) else logits[at[0] : at[-1] + 1]

    def _together(self, group: list[Sequence]) -> Iterator[np.ndarray | None]:
        """Sequences that begin alike, each of one block of positions, in one pass."""
        leader = group[0]
        start = self._keep(leader.ids, leader.shared)
        found = branches(group, start, self.sequences)
        wanted = found.wanted
        logits = self.context.decode(found.tokens, found.positions, found.owners, wanted)
        self.held = leader.ids[: found.trunk]
        place = np.cumsum(wanted) - 1  # of a token among those whose logits were asked for
        for rows in found.rows:
            yield None if logits is None or not len(rows) else logits[place[rows]]

    def answer(
        self, starts: Iterable[Start], limit: int, watch: Callable[[], Callable[[int], bool]]
    ) -> Iterator[Answer]:
        """See port.Speaker; without slots each answer to its end before the next."""
        if self.slots:
            yield from self.slots.answer(starts, limit, watch)
            return
        for start in starts:
            each = Going(start, watch(), limit)
            logits = None if each.is_done else self._begin(np.array(each.ids, np.int32))
            while logits is not None:
                each.take(logits[-1])
                logits = None if each.is_done else self._step(each)
            yield each.answer

    def _begin(self, ids: np.ndarray) -> np.ndarray | None:
        """The logits after some ids. Of what ran before only whole passes are kept, so that bits
        hang on these ids alone.
        """
        last, block = len(ids) - 1, self.context.block
        kept = self._keep(ids, min(_common(self.held, ids), last) // block * block)
        self.held = ids
        return self._pass(ids, kept, len(ids), np.array([last]))

    def _step(self, each: Going) -> np.ndarray | None:
        """The logits after an answer's last token; it is not held for another."""
        last = np.array([each.last], np.int32)
        return self.context.forward(last, len(each.ids) - 1, np.ones(1, bool))

    def close(self) -> None:
        """Free context and weights."""
        self.context.close()
        self.weights.close()

    def _keep(self, ids: np.ndarray, shared: int) -> int:
        """Hold the first `shared` of these ids and no more; returns how many that are.

        What is not held of them is run again.
        """
        wanted = shared if np.array_equal(self.held[:shared], ids[:shared]) else 0
        kept = self.context.keep(wanted)
        if kept < shared:
            self._pass(ids, kept, shared, np.empty(0, int))
        return shared

    def _pass(
        self, ids: np.ndarray, start: int, stop: int, scored: np.ndarray
    ) -> np.ndarray | None:
        """The logits of the scored positions of start..stop-1, in passes of the context's size."""
        parts: list[np.ndarray] = []
        for first in range(start, stop, self.context.block):
            last = min(first + self.context.block, stop)
            if parts:
                parts[-1] = parts[-1].copy()  # the next pass overwrites it
            wanted = np.zeros(last - first, bool)
            wanted[scored[(scored >= first) & (scored < last)] - first] = True
            logits = self.context.forward(ids[first:last], first, wanted)
            if logits is not None:
                parts.append(logits)
        return np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else None


def _common(a: np.ndarray, b: np.ndarray) -> int:
    """Length of the common prefix."""
    n = min(len(a), len(b))
    differ = np.flatnonzero(a[:n] != b[:n])
    return int(differ[0]) if len(differ) else n
