"""An answer while it grows, token by token, whatever engine runs it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Start(NamedTuple):
    """Where an answer begins: after prompt + given, of which given is already answer.

    draw: the token of logits [V] at a position of the answer, from 0; None: the likeliest one.
    """

    number: int
    prompt: list[int]
    given: list[int]
    draw: Callable[[np.ndarray, int], int] | None = None
    attempt: int = 0


class Answer(NamedTuple):
    """ids: given and what followed, the end token included; reason: stop or length."""

    number: int
    ids: list[int]
    reason: str
    attempt: int = 0


class Going:
    """One answer from its start on. watch: told each token, says whether the answer ends there."""

    def __init__(self, start: Start, watch: Callable[[int], bool], limit: int):
        self.start, self.watch, self.limit = start, watch, limit
        self.given = list(start.given)
        self.stopped = False
        for token in start.given:
            self.stopped = watch(token)

    def take(self, logits: np.ndarray) -> None:
        """Choose the next token by its logits [V]."""
        draw = self.start.draw
        token = draw(logits, len(self.given)) if draw else int(logits.argmax())
        self.given.append(token)
        self.stopped = self.watch(token)

    @property
    def is_done(self) -> bool:
        """Whether no token follows."""
        return self.stopped or len(self.given) >= self.limit

    @property
    def last(self) -> int:
        """The token that runs next."""
        return self.given[-1] if self.given else self.start.prompt[-1]

    @property
    def ids(self) -> list[int]:
        """What has been read and said so far."""
        return self.start.prompt + self.given

    @property
    def answer(self) -> Answer:
        """What came of it."""
        reason = "stop" if self.stopped else "length"
        return Answer(self.start.number, self.given, reason, self.start.attempt)
