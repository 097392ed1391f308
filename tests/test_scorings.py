"""Scores by every scoring, from raw rows to decisions, beside counts from the same raw rows."""

import shutil

import duckdb
import numpy as np
import pytest
from conftest import query, qwh
from toy import PROMPTS, RIGHT, columns, publish, publish_quant, publish_reference

from qwh.commands import decide
from qwh.database.warehouse import Warehouse
from qwh.errors import ExitCode, QwhError
from qwh.raw.store import Store

HARNESS = '{"longest_answer": 2, "temperatures": [1, 0.3]}'
TEMPERATURES = (1.0, 0.3)
READERS = ["reference", "near", "far"]
LONG = ("quiz", 7)  # a prompt whose answers are longer than two tokens
CHOICES = 3
MARGINS = {"answered": 0.01}


def answers(cohort: str, member: str, benchmark: str) -> dict[tuple, float]:
    """(prompt, answer, temperature) -> log-probability, the same whenever it is asked."""
    rng = np.random.default_rng([len(cohort), READERS.index(member), PROMPTS[benchmark]])
    base = np.random.default_rng(PROMPTS[benchmark]).uniform(0.1, 0.9, PROMPTS[benchmark])
    found = {}
    for prompt, p in enumerate(base):
        for temperature in TEMPERATURES:
            moved = np.clip(p + rng.normal(0, 0.05 * READERS.index(member)), 0.01, 0.99)
            for answer, share in enumerate((0.75, 0.25)):
                found[prompt, answer, temperature] = float(np.log(share * moved))
        if (benchmark, prompt) == LONG:
            found = {key: value for key, value in found.items() if key[::2] != (prompt, 0.3)}
    return found


def publish_answers(store: Store, cohort: str) -> None:
    """Runs of task answers of a reference and two quants, on both benchmarks."""
    for benchmark, n in PROMPTS.items():
        for member in READERS:
            held = answers(cohort, member, benchmark)
            prompt, answer, temperature = (list(part) for part in zip(*held))
            tables = {
                "answer_logprobs": columns(
                    "answer_logprobs",
                    len(held),
                    benchmark_id=[benchmark] * len(held),
                    prompt_index=prompt,
                    prompt_id=[f"{benchmark}-{i}" for i in prompt],
                    answer_index=answer,
                    temperature=temperature,
                    logprob=list(held.values()),
                    tokens=[3 if (benchmark, i) == LONG else 2 for i in prompt],
                    bytes=[10 + i for i in answer],
                    entropy=[READERS.index(member) + 0.1 * i for i in prompt],
                    greedy=[each == 0 for each in answer],
                )
            }
            about = {"role": "quant", "quant_id": member}
            about["reference_run_id"] = f"{cohort}-reference-{benchmark}"
            if member == "reference":
                about = {"role": "reference"}
                tables["prompts"] = columns(
                    "prompts",
                    n,
                    benchmark_id=[benchmark] * n,
                    prompt_index=np.arange(n),
                    prompt_id=[f"{benchmark}-{i}" for i in range(n)],
                    category=["easy"] * n,
                    text_id=[None] * n,
                )
            publish(
                store,
                f"{cohort}-{member}-{benchmark}",
                tables,
                task="answers",
                cohort_id=cohort,
                corpus_id=benchmark,
                benchmark_id=benchmark,
                corpus_rank=0,
                harness=HARNESS,
                **about,
            )


