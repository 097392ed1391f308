"""The engine "capture": what the head of a reference read of one text, and the head.

The logits are rebuilt from both, so that neither the reference nor the text is needed: see
raw/captures.py for what lies on disk. NumPy alone; nothing of a capture is run.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ...errors import BadFile, ExitCode, QwhError
from ...kernels.scorers.head import LANES, TILE, TYPES, Finish, Head, Order, Weights, widen
from ...raw import captures
from ...raw.captures import HEAD, ID, TOKENS, VOCABULARY
from ...raw.tensor_file import Array, TensorFile
from .port import ModelFile, Reading, Sequence, blocks


def recognises(path: Path, head: bytes) -> bool:
    """Whether a path is a capture's folder, or the manifest in it."""
    return captures.is_capture(captures.folder_of(path))


def file(path: Path) -> "Capture":
    """Open a capture and check every byte of it. Raises QwhError."""
    return Capture(captures.folder_of(path))


def vocabulary(file: ModelFile) -> "Vocabulary":
    """What a capture knows of its tokenizer."""
    assert isinstance(file, Capture)
    return Vocabulary(file)


def facts(file: ModelFile, reading: Reading) -> dict[str, Any]:
    """The fields of RunFacts about the engine that ran the reference, and how."""
    assert isinstance(file, Capture)
    return file.manifest.about.engine


def load(file: ModelFile, reading: Reading, length: int, threads: int) -> "Model":
    """The head in memory."""
    assert isinstance(file, Capture)
    return Model(file, threads)


def takes(file: ModelFile, reading: Reading, length: int) -> int:
    """Bytes of memory: the head, at most in float32, and a block of logits."""
    assert isinstance(file, Capture)
    rows = min(reading.rows, length) + TILE
    return 4 * file.vocab_size * (file.width + rows)


def room() -> int:
    """Bytes of free memory."""
    return int(psutil.virtual_memory().available)


