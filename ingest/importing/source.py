"""What all imports share: what a command says of them, where they come from, what names a run."""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from ...errors import ExitCode, QwhError
from ...progress import say
from ...raw import edits
from ...raw.manifest import RunFacts, begun
from ...raw.names import refuse_name
from ...raw.store import Store
from ..readers.names import QUANT
from ..readers.port import Picks, Results, Samples


@dataclass(frozen=True)
class Import:
    """What a command says of all the files that it brings in."""

    cohort: str
    quant_id: str | None = None  # by default what the file calls the model
    quant_from: str | None = None  # the path's pattern, with {quant} where its name stands
    is_reference: bool = False
    picks: Picks = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)  # harness facts that no file tells
    corpus_id: str | None = None  # by default what the file says, as the next two
    context_length: int | None = None
    benchmark_id: str | None = None
    score_max: float | None = None  # the best score; None: 1
    smaller_is_better: bool = False  # a score becomes 1 - score / score_max
    sizes: dict[str, int] = field(default_factory=dict)  # quant -> bytes of its file
    match: str = "text"  # what pairs two answers: text, or item (with the expected answer)
    known: dict[str, str] = field(default_factory=dict)  # a model file's stem -> its quant's name
    met: list[str] = field(default_factory=list)  # ids of runs that turn out to be there


class Source(NamedTuple):
    """A file or folder that is read, or several files that are one run."""

    kind: str
    path: Path
    sha256: str  # of its bytes; of a folder over all files
    quant_id: str | None = None  # whose results it holds, where the command says so
    others: tuple[Path, ...] = ()  # read together with it


class Stored(NamedTuple):
    """A run that is in the warehouse now."""

    run: RunFacts
    what: str  # is in it, in a few words


def quant_of(path: Path, asked: Import) -> str | None:
    """Whose results a path holds, where the command says so.

    Raises QwhError for a path that --quant-from does not fit, and for what can be no name.
    """
    if asked.quant_from is None:
        return None if asked.quant_id is None else refuse_name(asked.quant_id, "--quant-id")
    match = _pattern(asked.quant_from).search(path.as_posix())
    if match is None or QUANT not in asked.quant_from:
        raise QwhError(
            f"--quant-from {asked.quant_from} does not fit {path}: write the path with {QUANT}"
            " where the quant's name stands, such as 'logs/{quant}.log'",
            ExitCode.USAGE,
        )
    return refuse_name(match["quant"], f"what {QUANT} is in {path}:")


def fits(path: Path, asked: Import) -> bool:
    """Whether --quant-from is given and finds a name in a path."""
    return bool(asked.quant_from and _pattern(asked.quant_from).search(path.as_posix()))


def _pattern(quant_from: str) -> re.Pattern:
    """The end of a path: {quant} and * are parts of one name."""
    inside = re.escape(quant_from).replace(re.escape(QUANT), "(?P<quant>[^/]+)", 1)
    inside = inside.replace(re.escape(QUANT), "(?P=quant)").replace(re.escape("*"), "[^/]*")
    return re.compile(f"(?:^|/){inside.removesuffix('/')}$")


def whose(found: Results, source: Source) -> str | None:
    """The quant, as the command names it, else the file."""
    named = found.model_name if isinstance(found, Samples) else found.quant_name
    return source.quant_id or named


def begun_import(found: Results, source: Source, asked: Import) -> RunFacts:
    """The facts that every import's run has.

    Raises QwhError if nobody says whose results these are.
    """
    said = whose(found, source)
    quant_id = said if source.quant_id else asked.known.get(said or "", said)
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
        file_bytes=asked.sizes.get(said or "") or getattr(found, "file_bytes", None),
    )


def named(store: Store, run: RunFacts, **content: object) -> RunFacts:
    """The run under its run_id: a hash of whose results it holds, of the file's size where it is
    said, and of its content.

    So the same results are the same run, whatever the file or folder they lie in is called, and
    whatever the model was called when they came in.
    """
    ids = [_run_id(run, name, content) for name in (run.quant_id, *_former_names(store, run))]
    held = [each for each in ids if store.find(each, retracted=True)]
    return replace(run, run_id=(held or ids)[0])


