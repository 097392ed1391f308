"""evalplus: SAMPLES.eval_results.json, the status of every solution of every task.

Older files are called SAMPLES_eval_results.json. Pick tests: "plus" (the default) needs the base
tests and the additional ones, "base" the base tests alone. The file holds no prompts: prompt_id is
over the data set's hash and the task's name, which together settle the text.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...errors import BadFile
from .port import Picks, Sample, Samples, choose, text_id
from .untrusted.files import MAX_WHOLE, contents, existing, matching
from .untrusted.json_typed import decoder

PASS, STATUSES = "pass", ("pass", "fail", "timeout")
_SETTINGS = re.compile(
    r"^(?P<model>.+?)_(?P<backend>[a-z0-9-]+)_temp_(?P<temperature>\d+(?:\.\d+)?)(?P<rest>.*)$"
)


class Solution(msgspec.Struct):
    """One attempt at one task."""

    base_status: str | None
    plus_status: str | None = None
    solution: str | None = None


class Results(msgspec.Struct):
    """The file. eval: task -> its attempts, in the order in which they were sampled."""

    eval: dict[str, list[Solution]]
    hash: str | None = None
    date: str | None = None


_results = decoder(Results, MAX_WHOLE)


def recognises(path: Path, head: bytes) -> bool:
    """By the three keys that only this file has."""
    return (
        head.lstrip()[:1] == b"{"
        and (b'"base_status"' in head or b'"plus_status"' in head)
        and b'"eval"' in head
    )


def read(path: Path, picks: Picks) -> Iterator[Samples]:
    """One Samples: every solution of every task. Raises BadFile."""
    path = existing(path)
    if path.is_dir():
        for file in matching(path, "*eval_results.json", "run evalplus.evaluate"):
            yield from read(file, picks)
        return
    found = _results(contents(path), path, "as a whole")
    if not any(found.eval.values()):
        raise BadFile(
            path, "key eval", "it holds no solutions", "give a file that evalplus has written"
        )
    there = [
        tests
        for tests in ("plus", "base")
        if any(
            getattr(solution, f"{tests}_status")
            for solutions in found.eval.values()
            for solution in solutions
        )
    ]
    tests = choose(path, "status of tests", picks.get("tests"), there)
    data_set = next(iter(found.eval)).split("/")[0].lower() or "unknown"
    settings = _SETTINGS.match(re.sub(r"[._]?eval_results$", "", path.stem))
    left_out: Counter[str] = Counter()
    yield Samples(
        benchmark_id=data_set + ("+" if tests == "plus" else ""),
        harness={
            "harness": "evalplus",
            "data_set": data_set,
            "data_set_hash": found.hash,
            "tests": tests,
            "temperature": float(settings["temperature"]) if settings else None,
        },
        rows=_rows(found, tests, left_out),
        model_name=(
            settings["model"] if settings else re.sub(r"[._]?eval_results$", "", path.stem) or None
        ),
        facts={"date": found.date, "backend": settings["backend"] if settings else None},
        left_out=left_out,
    )


def _rows(found: Results, tests: str, left_out: Counter[str]) -> Iterator[Sample]:
    """Every solution with a known status; plus needs both."""
    for task, solutions in found.eval.items():
        prompt_id = text_id(found.hash or "", task)
        for attempt, solution in enumerate(solutions):
            needed = [solution.base_status] + ([solution.plus_status] if tests == "plus" else [])
            if any(status not in STATUSES for status in needed):
                left_out["a status that is not pass, fail or timeout"] += 1
                continue
            score = float(all(status == PASS for status in needed))
            yield Sample(
                task,
                prompt_id,
                attempt,
                score,
                "all",
                None,
                None,
                solution.solution,
                None,
                "timeout" if "timeout" in needed else None,
            )
