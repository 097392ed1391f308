"""Prompt files: questions with expected answers, and what makes an answer right."""

import hashlib
import json
import string
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ExitCode, QwhError
from .readers.untrusted.packed import plain_path
from .texts import read_bytes

NORMALISATION = "first line, outer spaces, quotes and final punctuation removed, case folded"


@dataclass(frozen=True)
class Prompt:
    """One line of a benchmark file."""

    category: str
    text: str
    answers: tuple[str, ...]

    @property
    def prompt_id(self) -> str:
        """Of the text alone, as those of qwh's own runs are stored."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Benchmark:
    """A file of prompts. harness: the facts that must agree before two answers are compared."""

    benchmark_id: str
    sha256: str
    prompts: list[Prompt]
    max_new_tokens: int

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
    def harness(self) -> str:
        """JSON text, stored with every run."""
        return json.dumps(
            {
                "decoding": "greedy",
                "max_new_tokens": self.max_new_tokens,
                "template": None,
                "stop": "newline",
                "normalisation": NORMALISATION,
                "qwh_prompts": 1,
            },
            sort_keys=True,
        )


def normalise(answer: str) -> str:
    """NORMALISATION, applied."""
    lines = answer.strip().splitlines()
    return (
        lines[0].strip().strip("\"'`").rstrip(string.punctuation).strip().casefold()
        if lines
        else ""
    )


def accepted_texts(prompt: Prompt) -> list[str]:
    """The different accepted answers as texts: their first lines, as an answer's is taken."""
    lines = (text.strip().splitlines() for text in prompt.answers)
    return list(dict.fromkeys(first[0].strip() for first in lines if first))


def read_benchmark(path: Path, max_new_tokens: int) -> Benchmark:
    """Read a JSON Lines file; each line has prompt, answers (text or list) and, if it likes,
    category.

    Raises QwhError naming the line if the file is missing, is not JSON Lines, or lacks a key.
    """
    path = Path(path)
    raw = read_bytes(path, "benchmark")
    prompts = []
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            answers = item["answers"]
            answers = (answers,) if isinstance(answers, str) else tuple(answers)
            if not answers or not all(isinstance(text, str) for text in (item["prompt"], *answers)):
                raise TypeError
            prompt = Prompt(str(item.get("category", "all")), item["prompt"], answers)
            "".join((prompt.category, prompt.text, *answers)).encode()  # half a surrogate is none
            prompts.append(prompt)
        except (ValueError, KeyError, TypeError):
            raise QwhError(
                f'cannot read the benchmark {path}: line {number} is not {{"prompt": text,'
                ' "answers": [text, ...]}: mend that line',
                ExitCode.BAD_INPUT,
            ) from None
    if not prompts:
        raise QwhError(
            f"cannot read the benchmark {path}: it holds no prompts: give a JSON Lines file",
            ExitCode.BAD_INPUT,
        )
    if len({prompt.text for prompt in prompts}) < len(prompts):
        raise QwhError(
            f"cannot read the benchmark {path}: it holds the same prompt twice: remove one",
            ExitCode.BAD_INPUT,
        )
    return Benchmark(
        plain_path(path).stem, hashlib.sha256(raw).hexdigest(), prompts, max_new_tokens
    )
