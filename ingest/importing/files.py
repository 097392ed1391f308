"""`qwh ingest KIND PATH`: what other tools left behind, through its reader, into runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ...errors import BadFile, ExitCode, QwhError
from ...progress import say
from ...raw import disk
from ...raw.manifest import RunFacts
from ...raw.store import Store
from ..engines import registry as engines
from ..readers import registry, strangers
from ..readers.port import Found, NotTaken, Results, Samples, Summary
from . import samples, summaries, token_rows
from .source import Import, Source

AUTO = "auto"  # the kind of a file whose content tells


def ingest_files(
    store: Store, kind: str, paths: Iterable[Path], asked: Import
) -> Iterator[RunFacts]:
    """A run for each model and benchmark (or text) in each of the files, as soon as it is stored.

    kind: of registry.KINDS, or AUTO. Raises QwhError; a run that fails leaves nothing behind.
    """
    for source, found in _finds(kind, paths, asked):
        if isinstance(found, Samples):
            run = samples.publish(store, found, source, asked)
        elif isinstance(found, Summary):
            run = summaries.publish(store, found, source, asked)
        else:
            run = token_rows.publish(store, found, source, asked)
        if run:
            yield run


def describe_files(kind: str, paths: Iterable[Path], asked: Import) -> Iterator[str]:
    """What would be stored, a line for each run. Raises QwhError."""
    for source, found in _finds(kind, paths, asked):
        if isinstance(found, Samples):
            yield samples.describe(found, source, asked)
        elif isinstance(found, Summary):
            yield summaries.describe(found, source, asked)
        else:
            yield token_rows.describe(found, source, asked)


def recognise(path: Path) -> str:
    """The kind of a file, by its content. Raises QwhError if no reader and no engine knows it."""
    try:
        kind = engines.recognise(path) or registry.recognise(path)
    except OSError as error:
        raise QwhError(
            f"cannot read {path}: {error.strerror}: check the path", ExitCode.NOT_FOUND
        ) from None
    if kind is None:
        strangers.refuse(path, registry.head(path))
        kinds = ", ".join(kind for kind in (*registry.KINDS, *engines.ENGINES) if kind != "generic")
        raise QwhError(
            f"cannot tell what {path} is: none of {kinds}: name its kind, or bring it in with qwh"
            " ingest generic",
            ExitCode.BAD_INPUT,
        )
    return kind


def _finds(kind: str, paths: Iterable[Path], asked: Import) -> Iterator[tuple[Source, Results]]:
    """What the files hold, one after the other."""
    for path in paths:
        name = kind
        if kind == AUTO:
            name = recognise(path)
            say(f"{path}: {name}")
            if name not in registry.KINDS:
                raise QwhError(
                    f"{path} is of the kind {name}, which needs options of its own: run qwh ingest"
                    f" {name} --help",
                    ExitCode.USAGE,
                )
        if not path.exists():
            raise QwhError(
                f"cannot read {path}: there is no such file: check the path", ExitCode.NOT_FOUND
            )
        source = Source(name, path, disk.sha256(path))
        for found in _in_one(source, asked):
            yield source, found


def _in_one(source: Source, asked: Import) -> Iterator[Results]:
    """What one file holds. Summaries are read to the end before the first is handed out.

    What is not taken is said; if nothing is, that is an error.
    """
    finds, passed, summed = _read(source, asked), list[NotTaken](), list[Summary]()
    count = 0
    for found in finds:
        if isinstance(found, NotTaken):
            passed.append(found)
            say(f"{source.path.name}: {found.what} is not taken: {found.why}")
        elif isinstance(found, Summary):
            summed.append(found)
        else:
            count += 1
            yield found
    if asked.quant_id and len(summed) > 1:
        raise QwhError(
            f"--quant-id {asked.quant_id} names one quant, and {source.path.name} holds"
            f" {len(summed)} quants: leave it out, or give them in files of their own",
            ExitCode.USAGE,
        )
    if not summed and not count:
        why = f"{passed[0].what}: {passed[0].why}" if passed else "nothing in it was understood"
        raise QwhError(
            f"{source.path} holds nothing to store: {why}: check that it is the file that was"
            " meant",
            ExitCode.BAD_INPUT,
        )
    yield from summed


def _read(source: Source, asked: Import) -> Iterator[Found]:
    """What the reader finds; a file that it cannot read is refused for what it is."""
    try:
        yield from registry.reader(source.kind).read(source.path, asked.picks)
    except BadFile:
        strangers.refuse(source.path, registry.head(source.path))
        raise
