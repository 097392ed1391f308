"""Unfinished work: a folder each in raw/_staging, locked by the process that writes it.

<pid>-<random>/     parts on their way into place: of no use when their writer is gone
<16 hex>[-<n>]/     whole chunks of a run that is not done yet: see checkpoint.py
gone-<random>/      on its way out
"""

import errno
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import disk
from .schema import METRICS_VERSION, SCHEMA_VERSION

LOCK, ABOUT = "lock", "about.json"
PATIENCE = 1.0  # seconds: a sweep looks into a folder that it leaves alone
GONE = "gone-"  # before the name of a folder that is being removed
YOUNG = 3600  # seconds: a folder of another version has no lock, and may be in use


def claim(folder: Path) -> disk.Lock | None:
    """Make a folder if need be and lock it; None if another process has it. Raises OSError."""
    for _ in range(8):
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # it was swept meanwhile
            return disk.take(folder / LOCK, PATIENCE)
    return None


@contextmanager
def beside(staging: Path) -> Iterator[Path]:
    """A folder of this process's own meanwhile. Raises OSError."""
    folder = staging / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    lock = claim(folder)
    if lock is None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
    try:
        yield folder
    finally:
        remove(folder, lock)


def remove(folder: Path, lock: disk.Lock) -> None:
    """Drop a folder that this process holds."""
    gone = folder.with_name(f"{GONE}{uuid.uuid4().hex}")
    with suppress(OSError):  # renamed first: half removed it would say nothing of itself
        folder.rename(gone)
    shutil.rmtree(gone if gone.exists() else folder, ignore_errors=True)
    lock.release()


def about(folder: Path) -> dict[str, Any]:
    """What a checkpoint says of itself; nothing where it is none, or of another version."""
    try:
        found = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    fits = isinstance(found, dict) and found.get("versions") == [METRICS_VERSION, SCHEMA_VERSION]
    return found if fits else {}


def sweep(staging: Path) -> None:
    """Remove what is of no use to anybody. What a living process writes is locked, and stays."""
    for folder in [each for each in staging.iterdir() if each.is_dir()]:
        if folder.name.startswith(GONE):
            shutil.rmtree(folder, ignore_errors=True)
        elif not is_needed(folder) and (lock := _abandoned(folder)):
            remove(folder, lock)


def is_needed(folder: Path) -> bool:
    """Whether a run can go on from what lies there.

    A reference's rows are needed as long as a quant was scored against them.
    """
    said = about(folder)
    if not said or said["reference"]:
        return bool(said)
    return any(said["key"] == each["reference"] for each in checkpoints(folder.parent))


def checkpoints(staging: Path) -> Iterator[dict[str, Any]]:
    """What each checkpoint says of itself."""
    yield from (found for folder in sorted(staging.iterdir()) if (found := about(folder)))


def _abandoned(folder: Path) -> disk.Lock | None:
    """The lock of a folder that nobody holds; an empty one goes at once."""
    try:
        if not (folder / LOCK).exists():
            with suppress(OSError):
                folder.rmdir()
            if time.time() - folder.stat().st_mtime < YOUNG:
                return None
        return disk.take(folder / LOCK)
    except OSError:
        return None
