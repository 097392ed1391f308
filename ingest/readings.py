"""Second readings: the reference or a quant read again in another way, which should change nothing.

What it changes is the engine's own noise. A second reading is a run of its own, never ranked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import ExitCode, QwhError
from ..raw.store import Store
from .engines import registry
from .engines.settings import is_same
from .members import Member
from .second import Settings

if TYPE_CHECKING:
    from .cohort import Job


def seconds(store: Store, job: Job) -> list[Member]:
    """A job's second readings, the quants' first. Raises QwhError where one would be no other."""
    asked = job.settings.second
    firsts = [(quant, "repeat") for quant in job.quants] if asked.repeat else []
    if asked.control:
        firsts.append((job.reference, "control"))
    return [_again(store, job, first, role, asked.settings) for first, role in firsts]


def _again(store: Store, job: Job, first: Member, role: str, settings: Settings) -> Member:
    model = first if first.file.stream is None else first.made_by
    if model is None:
        raise QwhError(
            f"{first.file.path.name} holds what a model said once, and cannot be read again: give"
            f" the model's file for --{role}",
            ExitCode.USAGE,
        )
    reading = registry.reading_under(model.kind, model.reading, settings)
    if is_same(reading, model.reading):
        raise QwhError(
            f"--{role} would read {first.quant_id} as before ({reading.label or 'no settings'}):"
            f" give another --reading{', as flash_attention=off' if reading.slots > 1 else ''}",
            ExitCode.USAGE,
        )
    name = published_name(store, job.cohort, (role, first.described.sha256, first.quant_id))
    mine = replace(model, quant_id=first.quant_id, reading=reading, role=role)
    return replace(mine, first=first, first_name=name)


def published_name(store: Store, cohort: str, who: tuple[str, str, str]) -> str | None:
    """What a member was called when its first run was published; None: it has no run.

    who: its role, its file's SHA-256 and its name.
    """
    for run in store.runs(retracted=True):
        held = (run.role, run.file_sha256, run.quant_id)
        if run.cohort_id == cohort and held == who:
            return store.published(run.run_id).quant_id
    return None


def with_firsts(members: list[Member]) -> list[Member]:
    """Quants and their second readings, each of these behind its first reading; then controls."""
    found: dict[Member, None] = {}
    for who in members:
        if who.role == "repeat" and who.first:
            found[who.first] = None
        found[who] = None
    return sorted(found, key=lambda who: who.role == "control")
