"""BFCL, the Berkeley Function Calling Leaderboard: result/MODEL and score/MODEL side by side.

A result file has every entry with the model's answer; a score file has first the totals, then the
failed entries alone. So both are needed: an entry that the score file does not list is right, and
the totals must agree with that. The files hold no text of what was answered right: prompt_id is
over the entry's id.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec

from ...errors import BadFile
from .bfcl_files import ADVICE, Category, categories, category_of
from .bfcl_files import recognises as recognises
from .port import Found, NotTaken, Picks, Sample, Samples, text_id
from .untrusted.files import MAX_LINE, numbered_lines
from .untrusted.json_plain import at
from .untrusted.json_typed import anything, decoder, raw_score, raw_text

AGAIN = "run bfcl evaluate again"
NEEDED = "a score file lists failures only: its result file is needed"
UNCOUNTED = "format_sensitivity"  # live entries in other formats, in none of the tool's scores
SET_UP = "_prereq"  # of categories that only fill a memory before others
ROUNDED = 5e-4  # what an accuracy may be off its counts


class Totals(msgspec.Struct):
    """A score file's first line."""

    accuracy: float
    correct_count: int
    total_count: int


class Failure(msgspec.Struct):
    """Any other line of a score file."""

    id: str
    valid: bool = False
    model_name: str | None = None
    prompt: msgspec.Raw = msgspec.Raw(b"null")
    possible_answer: msgspec.Raw = msgspec.Raw(b"null")


class Entry(msgspec.Struct):
    """A line of a result file."""

    id: str
    result: msgspec.Raw
    output_token_count: msgspec.Raw = msgspec.Raw(b"null")


_totals = decoder(Totals, MAX_LINE)
_failure = decoder(Failure, MAX_LINE)
_entry = decoder(Entry, MAX_LINE)


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples of all categories that were scored. Pick model. Raises BadFile."""
    model, found = categories(path, picks.get("model"))
    passed = [NotTaken(each.name, why) for each in found if (why := _why_not(each))]
    names = {each.what for each in passed}
    taken = [(each, _entries(each)) for each in found if each.name not in names]
    lost = [each for each in passed if path.is_file() and each.what == category_of(path)]
    if not taken or lost:
        reason = (lost or passed)[0]
        advice = f"{AGAIN}, and {ADVICE}"
        raise BadFile(path, reason.what, reason.why, advice)
    yield from passed
    failures = [_failures(each, entries) for each, entries in taken]
    told = {each.model_name for some in failures for each in some.values() if each.model_name}
    rows = [
        _sample(each, entry, failed.get(entry.id))
        for (each, entries), failed in zip(taken, failures)
        for entry in entries.values()
    ]
    lacking = [name for name in sorted(names) if name != UNCOUNTED and not name.endswith(SET_UP)]
    yield Samples(
        benchmark_id="bfcl",
        harness={"harness": "bfcl", "version": taken[0][0].version},
        rows=iter(rows),
        model_name=told.pop() if len(told) == 1 else model,
        metric="valid",
        smaller_is_better=False,
        facts={"categories": [each.name for each, _ in taken]},
        partial=f"without {', '.join(lacking)}" if lacking else None,
    )


def _why_not(category: Category) -> str | None:
    """Why a category cannot be taken, if so."""
    if category.name == UNCOUNTED:
        return "it asks the same again in other formats, and is in none of the tool's averages"
    if category.result is None:
        return NEEDED
    return "its answers have no score file" if category.score is None else None


def _entries(category: Category) -> dict[str, Entry]:
    """The entries of a result file by their ids. Raises BadFile where one occurs again."""
    path, entries = cast("Path", category.result), dict[str, Entry]()
    for number, line in _text_lines(path):
        entry: Entry = _entry(line, path, f"line {number}")
        if entry.id in entries:
            raise BadFile(path, f"line {number}", f"{entry.id} occurs again", f"{AGAIN} without it")
        entries[entry.id] = entry
    return entries


def _failures(category: Category, entries: dict[str, Entry]) -> dict[str, Failure]:
    """The failed entries by their ids. Raises BadFile where files or totals contradict another."""
    path, failures = cast("Path", category.score), dict[str, Failure]()
    lines = _text_lines(path)
    number, line = next(lines, (1, b""))
    totals: Totals = _totals(line, path, f"line {number}")
    for number, line in lines:
        failure: Failure = _failure(line, path, f"line {number}")
        if failure.id in failures or failure.id not in entries:
            again = "occurs again" if failure.id in failures else "is not in its result file"
            raise BadFile(path, f"line {number}", f"{failure.id} {again}", AGAIN)
        failures[failure.id] = failure
    wrong = sum(1 for failure in failures.values() if not failure.valid)
    counted = (totals.total_count, totals.correct_count)
    right = len(entries) - wrong
    accuracy = right / len(entries) if entries else 0.0
    if counted != (len(entries), right) or abs(totals.accuracy - accuracy) > ROUNDED:
        found = (
            f"{totals.correct_count} of {totals.total_count} right, accuracy {totals.accuracy:.4f},"
            f" where the files have {right} of {len(entries)}"
        )
        raise BadFile(path, "its totals", found, AGAIN)
    return failures


def _text_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """A file's lines with their numbers. Raises BadFile for one that is not UTF-8."""
    for number, line, _ in numbered_lines(path):
        try:
            line.decode()
        except UnicodeDecodeError:
            raise BadFile(path, f"line {number}", "it is not UTF-8", "save it as UTF-8") from None
        yield number, line


def _sample(category: Category, entry: Entry, failure: Failure | None) -> Sample:
    """An entry, right unless it is among the failures."""
    tokens = raw_score(entry.output_token_count)
    return Sample(
        entry.id,
        text_id("bfcl", category.version or "", category.name, entry.id),
        0,
        1.0 if failure is None or failure.valid else 0.0,
        category.name,
        _question(failure, cast("Path", category.score)) if failure else None,
        raw_text(failure.possible_answer) if failure else None,
        raw_text(entry.result),
        int(tokens) if tokens is not None else None,
    )


def _question(failure: Failure, path: Path) -> str | None:
    """What the messages of a failed entry's question say."""
    prompt = anything(failure.prompt, path, f"prompt of {failure.id}")
    said = list(_contents(at(prompt, "question") or prompt))
    return "\n".join(said) or None


def _contents(found: object) -> Iterator[str]:
    """The texts of messages in lists of lists."""
    for inner in found if isinstance(found, list) else []:
        content = at(inner, "content")
        if isinstance(content, str):
            yield content
        yield from _contents(inner)
