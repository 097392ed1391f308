"""`qwh run`: a cohort file is carried out, the tables are built, and one screen says what is so."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ExitCode, QwhError
from ..ingest.cohort_file.keys import NAME
from ..progress import say
from .new_run import which_run
from .options import COHORT, DEFAULT, AtOnceOption, ThreadsOption, cohort_name
from .usual import WAREHOUSE, usual_warehouse

if TYPE_CHECKING:
    from ..ingest.cohort_file.hashes import Hashes
    from ..ingest.cohort_file.keys import CohortFile
    from ..ingest.cohort_file.todo import Todo
    from ..raw.store import Store

FileArgument = Annotated[Path, typer.Argument(metavar="[FILE]", help="The cohort file.")]
CohortOption = Annotated[
    str | None,
    typer.Option(
        help=f"Its name; default: what the file says, else {COHORT}, else its folder's.",
        callback=cohort_name,
    ),
]
WarehouseOption = Annotated[
    Path | None,
    typer.Option(
        help="The warehouse's folder; default: what the file says, else QWH_WAREHOUSE, else"
        " ./warehouse beside the file."
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what is missing.")]


def run(
    file: FileArgument = Path(NAME),
    cohort: CohortOption = None,
    dry_run: DryRunOption = False,
    quants_at_once: AtOnceOption = None,
    threads: ThreadsOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Do what a cohort file asks for and the warehouse lacks, build, and say what came out.
    qwh init writes such a file. Example: qwh run
    """
    from ..database.freshness import stale
    from ..database.warehouse import Warehouse
    from ..ingest.cohort_file.hashes import Hashes
    from ..ingest.cohort_file.keys import read_cohort_file
    from ..ingest.cohort_file.todo import todo
    from ..raw.names import refuse_name
    from ..raw.store import Store

    asked = read_cohort_file(file)
    settings = _settings(asked)
    usual = usual_warehouse()
    folder = warehouse or asked.warehouse or _default_warehouse(asked)
    name = cohort or asked.cohort or os.environ.get(COHORT) or file.resolve().parent.name
    refuse_name(name, "the cohort's name")
    store = Store(folder)
    hashes = Hashes(store.raw.parent)
    try:
        wanted = todo(asked, name, store, hashes)
        if dry_run:
            print(*_missing(wanted), sep="\n")
            return
        store.create()
        new = _carried_out(asked, wanted, store, hashes, (threads, quants_at_once))
    finally:
        hashes.save()
    filled = Warehouse(folder)
    if not new and not stale(filled, settings):
        print(_nothing_to_do(wanted))
        return
    from ..database.build import build
    from .overview import overview

    say(build(filled, settings=settings).line())
    print(overview(folder, name, usual))


def _settings(asked: "CohortFile") -> dict[str, Any] | None:
    """What the tables are built with; None: what they are. Raises QwhError: no such zone."""
    from ..kernels.statistics.zone.zone_choice import RULES

    found: dict[str, Any] = {}
    if asked.zone:
        rule, threshold = asked.zone
        if rule not in RULES:
            raise QwhError(
                f"{asked.path}: zone.rule is {rule}: write one of {', '.join(RULES)}",
                ExitCode.BAD_INPUT,
            )
        found |= {"zone_rule": rule, "zone_threshold": threshold}
    if asked.margin:
        found |= {"margin": asked.margin, "margin_expected": asked.margin}
    return found or None


def _default_warehouse(asked: "CohortFile") -> Path:
    said = os.environ.get(WAREHOUSE)
    return Path(said) if said else asked.path.resolve().parent / DEFAULT


def _carried_out(
    asked: "CohortFile",
    wanted: "Todo",
    store: "Store",
    hashes: "Hashes",
    at_once: tuple[int | None, int | None],
) -> bool:
    """Whether anything was done: a line on stderr per new run."""
    from ..ingest.cohort_file.primary import name_primary

    if not wanted.is_empty:
        from ..ingest.cohort import Settings, all_threads
        from ..ingest.cohort_file.carry_out import carry_out

        threads, quants = at_once
        settings = Settings(
            threads or all_threads(),
            quants_at_once=quants,
            until=asked.until,
            calibration=asked.calibration,
        )
        for made, what in carry_out(asked, wanted, store, hashes, settings):
            say(f"{which_run(made)}  {what}")
    return name_primary(asked, wanted.cohort, store) or not wanted.is_empty


def _missing(wanted: "Todo") -> list[str]:
    """What a run would do, a line each."""
    lines = [f"take back {run_id}: {why}" for run_id, why in wanted.changed.items()]
    for text, quants in wanted.texts.items():
        about = f"{text.name} at context length {text.context_length}"
        lines += [f"read {about} with {each.name}" for each in quants]
        again = wanted.again.get(text, [])
        lines += [f"read {about} again with {who.name} ({who.label})" for who in again]
    for prompts, quants in wanted.benchmarks.items():
        lines += [f"ask {prompts.path.name} of {each.name}" for each in quants]
        again = wanted.again.get(prompts, [])
        lines += [f"ask {prompts.path.name} of {who.name} again ({who.label})" for who in again]
    lines += [f"bring in {each.path}" for each in wanted.imports]
    return lines or [f"cohort {wanted.cohort}: nothing is missing"]


def _nothing_to_do(wanted: "Todo") -> str:
    """The one line of a run that finds all done."""
    from ..exports.words import counted

    held = f"{counted(len(wanted.quants), 'quant')} measured" if wanted.quants else "all brought in"
    held += f", {counted(len(wanted.left), 'run')} left retracted" if wanted.left else ""
    return f"cohort {wanted.cohort}: nothing to do, {held}; see qwh show fidelity"
