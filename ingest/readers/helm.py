"""HELM: a run's per_instance_stats.json, with run_spec.json and scenario_state.json beside it where
they were kept.

One Samples per run. Pick metric; without one the first that the run's own metric_specs name, or the
first that is no bookkeeping. prompt_id is over the requests as they were sent
(scenario_state.json); without them over all that settles them: scenario, adapter and instance.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from . import safely  # first: it names the extra that brings msgspec
from .port import BadFile, Sample, Samples

KIND = "helm"
STATS = "per_instance_stats.json"
BOOKKEEPING = re.compile(
    r"^(num_|finish_reason_|training_|inference_|batch_size|prompt_truncated|max_prob|logprob|predicted_index|logprob_per)|_(cost|runtime)$"
)
MAY_DIFFER = {"model", "model_deployment", "max_eval_instances"}
_LOOKS = re.compile(rb'\s*\[\s*\{\s*"(instance_id|perturbation|train_trial_index|stats)"')


class Name(msgspec.Struct):
    name: str


class Stat(msgspec.Struct):
    """One metric of one instance; mean is left out by the tool where it is not a number."""

    name: Name
    mean: msgspec.Raw = msgspec.Raw()


class Perturbation(msgspec.Struct):
    name: str = "perturbed"


class Instance(msgspec.Struct):
    """One instance under one perturbation with one draw of examples. stats: list of Stat, decoded
    one instance at a time.
    """

    instance_id: str
    stats: msgspec.Raw
    train_trial_index: int = 0
    perturbation: Perturbation | None = None


class Text(msgspec.Struct):
    text: str = ""


class Reference(msgspec.Struct):
    output: Text = msgspec.field(default_factory=Text)
    tags: msgspec.Raw = msgspec.Raw()


class Asked(msgspec.Struct):
    """The instance of a request."""

    id: str = ""
    perturbation: Perturbation | None = None
    references: list[Reference] = []


class Request(msgspec.Struct):
    prompt: str = ""
    messages: msgspec.Raw = msgspec.Raw()


class Result(msgspec.Struct):
    completions: list[Text] = []


class RequestState(msgspec.Struct):
    """One request; methods that score each choice by itself have several for one instance."""

    instance: Asked
    request: Request
    result: Result | None = None
    train_trial_index: int = 0


class ScenarioState(msgspec.Struct):
    request_states: list[RequestState]


_instances = safely.decoder(list[Instance], safely.MAX_JSON)
_stats = safely.decoder(list[Stat])
_state = safely.decoder(ScenarioState, safely.MAX_JSON)
Key = tuple[str, str, int]  # instance, perturbation, draw of examples


def recognises(path: Path, head: bytes) -> bool:
    """A run folder, or its per-instance file."""
    return (path / STATS).is_file() if path.is_dir() else bool(_LOOKS.match(head[:1000]))


def read(path: Path, picks: dict[str, str]) -> Iterator[Samples]:
    """One Samples for each run at path. Raises BadFile."""
    path = safely.existing(path)
    for file in (
        safely.files(path, f"**/{STATS}", "give a run folder of HELM") if path.is_dir() else [path]
    ):
        yield _run(file, picks)


def _run(path: Path, picks: dict[str, str]) -> Samples:
    instances = _instances(safely.contents(path), path, "as a whole")
    if not instances:
        raise BadFile(path, "as a whole", "it holds no instances", "give a run folder of HELM")
    spec = (
        safely.facts(path.with_name("run_spec.json"))
        if path.with_name("run_spec.json").is_file()
        else {}
    )
    there = [stat.name.name for stat in _stats(instances[0].stats, path, "stats of entry 0")]
    metric = safely.choose(path, "metric", picks.get("metric"), _ordered(there, spec))
    name = safely.at(spec, "name")
    name = name if isinstance(name, str) and name else path.resolve().parent.name or "unknown"
    adapter = safely.at(spec, "adapter_spec")
    adapter = (
        {key: value for key, value in adapter.items() if key not in MAY_DIFFER}
        if isinstance(adapter, dict)
        else None
    )
    settled = json.dumps(
        (
            [safely.at(spec, "scenario_spec"), adapter]
            if adapter is not None
            else _without_model(name)
        ),
        sort_keys=True,
    )
    state = path.with_name("scenario_state.json")
    requests = _requests(state) if state.is_file() else {}
    model = (
        safely.at(spec, "adapter_spec", "model")
        or (re.search(r"[:,]model=([^,]+)", name) or [None, None])[1]
    )
    left_out: Counter[str] = Counter()
    return Samples(
        benchmark_id=_without_model(name),
        harness={
            "harness": KIND,
            "metric": metric,
            "scenario_spec": safely.at(spec, "scenario_spec"),
            "adapter_spec": adapter,
        },
        rows=_rows(path, instances, metric, requests, settled, left_out),
        model_name=model if isinstance(model, str) else None,
        facts={
            "run": name,
            "prompt_id": "requests" if requests else "settings",
            "model_deployment": safely.at(spec, "adapter_spec", "model_deployment"),
        },
        left_out=left_out,
    )


def _ordered(there: list[str], spec: dict) -> list[str]:
    """The metrics there are, once each: first those that the run's specification names, last what
    is bookkeeping.
    """
    specs = spec.get("metric_specs")
    named = (
        [
            name
            for entry in specs
            if isinstance(names := safely.at(entry, "args", "names"), list)
            for name in names
        ]
        if isinstance(specs, list)
        else []
    )
    names = list(dict.fromkeys(there))
    # stable: the file's order within
    return sorted(names, key=lambda name: (name not in named, bool(BOOKKEEPING.search(name))))


def _without_model(name: str) -> str:
    """mmlu:subject=law,model=a_b -> mmlu:subject=law: the run's name less what may differ."""
    return re.sub(r"(?<=[:,])model(_deployment)?=[^,]*,?", "", name).rstrip(":,") or "unknown"


