"""LiveCodeBench: SCENARIO_N_TEMPERATURE[_cot]_eval_all.json, problems with every graded attempt.

The file names neither the model nor the time limit of a test: the model is the folder's name, the
settings are the file's. prompt_id is over what the tool's own templates are filled with: the
problem's text and starter code, for test output prediction the test's number, for self-repair the
code to be repaired, for code execution the code and its input. Each scenario but code generation,
which is "livecodebench", is a benchmark of its own.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...errors import BadFile
from .port import Found, Picks, Sample, Samples, text_id
from .registry import HEAD
from .several import each_file, looks_below
from .untrusted.files import MAX_LINE, MAX_WHOLE, contents
from .untrusted.json_outline import outline
from .untrusted.json_plain import graded
from .untrusted.json_typed import decoder

GENERATION, EXECUTION = "codegeneration", "codeexecution"
PREDICTION, REPAIR = "testoutputprediction", "selfrepair"
_ANSWERS = {"output_list", "code_list", "pred_list", "graded_list"}  # any of them
_SETTINGS = re.compile(
    r"^(?:Scenario\.)?(?P<scenario>.+?)_(?P<n>\d+)_(?P<temperature>\d+(?:\.\d+)?)"
    r"(?P<cot>_cot)?_eval_all$"
)


class Problem(msgspec.Struct):
    """One problem. Raw: n entries, decoded only for one problem at a time."""

    question_id: str
    graded_list: msgspec.Raw
    question_content: str | None = None
    starter_code: str = ""
    difficulty: str = "all"
    contest_date: str | None = None
    code_list: msgspec.Raw = msgspec.Raw(b"[]")
    pred_list: msgspec.Raw = msgspec.Raw(b"[]")
    original_code_list: msgspec.Raw = msgspec.Raw(b"[]")
    test_id: int | str | None = None
    id: str | None = None  # code execution: of one call of a problem's code
    code: str | None = None
    input: str | None = None
    output: str | None = None

    @property
    def scenario(self) -> str:
        """What was asked, told by what the problem has."""
        if self.question_content is None:
            return EXECUTION
        if self.test_id is not None:
            return PREDICTION
        return GENERATION if len(self.original_code_list) <= len("[]") else REPAIR

    @property
    def item(self) -> str:
        """Test output prediction and code execution ask several things about one problem."""
        if self.scenario == EXECUTION:
            return self.id or f"{self.question_id}/{self.input}"
        return self.question_id if self.test_id is None else f"{self.question_id}/{self.test_id}"

    @property
    def given(self) -> list[str]:
        """What the tool's templates are filled with, the texts that a model was shown."""
        if self.scenario == EXECUTION:
            return [self.code or "", self.input or ""]
        return [self.question_content or "", self.starter_code]


_problems = decoder(list[Problem], MAX_WHOLE)
_grades = decoder(list[bool | int | float | str | None])
_texts = decoder(list[str | None])


def recognises(path: Path, head: bytes) -> bool:
    """A list of problems with answers; also the tool's other results, which `read` refuses."""
    if path.is_dir():
        return looks_below(path, "_eval_all.json", recognises, 1)
    opening, keys, _ = outline(head)
    answered = opening == b"[" and "question_id" in keys and bool(keys & _ANSWERS)
    return answered or (
        path.name.endswith(("_eval_all.json", "_eval.json")) and head.lstrip()[:1] == b"["
    )


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples for each scenario. Pick model. Raises BadFile."""
    yield from each_file(path, picks, "_eval_all.json", recognises, _one)


def _model(path: Path) -> str | None:
    """The tool writes to output/MODEL; another folder's name is no model's."""
    return path.parent.name if path.parent.parent.name == "output" else None


def _one(path: Path, picks: Picks) -> Iterator[Found]:
    """One file: every attempt at every problem."""
    raw = contents(path)
    _refuse_other_results(path, bytes(raw[:HEAD]))
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
    scenario = next(problem.scenario for _, problem in problems.values())
    settings = _SETTINGS.match(path.stem)
    dates = sorted(
        problem.contest_date[:10] for _, problem in problems.values() if problem.contest_date
    )
    yield Samples(
        benchmark_id="livecodebench" + ("" if scenario == GENERATION else f"-{scenario}"),
        harness={
            "harness": "livecodebench",
            "scenario": settings["scenario"] if settings else None,
            "temperature": float(settings["temperature"]) if settings else None,
            "chain_of_thought": bool(settings["cot"]) if settings else None,
            "first_contest": dates[0] if dates else None,
            "last_contest": dates[-1] if dates else None,
        },
        rows=_rows(path, problems, left_out),
        model_name=_model(path.resolve()),
        metric="graded_list",
        smaller_is_better=False,
        facts={
            "problems": len(problems),
            "attempts_asked": int(settings["n"]) if settings else None,
        },
        left_out=left_out,
    )


def _refuse_other_results(path: Path, head: bytes) -> None:
    """Raise BadFile for the tool's files that hold grades or answers alone."""
    _, keys, whole = outline(head)
    if path.name.endswith("_eval.json") and "question_id" not in keys:
        found, name = "it holds grades without the problems", path.name.removesuffix(".json")
        advice = f"give {name}_all.json, which lies beside it"
    elif whole and keys >= {"question_id", "output_list"} and "graded_list" not in keys:
        found, advice = (
            "it holds answers without grades",
            "give the file that ends in _eval_all.json",
        )
    else:
        return
    raise BadFile(path, "as a whole", found, advice)


def _rows(
    path: Path, problems: dict[str, tuple[int, Problem]], left_out: Counter[str]
) -> Iterator[Sample]:
    """Every graded attempt, problems in the file's order."""
    for item, (index, problem) in problems.items():
        place = f"entry {index} ({item[:60]})"
        prompt = "\n\n".join(text for text in problem.given if text)
        if problem.question_content is None and problem.code is None:
            found, advice = (
                "neither question_content nor code",
                "give the file as the tool wrote it",
            )
            raise BadFile(path, place, found, advice)
        if len(prompt) > MAX_LINE:
            raise BadFile(
                path,
                place,
                f"a problem of {len(prompt):,} characters",
                "give a file that LiveCodeBench has written",
            )
        grades = _grades(problem.graded_list, path, f"graded_list of {place}")
        answers = _texts(problem.code_list, path, f"code_list of {place}") or _texts(
            problem.pred_list, path, f"pred_list of {place}"
        )
        repaired = _texts(problem.original_code_list, path, f"original_code_list of {place}")
        for attempt, grade in enumerate(grades):
            score = graded(grade)
            if score is None:
                left_out["a grade that is neither true nor false"] += 1
                continue
            given = [
                *problem.given,
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
                problem.output,
                answers[attempt] if attempt < len(answers) else None,
            )
