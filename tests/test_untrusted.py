"""The box for untrusted files: numbers, JSON, sizes and tables, each refused or read."""

import math

import msgspec
import pytest

from qwh.errors import BadFile, ExitCode, QwhError
from qwh.ingest.readers.untrusted import files, json_plain, json_typed
from qwh.ingest.readers.untrusted.tables import Table


@pytest.mark.parametrize("value", [None, "1", [], math.nan, math.inf, -math.inf, 10**400, True])
def test_what_is_no_finite_number(value):
    assert json_plain.finite(value) is None


def test_numbers_are_floats_and_only_a_score_may_be_true():
    assert (json_plain.finite(3), json_plain.finite(-0.5)) == (3.0, -0.5)
    assert (json_plain.graded(True), json_plain.graded(False)) == (1.0, 0.0)
    assert json_plain.graded(math.nan) is None
    scores = [json_typed.raw_score(raw) for raw in (b"true", b"0.5", b"null", b'"1"', b"9" * 99)]
    assert scores == [1.0, 0.5, None, None, None]


def test_keys_that_are_not_there():
    assert json_plain.at({"a": {"b": 1}}, "a", "b") == 1
    assert json_plain.at({"a": [1]}, "a", "b") is None


def test_nan_is_null_and_text_stays_text(tmp_path):
    decode = json_typed.decoder(list[msgspec.Raw])
    found = decode(b'[NaN, -Infinity, "NaN", 1]', tmp_path, "here")
    assert [bytes(raw) for raw in found] == [b"null", b"null", b'"NaN"', b"1"]
    with pytest.raises(BadFile, match="here"):
        decode(b"[NaN, ", tmp_path, "here")


def test_files_that_are_none(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(bytes(11))
    with pytest.raises(BadFile, match="the file is empty"):
        files.contents(tmp_path / "empty")
    with pytest.raises(BadFile, match="11 bytes where at most 10"):
        files.contents(tmp_path / "large", 10)
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(QwhError, match="no such file") as error:
            files.opened(path)
        assert error.value.code == ExitCode.NOT_FOUND


def test_a_table_reads_its_own_file_alone(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x\n3\n")
    table = Table(tmp_path / "a.csv")
    assert table.columns == {"x": "VARCHAR", "y": "VARCHAR"}
    assert list(table.rows(["y", "x"])) == [("2", "1")]
    other = f"(select x from read_csv('{tmp_path / 'b.csv'}'))"
    with pytest.raises(BadFile, match="disabled by configuration"):
        list(Table(tmp_path / "a.csv").rows([other]))
