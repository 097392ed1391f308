"""promptfoo: what `promptfoo eval -o` writes as CSV, JSON or JSON Lines.

The results of one provider with one prompt are one run: a column of the CSV file, whose cells begin
with [PASS], [FAIL] or, where there is no answer, [ERROR]. An item is the variables' values, so
equal ones are attempts; prompt_id is over the prompt's label and the variables, which all forms
hold. Pick model: one provider of several.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import BadFile
from .dotted import text
from .json_records import JsonLines
from .port import Found, Picks, Sample, Samples, text_id
from .several import only_model
from .untrusted.files import contents, opened
from .untrusted.json_plain import at, parsed
from .untrusted.tables import Csv

_OUTPUT = re.compile(r"\[(?P<provider>[^\]]+)\] ?(?P<prompt>.*)", re.DOTALL)  # a column's name
_CELL = re.compile(
    r"\[(?P<mark>PASS|FAIL|ERROR)\](?: \([-\d.]+(?:, [^()]*)?\))?\s*(?P<text>.*)", re.DOTALL
)
OWN = "__"  # columns that begin so are assertions, and the like
ASSERTIONS = "__expected"
BY_ERROR = 2  # promptfoo's failureReason where the provider failed
Output = tuple[str, str]  # a provider and the label of a prompt


class Result(NamedTuple):
    """What one provider made of one row."""

    output: Output
    variables: dict[str, str]
    passed: bool | None  # None: there is no answer
    expected: str | None
    prompt: str | None
    answer: str | None


def recognises(path: Path, head: bytes) -> bool:
    """By an output column and a mark in CSV, by the keys of a result in JSON."""
    start = head.lstrip()
    if start[:1] == b"{":
        return b'"promptIdx"' in head or all(
            key in head for key in (b'"gradingResult"', b'"vars"', b'"provider"')
        )
    return re.search(rb'(?:^|[,;\t"])\[[^\]\n]+\] ', start) is not None and any(
        mark in start for mark in (b"[PASS]", b"[FAIL]", b"[ERROR]")
    )


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples for each provider and prompt. Raises BadFile."""
    outputs = list(dict.fromkeys(result.output for result in _results(path)))
    if not outputs:
        raise BadFile(
            path,
            "as a whole",
            "it has no column [PROVIDER] PROMPT and no list of results",
            "give a file as promptfoo eval -o writes it",
        )
    chosen = only_model(path, (provider for provider, _ in outputs), picks.get("model"))
    labels = [label for provider, label in outputs if provider == chosen]
    for label in labels:
        left_out = Counter[str]()
        yield Samples(
            benchmark_id="promptfoo" if len(labels) == 1 else f"promptfoo {label[:80]}",
            harness={"harness": "promptfoo"},
            rows=_rows(path, (chosen, label), left_out),
            model_name=chosen,
            metric="pass",
            left_out=left_out,
        )


def _rows(path: Path, output: Output, left_out: Counter[str]) -> Iterator[Sample]:
    for result in _results(path):
        if result.output != output:
            continue
        if result.passed is None:
            left_out["an error instead of an answer"] += 1
            continue
        given = json.dumps(result.variables, ensure_ascii=False, sort_keys=True)
        values = list(result.variables.values())
        yield Sample(
            item=values[0] if len(values) == 1 else given,
            prompt_id=text_id(output[1], given),
            attempt=0,
            score=float(result.passed),
            prompt=result.prompt,
            expected=result.expected,
            answer=result.answer,
        )


def _results(path: Path) -> Iterator[Result]:
    """All of a file, in its order. Raises BadFile."""
    file, _ = opened(path)
    with file:
        first = file.read(64).lstrip()[:1]
    if first not in (b"{", b"["):
        yield from _of_csv(path)
        return
    for place, entry in _entries(path):
        if result := _of_json(entry):
            yield result
        else:
            raise BadFile(path, place, "no result of promptfoo's", "give the file as it wrote it")


def _of_csv(path: Path) -> Iterator[Result]:
    table = Csv(path)
    outputs = {name: match for name in table.columns if (match := _OUTPUT.fullmatch(name))}
    for place, row in table.rows(list(outputs)):
        variables = {
            name: value
            for name, value in row.items()
            if value and name and name not in outputs and not name.startswith(OWN)
        }
        for name, match in outputs.items():
            cell = _CELL.fullmatch((row[name] or "").strip())
            if row[name] and not cell:
                found = f"{row[name]!r:.60} begins with none of [PASS], [FAIL], [ERROR]"
                raise BadFile(path, place, found, "give the file as promptfoo wrote it")
            marked = cell["mark"] if cell else "ERROR"
            yield Result(
                (match["provider"], match["prompt"]),
                variables,
                None if marked == "ERROR" else marked == "PASS",
                row.get(ASSERTIONS),
                None,
                cell["text"] if cell else None,
            )


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    """The results of a JSON file, from wherever its version has them, or a file of lines."""
    if path.suffix.lower() == ".jsonl":
        yield from JsonLines(path).rows()
        return
    found = parsed(path, "as a whole", bytes(contents(path)))
    for place in (at(found, "results", "results"), at(found, "results"), found):
        if isinstance(place, list):
            yield from ((f"result {number:,}", entry) for number, entry in enumerate(place))
            return


def _of_json(entry: Any) -> Result | None:
    provider, prompt = at(entry, "provider"), at(entry, "prompt")
    if isinstance(provider, dict):
        provider = provider.get("label") or provider.get("id")
    passed = at(entry, "success")
    variables = at(entry, "vars") or at(entry, "testCase", "vars")
    if not isinstance(provider, str) or not isinstance(passed, bool):
        return None
    failed = at(entry, "failureReason") == BY_ERROR
    unanswered = at(entry, "error") and at(entry, "response", "output") is None
    label = at(prompt, "label") or at(prompt, "raw") or prompt
    assertions = at(entry, "testCase", "assert")
    return Result(
        (provider, label if isinstance(label, str) else ""),
        {
            name: known
            for name, value in (variables.items() if isinstance(variables, dict) else ())
            if (known := text(value)) and not name.startswith(OWN)
        },
        None if not passed and (failed or unanswered) else passed,
        text([at(each, "value") for each in assertions]) if isinstance(assertions, list) else None,
        text(at(prompt, "raw")),
        text(at(entry, "response", "output")),
    )
