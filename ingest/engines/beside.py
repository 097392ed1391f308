"""What an engine, its files and its tokenizers may offer beside the port, where it is wanted."""

from typing import Protocol, runtime_checkable

import numpy as np

from .port import ModelFile, Reading, Vocabulary
from .settings import Setting


@runtime_checkable
class Tunable(Protocol):
    """An engine that can run a file in more ways than one: a reading's settings are of these."""

    SETTINGS: dict[str, Setting]

    def contradiction(self, reading: Reading) -> str | None:
        """What of a reading cannot be done together, and what to do; None if all is well."""


@runtime_checkable
class Told(ModelFile, Protocol):
    """A model file that says more of itself; None: it does not."""

    @property
    def chat_template(self) -> str | None:
        """How a chat is written for it, in Jinja."""

    @property
    def calibration(self) -> str | None:
        """The text by which its weights were rounded, a path as it was where that was done."""


@runtime_checkable
class MarkupVocabulary(Vocabulary, Protocol):
    """A tokenizer that knows special tokens by their texts."""

    def tokenize_markup(self, text: str) -> np.ndarray:
        """Token ids [n] int32, special tokens where their texts stand, none added."""
