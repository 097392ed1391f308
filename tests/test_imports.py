"""Other tools' files in the warehouse: runs, strict pairing, what stays out."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import query, qwh
from harness_files import EVALPLUS, HELM, INSPECT, LIGHTEVAL, LIVECODEBENCH, LM_EVAL, QUESTIONS
from test_bad_input import nothing_left, refused

from qwh.errors import ExitCode
from qwh.raw.store import Store


def ingest(warehouse: Path, kind: str, *arguments: object, cohort: str = "c"):
    return qwh("ingest", kind, *arguments, "--cohort", cohort, "--warehouse", warehouse)


def rewritten(folder: Path, change) -> Path:
    """The lm-eval fixture with change(line) applied to every sample; None drops it.

    Its results json lies beside it.
    """
    for path in LM_EVAL.iterdir():
        text = path.read_text()
        if path == QUESTIONS:
            lines = [change(json.loads(line)) for line in text.splitlines()]
            text = "".join(json.dumps(line) + "\n" for line in lines if line is not None)
        if "choices" not in path.name:
            folder.mkdir(exist_ok=True)
            (folder / path.name).write_text(text)
    return folder


SAMPLED = {
    name: np.random.default_rng(seed).binomial(1, share, (40, attempts))
    for seed, (name, share, attempts) in enumerate((("f16", 0.7, 4), ("flips", 0.5, 3)))
}


def sampled(folder: Path, name: str) -> Path:
    """A benchmark of 40 items, several attempts each, as a CSV file: [item, attempt] of SAMPLED."""
    path = folder / f"of-{name}" / "sampled.csv"
    path.parent.mkdir()
    path.write_text(
        "task,passed\n"
        + "".join(f"t{i},{score}\n" for i, row in enumerate(SAMPLED[name]) for score in row)
    )
    return path


def drop_and_gain(line: dict) -> dict:
    """One answer becomes wrong, one right."""
    if line["doc_id"] in (1, 2):
        line["exact_match"] = 1.0 - line["exact_match"]
    return line


def lose(line: dict) -> dict | None:
    """One prompt is not asked, another has another text."""
    if line["doc_id"] == 0:
        return None
    if line["doc_id"] == 3:
        line["prompt_hash"] = "f" * 64
    return line


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A reference and quants: one flips prompts, one has other facts, one lacks prompts."""
    folder = tmp_path_factory.mktemp("imports")
    warehouse = folder / "w"

    def harness(name: str, change, *more: object):
        return ingest(warehouse, "lm-eval", rewritten(folder / name, change), "--quant-id", *more)

    mapped = ("--map", "item=task", "--map", "score=passed", "--rows", "attempts", "--quant-id")
    done = [
        harness("ref", dict, "f16", "--is-reference"),
        harness("flips", drop_and_gain, "flips"),
        harness("loses", lose, "loses"),
        harness("ref2", dict, "shots", "--fact", "num_fewshot=5"),
        ingest(
            warehouse, "livecodebench", LIVECODEBENCH, "--quant-id", "flips", "--fact", "timeout=6"
        ),
        *(
            ingest(warehouse, "generic", sampled(folder, name), *mapped, name, *flag)
            for name, flag in (("f16", ["--is-reference"]), ("flips", []))
        ),
    ]
    assert all(run.exit_code == 0 for run in done), [run.stderr for run in done]
    build = qwh("build", "--warehouse", warehouse)
    assert build.exit_code == 0, build.stderr
    return warehouse


def test_flips_are_counted_prompt_by_prompt(built):
    assert query(
        built,
        "select quant_id, prompts, leapfrogs + drops from fct_disagreements where quant_id ="
        " 'flips' and benchmark_id <> 'sampled'",
    ) == [("flips", 6, 2.0)]
    [(prompts, volume)] = query(
        built, "select prompts, volume from fct_disagreements where quant_id = 'loses'"
    )
    assert (prompts, volume) == (4, 0.0)


