"""lm-evaluation-harness: the benchmarks that a run's tasks make, and the samples of each.

A group whose printed figure is the mean over the documents of its tasks is one benchmark; where the
tool weighs the tasks equally they stay benchmarks of their own.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from . import lm_eval_lines as lines
from .choices import Doubts
from .lm_eval_choices import delimiter
from .lm_eval_lines import Answers, Run
from .lm_eval_metrics import Choice, Column, Told, choice, told
from .lm_eval_results import (
    Group,
    Model,
    documents,
    facts,
    harness,
    inner_groups,
    outer_groups,
)
from .picks import of_task
from .port import NotTaken, Picks, Sample, Samples
from .untrusted.json_plain import at

SAME = 1e-6  # two averages that differ by less are equal


class Written(NamedTuple):
    """The samples files that one run of the tool wrote into one folder."""

    files: list[Path]
    date: str | None
    results: dict  # {} without a results json
    model: Model | None

    def of_file(self, model_args: str | None) -> "Written":
        """The run as a file of it tells it; model_args: as they stand in a name before 0.4.3.

        A later run into the same folder writes over the results json: then the model is another.
        """
        given = at(self.results, "config", "model_args")
        if model_args and isinstance(given, str) and re.sub("/|=", "__", given) != model_args:
            return self._replace(model=None)
        return self


@dataclass
class Part:
    """One task's lines in one samples file."""

    task: str
    path: Path
    run: Written
    filters: dict[str, Answers]
    cut: int | None  # the file's last line, if it is cut off
    older: int = 0  # how many files of the same task were passed over

    def size(self) -> int:
        """How many documents were answered."""
        return max(len(answers.counted()[0].lines) for answers in self.filters.values())


@dataclass
class Benchmark:
    """One task, or a group of tasks that the tool averages over their documents."""

    name: str
    parts: list[Part] = field(default_factory=list)
    group: Group | None = None

    def read(self, picks: Picks) -> Samples | NotTaken:
        """Its samples, or why it has no score of single documents. Picks: filter, metric."""
        picks = of_task(picks, self.name)
        filters = _common([list(part.filters) for part in self.parts])
        filter_ = picks.get("filter") or (filters[0] if filters else "none")
        if filter_ not in filters:
            return NotTaken(self.name, f"it has no filter {filter_}: it has {', '.join(filters)}")
        counted = [part.filters[filter_].counted()[0] for part in self.parts]
        chosen = choice(_joined(counted), self._told(), picks.get("metric"))
        if isinstance(chosen, str):
            return NotTaken(self.name, chosen)
        first, left_out, doubts = self.parts[0], self._left_out(filter_), Doubts()
        return Samples(
            self.name,
            _agreed(
                [
                    harness(part.run.results, part.task, filter_, chosen.metric)
                    for part in self.parts
                ],
                [part.task for part in self.parts],
            ),
            self._rows(chosen, counted, left_out, doubts),
            model_name=first.run.model.name if first.run.model else None,
            metric=chosen.metric,
            other_metrics=chosen.others,
            smaller_is_better=chosen.smaller_is_better,
            facts=facts(first.run.results, [part.task for part in self.parts])
            | {"date_id": first.run.date},
            partial="; ".join(dict.fromkeys(self._reasons(filter_, counted))) or None,
            left_out=left_out,
            doubts=doubts,
        )

    def _told(self) -> Told:
        """What the results json says of the metrics, of a group those that it printed for it."""
        found = Told()
        for part in self.parts:
            of_task = told(part.run.results, part.task)
            found.higher |= of_task.higher
            found.aggregations |= of_task.aggregations
            found.printed |= of_task.printed
        if self.group:
            found.printed = {key.rpartition(",")[0] for key in self.group.figures}
        return found

    def _left_out(self, filter_: str) -> Counter[str]:
        """Lines and files that do not count."""
        other = sum(
            part.filters[filter_].lines - len(part.filters[filter_].counted()[0].lines)
            for part in self.parts
        )
        counts = {
            "a line of another run": other,
            "a file of another run": sum(part.older for part in self.parts),
        }
        return Counter({reason: count for reason, count in counts.items() if count})

    def _reasons(self, filter_: str, counted: list[Run]) -> Iterator[str]:
        """Why this is not the whole benchmark."""
        for part in self.parts:
            if part.cut:
                yield f"its last line, {part.cut}, is cut off"
            if not part.filters[filter_].counted()[1]:
                yield "none of the runs in it is complete: the last line of each document counts"
        if self.group and len(self.parts) < len(self.group.tasks):
            yield f"{len(self.parts)} of {len(self.group.tasks)} tasks"
        counts = [documents(part.run.results, part.task) for part in self.parts]
        answered = sum(len(run.lines) for run in counted)
        asked = sum(effective or 0 for _, effective in counts)
        if answered < asked:
            yield f"{answered} of {asked} documents"
        there = sum(original or effective or 0 for original, effective in counts)
        if asked < there:
            yield f"a part of the benchmark was asked, {asked} of {there} documents (--limit)"

    def _rows(
        self, chosen: Choice, counted: list[Run], left_out: Counter[str], doubts: Doubts
    ) -> Iterator[Sample]:
        return chain.from_iterable(
            lines.samples(
                part.path,
                lines.Wanted(
                    set(run.lines.values()),
                    chosen,
                    part.task if self.group else None,
                    delimiter(part.run.results, part.task),
                ),
                left_out,
                doubts,
            )
            for part, run in zip(self.parts, counted)
        )


