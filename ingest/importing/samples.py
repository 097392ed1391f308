"""A model's answers to a benchmark as a run: prompts and samples, streamed."""

import json
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from ...errors import ExitCode, NoScore, QwhError
from ...progress import progress, say
from ...raw.manifest import RunFacts
from ...raw.store import RunWriter, Store
from ..mixing import refuse_other_reference
from ..readers.port import Sample, Samples
from . import pairing, scores
from .choices import Choices
from .items import Items, Place
from .source import (
    Import,
    Source,
    Stored,
    already_there,
    begun_import,
    flaws,
    named,
    refuse_twin,
    say_what_counts,
    whole_or_partial,
)

BATCH = 4096  # samples that are written together


def publish(store: Store, found: Samples, source: Source, asked: Import) -> Stored | None:
    """The run, or None if the warehouse has it. Raises QwhError."""
    scale = scores.scale(found, source, asked)
    run = _facts(found, source, asked, scale)
    refuse_other_reference(store, run)
    items, choices = Items(asked.match), Choices(found.doubts)
    with (
        RunWriter(store, "prompts", "samples") as writer,
        progress(f"reading {run.benchmark_id}", None, "samples") as bar,
    ):
        while batch := list(islice(found.rows, BATCH)):
            places = _write(writer, str(run.benchmark_id), batch, items, scale)
            for place, sample in zip(places, batch):
                choices.add(place, sample.choices)
            bar.advance(len(batch))
        if not len(items):
            raise NoScore(
                f"{source.path.name} holds no graded sample of {run.benchmark_id}{flaws(found)}:"
                " check the file"
            )
        run = whole_or_partial(replace(run, chunks=len(items)), found)
        choices.settle()
        content: dict[str, object] = {
            "benchmark_id": run.benchmark_id,
            "harness": run.harness,
            "content": items.content(),
            **choices.content(),
        }
        run = named(store, run, **content)
        choices.say_what_is_missing(str(run.benchmark_id))
        if found.partial or found.left_out:
            say(f"{run.benchmark_id}{flaws(found)}")
        if already_there(store, run, asked):
            return None
        refuse_twin(store, run, asked.quant_from is None, **content)
        held = pairing.earlier(store, run, items.ids())
        choices.write(writer, str(run.benchmark_id))
        run = writer.publish(run)
    pairing.say_other_model(store, run)
    say_what_counts(run, held)
    pairing.say_what_it_meets(store, run)
    what = f"{items.samples:,} samples of {len(items):,} prompts"
    if choices.prompts:
        what += f", likelihoods of the choices of {choices.prompts:,}"
    if found.metric:
        what += f", score: {found.metric}"
    if found.other_metrics:
        what += f" (there are also {scores.named(found.other_metrics)})"
    return Stored(run, what)


def _facts(found: Samples, source: Source, asked: Import, scale: scores.Scale) -> RunFacts:
    benchmark_id = asked.benchmark_id or found.benchmark_id
    if not benchmark_id:
        raise QwhError(
            f"{source.path} does not say which benchmark it is: give it a --benchmark-id",
            ExitCode.USAGE,
        )
    match = {"match": asked.match} if asked.match != "text" else {}
    return replace(
        begun_import(found, source, asked),
        task="benchmark",
        benchmark_id=benchmark_id,
        corpus_id=benchmark_id,
        harness=json.dumps(
            found.harness | _typed(asked.facts, found.harness) | scale.facts() | match,
            sort_keys=True,
        ),
        model_name=found.model_name,
        facts=json.dumps(
            found.facts | {"metric": found.metric, "score_max": asked.score_max},
            sort_keys=True,
            default=str,
        ),
        rows=0,
    )


def _typed(said: dict[str, str], harness: dict) -> dict:
    """The user's facts: as JSON where the reader has a fact of that name, else as text."""
    facts: dict = dict(said)
    for name in said.keys() & harness.keys():
        with suppress(ValueError):
            facts[name] = json.loads(said[name])
    return facts


def _write(
    writer: RunWriter, benchmark_id: str, batch: list[Sample], items: Items, scale: scores.Scale
) -> list[Place]:
    """A batch of samples, and the prompts among them that are new. items grows.

    Gives where each sample stands.
    """
    graded = [scale.score(sample) for sample in batch]
    places = [items.place(sample, score) for sample, score in zip(batch, graded)]
    new = [(place, sample) for place, sample in zip(places, batch) if place.attempt == 0]
    writer.write(
        "samples",
        {
            "benchmark_id": [benchmark_id] * len(batch),
            "prompt_index": None,
            "prompt_id": [place.prompt_id for place in places],
            "attempt": [place.attempt for place in places],
            "answer": [sample.answer for sample in batch],
            "score": graded,
            "answer_tokens": [sample.answer_tokens for sample in batch],
            "finish_reason": [sample.finish_reason for sample in batch],
        },
    )
    if new:
        _write_prompts(writer, benchmark_id, new)
    return places


def _write_prompts(writer: RunWriter, benchmark_id: str, new: list[tuple[Place, Sample]]) -> None:
    writer.write(
        "prompts",
        {
            "benchmark_id": [benchmark_id] * len(new),
            "prompt_index": [place.number for place, _ in new],
            "prompt_id": [place.prompt_id for place, _ in new],
            "category": [sample.category for _, sample in new],
            "prompt": [sample.prompt for _, sample in new],
            "expected": [sample.expected for _, sample in new],
            "reference_answer_tokens": None,
            "prompt_tokens": None,
            "item": [sample.item for _, sample in new],
            "text_id": [sample.prompt_id for _, sample in new],
        },
    )
