"""The attention memory that members take which answer prompts side by side."""

from ...errors import ExitCode, QwhError
from ..cohort import Job
from ..members import Member

UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def refuse_large(job: Job, members: list[Member], length: int) -> None:
    """Raise QwhError for a member whose attention memory is larger than was allowed.

    length: positions of a slot. Where nothing was said, slots may take what is free.
    """
    for who in members:
        slots, said = who.reading.slots, job.settings.kv_memory
        most = said if said is not None else who.engine.room() if slots > 1 else float("inf")
        if _beside_weights(who, slots, length) <= most:
            continue
        fits = [n for n in range(1, slots) if _beside_weights(who, n, length) <= most]
        what = "--kv-memory allows" if said is not None else "is free"
        raise QwhError(
            f"{who.file.path.name}: {slots} answers side by side with {length:,} tokens each take"
            f" {_amount(_beside_weights(who, slots, length))} of attention memory, and"
            f" {_amount(most)} {what}: "
            + (f"use --parallel {fits[-1]}" if fits else "use fewer --max-new-tokens"),
            ExitCode.USAGE,
        )


def _beside_weights(who: Member, slots: int, length: int) -> int:
    reading = who.reading._replace(slots=slots)
    return who.engine.takes(who.file, reading, length) - who.file.bytes


def _amount(size: float) -> str:
    unit, name = next((each for each in UNITS if size >= each[0]), (1.0, "bytes"))
    return f"{size / unit:.3g} {name}"
