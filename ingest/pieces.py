"""What token ids say, in the words of a model file: its tokenizer, without its weights."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..errors import ExitCode, QwhError
from .engines import registry
from .engines.port import PLAIN
from .members import member
from .quant_names import stem


@contextmanager
def pieces(path: Path, vocabulary_sha256: str | None) -> Iterator[Callable[[list[int]], str]]:
    """A function that gives the text of ids. vocabulary_sha256: of the rows, None if not known.

    Raises QwhError for what is no model file, and for one whose ids stand for other texts.
    """
    model = member(stem(path), path, PLAIN, None, registry.DEFAULT)
    ours = model.file.facts.get("vocabulary_sha256")
    if None not in (ours, vocabulary_sha256) and ours != vocabulary_sha256:
        raise QwhError(
            f"{path} has another vocabulary than the one that was read: give a model file of the"
            " cohort",
            ExitCode.MISMATCH,
        )
    with closing(model.engine.vocabulary(model.file)) as vocabulary:
        yield vocabulary.text
