"""inspect_ai: .eval logs, which are zip files of JSON members, and .json logs, one object.

One Samples per log, of several tries of one task the one that counts. Picks: scorer; metric, where
a scorer gives several values at once, by default the one that is a grade. A log without header.json
is of a run that crashed: what its journal holds is read, and marked partial. Prompts come from the
summaries, and from the sample itself where a summary keeps only the start of it.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import BadFile
from . import inspect_forms as forms
from .grades import smaller_is_better
from .inspect_answers import ADVICE, answers
from .inspect_folders import CRASHED, counted, has_logs, is_log, settings_of, start_of
from .inspect_forms import Entry
from .inspect_scores import Log, chosen, named
from .names import plain_name
from .picks import of_task
from .port import Found, Picks, Samples
from .untrusted.archives import MAX_MEMBER, Zip
from .untrusted.files import contents, existing
from .untrusted.json_plain import at, finite

# of a generate config: how, not what
RUNTIME = {
    "max_connections",
    "max_retries",
    "timeout",
    "attempt_timeout",
    "cache",
    "batch",
    "adaptive_connections",
}
LIMITS = (
    "epochs",
    "message_limit",
    "token_limit",
    "turn_limit",
    "time_limit",
    "working_limit",
    "cost_limit",
)
KEPT = (
    "created",
    "run_id",
    "eval_id",
    "revision",
    "packages",
    "model_args",
    "model_base_url",
)
_JOURNAL = re.compile(r"_journal/summaries/([0-9]{1,9})\.json")


def recognises(path: Path, head: bytes) -> bool:
    """A zip file called .eval, a .json log, or a folder of them."""
    return has_logs(path) if path.is_dir() else is_log(path, head)


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples for each log, of a task that was tried again for the one that counts.

    Picks: scorer, metric. Raises BadFile.
    """
    path = existing(path)
    files, passed = counted(path) if path.is_dir() else ([path], [])
    yield from passed
    for file in files:
        yield _log(file, picks)


def _log(path: Path, picks: Picks) -> Samples:
    data = contents(path, 1 << 40)
    if data[:2] == b"PK":
        return _zipped(path, picks)
    log = forms.plain_log(data, path, "as a whole")
    header = {key: settings_of(getattr(log, key), path, key) for key in ("eval", "plan", "results")}
    entries = log.samples or []
    return _samples(header | {"status": log.status}, Log(path, _latest(entries)), entries, picks)


def _zipped(path: Path, picks: Picks) -> Samples:
    archive = Zip(path)
    header = start_of(archive, path)
    entries, size = list[Entry](), 0
    for name in _summaries(archive):
        raw = archive.read(name)
        size += len(raw)
        if size > MAX_MEMBER:
            raise BadFile(
                path,
                f"member {name}",
                f"its summaries are larger than {MAX_MEMBER:,} bytes",
                "split the log",
            )
        entries += forms.entries(raw, path, f"member {name}")
    return _samples(header, Log(path, _latest(entries), archive), entries, picks)


def _summaries(archive: Zip) -> list[str]:
    """The members that list the samples, in order."""
    if "summaries.json" in archive.members:
        return ["summaries.json"]
    journal = [match for match in map(_JOURNAL.fullmatch, archive.members) if match]
    return [match[0] for match in sorted(journal, key=lambda match: int(match[1]))]


def _latest(entries: list[Entry]) -> dict[tuple[str, int], Entry]:
    """Of samples that were run or scored again the last."""
    return {(str(entry.id), entry.epoch): entry for entry in entries}


def _samples(header: dict, log: Log, entries: list[Entry], picks: Picks) -> Samples:
    spec = header.get("eval")
    if not isinstance(spec, dict) or not isinstance(spec.get("task"), str) or not spec["task"]:
        raise BadFile(log.path, "key eval", "it does not say which task was run", ADVICE)
    scorer, metric, others = chosen(log, of_task(picks, spec["task"]))
    superseded = len(entries) - len(log.entries)
    left_out = Counter({"a sample that was run again": superseded} if superseded else {})
    model = spec.get("model") if isinstance(spec.get("model"), str) else None
    status = str(header.get("status"))[:20]
    return Samples(
        benchmark_id=spec["task"],
        harness=_harness(header, scorer, metric),
        rows=answers(log, scorer, metric, model, left_out),
        model_name=plain_name(model) if model else None,
        metric=named(scorer, metric),
        other_metrics=others,
        smaller_is_better=smaller_is_better(named(scorer, metric)),
        facts={key: spec[key] for key in KEPT if spec.get(key)} | {"status": status},
        partial=_partial(header, status, len(log.entries)),
        left_out=left_out,
    )


def _partial(header: dict, status: str, samples: int) -> str | None:
    """Why the log is not the whole run."""
    reasons = []
    if status == CRASHED:
        reasons.append("the run crashed or was still going on: the log has no header")
    elif status != "success":
        reasons.append(f"the run's status is {status}")
    expected = finite(at(header, "results", "total_samples"))
    if not expected:
        ids = at(header, "eval", "dataset", "sample_ids")
        epochs = finite(at(header, "eval", "config", "epochs")) or 1
        expected = len(ids) * epochs if isinstance(ids, list) else 0
    if samples < expected:
        reasons.append(f"{samples} of {expected:.0f} samples")
    if at(header, "eval", "config", "limit") or at(header, "eval", "config", "sample_id"):
        reasons.append("a part of the data set was asked (--limit or --sample-id)")
    return "; ".join(reasons) or None


def _harness(header: dict, scorer: str, metric: str) -> dict:
    """What must agree between two runs.

    plan_sha256: over the solvers with their parameters, templates and examples among them.
    """
    spec, generate = header["eval"], dict[str, Any]()
    for settings in (at(spec, "model_generate_config"), at(header, "plan", "config")):
        if isinstance(settings, dict):
            generate |= {key: value for key, value in settings.items() if key not in RUNTIME}
    found = at(header, "plan", "steps")
    steps = [
        [at(step, "solver"), at(step, "params")]
        for step in (found if isinstance(found, list) else [])
    ]
    return {
        "harness": "inspect",
        "task_version": spec.get("task_version"),
        "task_args": spec.get("task_args"),
        "data_set": at(spec, "dataset", "name"),
        "scorer": scorer,
        "metric": metric,
        "solvers": [solver for solver, _ in steps],
        "plan_sha256": hashlib.sha256(json.dumps(steps, sort_keys=True).encode()).hexdigest(),
        "generate": generate,
        **{key: at(spec, "config", key) for key in LIMITS},
    }
