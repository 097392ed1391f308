"""A benchmark's prompts as a model reads them, and the facts of the runs that ask them."""

import hashlib
import json
from itertools import takewhile
from typing import Any, NamedTuple

from ...errors import ExitCode, QwhError
from ..cohort import Job
from ..engines.beside import MarkupVocabulary
from ..engines.port import Vocabulary
from .benchmarks import Benchmark
from .prompt_lines import Prompt


class Asked(NamedTuple):
    """A benchmark's prompt. ids: its tokens; shared: those that the prompt before begins with."""

    number: int
    prompt: Prompt
    ids: list[int]
    shared: int


def tokenized(benchmark: Benchmark, vocabulary: Vocabulary) -> list[Asked]:
    """Every prompt's ids. Raises QwhError for one without any: nothing would come before."""
    found: list[Asked] = []
    before: list[int] = []
    for index, prompt in enumerate(benchmark.prompts):
        ids = _ids(prompt, vocabulary)
        if not ids:
            raise QwhError(
                f"prompt {index + 1} of {benchmark.benchmark_id} is empty, and this model begins"
                " with no token of its own: remove that prompt",
                ExitCode.BAD_INPUT,
            )
        found.append(Asked(index, prompt, ids, common(before, ids)))
        before = ids
    return found


def refuse_long(job: Job, benchmark: Benchmark, length: int, what: str) -> None:
    """Raise QwhError for more tokens than a model was made for. what: is to be shortened."""
    file = job.reference.file
    if file.context_length and length > file.context_length:
        raise QwhError(
            f"the longest prompt of {benchmark.benchmark_id} needs {length} tokens, beyond what"
            f" {file.path.name} was made for ({file.context_length}): shorten {what}",
            ExitCode.BAD_INPUT,
        )


def _ids(prompt: Prompt, vocabulary: Vocabulary) -> list[int]:
    """What is read of a prompt. Raises QwhError where markup would be read as words."""
    if prompt.rendered is None:
        return vocabulary.tokenize(prompt.read).tolist()
    if isinstance(vocabulary, MarkupVocabulary):
        return vocabulary.tokenize_markup(prompt.read).tolist()
    raise QwhError(
        "this engine's tokenizer knows no markup, of which chat templates are made: ask without"
        " --chat-template",
        ExitCode.USAGE,
    )


def common(before: list[int], ids: list[int]) -> int:
    """How many ids both begin with, less than all of `ids`: the last one is always run."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, ids)))
    return min(same, len(ids) - 1)


def hashed(ids: list[Any]) -> str:
    """Hash of the ids that are read."""
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()


def facts(benchmark: Benchmark, asked: list[Asked], vocabulary: Vocabulary) -> dict[str, Any]:
    """The fields of RunFacts about a benchmark that is answered."""
    ids = [each.ids for each in asked]
    return {
        "task": "benchmark",
        "scored_span": "ref_answer",
        "corpus_id": benchmark.benchmark_id,
        "benchmark_id": benchmark.benchmark_id,
        "corpus_sha256": benchmark.sha256,
        "corpus_rank": 0,
        "corpus_tokens": sum(map(len, ids)),
        "chunks": len(ids),
        "add_bos": vocabulary.add_bos,
        "harness": benchmark.harness,
        "token_stream_sha256": hashed(ids),
        **benchmark.about,
    }


def key(benchmark: Benchmark, asked: Asked) -> dict[str, list[Any]]:
    """The columns that name a prompt, in one row."""
    return {
        "benchmark_id": [benchmark.benchmark_id],
        "prompt_index": [asked.number],
        "prompt_id": [asked.prompt.prompt_id],
    }


def prompt_row(benchmark: Benchmark, asked: Asked, answer_tokens: int | None) -> dict[str, Any]:
    """A row of `prompts`. answer_tokens: of the reference's own answer; None: it gave none."""
    return key(benchmark, asked) | {
        "category": [asked.prompt.category],
        "prompt": [asked.prompt.text],
        "expected": [json.dumps(asked.prompt.answers)],
        "reference_answer_tokens": [answer_tokens],
        "prompt_tokens": [len(asked.ids)],
        "item": [str(asked.number)],
        "text_id": None,
    }
