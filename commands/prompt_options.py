"""Options of how prompts are asked."""

from typing import Annotated

import typer

from ..ingest.manner import NO_TEMPLATE, OWN_TEMPLATE

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
