"""A file of prompts made ready to be asked of a job, in the manner that was said."""

import json
from dataclasses import replace
from pathlib import Path

from ...errors import ExitCode, QwhError
from ...progress import say
from ...raw.manifest import RunFacts
from ...raw.names import refuse_name
from ..cohort import Job
from .benchmarks import CHOICES, Benchmark, read_benchmark
from .chat_template import digest, of_file, templated
from .manner import NO_TEMPLATE, OWN_TEMPLATE, Manner

PLAIN_HARNESS = "qwh_prompts"  # the key of answers, as against choices and accepted answers


def names(paths: list[Path], name: str | None) -> list[tuple[Path, str | None]]:
    """Files of prompts with what they are called; None: as the file. Raises QwhError for one name
    of several.
    """
    if name is None:
        return [(path, None) for path in paths]
    if len(paths) > 1:
        raise QwhError(
            f"--benchmark-id {name} for {len(paths)} files of prompts: give one file, or leave the"
            " name out",
            ExitCode.USAGE,
        )
    return [(paths[0], refuse_name(name, "--benchmark-id"))]


def prepared(path: Path, manner: Manner, job: Job, name: str | None = None) -> Benchmark:
    """The benchmark that a job is asked. name: what it is called; None: its file's stem.

    Raises QwhError: the file, or the manner, is none.
    """
    asked = _asked(read_benchmark(path, manner.max_new_tokens), manner.checked())
    if name is not None:
        asked = replace(asked, benchmark_id=name)
    if asked.kind == CHOICES and (said := manner.of_answers):
        say(f"{asked.benchmark_id}: its choices are read, none is answered: {said} changes nothing")
    return templated(asked, job, manner.chat_template)


def is_so_asked(run: RunFacts, manner: Manner) -> bool:
    """Whether a run's harness is what this manner makes, told without the model.

    Of the model's own template only that there was one is held against the run.
    """
    held = json.loads(run.harness or "{}")
    template = held.get("template")
    if manner.chat_template == OWN_TEMPLATE:
        is_its = template is not None
    elif manner.chat_template == NO_TEMPLATE:
        is_its = template is None
    else:
        is_its = template == digest(of_file(Path(manner.chat_template))[0])
    if not is_its or PLAIN_HARNESS not in held:
        return is_its
    return held == json.loads(replace(_of_none(manner), template=template).harness)


def reads_accepted(manner: Manner) -> bool:
    """Whether accepted answers are read as well, if the prompts have any."""
    return _of_none(manner).reads_accepted


def _of_none(manner: Manner) -> Benchmark:
    """A benchmark without prompts, asked in this manner."""
    return _asked(Benchmark("", "", [], manner.max_new_tokens), manner)


def _asked(benchmark: Benchmark, manner: Manner) -> Benchmark:
    return replace(
        benchmark,
        stop=manner.stop,
        extract=manner.extract,
        attempts=manner.attempts,
        temperature=manner.sampling_temperature,
        seed=manner.seed,
        parallel=manner.parallel,
    )
