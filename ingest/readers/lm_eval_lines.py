"""lm-evaluation-harness: the lines of a samples file, one document under one filter each.

Before 0.4.3 a file is one JSON array of them. A file may hold several runs, since the tool appends
to it, and lines of several tasks, where they were put together.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...errors import BadFile
from .choices import Doubts, Grades
from .grades import is_grade
from .lm_eval_choices import NORMALISED, PLAIN, Pair, Request, options
from .lm_eval_files import ADVICE
from .lm_eval_metrics import OTHER_LENGTH, Choice, Column, first_byte, value_of
from .port import Sample, text_id
from .untrusted.files import MAX_LINE, MAX_WHOLE, contents, numbered_lines, opened
from .untrusted.json_typed import anything, decoder, raw_score, raw_text

KNOWN = {
    "doc_id",
    "doc",
    "target",
    "arguments",
    "input",
    "input_media",
    "token_counts",
    "resps",
    "filtered_resps",
    "filter",
    "metrics",
    "scores_per_repeat",
    "doc_hash",
    "prompt_hash",
    "target_hash",
    "task",
    "task_name",
}
MAX_FILTERS = 100  # of one task in a samples file
MAX_TASKS = 10_000  # in a samples file
MAX_METRICS = 1_000  # of one task under one filter
WRITTEN = "give the file as the tool wrote it"


class Key(msgspec.Struct):
    """What tells one line of a samples file from another."""

    doc_id: int | str
    filter: str = "none"
    task: str | None = None
    task_name: str | None = None


class Line(Key):
    """What a sample is made from. Raw: a piece of JSON that is decoded only if it is used."""

    doc: msgspec.Raw = msgspec.Raw()
    target: msgspec.Raw = msgspec.Raw()
    arguments: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()  # the prompt, of lmms-eval
    resps: msgspec.Raw = msgspec.Raw()
    filtered_resps: msgspec.Raw = msgspec.Raw()
    scores_per_repeat: dict[str, list[msgspec.Raw]] | None = None
    doc_hash: str | None = None
    prompt_hash: str | None = None


class Arguments(msgspec.Struct):
    """The first request: its context, for multiple choice without the choice."""

    gen_args_0: Request = msgspec.field(default_factory=Request)


class Sized(msgspec.Struct):
    """A document that says at which context length it is asked."""

    max_length: int


_key = decoder(Key, MAX_LINE)
_keys = decoder(list[Key], MAX_WHOLE)
_entries = decoder(list[msgspec.Raw], MAX_WHOLE)
_whole = decoder(dict[str, msgspec.Raw], MAX_LINE)
_arguments = msgspec.json.Decoder(Arguments | list[Pair])
_texts = msgspec.json.Decoder(list[str])
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_sized = msgspec.json.Decoder(Sized)


@dataclass
class Run:
    """The documents of one task under one filter, each once."""

    lines: dict[int | str, int] = field(default_factory=dict)  # document -> number of its line
    columns: dict[str, Column] = field(default_factory=dict)  # metric -> its values


@dataclass
class Answers:
    """All lines of one task under one filter."""

    lines: int = 0
    runs: list[Run] = field(default_factory=lambda: [Run()])

    def counted(self) -> tuple[Run, bool]:
        """The run that counts: the last complete one, and whether there is one.

        Without one the last line of each document is the best there is.
        """
        every = set[int | str]().union(*(run.lines for run in self.runs))
        complete = [run for run in self.runs if len(run.lines) == len(every)]
        if complete:
            return complete[-1], True
        merged = Run()
        for run in self.runs:
            merged.lines |= run.lines
            for name, column in run.columns.items():
                merged.columns.setdefault(name, Column()).add_all(column)
        return merged, False


class Survey(NamedTuple):
    """What a samples file holds."""

    tasks: dict[str | None, dict[str, Answers]]  # task, where the lines say -> filter -> its lines
    cut: int | None  # number of a last line that is cut off


def survey(path: Path) -> Survey:
    """What a samples file holds. Raises BadFile, but for a last line that is cut off."""
    tasks: dict[str | None, dict[str, Answers]] = {}
    for number, line, ended in _lines(path):
        place = f"line {number}"
        try:
            key = _key(line, path, place)
            values = _whole(line, path, place)
        except BadFile:
            if ended or not tasks:
                raise
            return Survey(tasks, number)
        filters = tasks.setdefault(key.task or key.task_name, {})
        answers = filters.setdefault(key.filter, Answers())
        if len(filters) > MAX_FILTERS or len(tasks) > MAX_TASKS:
            raise BadFile(path, place, f"more filters than {MAX_FILTERS}", WRITTEN)
        answers.lines += 1
        if key.doc_id in answers.runs[-1].lines:
            answers.runs.append(Run())
        run = answers.runs[-1]
        run.lines[key.doc_id] = number
        for name in _metrics(values):
            if name in run.columns or len(run.columns) < MAX_METRICS:
                run.columns.setdefault(name, Column()).add(values[name])
    return Survey(tasks, None)


def _metrics(values: dict[str, msgspec.Raw]) -> list[str]:
    """The metrics of a line: those that it lists, else whatever looks like a score."""
    if "metrics" in values:
        try:
            listed = _texts.decode(values["metrics"])
        except ValueError:
            listed = []
        return [name for name in dict.fromkeys(listed) if name in values and name not in KNOWN]
    # of numbers that nobody lists the ones with a grade's name first
    scores = [
        name
        for name, value in values.items()
        if name not in KNOWN and (value_of(value) is not None or first_byte(value) == b"[")
    ]
    return sorted(scores, key=lambda name: not is_grade(name))


def _lines(path: Path) -> Iterator[tuple[int, bytes | msgspec.Raw, bool]]:
    """Number from 1, the line or entry of the array, and whether it is ended."""
    file, _ = opened(path)
    with file:
        start = file.read(1000).lstrip()[:1]
    if start != b"[":
        yield from numbered_lines(path)
        return
    data = contents(path)
    _keys(data, path, "as a whole")  # objects with a doc_id, and not too many
    for number, entry in enumerate(_entries(data, path, "as a whole"), 1):
        yield number, entry, True


class Wanted(NamedTuple):
    """What is read of a file's lines."""

    numbers: set[int]  # of the lines
    choice: Choice
    category: str | None  # the task, where it is one of several of a benchmark
    delimiter: str  # between a prompt and a choice


