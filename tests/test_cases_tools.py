"""Other tools' answers through the command line: what is stored, and what is refused and why."""

import shutil
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from conftest import query, qwh
from tool_files import ANSWERS, WRITERS, counted, lines

from qwh.errors import ExitCode

CASES = Path(__file__).parent / "fixtures" / "cases"
AGENTS, DEAD_END = CASES / "17-agents-json", CASES / "13-json-dead-end"
BFCL = CASES / "05-bfcl"
BIGCODE = "org--model-{}--bigcodebench-complete--vllm-0.0-1-sanitized_calibrated_eval_results.json"


class Case(NamedTuple):
    """A reference's and a quant's files of one tool, and what is to be stored."""

    kind: str
    ref: Path
    q4: Path
    benchmark: str
    samples: int = 12
    score: float = 9 / 12
    drops: float = 2


def both(kind: str, place: str, names: tuple[str, str], benchmark: str, **more: float) -> Case:
    """The case of two paths that differ in the model alone."""
    ref, q4 = (CASES / place.format(name) for name in names)
    return Case(kind, ref, q4, benchmark, **more)  # type: ignore[arg-type]


TWO = ("ref", "q4")
GIVEN = {
    "bfcl": both("bfcl", "05-bfcl/score/org_model-{}-FC", ("bf16", "q4"), "bfcl"),
    "bfcl-result": both("bfcl", "05-bfcl/result/org_model-{}-FC", ("bf16", "q4"), "bfcl"),
    "bfcl-one-file": both(
        "bfcl",
        "05-bfcl/score/org_model-{}-FC/non_live/BFCL_v4_simple_python_score.json",
        ("bf16", "q4"),
        "bfcl",
    ),
    "mmlu-pro": both("mmlu-pro", "06-mmlu-pro-own-script/{}", TWO, "mmlu-pro"),
    "mmlu-pro-one-file": both(
        "mmlu-pro", "06-mmlu-pro-own-script/{}/CoT/all/geography.json", TWO, "mmlu-pro"
    ),
    "mmlu-authors": both(
        "mmlu-authors", "03-one-benchmark-in-several-files/{}/results_m", TWO, "mmlu"
    ),
    "mmlu-authors-one-file": both(
        "mmlu-authors", "03-one-benchmark-in-several-files/{}/results_m/history.csv", TWO, "mmlu"
    ),
    "livecodebench": both(
        "livecodebench",
        "16-lcb-code-execution/model-{}/Scenario.codeexecution_1_0.0_eval_all.json",
        TWO,
        "livecodebench-codeexecution",
    ),
    "tau2": both(
        "tau2", "17-agents-json/model-{}_capitals_2trials.json", TWO, "tau2-capitals", samples=24
    ),
    # Cuba's agent timed out: no verdict, which the tool counts as unresolved
    "terminal-bench": both(
        "terminal-bench",
        "17-agents-json/tb-{}/results.json",
        TWO,
        "terminal-bench",
        score=8 / 12,
        drops=3,
    ),
    "llama-eval": both(
        "llama-eval", "13-json-dead-end/llama-eval.gsm8k-model-{}.json", TWO, "gsm8k", samples=24
    ),
    "bigcodebench": both(
        "bigcodebench", f"13-json-dead-end/{BIGCODE}", TWO, "bigcodebench-complete"
    ),
    "swe-bench": both(
        "swe-bench", "13-json-dead-end/swebench.model-{}.run1.json", TWO, "swe-bench"
    ),
}


