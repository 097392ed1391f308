"""`qwh ingest KIND PATH`: what other tools left behind, through its reader, into runs."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from ...errors import BadFile, ExitCode, NoScore, QwhError
from ...progress import say
from ...raw import disk
from ...raw.store import Store
from ..engines import registry as engines
from ..readers import registry, strangers
from ..readers.port import Found, NotTaken, ReaderOfSeveral, Results, Samples, Summary, choice_of
from ..readers.untrusted.packed import unpacked
from . import option_checks, samples, summaries, token_rows
from .source import Import, Source, Stored, fits, quant_of

CONVERTERS = "what every-eval-ever (PyPI) converts comes in with qwh ingest every-eval-ever"


def ingest_files(store: Store, kind: str, paths: Iterable[Path], asked: Import) -> Iterator[Stored]:
    """A run for each model and benchmark (or text) in each of the files, as soon as it is stored.

    kind: one of registry.KINDS or AUTO. Raises QwhError; a run that fails leaves nothing behind.
    """
    with ExitStack() as copies:
        plain = {copies.enter_context(unpacked(path)): path for path in paths}
        finds, passed, untaken = list[tuple[Source, Results]](), list[str](), list[NotTaken]()
        for source in _sources(kind, plain, asked):  # all are read before the first is stored
            if kind == registry.AUTO:
                passed.append(f"{plain.get(source.path, source.path)}: {source.kind}")
            for found in _finds(source, asked):
                if isinstance(found, NotTaken):
                    untaken.append(found)
                    passed.append(f"{source.path.name}: {found.what} is not taken: {found.why}")
                else:
                    finds.append((source, found))
            if registry.KINDS[source.kind].together:
                passed += _better_known(source)
        option_checks.refuse_several(finds, asked)
        option_checks.refuse_unmet_picks(finds, untaken, asked)
        summaries.refuse_mixtures(store, finds, asked)
        for line in passed:
            say(line)
        yield from _published(store, finds, asked)


def _published(
    store: Store, finds: list[tuple[Source, Results]], asked: Import
) -> Iterator[Stored]:
    """Each find as a run. One benchmark of several that gives no scores stops none of the others.

    Raises QwhError, NoScore if there is nothing else.
    """
    failures = list[NoScore]()
    for source, found in finds:
        try:
            if isinstance(found, Samples):
                stored = samples.publish(store, found, source, asked)
            elif isinstance(found, Summary):
                stored = summaries.publish(store, found, source, asked)
            else:
                stored = token_rows.publish(store, found, source, asked)
        except NoScore as failure:
            failures.append(failure)
            if len(finds) > 1:
                say(f"not taken: {failure}")
            continue
        if stored:
            yield stored
    if len(failures) == len(finds):
        raise failures[0]


def recognise(path: Path) -> str:
    """The kind of a file, by its content. Raises QwhError if no reader and no engine knows it."""
    try:
        kind = engines.recognise(path) or registry.recognise(path)
        if kind is None:
            strangers.refuse(path, registry.head(path))
    except OSError as error:
        raise QwhError(
            f"cannot read {path}: {error.strerror}: check the path", ExitCode.NOT_FOUND
        ) from None
    if kind is None:
        kinds = ", ".join(kind for kind in (*registry.KINDS, *engines.ENGINES) if kind != "generic")
        advice = registry.advice(path) or f"name its kind; {CONVERTERS}"
        raise QwhError(f"cannot tell what {path} is: none of {kinds}: {advice}", ExitCode.BAD_INPUT)
    return kind


def _sources(kind: str, paths: dict[Path, Path], asked: Import) -> Iterator[Source]:
    """What the paths are, each with its kind; all of them as one where the kind reads so.

    paths: each, unpacked -> as it was given.
    """
    for path in paths:
        if not path.exists():
            raise QwhError(
                f"cannot read {path}: there is no such file: check the path", ExitCode.NOT_FOUND
            )
    if kind != registry.AUTO and registry.KINDS[kind].together:
        yield _together(kind, paths, asked)
        return
    for path, given in paths.items():
        for part in _parts(kind, path, asked):
            quant_id = quant_of(given / part.relative_to(path), asked)
            name = kind
            if kind == registry.AUTO:
                name = recognise(part)
                _refuse_engine(part, name)
            _refuse_picks(name, asked)
            yield Source(name, part, disk.sha256(part), quant_id)


def _parts(kind: str, path: Path, asked: Import) -> list[Path]:
    """A path itself, or what lies in a folder: one by one what --quant-from fits, or what its kind
    does not read as a whole.
    """
    if not path.is_dir() or fits(path, asked):
        return [path]
    if asked.quant_from:
        files = [part for part in sorted(path.rglob("*")) if fits(part, asked)]
    elif kind == registry.AUTO:
        if registry.recognise(path):
            return [path]
        kinds = {file: registry.recognise(file) for file in _files(path)}
        files = [file for file, known in kinds.items() if known]
        if files:
            for file in kinds:
                if not kinds[file]:
                    say(f"{file} is not taken: its kind is not known")
    elif registry.KINDS[kind].folders:
        return [path]
    else:
        files = [file for file in _files(path) if registry.recognise(file) == kind]
    if not files:
        advice = registry.advice(path) or "name the files"
        raise QwhError(
            f"{path} holds no file that qwh ingest {kind} reads: {advice}", ExitCode.BAD_INPUT
        )
    return files


def _files(folder: Path) -> Iterator[Path]:
    """The ordinary files in a folder and those below it, in order; links are not followed."""
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(where, name)
            if file.is_file() and not file.is_symlink():
                yield file


def _together(kind: str, paths: dict[Path, Path], asked: Import) -> Source:
    """All paths as one source. Raises QwhError if --quant-from finds several quants in them."""
    named = {quant_of(given, asked) for given in paths.values()}
    if len(named) > 1:
        raise QwhError(
            f"--quant-from finds {len(named)} quants in files that are read as one run: give each"
            " quant's files in a command of their own",
            ExitCode.USAGE,
        )
    _refuse_picks(kind, asked)
    first, *others = paths
    return Source(kind, first, disk.sha256_together(list(paths)), named.pop(), tuple(others))


def _better_known(source: Source) -> Iterator[str]:
    """Which reader knows what the values of a file mean, where it is not the one that was named."""
    for path in (source.path, *source.others):
        known = registry.recognise(path) if path.is_file() else None
        if known not in (None, source.kind):
            yield f"{path.name} looks like {known}, which qwh ingest {known} reads by its own rules"


def _refuse_engine(path: Path, kind: str) -> None:
    if kind not in registry.KINDS:
        raise QwhError(
            f"{path} is of the kind {kind}, which needs options of its own: run qwh ingest {kind}"
            " --help",
            ExitCode.USAGE,
        )


def _refuse_picks(kind: str, asked: Import) -> None:
    there = registry.KINDS[kind].picks
    unknown = sorted({choice_of(name) for name in asked.picks} - set(there))
    if unknown and kind != "generic":  # whose picks name columns of its own choice
        raise QwhError(
            f"--pick {unknown[0]}: {kind} has no such choice: it has {', '.join(there) or 'none'}",
            ExitCode.USAGE,
        )


def _finds(source: Source, asked: Import) -> list[Found]:
    """What one source holds. Raises QwhError if nothing of it can be taken."""
    finds = list(_read(source, asked))
    passed = [found for found in finds if isinstance(found, NotTaken)]
    if len(passed) == len(finds):
        why = f"{passed[0].what}: {passed[0].why}" if passed else "nothing in it was understood"
        raise QwhError(
            f"{source.path} holds nothing to store: {why}: check that it is the file that was"
            " meant",
            ExitCode.BAD_INPUT,
        )
    return finds


def _read(source: Source, asked: Import) -> Iterator[Found]:
    """What the reader finds; a file that it cannot read is refused for what it is."""
    reader, together = registry.reader(source.kind), registry.KINDS[source.kind].together
    try:
        if together:
            paths = [source.path, *source.others]
            yield from cast(ReaderOfSeveral, reader).read_together(paths, asked.picks)
        else:
            yield from reader.read(source.path, asked.picks)
    except BadFile:
        for path in (source.path, *source.others):
            head = registry.head(path)
            strangers.refuse(path, head)
            other = None if reader.recognises(path, head) else registry.recognise(path)
            if other not in (None, source.kind) and not together:  # whose map is to blame
                raise QwhError(
                    f"{path} is of the kind {other}, and of no use to {source.kind}: bring it in"
                    f" with qwh ingest {other}",
                    ExitCode.BAD_INPUT,
                ) from None
        raise
