"""llama.cpp's llama-eval: its state file, with a case for each question in each round.

A case that is not "ok" (pending, or an error of the server) was not answered, and is no wrong
answer. problem_idx is the question, chunk_idx the round: the attempt.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...errors import BadFile
from .port import Found, Picks, Sample, Samples, text_id
from .several import each_file, looks_below
from .untrusted.files import MAX_WHOLE, contents
from .untrusted.json_outline import outline
from .untrusted.json_typed import anything, decoder

DONE = "ok"
_NAMES = re.compile(rb'"tasks"\s*:\s*\[\s*"[^"]+_\d+_\d+"')
_NUMBERS = re.compile(r"_(\d+)_(\d+)$")  # of a case: round and question


class Case(msgspec.Struct):
    """One question in one round."""

    correct: bool | None
    status: str
    prompt: str | None = None
    expected: str | None = None
    response: str | None = None
    tokens: int | None = None
    chunk_idx: int | None = None
    problem_idx: int | None = None


class States(msgspec.Struct):
    cases: dict[str, Case]


class State(msgspec.Struct):
    """The file. id: the data set; cases by their names."""

    id: str
    task_states: States
    model_name: str | None = None
    tasks: list[str] = []
    sampling_config: msgspec.Raw = msgspec.Raw(b"{}")


_state = decoder(State, MAX_WHOLE)


def recognises(path: Path, head: bytes) -> bool:
    """By its cases, or by the names of its tasks before them; a folder by a file in it."""
    if path.is_dir():
        return looks_below(path, ".json", recognises)
    opening, keys, _ = outline(head)
    cases = "task_states" in keys and b'"cases"' in head
    return opening == b"{" and (cases or ("model_name" in keys and bool(_NAMES.search(head))))


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples for each data set. Pick model. Raises BadFile."""
    yield from each_file(path, picks, ".json", recognises, _one)


def _one(path: Path, picks: Picks) -> Iterator[Found]:
    """One state file."""
    state: State = _state(contents(path), path, "as a whole")
    cases = state.task_states.cases
    done = {name: case for name, case in cases.items() if case.status == DONE}
    if not done:
        advice = "let llama-eval finish, then give its state file again"
        raise BadFile(path, "as a whole", f"none of its {len(cases)} cases is done", advice)
    whole = len(set(state.tasks) | set(cases))
    sampling = anything(state.sampling_config, path, "sampling_config")
    left_out = Counter(
        "a case that is pending" if case.status == "pending" else "a case that ended in an error"
        for case in cases.values()
        if case.status != DONE
    )
    yield Samples(
        benchmark_id=state.id,
        harness={"harness": "llama-eval", "sampling": _given(sampling)},
        rows=_rows(path, state.id, done, left_out),
        model_name=state.model_name or None,
        metric="correct",
        smaller_is_better=False,
        partial=f"{len(done)} of {whole} cases" if len(done) < whole else None,
        left_out=left_out,
    )


def _given(sampling: object) -> dict:
    """The sampling settings that were given; None stands for the server's own."""
    settings = sampling if isinstance(sampling, dict) else {}
    return {name: value for name, value in settings.items() if value is not None}


def _rows(
    path: Path, data_set: str, done: dict[str, Case], left_out: Counter[str]
) -> Iterator[Sample]:
    """Every case that was answered and graded."""
    for name, case in done.items():
        numbers = _NUMBERS.search(name)
        question = case.problem_idx if case.problem_idx is not None else numbers and numbers[2]
        attempt = (
            case.chunk_idx if case.chunk_idx is not None else int(numbers[1] if numbers else 0)
        )
        if case.correct is None:
            left_out["a case without a grade"] += 1
            continue
        item = name if question is None else str(int(question))
        if attempt < 0:
            raise BadFile(path, f"case {name}", f"its round is {attempt}", "write the file again")
        yield Sample(
            item,
            text_id(case.prompt) if case.prompt else text_id(data_set, item),
            attempt,
            float(case.correct),
            prompt=case.prompt,
            expected=case.expected,
            answer=case.response,
            answer_tokens=case.tokens,
        )
