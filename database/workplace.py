"""Where a build works: a folder of its own, while nobody else builds the same warehouse."""

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ExitCode, QwhError
from ..progress import say
from ..raw import disk
from .warehouse import DATABASE

OWN = re.compile(r"\d+-[0-9a-f]{8}")  # a build's folder: its process and a draw
LOOK = 0.5  # seconds between two looks whether it is our turn


@contextmanager
def workplace(warehouse: Path, wait: bool) -> Iterator[Path]:
    """An empty folder in .build, gone at the end. wait: until another build is done.

    Raises QwhError if another build is at work, naming its process and host.
    """
    work = warehouse / ".build"
    work.mkdir(exist_ok=True)
    lock = _turn(warehouse, work / "lock", wait)
    own = work / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        _sweep(work)
        own.mkdir()
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        lock.release()


def _turn(warehouse: Path, path: Path, wait: bool) -> disk.Lock:
    """The lock, once it is ours."""
    lock = disk.take(path)
    if lock is None and not wait:
        raise QwhError(
            f"{warehouse} is being built in {disk.holder(path)}: give --wait to build after it, or"
            " stop that one",
            ExitCode.STORAGE,
        )
    if lock is None:
        say(f"waiting for the build in {disk.holder(path)}")
    while lock is None:
        time.sleep(LOOK)
        lock = disk.take(path)
    return lock


def _sweep(work: Path) -> None:
    """Remove what builds left that died: we hold the lock, so that none of them lives."""
    for left in work.iterdir():
        if OWN.fullmatch(left.name) and left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
    for name in (DATABASE, f"{DATABASE}.wal"):  # where an older version worked
        (work / name).unlink(missing_ok=True)
