"""Damaged and hostile files of harnesses: refused in one line, or read where they are sound."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from harness_damage import bombs, damage
from harness_files import (
    CHOICES,
    DETAILS,
    EVALPLUS,
    HELM,
    INSPECT,
    LIGHTEVAL,
    LIGHTEVAL_RESULTS,
    LIVECODEBENCH,
    LM_EVAL,
    QUESTIONS,
    RESULTS,
    members,
    read,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qwh.errors import QwhError
from qwh.ingest.readers import evalplus, helm, inspect_ai, lighteval, livecodebench, lm_eval

CORPUS = [  # reader, the folder to copy, the file in it that is hurt, what is read, how it is hurt
    (lm_eval, LM_EVAL, QUESTIONS, QUESTIONS, "lines"),
    (lm_eval, LM_EVAL, CHOICES, CHOICES, "lines"),
    (lm_eval, LM_EVAL, RESULTS, QUESTIONS, "json"),
    (livecodebench, LIVECODEBENCH.parent, LIVECODEBENCH, LIVECODEBENCH, "json"),
    (evalplus, EVALPLUS.parent, EVALPLUS, EVALPLUS, "json"),
    (inspect_ai, INSPECT, INSPECT / "whole.eval", INSPECT / "whole.eval", "zip"),
    (inspect_ai, INSPECT, INSPECT / "crashed.eval", INSPECT / "crashed.eval", "zip"),
    (inspect_ai, INSPECT, INSPECT / "plain.json", INSPECT / "plain.json", "json"),
    (lighteval, LIGHTEVAL, DETAILS[0], DETAILS[0], "parquet"),
    (lighteval, LIGHTEVAL, DETAILS[1], DETAILS[1], "parquet"),
    (lighteval, LIGHTEVAL, LIGHTEVAL_RESULTS, DETAILS[0], "json"),
    (helm, HELM, HELM / "per_instance_stats.json", HELM, "json"),
    (helm, HELM, HELM / "scenario_state.json", HELM, "json"),
    (helm, HELM, HELM / "run_spec.json", HELM, "json"),
]


def survives(reader, path: Path, hurt: Path) -> bool:
    """Reads path, of which hurt is damaged: whether it was refused.

    The refusal names one of the two; without one the rows are sound.
    """
    try:
        for samples, rows in read(reader, path):
            assert (
                samples.benchmark_id
                and json.dumps(samples.harness)
                and json.dumps(samples.facts, default=str)
            )
            for row in rows:
                assert (
                    isinstance(row.score, float)
                    and math.isfinite(row.score)
                    and len(row.prompt_id) == 16
                    and row.attempt >= 0
                )
                assert all(
                    text is None or isinstance(text, str)
                    for text in (
                        row.category,
                        row.prompt,
                        row.expected,
                        row.answer,
                        row.finish_reason,
                    )
                ) and isinstance(row.item, str)
        return False
    except QwhError as error:
        assert (
            "\n" not in str(error)
            and (str(hurt) in str(error) or str(path) in str(error))
            and len(str(error)) < 2000
        ), str(error)[:500]
        return True


@pytest.mark.parametrize(
    "case", CORPUS, ids=lambda case: f"{case[0].__name__.rpartition('.')[2]}-{case[2].name[:20]}"
)
def test_damaged_files(tmp_path, case):
    reader, folder, target, given_path, kind = case
    root = tmp_path / folder.name
    shutil.copytree(folder, root)
    path, hurt = root / given_path.relative_to(folder), root / target.relative_to(folder)
    count = refusals = 0
    for data in damage(kind, target, np.random.default_rng(7)):
        hurt.write_bytes(data)
        count += 1
        refusals += survives(reader, path, hurt)
    assert count >= 200 and refusals >= 60, (count, refusals)
    assert not list(tmp_path.parent.rglob("escape*"))


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_that_hypothesis_finds(tmp_path_factory, data):
    reader, folder, target, given_path, _ = data.draw(
        st.sampled_from(
            [
                case
                for case in CORPUS
                if case[1] in (LM_EVAL, LIVECODEBENCH.parent, EVALPLUS.parent, INSPECT, HELM)
            ]
        )
    )
    root = tmp_path_factory.mktemp("hurt") / folder.name
    shutil.copytree(folder, root)
    hurt, whole = root / target.relative_to(folder), target.read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)])]
    tokens = st.sampled_from(
        [
            b"",
            b"NaN",
            b"null",
            b'"',
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"\n",
            b"-1",
            b"1e400",
            b"\\",
            b"\xff",
            b"PK\1\2",
        ]
    ) | st.binary(max_size=8)
    order = (
        data.draw(st.lists(st.sampled_from(range(len(pieces))), max_size=8))
        if data.draw(st.booleans())
        else range(len(pieces))
    )
    hurt.write_bytes(
        b"".join(piece for index in order for piece in (pieces[index], data.draw(tokens)))
    )
    survives(reader, root / given_path.relative_to(folder), hurt)
    shutil.rmtree(root)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc how much memory is taken")
def test_bombs_need_little_memory(tmp_path):
    """In a process of its own that may not take 1 GiB more than it starts with."""
    kept = {
        name: data
        for name, data in members(INSPECT / "whole.eval").items()
        if name in ("header.json", "summaries.json")
    }
    paths = []
    for index, data in enumerate(bombs(kept)):
        paths.append(tmp_path / f"bomb{index}.eval")
        paths[-1].write_bytes(data)
    deep = tmp_path / "deep.jsonl"
    deep.write_bytes(b'{"doc_id": 1, "doc": ' + b"[" * 30_000_000)
    wide = tmp_path / "wide.jsonl"
    wide.write_bytes(
        b'{"doc_id": 1, "filtered_resps": ['
        + b"[]," * 10_000_000
        + b'[]], "prompt_hash": "x", "acc": 1}'
    )
    script = """
import resource, sys
from pathlib import Path
from qwh.errors import QwhError
from qwh.ingest.readers import inspect_ai, lm_eval
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30),) * 2)
for name in sys.argv[1:]:
    try:
        reader = inspect_ai if name.endswith("eval") else lm_eval
        print(sum(len(list(samples.rows)) for samples in reader.read(Path(name), {})))
    except QwhError as error:
        print("refused", error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, [*paths, deep, wide])],
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == len(paths) + 2, done.stderr[-2000:]
    assert all(line.startswith("refused") for line in lines[:-1]), lines
