"""A warehouse that is built again: runs that come, go, repeat, differ or lost a part."""

import json
import shutil
from types import SimpleNamespace

import duckdb
import pytest
from conftest import qwh
from toy import publish_quant, publish_reference, rows

from qwh.database import dbt_build
from qwh.database.build import build
from qwh.database.warehouse import Warehouse
from qwh.raw.store import Store


def test_a_new_run_is_added_and_a_vanished_one_leaves(copy):
    """Building on what is there ends in the same tables as building from nothing."""
    publish_quant(Store(copy.folder), "third", like="far")
    for manifest in (copy.folder / "raw" / "runs").glob("near-*.json"):
        manifest.unlink()
    build(copy)
    tables = [
        "int_run_chunks",
        "int_run_quantiles",
        "int_prompt_kld",
        "fct_fidelity",
        "fct_composites",
    ]
    after = {table: sorted(map(repr, rows(copy, f"from {table}"))) for table in tables}
    assert rows(copy, "select distinct quant_id from fct_fidelity order by 1") == [
        ("far",),
        ("third",),
    ]
    with duckdb.connect(str(copy.database)) as connection:
        connection.execute("create table stat_of_old as select 1 as n")  # of a model that is gone
    build(copy, full_refresh=True)
    assert after == {table: sorted(map(repr, rows(copy, f"from {table}"))) for table in tables}
    gone = "select count(*) from duckdb_tables() where table_name = 'stat_of_old'"
    assert rows(copy, gone) == [(0,)]


def test_a_run_repeated_with_another_top_k_counts_once(copy):
    """The later run replaces the earlier one; its prompts are not added to it."""
    before = (
        rows(copy, "select * exclude (run_id) from fct_fidelity order by all"),
        rows(copy, "from fct_disagreements order by all"),
    )
    publish_quant(
        Store(copy.folder),
        "far-again",
        like="far",
        quant_id="far",
        top_k=64,
        started_at="2026-01-02T00:00:00Z",
    )
    build(copy)
    assert before == (
        rows(copy, "select * exclude (run_id) from fct_fidelity order by all"),
        rows(copy, "from fct_disagreements order by all"),
    )
    assert rows(
        copy,
        "select distinct run_id from fct_fidelity where quant_id = 'far' and measurement_id ="
        " 'kld_mean:prose:4'",
    ) == [("far-again-prose-4",)]


def test_a_quant_that_lacks_a_benchmark_has_no_composite(copy):
    (copy.folder / "raw" / "runs" / "far-sums.json").unlink()
    build(copy)
    assert rows(copy, "select quant_id, benchmarks from fct_composites") == [("near", 2)]


def sets_aside(warehouse: Warehouse, *words: str) -> None:
    """The build leaves the cohort out, and says why."""
    ((cohort, reason),) = build(warehouse).unbuilt.items()
    assert cohort == "toy" and all(word in reason for word in words), reason
    assert rows(warehouse, "select count(*) from fct_fidelity") == [(0,)]


def test_a_run_that_differs_from_its_reference_sets_its_cohort_aside(copy):
    facts = ("tokenizer_sha256", "token_stream_sha256", "engine_version")
    publish_quant(Store(copy.folder), "odd", like="far", **dict.fromkeys(facts, "another"))
    sets_aside(copy, "runs share their references facts", " and ".join(facts))


def test_rows_that_no_part_holds_set_their_cohort_aside(copy):
    publish_quant(Store(copy.folder), "third", like="far")
    shutil.rmtree(Store(copy.folder).part("reference_tokens", "ref-prose-4").parent)
    sets_aside(copy, "every token meets its reference")


def test_an_empty_warehouse_builds(tmp_path):
    Store(tmp_path).create()
    warehouse = Warehouse(tmp_path)
    build(warehouse)
    assert rows(warehouse, "select count(*) from fct_fidelity") == [(0,)]


def test_a_plain_dbt_build_reads_the_raw_folder_of_an_older_version(copy, monkeypatch):
    """One without edits, and without a table that came later."""
    from qwh.database.plugin import Plugin

    for lost in ("edits", "reading_klds"):
        shutil.rmtree(copy.folder / "raw" / lost)
    monkeypatch.delenv("QWH_WAREHOUSE", raising=False)
    plugin = Plugin("statistics", {}, SimpleNamespace(path=str(copy.database)))
    with duckdb.connect(str(copy.database), read_only=True) as connection:
        plugin.configure_connection(connection)
        plugin.configure_cursor(connection)
        for view in ("stg_edits", "stg_runs", "stg_reading_klds"):
            connection.execute(f"from {view}")


def test_dbt_makes_no_warehouse_where_there_is_none(tmp_path, monkeypatch):
    from qwh.database.plugin import Plugin

    monkeypatch.delenv("QWH_WAREHOUSE", raising=False)
    Plugin("statistics", {}, SimpleNamespace(path=str(tmp_path / "warehouse.duckdb")))
    assert not list(tmp_path.iterdir())


def test_a_warehouse_with_only_a_reference_builds(tmp_path):
    publish_reference(Store(tmp_path).create())
    warehouse = Warehouse(tmp_path)
    build(warehouse)
    assert rows(warehouse, "select quants from dim_cohorts") == [(0,)]
    assert (
        json.loads((tmp_path / "raw" / "runs" / "ref-quiz.json").read_text())["role"] == "reference"
    )


def test_a_build_with_another_default_zone_tells_of_it(copy):
    """near lies at 1/64 nats, far at 2.5: the first is in kld_max 0.02, both are below 3."""
    default = "select zone_rule, threshold from dim_zone_rules where is_default"
    zones = "select zone_rule, threshold from dim_zone_rules order by all"
    members = (
        "select quant_id from fct_zone_members"
        " where is_default and zone_rule <> 'full' and is_member order by all"
    )
    assert rows(copy, default) == [("kld_max", 0.02)] and rows(copy, members) == [("near",)]
    before = rows(copy, zones)
    done = qwh("build", "--zone", "kld_max=3", "--warehouse", copy.folder)
    assert done.exit_code == 0, done.stderr
    assert rows(copy, default) == [("kld_max", 3.0)]
    assert rows(copy, members) == [("far",), ("near",)]
    assert rows(copy, zones) == sorted([*before, ("kld_max", 3.0)])
    told = "select distinct zone_rule, threshold from {} where is_default and zone_rule <> 'full'"
    for table in ("stat_zones", "stat_zone_nulls", "stat_zone_verdicts", "fct_zone_points"):
        assert rows(copy, told.format(table)) in ([], [("kld_max", 3.0)]), table
    n = "select n from findings where finding = 'rho of mean KLD and composite, silent zone'"
    assert rows(copy, n) == [(2,)]


def test_a_project_that_was_parsed_in_another_place_is_not_taken(monkeypatch, tmp_path):
    """dbt reads the seeds from where the project lay when it was parsed."""
    here = dbt_build.kept_project()
    monkeypatch.setattr(dbt_build, "PROJECT", tmp_path)
    assert dbt_build.kept_project() != here


@pytest.mark.parametrize(
    "zone", ["0.005", "kld=0.005", "kld_max=", "kld_max=0", "tost=inf", "full=0"]
)
def test_a_default_zone_that_is_none_is_refused(tmp_path, zone):
    done = qwh("build", "--zone", zone, "--warehouse", tmp_path)
    assert done.exit_code == 2 and f"--zone {zone} is no zone" in done.stderr
