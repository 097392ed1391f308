"""Options of the texts that models read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..ingest.cohort_file.keys import LENGTH

if TYPE_CHECKING:
    from ..ingest.texts.text import Cut

CorpusOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A text file, or ID=FILE, a folder or a pattern; repeat for more. The first is the"
        " cohort's primary corpus."
    ),
]
ContextOption = Annotated[
    list[int] | None,
    typer.Option(help=f"Tokens per chunk; repeat for more; default: {LENGTH}.", min=8),
]
ChunksOption = Annotated[int | None, typer.Option(help="Read only the first N chunks.", min=2)]
ScoreFromOption = Annotated[
    str | None,
    typer.Option(
        help="First position scored in each chunk: half (as llama-perplexity, the default), zero,"
        " or a number."
    ),
]
BatchSizeOption = Annotated[
    int, typer.Option(help="Positions per forward pass; bounds the memory.", min=1)
]


class Read(NamedTuple):
    """What a command line says of the texts that are read; each field is an option."""

    corpus: CorpusOption = None
    context_length: ContextOption = None
    chunks: ChunksOption = None
    score_from: ScoreFromOption = None

    @property
    def cuts(self) -> "list[Cut]":
        """How texts are cut."""
        from ..ingest.texts.text import Cut

        lengths = dict.fromkeys(self.context_length or [LENGTH])
        return [Cut(length, self.chunks, self.score_from or "half") for length in lengths]

    @property
    def files(self) -> list[str]:
        """The texts, a path or ID=path each. Raises QwhError: none."""
        from ..errors import ExitCode, QwhError
        from ..ingest.files import texts

        if not self.corpus:
            raise QwhError(
                "no text is given: name one with --corpus, or a --reference-capture, which has its"
                " own",
                ExitCode.USAGE,
            )
        return texts(self.corpus)


class Reference(NamedTuple):
    """What a command line says of the reference: the model, or what is kept of it."""

    reference: Annotated[
        Path | None, typer.Option(help="The high-precision model file, or a capture of it.")
    ] = None
    reference_capture: Annotated[
        Path | None,
        typer.Option(
            help="In its place: what qwh capture kept of it, or a folder of several; then neither"
            " model nor text is needed."
        ),
    ] = None
