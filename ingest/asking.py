"""A benchmark asked of a cohort: prompts answered, and their accepted answers read."""

from contextlib import closing

from ..errors import ExitCode, QwhError
from ..raw.manifest import RunFacts
from ..raw.store import Store
from . import cohort
from .answering import Answering
from .asked import tokenized
from .benchmarks import Benchmark
from .cohort import Job
from .engines.port import Vocabulary
from .expecting import USUAL, Expecting, Wanted, ends, ids, questions
from .mixing import refuse_mixing


def ask_benchmark(
    store: Store, job: Job, benchmark: Benchmark, wanted: Wanted = USUAL, generate: bool = True
) -> list[RunFacts]:
    """Answer a benchmark with all models and have them read its answers. Returns the new runs.

    generate: False leaves the answering out. Runs that the store holds already are left out. Raises
    QwhError; nothing half done stays behind.
    """
    for member in (job.reference, *job.quants):
        if member.file.stream is not None:
            raise QwhError(
                f"{member.file.path.name} holds logits of one text and answers nothing: give the"
                " model that wrote it",
                ExitCode.USAGE,
            )
    with closing(job.reference.engine.vocabulary(job.reference.file)) as vocabulary:
        answering = Answering(store, job, benchmark, vocabulary) if generate else None
        expecting = Expecting(store, job, benchmark, vocabulary, wanted)
        cohort.refuse_other_reading(
            job, lambda theirs: _other_reading(job, benchmark, vocabulary, theirs)
        )
        asked: list[Answering | Expecting] = [each for each in (answering, expecting) if each]
        refuse_mixing(store, job, [each.shared for each in asked])
        return [run for each in asked for run in each.all()]


def _other_reading(
    job: Job, benchmark: Benchmark, ours: Vocabulary, theirs: Vocabulary
) -> str | None:
    """In what two vocabularies read a benchmark differently, if at all."""
    file, name = job.reference.file, benchmark.benchmark_id
    here, there = (tokenized(benchmark, each) for each in (ours, theirs))
    if [each.ids for each in here] != [each.ids for each in there]:
        return f"the tokens of {name}'s prompts"
    same_ends = [ends(each, file.vocab_size).tolist() for each in (ours, theirs)]
    if ours.eos != theirs.eos or same_ends[0] != same_ends[1]:
        return "EOS, at which answers end"
    read = [
        ids(questions(asked, each, file.context_length))
        for asked, each in ((here, ours), (there, theirs))
    ]
    return f"the tokens of {name}'s accepted answers" if read[0] != read[1] else None
