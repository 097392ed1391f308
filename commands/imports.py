"""`qwh ingest KIND PATH`: the commands that read what other tools left behind. Heavy imports stay
inside the commands.
"""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ExitCode, QwhError
from .options import DEFAULT, WarehouseOption

KINDS = {
    "auto": "whatever its content shows it to be",
    "lm-eval": (
        "lm-evaluation-harness: a samples jsonl, or the output folder. Picks: filter, metric"
    ),
    "livecodebench": "LiveCodeBench: an _eval_all.json",
    "evalplus": "evalplus: an eval_results.json. Picks: tests (plus or base)",
    "inspect": "inspect: an .eval or .json log. Picks: scorer",
    "lighteval": "lighteval: details parquet, or the output folder. Picks: metric",
    "helm": "HELM: a run folder, or per_instance_stats.json. Picks: metric",
    "llama-log": "llama-perplexity: the text it printed",
    "qbench": "exllamav3 qbench: results json",
    "hfkldr": "hipfire: HFKLDR or HFKSEQ files",
    "table": (
        "a CSV, TSV or Markdown table with llama.cpp's column names, a row per quant. Picks: unit"
        " (percent or fraction)"
    ),
}


def _import_command(kind: str, what: str):
    """`qwh ingest KIND`: one command for each format that other tools leave behind."""

    def command(
        paths: Annotated[list[Path], typer.Argument(help="Files or folders.")],
        cohort: Annotated[
            str, typer.Option(help="The set of quants that are compared with one another.")
        ],
        quant_id: Annotated[
            str | None,
            typer.Option(help="Whose results these are; default: what the file says."),
        ] = None,
        is_reference: Annotated[
            bool, typer.Option("--is-reference", help="They are the cohort's reference's.")
        ] = False,
        pick: Annotated[
            list[str] | None, typer.Option(help="NAME=VALUE: which of several a file offers.")
        ] = None,
        fact: Annotated[
            list[str] | None,
            typer.Option(
                help=(
                    "NAME=VALUE: what must agree before answers are compared, and the file does not"
                    " tell."
                )
            ),
        ] = None,
        corpus_id: Annotated[
            str | None, typer.Option(help="Text of a summary, where the file does not tell.")
        ] = None,
        context_length: Annotated[
            int | None,
            typer.Option(help="Its tokens per chunk, where the file does not tell.", min=1),
        ] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Only say what would be stored.")
        ] = False,
        warehouse: WarehouseOption = DEFAULT,
    ):
        from ..ingest.importing.files import ingest_files
        from ..raw.store import Store

        store = None if dry_run else Store(warehouse).create()
        for run in ingest_files(
            store,
            kind,
            paths,
            cohort,
            quant_id,
            is_reference,
            _pairs("--pick", pick),
            _pairs("--fact", fact),
            corpus_id,
            context_length,
        ):
            print(f"{run.run_id}  {run.role:<9}  {run.quant_id}  {run.corpus_id}  {run.status}")

    return command


def ingest_prompt_logprobs(
    paths: Annotated[
        list[Path], typer.Argument(help="JSON or JSON Lines of a server's responses, one model's.")
    ],
    cohort: Annotated[
        str, typer.Option(help="The set of quants that are compared with one another.")
    ],
    quant_id: Annotated[
        str | None, typer.Option(help="Which model answered; default: what the responses say.")
    ] = None,
    is_reference: Annotated[
        bool, typer.Option("--is-reference", help="It is the cohort's reference; ingest it first.")
    ] = False,
    corpus_id: Annotated[
        str | None,
        typer.Option(
            help="What the texts are called; default: the file's stem. The same for all models."
        ),
    ] = None,
    floor: Annotated[
        float, typer.Option(help="Log-prob of a token that is not in the quant's top k, nats.")
    ] = -27.631021115928547,
    least_logprob: Annotated[
        float | None,
        typer.Option(help="No token of the quant lies below it, nats: bounds its KLD from above."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be stored.")
    ] = False,
    warehouse: WarehouseOption = DEFAULT,
):
    """Read vLLM's, SGLang's or OpenAI's log-probs of given texts: NLL, top 1, top k; a top-k KLD
    with its bounds, never a KLD.

    Example: qwh ingest prompt-logprobs q4.jsonl --cohort m --quant-id q4 --corpus-id wiki
    """
    from ..ingest.importing.token_rows import ingest_logprobs
    from ..raw.store import Store

    store = None if dry_run else Store(warehouse).create()
    for path in paths:
        run = ingest_logprobs(
            store,
            "prompt-logprobs",
            path,
            cohort,
            quant_id,
            is_reference,
            corpus_id,
            floor,
            least_logprob,
        )
        if run:
            print(
                f"{run.run_id}  {run.role:<9}  {run.quant_id}  {run.corpus_id} "
                f" {run.rows:,} rows  {run.nonfinite} not finite"
            )


def ingest_generic(
    path: Annotated[
        Path,
        typer.Argument(help="A .parquet, .csv, .tsv or .jsonl file with a row for each answer."),
    ],
    map: Annotated[
        list[str],
        typer.Option(
            help=(
                "NAME=COLUMN: which of its columns is our score, item, prompt, answer, category,"
                " attempt, ...; repeat."
            )
        ),
    ],
    cohort: Annotated[
        str, typer.Option(help="The set of quants that are compared with one another.")
    ],
    quant_id: Annotated[str, typer.Option(help="Whose answers these are.")],
    benchmark_id: Annotated[
        str | None, typer.Option(help="What the benchmark is called; default: the file's stem.")
    ] = None,
    is_reference: Annotated[
        bool, typer.Option("--is-reference", help="They are the cohort's reference's.")
    ] = False,
    fact: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE: what must agree before answers are compared."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be stored.")
    ] = False,
    warehouse: WarehouseOption = DEFAULT,
):
    """Read any table of graded answers.

    Example: qwh ingest generic runs.csv --map item=task --map score=passed --cohort m --quant-id q4
    """
    from ..ingest.importing.files import ingest_files
    from ..raw.store import Store

    picks = _pairs("--map", map) | ({"benchmark_id": benchmark_id} if benchmark_id else {})
    store = None if dry_run else Store(warehouse).create()
    for run in ingest_files(
        store,
        "generic",
        [path],
        cohort,
        quant_id,
        is_reference,
        picks,
        _pairs("--fact", fact),
        None,
        None,
    ):
        print(f"{run.run_id}  {run.role:<9}  {run.quant_id}  {run.corpus_id}  {run.status}")


def _pairs(option: str, values: list[str] | None) -> dict[str, str]:
    """NAME=VALUE arguments as a dict."""
    wrong = next((value for value in values or [] if "=" not in value), None)
    if wrong is not None:
        raise QwhError(f"{option} {wrong} is not NAME=VALUE: write it so", ExitCode.USAGE)
    return dict(value.split("=", 1) for value in values or [])


def add_imports(app: typer.Typer) -> None:
    """Add a command for each kind of file to `qwh ingest`."""
    for kind, what in KINDS.items():
        help = f"Read {what}.\n\nExample: qwh ingest {kind} FILE --cohort m"
        app.command(kind, help=help)(_import_command(kind, what))
    app.command("prompt-logprobs")(ingest_prompt_logprobs)
    app.command("generic")(ingest_generic)
