"""One warehouse on disk: where it lies, how it is rebuilt (dbt) and how it is opened
(read-only).
"""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from ..errors import ExitCode, QwhError, storage_error
from ..progress import say
from ..raw.store import Store

PROJECT = Path(__file__).resolve().parents[1]  # the dbt project ships inside the package
DATABASE = "warehouse.duckdb"


class Warehouse:
    """A folder with raw/ (Parquet and manifests) and warehouse.duckdb (everything derived from
    it).
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder).expanduser().resolve()
        self.database = self.folder / DATABASE

    def existing(self) -> "Warehouse":
        """This warehouse, or QwhError if `qwh init` never made it."""
        if not (self.folder / "raw" / "runs").is_dir():
            raise QwhError(
                f"{self.folder} is not a warehouse: run qwh init {self.folder}, or name another"
                " with --warehouse",
                ExitCode.NOT_FOUND,
            )
        return self

    def built(self) -> "Warehouse":
        """This warehouse, or QwhError if nothing was built in it yet."""
        if not self.existing().database.exists():
            raise QwhError(f"{self.folder} holds no tables yet: run qwh build", ExitCode.NOT_FOUND)
        return self

    def build(self, full_refresh: bool = False, select: str | None = None) -> None:
        """Run `dbt build` on a copy beside and put it in place when it succeeded; readers never
        meet a lock.

        Raises QwhError if a model or a test fails; the tables that were there before stay.
        """
        from dbt.cli.main import dbtRunner

        self.existing()
        Store(self.folder).create()  # raw tables that an older version did not know
        work = self.folder / ".build"
        beside = work / DATABASE  # same file name: DuckDB keeps it inside macros and views
        try:
            work.mkdir(exist_ok=True)
            if self.database.exists():
                shutil.copy2(self.database, beside)
            else:
                beside.unlink(missing_ok=True)
            os.environ |= {"QWH_WAREHOUSE": str(self.folder), "QWH_DATABASE": str(beside)}
            arguments = [
                "build",
                "--quiet",
                "--project-dir",
                str(PROJECT),
                "--profiles-dir",
                str(PROJECT),
                "--target-path",
                str(work / "target"),
                "--log-path",
                str(work / "logs"),
            ]
            arguments += ["--full-refresh"] if full_refresh else []
            arguments += ["--select", select] if select else []
            result = dbtRunner().invoke(arguments)
            _let_go_of_the_database()
            if (
                not result.success
                and not full_refresh
                and self.database.exists()
                and _of_another_version(_first_failure(result))
            ):
                say("the tables are of an older version of qwh: building all of them from raw")
                return self.build(True, select)
            if not result.success:
                raise QwhError(
                    f"dbt build failed: {_first_failure(result)}: see {work / 'logs' / 'dbt.log'}",
                    ExitCode.BUILD_FAILED,
                )
            os.replace(beside, self.database)
        except OSError as error:
            raise storage_error(f"cannot build {self.database}", error) from None

    @contextmanager
    def open(self):
        """A read-only DuckDB connection that can reach no file but raw/, with the statistics'
        functions registered.
        """
        import duckdb

        from ..kernels import udf

        try:
            connection = duckdb.connect(str(self.built().database), read_only=True)
        except duckdb.Error as error:
            raise QwhError(
                f"cannot open {self.database}: {str(error).splitlines()[0]}: close the program that"
                " holds it",
                ExitCode.STORAGE,
            ) from None
        with connection:
            udf.register(connection)
            # the views of single tokens read Parquet there
            raw = str(self.folder / "raw").replace("'", "''")
            connection.execute(
                f"set allowed_directories = ['{raw}']; set enable_external_access = false; set"
                " lock_configuration = true"
            )
            yield connection

    def relation(self, name: str, cohort: str | None = None):
        """The rows of a table of the warehouse or of an analysis, of one cohort or all, as a polars
        DataFrame.

        Raises QwhError for an unknown name or cohort.
        """
        with self.open() as connection:
            rows = _rows(connection, name)
            if cohort is None:
                return rows
            cohorts = [
                row[0]
                for row in connection.sql("select cohort_id from dim_cohorts order by 1").fetchall()
            ]
        if cohort not in cohorts:
            raise QwhError(
                f"there is no cohort called {cohort}: choose one of"
                f" {', '.join(cohorts) or 'none yet'}",
                ExitCode.NOT_FOUND,
            )
        if "cohort_id" not in rows.columns:
            raise QwhError(f"{name} is not kept by cohort: leave --cohort out", ExitCode.USAGE)
        return rows.filter(rows["cohort_id"] == cohort)


def _rows(connection, name: str):
    """All rows of a table or analysis, as a polars DataFrame."""
    import duckdb

    analyses = {path.stem: path for path in (PROJECT / "analyses").glob("*.sql")}
    if name in analyses:
        try:
            return connection.sql(analyses[name].read_text()).pl()
        except duckdb.CatalogException:
            raise QwhError(
                f"{name} reads tables that were not built yet: run qwh build", ExitCode.NOT_FOUND
            ) from None
    tables = [
        row[0]
        for row in connection.sql(
            "select table_name from information_schema.tables where table_schema = 'main' order"
            " by 1"
        ).fetchall()
    ]
    if name not in tables:
        raise QwhError(
            f"there is no table or analysis called {name}: choose one of"
            f" {', '.join(sorted(analyses))}, or a table: {', '.join(tables)}",
            ExitCode.NOT_FOUND,
        )
    return connection.table(name).pl()


def _let_go_of_the_database() -> None:
    """dbt-duckdb keeps its file open after a run in this process; closed, everything is in the file
    and none in its log.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    DuckDBConnectionManager.close_all_connections()
    if environment is not None:
        environment.close()


def _of_another_version(failure: str) -> bool:
    """Whether a build failed because a table or a seed has other columns than the ones that are
    there.
    """
    return "out of sync" in failure or ("sniffing file" in failure and "seeds" in failure)


def _first_failure(result) -> str:
    """dbt's own words for the first thing that failed, on one line."""
    if result.exception:
        return str(result.exception)
    failed = [
        node for node in result.result or [] if node.status in ("error", "fail", "runtime error")
    ]
    return f"{failed[0].node.name}: {failed[0].message}" if failed else "no reason given"
