"""lm-eval's and lmms-eval's outputs through the command line: the counts of the raw files."""

from pathlib import Path

import pytest
from conftest import query, qwh
from harness_cases import CASES, USUAL, Counts, counted, disagreements, lines, only

PAIRS = {  # cohort -> folders of the reference and of the quant
    "ruler": ("01-ruler-minus-one/ref", "01-ruler-minus-one/q4"),
    "truthful": ("02-truthfulqa-gen-bleu/ref", "02-truthfulqa-gen-bleu/q4"),
    "lambada": ("03-lambada-no-results/ref", "03-lambada-no-results/q4"),
    "one-of-two": (
        "06-two-models-one-folder/results/org__model-bf16",
        "06-two-models-one-folder/results/org__model-q4",
    ),
    "array": ("08-lm-eval-before-0.4.3/array/ref", "08-lm-eval-before-0.4.3/array/q4"),
    "json": (
        "08-lm-eval-before-0.4.3/lines-in-json/ref",
        "08-lm-eval-before-0.4.3/lines-in-json/q4",
    ),
    "wikitext": ("09-one-task-stops-the-folder/ref", "09-one-task-stops-the-folder/q4"),
    "lmms": ("14-lmms-eval-date-first/ref", "14-lmms-eval-date-first/q4"),
    "groups": ("16-mmlu-as-many-benchmarks/ref", "16-mmlu-as-many-benchmarks/q4"),
    "repeats": ("21-lm-eval-repeats/ref", "21-lm-eval-repeats/q4"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, object]:
    """What each import said, and under "warehouse" the built folder with a cohort per case."""
    warehouse = tmp_path_factory.mktemp("lm-eval")
    said: dict[str, object] = {"warehouse": warehouse}
    for cohort, folders in PAIRS.items():
        kind = "auto" if cohort in ("array", "json", "lmms") else "lm-eval"
        for name, folder in zip(("ref", "q4"), folders):
            said[cohort, name] = _ingest(kind, CASES / folder, name, cohort, warehouse)
            assert said[cohort, name].exit_code == 0, said[cohort, name].stderr
    for name in ("ref", "q4"):
        folder = CASES / "15-date-in-the-prompt" / name
        for cohort, more in (("dates", ()), ("dates-by-item", ("--match", "item"))):
            said[cohort, name] = _ingest("lm-eval", folder, name, cohort, warehouse, *more)
        array = only(CASES / "08-lm-eval-before-0.4.3" / "array" / name, "*.jsonl")
        old = only(CASES / "08-lm-eval-before-0.4.3" / "lines-in-json" / name, "samples*")
        new = only(CASES / "14-lmms-eval-date-first" / name, "*.jsonl")
        for file in (array, old, new):
            done = _ingest("lm-eval", file, name, "files", warehouse)
            assert done.exit_code == 0, done.stderr
    built = qwh("build", "--warehouse", warehouse)
    assert built.exit_code == 0, built.stderr
    return said


def _ingest(kind: str, path: Path, name: str, cohort: str, warehouse: Path, *more: object):
    more = (*more, "--is-reference") if name == "ref" else more
    into = ("--quant-id", name, "--cohort", cohort, "--warehouse", warehouse)
    return qwh("ingest", kind, path, *into, *more)


def by_document(folder: str, pattern: str, score) -> dict[object, float]:
    return {line["doc_id"]: score(line) for line in lines(only(CASES / folder, pattern))}


def both(case: str, pattern: str, score) -> Counts:
    """The counts of a case's raw files."""
    ref, q4 = PAIRS[case]
    return counted(by_document(ref, pattern, score), by_document(q4, pattern, score))


def close(found: Counts, expected: Counts) -> bool:
    return found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("cohort", "benchmark", "pattern", "score", "metric"),
    [
        (
            "ruler",
            "niah_like",
            "samples*",
            lambda line: line[str(line["doc"]["max_length"])],
            "score at its own length",
        ),
        ("truthful", "truthgen_like", "samples*", lambda line: line["bleu_acc"], "bleu_acc"),
        ("lambada", "lambada_openai", "samples*", lambda line: line["acc"], "acc"),
        ("one-of-two", "geo", "samples*", lambda line: line["exact_match"], "exact_match"),
        ("array", "triviaqa_like", "*.jsonl", lambda line: line["exact_match"], "exact_match"),
        ("json", "leaderboard_like", "samples*", lambda line: line["exact_match"], "exact_match"),
        ("lmms", "mmmu_like", "*.jsonl", lambda line: line["mmmu_acc"], "mmmu_acc"),
        ("repeats", "capitals", "samples*", lambda line: line["exact_match"], "exact_match"),
    ],
)
def test_the_counts_of_the_raw_files(said, cohort, benchmark, pattern, score, metric):
    expected = both(cohort, pattern, score)
    assert close(disagreements(said, cohort)[benchmark], expected)
    if cohort == "repeats":
        assert close(expected, Counts(12, 10 / 12, 8.5 / 12, 1, 2.5))
    else:
        assert close(expected, USUAL)
    assert metric in said[cohort, "q4"].stdout + said[cohort, "q4"].stderr


