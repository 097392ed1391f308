"""dbt-duckdb's hook, named in profiles.yml: every connection that dbt opens knows the functions and
where the raw folder is.
"""

import os
from pathlib import Path

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from ..kernels import udf


class Plugin(BasePlugin):
    """The statistics' functions and the raw folder, on dbt's connections."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Register the functions; dbt-duckdb calls this once for each connection."""
        udf.register(conn)

    def configure_cursor(self, cursor: DuckDBPyConnection) -> None:
        """Name the raw folder, on each cursor: one knows no other's variables."""
        folder = os.environ.get("QWH_WAREHOUSE") or Path(self.creds.path).parent
        cursor.execute("set variable qwh_raw = ?", [str(Path(folder).expanduser() / "raw")])
