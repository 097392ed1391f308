"""A benchmark asked of a cohort: prompts answered, and accepted answers or choices read."""

from contextlib import closing
from dataclasses import replace
from typing import Protocol

from ...errors import ExitCode, QwhError
from ...progress import say
from ...raw.manifest import RunFacts
from ...raw.store import Store
from .. import calibration, cohort
from ..cohort import Job
from ..engines.port import Vocabulary
from ..mixing import refuse_mixing
from . import choosing
from .answering import Answering
from .asked import tokenized
from .benchmarks import CHOICES, Benchmark
from .choosing import Choosing
from .expecting import USUAL, Expecting, Wanted, ends, ids, questions


class Way(Protocol):
    """Of what a benchmark is asked for, the runs."""

    shared: RunFacts

    def all(self) -> list[RunFacts]:
        """Publishes those that the store lacks."""


def ask_benchmark(
    store: Store, job: Job, benchmark: Benchmark, wanted: Wanted = USUAL, generate: bool = True
) -> list[RunFacts]:
    """Answer a benchmark with all models and have them read its answers. Returns the new runs.

    generate: False leaves the answering out. Runs that the store holds already are left out. Raises
    QwhError; what was answered is kept, and the same call goes on from it.
    """
    for member in (job.reference, *job.quants):
        if member.file.stream is not None:
            raise QwhError(
                f"{member.source} holds what a model said of one text and answers nothing: give"
                " the model that wrote it",
                ExitCode.USAGE,
            )
    with closing(job.reference.engine.vocabulary(job.reference.file)) as vocabulary:
        near = calibration.at_hand(job, vocabulary)
        words = calibration.of_prompts(benchmark, vocabulary) if near else []
        about = calibration.overlap(benchmark.benchmark_id, words, near)
        benchmark = replace(benchmark, about=about)
        asked = _ways(store, job, benchmark, vocabulary, wanted, generate)
        cohort.refuse_other_reading(
            job, lambda theirs: _other_reading(job, benchmark, vocabulary, theirs)
        )
        refuse_mixing(store, job, [each.shared for each in asked])
        return [run for each in asked for run in each.all()]


def _ways(
    store: Store,
    job: Job,
    benchmark: Benchmark,
    vocabulary: Vocabulary,
    wanted: Wanted,
    generate: bool,
) -> list[Way]:
    """What a benchmark is asked for. Raises QwhError if that is nothing."""
    if benchmark.kind == CHOICES:
        return [Choosing(store, job, benchmark, vocabulary)]
    found: list[Way] = [Answering(store, job, benchmark, vocabulary)] if generate else []
    if benchmark.reads_accepted:
        return [*found, Expecting(store, job, benchmark, vocabulary, wanted)]
    why = (
        f"{benchmark.benchmark_id}: accepted answers are not read where stop words or a pattern"
        " say what counts in an answer"
    )
    if not found:
        raise QwhError(
            f"{why}: have them answered, or leave stop words and pattern out", ExitCode.USAGE
        )
    say(f"{why}: no expected scores of it")
    return found


def _other_reading(
    job: Job, benchmark: Benchmark, ours: Vocabulary, theirs: Vocabulary
) -> str | None:
    """In what two vocabularies read a benchmark differently, if at all."""
    file, name = job.reference.file, benchmark.benchmark_id
    here, there = (tokenized(benchmark, each) for each in (ours, theirs))
    if [each.ids for each in here] != [each.ids for each in there]:
        return f"the tokens of {name}'s prompts"
    if benchmark.kind == CHOICES:
        one, other = (choosing.ids(choosing.questions(benchmark, each)) for each in (ours, theirs))
        return f"the tokens of {name}'s choices" if one != other else None
    same_ends = [ends(each, file.vocab_size).tolist() for each in (ours, theirs)]
    if ours.eos != theirs.eos or same_ends[0] != same_ends[1]:
        return "EOS, at which answers end"
    read = [
        ids(questions(asked, each, file.context_length))
        for asked, each in ((here, ours), (there, theirs))
    ]
    return f"the tokens of {name}'s accepted answers" if read[0] != read[1] else None
