"""`qwh ingest gguf`: a reference and its quants read the same text through llama.cpp, position by
position.

All of them move through the text together, one block of positions at a time, so that the reference
runs once for a whole group of quants, no logits reach the disk, and memory holds one block of rows
per model. While one model reads, a thread scores the rows of those before it where llama.cpp left
them, and another writes what is scored.
"""

import hashlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..errors import ExitCode, QwhError
from ..kernels.scorers import dispatch
from ..progress import progress, say
from ..raw.manifest import RunFacts
from ..raw.store import RunWriter, Store
from .engines import (
    llama_cpp as engine,
)  # first: it names the extra that brings llama.cpp and the scorer
from .plan import Member, Settings, in_memory_together, quant_run_id, refuse_mixing
from .trace import FORWARD, SCORE, WRITE, Trace


@dataclass(frozen=True, eq=False)  # one object, one text: hashed by identity
class Corpus:
    """One text cut into chunks. stream: the chunks' token ids, [chunks, context_length] int32."""

    corpus_id: str
    text_sha256: str | None
    rank: int
    tokens: int
    stream: np.ndarray
    score_from: int
    add_bos: bool | None
    bos: int

    def facts(self) -> dict:
        """The manifest's keys about the text and how it is scored."""
        chunks, context_length = self.stream.shape
        return {
            "task": "corpus",
            "scored_span": "corpus",
            "corpus_id": self.corpus_id,
            "corpus_sha256": self.text_sha256,
            "corpus_rank": self.rank,
            "corpus_tokens": self.tokens,
            "chunks": chunks,
            "context_length": context_length,
            "token_stream_sha256": hashlib.sha256(self.stream.astype("<i4").tobytes()).hexdigest(),
            "score_from": self.score_from,
            "add_bos": self.add_bos,
        }

    def scored(self, start: int, stop: int) -> np.ndarray:
        """Which of the positions start..stop-1 predict a scored token, [stop - start] bool."""
        positions = np.arange(start, stop)
        return (positions >= self.score_from) & (positions < self.stream.shape[1] - 1)


