"""LiveCodeBench: SCENARIO_N_TEMPERATURE[_cot]_eval_all.json, problems with every graded attempt.

The file names neither the model nor the time limit of a test: the model is the folder's name, the
settings are the file's. prompt_id is over what the tool's own templates are filled with: the
problem's text and starter code, for test output prediction the test's number, for self-repair the
code to be repaired.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...errors import BadFile
from .port import Picks, Sample, Samples, text_id
from .untrusted.files import MAX_LINE, MAX_WHOLE, contents, existing, matching
from .untrusted.json_plain import graded
from .untrusted.json_typed import decoder

_LOOKS = re.compile(rb'\s*\[\s*\{\s*"question_(id|title|content)"')
_SETTINGS = re.compile(
    r"^(?P<scenario>.+?)_(?P<n>\d+)_(?P<temperature>\d+(?:\.\d+)?)(?P<cot>_cot)?_eval_all$"
)


class Problem(msgspec.Struct):
    """One problem. Raw: n entries, decoded only for one problem at a time."""

    question_id: str
    question_content: str
    graded_list: msgspec.Raw
    starter_code: str = ""
    difficulty: str = "all"
    contest_date: str | None = None
    code_list: msgspec.Raw = msgspec.Raw(b"[]")
    pred_list: msgspec.Raw = msgspec.Raw(b"[]")
    original_code_list: msgspec.Raw = msgspec.Raw(b"[]")
    test_id: int | str | None = None

    @property
    def item(self) -> str:
        """Test output prediction asks several questions about one problem."""
        return self.question_id if self.test_id is None else f"{self.question_id}/{self.test_id}"


_problems = decoder(list[Problem], MAX_WHOLE)
_grades = decoder(list[bool | int | float | str | None])
_texts = decoder(list[str | None])


def recognises(path: Path, head: bytes) -> bool:
    """A list of problems; also the tool's other results file, for `read` refuses it with advice."""
    return bool(_LOOKS.match(head)) or (
        path.name.endswith(("_eval_all.json", "_eval.json")) and head.lstrip()[:1] == b"["
    )


def read(path: Path, picks: Picks) -> Iterator[Samples]:
    """One Samples: every attempt at every problem. Raises BadFile."""
    path = existing(path)
    if path.is_dir():
        for file in matching(path, "*_eval_all.json", "run LiveCodeBench with --evaluate"):
            yield from read(file, picks)
        return
    raw = contents(path)
    if path.name.endswith("_eval.json") and not _LOOKS.match(raw[:1000]):
        raise BadFile(
            path,
            "as a whole",
            "it holds grades without the problems",
            f"give {path.name.removesuffix('.json')}_all.json, which lies beside it",
        )
    problems: dict[str, tuple[int, Problem]] = {}
    left_out: Counter[str] = Counter()
    for index, problem in enumerate(_problems(raw, path, "as a whole")):
        if problem.item in problems:  # a resumed run writes a problem again: the last counts
            left_out["a problem that occurs again"] += 1
        problems[problem.item] = (index, problem)
    if not problems:
        raise BadFile(
            path, "as a whole", "it holds no problems", "give a file that LiveCodeBench has written"
        )
    settings = _SETTINGS.match(path.stem)
    dates = sorted(
        problem.contest_date[:10] for _, problem in problems.values() if problem.contest_date
    )
    yield Samples(
        benchmark_id="livecodebench",
        harness={
            "harness": "livecodebench",
            "scenario": settings["scenario"] if settings else None,
            "temperature": float(settings["temperature"]) if settings else None,
            "chain_of_thought": bool(settings["cot"]) if settings else None,
            "first_contest": dates[0] if dates else None,
            "last_contest": dates[-1] if dates else None,
        },
        rows=_rows(path, problems, left_out),
        model_name=path.resolve().parent.name or None,
        facts={
            "problems": len(problems),
            "attempts_asked": int(settings["n"]) if settings else None,
        },
        left_out=left_out,
    )


def _rows(
    path: Path, problems: dict[str, tuple[int, Problem]], left_out: Counter[str]
) -> Iterator[Sample]:
    """Every graded attempt, problems in the file's order."""
    for item, (index, problem) in problems.items():
        place = f"entry {index} ({item[:60]})"
        if len(problem.question_content) > MAX_LINE:
            raise BadFile(
                path,
                place,
                f"a problem of {len(problem.question_content):,} characters",
                "give a file that LiveCodeBench has written",
            )
        grades = _grades(problem.graded_list, path, f"graded_list of {place}")
        answers = _texts(problem.code_list, path, f"code_list of {place}") or _texts(
            problem.pred_list, path, f"pred_list of {place}"
        )
        repaired = _texts(problem.original_code_list, path, f"original_code_list of {place}")
        prompt = problem.question_content + (
            "\n\n" + problem.starter_code if problem.starter_code else ""
        )
        for attempt, grade in enumerate(grades):
            score = graded(grade)
            if score is None:
                left_out["a grade that is neither true nor false"] += 1
                continue
            given = [
                problem.question_content,
                problem.starter_code,
                str(problem.test_id),
                *([repaired[attempt] or ""] if attempt < len(repaired) else []),
            ]
            yield Sample(
                item,
                text_id(*given),
                attempt,
                score,
                problem.difficulty,
                prompt,
                None,
                answers[attempt] if attempt < len(answers) else None,
            )
