"""The MMLU authors' test scripts: results_MODEL/SUBJECT.csv, a row for each question.

Columns 0 to 5 are the question, four options and the right letter; MODEL_correct is the grade and
MODEL_choiceA_probs ... the model's probabilities. Subjects of one folder are one run, also where
one of its files is given.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import BadFile
from .port import Found, Picks, Sample, Samples, text_id
from .registry import head as head_of
from .several import looks_below, only_model
from .untrusted.files import MAX_WHOLE, contents, existing
from .untrusted.trees import below

GRADES = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
_CHOICE = re.compile(r"^(.+)_choice([A-Z])_probs$")


class Columns(NamedTuple):
    """Where in a row things stand."""

    question: int
    options: list[int]
    answer: int
    grade: int
    choices: dict[str, int]  # letter -> its probability


def recognises(path: Path, head: bytes) -> bool:
    """By MODEL_correct beside MODEL_choiceA_probs in its heading; a folder by such a file in it."""
    if path.is_dir():
        return looks_below(path, ".csv", recognises)
    return path.name.endswith(".csv") and bool(_models(_heading(head)))


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples. Pick model. Raises BadFile."""
    path = existing(path)
    folder = path.parent if path.is_file() else path
    near = below(folder, ".csv", 0) + [path] if path.is_file() else below(folder, ".csv")
    of = {file: _models(_heading(head_of(file))) for file in near}
    models = of[path] if path.is_file() else {model for each in of.values() for model in each}
    if not models:
        advice = "give the folder results_MODEL that the script has written"
        raise BadFile(path, "as a whole", "it has no column MODEL_correct", advice)
    model = only_model(path, models, picks.get("model"))
    files = [file for file in sorted(of) if model in of[file]]
    subjects: dict[str, Path] = {}
    for file in files:
        if file.stem in subjects:
            names = [str(one.relative_to(folder)) for one in (subjects[file.stem], file)]
            what = f"{names[0]} and {names[1]} are both of {file.stem}"
            raise BadFile(path, "as a whole", what, "give one of their folders")
        subjects[file.stem] = file
    yield Samples(
        benchmark_id="mmlu",
        harness={"harness": "mmlu-authors"},
        rows=(sample for file in files for sample in _rows(file, model)),
        model_name=model,
        metric=f"{model}_correct",
        smaller_is_better=False,
        facts={"subjects": len(files)},
    )


def _heading(head: bytes) -> list[str]:
    """The names in the first line; none where it is no line of a table."""
    line = head.split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _models(heading: list[str]) -> set[str]:
    """The models that a heading has grades and probabilities of."""
    chosen = {match[1] for name in heading if (match := _CHOICE.match(name))}
    return {model for model in chosen if f"{model}_correct" in heading and "0" in heading}


def _columns(path: Path, heading: list[str], model: str) -> Columns:
    """Where things stand. Raises BadFile for a heading that the script does not write."""
    numbered = {int(name): at for at, name in enumerate(heading) if name.isdecimal()}
    if sorted(numbered) != list(range(len(numbered))) or len(numbered) < 3:
        what = f"its numbered columns are {', '.join(map(str, sorted(numbered)))}"
        raise BadFile(path, "line 1", what, "give the file as the script wrote it")
    last = len(numbered) - 1
    return Columns(
        numbered[0],
        [numbered[n] for n in range(1, last)],
        numbered[last],
        heading.index(f"{model}_correct"),
        {
            match[2]: at
            for at, name in enumerate(heading)
            if (match := _CHOICE.match(name)) and match[1] == model
        },
    )


def _rows(path: Path, model: str) -> Iterator[Sample]:
    """Every question of one subject."""
    try:
        text = bytes(contents(path, MAX_WHOLE)).decode()
    except UnicodeDecodeError:
        raise BadFile(path, "as a whole", "it is not UTF-8", "save it as UTF-8") from None
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        heading = next(lines)
        columns = _columns(path, heading, model)
        for number, row in enumerate(lines):
            if len(row) != len(heading):
                what = f"{len(row)} cells under {len(heading)} headings"
                raise BadFile(path, f"line {lines.line_num}", what, "write the file again")
            yield _sample(path, number, row, columns)
    except csv.Error as error:
        advice = "give the file as the script wrote it"
        raise BadFile(path, f"line {lines.line_num}", str(error), advice) from None


def _sample(path: Path, number: int, row: list[str], columns: Columns) -> Sample:
    """One question; the answer is the letter with the largest probability, as the script says."""
    score = GRADES.get(row[columns.grade].strip().lower())
    if score is None:
        what = f"the grade {row[columns.grade][:40]!r} is neither True nor False"
        raise BadFile(path, f"question {number}", what, "give the file as the script wrote it")
    options = [row[at] for at in columns.options]
    letters = [f"{chr(ord('A') + n)}. {option}" for n, option in enumerate(options)]
    return Sample(
        f"{path.stem}/{number}",
        text_id(row[columns.question], *options),
        0,
        score,
        path.stem,
        "\n".join([row[columns.question], *letters, "Answer:"]),
        row[columns.answer],
        _most_likely(row, columns.choices),
    )


def _most_likely(row: list[str], choices: dict[str, int]) -> str | None:
    """The letter that the model gives most; None where a probability is no number."""
    try:
        return max(choices, key=lambda letter: float(row[choices[letter]]), default=None)
    except ValueError:
        return None
