"""HELM: a run's per_instance_stats.json, with run_spec.json and scenario_state.json beside it.

One Samples per run. Pick metric; without one a share that the run's own metric_specs name, or the
first that is no bookkeeping. The tool writes an entry per instance and class of metrics: those of
one instance are joined. As in its own tables, split test without perturbed copies counts; picks
split and perturbation ask for others. prompt_id is over the requests as they were sent
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
from .choices import Doubts
from .grades import Spread, rank, smaller_is_better
from .helm_choices import GRADE
from .helm_requests import Key, Perturbation, Sent, by_instance, item_of, key_of
from .names import plain_name
from .picks import of_task
from .port import Found, NotTaken, Picks, Sample, Samples, choose
from .untrusted.files import MAX_WHOLE, contents, existing, matching
from .untrusted.json_plain import at
from .untrusted.json_typed import decoder, raw_score, settings_file

STATS = "per_instance_stats.json"
SPLITS = ("test", "valid")  # the first that is there counts
NONE = "none"  # the pick for instances as they are, not perturbed
BOOKKEEPING = re.compile(
    r"^(num_|finish_reason_|training_|inference_|batch_size|prompt_truncated|max_prob|logprob"
    r"|predicted_index)|_(cost|runtime)$"
)
MAY_DIFFER = {"model", "model_deployment", "max_eval_instances"}
_LOOKS = re.compile(rb'\s*\[\s*\{\s*"(instance_id|perturbation|train_trial_index|stats)"')


class Name(msgspec.Struct):
    name: str
    split: str | None = None


class Stat(msgspec.Struct):
    """One metric of one instance; mean is left out by the tool where it is not a number."""

    name: Name
    mean: msgspec.Raw = msgspec.Raw()


class Instance(msgspec.Struct):
    """One instance under one perturbation with one draw of examples.

    stats: list of Stat, decoded one instance at a time.
    """

    instance_id: str
    stats: msgspec.Raw
    train_trial_index: int = 0
    perturbation: Perturbation | None = None


_instances = decoder(list[Instance], MAX_WHOLE)
_stats = decoder(list[Stat])


def recognises(path: Path, head: bytes) -> bool:
    """A run's per-instance file, or a folder that holds some, at most two levels down."""
    if path.is_dir():
        return any(any(path.glob(f"{level}{STATS}")) for level in ("", "*/", "*/*/"))
    return bool(_LOOKS.match(head[:1000]))


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples for each run at path. Picks: metric, split, perturbation. Raises BadFile."""
    path = existing(path)
    files = matching(path, f"**/{STATS}", "give a run folder of HELM") if path.is_dir() else [path]
    runs = [_run(file) for file in files]
    _refuse_mixtures(path, runs)
    for run in runs:
        own = of_task(picks, _without_model(run.name))
        entries, passed = _selected(run, own)
        yield from passed
        yield _samples(run, entries, own)


class _Entry(NamedTuple):
    """One instance under one perturbation with one draw of examples."""

    key: Key
    split: str | None
    means: dict[str, float | None]  # metric -> None where the file has no finite number


class _Run(NamedTuple):
    """One run's files."""

    path: Path
    name: str  # with the model
    model: str | None
    spec: dict
    entries: list[_Entry]
    again: int  # metrics of instances that came twice


def _run(path: Path) -> _Run:
    """Raises BadFile."""
    instances = _instances(contents(path), path, "as a whole")
    if not instances:
        raise BadFile(path, "as a whole", "it holds no instances", "give a run folder of HELM")
    spec_file = path.with_name("run_spec.json")
    spec = settings_file(spec_file) if spec_file.is_file() else {}
    name = at(spec, "name")
    if not isinstance(name, str) or not name:
        name = path.resolve().parent.name
        if not re.search(r"[:,]model=", name):
            raise BadFile(
                path,
                "as a whole",
                "neither run_spec.json nor its folder's name says which run it is of",
                "put run_spec.json beside it",
            )
    model = at(spec, "adapter_spec", "model") or _model(name)
    model = plain_name(model) if isinstance(model, str) else None
    entries, again = _joined(instances, path)
    return _Run(path, name, model, spec, entries, again)


def _joined(instances: list[Instance], path: Path) -> tuple[list[_Entry], int]:
    """The entries of each instance as one, and how many numbers came twice. Raises BadFile."""
    joined: dict[Key, _Entry] = {}
    again = 0
    for index, instance in enumerate(instances):
        key = key_of(instance.instance_id, instance.perturbation, instance.train_trial_index)
        stats = _stats(instance.stats, path, f"stats of entry {index}")
        split = next((stat.name.split for stat in stats if stat.name.split), None)
        entry = joined.setdefault(key, _Entry(key, split, {}))
        twice = False
        for stat in stats:
            twice = twice or stat.name.name in entry.means
            entry.means.setdefault(stat.name.name, raw_score(stat.mean))
        again += twice
    return list(joined.values()), again