def load(warehouse: Path, kind: str, path: Path, *more: object, cohort: str = "m"):
    options = ("--cohort", cohort, "--warehouse", warehouse)
    return qwh("ingest", kind, path, *options, *more)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The kept files and made ones, each kind a cohort, brought in by `auto`."""
    folder, warehouse = tmp_path_factory.mktemp("tools"), tmp_path_factory.mktemp("w")
    pairs = {name: (case.kind, case.ref, case.q4) for name, case in GIVEN.items()}
    for kind, write in WRITERS.items():
        made = [write(folder / kind / model, model, ANSWERS[model]) for model in ("base", "lean")]
        pairs[f"made-{kind}"] = (kind, *made)
    for name, (kind, ref, q4) in pairs.items():
        reference = load(warehouse, "auto", ref, "--quant-id", "ref", "--is-reference", cohort=name)
        quant = load(warehouse, "auto", q4, "--quant-id", "q4", cohort=name)
        for done in (reference, quant):
            assert done.exit_code == 0, (name, done.stderr)
            assert f": {kind}\n" in done.stderr, (name, done.stderr)
    done = qwh("build", "--warehouse", warehouse)
    assert done.exit_code == 0, done.stderr
    return warehouse


def outcome(warehouse: Path, cohort: str) -> tuple:
    """The one benchmark of a cohort: its name, prompts, scores, leapfrogs and drops."""
    (found,) = query(
        warehouse,
        "select benchmark_id, prompts, score_ref, score, leapfrogs, drops from fct_disagreements"
        f" where cohort_id = '{cohort}' and quant_id = 'q4' and scoring = 'answered'",
    )
    return found


def sampled(warehouse: Path, cohort: str) -> int:
    """How many answers of the quant there are."""
    ((count,),) = query(
        warehouse,
        "select count(*) from stg_samples join stg_runs using (run_id)"
        f" where cohort_id = '{cohort}' and quant_id = 'q4'",
    )
    return count


@pytest.mark.parametrize("name", GIVEN)
def test_a_tools_answers_are_stored_as_the_tool_grades_them(built, name):
    case = GIVEN[name]
    assert outcome(built, name) == pytest.approx(
        (case.benchmark, 12, 10 / 12, case.score, 1, case.drops)
    )
    assert sampled(built, name) == case.samples


@pytest.mark.parametrize("kind", WRITERS)
def test_made_files_give_the_counts_of_their_table(built, kind):
    base, lean = (counted(kind, ANSWERS[model]) for model in ("base", "lean"))
    changes = [lean[item] - base[item] for item in base]
    _, prompts, score_ref, score, leapfrogs, drops = outcome(built, f"made-{kind}")
    assert prompts == len(base) == len({*base, *lean})
    assert (score_ref, score) == pytest.approx(
        (sum(base.values()) / len(base), sum(lean.values()) / len(lean))
    )
    assert (leapfrogs, drops) == pytest.approx(
        (sum(c for c in changes if c > 0), -sum(c for c in changes if c < 0))
    )
    assert leapfrogs > 0 and drops > 0


def test_the_categories_and_texts_of_what_was_answered(built):
    categories = query(
        built,
        "select category, count(*) from stg_prompts join stg_runs using (run_id)"
        " where cohort_id = 'bfcl' and quant_id = 'q4' group by 1 order by 1",
    )
    assert categories == [("multiple", 4), ("simple_python", 8)]
    said = dict(
        query(
            built,
            "select cohort_id, any_value(answer) from stg_samples join stg_runs using (run_id)"
            " where quant_id = 'q4' and answer like '%Paris%' group by 1",
        )
    )
    assert said["bfcl"] == '[{"capital_lookup": "{\\"city\\": \\"Paris\\"}"}]'
    assert said["livecodebench"] == "'Paris'"
    # the question that was pending is not given by the quant, and is no wrong answer
    unpaired = query(built, "select quant_id from fct_unpaired where cohort_id = 'llama-eval'")
    assert len(unpaired) <= 1


def test_names_of_models_are_the_tools_own(built):
    told = dict(
        query(
            built,
            "select cohort_id, model_name from stg_runs where role = 'quant'"
            " and model_name is not null",
        )
    )
    assert told["bfcl"] == "org_model-q4-FC"
    assert told["tau2"] == told["llama-eval"] == "model-q4"
    assert told["bigcodebench"] == "org/model-q4"
    assert told["mmlu-authors"] == "m"
    assert "terminal-bench" not in told
    assert {told[f"made-{kind}"] for kind in WRITERS} == {"lean"}


def refused(done, *words: object) -> None:
    assert done.exit_code in (ExitCode.BAD_INPUT, ExitCode.USAGE), done.stdout + done.stderr
    last = done.stderr.strip().splitlines()[-1]
    for word in words:
        assert str(word) in last, last
    assert not done.stdout


def test_two_models_in_one_folder_are_refused_by_name(tmp_path):
    for kind, write in WRITERS.items():
        folder = tmp_path / kind
        for model in ("base", "lean"):
            write(folder, model, ANSWERS[model])
        refused(load(tmp_path / "w", kind, folder, "--quant-id", "q4"), "base", "lean", "--pick")
        done = load(tmp_path / "w", kind, folder, "--pick", "model=lean", "--dry-run")
        assert done.exit_code == 0 and " lean " in done.stdout, (kind, done.stderr)
        refused(load(tmp_path / "w", kind, folder, "--pick", "model=fat"), "fat", "base, lean")


@pytest.mark.parametrize("kind", ["aider", "mmlu-pro", "bfcl"])
@pytest.mark.parametrize("above", ["", "runs", "all/runs"])
def test_auto_knows_the_tree_above_two_runs(tmp_path, kind, above):
    """Else each of their files would be taken for a run."""
    for model in ("base", "lean"):
        WRITERS[kind](tmp_path / "t" / above, model, ANSWERS[model])
    for more in ([], ["--quant-id", "q4"]):
        done = load(tmp_path / "w", "auto", tmp_path / "t", *more)
        refused(done, "base", "lean", "--pick model=")
    done = load(tmp_path / "w", "auto", tmp_path / "t", "--pick", "model=lean", "--dry-run")
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 1, done.stderr


def instructed(folder: Path, strict: list[bool], loose: list[bool], kind: str) -> Path:
    """A folder as IFEval's evaluation_main writes it."""
    for manner, right in (("strict", strict), ("loose", loose)):
        answers = [
            {
                "instruction_id_list": [kind],
                "prompt": f"Name river {at}.",
                "response": "Don",
                "follow_all_instructions": followed,
                "follow_instruction_list": [followed],
            }
            for at, followed in enumerate(right)
        ]
        lines(folder / f"eval_results_{manner}.jsonl", answers)
    return folder


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("length_constraints:number_words", "ifeval"),
        ("count:word_count_range", "ifbench"),
        ("own:kind", "instruction following"),
    ],
)
def test_strict_and_loose_grades_are_two_benchmarks(tmp_path, kind, name):
    strict, loose = [True, False, False, False], [True, True, True, False]
    folder = instructed(tmp_path / "if", strict, loose, kind)
    files = [folder / f"eval_results_{manner}.jsonl" for manner in ("loose", "strict")]
    for place, paths in enumerate(([folder], files, files[::-1])):
        warehouse = tmp_path / f"w{place}"
        done = qwh(
            *("ingest", "graded-lines", *paths, "--quant-id", "q4"),
            *("--cohort", "m", "--warehouse", warehouse),
        )
        assert done.exit_code == 0 and "replaces" not in done.stderr, done.stderr
        assert len(done.stdout.splitlines()) == 2
        means = duckdb.sql(
            "select benchmark_id, avg(score) from read_parquet("
            f"'{warehouse}/raw/samples/*/*.parquet') group by 1"
        ).fetchall()
        assert dict(means) == {name: 0.25, f"{name}-loose": 0.75}


