"""Result lines of human-eval and of IFEval's kind, which are graded but do not say their benchmark.

human-eval (SAMPLES.jsonl_results.jsonl): task_id, completion, result, passed; rows of one task are
attempts. IFEval and IFBench (eval_results_strict.jsonl, ..._loose.jsonl): prompt, response,
follow_all_instructions, of which nothing but the kinds of instructions tells the data set. Loose
grades are a benchmark of their own.
"""

from collections.abc import Iterator
from pathlib import Path

from ...errors import BadFile
from .dotted import text
from .json_records import JsonLines
from .port import Found, Picks, Sample, Samples, text_id

HUMAN_EVAL = ("task_id", "completion", "result", "passed")
IFEVAL = ("prompt", "response", "follow_all_instructions", "follow_instruction_list")
KINDS = {  # data set -> its instructions begin so
    "ifeval": (
        "keywords language length_constraints detectable_content detectable_format combination"
        " startend change_case punctuation"
    ),
    "ifbench": "count ratio words sentence format custom repeat",
}
ANY_KIND = "instruction following"
MANNERS = ("strict", "loose")  # how IFEval looks at an answer, as its file's name says


def recognises(path: Path, head: bytes) -> bool:
    """By the keys of the first line."""
    first = head.split(b"\n", 1)[0]
    return first.lstrip()[:1] == b"{" and any(
        all(b'"%s"' % key.encode() in first for key in keys) for keys in (HUMAN_EVAL, IFEVAL)
    )


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples. Raises BadFile."""
    first = next(JsonLines(path).rows(), (None, {}))[1]
    if all(key in first for key in HUMAN_EVAL):
        data_set = str(first["task_id"]).split("/")[0].lower()
        yield Samples(
            benchmark_id=data_set or "human-eval",
            harness={"harness": "human-eval"},
            rows=_of_human_eval(path),
            metric="passed",
        )
    elif all(key in first for key in IFEVAL):
        manner = next((manner for manner in MANNERS if manner in path.name), None)
        loose = "-loose" if manner == "loose" else ""  # strict is what the benchmark is known by
        yield Samples(
            benchmark_id=_data_set(path) + loose,
            harness={"harness": "ifeval", "manner": manner},
            rows=_of_ifeval(path),
            metric="follow_all_instructions",
        )
    else:
        wanted = f"keys {', '.join(HUMAN_EVAL)}, or {', '.join(IFEVAL)}"
        raise BadFile(path, "line 1", f"it has not the {wanted}", "give a file of results")


def _of_human_eval(path: Path) -> Iterator[Sample]:
    for place, row in JsonLines(path).rows():
        task = _given(path, place, row, "task_id")
        yield Sample(
            item=task,
            prompt_id=text_id("human-eval", task),
            attempt=0,
            score=_graded(path, place, row, "passed"),
            answer=text(row.get("completion")),
            finish_reason="timeout" if row.get("result") == "timed out" else None,
        )


def _of_ifeval(path: Path) -> Iterator[Sample]:
    for place, row in JsonLines(path).rows():
        prompt = _given(path, place, row, "prompt")
        yield Sample(
            item=text(row.get("key")) or text_id(prompt),
            prompt_id=text_id(prompt),
            attempt=0,
            score=_graded(path, place, row, "follow_all_instructions"),
            prompt=prompt,
            answer=text(row.get("response")),
        )


def _data_set(path: Path) -> str:
    """What the kinds of all instructions have in common."""
    kinds = {
        str(instruction).split(":")[0]
        for _, row in JsonLines(path).rows()
        for instruction in row.get("instruction_id_list") or ()
    }
    for name, own in KINDS.items():
        if kinds and kinds <= set(own.split()):
            return name
    return ANY_KIND


def _given(path: Path, place: str, row: dict, key: str) -> str:
    """What a row must have, as text. Raises BadFile."""
    value = text(row.get(key))
    if value is None:
        raise BadFile(path, place, f"it has no {key}", "give the file as the tool wrote it")
    return value


def _graded(path: Path, place: str, row: dict, key: str) -> float:
    """1 and 0 for true and false. Raises BadFile for anything else."""
    if not isinstance(row.get(key), bool):
        found = f"{key} is neither true nor false"
        raise BadFile(path, place, found, "give the file as the tool wrote it")
    return float(row[key])
