"""dbt-duckdb's hook, named in profiles.yml: every connection that dbt opens knows the functions."""

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from ..kernels import udf


class Plugin(BasePlugin):
    """The statistics' functions, on dbt's connections."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Register them; dbt-duckdb calls this once for each connection."""
        udf.register(conn)
