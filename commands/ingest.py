"""`qwh ingest`: one command per engine that runs models, prompts, files of logits, and imports.

Heavy imports stay inside the commands, so that `qwh --help` is instant.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..ingest.engines.registry import ENGINES
from ..ingest.which_cohort import which_cohort
from .imports import add_imports
from .new_run import which_run
from .options import (
    DEFAULT,
    AtOnceOption,
    DryRunOption,
    IntoCohortOption,
    ThreadsOption,
    WarehouseOption,
    quant_names,
)
from .prompt_options import Asked
from .readings import Run, measured, under
from .spread import spread
from .text_options import BatchSizeOption, Read, Reference

if TYPE_CHECKING:
    from ..ingest.cohort import Settings
    from ..ingest.trace import Trace
    from ..raw.manifest import RunFacts
    from ..raw.store import Store

ingest = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Put rows into the warehouse."
)

ReferenceOption = Annotated[Path, typer.Option(help="The high-precision model file.")]
QuantOption = Annotated[
    list[Path],
    typer.Option(
        help="A quant of it, a folder of them or a pattern ('m/*.gguf'); repeat for more."
    ),
]
MoreArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="QUANT", help="More quants, as a shell's own * gives them."),
]
QuantIdOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Name for each --quant, in order; default: as the cohort has that file, else its stem"
        " without the leading parts that the reference's has too.",
        callback=quant_names,
    ),
]
MadeFromOption = Annotated[
    str | None,
    typer.Option(help="Say so if the reference itself was made from a quantized file."),
]
UploaderOption = Annotated[str | None, typer.Option(help="Who published these quants.")]
TopKOption = Annotated[int, typer.Option(help="Log-probs kept per position.", min=1)]
UntilOption = Annotated[
    float | None,
    typer.Option(
        help="End each text at the first chunk where no quant's mean KLD has a larger relative"
        " error, as 0.02; later quants read as far.",
        min=0,
    ),
]
TraceOption = Annotated[
    Path | None, typer.Option(help="Save who worked when: a file for ui.perfetto.dev.")
]


AnswersOnlyOption = Annotated[
    bool,
    typer.Option(
        "--answers-only", help="Only read the accepted answers: no pass or fail of any prompt."
    ),
]


TextNameOption = Annotated[
    str | None, typer.Option(help="What the text is called; default: the logits file's stem.")
]
WriterOption = Annotated[
    Path | None,
    typer.Option(help="The GGUF file that wrote it, if it is at hand: its facts are stored."),
]


def _text_help(kind: str, sentence: str) -> str:
    """What `qwh ingest KIND` says of itself."""
    return (
        "Run a reference and its quants over texts and store every position's log-probs and"
        f" divergences: {sentence}.\n\nExample: qwh ingest {kind} --reference m-f16 --quant m-q4"
        " --corpus wiki.txt --cohort m"
    )


def _text_command(kind: str) -> Callable[..., None]:
    """`qwh ingest KIND`: texts through the models of one engine."""

    @spread(of=Reference, read=Read, run=Run)
    def command(
        quant: QuantOption = [],  # noqa: B006  (typer copies it)
        of: Reference = Reference(),  # noqa: B008  (its options are the command's)
        read: Read = Read(),  # noqa: B008
        cohort: IntoCohortOption = None,
        until: UntilOption = None,
        quant_id: QuantIdOption = None,
        reference_made_from: MadeFromOption = None,
        uploader: UploaderOption = None,
        top_k: TopKOption = 32,
        batch_size: BatchSizeOption = 512,
        quants_at_once: AtOnceOption = None,
        threads: ThreadsOption = None,
        trace: TraceOption = None,
        run: Run = Run(),  # noqa: B008  (its options are the command's)
        warehouse: WarehouseOption = DEFAULT,
        more: MoreArgument = None,
    ) -> None:
        from ..ingest.trace import Trace
        from ..progress import say
        from ..raw.store import Store

        spans = Trace()
        spans.write(trace)  # a place that cannot be written is told before the work begins
        about = (threads, top_k, batch_size, quants_at_once, reference_made_from, uploader)
        settings = under(replace(_settings(*about), until=until), run)
        store = Store(warehouse).create()
        files = measured([*quant, *(more or [])], run)
        named = (which_cohort(warehouse, cohort), files, quant_id, settings)
        published = _read(store, kind, of, read, named, spans)
        if published:
            say(spans.summary())
        spans.write(trace)
        _report(published)

    return command


def _read(
    store: "Store",
    kind: str,
    of: Reference,
    read: Read,
    named: "tuple[str, list[Path], list[str] | None, Settings]",
    spans: "Trace",
) -> "list[RunFacts]":
    """Texts through a reference, or through what is kept of one, and its quants."""
    from ..ingest.captures.captured import Quants, given, score_captures
    from ..ingest.cohort import job, named_as_held
    from ..ingest.files import models
    from ..ingest.texts.scoring import score_texts

    cohort, files, names, settings = named
    kept = given(*of)
    if kept:
        quants = Quants(cohort, models(files, kept[0]), names, settings)
        return score_captures(store, kept, quants, read, spans)
    assert of.reference is not None
    asked = job(cohort, of.reference, models(files, of.reference), names, settings, kind)
    asked = named_as_held(store, asked, is_said=bool(names))
    return score_texts(store, asked, read.files, read.cuts, spans)


for _kind, _engine in ENGINES.items():
    if not _engine.stored:
        ingest.command(_kind, help=_text_help(_kind, _engine.sentence))(_text_command(_kind))


@ingest.command("prompts")
@spread(run=Run, asked=Asked)
def ingest_prompts(
    benchmark: Annotated[
        Path,
        typer.Argument(
            help='JSON Lines file: {"prompt": ..., "answers": [...], "category": ...} a line, or'
            ' "messages" for "prompt", or "choices" and "right" for "answers"; or a folder or a'
            " pattern of them."
        ),
    ],
    reference: ReferenceOption,
    quant: QuantOption,
    cohort: IntoCohortOption = None,
    asked: Asked = Asked(),  # noqa: B008
    answers_only: AnswersOnlyOption = False,
    quant_id: QuantIdOption = None,
    reference_made_from: MadeFromOption = None,
    uploader: UploaderOption = None,
    top_k: TopKOption = 32,
    batch_size: BatchSizeOption = 512,
    quants_at_once: AtOnceOption = None,
    threads: ThreadsOption = None,
    run: Run = Run(),  # noqa: B008
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Answer a benchmark with the reference and its quants; store answers and rows.

    And read its accepted answers: how likely every model is to give them at each temperature.

    Example: qwh ingest prompts facts.jsonl --reference m-f16.gguf --quant m-q4.gguf --cohort m
    """
    from ..ingest.cohort import job, named_as_held
    from ..ingest.files import benchmarks, models
    from ..ingest.prompts.asking import ask_benchmark
    from ..ingest.prompts.preparing import names, prepared
    from ..progress import say
    from ..raw.store import Store

    about = (threads, top_k, batch_size, quants_at_once, reference_made_from, uploader)
    settings, scored = under(_settings(*about), run), asked.scored()
    settings = replace(settings, kv_memory=asked.memory)
    named = names(benchmarks(benchmark), asked.benchmark_id)
    store, cohort = Store(warehouse).create(), which_cohort(warehouse, cohort)
    files = models(quant, reference)
    work = named_as_held(store, job(cohort, reference, files, quant_id, settings), bool(quant_id))
    asks = [prepared(path, asked.manner(), work, name) for path, name in named]
    if answers_only:
        say("accepted answers are read, none is generated: there will be no pass or fail")
    for questions in asks:
        _report(ask_benchmark(store, work, questions, scored, generate=not answers_only))


