"""The logs of a folder of inspect: of the logs of one task the one that counts.

A run that failed is tried again into a log of its own, and both stay.
"""

import json
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import BadFile
from . import inspect_forms as forms
from .inspect_answers import ADVICE
from .port import NotTaken
from .registry import head
from .untrusted.archives import Zip
from .untrusted.files import contents, matching
from .untrusted.json_plain import at
from .untrusted.json_typed import anything

CRASHED = "crashed"  # our word where the tool did not live to write its own
HEADER, JOURNAL = "header.json", "_journal/start.json"
MOST_LOOKED_AT = 200  # files of a folder of which recognising asks what they are


class Heading(NamedTuple):
    """What a log says of its run before its samples."""

    path: Path
    task: str
    model: str
    settings: str  # of the task, as JSON
    status: str
    created: str

    def label(self) -> str:
        """For people who must tell it from another."""
        return f"{self.path.name} ({self.status})"


def is_log(path: Path, start: bytes) -> bool:
    """Whether a file with this head is a log: a zip file called .eval, or a .json log."""
    if start[:4] == b"PK\3\4":
        return path.suffix == ".eval"
    return start.lstrip()[:1] == b"{" and b'"version"' in start[:200] and b'"eval_id"' in start


def has_logs(folder: Path) -> bool:
    """Whether a folder holds logs, at most two levels down."""
    for pattern in ("*", "*/*", "*/*/*"):
        files = (file for file in folder.glob(pattern) if file.suffix in (".eval", ".json"))
        for file in islice(files, MOST_LOOKED_AT):
            if file.is_file() and is_log(file, head(file)):
                return True
    return False


def counted(folder: Path) -> tuple[list[Path], list[NotTaken]]:
    """The logs in a folder and below that count, and those that do not.

    Of several tries of one task the last that succeeded counts, or without one the last. Raises
    BadFile where there are none, or of several models.
    """
    headings, passed = list[Heading](), list[NotTaken]()
    for path in _logs(folder):
        try:
            headings.append(heading(path))
        except BadFile as error:
            passed.append(NotTaken(path.name, str(error)))
    _refuse_two_models(folder, headings)
    tries: dict[tuple[str, str], list[Heading]] = {}
    for each in headings:
        tries.setdefault((each.task, each.settings), []).append(each)
    _refuse_two_settings(folder, list(tries))
    kept = []
    for logs in tries.values():
        best = max(logs, key=lambda log: (log.status == "success", log.created, log.path.name))
        kept.append(best.path)
        for log in logs:
            if log is not best:
                why = f"its run's status is {log.status}, and {best.label()} is of the same task"
                passed.append(NotTaken(log.path.name, why))
    return kept, passed


def _logs(folder: Path) -> list[Path]:
    """Raises BadFile where there are none."""
    advice = "give a log folder of inspect"
    files = matching(folder, "**/*", advice)
    logs = [
        file
        for file in files
        if file.suffix == ".eval" or (file.suffix == ".json" and is_log(file, head(file)))
    ]
    if not logs:
        raise BadFile(folder, "as a whole", "there is no *.eval or .json log in it", advice)
    return logs


def _refuse_two_models(folder: Path, headings: list[Heading]) -> None:
    models = dict.fromkeys(each.model for each in headings)
    if len(models) > 1:
        raise BadFile(
            folder,
            "as a whole",
            f"it holds logs of {len(models)} models: {', '.join(list(models)[:10])}",
            "give the logs of one",
        )


def _refuse_two_settings(folder: Path, runs: list[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for task, settings in runs:
        if seen.setdefault(task, settings) != settings:
            raise BadFile(
                folder,
                "as a whole",
                f"its logs of {task} have other settings: {seen[task][:200]}, {settings[:200]}",
                "give the logs of one",
            )


def heading(path: Path) -> Heading:
    """A log's heading. Raises BadFile."""
    data = contents(path, 1 << 40)
    if data[:2] == b"PK":
        archive = Zip(path)
        try:
            found = start_of(archive, path)
        finally:
            archive.close()
    else:
        log = forms.plain_start(data, path, "as a whole")
        found = {"eval": settings_of(log.eval, path, "key eval"), "status": log.status}
    spec = found.get("eval")
    if not isinstance(at(spec, "task"), str):
        raise BadFile(path, "key eval", "it does not say which task was run", ADVICE)
    return Heading(
        path,
        at(spec, "task"),
        str(at(spec, "model")),
        json.dumps(at(spec, "task_args") or {}, sort_keys=True),
        str(found.get("status"))[:20],
        str(at(spec, "created") or ""),
    )


def start_of(archive: Zip, path: Path) -> dict[str, Any]:
    """The header of a zipped log, of a crashed run what its journal began with. Raises BadFile."""
    start = HEADER if HEADER in archive.members else JOURNAL
    if start not in archive.members:
        raise BadFile(path, "as a whole", f"it has neither {HEADER} nor {JOURNAL}", ADVICE)
    found = settings_of(archive.read(start), path, start)
    return found if start == HEADER else found | {"status": CRASHED}


def settings_of(raw: Any, path: Path, place: str) -> dict[str, Any]:
    """One JSON object; {} for other JSON. Raises BadFile."""
    found = anything(raw, path, place)
    return found if isinstance(found, dict) else {}
