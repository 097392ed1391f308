"""Whether an answer ends, asked token by token: only what is new is made text."""

from ..engines.port import Vocabulary
from .benchmarks import Benchmark

BROKEN = "\ufffd"  # stands at the end of a text whose last character lacks bytes
PATIENCE = 4  # tokens that a character may take


class Watch:
    """One answer's text while it grows."""

    def __init__(self, benchmark: Benchmark, vocabulary: Vocabulary):
        self.benchmark, self.vocabulary = benchmark, vocabulary
        self.text = ""
        self._ids: list[int] = []  # the last tokens: some whose text is known, then those that wait
        self._known, self._before = 0, ""  # how many, and the text of them alone

    def __call__(self, token: int) -> bool:
        """Whether the answer ends with this token, which follows those before."""
        self._ids.append(token)
        whole = self.vocabulary.text(self._ids)
        fresh = whole[len(self._before) :]
        if not fresh.endswith(BROKEN) or len(self._ids) - self._known > PATIENCE:
            self.text += fresh
            self._ids, fresh = self._ids[self._known :], ""
            self._known, self._before = len(self._ids), self.vocabulary.text(self._ids)
        return self.vocabulary.is_end(token) or self.benchmark.ends(self.text + fresh)