def publish_choices(store: Store) -> None:
    """An imported cohort: graded answers, and the log-likelihood of every choice."""
    n = 6
    for member in READERS:
        rng = np.random.default_rng(READERS.index(member))
        ids = [f"p{i}" for i in range(n)]
        role = "reference" if member == "reference" else "quant"
        picked = {"benchmark_id": ["abc"] * n, "prompt_index": np.arange(n), "prompt_id": ids}
        each = [i for i in ids for _ in range(CHOICES)]
        publish(
            store,
            f"chosen-{member}",
            {
                "prompts": columns("prompts", n, **picked, text_id=[None] * n),
                "samples": columns("samples", n, **picked, score=(rng.random(n) < 0.6) * 1.0),
                "choices": columns(
                    "choices",
                    n * CHOICES,
                    benchmark_id=["abc"] * n * CHOICES,
                    prompt_id=each,
                    choice=list(range(CHOICES)) * n,
                    loglikelihood=rng.normal(-20, 3, n * CHOICES),
                    length=list(range(1, CHOICES + 1)) * n,
                    is_right=[True, False, False] * n,
                ),
            },
            task="benchmark",
            cohort_id="chosen",
            corpus_id="abc",
            benchmark_id="abc",
            corpus_rank=0,
            harness="{}",
            source_format="lm-eval",
            **({"quant_id": member} if role == "quant" else {}),
            role=role,
        )


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Cohort toy with answers and their probabilities, read with the latter alone, chosen."""
    folder = tmp_path_factory.mktemp("scored") / "w"
    store = Store(folder).create()
    publish_reference(store)
    publish_quant(store, "far")
    publish_quant(store, "near")
    publish_answers(store, "toy")
    publish_answers(store, "read")
    publish_choices(store)
    done = qwh("build", "--warehouse", folder)
    assert done.exit_code == 0 and "set aside" not in done.stderr, done.stderr
    return folder


def scores(cohort: str, member: str, scoring: str) -> dict[str, np.ndarray]:
    """benchmark -> its prompts' scores, counted from the rows that were published."""
    if scoring == "answered":
        return {
            name: np.isin(np.arange(n), list(RIGHT[member][name])).astype(float)
            for name, n in PROMPTS.items()
        }
    temperature, found = float(scoring.split("@")[1]), {}
    for name, n in PROMPTS.items():
        held = answers(cohort, member, name)
        found[name] = np.array(
            [
                sum(np.exp(held[prompt, answer, temperature]) for answer in (0, 1))
                for prompt in range(n)
                if (name, prompt) != LONG
            ]
        )
    return found


CELLS = [("toy", scoring) for scoring in ("answered", "expected@0.3", "expected@1")]
CELLS += [("read", "expected@0.3"), ("read", "expected@1")]


def test_these_scorings_are_there(scored):
    found = query(
        scored,
        "select cohort_id, scoring, margin, prompts, is_default, is_first from dim_scorings"
        " where cohort_id <> 'chosen' order by 1, 2",
    )
    assert [(cohort, scoring) for cohort, scoring, *_ in found] == sorted(CELLS)
    for cohort, scoring, margin, prompts, is_default, is_first in found:
        assert margin == MARGINS.get(scoring, 0.002)
        assert prompts == sum(PROMPTS.values()) - (scoring != "answered")
        assert is_default == (scoring == "expected@0.3")
        assert is_first == (scoring == ("answered" if cohort == "toy" else "expected@0.3"))
    chosen = query(scored, "select scoring from dim_scorings where cohort_id = 'chosen' order by 1")
    kinds = [f"{kind}@{t}" for kind in ("choices", "choices_norm") for t in ("0.3", "0.6", "1")]
    assert [scoring for (scoring,) in chosen] == ["answered", *kinds]


@pytest.mark.parametrize("cohort, scoring", CELLS)
def test_volume_direction_and_errors_are_those_of_the_raw_rows(scored, cohort, scoring):
    where = f"where cohort_id = '{cohort}' and scoring = '{scoring}'"
    for quant in ("near", "far"):
        ours, theirs = scores(cohort, quant, scoring), scores(cohort, "reference", scoring)
        gains = {name: ours[name] - theirs[name] for name in PROMPTS}
        for name, gain in gains.items():
            [row] = query(
                scored,
                "select prompts, score, score_ref, leapfrogs, drops, volume, squared_gain,"
                f" mcnemar_p is null from fct_disagreements {where} and quant_id = '{quant}' and"
                f" benchmark_id = '{name}'",
            )
            assert row[:-1] == pytest.approx(
                (
                    len(gain),
                    ours[name].mean(),
                    theirs[name].mean(),
                    gain[gain > 0].sum(),
                    -gain[gain < 0].sum(),
                    np.abs(gain).mean(),
                    (gain**2).mean(),
                ),
                abs=1e-12,
            )
            assert row[-1] == (scoring != "answered")
        [(gain, volume, direction, error)] = query(
            scored,
            "select composite - composite_ref, volume, direction, standard_error from"
            f" fct_composites {where} and quant_id = '{quant}'",
        )
        mean = np.mean([part.mean() for part in gains.values()])
        moved = np.mean([np.abs(part).mean() for part in gains.values()])
        assert (gain, volume) == pytest.approx((mean, moved), abs=1e-12)
        assert gain == pytest.approx(volume * (direction or 0), abs=1e-12)
        spread = np.sqrt(sum(part.var() / len(part) for part in gains.values())) / len(gains)
        assert error == pytest.approx(spread, abs=1e-12)


