"""Statistics that another tool computed of a model on a text, as a run."""

import json
from dataclasses import replace

from ...progress import say
from ...raw.manifest import RunFacts
from ...raw.store import RunWriter, Store
from ..cohort import refuse_other_reference
from ..readers.port import Summary
from .source import Import, Source, already_there, begun_import, flaws, named, whole_or_partial


def describe(found: Summary, source: Source, asked: Import) -> str:
    """What would be stored, in one line."""
    run = _facts(found, source, asked)
    return (
        f"{run.quant_id} ({run.role}) on {run.corpus_id} at context length {run.context_length}:"
        f" {len(found.statistics)} statistics, {len(found.chunks)} chunk values{flaws(found)}"
    )


def publish(store: Store, found: Summary, source: Source, asked: Import) -> RunFacts | None:
    """The run, or None if the warehouse has it. Raises QwhError."""
    run = _facts(found, source, asked)
    refuse_other_reference(store, run)
    if already_there(store, run):
        return None
    with RunWriter(store, "summaries", "chunk_summaries") as writer:
        if found.statistics:
            columns = _columns(found.statistics)
            writer.write("summaries", columns | {"n": [found.n] * len(found.statistics)})
        if found.chunks:
            writer.write("chunk_summaries", _columns(found.chunks))
        if found.partial or found.left_out:
            say(f"{run.quant_id} on {run.corpus_id}{flaws(found)}")
        return writer.publish(whole_or_partial(run, found))


def _facts(found: Summary, source: Source, asked: Import) -> RunFacts:
    run = replace(
        begun_import(found, source, asked),
        task="summary",
        corpus_id=asked.corpus_id or found.corpus_id or "unstated",
        context_length=asked.context_length or found.context_length or 0,
        chunks=len({row.chunk for row in found.chunks}) or None,
        engine=found.engine,
        estimator=source.kind,
        facts=json.dumps(found.facts | asked.facts, sort_keys=True, default=str),
        rows=0,
    )
    return named(
        run,
        corpus_id=run.corpus_id,
        context_length=run.context_length,
        estimator=run.estimator,
    )


def _columns(rows: list) -> dict[str, list]:
    """NamedTuples of one kind as columns."""
    return dict(zip(rows[0]._fields, map(list, zip(*rows))))
