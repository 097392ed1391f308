"""evalplus: SAMPLES.eval_results.json, the status of every solution of every task.

Older files are called SAMPLES_eval_results.json, or eval_results.json in a folder of the model's
name; before 0.2.1 they list the status of each task's solutions beside each other. Pick tests:
"plus" (the default) needs the base tests and the additional ones, "base" the base tests alone. The
file holds no prompts: prompt_id is over the data set's hash and the task's name, which together
settle the text.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec

from ...errors import BadFile
from . import registry
from .port import Picks, Sample, Samples, choose, text_id
from .untrusted.files import MAX_WHOLE, contents, existing, matching
from .untrusted.json_typed import decoder

PASS, STATUSES = "pass", ("pass", "fail", "timeout")
OLDER = {"success": "pass", "failed": "fail", "timed out": "timeout"}  # before 0.2.1
_SETTINGS = re.compile(
    r"(?P<model>.+?)(?:_(?P<backend>hf|vllm|openai|anthropic|google|mistral|bedrock|ollama"
    r"|gptqmodel|deepseek))?_temp_(?P<temperature>\d+(?:\.\d+)?)(?P<rest>.*)"
)
_SUFFIX = re.compile(r"[._-]?(sanitized)?[._-]?eval_results$")
NAMELESS = {"", "sample", "samples", "solutions", "output", "outputs", "results"}  # as in its docs


class Solution(msgspec.Struct):
    """One attempt at one task."""

    base_status: str | None
    plus_status: str | None = None
    solution: str | None = None


class Beside(msgspec.Struct):
    """The attempts at one task before 0.2.1: for each [status, whether each test passed]."""

    base: msgspec.Raw
    plus: msgspec.Raw = msgspec.Raw(b"[]")


class Results(msgspec.Struct):
    """The file. eval: task -> its attempts, in the order in which they were sampled."""

    eval: dict[str, list[Solution] | Beside]
    hash: str | None = None
    date: str | None = None


_results = decoder(Results, MAX_WHOLE)
_statuses = decoder(list[tuple[str | None, msgspec.Raw]])


def recognises(path: Path, head: bytes) -> bool:
    """By the keys that only this file has; a folder by the names of its files."""
    if path.is_dir():
        files = chain(path.glob("*eval_results.json"), path.glob("*/*eval_results.json"))
        return any(recognises(file, registry.head(file)) for file in files if file.is_file())
    if head.lstrip()[:1] != b"{" or b'"eval"' not in head:
        return False
    older = b'"base"' in head and (b'"nfiles"' in head or b'"files"' in head)
    return older or b'"base_status"' in head or b'"plus_status"' in head


def read(path: Path, picks: Picks) -> Iterator[Samples]:
    """One Samples for each file: every solution of every task. Raises BadFile."""
    path = existing(path)
    is_folder = path.is_dir()
    files = (
        matching(path, "**/*eval_results.json", "run evalplus.evaluate") if is_folder else [path]
    )
    found = [_samples(file, picks) for file in files]
    models = dict.fromkeys(each.model_name for each in found)
    benchmarks = {each.benchmark_id for each in found}
    if len(models) > 1 or len(benchmarks) < len(found):
        shown = ", ".join(str(file.relative_to(path)) for file in files[:10])
        raise BadFile(
            path,
            "as a whole",
            f"it holds {len(found)} results of {len(models)} models: {shown}",
            "give the file of one",
        )
    yield from found


def _samples(path: Path, picks: Picks) -> Samples:
    """Raises BadFile."""
    found = _results(contents(path), path, "as a whole")
    tasks = {task: _solutions(each, path, task) for task, each in found.eval.items()}
    if not any(tasks.values()):
        raise BadFile(
            path, "key eval", "it holds no solutions", "give a file that evalplus has written"
        )
    there = [
        tests
        for tests in ("plus", "base")
        if any(
            getattr(solution, f"{tests}_status")
            for solutions in tasks.values()
            for solution in solutions
        )
    ]
    tests = choose(path, "status of tests", picks.get("tests"), there)
    data_set = next(iter(tasks)).split("/")[0].lower() or "unknown"
    name = _SUFFIX.sub("", path.stem) or path.resolve().parent.name
    settings = _SETTINGS.fullmatch(name)
    if path.stem == "eval_results" and not settings:
        name = ""  # a folder that the tool did not name
    left_out: Counter[str] = Counter()
    return Samples(
        benchmark_id=data_set + ("+" if tests == "plus" else ""),
        harness={
            "harness": "evalplus",
            "data_set": data_set,
            "data_set_hash": found.hash,
            "tests": tests,
            "temperature": float(settings["temperature"]) if settings else None,
        },
        rows=_rows(tasks, found.hash, tests, left_out),
        model_name=(settings["model"] if settings else None if name.lower() in NAMELESS else name),
        metric=f"passes the {tests} tests",
        facts={"date": found.date, "backend": settings["backend"] if settings else None},
        left_out=left_out,
    )


def _solutions(found: list[Solution] | Beside, path: Path, task: str) -> list[Solution]:
    """A task's attempts, of either form. Raises BadFile."""
    if isinstance(found, list):
        return found
    place = f"task {task[:60]}"
    base, plus = (_statuses(raw, path, place) for raw in (found.base, found.plus))
    return [
        Solution(
            OLDER.get(status or "", status),
            OLDER.get(plus[index][0] or "", plus[index][0]) if index < len(plus) else None,
        )
        for index, (status, _) in enumerate(base)
    ]


def _rows(
    tasks: dict[str, list[Solution]], data_set: str | None, tests: str, left_out: Counter[str]
) -> Iterator[Sample]:
    """Every solution with a known status; plus needs both. data_set: its hash."""
    for task, solutions in tasks.items():
        prompt_id = text_id(data_set or "", task)
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
