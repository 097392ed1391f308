"""Every answer of a cohort to its benchmarks, as the decisions between its quants read them."""

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from ..errors import ExitCode, QwhError
from .warehouse import Warehouse, refuse_set_aside

if TYPE_CHECKING:
    import numpy as np


class Answers(NamedTuple):
    """Scores of a cohort's reference and quants on its prompts."""

    cohort: str
    names: list[str]  # the reference, then q quants in order
    scores: "np.ndarray"  # [1 + q, n], NaN where one did not answer
    benchmarks: list[str]  # [n]
    texts: list[str]  # [n] equal where a benchmark asks one text more than once
    bytes: "np.ndarray"  # [q] size of each quant's file, NaN where it is not known
    weights: dict[str, float]  # benchmark -> weight, of those that have one

    def row(self, name: str) -> int:
        """Where a name stands. Raises QwhError for one that is not there."""
        if name not in self.names:
            raise QwhError(
                f"there is no {name} with answers in cohort {self.cohort}: there are"
                f" {', '.join(sorted(self.names))}",
                ExitCode.NOT_FOUND,
            )
        return self.names.index(name)


def read_answers(warehouse: Warehouse, cohort: str | None) -> Answers:
    """The cohort's answers; None is the only cohort. Raises QwhError where that is not one."""
    with warehouse.open() as connection:

        def ask(query: str, *values: str | None) -> list[tuple]:
            return connection.execute(query, values).fetchall()

        references = dict(ask("select cohort_id, reference_id from dim_cohorts order by 1"))
        if cohort is None and len(references) == 1:
            [cohort] = references
        refuse_set_aside(connection, cohort)
        if cohort is None or cohort not in references:
            raise QwhError(
                f"{f'there is no cohort called {cohort}' if cohort else 'which cohort'}: give"
                f" --cohort one of {', '.join(references) or 'none yet'}",
                ExitCode.NOT_FOUND if cohort else ExitCode.USAGE,
            )
        sizes = dict(
            ask(
                "select quant_id, file_bytes from dim_quants"
                " where cohort_id = ? and role = 'quant'",
                cohort,
            )
        )
        weights = dict(ask("select benchmark_id, weight from int_benchmark_weights"))
        rows = connection.sql(
            "select quant_id, benchmark_id, prompt_id, text_id, score, score_ref from fct_prompts"
            " where cohort_id = ?",
            params=[cohort],
        ).pl()
    if rows.is_empty():
        raise QwhError(
            f"cohort {cohort} has no benchmark that reference and quants both answered: bring one"
            " in with qwh ingest prompts, or import its results",
            ExitCode.NOT_FOUND,
        )
    return _answers(cohort, references[cohort], rows, sizes, weights)


def _answers(
    cohort: str, reference: str, rows: pl.DataFrame, sizes: dict, weights: dict
) -> Answers:
    """Rows of fct_prompts as one table of scores."""
    prompt = ["benchmark_id", "prompt_id"]
    wide = rows.pivot("quant_id", index=prompt, values="score", aggregate_function="last")
    quants = sorted(wide.columns[len(prompt) :])
    own = rows.unique(prompt, keep="last").select(*prompt, "text_id", "score_ref")
    wide = own.join(wide, on=prompt)
    wide = wide.sort("benchmark_id", "text_id", "prompt_id")
    size = pl.Series([sizes.get(quant) for quant in quants], dtype=pl.Float64)
    return Answers(
        cohort,
        [reference, *quants],
        wide.select("score_ref", *quants).to_numpy().T,
        wide["benchmark_id"].to_list(),
        wide["text_id"].to_list(),
        size.to_numpy(),
        weights,
    )
