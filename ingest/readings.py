"""Second readings: the reference or a quant read again in another way, which should change nothing.

What it changes is the engine's own noise. A second reading is a run of its own, never ranked.
"""

from dataclasses import replace

from ..errors import ExitCode, QwhError
from ..raw.store import Store
from .cohort import Job
from .engines import registry
from .engines.port import Reading
from .engines.settings import is_same
from .members import Member
from .quant_names import published_name
from .second import Second


def seconds(store: Store, job: Job) -> list[Member]:
    """A job's second readings, the quants' first. Raises QwhError where one would be no other."""
    asked = job.settings.second
    firsts = [(quant, "repeat") for quant in job.quants] if asked.repeat else []
    if asked.control:
        firsts.append((job.reference, "control"))
    return [_again(store, job, first, role) for first, role in firsts]


def read_again(kind: str, first: Reading, second: Second, what: str) -> Reading:
    """The second reading. kind: of the engine; what: whose it is and in which role, for a person.

    Raises QwhError where it would be the first one.
    """
    found = registry.reading_under(kind, first, second.settings(first.slots))
    if is_same(found, first):
        rows = f"rows={16 if first.rows != 16 else 32}"
        other = f"{rows} with sequences=1" if first.slots > 1 else rows
        raise QwhError(
            f"{what} as before ({found.label or 'no settings'}): give another reading, as {other}",
            ExitCode.USAGE,
        )
    return found


def _again(store: Store, job: Job, first: Member, role: str) -> Member:
    model = first if first.file.stream is None else first.made_by
    if model is None:
        raise QwhError(
            f"{first.source} holds what a model said once, and cannot be read again: give"
            f" the model's file for --{role}",
            ExitCode.USAGE,
        )
    what = f"--{role} would read {first.quant_id}"
    reading = read_again(model.kind, model.reading, job.settings.second, what)
    name = published_name(store, job.cohort, (role, first.described.sha256, first.quant_id))
    mine = replace(model, quant_id=first.quant_id, reading=reading, role=role)
    return replace(mine, first=first, first_name=name)
