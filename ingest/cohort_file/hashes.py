"""Hashes of files that were read before, so that no gigabyte is read again to know it.

They are kept in <warehouse>/.cache/hashes.json: path -> its hash, with the size, the time of the
last change (ns) and the inode that it had. A file that differs in one of them is hashed anew.
Beside them stands what was brought in whole of other tools' files, so that it is not parsed again.
The folder may be deleted at any time.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

from ...raw import disk
from .. import files
from ..engines import registry

FOLDER, FILE = ".cache", "hashes.json"
Sign = list[list[int]]  # size, mtime_ns and inode of each file that a hash is of

BROUGHT: Sign = []  # no file's


class Hashes:
    """The hashes of one warehouse's files."""

    def __init__(self, warehouse: Path):
        self.path = warehouse / FOLDER / FILE
        self._known: dict[str, dict] = _read(self.path)
        self._changed = False

    def known(self, path: Path, parts: list[Path] | None = None) -> str | None:
        """A file's hash, if it was kept and the file is as it was. parts: all files of it."""
        held = self._known.get(str(path.resolve()))
        return held["sha256"] if held and held["sign"] == _sign(parts or [path]) else None

    def keep(self, path: Path, sha256: str, parts: list[Path] | None = None) -> None:
        """Remember a hash."""
        self._known[str(path.resolve())] = {"sha256": sha256, "sign": _sign(parts or [path])}
        self._changed = True

    def of(self, path: Path, make: Callable[[Path], str] = disk.sha256) -> str:
        """The hash of a file or folder, kept or made now."""
        parts = _parts(path)
        found = self.known(path, parts)
        if found is None:
            found = make(path)
            self.keep(path, found, parts)
        return found

    def of_model(self, path: Path) -> str:
        """The hash of a model, of all its files, as its engine gives it. Raises QwhError."""

        def made(at: Path) -> str:
            kind = registry.recognise(at) or registry.DEFAULT
            return registry.engine(kind).file(at).sha256

        return self.of(path, made)

    def brought(self, key: str) -> str | None:
        """What was said of an import that was taken in to its end. key: what it is known by."""
        held = self._known.get(key)
        return held["sha256"] if held and held["sign"] == BROUGHT else None

    def bring(self, key: str, state: str) -> None:
        """Remember an import that was taken in to its end. state: it is done again for another."""
        self._known[key] = {"sha256": state, "sign": BROUGHT}
        self._changed = True

    def save(self) -> None:
        """Write what is new, beside and into place; that it cannot be kept hinders nobody."""
        if not self._changed:
            return
        try:
            self.path.parent.mkdir(exist_ok=True)
            beside = self.path.with_suffix(f".{os.getpid()}")
            beside.write_text(json.dumps(self._known, indent=1, sort_keys=True) + "\n")
            os.replace(beside, self.path)
            self._changed = False
        except OSError:
            return


def _read(path: Path) -> dict[str, dict]:
    """What was kept; nothing where it cannot be read or is something else."""
    try:
        found = json.loads(path.read_text())
        return {
            str(name): {"sha256": str(held["sha256"]), "sign": held["sign"]}
            for name, held in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def _parts(path: Path) -> list[Path]:
    """The files that a hash of a path is of: a folder's, a model's parts, or the file."""
    if path.is_dir():
        return files.inside(path)
    return files.parts(path)


def _sign(parts: list[Path]) -> Sign:
    return [[at.st_size, at.st_mtime_ns, at.st_ino] for at in (part.stat() for part in parts)]
