"""The seed `columns`: a row for each column of each analysis and decision, and none besides."""

import csv
from typing import get_args

import pytest

from qwh.commands import by_text, decided
from qwh.database.warehouse import PROJECT, Warehouse
from qwh.exports import columns
from qwh.exports.port import LEFT, Column, Form, table

ANALYSES = {path.stem for path in (PROJECT / "analyses").glob("*.sql")}
SHOWN = sorted({*ANALYSES, "findings"})
DECISIONS = {"compare", "pick"}  # commands, whose tables are no analyses
FORMS = get_args(Form)
UNITS = {"", "nats", "fraction", "bits", "bytes"}
COUNTED = {"chunks", "families", "levels", "pairs", "positions", "prompts", "quants", "tokens"}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with columns.SEED.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", SHOWN)
def test_an_analysis_has_the_columns_of_the_seed(warehouse, name):
    """In its order: whoever adds a column adds its row to seeds/columns.csv."""
    assert list(columns.known(name)) == Warehouse(warehouse).relation(name).columns


def test_no_row_is_left_over(rows):
    assert {row["analysis"] for row in rows} == {*SHOWN, *DECISIONS}
    names = [(row["analysis"], row["name"]) for row in rows]
    assert len(set(names)) == len(names)


def test_decisions_have_no_columns_left_over():
    """They have besides what two quants are called."""
    scored = {"benchmark_id", "scoring", *decided.DUEL}
    assert set(columns.known("compare")) == {*scored, "kind", *by_text.TEXT_PAIR}
    assert set(columns.known("pick")) == {*decided.PICK, *decided.BESIDE, *by_text.TEXT_PICK}


def test_every_row_says_what_its_column_is(rows):
    for row in rows:
        assert row["form"] in FORMS and row["label"][0].isalnum(), row
        assert int(row["importance"]) >= 1, row
        assert row["unit"] in (COUNTED | UNITS if row["form"] == "count" else UNITS), row
        known = columns.known(row["analysis"])
        assert set(row["error"].split()) <= set(known), row
        assert len(row["error"].split()) <= 2, row


def test_an_analysis_shows_at_least_what_it_is_about(rows):
    for name in SHOWN:
        first = [row for row in rows if row["analysis"] == name and row["importance"] == "1"]
        assert any(row["form"] in ("id", "text") for row in first), name


def test_a_name_stands_on_one_side_in_every_analysis(rows):
    sides: dict[str, set[bool]] = {}
    for row in rows:
        sides.setdefault(row["name"], set()).add(row["form"] in LEFT)
    assert {name for name, found in sides.items() if len(found) > 1} == set()


def test_a_table_takes_what_the_seed_knows():
    frame = [{"cohort_id": "c", "quant_id": "q", "kld_mean": 0.5, "kld_mean_se": 0.25}]
    shown = table(frame, "fidelity")
    assert shown.columns[2] == Column(
        "kld_mean", "nats", "Mean KLD", "nats", ("kld_mean_se",), importance=1
    )
    assert shown.errors == {"kld_mean": [0.25], "kld_mean_se": [0.25]}
