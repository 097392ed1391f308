"""What can be said of published runs: that they are taken back, put back, called otherwise, tagged.

All of it is kept in the ledger and can be said the other way round; only `purge` deletes.
"""

import json
import shutil
from collections.abc import Iterable

from ..errors import ExitCode, QwhError, meant, storage_error
from ..progress import say
from . import ledger
from .ledger import NO, PURGED, QUANT_ID, RETRACTED, TAG, YES, Edit
from .manifest import SAME_TEXT, SECOND, RunFacts
from .names import refuse_name
from .schema import TABLES
from .store import Store

SHOWN = 4  # runs in one line


def by_id(store: Store, prefixes: Iterable[str]) -> list[RunFacts]:
    """The runs whose ids begin so, retracted ones too, each once. Raises QwhError unless each
    beginning is that of one run.
    """
    runs = store.runs(retracted=True)
    found = {}
    for prefix in prefixes:
        those = [run for run in runs if prefix and str(run.run_id).startswith(prefix.lower())]
        if len(those) != 1:
            which = f"{len(those)} runs begin with it" if those else "no run begins with it"
            raise QwhError(
                f"there is no one run {prefix or 'of no id'}: {which}: give more of an id that qwh"
                " runs list --all shows",
                ExitCode.NOT_FOUND,
            )
        found[those[0].run_id] = those[0]
    return list(found.values())


def retract(
    store: Store, run_ids: Iterable[str], why: str, with_quants: bool = False
) -> list[RunFacts]:
    """Take runs out of every table from the next build on; returns those that were in them.

    A repeat goes with the run that it reads again. with_quants: also those that were scored against
    one of them. Raises QwhError where such runs would be left behind.
    """
    if not why.strip():
        raise QwhError("say why: --why TEXT", ExitCode.USAGE)
    asked = {run.run_id for run in by_id(store, run_ids)}
    kept = store.runs()
    scored = [run for run in kept if run.reference_run_id in asked and run.run_id not in asked]
    if scored and not with_quants:
        raise QwhError(
            f"{_counted(scored, 'run')} scored against it would be left without a reference:"
            f" {_named(scored)}: add --with-quants to retract them too",
            ExitCode.MISMATCH,
        )
    asked |= {run.run_id for run in scored}
    gone = [run for run in kept if {run.run_id, run.first_run_id} & asked]
    reason = why.strip().encode(errors="replace").decode()  # SQL reads it, too
    store.ledger.append(Edit(str(run.run_id), RETRACTED, YES, reason) for run in gone)
    return gone


def restore(
    store: Store, run_ids: Iterable[str], why: str = "restored", with_quants: bool = False
) -> list[RunFacts]:
    """Put retracted runs back into the tables; returns those that were out of them.

    A repeat comes with the run that it reads again if it went with it. with_quants: also those that
    were retracted together with a reference's run. Raises QwhError where a run would be without its
    reference or its first reading, or where what was stored since speaks against it.
    """
    runs, state = store.runs(retracted=True), store.ledger.state()
    asked = {run.run_id for run in by_id(store, run_ids)}
    once = {
        edit.sequence
        for edit in store.ledger.edits()
        if (edit.run_id in asked and (edit.field, edit.value) == (RETRACTED, YES))
    }
    went = [
        run
        for run in runs
        if (edit := state.get(str(run.run_id), {}).get(RETRACTED)) and edit.sequence in once
    ]
    if with_quants:
        asked |= {run.run_id for run in went if run.reference_run_id in asked}
    asked |= {run.run_id for run in went if run.first_run_id in asked}
    kept = {run.run_id: run for run in store.runs()}
    back = [run for run in runs if run.run_id in asked and run.run_id not in kept]
    there = kept | {run.run_id: run for run in back}
    for run in back:
        for needed in (run.reference_run_id, run.first_run_id):
            if needed and needed not in there:
                raise QwhError(
                    f"{_called(run)} was scored against the run {needed}, which is retracted:"
                    " restore that too, in one command or before",
                    ExitCode.MISMATCH,
                )
        _refuse_lost(store, run)
        for other in there.values():
            _refuse_clash(run, other)
    store.ledger.append(ledger.restored(str(run.run_id), why) for run in back)
    return back


