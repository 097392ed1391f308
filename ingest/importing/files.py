"""`qwh ingest KIND PATH`: what other tools left behind, through its reader, into runs."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from ...errors import BadFile, ExitCode, QwhError
from ...progress import say
from ...raw import disk
from ...raw.store import Store
from ..engines import registry as engines
from ..readers import registry, strangers
from ..readers.port import Found, NotTaken, ReaderOfSeveral, Results, Samples, Summary
from ..readers.untrusted.packed import unpacked
from . import samples, summaries, token_rows
from .source import Import, Source, Stored, fits, quant_of

AUTO = "auto"  # the kind of a file whose content tells
CONVERTERS = "what every-eval-ever (PyPI) converts comes in with qwh ingest every-eval-ever"


def ingest_files(store: Store, kind: str, paths: Iterable[Path], asked: Import) -> Iterator[Stored]:
    """A run for each model and benchmark (or text) in each of the files, as soon as it is stored.

    kind: of registry.KINDS, or AUTO. Raises QwhError; a run that fails leaves nothing behind.
    """
    with ExitStack() as copies:
        plain = {copies.enter_context(unpacked(path)): path for path in paths}
        finds = list[tuple[Source, Results]]()
        for source in _sources(kind, plain, asked):  # all are read before the first is stored
            results = _finds(source, asked)
            if kind == AUTO:
                say(f"{plain.get(source.path, source.path)}: {source.kind}")
            finds += [(source, found) for found in results]
        summaries.refuse_mixtures(store, finds, asked)
        for source, found in finds:
            if isinstance(found, Samples):
                stored = samples.publish(store, found, source, asked)
            elif isinstance(found, Summary):
                stored = summaries.publish(store, found, source, asked)
            else:
                stored = token_rows.publish(store, found, source, asked)
            if stored:
                yield stored


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
    if kind != AUTO and registry.KINDS[kind].together:
        yield _together(kind, paths, asked)
        return
    for path, given in paths.items():
        for part in _parts(kind, path, asked):
            quant_id = quant_of(given / part.relative_to(path), asked)
            name = kind
            if kind == AUTO:
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
    elif kind == AUTO:
        if registry.recognise(path):
            return [path]
        kinds = {file: registry.recognise(file) for file in _files(path)}
        files = [file for file, known in kinds.items() if known]
        for file in kinds.keys() - files:
            say(f"{file} is not taken: its kind is not known")
    elif registry.KINDS[kind].folders:
        return [path]
    else:
        files = [file for file in _files(path) if registry.recognise(file) == kind]
    if not files:
        raise QwhError(
            f"{path} holds no file that qwh ingest {kind} reads: name the files", ExitCode.BAD_INPUT
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
    for path in paths:
        _say_better_known(path, kind)
    hashes = [disk.sha256(path) for path in paths]
    whole = hashlib.sha256("".join(hashes).encode()).hexdigest() if len(paths) > 1 else hashes[0]
    first, *others = paths
    return Source(kind, first, whole, named.pop(), tuple(others))


def _say_better_known(path: Path, kind: str) -> None:
    """Say which reader knows what a file's values mean, where it is not the one that was named."""
    if path.is_file() and (known := registry.recognise(path)) not in (None, kind):
        say(f"{path.name} looks like {known}, which qwh ingest {known} reads by its own rules")


def _refuse_engine(path: Path, kind: str) -> None:
    if kind not in registry.KINDS:
        raise QwhError(
            f"{path} is of the kind {kind}, which needs options of its own: run qwh ingest {kind}"
            " --help",
            ExitCode.USAGE,
        )


def _refuse_picks(kind: str, asked: Import) -> None:
    there = registry.KINDS[kind].picks
    unknown = sorted(set(asked.picks) - set(there))
    if unknown and kind != "generic":  # whose picks name columns of its own choice
        raise QwhError(
            f"--pick {unknown[0]}: {kind} has no such choice: it has {', '.join(there) or 'none'}",
            ExitCode.USAGE,
        )


def _finds(source: Source, asked: Import) -> list[Results]:
    """What one source holds, all of it known before the first is stored.

    What is not taken is said; if nothing is, that is an error.
    """
    results, passed = list[Results](), list[NotTaken]()
    for found in _read(source, asked):
        if isinstance(found, NotTaken):
            passed.append(found)
        else:
            results.append(found)
    if not results:
        why = f"{passed[0].what}: {passed[0].why}" if passed else "nothing in it was understood"
        raise QwhError(
            f"{source.path} holds nothing to store: {why}: check that it is the file that was"
            " meant",
            ExitCode.BAD_INPUT,
        )
    _refuse_several([found for found in results if isinstance(found, Samples)], source, asked)
    if source.quant_id:
        _refuse_quants([found for found in results if isinstance(found, Summary)], source)
    else:
        _refuse_nameless([found for found in results if isinstance(found, Summary)], source)
    for part in passed:
        say(f"{source.path.name}: {part.what} is not taken: {part.why}")
    return results


def _refuse_several(answers: list[Samples], source: Source, asked: Import) -> None:
    """Raise QwhError where one name stands for several benchmarks or several models."""
    benchmarks = list(dict.fromkeys(found.benchmark_id for found in answers))
    models = list(dict.fromkeys(found.model_name for found in answers if found.model_name))
    for option, name, there in (
        ("--benchmark-id", asked.benchmark_id, benchmarks),
        ("--quant-id", source.quant_id, models),
    ):
        if name and len(there) > 1:
            raise QwhError(
                f"{option} {name} names one of them, and {source.path.name} holds {len(there)}:"
                f" {', '.join(there[:8])}: leave it out, or give each in a command of its own",
                ExitCode.USAGE,
            )


def _refuse_quants(summed: list[Summary], source: Source) -> None:
    """Raise QwhError where one name stands for several quants, or one text is there twice."""
    quants = {found.quant_name for found in summed}
    texts = {(found.corpus_id, found.context_length) for found in summed}
    if len(quants) > 1 or len(texts) < len(summed):
        found = f"{len(quants)} quants" if len(quants) > 1 else f"{len(summed)} runs on one text"
        raise QwhError(
            f"--quant-id {source.quant_id} names one quant, and {source.path.name} holds"
            f" {found}: leave it out, or give them in files of their own",
            ExitCode.USAGE,
        )


def _refuse_nameless(summed: list[Summary], source: Source) -> None:
    """Raise QwhError where one --quant-id cannot name what the file leaves without a name."""
    nameless = sum(found.quant_name is None for found in summed)
    if nameless and len(summed) > 1:
        raise QwhError(
            f"{source.path} holds {len(summed)} runs and does not name the quant of {nameless}:"
            " give each run in a file of its own, with --quant-id or --quant-from",
            ExitCode.USAGE,
        )


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
