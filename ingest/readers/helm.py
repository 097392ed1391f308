"""HELM: a run's per_instance_stats.json, with run_spec.json and scenario_state.json beside it.

One Samples per run. Pick metric; without one the first that the run's own metric_specs name, or the
first that is no bookkeeping. prompt_id is over the requests as they were sent
(scenario_state.json); without them over all that settles them: scenario, adapter and instance.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...errors import BadFile
from .port import Picks, Sample, Samples, choose, text_id
from .untrusted.files import MAX_WHOLE, contents, existing, matching
from .untrusted.json_plain import at
from .untrusted.json_typed import decoder, raw_score, settings_file

STATS = "per_instance_stats.json"
BOOKKEEPING = re.compile(
    r"^(num_|finish_reason_|training_|inference_|batch_size|prompt_truncated|max_prob|logprob"
    r"|predicted_index)|_(cost|runtime)$"
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
    """One instance under one perturbation with one draw of examples.

    stats: list of Stat, decoded one instance at a time.
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


_instances = decoder(list[Instance], MAX_WHOLE)
_stats = decoder(list[Stat])
_state = decoder(ScenarioState, MAX_WHOLE)
Key = tuple[str, str, int]  # instance, perturbation, draw of examples


def recognises(path: Path, head: bytes) -> bool:
    """A run folder, or its per-instance file."""
    return (path / STATS).is_file() if path.is_dir() else bool(_LOOKS.match(head[:1000]))


def read(path: Path, picks: Picks) -> Iterator[Samples]:
    """One Samples for each run at path. Raises BadFile."""
    path = existing(path)
    advice = "give a run folder of HELM"
    for file in matching(path, f"**/{STATS}", advice) if path.is_dir() else [path]:
        yield _run(file, picks)


def _run(path: Path, picks: Picks) -> Samples:
    instances = _instances(contents(path), path, "as a whole")
    if not instances:
        raise BadFile(path, "as a whole", "it holds no instances", "give a run folder of HELM")
    spec_file, state = path.with_name("run_spec.json"), path.with_name("scenario_state.json")
    spec = settings_file(spec_file) if spec_file.is_file() else {}
    there = [stat.name.name for stat in _stats(instances[0].stats, path, "stats of entry 0")]
    metric = choose(path, "metric", picks.get("metric"), _ordered(there, spec))
    name = at(spec, "name")
    name = name if isinstance(name, str) and name else path.resolve().parent.name or "unknown"
    scenario, adapter = at(spec, "scenario_spec"), _adapter(spec)
    settled = [scenario, adapter] if adapter is not None else _without_model(name)
    requests = _requests(state) if state.is_file() else {}
    model = at(spec, "adapter_spec", "model") or _model(name)
    left_out: Counter[str] = Counter()
    sent = _Sent(requests, json.dumps(settled, sort_keys=True))
    return Samples(
        benchmark_id=_without_model(name),
        harness={
            "harness": "helm",
            "metric": metric,
            "scenario_spec": scenario,
            "adapter_spec": adapter,
        },
        rows=_rows(path, instances, metric, sent, left_out),
        model_name=model if isinstance(model, str) else None,
        facts={
            "run": name,
            "prompt_id": "requests" if requests else "settings",
            "model_deployment": at(spec, "adapter_spec", "model_deployment"),
        },
        left_out=left_out,
    )


def _adapter(spec: dict) -> dict | None:
    """The settings of the prompt, less what may differ between two models."""
    adapter = at(spec, "adapter_spec")
    if not isinstance(adapter, dict):
        return None
    return {key: value for key, value in adapter.items() if key not in MAY_DIFFER}


def _model(name: str) -> str | None:
    """The model in a run's name."""
    match = re.search(r"[:,]model=([^,]+)", name)
    return match[1] if match else None


def _ordered(there: list[str], spec: dict) -> list[str]:
    """The metrics there are, once each.

    First those that the run's specification names, last what is bookkeeping.
    """
    specs, named = spec.get("metric_specs"), list[str]()
    for entry in specs if isinstance(specs, list) else ():
        names = at(entry, "args", "names")
        named += names if isinstance(names, list) else []
    # stable: the file's order within
    return sorted(
        dict.fromkeys(there), key=lambda name: (name not in named, bool(BOOKKEEPING.search(name)))
    )


def _without_model(name: str) -> str:
    """mmlu:subject=law,model=a_b -> mmlu:subject=law: the run's name less what may differ."""
    return re.sub(r"(?<=[:,])model(_deployment)?=[^,]*,?", "", name).rstrip(":,") or "unknown"


def _requests(path: Path) -> dict[Key, list[RequestState]]:
    """The requests of each instance, in the order in which they were sent."""
    requests: dict[Key, list[RequestState]] = {}
    for state in _state(contents(path), path, "as a whole").request_states:
        requests.setdefault(
            _key(state.instance.id, state.instance.perturbation, state.train_trial_index), []
        ).append(state)
    return requests


def _key(instance: str, perturbation: Perturbation | None, trial: int) -> Key:
    return instance, perturbation.name if perturbation else "", trial


class _Sent(NamedTuple):
    """What the model was given."""

    requests: dict[Key, list[RequestState]]  # of each instance, as they were sent; may be empty
    settled: str  # else what settles them, as JSON

    def prompt(self, key: Key) -> tuple[str, str | None]:
        """(prompt_id, text) of an instance."""
        asked = self.requests.get(key)
        if not asked:
            return text_id("settings", self.settled, *map(str, key)), None
        prompts = [
            state.request.prompt or bytes(state.request.messages).decode("utf-8", "replace")
            for state in asked
        ]
        return text_id("requests", *prompts), "\n".join(prompts) or None

    def expected(self, key: Key) -> str | None:
        """The right answers, as a JSON list."""
        right = [
            reference.output.text
            for state in self.requests.get(key, [])[:1]
            for reference in state.instance.references
            if b'"correct"' in bytes(reference.tags)
        ]
        return json.dumps(right, ensure_ascii=False) if right else None

    def answer(self, key: Key) -> str | None:
        """The first completion, where there was one request."""
        asked = self.requests.get(key, [])
        result = asked[0].result if len(asked) == 1 else None
        return result.completions[0].text if result and result.completions else None


def _rows(
    path: Path,
    instances: list[Instance],
    metric: str,
    sent: _Sent,
    left_out: Counter[str],
) -> Iterator[Sample]:
    """One sample per instance, perturbation and draw of examples, the first of each."""
    seen: set[Key] = set()
    attempts: Counter[str] = Counter()
    for index, instance in enumerate(instances):
        key = _key(instance.instance_id, instance.perturbation, instance.train_trial_index)
        stats = _stats(instance.stats, path, f"stats of entry {index}")
        score = next((raw_score(stat.mean) for stat in stats if stat.name.name == metric), None)
        if key in seen:
            left_out["an instance that occurs again"] += 1
            continue
        if score is None:
            left_out[f"its {metric} is missing or not a finite number"] += 1
            continue
        seen.add(key)
        prompt_id, prompt = sent.prompt(key)
        attempts[prompt_id] += 1
        yield Sample(
            _item(key),
            prompt_id,
            attempts[prompt_id] - 1,
            score,
            key[1] or "all",
            prompt,
            sent.expected(key),
            sent.answer(key),
        )


def _item(key: Key) -> str:
    """An instance's name, with what it shares with others of that name."""
    instance, perturbation, trial = key
    parts = (perturbation, f"draw {trial}" if trial else "")
    return instance + "".join(f"/{part}" for part in parts if part)
