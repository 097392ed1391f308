"""Logs as people have them, through the command line: every run under its name, or a reason."""

import re
from pathlib import Path

import pytest
from conftest import qwh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_files import FIXTURES, summaries
from plain_runs import CASES, figures, rows
from test_bad_input import refused
from test_log_llama import KLD_LOG

from qwh.errors import ExitCode, QwhError
from qwh.ingest.readers import llama_log
from qwh.raw.store import Store

LOGS = CASES / "quant"
KLD = (FIXTURES / "kld.log").read_text()
COMMAND = "+ llama-perplexity -m tiny-Q4_0.gguf -f wiki.test.raw"


def ingest(warehouse: Path, path: Path, *more: object, kind: str = "llama-log"):
    return qwh("ingest", kind, path, "--cohort", "m", "--warehouse", warehouse, *more)


def ppl(warehouse: Path) -> dict[str, tuple[float, float | None]]:
    """quant -> its perplexity and the error, where there is nothing else."""
    assert all(set(metrics) == {"ppl"} for metrics in figures(warehouse).values())
    return {quant: metrics["ppl"] for quant, metrics in figures(warehouse).items()}


def is_kld_log(warehouse: Path) -> bool:
    """Whether the one run has the 34 statistics and 60 chunk values of kld.log, and no more."""
    [run] = Store(warehouse).runs()
    chunks = rows(warehouse, "chunk_summaries", run)
    return figures(warehouse) == {"q": KLD_LOG} and len(chunks) == 60 and run.status == "complete"


@pytest.mark.parametrize("kind", ["llama-log", "auto"])
@pytest.mark.parametrize(
    "name", ["12-compose.log", "13-timestamps.log", "17-erase-line.log", "21-packed.log.gz"]
)
def test_any_wrapping_gives_the_same_numbers(tmp_path, name, kind):
    done = ingest(tmp_path, LOGS / name, "--quant-id", "q", kind=kind)
    assert done.exit_code == 0 and "left out" not in done.stderr, done.stderr
    assert is_kld_log(tmp_path)


PREFIXES = {
    "journald": "Mar 01 11:22:00 host llama[4711]: ",
    "quote": "> ",
    "quoted twice": ">> > ",
    "kubectl": "[pod/llama-0/perplexity] ",
    "actions": "job\tstep\t2026-03-01T11:22:00.1234567Z ",
    "grep": "logs/kld.log:",
    "numbered": "  12\t",
    "numbered grep": "117:",
    "ts": "[2026-03-01 11:22:00] ",
    "parallel": "Q4_0\t",
    "bars": "│ ",
}
CONTROLS = {
    "osc": "\x1b]0;title\x07",
    "link": "\x1b]8;;https://a.example/1\x1b\\",
    "cursor": "\x1b[2K\x1b[1G\x1b[?25l",
    "8 bit": "\x9b1;32m",
    "charset": "\x1b(B\x1b[m",
    "caret": "^[[32m",
    "lost escape": "[0m",
    "spelled": "\\u001b[0K",
}


@pytest.mark.parametrize("wrapping", [*PREFIXES, *CONTROLS])
def test_other_wrappings(tmp_path, wrapping):
    before = PREFIXES.get(wrapping) or CONTROLS[wrapping]
    behind = CONTROLS.get(wrapping, "")
    (tmp_path / "a.log").write_text(
        "".join(f"{before}{line}{behind}\n" for line in KLD.splitlines())
    )
    (found,) = summaries(tmp_path / "a.log")
    (whole,) = summaries(FIXTURES / "kld.log")
    assert (found.statistics, found.chunks, found.left_out) == (whole.statistics, whole.chunks, {})


def test_docker_s_and_journald_s_json(tmp_path):
    import json

    (whole,) = summaries(FIXTURES / "kld.log")
    for key, end in (("log", "\n"), ("MESSAGE", "")):
        (tmp_path / "a.json").write_text(
            "\n".join(json.dumps({key: line + end, "n": 1}) for line in KLD.splitlines())
        )
        (found,) = summaries(tmp_path / "a.json")
        assert (found.statistics, found.chunks) == (whole.statistics, whole.chunks), key


def test_two_containers_in_one_log_stay_apart(tmp_path):
    """Lines of two runs that ran at once, turn by turn."""
    first, second = (
        (FIXTURES / "loop.log").read_text().split("+ llama-perplexity")[index].splitlines()
        for index in (1, 2)
    )
    lines = []
    for a, b in zip(["+ llama-perplexity" + first[0], *first[1:]], second, strict=False):
        lines += [f"q8-1  | {a}", f"q4-1  | {'+ llama-perplexity' * (b is second[0])}{b}"]
    (tmp_path / "a.log").write_text("\n".join(lines))
    whole = summaries(FIXTURES / "loop.log")
    found = summaries(tmp_path / "a.log")
    assert [run.quant_name for run in found] == ["tiny-Q8_0", "tiny-Q4_K_M"]
    assert [run.statistics for run in found] == [run.statistics for run in whole[:2]]


