"""Options of how prompts are asked."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..ingest.prompts.manner import NEW_TOKENS, NO_TEMPLATE, OWN_TEMPLATE, Manner
from .options import size

if TYPE_CHECKING:
    from ..ingest.prompts.expecting import Wanted

NewTokensOption = Annotated[int, typer.Option(help="Longest answer, tokens.", min=1)]
ChatTemplateOption = Annotated[
    str,
    typer.Option(
        help=f"What makes a chat of a prompt: {NO_TEMPLATE}, {OWN_TEMPLATE} (the reference's own"
        " template) or a file in Jinja."
    ),
]
StopOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A word before which an answer ends, in place of its first line feed; repeat for more."
    ),
]
ExtractOption = Annotated[
    str | None,
    typer.Option(
        help="What counts in an answer: a regular expression (RE2), of whose last match the first"
        " group is graded."
    ),
]
AttemptsOption = Annotated[
    int, typer.Option(help="Answers to each prompt; its score is their mean.", min=1)
]
SamplingTemperatureOption = Annotated[
    float, typer.Option(help="Temperature at which answers are drawn; 0 is greedy.", min=0)
]
SeedOption = Annotated[int, typer.Option(help="Of what is drawn.", min=0)]
ParallelOption = Annotated[
    int,
    typer.Option(
        help="Prompts that are answered together, from 2 on at least 8 and in fours; a harness of"
        " its own.",
        min=1,
    ),
]

KvMemoryOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Most attention memory that a model may take, as 2GB; default: what is free.",
    ),
]
BenchmarkIdOption = Annotated[
    str | None, typer.Option(help="What the benchmark is called; default: its file's stem.")
]
TemperatureOption = Annotated[
    list[float],
    typer.Option(
        help="Temperature at which accepted answers are scored; repeat for more. 1 is always among"
        " them."
    ),
]
LongestAnswerOption = Annotated[
    int,
    typer.Option(
        help="Tokens of an accepted answer beyond which it gives no expected score, only loss.",
        min=1,
    ),
]


class Asked(NamedTuple):
    """What a command line says of how prompts are asked; each field is an option of the command."""

    max_new_tokens: NewTokensOption = NEW_TOKENS
    chat_template: ChatTemplateOption = NO_TEMPLATE
    stop: StopOption = None
    extract: ExtractOption = None
    attempts: AttemptsOption = 1
    sampling_temperature: SamplingTemperatureOption = 0.0
    seed: SeedOption = 0
    parallel: ParallelOption = 1
    kv_memory: KvMemoryOption = None
    benchmark_id: BenchmarkIdOption = None
    temperature: TemperatureOption = [1.0, 0.6, 0.3]
    longest_answer: LongestAnswerOption = 32

    def manner(self) -> Manner:
        """The same, checked. Raises QwhError."""
        said = self._asdict() | {"stop": tuple(self.stop or ())}
        return Manner(**{each.name: said[each.name] for each in fields(Manner)}).checked()

    def scored(self) -> "Wanted":
        """How accepted answers are read. Raises QwhError."""
        from ..ingest.prompts.expecting import wanted

        return wanted(self.temperature, self.longest_answer)

    @property
    def memory(self) -> float | None:
        """Bytes of --kv-memory. Raises QwhError."""
        return None if self.kv_memory is None else size(self.kv_memory)
