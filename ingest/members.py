"""The models of a cohort: their files told by their content, their names, how each is run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ExitCode, QwhError
from .engines import registry
from .engines.port import PLAIN, Engine, ModelFile, Reading
from .quant_names import short_name, stem
from .readers import strangers
from .readers.registry import head
from .readers.untrusted.packed import packing


@dataclass(frozen=True, eq=False)  # hashed by identity
class Member:
    """A model file in a cohort under its quant_id, with the way in which it is run.

    made_by: the model that wrote a stored source, if it is at hand: its file's facts are stored.
    facts: what else was said of it. first_name: what the store called it when its first run was
    published, by which its runs' ids are made; None: as it is called.
    """

    quant_id: str
    kind: str  # of the engine
    file: ModelFile
    reading: Reading = PLAIN
    uploader: str | None = None
    made_by: "Member | None" = None
    facts: dict[str, Any] | None = None
    first_name: str | None = None

    @property
    def engine(self) -> Engine:
        """The engine that runs it."""
        return registry.engine(self.kind)

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


def named(
    paths: list[Path], quant_ids: list[str] | None, reference: Path
) -> list[tuple[str, Path]]:
    """The quants with their names. Raises QwhError if two are called the same."""
    names = quant_ids or [short_name(stem(path), stem(reference)) for path in paths]
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