def test_settings_tell_runs_of_one_model_apart(tmp_path):
    assert ingest(tmp_path, LOGS / "11-kv-cache.log").exit_code == 0
    assert ppl(tmp_path) == {
        "tiny-Q4_0 -ctk f16 -ctv f16": (1.2056, 0.02951),
        "tiny-Q4_0 -ctk q8_0 -ctv q8_0": (1.2061, 0.02953),
        "tiny-Q4_0 -ctk q4_0 -ctv q4_0": (1.2133, 0.02990),
    }
    again = ingest(tmp_path, LOGS / "11-kv-cache.log")
    assert again.exit_code == 0 and again.stderr.count("already in the warehouse") == 3


def three(*options: str) -> str:
    """The three runs of 11-kv-cache.log with commands of other options."""
    runs = (LOGS / "11-kv-cache.log").read_text().split("+ ./bin/llama-perplexity")[1:]
    return "".join(
        f"{COMMAND} {given}\n{run.partition(chr(10))[2]}" for given, run in zip(options, runs)
    )


def test_what_settings_are_and_what_is_none(tmp_path):
    (tmp_path / "a.log").write_text(three("-ub 64 -b 9", "--ubatch-size 128 -b 9", "-b 9"))
    names = [run.quant_name for run in summaries(tmp_path / "a.log")]
    assert names == ["tiny-Q4_0 -ub 64", "tiny-Q4_0 -ub 128", "tiny-Q4_0"]
    (run,) = (LOGS / "11-kv-cache.log").read_text().split("+ ./bin")[1:2]
    same = [f"{COMMAND} -fa {given}\n{run.partition(chr(10))[2]}" for given in ("on", "off", "on")]
    (tmp_path / "same.log").write_text("".join(same))  # equal numbers under other settings
    names = [run.quant_name for run in summaries(tmp_path / "same.log")]
    assert names == ["tiny-Q4_0 -fa on", "tiny-Q4_0 -fa off"]
    (tmp_path / "b.log").write_text(three("-v --log-file a", "-v --log-file b", "--log-file c"))
    refused(
        ingest(tmp_path / "w", tmp_path / "b.log"),
        ExitCode.MISMATCH,
        "3 runs of tiny-Q4_0 on wiki.test",
        "in a file of its own",
    )
    assert Store(tmp_path / "w").runs() == []


def test_chunks_and_bases_are_no_settings(tmp_path):
    other = three("", "--chunks 9").replace("over 12 chunks", "over 9 chunks", 1)
    (tmp_path / "a.log").write_text(other)
    refused(ingest(tmp_path / "w", tmp_path / "a.log"), ExitCode.MISMATCH, "of 9 chunks", "12")
    pair = [
        f"+ llama-perplexity -m q.gguf --kl-divergence --kl-divergence-base {base}.dat\n{log}"
        for base, log in (("one", KLD), ("two", KLD.replace("0.000119", "0.000120")))
    ]
    (tmp_path / "b.log").write_text("".join(pair))
    refused(ingest(tmp_path / "w", tmp_path / "b.log"), ExitCode.MISMATCH, "one.dat", "two.dat")


def test_a_quant_s_perplexity_is_in_its_comparison(tmp_path):
    """A script that runs both for each quant: one run, and the other is named."""
    both = (FIXTURES / "perplexity.log").read_text(), KLD
    (tmp_path / "a.log").write_text("".join(f"{COMMAND}\n{text}" for text in both))
    done = ingest(tmp_path / "w", tmp_path / "a.log")
    assert done.exit_code == 0 and "among the statistics" in done.stderr
    assert figures(tmp_path / "w") == {"tiny-Q4_0": KLD_LOG}


@pytest.mark.parametrize("kind", ["llama-log", "auto", "table"])
@pytest.mark.parametrize(
    "name, words",
    [
        ("14-imatrix.log", ["llama-imatrix", "calibration"]),
        ("15-hellaswag.log", ["HellaSwag scores", "no perplexity or KLD"]),
        ("20-model-card.md", ["model card", "as a table"]),
        ("22-notebook.ipynb", ["a notebook", "save the cell's output as text"]),
    ],
)
def test_refused_for_what_it_is(tmp_path, name, words, kind):
    done = ingest(tmp_path, LOGS / name, "--quant-id", "q", kind=kind)
    assert done.exit_code == ExitCode.BAD_INPUT and Store(tmp_path).runs() == []
    assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize("name", ["winogrande", "multiple_choice"])
