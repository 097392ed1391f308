"""Logs, tables and hipfire's files in the warehouse: beside token rows, never among them."""

from pathlib import Path

from conftest import query, qwh
from log_files import FIXTURES, reference_file, result_file
from test_bad_input import refused

from qwh.errors import ExitCode
from qwh.raw.store import Store


def ingest(warehouse: Path, kind: str, path: Path, *more: object, cohort: str = "c"):
    return qwh("ingest", kind, path, "--cohort", cohort, "--warehouse", warehouse, *more)


def test_summaries_stand_beside_one_another(tmp_path):
    warehouse = tmp_path / "w"
    done = [
        ingest(
            warehouse,
            "llama-log",
            FIXTURES / "kld.log",
            "--quant-id",
            "Q4_K_M",
            "--corpus-id",
            "prose",
        ),
        ingest(
            warehouse,
            "auto",
            FIXTURES / "table.csv",
            "--corpus-id",
            "prose",
            "--context-length",
            128,
        ),
        ingest(warehouse, "qbench", FIXTURES / "qbench.json", cohort="exl"),
    ]
    assert all(run.exit_code == 0 for run in done), [run.stderr for run in done]
    assert (
        "nothing to do"
        in ingest(warehouse, "qbench", FIXTURES / "qbench.json", cohort="exl").stderr
    )
    build = qwh("build", "--warehouse", warehouse)
    assert build.exit_code == 0, build.stderr
    rows = query(
        warehouse,
        "select quant_id, estimator, value, standard_error, standard_error_iid from fct_fidelity"
        " where metric = 'kld_mean' and cohort_id = 'c' order by 1, 2",
    )
    assert rows == [
        ("Q3_K_M", "table", 0.041, None, 0.0009),
        ("Q4_K_M", "llama-log", 0.000119, None, 0.000015),
        ("Q4_K_M", "table", 0.01237, None, 0.00021),
        ("Q8_0", "table", 0.000412, None, 0.000009),
    ]
    [(chunks, text, n)] = query(
        warehouse,
        "select count(distinct chunk), any_value(corpus_id), any_value(context_length) from"
        " stg_chunk_summaries join stg_runs using (run_id) where source_format = 'llama-log'",
    )
    assert chunks > 1 and (text, n) == ("prose", 128)


def test_a_log_that_lost_its_end_is_partial(tmp_path):
    done = ingest(tmp_path, "llama-log", FIXTURES / "lost-end.log", "--quant-id", "q")
    assert done.exit_code == 0 and "partial" in done.stdout
    [run] = Store(tmp_path).runs()
    assert run.status == "partial"


def test_hipfire(tmp_path):
    (tmp_path / "r.kldref.bin").write_bytes(reference_file())
    (tmp_path / "q.kldseq").write_bytes(result_file())
    assert (
        ingest(
            tmp_path / "w",
            "hfkldr",
            tmp_path / "r.kldref.bin",
            "--quant-id",
            "f16",
            "--corpus-id",
            "wiki",
        ).exit_code
        == 0
    )
    assert (
        ingest(
            tmp_path / "w", "auto", tmp_path / "q.kldseq", "--quant-id", "q", "--corpus-id", "wiki"
        ).exit_code
        == 0
    )
    build = qwh("build", "--warehouse", tmp_path / "w")
    assert build.exit_code == 0, build.stderr
    assert query(
        tmp_path / "w",
        "select count(*), count(nll_ref) > 0, min(len(topk_ids)) from stg_reference_tokens",
    ) == [(6, True, 4)]
    assert (
        query(tmp_path / "w", "select metric, value from stg_summaries order by 1")[0][0]
        == "kld_lumped_mean"
    )
    assert query(tmp_path / "w", "select count(*) from fct_fidelity where metric = 'kld_mean'") == [
        (0,)
    ]


def test_refusals(tmp_path):
    (tmp_path / "log.txt").write_text("hello\n")
    refused(
        ingest(tmp_path / "w", "llama-log", tmp_path / "log.txt", "--quant-id", "q"),
        ExitCode.BAD_INPUT,
        "log.txt",
    )
    refused(
        ingest(tmp_path / "w", "table", FIXTURES / "table.csv", "--quant-id", "one"),
        ExitCode.USAGE,
        "3 quants",
        "--quant-id",
    )
    refused(
        ingest(tmp_path / "w", "hfkldr", tmp_path / "log.txt", "--quant-id", "q"),
        ExitCode.BAD_INPUT,
        "HFKSEQ",
    )