@ingest.command("logits-file")
@spread(run=Run)
def ingest_logits_file(
    path: Annotated[
        Path,
        typer.Argument(help="What llama-perplexity --kl-divergence-base wrote for the reference."),
    ],
    quant: Annotated[
        list[Path],
        typer.Option(
            help="A quant: a GGUF file, which is run now, or a logits file of its own; a folder or"
            " a pattern of either; repeat for more."
        ),
    ],
    cohort: IntoCohortOption = None,
    corpus_id: TextNameOption = None,
    reference: WriterOption = None,
    quant_id: QuantIdOption = None,
    uploader: UploaderOption = None,
    top_k: TopKOption = 32,
    batch_size: BatchSizeOption = 512,
    quants_at_once: AtOnceOption = None,
    threads: ThreadsOption = None,
    run: Run = Run(),  # noqa: B008
    dry_run: DryRunOption = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Score quants against the 16-bit logits that llama-perplexity left of a reference.

    Example: qwh ingest logits-file base.dat --quant m-q4.gguf --cohort m
    """
    from ..ingest.captures.captured import refuse_capture
    from ..ingest.cohort import named_as_held, stored_job
    from ..ingest.files import models
    from ..ingest.texts.scoring import describe_stored, score_stored
    from ..ingest.trace import Trace
    from ..raw.store import Store

    refuse_capture(path)
    if dry_run:
        print(*describe_stored(path), sep="\n")
        return
    settings = under(_settings(threads, top_k, batch_size, quants_at_once, None, uploader), run)
    store, cohort = Store(warehouse).create(), which_cohort(warehouse, cohort)
    quants, of = models(quant, path, stored=True), (path, reference)
    asked = stored_job(cohort, of, quants, quant_id, settings)
    asked = named_as_held(store, asked, is_said=bool(quant_id))
    _report(score_stored(store, asked, corpus_id or path.stem, Trace()))


add_imports(ingest)


def _settings(
    threads: int | None,
    top_k: int,
    batch_size: int,
    quants_at_once: int | None,
    made_from: str | None,
    uploader: str | None,
) -> "Settings":
    from ..ingest.cohort import Settings, all_threads
    from ..ingest.engines.port import Reading

    reading = Reading(rows=batch_size)
    return Settings(threads or all_threads(), top_k, reading, quants_at_once, made_from, uploader)


def _report(published: "list[RunFacts]") -> None:
    """One line per new run on stdout."""
    for run in published:
        print(f"{which_run(run)}  {run.rows:,} rows  {run.nonfinite} not finite")
