"""lm-evaluation-harness: which files are its samples, and what their names say, version by version.

From 0.4.3 samples_TASK_DATE.jsonl (for two months .json), before that MODELARGS_TASK.jsonl;
lmms-eval writes DATE_TIME_samples_TASK.jsonl, newer versions with an id behind the time.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from ...errors import BadFile
from .registry import head
from .untrusted.files import dated, matching

ADVICE = "run lm-eval with --log_samples"
MOST_LOOKED_AT = 200  # files of a folder whose content is asked what they are
ARGUMENTS = ("pretrained", "model", "path", "peft", "delta", "engine")  # that may name a model

_RESULTS = re.compile(rb'\s*\{\s*"results"\s*:\s*\{')
_FIRST_KEY = re.compile(rb'\s*(\[\s*)?\{\s*"doc_id"\s*:')
_MARKS = (b'"filtered_resps"', b'"doc_hash"', b'"target_hash"')
_LMMS = re.compile(r"(?P<date>\d{8}_\d{6}(?:_.+?)?)_samples_(?P<task>.+)")


class Name(NamedTuple):
    """What a samples file's name says."""

    stem: str  # without date, "samples_" and suffix: the task, or before 0.4.3 MODELARGS_TASK
    date: str | None  # of its run, as in its name
    is_task: bool  # whether the stem is the task alone, for sure


def name_of(path: Path) -> Name:
    """What a file's name says."""
    lmms = _LMMS.fullmatch(path.stem)
    if lmms:
        return Name(lmms["task"], lmms["date"], True)
    stem, date = dated(path)
    task = stem.removeprefix("samples_")
    return Name(task or stem, date, task != stem)


def looks_like_samples(start: bytes) -> bool:
    """Whether a file's head is of samples: lines, or one array of them."""
    if _FIRST_KEY.match(start[:1000]):
        return True
    return (
        start.lstrip()[:1] in (b"{", b"[")
        and b'"doc_id"' in start
        and any(mark in start for mark in _MARKS)
    )


def looks_like_results(start: bytes) -> bool:
    """Whether a file's head is of the results json."""
    return bool(_RESULTS.match(start[:1000]))


def is_folder(path: Path) -> bool:
    """Whether a folder holds samples or results, at most two levels down."""
    levels = (path.glob(pattern) for pattern in ("*", "*/*", "*/*/*"))
    files = islice((file for file in chain.from_iterable(levels) if _may_be(file)), MOST_LOOKED_AT)
    return any(_is_samples(file) or _is_results(file) for file in files)


def samples_in(folder: Path) -> list[Path]:
    """All samples files in a folder and below, in order. Raises BadFile where there are none."""
    found = [file for file in _all(folder) if _is_samples(file)]
    if not found:
        raise BadFile(folder, "as a whole", "there is no samples_*.jsonl in it", ADVICE)
    return found


def samples_beside(results: Path) -> list[Path]:
    """The samples files of the run that a results json is of. Raises BadFile."""
    date = run_of(results)
    there = [
        file
        for file in _all(results.parent, "*")
        if _is_samples(file) and (name_of(file).date == date or date is None)
    ]
    if not there:
        found = "it holds totals without single answers, and no samples file is beside it"
        raise BadFile(results, "as a whole", found, ADVICE)
    return there


def results_beside(folder: Path, date: str | None) -> Path | None:
    """The results json of a run: that of its date, or of an undated one the only one there is."""
    there = [file for file in _all(folder, "*.json") if _is_results(file)]
    if date is not None:
        there = [file for file in there if run_of(file) == date]
    return there[0] if len(there) == 1 else None


def run_of(results: Path) -> str | None:
    """The date in a results json's name."""
    lmms = re.fullmatch(r"(\d{8}_\d{6}.*)_results", results.stem)
    return lmms[1] if lmms else dated(results)[1]


def _all(folder: Path, pattern: str = "**/*") -> Iterator[Path]:
    """The ordinary files of a folder that could be lm-eval's."""
    try:
        found = matching(folder, pattern, ADVICE)
    except BadFile:
        return
    yield from filter(_may_be, found)


def _may_be(path: Path) -> bool:
    return path.suffix in (".jsonl", ".json") and path.is_file() and not path.is_symlink()


def _is_samples(path: Path) -> bool:
    name = path.name
    if name.startswith("samples_") or name_of(path).is_task:
        return True
    return looks_like_samples(head(path))


def _is_results(path: Path) -> bool:
    return not path.name.startswith("samples_") and looks_like_results(head(path))