class Capture:
    """A capture as its files show it (see port.ModelFile, stored.Stored).

    What is said of a model is said of the one that it is of; path: where that one would lie if it
    lay in the capture's folder. Raises QwhError: damaged, not whole, no capture.
    """

    partial = None

    def __init__(self, folder: Path):
        self.folder = folder
        self.manifest = captures.read_manifest(folder)
        try:
            captures.refuse_damage(folder, self.manifest)
            self._open()
        except (KeyError, TypeError, ValueError):
            raise self._bad("its files do not fit one another") from None

    def _open(self) -> None:
        about, head = self.manifest.about, self.manifest.head
        self.path = self.folder / Path(about.model["file_name"]).name
        self.sha256: str = about.model["file_sha256"]
        self.bytes: int = about.model["file_bytes"]
        self.vocab_size: int = about.model["vocab_size"]
        self.context_length = about.room
        self.tokens = self._arrays(TOKENS)["tokens"].values
        self.first: int = about.text["score_from"]
        chunks, length = about.text["chunks"], about.text["context_length"]
        self.kind: str = head["hidden"]  # of hidden states
        self.weights = self._weights()
        self.width = self.weights.weight.shape[1]
        self.finish = Finish(Order(head["lanes"], head["pairs"]), head["scale"], head["cap"])
        rows = length - 1 - self.first
        names = sorted(name for name in self.manifest.files if name.startswith("hidden"))
        parts = [self._arrays(name)["hidden"] for name in names]
        self.hidden = [chunk for part in parts for chunk in part.values]
        fits = (
            self.tokens.shape == (chunks, length),
            self.tokens.min() >= 0 and self.tokens.max() < self.vocab_size,
            all(part.values.shape[1:] == (rows, self.width) for part in parts),
            all(part.dtype == self.kind for part in parts),
            self.kind in TYPES,
            len(self.hidden) == chunks,
            rows > 0 and self.first >= 0,
            self.finish.scale > 0 and (self.finish.cap is None or self.finish.cap > 0),
            head["lanes"] in (0, *LANES),
            self.width % (max(head["lanes"], 1) * (2 if head["pairs"] else 1)) == 0,
            np.isfinite(self.manifest.kld["mean"]),
            VOCABULARY in self.manifest.files,
        )
        if not all(fits):
            raise ValueError

    def _weights(self) -> Weights:
        """The head's numbers. Raises ValueError unless they fit the vocabulary."""
        found = self._arrays(HEAD)
        weight, bias = found["weight"], found.get("bias")
        if weight.values.ndim != 2 or len(weight.values) != self.vocab_size:
            raise ValueError
        if weight.dtype not in TYPES or (bias and bias.values.shape != (self.vocab_size,)):
            raise ValueError
        widened = None if bias is None else widen(bias.values, bias.dtype)
        return Weights(weight.dtype, weight.values, widened)

    def _arrays(self, name: str) -> dict[str, Array]:
        found = TensorFile(self.folder / name)
        if name not in self.manifest.files or found.about[ID] != self.capture_id:
            raise ValueError
        return found.arrays

    def _bad(self, found: str) -> BadFile:
        return BadFile(self.folder / captures.MANIFEST, "files", found, "make the capture again")

    @property
    def capture_id(self) -> str:
        """Hash of what decides its bits."""
        return self.manifest.about.capture_id

    @cached_property
    def tokenizer(self) -> dict[str, Any]:
        """As the model's file has it."""
        found = json.loads((self.folder / VOCABULARY).read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise self._bad(f"{VOCABULARY} holds no tokenizer")
        return found

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of RunFacts about the model."""
        return self.manifest.about.model

    @property
    def stream(self) -> list[Sequence]:
        """The chunks of its text."""
        targets = np.roll(self.tokens, -1, axis=1).astype(np.int32)
        targets[:, : self.first] = targets[:, -1] = -1
        ids = self.tokens.astype(np.int32)
        return [Sequence(i, *chunk) for i, chunk in enumerate(zip(ids, targets))]

    @property
    def text(self) -> dict[str, Any]:
        """The fields of RunFacts about its text."""
        return self.manifest.about.text

    @property
    def source(self) -> dict[str, Any]:
        """Which capture it is, and what keeping adds."""
        return {"capture_id": self.capture_id, "capture_kld": self.manifest.kld["mean"]}


class Vocabulary:
    """A capture's tokenizer, as far as scoring needs one: it reads no text."""

    def __init__(self, file: Capture):
        self.name = file.folder.name
        known = file.manifest.about.vocabulary
        self.bos: int = known["bos"]
        self.eos: int = known["eos"]
        self.add_bos: bool = known["add_bos"]

    def tokenize(self, text: str) -> np.ndarray:
        """There is nothing to do it with."""
        raise self._mute()

    def text(self, ids: list[int]) -> str:
        """There is nothing to do it with."""
        raise self._mute()

    def is_end(self, token: int) -> bool:
        """Whether the token is the one that ends a text."""
        return token == self.eos

    def close(self) -> None:
        """Nothing is open."""

    def _mute(self) -> QwhError:
        return QwhError(
            f"the capture {self.name} holds what its model read of one text, and reads no other:"
            " give the model itself as --reference",
            ExitCode.USAGE,
        )


class Model:
    """A capture in a model's place: its hidden states through its head, block by block."""

    def __init__(self, file: Capture, threads: int):
        self.file = file
        self.head = Head(file.weights, file.finish, threads)

    def read(self, sequences: list[Sequence], rows: int) -> Iterator[np.ndarray | None]:
        """See port.Model; all blocks lie in one buffer."""
        for sequence in sequences:
            self._refuse_other(sequence)
            hidden = self.file.hidden[sequence.number]
            for start, stop in blocks(sequence, rows):
                at = sequence.scored(start, stop) - self.file.first
                yield self.head.logits(widen(hidden[at], self.file.kind)) if len(at) else None

    def _refuse_other(self, sequence: Sequence) -> None:
        """Raise QwhError for tokens or positions that the capture is not of."""
        held = self.file.tokens[sequence.number : sequence.number + 1]
        same = len(held) and np.array_equal(held[0, 1:], sequence.ids[1:])
        scored = sequence.scored(0, len(sequence.ids))
        if not same or (len(scored) and scored[0] < self.file.first):
            raise QwhError(
                f"the capture {self.file.folder} does not hold chunk {sequence.number} as it is to"
                " be read: read the text that it is of",
                ExitCode.MISMATCH,
            )

    def close(self) -> None:
        """Nothing is open between two blocks."""