def test_the_reference_has_its_scores_and_losses(scored):
    for member in READERS:
        for name, n in PROMPTS.items():
            held = answers("read", member, name)
            losses = [
                -np.log(sum(np.exp(held[prompt, answer, 1.0]) for answer in (0, 1)))
                for prompt in range(n)
            ]
            [found] = query(
                scored,
                "select prompts, loss, loss_per_byte, greedy_right, greedy_agrees from"
                f" fct_answer_losses where cohort_id = 'read' and quant_id = '{member}' and"
                f" benchmark_id = '{name}'",
            )
            assert found[:4] == pytest.approx((n, np.mean(losses), np.sum(losses) / n / 10, 1.0))
            assert found[4] is None
    agrees = dict(
        query(
            scored,
            "select benchmark_id, greedy_agrees from fct_answer_losses where cohort_id = 'toy' and"
            " quant_id = 'far'",
        )
    )
    assert agrees == {name: len(RIGHT["far"][name]) / n for name, n in PROMPTS.items()}


def test_the_entropy_of_both_sides_lies_beside_the_scores(scored):
    """The reference's on prompt i is i / 10, a quant's as many nats more as it comes after it."""
    reference = np.mean([0.1 * np.arange(n).mean() for n in PROMPTS.values()])
    rows = Warehouse(scored).relation("score_changes", "toy")
    assert set(rows["quant_id"]) == {"near", "far"}
    for quant, own, beside in rows.select("quant_id", "entropy", "entropy_ref").iter_rows():
        assert own == pytest.approx(reference + READERS.index(quant))
        assert beside == pytest.approx(reference)


def test_choices_are_normalised_at_every_temperature(scored):
    for member in READERS:
        rng = np.random.default_rng(READERS.index(member))
        rng.random(6)
        held = rng.normal(-20, 3, 6 * CHOICES).reshape(6, CHOICES)
        for kind, lengths in (("choices", np.ones(CHOICES)), ("choices_norm", [1, 2, 3])):
            for temperature in (1, 0.6, 0.3):
                powers = np.exp(held / lengths / temperature)
                right = (powers[:, 0] / powers.sum(1)).mean()
                [(score,)] = query(
                    scored,
                    "select score from fct_scores where cohort_id = 'chosen' and quant_id ="
                    f" '{member}' and scoring = '{kind}@{temperature:g}'",
                )
                assert score == pytest.approx(right, rel=1e-9)


def test_no_table_mixes_two_scorings(scored):
    """What a table says of a scoring, it says where no other scoring is known, too."""
    for table in ("stat_composites", "stat_pairs", "stat_candidates", "stat_losses", "stat_front"):
        rows = query(scored, f"select distinct cohort_id, scoring from {table} order by 1, 2")
        assert [row for row in rows if row[0] != "chosen"] == sorted(CELLS), table
        per = query(
            scored, f"select count(*) from {table} where cohort_id = 'toy' group by scoring"
        )
        assert len(set(per)) == 1
    margins = query(scored, "select distinct scoring, margin from stat_pairs")
    assert {margin for scoring, margin in margins if scoring != "answered"} == {0.002}


