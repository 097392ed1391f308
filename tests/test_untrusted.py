"""The box for untrusted files: numbers, JSON, sizes and tables, each refused or read."""

import csv
import math

import msgspec
import polars as pl
import pytest

from qwh.errors import BadFile, ExitCode, QwhError
from qwh.ingest.readers.untrusted import files, json_plain, json_typed
from qwh.ingest.readers.untrusted.tables import Csv, Parquet


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
    for name, value in (("a", 2), ("b", 3)):
        pl.DataFrame({"x": [1], 'y"': [value]}).write_parquet(tmp_path / f"{name}.parquet")
    table = Parquet(tmp_path / "a.parquet")
    assert list(table.columns) == ["x", 'y"']
    assert list(table.rows(['y"', "x"])) == [("row 1", {'y"': 2, "x": 1})]
    table.path = tmp_path / "b.parquet"
    other = f"select (select max(x) from read_parquet('{tmp_path / 'a.parquet'}')), *"
    with pytest.raises(BadFile, match="disabled by configuration"):
        list(table._fetched(other))


@pytest.mark.parametrize("delimiter", ",;\t|")
def test_a_csv_file_says_its_delimiter(tmp_path, delimiter):
    path = tmp_path / "a.csv"
    rows = [("name", "said, or not"), ("a", "x;y\nz"), ("b", ""), ("c", "0,5")]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    table = Csv(path)
    assert table.columns == list(rows[0])
    cells = [tuple(row.values()) for _, row in table.rows([])]
    assert cells == [("a", "x;y\nz"), ("b", None), ("c", "0,5")]


@pytest.mark.parametrize(
    "content, place, found",
    [
        (b"a,b\n1,2\n1,2,3\n", "line 3", "3 cells where the heading has 2"),
        (b"a,b\n1,2\n1\n", "line 3", "1 cells where the heading has 2"),
        (b'a,b\n1,"2\n', "line 2", "unexpected end of data"),
        (b"a,b\n1,\xff\n", "after line", "not UTF-8"),
        (b"a,a\n1,2\n", "its heading", "2 columns are called a"),
        (b"", "as a whole", "it is empty"),
    ],
    ids=["longer", "shorter", "quote", "encoding", "twice", "empty"],
)
def test_a_csv_file_that_is_damaged_is_refused(tmp_path, content, place, found):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(BadFile, match=place) as error:
        list(Csv(tmp_path / "a.csv").rows(["a"]))
    assert found in str(error.value)
