"""Where an answer ends, what of it counts, and what makes it right."""

import string
from collections.abc import Iterable
from typing import NamedTuple

NORMALISATION = "first line, outer spaces, quotes and final punctuation removed, case folded"


class Grade(NamedTuple):
    """An answer's text and whether it is right. missed: what was looked for in it is not there."""

    answer: str
    is_right: bool
    missed: bool = False


def normalise(answer: str) -> str:
    """NORMALISATION, applied."""
    return first_line(answer).strip("\"'`").rstrip(string.punctuation).strip().casefold()


def first_line(text: str) -> str:
    """The first line with words in it, without outer spaces; "" without any."""
    lines = text.strip().splitlines()
    return lines[0].strip() if lines else ""


def before(text: str, stop: Iterable[str]) -> str:
    """A text up to the first of some words."""
    ends = [at for word in stop if (at := text.find(word)) >= 0]
    return text[: min(ends)] if ends else text


def accepted(answer: str, answers: Iterable[str]) -> bool:
    """Whether an answer is, normalised, one of the accepted ones."""
    return normalise(answer) in {normalise(each) for each in answers}
