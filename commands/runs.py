"""`qwh runs`: what was measured, run by run: take it back, put it back, name it, tag it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ExitCode, QwhError, meant
from ..progress import say
from .look import Look, put
from .options import DEFAULT, CohortOption, WarehouseOption, WideOption

if TYPE_CHECKING:
    from ..raw.ledger import Edit
    from ..raw.manifest import RunFacts
    from ..raw.store import Store

runs = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look after the runs: each is one model on one text or benchmark. An id may be cut short"
    " as long as no other begins so.",
)

RETRACTED = "retracted"  # a run's state that is in no table
IdsArgument = Annotated[list[str], typer.Argument(help="A run's id, or its beginning.")]
WithQuantsOption = Annotated[
    bool,
    typer.Option("--with-quants", help="And those that were scored against a reference's run."),
]


@runs.command("list")
def listed(
    cohort: CohortOption = None,
    all: Annotated[bool, typer.Option("--all", help="Retracted ones too.")] = False,
    wide: WideOption = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Print a line for each run, the oldest first. Example: qwh runs list --cohort m --all"""
    from ..exports.port import table, text

    store = _store(warehouse)
    found = store.runs(retracted=True)
    if cohort is not None and cohort not in (names := {run.cohort_id for run in found}):
        raise QwhError(
            f"there is no cohort called {cohort}: {meant(cohort, map(str, names))}",
            ExitCode.NOT_FOUND,
        )
    state = store.ledger.state()
    shown = [run for run in found if cohort in (None, run.cohort_id)]
    every = [_row(run, state.get(str(run.run_id), {})) for run in shown]
    rows = [row for row in every if all or row["state"] != RETRACTED]
    if hidden := len(shown) - len(rows):
        say(f"{hidden:,} more, retracted: qwh runs list --all")
    if not rows:
        say(f"{warehouse}: no runs yet; qwh ingest puts some in")
    elif sys.stdout.isatty():
        put(table(rows), Look(wide=wide, pager=True))
    else:
        for row in rows:
            print("\t".join(text(value, "text") for value in row.values()))


@runs.command()
def show(ids: IdsArgument, warehouse: WarehouseOption = DEFAULT) -> None:
    """Print every fact of a run, and all that was said of it since. Example: qwh runs show 3fa2"""
    from ..exports.port import text
    from ..raw.edits import by_id

    store = _store(warehouse)
    for number, run in enumerate(by_id(store, ids)):
        print("\n" * (number > 0), end="")
        for name, value in vars(run).items():
            if value is not None:
                print(f"{name:<22}{text(str(value), 'text')}")
        first = store.published(run.run_id).quant_id
        if run.quant_id != first:
            print(f"{'published_as':<22}{text(first, 'text')}")
        print(f"{'tags':<22}{' '.join(store.ledger.tags(run.run_id)) or 'none'}")
        for edit in store.ledger.edits():
            if edit.run_id == run.run_id:
                print(text(_said(edit), "text"))


