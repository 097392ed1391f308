"""`qwh ingest KIND PATH`: a command for each kind of file that other tools leave behind."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ExitCode, QwhError
from ..ingest.readers.registry import KINDS, Kind
from .options import DEFAULT, DryRunOption, IntoCohortOption, WarehouseOption

if TYPE_CHECKING:
    from ..ingest.importing.source import Import

PathsArgument = Annotated[list[Path], typer.Argument(help="Files or folders.")]
ReferenceOption = Annotated[
    bool, typer.Option("--is-reference", help="They are the cohort's reference's.")
]
FactOption = Annotated[
    list[str] | None,
    typer.Option(
        help=(
            "NAME=VALUE: what must agree before answers are compared, and the file does not tell."
        )
    ),
]


def add_imports(app: typer.Typer) -> None:
    """Add a command for each kind of file to `qwh ingest`."""
    auto = Kind("", "whatever its content shows it to be")
    for name, kind in {"auto": auto, **KINDS}.items():
        app.command(name, help=_help(name, kind))(OWN_OPTIONS.get(name) or _command(name))


def _help(name: str, kind: Kind) -> str:
    """What a kind's command says of itself."""
    picks = "; ".join(f"{pick} ({words})" for pick, words in kind.picks.items())
    about = f"Read {kind.sentence}." + (f" Picks: {picks}." if picks else "")
    given = EXAMPLES.get(name, "FILE --cohort m")
    return f"{about}\n\nExample: qwh ingest {name} {given}"


def _command(kind: str) -> Callable[..., None]:
    """A command with the options of most kinds."""

    def command(
        paths: PathsArgument,
        cohort: IntoCohortOption,
        quant_id: Annotated[
            str | None,
            typer.Option(help="Whose results these are; default: what the file says."),
        ] = None,
        is_reference: ReferenceOption = False,
        pick: Annotated[
            list[str] | None, typer.Option(help="NAME=VALUE: which of several a file offers.")
        ] = None,
        fact: FactOption = None,
        corpus_id: Annotated[
            str | None, typer.Option(help="Text of a summary, where the file does not tell.")
        ] = None,
        context_length: Annotated[
            int | None,
            typer.Option(help="Its tokens per chunk, where the file does not tell.", min=1),
        ] = None,
        dry_run: DryRunOption = False,
        warehouse: WarehouseOption = DEFAULT,
    ) -> None:
        from ..ingest.importing.source import Import

        asked = Import(
            cohort=cohort,
            quant_id=quant_id,
            is_reference=is_reference,
            picks=_pairs("--pick", pick),
            facts=_pairs("--fact", fact),
            corpus_id=corpus_id,
            context_length=context_length,
        )
        _run(kind, paths, asked, None if dry_run else warehouse)

    return command


def _prompt_logprobs(
    paths: Annotated[
        list[Path], typer.Argument(help="JSON or JSON Lines of a server's responses, one model's.")
    ],
    cohort: IntoCohortOption,
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
        float | None,
        typer.Option(
            help="Log-prob of a token that is not in the quant's top k, nats; default: of 1e-12."
        ),
    ] = None,
    least_logprob: Annotated[
        float | None,
        typer.Option(help="No token of the quant lies below it, nats: bounds its KLD from above."),
    ] = None,
    dry_run: DryRunOption = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    from ..ingest.importing.source import Import

    floors = {"floor": floor, "least_logprob": least_logprob}
    asked = Import(
        cohort=cohort,
        quant_id=quant_id,
        is_reference=is_reference,
        picks={name: str(value) for name, value in floors.items() if value is not None},
        corpus_id=corpus_id,
    )
    _run("prompt-logprobs", paths, asked, None if dry_run else warehouse)


def _generic(
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
    cohort: IntoCohortOption,
    quant_id: Annotated[str, typer.Option(help="Whose answers these are.")],
    benchmark_id: Annotated[
        str | None, typer.Option(help="What the benchmark is called; default: the file's stem.")
    ] = None,
    is_reference: ReferenceOption = False,
    fact: FactOption = None,
    dry_run: DryRunOption = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    from ..ingest.importing.source import Import

    asked = Import(
        cohort=cohort,
        quant_id=quant_id,
        is_reference=is_reference,
        picks=_pairs("--map", map) | ({"benchmark_id": benchmark_id} if benchmark_id else {}),
        facts=_pairs("--fact", fact),
    )
    _run("generic", [path], asked, None if dry_run else warehouse)


OWN_OPTIONS: dict[str, Callable[..., None]] = {
    "prompt-logprobs": _prompt_logprobs,
    "generic": _generic,
}
EXAMPLES = {  # where the arguments are not those of most kinds
    "prompt-logprobs": "q4.jsonl --cohort m --quant-id q4 --corpus-id wiki",
    "generic": "runs.csv --map item=task --map score=passed --cohort m --quant-id q4",
}


def _run(kind: str, paths: list[Path], asked: "Import", warehouse: Path | None) -> None:
    """One line on stdout per new run; without a warehouse, per run that there would be."""
    from ..ingest.importing.files import describe_files, ingest_files
    from ..raw.store import Store

    if warehouse is None:
        for line in describe_files(kind, paths, asked):
            print(line)
        return
    for run in ingest_files(Store(warehouse).create(), kind, paths, asked):
        what = f"{run.rows:,} rows  {run.nonfinite} not finite" if run.rows else run.status
        print(f"{run.run_id}  {run.role:<9}  {run.quant_id}  {run.corpus_id}  {what}")


def _pairs(option: str, values: list[str] | None) -> dict[str, str]:
    """NAME=VALUE arguments as a dict."""
    wrong = next((value for value in values or [] if "=" not in value), None)
    if wrong is not None:
        raise QwhError(f"{option} {wrong} is not NAME=VALUE: write it so", ExitCode.USAGE)
    return dict(value.split("=", 1) for value in values or [])
