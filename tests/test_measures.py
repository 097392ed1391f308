"""A user's own measure enters the variant table, or is refused in one line; builds ask it anew, and
let it read no file.
"""

import json
import shutil

import numpy as np
import pytest
from conftest import query, qwh
from scipy.stats import spearmanr
from test_bad_input import refused

from qwh.database import measures
from qwh.errors import ExitCode

SQL = (
    "select cohort_id, quant_id, quantile_cont(kld, 0.97) as value from int_tokens where task ="
    " 'corpus' group by all"
)


SECRET = (  # what a sandbox does not see, and a build once read
    "select 'tiny' as cohort_id, x::varchar as quant_id, 1 as value from query(case when"
    " current_setting('enable_external_access') then 'select content as x from"
    " read_text(''/etc/passwd'')' else 'select ''Q8_0'' as x' end)"
)
SOME = "from (values ('tiny', 'Q8_0', 2), ('tiny', 'Q9', 3)) as said (cohort_id, quant_id, value)"
PLANTED = {  # name -> SQL that others wrote into the folder, and words of what the build says of it
    "reads": (
        "select 'tiny' as cohort_id, content as quant_id, 1 as value from read_text('/etc/passwd')",
        "DuckDB refused",
    ),
    "later": (
        "select cohort_id, 'q' as quant_id, rho as value from stat_correlations limit 1",
        "stat_correlations does not exist",
    ),
    "gone": ("select cohort_id, quant_id, nothing as value from fct_fidelity", "nothing"),
    "closes": ("select 1) union all from read_text('/etc/passwd') --", "cannot read"),
    "two": ("select 1; select 2", "one SELECT"),
    "nobody": (
        "select 'tiny' as cohort_id, 'Q9' as quant_id, 1 as value",
        "of no quant here, as Q9",
    ),
}


@pytest.fixture(scope="module")
def measured(warehouse, tmp_path_factory):
    """A good measure and many bad ones, as one build found them; its lines are in build.txt."""
    folder = tmp_path_factory.mktemp("measures") / "{{ 1 }} {% if %} w"  # is no Jinja
    shutil.copytree(warehouse, folder)
    done = qwh("measure", "add", "kld_p97", SQL, "--warehouse", folder)
    assert done.exit_code == 0 and done.stdout.count("\n") == 6, done.stderr
    assert qwh("measure", "add", "secret", SECRET, "--warehouse", folder).exit_code == 0
    kept = folder / "raw" / "measures"
    for name, (sql, _) in PLANTED.items():
        text = json.dumps({"name": name, "sql": sql, "orientation": 1})
        (kept / f"{name}.json").write_text(text)
    some = json.dumps({"name": "some", "sql": SOME, "orientation": 1})
    (kept / "some.json").write_text(some)
    (kept / "half.json").write_text('{"name": "ha')
    (kept / "x' or 1.json").write_text('{"name": "x\' or 1", "sql": "select 1", "orientation": 1}')
    done = qwh("build", "--warehouse", folder)
    assert done.exit_code == 0, done.stderr
    (folder / "build.txt").write_text(done.stderr)
    return folder


@pytest.mark.parametrize("name", [*PLANTED, "half", "x' or 1"])
def test_a_measure_that_fails_is_named_and_the_build_goes_on(measured, name):
    words = PLANTED.get(name, ("", "remove it"))[1]
    said = (measured / "build.txt").read_text().splitlines()
    [line] = [line for line in said if line.startswith(f"the measure {name} has no values: ")]
    assert words in line
    kept = query(measured, "select measure, quants, reason from dim_measures")
    [(quants, reason)] = [rest for measure, *rest in kept if measure == name]
    assert quants == 0 and line.endswith(reason)
    assert (name,) not in query(measured, "select distinct measure from fct_measures")


def test_a_measure_reads_no_file_in_a_build_either(measured):
    found = query(measured, "select quant_id, value from fct_measures where measure = 'secret'")
    assert found == [("Q8_0", 1.0)]
    held = query(measured, "select count(*) from fct_measures where quant_id like '%root%'")
    assert held == [(0,)]
    sides = query(measured, "select measure, reason from dim_measures where reason is null")
    assert sorted(sides) == [("kld_p97", None), ("secret", None), ("some", None)]


def test_values_of_quants_that_are_not_there_are_left_out(measured):
    said = (measured / "build.txt").read_text()
    assert "the measure some: 1 of its values are of no quant here, as Q9 of tiny: left out" in said
    assert query(measured, "select quant_id, value from fct_measures where measure = 'some'") == [
        ("Q8_0", 2.0)
    ]
    assert (
        query(measured, "from fct_measures anti join dim_quants using (cohort_id, quant_id)") == []
    )


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
        measured,
        "select count(distinct variant) from stat_correlations where zone_rule = 'full' and"
        " measurement_id not in ('measure:secret', 'measure:some')",
    )
    [(before,)] = query(
        measured, "select count(distinct variant) from dim_measurements where variant is not null"
    )
    assert variants == before + 1


def test_list_and_remove(measured):
    listed = qwh("measure", "list", "--warehouse", measured).stdout.splitlines()
    assert f"kld_p97  {SQL}" in listed and len(listed) == len(PLANTED) + 5
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
        ("x", SOME, ExitCode.NOT_FOUND, "to Q9 of cohort tiny, which is not there: there are Q2"),
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


def test_one_that_takes_too_long_is_stopped(measured, monkeypatch):
    monkeypatch.setattr(measures, "LIMIT", 1)
    endless = "select 'c' as cohort_id, 'q' as quant_id, sum(a.range * b.range) as value from"
    sql = f"{endless} range(10000000) a, range(10000000) b"
    done = qwh("measure", "add", "slow", sql, "--warehouse", measured)
    refused(done, ExitCode.BAD_INPUT, "the measure slow took more than 1 s")
