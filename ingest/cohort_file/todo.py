"""What a cohort file asks for and its warehouse lacks.

It is told from manifests and hashes: a model that is done is not opened, its text not tokenized.
"""

import glob
import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import ExitCode, QwhError
from ...raw.ledger import RETRACTED, is_retracted
from ...raw.manifest import RunFacts
from ...raw.store import Store
from .. import files
from ..engines import registry
from ..engines.port import PLAIN, Reading
from ..engines.settings import suffix
from ..importing.source import Import, quant_of
from ..members import refuse_rows
from ..prompts.preparing import reads_accepted
from ..quant_names import HeldNames, RunAs, names_by_stem, stem
from ..readers.names import QUANT
from ..readers.untrusted.packed import plain_path
from ..readings import read_again
from ..second import Settings
from ..texts.text import read_bytes
from .hashes import Hashes
from .keys import BenchmarkEntry, CohortFile, ImportEntry, TextEntry
from .which_run import (
    QuantFile,
    Test,
    Who,
    begun_as,
    is_of_another_file,
    is_of_another_text,
    is_of_other_prompts,
    of_prompts,
    of_text,
)

CHANGED = "its file has changed: "  # begins the reason of a run that a cohort file took back
CHOSEN = "other choices are made of its file: "  # as does this


class Brought(NamedTuple):
    """One file or folder to import. quant: its name, None: as the file says."""

    cohort: str
    entry: ImportEntry
    path: Path
    quant: str | None
    is_reference: bool
    sha256: str
    is_otherwise: bool = False  # it was brought in with other choices

    @property
    def key(self) -> str:
        """What it is remembered by."""
        about = (self.cohort, self.entry.kind, self.quant, self.entry.text, self.path.resolve())
        return "|".join(map(str, about))

    @property
    def state(self) -> str:
        """What is remembered: its hash, and what was chosen of it."""
        chosen = self.entry.picks | ({"": self.entry.benchmark} if self.entry.benchmark else {})
        return self.sha256 + (json.dumps(chosen, sort_keys=True) if chosen else "")


