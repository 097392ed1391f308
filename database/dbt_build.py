"""One call of dbt in this process: what it is told, how far it is, and what it stopped at."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from ..progress import progress
from .freshness import DIGITS, code
from .warehouse import DATABASE, PROJECT

MADE = ("model", "seed")  # what dbt calls those of its nodes that are tables or views
KEPT = 4  # parsed projects of other versions that are kept for the user
BAD = ("error", "fail", "runtime error")  # what dbt says of a node that stops a build


class Outcome(NamedTuple):
    """What came of a call."""

    words: str | None  # dbt's own of the first failure, None where all went well
    failed: list[Any]  # dbt's nodes: the models and tests that failed
    tests: int  # data tests that passed

    def and_then(self, later: "Outcome") -> "Outcome":
        """Two calls as one."""
        return later._replace(tests=self.tests + later.tests)


class Dbt:
    """The project as dbt knows it, at work in one build's own folder."""

    def __init__(self, warehouse: Path, own: Path):
        self.warehouse = warehouse  # whose raw/ is read
        self.own = own
        self.database = own / DATABASE  # what is built; the catalog has the file's name
        self.log = own.parent / "logs" / "dbt.log"  # where dbt tells more
        with alone(warehouse, self.database):
            self._manifest = self._parsed()

    def tables(self) -> set[str]:
        """The names of all that a whole build makes."""
        return {node.name for node in self._made()}

    def added_to(self) -> list[str]:
        """The names of the tables that builds add to, and do not make anew."""
        return [node.name for node in self._made() if node.config.materialized == "incremental"]

    def after(self, name: str) -> list[str]:
        """The names of a model and of all that is made from it."""
        found = {f"model.qwh.{name}"}
        nodes = self._made()
        while more := {
            node.unique_id
            for node in nodes
            if node.unique_id not in found and found & set(node.depends_on_nodes)
        }:
            found |= more
        return [node.name for node in nodes if node.unique_id in found]

    def build(
        self, variables: dict[str, Any], full_refresh: bool = False, *selection: str
    ) -> Outcome:
        """`dbt build`; selection: dbt's own options. Raises KeyboardInterrupt.

        variables: in place of those of dbt_project.yml.
        """
        from dbt.cli.main import dbtRunner

        total = None if "--select" in selection else len(self._made())
        with alone(self.warehouse, self.database), progress("build", total, "tables") as bar:

            def count(message: Any) -> None:
                if (
                    message.info.name == "NodeFinished"
                    and message.data.node_info.resource_type in MADE
                ):
                    bar.advance(1)

            options = ["--vars", json.dumps(variables), "--log-level-file", "info"]
            options += ["--full-refresh"] if full_refresh else []
            result = dbtRunner(self._manifest, [count]).invoke(
                ["build", *self._always(), *options, *selection]
            )
            close_the_database()
        return _outcome(result)

    def tests(self) -> list[Any]:
        """dbt's nodes of data tests."""
        return [each for each in self._manifest.nodes.values() if each.resource_type == "test"]

    def _made(self) -> list[Any]:
        """dbt's nodes of tables and views."""
        return [each for each in self._manifest.nodes.values() if each.resource_type in MADE]

    def _parsed(self) -> Any:
        """The project, whose parsing takes six seconds: kept for the user's next builds.

        Nothing in it depends on a warehouse: dbt asks variables and the environment when it
        compiles. It does on where the project lies: from there dbt reads the seeds.
        """
        from dbt.cli.main import dbtRunner
        from dbt.contracts.graph.manifest import Manifest
        from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder

        kept = kept_project()
        with suppress(Exception):  # not there, or of no use: it is made anew
            return Manifest.from_msgpack(kept.read_bytes(), decoder=extended_mashumuro_decoder)
        result = dbtRunner().invoke(["parse", *self._always()])
        if result.exception:
            raise result.exception
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside = kept.with_suffix(f".{os.getpid()}")
            beside.write_bytes(result.result.to_msgpack(extended_mashumaro_encoder))
            beside.replace(kept)
            older = sorted(kept.parent.glob("project-*"), key=lambda path: path.stat().st_mtime)
            for path in older[:-KEPT]:
                path.unlink(missing_ok=True)
        return result.result

    def _always(self) -> list[str]:
        """Options of every call."""
        options = {
            "--project-dir": PROJECT,
            "--profiles-dir": PROJECT,
            "--target-path": self.own / "target",
            "--log-path": self.log.parent,
            "--log-level": "none",
        }
        given = [part for option in options.items() for part in map(str, option)]
        return ["--quiet", "--no-write-json", *given]


@contextmanager
def alone(warehouse: Path, database: Path) -> Iterator[None]:
    """What profiles.yml and the plugin read, and no DBT_*, which would change what dbt does."""
    ours = {"QWH_WAREHOUSE": str(warehouse), "QWH_DATABASE": str(database)}
    others = [name for name in os.environ if name in ours or name.startswith("DBT_")]
    kept = {name: os.environ.pop(name) for name in others}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(kept)


def kept_project() -> Path:
    """Where the parsed project is kept, by its text, its place and dbt's versions.

    In a folder of the user's own, that no other may write: what lies in it is run.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qwh"
    place = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:DIGITS]
    versions = f"{version('dbt-core')}-{version('dbt-duckdb')}"
    return cache / f"project-{code()}-{place}-{versions}.msgpack"


def close_the_database() -> None:
    """Close the file, which dbt-duckdb keeps open: then all is in it and nothing in its log."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    try:
        environment = DuckDBConnectionManager.env()
    except Exception:  # that very class: dbt stopped before it opened the file
        return
    DuckDBConnectionManager.close_all_connections()
    environment.close()


def _outcome(result: Any) -> Outcome:
    """What failed, with dbt's own words for the first of it, on one line."""
    if isinstance(result.exception, KeyboardInterrupt):
        raise result.exception
    if result.exception:
        return Outcome(str(result.exception), [], 0)
    nodes = list(result.result or [])
    failed = [each for each in nodes if each.status in BAD]
    tests = sum(each.status == "pass" for each in nodes)
    if result.success:
        return Outcome(None, [], tests)
    words = f"{failed[0].node.name}: {failed[0].message}" if failed else "no reason given"
    return Outcome(words, [each.node for each in failed], tests)
