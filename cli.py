"""The command line: parses and delegates. Heavy imports stay inside the commands, so that `qwh
--help` is instant.
"""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from .commands import decide
from .commands.ingest import ingest
from .commands.options import DEFAULT, CohortOption, WarehouseOption
from .errors import ExitCode, QwhError


class OneLineErrors(TyperGroup):
    """Turns a QwhError into its one line on stderr and its exit code."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except QwhError as error:
            print(f"qwh: {error}", file=sys.stderr)
            raise typer.Exit(error.code) from None
        except ImportError as error:
            print(f"qwh: a package is missing: {error}", file=sys.stderr)
            raise typer.Exit(ExitCode.MISSING_EXTRA) from None
        except KeyboardInterrupt:
            print("qwh: stopped; nothing half done was kept", file=sys.stderr)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output went away, as head does
            raise typer.Exit(ExitCode.OK) from None


app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=(
        "qwh, the quant warehouse: which quants differ from their reference, by how much, in which"
        " direction, and what can be resolved."
    ),
)
app.add_typer(ingest, name="ingest")


class Format(str, Enum):
    """What `qwh export` writes."""

    csv = "csv"
    parquet = "parquet"
    markdown = "markdown"
    latex = "latex"


@app.command()
def init(
    folder: Annotated[Path | None, typer.Argument(help="Where to make it.")] = None,
    warehouse: WarehouseOption = DEFAULT,
):
    """Make an empty warehouse. Example: qwh init ./warehouse"""
    from .raw.store import Store

    store = Store(folder or warehouse).create()
    print(store.raw.parent)


@app.command()
def build(
    full_refresh: Annotated[bool, typer.Option(help="Rebuild every table from raw.")] = False,
    select: Annotated[str | None, typer.Option(help="dbt's own selection of models.")] = None,
    warehouse: WarehouseOption = DEFAULT,
):
    """Refresh every table and run every data test (dbt build). Example: qwh build"""
    from .database.warehouse import Warehouse

    Warehouse(warehouse).build(full_refresh, select)


@app.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(help="One SELECT; without it a shell opens.")
    ] = None,
    warehouse: WarehouseOption = DEFAULT,
):
    """Ask the warehouse, read-only. Example: qwh sql "select quant_id, value from fct_fidelity" """
    from .commands.shell import answer, shell
    from .database.warehouse import Warehouse

    answer(Warehouse(warehouse), query) if query else shell(Warehouse(warehouse))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A table or an analysis.")],
    cohort: CohortOption = None,
    warehouse: WarehouseOption = DEFAULT,
):
    """Print a table or an analysis. Example: qwh show fidelity"""
    from .database.warehouse import Warehouse
    from .exports.tables import terminal

    print(terminal(Warehouse(warehouse).relation(name, cohort)))


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="A table or an analysis.")],
    format: Annotated[Format, typer.Option(help="The file's format.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    cohort: CohortOption = None,
    warehouse: WarehouseOption = DEFAULT,
):
    """Write a table or an analysis to a file. Example: qwh export correlations --format latex -o
    table.tex
    """
    from .database.warehouse import Warehouse
    from .exports.tables import write

    write(Warehouse(warehouse).relation(name, cohort), format.value, output)


measure = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Figures of your own in the study's tables."
)
app.add_typer(measure, name="measure")


@measure.command("add")
def measure_add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    sql: Annotated[
        str, typer.Argument(help="One SELECT that gives cohort_id, quant_id and value.")
    ],
    smaller_is_further: Annotated[
        bool,
        typer.Option("--smaller-is-further", help="A smaller value is further from the reference."),
    ] = False,
    warehouse: WarehouseOption = DEFAULT,
):
    """Put a figure of your own into the variant table, under the same max-T protection; `qwh build`
    asks it anew.

    Example: qwh measure add kld_uncertain "select cohort_id, quant_id, avg(kld) as value from
    int_tokens where entropy_ref > 3 group by all"
    """
    from .database.measures import add
    from .database.warehouse import Warehouse

    for cohort_id, quant_id, value in sorted(
        add(Warehouse(warehouse), name, sql, smaller_is_further)
    ):
        print(f"{cohort_id}  {quant_id}  {value:.6g}")


@measure.command("list")
def measure_list(warehouse: WarehouseOption = DEFAULT):
    """Print every measure and its SELECT. Example: qwh measure list"""
    from .database.measures import listed
    from .database.warehouse import Warehouse

    for each in listed(Warehouse(warehouse)):
        print(f"{each['name']}  {each['sql']}")


@measure.command("remove")
def measure_remove(
    name: Annotated[str, typer.Argument(help="The measure.")], warehouse: WarehouseOption = DEFAULT
):
    """Forget a measure. Example: qwh measure remove kld_uncertain"""
    from .database.measures import remove
    from .database.warehouse import Warehouse

    remove(Warehouse(warehouse), name)


app.command()(decide.compare)
app.command()(decide.plan)
app.command()(decide.pick)
app.command()(decide.card)


@app.command()
def status(warehouse: WarehouseOption = DEFAULT):
    """Say what the warehouse holds, and what `qwh build` has not seen yet. Example: qwh status"""
    from .commands.shell import status as run
    from .database.warehouse import Warehouse

    run(Warehouse(warehouse))


@app.command()
def demo(
    quick: Annotated[
        bool, typer.Option("--quick", help="Five quants, less text, 66 prompts: about 2 minutes.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="35 quants and all 1,146 prompts: about an hour.")
    ] = False,
    study: Annotated[
        bool,
        typer.Option(
            "--study", help="What --full measured: loaded, built and printed, without any model."
        ),
    ] = False,
    warehouse: WarehouseOption = Path("qwh-demo"),
):
    """Run the whole way on a real small model: quantize, ingest, build, and print what came out.
    Example: qwh demo --quick
    """
    from .demo import run

    if study:
        run.study(warehouse)
    else:
        run.run(warehouse, "quick" if quick else "full" if full else "")
