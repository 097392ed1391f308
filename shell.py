"""Questions to the warehouse from the command line: `qwh sql` and `qwh status`."""

import sys

from .ingest.errors import ExitCode, QwhError
from .ingest.store import Store
from .tables import terminal
from .warehouse import Warehouse

PROMPT, MORE = "qwh> ", "...> "


def _run(connection, text: str) -> str | None:
    """The printed answer of one read-only statement. Raises QwhError for anything else."""
    import duckdb

    reading = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
    try:
        statements = connection.extract_statements(text)
        if len(statements) != 1:
            raise QwhError(f"asked {len(statements)} statements at once: give exactly one", ExitCode.USAGE)
        if statements[0].type not in reading:
            raise QwhError(f"a {statements[0].type.name} statement would change something: the warehouse is read-only, use SELECT", ExitCode.USAGE)
        rows = connection.sql(text)
        return None if rows is None else terminal(rows.pl())
    except duckdb.Error as error:
        raise QwhError(f"DuckDB refused the query: {str(error)}", ExitCode.BAD_INPUT) from None


def answer(warehouse: Warehouse, query: str) -> None:
    """Run one query and print its rows."""
    print(_run(warehouse.connect(), query))


def shell(warehouse: Warehouse) -> None:
    """Read statements that end in ; from stdin until it ends, with our statistics functions loaded."""
    connection, lines = warehouse.connect(), []
    if sys.stdin.isatty():
        import readline  # noqa: F401  (gives input() its history)

        print(f"{warehouse.database}, read-only; end a statement with ; and the shell with Ctrl-D", file=sys.stderr)
    while True:
        try:
            lines.append(input((MORE if lines else PROMPT) if sys.stdin.isatty() else ""))
        except EOFError:
            return
        if lines[-1].rstrip().endswith(";"):
            try:
                print(_run(connection, "\n".join(lines)))
            except QwhError as error:
                print(f"qwh: {error}", file=sys.stderr)
            lines = []


def status(warehouse: Warehouse) -> None:
    """Print one row per cohort and corpus: quants, runs, rows, bytes, and how many runs `qwh build` has not seen."""
    import json

    import polars as pl

    runs = Store(warehouse.existing().folder).runs()
    seen = set()
    if warehouse.database.exists():
        seen = {row[0] for row in warehouse.connect().sql("select distinct run_id from int_run_chunks").fetchall()}
    rows = [
        {
            "cohort": run["cohort_id"], "corpus": run["corpus_id"], "context_length": run["context_length"], "runs": 1, "quants": run["role"] == "quant",
            "rows": run["rows"], "bytes": sum(part["bytes"] for part in json.loads(run["parts"]).values()), "not_built": run["role"] == "quant" and run["run_id"] not in seen,
        }
        for run in runs
    ]
    if not rows:
        print(f"{warehouse.folder}: no runs yet; qwh ingest puts some in", file=sys.stderr)
        return
    keys = ["cohort", "corpus", "context_length"]
    print(terminal(pl.DataFrame(rows).group_by(keys).agg(pl.col("runs", "quants", "rows", "bytes", "not_built").sum()).sort(keys)))
