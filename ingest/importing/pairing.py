"""What an imported run meets in the warehouse: an earlier run of its own, the reference's answers.

Said at once, for what meets nothing is in no table of results.
"""

import json

from ...errors import ExitCode, QwhError
from ...progress import say
from ...raw.manifest import RunFacts
from ...raw.store import Store
from ..differences import apart, difference
from .source import origin, weight


def earlier(store: Store, run: RunFacts, prompts: set[str]) -> list[RunFacts]:
    """The held runs of the same quant on the same benchmark.

    prompts: the run's own. Raises QwhError where a held one has prompts that this one lacks while
    this one has others: then each would hide answers of the other.
    """
    held = [
        other
        for other in _of_benchmarks(store, run, str(run.role))
        if other.benchmark_id == run.benchmark_id and other.quant_id == run.quant_id
    ]
    for other in held:
        theirs = _answered(store, other)
        lacking = theirs - prompts
        if other.harness == run.harness and lacking and not prompts <= theirs:
            raise QwhError(
                f"{run.quant_id} already has a run on {run.benchmark_id} ({origin(other)}) with"
                f" {len(lacking):,} prompts that {run.source_name} lacks, which has others: give"
                " all its files in one command, or each benchmark its own --benchmark-id",
                ExitCode.MISMATCH,
            )
    return held


def say_other_model(store: Store, run: RunFacts) -> None:
    """Say where the tool calls a quant's model otherwise than an earlier file of it did."""
    for other in _of_benchmarks(store, run, str(run.role)):
        same = (other.quant_id, other.source_format) == (run.quant_id, run.source_format)
        if same and run.model_name and other.model_name not in (None, run.model_name):
            say(
                f"{run.quant_id} is {run.model_name} here, and was {other.model_name} in"
                f" {origin(other)}: check that it is one model"
            )
            return


def say_what_it_meets(store: Store, run: RunFacts) -> None:
    """Say why a quant's answers, or some of them, will not meet the reference's."""
    if run.role != "quant":
        return
    references = _of_benchmarks(store, run, "reference")
    same = [other for other in references if other.benchmark_id == run.benchmark_id]
    if not same:
        say(
            f"no reference of cohort {run.cohort_id} has the benchmark {run.benchmark_id}, so"
            f" {run.quant_id} is compared with nothing: {_way_on(run, references)}"
        )
        return
    reference = max(same, key=weight)
    if reference.harness != run.harness:
        say(
            f"{run.quant_id} on {run.benchmark_id} does not meet the reference's"
            f" {origin(reference)}: {_other_facts(reference, run)}"
        )
        return
    _say_unmet(store, run, reference)


def _way_on(run: RunFacts, references: list[RunFacts]) -> str:
    """What the reference has instead of a benchmark, and what to do about it."""
    there = sorted({str(other.benchmark_id) for other in references})
    if not there:
        return "import it with --is-reference"
    group = next((name for name in there if str(run.benchmark_id).startswith(f"{name}_")), None)
    if group:
        return (
            f"it has {group}, whose task it may be: bring in all of {group} in one command, with"
            " the tool's results json beside the samples"
        )
    return (
        f"it has {', '.join(there)}: if it is one of them, give its file alone with --benchmark-id"
    )


def _say_unmet(store: Store, run: RunFacts, reference: RunFacts) -> None:
    """Say how many prompts one of both was not given, and how the texts of the first differ."""
    theirs, columns = _answered(store, reference), ("prompt_id", "item", "prompt")
    own = store.rows("prompts", run.run_id, *columns)
    unmet = [prompt for prompt in own if prompt["prompt_id"] not in theirs]
    lacking = theirs - _answered(store, run)
    if 0 < len(lacking) < len(theirs):
        say(
            f"{len(lacking):,} of the reference's {len(theirs):,} prompts on {run.benchmark_id}"
            f" have no answer of {run.quant_id}: the others are compared"
        )
    if not unmet:
        return
    line = f"{len(unmet):,} of {run.chunks:,} prompts"
    if json.loads(run.harness or "{}").get("match") == "item":
        say(
            f"{line} have another item or expected answer than the reference's"
            f" ({origin(reference)})"
        )
        return
    given = store.rows("prompts", reference.run_id, *columns)
    held = {prompt["item"]: prompt["prompt"] for prompt in given}
    for prompt in unmet:
        text = held.get(prompt["item"])
        if text is not None and prompt["prompt"] is not None and text != prompt["prompt"]:
            there, here = difference(text, prompt["prompt"])
            say(
                f"{line} are another text than the reference's ({origin(reference)}): item"
                f" {prompt['item']} has {there!r} there, {here!r} here: give --match item at both"
                " imports to pair by item and expected answer"
            )
            return
    say(f"{line} are not among the reference's ({origin(reference)})")


def _other_facts(reference: RunFacts, run: RunFacts) -> str:
    there, here = json.loads(reference.harness or "{}"), json.loads(run.harness or "{}")
    names = sorted(name for name in there | here if there.get(name) != here.get(name))
    pairs = [
        (name, *apart(json.dumps(there.get(name)), json.dumps(here.get(name)))) for name in names
    ]
    return ", ".join(f"{name} is {ours} there, {theirs} here" for name, ours, theirs in pairs)


def _of_benchmarks(store: Store, run: RunFacts, role: str) -> list[RunFacts]:
    return [
        other
        for other in store.runs()
        if other.cohort_id == run.cohort_id and other.role == role and other.task == "benchmark"
    ]


def _answered(store: Store, run: RunFacts) -> set[str]:
    """The prompts that a run has answers to."""
    return {row["prompt_id"] for row in store.rows("samples", run.run_id, "prompt_id")}
