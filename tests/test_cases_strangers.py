"""Files that are out of scope, refused under their own name by auto and by a wrong kind."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import qwh
from log_files import FIXTURES
from plain_runs import CASES, figures
from test_bad_input import refused

from qwh.errors import ExitCode
from qwh.raw.store import Store

THIRD = CASES / "third"
SPEEDS = ["speeds (llama-bench), no fidelity", "nothing to store"]
ARRAYS = ["_logits_", "both models' logits of every position"]
POSITIONS = ["NLL is there, but no distribution", "no KLD"]


def ingest(warehouse: Path, kind: str, path: Path, *more: object):
    return qwh("ingest", kind, path, "--cohort", "m", "--warehouse", warehouse, *more)


def tensors() -> bytes:
    """A safetensors file."""
    header = json.dumps({"logits": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


def arrays() -> bytes:
    """A .npz file."""
    file = io.BytesIO()
    np.savez(file, logits=np.zeros((2, 3), np.float32))
    return file.getvalue()


def speeds(form: str) -> bytes:
    """llama-bench's output in its other forms."""
    row = {"build_commit": "a", "model_filename": "m.gguf", "n_prompt": 512, "stddev_ns": 1}
    row |= {"avg_ts": 102.4, "stddev_ts": 0.4}
    names, values = ", ".join(row), ", ".join(f"'{value}'" for value in row.values())
    return {
        "json": json.dumps([row], indent=2),
        "jsonl": json.dumps(row),
        "sql": f"CREATE TABLE IF NOT EXISTS test ({names});\nINSERT INTO test VALUES ({values});",
    }[form].encode()


MADE = {
    "page.html": (b"\n<!DOCTYPE html>\n<html><body>PPL</body></html>", ["an HTML page"]),
    "page.log": (b"<html><pre>Final estimate: PPL = 1.2056 +/- 0.02951\n", ["an HTML page"]),
    "pointer.jsonl": (b"version https://git-lfs.github.com/spec/v1\noid", ["a Git LFS pointer"]),
    "logits.npz": (arrays(), ARRAYS),
    "logits.safetensors": (tensors(), ARRAYS),
    "bench.json": (speeds("json"), SPEEDS),
    "bench.jsonl": (speeds("jsonl"), SPEEDS),
    "bench.sql": (speeds("sql"), SPEEDS),
    "plot.png": (b"\x89PNG\r\n\x1a\n", ["a picture", "as a table"]),
    "positions.csv": (b"pos,token,nll_f16,nll_q4\n0,The,2.1,2.3\n1,cat,0.5,0.6\n", POSITIONS),
    "positions.json": (
        b'[\n {\n  "token_id": 5,\n  "logprob_base": -1.5,\n  "logprob_q4": -1.6\n }\n]',
        POSITIONS,
    ),
}
KEPT = {
    "15-other-engines-text/quantize.log": ["llama-quantize", "nothing is measured"],
    "22-speed/bench.csv": SPEEDS,
    "22-speed/bench.md": SPEEDS,
    "23-positions-of-both/ref_logits.npy": ARRAYS,
    "23-positions-of-both/tokens.jsonl": POSITIONS,
}


@pytest.mark.parametrize("kind", ["auto", "llama-log", "table", "prompt-logprobs"])
@pytest.mark.parametrize("name", [*KEPT, *MADE])
def test_refused_under_its_own_name(tmp_path, name, kind):
    raw, words = MADE.get(name) or ((THIRD / name).read_bytes(), KEPT[name])
    path = tmp_path / Path(name).name
    path.write_bytes(raw)
    done = ingest(tmp_path / "w", kind, path)
    refused(done, ExitCode.BAD_INPUT, path.name, *words)
    assert Store(tmp_path / "w").runs() == []


def test_arrays_as_logits_files(tmp_path):
    arrays = THIRD / "23-positions-of-both"
    done = qwh(
        "ingest",
        "logits-file",
        arrays / "ref_logits.npy",
        *("--quant", arrays / "q4_logits.npy", "--cohort", "m", "--warehouse", tmp_path / "w"),
    )
    refused(done, ExitCode.BAD_INPUT, *ARRAYS)


def test_a_zip_of_other_things_is_no_array(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a", "b")
    done = ingest(tmp_path / "w", "auto", tmp_path / "a.zip")
    assert done.exit_code == ExitCode.BAD_INPUT and "NumPy" not in done.stderr


@pytest.mark.parametrize("kind", ["auto", "model-diff"])
def test_model_diff(tmp_path, kind):
    """A is the tested model: KL divergence (A, B) is KL(B || A) in the tool's source."""
    path = THIRD / "15-other-engines-text" / "model_diff.log"
    done = ingest(tmp_path, kind, path, "--quant-id", "q")
    assert done.exit_code == 0 and "KL divergence (B, A) is not taken" in done.stderr
    assert figures(tmp_path) == {
        "q": {
            "ppl": (8.30251234, None),
            "ppl_ref": (8.25114321, None),
            "top1_agreement": (0.9412, None),
            "kld_mean": (0.02140321, None),
            "kld_median": (0.00812345, None),
            "kld_p90": (0.05123456, None),
        }
    }


def test_model_diff_with_its_command_and_cut(tmp_path):
    text = (THIRD / "15-other-engines-text" / "model_diff.log").read_text()
    command = "$ python eval/model_diff.py -ma /m/tiny-exl3-3.0bpw -mb /m/tiny -l 1024\n"
    (tmp_path / "a.log").write_text(command + text)
    done = ingest(tmp_path / "w", "auto", tmp_path / "a.log")
    [run] = Store(tmp_path / "w").runs()
    assert done.exit_code == 0
    assert (run.quant_id, run.corpus_id, run.context_length) == ("tiny-exl3-3.0bpw", "wiki2", 1024)
    (tmp_path / "two.log").write_text(text + text)
    done = ingest(tmp_path / "w", "model-diff", tmp_path / "two.log", "--quant-id", "q")
    refused(done, ExitCode.BAD_INPUT, "several runs")
    (tmp_path / "cut.log").write_text(text.split(" -- KL divergence")[0])
    done = ingest(tmp_path / "w", "model-diff", tmp_path / "cut.log", "--quant-id", "q")
    refused(done, ExitCode.BAD_INPUT, "no KL divergence (A, B)")
    done = ingest(tmp_path / "w", "llama-log", tmp_path / "a.log")
    refused(done, ExitCode.BAD_INPUT, "of the kind model-diff")


def test_what_is_read_is_no_stranger():
    """Every file that a reader knows passes."""
    from qwh.ingest.readers import strangers

    for path in FIXTURES.glob("*.[cjlmt]*"):
        if path.name != "README.md" and not path.name.endswith(".log"):
            strangers.refuse(path, path.read_bytes()[: 1 << 16])
