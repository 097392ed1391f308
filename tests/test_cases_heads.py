"""Files whose first bytes are odd: a byte order mark, no text at all, another encoding."""

import shutil
from pathlib import Path

import pytest
from conftest import qwh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tool_files import ANSWERS, WRITERS

from qwh.errors import ExitCode
from qwh.ingest.readers import registry
from qwh.ingest.readers.registry import KINDS

FIXTURES = Path(__file__).parent / "fixtures"
CASES, HARNESS, PRINTED = FIXTURES / "cases", FIXTURES / "harness", FIXTURES / "printed"
BOM = b"\xef\xbb\xbf"
GIVEN = {  # what is read -> a file or a folder
    "lm-eval": HARNESS / "lm-eval" / "dummy__one",
    "lm-eval array": CASES / "08-lm-eval-before-0.4.3/array/q4",
    "lm-eval repeats": CASES / "21-lm-eval-repeats/q4",
    "evalplus": HARNESS / "evalplus",
    "helm": CASES / "05-helm-two-metric-classes/q4",
    "openai-evals": CASES / "18-openai-evals/q4.jsonl",
    "promptfoo": CASES / "19-promptfoo-csv/q4.csv",
    "multipl-e": CASES / "24-a-file-per-problem/q4",
    "prompt-logprobs": PRINTED / "vllm.jsonl",
    "prompt-logprobs document": PRINTED / "sglang.json",
    "qbench": PRINTED / "qbench.json",
    "table": PRINTED / "table.csv",
    "llama-log": PRINTED / "kld.log",
}


def load(warehouse: Path, kind: str, path: Path, *more: object):
    return qwh("ingest", kind, path, "--cohort", "m", "--warehouse", warehouse, *more)


def stored(done) -> list[str]:
    """What a command says of its runs, but for their ids."""
    assert done.exit_code == 0, done.stderr
    return sorted(line.partition("  ")[2] for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", [*GIVEN, *WRITERS])
def test_a_byte_order_mark_changes_nothing(tmp_path, name):
    whole = tmp_path / "plain"
    if name in WRITERS:
        WRITERS[name](whole, "base", ANSWERS["base"])
    elif GIVEN[name].is_dir():
        shutil.copytree(GIVEN[name], whole)
    else:
        whole.mkdir()
        shutil.copy(GIVEN[name], whole)
    marked = tmp_path / "marked" / "plain"
    shutil.copytree(whole, marked)
    for file in filter(Path.is_file, marked.rglob("*")):
        file.write_bytes(BOM + file.read_bytes())
    more = ["--dry-run", *([] if name in ("table", "qbench") else ["--quant-id", "q"])]
    more += ["--is-reference"] if "logprobs" in name else []
    expected = stored(load(tmp_path / "w", "auto", whole, *more))
    assert expected
    assert stored(load(tmp_path / "w", "auto", marked, *more)) == expected


UNKNOWN = {
    "UTF-16": "task,ok\nalba,1\n".encode("utf-16"),
    "UTF-16 of the other order": b"\xfe\xff" + "task,ok\nalba,1\n".encode("utf-16-be"),
    "old Mac": b"task,ok\ralba,1\rbrno,0\r",
    "lone CR": b"ta\rsk,ok\nalba,1\n",
    "NUL": b"task\0,ok\nalba,1\n",
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("kind", ["auto", "generic"])
def test_a_table_of_an_odd_encoding_is_read_or_refused(tmp_path, name, kind):
    file = tmp_path / "q4.csv"
    file.write_bytes(UNKNOWN[name])
    maps = ("--map", "item=task", "--map", "score=ok") if kind == "generic" else ()
    done = load(tmp_path / "w", kind, file, "--quant-id", "q4", *maps)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in (0, ExitCode.BAD_INPUT), done.stderr
    if kind == "auto":
        assert done.exit_code == ExitCode.BAD_INPUT and done.stderr.startswith("qwh: ")


NAMES = [
    *(f"q4{ending}" for ending in ("", ".csv", ".json", ".jsonl", ".log", ".md", ".tsv", ".eval")),
    *(f"q4{ending}" for ending in (".parquet", ".xlsx", ".ods", ".html", ".ipynb")),
    *("results.json", "eval_results.json", "samples_x.jsonl", "a_samples.jsonl", "x.results.json"),
    *("details_x.parquet", "per_instance_stats.json", ".aider.results.json", "x_eval_all.json"),
    "BFCL_v4_x_score.json",
]
NESTED = st.integers(1, 40_000).map(lambda depth: b'{"a":[' * (depth // 2))
CUT = st.tuples(
    st.sampled_from(sorted(FIXTURES.rglob("*.json*")) + sorted(FIXTURES.rglob("*.csv"))),
    st.integers(0, 3000),
    st.binary(max_size=20),
).map(lambda cut: cut[0].read_bytes()[: cut[1]] + cut[2])
HEADS = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=200).map(lambda text: text.encode("utf-16", "surrogatepass")),
    st.text("a,;|\t\r\n\"'[]{}:0\0", max_size=100).map(str.encode),
    CUT,
    CUT.map(lambda head: head.decode("latin-1").encode("utf-16")),
    CUT.map(lambda head: head.replace(b"\n", b"\r")),
    CUT.map(lambda head: head.replace(b'"', b"\0")),
    NESTED,
    st.sampled_from([b"", BOM, b"\r", b"\0" * 1000, b"[" * 60_000, b'"' * 999, b"PK\3\4", b"PAR1"]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(head=HEADS, name=st.sampled_from(NAMES))
def test_no_bytes_make_a_reader_fail_to_say_whether_it_knows_them(tmp_path_factory, head, name):
    folder = tmp_path_factory.mktemp("head")
    file = folder / name
    file.write_bytes(head)
    for kind in KINDS:
        for path in (file, folder):
            start = registry.head(path)
            assert registry.reader(kind).recognises(path, start) in (True, False), (kind, path)
    shutil.rmtree(folder)
