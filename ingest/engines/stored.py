"""What beside port.py belongs to sources that hold what a model said, and to models they come from.

A stored source is a ModelFile with a stream and with what its text and itself are; a model that can
be kept shows what its head reads. An engine whose models do has a function `tap` beside those of
port.Engine: tap(file, reading, length, threads) -> Tapped.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from ...errors import ExitCode, QwhError
from ...kernels.scorers.head import Weights
from .port import ModelFile, Sequence


@runtime_checkable
class Stored(ModelFile, Protocol):
    """A source that can read one text alone."""

    @property
    def text(self) -> dict[str, Any]:
        """The fields of RunFacts about the text, as far as the source tells."""

    @property
    def source(self) -> dict[str, Any]:
        """The fields of RunFacts about the source itself."""


class HeadUnknown(QwhError):
    """A model whose logits cannot be rebuilt from what its head reads: it has to be run."""

    def __init__(self, name: str, why: str):
        super().__init__(f"{name} cannot be kept, it is run each time: {why}", ExitCode.BAD_INPUT)


class Output(NamedTuple):
    """A model's last product. caps, scales: numbers that its file names, which may follow it."""

    weights: Weights
    caps: list[float]
    scales: list[float]


class Tapped(Protocol):
    """A loaded model that shows what its head reads."""

    @property
    def output(self) -> Output:
        """Its head."""

    def pairs(self, sequence: Sequence) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each pass over a sequence that scores anything: what the head reads, [T, D] float32,
        and its logits, [T, V], of the T scored positions. They are valid until the next pass.
        """

    def close(self) -> None:
        """Free it."""