def rename(
    store: Store, old: str, new: str, cohort: str, only: Iterable[str] = ()
) -> list[RunFacts]:
    """Call a model otherwise in all its runs, or only in some; returns those, as they were called.

    Raises QwhError for a name that is none, for a model that is not there, and where the name is
    another model's: one of another file or role, or one that has a run on the same text.
    """
    refuse_name(new)
    runs = [run for run in store.runs(retracted=True) if run.cohort_id == cohort]
    some = {run.run_id for run in by_id(store, only)}
    mine = [run for run in runs if run.quant_id == old and (not some or run.run_id in some)]
    if not mine:
        names = {str(run.quant_id) for run in runs}
        raise QwhError(
            f"there is no {old} in cohort {cohort}: {meant(old, names)}: see qwh runs list --all",
            ExitCode.NOT_FOUND,
        )
    retracted = _retracted(store.ledger.state())
    for other in [run for run in runs if run.quant_id == new != old]:
        for run in mine:
            both = run.run_id not in retracted and other.run_id not in retracted
            _refuse_joining(run, other, both)
    published = {run.run_id: store.published(run.run_id).quant_id for run in mine}
    store.ledger.append(
        Edit(str(run.run_id), QUANT_ID, None if published[run.run_id] == new else new)
        for run in mine
    )
    return mine if new != old else []


def tag(
    store: Store, run_ids: Iterable[str], word: str, remove: bool = False, why: str | None = None
) -> list[RunFacts]:
    """Have runs carry a word, or carry it no more; returns those of which that was not so."""
    if not word.strip() or any(not letter.isprintable() or letter.isspace() for letter in word):
        raise QwhError(f"{word!r} is no tag: write one word", ExitCode.USAGE)
    found, value = by_id(store, run_ids), NO if remove else YES
    done = store.ledger.append(Edit(str(run.run_id), TAG + word, value, why) for run in found)
    return [run for run in found if run.run_id in {edit.run_id for edit in done}]


def purge(store: Store, runs: list[RunFacts]) -> None:
    """Delete retracted runs with all their rows. Raises QwhError unless all are retracted and no
    other run was scored against one of them.
    """
    ids = {str(run.run_id) for run in runs}
    kept = [run for run in store.runs() if run.run_id in ids]
    if kept:
        raise QwhError(f"{_named(kept)} is not retracted: retract it first", ExitCode.MISMATCH)
    others = [run for run in store.runs(retracted=True) if run.run_id not in ids]
    scored = [run for run in others if {run.reference_run_id, run.first_run_id} & ids]
    if scored:
        raise QwhError(
            f"{_counted(scored, 'run')} was scored against what would be deleted:"
            f" {_named(scored)}: retract and delete those too",
            ExitCode.MISMATCH,
        )
    try:
        for run_id in ids:
            for part in (store.part(table, run_id) for table in TABLES):
                if part.parent.exists():
                    shutil.rmtree(part.parent)
            store.manifest(run_id).unlink()  # last: what is half deleted can be deleted again
    except OSError as error:
        raise storage_error("cannot delete a run", error) from None
    store.ledger.append(Edit(run_id, PURGED, YES) for run_id in sorted(ids))


def again(store: Store, run_id: str | None) -> RunFacts | None:
    """The held run that ingest is about to make anew, None if there is none.

    A retracted one is put back, with its reference's run, and that is said; it counts as none if
    its rows are gone.
    """
    run = store.find(run_id, retracted=True)
    if run and store.find(run_id) is None:
        if _lost(store, run):
            return None
        needed = (run.run_id, run.reference_run_id, run.first_run_id)
        wanted = [each for each in needed if each]
        word = "would be" if store.is_shadow else "is"
        for back in restore(store, map(str, wanted), ledger.MEASURED_AGAIN):
            say(f"{_called(back)} was retracted, and {word} back")
    return run


def left_alone(store: Store, gone: list[RunFacts]) -> list[RunFacts]:
    """The kept runs of quants that read what no kept run of a reference reads any more.

    Of those that no run of a reference is named by: imports, which meet theirs in the tables.
    """
    kept = store.runs()
    read = {_read(run) for run in gone if run.role == "reference"}
    read -= {_read(run) for run in kept if run.role == "reference"}
    return [run for run in kept if run.side == "quant" and _read(run) in read]