def test_other_choices(tmp_path, name):
    text = (LOGS / "15-hellaswag.log").read_text().replace("hellaswag_score", f"{name}_score")
    (tmp_path / "a.log").write_text(text)
    done = ingest(tmp_path / "w", tmp_path / "a.log", "--quant-id", "q")
    assert "no perplexity or KLD" in done.stderr and done.exit_code == ExitCode.BAD_INPUT


@pytest.mark.parametrize("stdout_alone", [False, True])
def test_a_calibration_between_two_runs(tmp_path, stdout_alone):
    first, second, _ = (FIXTURES / "loop.log").read_text().split("+ llama-perplexity")[1:]
    between = (LOGS / "14-imatrix.log").read_text()
    if stdout_alone:  # no command and no loader line
        between = re.sub(r"^(\$|llama_model).*\n", "", between, flags=re.M)
    runs = (f"+ llama-perplexity{first}", between, f"+ llama-perplexity{second}")
    (tmp_path / "a.log").write_text("".join(runs))
    done = ingest(tmp_path / "w", tmp_path / "a.log")
    assert done.exit_code == 0 and "llama-imatrix is not taken" in done.stderr
    whole = summaries(FIXTURES / "loop.log")[:2]
    assert figures(tmp_path / "w") == {
        run.quant_name: {row.metric: (row.value, row.standard_error) for row in run.statistics}
        for run in whole
    }


def test_the_program_s_own_words(tmp_path):
    done = ingest(tmp_path, LOGS / "16-text-too-short.log", kind="auto")
    refused_words = ("at least 1024 tokens", "tokenizes to only 18 tokens")
    assert done.exit_code == ExitCode.BAD_INPUT
    assert all(word in done.stderr for word in refused_words)
    for words in (
        "llama_model_load: error loading model: tensor 'blk.9' data is not within the file bounds",
        "0.01.234.567 E ggml_backend_cuda: allocating 8 MiB: cudaMalloc failed: out of memory",
        "common_init_from_params: failed to load model 'q.gguf'",
        "run.sh: line 3: 4711 Killed llama-perplexity -m q.gguf -f wiki",
        "error: invalid argument: --foo",
    ):
        (tmp_path / "a.log").write_text(f"+ llama-perplexity -m q.gguf -f wiki\n{words}\n")
        done = ingest(tmp_path / "w", tmp_path / "a.log")
        assert words[words.index("E ") + 2 if " E " in words else 0 :] in done.stderr
        assert done.exit_code == ExitCode.BAD_INPUT and "gave up" in done.stderr


def test_a_run_that_failed_among_others_is_named(tmp_path):
    failed = "+ llama-perplexity -m b.gguf\ncommon_init: failed to load model 'b.gguf'\n"
    (tmp_path / "a.log").write_text(failed + (FIXTURES / "loop.log").read_text())
    done = ingest(tmp_path / "w", tmp_path / "a.log")
    assert done.exit_code == 0 and len(Store(tmp_path / "w").runs()) == 3
    assert "the run of b is not taken" in done.stderr and "failed to load model" in done.stderr


def test_a_shell_variable_is_no_name(tmp_path):
    path = LOGS / "18-shell-variable.log"
    refused(ingest(tmp_path, path), ExitCode.USAGE, "--quant-id")
    assert ingest(tmp_path, path, "--quant-id", "q4").exit_code == 0
    [run] = Store(tmp_path).runs()
    assert ppl(tmp_path) == {"q4": (1.2056, 0.02951)} and run.corpus_id == "wiki.test"


@pytest.mark.parametrize(
    "given, name",
    [
        ('-m "$DIR/tiny-Q4_0.gguf"', "tiny-Q4_0"),
        ("-m models/$q.gguf", None),
        ("--model=${m}-Q4_0.gguf", None),
        ("-m 'C:\\my models\\tiny Q4.gguf'", "tiny Q4"),
        ("-hf lab/tiny-GGUF:Q4_0", "tiny-GGUF:Q4_0"),
        ("--hf-repo lab/tiny-GGUF --hf-file tiny-Q4_0-00001-of-00002.gguf", "tiny-Q4_0"),
        ("-hf $repo", None),
        ('-m "$(ls *.gguf)"', None),
        ("-m %MODEL%", None),
        ("-m {}.gguf", None),
        ("-mu https://a.example/lab/tiny-Q4_0.gguf", "tiny-Q4_0"),
        ("\\\n  -m tiny-Q4_0.gguf \\\n  -c 128", "tiny-Q4_0"),
    ],
)
def test_names_out_of_commands(tmp_path, given, name):
    text = (FIXTURES / "perplexity.log").read_text()
    (tmp_path / "a.log").write_text(f"$ ./llama-perplexity {given}  -f wiki.test.raw\n{text}")
    (found,) = summaries(tmp_path / "a.log")
    assert (found.quant_name, found.corpus_id) == (name, "wiki.test")