def read_corpus(
    name: str,
    rank: int,
    vocab: engine.Model,
    context_length: int,
    chunks: int | None,
    score_from: str,
) -> Corpus:
    """Tokenize a text and cut it into chunks. name: a path, or ID=path. score_from: half, zero or a
    position.

    Raises QwhError if the file is missing, is no UTF-8 text, or is shorter than two chunks.
    """
    corpus_id, _, path = name.rpartition("=")
    path = Path(path)
    if not path.is_file():
        raise QwhError(
            f"cannot read the corpus {path}: there is no such file: check the path",
            ExitCode.NOT_FOUND,
        )
    raw = path.read_bytes()
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise QwhError(
            f"cannot read the corpus {path}: byte {error.start} is not UTF-8: convert it to UTF-8"
            " text",
            ExitCode.BAD_INPUT,
        ) from None
    tokens = vocab.tokenize(text.removesuffix("\n"))  # as llama-perplexity reads its -f file
    whole = len(tokens) // context_length
    if whole < 2:
        raise QwhError(
            f"the corpus {path} is too short: {len(tokens):,} tokens, and two chunks of"
            f" {context_length} need {2 * context_length:,}: use a longer text or a shorter"
            " --context-length",
            ExitCode.BAD_INPUT,
        )
    used = min(whole, chunks or whole)
    first = {"half": context_length // 2, "zero": 0}.get(score_from)
    if first is None:
        if not score_from.isdigit() or int(score_from) >= context_length - 1:
            raise QwhError(
                f"--score-from {score_from} is neither half, zero nor a position below"
                f" {context_length - 1}: choose one of them",
                ExitCode.USAGE,
            )
        first = int(score_from)
    stream = tokens[: used * context_length].reshape(used, context_length)
    return Corpus(
        corpus_id or path.stem,
        hashlib.sha256(raw).hexdigest(),
        rank,
        len(tokens),
        stream,
        first,
        vocab.add_bos,
        vocab.bos,
    )


def ingest_gguf(
    store: Store,
    settings: Settings,
    reference: Member,
    quants: list[Member],
    corpora: list[str],
    context_lengths: list[int],
    chunks: int | None,
    score_from: str,
    trace: Trace | None = None,
) -> list[dict]:
    """Score every quant against the reference on every corpus and context length. Returns the new
    manifests.

    Runs that the warehouse already holds are left out. Raises QwhError; nothing half done stays
    behind.
    """
    trace = trace or Trace()
    settings.facts |= {
        "engine": engine.NAME,
        "engine_version": engine.VERSION,
        "device": engine.device(),
        "estimator": dispatch.estimator(),
        "logits_dtype": "f32",
    }
    longest = max(context_lengths)
    if reference.file.context_length and longest > reference.file.context_length:
        raise QwhError(
            f"--context-length {longest} is beyond what {reference.file.path.name} was made for"
            f" ({reference.file.context_length}): use a shorter one",
            ExitCode.BAD_INPUT,
        )
    vocab = engine.Model(reference.file.path, vocab_only=True)
    texts = [
        read_corpus(name, rank, vocab, length, chunks, score_from)
        for length in context_lengths
        for rank, name in enumerate(corpora)
    ]
    vocab.close()
    common = settings.common() | {"tokenizer_sha256": reference.file.tokenizer_sha256}
    refuse_mixing(store, settings, reference, quants, [common | text.facts() for text in texts])

    todo = {
        text: [
            quant
            for quant in quants
            if not store.find(quant_run_id(reference, quant, common | text.facts()))
        ]
        for text in texts
    }
    for text, left in todo.items():
        for quant in quants:
            if quant not in left:
                say(
                    f"{quant.quant_id} on {text.corpus_id} at context length {text.stream.shape[1]}"
                    " is already in the warehouse: nothing to do"
                )
    wanted = [quant for quant in quants if any(quant in left for left in todo.values())]
    groups = in_memory_together(settings, reference, wanted)
    work = sum(
        text.stream.size * (1 + sum(quant in left for quant in group))
        for group in groups
        for text, left in todo.items()
        if any(quant in left for quant in group)
    )
    published = []
    with progress("scoring", work, "tokens") as bar:
        for group in groups:
            with ExitStack() as stack:
                models = {}
                for member in [reference, *group]:
                    models[member] = engine.Model(member.file.path)
                    stack.callback(models[member].close)
                for text, left in todo.items():
                    members = [quant for quant in group if quant in left]
                    if members:
                        published += score(
                            store, settings, reference, members, text, models, common, bar, trace
                        )
    return published


def score(
    store: Store,
    settings: Settings,
    reference: Member,
    quants: list[Member],
    text: Corpus,
    sources: dict,
    common: dict,
    bar,
    trace: Trace,
) -> list[dict]:
    """One text through the reference and a group of quants; publishes a run for each quant and one
    for the reference.

    sources: Member -> what gives its logits, an engine.Model or a logits_file.Replay.
    """
    facts = common | text.facts()
    began, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    context_length = text.stream.shape[1]
    block = min(settings.batch_size, context_length)
    with ExitStack() as stack:
        contexts = {}
        for member in [reference, *quants]:
            contexts[member] = sources[member].context(context_length, block, settings.threads)
            stack.callback(contexts[member].close)
        reference_writer = stack.enter_context(RunWriter(store, "reference_tokens"))
        writers = {quant: stack.enter_context(RunWriter(store, "tokens")) for quant in quants}
        writing = stack.enter_context(ThreadPoolExecutor(1, "qwh-write"))
        # in the order of submission
        scoring = stack.enter_context(ThreadPoolExecutor(1, "qwh-score"))
        digest = hashlib.sha256()
        nonfinite = dict.fromkeys(contexts, 0)
        # the first quant reads before the reference, so that the last one's rows are scored
        # meanwhile
        order = [*quants[:1], reference, *quants[1:]] if len(quants) > 1 else [reference, *quants]
        pending: dict[Member, Future] = {}

        def write(member: Member, columns: dict) -> None:
            with trace.span(WRITE, member.quant_id):
                if member is reference:
                    reference_writer.write("reference_tokens", columns)
                else:
                    writers[member].write("tokens", columns)

        def score_reference(
            logits: np.ndarray, where: dict, targets: np.ndarray
        ) -> tuple[dispatch.ReferenceRows, Future]:
            with trace.span(SCORE, reference.quant_id):
                rows = dispatch.reference_rows(logits, targets, settings.top_k, settings.threads)
            digest.update(rows.nll_ref.tobytes() + rows.topk_ids.tobytes())
            nonfinite[reference] += int((~rows.finite_ref).sum())
            return rows, writing.submit(
                write, reference, where | {"token_id": targets} | rows._asdict()
            )

        def score_quant(
            quant: Member,
            logits_ref: np.ndarray,
            scored_ref: Future,
            logits: np.ndarray,
            where: dict,
            targets: np.ndarray,
        ) -> tuple[dispatch.QuantRows, Future]:
            rows_ref, _ = scored_ref.result()
            with trace.span(SCORE, quant.quant_id):
                rows = dispatch.quant_rows(logits_ref, rows_ref, logits, targets, settings.threads)
            nonfinite[quant] += int((~rows.finite).sum())
            return rows, writing.submit(write, quant, where | rows._asdict())

        def wait(members: list[Member]) -> None:
            """Until no one reads these members' buffers, and what came of them is written: memory
            stays bounded.
            """
            for member in members:
                if member in pending:
                    pending.pop(member).result()[1].result()

        for chunk, original in enumerate(text.stream):
            ids = original.copy()
            if text.add_bos:
                ids[0] = text.bos  # for the forward pass only, as llama-perplexity does
            for start in range(0, context_length, block):
                stop = min(start + block, context_length)
                scored = text.scored(start, stop)
                predicted = np.arange(start, stop)[scored] + 1
                where = {
                    "chunk": np.full(len(predicted), chunk, np.int32),
                    "position": predicted.astype(np.int32),
                }
                targets = original[predicted]
                logits = {}
                for member in order:
                    # every quant's rows are scored against the reference's
                    wait(list(pending) if member is reference else [member])
                    context = contexts[member]
                    if start == 0:
                        context.keep(0)
                    with trace.span(FORWARD, member.quant_id):
                        logits[member] = context.forward(ids[start:stop], start, scored)
                    bar.advance(stop - start)
                    if not len(predicted):
                        continue
                    if member is reference:
                        pending[reference] = scoring.submit(
                            score_reference, logits[reference], where, targets
                        )
                    for quant in logits if member is reference else [member]:
                        if quant is not reference and reference in logits:
                            pending[quant] = scoring.submit(
                                score_quant,
                                quant,
                                logits[reference],
                                pending[reference],
                                logits[quant],
                                where,
                                targets,
                            )
        wait(list(pending))

        def manifest(
            member: Member, role: str, run_id: str, reference_run_id: str | None, rows: int
        ) -> RunFacts:
            return RunFacts(
                **(
                    member.file.run_facts()
                    | facts
                    | {
                        "run_id": run_id,
                        "role": role,
                        "quant_id": member.quant_id,
                        "reference_run_id": reference_run_id,
                        "made_from": settings.made_from if role == "reference" else None,
                        "uploader": member.uploader,
                        "rows": rows,
                        "nonfinite": nonfinite[member],
                        "started_at": began,
                        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
                        "seconds": round(time.monotonic() - clock, 3),
                    }
                )
            )

        # the rows' digest is part of the reference's name: a quant always points at the very rows that
        # it was scored against
        own_name = quant_run_id(reference, reference, facts)
        reference_run = RunFacts().named(run=own_name, rows=digest.hexdigest()).run_id
        published = []
        if not store.find(reference_run):
            published.append(
                reference_writer.publish(
                    manifest(
                        reference,
                        "reference",
                        reference_run,
                        None,
                        reference_writer.rows["reference_tokens"],
                    )
                )
            )
        for quant in quants:
            run_id = quant_run_id(reference, quant, facts)
            published.append(
                writers[quant].publish(
                    manifest(quant, "quant", run_id, reference_run, writers[quant].rows["tokens"])
                )
            )
    return published
