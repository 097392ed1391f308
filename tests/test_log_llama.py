"""What llama-perplexity prints (llama_log, llama_lines): known answers for every wording."""

import math

import pytest
from log_files import FIXTURES, log, summaries, values

KLD_LOG = {
    "ppl": (1.205623, 0.029510),
    "ppl_ref": (1.205758, 0.029669),
    "nll_correlation": (0.9998, None),
    "ln_ppl_ratio": (-0.000112, 0.000540),
    "ppl_ratio": (0.999888, 0.000540),
    "ppl_difference": (-0.000135, 0.000652),
    "kld_mean": (0.000119, 0.000015),
    "kld_max": (0.002959, None),
    "kld_p999": (0.002950, None),
    "kld_p99": (0.002460, None),
    "kld_p95": (0.000850, None),
    "kld_p90": (0.000286, None),
    "kld_median": (0.000002, None),
    "kld_p10": (0.0, None),
    "kld_p05": (0.0, None),
    "kld_p01": (-0.000001, None),
    "kld_p001": (-0.000002, None),
    "kld_min": (-0.000002, None),
    "dp_mean": (-0.0003, 0.00017),
    "dp_max": (0.02595, None),
    "dp_p999": (0.02578, None),
    "dp_p99": (0.01442, None),
    "dp_p95": (0.00197, None),
    "dp_p90": (0.00009, None),
    "dp_p75": (0.0, None),
    "dp_median": (0.0, None),
    "dp_p25": (-0.00001, None),
    "dp_p10": (-0.00011, None),
    "dp_p05": (-0.00308, None),
    "dp_p01": (-0.02021, None),
    "dp_p001": (-0.03565, None),
    "dp_min": (-0.0362, None),
    "dp_rms": (0.00472, 0.00046),
    "top1_agreement": (0.99471, 0.00264),
}  # metric -> value, standard error


def test_every_line_of_a_comparison():
    found = log("kld.log")
    assert (
        found.partial is None
        and not found.left_out
        and found.context_length == 128
        and found.n == 756
    )
    assert found.facts == {
        "program": "llama-perplexity",
        "mode": "kl_divergence",
        "chunks": 12,
        "batch_size": 256,
        "n_seq": 2,
    }
    assert {statistic.metric: statistic[1:] for statistic in found.statistics} == KLD_LOG


def test_chunk_values_are_differences_of_running_means():
    chunks = {(chunk.metric, chunk.chunk): chunk for chunk in log("kld.log").chunks}
    assert len(chunks) == 5 * 12
    third = chunks["ln_ppl_ratio", 2]
    assert third.value == pytest.approx(
        3 * -0.00041 - 2 * 0.00016
    ) and third.precision == pytest.approx(5 * 0.5e-5)
    assert chunks["top1_agreement", 0].value == pytest.approx(0.98413) and chunks[
        "top1_agreement", 0
    ].precision == pytest.approx(0.5e-5)
    assert chunks["nll_mean", 1].value == pytest.approx(
        2 * math.log(1.1908) - math.log(1.2221), abs=1e-6
    )
    assert chunks["dp_rms", 1].value == pytest.approx(
        math.sqrt(2 * 0.00289**2 - 0.00375**2), rel=0.01
    )


def test_the_same_run_in_other_wrappings(tmp_path):
    raw, whole = (FIXTURES / "kld.log").read_bytes(), log("kld.log")
    assert log("json-lines.log") == whole
    verbose = log("verbose.log")
    assert verbose.quant_name == "tiny-Q4_0" and (verbose.statistics, verbose.chunks) == (
        whole.statistics,
        whole.chunks,
    )
    wrappings = {
        "crlf": raw.replace(b"\n", b"\r\n"),
        "utf-16": raw.decode().encode("utf-16"),
        "bom": b"\xef\xbb\xbf" + raw,
        "latin": raw.decode().replace("Δ", "D").encode("latin-1"),
        "cp437": raw.decode("cp437").encode(),
        "twice": raw.decode("latin-1").encode(),
        "ascii": raw.decode().encode("ascii", "replace"),
        "nothing": raw.decode().encode("ascii", "ignore"),
        "words": raw.decode().replace("±", "+/-").encode(),
        "prefixed": b"".join(b"0.00.510.431 W " + line for line in raw.splitlines(keepends=True)),
        "no newline": raw.rstrip(),
        "interleaved": b"".join(
            line + b"0.00.510.431 W some other: message 1.5\nllama_perf: 17 ms\n"
            for line in raw.splitlines(keepends=True)
        ),
    }
    for name, wrapped in wrappings.items():
        (tmp_path / name).write_bytes(wrapped)
        (found,) = summaries(tmp_path / name)
        assert (found.statistics, found.chunks, found.partial) == (
            whole.statistics,
            whole.chunks,
            None,
        ), name


