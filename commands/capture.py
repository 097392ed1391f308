"""`qwh capture`: what a reference says of a text, kept so that it is run once."""

from pathlib import Path
from typing import Annotated

import typer

from .options import ThreadsOption
from .spread import spread
from .text_options import BatchSizeOption, Read


@spread(read=Read)
def capture(
    reference: Annotated[Path, typer.Option(help="The high-precision model file.")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="A new folder, or one of the same that was stopped."),
    ],
    read: Read = Read(),  # noqa: B008  (its options are the command's)
    batch_size: BatchSizeOption = 512,
    threads: ThreadsOption = None,
) -> None:
    """Run a reference over a text and keep what its head reads, for quants that come later.

    Several texts or context lengths go into folders of their own. One that was stopped goes on.

    Example: qwh capture --reference m-f16.gguf --corpus wiki.txt -o m-wiki
    """
    from ..ingest.captures.capturing import capture_texts, described
    from ..ingest.cohort import all_threads
    from ..ingest.engines.port import Reading

    reading = Reading(rows=batch_size)
    files = (read.files, read.cuts)
    for folder, kept in capture_texts(output, reference, files, reading, threads or all_threads()):
        print(f"{folder}: {described(kept)}")
