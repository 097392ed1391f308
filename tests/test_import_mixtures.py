"""Logs that must not become one measurement: two texts, two bases, a cut rerun."""

import re
from pathlib import Path

import pytest
from conftest import query, qwh
from test_bad_input import refused

from qwh.errors import ExitCode
from qwh.raw.store import Store

KLD = (Path(__file__).parent / "fixtures" / "printed" / "kld.log").read_text()


def log(path: Path, base: float = 1.205758, chunks: int = 12, kld: float = 0.000115) -> Path:
    """kld.log with another PPL(base), header or mean KLD."""
    text = re.sub(r"(Mean PPL\(base\) +:) +1\.205758", rf"\1 {base:>10.6f}", KLD)
    text = text.replace("over 12 chunks", f"over {chunks} chunks")
    text, count = re.subn(r"(Mean +KLD: +)[0-9.]+", rf"\g<1>{kld:.6f}", text)
    assert count == 1
    path.write_text(text)
    return path


def bring(warehouse: Path, path: Path, quant: str, *more: object):
    """`qwh ingest llama-log`, as people first type it."""
    given = ("--cohort", "c", "--quant-id", quant, "--warehouse", warehouse)
    return qwh("ingest", "llama-log", path, *given, *more)


@pytest.mark.parametrize(
    "other, words",
    [({"base": 4.77}, "PPL(base)"), ({"chunks": 40}, "12 chunks there, 40 here")],
)
@pytest.mark.parametrize("quant", ["Q8_0", "Q4_K_M"])
@pytest.mark.parametrize("text", [(), ("--corpus-id", "wiki")])
def test_another_text_under_one_name_is_refused(tmp_path, other, words, quant, text):
    assert bring(tmp_path / "w", log(tmp_path / "one.log"), "Q8_0", *text).exit_code == 0
    second = log(tmp_path / "two.log", **other)
    done = bring(tmp_path / "w", second, quant, *text)
    refused(done, ExitCode.MISMATCH, words, "one.log", "two.log", "--corpus-id")
    assert len(Store(tmp_path / "w").runs()) == 1
    named = bring(tmp_path / "w", second, quant, "--corpus-id", "tasks")
    assert named.exit_code == 0 and len(Store(tmp_path / "w").runs()) == 2


def test_a_cut_rerun_does_not_replace_a_whole_run(tmp_path):
    whole = log(tmp_path / "whole.log", kld=0.001778)
    first = bring(tmp_path / "w", whole, "Q5_0")
    cut = tmp_path / "cut.log"
    cut.write_text(whole.read_text()[: whole.read_text().index("Mean    KLD")])
    again = bring(tmp_path / "w", cut, "Q5_0")
    assert again.exit_code == 0 and "partial" in again.stdout
    assert f"run {first.stdout.split()[0]} of whole.log is whole and still counts" in again.stderr
    assert qwh("build", "--warehouse", tmp_path / "w").exit_code == 0
    klds = "select value, status from fct_fidelity where metric = 'kld_mean'"
    assert query(tmp_path / "w", klds) == [(0.001778, "complete")]


def test_other_settings_of_one_quant_are_not_a_rerun(tmp_path):
    paths = [log(tmp_path / "one.log"), log(tmp_path / "two.log", kld=0.000375)]
    for path, kind in zip(paths, ("f16", "q8_0")):
        command = f"+ llama-perplexity -m Q8_0.gguf -f wiki.raw --kl-divergence -ctk {kind}\n"
        path.write_text(command + path.read_text())
    assert bring(tmp_path / "w", paths[0], "Q8_0").exit_code == 0
    done = bring(tmp_path / "w", paths[1], "Q8_0")
    refused(done, ExitCode.MISMATCH, "q8_0", "f16", "one.log", "--quant-id")
    assert bring(tmp_path / "w", paths[1], "Q8_0-ctk-q8_0").exit_code == 0


def test_the_files_of_a_folder_are_named_by_their_paths(tmp_path):
    for name in ("Q8_0", "Q4_K_M"):
        (tmp_path / "logs" / name).mkdir(parents=True)
        log(tmp_path / "logs" / name / "run.log")
    done = qwh(
        *("ingest", "llama-log", tmp_path / "logs", "--quant-from", "logs/{quant}/run.log"),
        *("--cohort", "c", "--warehouse", tmp_path / "w"),
    )
    assert done.exit_code == 0, done.stderr
    assert [run.quant_id for run in Store(tmp_path / "w").runs()] == ["Q4_K_M", "Q8_0"]


def test_the_base_tells_two_measurements_apart(tmp_path):
    paths = [log(tmp_path / "one.log"), log(tmp_path / "two.log", kld=0.000375)]
    for path, base in zip(paths, ("bf16.kld", "q8.kld")):
        command = f"+ llama-perplexity -m Q4.gguf --kl-divergence-base a/{base} --kl-divergence\n"
        path.write_text(command + path.read_text())
    assert bring(tmp_path / "w", paths[0], "Q4").exit_code == 0
    refused(bring(tmp_path / "w", paths[1], "Q4"), ExitCode.MISMATCH, "bf16.kld", "q8.kld")


def test_nothing_is_stored_where_two_files_of_a_command_do_not_mix(tmp_path):
    for text, base in (("wiki", 1.205758), ("code", 4.77)):
        (tmp_path / text).mkdir()
        for quant in ("Q2_K", "Q8_0"):
            log(tmp_path / text / f"{quant}.log", base=base)
    paths = [tmp_path / "wiki" / f"{quant}.log" for quant in ("Q2_K", "Q8_0")]
    given = ("--quant-from", "{quant}.log", "--cohort", "c", "--warehouse", tmp_path / "w")
    done = qwh("ingest", "llama-log", *paths, tmp_path / "code" / "Q2_K.log", *given)
    refused(done, ExitCode.MISMATCH, "PPL(base)", "wiki/Q2_K.log", "code/Q2_K.log", "--corpus-id")
    assert Store(tmp_path / "w").runs() == []


def test_the_better_of_two_cut_runs_counts(tmp_path):
    whole = log(tmp_path / "whole.log").read_text()
    for name, end in (("better", "Maximum KLD"), ("worse", "====== Perplexity")):
        (tmp_path / f"{name}.log").write_text(whole[: whole.index(end)])
    first = bring(tmp_path / "w", tmp_path / "better.log", "q")
    again = bring(tmp_path / "w", tmp_path / "worse.log", "q")
    assert first.exit_code == again.exit_code == 0
    assert "better.log is fuller and still counts" in again.stderr
    assert qwh("build", "--warehouse", tmp_path / "w").exit_code == 0
    klds = "select value, status from fct_fidelity where metric = 'kld_mean'"
    assert query(tmp_path / "w", klds) == [(0.000115, "partial")]


def test_decimal_commas_of_a_log_are_named(tmp_path):
    path = tmp_path / "german.log"
    path.write_text(re.sub(r"(\d)\.(\d{2,6})", r"\1,\2", KLD))
    refused(bring(tmp_path / "w", path, "q"), ExitCode.BAD_INPUT, "decimal commas", "LC_ALL=C")
