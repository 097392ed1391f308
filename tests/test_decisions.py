"""Decisions between quants: the kernels' figures on the warehouse's own answers, amounts as people
write them, honest words.
"""

import numpy as np
import pytest
from conftest import query, qwh
from test_bad_input import refused

from qwh.commands import decide
from qwh.commands.options import points, size
from qwh.database.warehouse import Warehouse
from qwh.errors import ExitCode, QwhError
from qwh.kernels.statistics import paired, resolution


@pytest.fixture(scope="module")
def answers(warehouse):
    rows = query(warehouse, "select quant_id, prompt_id, score, score_ref from int_prompt_outcomes")
    found = {"tiny-f16": {prompt: ref for _, prompt, _, ref in rows}}
    for quant, prompt, score, _ in rows:
        found.setdefault(quant, {})[prompt] = score
    return found


@pytest.mark.parametrize(
    "first, second", [("Q8_0", "Q2_K"), ("tiny-f16", "Q3_K_M"), ("Q6_K", "Q5_K_M")]
)
def test_compare_is_paired_on_common_prompts(warehouse, answers, first, second):
    rows, sentences = decide.compared(Warehouse(warehouse), first, second, None, 0.01)
    a, b = (
        np.array([answers[name][prompt] for prompt in sorted(answers[first])])
        for name in (first, second)
    )
    truth = paired.compare(int((b > a).sum()), int((b < a).sum()), len(a), 0.01)
    [row] = rows
    assert (row["prompts"], row["only_second"], row["only_first"]) == (
        len(a),
        (b > a).sum(),
        (b < a).sum(),
    )
    assert (row["low"], row["high"], row["p"], row["e_value"], row["verdict"]) == tuple(
        truth[name] for name in ("low", "high", "p_mcnemar", "e_value", "verdict")
    )
    assert sentences and ("better" not in " ".join(sentences))
    if truth["verdict"] == "unresolved":
        assert "not resolved" in sentences[0] and any(
            "takes about" in line or "more prompts" in line for line in sentences
        )


def test_the_budget_of_a_difference():
    for volume, delta, prompts in (
        (0.02, 0.0025, 25_109),
        (0.05, 0.01, 3_917),
        (0.1, 0.005, 31_388),
        (0.2, 0.02, 3_917),
    ):
        [row] = decide.planned(None, None, None, delta, volume)
        assert row["prompts_needed"] == prompts


def test_plan_of_a_pair(warehouse, answers):
    [row] = decide.planned(Warehouse(warehouse), ("Q8_0", "Q2_K"), None, 0.01, None)
    volume = np.mean(
        [answers["Q8_0"][prompt] != answers["Q2_K"][prompt] for prompt in answers["Q8_0"]]
    )
    assert row["volume"] == pytest.approx(volume)
    assert row["prompts_needed"] == resolution.prompts_needed(volume, 0.01)


def test_pick_stays_under_the_size_and_names_one(warehouse):
    sizes = dict(
        query(warehouse, "select quant_id, file_bytes from dim_quants where role = 'quant'")
    )
    rows, sentence = decide.picked(Warehouse(warehouse), None, None)
    [picked] = [row["quant_id"] for row in rows if row["picked"]]
    assert sentence.startswith(f"{picked}: ")
    assert [row["bytes"] for row in rows] == sorted(sizes.values())
    assert all(0 <= row["on_front"] <= 1 for row in rows)
    limit = sorted(sizes.values())[2]
    rows, _ = decide.picked(Warehouse(warehouse), None, limit)
    assert all(row["bytes"] <= limit for row in rows if row["picked"])
    with pytest.raises(QwhError, match=min(sizes, key=sizes.get)):
        decide.picked(Warehouse(warehouse), None, 10)


def test_card(warehouse):
    values = {row["figure"]: row["value"] for row in decide.resolved(Warehouse(warehouse), None)}
    assert values["quants"] == "6" and values[
        "pairs of quants whose scores are resolved, all judged together"
    ].endswith(" of 15")


def test_commands_print_tables_and_sentences(warehouse):
    for arguments, words in (
        (("compare", "Q8_0", "Q2_K"), "difference"),
        (("plan", "--volume", "0.05", "--delta", "1pt"), "3,917"),
        (("pick", "--max-bytes", "1GB"), "on_front"),
        (("card",), "pairs of quants"),
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
