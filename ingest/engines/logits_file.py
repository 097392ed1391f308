"""llama.cpp's logits file ("_logits_"): the log-probs that llama-perplexity --kl-divergence-base
writes, in 16-bit codes.

    8 bytes `_logits_`, int32 context length, vocabulary, chunks; int32 tokens; then for each chunk
    a row for every position from the middle of the context on: float32 scale, float32 minimum, a
    uint16 code per id, padded to even.

The file has no version, checksum or model; its size is the only check that it is whole.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from ...kernels.scorers.rows import CodedRows
from ..readers.port import BadFile

MAGIC = b"_logits_"
HEADER = 20
LARGEST = 1 << 24  # of a context or a vocabulary: beyond it the header is damaged
DEPTHS = (16.0, 24.0)  # nats below a row's top where llama.cpp and ik_llama.cpp stop


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file begins as a logits file does."""
    return head.startswith(MAGIC)


class LogitsFile:
    """A logits file that is open for reading, with as many whole chunks as it holds. Closes on
    `close`.

    stream: token ids [chunks, context_length] int32; depth: nats below a row's top where the codes
    stop; partial: why the file is not the whole run, or None. Raises BadFile if it is damaged or
    holds no whole chunk.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        try:
            self.file = open(self.path, "rb")
        except OSError as error:
            raise BadFile(
                self.path, "at its start", error.strerror or str(error), "check the path"
            ) from None
        try:
            self._open()
        except BaseException:
            self.file.close()
            raise

    def _open(self) -> None:
        size = os.fstat(self.file.fileno()).st_size
        head = self.file.read(HEADER)
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
        self.context_length, self.vocab_size, promised = (
            int(value) for value in np.frombuffer(head, "<i4", 3, 8)
        )
        if not (
            2 <= self.context_length <= LARGEST
            and 1 <= self.vocab_size <= LARGEST
            and promised >= 1
        ):
            raise BadFile(
                self.path,
                "byte 8",
                f"context length {self.context_length}, vocabulary {self.vocab_size}, {promised}"
                " chunks cannot be",
                "write it again",
            )
        self.first = self.context_length // 2  # the first position that is stored
        self.rows = self.context_length - 1 - self.first
        self.words = 2 * ((self.vocab_size + 1) // 2) + 4  # uint16 in a row
        self.start = HEADER + 4 * self.context_length * promised
        self.chunk_bytes = 2 * self.words * self.rows
        if not self.rows:
            raise BadFile(
                self.path,
                "byte 8",
                f"a context length of {self.context_length} leaves no scored position",
                "write it again with a longer context",
            )
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
        self.partial = None if chunks == promised else f"{chunks} of {promised} chunks"
        self.stream = (
            np.fromfile(self.file, "<i4", self.context_length * chunks)
            .astype(np.int32)
            .reshape(chunks, self.context_length)
        )
        outside = np.flatnonzero((self.stream < 0) | (self.stream >= self.vocab_size))
        if len(outside):
            raise BadFile(
                self.path,
                f"byte {HEADER + 4 * int(outside[0]):,}",
                f"token {self.stream.flat[outside[0]]} is not in its vocabulary of"
                f" {self.vocab_size:,}",
                "write it again",
            )
        self.depth = self._depth()

    def _depth(self) -> float:
        """Where the codes stop, from every row's scale: no row may reach deeper than the deepest
        that is known.
        """
        deepest, descriptor = 0.0, self.file.fileno()
        for row in range(len(self.stream) * self.rows):
            at = self.start + 2 * self.words * row
            scale = np.frombuffer(os.pread(descriptor, 4, at), "<f4")[0]
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
        """The rows of one chunk, [rows, vocabulary]: row r is the prediction made at position first
        + r.
        """
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

    def sha256(self) -> str:
        """Of its header, tokens, size, and first and last MiB of rows: a 100 GB file is told from
        another in no time.
        """
        digest = hashlib.sha256(str(os.fstat(self.file.fileno()).st_size).encode())
        self.file.seek(0)
        digest.update(self.file.read(self.start + (1 << 20)))
        self.file.seek(max(0, os.fstat(self.file.fileno()).st_size - (1 << 20)))
        digest.update(self.file.read())
        return digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self.file.close()
