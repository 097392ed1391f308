"""What must not be mixed in one cohort: another file under a name, other settings on one text."""

import json
from typing import Any

from ..errors import ExitCode, QwhError
from ..raw.manifest import RunFacts
from ..raw.store import Store
from .cohort import Job
from .differences import apart
from .members import run_as
from .prompts.benchmarks import UNSAID
from .quant_names import settings_of


def refuse_other_reference(store: Store, run: RunFacts) -> None:
    """Raise QwhError if an import's role or name clashes with the cohort's one reference."""
    for held in store.runs():
        if held.cohort_id != run.cohort_id:
            continue
        if held.side == run.role == "reference" and held.quant_id != run.quant_id:
            raise QwhError(
                f"cohort {run.cohort_id} already has the reference {held.quant_id}, not"
                f" {run.quant_id}: give --quant-id {held.quant_id} if it is the same model, or"
                f" another --cohort; qwh runs rename {held.quant_id} {run.quant_id} changes its"
                " name",
                ExitCode.MISMATCH,
            )
        if held.side != run.role and held.quant_id == run.quant_id:
            raise QwhError(
                f"cohort {run.cohort_id} knows {held.quant_id} as its {held.side}, not as a"
                f" {run.role}: check --is-reference and --quant-id",
                ExitCode.MISMATCH,
            )


def refuse_mixing(store: Store, job: Job, runs: list[RunFacts]) -> None:
    """Raise QwhError if a job's files or facts clash with what the cohort holds."""
    for held in store.runs():
        if held.cohort_id == job.cohort:
            refuse = _refuse_other_quant if held.side == "quant" else _refuse_other_head
            refuse(held, job)
            for run in runs:
                _refuse_other_facts(held, run)


def _refuse_other_head(held: RunFacts, job: Job) -> None:
    """Raise QwhError unless a held run may be of the job's reference; an import has no file."""
    file, name = job.reference.described, job.reference.quant_id
    if held.file_sha256 is None and held.quant_id != name:
        raise QwhError(
            f"cohort {job.cohort} already has the reference {held.quant_id}, not {name}: if it is"
            f" the same model, qwh runs rename {held.quant_id} {name} --cohort {job.cohort}, else"
            " use another --cohort",
            ExitCode.MISMATCH,
        )
    if held.file_sha256 not in (None, file.sha256):
        raise QwhError(
            f"cohort {job.cohort} already has the reference {held.quant_id}"
            f" ({held.file_name}), not {file.path.name}: use that file or another --cohort",
            ExitCode.MISMATCH,
        )


def _refuse_other_quant(held: RunFacts, job: Job) -> None:
    """Raise QwhError if another file, or other settings, were measured under a quant's name."""
    files = {quant.quant_id: quant.described.sha256 for quant in job.quants}
    labels = {quant.quant_id: run_as(quant).label for quant in job.quants}
    label = settings_of(held)
    is_first = held.role == "quant" and held.file_sha256 is not None
    if is_first and labels.get(held.quant_id or "", label) != label:
        raise QwhError(
            f"cohort {job.cohort} knows {held.quant_id} run with {label or 'no settings'}: give"
            " this one its own --quant-id",
            ExitCode.MISMATCH,
        )
    same = [quant for quant in job.quants if is_first and quant.quant_id == held.quant_id]
    if any(who.engine.facts(who.file, who.reading).get("lora") != held.lora for who in same):
        raise QwhError(
            f"cohort {job.cohort} knows {held.quant_id} with another adapter: give this one its own"
            " --quant-id",
            ExitCode.MISMATCH,
        )
    if held.file_sha256 not in (None, files.get(held.quant_id or "", held.file_sha256)):
        raise QwhError(
            f"cohort {job.cohort} already knows another file as {held.quant_id}"
            f" ({held.file_name}): give this one its own --quant-id",
            ExitCode.MISMATCH,
        )


def _refuse_other_facts(held: RunFacts, run: RunFacts) -> None:
    there, here = (_compared(each, run.clashes(held)) for each in (held, run))
    differ = [key for key in there | here if there.get(key) != here.get(key)]
    if "token_stream_sha256" in differ and _is_other_text(held, run):
        name = "--benchmark-id" if run.benchmark_id else "name, --corpus NAME=FILE"
        raise QwhError(
            f"cohort {held.cohort_id} holds another text as {held.corpus_id}: give this file its"
            f" own {name}, or use another --cohort",
            ExitCode.MISMATCH,
        )
    if differ:
        pairs = [(key, *apart(_said(there, key), _said(here, key))) for key in differ]
        told = ", ".join(f"{key} {ours} there, {theirs} here" for key, ours, theirs in pairs)
        length = f" at context length {held.context_length}" if held.context_length else ""
        raise QwhError(
            f"cohort {held.cohort_id} holds {held.corpus_id}{length} with other settings:"
            f" {told}: repeat those settings, or use another --cohort or corpus name",
            ExitCode.MISMATCH,
        )


def _is_other_text(held: RunFacts, run: RunFacts) -> bool:
    """Whether two runs under one name read files of which both are known and differ."""
    return None not in (held.corpus_sha256, run.corpus_sha256) and (
        held.corpus_sha256 != run.corpus_sha256
    )


def _said(facts: dict[str, Any], key: str) -> str:
    """A fact for a person."""
    value = facts.get(key)
    return str(UNSAID.get(key, "none") if value is None else value)


def _compared(run: RunFacts, keys: list[str]) -> dict[str, Any]:
    """Facts of a run by name; those under which prompts were answered one by one."""
    found = {key: getattr(run, key) for key in keys}
    harness = found.pop("harness", None)
    return found | (json.loads(harness) if harness else {})
