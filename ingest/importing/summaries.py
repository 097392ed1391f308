"""Statistics that another tool computed of a model on a text, as a run."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import ExitCode, QwhError
from ...progress import say
from ...raw.manifest import SAME_TEXT, RunFacts
from ...raw.store import RunWriter, Store
from ..mixing import refuse_other_reference
from ..readers.port import Results, Statistic, Summary
from .source import (
    Import,
    Source,
    Stored,
    already_there,
    begun_import,
    flaws,
    named,
    origin,
    refuse_twin,
    say_what_counts,
    whole_or_partial,
)

UNSTATED = "unstated"  # the name of a text that nobody has named
SAME_BASE = 1e-4  # two PPL(base) of one base file and text differ by less, relatively
SAME_RESULT = 0.02  # and two perplexities of one quant on one text by less than this


class Told(NamedTuple):
    """A run that is held or about to be, as far as it tells what it was measured on."""

    run: RunFacts
    label: str  # for a line that speaks of it
    ppl: float | None

    def fact(self, name: str) -> Any:
        """One of the facts that its file tells; None: it does not."""
        return json.loads(self.run.facts or "{}").get(name)


def refuse_mixtures(store: Store, finds: list[tuple[Source, Results]], asked: Import) -> None:
    """Raise QwhError where two runs under one text's name were plainly not made alike.

    Asked of all that a command brings in, before the first is stored.
    """
    summed = [(source, found) for source, found in finds if isinstance(found, Summary)]
    ours = [run for run in store.runs() if run.cohort_id == asked.cohort] if summed else []
    known = [Told(run, origin(run), _held_ppl(store, run)) for run in ours]
    for source, found in summed:
        run = _facts(store, found, source, asked)
        refuse_other_reference(store, run)
        label = "/".join([str(source.path), *filter(None, [found.facts.get("file")])])
        told = Told(run, label, _ppl(found.statistics))
        for other in known:
            if _same_text(other.run, run) and other.run.run_id != run.run_id:
                _refuse_another_text(told, other)
                _refuse_other_settings(told, other)
        known.append(told)


def publish(store: Store, found: Summary, source: Source, asked: Import) -> Stored | None:
    """The run, or None if the warehouse has it. Raises QwhError."""
    run = _facts(store, found, source, asked)
    if already_there(store, run, asked):
        return None
    refuse_twin(store, run, asked.quant_id is not None, **_content(run, found))
    held = [each for each in store.runs() if _same_text(each, run)]
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


def _facts(store: Store, found: Summary, source: Source, asked: Import) -> RunFacts:
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
    run = named(store, run, **_content(run, found))
    return whole_or_partial(run, found)


def _content(run: RunFacts, found: Summary) -> dict[str, object]:
    """What names a run beside whose it is."""
    return {
        "corpus_id": run.corpus_id,
        "context_length": run.context_length,
        "estimator": run.estimator,
        "content": [run.chunks, found.statistics, found.chunks],
    }


def _same_text(one: RunFacts, other: RunFacts) -> bool:
    """Whether both are figures of one tool under one text's name and context length."""
    same = ("cohort_id", "role", *SAME_TEXT, "estimator")
    return all(getattr(one, key) == getattr(other, key) for key in same)


def _refuse_another_text(new: Told, held: Told) -> None:
    """Raise QwhError where two runs under one text's name cannot be of one text and one base."""
    run, other, differing = new.run, held.run, None
    bases = [Path(base).name for told in (held, new) if (base := told.fact("base_file"))]
    if run.chunks and other.chunks and run.chunks != other.chunks:
        differing = f"{other.chunks:,} chunks there, {run.chunks:,} here"
    elif _apart(run.reference_ppl, other.reference_ppl, SAME_BASE):
        differing = f"PPL(base) {other.reference_ppl:g} there, {run.reference_ppl:g} here"
    elif len(set(bases)) > 1:
        differing = f"the base {bases[0]} there, {bases[1]} here"
    elif (
        run.corpus_id == UNSTATED
        and run.quant_id == other.quant_id
        and _apart(new.ppl, held.ppl, SAME_RESULT)
    ):
        differing = f"PPL {held.ppl:g} there, {new.ppl:g} here"
    if differing:
        raise QwhError(
            f"{run.quant_id} of {new.label} is not on the same text, or not against the same base,"
            f" as {other.quant_id} of {held.label}: {differing}: give each text its own"
            " --corpus-id",
            ExitCode.MISMATCH,
        )


def _refuse_other_settings(new: Told, held: Told) -> None:
    """Raise QwhError where a quant's two runs were made with other settings: both shall stay."""
    here, there = new.fact("settings"), held.fact("settings")
    known = here is not None and there is not None
    if new.run.quant_id == held.run.quant_id and known and here != there:
        raise QwhError(
            f"{new.run.quant_id} of {new.label} was run with {_said(here)}, and that of"
            f" {held.label} with {_said(there)}: give this one its own --quant-id",
            ExitCode.MISMATCH,
        )


def _said(settings: dict) -> str:
    return " ".join(f"{name} {value}" for name, value in settings.items()) or "no settings"


def _ppl(statistics: list[Statistic]) -> float | None:
    return next((row.value for row in statistics if row.metric == "ppl"), None)


def _held_ppl(store: Store, run: RunFacts) -> float | None:
    """A held run's perplexity, where it may be needed: its text has no name."""
    if run.corpus_id != UNSTATED or run.task != "summary":
        return None
    rows = store.rows("summaries", run.run_id, "metric", "value")
    return next((row["value"] for row in rows if row["metric"] == "ppl"), None)


def _apart(one: float | None, other: float | None, share: float) -> bool:
    """Whether two figures are known and differ by more than a share of them."""
    return one is not None and other is not None and not math.isclose(one, other, rel_tol=share)


def _columns(rows: list) -> dict[str, list]:
    """NamedTuples of one kind as columns."""
    return dict(zip(rows[0]._fields, map(list, zip(*rows))))