def together(parts: list[Part]) -> tuple[list[Benchmark], list[NotTaken]]:
    """The benchmarks that tasks make, and the groups that make none."""
    by_task, apart = {part.task: part for part in parts}, list[NotTaken]()
    grouped: dict[str, Group] = {}
    for results in {id(part.run): part.run.results for part in parts}.values():
        waiting = list(outer_groups(results))
        while waiting:
            group = waiting.pop(0)
            members = [by_task[task] for task in group.tasks if task in by_task]
            if not members or group.tasks == [group.name]:
                continue
            why = _not_one(group, members)
            if why:
                apart.append(NotTaken(f"group {group.name}", why))
                waiting += inner_groups(results, group.name)
                continue
            for part in members:
                grouped.setdefault(part.task, group)
    benchmarks: dict[str, Benchmark] = {}
    for part in parts:
        own = grouped.get(part.task)
        name = own.name if own else part.task
        benchmarks.setdefault(name, Benchmark(name, [], own)).parts.append(part)
    return list(benchmarks.values()), apart


def _not_one(group: Group, members: list[Part]) -> str | None:
    """Why a group's tasks stay benchmarks of their own; None where they are averaged by size."""
    columns = set(_joined([next(iter(part.filters.values())).counted()[0] for part in members]))
    metrics = {key.rpartition(",")[0] for key in group.figures}
    if not columns & metrics:
        return f"its tasks share no score of single documents that it averages: {_APART}"
    for key, figure in group.figures.items():
        metric, _, filter_ = key.rpartition(",")
        runs = [part.filters[filter_].counted()[0] for part in members if filter_ in part.filters]
        whole = [run.columns[metric] for run in runs if metric in run.columns]
        if len(whole) < len(group.tasks) or not all(column.numbers for column in whole):
            continue
        by_size = sum(one.total for one in whole) / sum(one.numbers for one in whole)
        equal = sum(one.total / one.numbers for one in whole) / len(whole)
        if abs(equal - figure) < SAME < abs(by_size - figure):
            return f"its {metric} weighs its tasks equally, whatever their size: {_APART}"
    return None


_APART = "they are benchmarks of their own"


def _common(lists: list[list[str]]) -> list[str]:
    """What is in all of the lists, in the first one's order."""
    return [each for each in lists[0] if all(each in other for other in lists)]


def _joined(runs: list[Run]) -> dict[str, Column]:
    """The metrics that all of the runs have, over all their documents."""
    joined: dict[str, Column] = {}
    for name in _common([list(run.columns) for run in runs]):
        joined[name] = Column()
        for run in runs:
            joined[name].add_all(run.columns[name])
    return joined


def _agreed(facts: list[dict], tasks: list[str]) -> dict:
    """The facts of several tasks as one: each once where they agree, else by task."""
    agreed = {}
    for key in facts[0]:
        values = [each[key] for each in facts]
        same = all(value == values[0] for value in values)
        agreed[key] = values[0] if same else dict(zip(tasks, values))
    return agreed
