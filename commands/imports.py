"""`qwh ingest KIND PATH`: a command for each kind of file that other tools leave behind."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from enum import StrEnum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ExitCode, QwhError
from ..ingest.readers.registry import AUTO, KINDS, Kind
from ..ingest.which_cohort import which_cohort
from ..progress import say
from .new_run import which_run
from .options import DEFAULT, DryRunOption, IntoCohortOption, WarehouseOption, size

if TYPE_CHECKING:
    from ..ingest.importing.source import Import


class Match(StrEnum):
    """What makes two answers answers to one prompt."""

    text = auto()
    item = auto()


class Rows(StrEnum):
    """What several rows of one prompt are."""

    attempts = auto()
    last = auto()


PathsArgument = Annotated[list[Path], typer.Argument(help="Files, folders or patterns.")]
QuantOption = Annotated[
    str | None, typer.Option(help="Whose results these are; default: what the file says.")
]
QuantFromOption = Annotated[
    str | None,
    typer.Option(
        help="The paths' pattern, with {quant} where the name stands: 'logs/{quant}.log'."
    ),
]
ReferenceOption = Annotated[
    bool, typer.Option("--is-reference", help="They are the cohort's reference's.")
]
BenchmarkOption = Annotated[
    str | None, typer.Option(help="What the benchmark is called; default: what the file says.")
]
PickOption = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=VALUE: which of several a file offers; TASK:NAME=VALUE: for one benchmark of it."
    ),
]
ScoreMaxOption = Annotated[
    float | None,
    typer.Option(help="The best score where it is not 1: a score becomes its share."),
]
SmallerOption = Annotated[
    bool, typer.Option("--smaller-is-better", help="A score becomes 1 - score / --score-max.")
]
MatchOption = Annotated[
    Match,
    typer.Option(
        help="What pairs two answers: the prompt's text, or its item and expected answer."
    ),
]
FactOption = Annotated[
    list[str] | None,
    typer.Option(
        help=(
            "NAME=VALUE: what must agree before answers are compared, and the file does not tell."
        )
    ),
]
SizeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--size", help="QUANT=SIZE: how large its file is, 4.1GB or bytes; repeat. For qwh pick."
    ),
]


TextOption = Annotated[
    str | None, typer.Option(help="Text of a summary, where the file does not tell.")
]
LengthOption = Annotated[
    int | None, typer.Option(help="Its tokens per chunk, where the file does not tell.", min=1)
]


def add_imports(app: typer.Typer) -> None:
    """Add a command for each kind of file to `qwh ingest`."""
    any_kind = Kind("", "whatever its content shows it to be")
    for name, kind in {AUTO: any_kind, **KINDS}.items():
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
        cohort: IntoCohortOption = None,
        quant_id: QuantOption = None,
        quant_from: QuantFromOption = None,
        is_reference: ReferenceOption = False,
        benchmark_id: BenchmarkOption = None,
        pick: PickOption = None,
        score_max: ScoreMaxOption = None,
        smaller_is_better: SmallerOption = False,
        match: MatchOption = Match.text,
        fact: FactOption = None,
        file_size: SizeOption = None,
        corpus_id: TextOption = None,
        context_length: LengthOption = None,
        dry_run: DryRunOption = False,
        warehouse: WarehouseOption = DEFAULT,
    ) -> None:
        from ..ingest.importing.source import Import

        asked = Import(
            cohort=which_cohort(warehouse, cohort),
            quant_id=quant_id,
            quant_from=quant_from,
            is_reference=is_reference,
            benchmark_id=benchmark_id,
            picks=_pairs("--pick", pick),
            score_max=score_max,
            smaller_is_better=smaller_is_better,
            match=match.value,
            facts=_pairs("--fact", fact),
            sizes=_sizes(file_size),
            corpus_id=corpus_id,
            context_length=context_length,
        )
        _run(kind, paths, asked, warehouse, dry_run)

    return command


def _prompt_logprobs(
    paths: Annotated[
        list[Path], typer.Argument(help="JSON or JSON Lines of a server's responses, one model's.")
    ],
    cohort: IntoCohortOption = None,
    quant_id: Annotated[
        str | None, typer.Option(help="Which model answered; default: what the responses say.")
    ] = None,
    quant_from: QuantFromOption = None,
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
        cohort=which_cohort(warehouse, cohort),
        quant_id=quant_id,
        quant_from=quant_from,
        is_reference=is_reference,
        picks={name: str(value) for name, value in floors.items() if value is not None},
        corpus_id=corpus_id,
    )
    _run("prompt-logprobs", paths, asked, warehouse, dry_run)


def _generic(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Tables or JSON with a row for each answer, or a folder: one run."),
    ],
    map: Annotated[
        list[str],
        typer.Option(
            help=(
                "NAME=COLUMN: which of its columns is our score, item, prompt, answer, category,"
                " attempt, ...; repeat. A dotted path reaches into objects; @key and @file are a"
                " row's name in JSON and its file's. Also records=PATH (where JSON has the rows),"
                " where=COLUMN=VALUE, and right=, wrong=, none=WORD,WORD."
            )
        ),
    ],
    cohort: IntoCohortOption = None,
    quant_id: QuantOption = None,
    quant_from: QuantFromOption = None,
    benchmark_id: BenchmarkOption = None,
    is_reference: ReferenceOption = False,
    rows: Annotated[
        Rows | None,
        typer.Option(help="What several rows of one prompt are: attempts, or the last one counts."),
    ] = None,
    score_max: ScoreMaxOption = None,
    smaller_is_better: SmallerOption = False,
    match: MatchOption = Match.text,
    fact: FactOption = None,
    file_size: SizeOption = None,
    dry_run: DryRunOption = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    from ..ingest.importing.source import Import

    asked = Import(
        cohort=which_cohort(warehouse, cohort),
        quant_id=quant_id,
        quant_from=quant_from,
        is_reference=is_reference,
        benchmark_id=benchmark_id,
        picks=_pairs("--map", map) | ({"rows": rows.value} if rows else {}),
        score_max=score_max,
        smaller_is_better=smaller_is_better,
        match=match.value,
        facts=_pairs("--fact", fact),
        sizes=_sizes(file_size),
    )
    _run("generic", paths, asked, warehouse, dry_run)


OWN_OPTIONS: dict[str, Callable[..., None]] = {
    "prompt-logprobs": _prompt_logprobs,
    "generic": _generic,
}
EXAMPLES = {  # where the arguments are not those of most kinds
    "prompt-logprobs": "q4.jsonl --cohort m --quant-id q4 --corpus-id wiki",
    "generic": "runs.csv --map item=task --map score=passed --cohort m --quant-id q4",
}


def _run(kind: str, paths: list[Path], asked: "Import", warehouse: Path, dry_run: bool) -> None:
    """One line on stdout per run that is new, or would be."""
    from ..ingest.files import named
    from ..ingest.importing.files import ingest_files
    from ..ingest.quant_names import names_by_stem
    from ..raw.store import Store

    if asked.quant_id and asked.quant_from:
        raise QwhError(
            "--quant-id and --quant-from both name the quant: give one of them", ExitCode.USAGE
        )
    store = Store(warehouse)
    asked = replace(asked, known=names_by_stem(store.runs(), asked.cohort))
    with store.shadow() if dry_run else nullcontext(store.create()) as into:
        for run, what in ingest_files(into, kind, named(paths), asked):
            print(f"{which_run(run)}  {run.status}: {what}")
    if dry_run:
        say("a dry run: nothing was stored")


def _sizes(values: list[str] | None) -> dict[str, int]:
    """QUANT=SIZE arguments as bytes. Raises QwhError for a file of none."""
    said = _pairs("--size", values)
    found = {quant: round(size(text)) for quant, text in said.items()}
    empty = next((quant for quant, count in found.items() if not count), None)
    if empty is not None:
        raise QwhError(
            f"--size {empty}={said[empty]} is no model's file: write a size such as {empty}=4.1GB",
            ExitCode.USAGE,
        )
    return found


def _pairs(option: str, values: list[str] | None) -> dict[str, str]:
    """NAME=VALUE arguments as a dict."""
    wrong = next((value for value in values or [] if "=" not in value), None)
    if wrong is not None:
        raise QwhError(f"{option} {wrong} is not NAME=VALUE: write it so", ExitCode.USAGE)
    return dict(value.split("=", 1) for value in values or [])
