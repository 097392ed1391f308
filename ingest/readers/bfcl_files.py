"""BFCL's files: which result file and which score file are of one model and category.

The tool writes result/MODEL/GROUP/BFCL_v4_CATEGORY_result.json and score/MODEL/GROUP/..., where
GROUP is one or several folders, or none in older versions. Either of the two folders, or a part of
one, leads to its twin in the other; a file leads to all of its model's, for they are one run.
"""

import re
from pathlib import Path
from typing import NamedTuple

from ...errors import BadFile
from .registry import head
from .several import looks_below, only_model
from .untrusted.files import existing
from .untrusted.json_outline import outline
from .untrusted.trees import MOST_LEVELS, below

ADVICE = "give the folder that holds result and score"
RESULT, SCORE = "result", "score"
TOTALS = {"accuracy", "correct_count", "total_count"}  # of a score file's first line
# folders below the model's
GROUPS = {
    "agentic",
    "format_sensitivity",
    "kv",
    "live",
    "memory",
    "multi_turn",
    "non_live",
    "rec_sum",
    "vector",
}
_NAME = re.compile(
    r"^(?P<tool>BFCL_|gorilla_openfunctions_)?(?:(?P<version>v\d+)_)?(?:test_)?"
    r"(?P<category>.+)_(?P<kind>result|score)\.jsonl?$"
)


class Category(NamedTuple):
    """The two files of a category; None for one that is not there."""

    name: str
    version: str | None  # of the test set
    result: Path | None
    score: Path | None


def recognises(path: Path, head: bytes) -> bool:
    """By a score file's totals, or a result file's name and keys; a folder by such a file in it."""
    if path.is_dir():
        return any(
            looks_below(path, f"_{kind}.json", _looks, MOST_LEVELS) for kind in (SCORE, RESULT)
        )
    return _looks(path, head)


def _looks(path: Path, head: bytes) -> bool:
    """Whether a file is a score file or a result file."""
    opening, keys, _ = outline(head)
    if opening != b"{":
        return False
    if keys >= TOTALS and "id" not in keys:
        return bool(_of_the_tool(path)) or b'"valid"' in head
    return keys >= {"id", "result"} and _of_the_tool(path)


def _of_the_tool(path: Path) -> bool:
    match = _NAME.match(path.name)
    return bool(match and match["tool"])


def categories(path: Path, asked: str | None) -> tuple[str | None, list[Category]]:
    """The model, if the folders name it, and its categories in order.

    asked: the model, where there are several. Raises BadFile.
    """
    path = existing(path).absolute()
    if path.is_file() and not (_of_the_tool(path) or _looks(path, head(path))):
        raise BadFile(path, "as a whole", "it is neither a result file nor a score file", ADVICE)
    found = [path, *_below(_folder(path))] if path.is_file() else _below(path)
    if not found:
        raise BadFile(path, "as a whole", "there is no BFCL_..._result.json in it", ADVICE)
    found = list(dict.fromkeys(found))
    wanted = {(_folder(file).name, category_of(file)) for file in found}
    for kind in {RESULT, SCORE} - {_kind(file) for file in found}:
        twins = _twins(path, kind)
        found += [file for file in twins if (_folder(file).name, category_of(file)) in wanted]
    asked = _folder(path).name if path.is_file() and asked is None else asked
    model = only_model(path, {_folder(file).name for file in found}, asked)
    files: dict[tuple[str, str], Path] = {}
    for file in found:
        key = (category_of(file), _kind(file))
        if _folder(file).name != model:
            continue
        if key in files:
            what = f"two {key[1]} files of {key[0]}, {files[key]} and {file}"
            raise BadFile(path, "as a whole", what, "give the folder of one run")
        files[key] = file
    there = sorted({name for name, _ in files})
    folders = {_folder(file).parent.name for file in files.values()}
    named = any(kind in folder for folder in folders for kind in (RESULT, SCORE))
    return model if named else None, [
        Category(name, _version(files, name), files.get((name, RESULT)), files.get((name, SCORE)))
        for name in there
    ]


def _below(folder: Path) -> list[Path]:
    """The tool's files in a folder."""
    return [file for file in below(folder, ".json") if _of_the_tool(file)]


def _twins(path: Path, kind: str) -> list[Path]:
    """The files of this kind that belong to a path of the other kind."""
    other = SCORE if kind == RESULT else RESULT
    beside = _below(path.parent) if path.is_file() else []
    for folder in (path, *path.parents):
        twin = folder.with_name(folder.name.replace(other, kind)) if other in folder.name else None
        if twin is not None and twin.is_dir():
            beside += _below(twin)
            break
    return [file for file in dict.fromkeys(beside) if _kind(file) == kind]


def _kind(file: Path) -> str:
    match = _NAME.match(file.name)
    return match["kind"] if match else SCORE


def category_of(file: Path) -> str:
    """The category that a file is of, by its name."""
    match = _NAME.match(file.name)
    return match["category"] if match else file.stem


def _version(files: dict[tuple[str, str], Path], name: str) -> str | None:
    """What the names of a category's files say of the test set."""
    matches = [_NAME.match(file.name) for (category, _), file in files.items() if category == name]
    return next((match["version"] for match in matches if match and match["version"]), None)


def _folder(file: Path) -> Path:
    """The model's folder, above those of the groups."""
    folder = file.parent
    while folder.name in GROUPS:
        folder = folder.parent
    return folder
