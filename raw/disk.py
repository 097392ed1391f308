"""Small dealings with the disk and the processes that share it."""

import hashlib
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def sha256(path: Path) -> str:
    """SHA-256 of a whole file, hex; of a folder: of all its files with their names."""
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(path.rglob("*"), key=lambda each: each.relative_to(path).parts):
            if file.is_file() and not file.is_symlink():
                name = file.relative_to(path).as_posix()  # one hash on every system
                digest.update(f"{name} {sha256(file)}\n".encode())
        return digest.hexdigest()
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sha256_together(paths: list[Path]) -> str:
    """SHA-256 of what lies in several files: the only one's, or that of their hashes in order."""
    hashes = [sha256(path) for path in paths]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":
        return  # it opens no folder
    # Windows flushes only what may be written
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Lock:
    """A lock on a file, held by this process until it is released or the process is gone.

    The file may lie in a folder that goes while the lock is held. Who holds it is said beside it.
    """

    def __init__(self, path: Path, let_go: Callable[[], None]):
        self.path, self._let_go = path, let_go

    def release(self) -> None:
        """Let others have it."""
        with suppress(OSError):
            _beside(self.path).unlink(missing_ok=True)
        self._let_go()


def take(path: Path, patience: float = 0) -> Lock | None:
    """Lock a file, which is made if need be; None if another holds it. Its folder must be there.

    patience: seconds in which the other may let it go.
    """
    from filelock import FileLock, Timeout  # a tenth of a second

    lock = FileLock(path)
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        return None
    _beside(path).write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
    return Lock(path, lock.release)


def holder(path: Path) -> str:
    """Who holds a lock, as it says itself: its process and host."""
    for _ in range(10):
        with suppress(OSError, UnicodeDecodeError):
            if said := _beside(path).read_text().strip():
                return said
        time.sleep(0.05)  # it has the lock, and is about to say so
    return "another process"


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder")
