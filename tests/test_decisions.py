"""Decisions between quants: from the built tables and from raw rows, amounts as people write them,
honest words.
"""

import shutil
from itertools import combinations

import duckdb
import numpy as np
import pytest
from conftest import query, qwh
from scipy import stats
from test_bad_input import refused

from qwh.commands import decide
from qwh.commands.options import points, size
from qwh.errors import ExitCode, QwhError

PACKED = "smollm2-135m-instruct-full"  # the larger cohort of the packed study
OF_PACKED = f"cohort_id = '{PACKED}'"
by_scoring = pytest.mark.parametrize("scoring", ["answered", "expected@0.3"])


@pytest.fixture(scope="module")
def answers(warehouse):
    """Model -> prompt -> score."""
    rows = query(
        warehouse,
        "select quant_id, prompt_id, score, score_ref from int_prompt_outcomes where scoring ="
        " 'answered'",
    )
    found = {"tiny-f16": {prompt: ref for _, prompt, _, ref in rows}}
    for quant, prompt, score, _ in rows:
        found.setdefault(quant, {})[prompt] = score
    return found


@pytest.fixture(scope="module")
def changed(warehouse, tmp_path_factory):
    """A copy of the warehouse after some SQL."""

    def copy(*statements: str):
        folder = tmp_path_factory.mktemp("changed") / "warehouse"
        shutil.copytree(warehouse, folder)
        with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
            for statement in statements:
                connection.execute(statement)
        return folder

    return copy


@pytest.fixture(scope="module")
def text_only(changed):
    """Quants that read a text and answered nothing."""
    return changed("delete from fct_prompts", "delete from fct_scores")


@pytest.mark.parametrize(
    "first, second", [("Q8_0", "Q2_K"), ("tiny-f16", "Q3_K_M"), ("Q6_K", "Q5_K_M")]
)
def test_compare_is_paired_on_common_prompts(warehouse, answers, first, second):
    said = decide.compared(warehouse, first, second, None, 0.01, "answered")
    a, b = (
        np.array([answers[name][prompt] for prompt in sorted(answers[first])])
        for name in (first, second)
    )
    gained, lost = int((b > a).sum()), int((b < a).sum())
    [row] = said.rows
    assert (row["prompts"], row["gained"], row["lost"]) == (len(a), gained, lost)
    assert (row[first], row[second]) == pytest.approx((a.mean(), b.mean()))
    assert row["difference"] == pytest.approx((b - a).mean())
    assert row["p"] == pytest.approx(stats.binomtest(gained, gained + lost).pvalue)
    assert row["low"] <= row["difference"] <= row["high"]
    whole = said.sentences[0]
    assert f"{100 * (b - a).mean():+.2f} points" in whole and f"{len(a)} prompts" in whole
    assert f"{100 * (a != b).mean():.1f} %" in whole and "better" not in whole
    # a net score is never said to be a share of prompts
    assert "same within" not in whole


def test_the_other_order_is_the_same_pair(warehouse):
    one = decide.compared(warehouse, "Q8_0", "Q2_K", None, 0.01)
    other = decide.compared(warehouse, "Q2_K", "Q8_0", None, 0.01)
    for row, turned in zip(one.rows, other.rows):
        assert row["difference"] == pytest.approx(-turned["difference"])
        assert (row["low"], row["high"]) == pytest.approx((-turned["high"], -turned["low"]))
        assert (row["p"], row["gained"]) == (turned["p"], turned["lost"])
    words = {"above": "below", "below": "above"}
    verdict = one.sentences[0].split(":")[0]
    if verdict != "cannot tell":
        [side] = words.keys() & set(verdict.split())
        assert words[side] in other.sentences[0]


def test_pairs_are_all_of_the_cohort(warehouse, answers):
    rows = query(
        warehouse,
        "select quant_id, other_quant_id, other_is_reference, prompts, difference, volume"
        " from stat_pairs where scoring = 'answered'",
    )
    quants = sorted(set(answers) - {"tiny-f16"})
    wanted = set(combinations(quants, 2)) | {(quant, "tiny-f16") for quant in quants}
    assert {(one, other) for one, other, *_ in rows} == wanted
    for one, other, is_reference, prompts, difference, volume in rows:
        a, b = ([answers[name][prompt] for prompt in answers[one]] for name in (one, other))
        assert is_reference == (other == "tiny-f16") and prompts == len(a)
        assert difference == pytest.approx(np.mean(b) - np.mean(a))
        assert volume == pytest.approx(np.abs(np.subtract(b, a)).mean())


