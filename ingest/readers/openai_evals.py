"""OpenAI evals: the record of a run that `oaieval` writes, JSON Lines of a spec and its events.

A score is a match event's `correct`; where an eval records none, one of its metrics (pick metric),
by default the one that is most of a grade.
An item is a sample_id; prompt_id is over what its sampling event says was asked. A record without
its final report is partial.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import BadFile
from .dotted import text
from .grades import Spread, is_grade, rank, smaller_is_better
from .json_records import JsonLines
from .port import Found, Picks, Sample, Samples, choose, text_id
from .untrusted.json_plain import at, graded

MATCH = "match"  # the type of event, and so the metric, of right and wrong
SLACK = 1e-6  # of a printed accuracy


def recognises(path: Path, head: bytes) -> bool:
    """By the spec that comes first."""
    first = head.split(b"\n", 1)[0]
    return first.lstrip()[:1] == b"{" and b'"spec"' in first and b'"completion_fns"' in first


@dataclass
class Record:
    """What one pass over the events shows."""

    spec: dict = field(default_factory=dict)
    report: dict | None = None
    metrics: dict[str, Spread] = field(default_factory=dict)  # over the events that have it

    def ordered(self) -> list[str]:
        """The metrics, most of a grade first."""

        def order(name: str) -> tuple[bool, ...]:
            ranked = rank(name, self.metrics[name], smaller_is_better(name))
            return name != MATCH, *ranked, not is_grade(name)

        return sorted(self.metrics, key=order)


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples. Raises BadFile."""
    record = _surveyed(path)
    there = record.ordered()
    metric = choose(path, "metric", picks.get("metric"), there)
    names = at(record.spec, "completion_fns")
    left_out = Counter[str]()
    yield Samples(
        benchmark_id=str(at(record.spec, "eval_name") or path.stem),
        harness={"harness": "openai-evals", "metric": metric},
        rows=_rows(path, metric, left_out),
        model_name=", ".join(map(str, names)) if isinstance(names, list) else None,
        metric=metric,
        other_metrics=[name for name in there if name != metric],
        smaller_is_better=smaller_is_better(metric),
        facts={"run": at(record.spec, "run_id"), "date": at(record.spec, "created_at")},
        partial=_flaw(record),
        left_out=left_out,
    )


def _surveyed(path: Path) -> Record:
    record = Record()
    for _, line in JsonLines(path).rows():
        if isinstance(line.get("spec"), dict):
            record.spec = line["spec"]
        elif isinstance(line.get("final_report"), dict):
            record.report = line["final_report"]
        for name, score in _scores(line).items():
            record.metrics.setdefault(name, Spread()).count(score)
    return record


def _flaw(record: Record) -> str | None:
    """Why this is not the whole run."""
    if record.report is None:
        return "there is no final report: the run did not end"
    accuracy, matches = graded(record.report.get("accuracy")), record.metrics.get(MATCH)
    if accuracy is not None and matches:
        right = matches.total / matches.numbers
        if abs(accuracy - right) > SLACK:
            return f"its report says accuracy {accuracy:g}, its events {right:g}"
    return None


def _scores(event: dict) -> dict[str, float]:
    """Metric -> score of one event."""
    data = event.get("data")
    if event.get("type") == MATCH:
        correct = at(data, "correct")
        found = {MATCH: correct} if isinstance(correct, bool) else {}
    else:
        found = data if event.get("type") == "metrics" and isinstance(data, dict) else {}
    return {name: score for name, value in found.items() if (score := graded(value)) is not None}


def _rows(path: Path, metric: str, left_out: Counter[str]) -> Iterator[Sample]:
    """A sample for each event that has the metric."""
    asked = dict[str, Any]()
    for place, event in JsonLines(path).rows():
        item, data = text(event.get("sample_id")), event.get("data")
        if item is not None and event.get("type") == "sampling":
            asked[item] = data
        if event.get("type") == MATCH and metric == MATCH and MATCH not in _scores(event):
            left_out["a match that says neither true nor false"] += 1
        if metric not in _scores(event):
            continue
        if item is None:
            raise BadFile(path, place, "it has no sample_id", "give the file as oaieval wrote it")
        prompt, sampled = at(asked.get(item), "prompt"), at(asked.get(item), "sampled")
        expected = text(at(data, "expected"))
        if prompt is None:
            own_id = text_id("sample", item, expected or "")
        else:
            own_id = text_id("prompt", json.dumps(prompt, ensure_ascii=False, sort_keys=True))
        answer = at(data, "sampled") if at(data, "sampled") is not None else sampled
        if isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        yield Sample(
            item=item,
            prompt_id=own_id,
            attempt=0,
            score=_scores(event)[metric],
            prompt=text(prompt),
            expected=expected,
            answer=answer if answer == "" else text(answer),
        )
