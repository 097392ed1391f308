"""Logs and tables of other tools: every wording, runs that lost their end, and damaged files."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from conftest import qwh, query
from hypothesis import given, settings
from hypothesis import strategies as st
from qwh.ingest.errors import ExitCode, QwhError
from qwh.ingest.readers import hfkldr, llama_log, qbench, table
from test_bad_input import refused

LOGS = Path(__file__).parent / "fixtures" / "printed"
KLD, PLAIN, IK, EARLY, QBENCH, TABLE = (LOGS / name for name in ("kl-divergence.txt", "perplexity.txt", "ik_llama.txt", "january_2024.txt", "qbench.json", "table.md"))
READERS = {llama_log: [KLD, PLAIN, IK, EARLY], qbench: [QBENCH], table: [TABLE]}


def only(path: Path, reader=llama_log):
    (found,) = reader.read(path, {})
    return found


def values(summary) -> dict[str, tuple[float, float | None]]:
    return {row.metric: (row.value, row.standard_error) for row in summary.statistics}


def written(folder: Path, text: str | bytes, name: str = "log.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_the_summary_of_a_real_log():
    found = only(KLD)
    assert (found.partial, found.context_length, found.n, found.engine, found.left_out) == (None, 64, 248, "llama.cpp", {})
    assert found.facts["chunks"] == 8 and found.facts["batch_size"] == 64
    numbers = values(found)
    assert len(numbers) == 34
    assert numbers["ppl"] == (1.142682, 0.035173) and numbers["ppl_ref"] == (1.142794, 0.035133) and numbers["ln_ppl_ratio"] == (-0.000098, 0.000426)
    assert numbers["kld_mean"] == (0.000047, 0.000009) and numbers["kld_p999"] == (0.001013, None) and numbers["kld_min"] == (-0.000006, None)
    assert numbers["dp_mean"] == (0.00012, 0.00017) and numbers["dp_rms"] == (0.00268, 0.00041) and numbers["dp_min"] == (-0.01163, None)
    assert numbers["top1_agreement"] == (1.0, 0.0) and numbers["ln_ppl_correlation"][0] == pytest.approx(0.9999)


def test_chunk_values_are_within_their_precision():
    means = [float(line.split()[1]) for line in KLD.read_text().splitlines() if line[:4].strip().isdigit() and "±" in line]
    nll = [row for row in only(KLD).chunks if row.metric == "nll"]
    assert len(nll) == len(means) == 8
    for n, mean in enumerate(means, 1):  # the chunks' mean is the printed running mean, whatever was lost in printing
        assert np.exp(np.mean([row.value for row in nll[:n]])) == pytest.approx(mean, abs=5e-5)
    assert [row.precision for row in nll] == sorted(row.precision for row in nll) and 4e-5 < nll[0].precision < 5e-5
    assert {row.metric for row in only(KLD).chunks} == {"nll", "ln_ppl_ratio", "kld_mean", "top1_agreement"}


def test_precision_bounds_the_truth(tmp_path):
    truth = np.random.default_rng(0).uniform(0.001, 0.3, 60)
    running = np.cumsum(truth) / np.arange(1, 61)
    rows = "".join(f"{n:4d}   1.1000 ± 0.1000   0.00100 ± 0.00100   {mean:.5f} ± 0.00010   0.200 ± 0.010 %   99.000 ± 0.100 %\n" for n, mean in enumerate(running, 1))
    found = [row for row in only(written(tmp_path, "kl_divergence: computing over 60 chunks, n_ctx=64\n" + rows)).chunks if row.metric == "kld_mean"]
    assert all(abs(row.value - true) <= row.precision * 1.0001 for row, true in zip(found, truth)) and found[-1].precision > 50 * found[0].precision


@pytest.mark.parametrize("path, name, context", [(PLAIN, None, 64), (IK, "tiny-Q4_K_M", 64)])
def test_plain_perplexity(path, name, context):
    found = only(path)
    assert values(found) == {"ppl": (1.1427, 0.03517)} and (found.quant_name, found.context_length, found.partial, found.n) == (name, context, None, 248)
    assert [row.metric for row in found.chunks] == ["nll"] * 8


def test_the_wording_of_january_2024():
    found = only(EARLY)
    assert found.quant_name == "tiny-Q4_K_M" and found.partial is None and len(found.chunks) == 8
    assert values(found)["kld_mean"] == (0.000047, 0.000009) and values(found)["kld_p99"] == (0.000838, None) and values(found)["kld_p01"] == (-0.000002, None)


@pytest.mark.parametrize("mangle", [
    lambda raw: raw.replace("±".encode(), b"\xb1").replace("Δ".encode(), b"\xff"), lambda raw: raw.replace("±".encode(), b"+/-").replace("Δ".encode(), b"?"),
    lambda raw: raw.replace("±".encode(), "Â±".encode()).replace("Δ".encode(), "Î”".encode()), lambda raw: raw.replace(b"\n", b"\r\n"),
    lambda raw: b"".join(b"0.00.510.431 W " + line for line in raw.splitlines(keepends=True)), lambda raw: raw.rstrip(b"\n"),
])
def test_mangled_text_reads_the_same(tmp_path, mangle):
    assert values(only(written(tmp_path, mangle(KLD.read_bytes())))) == values(only(KLD))


def test_a_log_without_its_end_is_never_whole(tmp_path):
    text = KLD.read_text().rstrip("\n")
    for cut in range(0, len(text), 3):
        path = written(tmp_path, text[:cut])
        try:
            found = only(path)
        except QwhError as error:
            assert "log.txt" in str(error)
            continue
        assert found.partial and "before the end of its statistics" in found.partial
        whole = values(only(KLD))
        assert all(whole[metric] == pair for metric, pair in values(found).items()), cut  # what is there is right


def test_several_runs_in_one_log(tmp_path):
    runs = list(llama_log.read(written(tmp_path, KLD.read_text()[:-200] + IK.read_text() + EARLY.read_text() + KLD.read_text()), {}))
    assert [run.partial is None for run in runs] == [False, True, True, True] and [len(run.statistics) for run in runs[1:]] == [1, 10, 34]


def test_nan_is_counted_and_poisons_only_what_follows(tmp_path):
    lines = KLD.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("   4"))
    lines[at] = lines[at].replace("0.00005", "nan", 1)
    found = only(written(tmp_path, "\n".join(lines).replace("Maximum KLD:   0.001050", "Maximum KLD:        nan") + "\n"))
    assert found.left_out == {"chunks that are not finite": 1, "statistics that are not finite": 1} and "kld_max" not in values(found) and found.partial is None


def test_a_table_gives_a_summary_for_each_row():
    rows = {found.quant_name: found for found in table.read(TABLE, {})}
    assert list(rows) == ["Q8_0", "Q4_K_M", "Q2_K"] and values(rows["Q4_K_M"])["kld_mean"] == (0.000047, 0.000009)
    assert [values(rows[name])["top1_agreement"][0] for name in rows] == pytest.approx([1.0, 0.996, 0.93]) and values(rows["Q8_0"])["dp_rms"][0] == pytest.approx(0.0005)
    assert "kld_p99" not in values(rows["Q2_K"]) and rows["Q2_K"].left_out == {"statistics that are not finite": 1}


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_tables_with_other_delimiters(tmp_path, delimiter):
    text = delimiter.join(["Model", "Mean KLD", "Same top p"]) + "\n" + delimiter.join(["a", "0.01", "95 %"]) + "\n"
    assert values(only(written(tmp_path, text), table)) == {"kld_mean": (0.01, None), "top1_agreement": (0.95, None)}


def test_qbench():
    rows = list(qbench.read(QBENCH, {}))
    assert [(row.quant_name, row.is_reference) for row in rows] == [("bf16", True), ("fp16 again", False), ("4.00bpw", False), ("2.00bpw", False)]
    assert values(rows[2])["kld_p90"] == (0.0552, None) and rows[2].facts["bpw_head"] == 6.0 and rows[1].facts["group"] == "noise_floor"
    assert "ppl" not in values(rows[3]) and values(rows[3])["kld_mean"] == (0.41, None)


def hfkseq(version: int, rows: list[tuple[float, ...]], promised: int | None = None) -> bytes:
    return b"HFKSEQ\0\0" + struct.pack("<III", version, promised or len(rows), 0) + b"".join(struct.pack(f"<{len(row)}d", *row) for row in rows)


def test_hfkseq(tmp_path):
    found = only(written(tmp_path, hfkseq(2, [(0.1, 0.5, 2.0), (0.3, 0.9, 3.0)])), hfkldr)
    assert values(found) == {"kld_mean": (0.2, None)} and len(found.chunks) == 6 and found.partial is None
    cut = only(written(tmp_path, hfkseq(1, [(0.1, 0.5)] * 2, 5)), hfkldr)
    assert cut.partial == "2 of 5 chunks" and cut.statistics == [] and len(cut.chunks) == 4


def test_in_the_warehouse_beside_one_another(tmp_path, quants):
    warehouse = tmp_path / "w"
    done = [
        qwh("ingest", "llama-log", KLD, "--quant-id", "Q4_K_M", "--corpus-id", "prose", "--cohort", "c", "--warehouse", warehouse),
        qwh("ingest", "auto", TABLE, "--cohort", "c", "--corpus-id", "prose", "--context-length", 64, "--warehouse", warehouse),
        qwh("ingest", "qbench", QBENCH, "--cohort", "exl", "--warehouse", warehouse),
    ]
    assert all(run.exit_code == 0 for run in done), [run.stderr for run in done]
    build = qwh("build", "--warehouse", warehouse)
    assert build.exit_code == 0, build.stderr
    rows = query(warehouse, "select quant_id, estimator, value, standard_error, standard_error_iid, n from fct_fidelity where measurement_id = 'kld_mean:prose:64' order by 1, 2")
    assert rows == [("Q2_K", "table", 0.041, None, None, None), ("Q4_K_M", "llama-log", 0.000047, None, 0.000009, 248), ("Q4_K_M", "table", 0.000047, None, 0.000009, None), ("Q8_0", "table", 0.000003, None, 0.000001, None)]
    assert query(warehouse, "select count(*) from stg_chunk_summaries") == [(32,)]


def test_refusals(tmp_path):
    def ingest(kind, path, *more):
        return qwh("ingest", kind, path, "--cohort", "c", "--warehouse", tmp_path / "w", *more)

    refused(ingest("llama-log", written(tmp_path, "hello\n")), ExitCode.BAD_INPUT, "log.txt", "stdout and stderr")
    refused(ingest("table", TABLE, "--quant-id", "one"), ExitCode.USAGE, "3 quants", "--quant-id")
    refused(ingest("table", written(tmp_path, "a,b\n1,2\n")), ExitCode.BAD_INPUT, "column names", "Mean KLD")
    refused(ingest("table", written(tmp_path, "quant,Mean KLD\nq,much\n")), ExitCode.BAD_INPUT, "line 2", "'much'")
    refused(ingest("llama-log", KLD), ExitCode.USAGE, "--quant-id")
    refused(ingest("hfkldr", written(tmp_path, b"HFKLDR\0\0" + bytes(40)), "--quant-id", "q"), ExitCode.BAD_INPUT, "HFKSEQ")


def read_all(reader, path: Path) -> None:
    """Read to the end: a good result, or one line that names the file."""
    try:
        for found in reader.read(path, {}):
            assert all(np.isfinite(row.value) for row in [*found.statistics, *found.chunks])
            assert reader is not llama_log or found.partial or found.statistics
    except QwhError as error:
        assert path.name in str(error) and "\n" not in str(error) and error.code == ExitCode.BAD_INPUT


def damaged(raw: bytes, rng) -> list[bytes]:
    """Cuts around every line and field, flips, numbers made absurd, lines doubled and swapped, and sizes nobody meant."""
    edges = [at for at, byte in enumerate(raw) if byte in b"\n,|:{}[]"]
    files = [raw[: edge + step] for edge in rng.choice(edges, 50) for step in (0, 1)]
    lines = raw.splitlines(keepends=True)
    for _ in range(60):
        hurt = bytearray(raw)
        for at in rng.integers(0, len(raw), rng.integers(1, 6)):
            hurt[at] = rng.integers(0, 256)
        files.append(bytes(hurt))
        order = list(lines)
        a, b = rng.integers(0, len(lines), 2)
        order[a], order[b] = order[b], order[a]
        files += [b"".join(order), b"".join(lines[:a] + [lines[b]] * 3 + lines[a:])]
    for old in (b"1", b"0.0", b"64", b"{", b"|"):
        files += [raw.replace(old, new) for new in (b"nan", b"Infinity", b"1e999", b"-" * 5, b"9" * 400, b'"', b"[" * 200, b"")]
    return [*files, b"", b"\0" * 100_000, raw * 50, b"[" * 1_000_000, b"9" * 5_000_000, b"chunk " + b"1.1 " * 2_000_000, raw + b"\n" + b"[1]2.0," * 500_000]


@pytest.mark.parametrize("reader", READERS)
def test_damaged_files(tmp_path, reader):
    rng = np.random.default_rng(0)
    files = [hurt for path in READERS[reader] for hurt in damaged(path.read_bytes(), rng)]
    assert len(files) >= 200
    for content in files:
        read_all(reader, written(tmp_path, content))


def test_damaged_hfkseq(tmp_path):
    whole, rng = hfkseq(2, [(0.1, 0.5, 2.0)] * 9), np.random.default_rng(0)
    files = [whole[:cut] for cut in range(len(whole))] + [whole + b"\0", whole * 2]
    for _ in range(100):
        hurt = bytearray(whole)
        hurt[rng.integers(0, len(whole))] = rng.integers(0, 256)
        files.append(bytes(hurt))
    assert len(files) >= 200
    for content in files:
        read_all(hfkldr, written(tmp_path, content))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([llama_log, qbench, table, hfkldr]), st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode), st.recursive(st.none() | st.floats() | st.text(max_size=5), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(["results", "label", "kld", "group"]), x, max_size=3), max_leaves=8).map(lambda x: json.dumps(x).encode())))
def test_any_bytes(tmp_path_factory, reader, content):
    read_all(reader, written(tmp_path_factory.getbasetemp(), content))
