"""lm-evaluation-harness: the choices of a multiple choice, as a line of a samples file has them.

The tool asks for the log-likelihood of each choice after the prompt, joined by a delimiter that is
no part of the choice. Where it normalises it divides by the characters of the choice.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import msgspec

from .choices import Doubts, Grades, Option, taken
from .untrusted.json_plain import at
from .untrusted.json_typed import raw_text

PLAIN, NORMALISED = "acc", "acc_norm"  # the tool's grades of a multiple choice
DELIMITER = " "  # where no results json says another
EMPTY = b'""'
BOOLEANS = {True, False, "True", "False"}


class Likelihood(msgspec.Struct, array_like=True):
    """The answer to one request; the tool writes both as text."""

    loglikelihood: float | str | None
    greedy: bool | str | None


class Request(msgspec.Struct):
    """Context and continuation."""

    arg_0: msgspec.Raw = msgspec.Raw()
    arg_1: msgspec.Raw = msgspec.Raw()


class Pair(msgspec.Struct, array_like=True):
    """The same before 2024: [context, continuation]."""

    arg_0: msgspec.Raw = msgspec.Raw()
    arg_1: msgspec.Raw = msgspec.Raw()


class Labelled(msgspec.Struct):
    """Choices of a document of which each is right or wrong."""

    choices: list[str]
    labels: list[int]


class Document(msgspec.Struct):
    """TruthfulQA's two sets of choices: target says nothing of the second."""

    mc1_targets: Labelled | None = None
    mc2_targets: Labelled | None = None


class Line(Protocol):
    """What is read of a line."""

    doc: msgspec.Raw
    target: msgspec.Raw
    arguments: msgspec.Raw
    resps: msgspec.Raw
    filtered_resps: msgspec.Raw


_likelihoods = msgspec.json.Decoder(list[Likelihood | None])
_attempts = msgspec.json.Decoder(list[list[Likelihood | None]])
_requests = msgspec.json.Decoder(dict[str, Request | None] | list[Pair])
_document = msgspec.json.Decoder(Document)
_indexes = msgspec.json.Decoder(int | list[int])


def delimiter(results: dict, task: str) -> str:
    """What stands between a task's prompt and a choice."""
    said = at(results, "configs", task, "target_delimiter")
    return said if isinstance(said, str) else DELIMITER


def options(
    line: Line, item: str, joined_by: str, grades: Grades, doubts: Doubts
) -> tuple[Option, ...]:
    """The choices of a line; none, and nothing in doubts, where it is no multiple choice."""
    likelihoods = _read(line)
    if not likelihoods:
        return ()
    requests = _asked(line.arguments)
    if len(requests) != len(likelihoods):
        requests = []
    alone = _alone(requests)
    if alone:  # each choice once more without the prompt
        likelihoods, requests = likelihoods[:alone], requests[:alone]
    # every choice has a prompt of its own, in which it stands
    apart = len({bytes(each.arg_0) for each in requests}) > 1
    texts = [] if apart else _texts(requests, joined_by)
    if apart:
        right = _right_of_two(likelihoods, grades.plain)
    else:
        right = _right(line, texts, len(likelihoods), joined_by)
    lengths: list[int | None] = [len(text) for text in texts] or [None] * len(likelihoods)
    found = [
        Option(each, length, place in right)
        for place, (each, length) in enumerate(zip(likelihoods, lengths))
    ]
    return taken(found, grades, item, doubts)


def _read(line: Line) -> list[float]:
    """The log-likelihoods, NaN where there is none; [] where the line holds other answers."""
    try:
        if len(line.filtered_resps) > len(b"null"):
            found = _likelihoods.decode(line.filtered_resps)
        elif len(line.resps):
            found = [each[0] if each else None for each in _attempts.decode(line.resps)]
        else:
            return []
    except (ValueError, RecursionError):
        return []
    if not all(each is None or each.greedy in BOOLEANS for each in found):
        return []
    return [math.nan if each is None else _number(each.loglikelihood) for each in found]


def _number(value: float | str | None) -> float:
    try:
        return math.nan if value is None else float(value)
    except ValueError:
        return math.nan


def _asked(arguments: msgspec.Raw) -> Sequence[Request | Pair]:
    """The requests in their order; [] where they were not kept."""
    try:
        found = _requests.decode(arguments)
    except (ValueError, RecursionError):
        return []
    if isinstance(found, list):
        return found
    there = {key: request for key, request in found.items() if request is not None}
    try:
        return [there[key] for key in sorted(there, key=lambda key: int(key.rpartition("_")[2]))]
    except ValueError:
        return list(there.values())


def _alone(requests: Sequence[Request | Pair]) -> int:
    """How many choices there are where the second half of the requests has no prompt, else 0."""
    half = len(requests) // 2
    empty = [bytes(request.arg_0) == EMPTY for request in requests]
    return half if half and not any(empty[:half]) and all(empty[half:]) else 0


def _texts(requests: Sequence[Request | Pair], joined_by: str) -> list[str]:
    """The choices as text, less the delimiter; [] where a continuation is none."""
    try:
        texts = [raw_text(request.arg_1) for request in requests]
    except ValueError:
        return []
    found = [text for text in texts if text is not None]
    if len(found) < len(texts):
        return []
    if all(text.startswith(joined_by) for text in found):
        return [text[len(joined_by) :] for text in found]
    return found


def _right(line: Line, texts: list[str], choices: int, joined_by: str) -> set[int]:
    """The places of the right choices; none where the line does not say, or says two things."""
    try:
        document = _document.decode(line.doc)
    except (ValueError, RecursionError):
        document = Document()
    for labelled in (document.mc1_targets, document.mc2_targets):
        if labelled and labelled.choices == texts and len(labelled.labels) == choices:
            return {place for place, label in enumerate(labelled.labels) if label == 1}
    target = raw_text(line.target)
    if target is None:
        return set()
    named = (target, target.removeprefix(joined_by))
    by_text = next(({texts.index(text)} for text in named if text in texts), set[int]())
    by_place = {place for place in _places(target) if 0 <= place < choices}
    return by_place if not by_text or by_text == by_place else by_text if not by_place else set()


def _places(target: str) -> list[int]:
    """The places that a target is, as the tool writes them."""
    if target in ("True", "False"):
        return [int(target == "True")]
    try:
        found = _indexes.decode(target)
    except ValueError:
        return []
    return found if isinstance(found, list) else [found]


def _right_of_two(likelihoods: list[float], grade: float | None) -> set[int]:
    """Of two choices the right one, as the tool's own grade tells it.

    Where the choices stand in the prompts, target is what follows both.
    """
    if len(likelihoods) != 2 or grade not in (0, 1):
        return set()
    likeliest = int(likelihoods[1] > likelihoods[0])
    return {likeliest if grade == 1 else 1 - likeliest}
