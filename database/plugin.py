"""dbt-duckdb's hook, named in profiles.yml: every connection that dbt opens knows the functions and
where the raw folder is.
"""

import os
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from ..kernels import udf
from ..raw.store import Store


class Plugin(BasePlugin):
    """The statistics' functions and the raw folder, on dbt's connections."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Make what an older version's raw folder lacks, for a plain `dbt build`, too."""
        folder = self._warehouse()
        if (folder / "raw" / "runs").is_dir():
            Store(folder).create()

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Register the functions; dbt-duckdb calls this once for each connection."""
        udf.register(conn)

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        """Name the raw folder, on each cursor: one knows no other's variables."""
        cursor.execute("set variable qwh_raw = ?", [str(self._warehouse() / "raw")])

    def _warehouse(self) -> Path:
        """Where it lies."""
        return Path(os.environ.get("QWH_WAREHOUSE") or Path(self.creds.path).parent).expanduser()
