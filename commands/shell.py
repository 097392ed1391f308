"""Questions to the warehouse from the command line: `qwh sql` and `qwh status`."""

import sys

from ..database.warehouse import Warehouse
from ..errors import ExitCode, QwhError
from ..exports.tables import terminal
from ..raw.store import Store

PROMPT, MORE = "qwh> ", "...> "


def _run(connection, text: str) -> None:
    """Print the rows of one or more read-only statements. Raises QwhError for anything else."""
    import duckdb

    try:
        for statement in connection.extract_statements(text):
            if statement.type not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
                raise QwhError(
                    f"a {statement.type.name} statement would change something: the warehouse is"
                    " read-only, use SELECT",
                    ExitCode.USAGE,
                )
            print(terminal(connection.sql(statement.query).pl()))
    except duckdb.Error as error:
        raise QwhError(f"DuckDB refused the query: {error}", ExitCode.BAD_INPUT) from None


def answer(warehouse: Warehouse, query: str) -> None:
    """Run a query and print its rows."""
    with warehouse.open() as connection:
        _run(connection, query)


def shell(warehouse: Warehouse) -> None:
    """Read statements that end in ; from stdin until it ends, with our statistics functions
    loaded.
    """
    if sys.stdin.isatty():
        import readline  # noqa: F401  (gives input() its history)

        print(
            f"{warehouse.database}, read-only; end a statement with ; and the shell with Ctrl-D",
            file=sys.stderr,
        )
    lines = []
    with warehouse.open() as connection:
        while True:
            try:
                lines.append(input((MORE if lines else PROMPT) if sys.stdin.isatty() else ""))
            except EOFError:
                return
            if lines[-1].rstrip().endswith(";"):
                try:
                    _run(connection, "\n".join(lines))
                except QwhError as error:
                    print(f"qwh: {error}", file=sys.stderr)
                lines = []


def status(warehouse: Warehouse) -> None:
    """Print one row per cohort and corpus: quants, runs, rows, bytes, and how many runs `qwh build`
    has not seen.
    """
    import json

    import polars as pl

    runs = Store(warehouse.existing().folder).runs()
    seen = set()
    if warehouse.database.exists():
        with warehouse.open() as connection:
            seen = {
                row[0]
                for row in connection.sql("select distinct run_id from int_run_chunks").fetchall()
            }
    rows = [
        {
            "cohort": run.cohort_id,
            "corpus": run.corpus_id,
            "context_length": run.context_length,
            "runs": 1,
            "quants": run.role == "quant",
            "rows": run.rows,
            "bytes": sum(part["bytes"] for part in json.loads(run.parts).values()),
            "not_built": run.role == "quant" and run.run_id not in seen,
        }
        for run in runs
    ]
    if not rows:
        print(f"{warehouse.folder}: no runs yet; qwh ingest puts some in", file=sys.stderr)
        return
    keys = ["cohort", "corpus", "context_length"]
    print(
        terminal(
            pl.DataFrame(rows)
            .group_by(keys)
            .agg(pl.col("runs", "quants", "rows", "bytes", "not_built").sum())
            .sort(keys)
        )
    )
