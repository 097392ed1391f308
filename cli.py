"""The command line: the app, one line per command.

Heavy imports stay inside the commands, so that `qwh --help` is instant.
"""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .commands import ask, build, bundle, decide, demo, docs, export, init, run, status
from .commands.capture import capture
from .commands.ingest import ingest
from .commands.measure import measure
from .commands.runs import runs
from .commands.worst import worst
from .errors import DISTRIBUTION, ExitCode, QwhError, report


class OneLineErrors(TyperGroup):
    """Turns what stops qwh on purpose into its one line on stderr and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (QwhError, ImportError, KeyboardInterrupt) as error:
            raise typer.Exit(report(error)) from None
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output went away, as head does
            raise typer.Exit(ExitCode.OK) from None


app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _say_version(is_asked: bool) -> None:
    """Print the version and leave."""
    from importlib.metadata import version

    if is_asked:
        print(f"qwh {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """qwh, the quant warehouse: which quants differ from their reference, by how much, in which
    direction, and what can be resolved.
    """


app.command()(init.init)
app.command()(run.run)
app.add_typer(ingest, name="ingest")
app.command()(capture)
app.command()(build.build)
app.command()(ask.sql)
app.command()(ask.show)
app.command()(docs.docs)
app.command()(export.export)
app.command()(bundle.bundle)
app.add_typer(measure, name="measure")
app.add_typer(runs, name="runs")
app.command()(decide.compare)
app.command()(decide.plan)
app.command()(decide.pick)
app.command()(decide.card)
app.command()(worst)
app.command()(status.status)
app.command()(demo.demo)
