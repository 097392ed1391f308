"""`qwh ingest logits-file`: quants against a reference's logits file, live or from logits files of
their own.

The reference's rows come from its file chunk by chunk, so that memory holds two chunks whatever the
file's size. What the file clips stays unknown: clipped mass and censored NLLs are columns of their
own.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ExitCode, QwhError
from ..kernels.scorers import dispatch
from ..progress import progress, say
from ..raw.store import Store
from .corpus import Corpus, score
from .engines.logits_file import MAGIC, LogitsFile
from .plan import Member, Settings, quant_run_id, refuse_mixing
from .trace import Trace


@dataclass(frozen=True)
class StoredModel:
    """What is known of a model of which only the logits file is left: the file's own facts, in a
    GGUF's place.
    """

    path: Path
    sha256: str
    bytes: int
    vocab_size: int
    tokenizer_sha256: str | None

    def run_facts(self) -> dict:
        """The manifest's keys about the model file and its tokenizer."""
        return {
            "file_name": self.path.name,
            "file_sha256": self.sha256,
            "file_bytes": None,
            "tokenizer_sha256": self.tokenizer_sha256,
            "vocab_size": self.vocab_size,
        }


class Replay:
    """A logits file in a model's place: every context of it goes through the chunks from the first
    on.
    """

    def __init__(self, file: LogitsFile):
        self.file = file

    def context(self, context_length: int, block: int, threads: int) -> "Replay":
        """Itself, before the first chunk; the arguments are a model's."""
        self.index = -1
        return self

    def keep(self, length: int) -> None:
        """Go on to the next chunk."""
        self.index += 1
        self.rows = self.file.chunk(self.index)

    def forward(
        self, tokens: np.ndarray, start: int, wanted: np.ndarray
    ) -> dispatch.CodedRows | None:
        """The stored rows of the wanted positions among start..start + len(tokens) - 1; None if
        there are none.
        """
        at = np.flatnonzero(wanted) + start - self.file.first
        return self.rows._replace(words=self.rows.words[at[0] : at[-1] + 1]) if len(at) else None

    def close(self) -> None:
        """Nothing to free: whoever opened the file closes it."""


def ingest_logits(
    store: Store,
    settings: Settings,
    path: Path,
    reference: Member | None,
    quants: list[Path],
    quant_ids: list[str] | None,
    uploader: str | None,
    corpus_id: str,
    trace: Trace,
) -> list[dict]:
    """Score quants (GGUF files, or logits files) against the reference's logits file. Returns the
    new manifests.

    reference: the GGUF that the file was written from, if the user says so. Raises QwhError;
    nothing half done stays behind.
    """
    with ExitStack() as stack:
        base = stack.enter_context(_opened(path))
        stored = [_is_logits_file(quant) for quant in quants]
        if any(stored) and not all(stored):
            raise QwhError(
                "the quants are logits files and models mixed: ingest them in two commands",
                ExitCode.USAGE,
            )
        files = [stack.enter_context(_opened(quant)) for quant in quants] if all(stored) else []
        members, sources, vocab_facts = (
            _stored_members(base, files, quants, quant_ids, uploader)
            if files
            else _live_members(base, quants, quant_ids, uploader, stack)
        )
        tokenizer = members[0].file.tokenizer_sha256
        if reference is None:
            reference = Member(
                Path(path).stem,
                StoredModel(
                    base.path, base.sha256(), base.path.stat().st_size, base.vocab_size, tokenizer
                ),
            )
        elif (
            tokenizer not in (None, reference.file.tokenizer_sha256)
            or reference.file.vocab_size != base.vocab_size
        ):
            raise QwhError(
                f"{base.path.name} was not written by {reference.file.path.name}: their"
                " vocabularies differ: give the model that wrote it, or none",
                ExitCode.MISMATCH,
            )
        sources[reference] = Replay(base)
        if base.partial:
            say(
                f"{base.path.name} holds {base.partial}: they are stored, and the run is marked"
                " partial"
            )
        settings.facts |= {
            "estimator": dispatch.estimator(),
            "logits_dtype": f"u16-{base.depth:.0f}",
        } | vocab_facts.pop("engine")
        text = Corpus(corpus_id, None, 0, base.stream.size, base.stream, base.first, **vocab_facts)
        common = settings.common() | {
            "tokenizer_sha256": tokenizer,
            "source_format": "logits-file",
            "source_name": base.path.name,
            "source_sha256": base.sha256(),
            "status": "partial" if base.partial else "complete",
        }
        facts = common | text.facts()
        refuse_mixing(store, settings, reference, members, [facts])
        todo = [quant for quant in members if not store.find(quant_run_id(reference, quant, facts))]
        for quant in members:
            if quant not in todo:
                say(f"{quant.quant_id} on {corpus_id} is already in the warehouse: nothing to do")
        published = []
        for quant in todo:
            with progress(f"scoring {quant.quant_id}", 2 * base.stream.size, "tokens") as bar:
                published += score(
                    store, settings, reference, [quant], text, sources, common, bar, trace
                )
        return published


