"""Several files or models where one run was meant: chosen by the user, or refused by name."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from ...errors import BadFile
from .port import Found, Picks, Samples
from .registry import head
from .untrusted.files import existing
from .untrusted.trees import any_below, below

LOOKED_AT = 20  # files of a folder that recognising it may open
NEAR = 3  # levels of folders below one that it may look into

Looks: TypeAlias = Callable[[Path, bytes], bool]  # (file, its head) -> whether it is the tool's
Reads: TypeAlias = Callable[[Path, Picks], Iterator[Found]]  # one file


def only_model(path: Path, there: Iterable[str], asked: str | None) -> str:
    """The asked one of the models there are, or the only one. Raises BadFile, naming them."""
    names = sorted(set(there))
    if asked is not None and asked not in names:
        found, advice = f"it has no answers of {asked}", f"choose one of {', '.join(names[:20])}"
        raise BadFile(path, "as a whole", found, advice)
    if asked is None and len(names) > 1:
        raise BadFile(
            path,
            "as a whole",
            f"it holds answers of {len(names)} models, {', '.join(names[:20])}",
            f"choose one with --pick model={names[0]}, or give its files alone",
        )
    return asked if asked is not None else names[0]


def looks_below(path: Path, ending: str, looks: Looks, levels: int = NEAR) -> bool:
    """Whether one of the first files of that ending in a folder is the tool's."""
    if not any_below(path, ending, levels):
        return False
    try:
        return any(looks(file, head(file)) for file in below(path, ending, levels)[:LOOKED_AT])
    except OSError:
        return False


def each_file(path: Path, picks: Picks, ending: str, looks: Looks, reads: Reads) -> Iterator[Found]:
    """What one model has in a file, or in the files of a folder.

    ending: of their names. Raises BadFile where there are none, several models', or two files with
    one model's answers to one benchmark.
    """
    one_file = existing(path).is_file()
    files = [path] if one_file else _looking(path, ending, looks)
    if not files:
        advice = "give a file that the tool has written"
        raise BadFile(path, "as a whole", "none of its files holds answers of this kind", advice)
    found = [(file, each) for file in files for each in reads(file, picks)]
    runs = {id(each): (each, file) for file, each in found if isinstance(each, Samples)}
    if any(each.model_name for each, _ in runs.values()):
        names = {key: each.model_name or file.name for key, (each, file) in runs.items()}
        chosen = only_model(path, names.values(), picks.get("model"))
        found = [(file, each) for file, each in found if names.get(id(each), chosen) == chosen]
    if not one_file:
        _refuse_twice(path, found)
    yield from (each for _, each in found)


def _looking(folder: Path, ending: str, looks: Looks) -> list[Path]:
    """The tool's files in a folder."""
    return [file for file in below(folder, ending) if looks(file, head(file))]


def _refuse_twice(path: Path, found: list[tuple[Path, Found]]) -> None:
    """Raise BadFile where two files answer one benchmark: nothing says which one counts."""
    first: dict[str, Path] = {}
    for file, each in found:
        if not isinstance(each, Samples):
            continue
        if each.benchmark_id in first:
            names = [str(one.relative_to(path)) for one in (first[each.benchmark_id], file)]
            what = f"{names[0]} and {names[1]} both hold answers to {each.benchmark_id}"
            raise BadFile(path, "as a whole", what, "give one of them alone")
        first[each.benchmark_id] = file
