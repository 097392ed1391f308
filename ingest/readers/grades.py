"""Which of several numbers a tool gives per answer is a grade: 0..1, larger is better.

Names tell where values do not: a length of one word lies in 0..1, too.
"""

import re
from dataclasses import dataclass

_GRADE = re.compile(
    r"(^|[_:.])(acc|accuracy|exact|match|em|correct|ok|pass|passed|solved|resolved)([_@:.\d]|$)"
)
_SMALLER = re.compile(
    r"(^|[_:.])(perplexity|ppl|brier|ter|wer|cer|nll|loss|toxicity|toxic|bias|err|errors?|ece)"
    r"([_:.]|$)"
)
_DOUBTFUL = re.compile(
    r"(^|[_:.])(max|diff|bleu|rouge[a-z\d]*|chrf|meteor|bertscore|likelihood|log|logprobs?"
    r"|len|length|letters|tokens?|count|num|words|chars|time|seconds|latency|cost|index|ratio"
    r"|confidence|metric)([_:.\d]|$)"
)


@dataclass
class Spread:
    """One number over many answers."""

    numbers: int = 0
    total: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")

    def count(self, value: float) -> None:
        """One answer's."""
        self.numbers += 1
        self.total += value
        self.low, self.high = min(self.low, value), max(self.high, value)

    def count_all(self, other: "Spread") -> None:
        """All of another's."""
        self.numbers += other.numbers
        self.total += other.total
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    def is_share(self) -> bool:
        """Whether all of them lie in 0..1."""
        return 0.0 <= self.low <= self.high <= 1.0


def is_grade(name: str) -> bool:
    """Whether a number's name is one of a grade."""
    return bool(_GRADE.search(name.lower()))


def smaller_is_better(name: str) -> bool | None:
    """Whether smaller is better by a number's name; None where that does not say."""
    return True if _SMALLER.search(name.lower()) and not is_grade(name) else None


def rank(name: str, spread: Spread, smaller: bool | None) -> tuple[bool, bool, bool]:
    """Sorts numbers so that the first is most of a grade; equal ranks keep the file's order."""
    doubtful = bool(_DOUBTFUL.search(name.lower())) and not is_grade(name)
    return smaller is True, not spread.is_share(), doubtful