def describe(path: Path) -> list[str]:
    """What a logits file holds, in lines for a person."""
    with _opened(path) as file:
        positions = len(file.stream) * file.rows
        return [
            (
                f"{file.path.name}: a logits file, {file.partial or f'{len(file.stream)} chunks'}"
                f" of {file.context_length} tokens, vocabulary {file.vocab_size:,}, codes"
                f" {file.depth:.0f} nats deep"
            ),
            (
                f"would store {positions:,} rows of reference_tokens, and as many of tokens for"
                " each quant"
            ),
        ]


def _opened(path: Path):
    from contextlib import closing

    return closing(LogitsFile(path))


def _is_logits_file(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise QwhError(
            f"cannot read the quant {path}: {error.strerror}: check the path", ExitCode.NOT_FOUND
        ) from None


def _stored_members(
    base: LogitsFile,
    files: list[LogitsFile],
    quants: list[Path],
    quant_ids: list[str] | None,
    uploader: str | None,
):
    """Quants that are logits files: the same tokens, or they cannot be compared."""
    from .plan import unique_members

    for file in files:
        if file.vocab_size != base.vocab_size or file.context_length != base.context_length:
            raise QwhError(
                f"cannot compare {file.path.name} with {base.path.name}: vocabulary"
                f" {file.vocab_size:,} against {base.vocab_size:,}, context length"
                f" {file.context_length} against {base.context_length}: write both from one text",
                ExitCode.MISMATCH,
            )
        if len(file.stream) < len(base.stream) or not np.array_equal(
            file.stream[: len(base.stream)], base.stream
        ):
            raise QwhError(
                f"cannot compare {file.path.name} with {base.path.name}: they do not hold the same"
                " tokens: write both from one text",
                ExitCode.MISMATCH,
            )
    by_path = dict(zip(map(Path, quants), files))
    members = unique_members(
        quants,
        lambda path: StoredModel(
            Path(path), by_path[Path(path)].sha256(), 0, base.vocab_size, None
        ),
        quant_ids,
        uploader,
    )
    sources = {member: Replay(by_path[member.file.path]) for member in members}
    return members, sources, {"engine": {"engine": "llama.cpp"}, "add_bos": None, "bos": -1}


def _live_members(
    base: LogitsFile,
    quants: list[Path],
    quant_ids: list[str] | None,
    uploader: str | None,
    stack: ExitStack,
):
    """Quants that are GGUF files: llama.cpp runs them on the file's own tokens."""
    from .engines import llama_cpp as engine
    from .engines.gguf import read_gguf
    from .plan import unique_members

    members = unique_members(quants, read_gguf, quant_ids, uploader)
    sources = {}
    for member in members:
        if member.file.vocab_size != base.vocab_size:
            raise QwhError(
                f"cannot compare {member.file.path.name} with {base.path.name}:"
                f" {member.file.vocab_size:,} tokens against {base.vocab_size:,}: use quants of the"
                " model that wrote the file",
                ExitCode.MISMATCH,
            )
        sources[member] = engine.Model(member.file.path)
        stack.callback(sources[member].close)
    vocab = sources[members[0]]
    facts = {"engine": engine.NAME, "engine_version": engine.VERSION, "device": engine.device()}
    return members, sources, {"engine": facts, "add_bos": vocab.add_bos, "bos": vocab.bos}
