"""Two models in one warehouse: their quants are paired by name, on the prompts both have
answered.
"""

import numpy as np
import pytest
from conftest import MODEL, REFERENCE, query, qwh

from qwh.database.settings import variables
from qwh.database.warehouse import Warehouse

VARS = variables()
COMPARED = ("disagreements", "first_right", "figure", "reason")


@pytest.fixture(scope="module")
def two(tmp_path_factory, quants):
    """A warehouse of two models, and how many prompts both have answered."""
    folder = tmp_path_factory.mktemp("two")
    # another model: under each name, another file
    other = {name: folder / f"{name}.gguf" for name in quants}
    for path, source in zip(other.values(), reversed(quants.values())):
        path.symlink_to(source)
    half = folder / "prompts.jsonl"  # which was not asked the first eight prompts
    half.write_text("".join((MODEL / "prompts.jsonl").read_text().splitlines(keepends=True)[8:]))
    for cohort, benchmark, members in (
        ("one", MODEL / "prompts.jsonl", quants),
        ("other", half, other),
        ("longer", half, other),
    ):
        files = (part for path in members.values() for part in ("--quant", path))
        more = ("--max-new-tokens", 3) if cohort == "longer" else ()
        where = ("--cohort", cohort, "--warehouse", folder / "w")
        done = qwh("ingest", "prompts", benchmark, "--reference", REFERENCE, *files, *where, *more)
        assert done.exit_code == 0, done.stderr
    assert qwh("build", "--warehouse", folder / "w").exit_code == 0
    return folder / "w", len(half.read_text().splitlines())


def routed(warehouse) -> list[tuple]:
    """quant, the other model's quant, and the figures of COMPARED."""
    return query(
        warehouse,
        f"select quant_id, other_quant_id, {', '.join(COMPARED)} from stat_routers"
        " where (cohort_id, other_cohort_id, kind) = ('one', 'other', 'raw')",
    )


def test_two_models_are_routed_between_on_the_prompts_they_share(two, quants):
    warehouse, shared = two
    rows = routed(warehouse)
    assert sorted(first for first, *_ in rows) == sorted(quants)
    assert any(row[4] is not None for row in rows), rows
    for first, second, *figures in rows:
        block = query(
            warehouse,
            "select a.kld_mean, b.kld_mean, a.score >= 0.5, b.score >= 0.5, a.category from"
            " fct_prompts a join fct_prompts b using (quant_id, benchmark_id, prompt_id, scoring)"
            f" where scoring = 'answered' and quant_id = '{first}'"
            " and a.cohort_id = 'one' and b.cohort_id = 'other'",
        )
        divided = [row for row in block if row[2] != row[3]]
        right = [(a < b) == one for a, b, one, _, _ in divided if a != b]
        assert first == second and len(block) == shared
        assert figures[:2] == [len(divided), sum(one for _, _, one, _, _ in divided)]
        if len(divided) >= 5 and len(right) >= 5:
            assert figures[2:] == [pytest.approx(np.mean(right)), None]
        else:
            assert figures[2] is None and figures[3].startswith("5 prompts ")


def test_models_that_were_asked_under_other_facts_are_not(two):
    assert query(
        two[0],
        "select count(*) from stat_routers where cohort_id <> other_cohort_id and 'longer' in"
        " (cohort_id, other_cohort_id) and disagreements > 0",
    ) == [(0,)]


def test_the_study_of_two_models_names_the_median(two):
    """In the study of either; where too few prompts divide them, the row says so."""
    divided = [row[4] for row in routed(two[0]) if row[2] >= VARS["router_prompts"]]
    for cohort in ("one", "other"):
        study = Warehouse(two[0]).relation("study", cohort).rows(named=True)
        page = {row["finding"]: row for row in study}
        row = page["prompts that divide two models: the one of lower KLD is right"]
        if divided:
            assert row["figure"] == pytest.approx(np.median(divided))
        else:
            assert row["figure"] is None and row["says"].startswith("no verdict: no pair has")
