"""Registers the statistics in DuckDB under their SQL names, for dbt, `qwh sql` and the tests.
Nothing else.

A missing value (NULL) reaches Python as None, which becomes NaN in an array; a figure that cannot
be had comes back as NULL.
"""

from importlib import import_module
from inspect import Parameter, Signature

NUMBER, COUNT, TEXT, TRUTH = "DOUBLE", "BIGINT", "VARCHAR", "BOOLEAN"
NUMBERS, ROWS, SHEETS, TEXTS, TRUTHS = (
    "DOUBLE[]",
    "DOUBLE[][]",
    "DOUBLE[][][]",
    "VARCHAR[]",
    "BOOLEAN[]",
)


def _struct(counts: str, numbers: str, texts: str = "", truths: str = "") -> str:
    """A DuckDB STRUCT of the named fields; names are separated by spaces."""
    kinds = ((counts, COUNT), (numbers, NUMBER), (truths, TRUTH), (texts, TEXT))
    return (
        "STRUCT("
        + ", ".join(f"{name} {kind}" for names, kind in kinds for name in names.split())
        + ")"
    )


SPEARMAN = _struct(
    "n", "rho p_t p_permutation ci_low ci_high bca_low bca_high minimum_rho", "reason"
)
FUNCTIONS = {  # SQL name -> (module.function, arguments, result)
    "spearman": ("stats.spearman", [NUMBERS, NUMBERS, COUNT, COUNT, COUNT], SPEARMAN),
    "correlation_verdict": (
        "stats.verdict",
        [NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, COUNT, TEXT],
        TEXT,
    ),
    "correlate": (
        "correlations.correlate",
        [ROWS, ROWS, COUNT, COUNT, COUNT, TEXTS],
        _struct(
            "measurement target n",
            "rho p_t p_permutation p_max_t ci_low ci_high bca_low bca_high z_low z_high kendall_tau"
            " kendall_p somers_d without_group_low without_group_high largest_compatible"
            " minimum_rho",
            "reason",
        )
        + "[]",
    ),
    "correlation_differences": (
        "correlations.differences",
        [ROWS, ROWS, COUNT, COUNT],
        _struct("first second target n", "difference ci_low ci_high p_meng", "reason") + "[]",
    ),
    "zone_less_full": (
        "correlations.zone_less_full",
        [ROWS, ROWS, TRUTHS, COUNT, COUNT],
        _struct(
            "measurement target n_zone n", "rho_zone rho_full difference ci_low ci_high", "reason"
        )
        + "[]",
    ),
    "hinge": (
        "zone.hinge",
        [NUMBERS, NUMBERS, NUMBERS, COUNT, COUNT],
        _struct("n", "edge profile_low profile_high low high flat slope p_linear", "reason"),
    ),
    "edge_curve": (
        "zone.edge_curve",
        [NUMBERS, NUMBERS, NUMBERS, COUNT, COUNT],
        _struct("n", "threshold rho low high expected expected_low expected_high", "reason") + "[]",
    ),
    "reliability": (
        "zone.reliability",
        [NUMBERS, NUMBERS, COUNT, COUNT],
        _struct("n", "reliability low high", "reason"),
    ),
    "no_mystery": (
        "zone.no_mystery_of_prompts",
        [NUMBERS, NUMBERS, NUMBERS, TRUTHS, ROWS, TEXTS, NUMBERS, COUNT, COUNT],
        _struct(
            "n n_zone",
            "slope slope_error misfit rho_full rho_zone full_expected full_low full_high"
            " line_expected line_low line_high flat_expected flat_low flat_high p_line p_flat"
            " resolvable",
            "verdict reason",
        ),
    ),
    "restricted_rho": ("zone.restricted_rho", [NUMBER, NUMBERS, NUMBERS], NUMBER),
    "ranking": (
        "zone.ranking",
        [ROWS, TEXTS, NUMBERS, COUNT, COUNT],
        _struct("n", "reliability low high p", "reason"),
    ),
    "page_trend": ("zone.page_trend", [NUMBERS, ROWS], _struct("n benchmarks", "p", "reason")),
    "fall_per_doubling": (
        "zone.fall_per_doubling",
        [NUMBERS, NUMBERS],
        _struct("n", "slope low high", "reason"),
    ),
    "compare_paired": (
        "paired.compare",
        [COUNT, COUNT, COUNT, NUMBER],
        _struct(
            "",
            "difference low high p_mcnemar improvement_share share_low share_high p_equivalent"
            " p_not_inferior e_value anytime_low anytime_high minimum_difference margin",
            "verdict reason",
        ),
    ),
    "excess_volume": (
        "paired.excess_volume",
        [NUMBERS, NUMBERS],
        _struct("prompts", "volume floor excess low high", "reason"),
    ),
    "heterogeneity": (
        "paired.heterogeneity",
        ["BIGINT[]", "BIGINT[]", COUNT, COUNT],
        _struct("benchmarks", "statistic p p_pooled", "reason"),
    ),
    "compare_composite": (
        "paired.composite",
        [ROWS, NUMBERS, COUNT, COUNT, NUMBER],
        _struct(
            "",
            "difference standard_error low high p_different p_equivalent p_not_inferior volume"
            " direction margin",
            "verdict reason",
        ),
    ),
    "cross_fit": (
        "members.cross_fit_weighted",
        [TEXT, NUMBER, NUMBERS, ROWS, NUMBERS, TEXTS, NUMBERS, COUNT],
        _struct("splits", "rho rho_same_half members", "reason"),
    ),
    "two_level": (
        "noise.two_level",
        [TEXTS, ROWS, SHEETS, SHEETS, SHEETS, SHEETS, ROWS, NUMBERS, TEXTS, NUMBERS, COUNT, COUNT],
        _struct("measurement n", "rho noise_low noise_high low high shrinkage", "target reason")
        + "[]",
    ),
    "failure_prediction": (
        "prompts.prediction",
        [ROWS, ROWS, TEXTS, NUMBERS, NUMBERS, COUNT, COUNT],
        _struct(
            "quant n_failed n_passed clipped",
            " ".join(
                f"{kind}_{figure}"
                for kind in ("pooled", "within", "matched")
                for figure in ("ratio", "low", "high", "p")
            )
            + "".join(
                f" {name} {name}_low {name}_high"
                for name in ("auroc", "auroc_within", "lift", "lift_within")
            ),
            "reason",
        )
        + "[]",
    ),
    "within_prompt": (
        "prompts.within_prompt",
        [ROWS, ROWS, COUNT, COUNT],
        _struct("prompts", "ratio low high p", "reason"),
    ),
    "routers": (
        "routers.routers",
        [ROWS, ROWS, TEXTS],
        _struct(
            "first second disagreements first_right raw_ties ranked_ties within_ties",
            " ".join(
                f"{kind}_{figure}"
                for kind in ("raw", "ranked", "within")
                for figure in (
                    "accuracy",
                    "low",
                    "high",
                    "p",
                    "better",
                    "gain",
                    "gain_low",
                    "gain_high",
                )
            ),
            "reason",
        )
        + "[]",
    ),
    "known_correlation": (
        "correlations.known_correlation",
        [NUMBER, COUNT],
        _struct("n", "rho p_t low high minimum_rho", "reason"),
    ),
    "prompts_needed": ("paired.prompts_needed", [NUMBER, NUMBER], COUNT),
}


def register(connection) -> None:
    """Add every function to a connection (never to a cursor)."""
    from duckdb import func

    for name, (target, arguments, result) in FUNCTIONS.items():
        connection.create_function(
            name,
            _call(target, len(arguments)),
            arguments,
            result,
            null_handling="special",
            type=func.PythonUDFType.NATIVE,
        )


def _call(target: str, count: int):
    """The function, imported when it is first called: SciPy takes a second, and most connections
    never need it.

    count: DuckDB asks for the signature, which shall not need the import either.
    """
    module, name = target.split(".")

    def call(*arguments):
        return getattr(import_module(f".statistics.{module}", __package__), name)(*arguments)

    call.__signature__ = Signature(
        [Parameter(f"argument_{i}", Parameter.POSITIONAL_ONLY) for i in range(count)]
    )
    return call
