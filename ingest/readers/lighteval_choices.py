"""lighteval: the choices of a multiple choice, as a row of a details file has them.

What the tool divides a log-likelihood by is told by the name of the metric that normalises. Metrics
that count a first space and metrics that do not are both called acc_norm: where choices begin with
one the length is not known.
"""

import math

from .choices import Doubts, Grades, Option, taken
from .lighteval_details import Row
from .untrusted.json_plain import graded

PLAIN = "acc"
BY_LETTERS, LESS_SPACE, BY_TOKENS = "acc_norm", "acc_norm_nospace", "acc_norm_token"
GRADES = (PLAIN, BY_LETTERS, LESS_SPACE, BY_TOKENS)


def options(row: Row, item: str, doubts: Doubts) -> tuple[Option, ...]:
    """The choices of a row; none, and nothing in doubts, where it is no multiple choice."""
    doc, response, metrics = row
    choices, found = doc.get("choices"), response.get("logprobs")
    if not isinstance(choices, list) or not isinstance(found, list) or not found:
        return ()
    if len(found) != len(choices):
        return ()
    gold = doc.get("gold_index")
    right = gold if isinstance(gold, list) else [gold]
    by = next((name for name in GRADES[1:] if graded(metrics.get(name)) is not None), None)
    lengths = _lengths(by, choices, response.get("output_tokens"))
    grades = Grades(graded(metrics.get(PLAIN)), graded(metrics.get(by)) if by else None)
    read = [
        Option(_likelihood(each), length, place in right)
        for place, (each, length) in enumerate(zip(found, lengths))
    ]
    return taken(read, grades, item, doubts)


def _lengths(by: str | None, choices: list, tokens: object) -> list[int | None]:
    """What each choice's log-likelihood is divided by under a metric."""
    if by == BY_TOKENS and isinstance(tokens, list) and len(tokens) == len(choices):
        return [len(each) if isinstance(each, list) else None for each in tokens]
    if not all(isinstance(choice, str) for choice in choices):
        return [None] * len(choices)
    if by == LESS_SPACE:
        return [len(choice.removeprefix(" ")) for choice in choices]
    is_known = by == BY_LETTERS and not any(choice.startswith(" ") for choice in choices)
    return [len(choice) if is_known else None for choice in choices]


def _likelihood(value: object) -> float:
    """One choice's, before 0.8 with whether it is the greedy answer; NaN where there is none."""
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    return float(value)
