"""llama.cpp's logits files: a real one (tests/golden/base.dat) against a real quant, two against
each other, and damaged ones.
"""

import re
import struct
from pathlib import Path

import numpy as np
import parity
import pytest
from conftest import REFERENCE, query, qwh
from hypothesis import given, settings
from hypothesis import strategies as st
from test_bad_input import nothing_left, refused

from qwh.errors import ExitCode, QwhError
from qwh.ingest.engines.logits_file import LogitsFile, recognises

GOLDEN = Path(__file__).parent / "golden"
BASE = GOLDEN / "base.dat"
PRINTED = parity.printed_lines((GOLDEN / "base.txt").read_text())


def ingest(warehouse: Path, base: Path, quant: Path, *more: object):
    return qwh(
        "ingest",
        "logits-file",
        base,
        "--quant",
        quant,
        "--quant-id",
        "q",
        "--cohort",
        "c",
        "--warehouse",
        warehouse,
        *more,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory, quants) -> Path:
    folder = tmp_path_factory.mktemp("logits")
    done = ingest(
        folder,
        BASE,
        quants["Q4_K_M"],
        "--corpus-id",
        "text",
        "--reference",
        REFERENCE,
        "--batch-size",
        64,
    )
    assert done.exit_code == 0, done.stderr
    assert qwh("build", "--warehouse", folder).exit_code == 0
    return folder


def test_what_it_holds():
    with open(BASE, "rb") as file:
        assert recognises(BASE, file.read(1000)) and not recognises(BASE, b"GGUF")
    file = LogitsFile(BASE)
    assert (
        file.length,
        file.vocab_size,
        file.tokens.shape,
        file.rows,
        file.depth,
        file.partial,
    ) == (64, 257, (8, 64), 31, 16.0, None)
    rows = file.chunk(7)
    assert rows.shape == (31, 257) and (rows.codes.max(1) == 65535).all()


def test_every_printed_line_is_repeated(built):
    rows = query(built, "select statistic, value, error, n from fct_llama_perplexity order by line")
    assert (
        [row[0] for row in rows] == list(PRINTED)
        and len(rows) == 34
        and {row[3] for row in rows} == {248}
    )
    # another processor rounds otherwise inside llama.cpp, which moves single far tokens
    for statistic, value, error, _ in rows:
        for ours, shown in zip((value, error), PRINTED[statistic]):
            if shown is not None:
                digit = 10.0 ** -len(shown.partition(".")[2])
                assert ours == pytest.approx(
                    float(shown),
                    rel=0.02 if re.search("Mean|Median|Same|Cor", statistic) else 0.2,
                    abs=1.01 * digit + 3e-6,
                ), statistic


def test_both_klds_are_kept_and_the_run_says_what_it_was_read_from(built):
    [(ours, theirs, least, clipped, censored)] = query(
        built,
        "select avg(kld), avg(kld_llamacpp), min(kld), max(clipped_mass_ref), count(*) filter"
        " (where is_censored) from int_tokens",
    )
    assert least >= 0 and abs(ours - theirs) < 1e-5 and 0 < clipped < 1e-2 and censored == 0
    runs = query(
        built,
        "select role, quant_id, logits_dtype, source_format, source_name, corpus_id, status,"
        " add_bos from stg_runs order by role",
    )
    assert runs == [
        ("quant", "q", "u16-16", "logits-file", "base.dat", "text", "complete", False),
        ("reference", "tiny-f16", "u16-16", "logits-file", "base.dat", "text", "complete", False),
    ]


def test_the_same_again_is_nothing_to_do(built, quants):
    again = ingest(
        built,
        BASE,
        quants["Q4_K_M"],
        "--corpus-id",
        "text",
        "--reference",
        REFERENCE,
        "--batch-size",
        64,
    )
    assert again.exit_code == 0 and "nothing to do" in again.stderr and again.stdout == ""


