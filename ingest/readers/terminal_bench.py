"""Terminal-Bench: a run's results.json, a trial for each attempt at each task.

A trial that is not resolved counts as wrong, as in the tool's own accuracy, also where a timeout or
an error of the agent left is_resolved null. The model stands in run_metadata.json beside it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...errors import BadFile
from .port import Found, Picks, Sample, Samples, text_id
from .several import each_file, looks_below
from .untrusted.files import MAX_WHOLE, contents
from .untrusted.json_outline import outline
from .untrusted.json_plain import at
from .untrusted.json_typed import decoder, settings_file

_TRIAL = {"trial_name", "task_id", "is_resolved"}  # the keys of one trial's own file
_NUMBER = re.compile(r"\.(\d+)-of-\d+\b")


class Trial(msgspec.Struct):
    """One attempt at one task."""

    task_id: str
    is_resolved: bool | None
    trial_name: str = ""
    instruction: str | None = None
    failure_mode: str | None = None
    total_output_tokens: int | None = None


class Run(msgspec.Struct):
    results: list[Trial]


_run = decoder(Run, MAX_WHOLE)


def recognises(path: Path, head: bytes) -> bool:
    """By trials that are resolved or not; a folder by such a file in it."""
    if path.is_dir():
        return looks_below(path, "results.json", recognises)
    opening, keys, _ = outline(head)
    trials = b'"is_resolved"' in head and b'"task_id"' in head
    return opening == b"{" and trials and ("results" in keys or keys >= _TRIAL)


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples. Pick model. Raises BadFile."""
    yield from each_file(path, picks, "results.json", _is_run, _one)


def _is_run(path: Path, head: bytes) -> bool:
    """A run's results: each of its trials has a file of its own in a folder below."""
    return recognises(path, head) and "results" in outline(head).keys


def _one(path: Path, picks: Picks) -> Iterator[Found]:
    """One run."""
    raw = contents(path)
    if outline(bytes(raw[: 1 << 16])).keys >= _TRIAL:
        advice = "give the results.json of the whole run, two folders up"
        raise BadFile(path, "as a whole", "it is one trial of a run", advice)
    run: Run = _run(raw, path, "as a whole")
    if not run.results:
        raise BadFile(path, "as a whole", "it holds no trials", "give the file of a run that ended")
    facts = path.with_name("run_metadata.json")
    told = settings_file(facts) if facts.is_file() else {}
    missing = Counter(trial.failure_mode for trial in run.results if trial.is_resolved is None)
    yield Samples(
        benchmark_id="terminal-bench",
        harness={
            "harness": "terminal-bench",
            "data_set": _word(told, "dataset_name"),
            "version": _word(told, "dataset_version"),
            "agent": _word(told, "agent_name"),
        },
        rows=_rows(run),
        model_name=_word(told, "model_name"),
        metric="is_resolved",
        smaller_is_better=False,
        facts={"without_a_verdict": {str(mode): count for mode, count in missing.items()}},
    )


def _word(told: dict, key: str) -> str | None:
    """A text of the run's settings, if it is there."""
    found = at(told, key)
    return found if isinstance(found, str) and found else None


def _rows(run: Run) -> Iterator[Sample]:
    """Every trial. The task's name is in prompt_id too, for its container is a part of it."""
    attempts: Counter[str] = Counter()
    for trial in run.results:
        number = _NUMBER.search(trial.trial_name)
        attempt = int(number[1]) - 1 if number else attempts[trial.task_id]
        attempts[trial.task_id] += 1
        yield Sample(
            trial.task_id,
            text_id(trial.task_id, trial.instruction or ""),
            max(attempt, 0),
            float(bool(trial.is_resolved)),
            prompt=trial.instruction,
            answer_tokens=trial.total_output_tokens,
            finish_reason=trial.failure_mode,
        )
