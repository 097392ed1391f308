"""Second readings: the reference or a quant read again in another way, which should change nothing.

What it changes is the engine's own noise. A second reading is a run of its own, never ranked.
"""

from dataclasses import replace

from ..errors import ExitCode, QwhError
from ..raw.store import Store
from .cohort import Job
from .engines import registry
from .engines.settings import is_same
from .members import Member
from .quant_names import published_name
from .second import Settings


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
