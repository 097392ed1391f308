"""Cohorts that no statistic likes: too few quants, ties everywhere, nobody right, nobody apart.
Every cell is a figure or NULL with a reason.
"""

import math
from pathlib import Path

import pytest
from conftest import query, qwh
from test_imports import ingest

COHORTS = {  # name -> (mean KLD of each quant, their scores on 8 prompts, the reference's)
    "three": (
        [0.001, 0.01, 0.1],
        [[1, 1, 0, 1, 0, 1, 1, 1], [1, 1, 0, 0, 0, 1, 1, 1], [0, 1, 0, 0, 0, 1, 0, 1]],
        [1, 1, 0, 1, 0, 1, 1, 0],
    ),
    "ties": ([0.01] * 6, [[1, 0, 1, 1, 0, 0, 1, 1]] * 6, [1, 0, 1, 1, 0, 0, 1, 1]),
    "failed": ([0.001, 0.002, 0.004, 0.008, 0.016, 0.5], [[0] * 8] * 6, [0] * 8),
    "lucky": (
        [0.001, 0.002, 0.004, 0.008, 0.016, 0.018],
        [[0] * k + [1] * (8 - k) for k in range(6)],
        [0] * 8,
    ),
    "one": ([0.02], [[1, 0, 1, 1, 0, 0, 1, 1]], [0] * 8),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """All of them in one warehouse."""
    folder = tmp_path_factory.mktemp("degenerate")
    warehouse = folder / "w"
    for cohort, (klds, scores, reference) in COHORTS.items():
        table = folder / f"{cohort}.csv"
        table.write_text(
            "quant,Mean KLD,Same top p\n"
            + "".join(f"q{i},{kld},90.5%\n" for i, kld in enumerate(klds))
        )
        done = [
            ingest(
                warehouse,
                "table",
                table,
                "--corpus-id",
                "text",
                "--context-length",
                512,
                cohort=cohort,
            )
        ]
        for name, row in (("ref", reference), *((f"q{i}", row) for i, row in enumerate(scores))):
            answers = folder / "quiz.csv"
            answers.write_text(
                "task,passed\n" + "".join(f"t{k},{score}\n" for k, score in enumerate(row))
            )
            done.append(
                ingest(
                    warehouse,
                    "generic",
                    answers,
                    "--map",
                    "item=task",
                    "--map",
                    "score=passed",
                    "--quant-id",
                    name,
                    *(["--is-reference"] if name == "ref" else []),
                    cohort=cohort,
                )
            )
        assert all(run.exit_code == 0 for run in done), [run.stderr for run in done]
    build = qwh("build", "--warehouse", warehouse)
    assert build.exit_code == 0, build.stderr
    return warehouse


def test_every_cell_is_a_figure_or_null_with_a_reason(built):
    tables = [
        name
        for (name,) in query(
            built,
            "select table_name from duckdb_tables() where table_name like 'stat_%' and table_name"
            " not like '%\\_blocks' escape '\\' order by 1",
        )
    ]
    assert len(tables) > 15
    seen = 0
    for table in tables:
        columns = query(
            built,
            f"select column_name, data_type from duckdb_columns() where table_name = '{table}'",
        )
        numbers = [name for name, kind in columns if kind == "DOUBLE"]
        names = [name for name, _ in columns]
        for row in query(built, f"select {', '.join(names)} from {table}"):
            cells = dict(zip(names, row))
            assert all(cells[name] is None or math.isfinite(cells[name]) for name in numbers), (
                table,
                cells,
            )
            if (
                "reason" in cells
                and table != "stat_published"
                and all(
                    cells[name] is None for name in numbers if name not in ("threshold", "margin")
                )
            ):
                assert cells["reason"] or cells.get("verdict"), (table, cells)
                seen += 1
    assert seen > 50


def test_nothing_is_called_better_or_resolved_where_it_cannot_be(built):
    words = {
        cohort: {
            verdict
            for (verdict,) in query(
                built, f"select verdict from stat_correlations where cohort_id = '{cohort}'"
            )
        }
        for cohort in COHORTS
    }
    silent = {"cannot_tell", "no_verdict", "too_few", "no_deals", "undivided", "undeclared"}
    for cohort in ("three", "ties", "failed", "one"):
        assert words[cohort] <= silent, words[cohort]
    assert {
        verdict
        for (verdict,) in query(
            built, "select verdict from stat_disagreements where cohort_id in ('ties', 'failed')"
        )
    } <= {"unresolved", "equivalent"}
    assert {
        verdict
        for (verdict,) in query(
            built, "select distinct verdict from stat_zone_verdicts where cohort_id <> 'lucky'"
        )
    } <= {"cannot_tell", "no_loss_shown", "too_few", "no_law", "no_answers", "undeclared"}


@pytest.mark.parametrize("cohort", COHORTS)
def test_every_table_and_decision_can_be_printed(built, cohort):
    for analysis in sorted(
        path.stem for path in (Path(__file__).parents[1] / "analyses").glob("*.sql")
    ):
        shown = qwh("show", analysis, "--cohort", cohort, "--warehouse", built)
        assert shown.exit_code == 0 and "nan" not in shown.stdout.split(), (analysis, shown.stderr)
    card = qwh("card", "--cohort", cohort, "--warehouse", built)
    assert card.exit_code == 0 and "nan" not in card.stdout, card.stderr
    if len(COHORTS[cohort][0]) > 1:
        assert qwh("compare", "q0", "q1", "--cohort", cohort, "--warehouse", built).exit_code == 0
    picked = qwh("pick", "--cohort", cohort, "--warehouse", built)
    assert picked.exit_code == 3 and "holds no file sizes" in picked.stderr
