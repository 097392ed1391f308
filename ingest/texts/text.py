"""A text becomes sequences: tokenized, cut into chunks, its scored positions marked."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import ExitCode, QwhError
from ..engines.port import ModelFile, Sequence, Vocabulary
from ..engines.stored import Stored
from ..readers import strangers
from ..readers.untrusted.packed import contents, plain_path


class Cut(NamedTuple):
    """How a text is cut: tokens per chunk, how many chunks (None: all), where scoring begins."""

    context_length: int
    chunks: int | None
    score_from: str  # half, zero or a position


@dataclass(frozen=True, eq=False)  # one object, one text: hashed by identity
class Text:
    """A text in chunks. stream: the chunks' own token ids, each [n] int32."""

    corpus_id: str
    sha256: str | None
    rank: int
    tokens: int
    stream: list[np.ndarray]
    score_from: int
    add_bos: bool | None
    bos: int | None

    @property
    def context_length(self) -> int:
        """Tokens of the longest chunk."""
        return max(map(len, self.stream))

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of RunFacts about the text and how it is scored."""
        ids = np.concatenate(self.stream).astype("<i4")
        return {
            "task": "corpus",
            "scored_span": "corpus",
            "corpus_id": self.corpus_id,
            "corpus_sha256": self.sha256,
            "corpus_rank": self.rank,
            "corpus_tokens": self.tokens,
            "chunks": len(self.stream),
            "context_length": self.context_length,
            "token_stream_sha256": hashlib.sha256(ids.tobytes()).hexdigest(),
            "score_from": self.score_from,
            "add_bos": self.add_bos,
        }

    def sequences(self) -> list[Sequence]:
        """What the models read; the last position of a chunk predicts nothing that is there."""
        found = []
        for index, chunk in enumerate(self.stream):
            ids, targets = chunk.copy(), np.append(chunk[1:], -1).astype(np.int32)
            targets[: self.score_from] = -1
            if self.add_bos and self.bos is not None:
                ids[0] = self.bos  # for the forward pass only, as llama-perplexity does
            found.append(Sequence(index, ids, targets))
        return found


def named(name: str) -> tuple[str, Path]:
    """(corpus_id, path) of a path, or of ID=path. A path that exists is no ID=path."""
    cuts = [at for at, letter in enumerate(name) if letter == "="]
    ways = [("", name), *((name[:at], name[at + 1 :]) for at in cuts)]
    there = (way for way in ways if way[1] and Path(way[1]).exists())
    corpus_id, path = next(there, ways[min(1, len(cuts))])
    return corpus_id or plain_path(Path(path)).stem, Path(path)


def refuse_doubles(names: list[str]) -> None:
    """Raise QwhError if two texts have one name. names: a path or ID=path each."""
    held: dict[str, Path] = {}
    for corpus_id, path in map(named, names):
        if corpus_id in held:
            raise QwhError(
                f"two texts are called {corpus_id}, {held[corpus_id]} and {path}: give each once"
                " and under a name of its own, as ID=FILE",
                ExitCode.USAGE,
            )
        held[corpus_id] = path


def refuse_longer(file: ModelFile, cuts: list[Cut]) -> None:
    """Raise QwhError for a chunk that is longer than a model was made for."""
    longest = max(cut.context_length for cut in cuts)
    if file.context_length and longest > file.context_length:
        raise QwhError(
            f"--context-length {longest} is beyond what {file.path.name} was made for"
            f" ({file.context_length}): use a shorter one",
            ExitCode.BAD_INPUT,
        )


def read_bytes(path: Path, what: str) -> bytes:
    """A whole file of text, unpacked; what it is, for a person.

    Raises QwhError if it is missing, or something else was fetched in its place.
    """
    if path.is_dir():
        raise QwhError(
            f"cannot read the {what} {path}: it is a folder: give a file in it", ExitCode.BAD_INPUT
        )
    if not path.is_file():
        raise QwhError(
            f"cannot read the {what} {path}: there is no such file: check the path",
            ExitCode.NOT_FOUND,
        )
    raw = contents(path)
    strangers.refuse_unfetched(path, raw[: strangers.HEAD])
    return raw


def read_text(name: str, rank: int, cut: Cut, vocabulary: Vocabulary) -> Text:
    """Tokenize a text and cut it into chunks. name: a path, or ID=path; rank: 0 for the primary.

    Raises QwhError if the file is missing, is no UTF-8 text, or is shorter than two chunks.
    """
    corpus_id, path = named(name)
    raw = read_bytes(path, "corpus")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise QwhError(
            f"cannot read the corpus {path}: byte {error.start} is not UTF-8: convert it to UTF-8"
            " text",
            ExitCode.BAD_INPUT,
        ) from None
    tokens = vocabulary.tokenize(text.removesuffix("\n"))  # as llama-perplexity reads its -f file
    length = cut.context_length
    whole = len(tokens) // length
    if whole < 2:
        raise QwhError(
            f"the corpus {path} is too short: {len(tokens):,} tokens, and two chunks of {length}"
            f" need {2 * length:,}: use a longer text or a shorter --context-length",
            ExitCode.BAD_INPUT,
        )
    used = min(whole, cut.chunks or whole)
    stream = list(tokens[: used * length].reshape(used, length))
    digest = hashlib.sha256(raw).hexdigest()
    bos = (vocabulary.add_bos, vocabulary.bos)
    return Text(corpus_id, digest, rank, len(tokens), stream, first_scored(cut), *bos)


def other_tokens(ours: list[Text], theirs: list[Text]) -> str | None:
    """The first of these texts, each read by two vocabularies, of which a model would read other
    ids; None if there is none.
    """
    for one, other in zip(ours, theirs, strict=True):
        if (one.bos if one.add_bos else None) != (other.bos if other.add_bos else None):
            return f"BOS before each chunk of {one.corpus_id}"
        if not np.array_equal(np.concatenate(one.stream), np.concatenate(other.stream)):
            return f"the tokens of {one.corpus_id}"
    return None


def stored_text(file: Stored, corpus_id: str | None, vocabulary: Vocabulary | None) -> Text:
    """The text that a stored source was made from, read by models with this vocabulary, if any.

    corpus_id: what it is called; None: as the source has it.
    """
    assert file.stream is not None
    stream = [sequence.ids for sequence in file.stream]
    first = int(file.stream[0].scored(0, len(stream[0]))[0])
    bos = (vocabulary.add_bos, vocabulary.bos) if vocabulary else (None, None)
    name, known = corpus_id or file.text.get("corpus_id") or file.path.stem, file.text
    tokens = known.get("corpus_tokens") or sum(map(len, stream))
    digest, rank = known.get("corpus_sha256"), known.get("corpus_rank") or 0
    return Text(name, digest, rank, tokens, stream, first, *bos)


def first_scored(cut: Cut) -> int:
    """The first scored position of a chunk."""
    named = {"half": cut.context_length // 2, "zero": 0}
    if cut.score_from in named:
        return named[cut.score_from]
    if not cut.score_from.isdigit() or int(cut.score_from) >= cut.context_length - 1:
        raise QwhError(
            f"--score-from {cut.score_from} is neither half, zero nor a position below"
            f" {cut.context_length - 1}: choose one of them",
            ExitCode.USAGE,
        )
    return int(cut.score_from)
