"""The port of the readers: what a reader module is, and what it finds in a file."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from ...errors import BadFile
from .choices import Doubts as Doubts
from .choices import Option as Option
from .picks import Picks as Picks
from .picks import choice_of as choice_of
from .picks import task_of as task_of


class Sample(NamedTuple):
    """One attempt at one prompt; comparable with another where prompt_id is equal.

    Two items with one prompt_id are one text that was asked twice: they stay two items. Two rows of
    one item are attempts.
    """

    item: str  # the harness's own name of the prompt: doc_id, question_id, task_id
    prompt_id: str  # 16 hex characters; equal only if the model was given the same text
    attempt: int  # 0, 1, ... among the answers to one item
    score: float  # larger is better; 0..1 where the harness grades right and wrong
    category: str = "all"
    prompt: str | None = None
    expected: str | None = None
    answer: str | None = None
    answer_tokens: int | None = None
    finish_reason: str | None = None
    choices: tuple[Option, ...] = ()  # of a multiple choice by log-likelihood, each in its place


@dataclass
class Samples:
    """One model's answers to one benchmark.

    rows is read once, lazily; partial, left_out and doubts are final after the last row.
    """

    benchmark_id: str
    # JSON-able facts that must agree before two models are compared: few-shot, template, version,
    # timeout, metric
    harness: dict
    rows: Iterator[Sample]
    model_name: str | None = None  # what the file calls the model
    metric: str | None = None  # what a score is, in the tool's own words
    other_metrics: list[str] = field(default_factory=list)  # what it could be: for picks
    smaller_is_better: bool | None = None  # of the metric; None: the file does not say
    # anything else worth keeping: date, git hash, settings of the model
    facts: dict = field(default_factory=dict)
    partial: str | None = None  # why this is not the whole run, in a few words
    left_out: dict[str, int] = field(default_factory=dict)  # reason -> entries that are no sample
    doubts: Doubts = field(default_factory=Doubts)  # what speaks against the choices


class Statistic(NamedTuple):
    """A number that another tool printed.

    metric: qwh's own name (kld_mean, kld_p99, ppl, ...) in qwh's units (nats, 0..1).
    """

    metric: str
    value: float
    standard_error: float | None = None


class ChunkStatistic(NamedTuple):
    """The same for one chunk.

    precision: half the last digit that the tool printed, carried through any differencing.
    """

    chunk: int
    metric: str
    value: float
    precision: float


@dataclass
class Summary:
    """One model on one text as another tool summed it up."""

    quant_name: str | None  # what the file calls the quant
    corpus_id: str | None
    context_length: int | None
    statistics: list[Statistic]
    chunks: list[ChunkStatistic] = field(default_factory=list)
    n: int | None = None  # scored positions
    engine: str = "unknown"
    is_reference: bool = False
    file_bytes: int | None = None  # of the quant's file, where it is said
    facts: dict = field(default_factory=dict)
    partial: str | None = None
    left_out: dict[str, int] = field(default_factory=dict)


class TokenBlock(NamedTuple):
    """Scored positions of one chunk or one answer of a server, T of them; nats, ranks from 1.

    What the file does not give is None. Entries of a given array that this file lacks are NaN
    (reals), -1 (ids), 0 (ranks) or None (texts).
    """

    chunk: int  # from 0 in the order of the file
    position: np.ndarray  # [T] int32, of the scored token within its chunk, from 0
    nll: np.ndarray  # [T] float64, of the token that is there
    token_id: np.ndarray | None = None  # [T] int64, the token that is there
    token: list[str] | None = None  # [T], its text, where there are no ids
    rank: np.ndarray | None = None  # [T] int32, of the token that is there
    top1: np.ndarray | None = None  # [T] int64, the most likely token
    top1_token: list[str | None] | None = None  # [T], its text, where there are no ids
    topk_ids: np.ndarray | None = None  # [T, k] int64, most likely first
    topk_logprobs: np.ndarray | None = None  # [T, k] float64
    # [T] float64, the probability of all tokens outside of topk_ids
    residual: np.ndarray | None = None


@dataclass
class TokenRows:
    """One model on one text, token by token, as a server or another tool wrote it.

    blocks is read once, lazily; partial, left_out and facts are final after it.
    """

    quant_name: str | None
    corpus_id: str | None
    context_length: int | None
    top_k: int  # the longest list of alternatives that was found or declared; 0: none
    blocks: Iterator[TokenBlock]
    engine: str = "unknown"
    is_reference: bool = False
    facts: dict = field(default_factory=dict)
    partial: str | None = None
    left_out: dict[str, int] = field(default_factory=dict)  # reason -> how many numbers


class NotTaken(NamedTuple):
    """A part of a file that is passed over, and why: a task, a column, a row, a metric.

    It is said on stderr. A file that holds nothing else is refused with the first one's reason.
    """

    what: str  # "wikitext", "column Size", "row IQ1_S"
    why: str  # "its perplexities are sums over the text", '"OOM" is no number'


Results: TypeAlias = Samples | Summary | TokenRows  # one run's
Found: TypeAlias = Results | NotTaken


class Reader(Protocol):
    """A module that reads one file format.

    It touches nothing but the path it is given (and the files that the tool wrote beside it), runs
    nothing that it reads, and raises BadFile where a file is damaged.
    """

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether a path looks like this format. head: its first 64 KiB, b"" for a folder."""

    def read(self, path: Path, picks: Picks) -> Iterator[Found]:
        """What it holds, one after the other, lazily. Raises BadFile or QwhError (not found)."""


class ReaderOfSeveral(Reader, Protocol):
    """A reader that takes all files of a command as one run."""

    def read_together(self, paths: list[Path], picks: Picks) -> Iterator[Found]:
        """What they hold. Raises as `read`."""

    def advice(self, path: Path) -> str | None:
        """How a file that no reader recognises may be read; None: there is no way."""


def text_id(*texts: str) -> str:
    """prompt_id: 16 hex characters of SHA-256 over the texts.

    Each text is ended by two zero bytes; a zero byte within is escaped.
    """
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\1"))
        digest.update(b"\0\0")
    return digest.hexdigest()[:16]


def choose(path: Path, what: str, asked: str | None, there: list[str]) -> str:
    """The asked one of those there are, by default the first. Raises BadFile, naming them."""
    if not there:
        raise BadFile(path, "as a whole", f"it has no {what}", "give a file of scored answers")
    if asked is not None and asked not in there:
        advice = f"choose one of {', '.join(there[:20])}"
        raise BadFile(path, "as a whole", f"it has no {what} {asked}", advice)
    return there[0] if asked is None else asked
