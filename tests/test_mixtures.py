"""What users mix in one warehouse, loaded through the command line and counted from the files:
texts at several contexts, reruns, repeated prompts, categories, logs without a reference.
"""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import query, qwh

from qwh.raw.manifest import RunFacts
from qwh.raw.store import Store

KLD = (Path(__file__).parent / "fixtures" / "printed" / "kld.log").read_text()
QUANTS = {f"Q{n}": 0.0004 * n**2 for n in range(2, 9)}  # name -> mean KLD on the first text
TEXTS = {"wiki": 512, "code": 128}  # name -> context length
N, TIMES = 40, 3
# prompts of which each member is right, by a rule that gives each quant flips of both kinds
RIGHT = {"ref": [n % 4 != 0 for n in range(N)]} | {
    quant: [(n % 4 != 0) != ((n * 7 + k * 5) % (17 - k) == 0) for n in range(N)]
    for k, quant in enumerate(QUANTS)
}
COLUMNS = ("item", "prompt", "score", "category", "expected")


def log(path: Path, kld: float, length: int) -> None:
    """llama-perplexity's print of a quant of that mean KLD at that context length."""
    text = KLD.replace("n_ctx=128", f"n_ctx={length}")
    text, count = re.subn(r"(Mean +KLD: +)[0-9.]+", rf"\g<1>{kld:.6f}", text)
    assert count == 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def table(path: Path, rows: list[tuple]) -> Path:
    """A CSV file of answers: COLUMNS."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


def done(*arguments: object):
    result = qwh(*arguments)
    assert result.exit_code == 0, result.stderr
    return result


def answers(warehouse: Path, cohort: str, path: Path, member: str, *more: object):
    """One member's answers, which are the reference's if it is called so."""
    columns = (part for name in COLUMNS for part in ("--map", f"{name}={name}"))
    reference = ("--is-reference",) if member == "ref" else ()
    return done(
        *("ingest", "generic", path, "--cohort", cohort, "--quant-id", member),
        *("--benchmark-id", "geo", "--warehouse", warehouse, *columns, *reference, *more),
    )


def all_answers(folder: Path, warehouse: Path, cohort: str, times: int) -> None:
    """Everybody's, with each prompt listed so many times."""
    for member, right in RIGHT.items():
        rows = [
            (f"{n}-{copy}", f"What is {n}?", int(right[n]), "all", n)
            for copy in range(times)
            for n in range(N)
        ]
        answers(warehouse, cohort, table(folder / f"{cohort}-{member}.csv", rows), member)


