"""Statistics that another tool computed of a model on a text, as a run."""

import json
import math
from dataclasses import replace

from ...errors import ExitCode, QwhError
from ...progress import say
from ...raw.manifest import RunFacts
from ...raw.store import RunWriter, Store
from ..cohort import refuse_other_reference
from ..readers.port import Summary
from .source import (
    Import,
    Source,
    Stored,
    already_there,
    begun_import,
    flaws,
    named,
    origin,
    say_what_counts,
    whole_or_partial,
)

UNSTATED = "unstated"  # the name of a text that nobody has named
SAME_BASE = 1e-4  # two PPL(base) of one base file and text differ by less, relatively
SAME_RESULT = 0.02  # and two perplexities of one quant on one text by less than this


def publish(store: Store, found: Summary, source: Source, asked: Import) -> Stored | None:
    """The run, or None if the warehouse has it. Raises QwhError, also where a run that is held
    under the same text's name was plainly made on another text.
    """
    run = _facts(found, source, asked)
    refuse_other_reference(store, run)
    if already_there(store, run):
        return None
    held = _of_same_text(store, run)
    for other in held:
        _refuse_another_text(store, found, run, other)
        _refuse_other_settings(found, run, other)
    if found.partial or found.left_out:
        say(f"{run.quant_id} on {run.corpus_id}{flaws(found)}")
    with RunWriter(store, "summaries", "chunk_summaries") as writer:
        if found.statistics:
            columns = _columns(found.statistics)
            writer.write("summaries", columns | {"n": [found.n] * len(found.statistics)})
        if found.chunks:
            writer.write("chunk_summaries", _columns(found.chunks))
        run = writer.publish(run)
    say_what_counts(run, [other for other in held if other.quant_id == run.quant_id])
    metrics = ", ".join(row.metric for row in found.statistics[:4])
    more = f" and {len(found.statistics) - 4} more" if len(found.statistics) > 4 else ""
    return Stored(
        run,
        f"context length {run.context_length}: {len(found.statistics)} statistics"
        f" ({metrics}{more}), {len(found.chunks)} chunk values",
    )


def _facts(found: Summary, source: Source, asked: Import) -> RunFacts:
    printed = {row.metric: row.value for row in found.statistics}
    counted = len({row.chunk for row in found.chunks}) if not found.partial else 0
    run = replace(
        begun_import(found, source, asked),
        task="summary",
        corpus_id=asked.corpus_id or found.corpus_id or UNSTATED,
        context_length=asked.context_length or found.context_length or 0,
        chunks=found.facts.get("chunks") or counted or None,
        engine=found.engine,
        estimator=source.kind,
        reference_ppl=printed.get("ppl_ref"),
        facts=json.dumps(found.facts | asked.facts, sort_keys=True, default=str),
        rows=0,
    )
    run = named(
        run,
        corpus_id=run.corpus_id,
        context_length=run.context_length,
        estimator=run.estimator,
        content=[run.chunks, found.statistics, found.chunks],
    )
    return whole_or_partial(run, found)


def _of_same_text(store: Store, run: RunFacts) -> list[RunFacts]:
    """The cohort's figures of the same tool under the same text's name and context length."""
    same = ("cohort_id", "role", "task", "corpus_id", "context_length", "estimator")
    return [
        other
        for other in store.runs()
        if all(getattr(other, key) == getattr(run, key) for key in same)
    ]


def _refuse_another_text(store: Store, found: Summary, run: RunFacts, held: RunFacts) -> None:
    """Raise QwhError where two runs under one text's name cannot be of one text and one base."""
    differing = None
    if run.chunks and held.chunks and run.chunks != held.chunks:
        differing = f"{held.chunks:,} chunks there, {run.chunks:,} here"
    elif _apart(run.reference_ppl, held.reference_ppl, SAME_BASE):
        differing = f"PPL(base) {held.reference_ppl:g} there, {run.reference_ppl:g} here"
    elif run.corpus_id == UNSTATED and run.quant_id == held.quant_id:
        here = next((row.value for row in found.statistics if row.metric == "ppl"), None)
        there = _ppl(store, held)
        if _apart(here, there, SAME_RESULT):
            differing = f"PPL {there:g} there, {here:g} here"
    if differing:
        raise QwhError(
            f"{run.quant_id} of {run.source_name} is not on the same text, or not against the same"
            f" base, as {held.quant_id} of {held.source_name}: {differing}: give each text its own"
            " --corpus-id",
            ExitCode.MISMATCH,
        )


def _refuse_other_settings(found: Summary, run: RunFacts, held: RunFacts) -> None:
    """Raise QwhError where a quant's two runs were made with other settings: both shall stay."""
    here, there = found.facts.get("settings"), json.loads(held.facts or "{}").get("settings")
    if run.quant_id == held.quant_id and here is not None and there is not None and here != there:
        raise QwhError(
            f"{run.quant_id} of {run.source_name} was run with {_said(here)}, and"
            f" {origin(held)} with {_said(there)}: give this one its own --quant-id",
            ExitCode.MISMATCH,
        )


def _said(settings: dict) -> str:
    return " ".join(f"{name} {value}" for name, value in settings.items()) or "no settings"


def _ppl(store: Store, run: RunFacts) -> float | None:
    """A held run's perplexity."""
    rows = store.rows("summaries", run.run_id, "metric", "value")
    return next((row["value"] for row in rows if row["metric"] == "ppl"), None)


def _apart(one: float | None, other: float | None, share: float) -> bool:
    """Whether two figures are known and differ by more than a share of them."""
    return one is not None and other is not None and not math.isclose(one, other, rel_tol=share)


def _columns(rows: list) -> dict[str, list]:
    """NamedTuples of one kind as columns."""
    return dict(zip(rows[0]._fields, map(list, zip(*rows))))
