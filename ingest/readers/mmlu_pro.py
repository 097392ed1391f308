"""MMLU-Pro's own scripts: a JSON list for each subject, with the letter that the model chose.

evaluate_from_local.py writes MODEL/CoT/SUBJECTS/SUBJECT.json, evaluate_from_api.py
SUBJECT_result.json. Subjects of one folder are one run, also where one of its files is given. The
files hold no grades: an answer is right where pred is answer. Where the script found no letter in
what the model wrote it draws one for its own figure; that is no answer, and counts as wrong here.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...errors import BadFile
from .port import Found, NotTaken, Picks, Sample, Samples, text_id
from .registry import head as head_of
from .several import looks_below, only_model
from .untrusted.files import MAX_WHOLE, contents, existing
from .untrusted.json_outline import outline
from .untrusted.json_typed import decoder
from .untrusted.trees import MOST_LEVELS, below

KEYS = {"question_id", "options", "answer", "pred"}
METHOD = "CoT"  # the folder below the model's


class Question(msgspec.Struct):
    """One question with the model's answer."""

    question_id: int | str
    question: str
    options: list[str]
    answer: str
    pred: str | None
    category: str = "all"
    model_outputs: msgspec.Raw = msgspec.Raw(b"null")


_questions = decoder(list[Question], MAX_WHOLE)
_output = msgspec.json.Decoder(str)


def recognises(path: Path, head: bytes) -> bool:
    """By the keys of its first question; a folder by such a file in it."""
    if path.is_dir():
        return looks_below(path, ".json", recognises, MOST_LEVELS)
    opening, keys, _ = outline(head)
    return opening == b"[" and keys >= KEYS


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples. Pick model. Raises BadFile."""
    path = existing(path)
    files = [path] if path.is_file() else _of_the_tool(path, MOST_LEVELS)
    if not files:
        advice = "give the folder that evaluate_from_local.py has written"
        raise BadFile(path, "as a whole", "there is no list of answers in it", advice)
    folders = {str(file.parent): file.parent for file in files}
    names = {folder: _model(where) or folder for folder, where in folders.items()}
    chosen = only_model(path, names.values(), picks.get("model"))
    found = {
        file: _questions(contents(file), file, "as a whole")
        for file in files
        if names[str(file.parent)] == chosen
    }
    if path.is_file():
        found = dict(sorted((found | _siblings(path, found[path])).items()))
    answers, again = _once(path, found)
    nothing = sum(1 for question in answers if not question.pred)
    if nothing:
        what = "a letter that the script draws where it found none"
        yield NotTaken(what, f"it is no answer: {nothing} of {len(answers)} count as wrong")
    yield Samples(
        benchmark_id="mmlu-pro",
        harness={"harness": "mmlu-pro"},
        rows=map(_sample, answers),
        model_name=_model(next(iter(found)).parent),
        metric="pred is answer",
        smaller_is_better=False,
        facts={"without_an_answer": nothing},
        left_out={"a question that occurs again": again} if again else {},
    )


def _of_the_tool(folder: Path, levels: int) -> list[Path]:
    """The lists of answers in a folder."""
    return [file for file in below(folder, ".json", levels) if recognises(file, head_of(file))]


def _model(folder: Path) -> str | None:
    """The model of MODEL/CoT/SUBJECTS; None where the scripts did not name a folder so."""
    above = folder.resolve().parent
    return above.parent.name or None if above.name == METHOD else None


def _siblings(path: Path, given: list[Question]) -> dict[Path, list[Question]]:
    """The other subjects of the run that a file named after its subject is a part of."""
    if not _named_after_its_subject(path, given):
        return {}
    others = {
        file: _questions(contents(file), file, "as a whole")
        for file in _of_the_tool(path.parent, 0)
        if file != path
    }
    return {file: found for file, found in others.items() if _named_after_its_subject(file, found)}


def _named_after_its_subject(file: Path, found: list[Question]) -> bool:
    subjects = {question.category.replace(" ", "_") for question in found}
    return subjects == {file.stem.removesuffix("_result").replace(" ", "_")}


def _once(path: Path, found: dict[Path, list[Question]]) -> tuple[list[Question], int]:
    """Every question once, the last that a file holds; how many came again.

    Raises BadFile where two files answer one question: they are of two runs.
    """
    kept: dict[tuple, tuple[Path, Question]] = {}
    again = 0
    for file, questions in found.items():
        for question in questions:
            key = (str(question.question_id), question.question)
            before = kept.get(key, (file, question))[0]
            if before != file:
                what = f"{before.name} and {file.name} both answer question {key[0]}"
                raise BadFile(path, "as a whole", what, "give the files of one run alone")
            again += key in kept
            kept[key] = (file, question)
    if not kept:
        raise BadFile(path, "as a whole", "it holds no answers", "give a list that was answered")
    return [question for _, question in kept.values()], again


def _sample(question: Question) -> Sample:
    """A question, and whether the right letter was found in what the model wrote."""
    letters = [f"{chr(ord('A') + n)}. {option}" for n, option in enumerate(question.options)]
    return Sample(
        str(question.question_id),
        text_id(question.question, *question.options),
        0,
        float(question.pred == question.answer),
        question.category,
        "\n".join([question.question, *letters]),
        question.answer,
        _text(question.model_outputs) or question.pred,
    )


def _text(raw: msgspec.Raw) -> str | None:
    try:
        return _output.decode(raw)
    except ValueError:  # null, or a list
        return None
