"""One home per definition: what SQL and Python must both know is said once, or is compared here."""

import ast
import csv
import math
import re
import types
from dataclasses import fields
from typing import get_args

import duckdb
import numpy as np
import polars as pl
import pytest
import source_columns
import yaml
from scipy.stats import norm

from qwh.database.warehouse import PROJECT
from qwh.ingest.readers import llama_labels
from qwh.kernels.statistics.intervals import ALPHA
from qwh.kernels.statistics.multiplicity import passed_at, resolves, step_down
from qwh.kernels.statistics.zone.zone_choice import RULES, members
from qwh.raw.manifest import COMPARABLE, NAMES, OF_READING, SAME_TEXT, RunFacts
from qwh.raw.schema import TABLES

SQL_TYPES = {str: {"VARCHAR"}, int: {"BIGINT", "INTEGER"}, float: {"DOUBLE"}, bool: {"BOOLEAN"}}


def text(path: str) -> str:
    return (PROJECT / path).read_text()


def seed(name: str) -> list[dict]:
    with open(PROJECT / "seeds" / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def described() -> dict[str, str]:
    """file, model and column -> its words, for every YAML of the dbt project."""
    words = {}
    folders = ("models", "analyses", "seeds")
    for path in [path for folder in folders for path in (PROJECT / folder).rglob("*.yml")]:
        known = yaml.safe_load(path.read_text())
        for thing in known.get("models", []) + known.get("seeds", []) + known.get("sources", []):
            words[f"{path.name} {thing['name']}"] = thing["description"]
            for part in thing.get("columns", []) + thing.get("tables", []):
                words[f"{path.name} {thing['name']}.{part['name']}"] = part["description"]
    return words


# --- a run's facts: raw/manifest.py owns them -----------------------------------------------------


def test_manifests_are_read_with_the_columns_of_run_facts():
    columns = re.findall(r"^ +(\w+): '(\w+)'", text("macros/source.sql"), re.MULTILINE)
    assert [name for name, _ in columns] == list(NAMES)
    for field, (name, kind) in zip(fields(RunFacts), columns, strict=True):
        [python] = set(get_args(field.type)) - {types.NoneType}
        assert kind in SQL_TYPES[python], f"{name} is {python} and {kind}"


def test_stg_runs_has_the_columns_of_run_facts_and_their_sentences():
    twin = yaml.safe_load(text("models/staging/stg_runs.yml"))
    columns = twin["models"][0]["columns"]
    said = [(column["name"], " ".join(column["description"].split())) for column in columns]
    named = {"rows": "token_rows"}  # a word of SQL's own
    facts = [
        (named.get(each.name, each.name), each.metadata["sentence"]) for each in fields(RunFacts)
    ]
    assert said[:-1] == facts and said[-1][0] == "tags"  # which the ledger of edits says


def test_sources_have_the_columns_of_the_raw_layer_and_their_sentences():
    assert text("models/sources.yml") == source_columns.written(), "python tests/source_columns.py"
    [raw] = yaml.safe_load(text("models/sources.yml"))["sources"]
    assert {each["name"] for each in raw["tables"]} == {*TABLES, "runs", "edits"}
    assert all(column["description"] for each in raw["tables"] for column in each["columns"])


def test_the_facts_that_two_runs_must_share_are_pythons():
    sql = text("tests/runs_share_their_references_facts.sql")
    held = ast.literal_eval(re.search(r"set facts = (\[.*?\])", sql, re.DOTALL)[1])
    assert len(held) == len(set(held))
    assert set(held) == {"cohort_id", *SAME_TEXT, *COMPARABLE}
    moved = ast.literal_eval(re.search(r"set of_reading = (\[.*?\])", sql, re.DOTALL)[1])
    assert tuple(moved) == OF_READING


# --- metrics, zone rules and llama.cpp's lines: seeds own them ------------------------------------


def test_metrics_come_from_quantities_that_tokens_have():
    quantities = set(re.findall(r"^ +'(\w+)': ", text("macros/quantities.sql"), re.MULTILINE))
    for row in seed("metrics"):
        assert row["quantity"] in quantities, row
        assert row["form"] in ("mean", "abs", "exp", "root", "quantile", "max", "tail"), row
        assert (row["form"] == "quantile") == bool(row["fraction"]), row
    assert {row["metric"] for row in seed("measurements")} <= {r["metric"] for r in seed("metrics")}


def test_quantiles_are_computed_at_the_metrics_fractions():
    sql = text("models/intermediate/int_run_quantiles.sql")
    asked = re.search(r"quantile_cont\(kld, \[(.*?), \{\{", sql)[1].split(", ")
    named = re.findall(r"quantiles\.q\[\d\] as (\w+)", sql)
    held = {row["metric"]: row["fraction"] for row in seed("metrics") if row["fraction"]}
    assert dict(zip(named, asked, strict=True)) == held


def test_llama_cpps_lines_are_those_that_the_reader_knows():
    """In its order: all but the quarters of KLD, which no build prints; % where it is printed."""
    lines = seed("llama_lines")
    never = ("75.0% KLD", "25.0% KLD")
    known = {label: line for label, line in llama_labels.LINES.items() if label not in never}
    assert [row["statistic"] for row in lines] == list(known)
    assert [int(row["line"]) for row in lines] == list(range(1, len(lines) + 1))
    shares = {"Maximum": 1.0, "Median": 0.5, "Minimum": 0.0}
    for row, line in zip(lines, known.values(), strict=True):
        assert (row["unit"] == "%") == line.per_cent, row
        share = row["statistic"].rsplit(" ", 1)[0]
        if share in llama_labels.QUANTILES:
            fraction = shares[share] if share in shares else float(share[:-1]) / 100
            assert float(row["fraction"]) == pytest.approx(fraction, abs=1e-12), row
            assert not line.error and row["source"].endswith("_percentile"), row
        else:
            assert not row["fraction"], row


def test_the_level_of_tests_is_pythons():
    assert f"-%}}{ALPHA}{{%-" in text("macros/alpha.sql")


def test_p_at_the_level_resolves_and_next_to_it_does_not():
    """Of 1,000 tosses and what was seen 50 in 1,000 are 0.05; so says SQL."""
    p = [(1 + 49) / 1_000, math.nextafter(0.05, 1), (1 + 50) / 1_000, 0.0, math.nan, None]
    told = [True, False, False, True, False, False]
    assert [resolves(each) for each in p] == told
    macro = re.search(r"macro resolves\(p\) -%\}(.*)\{%-", text("macros/alpha.sql"))
    assert macro is not None
    said = macro[1].replace("{{ p }}", "p").replace("{{ alpha() }}", "0.05")
    with duckdb.connect() as connection:
        rows = connection.execute(f"select {said}, from (select unnest($p) as p)", {"p": p[:4]})
        assert [row[0] for row in rows.fetchall()] == told[:4]


def test_the_bar_that_tosses_set_is_their_ps():
    """step_down's p resolves where the bar is passed, and just below it does not."""
    null = np.random.default_rng(1).normal(size=(999, 3))
    bar = passed_at(null)
    for beyond, is_told in ((1e-6, True), (-1e-6, False)):
        p = step_down(np.array([bar + beyond, -9.0, -9.0]), null)[0]
        assert resolves(p) is is_told
    assert p == 51 / 1_000  # one draw more than the level allows


def test_p_is_held_against_the_level_in_one_place_only():
    """In Python in multiplicity.resolves, in SQL in its macro: no other comparison is spelled."""
    compares = re.compile(r"[<>]=?\s*(ALPHA\b|\{\{ alpha\(\)|0?\.05\b)|\bALPHA\s*[<>]")
    folders = ("kernels", "models", "macros", "analyses", "commands", "database", "exports")
    found = [
        (path.relative_to(PROJECT).as_posix(), line.strip())
        for folder in folders
        for path in sorted((PROJECT / folder).rglob("*"))
        if path.suffix in (".py", ".sql")
        for line in path.read_text().splitlines()
        if compares.search(line)
    ]
    assert [path for path, _ in found] == [
        "kernels/statistics/multiplicity.py",
        "macros/alpha.sql",
    ], found


def test_normal_quantiles_are_scipys():
    sql = text("macros/normal_quantile.sql")
    held = re.findall(r"when ([\d.]+) then ([\d.]+)::double", sql)
    assert {float(level): float(z) for level, z in held} == {
        float(level): norm.isf(float(level) / 2) for level, _ in held
    }


def zone_of_sql(compiled: str, quants: pl.DataFrame, rules: list[tuple]) -> dict:
    """rule and threshold -> what the compiled model says of each quant, in the frame's order."""
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        connection.execute(
            """
            create table fct_fidelity as
                select 'c' as cohort_id, quant_id, 'k' as measurement_id, kld as value,
                    0 as nonfinite, 'e' as estimator from quants;
            create table dim_measurements as
                select 'c' as cohort_id, 'k' as measurement_id, 'kld_mean' as metric, 1 as variant;
            create table fct_composites as
                select 'c' as cohort_id, quant_id, 'answered' as scoring, gain,
                    error as standard_error
                from quants where gain is not null;
            create table dim_zone_rules (zone_rule text, threshold double, is_default boolean)
            """
        )
        connection.executemany("insert into dim_zone_rules values (?, ?, false)", rules)
        found = connection.sql(
            "select zone_rule, threshold, list(is_member order by quant_id)"
            f" from ({compiled}) group by all"
        ).fetchall()
    return {(rule, threshold): inside for rule, threshold, inside in found}


def test_sql_and_python_put_the_same_quants_into_the_zone(manifest):
    """The compiled model on 400 quants, most of them just inside or outside an edge."""
    rng = np.random.default_rng(5)
    kld, error = rng.exponential(0.02, 400), rng.exponential(0.005, 400)
    gain = rng.normal(0, 0.02, 400)
    edge = rng.choice([-1e-9, 1e-9], 400)
    gain[::4] = (-norm.isf(0.025) * error + edge)[::4]  # not_different at 5 %
    gain[1::4] = (0.02 - norm.isf(0.05) * error + edge)[1::4]  # tost within 0.02
    gain[2::4] = (-0.01 + edge)[2::4]  # score_tol
    gain[3::40] = np.nan  # it did not answer every benchmark
    names = [f"q{i:03}" for i in range(400)]
    quants = pl.DataFrame({"quant_id": names, "kld": kld, "gain": gain, "error": error})
    rules = [(row["zone_rule"], float(row["threshold"])) for row in seed("zone_rules")]
    rules += [("not_different", 0.1), ("not_different", 0.01), ("tost", 0.05)]
    compiled = manifest["nodes"]["model.qwh.fct_zone_members"]["compiled_code"]
    found = zone_of_sql(compiled, quants.fill_nan(None), rules)
    assert {rule for rule, _ in rules} == set(RULES)
    assert all(found.pop(("full", 0.0)))
    assert found.keys() == set(rules)
    for rule, threshold in rules:
        assert found[rule, threshold] == members(rule, threshold, kld, gain, error).tolist(), rule


# --- settings: dbt_project.yml owns them ----------------------------------------------------------


def test_every_var_reaches_sql():
    project = yaml.safe_load(text("dbt_project.yml"))
    read = set()
    for folder in ("models", "macros"):
        for path in (PROJECT / folder).rglob("*.sql"):
            sql = path.read_text()
            read |= set(re.findall(r"(?<!env_)var\('(\w+)'\)", sql))
            for names in re.findall(r"settings\(([^)]*)\)", sql):
                read |= set(re.findall(r"'(\w+)'", names))
    assert read == set(project["vars"])


SAID_ONCE = {  # a constant as a pattern -> where it may stand
    r"\b20260617\b": {"dbt_project.yml"},  # the seed of all draws
    r"(?i)clip\w*\W{1,4}1(\.0)?e-0?9\b": {"dbt_project.yml"},  # where KLD is clipped
    r"\b(margin|MARGIN)\b\W* 0?\.01\b": {"dbt_project.yml"},  # what counts as no difference
    r"(permutations|resamples|draws)\W+10_?000\b": {"dbt_project.yml"},
    r"\b1 ?/ ?20\b|per_efold\W+20\b": {"dbt_project.yml"},  # buckets of KLD
    r"27\.63102111592854": set(),  # a top-k floor is ln of a probability that has a name
    r"\bPOWER\W+0?\.8\b": {"kernels/statistics/resolution.py"},  # of what could be resolved
    r"1\.6449": set(),  # a normal quantile is macros/normal_quantile.sql's, exact
}


@pytest.mark.parametrize("constant", SAID_ONCE)
def test_a_constant_is_said_once(constant):
    places = [*PROJECT.glob("*.py"), *PROJECT.glob("*.yml")]
    for folder in ("commands", "database", "demo", "exports", "ingest", "kernels", "raw"):
        places += (PROJECT / folder).rglob("*.py")
    for folder in ("macros", "models", "seeds", "analyses"):
        places += [path for path in (PROJECT / folder).rglob("*") if path.is_file()]
    found = {
        path.relative_to(PROJECT).as_posix()
        for path in places
        # a unit test says its own settings
        if re.search(constant, re.sub(r"overrides: .*", "", path.read_text()))
    }
    assert found == SAID_ONCE[constant]


# --- words: what a user of any DuckDB shell reads -------------------------------------------------

LOST_APOSTROPHES = re.compile(
    r"\b(references|papers|Pages|todays)\b"  # there is one of each: a plural is a lost apostrophe
    r"|\bthe (zones?s|quants|zones|cohorts|runs|lines|texts|figures|users)"
    r" (own|run|rho|score|scores|KLD|NLL|choice|file|answer|answers|side|edge|error|null|points)\b"
    r"|\b(quants|cohorts) (less|and) the (references|cohorts)\b"
)


def test_no_description_has_lost_its_apostrophe():
    assert {
        where: words for where, words in described().items() if LOST_APOSTROPHES.search(words)
    } == {}


def test_what_is_in_nats_says_so():
    """NLL, entropies and sums of KLD are in nats; a threshold is so under one rule of four."""
    for where, words in described().items():
        column = where.rsplit(".", 1)[-1]
        if column == "threshold" and "zone" in where:
            assert "nats" not in words or "level" in words, where
        if re.fullmatch(
            r"(kld|nll|entropy|lse|margin_ref)(_ref|_mean|_gmean|_sum|_max|_p\d+)*", column
        ):
            assert "nats" in words or "unit" in words, f"{where}: {words}"


def test_every_statistic_names_the_question_that_it_answers():
    overview = text("models/overview.md").split("The words:")[0]
    items = re.findall(r"^- (`.*?)(?=^- |^$)", overview, re.MULTILINE | re.DOTALL)
    asked = [item for item in items if "?" in item]
    named = [name for item in asked for name in re.findall(r"`(\w+_\w+)`", item)]
    tables = {path.stem for path in PROJECT.glob("models/statistics/*.sql")}
    material = {"stat_targets", "fct_zone_points", "dim_families"}  # no answers of their own
    assert tables - material <= set(named), tables - material - set(named)
    assert len(set(named)) == len(named), "two items answer with one table"
    assert set(re.findall(r"`(stat_\w+)`", overview)) <= tables


def test_every_analysis_asks_its_question_after_its_grain():
    words = described()
    for path in (PROJECT / "analyses").glob("*.sql"):
        said = words[f"{path.stem}.yml {path.stem}"]
        assert re.match(r"One row per [^.?]*\. [A-Z][^.?]*\?( |$)", said), path.stem
