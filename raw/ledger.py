"""The ledger of edits: what people have said of runs since they were published.

    raw/edits/<8 digits>.json    a list of edits that belong together, in the order of the numbers

A file is written beside and linked into its place, so that it is there whole or not at all, and
none is ever changed. Of two edits of one run's field the later one holds.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from ..errors import DISTRIBUTION, ExitCode, QwhError, storage_error
from . import disk, staging
from .manifest import RunFacts, now

RETRACTED = "retracted"  # "true": the run is in no table
QUANT_ID = "quant_id"  # what its model is called
TAG = "tag:"  # with a word behind it: "true" where the run carries that word
PURGED = "purged"  # "true": its rows were deleted, and what was said of it before is void
OURS = version(DISTRIBUTION)
YES, NO = "true", "false"
MEASURED_AGAIN = "measured again"
FIRST = {QUANT_ID: None, RETRACTED: NO}  # a field's value before its first edit


@dataclass(frozen=True)
class Edit:
    """From this number on a run's field has this value."""

    run_id: str
    field: str
    value: str | None  # null: as the manifest says
    why: str | None = None
    sequence: int = 0  # the number of its file
    edited_at: str | None = None  # UTC
    qwh_version: str | None = None


class Ledger:
    """The edits of one warehouse. folder: raw/edits."""

    def __init__(self, raw: Path):
        self.folder, self._staging = raw / "edits", raw / "_staging"

    def edits(self) -> list[Edit]:
        """All edits, the first one first. Raises QwhError for a file that cannot be read."""
        return [edit for path in self._files() for edit in _read(path)]

    def append(self, edits: Iterable[Edit]) -> list[Edit]:
        """Add edits that belong together, all or none of them; those that change nothing are left
        out. Returns what was added. Raises QwhError.
        """
        state = self.state()
        new = [edit for edit in edits if _value(state, edit) != edit.value]
        if not new:
            return []
        written = now()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with staging.beside(self._staging) as folder:
                while True:
                    number = self._last() + 1
                    done = [
                        replace(each, sequence=number, edited_at=written, qwh_version=OURS)
                        for each in new
                    ]
                    if self._link(folder / "edits.json", number, done):
                        return done
        except OSError as error:
            raise storage_error("cannot write down the edits", error) from None

    def state(self) -> dict[str, dict[str, Edit]]:
        """run -> field -> the edit that holds."""
        held: dict[str, dict[str, Edit]] = {}
        for edit in self.edits():
            if edit.field == PURGED:
                held.pop(edit.run_id, None)
            else:
                held.setdefault(edit.run_id, {})[edit.field] = edit
        return held

    def tags(self, run_id: str | None) -> list[str]:
        """The words that a run carries."""
        return tags(self.state().get(str(run_id), {}))

    def _link(self, staged: Path, number: int, edits: list[Edit]) -> bool:
        """Write edits beside and give them their number; False: another process took it."""
        staged.write_text(json.dumps([asdict(edit) for edit in edits], indent=1) + "\n")
        disk.sync(staged)
        try:
            os.link(staged, self.folder / f"{number:08}.json")
        except FileExistsError:
            return False
        disk.sync(self.folder)
        return True

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.json"))

    def _last(self) -> int:
        files = self._files()
        return int(files[-1].stem) if files else 0


def restored(run_id: str, why: str) -> Edit:
    """The edit that puts a run back; it changes nothing of one that was never retracted."""
    return Edit(run_id, RETRACTED, NO, why)


def applied(run: RunFacts, held: dict[str, Edit]) -> RunFacts:
    """A run's facts as they are after its edits."""
    renamed = held.get(QUANT_ID)
    return replace(run, quant_id=renamed.value) if renamed and renamed.value else run


def is_retracted(held: dict[str, Edit]) -> bool:
    """Whether a run's edits take it out of every table."""
    return RETRACTED in held and held[RETRACTED].value == YES


def tags(held: dict[str, Edit]) -> list[str]:
    """The words that a run carries."""
    return sorted(
        field.removeprefix(TAG)
        for field, edit in held.items()
        if field.startswith(TAG) and edit.value == YES
    )


def _value(state: dict[str, dict[str, Edit]], edit: Edit) -> str | None:
    """What an edit's field is before it."""
    held = state.get(edit.run_id, {}).get(edit.field)
    return held.value if held else FIRST.get(edit.field, NO)


def _read(path: Path) -> list[Edit]:
    try:
        found = json.loads(path.read_text())
        return [Edit(**{name: each.get(name) for name in _NAMES}) for each in found]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise QwhError(
            f"cannot read the edits in {path}: {error}: restore the file; without it what was"
            " retracted or renamed there would be back",
            ExitCode.STORAGE,
        ) from None


_NAMES = tuple(Edit.__dataclass_fields__)
