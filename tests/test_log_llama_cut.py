"""Logs of llama-perplexity (llama_log) that lost lines: no wrong number comes out of them."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_files import FIXTURES, log, summaries, values

from qwh.errors import QwhError
from qwh.ingest.readers import llama_log
from qwh.ingest.readers.port import Summary
from qwh.ingest.readers.running_means import FORMS, chunk_values


def test_a_lost_end_is_partial(tmp_path):
    found = log("lost-end.log")
    assert found.partial and "top1_agreement" not in values(found)
    short = log("one-chunk.log")
    assert (
        short.statistics == []
        and short.partial == "no statistics, only running means up to chunk 1 of 1"
        and len(short.chunks) == 5
    )
    (tmp_path / "cut.log").write_bytes((FIXTURES / "perplexity.log").read_bytes().split(b"[8]")[0])
    cut = summaries(tmp_path / "cut.log")[0]
    assert (
        cut.statistics == []
        and cut.partial == "no final estimate, only running means up to chunk 7 of 12"
        and len(cut.chunks) == 7
        and cut.left_out == {"chunks that were not printed": 5}
    )


@pytest.mark.parametrize(
    "name",
    ["kld.log", "perplexity.log", "ik-llama.log", "january-2024.log", "april-2024.log", "loop.log"],
)
def test_wherever_a_log_is_cut_no_number_is_wrong(tmp_path, name):
    raw = (FIXTURES / name).read_bytes()
    whole, path = summaries(FIXTURES / name), tmp_path / name
    cuts = {
        *range(len(raw) - 40, len(raw)),
        *range(0, len(raw), 61),
        *(at + shift for at in range(len(raw)) if raw[at : at + 1] in b"\n:" for shift in (0, 1)),
    }
    for cut in sorted(cuts):
        path.write_bytes(raw[:cut])
        try:
            found = [run for run in llama_log.read(path, {}) if isinstance(run, Summary)]
        except QwhError:
            continue
        for run, complete in zip(found, whole, strict=False):
            assert set(run.statistics) <= set(complete.statistics) and set(run.chunks) <= set(
                complete.chunks
            ), cut
            assert run.partial or run.statistics == complete.statistics, cut


def test_cut_runs_of_a_loop_stay_apart(tmp_path):
    """Three runs of which only stdout was kept, the first two cut anywhere.

    None takes a number of the next.
    """
    runs = (FIXTURES / "loop.log").read_bytes().split(b"+ llama-perplexity")[1:]
    stdout = [run[run.index(b"0.00 minutes") :] for run in runs]
    whole = summaries(FIXTURES / "loop.log")
    rng = random.Random(1)
    for _ in range(150):
        first, second = (stdout[index][: rng.randrange(len(stdout[index]))] for index in (0, 1))
        (tmp_path / "loop.log").write_bytes(first + second + stdout[2])
        found = list(llama_log.read(tmp_path / "loop.log", {}))
        assert found[-1].statistics == whole[2].statistics and found[-1].partial is None
        for run in found[:-1]:
            assert run.partial and any(
                set(run.statistics) <= set(complete.statistics)
                and set(run.chunks) <= set(complete.chunks)
                for complete in whole[:2]
            )


def test_contradicting_lines_are_left_out(tmp_path):
    (tmp_path / "a.log").write_bytes(
        (FIXTURES / "kld.log").read_bytes() + b"Maximum KLD:   0.100000\n"
    )
    found = summaries(tmp_path / "a.log")[0]
    assert (
        "kld_max" not in values(found)
        and found.partial == "Maximum KLD printed twice with different values"
    )


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.lists(st.floats(1e-6, 0.9), min_size=1, max_size=60))
def test_printed_running_means_give_the_chunks_back(metric, truth):
    decimals = 4 if metric == "ppl" else 5
    averaged = np.square(truth) if metric == "dp_rms" else np.array(truth)
    means = np.cumsum(averaged) / np.arange(1, len(truth) + 1)
    shown = {"ppl": np.exp, "dp_rms": np.sqrt}.get(metric, np.asarray)(means)
    chunks, left_out = chunk_values(
        metric,
        {
            n: (float(f"{value:.{decimals}f}"), 0.5 * 10.0**-decimals)
            for n, value in enumerate(shown, 1)
        },
    )
    assert not left_out and len(chunks) == len(truth)
    for chunk, value in zip(chunks, truth):
        assert abs(chunk.value - value) <= chunk.precision + 1e-9