def test_codes_and_live_logits_are_not_mixed(built, quants):
    live = qwh(
        "ingest",
        "gguf",
        "--reference",
        REFERENCE,
        "--quant",
        quants["Q8_0"],
        "--corpus",
        f"text={GOLDEN.parent / 'model' / 'corpus.txt'}",
        "--context-length",
        64,
        "--chunks",
        8,
        "--cohort",
        "c",
        "--warehouse",
        built,
    )
    assert (
        live.exit_code == ExitCode.MISMATCH and "logits_dtype u16-16 there, f32 here" in live.stderr
    )


def test_two_files_against_each_other(tmp_path):
    raw = bytearray(BASE.read_bytes())
    start, row = 20 + 4 * 64 * 8, 2 * (2 * 129 + 4)
    codes = np.frombuffer(raw, np.uint16)[: len(raw) // 2]
    changed = codes.copy()
    first = (start + 8) // 2
    changed[first : first + 257] = np.where(
        codes[first : first + 257] > 1_000,
        codes[first : first + 257] - np.arange(257) % 2 * 100,
        codes[first : first + 257],
    )
    (tmp_path / "other.dat").write_bytes(changed.tobytes() + bytes(raw[2 * len(codes) :]))
    done = ingest(tmp_path / "w", BASE, tmp_path / "other.dat")
    assert done.exit_code == 0, done.stderr
    assert qwh("build", "--warehouse", tmp_path / "w").exit_code == 0
    rows = query(
        tmp_path / "w", "select chunk, position, kld, kld_llamacpp from int_tokens order by 1, 2"
    )
    assert (
        len(rows) == 248
        and rows[0][:2] == (0, 33)
        and rows[0][2] > 0
        and not any(kld for *_, kld, _ in rows[1:])
        and all(theirs is None for *_, theirs in rows)
    )
    assert row == 524


def test_a_truncated_file_keeps_its_whole_chunks(tmp_path, quants):
    (tmp_path / "cut.dat").write_bytes(BASE.read_bytes()[:-5_000])
    done = ingest(tmp_path / "w", tmp_path / "cut.dat", quants["Q4_K_M"])
    assert done.exit_code == 0 and "7 of 8 chunks" in done.stderr and "217 rows" in done.stdout
    assert qwh("build", "--warehouse", tmp_path / "w").exit_code == 0
    assert query(tmp_path / "w", "select distinct status, chunks from stg_runs") == [("partial", 7)]


def test_dry_run(tmp_path, quants):
    done = ingest(tmp_path / "w", BASE, quants["Q4_K_M"], "--dry-run")
    assert (
        done.exit_code == 0
        and "8 chunks of 64 tokens, vocabulary 257, codes 16 nats deep" in done.stdout
        and "248 rows" in done.stdout
    )
    assert not (tmp_path / "w").exists()


def test_a_clipped_token_is_censored_and_counts_with_its_bound(tmp_path, quants):
    raw = bytearray(BASE.read_bytes())
    file = LogitsFile(BASE)
    start, target = 20 + 4 * 64 * 8, int(file.tokens[0, 33])
    header = file.chunk(0).headers[0]
    raw[start + 8 + 2 * target : start + 10 + 2 * target] = b"\0\0"
    (tmp_path / "clipped.dat").write_bytes(raw)
    assert ingest(tmp_path / "w", tmp_path / "clipped.dat", quants["Q4_K_M"]).exit_code == 0
    assert qwh("build", "--warehouse", tmp_path / "w").exit_code == 0
    [(nll, bound, rank, delta, quant)] = query(
        tmp_path / "w",
        "select nll_ref, nll_ref_at_least, rank_ref, delta_loss, nll from int_tokens where"
        " is_censored",
    )
    assert (
        nll is None
        and rank is None
        and bound == pytest.approx(-header[1])
        and delta == pytest.approx(quant - bound, rel=1e-5)
    )
    assert query(tmp_path / "w", "select distinct censored from fct_fidelity") == [(1,)]


def test_refusals(tmp_path, quants):
    other = bytearray(BASE.read_bytes())
    struct.pack_into("<i", other, 20, 200)
    (tmp_path / "other.dat").write_bytes(other)
    refused(
        ingest(tmp_path, BASE, tmp_path / "other.dat"),
        ExitCode.MISMATCH,
        "other.dat",
        "same tokens",
    )
    refused(
        qwh(
            "ingest",
            "logits-file",
            BASE,
            "--quant",
            quants["Q8_0"],
            "--quant",
            tmp_path / "other.dat",
            "--cohort",
            "c",
            "--warehouse",
            tmp_path,
        ),
        ExitCode.USAGE,
        "mixed",
    )
    refused(
        ingest(tmp_path, tmp_path / "none.dat", quants["Q8_0"]),
        ExitCode.BAD_INPUT,
        "none.dat",
        "No such file",
    )
    refused(ingest(tmp_path, BASE, tmp_path / "none.gguf"), ExitCode.NOT_FOUND, "none.gguf")
    nothing_left(tmp_path)


def damaged() -> list[bytes]:
    """Cut at every structural boundary and around it; the header's numbers wrong; bits flipped in
    it and in the rows' headers.
    """
    whole, rng = BASE.read_bytes(), np.random.default_rng(0)
    start, chunk = 20 + 4 * 64 * 8, 31 * 524
    cuts = {
        0,
        1,
        7,
        8,
        11,
        12,
        16,
        19,
        20,
        21,
        24,
        start - 1,
        start,
        start + 3,
        start + 8,
        start + 524,
        start + chunk - 1,
    }
    cuts |= {
        edge + step for edge in range(start + chunk, len(whole), chunk) for step in (-1, 0, 1, 8)
    }
    files = [whole[:cut] for cut in sorted(cuts)] + [
        whole + b"\0",
        whole * 2,
        whole[:start] + whole,
        b"_logits_" * 10_000,
    ]
    for place in (8, 12, 16):
        files += [
            whole[:place] + struct.pack("<i", value) + whole[place + 4 :]
            for value in (-1, 0, 1, 2, 3, 63, 65, 256, 258, 1 << 24, 2**31 - 1, -(2**31))
        ]
    for value in (np.nan, np.inf, -1.0, 1e-3, 1e30):
        files.append(whole[:start] + struct.pack("<f", value) + whole[start + 4 :])
    for _ in range(140):
        hurt = bytearray(whole)
        for at in rng.integers(0, start + 12, rng.integers(1, 4)):
            hurt[at] ^= 1 << rng.integers(0, 8)
        files.append(bytes(hurt))
    return files


def read_all(path: Path) -> None:
    """Open, and score every row against itself: a damaged file is refused in one line that names
    it, or its rows are flagged.
    """
    from qwh.kernels.scorers import dispatch

    try:
        file = LogitsFile(path)
    except QwhError as error:
        assert (
            path.name in str(error) and "\n" not in str(error) and error.code == ExitCode.BAD_INPUT
        )
        return
    for index in range(len(file.tokens)):
        rows = file.chunk(index)
        targets = file.tokens[index, file.first + 1 :]
        reference = dispatch.reference_rows(rows, targets, 4)
        assert (
            not dispatch.quant_rows(rows, reference, rows, targets).kld[reference.finite_ref].any()
        )


def test_damaged_files_are_refused_or_flagged(tmp_path):
    files = damaged()
    assert len(files) >= 200
    for content in files:
        (tmp_path / "hurt.dat").write_bytes(content)
        read_all(tmp_path / "hurt.dat")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes(tmp_path_factory, content, magic):
    path = tmp_path_factory.getbasetemp() / "any.dat"
    path.write_bytes(b"_logits_" * magic + content)
    read_all(path)