@by_scoring
def test_letters_are_shared_by_the_pairs_that_are_not_told_apart(study, scoring):
    of_scoring = f"{OF_PACKED} and scoring = '{scoring}'"
    letters = dict(query(study, f"select quant_id, letters from stat_groups where {of_scoring}"))
    pairs = query(
        study,
        "select quant_id, other_quant_id, p_adjusted from stat_pairs where not other_is_reference"
        f" and {of_scoring}",
    )
    assert len(pairs) == 35 * 34 / 2
    for one, other, p in pairs:
        assert bool(set(letters[one]) & set(letters[other])) == (p > 0.05)


def test_another_margin_is_another_verdict_of_the_same_figures(study):
    built, wide = (decide.compared(study, "f16", "Q8_0", PACKED, margin) for margin in (0.01, 0.08))
    assert "cannot tell" in built.sentences[0]
    assert "lie within 8 points of each other, shown among all 35 such pairs" in wide.sentences[0]
    assert "on 1,146 prompts" in wide.sentences[0]
    columns = ("prompts", "gained", "lost", "difference", "low", "high", "p")
    for one, other in zip(built.rows, wide.rows):
        assert [one[name] for name in columns] == [other[name] for name in columns]


def test_a_resolved_pair_is_said_so_among_all(study):
    def said(first: str, second: str) -> list[str]:
        return decide.compared(study, first, second, PACKED, 0.01, "answered").sentences

    assert said("f16", "Q3_K_S")[0].startswith(
        "Q3_K_S scores below f16, shown among all 35 such pairs"
    )
    assert said("Q3_K_S", "f16")[0].startswith("f16 scores")
    alone = said("f16", "Q4_1")
    assert alone[0].startswith("cannot tell: Q4_1 may score above f16, below it, or the same")
    assert "chosen before its scores were seen" in alone[1] and "takes" in alone[2]


def test_the_budget_of_a_difference():
    for volume, delta, prompts in (
        (0.02, 0.0025, 25_109),
        (0.05, 0.01, 3_917),
        (0.1, 0.005, 31_388),
        (0.2, 0.02, 3_917),
    ):
        [row] = decide.planned_volume(volume, delta).rows
        assert row["prompts_needed"] == prompts


def test_plan_of_a_pair(warehouse, answers):
    one, whole, among = decide.planned(warehouse, ("Q8_0", "Q2_K"), None, 0.01, "answered").rows
    volume = np.mean(
        [answers["Q8_0"][prompt] != answers["Q2_K"][prompt] for prompt in answers["Q8_0"]]
    )
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert one["volume"] == whole["volume"] == pytest.approx(volume)
    assert one["prompts_needed"] == np.ceil(z**2 * (volume - 0.01**2) / 0.01**2)
    assert whole["prompts_needed"] == one["prompts_needed"] < among["prompts_needed"]


@by_scoring
def test_pick_names_no_quant_that_is_damaged(study, scoring):
    """The smallest of what is merely not resolved from the best is damaged in other tables."""
    of_scoring = f"{OF_PACKED} and scoring = '{scoring}'"
    said = decide.picked(study, PACKED, float("inf"), 0.01, scoring)
    [picked] = [row for row in said.rows if row["picked"]]
    assert picked["quant_id"] != "Q4_1+embd-Q4_1"
    damaged = query(
        study,
        f"select quant_id from stat_composites where verdict = 'damaged' and {of_scoring} union"
        f" select quant_id from stat_disagreements where verdict = 'damaged' and {of_scoring}",
    )
    assert (picked["quant_id"],) not in damaged and picked["damaged_on"] is None
    assert picked["verdict"] == "not_inferior" and picked["p_adjusted"] <= 0.05
    smaller = [row for row in said.rows if row["bytes"] < picked["bytes"]]
    assert all(row["verdict"] == "cannot_tell" or row["damaged_on"] for row in smaller)
    assert said.sentences[0].startswith(f"{picked['quant_id']}: the smallest file that is shown to")
    if scoring == "answered":  # its own margin is the one asked for
        table = query(study, f"select quant_id from stat_front where is_picked and {of_scoring}")
        assert table == [(picked["quant_id"],)]


def test_pick_says_what_would_be_needed_where_none_is_shown(study):
    said = decide.picked(study, PACKED, 150e6, 0.01, "answered")
    assert not any(row["picked"] for row in said.rows)
    assert all(row["bytes"] <= 150e6 for row in said.rows)
    nearest = min(said.rows, key=lambda row: row["loss_bound"])
    [sentence] = said.sentences
    assert sentence.startswith(f"no pick: of {len(said.rows)} quants none is shown to lose less")
    assert nearest["quant_id"] in sentence and f"{100 * nearest['loss_bound']:.2f}" in sentence
    assert "prompts like these 1,146" in sentence


