"""lm-evaluation-harness: samples_<task>_<date>.jsonl, one line per document and filter, and the
results json beside it.

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

import msgspec

from . import safely  # first: it names the extra that brings msgspec
from .port import BadFile, Sample, Samples

KIND = "lm-eval"
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


_key = safely.decoder(Key, safely.MAX_LINE)
_whole = safely.decoder(dict[str, msgspec.Raw], safely.MAX_LINE)
_arguments = msgspec.json.Decoder(Arguments | list[Pair])
_texts = msgspec.json.Decoder(list[str])


def recognises(path: Path, head: bytes) -> bool:
    """A samples file, a results json with samples files beside it, or a folder with samples files
    at most one level down.
    """
    if path.is_dir():
        return any(chain(path.glob("samples_*.jsonl"), path.glob("*/samples_*.jsonl")))
    if path.suffix == ".jsonl":
        return bool(_LOOKS.match(head[:100]))
    return path.name.startswith("results") and bool(_RESULTS.match(head[:100]))


def read(path: Path, picks: dict[str, str]) -> Iterator[Samples]:
    """The answers to each task. Picks: filter, metric. Raises BadFile."""
    path = safely.existing(path)
    if path.is_file() and path.suffix != ".json":
        yield _task(path, picks, 0)
        return
    newest: dict[tuple[Path, str], list[Path]] = {}
    date = safely.dated(path)[1] if path.is_file() else None
    for file in (
        safely.files(path, "**/samples_*.jsonl", ADVICE)
        if path.is_dir()
        else safely.files(path.parent, f"samples_*_{date}.jsonl" if date else "*.jsonl", ADVICE)
    ):
        newest.setdefault((file.parent, safely.dated(file)[0]), []).append(file)
    for files in newest.values():
        yield _task(files[-1], picks, len(files) - 1)


def _task(path: Path, picks: dict[str, str], older: int) -> Samples:
    """One samples file. older: how many files of earlier runs of the same task lie beside it."""
    runs, lines, firsts, cut = _survey(path)
    if not lines:
        raise BadFile(
            path,
            "as a whole",
            "it holds no samples",
            "give a samples file that lm-eval has written",
        )
    filter_ = safely.choose(path, "filter", picks.get("filter"), list(lines))
    name, date = safely.dated(path)
    task = name.removeprefix("samples_") or name
    results = _results(path, date)
    higher = [
        metric
        for metric in _metrics(path, firsts[filter_])
        if safely.at(results, "higher_is_better", task, metric) is not False
    ]
    metric = safely.choose(path, "metric that grows with quality", picks.get("metric"), higher)
    every = set().union(*runs[filter_])
    complete = [run for run in runs[filter_] if len(run) == len(every)]
    # without a complete run the last line of each document is the best there is
    chosen = (
        complete[-1]
        if complete
        else {doc: number for run in runs[filter_] for doc, number in run.items()}
    )
    reasons = []
    if cut:
        reasons.append(f"its last line, {cut}, is cut off")
    if not complete:
        reasons.append("none of the runs in it is complete: the last line of each document counts")
    expected = safely.number(safely.at(results, "n-samples", task, "effective"))
    if expected is not None and len(chosen) < expected:
        reasons.append(f"{len(chosen)} of {expected:.0f} documents")
    counts = {
        "a line of another run": lines[filter_] - len(chosen),
        "a file of an earlier run": older,
    }
    left_out = Counter({reason: count for reason, count in counts.items() if count})
    samples = Samples(
        benchmark_id=task,
        harness=_harness(results, task, filter_, metric),
        rows=iter(()),
        model_name=_text(safely.at(results, "model_name"))
        or _text(safely.at(results, "config", "model_args")),
        facts=_facts(results, task) | {"date_id": date},
        partial="; ".join(reasons) or None,
        left_out=left_out,
    )
    samples.rows = _rows(path, metric, set(chosen.values()), left_out)
    return samples


def _survey(
    path: Path,
) -> tuple[dict[str, list[dict]], dict[str, int], dict[str, bytes], int | None]:
    """Per filter: the runs (document -> line number), lines, the first line; and the number of a
    last line that is cut off.
    """
    runs: dict[str, list[dict]] = {}
    lines: dict[str, int] = {}
    firsts: dict[str, bytes] = {}
    for number, line, ended in safely.lines(path):
        try:
            key = _key(line, path, f"line {number}")
        except BadFile:
            if ended or not lines:
                raise
            return runs, lines, firsts, number
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
    return runs, lines, firsts, None


def _metrics(path: Path, line: bytes) -> list[str]:
    """Names of the metrics that a line gives as numbers, in the file's order."""
    values = _whole(line, path, "its first line")
    try:
        named = _texts.decode(values.get("metrics", b"[]"))
    except ValueError:
        named = []
    there = [name for name in named or values if name in values and name not in KNOWN]
    return [name for name in there if safely.raw_number(values[name]) is not None] or there * bool(
        named
    )


