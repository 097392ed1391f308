"""SWE-bench: the run's report MODEL.RUN.json, which lists the instances by how they ended.

A prompt is an instance whose patch was judged: resolved, unresolved, empty, or ended in an error;
only a resolved one is right. The file holds no prompts: prompt_id is over the instance's name.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...errors import BadFile
from .port import Found, Picks, Sample, Samples, text_id
from .several import each_file, looks_below
from .untrusted.files import contents
from .untrusted.json_outline import outline
from .untrusted.json_typed import decoder

OUTCOMES = ("resolved", "unresolved", "empty_patch", "error")  # all but the first are wrong
_TOTALS = {"resolved_instances", "unresolved_instances"}
_LISTS = {"resolved_ids", "unresolved_ids"}


class Report(msgspec.Struct):
    """The file. Each list: instances that ended so."""

    resolved_ids: list[str]
    unresolved_ids: list[str]
    empty_patch_ids: list[str] = []
    error_ids: list[str] = []
    incomplete_ids: list[str] = []  # without a prediction
    total_instances: int | None = None
    resolved_instances: int | None = None
    schema_version: int | str | None = None


_report = decoder(Report)


def recognises(path: Path, head: bytes) -> bool:
    """By its totals, or by its lists; a folder by a report in it."""
    if path.is_dir():
        return looks_below(path, ".json", recognises)
    opening, keys, _ = outline(head)
    return opening == b"{" and "results" not in keys and (keys >= _TOTALS or keys >= _LISTS)


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples. Pick model. Raises BadFile."""
    yield from each_file(path, picks, ".json", recognises, _one)


def _one(path: Path, picks: Picks) -> Iterator[Found]:
    """One report."""
    report: Report = _report(contents(path), path, "as a whole")
    ended: dict[str, str] = {}
    for outcome in OUTCOMES:
        for instance in getattr(report, f"{outcome}_ids"):
            if instance in ended:
                what = f"{instance} is both {ended[instance]} and {outcome}"
                raise BadFile(path, f"{outcome}_ids", what, "write the report again")
            ended[instance] = outcome
    if not ended:
        advice = "give the report of a run that has ended"
        raise BadFile(path, "as a whole", "it lists no instance that was judged", advice)
    if report.resolved_instances not in (None, len(report.resolved_ids)):
        what = f"{report.resolved_instances} where resolved_ids has {len(report.resolved_ids)}"
        raise BadFile(path, "resolved_instances", what, "write the report again")
    missing, model = len(report.incomplete_ids), path.stem.rpartition(".")[0]
    yield Samples(
        benchmark_id="swe-bench",
        harness={"harness": "swe-bench"},
        rows=(_sample(instance, outcome) for instance, outcome in ended.items()),
        model_name=model.replace("__", "/") or None,
        metric="resolved",
        smaller_is_better=False,
        facts={"total_instances": report.total_instances, "schema": report.schema_version},
        partial=f"{missing:,} instances without a prediction" if missing else None,
    )


def _sample(instance: str, outcome: str) -> Sample:
    """An instance; its category is the repository that its name begins with."""
    repository = instance.rpartition("-")[0] or "all"
    score = float(outcome == OUTCOMES[0])
    return Sample(instance, text_id(instance), 0, score, repository, finish_reason=outcome)
