"""What an engine is: it runs a model file over token ids and hands out logits, block by block.

An engine is a module with the functions of `Engine` below and one line in registry.py. Scoring
knows no engine: it asks every member's model for the same blocks, in lock-step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from .going import Answer as Answer
from .going import Start as Start

if TYPE_CHECKING:
    import torch

    from ...kernels.scorers.rows import Bfloat16Rows, CodedRows

# [T, V]: whatever kernels/scorers takes
Logits: TypeAlias = "np.ndarray | torch.Tensor | CodedRows | Bfloat16Rows"


class Sequence(NamedTuple):
    """Ids to read: one chunk of a text, or one prompt with its answer.

    ids: [n] int32, all that is run, a BOS where the model wants one; targets: [n] int32, the token
    that follows each id, -1 where its prediction is not scored. shared: leading ids that the
    sequence before has too, also in an earlier read, and whose memory may be kept; at most the
    first scored position. It moves bits, so the job sets it, equal for all models.
    """

    number: int  # of the chunk or prompt, from 0
    ids: np.ndarray
    targets: np.ndarray
    shared: int = 0

    def scored(self, start: int, stop: int) -> np.ndarray:
        """Which of the positions start..stop-1 are scored, [T] int."""
        return np.flatnonzero(self.targets[start:stop] >= 0) + start


def blocks(sequence: Sequence, rows: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of a sequence's blocks of at most `rows` positions, from its shared ids on."""
    for start in range(sequence.shared, len(sequence.ids), rows):
        yield start, min(start + rows, len(sequence.ids))


class Reading(NamedTuple):
    """How a file is run. Each of these moves bits, so each is a fact of the run."""

    rows: int = 512  # positions through the model at once
    sequences: int = 1  # that begin alike, side by side in one pass
    settings: tuple[tuple[str, str], ...] = ()  # the engine's SETTINGS, as ("kv_type", "q8_0")
    slots: int = 1  # prompts answered side by side, each in memory of its own

    @property
    def label(self) -> str:
        """What is not the engine's own way, as kv_type=q8_0; "" where nothing is."""
        beside = (("sequences", str(self.sequences)),) if self.sequences > 1 else ()
        # of a file its name, not its place
        pairs = ((name, Path(value).name) for name, value in self.settings)
        return ",".join(f"{name}={value}" for name, value in (*beside, *pairs))


PLAIN = Reading()


class ModelFile(Protocol):
    """What lies on disk, read without the engine's library and without weights."""

    @property
    def path(self) -> Path: ...

    @property
    def sha256(self) -> str: ...

    @property
    def bytes(self) -> int: ...

    @property
    def vocab_size(self) -> int: ...

    @property
    def context_length(self) -> int | None:
        """Tokens that the model was made for; None: the file does not tell."""

    @property
    def tokenizer(self) -> dict[str, Any] | None:
        """All that decides how text becomes ids; None: the file does not tell."""

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of RunFacts about the model file."""

    @property
    def stream(self) -> list[Sequence] | None:
        """The only sequences that a stored source can read; None: it reads any."""

    @property
    def partial(self) -> str | None:
        """Why a stored source is not whole, in a few words."""


class Vocabulary(Protocol):
    """A model's tokenizer, without its weights."""

    bos: int
    add_bos: bool
    eos: int

    def tokenize(self, text: str) -> np.ndarray:
        """Token ids [n] int32."""

    def text(self, ids: list[int]) -> str:
        """The text of token ids, special tokens left out."""

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer."""

    def close(self) -> None:
        """Free it."""


class Model(Protocol):
    """A loaded model; its user closes it. One read or answer of a model at a time."""

    def read(self, sequences: list[Sequence], rows: int) -> Iterator[Logits | None]:
        """For each of `blocks`, in order: the logits of its T scored positions, None if T = 0.

        What it hands out is valid until its next block is asked for or it is closed. It may take
        as many sequences ahead as its reading says, and with slots keep what any of them shares.
        Raises QwhError for ids that a stored source does not hold (a BOS in place of ids[0] aside).
        """

    def close(self) -> None:
        """Free it."""


@runtime_checkable
class Speaker(Model, Protocol):
    """A model that goes on from tokens that nobody foresaw."""

    def answer(
        self, starts: Iterable[Start], limit: int, watch: Callable[[], Callable[[int], bool]]
    ) -> Iterator[Answer]:
        """Each answer as it is done; with slots, whichever is done first.

        limit: tokens of an answer, given ones included. watch: gives for one answer what is told
        each of its tokens in turn, given ones too, and says whether it ends there. With slots no
        bit of an answer depends on order or neighbours.
        """


class Engine(Protocol):
    """The functions of an engine's module."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether a path is this engine's; head: its first bytes, b"" for a folder."""

    def file(self, path: Path) -> ModelFile:
        """Raises QwhError: missing, damaged, not of this kind."""

    def vocabulary(self, file: ModelFile) -> Vocabulary:
        """Raises QwhError where the file has none."""

    def facts(self, file: ModelFile, reading: Reading) -> dict[str, Any]:
        """The fields of RunFacts about the engine, known before anything is loaded.

        With `estimator` where its logits do not lie in the machine's own memory.
        """

    def load(self, file: ModelFile, reading: Reading, length: int, threads: int) -> Model:
        """length: positions that a sequence may have."""

    def takes(self, file: ModelFile, reading: Reading, length: int) -> int:
        """Bytes of memory that a loaded model holds."""

    def room(self) -> int:
        """Bytes that are free for models where they would run."""
