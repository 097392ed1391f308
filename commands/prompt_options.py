"""Options of how prompts are asked."""

from typing import Annotated, NamedTuple

import typer

from ..ingest.manner import NEW_TOKENS, NO_TEMPLATE, OWN_TEMPLATE, Manner

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
    int, typer.Option(help="Prompts that are answered together; a harness of its own.", min=1)
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

    def manner(self) -> Manner:
        """The same, checked. Raises QwhError."""
        return Manner(**(self._asdict() | {"stop": tuple(self.stop or ())})).checked()
