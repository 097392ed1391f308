"""What the demo shows: of each table the columns that tell its story on lines of 100 columns."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from ..database.warehouse import Warehouse

COLUMNS = {
    "study": "finding n figure low high says",
    "score_changes": (
        "quant_id kld_mean answered answered_verdict expected expected_error expected_verdict"
    ),
    "forecasts": "zone_rule threshold forecaster n rho low high verdict",
    "scorings": "scoring margin variance_ratio reliability resolved quants told_apart pairs",
    "fidelity": "quant_id bits_per_weight kld_mean kld_mean_se kld_p99 ppl top1_agreement",
    "volume_and_direction": (
        "quant_id kld_mean leapfrogs drops volume direction difference verdict"
    ),
    "correlations": "zone_rule measurement_id n score_rho score_ci score_p volume_rho",
    "zone": "zone_rule threshold n rho expected_low expected_high verdict ranking",
    "disagreements": "benchmark_id quant_id prompts leapfrogs drops difference p_adjusted verdict",
    "prompt_failure": "quant_id split kind n_event figure low high verdict",
    "token_direction": "corpus_id context_length quant_id direction verdict",
}
DEMO = ("study", "score_changes", "fidelity", "volume_and_direction", "correlations", "zone")
STUDY = tuple(COLUMNS)


def shown(warehouse: "Warehouse", cohort: str, name: str) -> "pl.DataFrame":
    """A cohort's rows of one of the tables above; pass/fail's where the lines name no scoring."""
    rows, columns = warehouse.relation(name, cohort), COLUMNS[name].split()
    if "scoring" in rows.columns and not {"scoring", "expected"} & set(columns):
        rows = rows.filter(rows["scoring"].fill_null("answered") == "answered")
    return rows


def held(warehouse: "Warehouse", cohort: str) -> "pl.DataFrame":
    """What raw/ holds of a cohort, a row per text or benchmark."""
    from ..database.holdings import holdings

    rows = holdings(warehouse)
    return rows.filter(rows["cohort"] == cohort).drop("cohort")
