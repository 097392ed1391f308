"""`qwh worst`: the tokens of largest KLD, spelled by a model file, after what was read before."""

import csv
import io

import pytest
from conftest import MODEL, REFERENCE, query, qwh

from qwh.errors import ExitCode


def worst(folder, *arguments):
    return qwh("worst", *arguments, "--warehouse", folder)


def test_tokens_stand_in_the_text_that_was_read(warehouse):
    done = worst(warehouse, "Q2_K", REFERENCE, "--most", 30, "--before", 5, "--format", "csv")
    assert done.exit_code == ExitCode.OK, done.stderr
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    klds = query(
        warehouse,
        "select kld from int_tokens where quant_id = 'Q2_K' and kld is not null"
        " order by 1 desc limit 30",
    )
    assert [float(row["kld"]) for row in found] == pytest.approx([kld for (kld,) in klds])
    texts = {name: (MODEL / f"{name}.txt").read_text() for name in ("corpus", "corpus2")}
    read = [row for row in found if row["corpus_id"] in texts]
    assert len(read) > 10
    for row in read:
        assert row["before"] + row["token"] in texts[row["corpus_id"]]


def test_a_screen_shows_spaces_and_ends_of_lines(warehouse):
    done = worst(warehouse, "Q2_K", REFERENCE, "--columns", "token,kld")
    cells = [line.split("  ")[0] for line in done.stdout.splitlines()[2:-1]]
    assert len(cells) == 20 and all(cell[0] == cell[-1] == '"' for cell in cells)


def test_what_is_asked_wrongly_is_one_line(warehouse, quants, tmp_path):
    (tmp_path / "a.txt").write_text("no model")
    for arguments, code, words in (
        (("Q2_X", REFERENCE), ExitCode.NOT_FOUND, "is not there: did you mean Q2_K"),
        (("tiny-f16", REFERENCE), ExitCode.NOT_FOUND, "has no rows of tokens"),
        (("Q2_K", tmp_path / "a.txt"), ExitCode.BAD_INPUT, "does not start with"),
        (("Q2_K", tmp_path / "none"), ExitCode.NOT_FOUND, "no such file"),
    ):
        done = worst(warehouse, *arguments)
        assert done.exit_code == code and words in done.stderr.splitlines()[-1]
        assert done.stdout == ""


def test_another_vocabulary_is_refused(warehouse, monkeypatch):
    from qwh.ingest.engines import gguf

    monkeypatch.setattr(gguf, "vocabulary_sha256", lambda _: "another")
    done = worst(warehouse, "Q2_K", REFERENCE)
    assert done.exit_code == ExitCode.MISMATCH and "another vocabulary" in done.stderr
