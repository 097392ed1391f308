"""Which cohort rows go into where nobody says so: the only one that there is."""

from pathlib import Path

from ..errors import ExitCode, QwhError
from ..progress import say

SHOWN = 8  # names in one line


def which_cohort(warehouse: Path, cohort: str | None) -> str:
    """The cohort that is named, else the only one in the warehouse, which it says.

    Raises QwhError where there is none, or more than one to choose from.
    """
    from ..raw.store import Store

    if cohort is not None:
        return cohort
    names = sorted({str(run.cohort_id) for run in Store(warehouse).runs()})
    if len(names) == 1:
        say(f"into cohort {names[0]}, the only one here")
        return names[0]
    if not names:
        raise QwhError(
            "which cohort: there is none yet: give it a name with --cohort", ExitCode.USAGE
        )
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    raise QwhError(f"which cohort: give --cohort one of {shown}, or a new name", ExitCode.USAGE)