def test_names_out_of_hugging_face(tmp_path):
    assert ingest(tmp_path, LOGS / "19-hf.log", kind="auto").exit_code == 0
    assert ppl(tmp_path) == {
        "tiny-it-GGUF:Q8_0": (1.2058, 0.02967),
        "tiny-it-GGUF:Q4_K_M": (1.2059, 0.02958),
    }


def test_a_page_about_the_program_is_no_log(tmp_path):
    for path in (FIXTURES / "README.md", LOGS / "20-model-card.md"):
        done = ingest(tmp_path, path, "--quant-id", "q", kind="auto")
        assert done.exit_code == ExitCode.BAD_INPUT and ": llama-log" not in done.stderr


def test_a_command_on_a_page_names_no_result(tmp_path):
    """A model card that shows how the reference was measured, and then the quants' results."""
    command = "`./llama-perplexity -m tiny-BF16.gguf -f wiki.test.raw`\n\n"
    final = "* Q8_0\n  Final estimate: PPL = 8.9694 +/- 0.07081\n"
    (tmp_path / "card.md").write_text(command + final)
    for kind in ("auto", "llama-log"):
        done = ingest(tmp_path / "w", tmp_path / "card.md", kind=kind)
        refused(done, ExitCode.BAD_INPUT, "model card")
    (tmp_path / "block.md").write_text(command + KLD[KLD.index("====") :])
    done = ingest(tmp_path / "w", tmp_path / "block.md")
    refused(done, ExitCode.USAGE, "--quant-id")


def test_a_folder_of_logs(tmp_path):
    logs = tmp_path / "logs"
    (logs / "below").mkdir(parents=True)
    runs = (FIXTURES / "loop.log").read_text().split("+ llama-perplexity")[1:]
    for name, run in zip(("a.log", "b.txt", "below/c.log"), runs):
        (logs / name).write_text(f"+ llama-perplexity{run}")
    (logs / "below" / "a-copy.log").write_text(f"+ llama-perplexity{runs[0]}")
    (logs / "notes.txt").write_text("nothing\n")
    (logs / "short.log").write_text((LOGS / "16-text-too-short.log").read_text())
    done = ingest(tmp_path / "w", logs, kind="auto")
    assert done.exit_code == 0, done.stderr
    assert "short.log is not taken" in done.stderr and "18 tokens" in done.stderr
    assert figures(tmp_path / "w") == {
        run.quant_name: {row.metric: (row.value, row.standard_error) for row in run.statistics}
        for run in summaries(FIXTURES / "loop.log")
    }
    other = runs[0].replace("1.205845", "1.305845")
    (logs / "other.log").write_text(f"+ llama-perplexity{other}")
    done = ingest(tmp_path / "v", logs)
    assert done.exit_code == ExitCode.MISMATCH and Store(tmp_path / "v").runs() == []
    assert "2 runs of tiny-Q8_0" in done.stderr and "(a.log, other.log)" in done.stderr


def test_a_folder_without_logs(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.txt").write_text("nothing\n")
    done = ingest(tmp_path / "w", tmp_path / "logs")
    refused(done, ExitCode.BAD_INPUT, "no log of llama-perplexity")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\r\n\x0b\x0c\x85\u2028\u2029"), max_size=30
    ),
    st.sampled_from(["kld.log", "perplexity.log", "loop.log", "january-2024.log"]),
)
def test_whatever_stands_before_the_lines_no_number_is_another(tmp_path, before, name):
    """Any prefix that is the same before all lines: the same numbers, fewer, or a refusal."""
    whole = summaries(FIXTURES / name)
    text = (FIXTURES / name).read_text()
    path = tmp_path / "prefixed.log"
    path.write_bytes("".join(f"{before}{line}\n" for line in text.splitlines()).encode())
    try:
        found = [run for run in llama_log.read(path, {}) if hasattr(run, "statistics")]
    except QwhError:
        return
    known = {row for run in whole for row in run.statistics}
    chunks = {row for run in whole for row in run.chunks}
    for run in found:
        assert set(run.statistics) <= known and set(run.chunks) <= chunks
        assert run.partial or run.left_out or run.statistics in [one.statistics for one in whole]