@dataclass
class Todo:
    """What is missing, and what has to go first."""

    cohort: str
    reference: str | None  # its name
    quants: list[QuantFile]  # all of the file, done or not
    texts: dict[TextEntry, list[QuantFile]] = field(default_factory=dict)
    benchmarks: dict[BenchmarkEntry, list[QuantFile]] = field(default_factory=dict)
    again: dict[TextEntry | BenchmarkEntry, list[Who]] = field(default_factory=dict)
    imports: list[Brought] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)  # run id -> why it is taken back
    stems: dict[str, str] = field(default_factory=dict)  # of model files -> their quants' names
    left: list[str] = field(default_factory=list)  # ids of runs taken back by hand
    reference_was: str | None = None  # the hash of its file, which is no longer there

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be measured, brought in or taken back."""
        return not (self.texts or self.benchmarks or self.imports or self.changed)


def todo(file: CohortFile, cohort: str, store: Store, hashes: Hashes) -> Todo:
    """What is missing of a cohort file. Raises QwhError for files that are not there."""
    return _Search(file, cohort, store, hashes).all()


class _Search:
    """One comparison of a file with its store."""

    def __init__(self, file: CohortFile, cohort: str, store: Store, hashes: Hashes):
        self.file, self.cohort, self.hashes = file, cohort, hashes
        kept = store.runs()
        self.runs = [run for run in kept if run.cohort_id == cohort]
        self.gone = _taken_back_by_hand(store, cohort)
        begun = begun_as(self.runs)
        self.plain = Reading(rows=begun.batch_size) if begun and begun.batch_size else PLAIN
        self.slots = {1 for _ in file.texts} | {each.manner.parallel for each in file.benchmarks}
        head = stem(file.reference) if file.reference else ""
        self.names = HeldNames(self.runs, head)
        self.reference_was: str | None = None
        reference = self._reference()
        quants = self._quants() if file.texts or file.benchmarks else []
        self._refuse_double(quants, reference)
        self.controls = self._controls()
        self.found = Todo(cohort, reference, quants, reference_was=self.reference_was)
        plain_last = sorted(quants, key=lambda each: not each.settings)
        mine = {stem(each.path): each.name for each in plain_last}
        self.found.stems = names_by_stem(kept, cohort) | mine

    def all(self) -> Todo:
        """Changed files first: what is of them is not there."""
        texts = {each: self._text_hash(each.path) for each in self.file.texts}
        asked = [
            (replace(each, path=path), self._text_hash(path))
            for each in self.file.benchmarks
            for path in files.benchmarks(each.path)
        ]
        for text, sha256 in texts.items():
            older = [run for run in self.runs if is_of_another_text(run, text.name, sha256)]
            self._take_back(text.path, older)
        for prompts, sha256 in asked:
            name = plain_path(prompts.path).stem
            older = [run for run in self.runs if is_of_other_prompts(run, name, sha256)]
            self._take_back(prompts.path, older)
        if self.file.reference and self._has_other_reference():
            self._take_back(self.file.reference, [run for run in self.runs if run.file_sha256])
        for quant in self.found.quants:
            self._take_back(
                quant.path, [run for run in self.runs if is_of_another_file(run, quant)]
            )
        for text in texts:
            self._refuse_other_cut(text)
            self._add(self.found.texts, text, [of_text(text)], 1)
        for prompts, _ in asked:
            tasks = ("benchmark", "answers") if reads_accepted(prompts.manner) else ("benchmark",)
            tests = [of_prompts(prompts, task) for task in tasks]
            self._add(self.found.benchmarks, prompts, tests, prompts.manner.parallel)
        self.found.imports = [each for entry in self.file.imports for each in self._lacking(entry)]
        self.found.imports.sort(key=lambda each: not each.is_reference)
        return self.found

    def _text_hash(self, path: Path) -> str:
        def unpacked(at: Path) -> str:
            return hashlib.sha256(read_bytes(at, "file")).hexdigest()

        if not path.is_file():
            read_bytes(path, "file")  # which says what is wrong
        return self.hashes.of(path, unpacked)

    def _reference(self) -> str | None:
        """What the reference is called; a file in its place that changed takes all back."""
        held = [run for run in self.runs if run.role == "reference"]
        path = self.file.reference
        if path is None:
            return next((run.quant_id for run in held), None)
        if not path.exists():  # what is kept of it may be enough
            was = next((run for run in held if run.file_name == path.name), None)
            if was is None:
                raise QwhError(
                    f"{self.file.path}: reference is {path}, and there is no such file: check the"
                    " path",
                    ExitCode.NOT_FOUND,
                )
            self.reference_was = was.file_sha256
            return was.quant_id
        own = [run for run in held if run.file_sha256]
        return self.names.of_reference(self.hashes.of_model(path) if own else None)

    def _has_other_reference(self) -> bool:
        """Whether the cohort's runs are of what the reference's file was before."""
        path = self.file.reference
        held = [run for run in self.runs if run.role == "reference" and run.file_sha256]
        if path is None or not held or self.reference_was:
            return False
        named = [run for run in held if run.file_name == path.name]
        return bool(named) and self.hashes.of_model(path) not in {run.file_sha256 for run in held}

    def _quants(self) -> list[QuantFile]:
        """All model files of the file but the reference's own, each once, under the names that they
        have or get.
        """
        assert self.file.reference is not None
        head = self.file.reference.resolve()
        found: dict[tuple[Path, str], QuantFile] = {}
        for entry in self.file.quants:
            paths = files.models([entry.path], self.file.reference)
            if entry.name and len(paths) > 1:
                raise QwhError(
                    f"{self.file.path}: one name, {entry.name}, for {len(paths)} files that fit"
                    f" {entry.path}: give each a table of its own",
                    ExitCode.BAD_INPUT,
                )
            for path in (each for each in paths if entry.settings or each.resolve() != head):
                run_as, again = self._readings(path, entry.settings)
                sha256 = self._hash_if_held(path, entry.name, run_as)
                name = self.names.of_quant(path, sha256, entry.name, run_as)
                if entry.name and name != entry.name:
                    raise QwhError(
                        f"{self.file.path}: {path.name} is to be called {entry.name}, and cohort"
                        f" {self.cohort} has it as {name}: run qwh runs rename {name}"
                        f" {entry.name} --cohort {self.cohort}",
                        ExitCode.MISMATCH,
                    )
                about = (entry.uploader, entry.facts, entry.settings, run_as.label, again)
                found[path.resolve(), run_as.label] = QuantFile(name, path, sha256, *about)
        if not found:
            raise QwhError(
                f"{self.file.path}: quants names no model beside the reference's own: add one",
                ExitCode.BAD_INPUT,
            )
        return list(found.values())

    def _refuse_double(self, quants: list[QuantFile], reference: str | None) -> None:
        named = [(each.name, str(each.path)) for each in quants]
        for each in quants:
            mine = [path for name, path in named if name == each.name]
            if each.name == reference:
                mine.append("the reference")
            if len(mine) > 1:
                paths = " and ".join(mine)
                raise QwhError(
                    f"{self.file.path}: {paths} are both called {each.name}: give quants names, as"
                    " [[quants]] with path and name",
                    ExitCode.BAD_INPUT,
                )

    def _readings(self, path: Path, settings: Settings) -> tuple[RunAs, dict[int, str]]:
        """How a file is run under settings, and by slots the label of its second reading, if any.

        Raises QwhError for settings that are none, and for a second reading like the first.
        """
        if not (settings or self.file.second.repeat) or not path.exists():
            return RunAs(), {}
        kind = registry.recognise(path) or registry.DEFAULT
        try:
            first = registry.reading_under(kind, self.plain, settings)
            refuse_rows(settings)
        except QwhError as error:
            raise QwhError(f"{self.file.path}: {error}", error.code) from None
        run_as = RunAs(first.label, suffix(first, registry.settings(kind)))
        return run_as, self._again("repeat", kind, first, path) if self.file.second.repeat else {}

    def _again(self, role: str, kind: str, first: Reading, path: Path) -> dict[int, str]:
        """Slots -> the label of a file's second reading. Raises QwhError where it is the first."""
        what = f"{role} = true would read {path.name}"
        try:
            return {
                n: read_again(kind, first._replace(slots=n), self.file.second, what).label
                for n in self.slots
            }
        except QwhError as error:
            raise QwhError(f"{self.file.path}: {error}", error.code) from None

    def _controls(self) -> dict[int, str]:
        """Slots -> the label of the reference's second reading, if one is asked for."""
        path = self.file.reference
        if not self.file.second.control or path is None:
            return {}
        return self._again(
            "control", registry.recognise(path) or registry.DEFAULT, self.plain, path
        )

    def _hash_if_held(self, path: Path, said: str | None, run_as: RunAs) -> str | None:
        """A model's hash where a run may be of it or of what lay there before."""
        if not path.exists():
            raise QwhError(
                f"{self.file.path}: quants has {path}, and there is no such file: check the path",
                ExitCode.NOT_FOUND,
            )
        size = sum(part.stat().st_size for part in files.parts(path))
        wanted = self.names.of_quant(path, None, said, run_as)
        for run in self.runs:
            if run.file_sha256 and (run.quant_id == wanted or run.file_bytes == size):
                return self.hashes.of_model(path)
        return None

    def _take_back(self, path: Path, older: list[RunFacts]) -> None:
        """Mark the runs of what a file was before, and see them no more."""
        ids = {str(run.run_id) for run in older}
        self.found.changed |= dict.fromkeys(ids, f"{CHANGED}{path.name}")
        self.runs = [run for run in self.runs if run.run_id not in ids]

    def _add(self, lists: dict, entry: Any, tests: list, slots: int) -> None:
        """The quants that lack a run which one of the tests asks for; none for a control alone."""
        found = {quant.name: quant.readings(slots) for quant in self.found.quants}
        left = [quant for quant in self.found.quants if self._lacks(found[quant.name], tests)]
        control, name = self.controls.get(slots), self.found.reference
        second = Who("control", name or "", label=control or "", first=Who("reference", name or ""))
        controls = [second] if control is not None and name is not None else []
        if self._lacks(controls, tests) or left:
            lists[entry] = left
            seconds = [who for each in left for who in found[each.name] if who.first]
            self.found.again[entry] = [
                who
                for who in (*seconds, *controls)
                if not any(tests[0](run, who) for run in self.runs)
            ]

    def _lacks(self, readings: list[Who], tests: list[Test]) -> bool:
        """Whether a run of a member's is missing, and was not taken back by hand."""
        lacking = [
            who
            for who in readings
            if not all(any(test(run, who) for run in self.runs) for test in tests)
        ]
        gone = [
            run for run in self.gone for who in lacking if any(test(run, who) for test in tests)
        ]
        self.found.left += [str(run.run_id) for run in gone]
        return bool(lacking) and not gone

    def _refuse_other_cut(self, text: TextEntry) -> None:
        """Raise QwhError where the cohort read another number of a text's chunks than is said."""
        if text.chunks is None or self.file.until is not None:
            return  # as many as the cohort has read
        for run in self.runs:
            wanted = min(text.chunks, (run.corpus_tokens or 0) // text.context_length)
            here = (run.task, run.corpus_id, run.context_length)
            if here == ("corpus", text.name, text.context_length) and run.chunks != wanted:
                raise QwhError(
                    f"{self.file.path}: chunks of {text.name} would be {wanted:,}, and cohort"
                    f" {run.cohort_id} holds it with {run.chunks:,}: write chunks = {run.chunks},"
                    " or give the text another name",
                    ExitCode.MISMATCH,
                )

    def _lacking(self, entry: ImportEntry) -> list[Brought]:
        """The files of an import that are not held as they are."""
        held = {(run.source_sha256, run.quant_id) for run in (*self.runs, *self.gone)}
        sources = {sha256 for sha256, _ in held}
        lacking = []
        for path in _paths(entry, self.file.path):
            each = self._brought(entry, path)
            is_held = (each.sha256, each.quant) in held if each.quant else each.sha256 in sources
            known = self.hashes.brought(each.key) or ""
            is_otherwise = known != each.state and known.startswith(each.sha256)
            is_usual = each.state == each.sha256 and not is_otherwise
            if known != each.state and not (is_held and is_usual):
                lacking.append(each._replace(is_otherwise=is_otherwise))
        return lacking

    def _brought(self, entry: ImportEntry, path: Path) -> Brought:
        said = quant_of(path, Import("", quant_from=entry.given)) if QUANT in entry.given else None
        is_reference = said is not None and said == entry.reference
        name = (
            (self.found.reference or said)
            if is_reference
            else self.found.stems.get(said or "", said)
        )
        return Brought(self.cohort, entry, path, name, is_reference, self.hashes.of(path))


def _paths(entry: ImportEntry, file: Path) -> list[Path]:
    """The files that an import's path stands for. Raises QwhError for none."""
    pattern = str(entry.path).replace(QUANT, "*")
    found = files.matches(Path(pattern)) if glob.has_magic(pattern) else [Path(pattern)]
    found = [Path(pattern)] if found is None else found
    if not found or not found[0].exists():
        raise QwhError(
            f"{file}: imports has {entry.given}, and no file fits it: check the path",
            ExitCode.NOT_FOUND,
        )
    return found


def _taken_back_by_hand(store: Store, cohort: str) -> list[RunFacts]:
    """A cohort's runs that somebody retracted, and no cohort file: they are left so."""
    state = store.ledger.state()
    return [
        run
        for run in store.runs(retracted=True)
        if run.cohort_id == cohort
        and is_retracted(held := state.get(str(run.run_id), {}))
        and not (held[RETRACTED].why or "").startswith((CHANGED, CHOSEN))
    ]