def test_the_references_own_flips_are_the_floor(built):
    reference, quant = SAMPLED["f16"], SAMPLED["flips"]
    floor = np.mean(
        [[abs(row[i] - row[j]) for i in range(4) for j in range(i)] for row in reference]
    )
    volume = np.mean(
        [[abs(a - b) for a in row for b in other] for row, other in zip(quant, reference)]
    )
    rows = query(
        built,
        "select prompts, volume_floor, volume, excess, reason from stat_reference_floor where"
        " quant_id = 'flips' and benchmark_id = 'sampled'",
    )
    assert rows == [
        (40, pytest.approx(floor), pytest.approx(volume), pytest.approx(volume - floor), None)
    ]
    single = query(
        built,
        "select distinct volume_floor, reason from stat_reference_floor where benchmark_id <>"
        " 'sampled'",
    )
    assert single == [(None, "the reference has one answer to each prompt: no floor is known")]


def test_what_is_not_compared_is_listed_with_its_reason(built):
    rows = query(
        built,
        "select quant_id, benchmark_id, answered_by, reason, count(*) from fct_unpaired group by"
        " all order by all",
    )
    task = query(built, "select benchmark_id from fct_disagreements where quant_id = 'loses'")[0][0]
    other = " was given another text for it: --match item at both imports pairs by item and"
    assert [row[2:] for row in rows if row[0] == "loses"] == [
        ("quant", f"the reference{other} expected answer", 1),
        ("reference", "the quant did not answer it", 1),
        ("reference", f"the quant{other} expected answer", 1),
    ]
    assert [row[1:] for row in rows if row[0] == "shots"] == [
        (task, "quant", "harness facts differ: num_fewshot", 6)
    ]
    assert [row[3] for row in rows if row[0] == "flips"] == [
        "the reference has no run of this benchmark"
    ]
    shown = qwh("show", "unpaired", "--wide", "--warehouse", built)
    assert shown.exit_code == 0 and "harness facts differ: num_fewshot" in shown.stdout


def test_attempts_are_kept_and_averaged(built):
    attempts = query(
        built,
        "select max(attempt) + 1, count(*) from stg_samples join stg_runs using (run_id) where"
        " source_format = 'livecodebench'",
    )
    [(score, prompts, total)] = query(
        built,
        "select score, prompts, attempts from fct_scores join (select distinct benchmark_id from"
        " stg_runs where source_format = 'livecodebench') using (benchmark_id)",
    )
    assert attempts[0][0] == 2 and total == attempts[0][1] > prompts and 0 < score < 1


def test_the_run_says_where_it_comes_from(built):
    rows = query(
        built,
        "select distinct source_format, source_name, harness from stg_runs where quant_id = 'flips'"
        " and source_format <> 'generic' order by 1",
    )
    assert [row[0] for row in rows] == ["livecodebench", "lm-eval"] and json.loads(rows[0][2])[
        "timeout"
    ] == "6"


def test_the_same_again_is_nothing_to_do(built):
    before = len(Store(built).runs())
    again = ingest(
        built, "livecodebench", LIVECODEBENCH, "--quant-id", "flips", "--fact", "timeout=6"
    )
    assert (
        again.exit_code == 0
        and "nothing to do" in again.stderr
        and len(Store(built).runs()) == before
    )


@pytest.mark.parametrize(
    "path, kind",
    [
        (LM_EVAL, "lm-eval"),
        (LIVECODEBENCH, "livecodebench"),
        (EVALPLUS, "evalplus"),
        (INSPECT / "whole.eval", "inspect"),
        (INSPECT / "plain.json", "inspect"),
        (LIGHTEVAL, "lighteval"),
        (HELM, "helm"),
    ],
)
def test_auto_says_what_it_recognised(tmp_path, path, kind):
    done = ingest(tmp_path / "w", "auto", path, "--quant-id", "q")
    assert (
        done.exit_code == 0
        and done.stderr.splitlines()[0] == f"{path}: {kind}"
        and "complete" in done.stdout
    )
    dry = ingest(tmp_path / "dry", kind, path, "--quant-id", "q", "--dry-run")
    assert (
        dry.exit_code == 0
        and dry.stdout == done.stdout
        and "a dry run: nothing was stored" in dry.stderr
        and not (tmp_path / "dry").exists()
    )


def test_a_crashed_run_is_partial(tmp_path):
    done = ingest(tmp_path, "inspect", INSPECT / "crashed.eval", "--quant-id", "q")
    assert done.exit_code == 0 and "partial" in done.stdout
    assert [run.status for run in Store(tmp_path).runs()] == ["partial"]