def samples(path: Path, wanted: Wanted, left_out: Counter[str], doubts: Doubts) -> Iterator[Sample]:
    """The samples of the wanted lines, in the file's order."""
    choice, category = wanted.choice, wanted.category
    columns = list(dict.fromkeys((*choice.columns, PLAIN, NORMALISED)))
    kind = msgspec.defstruct(
        "Scored",
        [(f"score_{index}", msgspec.Raw, msgspec.Raw()) for index in range(len(columns))],
        bases=(Line,),
        rename={f"score_{index}": name for index, name in enumerate(columns)},
    )
    decode = decoder(kind, MAX_LINE)
    for number, line, _ in _lines(path):
        if number not in wanted.numbers:
            continue
        found, place = decode(line, path, f"line {number}"), f"line {number}"
        values = {name: value_of(getattr(found, f"score_{i}")) for i, name in enumerate(columns)}
        own, score = _score(found, {name: values[name] for name in choice.columns})
        if score is None:
            reason = "its score stands under another length" if own else "is not a finite number"
            left_out[reason if own else f"its {choice.metric} {reason}"] += 1
            continue
        try:
            sample = _sample(found, path, place)
            attempts = _attempts(found, choice.metric, score)
            grades = Grades(values[PLAIN], values[NORMALISED])
            choices = options(found, sample.item, wanted.delimiter, grades, doubts)
        except (ValueError, RecursionError) as error:
            raise BadFile(path, place, str(error), WRITTEN) from None
        sample = sample._replace(
            item=f"{category}/{sample.item}" if category else sample.item,
            category=category or (own if own and len(choice.columns) > 1 else "all"),
        )
        for attempt, (each, answer) in enumerate(attempts):
            yield sample._replace(attempt=attempt, score=each, answer=answer, choices=choices)


def _score(found: Line, scores: dict[str, float | None]) -> tuple[str | None, float | None]:
    """A document's own context length where metrics are lengths, and its score."""
    if not all(name.isdecimal() for name in scores):
        return None, next(iter(scores.values()))
    there = {name: score for name, score in scores.items() if score not in (None, OTHER_LENGTH)}
    try:
        own = str(_sized.decode(found.doc).max_length)
    except ValueError:
        own = next(iter(there)) if len(there) == 1 else ""
    return own or "unknown", there.get(own)


def _attempts(found: Line, metric: str, score: float) -> list[tuple[float, str | None]]:
    """Score and answer of each attempt, where the line keeps them apart; else the one there is.
    Raises ValueError.
    """
    listed = (found.scores_per_repeat or {}).get(metric, [])
    repeats = [each for each in map(raw_score, listed) if each is not None]
    if not repeats or len(repeats) < len(listed):
        return [(score, _answer(found))]
    answers = _answers(found.filtered_resps)
    if len(answers) != len(repeats):
        answers = [_answer(found)] * len(repeats)
    return list(zip(repeats, answers))


def _sample(found: Line, path: Path, place: str) -> Sample:
    """A line's sample, but for what depends on the attempt and the task. Raises ValueError."""
    prompt = _prompt(found)
    shown = found.prompt_hash or (None if prompt is None else _sha256(prompt))
    if shown is None:
        raise BadFile(path, place, "it has neither arguments nor prompt_hash", ADVICE)
    document = found.doc_hash or _sha256(_document(found.doc, path, place))
    return Sample(
        str(found.doc_id),
        text_id(shown, document),
        0,
        0.0,
        prompt=prompt,
        expected=raw_text(found.target),
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _document(raw: msgspec.Raw, path: Path, place: str) -> str:
    """A document as the tool writes it before it takes its hash."""
    return json.dumps(anything(raw or b"null", path, place), indent=2, ensure_ascii=False)


def _prompt(found: Line) -> str | None:
    """What the model was shown: text, or a list of messages as JSON."""
    if len(found.arguments):
        arguments = _arguments.decode(found.arguments)
        if isinstance(arguments, Arguments):
            prompt = raw_text(arguments.gen_args_0.arg_0)
        else:
            prompt = raw_text(arguments[0].arg_0) if arguments else None
        if prompt is not None:
            return prompt
    return raw_text(found.input)


def _answer(found: Line) -> str | None:
    """The text after the filter, or the log-likelihood of each choice as JSON."""
    try:
        (text,) = _texts.decode(found.filtered_resps)
        return text
    except ValueError:
        return raw_text(found.filtered_resps)


def _answers(raw: msgspec.Raw) -> list[str | None]:
    """The answers of each attempt at a question; [] where they are not kept apart."""
    try:
        (attempts,) = _raws.decode(raw)
        return [raw_text(answer) for answer in _raws.decode(attempts)]
    except ValueError:
        return []
