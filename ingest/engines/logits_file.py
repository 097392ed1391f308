"""The engine "logits-file": the log-probs that llama-perplexity --kl-divergence-base wrote.

    8 bytes `_logits_`, int32 context length, vocabulary, chunks; int32 tokens; then for each chunk
    a row for every position from the middle of the context on: float32 scale, float32 minimum, a
    uint16 code per id, padded to even.

The file has no version, checksum or model; its size is the only check that it is whole. What it
clips stays unknown.
"""

import hashlib
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import psutil

from ...errors import BadFile, ExitCode, QwhError
from ...kernels.scorers.rows import CodedRows
from .port import ModelFile, Reading, Sequence, Vocabulary, blocks

MAGIC = b"_logits_"
HEADER = 20
LARGEST = 1 << 24  # of a context or a vocabulary: beyond it the header is damaged
DEPTHS = (16.0, 24.0)  # nats below a row's top where llama.cpp and ik_llama.cpp stop


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file begins as a logits file does."""
    return head.startswith(MAGIC)


def file(path: Path) -> "LogitsFile":
    """Open, check and close a logits file. Raises BadFile."""
    return LogitsFile(path)


def vocabulary(file: ModelFile) -> Vocabulary:
    """There is none in a logits file."""
    raise QwhError(
        f"{file.path.name} holds logits and no tokenizer: give the model that wrote it",
        ExitCode.BAD_INPUT,
    )


def facts(file: ModelFile, reading: Reading) -> dict[str, Any]:
    """The fields of RunFacts about the engine: who wrote the codes is all that is known."""
    assert isinstance(file, LogitsFile)
    return {"engine": "llama.cpp", "logits_dtype": f"u16-{file.depth:.0f}"}


def load(file: ModelFile, reading: Reading, length: int, threads: int) -> "Replay":
    """The file in a model's place."""
    assert isinstance(file, LogitsFile)
    return Replay(file)


def takes(file: ModelFile, reading: Reading, length: int) -> int:
    """Bytes of memory: one chunk's rows, whatever the file's size."""
    assert isinstance(file, LogitsFile)
    return file.chunk_bytes


def room() -> int:
    """Bytes of free memory."""
    return int(psutil.virtual_memory().available)


