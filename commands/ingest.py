"""`qwh ingest`: parses and delegates. Heavy imports stay inside the commands, so that `qwh --help`
is instant.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .imports import add_imports
from .options import DEFAULT, WarehouseOption

if TYPE_CHECKING:
    from ..raw.manifest import RunFacts


ingest = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Put rows into the warehouse."
)


@ingest.command("gguf")
def ingest_gguf(
    reference: Annotated[Path, typer.Option(help="The high-precision GGUF file.")],
    quant: Annotated[list[Path], typer.Option(help="A quant of it; repeat for more.")],
    corpus: Annotated[
        list[str],
        typer.Option(
            help=(
                "A text file, or ID=FILE; repeat for more. The first is the cohort's primary"
                " corpus."
            )
        ),
    ],
    cohort: Annotated[
        str, typer.Option(help="The set of quants that are compared with one another.")
    ],
    context_length: Annotated[
        list[int], typer.Option(help="Tokens per chunk; repeat for more.", min=8)
    ] = [512],
    chunks: Annotated[int | None, typer.Option(help="Read only the first N chunks.", min=2)] = None,
    score_from: Annotated[
        str,
        typer.Option(
            help=(
                "First position scored in each chunk: half (as llama-perplexity), zero, or a"
                " number."
            )
        ),
    ] = "half",
    quant_id: Annotated[
        list[str] | None,
        typer.Option(help="Name for each --quant, in order; default: the file's stem."),
    ] = None,
    reference_made_from: Annotated[
        str | None,
        typer.Option(help="Say so if the reference itself was made from a quantized file."),
    ] = None,
    uploader: Annotated[str | None, typer.Option(help="Who published these quants.")] = None,
    top_k: Annotated[int, typer.Option(help="Log-probs kept per position.", min=1)] = 32,
    batch_size: Annotated[
        int, typer.Option(help="Positions per forward pass; bounds the memory.", min=1)
    ] = 512,
    quants_at_once: Annotated[
        int | None,
        typer.Option(help="Quants held in memory together; default: as many as fit.", min=1),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads; default: all cores.", min=1)
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Save who worked when: a file for ui.perfetto.dev.")
    ] = None,
    warehouse: WarehouseOption = DEFAULT,
):
    """Run a reference and its quants over texts and store every position's log-probs and
    divergences.

    Example: qwh ingest gguf --reference m-f16.gguf --quant m-q4.gguf --corpus wiki.txt --cohort m
    """
    from ..ingest.corpus import ingest_gguf as run
    from ..ingest.engines.gguf import read_gguf
    from ..ingest.plan import Member, unique_members
    from ..ingest.trace import Trace
    from ..progress import say
    from ..raw.store import Store

    store = Store(warehouse).create()
    members = unique_members(quant, read_gguf, quant_id, uploader)
    head = Member(reference.stem, read_gguf(reference))
    _same_tokenizer(head, members)
    spans = Trace()
    published = run(
        store,
        _settings(cohort, threads, batch_size, top_k, reference_made_from, quants_at_once),
        head,
        members,
        corpus,
        context_length,
        chunks,
        score_from,
        spans,
    )
    if published:
        say(spans.summary())
    if trace:
        spans.write(trace)
    _report(published)


@ingest.command("prompts")
def ingest_prompts(
    benchmark: Annotated[
        Path,
        typer.Argument(
            help='JSON Lines file: {"prompt": ..., "answers": [...], "category": ...} a line.'
        ),
    ],
    reference: Annotated[Path, typer.Option(help="The high-precision GGUF file.")],
    quant: Annotated[list[Path], typer.Option(help="A quant of it; repeat for more.")],
    cohort: Annotated[
        str, typer.Option(help="The set of quants that are compared with one another.")
    ],
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer.", min=1)] = 8,
    quant_id: Annotated[
        list[str] | None,
        typer.Option(help="Name for each --quant, in order; default: the file's stem."),
    ] = None,
    reference_made_from: Annotated[
        str | None,
        typer.Option(help="Say so if the reference itself was made from a quantized file."),
    ] = None,
    uploader: Annotated[str | None, typer.Option(help="Who published these quants.")] = None,
    top_k: Annotated[int, typer.Option(help="Log-probs kept per position.", min=1)] = 32,
    batch_size: Annotated[int, typer.Option(help="Positions per forward pass.", min=1)] = 512,
    quants_at_once: Annotated[
        int | None,
        typer.Option(help="Quants held in memory together; default: as many as fit.", min=1),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads; default: all cores.", min=1)
    ] = None,
    warehouse: WarehouseOption = DEFAULT,
):
    """Answer a benchmark greedily with the reference and its quants; store answers, scores and
    per-token rows.

    Example: qwh ingest prompts facts.jsonl --reference m-f16.gguf --quant m-q4.gguf --cohort m
    """
    from ..ingest.engines.gguf import read_gguf
    from ..ingest.plan import Member, unique_members
    from ..ingest.prompts import ingest_prompts as run
    from ..ingest.prompts import read_benchmark
    from ..raw.store import Store

    store = Store(warehouse).create()
    questions = read_benchmark(benchmark, max_new_tokens)
    members = unique_members(quant, read_gguf, quant_id, uploader)
    head = Member(reference.stem, read_gguf(reference))
    _same_tokenizer(head, members)
    _report(
        run(
            store,
            _settings(cohort, threads, batch_size, top_k, reference_made_from, quants_at_once),
            head,
            members,
            questions,
        )
    )


@ingest.command("logits-file")
def ingest_logits_file(
    path: Annotated[
        Path,
        typer.Argument(help="What llama-perplexity --kl-divergence-base wrote for the reference."),
    ],
    quant: Annotated[
        list[Path],
        typer.Option(
            help=(
                "A quant: a GGUF file, which is run now, or a logits file of its own; repeat for"
                " more."
            )
        ),
    ],
    cohort: Annotated[
        str, typer.Option(help="The set of quants that are compared with one another.")
    ],
    corpus_id: Annotated[
        str | None,
        typer.Option(help="What the text is called; default: the logits file's stem."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="The GGUF file that wrote it, if it is at hand: its facts are stored."),
    ] = None,
    quant_id: Annotated[
        list[str] | None,
        typer.Option(help="Name for each --quant, in order; default: the file's stem."),
    ] = None,
    uploader: Annotated[str | None, typer.Option(help="Who published these quants.")] = None,
    top_k: Annotated[int, typer.Option(help="Log-probs kept per position.", min=1)] = 32,
    batch_size: Annotated[
        int, typer.Option(help="Positions per forward pass; bounds the memory.", min=1)
    ] = 512,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads; default: all cores.", min=1)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be stored.")
    ] = False,
    warehouse: WarehouseOption = DEFAULT,
):
    """Score quants against the 16-bit logits that llama-perplexity left of a reference.

    Example: qwh ingest logits-file base.dat --quant m-q4.gguf --cohort m
    """
    from ..ingest.logits import describe, ingest_logits
    from ..ingest.plan import Member
    from ..ingest.trace import Trace
    from ..raw.store import Store

    if dry_run:
        for line in describe(path):
            print(line)
        return
    head = None
    if reference:
        from ..ingest.engines.gguf import read_gguf

        head = Member(reference.stem, read_gguf(reference))
    settings = _settings(cohort, threads, batch_size, top_k, None, None)
    _report(
        ingest_logits(
            Store(warehouse).create(),
            settings,
            path,
            head,
            quant,
            quant_id,
            uploader,
            corpus_id or path.stem,
            Trace(),
        )
    )


def _settings(cohort, threads, batch_size, top_k, made_from, quants_at_once):
    import os

    from ..ingest.plan import Settings

    return Settings(
        cohort, threads or os.cpu_count() or 1, batch_size, top_k, made_from, quants_at_once
    )


def _same_tokenizer(reference, quants) -> None:
    from ..ingest.engines.gguf import refuse_other_tokenizer

    for member in quants:
        refuse_other_tokenizer(reference.file, member.file)


def _report(published: "list[RunFacts]") -> None:
    """One line per new run on stdout."""
    for run in published:
        print(
            f"{run.run_id}  {run.role:<9}  {run.quant_id}  {run.corpus_id} "
            f" {run.rows:,} rows  {run.nonfinite} not finite"
        )


add_imports(ingest)
