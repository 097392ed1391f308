"""What an engine's files and tokenizers may offer beside the port, where it is wanted."""

from typing import Protocol, runtime_checkable

import numpy as np

from .port import ModelFile, Vocabulary


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
