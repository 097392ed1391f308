"""Texts read by a reference and its quants: live models, or quants against a file of logits."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import ExitCode, QwhError
from ..progress import progress, say
from ..raw.manifest import RunFacts
from ..raw.store import RunWriter, Store
from . import cohort
from .cohort import Job
from .engines.port import PLAIN, ModelFile, Vocabulary
from .engines.registry import engine
from .lockstep import Lane, Scorer, load
from .members import Member, open_stored
from .records import Record, publish
from .texts import Cut, Text, other_tokens, read_text, refuse_doubles, stored_text
from .trace import Trace


class Batch(NamedTuple):
    """Quants that are in memory together, and the texts of one length that some of them lack."""

    texts: list[Text]
    quants: list[Member]
    length: int


def score_texts(
    store: Store, job: Job, names: list[str], cuts: list[Cut], trace: Trace
) -> list[RunFacts]:
    """Score every quant against the reference on every text and cut. Returns the new runs.

    names: a path or ID=path each. Runs that the store holds already are left out. Raises QwhError;
    nothing half done stays behind.
    """
    file = job.reference.file
    if file.stream is not None or any(quant.file.stream is not None for quant in job.quants):
        raise QwhError(
            "a logits file holds the text that it was written from: bring it in with qwh ingest"
            " logits-file",
            ExitCode.USAGE,
        )
    longest = max(cut.context_length for cut in cuts)
    if file.context_length and longest > file.context_length:
        raise QwhError(
            f"--context-length {longest} is beyond what {file.path.name} was made for"
            f" ({file.context_length}): use a shorter one",
            ExitCode.BAD_INPUT,
        )
    refuse_doubles(names)

    def read(vocabulary: Vocabulary) -> list[Text]:
        return [
            read_text(name, rank, cut, vocabulary)
            for cut in cuts
            for rank, name in enumerate(names)
        ]

    with closing(job.reference.engine.vocabulary(file)) as vocabulary:
        texts = read(vocabulary)
    cohort.refuse_other_reading(job, lambda theirs: other_tokens(texts, read(theirs)))
    return _Texts(store, job, trace).score({text: text.facts for text in texts})


def score_stored(store: Store, job: Job, corpus_id: str, trace: Trace) -> list[RunFacts]:
    """Score quants on the very tokens of the reference's file of logits. Returns the new runs.

    The quants are model files, or files of logits of their own. Raises QwhError; nothing half done
    stays behind.
    """
    base, speaker = job.reference.file, job.speaker
    if job.quants[0].file.stream is None:
        with closing(speaker.engine.vocabulary(speaker.file)) as vocabulary:
            text = stored_text(base, corpus_id, vocabulary)
        cohort.refuse_other_reading(
            job,
            lambda theirs: other_tokens([text], [stored_text(base, corpus_id, theirs)]),
        )
    else:
        for each in job.quants:
            _refuse_other_stream(base, each.file)
        text = stored_text(base, corpus_id, None)
    if base.partial:
        say(
            f"{base.path.name} holds {base.partial}: they are stored, and the run is marked partial"
        )
    source = {
        "source_format": job.reference.kind,
        "source_name": base.path.name,
        "source_sha256": base.sha256,
        "status": "partial" if base.partial else "complete",
    }
    return _Texts(store, job, trace).score({text: text.facts | source})


def describe_stored(path: Path) -> list[str]:
    """What a file of logits holds and what would be stored of it, in lines for a person."""
    kind, file = open_stored(path)
    codes = engine(kind).facts(file, PLAIN)["logits_dtype"].removeprefix("u16-")
    stream = file.stream or []
    rows = sum(len(each.scored(0, len(each.ids))) for each in stream)
    return [
        f"{path.name}: a logits file, {file.partial or f'{len(stream)} chunks'} of"
        f" {len(stream[0].ids)} tokens, vocabulary {file.vocab_size:,}, codes {codes} nats deep",
        f"would store {rows:,} rows of reference_tokens, and as many of tokens for each quant",
    ]


class _Texts:
    """One job's way through its texts."""

    def __init__(self, store: Store, job: Job, trace: Trace):
        self.store, self.job, self.trace = store, job, trace

    def score(self, texts: dict[Text, dict[str, Any]]) -> list[RunFacts]:
        """Score what the store lacks. texts: with the fields of RunFacts about each."""
        shared = {
            text: cohort.as_held(self.store, self.job, cohort.shared_facts(self.job, facts))
            for text, facts in texts.items()
        }
        cohort.refuse_mixing(self.store, self.job, list(shared.values()))
        todo = {text: self._missing(text, shared[text]) for text in texts}
        batches = list(self._batches(todo))
        work = sum(
            sum(map(len, text.stream)) * (1 + sum(quant in todo[text] for quant in batch.quants))
            for batch in batches
            for text in batch.texts
        )
        published = []
        with progress("scoring", work, "tokens") as bar:
            for batch in batches:
                with ExitStack() as stack:
                    members = [self.job.reference, *batch.quants]
                    lanes = load(stack, members, batch.length, self.job.settings)
                    for text in batch.texts:
                        mine = [lanes[0], *(x for x in lanes[1:] if x.member in todo[text])]
                        published += self._score(text, mine, shared[text], bar.advance)
        return published

    def _missing(self, text: Text, shared: RunFacts) -> list[Member]:
        what = f"{text.corpus_id} at context length {text.context_length}"
        return cohort.missing(self.store, self.job, shared, what)

    def _batches(self, todo: dict[Text, list[Member]]) -> Iterator[Batch]:
        """What is read together: texts of one length by quants that fit in memory."""
        for length in dict.fromkeys(text.context_length for text in todo):
            texts = [text for text in todo if text.context_length == length]
            wanted = [q for q in self.job.quants if any(q in todo[text] for text in texts)]
            for quants in cohort.groups(self.job, wanted, length):
                some = [text for text in texts if any(q in todo[text] for q in quants)]
                yield Batch(some, quants, length)

    def _score(
        self,
        text: Text,
        lanes: list[Lane],
        shared: RunFacts,
        advance: Callable[[int], None],
    ) -> list[RunFacts]:
        """One text through loaded models; publishes their runs."""
        rows = min(self.job.settings.reading.rows, text.context_length)
        with ExitStack() as stack:
            kept = {}
            for lane in lanes:
                table = "reference_tokens" if lane is lanes[0] else "tokens"
                writer = stack.enter_context(RunWriter(self.store, table))
                kept[lane.member] = Record(writer)
            with Scorer(
                lanes,
                self.job.settings,
                lambda scored: kept[scored.member].take(scored),
                self.trace,
                advance,
            ) as scorer:
                scorer.read(text.sequences(), rows)
            return publish(self.store, self.job, kept, shared)


def _refuse_other_stream(base: ModelFile, file: ModelFile) -> None:
    """Raise QwhError unless a stored quant holds the tokens of the stored reference."""
    ours, theirs = base.stream or [], file.stream or []
    if len(theirs[0].ids) != len(ours[0].ids):
        raise QwhError(
            f"cannot compare {file.path.name} with {base.path.name}: context length"
            f" {len(theirs[0].ids)} against {len(ours[0].ids)}: write both from one text",
            ExitCode.MISMATCH,
        )
    same = all(np.array_equal(a.ids, b.ids) for a, b in zip(ours, theirs))
    if len(theirs) < len(ours) or not same:
        raise QwhError(
            f"cannot compare {file.path.name} with {base.path.name}: they do not hold the same"
            " tokens: write both from one text",
            ExitCode.MISMATCH,
        )