def test_a_wider_margin_and_a_limit_pick_anew(study):
    wide = decide.picked(study, PACKED, 150e6, 0.03)
    [picked] = [row for row in wide.rows if row["picked"]]
    assert picked["bytes"] <= 150e6 and picked["loss_bound"] < 0.031


def test_pick_passes_over_what_a_benchmark_shows_damaged(study, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(study, folder)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("update stat_front set damaged_benchmarks = 'words'")
    said = decide.picked(folder, PACKED, float("inf"), 0.01)
    assert not any(row["picked"] for row in said.rows)
    assert said.sentences[0].startswith("no pick: ") and "damaged on words" in said.sentences[0]


@by_scoring
def test_a_limit_of_size_makes_no_test_easier(study, scoring):
    """Those allowed are judged beside all of the cohort, as in stat_candidates."""
    built = dict(
        query(
            study,
            "select quant_id, p_not_inferior_adjusted from stat_candidates"
            f" where {OF_PACKED} and scoring = '{scoring}'",
        )
    )
    for margin in (None, 0.03):  # None: the scoring's own, which the table holds
        whole, part = (
            decide.picked(study, PACKED, most, margin, scoring) for most in (float("inf"), 150e6)
        )
        every = {row["quant_id"]: row for row in whole.rows}
        assert 0 < len(part.rows) < len(every) == len(built)
        for row in part.rows:
            assert row | {"picked": None} == every[row["quant_id"]] | {"picked": None}
            assert margin or row["p_adjusted"] == built[row["quant_id"]]


@by_scoring
def test_pick_says_where_a_quant_is_damaged_whatever_the_margin(study, scoring):
    asked = f"select quant_id, verdict from stat_composites where {OF_PACKED}"
    judged = dict(query(study, f"{asked} and scoring = '{scoring}'"))
    for margin in (0.01, 0.02):
        for row in decide.picked(study, PACKED, float("inf"), margin, scoring).rows:
            named = "all benchmarks together" in (row["damaged_on"] or "")
            assert named == (judged[row["quant_id"]] == "damaged")


def test_pick_names_the_files_of_no_known_size(changed):
    sql = " set {} = null where quant_id in ('Q8_0', 'Q6_K')"
    sizes = ["update dim_quants" + sql.format("file_bytes")]
    sizes += [f"update {name}" + sql.format("bytes") for name in ("stat_front", "stat_text_groups")]
    answered = decide.picked(changed(*sizes), None, float("inf"), 0.01)
    read = decide.picked(
        changed(*sizes, "delete from fct_prompts", "delete from fct_scores"),
        *(None, float("inf"), 0.01),
    )
    for said in (answered, read):
        assert said.sentences[-1] == "not picked from, for no size is known: Q6_K, Q8_0"
        assert not [row for row in said.rows if row["picked"] and row["bytes"] is None]
    assert len(answered.rows) == 4


def test_a_text_of_three_chunks_picks_nothing(changed):
    few = changed(
        "delete from fct_prompts",
        "delete from fct_scores",
        "update stat_text_groups set chunks = 3, letters = null, is_lowest = null,"
        " reason = 'fewer than 4 chunks were read'",
    )
    said = decide.picked(few, None, float("inf"), 0.01)
    assert not any(row["picked"] for row in said.rows)
    assert said.sentences == [
        "no pick: fewer than 4 chunks were read; too few to tell quants apart, 4 needed"
    ]


def test_pick_stays_under_the_size(warehouse):
    sizes = dict(
        query(warehouse, "select quant_id, file_bytes from dim_quants where role = 'quant'")
    )
    said = decide.picked(warehouse, None, float("inf"), 0.01)
    assert [row["bytes"] for row in said.rows] == sorted(sizes.values())
    assert all(0 <= row["on_front"] <= 1 for row in said.rows)
    limit = sorted(sizes.values())[2]
    assert len(decide.picked(warehouse, None, limit, 0.01).rows) == 3
    with pytest.raises(QwhError, match=min(sizes, key=sizes.get)):
        decide.picked(warehouse, None, 10, 0.01)


def test_card(warehouse):
    values = {row["figure"]: row["answered"] for row in decide.resolved(warehouse, None).rows}
    assert values["quants with every benchmark"] == "6"
    assert values["prompts, of 1 benchmark"] == "128"
    [told] = [value for figure, value in values.items() if "told apart, all" in figure]
    [(pairs,)] = query(
        warehouse,
        "select count(*) from stat_pairs where p_adjusted <= 0.05 and not other_is_reference and"
        " scoring = 'answered'",
    )
    assert told == str(pairs)


def test_a_text_alone_compares_distances(text_only):
    said = decide.compared(text_only, "Q8_0", "Q2_K", None, 0.01)
    assert [row["kind"] for row in said.rows] == ["kld", "loss", "flips"]
    kld = said.rows[0]
    assert kld["difference"] == pytest.approx(kld["Q2_K"] - kld["Q8_0"]) and kld["difference"] > 0
    assert "Q8_0 has the lower mean KLD on this text" in said.sentences[0]
    turned = decide.compared(text_only, "Q2_K", "Q8_0", None, 0.01)
    assert turned.rows[0]["difference"] == pytest.approx(-kld["difference"])
    assert "Q8_0 has the lower mean KLD on this text" in turned.sentences[0]
    assert "Which does a task better a text cannot tell" in said.sentences[0]
    with pytest.raises(QwhError, match="figures of a text"):
        decide.compared(text_only, "Q8_0", "tiny-f16", None, 0.01)


def test_a_text_alone_plans_chunks_and_picks_the_nearest(text_only):
    rows = decide.planned(text_only, ("Q8_0", "Q6_K"), None, None).rows
    assert {"kind", "chunks", "chunks_needed"} <= rows[0].keys()
    with pytest.raises(QwhError, match="leave --delta out"):
        decide.planned(text_only, ("Q8_0", "Q6_K"), None, 0.01)
    said = decide.picked(text_only, None, float("inf"), 0.01)
    lowest = min(said.rows, key=lambda row: row["kld_mean"])
    [picked] = [row for row in said.rows if row["picked"]]
    assert set(picked["letters"]) & set(lowest["letters"])
    assert "says nothing of a task" in said.sentences[0]
    smallest = decide.picked(text_only, None, said.rows[0]["bytes"], 0.01)
    assert len(smallest.rows) == 1 and lowest["quant_id"] in smallest.sentences[0]
    assert smallest.sentences[0].startswith("no file allowed")


def test_logs_alone_pair_nothing_and_say_so(changed):
    logs = changed(
        "delete from fct_prompts",
        "delete from fct_scores",
        "update stat_text_groups set letters = null, is_lowest = null, reason = 'only printed'",
        "update stat_text_pairs set verdict = 'not_paired', p = null, p_adjusted = null,"
        " reason = 'only printed'",
    )
    said = decide.compared(logs, "Q8_0", "Q2_K", None, 0.01)
    assert "only printed" in said.sentences[0] and "per token" in said.sentences[0]
    said = decide.picked(logs, None, float("inf"), 0.01)
    assert not any(row["picked"] for row in said.rows)
    assert said.sentences[0].startswith("no pick: only printed")


def test_scores_without_answers_get_no_verdict(changed):
    scores = changed("delete from fct_prompts", "delete from stat_text_groups")
    for said in (
        decide.compared(scores, "Q8_0", "Q2_K", None, 0.01),
        decide.picked(scores, None, float("inf"), 0.01),
    ):
        assert {"quant_id", "benchmark_id", "score"} <= said.rows[0].keys()
        assert said.sentences[0].startswith("no verdict: ")


def test_commands_print_tables_and_sentences(warehouse):
    for arguments, words in (
        (("compare", "Q8_0", "Q2_K"), "difference"),
        (("plan", "--volume", "0.05", "--delta", "1pt"), "3,917"),
        (("plan", "--pair", "Q8_0", "Q2_K"), "of 15 pairs"),
        (("pick", "--max-bytes", "1GB", "--margin", "5pt"), "on_front"),
        (("card",), "told apart"),
    ):
        done = qwh(*arguments, "--warehouse", warehouse)
        assert done.exit_code == 0 and words in done.stdout, done.stderr


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (("compare", "Q8_0", "nope"), ExitCode.NOT_FOUND, "Q2_K"),
        (("compare", "Q8_0", "Q8_0"), ExitCode.USAGE, "itself"),
        (("plan",), ExitCode.USAGE, "--volume"),
        (("plan", "--volume", "0.1", "--delta", "much"), ExitCode.USAGE, "1pt"),
        (("pick", "--max-bytes", "big"), ExitCode.USAGE, "4GB"),
        (("card", "--cohort", "x"), ExitCode.NOT_FOUND, "tiny"),
    ],
)
def test_refusals(warehouse, arguments, code, words):
    refused(qwh(*arguments, "--warehouse", warehouse), code, words)


@pytest.mark.parametrize(
    "text, value", [("1pt", 0.01), ("0.5 pt", 0.005), ("2%", 0.02), ("0.03", 0.03)]
)
def test_points(text, value):
    assert points(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text, value",
    [("4GB", 4e9), ("700mb", 7e8), ("1.5GiB", 1.5 * 2**30), ("123", 123), ("10 b", 10)],
)
def test_sizes(text, value):
    assert size(text) == value
