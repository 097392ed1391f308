"""BigCodeBench: SAMPLES_eval_results.json, the status of every solution of every task.

The file holds no prompts: prompt_id is over the variant (complete or instruct, full or hard), which
only the file's name tells, and the task's name.
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
from .untrusted.json_typed import decoder

PASS, STATUSES = "pass", ("pass", "fail", "timeout")
_TASKS = re.compile(rb'"eval"\s*:\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\[\s*\{')
_SETTINGS = re.compile(
    r"^(?P<model>.+?)--bigcodebench-(?P<variant>[a-z-]+)--(?P<backend>.+?)"
    r"-(?P<temperature>\d+(?:\.\d+)?)-(?P<attempts>\d+)\b"
)


class Solution(msgspec.Struct):
    """One attempt at one task."""

    status: str | None
    solution: str | None = None


class Results(msgspec.Struct):
    """The file. eval: task -> its attempts, in the order in which they were sampled."""

    eval: dict[str, list[Solution]]
    date: str | None = None


_results = decoder(Results, MAX_WHOLE)


def recognises(path: Path, head: bytes) -> bool:
    """By a status for each solution of each task, where evalplus has two; a folder by a file."""
    if path.is_dir():
        return looks_below(path, "eval_results.json", recognises)
    return (
        "eval" in outline(head).keys
        and bool(_TASKS.search(head))
        and b'"status"' in head
        and b'"base_status"' not in head
        and b'"plus_status"' not in head
    )


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples for each variant. Pick model. Raises BadFile."""
    yield from each_file(path, picks, "eval_results.json", recognises, _one)


def _one(path: Path, picks: Picks) -> Iterator[Found]:
    """One file."""
    found: Results = _results(contents(path), path, "as a whole")
    if not any(found.eval.values()):
        advice = "give a file that bigcodebench has written"
        raise BadFile(path, "key eval", "it holds no solutions", advice)
    settings = _SETTINGS.match(path.stem)
    variant = f"bigcodebench-{settings['variant']}" if settings else "bigcodebench"
    left_out: Counter[str] = Counter()
    yield Samples(
        benchmark_id=variant,
        harness={
            "harness": "bigcodebench",
            "temperature": float(settings["temperature"]) if settings else None,
            "calibrated": "calibrated" in path.stem if settings else None,
        },
        rows=_rows(found, variant, left_out),
        model_name=settings["model"].replace("--", "/") if settings else None,
        metric="status",
        smaller_is_better=False,
        facts={"date": found.date, "backend": settings["backend"] if settings else None},
        left_out=left_out,
    )


def _rows(found: Results, variant: str, left_out: Counter[str]) -> Iterator[Sample]:
    """Every solution with a known status."""
    for task, solutions in found.eval.items():
        for attempt, solution in enumerate(solutions):
            if solution.status not in STATUSES:
                left_out["a status that is not pass, fail or timeout"] += 1
                continue
            yield Sample(
                task,
                text_id(variant, task),
                attempt,
                float(solution.status == PASS),
                answer=solution.solution,
                finish_reason="timeout" if solution.status == "timeout" else None,
            )
