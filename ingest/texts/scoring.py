"""Texts read by a reference and its quants: live models, or quants against a file of logits."""

from contextlib import closing
from pathlib import Path

import numpy as np

from ...errors import ExitCode, QwhError
from ...progress import say
from ...raw.manifest import RunFacts
from ...raw.store import Store
from .. import calibration, cohort, tokenizers
from ..cohort import Job
from ..engines.port import PLAIN, ModelFile, Vocabulary
from ..engines.registry import engine
from ..engines.stored import Stored
from ..members import open_stored
from ..trace import Trace
from .text import Cut, Text, other_tokens, read_text, refuse_doubles, refuse_longer, stored_text
from .text_runs import Task, TextRuns

MADE_BY = ("engine", "engine_version", "device", "batch_size", "ubatch_size")  # see a stored source


def score_texts(
    store: Store, job: Job, names: list[str], cuts: list[Cut], trace: Trace
) -> list[RunFacts]:
    """Score every quant against the reference on every text and cut. Returns the new runs.

    names: a path or ID=path each. Runs that the store holds already are left out. Raises QwhError;
    whole chunks are kept, and the same call goes on from them.
    """
    file = job.reference.file
    if file.stream is not None or any(quant.file.stream is not None for quant in job.quants):
        raise QwhError(
            "a logits file holds the text that it was written from: bring it in with qwh ingest"
            " logits-file",
            ExitCode.USAGE,
        )
    refuse_longer(file, cuts)
    refuse_doubles(names)

    wanted = [(name, rank, cut) for cut in cuts for rank, name in enumerate(names)]

    def read(vocabulary: Vocabulary) -> list[Text]:
        return [read_text(*each, vocabulary) for each in wanted]

    with closing(job.reference.engine.vocabulary(file)) as vocabulary:
        texts = read(vocabulary)
        near = calibration.at_hand(job, vocabulary)
    cohort.refuse_other_reading(job, lambda theirs: other_tokens(texts, read(theirs)))
    until = job.settings.until
    tasks = [
        Task(
            text,
            calibration.overlap(text.corpus_id, text.stream, near),
            free=until is not None or cut.chunks is None,
            until=until,
        )
        for text, (_, _, cut) in zip(texts, wanted)
    ]
    return TextRuns(store, job, trace).score(tasks)


def score_stored(store: Store, job: Job, corpus_id: str | None, trace: Trace) -> list[RunFacts]:
    """Score quants on the very tokens of the reference's stored source. Returns the new runs.

    The quants are model files, or files of logits of their own; corpus_id: None: as the source has
    it. Raises QwhError; whole chunks are kept, and the same call goes on from them.
    """
    base, speaker = job.reference.file, job.speaker
    assert isinstance(base, Stored)
    _refuse_other_engine(job)
    near = None
    if not job.quants or job.quants[0].file.stream is None:
        is_mute = base.tokenizer is not None  # a capture, whose text is not at hand
        for quant in job.quants if is_mute else ():
            tokenizers.refuse_other_cuts(base, quant.file)
        with closing(speaker.engine.vocabulary(speaker.file)) as vocabulary:
            text = stored_text(base, corpus_id, vocabulary)
        reader = (*job.quants, speaker)[0] if is_mute else speaker
        with closing(reader.engine.vocabulary(reader.file)) as vocabulary:
            near = calibration.at_hand(job, vocabulary)
        cohort.refuse_other_reading(
            job,
            lambda theirs: other_tokens([text], [stored_text(base, corpus_id, theirs)]),
        )
    else:
        for each in job.quants:
            _refuse_other_stream(base, each.file)
        text, near = stored_text(base, corpus_id, None), None
    if base.partial:
        say(
            f"{base.path.name} holds {base.partial}: they are stored, and the run is marked partial"
        )
    source = base.source | {"status": "partial" if base.partial else "complete"}
    source |= calibration.overlap(text.corpus_id, text.stream, near)
    until = job.settings.until
    free = until is not None or base.tokenizer is not None  # a capture may hold more than was read
    return TextRuns(store, job, trace).score([Task(text, source, free=free, until=until)])


def _refuse_other_engine(job: Job) -> None:
    """Raise QwhError if a stored source was made in another way than the quants are to be read."""
    reference = job.reference
    there = reference.engine.facts(reference.file, reference.reading)
    rows = {"batch_size": reference.reading.rows, "ubatch_size": reference.reading.rows}
    for quant in job.quants:
        if quant.file.stream is not None:
            continue
        here = quant.engine.facts(quant.file, PLAIN) | rows
        differ = [key for key in MADE_BY if there.get(key) not in (None, here.get(key))]
        if differ:
            told = ", ".join(f"{key} {there[key]} there, {here.get(key)} here" for key in differ)
            raise QwhError(
                f"cannot compare {quant.file.path.name} with what is kept of"
                f" {reference.file.path.name}: {told}: keep it again, or read as it was read",
                ExitCode.MISMATCH,
            )


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
