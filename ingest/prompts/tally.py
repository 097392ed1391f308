"""What is said of a benchmark's answers when all are there: how many were cut, or held no match."""

from collections import Counter

from ...progress import say
from .benchmarks import Benchmark

CUT = "length"  # the reason of an answer that came to its longest


class Tally:
    """Answers of every member, counted."""

    def __init__(self, benchmark: Benchmark):
        self.benchmark = benchmark
        self.answers: Counter[str] = Counter()  # by member, as the others
        self.cut: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()

    def add(self, member: str, reason: str, missed: bool) -> None:
        """One answer: why it ended, and whether what was looked for in it is not there."""
        self.answers[member] += 1
        self.cut[member] += reason == CUT
        self.missed[member] += missed

    def say(self) -> None:
        """One line for each that there is."""
        name, longest = self.benchmark.benchmark_id, self.benchmark.max_new_tokens
        if self.cut.total():
            say(f"{name}: answers that were cut at {longest:,} tokens: {self._listed(self.cut)}")
        if self.missed.total():
            listed = self._listed(self.missed)
            say(f"{name}: answers without a match of the pattern, which are wrong: {listed}")

    def _listed(self, found: Counter[str]) -> str:
        return ", ".join(f"{who} {found[who]} of {n}" for who, n in self.answers.items())
