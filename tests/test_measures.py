"""A user's own measure enters the variant table, or is refused in one line; builds ask it anew."""

import shutil

import numpy as np
import pytest
from conftest import query, qwh
from scipy.stats import spearmanr
from test_bad_input import refused

from qwh.errors import ExitCode

SQL = (
    "select cohort_id, quant_id, quantile_cont(kld, 0.97) as value from int_tokens where task ="
    " 'corpus' group by all"
)


@pytest.fixture(scope="module")
def measured(warehouse, tmp_path_factory):
    folder = tmp_path_factory.mktemp("measures") / "w"
    shutil.copytree(warehouse, folder, ignore=shutil.ignore_patterns(".build"))
    (folder / "warehouse.duckdb").unlink()
    assert qwh("build", "--warehouse", folder).exit_code == 0  # its views name this folder
    done = qwh("measure", "add", "kld_p97", SQL, "--warehouse", folder)
    assert done.exit_code == 0 and done.stdout.count("\n") == 6, done.stderr
    assert qwh("build", "--warehouse", folder).exit_code == 0
    return folder


def test_it_stands_among_the_variants_under_one_protection(measured):
    [(rho, p, adjusted, n)] = query(
        measured,
        "select rho, p_permutation, p_adjusted, n from stat_correlations where measurement_id ="
        " 'measure:kld_p97' and zone_rule = 'full' and target = 'composite' and scoring ="
        " 'answered'",
    )
    pairs = np.array(
        query(
            measured,
            f"select value, composite from ({SQL}) join fct_composites using (cohort_id, quant_id)"
            " where scoring = 'answered'",
        )
    )
    assert (
        n == len(pairs)
        and rho == pytest.approx(spearmanr(*pairs.T).statistic)
        and adjusted >= p - 0.02
    )
    [(variants,)] = query(
        measured, "select count(distinct variant) from stat_correlations where zone_rule = 'full'"
    )
    [(before,)] = query(
        measured, "select count(distinct variant) from dim_measurements where variant is not null"
    )
    assert variants == before + 1


def test_list_and_remove(measured):
    assert qwh("measure", "list", "--warehouse", measured).stdout == f"kld_p97  {SQL}\n"
    assert (
        qwh(
            "measure",
            "add",
            "again",
            SQL.replace("0.97", "0.5"),
            "--smaller-is-further",
            "--warehouse",
            measured,
        ).exit_code
        == 0
    )
    assert qwh("measure", "remove", "again", "--warehouse", measured).exit_code == 0
    refused(
        qwh("measure", "remove", "again", "--warehouse", measured),
        ExitCode.NOT_FOUND,
        "again",
        "kld_p97",
    )


@pytest.mark.parametrize(
    "name, sql, code, words",
    [
        ("Bad name", SQL, ExitCode.USAGE, "small letters"),
        ("x", "drop table fct_scores", ExitCode.USAGE, "one SELECT"),
        ("x", f"{SQL}; {SQL}", ExitCode.USAGE, "one SELECT"),
        ("x", "select (", ExitCode.BAD_INPUT, "cannot read the measure's SQL"),
        (
            "x",
            "select quant_id, 1 as value from dim_quants",
            ExitCode.BAD_INPUT,
            "cohort_id, quant_id and value",
        ),
        (
            "x",
            "select cohort_id, quant_id, kld as value from int_tokens",
            ExitCode.BAD_INPUT,
            "more than one value",
        ),
        (
            "x",
            "select cohort_id, quant_id, 1 as value from read_csv('/etc/passwd')",
            ExitCode.BAD_INPUT,
            "DuckDB refused",
        ),
    ],
)
def test_refusals(measured, name, sql, code, words):
    refused(qwh("measure", "add", name, sql, "--warehouse", measured), code, words)
