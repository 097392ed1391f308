"""Whether a run is one that a cohort file asks for, told from its manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ...raw.manifest import RunFacts
from ..prompts.benchmarks import CHOICES
from ..prompts.preparing import is_so_asked
from ..quant_names import settings_of
from ..readers.untrusted.packed import plain_path
from .keys import BenchmarkEntry, TextEntry


class Who(NamedTuple):
    """Whose run it is. label: its settings, as runs say them; sha256: None: whatever the file is;
    first: whose second reading it is.
    """

    role: str
    name: str
    sha256: str | None = None
    label: str = ""
    first: Who | None = None


Test: TypeAlias = Callable[[RunFacts, Who], bool]


@dataclass(frozen=True)
class QuantFile:
    """A quant of the file under its name. sha256: None where no run can be of it yet; again: by
    slots the label of its second reading, if one is asked for.
    """

    name: str
    path: Path
    sha256: str | None
    uploader: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    settings: tuple[tuple[str, str], ...] = ()
    label: str = ""
    again: dict[int, str] = field(default_factory=dict)

    def readings(self, slots: int) -> list[Who]:
        """Its first reading, and its second one, where so many prompts are answered together."""
        first = Who("quant", self.name, self.sha256, self.label)
        if slots not in self.again:
            return [first]
        return [first, Who("repeat", self.name, self.sha256, self.again[slots], first)]


def begun_as(runs: list[RunFacts]) -> RunFacts | None:
    """Of a cohort's runs a first one, by whose batch shape all others read."""
    found = (run for run in runs if run.task == "corpus" and run.role == run.side)
    return next((run for run in found if run.batch_size), None)


def of_text(text: TextEntry) -> Test:
    """Whether a run is a member's on a text."""

    def test(run: RunFacts, who: Who) -> bool:
        here = (run.task, run.corpus_id, run.context_length)
        return here == ("corpus", text.name, text.context_length) and _is_of(run, who)

    return test


def of_prompts(prompts: BenchmarkEntry, task: str) -> Test:
    """Whether a run is a member's answers, or its reading of the accepted ones or of choices.

    Answers alone are read twice.
    """
    name = plain_path(prompts.path).stem

    def test(run: RunFacts, who: Who) -> bool:
        is_once = task != "benchmark" or run.scored_span == CHOICES
        if run.corpus_id != name or not _is_of(run, (is_once and who.first) or who):
            return False
        is_it = run.task == task or run.scored_span == CHOICES
        return is_it and is_so_asked(run, prompts.manner)

    return test


def is_of_another_file(run: RunFacts, quant: QuantFile) -> bool:
    """Whether a run is of the file that lay under a quant's name before."""
    is_its = run.side == "quant" and run.quant_id == quant.name and run.file_sha256
    return bool(is_its and quant.sha256 and run.file_sha256 != quant.sha256)


def is_of_another_text(run: RunFacts, name: str, sha256: str) -> bool:
    """Whether a run is of what a text was before."""
    known = run.corpus_sha256
    return run.task == "corpus" and run.corpus_id == name and known not in (None, sha256)


def is_of_other_prompts(run: RunFacts, name: str, sha256: str) -> bool:
    """Whether a run is of what a file of prompts was before."""
    is_its = run.task in ("benchmark", "answers") and run.corpus_id == name
    return is_its and run.corpus_sha256 not in (None, sha256)


def _is_of(run: RunFacts, who: Who) -> bool:
    ours = (run.role, run.quant_id, settings_of(run))
    is_file = who.sha256 == run.file_sha256 or who.role in ("reference", "control")
    return is_file and ours == (who.role, who.name, who.label)