def _refuse_joining(run: RunFacts, other: RunFacts, both_kept: bool) -> None:
    """Raise QwhError unless a run may be called as another model's run is."""
    name = f"{run.quant_id} cannot be called {other.quant_id}"
    if run.side != other.side:
        raise QwhError(
            f"{name}, which is the name of cohort {other.cohort_id}'s {other.side}, for it is a"
            f" {run.side}: choose another name",
            ExitCode.MISMATCH,
        )
    if _other_files(run, other):
        raise QwhError(
            f"{name}, which is another file ({other.file_name}, not {run.file_name}): choose"
            " another name",
            ExitCode.MISMATCH,
        )
    if both_kept and _in_place_of(run) == _in_place_of(other) and not _same_file(run, other):
        raise QwhError(
            f"{name}: both have a run on {run.corpus_id} ({run.run_id} and {other.run_id}), and one"
            " would hide the other: retract one of them first",
            ExitCode.MISMATCH,
        )


def _refuse_lost(store: Store, run: RunFacts) -> None:
    """Raise QwhError where rows of a run are not there any more."""
    if lost := _lost(store, run):
        raise QwhError(
            f"cannot restore {_called(run)}: its {', '.join(lost)} are gone: measure it again, or"
            " delete the rest with qwh runs retract --purge",
            ExitCode.STORAGE,
        )


def _lost(store: Store, run: RunFacts) -> list[str]:
    """The tables of which a run's rows are gone."""
    tables = json.loads(run.parts or "{}")
    return [table for table in tables if not store.part(table, run.run_id).exists()]


def _refuse_clash(run: RunFacts, other: RunFacts) -> None:
    """Raise QwhError where a run that comes back cannot stand beside one that is there."""
    if run.cohort_id != other.cohort_id:
        return
    same_name, what = run.quant_id == other.quant_id, None
    if run.side == other.side == "reference" and not same_name:
        what = f"the cohort's reference is {other.quant_id}"
    elif same_name and run.side != other.side:
        what = f"{other.quant_id} is the cohort's {other.side}"
    elif same_name and _other_files(run, other):
        what = f"{other.quant_id} is another file there ({other.file_name})"
    elif _has_rows(run) and _has_rows(other) and (facts := run.clashes(other)):
        what = f"it has another {', '.join(facts)} than {_called(other)}"
    if what:
        raise QwhError(
            f"cannot restore {_called(run)}: {what}: retract the run {other.run_id}, or rename one"
            " of them, first",
            ExitCode.MISMATCH,
        )


def _same_file(run: RunFacts, other: RunFacts) -> bool:
    return run.file_sha256 is not None and run.file_sha256 == other.file_sha256


def _other_files(run: RunFacts, other: RunFacts) -> bool:
    """Whether two runs are known to be of two files."""
    return None not in (run.file_sha256, other.file_sha256) and not _same_file(run, other)


def _has_rows(run: RunFacts) -> bool:
    """Whether a run was scored position by position, so that its settings decide what it meets."""
    return run.task != "summary" and run.estimator is not None


def _in_place_of(run: RunFacts) -> tuple:
    """Of two runs of one model that agree here one counts, as int_current_runs says."""
    estimator = None if run.task in ("benchmark", "answers") else run.estimator
    second = (run.role, run.reading) if run.role in SECOND else None
    return *(getattr(run, key) for key in SAME_TEXT), estimator, second


def _read(run: RunFacts) -> tuple:
    return run.cohort_id, *(getattr(run, key) for key in SAME_TEXT)


def _retracted(state: dict[str, dict[str, Edit]]) -> set[str | None]:
    return {run_id for run_id, fields in state.items() if ledger.is_retracted(fields)}


def _called(run: RunFacts) -> str:
    return f"{run.quant_id} on {run.corpus_id} ({run.run_id})"


def _named(runs: list[RunFacts]) -> str:
    more = f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
    return ", ".join(map(_called, runs[:SHOWN])) + more


def _counted(runs: list[RunFacts], what: str) -> str:
    return f"{len(runs):,} {what}{'s' if len(runs) != 1 else ''}"