def logs(folder: Path, warehouse: Path, cohort: str, *texts: str) -> None:
    """All quants' logs of one text after the other; on the second each is twice as far."""
    for text in texts:
        for quant, kld in QUANTS.items():
            far = kld * (1 + list(TEXTS).index(text))
            log(folder / text / f"{quant}.log", far, TEXTS[text])
        done(
            *("ingest", "llama-log", folder / text, "--quant-from", text + "/{quant}.log"),
            *("--cohort", cohort, "--corpus-id", text, "--warehouse", warehouse),
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mixtures")
    warehouse = folder / "w"
    texts = {
        "alone": ["wiki"],
        "longer-first": ["wiki", "code"],
        "shorter-first": ["code", "wiki"],
        "thrice": ["wiki"],
    }
    for cohort, named in texts.items():
        logs(folder, warehouse, cohort, *named)
        all_answers(folder, warehouse, cohort, TIMES if cohort == "thrice" else 1)
    logs(folder, warehouse, "logs-only", "wiki")
    log(folder / "broken" / "cut.log", 0.5, 512)
    whole = (folder / "broken" / "cut.log").read_text()
    (folder / "broken" / "cut.log").write_text(whole[: whole.index("Maximum KLD")])
    done(
        *("ingest", "llama-log", folder / "broken" / "cut.log", "--quant-id", "broken-off"),
        *("--cohort", "logs-only", "--corpus-id", "wiki", "--warehouse", warehouse),
    )
    mixed(folder, warehouse)
    dated(folder, warehouse)
    done("build", "--strict", "--warehouse", warehouse)
    return warehouse


def mixed(folder: Path, warehouse: Path) -> None:
    """Item numbers that begin anew in each category, one text asked twice, a smoke run at last."""
    for member, scores in (("ref", [1, 0, 1, 1, 0]), ("q", [0, 0, 1, 0, 1])):
        rows = [
            (1, "Twice", scores[0], "law", "a"),
            (2, "Twice", scores[1], "law", "b"),
            (3, "Once", scores[2], "law", "c"),
            (1, "Other", scores[3], "art", "d"),
            (2, "Last", scores[4], "art", "e"),
        ]
        answers(warehouse, "mixed", table(folder / f"{member}.csv", rows), member)
        if member == "q":
            smoke = table(folder / "smoke.csv", [(1, "Twice", 1, "law", "a")])
            answers(warehouse, "mixed", smoke, member)


def dated(folder: Path, warehouse: Path) -> None:
    """Prompts that hold the day on which they were asked; paired by text, and by item."""
    for day, member in ((24, "ref"), (25, "q")):
        rows = [(n, f"Today Date: {day} Nov 2026. What is {n}?", n % 2, "all", n) for n in range(8)]
        path = table(folder / f"{day}.csv", rows)
        answers(warehouse, "dated", path, member)
        answers(warehouse, "by-item", path, member, "--match", "item")


def of(warehouse: Path, cohort: str, columns: str, table: str, more: str = "") -> list[tuple]:
    return query(
        warehouse, f"select {columns} from {table} where cohort_id = '{cohort}' {more} order by all"
    )


def test_a_second_text_moves_nothing_of_the_first(built):
    """Cell by cell, all but what is said of all measurements together."""
    for table, columns, more in (
        ("fct_fidelity", "* exclude (cohort_id, run_id)", "and measurement_id like '%:wiki:512'"),
        ("fct_zone_members", "* exclude (cohort_id)", ""),
        ("dim_cohorts", "primary_corpus, primary_context_length", ""),
        (
            "stat_correlations",
            "zone_rule, threshold, measurement_id, variant, target, n, rho, low, high",
            "and variant <= 12",
        ),
        ("stat_zones", "* exclude (cohort_id)", ""),
        ("stat_losses", "* exclude (cohort_id)", ""),
        ("stat_zone_nulls", "* exclude (cohort_id)", ""),
    ):
        alone = of(built, "alone", columns, table, more)
        assert alone and alone == of(built, "longer-first", columns, table, more), table
    klds = "quant_id, value"
    assert dict(
        of(built, "longer-first", klds, "fct_fidelity", "and measurement_id = 'kld_mean:wiki:512'")
    ) == pytest.approx(QUANTS)


def test_the_text_that_came_first_is_primary_and_the_second_is_variant_13(built):
    assert of(built, "shorter-first", "primary_corpus, primary_context_length", "dim_cohorts") == [
        ("code", 128)
    ]
    klds = of(
        built,
        "shorter-first",
        "quant_id, kld_mean",
        "fct_zone_members",
        "and zone_rule = 'full'",
    )
    assert dict(klds) == pytest.approx({quant: 2 * kld for quant, kld in QUANTS.items()})
    for cohort, second in (("longer-first", "code:128"), ("shorter-first", "wiki:512")):
        found = of(built, cohort, "distinct measurement_id", "dim_measurements", "and variant = 13")
        assert found == [(f"kld_mean:{second}",)]


def test_logs_without_a_reference_are_shown_and_what_they_lack_is_said(built):
    assert of(built, "logs-only", "reference_id, reference_is_original, quants", "dim_cohorts") == [
        (None, None, len(QUANTS) + 1)
    ]
    shown = done("show", "fidelity", "--cohort", "logs-only", "--warehouse", built).stdout
    assert all(quant in shown for quant in QUANTS)
    (line,) = [line for line in shown.splitlines() if "broken-off" in line]
    assert "partial" in line and shown.count("partial") == 1
    figures = of(
        built, "logs-only", "distinct status", "fct_fidelity", "and quant_id = 'broken-off'"
    )
    assert figures == [("partial",)]
    study = done("show", "study", "--cohort", "logs-only", "--wide", "--warehouse", built).stdout
    assert "stat_correlations" in study and "no quant has answered a benchmark" in study
    reasons = dict(of(built, "alone", "table_name, reason", "stat_gaps"))
    assert reasons["stat_token_direction"] == (
        "there are no token rows, only figures of other tools"
    )
    assert "stat_correlations" not in reasons


def test_prompts_listed_three_times_say_no_more_than_once(built):
    """The same scores, intervals and words; only the counts are three times as large."""
    counts = {"prompts", "leapfrogs", "drops", "attempts", "other_wrong_answers"}
    for table, left_out in (
        ("fct_scores", ""),
        ("fct_disagreements", ", design_effect"),
        ("fct_composites", ""),
        ("stat_disagreements", ""),
        ("stat_composites", ""),
        ("stat_correlations", ""),
        ("stat_zones", ""),
        ("stat_losses", ""),
        ("stat_zone_nulls", ""),
        ("stat_zone_crossfits", ""),
    ):
        columns = [
            name
            for (name,) in query(built, f"select column_name from (describe {table})")
            if name != "cohort_id"
        ]
        once, thrice = (
            of(built, cohort, f"* exclude (cohort_id{left_out})", table)
            for cohort in ("alone", "thrice")
        )
        columns = [name for name in columns if name not in left_out]
        assert once and len(once) == len(thrice)
        for row, other in zip(once, thrice):
            for name, one, three in zip(columns, row, other):
                many = TIMES if name in counts and one is not None else 1
                wanted = one if isinstance(one, (str, bool, type(None))) else one * many
                assert three == (
                    pytest.approx(wanted, rel=1e-9, abs=1e-9)
                    if isinstance(wanted, float)
                    else wanted
                ), (table, name)
    found = of(built, "thrice", "texts, design_effect", "fct_disagreements")
    assert all(row == pytest.approx((N, TIMES)) for row in found)


def test_a_decision_on_prompts_listed_three_times_is_that_on_once(built):
    once, thrice = (
        done("compare", "Q2", "Q7", "--cohort", cohort, "--warehouse", built).stdout.splitlines()
        for cohort in ("alone", "thrice")
    )
    numbers = [re.findall(r"\[[^]]*\]|unresolved|equivalent|damaged|better", line) for line in once]
    assert numbers == [
        re.findall(r"\[[^]]*\]|unresolved|equivalent|damaged|better", line) for line in thrice
    ]


def test_the_score_is_the_mean_over_items_as_the_files_count_it(built):
    scores = dict(of(built, "alone", "quant_id, score", "fct_scores"))
    assert scores == {member: np.mean(right) for member, right in RIGHT.items()}
    for quant in QUANTS:
        gained = sum(a and not b for a, b in zip(RIGHT[quant], RIGHT["ref"]))
        lost = sum(b and not a for a, b in zip(RIGHT[quant], RIGHT["ref"]))
        assert of(
            built, "alone", "leapfrogs, drops", "fct_disagreements", f"and quant_id = '{quant}'"
        ) == [(gained, lost)]


def test_categories_and_repeated_prompts_stay_apart_and_a_smoke_run_replaces_nothing(built):
    """ref 3 of 5, q 2 of 5; gains -1, 0 (one text), 0, -1, 1: by texts -1, 0, -1, 1 about -1/5."""
    assert of(built, "mixed", "quant_id, score, prompts", "fct_scores") == [
        ("q", 2 / 5, 5),
        ("ref", 3 / 5, 5),
    ]
    ((texts, effect, leapfrogs, drops),) = of(
        built, "mixed", "texts, design_effect, leapfrogs, drops", "fct_disagreements"
    )
    gains, items = np.array([-1, 0, -1, 1]), np.array([2, 1, 1, 1])
    by_texts = ((gains + items / 5) ** 2).sum()
    by_items = ((np.array([-1, 0, 0, -1, 1]) + 1 / 5) ** 2).sum()
    assert (texts, leapfrogs, drops) == (4, 1, 2)
    assert effect == pytest.approx(max(1, by_texts / by_items))
    categories = of(built, "mixed", "category, count(*)", "fct_prompts", "group by 1")
    assert categories == [("art", 2), ("law", 3)]


def test_a_day_in_the_prompt_is_told_as_the_reason_and_items_are_the_way_on(built):
    assert of(built, "dated", "quant_id", "fct_disagreements") == []
    shown = done("show", "unpaired", "--cohort", "dated", "--wide", "--warehouse", built).stdout
    assert "25 Nov 2026" in shown and "24 Nov 2026" in shown and "--match item" in shown
    reasons = dict(of(built, "dated", "table_name, reason", "stat_gaps"))
    assert (
        reasons["stat_composites"] == "reference and quants have no prompt in common: see unpaired"
    )
    assert of(built, "by-item", "prompts, score, score_ref", "fct_disagreements") == [(8, 0.5, 0.5)]


def test_nothing_is_left_to_build(built):
    shown = done("status", "--warehouse", built).stdout
    lines = [line.split() for line in shown.splitlines()[2:-1]]
    assert lines and all(line[-1] == "0" for line in lines)


def test_status_takes_any_order_of_runs(tmp_path):
    """A hundred runs without a context length, and then one that has it."""
    runs = Store(tmp_path).create().raw / "runs"
    for number in range(121):
        facts = RunFacts(
            run_id=f"{number:016x}",
            cohort_id="c",
            quant_id="q",
            role="quant",
            task="benchmark" if number < 120 else "corpus",
            corpus_id="geo" if number < 120 else "wiki",
            context_length=None if number < 120 else 512,
            started_at=f"2026-01-01T00:00:00.{number:06}Z",
        )
        (runs / f"{facts.run_id}.json").write_text(facts.to_json())
    lines = done("status", "--warehouse", tmp_path).stdout.splitlines()
    assert [line.split() for line in lines[2:4]] == [
        ["c", "geo", "—", "120", "1", "0", "0", "120"],
        ["c", "wiki", "512", "1", "1", "0", "0", "1"],
    ]
