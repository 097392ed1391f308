"""lm-evaluation-harness: samples_<task>_<date>.jsonl, and the results json beside it.

A line of the samples file is one document under one filter.

One Samples per task. The samples file is opened in append mode, so it may hold several runs: the
last complete one counts. prompt_id joins the tool's own hashes of the prompt and the document; a
multiple-choice answer is the log-likelihoods as written.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ...errors import BadFile
from .port import Picks, Sample, Samples, choose, text_id
from .untrusted.files import MAX_LINE, dated, existing, matching, numbered_lines
from .untrusted.json_plain import at, finite
from .untrusted.json_typed import anything, decoder, raw_score, raw_text, settings_file

KNOWN = {
    "doc_id",
    "doc",
    "target",
    "arguments",
    "resps",
    "filtered_resps",
    "filter",
    "metrics",
    "doc_hash",
    "prompt_hash",
    "target_hash",
}
ADVICE = "run lm-eval with --log_samples"
MAX_FILTERS = 100  # in one samples file
_RESULTS = re.compile(rb'\s*\{\s*"results"\s*:')
_LOOKS = re.compile(rb'\s*\{\s*"doc_id"\s*:')


class Key(msgspec.Struct):
    """What tells one line of a samples file from another."""

    doc_id: int | str
    filter: str = "none"


class Line(Key):
    """What a sample is made from. Raw: a piece of JSON that is decoded only if it is used."""

    doc: msgspec.Raw = msgspec.Raw()
    target: msgspec.Raw = msgspec.Raw()
    arguments: msgspec.Raw = msgspec.Raw()
    filtered_resps: msgspec.Raw = msgspec.Raw()
    doc_hash: str | None = None
    prompt_hash: str | None = None


class Argument(msgspec.Struct):
    arg_0: msgspec.Raw = msgspec.Raw()


class Pair(msgspec.Struct, array_like=True):
    """The same before 2024: [context, continuation]."""

    arg_0: msgspec.Raw = msgspec.Raw()


class Arguments(msgspec.Struct):
    """The first request: its context, for multiple choice without the choice."""

    gen_args_0: Argument = msgspec.field(default_factory=Argument)


_key = decoder(Key, MAX_LINE)
_whole = decoder(dict[str, msgspec.Raw], MAX_LINE)
_arguments = msgspec.json.Decoder(Arguments | list[Pair])
_texts = msgspec.json.Decoder(list[str])


def recognises(path: Path, head: bytes) -> bool:
    """A samples file, a results json with samples files beside it, or a folder of them.

    Samples files lie at most one level down in the folder.
    """
    if path.is_dir():
        return any(chain(path.glob("samples_*.jsonl"), path.glob("*/samples_*.jsonl")))
    if path.suffix == ".jsonl":
        return bool(_LOOKS.match(head[:100]))
    return path.name.startswith("results") and bool(_RESULTS.match(head[:100]))


def read(path: Path, picks: Picks) -> Iterator[Samples]:
    """The answers to each task. Picks: filter, metric. Raises BadFile."""
    path = existing(path)
    if path.is_file() and path.suffix != ".json":
        yield _task(path, picks, 0)
        return
    if path.is_dir():
        found = matching(path, "**/samples_*.jsonl", ADVICE)
    else:
        date = dated(path)[1]
        found = matching(path.parent, f"samples_*_{date}.jsonl" if date else "*.jsonl", ADVICE)
    newest: dict[tuple[Path, str], list[Path]] = {}
    for file in found:
        newest.setdefault((file.parent, dated(file)[0]), []).append(file)
    for files in newest.values():
        yield _task(files[-1], picks, len(files) - 1)


def _task(path: Path, picks: Picks, older: int) -> Samples:
    """One samples file. older: how many files of earlier runs of the same task lie beside it."""
    survey = _survey(path)
    if not survey.lines:
        raise BadFile(
            path,
            "as a whole",
            "it holds no samples",
            "give a samples file that lm-eval has written",
        )
    filter_ = choose(path, "filter", picks.get("filter"), list(survey.lines))
    name, date = dated(path)
    task = name.removeprefix("samples_") or name
    results = _results(path, date)
    higher = [
        metric
        for metric in _metrics(path, survey.firsts[filter_])
        if at(results, "higher_is_better", task, metric) is not False
    ]
    metric = choose(path, "metric that grows with quality", picks.get("metric"), higher)
    chosen, reasons = _chosen(survey, filter_)
    expected = finite(at(results, "n-samples", task, "effective"))
    if expected is not None and len(chosen) < expected:
        reasons.append(f"{len(chosen)} of {expected:.0f} documents")
    counts = {
        "a line of another run": survey.lines[filter_] - len(chosen),
        "a file of an earlier run": older,
    }
    left_out = Counter({reason: count for reason, count in counts.items() if count})
    return Samples(
        benchmark_id=task,
        harness=_harness(results, task, filter_, metric),
        rows=_rows(path, metric, set(chosen.values()), left_out),
        model_name=_text(at(results, "model_name")) or _text(at(results, "config", "model_args")),
        facts=_facts(results, task) | {"date_id": date},
        partial="; ".join(reasons) or None,
        left_out=left_out,
    )


class _Survey(NamedTuple):
    """What a samples file holds, per filter."""

    runs: dict[str, list[dict[int | str, int]]]  # document -> number of its line, of each run
    lines: dict[str, int]  # how many
    firsts: dict[str, bytes]  # the first line
    cut: int | None  # number of a last line that is cut off


def _survey(path: Path) -> _Survey:
    """Raises BadFile, but for a last line that is cut off."""
    survey = _Survey({}, {}, {}, None)
    runs, lines, firsts, _ = survey
    for number, line, ended in numbered_lines(path):
        try:
            key = _key(line, path, f"line {number}")
        except BadFile:
            if ended or not lines:
                raise
            return survey._replace(cut=number)
        here = runs.setdefault(key.filter, [{}])
        if key.doc_id in here[-1]:
            here.append({})
        here[-1][key.doc_id] = number
        lines[key.filter] = lines.get(key.filter, 0) + 1
        firsts.setdefault(key.filter, line)
        if len(firsts) > MAX_FILTERS:
            raise BadFile(
                path,
                f"line {number}",
                f"more filters than {MAX_FILTERS}",
                "give the file as the tool wrote it",
            )
    return survey


def _chosen(survey: _Survey, filter_: str) -> tuple[dict[int | str, int], list[str]]:
    """The run that counts, document -> line number, and why it is not the whole run."""
    runs, reasons = survey.runs[filter_], []
    if survey.cut:
        reasons.append(f"its last line, {survey.cut}, is cut off")
    every = set().union(*runs)
    complete = [run for run in runs if len(run) == len(every)]
    if complete:
        return complete[-1], reasons
    # without a complete run the last line of each document is the best there is
    reasons.append("none of the runs in it is complete: the last line of each document counts")
    return {doc: number for run in runs for doc, number in run.items()}, reasons


def _metrics(path: Path, line: bytes) -> list[str]:
    """Names of the metrics that a line gives as numbers, in the file's order."""
    values = _whole(line, path, "its first line")
    try:
        named = _texts.decode(values.get("metrics", b"[]"))
    except ValueError:
        named = []
    there = [name for name in named or values if name in values and name not in KNOWN]
    numbers = [name for name in there if raw_score(values[name]) is not None]
    return numbers or (there if named else [])