def refuse_twin(store: Store, run: RunFacts, is_named: bool, **content: object) -> None:
    """Raise QwhError where the cohort has these very results of this very file, which names its
    model, under another name; say so where they may be another model's. is_named: neither the file
    nor its path tells several models apart.
    """
    about = ("cohort_id", "role", "task", "corpus_id")
    for held in store.runs():
        is_alike = all(getattr(held, key) == getattr(run, key) for key in about)
        if not is_alike or held.quant_id == run.quant_id:
            continue
        if _run_id(run, store.published(held.run_id).quant_id, content) != held.run_id:
            continue
        same_file = held.source_sha256 == run.source_sha256
        same_model = run.model_name is not None and held.model_name == run.model_name
        if is_named and same_file and same_model:
            raise QwhError(
                f"{run.source_name} was brought in as {held.quant_id} ({origin(held)}), and cannot"
                f" be {run.quant_id}'s too: qwh runs rename {held.quant_id} {run.quant_id} --cohort"
                f" {run.cohort_id}, if that is its name",
                ExitCode.MISMATCH,
            )
        say(
            f"{run.quant_id} on {run.corpus_id} is to the last figure what {held.quant_id} is"
            f" ({origin(held)}): check that they are two models"
        )


def _run_id(run: RunFacts, name: str | None, content: dict[str, object]) -> str | None:
    more = content | ({"file_bytes": run.file_bytes} if run.file_bytes else {})
    return RunFacts(cohort_id=run.cohort_id, role=run.role, quant_id=name).named(**more).run_id


def _former_names(store: Store, run: RunFacts) -> list[str | None]:
    """What a run's model was called before, in the order of its runs."""
    whose = (run.cohort_id, run.role, run.quant_id)
    mine = [
        each.run_id
        for each in store.runs(retracted=True)
        if (each.cohort_id, each.role, each.quant_id) == whose
    ]
    first = dict.fromkeys(store.published(run_id).quant_id for run_id in mine)
    return [name for name in first if name != run.quant_id]


def already_there(store: Store, run: RunFacts, asked: Import) -> bool:
    """Whether the warehouse holds this run, and says so; one that was retracted is put back."""
    was_there = store.find(run.run_id) is not None
    held = edits.again(store, run.run_id)
    if held is None:
        return False
    asked.met.append(str(run.run_id))
    if not was_there:  # and was put back, which is said
        return True
    called = f" as {held.quant_id}" if held.quant_id != run.quant_id else ""
    say(
        f"{run.quant_id} on {run.corpus_id} is already in the warehouse{called} ({origin(held)}):"
        " nothing to do"
    )
    return True


def origin(run: RunFacts) -> str:
    """A held run, for a line that speaks of it."""
    return f"run {run.run_id} of {run.source_name or run.file_name}"


def say_what_counts(run: RunFacts, held: list[RunFacts]) -> None:
    """Say whether a run takes the place of those of the same quant on the same thing."""
    if not held:
        return
    other, about = max(held, key=weight), f"{run.quant_id} on {run.corpus_id}"
    if weight(run) > weight(other):
        say(f"{about}: replaces {origin(other)}")
    else:
        better = "larger" if weight(run)[1] != weight(other)[1] else "fuller"
        better = "whole" if run.status != other.status else better
        say(f"{about}: {origin(other)} is {better} and still counts")


def weight(run: RunFacts) -> tuple:
    """Of two runs of a quant on one thing the one of more weight counts, as int_current_runs says:
    the whole one, the larger one, the one with more figures, the one with choices, the later one.
    """
    parts = json.loads(run.parts or "{}")
    figures, choices = parts.get("summaries", {}).get("rows", 0), "choices" in parts
    return run.status == "complete", run.chunks or 0, figures, choices, run.started_at or ""


def whole_or_partial(run: RunFacts, found: Results) -> RunFacts:
    """The run with its status, which is known once the file is read to its end."""
    return replace(run, status="partial" if found.partial else "complete")


def flaws(found: Results) -> str:
    """What is not there, for the end of a line."""
    parts = [found.partial] if found.partial else []
    parts += [f"{count:,} left out: {reason}" for reason, count in found.left_out.items()]
    return "".join(f"; {part}" for part in parts)
