"""Folders and patterns in a file's place: the files that are meant by them.

A path that is there is itself, whatever characters are in it; `**` reaches into folders below.
"""

import glob
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import ExitCode, QwhError
from .engines import registry

PART = re.compile(r"(?P<name>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
BESIDE = ("mmproj", "imatrix")  # GGUF files that lie beside a model and are none
MODEL, LINES = ".gguf", ".jsonl"


def matches(given: Path) -> list[Path] | None:
    """The paths that a pattern fits, in order; None for a path that is no pattern."""
    if given.exists() or not glob.has_magic(str(given)):
        return None
    found = sorted(glob.glob(str(given), recursive=True), key=_natural)
    return [Path(each) for each in found]


def inside(folder: Path) -> list[Path]:
    """The files in a folder and those below it, in order; links to folders are not followed."""
    found = [Path(at, name) for at, _, names in os.walk(folder) for name in names]
    return sorted((path for path in found if path.is_file()), key=lambda path: _natural(str(path)))


def models(given: Iterable[Path], reference: Path, stored: bool = False) -> list[Path]:
    """Model files: as they are named, and those that a folder holds or a pattern fits.

    Of the latter the reference's own file is left out, and a model in several files counts once;
    stored: files of what a model said are taken, too. Raises QwhError for a folder or a pattern
    without any.
    """
    return expanded(given, "model file", lambda path: _is_quant(path, reference, stored))


def named(given: Iterable[Path]) -> list[Path]:
    """Files and folders as they are named, and all that a pattern fits. Raises QwhError: none."""
    return expanded(given, "file", Path.exists, folders=True)


def texts(given: Iterable[str]) -> list[str]:
    """Texts as FILE or ID=FILE each, with the files of folders and patterns in their place."""
    found: list[str] = []
    for name in given:
        path = Path(name)
        there = path.is_dir() or matches(path)
        found += map(str, expanded([path], "text", _is_plain)) if there else [name]
    return found


def benchmarks(given: Path) -> list[Path]:
    """A file of prompts, or those that a folder holds or a pattern fits."""
    return expanded([given], "file of prompts", lambda path: _is_plain(path) and LINES in path.name)


def parts(path: Path) -> list[Path]:
    """The files of a model that are there: itself, or with it the parts that belong to it."""
    part = PART.fullmatch(path.name)
    if part is None:
        return [path]
    numbers = range(1, int(part["count"]) + 1)
    names = (f"{part['name']}-{number:05d}-of-{part['count']}.gguf" for number in numbers)
    return [other for name in names if (other := path.with_name(name)).is_file()]


def expanded(
    given: Iterable[Path], what: str, wanted: Callable[[Path], bool], folders: bool = False
) -> list[Path]:
    """Paths as they are named, and the wanted ones of folders and patterns that are not there yet.

    folders: they are wanted as they are. Raises QwhError for a folder or a pattern without any.
    """
    found: list[Path] = []
    for path in given:
        fits = matches(path)
        if fits is None and (folders or not path.is_dir() or registry.recognise(path)):
            found.append(path)
            continue
        candidates = [path] if fits is None else fits
        if not folders:
            candidates = [x for one in candidates for x in (inside(one) if one.is_dir() else [one])]
        taken = [each for each in candidates if wanted(each)]
        if not taken:
            raise QwhError(
                f"{path} holds no {what} to take: check the path"
                if fits is None
                else f"no {what} fits {path}: check the pattern",
                ExitCode.NOT_FOUND,
            )
        there = {each.resolve() for each in found}
        found += [each for each in taken if each.resolve() not in there]
    return found


def _is_quant(path: Path, reference: Path, stored: bool) -> bool:
    """Whether a file that nobody named is a model of its own, and not the reference."""
    part = PART.fullmatch(path.name)
    if not _is_plain(path) or (part and int(part["number"]) > 1):
        return False
    if path.resolve() == reference.resolve() or path.name.lower().startswith(BESIDE):
        return False
    kind = registry.recognise(path)
    if kind is None:
        return path.suffix.lower() == MODEL
    return stored or not registry.ENGINES[kind].stored


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _natural(text: str) -> list[str | int]:
    """A key that sorts Q2 before Q10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text)]