def _rows(path: Path, metric: str, wanted: set[int], left_out: Counter[str]) -> Iterator[Sample]:
    """The samples of the wanted lines, in the file's order."""
    kind = msgspec.defstruct(
        "Scored", [("score", msgspec.Raw, msgspec.Raw())], bases=(Line,), rename={"score": metric}
    )
    decode = safely.decoder(kind, safely.MAX_LINE)
    for number, line, _ in safely.lines(path):
        if number not in wanted:
            continue
        found = decode(line, path, f"line {number}")
        score = safely.raw_number(found.score)
        if score is None:
            left_out[f"its {metric} is not a finite number"] += 1
            continue
        try:
            prompt = _prompt(found)
            target = safely.raw_text(found.target)
            answer = _answer(found.filtered_resps)
        except (ValueError, RecursionError) as error:
            raise BadFile(
                path, f"line {number}", str(error), "give the file as the tool wrote it"
            ) from None
        if prompt is None and not found.prompt_hash:
            raise BadFile(
                path, f"line {number}", "it has neither arguments nor prompt_hash", ADVICE
            )
        hashes = (
            found.prompt_hash or _sha256(prompt),
            found.doc_hash or _sha256(_document(found.doc, path, number)),
        )
        yield Sample(
            str(found.doc_id), safely.text_id(*hashes), 0, score, "all", prompt, target, answer
        )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _document(raw: msgspec.Raw, path: Path, number: int) -> str:
    """A document as the tool writes it before it takes its hash."""
    return json.dumps(
        safely.anything(raw or b"null", path, f"line {number}"), indent=2, ensure_ascii=False
    )


def _prompt(found: Line) -> str | None:
    """What the model was shown: text, or a list of messages as JSON."""
    if not len(found.arguments):
        return None
    arguments = _arguments.decode(found.arguments)
    first = (
        arguments.gen_args_0
        if isinstance(arguments, Arguments)
        else arguments[0]
        if arguments
        else Pair()
    )
    return safely.raw_text(first.arg_0)


def _answer(raw: msgspec.Raw) -> str | None:
    """The text after the filter, or the log-likelihood of each choice as JSON."""
    try:
        (text,) = _texts.decode(raw)
        return text
    except ValueError:
        return safely.raw_text(raw)


def _results(path: Path, date: str | None) -> dict:
    """The results json of the same run: the same date, or for older files the only one there is. {}
    without one.
    """
    there = sorted(path.parent.glob(f"*_{date}.json" if date else "results*.json"))
    there = [file for file in there if file.is_file() and not file.is_symlink()]
    return safely.facts(there[0]) if len(there) == 1 else {}


def _harness(results: dict, task: str, filter_: str, metric: str) -> dict:
    """What must agree between two runs; None where the file does not say."""
    config = safely.at(results, "configs", task)
    return {
        "harness": KIND,
        "task_version": safely.at(results, "versions", task),
        "num_fewshot": safely.at(results, "n-shot", task),
        "output_type": safely.at(config, "output_type"),
        "repeats": safely.at(config, "repeats"),
        "filter": filter_,
        "metric": metric,
        "generation_kwargs": safely.at(config, "generation_kwargs"),
        "gen_kwargs": safely.at(results, "config", "gen_kwargs") or None,
        "chat_template_sha": safely.at(results, "chat_template_sha"),
        "system_instruction_sha": safely.at(results, "system_instruction_sha"),
        "fewshot_as_multiturn": safely.at(results, "fewshot_as_multiturn"),
    }


def _facts(results: dict, task: str) -> dict:
    """Worth keeping, and allowed to differ."""
    facts = {
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
        key: safely.at(results, "config", key)
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
        for key, value in (facts | {"task_hash": safely.at(results, "task_hashes", task)}).items()
        if value is not None
    }


def _text(value: object) -> str | None:
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, sort_keys=True)
        if isinstance(value, dict)
        else None
    )
