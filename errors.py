"""Every way in which qwh stops on purpose: one exception, one line, one exit code."""

import errno
import os
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum
from pathlib import Path

DISTRIBUTION = "quant-warehouse"  # what pip knows this package as; it is imported as qwh


class ExitCode(IntEnum):
    """What the shell sees. 1 is Python's own, for a bug; 2 is also typer's, for wrong options."""

    OK = 0
    USAGE = 2
    NOT_FOUND = 3  # a file, table, cohort or run that is not there
    BAD_INPUT = 4  # a file that is there and cannot be used
    MISMATCH = 5  # things that must not be compared with each other
    STORAGE = 6  # the warehouse cannot be read or written
    MISSING_EXTRA = 7  # an optional package is not installed
    BUILD_FAILED = 8  # dbt ran and a model or a test failed
    INTERRUPTED = 130  # Ctrl-C, by the shells' custom


class QwhError(Exception):
    """A one-line error: what was asked, what was found, what to do next."""

    def __init__(self, message: str, code: ExitCode):
        super().__init__(" ".join(message.split()))
        self.code = code


class BadFile(QwhError):
    """A file that cannot be read: the file, the place in it, what is wrong and what to do."""

    def __init__(self, path: Path, place: str, found: str, advice: str):
        super().__init__(f"cannot read {path}, {place}: {found}: {advice}", ExitCode.BAD_INPUT)


class NoScore(QwhError):
    """A benchmark whose figures are no scores as they are; others of the same command go on."""

    def __init__(self, message: str):
        super().__init__(message, ExitCode.BAD_INPUT)


def missing_extra(package: str, extra: str) -> QwhError:
    """The error for an engine that the core install leaves out."""
    return QwhError(
        f"this needs the Python package {package}, which is not installed: run pip install"
        f" '{DISTRIBUTION}[{extra}]'",
        ExitCode.MISSING_EXTRA,
    )


MENDS = {  # what to do about an OSError, by its number
    "free some space": (errno.ENOSPC, errno.EDQUOT),
    "lift the limit on a file's size (ulimit -f; FAT32 takes 4 GiB)": (errno.EFBIG,),
    "make it writable": (errno.EACCES, errno.EPERM, errno.EROFS),
}
CHECK = "check the disk"  # about any other


def storage_error(action: str, error: OSError) -> QwhError:
    """The error for a full, limited, read-only or vanished disk: nothing half done stays behind."""
    reason = error.strerror or type(error).__name__
    what = next((words for words, numbers in MENDS.items() if error.errno in numbers), CHECK)
    return QwhError(
        f"{action}: {reason}{f' ({error.filename})' if error.filename else ''}: {what} or choose"
        " another --warehouse or --output, then run it again",
        ExitCode.STORAGE,
    )


def of_a_disk(words: str) -> OSError | None:
    """The OSError that a library's own words tell of, where a disk is in the way."""
    numbers = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
    found = next((number for number in numbers if os.strerror(number) in words), None)
    return None if found is None else OSError(found, os.strerror(found))


MOST_NAMED = 12  # names that an error lists


def meant(name: str, known: Iterable[str]) -> str:
    """The end of an error about a name that nobody knows: what it may have meant, or what there is.

    Case does not count, and a part of a name is near it.
    """
    names = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), names, 3, 0.5)
    near += [each for each in names if name.lower() in each and each not in near] if name else []
    if near:
        *others, last = [names[each] for each in near[:3]]
        return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
    listed = ", ".join(sorted(names.values())[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"there are {listed or 'none yet'}{more}"


def report(error: QwhError | ImportError | KeyboardInterrupt) -> ExitCode:
    """Say on stderr, in one line, what stopped qwh; returns the exit code that belongs to it."""
    match error:
        case QwhError():
            line, code = str(error), error.code
        case ImportError():
            line, code = f"a package is missing: {error}", ExitCode.MISSING_EXTRA
        case KeyboardInterrupt():
            line, code = (
                "stopped; what is whole is kept, and the same command goes on",
                ExitCode.INTERRUPTED,
            )
    print(f"qwh: {line}", file=sys.stderr)
    return code