@runs.command()
def retract(
    ids: Annotated[list[str] | None, typer.Argument(help="A run's id, or its beginning.")] = None,
    why: Annotated[str | None, typer.Option(help="The reason, which is kept.")] = None,
    with_quants: WithQuantsOption = False,
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Delete them from the disk; without ids: all retracted runs."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Take runs out of every table from the next build on; restore puts them back.

    Example: qwh runs retract 3fa2 --why "another template"
    """
    from ..raw import edits

    store = _store(warehouse)
    if not ids and not purge:
        raise QwhError("which runs: give their ids, see qwh runs list", ExitCode.USAGE)
    asked = edits.by_id(store, ids or [])
    kept = {run.run_id for run in store.runs()}
    if why is not None or any(run.run_id in kept for run in asked):
        gone = edits.retract(store, _ids(asked), why or "", with_quants)
        _print("retracted", gone)
        _say_left_alone(edits.left_alone(store, gone))
        asked += [run for run in gone if run not in asked]
    if purge:
        retracted = [run for run in store.runs(retracted=True) if run.run_id not in kept]
        _purge(store, asked if ids else retracted, yes)


@runs.command()
def restore(
    ids: IdsArgument, with_quants: WithQuantsOption = False, warehouse: WarehouseOption = DEFAULT
) -> None:
    """Put retracted runs back into the tables at the next build. Example: qwh runs restore 3fa2"""
    from ..raw import edits

    _print("restored", edits.restore(_store(warehouse), ids, with_quants=with_quants))


@runs.command()
def rename(
    old: Annotated[str, typer.Argument(help="What a quant or the reference is called.")],
    new: Annotated[str, typer.Argument(help="What to call it.")],
    cohort: CohortOption = None,
    run: Annotated[
        list[str] | None, typer.Option("--run", help="Only this run of it; repeat for more.")
    ] = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Call a quant or the reference otherwise, in every table from the next build on.

    Runs of two names become one quant's where none of them is on the same text.

    Example: qwh runs rename 1zupeg8w Q8_0 --cohort m
    """
    from ..ingest.which_cohort import which_cohort
    from ..raw import edits

    store = _store(warehouse)
    name = which_cohort(warehouse, cohort)
    joined = [each for each in store.runs() if (each.cohort_id, each.quant_id) == (name, new)]
    renamed = edits.rename(store, old, new, name, run or ())
    _print(f"{new} now", renamed)
    if joined and renamed:
        only = " ".join(f"--run {each.run_id}" for each in renamed)
        say(f"{new} had runs before; to part them: qwh runs rename {new} {old} {only}")


@runs.command()
def tag(
    ids: IdsArgument,
    word: Annotated[str, typer.Argument(help="The word.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the word off.")] = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Put a word on runs, for stg_runs and qwh runs list. Example: qwh runs tag 3fa2 7b10 night"""
    from ..raw import edits

    done = edits.tag(_store(warehouse), ids, word, remove)
    _print(f"{word} off" if remove else f"{word} on", done)


def _store(warehouse: Path) -> "Store":
    from ..database.warehouse import Warehouse
    from ..raw.store import Store

    return Store(Warehouse(warehouse).existing().folder)


def _ids(found: "list[RunFacts]") -> list[str]:
    return [str(run.run_id) for run in found]


def _row(run: "RunFacts", held: "dict[str, Edit]") -> dict[str, Any]:
    """A run as one line. held: its edits, by field."""
    from ..raw.ledger import is_retracted, tags

    return {
        "run": run.run_id,
        "cohort_id": run.cohort_id,
        "quant_id": run.quant_id,
        "role": run.role,
        "on": run.corpus_id,
        "state": RETRACTED if is_retracted(held) else run.status,
        "context": run.context_length,
        "chunks": run.chunks,
        "tags": " ".join(tags(held)) or None,
        "from": run.source_name or run.file_name,
        "started_at": (run.started_at or "")[:16],
        "reading": run.reading or None,
    }


def _print(what: str, done: "list[RunFacts]") -> None:
    """A line per run of which something is so now."""
    from ..exports.port import text

    for run in done:
        length = f" at {run.context_length}" if run.context_length else ""
        print(text(f"{run.run_id}  {run.quant_id}  {run.corpus_id}{length}: {what}", "text"))
    if not done:
        say("it is so already: nothing to do")
    elif not what.endswith((" on", " off")):
        say("qwh build brings the tables up to it")


def _said(edit: "Edit") -> str:
    """One edit of a run's history."""
    value = "as it was published" if edit.value is None else edit.value
    why = f": {edit.why}" if edit.why else ""
    return f"edit {edit.sequence:<6} {str(edit.edited_at)[:16]}  {edit.field} {value}{why}"


def _say_left_alone(left: "list[RunFacts]") -> None:
    """What is not compared with anything once a reference's run is gone."""
    for text in dict.fromkeys(run.corpus_id for run in left):
        quants = sorted({str(run.quant_id) for run in left if run.corpus_id == text})
        say(f"{', '.join(quants)} on {text} have no reference's run to be compared with now")


def _purge(store: "Store", found: "list[RunFacts]", yes: bool) -> None:
    """Delete runs, once a person has said so."""
    import json

    from ..raw import edits

    if not found:
        say("no run is retracted: nothing to delete")
        return
    parts = [part for run in found for part in json.loads(run.parts or "{}").values()]
    size = sum(part["bytes"] for part in parts)
    what = f"{len(found):,} run{'s' * (len(found) > 1)} with {size:,} bytes of rows"
    if not yes and not sys.stdin.isatty():
        raise QwhError(f"--purge would delete {what} for good: add --yes", ExitCode.USAGE)
    if not yes and not typer.confirm(f"delete {what} for good?", err=True):
        say("nothing was deleted")
        return
    edits.purge(store, found)
    _print("deleted", found)
