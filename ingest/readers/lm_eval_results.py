"""lm-evaluation-harness: what the results json beside the samples says of model, settings, groups.

Every key may be missing, and without the file all are.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from .lm_eval_files import ARGUMENTS
from .names import plain_name
from .untrusted.json_plain import at, finite

# arguments that say how a model was run, not which
HOW = {
    "batch_size",
    "max_batch_size",
    "device",
    "device_map",
    "parallelize",
    "tensor_parallel_size",
    "data_parallel_size",
    "pipeline_parallel_size",
    "gpu_memory_utilization",
    "swap_space",
    "num_concurrent",
    "max_retries",
    "timeout",
    "trust_remote_code",
    "tokenizer",
    "tokenizer_backend",
    "tokenized_requests",
    "download_dir",
    "cache_dir",
    "seed",
}
# arguments that make another quant of the model that is named
_QUANTIZED = re.compile(r"load_in_\dbit|quantization|autogptq|gptqmodel|bnb_\w+|quant\w*")
_RANDOM = re.compile(r"[a-z0-9]{8}")  # lm-eval's name for a model that its arguments do not name
MAX_DEPTH = 20  # of groups in groups


class Model(NamedTuple):
    """Which model a run is of, as far as its results json says."""

    name: str | None
    arguments: str  # those that make a difference, as text

    def label(self) -> str:
        """For people who must tell it from another."""
        return f"{self.name or 'a model without a name'} ({self.arguments or 'no arguments'})"


def model_of(results: dict) -> Model | None:
    """Which model; None where the file says nothing."""
    given = at(results, "config", "model_args")
    arguments = _arguments(given)
    name = at(results, "model_name")
    name = name if isinstance(name, str) else None
    if name and _RANDOM.fullmatch(name) and name not in str(given):
        name = None
    name = name or next((arguments[key] for key in ARGUMENTS if key in arguments), None)
    file = arguments.get("gguf_file") or arguments.get("filename")
    if file or (name and re.match(r"[/~.]|[A-Za-z]:\\", name)):
        name = re.split(r"[/\\]", (file or str(name)).rstrip("/\\"))[-1]
    name = plain_name(name) if name else None
    quantized = [
        f"{key}={value}"
        for key, value in arguments.items()
        if _QUANTIZED.fullmatch(key) and value not in ("False", "None", "")
    ]
    telling = {key: value for key, value in sorted(arguments.items()) if key not in HOW}
    if not name and not telling:
        return None
    return Model(
        ",".join([name, *quantized]) if name else None,
        ",".join(f"{key}={value}" for key, value in telling.items()),
    )


def _arguments(given: object) -> dict[str, str]:
    """The model's arguments, from text or from an object."""
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items()}
    parts = given.split(",") if isinstance(given, str) else []
    return {
        key.strip(): value for key, equals, value in (p.partition("=") for p in parts) if equals
    }


def harness(results: dict, task: str, filter_: str, metric: str) -> dict:
    """What must agree between two runs; None where the file does not say."""
    config = at(results, "configs", task)
    return {
        "harness": "lm-eval",
        "task_version": at(results, "versions", task),
        "num_fewshot": at(results, "n-shot", task),
        "output_type": at(config, "output_type"),
        "repeats": at(config, "repeats"),
        "filter": filter_,
        "metric": metric,
        "generation_kwargs": at(config, "generation_kwargs"),
        "gen_kwargs": at(results, "config", "gen_kwargs") or None,
        "chat_template_sha": at(results, "chat_template_sha"),
        "system_instruction_sha": at(results, "system_instruction_sha"),
        "fewshot_as_multiturn": at(results, "fewshot_as_multiturn"),
    }


def facts(results: dict, tasks: list[str]) -> dict:
    """Worth keeping, and allowed to differ. tasks: of the benchmark."""
    found: dict[str, Any] = {
        key: results.get(key)
        for key in (
            "date",
            "git_hash",
            "lm_eval_version",
            "transformers_version",
            "max_length",
            "total_evaluation_time_seconds",
            "model_source",
        )
    }
    found |= {
        key: at(results, "config", key)
        for key in (
            "model",
            "model_args",
            "model_dtype",
            "model_revision",
            "model_sha",
            "batch_size",
            "device",
            "limit",
            "random_seed",
            "fewshot_seed",
        )
    }
    counts = [documents(results, task) for task in tasks]
    if all(original is not None for original, _ in counts):
        found["documents"] = sum(original or 0 for original, _ in counts)
    hashes = {task: at(results, "task_hashes", task) for task in tasks}
    found["task_hash"] = next(iter(hashes.values())) if len(tasks) == 1 else _hashes(hashes)
    return {key: value for key, value in found.items() if value is not None}


def _hashes(hashes: dict) -> str | None:
    return json.dumps(hashes, sort_keys=True) if any(hashes.values()) else None


def documents(results: dict, task: str) -> tuple[int | None, int | None]:
    """How many documents a task has, and how many of them the run was to ask."""
    counts = [finite(at(results, "n-samples", task, key)) for key in ("original", "effective")]
    original, effective = (None if count is None else int(count) for count in counts)
    return original, effective


class Group(NamedTuple):
    """Tasks that lm-eval averages into one figure."""

    name: str
    tasks: list[str]
    figures: dict[str, float]  # "metric,filter" -> what it printed


def outer_groups(results: dict) -> Iterator[Group]:
    """The groups with a figure that are in no other such group."""
    members = at(results, "group_subtasks")
    members = members if isinstance(members, dict) else {}
    inner = {
        task for tasks in members.values() if isinstance(tasks, list) for task in map(str, tasks)
    }
    for name in members:
        if name not in inner:
            yield from _with_figures(results, members, name, 0)


def inner_groups(results: dict, name: str) -> Iterator[Group]:
    """The groups with a figure right within a group."""
    members = at(results, "group_subtasks")
    listed = at(members, name)
    for inner in listed if isinstance(listed, list) else ():
        yield from _with_figures(results, members, str(inner), 0)


def _with_figures(results: dict, members: dict, name: str, depth: int) -> Iterator[Group]:
    """A group if it has a figure, else those within it."""
    tasks = members.get(name)
    if not isinstance(tasks, list) or not tasks or depth > MAX_DEPTH:
        return
    figures = at(results, "groups", name) or at(results, "results", name)
    numbers = {
        key: float(value)
        for key, value in (figures.items() if isinstance(figures, dict) else ())
        if "," in key and "_stderr," not in key and finite(value) is not None
    }
    if numbers:
        yield Group(name, _leaves(members, name), numbers)
        return
    for task in tasks:
        yield from _with_figures(results, members, str(task), depth + 1)


def _leaves(members: dict, name: str) -> list[str]:
    """The tasks of a group and of the groups within it, each once."""
    leaves, waiting, seen = list[str](), [name], {name}
    while waiting:
        here = waiting.pop(0)
        tasks = members.get(here)
        if not isinstance(tasks, list) or not tasks:
            leaves.append(here)
            continue
        for task in map(str, tasks):
            if task not in seen:
                seen.add(task)
                waiting.append(task)
    return leaves
