"""A model's answers to a benchmark as a run: prompts and samples, streamed."""

import json
from collections import Counter
from dataclasses import replace
from itertools import islice

from ...errors import ExitCode, QwhError
from ...progress import progress, say
from ...raw.manifest import RunFacts
from ...raw.store import RunWriter, Store
from ..cohort import refuse_other_reference
from ..readers.port import Sample, Samples
from .source import Import, Source, already_there, begun_import, flaws, named, whole_or_partial

BATCH = 4096  # samples that are written together


def describe(found: Samples, source: Source, asked: Import) -> str:
    """What would be stored, in one line."""
    run, prompts = _facts(found, source, asked), Counter(row.prompt_id for row in found.rows)
    return (
        f"{found.benchmark_id}: {prompts.total():,} samples of {len(prompts):,} prompts by"
        f" {run.quant_id} ({run.role}){flaws(found)}"
    )


def publish(store: Store, found: Samples, source: Source, asked: Import) -> RunFacts | None:
    """The run, or None if the warehouse has it. Raises QwhError."""
    run = _facts(found, source, asked)
    refuse_other_reference(store, run)
    if already_there(store, run):
        return None
    with (
        RunWriter(store, "prompts", "samples") as writer,
        progress(f"reading {found.benchmark_id}", None, "samples") as bar,
    ):
        # by prompt_id: equal text is the same prompt, however often the harness lists it
        attempts: Counter[str] = Counter()
        while batch := list(islice(found.rows, BATCH)):
            _write(writer, found.benchmark_id, batch, attempts)
            bar.advance(len(batch))
        if not attempts:
            raise QwhError(
                f"{source.path.name} holds no graded sample of {found.benchmark_id}"
                f"{flaws(found)}: check the file",
                ExitCode.BAD_INPUT,
            )
        if found.partial or found.left_out:
            say(f"{found.benchmark_id}{flaws(found)}")
        return writer.publish(whole_or_partial(run, found))


def _facts(found: Samples, source: Source, asked: Import) -> RunFacts:
    run = replace(
        begun_import(found, source, asked),
        task="benchmark",
        benchmark_id=found.benchmark_id,
        corpus_id=found.benchmark_id,
        harness=json.dumps(found.harness | asked.facts, sort_keys=True),
        model_name=found.model_name,
        facts=json.dumps(found.facts, sort_keys=True, default=str),
        rows=0,
    )
    return named(run, benchmark_id=run.benchmark_id, harness=run.harness)


def _write(
    writer: RunWriter, benchmark_id: str, batch: list[Sample], attempts: Counter[str]
) -> None:
    """A batch of samples, and the prompts among them that are new. attempts grows."""
    prompts, numbers = [], []
    for sample in batch:
        number = attempts[sample.prompt_id]
        attempts[sample.prompt_id] = number + 1
        numbers.append(number)
        if number == 0:
            prompts.append((len(attempts) - 1, sample))
    writer.write(
        "samples",
        {
            "benchmark_id": [benchmark_id] * len(batch),
            "prompt_index": None,
            "prompt_id": [sample.prompt_id for sample in batch],
            "attempt": numbers,
            "answer": [sample.answer for sample in batch],
            "score": [float(sample.score) for sample in batch],
            "answer_tokens": [sample.answer_tokens for sample in batch],
            "finish_reason": [sample.finish_reason for sample in batch],
        },
    )
    if prompts:
        writer.write(
            "prompts",
            {
                "benchmark_id": [benchmark_id] * len(prompts),
                "prompt_index": [index for index, _ in prompts],
                "prompt_id": [sample.prompt_id for _, sample in prompts],
                "category": [sample.category for _, sample in prompts],
                "prompt": [sample.prompt for _, sample in prompts],
                "expected": [sample.expected for _, sample in prompts],
                "reference_answer_tokens": None,
                "prompt_tokens": None,
                "item": [sample.item for _, sample in prompts],
            },
        )