def _rows(path: Path, metric: str, wanted: set[int], left_out: Counter[str]) -> Iterator[Sample]:
    """The samples of the wanted lines, in the file's order."""
    kind = msgspec.defstruct(
        "Scored", [("score", msgspec.Raw, msgspec.Raw())], bases=(Line,), rename={"score": metric}
    )
    decode = decoder(kind, MAX_LINE)
    for number, line, _ in numbered_lines(path):
        if number not in wanted:
            continue
        found = decode(line, path, f"line {number}")
        score = raw_score(found.score)
        if score is None:
            left_out[f"its {metric} is not a finite number"] += 1
            continue
        try:
            prompt = _prompt(found)
            target = raw_text(found.target)
            answer = _answer(found.filtered_resps)
        except (ValueError, RecursionError) as error:
            raise BadFile(
                path, f"line {number}", str(error), "give the file as the tool wrote it"
            ) from None
        shown = found.prompt_hash or (None if prompt is None else _sha256(prompt))
        if shown is None:
            raise BadFile(
                path, f"line {number}", "it has neither arguments nor prompt_hash", ADVICE
            )
        document = found.doc_hash or _sha256(_document(found.doc, path, number))
        yield Sample(
            str(found.doc_id),
            text_id(shown, document),
            0,
            score,
            "all",
            prompt,
            target,
            answer,
        )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _document(raw: msgspec.Raw, path: Path, number: int) -> str:
    """A document as the tool writes it before it takes its hash."""
    return json.dumps(
        anything(raw or b"null", path, f"line {number}"), indent=2, ensure_ascii=False
    )


def _prompt(found: Line) -> str | None:
    """What the model was shown: text, or a list of messages as JSON."""
    if not len(found.arguments):
        return None
    arguments = _arguments.decode(found.arguments)
    if isinstance(arguments, Arguments):
        return raw_text(arguments.gen_args_0.arg_0)
    return raw_text(arguments[0].arg_0) if arguments else None


def _answer(raw: msgspec.Raw) -> str | None:
    """The text after the filter, or the log-likelihood of each choice as JSON."""
    try:
        (text,) = _texts.decode(raw)
        return text
    except ValueError:
        return raw_text(raw)


def _results(path: Path, date: str | None) -> dict:
    """The results json of the same run: the same date, or for older files the only one there is.

    {} without one.
    """
    there = sorted(path.parent.glob(f"*_{date}.json" if date else "results*.json"))
    there = [file for file in there if file.is_file() and not file.is_symlink()]
    return settings_file(there[0]) if len(there) == 1 else {}


def _harness(results: dict, task: str, filter_: str, metric: str) -> dict:
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


def _facts(results: dict, task: str) -> dict:
    """Worth keeping, and allowed to differ."""
    facts: dict[str, Any] = {
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
    facts |= {
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
    return {
        key: value
        for key, value in (facts | {"task_hash": at(results, "task_hashes", task)}).items()
        if value is not None
    }


def _text(value: object) -> str | None:
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    return value if isinstance(value, str) else None
