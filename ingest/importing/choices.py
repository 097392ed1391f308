"""A run's choices on their way to disk: held until all are read, for one may speak against all."""

import hashlib
from array import array

from ...progress import say
from ...raw.store import ROW_GROUP, RunWriter
from ..readers.port import Doubts, Option
from .items import Place

TABLE = "choices"
NO_LENGTH = -1


class Choices:
    """The choices of a run's prompts, some 30 bytes for each."""

    def __init__(self, doubts: Doubts):
        self._doubts = doubts
        self._again = 0  # answers whose choices do not count
        self._prompts: list[str] = []  # of each choice
        self._places, self._lengths = array("i"), array("i")
        self._likelihoods, self._right = array("d"), array("b")
        self.prompts = 0

    def add(self, place: Place, options: tuple[Option, ...]) -> None:
        """Those of an answer; of several answers to one prompt the first one's count."""
        if options and place.attempt:
            self._again += 1
            return
        self.prompts += bool(options)
        for number, option in enumerate(options):
            self._prompts.append(place.prompt_id)
            self._places.append(number)
            self._likelihoods.append(option.loglikelihood)
            self._lengths.append(NO_LENGTH if option.length is None else option.length)
            self._right.append(option.is_right)

    def settle(self) -> None:
        """Once all are read: let go of what a grade of the tool contradicts."""
        if self._doubts.likelihoods is not None:
            self._prompts, self.prompts = [], 0
        if self._doubts.lengths is not None:
            self._lengths = array("i", [NO_LENGTH]) * len(self._lengths)

    def content(self) -> dict[str, str]:
        """What the run's name is made from besides its answers: nothing without choices."""
        if not self.prompts:
            return {}
        digest = hashlib.sha256("\n".join(self._prompts).encode())
        for column in (self._places, self._lengths, self._likelihoods, self._right):
            digest.update(column)
        return {TABLE: digest.hexdigest()}

    def write(self, writer: RunWriter, benchmark_id: str) -> None:
        """Append them as a table of their own; without any there is none."""
        if self.prompts:
            writer.add(TABLE)
        for start in range(0, len(self._prompts), ROW_GROUP):
            rows = slice(start, start + ROW_GROUP)
            prompts = self._prompts[rows]
            writer.write(
                TABLE,
                {
                    "benchmark_id": [benchmark_id] * len(prompts),
                    "prompt_id": prompts,
                    "choice": self._places[rows],
                    "loglikelihood": self._likelihoods[rows],
                    "length": [None if n == NO_LENGTH else n for n in self._lengths[rows]],
                    "is_right": [bool(right) for right in self._right[rows]],
                },
            )

    def say_what_is_missing(self, benchmark_id: str) -> None:
        """Say which prompts have no choices although they were asked so, and why."""
        doubts = self._doubts
        if doubts.likelihoods is not None:
            say(
                f"{benchmark_id}: the log-likelihoods of its choices are left out: those of item"
                f" {doubts.likelihoods} contradict the tool's own grade"
            )
            return
        if doubts.lengths is not None and self.prompts:
            say(
                f"{benchmark_id}: no score of its choices is normalised: over their lengths those"
                f" of item {doubts.lengths} contradict the tool's own grade"
            )
        reasons = doubts.reasons(bool(self.prompts))
        reasons |= {"the prompt was answered before": self._again} if self._again else {}
        for reason, count in reasons.items():
            say(f"{benchmark_id}: choices of {count:,} prompts left out: {reason}")
