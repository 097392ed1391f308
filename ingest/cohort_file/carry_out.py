"""A cohort file is carried out: what is missing is measured and brought in, and nothing else."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from ...progress import say
from ...raw import edits
from ...raw.manifest import SAME_TEXT, RunFacts
from ...raw.store import Store
from .. import files
from ..captures.shelf import ENGINE, Shelf, Sought
from ..cohort import Job, Settings, named_as_held
from ..engines import registry
from ..engines.port import PLAIN, Reading
from ..importing.files import ingest_files
from ..importing.source import Import, Stored
from ..members import Member, member, under
from ..prompts.asking import ask_benchmark
from ..prompts.preparing import prepared
from ..quant_names import stem
from ..texts.scoring import score_stored, score_texts
from ..texts.text import Cut, read_bytes
from ..trace import Trace
from .hashes import Hashes
from .keys import CohortFile, TextEntry
from .todo import CHANGED, CHOSEN, Brought, Todo
from .which_run import QuantFile, begun_as

SAME_SOURCE = ("cohort_id", "role", "quant_id", *SAME_TEXT, "source_format", "source_name")


def carry_out(
    file: CohortFile, wanted: Todo, store: Store, hashes: Hashes, settings: Settings
) -> Iterator[Stored]:
    """Every run that is missing, as soon as it is published. Raises QwhError."""
    for why in dict.fromkeys(wanted.changed.values()):
        ids = [run_id for run_id, reason in wanted.changed.items() if reason == why]
        edits.retract(store, ids, why, with_quants=True)
        _say_taken_back(why, ids)
    work = _Work(file, wanted, store, hashes, settings)
    for run in chain(work.texts(), work.benchmarks()):
        yield Stored(run, f"{run.rows:,} rows, {run.nonfinite} not finite")
    for each in wanted.imports:
        yield from work.brought(each)


class _Work:
    """The models of one file, opened once."""

    def __init__(
        self, file: CohortFile, wanted: Todo, store: Store, hashes: Hashes, settings: Settings
    ):
        self.file, self.wanted, self.store, self.hashes = file, wanted, store, hashes
        self.settings = replace(self._as_begun(settings), second=file.second)
        self.quants = self._members()
        self.shelf = Shelf(store)
        self._reference: Member | None = None  # its own file, once it is opened

    def _as_begun(self, settings: Settings) -> Settings:
        """The settings with which the cohort's runs were made: others would not be compared."""
        run = begun_as([run for run in self.store.runs() if run.cohort_id == self.wanted.cohort])
        if run is None or not run.batch_size:
            return settings
        top_k = settings.top_k if run.top_k is None else run.top_k
        return replace(settings, reading=Reading(rows=run.batch_size), top_k=top_k)

    def _members(self) -> list[Member]:
        """All quants that lack something."""
        lists = (*self.wanted.texts.values(), *self.wanted.benchmarks.values())
        lacking = {each.name for quants in lists for each in quants}
        return [self._member(each) for each in self.wanted.quants if each.name in lacking]

    def _member(self, quant: QuantFile) -> Member:
        found = under(self._opened(quant.name, quant.path), quant.settings, is_said=True)
        return replace(found, uploader=quant.uploader, facts=quant.facts)

    def _opened(self, name: str, path: Path) -> Member:
        found = member(name, path, self.settings.reading, None, registry.DEFAULT)
        self.hashes.keep(path, found.file.sha256, files.parts(path))
        return found

    def _head(self) -> Member:
        """The reference's own file."""
        if self._reference is None:
            assert self.file.reference is not None
            self._reference = self._opened(stem(self.file.reference), self.file.reference)
        return self._reference

    def _of(self, quants: list[QuantFile], head: Member | None = None) -> Job:
        """head: what stands in the reference's place, if anything does."""
        names = {each.name for each in quants}
        members = [each for each in self.quants if each.quant_id in names]
        asked = Job(self.wanted.cohort, head or self._head(), members, self.settings)
        return named_as_held(self.store, asked, is_said=True)

    def texts(self) -> Iterator[RunFacts]:
        """Texts that are cut alike together, the primary ones first."""
        cuts: dict[Cut, list] = {}
        for text in sorted(self.wanted.texts, key=lambda each: not each.primary):
            cut = Cut(text.context_length, text.chunks, self._score_from(text.name))
            cuts.setdefault(cut, []).append(text)
        for cut, texts in cuts.items():
            live = []
            for rank, text in enumerate(texts):
                kept = self._kept(text, cut, rank)
                if kept is None:
                    live.append(text)
                    continue
                job = self._of(self.wanted.texts[text], kept)
                if kept.made_by is None:  # without the model nothing is read of it once more
                    second = self.settings.second._replace(control=False)
                    job = replace(job, settings=replace(self.settings, second=second))
                yield from score_stored(self.store, job, text.name, Trace())
            if live:
                quants = [quant for text in live for quant in self.wanted.texts[text]]
                names = [f"{text.name}={text.path}" for text in live]
                yield from score_texts(self.store, self._of(quants), names, [cut], Trace())

    def _kept(self, text: TextEntry, cut: Cut, rank: int) -> Member | None:
        """What is kept of the reference on a text, made if need be; None: the reference is run."""
        held = self._chunks_held(text)
        if not self.file.capture:
            return None
        if self.settings.until is not None and not held:
            say(f"{text.name}: where it ends is not known yet, so nothing is kept of the reference")
            return None
        cut = cut._replace(chunks=held or cut.chunks)
        sought = self._sought(text, cut)
        found = self.shelf.find(sought)
        if found is None:
            name, threads = f"{text.name}={text.path}", self.settings.threads
            if self.shelf.make(self._head(), name, rank, cut, threads):
                found = self.shelf.find(sought)
        if found is None:
            return None
        made_by = self._head() if self._is_read_again(text) else None
        return replace(found, reading=self.settings.reading, made_by=made_by)

    def _is_read_again(self, text: TextEntry) -> bool:
        """Whether the reference is: a control that is there does without its file."""
        path = self.file.reference
        assert path is not None
        here = ("control", self.wanted.cohort, text.name, text.context_length)
        runs = self.store.runs()
        is_held = any(
            (run.role, run.cohort_id, run.corpus_id, run.context_length) == here for run in runs
        )
        return self.settings.second.control and (path.exists() or not is_held)

    def _sought(self, text: TextEntry, cut: Cut) -> Sought:
        """What a capture must be of."""
        path, rows = self.file.reference, self.settings.reading.rows
        assert path is not None
        known = self.wanted.reference_was or self.hashes.known(path, files.parts(path))
        any_member = self.quants[0] if self.quants else self._head()
        engine = any_member.engine.facts(any_member.file, PLAIN)
        facts = {
            "file_sha256": known or self._head().file.sha256,
            "corpus_id": text.name,
            "corpus_sha256": hashlib.sha256(read_bytes(text.path, "corpus")).hexdigest(),
            "batch_size": rows,
            **{key: engine[key] for key in ENGINE},
        }
        return Sought(facts, cut)

    def _chunks_held(self, text: TextEntry) -> int | None:
        """How many chunks the cohort's runs have of a text."""
        here = (self.wanted.cohort, "corpus", text.name, text.context_length)
        for run in reversed(self.store.runs()):
            if (run.cohort_id, run.task, run.corpus_id, run.context_length) == here and run.chunks:
                return run.chunks
        return None

    def _score_from(self, name: str) -> str:
        """Where scoring began on a text that was read before."""
        for run in self.store.runs():
            is_it = (run.cohort_id, run.corpus_id, run.task) == (self.wanted.cohort, name, "corpus")
            if is_it and run.score_from not in (None, (run.context_length or 0) // 2):
                return str(run.score_from)
        return "half"

    def benchmarks(self) -> Iterator[RunFacts]:
        """Each file of prompts, by those that lack answers to it."""
        for each, quants in self.wanted.benchmarks.items():
            job = self._of(quants)
            yield from ask_benchmark(self.store, job, prepared(each.path, each.manner, job))

    def brought(self, each: Brought) -> Iterator[Stored]:
        """One file of another tool's."""
        asked = Import(
            cohort=self.wanted.cohort,
            quant_id=each.quant,
            is_reference=each.is_reference,
            corpus_id=each.entry.text,
            benchmark_id=each.entry.benchmark,
            picks=each.entry.picks,
            known=self.wanted.stems,
        )
        before = self._of_source(each) if each.is_otherwise else []
        for stored in ingest_files(self.store, each.entry.kind, [each.path], asked):
            self._take_back_older(stored.run, each.path)
            asked.met.append(str(stored.run.run_id))
            yield stored
        left = [run for run in before if run.run_id not in asked.met]
        self._take_back(left, f"{CHOSEN}{each.path.name}")
        for run in self._of_source(each):  # what was there, and what was put back
            self._take_back_older(run, each.path)
        self.hashes.bring(each.key, each.state)

    def _of_source(self, each: Brought) -> list[RunFacts]:
        """The runs that are kept of one file as it is."""
        about = (self.wanted.cohort, each.sha256)
        runs = [run for run in self.store.runs() if (run.cohort_id, run.source_sha256) == about]
        return [run for run in runs if run.quant_id == (each.quant or run.quant_id)]

    def _take_back_older(self, new: RunFacts, path: Path) -> None:
        """Retract what the same file gave when it was another."""
        older = [
            run
            for run in self.store.runs()
            if all(getattr(run, key) == getattr(new, key) for key in SAME_SOURCE)
            and run.source_sha256 != new.source_sha256
        ]
        self._take_back(older, f"{CHANGED}{path.name}")

    def _take_back(self, runs: list[RunFacts], why: str) -> None:
        ids = [str(run.run_id) for run in runs]
        if ids:
            edits.retract(self.store, ids, why, with_quants=True)
            _say_taken_back(why, ids)


def _say_taken_back(why: str, ids: list[str]) -> None:
    say(f"retracted, {why}: {', '.join(ids)}")
