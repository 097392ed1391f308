"""MultiPL-E: a folder of PROBLEM.results.json, the outcome of every completion of a problem.

The folders below one are looked at too, one for each language. A completion passes where its status
is OK and its program ended with 0, as the tool counts. Pick language: one of several.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import BadFile
from .dotted import text
from .port import Found, Picks, Sample, Samples, choose, text_id
from .untrusted.files import MIB, contents, existing
from .untrusted.json_plain import at, parsed
from .untrusted.trees import any_below, below

ENDING = ".results.json"
LARGEST = 64 * MIB  # of one problem's file
LEVELS = 2  # of folders below the one that is given
PASSED = "OK"
_FOLDER = re.compile(r"(?:humaneval|mbpp)-[a-z0-9+#]+-(?P<model>.+)-\d\.\d+-[a-z]+")
ADVICE = "give a folder as MultiPL-E's evaluation writes it"


def recognises(path: Path, head: bytes) -> bool:
    """A folder with such files, or one of them."""
    if path.is_dir():
        return any_below(path, ENDING, LEVELS)
    return path.name.endswith(ENDING) and all(key in head for key in (b'"results"', b'"language"'))


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples for each data set and language: all problems of a folder. Raises BadFile."""
    path = existing(path)
    files = below(path, ENDING, LEVELS) if path.is_dir() else [path]
    if not files:
        raise BadFile(path, "as a whole", f"there is no *{ENDING} in it", ADVICE)
    kinds = dict[tuple[str, str], list[Path]]()
    for file in files:
        found = _problem(file)
        data_set = str(found["name"]).split("_", 1)[0].lower()
        kinds.setdefault((data_set, str(found["language"])), []).append(file)
    languages = list(dict.fromkeys(language for _, language in kinds))
    if "language" in picks:
        languages = [choose(path, "language", picks["language"], languages)]
    for (data_set, language), own in kinds.items():
        if language not in languages:
            continue
        folder, *others = dict.fromkeys(file.parent for file in own)
        if others:
            names = ", ".join(each.name for each in (folder, *others[:9]))
            several = f"{data_set}-{language} is in {len(others) + 1} folders, {names}"
            raise BadFile(path, "as a whole", several, "give the folder of one model's run")
        named = _FOLDER.fullmatch(folder.name)
        yield Samples(
            benchmark_id=f"{data_set}-{language}",
            harness={"harness": "multipl-e", "language": language},
            rows=_rows(own),
            model_name=named["model"] if named else None,
            metric="status OK",
            partial=None if path.is_dir() else "one problem's file, not its folder",
        )


def _problem(path: Path) -> dict[str, Any]:
    """A problem's file. Raises BadFile."""
    found = parsed(path, "as a whole", bytes(contents(path, LARGEST)))
    whole = isinstance(at(found, "results"), list) and all(
        isinstance(at(found, key), str) for key in ("name", "language")
    )
    if not whole or not all(isinstance(at(each, "status"), str) for each in found["results"]):
        raise BadFile(path, "as a whole", "no name, language and results with a status", ADVICE)
    return found


def _rows(files: list[Path]) -> Iterator[Sample]:
    for path in files:
        found = _problem(path)
        for attempt, completion in enumerate(found["results"]):
            passed = completion["status"] == PASSED and completion.get("exit_code", 0) == 0
            yield Sample(
                item=found["name"],
                prompt_id=text_id(
                    found["language"], found["name"], text(found.get("prompt")) or ""
                ),
                attempt=attempt,
                score=float(passed),
                prompt=text(found.get("prompt")),
                answer=text(completion.get("program")),
                finish_reason="timeout" if completion["status"] == "Timeout" else None,
            )
