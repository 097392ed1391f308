"""Which of several numbers a tool gives per answer is a grade: 0..1, larger is better.

Names tell where values do not: a length of one word lies in 0..1, too.
"""

import re
from dataclasses import dataclass

_GRADE = re.compile(
    r"(^|[_:.])(acc|accuracy|exact|match|em|correct|ok|pass|passed|solved|resolved)([_@:.\d]|$)"
)
_SMALLER = re.compile(
    r"(^|[_:.])(perplexity|perplexities|ppl|bits_per_[a-z]+|bpb|brier|ter|wer|cer|mer|nll|loss"
    r"|losses|kld?|divergence|mae|mse|rmse|toxicity|toxic|bias|err|errors?|ece|hallucinat[a-z]+"
    r"|mistakes?|wrong|incorrect|fail|failed|failures?|distance|levenshtein|latency|time|runtime"
    r"|seconds|secs|ms|duration|cost)([_:.]|$)"
)
_DOUBTFUL = re.compile(
    r"(^|[_:.])(max|diff|bleu|rouge[a-z\d]*|chr_?f|meteor|bert_?score|likelihood|log|logprobs?"
    r"|len|length|letters|tokens?|count|num|words|chars|index|ratio|confidence|metric)([_:.\d]|$)"
)
_HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")  # editDistance, WERScore
_APART = re.compile(r"[^\w:.@+]+")  # what else stands between words, as in cap/wer
_PARTS = re.compile(r"[:./#]")  # between a name and what it is one of, as in metrics.wer


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
    return bool(_GRADE.search(_folded(name)))


def smaller_is_better(name: str) -> bool | None:
    """Whether smaller is better by a number's name; None where that does not say.

    Of a name in several parts, metrics.wer or exact_match: latency, the last that says so counts.
    """
    for part in reversed(_PARTS.split(name)):
        if is_grade(part):
            return None
        if _SMALLER.search(_folded(part)):
            return True
    return None


def rank(name: str, spread: Spread, smaller: bool | None) -> tuple[bool, bool, bool]:
    """Sorts numbers so that the first is most of a grade; equal ranks keep the file's order."""
    doubtful = bool(_DOUBTFUL.search(_folded(name))) and not is_grade(name)
    return smaller is True, not spread.is_share(), doubtful


def _folded(name: str) -> str:
    """A name in lower case with _ between its words."""
    return _APART.sub("_", _HUMP.sub("_", name)).lower()