def test_perplexity_alone():
    found, reference = log("perplexity.log"), log("reference.log")
    assert (
        found.statistics == [("ppl", 1.2056, 0.02951)]
        and found.partial is None
        and not found.is_reference
        and found.n == 756
    )
    assert (
        reference.statistics == [("ppl", 1.2058, 0.02967)]
        and reference.is_reference
        and reference.facts["logits_file"] == "base.dat"
    )
    assert (
        log("colours.log").statistics == found.statistics
        and log("colours.log").chunks == found.chunks
    )
    from_table = [chunk for chunk in log("kld.log").chunks if chunk.metric == "nll_mean"]
    assert len(found.chunks) == 12 and all(
        abs(a.value - b.value) <= a.precision + b.precision
        for a, b in zip(found.chunks, from_table)
    )


def test_ik_llama():
    found = log("ik-llama.log")
    assert (found.quant_name, found.context_length, found.n) == (
        "GLM-4.5-Air-IQ4_KS",
        512,
        6 * 255,
    ) and found.facts["wording"] == "ik_llama.cpp"
    assert (
        found.statistics == [("ppl", 4.6513, 0.02854)]
        and len(found.chunks) == 6
        and found.partial is None
        and found.facts["build"] == "3914 (b14b2c6f)"
    )


def test_january_2024():
    found = log("january-2024.log")
    assert values(found) == {
        "kld_mean": 0.01236,
        "kld_median": 0.005517,
        "kld_max": 0.713214,
        "kld_p99": 0.08632,
        "kld_p95": 0.038402,
        "kld_p90": 0.025961,
        "kld_min": -0.000008,
        "kld_p01": 0.000014,
        "kld_p05": 0.00013,
        "kld_p10": 0.000415,
    }
    assert (
        found.statistics[0].standard_error == 0.00092
        and found.partial is None
        and found.quant_name == "q4_k_s"
    )
    assert next(
        chunk.value for chunk in found.chunks if chunk[:2] == (1, "top1_agreement")
    ) == pytest.approx(2 * 0.95686 - 0.96078)


def test_april_2024_without_utf_8():
    found = log("april-2024.log")
    # two lines say 99.0%
    assert found.partial is None and len(found.statistics) == 31 and "kld_p90" not in values(found)
    assert (
        values(found)["dp_rms"],
        values(found)["top1_agreement"],
        values(found)["dp_min"],
        values(found)["kld_p99"],
    ) == (0.02446, 0.95081, -0.59782, 0.064442)


def test_a_shell_loop():
    found = summaries(FIXTURES / "loop.log")
    assert [run.quant_name for run in found] == ["tiny-Q8_0", "tiny-Q4_K_M", "tiny-Q4_0"] and all(
        run.partial is None and len(run.statistics) == 34 for run in found
    )
    assert (
        found[2].statistics == log("kld.log").statistics
        and found[0].statistics != found[1].statistics
    )


def test_what_is_not_finite_is_counted():
    found = log("nan.log")
    assert (
        found.left_out
        == {
            "statistics that are nan or inf": 7,
            "running means that are nan or inf": 4 * 6,
        }
        and found.partial is None
    )
    assert (
        "kld_mean" not in values(found)
        and values(found)["kld_p99"] == 0.00246
        and sum(chunk.metric == "kld_mean" for chunk in found.chunks) == 6
    )
