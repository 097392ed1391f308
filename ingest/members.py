"""The models of a cohort: their files told by their content, their names, how each is run."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ExitCode, QwhError
from .engines import registry
from .engines.port import PLAIN, Engine, ModelFile, Reading
from .engines.settings import ROWS, SEQUENCES, suffix
from .quant_names import RunAs, short_name, stem
from .readers import strangers
from .readers.registry import head
from .readers.untrusted.packed import packing
from .second import Settings


@dataclass(frozen=True, eq=False)  # hashed by identity
class Member:
    """A model file in a cohort under its quant_id, with the way in which it is run.

    made_by: the model that wrote a stored source, if it is at hand: its file's facts are stored.
    facts: what else was said of it. first_name: what the store called it when its first run was
    published, by which its runs' ids are made; None: as it is called. role: reference, quant, or
    that of a second reading (see readings.py); first: whose second reading it is.
    """

    quant_id: str
    kind: str  # of the engine
    file: ModelFile
    reading: Reading = PLAIN
    uploader: str | None = None
    made_by: "Member | None" = None
    facts: dict[str, Any] | None = None
    first_name: str | None = None
    role: str = "quant"
    first: "Member | None" = None

    @property
    def title(self) -> str:
        """For a person: its name, and how it is read if that is not the first time."""
        return f"{self.quant_id} again ({self.reading.label})" if self.first else self.quant_id

    @property
    def engine(self) -> Engine:
        """The engine that runs it."""
        return registry.engine(self.kind)

    @property
    def source(self) -> str:
        """What it is read from, for a person."""
        path, kind = self.file.path, registry.ENGINES[self.kind]
        return f"the capture {path.parent.name}" if kind.in_folder else path.name

    @property
    def described(self) -> ModelFile:
        """The file whose facts are the run's."""
        return self.made_by.file if self.made_by else self.file


def open_stored(path: Path) -> tuple[str, ModelFile]:
    """The kind of a file that holds what a model said of one text, and what lies in it."""
    kind = _kind(path)
    if kind is None and path.is_file():
        strangers.refuse(path, head(path))
    kind = kind if kind and registry.ENGINES[kind].stored else registry.STORED
    return kind, registry.engine(kind).file(path)


def _kind(path: Path) -> str | None:
    """The engine that knows a file. Raises QwhError if it is no model but something well known."""
    kind = registry.recognise(path)
    if kind is None and path.is_file():
        strangers.refuse_unfetched(path, head(path))
        if packed := packing(path):
            raise QwhError(
                f"cannot use {path}: it is packed with {packed}: unpack it first",
                ExitCode.BAD_INPUT,
            )
    return kind


def _open(path: Path, default: str) -> tuple[str, ModelFile]:
    """The kind of a model file, told by its content, and what lies in it."""
    kind = _kind(path) or default
    return kind, registry.engine(kind).file(path)


def member(
    quant_id: str, path: Path, reading: Reading, uploader: str | None, default: str
) -> Member:
    """A model file as a member of a cohort; default: the engine of unknown files."""
    kind, file = _open(path, default)
    return Member(quant_id, kind, file, reading, uploader)


def under(who: Member, settings: Settings, is_said: bool) -> Member:
    """A member that is run under settings, which its name has too unless somebody said one.

    Raises QwhError for settings that its engine does not take.
    """
    reading = registry.reading_under(who.kind, who.reading, settings)
    refuse_rows(settings)
    word = "" if is_said else suffix(reading, registry.settings(who.kind))
    return replace(who, quant_id=who.quant_id + word, reading=reading)


def run_as(who: Member) -> RunAs:
    """How a quant is run, for its name."""
    alone = who.reading._replace(sequences=1)
    return RunAs(alone.label, suffix(who.reading, registry.settings(who.kind)))


def refuse_rows(settings: Settings) -> None:
    """Raise QwhError for a batch shape as a quant's setting: its reference's would be another."""
    for name, value in settings:
        if name in (ROWS, SEQUENCES):
            raise QwhError(
                f"{name}={value} is no setting of a quant: all of a cohort are read alike: give"
                " --batch-size, or read again so with --control or --repeat",
                ExitCode.USAGE,
            )


def named(
    paths: list[Path], quant_ids: list[str] | None, reference: Path
) -> list[tuple[str, Path]]:
    """The quants with their names. Raises QwhError if two are called the same.

    The reference's own file, as a quant, is called as the reference is.
    """
    head = stem(reference)
    names = quant_ids or [
        head if path.resolve() == reference.resolve() else short_name(stem(path), head)
        for path in paths
    ]
    if len(names) != len(paths):
        raise QwhError(
            f"{len(names)} --quant-id for {len(paths)} --quant: give one for each, in the same"
            " order, or none",
            ExitCode.USAGE,
        )
    double = next((name for name in names if names.count(name) > 1), None)
    if double:
        raise QwhError(
            f"two quants are called {double}: give each its own --quant-id", ExitCode.USAGE
        )
    return list(zip(names, paths))


def with_firsts(members: list[Member]) -> list[Member]:
    """Quants and their second readings, each of these behind its first reading; then controls."""
    found: dict[Member, None] = {}
    for who in members:
        if who.role == "repeat" and who.first:
            found[who.first] = None
        found[who] = None
    return sorted(found, key=lambda who: who.role == "control")
