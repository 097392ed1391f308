"""The SQL's own rules, read off the dbt manifest: which layer reads which, what every model
promises.
"""

import ast
from dataclasses import fields
from pathlib import Path

import house
import sqlglot
import yaml
from sqlglot import exp

from qwh.database.warehouse import PROJECT
from qwh.kernels import udf
from qwh.raw.manifest import RunFacts

MAY_READ = {
    "staging": {"source"},
    "intermediate": {"staging", "intermediate", "seed"},
    "marts": {"staging", "intermediate", "marts", "seed"},
    "statistics": {"marts", "statistics", "seed"},
    "findings": {"marts", "statistics", "findings", "seed"},
    "analyses": {"marts", "statistics", "findings", "seed"},
}
FACTS = "model.qwh.stg_runs"  # what the analysis of provenance reads: the manifests themselves


def models(manifest: dict) -> list[dict]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def layer(manifest: dict, unique_id: str) -> str:
    node = manifest["nodes"].get(unique_id)
    if node is None:
        return "source"
    folder = Path(node["original_file_path"]).parts
    return {"seeds": "seed", "models": folder[1]}.get(folder[0], folder[0])


def final_columns(node: dict) -> list[str]:
    """Names that a model's last select gives."""
    return sqlglot.parse_one(node["compiled_code"], dialect="duckdb").named_selects


def test_data_walk_one_way(manifest):
    for node in models(manifest):
        mine = layer(manifest, node["unique_id"])
        for parent in node["depends_on"]["nodes"]:
            is_told_all = mine == "analyses" and parent == FACTS
            assert is_told_all or layer(manifest, parent) in MAY_READ[mine], (
                f"{node['name']} ({mine}) reads {parent}"
            )


def test_yaml_columns_are_the_sqls_columns(manifest):
    for node in models(manifest):
        assert list(node["columns"]) == final_columns(node), node["name"]


def test_every_model_has_its_twin_its_grain_and_its_words(manifest):
    grains = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") == "unique_grain"
    }
    for node in models(manifest):
        path = PROJECT / node["original_file_path"]
        twin = yaml.safe_load(path.with_suffix(".yml").read_text())
        assert [model["name"] for model in twin["models"]] == [node["name"]]
        assert node["description"].startswith("One row per "), node["name"]
        assert node["unique_id"] in grains, node["name"]
        assert all(column["description"] for column in node["columns"].values()), node["name"]


def test_no_final_select_star(manifest):
    for node in models(manifest):
        tree = sqlglot.parse_one(node["compiled_code"], dialect="duckdb")
        selects = [tree] if isinstance(tree, exp.Select) else list(tree.find_all(exp.Select))[:1]
        assert not any(
            isinstance(column, exp.Star) for select in selects for column in select.expressions
        ), node["name"]


LOGIC = (exp.Join, exp.Case, exp.If, exp.Where, exp.Group, exp.Qualify, exp.Binary, exp.AggFunc)


def test_statistics_and_findings_with_logic_have_a_unit_test(manifest):
    """What only names columns, unnests and unites needs none."""
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    with_logic = {
        node["name"]
        for node in models(manifest)
        if layer(manifest, node["unique_id"]) in ("statistics", "findings")
        and any(
            not isinstance(part, exp.Dot)  # a field of a struct
            for part in sqlglot.parse_one(node["compiled_code"], dialect="duckdb").find_all(*LOGIC)
        )
    }
    assert len(with_logic) > 40 and with_logic <= tested, with_logic - tested


def test_python_functions_are_called_by_tables_only(manifest):
    for node in models(manifest):
        called = {
            function.name.lower()
            for function in sqlglot.parse_one(node["compiled_code"], dialect="duckdb").find_all(
                exp.Anonymous
            )
        }
        if called & set(udf.names()):
            assert (
                node["config"]["materialized"] == "table"
                and layer(manifest, node["unique_id"]) == "statistics"
            ), node["name"]


def test_marts_statistics_and_analyses_keep_a_contract(manifest):
    for node in models(manifest):
        if layer(manifest, node["unique_id"]) in ("marts", "statistics", "analyses"):
            assert node["config"]["contract"]["enforced"], node["name"]


def test_analyses_are_views_and_questions_are_none(manifest):
    """A view is of the rows that there are; a question has variables, which a command gives."""
    analyses = {path.stem for path in (PROJECT / "analyses").glob("*.sql")}
    found = [node for node in models(manifest) if layer(manifest, node["unique_id"]) == "analyses"]
    assert {node["name"] for node in found} == analyses
    assert {node["config"]["materialized"] for node in found} == {"view"}


RENAMED = {"rows": "token_rows"}  # a word of SQL's own


def test_stg_runs_has_the_facts_of_a_run(manifest):
    """A fact is spelt in RunFacts; the model that reads the manifests' JSON has a column for it,
    and one for the tags that the edits say.
    """
    (columns,) = (list(node["columns"]) for node in models(manifest) if node["name"] == "stg_runs")
    facts = [RENAMED.get(field.name, field.name) for field in fields(RunFacts)]
    assert columns == [*facts, "tags"]


def test_no_manifest_is_made_by_hand():
    for path in house.product():
        if house.name(path).startswith("raw/"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            keys = [getattr(key, "value", None) for key in getattr(node, "keys", ())]
            assert "run_id" not in keys, f"{house.name(path)}:{node.lineno}: use RunFacts"
