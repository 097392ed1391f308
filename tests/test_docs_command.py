"""`qwh docs`: the grain and the columns of what is in the database, as its YAML tells them."""

import json
import subprocess
import sys

import pytest
import yaml
from conftest import qwh

from qwh.database.warehouse import PROJECT
from qwh.errors import ExitCode


def docs(toy, *arguments) -> str:
    done = qwh("docs", *arguments, "--warehouse", toy.folder)
    assert done.exit_code == ExitCode.OK, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "path", ["analyses/fidelity", "models/marts/fct_scores", "models/staging/stg_samples"]
)
def test_it_says_what_the_yaml_says(toy, path):
    [model] = yaml.safe_load((PROJECT / f"{path}.yml").read_text())["models"]
    said = json.loads(docs(toy, model["name"], "--format", "json"))
    told = {each["name"]: " ".join(each["description"].split()) for each in model["columns"]}
    assert {each["name"]: each["meaning"] for each in said} == told
    first = " ".join(docs(toy, model["name"], "--width", 80).split("\n\n")[0].split())
    assert first.startswith("One row per ")
    assert first[:60] == " ".join(model["description"].split())[:60]


def test_it_fits_the_screen_and_markdown_is_whole(toy):
    assert max(map(len, docs(toy, "fct_fidelity", "--width", 72).splitlines())) <= 72
    page = docs(toy, "fct_fidelity", "--format", "markdown")
    assert page.startswith("| name | type | meaning |") and "\nOne row per " in page
    wide = docs(toy, "fct_fidelity", "--wide").splitlines()
    assert wide[0].startswith("One row per ") and wide[1] == ""


def test_without_a_name_all_are_listed(toy):
    listed = docs(toy)
    assert "fidelity" in listed and "stg_runs" in listed
    assert listed == qwh("show", "--warehouse", toy.folder).stdout


def test_an_unknown_name_is_one_line_with_the_nearest(toy, tmp_path):
    done = qwh("docs", "fct_fidelty", "--warehouse", toy.folder)
    assert done.exit_code == ExitCode.NOT_FOUND and done.stdout == ""
    assert "did you mean fct_fidelity" in done.stderr
    assert qwh("docs", "x", "--warehouse", tmp_path).exit_code == ExitCode.NOT_FOUND


def test_dbt_is_not_imported(toy):
    asked = f"['qwh', 'docs', 'fidelity', '--warehouse', {str(toy.folder)!r}]"
    code = f"import sys; sys.argv = {asked}; from qwh.cli import app; app(standalone_mode=False)"
    code += "; assert not any(name.startswith('dbt') for name in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