def _refuse_mixtures(path: Path, runs: list[_Run]) -> None:
    """Raise BadFile where a folder holds runs of several models, or one run twice."""
    models = dict.fromkeys(run.model for run in runs if run.model)
    if len(models) > 1:
        raise BadFile(
            path,
            "as a whole",
            f"it holds runs of {len(models)} models: {', '.join(list(models)[:10])}",
            "give the run folders of one",
        )
    seen: dict[str, Path] = {}
    for run in runs:
        name, folder = _without_model(run.name), run.path.parent
        other = seen.setdefault(name, folder)
        if other != folder:
            found = f"it holds two runs of {name}: {other} and {folder}"
            raise BadFile(path, "as a whole", found, "give one of them")


def _selected(run: _Run, picks: Picks) -> tuple[list[_Entry], list[NotTaken]]:
    """The instances of the split and perturbation that count, and what is passed over."""
    splits = list(dict.fromkeys(entry.split for entry in run.entries if entry.split))
    splits.sort(key=lambda split: SPLITS.index(split) if split in SPLITS else len(SPLITS))
    split = choose(run.path, "split", picks.get("split"), splits) if splits else None
    here = [entry for entry in run.entries if entry.split in (split, None)]
    copies = list(dict.fromkeys(entry.key[1] or NONE for entry in here))
    copies.sort(key=lambda copy: copy != NONE)
    copy = choose(run.path, "perturbation", picks.get("perturbation"), copies)
    name, passed = _without_model(run.name), list[NotTaken]()
    for other in splits:
        if other != split:
            count = sum(entry.split == other for entry in run.entries)
            why = f"HELM's own tables have split {split} alone: --pick split={other} takes it"
            passed.append(NotTaken(f"{name}, split {other} ({count:,} instances)", why))
    for other in copies:
        if other != copy:
            count = sum((entry.key[1] or NONE) == other for entry in here)
            why = f"they are copies of the same instances: --pick perturbation={other} takes them"
            passed.append(NotTaken(f"{name}, perturbation {other} ({count:,} instances)", why))
    return [entry for entry in here if (entry.key[1] or NONE) == copy], passed


def _samples(run: _Run, entries: list[_Entry], picks: Picks) -> Samples:
    spec, state = run.spec, run.path.with_name("scenario_state.json")
    ordered = _ordered(entries, spec)
    metric = choose(run.path, "metric", picks.get("metric"), ordered)
    scenario, adapter = at(spec, "scenario_spec"), _adapter(spec)
    settled = [scenario, adapter] if adapter is not None else _without_model(run.name)
    requests = by_instance(state) if state.is_file() else {}
    left_out = Counter({"an instance that occurs again": run.again} if run.again else {})
    sent, doubts = Sent(requests, json.dumps(settled, sort_keys=True)), Doubts()
    return Samples(
        benchmark_id=_without_model(run.name),
        harness={
            "harness": "helm",
            "metric": metric,
            "scenario_spec": scenario,
            "adapter_spec": adapter,
        },
        rows=_rows(entries, metric, sent, left_out, doubts),
        model_name=run.model,
        metric=metric,
        other_metrics=[name for name in ordered if name != metric],
        smaller_is_better=smaller_is_better(metric),
        facts={
            "run": run.name,
            "prompt_id": "requests" if requests else "settings",
            "model_deployment": at(spec, "adapter_spec", "model_deployment"),
            "max_eval_instances": at(spec, "adapter_spec", "max_eval_instances"),
            "split": entries[0].split if entries else None,
        },
        left_out=left_out,
        doubts=doubts,
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


def _ordered(entries: list[_Entry], spec: dict) -> list[str]:
    """The metrics there are, most of a grade first.

    Of equal ones first those that the run's specification names; what is bookkeeping last.
    """
    specs, named = spec.get("metric_specs"), list[str]()
    for entry in specs if isinstance(specs, list) else ():
        names = at(entry, "args", "names")
        named += names if isinstance(names, list) else []
    spreads: dict[str, Spread] = {}
    for each in entries:
        for name, mean in each.means.items():
            spread = spreads.setdefault(name, Spread())
            if mean is not None:
                spread.count(mean)

    def order(name: str) -> tuple[bool, ...]:
        graded = rank(name, spreads[name], smaller_is_better(name))
        return bool(BOOKKEEPING.search(name)), *graded[:2], name not in named, graded[2]

    return sorted(spreads, key=order)


def _without_model(name: str) -> str:
    """mmlu:subject=law,model=a_b -> mmlu:subject=law: the run's name less what may differ."""
    return re.sub(r"(?<=[:,])model(_deployment)?=[^,]*,?", "", name).rstrip(":,") or "unknown"


def _rows(
    entries: list[_Entry], metric: str, sent: Sent, left_out: Counter[str], doubts: Doubts
) -> Iterator[Sample]:
    """One sample per instance, perturbation and draw of examples."""
    for key, _, means in entries:
        score = means.get(metric)
        if score is None:
            left_out[f"its {metric} is missing or not a finite number"] += 1
            continue
        prompt_id, prompt = sent.prompt(key)
        yield Sample(
            item_of(key),
            prompt_id,
            0,
            score,
            key[1] or "all",
            prompt,
            sent.expected(key),
            sent.answer(key),
            choices=sent.choices(key, means.get(GRADE), doubts),
        )
