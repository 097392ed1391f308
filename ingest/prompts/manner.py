"""How prompts are asked, as a command line or an entry of qwh.toml has it."""

import math
from dataclasses import dataclass

from ...errors import ExitCode, QwhError

NEW_TOKENS = 8  # of the longest answer, where nothing is said
NO_TEMPLATE, OWN_TEMPLATE = "none", "auto"  # --chat-template; else a file


@dataclass(frozen=True)
class Manner:
    """What is said of a file of prompts. See Benchmark for what each of them does."""

    max_new_tokens: int = NEW_TOKENS
    chat_template: str = NO_TEMPLATE
    stop: tuple[str, ...] = ()
    extract: str | None = None
    attempts: int = 1
    sampling_temperature: float = 0.0
    seed: int = 0
    parallel: int = 1

    def checked(self) -> "Manner":
        """The same. Raises QwhError for what cannot be meant."""
        wrong = self._wrong()
        if wrong:
            raise QwhError(wrong, ExitCode.USAGE)
        if self.extract is not None:
            from .extraction import check

            check(self.extract)
        return self

    @property
    def of_answers(self) -> str:
        """What is said here of answers alone, in a few words."""
        said = {
            "a stop word": self.stop,
            "a pattern": self.extract,
            "a sampling temperature": self.sampling_temperature,
            "answering side by side": self.parallel > 1,
        }
        return ", ".join(name for name, value in said.items() if value)

    def _wrong(self) -> str | None:
        warm = self.sampling_temperature
        if not 0 <= warm < math.inf:
            return f"a sampling temperature of {warm:g} draws nothing: give a number from 0 on"
        if not warm and self.attempts > 1:
            return (
                f"{self.attempts} greedy attempts would be one answer, {self.attempts} times: give"
                " a sampling temperature above 0, or one attempt"
            )
        if not warm and self.seed:
            return "a seed moves no greedy answer: give a sampling temperature above 0, or no seed"
        if not all(self.stop):
            return "an empty stop word would end every answer at once: give a word, or none"
        return None
