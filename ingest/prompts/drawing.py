"""Tokens drawn at a temperature, with noise that depends on the place alone.

Gumbel's trick: the largest of logit / temperature + noise is a draw from the softmax. The noise of
a token is a word of a counter-based generator (Philox 4x64) whose key is the seed and the prompt
and whose counter is the attempt and the position. So an answer depends on no other answer, and all
members of a cohort draw with the same noise: they differ only where their logits do.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

BITS = 52  # of a word that make a number inside 0..1: both ends stay out


class Draw(NamedTuple):
    """How tokens are chosen. temperature: 0 is the largest logit, without noise."""

    temperature: float = 0.0
    seed: int = 0

    def choose(self, logits: np.ndarray, prompt_id: str, attempt: int, position: int) -> int:
        """A token. logits: [V] float; attempt, position (of the token in its answer): from 0."""
        if not self.temperature:
            return int(logits.argmax())
        noise = gumbel(len(logits), self.seed, prompt_id, attempt, position)
        return int((logits.astype(np.float64) / self.temperature + noise).argmax())

    def choice(self, prompt_id: str, attempt: int) -> Callable[[np.ndarray, int], int]:
        """How one answer's tokens are chosen, by their logits and their positions in it."""

        def choose(logits: np.ndarray, position: int) -> int:
            return self.choose(logits, prompt_id, attempt, position)

        return choose


def gumbel(size: int, seed: int, prompt_id: str, attempt: int, position: int) -> np.ndarray:
    """Gumbel noise, [size] float64; equal places have equal noise, others independent one."""
    digest = hashlib.sha256(f"{seed} {prompt_id}".encode()).digest()
    key = np.frombuffer(digest[:16], "<u8")
    counter = np.array([0, position, attempt, 0], np.uint64)  # the first word counts within
    words = np.random.Philox(key=key, counter=counter).random_raw(size)
    inside = ((words >> np.uint64(64 - BITS)) + 0.5) / 2.0**BITS
    return -np.log(-np.log(inside))
