"""Small dealings with the disk and the processes that share it."""

import hashlib
import os
from pathlib import Path


def sha256(path: Path) -> str:
    """SHA-256 of a whole file, hex; of a folder: of all its files with their names."""
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            if not file.is_symlink():
                digest.update(f"{file.relative_to(path)} {sha256(file)}\n".encode())
        return digest.hexdigest()
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def alive(pid: int) -> bool:
    """Whether a process of this number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
