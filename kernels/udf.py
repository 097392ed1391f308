"""Registers the statistics in DuckDB under their SQL names, for dbt, `qwh sql` and the tests. Nothing else."""

SPEARMAN = (
    "STRUCT(n BIGINT, rho DOUBLE, p_t DOUBLE, p_permutation DOUBLE, ci_low DOUBLE, ci_high DOUBLE, "
    "bca_low DOUBLE, bca_high DOUBLE, minimum_rho DOUBLE, reason VARCHAR)"
)


def register(connection) -> None:
    """Add spearman(x, y, n_permutations, n_resamples, seed) and correlation_verdict(struct) to a connection (never to a cursor)."""
    from duckdb import func

    def spearman(x, y, n_permutations, n_resamples, seed):
        from . import stats

        return stats.spearman(x, y, n_permutations, n_resamples, seed)

    def correlation_verdict(answer):
        if answer is None:
            return None
        from . import stats

        return stats.verdict(answer["rho"], answer["p_permutation"], answer["ci_low"], answer["ci_high"], answer["minimum_rho"], answer["n"], answer["reason"])

    connection.create_function("spearman", spearman, ["DOUBLE[]", "DOUBLE[]", "BIGINT", "BIGINT", "BIGINT"], SPEARMAN, null_handling="special", type=func.PythonUDFType.NATIVE)
    connection.create_function("correlation_verdict", correlation_verdict, [SPEARMAN], "VARCHAR", null_handling="special", type=func.PythonUDFType.NATIVE)


try:
    from dbt.adapters.duckdb.plugins import BasePlugin
except ImportError:  # dbt is not needed to register functions
    BasePlugin = object


class Plugin(BasePlugin):
    """dbt-duckdb's hook: every connection that dbt opens knows the functions."""

    def configure_connection(self, conn) -> None:
        """Called by dbt-duckdb once for each connection."""
        register(conn)
