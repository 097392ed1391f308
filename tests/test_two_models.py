"""Two models in one warehouse: their quants are paired by name, on the prompts both have
answered.
"""

import numpy as np
import pytest
from conftest import MODEL, REFERENCE, query, qwh

from qwh.database.warehouse import Warehouse
from qwh.kernels.statistics import routers


def test_two_models_are_routed_between_on_the_prompts_they_share(tmp_path, quants):
    # another model: under each name, another file
    other = {name: tmp_path / f"{name}.gguf" for name in quants}
    for path, source in zip(other.values(), reversed(quants.values())):
        path.symlink_to(source)
    half = tmp_path / "prompts.jsonl"  # which was not asked the first eight prompts
    half.write_text("".join((MODEL / "prompts.jsonl").read_text().splitlines(keepends=True)[8:]))
    for cohort, benchmark, members in (
        ("one", MODEL / "prompts.jsonl", quants),
        ("other", half, other),
        ("longer", half, other),
    ):
        done = qwh(
            "ingest",
            "prompts",
            benchmark,
            "--reference",
            REFERENCE,
            *(part for path in members.values() for part in ("--quant", path)),
            "--cohort",
            cohort,
            "--warehouse",
            tmp_path / "w",
            *(("--max-new-tokens", 3) if cohort == "longer" else ()),
        )
        assert done.exit_code == 0, done.stderr
    assert qwh("build", "--warehouse", tmp_path / "w").exit_code == 0
    rows = query(
        tmp_path / "w",
        "select quant_id, other_quant_id, disagreements, first_right, raw_accuracy, ranked_gain,"
        " reason from stat_routers where (cohort_id, other_cohort_id) = ('one', 'other')",
    )
    assert sorted(first for first, *_ in rows) == sorted(quants)
    # asked under other facts
    assert query(
        tmp_path / "w",
        "select count(*) from stat_routers where cohort_id <> other_cohort_id and 'longer' in"
        " (cohort_id, other_cohort_id) and disagreements > 0",
    ) == [(0,)]
    for first, second, *figures in rows:
        block = query(
            tmp_path / "w",
            "select a.kld_mean, b.kld_mean, a.score >= 0.5, b.score >= 0.5, a.category from"
            " fct_prompts a join fct_prompts b using (quant_id, benchmark_id, prompt_id) where"
            f" quant_id = '{first}' and a.cohort_id = 'one' and b.cohort_id = 'other'",
        )
        kld, passed = (np.array([[row[k], row[k + 1]] for row in block], float).T for k in (0, 2))
        [found] = routers.routers(kld, passed, [row[4] for row in block])
        assert first == second and len(block) == len(half.read_text().splitlines())
        assert figures == [
            found[name]
            for name in ("disagreements", "first_right", "raw_accuracy", "ranked_gain", "reason")
        ]
    assert any(row[4] is not None for row in rows), rows
    page = dict(Warehouse(tmp_path / "w").relation("study", "one")["finding", "figure"].rows())
    divided = [row[4] for row in rows if row[2] >= 30]
    assert page.get("prompts that divide two models: the one of lower KLD is right") == (
        pytest.approx(np.median(divided)) if divided else None
    )
