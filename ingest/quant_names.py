"""What quants are called: as the store has it, else their file's stem less what all of them share.

A stem is cut at `-`, `.` and spaces. The leading parts that it has in common with the reference's
are left out: beside m-f16, m-Q4_K_M is Q4_K_M. Other quants are not looked at, so that none is
called otherwise because another one joins.
"""

import re
from pathlib import Path
from typing import NamedTuple

from ..raw.manifest import RunFacts
from ..raw.store import Store
from .readers.names import plain_name

CUT = re.compile(r"[-. ]+")


def stem(path: Path) -> str:
    """A model file's name without its ending and the number of a part."""
    return plain_name(path.stem) or path.stem


def short_name(name: str, reference: str) -> str:
    """A quant's stem less the leading parts that the reference's has too; its last part stays."""
    theirs = CUT.split(reference)
    ends = [match.end() for match in CUT.finditer(name)]
    start = 0
    for part, shared, end in zip(CUT.split(name), theirs, ends):
        if part != shared:
            break
        start = end
    return name[start:] or name


class RunAs(NamedTuple):
    """How a quant is run, where that is not the engine's own way: as its runs say it, and as its
    name does.
    """

    label: str = ""
    suffix: str = ""


PLAIN = RunAs()
ALONE = "sequences=1"  # the label of what is read without slots that it had the first time


def settings_of(run: RunFacts) -> str:
    """The settings that make a member of a run's file: how many sequences lay side by side is none
    of them. That it was only one is said of second readings.
    """
    parts = (run.reading or "").split(",")
    kept = (each for each in parts if each == ALONE or not each.startswith("sequences="))
    return ",".join(kept)


class HeldNames:
    """What a cohort calls files. runs: the cohort's; reference: the stem of the reference's file.

    A file that the store knows keeps its name under the same settings, whatever it is called on
    disk.
    """

    def __init__(self, runs: list[RunFacts], reference: str):
        self.reference = reference
        self.held = {run.quant_id for run in runs}
        self._by_file: dict[tuple[str | None, str | None, str], list[str]] = {}
        for run in runs:
            if run.quant_id and run.file_sha256:
                what = (run.role, run.file_sha256, settings_of(run))
                self._by_file.setdefault(what, []).append(run.quant_id)

    def of_quant(
        self, path: Path, sha256: str | None, said: str | None = None, run_as: RunAs = PLAIN
    ) -> str:
        """A quant's name; said: where somebody says it. A stem in full may be an import's."""
        own = stem(path)
        if run_as.suffix and own == self.reference:
            wanted = self.of_reference(sha256)
        else:
            wanted = own if own in self.held else short_name(own, self.reference)
        return self._kept("quant", sha256, run_as.label, said or wanted + run_as.suffix)

    def of_reference(self, sha256: str | None) -> str:
        """The reference's name."""
        return self._kept("reference", sha256, "", self.reference)

    def _kept(self, role: str, sha256: str | None, label: str, wanted: str) -> str:
        names = self._by_file.get((role, sha256, label)) or [wanted]
        return wanted if wanted in names else names[0]


def names_by_stem(runs: list[RunFacts], cohort: str) -> dict[str, str]:
    """What files call the quants of a cohort, where the store calls them otherwise.

    A stem -> the name: so an import joins the model file that it is about.
    """
    plain = [run for run in runs if run.cohort_id == cohort and not settings_of(run)]
    mine = [run for run in plain if run.quant_id]
    names = {run.quant_id for run in mine}
    stems = {stem(Path(run.file_name)): str(run.quant_id) for run in mine if run.file_name}
    return {own: name for own, name in stems.items() if own not in names}


def published_name(store: Store, cohort: str, who: tuple[str, str, str]) -> str | None:
    """What a member was called when its first run was published; None: it has no run.

    who: its role, its file's SHA-256 and its name.
    """
    for run in store.runs(retracted=True):
        held = (run.role, run.file_sha256, run.quant_id)
        if run.cohort_id == cohort and held == who:
            return store.published(run.run_id).quant_id
    return None
