"""How every command that ingests begins the line about a new run."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..raw.manifest import RunFacts


def which_run(run: "RunFacts") -> str:
    """A run's id, its role, its model, and what it is on."""
    return f"{run.run_id}  {run.role:<9}  {run.quant_id}  {run.corpus_id}"
