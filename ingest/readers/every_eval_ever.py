"""Every Eval Ever 0.3: UUID_samples.jsonl, a line for each sample and each of its metrics.

Tools that have a converter there come in through it. One Samples for each evaluation_name. Pick
metric: an evaluation_result_id of the lines (by default the one that is most of a grade), or
is_correct. The aggregate UUID.json beside it, where it is, says whether smaller is better, else the
metric's name does.
prompt_id is over sample_hash, the format's own hash of input and reference answers.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...errors import BadFile
from .grades import Spread, is_grade, rank, smaller_is_better
from .picks import of_task
from .port import Found, Picks, Sample, Samples, choose, text_id
from .several import each_file, looks_below
from .untrusted.files import MAX_LINE, contents, numbered_lines
from .untrusted.json_outline import outline
from .untrusted.json_typed import decoder

ENDING = "_samples.jsonl"
SCORE, CORRECT = "score", "is_correct"  # where no line names its metric; the other one
_LINE = {"schema_version", "evaluation_id", "evaluation_name", "sample_id"}
_AGGREGATE = {"schema_version", "evaluation_id", "evaluation_results"}


class Input(msgspec.Struct):
    raw: str
    reference: list[str] | str | None = None


class Output(msgspec.Struct):
    raw: list[str] | str = []


class Evaluation(msgspec.Struct):
    score: float | bool | None
    is_correct: bool | None = None


class Attribution(msgspec.Struct):
    extracted_value: str | None = None
    is_terminal: bool = True


class Tokens(msgspec.Struct):
    output_tokens: int | None = None


class Line(msgspec.Struct):
    """One sample's score by one metric."""

    model_id: str
    evaluation_name: str
    sample_id: str
    evaluation: Evaluation
    input: Input
    evaluation_result_id: str | None = None
    sample_hash: str | None = None
    output: Output | None = None
    answer_attribution: list[Attribution] = []
    token_usage: Tokens | None = None


class MetricConfig(msgspec.Struct):
    metric_id: str | None = None
    metric_name: str | None = None
    lower_is_better: bool | None = None


class Result(msgspec.Struct):
    evaluation_result_id: str | None = None
    evaluation_name: str | None = None
    metric_config: MetricConfig | None = None


class Aggregate(msgspec.Struct):
    evaluation_results: list[Result] = []


class Scored(NamedTuple):
    """A line's sample, with its other score."""

    sample: Sample
    is_correct: bool | None


class Told(NamedTuple):
    """What is known of a metric."""

    name: str
    lower: bool | None = None  # whether lower is better, where the aggregate says

    def smaller_is_better(self) -> bool | None:
        """As the aggregate says, else the name."""
        return smaller_is_better(self.name) if self.lower is None else self.lower


_line = decoder(Line, MAX_LINE)
_aggregate = decoder(Aggregate)


def recognises(path: Path, head: bytes) -> bool:
    """By the keys that every line must have; an aggregate, for `read` knows what belongs to it."""
    if path.is_dir():
        return looks_below(path, ENDING, recognises)
    opening, keys, _ = outline(head)
    return opening == b"{" and (keys >= _LINE or keys >= _AGGREGATE)


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples for each evaluation. Picks: model, metric. Raises BadFile."""
    yield from each_file(path, picks, ENDING, recognises, _one)


def _one(path: Path, picks: Picks) -> Iterator[Found]:
    """One file of lines."""
    if path.suffix == ".json":
        path = _lines_of(path)
    found: dict[tuple[str, str], dict[str, list[Scored]]] = {}  # -> metric -> its lines
    for number, raw, _ in numbered_lines(path):
        line: Line = _line(raw, path, f"line {number}")
        metrics = found.setdefault((line.model_id, line.evaluation_name), {})
        metrics.setdefault(line.evaluation_result_id or SCORE, []).append(_scored(line))
    if not found:
        advice = "convert the tool's output again"
        raise BadFile(path, "as a whole", "it holds no samples", advice)
    told = _told(path)
    for (model, name), metrics in found.items():
        of = {each: told.get(name if each == SCORE else each, Told(each)) for each in metrics}
        there = _there(metrics, of)
        asked = of_task(picks, name).get("metric")
        metric = choose(path, f"metric of {name}", asked, there)
        if metric == CORRECT:
            graded = next(iter(metrics.values()))
            rows = [line.sample._replace(score=float(bool(line.is_correct))) for line in graded]
        else:
            rows = [line.sample for line in metrics[metric]]
        kept = [row for row in rows if math.isfinite(row.score)]
        lost = len(rows) - len(kept)
        yield Samples(
            benchmark_id=name,
            harness={"harness": "every-eval-ever", "metric": metric},
            rows=iter(kept),
            model_name=model,
            metric=metric,
            other_metrics=[other for other in there if other != metric],
            smaller_is_better=False if metric == CORRECT else of[metric].smaller_is_better(),
            left_out={"a sample without a score": lost} if lost else {},
        )


def _there(metrics: dict[str, list[Scored]], of: dict[str, Told]) -> list[str]:
    """The metrics of an evaluation, most of a grade first."""

    def order(metric: str) -> tuple[bool, ...]:
        spread, told = Spread(), of[metric]
        for line in metrics[metric]:
            if math.isfinite(line.sample.score):
                spread.count(line.sample.score)
        return *rank(told.name, spread, told.smaller_is_better()), not is_grade(told.name)

    judged = all(line.is_correct is not None for line in next(iter(metrics.values())))
    return list(dict.fromkeys([*sorted(metrics, key=order), *([CORRECT] if judged else [])]))


def _lines_of(aggregate: Path) -> Path:
    """The file of lines beside an aggregate. Raises BadFile if there is none."""
    lines = aggregate.with_name(aggregate.stem + ENDING)
    if not lines.is_file():
        advice = f"convert with --include-samples, and give {lines.name}"
        raise BadFile(aggregate, "as a whole", "it holds totals without single answers", advice)
    return lines


def _told(path: Path) -> dict[str, Told]:
    """Metric, or evaluation where lines name none -> what the aggregate beside a file says of it;
    {} without one.
    """
    aggregate = path.with_name(path.name.removesuffix(ENDING) + ".json")
    if not path.name.endswith(ENDING) or not aggregate.is_file():
        return {}
    whole: Aggregate = _aggregate(contents(aggregate), aggregate, "as a whole")
    told = dict[str, Told]()
    for result in whole.evaluation_results:
        config, metric = result.metric_config, result.evaluation_result_id
        if config:
            named = config.metric_id or config.metric_name or metric or SCORE
            told[metric or result.evaluation_name or SCORE] = Told(named, config.lower_is_better)
    return told


def _scored(line: Line) -> Scored:
    """A line as a sample; a score that is null or NaN stays NaN."""
    score = line.evaluation.score
    last = [each.extracted_value for each in line.answer_attribution if each.is_terminal]
    said = _texts(line.output.raw if line.output else [])
    sample = Sample(
        line.sample_id,
        text_id(line.sample_hash) if line.sample_hash else text_id(line.input.raw),
        0,
        float("nan") if score is None else float(score),
        prompt=line.input.raw,
        expected="\n".join(_texts(line.input.reference)) or None,
        answer=said[0] if len(said) == 1 else next(reversed(last), None),
        answer_tokens=line.token_usage.output_tokens if line.token_usage else None,
    )
    return Scored(sample, line.evaluation.is_correct)


def _texts(found: list[str] | str | None) -> list[str]:
    """Texts as a list: before 0.3 there was one."""
    return [found] if isinstance(found, str) else found or []
