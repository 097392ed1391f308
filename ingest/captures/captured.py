"""Captures in a reference's place: which are meant, and their quants' runs."""

import hashlib
from pathlib import Path
from typing import NamedTuple, Protocol

from ...errors import ExitCode, QwhError
from ...raw import captures
from ...raw.manifest import RunFacts
from ...raw.store import Store
from ..cohort import Settings, named_as_held, stored_job
from ..engines import registry
from ..texts.scoring import score_stored
from ..texts.text import Cut, first_scored, named, read_bytes
from ..trace import Trace

KIND = "capture"  # the engine's name in the registry


class Said(Protocol):
    """What a command says of its texts; None: nothing. corpus: a path or ID=path each."""

    @property
    def corpus(self) -> list[str] | None: ...

    @property
    def context_length(self) -> list[int] | None: ...

    @property
    def chunks(self) -> int | None: ...

    @property
    def score_from(self) -> str | None: ...


class Quants(NamedTuple):
    """What is to be compared with a capture. names: theirs in order; None: their files'."""

    cohort: str
    files: list[Path]
    names: list[str] | None
    settings: Settings


def given(reference: Path | None, capture: Path | None) -> list[Path]:
    """The captures that stand in a reference's place; none where the reference is a model.

    reference: a model, or what stands in its place; capture: a capture's folder, or one of several.
    Raises QwhError: both or neither, or no capture.
    """
    if (reference is None) == (capture is None):
        found = "both are given" if reference else "neither is given"
        raise QwhError(
            f"--reference names the model and --reference-capture what is kept of it: {found}: give"
            " one of them",
            ExitCode.USAGE,
        )
    if capture is None:
        assert reference is not None
        is_kept = registry.recognise(reference) == KIND
        return [captures.folder_of(reference)] if is_kept else []
    inside = sorted(each for each in capture.glob("*") if captures.is_capture(each))
    return inside if inside and not captures.is_capture(capture) else [captures.folder_of(capture)]


def refuse_capture(path: Path) -> None:
    """Raise QwhError for a capture in a logits file's place."""
    if registry.recognise(path) == KIND:
        raise QwhError(
            f"{path} is a capture and no logits file: give it to qwh ingest gguf as"
            " --reference-capture",
            ExitCode.USAGE,
        )


def score_captures(
    store: Store, folders: list[Path], quants: Quants, said: Said, trace: Trace
) -> list[RunFacts]:
    """Score quants against captures, each on its own text. Returns the new runs.

    Raises QwhError where what is said of a text is not what a capture is of.
    """
    published = []
    for folder in folders:
        _refuse_other_text(folder, said)
        job = stored_job(quants.cohort, (folder, None), *quants[1:])
        job = named_as_held(store, job, is_said=bool(quants.names))
        published += score_stored(store, job, None, trace)
    return published


def _refuse_other_text(folder: Path, said: Said) -> None:
    """Raise QwhError if what is said of a text is not what a capture is of."""
    text = captures.read_manifest(folder).about.text
    length = text["context_length"]
    first = first_scored(Cut(length, None, said.score_from)) if said.score_from else None
    wanted: list[tuple[str, int | None]]
    wanted = [("context_length", each) for each in said.context_length or ()]
    wanted += [("chunks", said.chunks), ("score_from", first)]
    differ = [
        f"{key} {text[key]} there, {value} here"
        for key, value in wanted
        if value not in (None, text[key])
    ]
    for corpus_id, path in map(named, said.corpus or ()):
        if hashlib.sha256(read_bytes(path, "corpus")).hexdigest() != text["corpus_sha256"]:
            differ.append(f"{text['corpus_id']} there, {path} with other bytes here")
        elif corpus_id != text["corpus_id"]:
            differ.append(f"it is called {text['corpus_id']} there, {corpus_id} here")
    if differ:
        raise QwhError(
            f"the capture in {folder} is of another text: {'; '.join(differ)}: leave that out, for"
            " a capture knows its text, or make another capture",
            ExitCode.MISMATCH,
        )