def test_ruler_per_length(said):
    rows = query(
        said["warehouse"],
        "select category, avg(score_ref), avg(score) from int_prompt_outcomes"
        " where cohort_id = 'ruler' group by all",
    )
    assert {category: scores for category, *scores in rows} == {
        "4096": [0.75, 1.0],
        "8192": [0.75, 0.75],
        "16384": [1.0, 0.5],
    }


def test_the_metric_and_the_others_are_named(said):
    done = said["truthful", "q4"]
    assert "bleu_max" in done.stdout + done.stderr and "bleu_diff" in done.stdout + done.stderr


def test_a_score_out_of_range_needs_a_word(tmp_path):
    folder = CASES / "02-truthfulqa-gen-bleu" / "q4"
    asked = ("--cohort", "c", "--quant-id", "q4", "--warehouse", tmp_path)
    for dry in ((), ("--dry-run",)):
        done = qwh("ingest", "lm-eval", folder, *asked, "--pick", "metric=bleu_max", *dry)
        assert done.exit_code == 4 and "bleu_max" in done.stderr and "--score-max" in done.stderr
        assert "bleu_acc" in done.stderr
    folder = CASES / "03-lambada-no-results" / "q4"
    done = qwh("ingest", "lm-eval", folder, *asked, "--pick", "metric=perplexity")
    assert done.exit_code == 4 and "only over all documents" in done.stderr


def test_two_models_in_one_folder_are_refused(tmp_path):
    for more in (("--quant-id", "q4"), ()):
        done = qwh(
            "ingest",
            "lm-eval",
            CASES / "06-two-models-one-folder" / "results",
            *("--cohort", "c", "--warehouse", tmp_path, *more),
        )
        assert done.exit_code == 4
        assert "org__model-bf16" in done.stderr and "org__model-q4" in done.stderr


def test_a_task_without_scores_does_not_stop_the_others(said):
    found = disagreements(said, "wikitext")
    assert found.keys() == {"arc_like", "zeta_like"}
    assert close(found["arc_like"], USUAL) and close(found["zeta_like"], USUAL)
    stderr = said["wikitext", "q4"].stderr
    assert "wikitext is not taken: its perplexities are sums over the text" in stderr


def test_alone_it_is_refused_with_that_reason(tmp_path):
    file = only(CASES / "09-one-task-stops-the-folder" / "q4", "*wikitext*")
    for dry in ((), ("--dry-run",)):
        done = qwh(
            "ingest",
            *("lm-eval", file, "--cohort", "c", "--quant-id", "q", "--warehouse", tmp_path, *dry),
        )
        assert done.exit_code == 4 and "sums over the text" in done.stderr


def test_files_of_every_version_meet_as_folders_do(said):
    found = disagreements(said, "files")
    assert found.keys() == {"triviaqa_like", "leaderboard_like", "mmmu_like"}
    assert all(close(counts, USUAL) for counts in found.values())


def test_dates_in_prompts_are_told_and_pair_by_item(said):
    assert disagreements(said, "dates") == {}
    stderr = said["dates", "q4"].stderr
    assert "25 Nov" in stderr.replace("'25", "25") and "--match item" in stderr
    ref, q4 = (
        {
            line["doc_id"]: line["exact_match"]
            for line in lines(only(CASES / "15-date-in-the-prompt" / name, "samples*"))
            if line["filter"] == "strict-match"
        }
        for name in ("ref", "q4")
    )
    expected = counted(ref, q4)
    assert close(expected, Counts(12, 7 / 12, 7 / 12, 1, 1))
    assert close(disagreements(said, "dates-by-item")["gsm_like"], expected)


def test_a_group_is_one_benchmark_over_its_documents(said):
    found = disagreements(said, "groups")
    assert found.keys() == {"mmlu", "gsm_like"}
    assert close(found["mmlu"], USUAL) and close(found["gsm_like"], Counts(12, 1, 1, 0, 0))
    rows = query(
        said["warehouse"],
        "select category, count(*), avg(score_ref), avg(score) from int_prompt_outcomes"
        " where cohort_id = 'groups' and benchmark_id = 'mmlu'"
        " and scoring = 'answered' group by all",
    )
    expected = {}
    for task in ("mmlu_geo", "mmlu_hist", "mmlu_law"):
        ref, q4 = (
            [line["acc"] for line in lines(only(CASES / folder, f"samples_{task}_*"))]
            for folder in PAIRS["groups"]
        )
        expected[task] = [len(ref), sum(ref) / len(ref), sum(q4) / len(q4)]
    assert {category: rest for category, *rest in rows} == expected
    (composite,) = query(
        said["warehouse"],
        "select composite_ref, composite from fct_composites where cohort_id = 'groups'"
        " and scoring = 'answered'",
    )
    assert composite == pytest.approx(((10 / 12 + 1) / 2, (9 / 12 + 1) / 2))


def test_repeats_are_attempts_with_their_answers(said):
    rows = query(
        said["warehouse"],
        "select quant_id, count(*), max(attempt) + 1, bool_or(answer like '[%') from stg_samples"
        " join stg_runs using (run_id) where cohort_id = 'repeats' group by all order by 1",
    )
    assert rows == [("q4", 48, 4, False), ("ref", 48, 4, False)]