def test_a_score_file_without_its_result_file(tmp_path):
    shutil.copytree(BFCL / "score", tmp_path / "score")
    for path in ("", "org_model-q4-FC", "org_model-q4-FC/non_live/BFCL_v4_multiple_score.json"):
        done = load(
            tmp_path / "w", "auto", tmp_path / "score" / path, "--pick", "model=org_model-q4-FC"
        )
        refused(done, "a score file lists failures only: its result file is needed")
    alone = tmp_path / "failures.jsonl"
    shutil.copy(BFCL / "score/org_model-q4-FC/non_live/BFCL_v4_simple_python_score.json", alone)
    refused(load(tmp_path / "w", "auto", alone), "its result file is needed")


def test_totals_that_contradict_the_failures(tmp_path):
    shutil.copytree(BFCL, tmp_path / "b")
    score = tmp_path / "b/score/org_model-q4-FC/non_live/BFCL_v4_simple_python_score.json"
    whole = score.read_text()
    for old, new in (("0.625", "0.75"), ('_count": 5', '_count": 6'), ('_count": 8', '_count": 9')):
        score.write_text(whole.replace(old, new, 1))
        refused(load(tmp_path / "w", "bfcl", score.parent), "its totals", "right")
    score.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    refused(load(tmp_path / "w", "bfcl", score.parent), "its totals", "5 of 8", "6 of 8")
    score.write_text(whole.replace("simple_python_4", "simple_python_44"))
    refused(load(tmp_path / "w", "bfcl", score.parent), "simple_python_44 is not in its result")


def test_a_file_that_names_no_model_asks_for_it(tmp_path):
    folder = tmp_path / "Downloads"
    folder.mkdir()
    shutil.copy(AGENTS / "tb-q4" / "results.json", folder)
    shutil.copy(CASES / "06-mmlu-pro-own-script/q4/CoT/all/history.json", folder)
    shutil.copy(DEAD_END / BIGCODE.format("q4"), folder / "run_eval_results.json")
    for file in sorted(folder.iterdir()):
        refused(load(tmp_path / "w", "auto", file), "--quant-id")
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in (BFCL / "result/org_model-bf16-FC/non_live").iterdir():
        shutil.copy(file, bare)
    refused(load(tmp_path / "w", "auto", bare), "no score file")


def test_what_is_left_out_is_said(tmp_path):
    case = GIVEN["llama-eval"]
    done = load(tmp_path / "w", "auto", case.q4)
    assert done.exit_code == 0
    assert "24 of 26 cases" in done.stderr and "a case that is pending" in done.stderr
    done = load(tmp_path / "w", "auto", GIVEN["mmlu-pro"].q4)
    assert "a letter that the script draws" in done.stderr and "1 of 12" in done.stderr
    run = WRITERS["aider"](tmp_path / "aider", "m", ANSWERS["base"])
    done = load(tmp_path / "w", "auto", run)
    assert done.exit_code == 0 and "an exercise that was not run" in done.stderr


def test_tables_of_totals_are_named_for_what_they_are(tmp_path):
    accuracies = tmp_path / "accuracies_m.json"
    accuracies.write_text('{"subcategories": {"math": 0.5}, "weighted_accuracy": 0.5}')
    pro = CASES / "06-mmlu-pro-own-script/q4/summary"
    for path, advice in (
        (BFCL / "score" / "data_overall.csv", "qwh ingest bfcl"),
        (next(pro.iterdir()), "qwh ingest mmlu-pro"),
        (accuracies, "qwh ingest mmlu-authors"),
    ):
        done = load(tmp_path / "w", "auto", path, "--quant-id", "q")
        refused(done, "without single answers", advice)
