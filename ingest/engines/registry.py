"""The engines that there are, one line each. Nothing heavy is imported before it is asked for."""

from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from ...errors import ExitCode, QwhError, missing_extra

if TYPE_CHECKING:
    from .port import Engine, Reading
    from .settings import Setting

HEAD = 1 << 16  # bytes of a file that recognising may look at
DEFAULT = "gguf"  # opens what no engine knows: it says best what is wrong with such a file
STORED = "logits-file"  # the same, where a stored source is asked for


class Kind(NamedTuple):
    """module: its file in this folder; extra: what pip must install for it."""

    module: str
    sentence: str
    extra: str | None = None
    stored: bool = False  # its files hold what a model said of one text, and run nothing
    in_folder: bool = False  # by whose name they are called


ENGINES = {  # name on the command line -> engine; files are recognised in this order
    "logits-file": Kind(
        "logits_file", "what llama-perplexity --kl-divergence-base wrote", stored=True
    ),
    "capture": Kind(
        "capture", "what a reference's head read of one text, kept", stored=True, in_folder=True
    ),
    "gguf": Kind("llama_cpp", "llama.cpp runs a GGUF file", extra="gguf"),
}


def engine(kind: str) -> "Engine":
    """The module behind a kind. Raises QwhError where its extra is not installed."""
    found = ENGINES[kind]
    try:
        return cast("Engine", import_module(f".{found.module}", __package__))
    except ImportError as error:
        if found.extra is None:
            raise
        raise missing_extra(error.name or kind, found.extra) from None


def settings(kind: str) -> "dict[str, Setting]":
    """What a reading of an engine's files may be told; nothing of what is stored."""
    from .beside import Tunable
    from .settings import COMMON

    if ENGINES[kind].stored:
        return {}
    found = engine(kind)
    return COMMON | (found.SETTINGS if isinstance(found, Tunable) else {})


def reading_under(kind: str, base: "Reading", pairs: Iterable[tuple[str, str]]) -> "Reading":
    """A reading with more settings of its engine. Raises QwhError for what the engine lacks."""
    from .beside import Tunable
    from .settings import checked, under

    known, given = settings(kind), list(pairs)
    if given and not known:
        raise QwhError(
            f"{given[0][0]}={given[0][1]} is a setting of a model that is run, and this is"
            f" {ENGINES[kind].sentence}: give the model's own file",
            ExitCode.USAGE,
        )
    found = under(base, checked(given, known, ENGINES[kind].sentence), known)
    module = engine(kind)
    wrong = module.contradiction(found) if isinstance(module, Tunable) else None
    if wrong:
        raise QwhError(wrong, ExitCode.USAGE)
    return found


def recognise(path: Path) -> str | None:
    """The kind of a model file by its content; None if no engine knows it or it cannot be read.

    An engine whose extra is not installed is not asked.
    """
    try:
        head = b"" if path.is_dir() else path.open("rb").read(HEAD)
    except OSError:
        return None
    for kind in ENGINES:
        with suppress(QwhError):
            if engine(kind).recognises(path, head):
                return kind
    return None
