"""What all imports share: what a command says of them, where they come from, what names a run."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from ...errors import ExitCode, QwhError
from ...progress import say
from ...raw.manifest import RunFacts, begun
from ...raw.store import Store
from ..readers.port import Picks, Results, Samples


@dataclass(frozen=True)
class Import:
    """What a command says of all the files that it brings in."""

    cohort: str
    quant_id: str | None = None  # by default what the file calls the model
    is_reference: bool = False
    picks: Picks = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)  # harness facts that no file tells
    corpus_id: str | None = None  # by default what the file says, as the next
    context_length: int | None = None


class Source(NamedTuple):
    """A file or folder that is read."""

    kind: str
    path: Path
    sha256: str  # of its bytes; of a folder over all files


def begun_import(found: Results, source: Source, asked: Import) -> RunFacts:
    """The facts that every import's run has.

    Raises QwhError if nobody says whose results these are.
    """
    named = found.model_name if isinstance(found, Samples) else found.quant_name
    quant_id = asked.quant_id or named
    if not quant_id:
        raise QwhError(
            f"{source.path} does not say which model it is about: give it a --quant-id",
            ExitCode.USAGE,
        )
    is_reference = asked.is_reference or (not isinstance(found, Samples) and found.is_reference)
    return begun(
        cohort_id=asked.cohort,
        role="reference" if is_reference else "quant",
        quant_id=quant_id,
        source_format=source.kind,
        source_name=source.path.name,
        source_sha256=source.sha256,
    )


def named(run: RunFacts, **more: object) -> RunFacts:
    """The run under its run_id: a hash of whose results it holds, of the source, and of `more`.

    So the same file is the same run, whatever version of qwh reads it.
    """
    base = RunFacts(
        cohort_id=run.cohort_id,
        role=run.role,
        quant_id=run.quant_id,
        source_sha256=run.source_sha256,
    )
    return replace(run, run_id=base.named(**more).run_id)


def already_there(store: Store, run: RunFacts) -> bool:
    """Whether the warehouse holds this run; says so."""
    if store.find(run.run_id) is None:
        return False
    say(f"{run.quant_id} on {run.corpus_id} is already in the warehouse: nothing to do")
    return True


def whole_or_partial(run: RunFacts, found: Results) -> RunFacts:
    """The run with its status, which is known once the file is read to its end."""
    return replace(run, status="partial" if found.partial else "complete")


def flaws(found: Results) -> str:
    """What is not there, for the end of a line."""
    parts = [found.partial] if found.partial else []
    parts += [f"{count:,} left out: {reason}" for reason, count in found.left_out.items()]
    return "".join(f"; {part}" for part in parts)