def test_refusals(tmp_path):
    refused(
        ingest(tmp_path, "auto", __file__, "--quant-id", "q"),
        ExitCode.BAD_INPUT,
        "cannot tell what",
        "lm-eval",
    )
    refused(
        ingest(tmp_path, "lm-eval", tmp_path / "none.jsonl", "--quant-id", "q"),
        ExitCode.NOT_FOUND,
        "none.jsonl",
    )
    refused(
        ingest(tmp_path, "livecodebench", LIVECODEBENCH, "--quant-id", "q", "--fact", "timeout"),
        ExitCode.USAGE,
        "NAME=VALUE",
    )
    (tmp_path / "cut.json").write_bytes(EVALPLUS.read_bytes()[:500])
    refused(
        ingest(tmp_path, "evalplus", tmp_path / "cut.json", "--quant-id", "q"),
        ExitCode.BAD_INPUT,
        "cut.json",
    )
    nothing_left(tmp_path)


def test_one_reference_only(tmp_path):
    assert (
        ingest(tmp_path, "evalplus", EVALPLUS, "--quant-id", "f16", "--is-reference").exit_code == 0
    )
    refused(
        ingest(tmp_path, "livecodebench", LIVECODEBENCH, "--quant-id", "bf16", "--is-reference"),
        ExitCode.MISMATCH,
        "already has the reference f16",
    )
    refused(
        ingest(tmp_path, "livecodebench", LIVECODEBENCH, "--quant-id", "f16"),
        ExitCode.MISMATCH,
        "--is-reference",
    )


ROWS = [
    ("a", "1+1?", "2", True),
    ("b", "2+2?", "5", False),
    ("c", "3+3?", "6", True),
    ("c", "3+3?", "7", False),
]


def table(folder: Path, suffix: str) -> Path:
    import polars as pl

    frame = pl.DataFrame(ROWS, schema=["task", "question", "said", "passed"], orient="row")
    path = folder / f"quiz.{suffix}"
    {"parquet": frame.write_parquet, "csv": frame.write_csv, "jsonl": frame.write_ndjson}[suffix](
        path
    )
    return path


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_any_table_of_answers(tmp_path, suffix):
    done = ingest(
        tmp_path / "w",
        "generic",
        table(tmp_path, suffix),
        "--map",
        "item=task",
        "--map",
        "prompt=question",
        "--map",
        "answer=said",
        "--map",
        "score=passed",
        "--rows",
        "attempts",
        "--quant-id",
        "q",
    )
    assert done.exit_code == 0, done.stderr
    assert qwh("build", "--warehouse", tmp_path / "w").exit_code == 0
    assert query(
        tmp_path / "w", "select benchmark_id, score, prompts, attempts from fct_scores"
    ) == [("quiz", 0.5, 3, 4)]
    assert query(
        tmp_path / "w",
        "select item, prompt, answer, score from stg_samples join stg_prompts using (run_id,"
        " prompt_id) where attempt = 1",
    ) == [("c", "3+3?", "7", 0.0)]


def test_generic_names_what_is_wrong(tmp_path):
    path = table(tmp_path, "csv")

    def generic(file, *maps):
        return ingest(
            tmp_path / "w",
            "generic",
            file,
            *(part for each in maps for part in ("--map", each)),
            "--quant-id",
            "q",
        )

    refused(
        generic(path, "item=task", "score=nope"),
        ExitCode.BAD_INPUT,
        "there is no nope",
        "task, question, said, passed",
    )
    refused(generic(path, "item=task"), ExitCode.BAD_INPUT, "map score")
    refused(
        generic(path, "item=task", "score=question"),
        ExitCode.BAD_INPUT,
        '"1+1?" is no score',
    )
    refused(generic(tmp_path / "none.csv", "item=a", "score=b"), ExitCode.NOT_FOUND, "none.csv")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1" + bytes(50))
    refused(
        generic(tmp_path / "bad.parquet", "item=a", "score=b"), ExitCode.BAD_INPUT, "bad.parquet"
    )
    (tmp_path / "bad.jsonl").write_text('{"a": 1, "b": 2}\n{"a": ')
    refused(generic(tmp_path / "bad.jsonl", "item=a", "score=b"), ExitCode.BAD_INPUT, "bad.jsonl")
    nothing_left(tmp_path / "w")