class LogitsFile:
    """A logits file, with as many whole chunks as it holds (see port.ModelFile).

    tokens: ids [chunks, length] int32; depth: nats below a row's top where the codes stop;
    partial: why the file is not the whole run, or None. Raises BadFile if it is damaged or holds
    no whole chunk.
    """

    context_length = None  # of the model that wrote it
    tokenizer = None
    text: dict[str, Any] = {}  # it does not tell

    def __init__(self, path: Path):
        self.path = Path(path)
        try:
            with open(self.path, "rb", buffering=0) as opened:  # it jumps from row to row
                self.bytes = os.fstat(opened.fileno()).st_size
                self._layout(opened.read(HEADER))
                self.tokens = self._tokens(opened)
                self.depth = self._depth(opened)
        except OSError as error:
            raise BadFile(
                self.path, "at its start", error.strerror or str(error), "check the path"
            ) from None

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of RunFacts about the model: a file of logits tells little of it."""
        about = {"file_name": self.path.name, "file_sha256": self.sha256}
        return about | {"vocab_size": self.vocab_size}

    @property
    def source(self) -> dict[str, Any]:
        """The fields of RunFacts about the file as a source."""
        about = {"source_format": "logits-file", "source_name": self.path.name}
        return about | {"source_sha256": self.sha256}

    @property
    def stream(self) -> list[Sequence]:
        """Its chunks, of which the positions from the middle on are stored."""
        targets = np.roll(self.tokens, -1, axis=1)
        targets[:, : self.first] = targets[:, -1] = -1
        return [Sequence(i, *chunk) for i, chunk in enumerate(zip(self.tokens, targets))]

    def _layout(self, head: bytes) -> None:
        """Where everything lies, from the header and the file's size."""
        if not head.startswith(MAGIC):
            raise BadFile(
                self.path,
                "byte 0",
                "it does not begin with _logits_",
                "give a file that llama-perplexity --kl-divergence-base wrote",
            )
        if len(head) < HEADER:
            raise BadFile(
                self.path,
                f"byte {len(head)}",
                "it ends inside its header, as where the text was too short",
                "write it again from a text of at least two contexts",
            )
        self.length, self.vocab_size, promised = (
            int(value) for value in np.frombuffer(head, "<i4", 3, 8)
        )
        if not (2 <= self.length <= LARGEST and 1 <= self.vocab_size <= LARGEST and promised >= 1):
            raise BadFile(
                self.path,
                "byte 8",
                f"context length {self.length}, vocabulary {self.vocab_size}, {promised}"
                " chunks cannot be",
                "write it again",
            )
        self.first = self.length // 2  # the first position that is stored
        self.rows = self.length - 1 - self.first
        self.words = 2 * ((self.vocab_size + 1) // 2) + 4  # uint16 in a row
        self.start = HEADER + 4 * self.length * promised
        self.chunk_bytes = 2 * self.words * self.rows
        if not self.rows:
            raise BadFile(
                self.path,
                "byte 8",
                f"a context length of {self.length} leaves no scored position",
                "write it again with a longer context",
            )
        self.chunks = self._whole_chunks(promised)
        self.partial = None if self.chunks == promised else f"{self.chunks} of {promised} chunks"

    def _whole_chunks(self, promised: int) -> int:
        """How many chunks are whole, one at least; nothing may follow the last."""
        size = self.bytes
        chunks = min(promised, max(0, size - self.start) // self.chunk_bytes)
        if chunks < 1:
            raise BadFile(
                self.path,
                f"byte {size:,}",
                "it ends before its first whole chunk, which ends at byte"
                f" {self.start + self.chunk_bytes:,}",
                "write it again",
            )
        if size > self.start + promised * self.chunk_bytes:
            raise BadFile(
                self.path,
                f"byte {self.start + promised * self.chunk_bytes:,}",
                f"{size - self.start - promised * self.chunk_bytes:,} bytes follow its last chunk",
                "write it again: header and rows do not belong together",
            )
        return chunks

    def _tokens(self, opened: BinaryIO) -> np.ndarray:
        """The token ids, [chunks, length] int32, all within the vocabulary."""
        ids = np.fromfile(opened, "<i4", self.length * self.chunks).astype(np.int32)
        outside = np.flatnonzero((ids < 0) | (ids >= self.vocab_size))
        if len(outside):
            raise BadFile(
                self.path,
                f"byte {HEADER + 4 * int(outside[0]):,}",
                f"token {ids[outside[0]]} is not in its vocabulary of {self.vocab_size:,}",
                "write it again",
            )
        return ids.reshape(self.chunks, self.length)

    def _depth(self, opened: BinaryIO) -> float:
        """Where the codes stop, from every row's scale: no row reaches deeper than is known."""
        deepest = 0.0
        for row in range(self.chunks * self.rows):
            at = self.start + 2 * self.words * row
            opened.seek(at)
            scale = np.frombuffer(opened.read(4), "<f4")[0]
            reach = float(scale) * 65535
            # NaN is neither: that row was written from NaN and is flagged when scored
            if reach < 0 or reach > DEPTHS[-1] + 0.01:
                raise BadFile(
                    self.path,
                    f"byte {at:,}",
                    f"a row that reaches {reach:.4g} nats deep",
                    "write it again: no llama.cpp goes beyond 24",
                )
            deepest = max(deepest, reach)
        return DEPTHS[0] if deepest <= DEPTHS[0] + 0.01 else DEPTHS[1]

    def chunk(self, index: int) -> CodedRows:
        """The rows of one chunk, [rows, vocabulary]; row r predicts from position first + r."""
        raw = np.fromfile(
            self.path, "<u2", self.words * self.rows, offset=self.start + index * self.chunk_bytes
        )
        if len(raw) < self.words * self.rows:
            raise BadFile(
                self.path,
                f"byte {self.start + index * self.chunk_bytes + 2 * len(raw):,}",
                "it became shorter while it was read",
                "leave it alone and ingest it again",
            )
        return CodedRows(raw.reshape(self.rows, self.words), self.vocab_size, self.depth)

    @cached_property
    def sha256(self) -> str:
        """Of its size, header, tokens, and first and last MiB of rows.

        So a file of 100 GB is told from another in no time.
        """
        digest = hashlib.sha256(str(self.bytes).encode())
        with open(self.path, "rb") as opened:
            digest.update(opened.read(self.start + (1 << 20)))
            opened.seek(max(0, self.bytes - (1 << 20)))
            digest.update(opened.read())
        return digest.hexdigest()


class Replay:
    """A logits file in a model's place: its stored rows, chunk by chunk."""

    def __init__(self, file: LogitsFile):
        self.file = file

    def read(self, sequences: list[Sequence], rows: int) -> Iterator[CodedRows | None]:
        """See port.Model; slices of the chunk that is in memory."""
        for sequence in sequences:
            held = self.file.tokens[sequence.number : sequence.number + 1]
            if not len(held) or not np.array_equal(held[0, 1:], sequence.ids[1:]):
                raise QwhError(
                    f"{self.file.path.name} does not hold the tokens of chunk {sequence.number}:"
                    " read the text that it was written from",
                    ExitCode.MISMATCH,
                )
            stored = self.file.chunk(sequence.number)
            for start, stop in blocks(sequence, rows):
                at = sequence.scored(start, stop) - self.file.first
                words = stored.words[at[0] : at[-1] + 1] if len(at) else None
                yield None if words is None else stored._replace(words=words)

    def close(self) -> None:
        """Nothing is open between two chunks."""
