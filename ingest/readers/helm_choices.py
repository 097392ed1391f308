"""HELM: the choices of an instance, where each was a request of its own (methods "separate").

A request is the prompt with a choice at its end, echoed, so that the choice's log-likelihood is
that of the last tokens, which spell it after a space. HELM divides it by their number.
"""

import math
from typing import NamedTuple

import msgspec

from .choices import Doubts, Grades, Option, taken

GRADE = "exact_match"  # 1 where the likeliest choice per token is right
WITH_PROMPT = "original"  # the mode of a request that is no calibration without the prompt


class Token(msgspec.Struct):
    text: str = ""
    logprob: float | None = None


class Asked(NamedTuple):
    """One request, and the answer."""

    choice: int | None  # its place; None: the request is of no single choice
    mode: str | None
    tokens: msgspec.Raw  # of prompt and choice


_tokens = msgspec.json.Decoder(list[Token])


def options(
    choices: list[tuple[str, bool]],
    requests: list[Asked],
    grade: float | None,
    item: str,
    doubts: Doubts,
) -> tuple[Option, ...]:
    """The choices of an instance; none, and nothing in doubts, where it is no multiple choice.

    choices: text, and whether it is right. grade: the tool's, of the likelihoods per token.
    """
    asked = {each.choice: each for each in requests if each.mode == WITH_PROMPT}
    if not asked or not choices or None in asked:
        return ()
    calibrated = len(asked) < len(requests)
    read = list[Option]()
    for place, (text, is_right) in enumerate(choices):
        found = _likelihood(asked[place].tokens, f" {text}") if place in asked else None
        likelihood, length = found or (math.nan, None)
        read.append(Option(likelihood, None if calibrated else length, is_right))
    return taken(read, Grades(normalised=None if calibrated else grade), item, doubts)


def _likelihood(raw: msgspec.Raw, text: str) -> tuple[float, int] | None:
    """Log-likelihood and number of the last tokens, which spell text; None where they do not."""
    try:
        tokens = _tokens.decode(raw)
    except (ValueError, RecursionError):
        return None
    total, spelt = 0.0, ""
    for number, token in enumerate(reversed(tokens), 1):
        spelt = token.text + spelt
        if token.logprob is None or not text.endswith(spelt):
            return None
        total += token.logprob
        if spelt == text:
            return total, number
    return None