def _requests(path: Path) -> dict[Key, list[RequestState]]:
    """The requests of each instance, in the order in which they were sent."""
    requests: dict[Key, list[RequestState]] = {}
    for state in _state(safely.contents(path), path, "as a whole").request_states:
        requests.setdefault(
            _key(state.instance.id, state.instance.perturbation, state.train_trial_index), []
        ).append(state)
    return requests


def _key(instance: str, perturbation: Perturbation | None, trial: int) -> Key:
    return instance, perturbation.name if perturbation else "", trial


def _rows(
    path: Path,
    instances: list[Instance],
    metric: str,
    requests: dict[Key, list[RequestState]],
    settled: str,
    left_out: Counter[str],
) -> Iterator[Sample]:
    """One sample per instance, perturbation and draw of examples, the first of each."""
    seen: set[Key] = set()
    attempts: Counter[str] = Counter()
    for index, instance in enumerate(instances):
        key = _key(instance.instance_id, instance.perturbation, instance.train_trial_index)
        values = [
            stat.mean
            for stat in _stats(instance.stats, path, f"stats of entry {index}")
            if stat.name.name == metric
        ]
        score = safely.raw_number(values[0]) if values else None
        reason = (
            "an instance that occurs again"
            if key in seen
            else None
            if score is not None
            else f"its {metric} is missing or not a finite number"
        )
        if reason:
            left_out[reason] += 1
            continue
        seen.add(key)
        sent = requests.get(key, [])
        prompts = [
            state.request.prompt or bytes(state.request.messages).decode("utf-8", "replace")
            for state in sent
        ]
        prompt_id = (
            safely.text_id("requests", *prompts)
            if sent
            else safely.text_id("settings", settled, *map(str, key))
        )
        attempts[prompt_id] += 1
        right = (
            [
                reference.output.text
                for reference in sent[0].instance.references
                if b'"correct"' in bytes(reference.tags)
            ]
            if sent
            else []
        )
        answers = [
            state.result.completions[0].text
            for state in sent
            if state.result and state.result.completions
        ]
        item = instance.instance_id + "".join(
            f"/{part}"
            for part in (
                key[1],
                instance.train_trial_index and f"draw {instance.train_trial_index}",
            )
            if part
        )
        yield Sample(
            item,
            prompt_id,
            attempts[prompt_id] - 1,
            score,
            key[1] or "all",
            "\n".join(prompts) or None,
            json.dumps(right, ensure_ascii=False) if right else None,
            answers[0] if len(sent) == 1 and answers else None,
        )
