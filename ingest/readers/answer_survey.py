"""The answers in a table's rows, and what all of them together show.

A pass over the rows comes before the one that hands them out: it finds what no single row tells, as
which prompts have several rows, or whether letters are grades.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...errors import BadFile
from .answer_tables import FILE, MODEL_NAMES, Map
from .cell_scores import Grades
from .dotted import ABSENT, along, text
from .json_records import Rows
from .port import Picks, Sample, text_id

Cells = dict[str, Any]  # our column -> what stands there; without those that are not there
MOST_VALUES = 20  # that a message may name


@dataclass
class Survey:
    """What one pass over all rows has shown."""

    grades: Grades
    there: Counter[str] = field(default_factory=Counter)  # our column -> rows that have it
    left_out: Counter[str] = field(default_factory=Counter)
    models: dict[str, str] = field(default_factory=dict)  # whose rows they are -> the column
    filtered: dict[str, None] = field(default_factory=dict)  # what stands where `where` looks
    answers: int = 0
    last: dict[int, int] = field(default_factory=dict)  # a prompt's hash -> its last answer
    several: dict[int, str] = field(default_factory=dict)  # prompts with several answers -> item
    across: set[int] = field(default_factory=set)  # those with answers in several files

    def count(self, prompt: int, item: str, first: int) -> None:
        """Take an answer into account. first: the number of its file's first answer."""
        before = self.last.get(prompt)
        if before is not None:
            self.several[prompt] = item
            if before < first:
                self.across.add(prompt)
        self.last[prompt] = self.answers
        self.answers += 1


class Answers:
    """The answers in the rows of some files, which are one run."""

    def __init__(self, tables: list[Rows], asked: Map, picks: Picks):
        self._tables, self._asked, self._last_only = tables, asked, picks.get("rows") == "last"
        self.survey = self._surveyed(Grades(picks))
        self._by_file = (
            len(tables) > 1 and "category" not in asked.columns and not self.survey.across
        )

    def samples(self) -> Iterator[Sample]:
        """The answers in order. Raises BadFile."""
        number = 0
        for table in self._tables:
            for place, cells in self._rows(table):
                grade = self.survey.grades.read(cells.get("score"))
                if grade is None:
                    continue
                sample = self._sample(table, place, cells)._replace(score=grade)
                prompt = (
                    sample.prompt_id,
                    sample.category,
                    sample.item,
                    text(cells.get("attempt")),
                )
                number += 1
                if self._last_only and self.survey.last[hash(prompt)] != number - 1:
                    continue
                if self._by_file:
                    sample = sample._replace(category=table.path.stem)
                yield sample

    def _surveyed(self, grades: Grades) -> Survey:
        survey = Survey(grades)
        for table in self._tables:
            first = survey.answers
            for place, cells in self._rows(table, survey):
                try:
                    graded = grades.look(cells.get("score"))
                except ValueError as error:
                    raise _no_score(table, place, error) from None
                if "score" not in cells:
                    missing = self._asked.columns["score"] if cells else "any of the mapped columns"
                    survey.left_out[f"a row without {missing}"] += 1
                elif not graded:
                    survey.left_out["a row whose score is empty or no finite number"] += 1
                else:
                    sample = self._sample(table, place, cells)
                    survey.count(_prompt(sample, cells), sample.item, first)
            try:
                grades.settle()
            except ValueError as error:
                raise _no_score(table, "as a whole", error) from None
        if self._last_only and (earlier := survey.answers - len(survey.last)):
            survey.left_out["an earlier row of a prompt, of which the last one counts"] = earlier
        return survey

    def _rows(self, table: Rows, survey: Survey | None = None) -> Iterator[tuple[str, Cells]]:
        """Where each row stands and its cells, of those rows that `where` lets through."""
        columns, where = self._asked.columns, self._asked.where
        for place, row in table.rows():
            if where:
                value = text(_cell(row, where[0]))
                if survey and len(survey.filtered) < MOST_VALUES:
                    survey.filtered[str(value)] = None
                if value != where[1]:
                    continue
            cells = {name: along(row, path) for name, path in columns.items() if path != FILE}
            cells = {name: cell for name, cell in cells.items() if cell is not ABSENT}
            if survey:
                survey.there.update(cells.keys())
                self._whose(row, survey)
            if cells:
                cells |= {name: table.path.stem for name, path in columns.items() if path == FILE}
            yield place, cells

    def _whose(self, row: dict, survey: Survey) -> None:
        """Note the model that a row names."""
        for name in MODEL_NAMES:
            model = row.get(name)
            if isinstance(model, str) and model and name not in self._asked.columns.values():
                if len(survey.models) < MOST_VALUES:
                    survey.models[model] = name
                return

    def _sample(self, table: Rows, place: str, cells: Cells) -> Sample:
        """A row as a sample without its score. Raises BadFile."""
        known = {name: text(cell) for name, cell in cells.items() if name != "score"}
        item, prompt, category = (known.get(name) for name in ("item", "prompt", "category"))
        if item is None and prompt is None:
            raise BadFile(
                table.path,
                place,
                "neither an item nor a prompt",
                "fill it in, or map another column",
            )
        if prompt is not None:
            own_id = text_id(prompt)
        else:
            own_id = text_id(*(part for part in (category, item) if part is not None))
        prompt_id = known.get("prompt_id") or own_id
        return Sample(
            item=item or prompt_id,
            prompt_id=prompt_id,
            attempt=_whole(known.get("attempt")) or 0,
            score=0.0,
            category=category or "all",
            prompt=prompt,
            expected=known.get("expected"),
            answer=cells["answer"] if cells.get("answer") == "" else known.get("answer"),
            answer_tokens=_whole(known.get("answer_tokens")),
            finish_reason=known.get("finish_reason"),
        )


def _prompt(sample: Sample, cells: Cells) -> int:
    """A hash, equal for rows that are answers to one prompt in one attempt."""
    return hash((sample.prompt_id, sample.category, sample.item, text(cells.get("attempt"))))


def _cell(row: dict, path: str) -> Any:
    found = along(row, path)
    return None if found is ABSENT else found


def _whole(number: str | None) -> int | None:
    """A text that is a whole number of 32 bits."""
    if number is None or not number.isdecimal() or len(number) > 9:
        return None
    return int(number)


def _no_score(table: Rows, place: str, error: ValueError) -> BadFile:
    return BadFile(
        table.path,
        place,
        str(error),
        "map another column, a dotted path into it, or say what its words mean with --map"
        " right=WORD,WORD --map wrong=WORD --map none=WORD",
    )
