"""Prompt files: questions with expected answers, and what makes an answer right."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import ExitCode, QwhError
from ..readers.untrusted.packed import plain_path
from ..texts.text import read_bytes
from .drawing import Draw
from .extraction import last_match
from .grading import NORMALISATION, Grade, accepted, before, first_line
from .prompt_lines import Prompt, prompt, wanted

ANSWERS, CHOICES = "answers", "choices"  # what a file's prompts are asked for

CHOOSING = {
    "decoding": "the likeliest choice",
    "joined_by": "a space, or nothing after a template",
    "length": "characters of a choice",
    "layout": "a prompt with its choices in one pass",
    "qwh_choices": 1,
}
UNSAID = {"parallel": 1, "attempts": 1, "temperature": 0}  # what a harness leaves out, where usual


@dataclass(frozen=True)
class Benchmark:
    """A file of prompts, and how they are asked.

    template: SHA-256 of the chat template that the prompts are rendered by; stop: words before
    which an answer ends; extract: a pattern of what counts in an answer; temperature: 0 is greedy;
    parallel: how many prompts are answered together; about: more fields of RunFacts.
    """

    benchmark_id: str
    sha256: str
    prompts: list[Prompt]
    max_new_tokens: int
    kind: str = ANSWERS
    template: str | None = None
    stop: tuple[str, ...] = ()
    extract: str | None = None
    attempts: int = 1
    temperature: float = 0.0
    seed: int = 0
    parallel: int = 1
    about: Mapping[str, Any] = field(default_factory=dict)

    def every(self, step: int) -> "Benchmark":
        """Every step-th prompt only, as a benchmark of its own; all of them, as it is, for 1."""
        return (
            self
            if step == 1
            else replace(
                self, benchmark_id=f"{self.benchmark_id}-every-{step}", prompts=self.prompts[::step]
            )
        )

    @property
    def reads_accepted(self) -> bool:
        """Whether accepted answers can be read: what follows them is an end, and nothing else."""
        return self.kind == ANSWERS and not self.stop and self.extract is None

    @property
    def harness(self) -> str:
        """JSON text, stored with every run: the facts that must agree before two answers are
        compared.
        """
        if self.kind == CHOICES:
            return json.dumps(CHOOSING | {"template": self.template}, sort_keys=True)
        said: dict[str, Any] = {
            "decoding": "greedy",
            "max_new_tokens": self.max_new_tokens,
            "template": self.template,
            "stop": self._stops_at,
            "normalisation": NORMALISATION,
            "qwh_prompts": 1,
        }
        if self.extract is not None:
            said["extract"] = self.extract
        if self.temperature:
            said |= {"decoding": "sampled", "temperature": self.temperature, "seed": self.seed}
            said["attempts"] = self.attempts
        if self.parallel > 1:
            said["parallel"] = self.parallel
        return json.dumps(said, sort_keys=True)

    @property
    def _stops_at(self) -> str | list[str]:
        if self.stop:
            return sorted(self.stop)
        return "newline" if self.template is None else "end of generation"

    @property
    def draw(self) -> Draw | None:
        """How an answer's tokens are drawn; None: the likeliest is taken."""
        return Draw(self.temperature, self.seed) if self.temperature else None

    def ends(self, text: str) -> bool:
        """Whether an answer ends with the text so far; a token may end it besides."""
        if self.stop:
            return any(word in text for word in self.stop)
        return self.template is None and "\n" in text.lstrip("\n ")

    def graded(self, text: str, prompt: Prompt) -> Grade:
        """What counts of an answer's whole text, and whether it is right."""
        said = before(text, self.stop)
        if self.extract is not None:
            found = last_match(said, self.extract)
            if found is None:
                return Grade(said.strip(), is_right=False, missed=True)
            said = found
        answer = first_line(said)
        return Grade(answer, accepted(answer, prompt.answers))


def read_benchmark(path: Path, max_new_tokens: int) -> Benchmark:
    """Read a JSON Lines file; each line has a prompt with answers or with choices (prompt_lines).

    Raises QwhError naming the line if the file is missing, is not JSON Lines, or lacks a key.
    """
    path = Path(path)
    raw = read_bytes(path, "benchmark")
    prompts = [
        _prompt(path, number, line)
        for number, line in enumerate(raw.splitlines(), 1)
        if line.strip()
    ]
    wrong = None
    if not prompts:
        wrong = "holds no prompts: give a JSON Lines file"
    elif len({each.prompt_id for each in prompts}) < len(prompts):
        wrong = "holds the same prompt twice: remove one"
    elif len({bool(each.choices) for each in prompts}) > 1:
        wrong = "holds prompts with answers and prompts with choices: make two files of it"
    if wrong:
        raise QwhError(f"cannot read the benchmark {path}: it {wrong}", ExitCode.BAD_INPUT)
    digest, kind = hashlib.sha256(raw).hexdigest(), CHOICES if prompts[0].choices else ANSWERS
    return Benchmark(plain_path(path).stem, digest, prompts, max_new_tokens, kind)


def _prompt(path: Path, number: int, line: bytes) -> Prompt:
    item = None
    try:
        item = json.loads(line)
        return prompt(item)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise QwhError(
            f"cannot read the benchmark {path}: line {number} is not {wanted(item)}: mend that"
            " line",
            ExitCode.BAD_INPUT,
        ) from None