def test_what_is_not_answered_is_not_said_to_be(scored):
    for table in ("stat_prompt_failure", "stat_routers", "stat_reference_floor"):
        assert query(scored, f"select count(*) from {table} where cohort_id = 'read'") == [(0,)]
    reasons = query(scored, "select distinct cohort_id, scoring, reason from fct_unpaired")
    assert reasons == []


def test_decisions_name_their_scores_and_show_answers_beside(scored):
    said = decide.compared(scored, "near", "far", "toy", None)
    assert [(row["benchmark_id"], row["scoring"]) for row in said.rows] == [
        ("quiz", "expected@0.3"),
        ("sums", "expected@0.3"),
        ("quiz", "answered"),
        ("sums", "answered"),
    ]
    for row in said.rows:
        for quant in ("near", "far"):
            held = scores("toy", quant, row["scoring"])[row["benchmark_id"]]
            assert row[quant] == pytest.approx(held.mean())
    named = [text for text in said.sentences if "; by " in text]
    assert named[0].endswith("; by expected@0.3, margin 0.2 points")
    assert named[1].endswith("; by answered, margin 1 point")
    wide = decide.compared(scored, "near", "far", "toy", 0.05, "expected@1").sentences
    assert wide[0].endswith("; by expected@1, margin 5 points")
    alone = decide.compared(scored, "near", "far", "toy", None, "answered")
    assert {row["scoring"] for row in alone.rows} == {"answered"}
    read = decide.compared(scored, "near", "far", "read", None)
    assert {row["scoring"] for row in read.rows} == {"expected@0.3"}
    plan = decide.planned(scored, ("near", "far"), "toy", None).rows
    assert {(row["scoring"], row["delta"]) for row in plan} == {
        ("expected@0.3", 0.002),
        ("answered", 0.01),
    }
    card = decide.resolved(scored, "toy").rows
    assert list(card[0]) == ["figure", "expected@0.3", "answered"]
    assert card[1]["expected@0.3"] == "11" and card[1]["answered"] == "12"


def test_a_pair_that_a_scoring_leaves_apart_is_told_another(scored, tmp_path):
    copy = shutil.copytree(scored, tmp_path / "w")
    with duckdb.connect(str(copy / "warehouse.duckdb")) as held:
        for table in ("fct_prompts", "stat_pairs"):
            held.execute(f"delete from {table} where scoring = 'answered' and quant_id = 'far'")
    with pytest.raises(QwhError, match=r"by answered: give --scoring expected@0\.3$") as refused:
        decide.compared(copy, "near", "far", "toy", None, "answered")
    assert refused.value.code == ExitCode.NOT_FOUND


def test_a_scoring_that_is_not_there_is_one_line(scored):
    with pytest.raises(QwhError, match=r"did you mean expected@0\.3") as refused:
        decide.compared(scored, "near", "far", "toy", None, "expected@.3")
    assert refused.value.code == ExitCode.NOT_FOUND
    assert "\n" not in str(refused.value)
    done = qwh("plan", "--volume", "0.05", "--scoring", "expected@1", "--warehouse", scored)
    assert done.exit_code == ExitCode.USAGE and done.stderr.count("\n") == 1


def test_the_study_sets_scorings_side_by_side(scored):
    told = query(
        scored,
        "select finding, list(scoring order by scoring) from findings where cohort_id = 'toy' and"
        " scoring is not null group by all",
    )
    beside = {finding: scorings for finding, scorings in told if len(scorings) > 1}
    assert beside["pairs of quants that the benchmarks tell apart"] == [
        scoring for _, scoring in CELLS[:3]
    ]
    assert "composite less the reference's, median quant" in beside
    assert all(scorings == ["answered"] for _, scorings in told if len(scorings) == 1)


def test_expected_scores_resolve_what_answers_cannot_and_both_are_said(study):
    said = decide.compared(study, "f16", "Q4_1", "smollm2-135m-instruct-full", 0.01).sentences
    expected, answered = said[:2]
    assert expected.startswith("the scores of f16 and Q4_1 lie within 1 point of each other")
    assert "by expected@0.3" in expected
    assert answered.startswith("cannot tell: ") and "by answered" in answered
