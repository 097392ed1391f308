"""What a reader sees: rounding, dashes, escapes, widths; and what each format keeps."""

import json
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest

from qwh import exports
from qwh.errors import ExitCode, QwhError
from qwh.exports import delimited, json_rows, latex, markdown, parquet, registry
from qwh.exports.port import table
from qwh.exports.terminal import render

FRAME = pl.DataFrame(
    {
        "quant_id": ["Q4_K_M", "a|b & 50%"],
        "kld_mean": [0.012345678, None],
        "p_t": [0.0000123, 0.25],
        "n": [12345, 0],
        "is_member": [True, None],
    }
)
NESTED = FRAME.with_columns(ids=pl.Series([[1, 2], [3]]))


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (0.012345678, "x", "0.01235"),
        (1234567.0, "x", "1.235e+06"),
        (0.00001234, "x", "1.234e-05"),
        (0.0, "x", "0"),
        (0.00001, "p_t", "<0.001"),
        (0.00001, "mcnemar_p", "<0.001"),
        (0.00001, "kld_p99", "1.000e-05"),
        (None, "x", "—"),
        (True, "x", "yes"),
        (1234, "x", "1,234"),
        ("a", "x", "a"),
    ],
)
def test_cells(value, column, text):
    assert table(pl.DataFrame({column: [value]})).cells() == [[text]]


def test_terminal_shows_every_cell_on_one_line():
    lines = render(table(FRAME)).splitlines()
    assert lines[0].split() == FRAME.columns and lines[-1] == "2 rows" and len(lines) == 5
    assert lines[2].split() == ["Q4_K_M", "0.01235", "<0.001", "12,345", "yes"]


def test_markdown_is_a_github_table():
    lines = markdown.render(table(FRAME)).decode().splitlines()
    assert lines[1] == "| --- | ---: | ---: | ---: | --- |"
    assert lines[3] == r"| a\|b & 50% | — | 0.25 | 0 | — |"


def test_latex_is_booktabs_and_escaped():
    text = latex.render(table(FRAME)).decode()
    assert text.startswith(
        "\\begin{tabular}{lrrrl}\n\\toprule\nquant\\_id & kld\\_mean & p\\_t & n & is\\_member"
        " \\\\\n\\midrule\n"
    )
    assert "a\\textbar{}b \\& 50\\% & --- & 0.25 & 0 & --- \\\\" in text and text.endswith(
        "\\bottomrule\n\\end{tabular}\n"
    )


def test_csv_and_parquet_keep_full_precision(tmp_path):
    csv, copy = tmp_path / "a.csv", tmp_path / "a.parquet"
    csv.write_bytes(delimited.render(table(NESTED)))
    copy.write_bytes(parquet.render(table(NESTED)))
    assert pl.read_csv(csv)["kld_mean"][0] == 0.012345678
    assert pl.read_csv(csv)["ids"].to_list() == ["[1, 2]", "[3]"]
    assert pl.read_parquet(copy).equals(NESTED)


def test_nested_cells_are_json_in_csv():
    rows = pl.DataFrame({"s": [{"a": 1, "b": None}, {"a": 2, "b": "x"}], "l": [["p", "q"], []]})
    again = pl.read_csv(delimited.render(table(rows)))
    assert again["s"].to_list() == ['{"a": 1, "b": null}', '{"a": 2, "b": "x"}']
    assert again["l"].to_list() == ['["p", "q"]', "[]"]


def test_json_is_whole_and_knows_no_infinity():
    rows = pl.DataFrame({"x": [0.012345678, float("nan"), None], "s": [{"y": float("inf")}] * 3})
    found = json.loads(json_rows.render(table(rows)))
    assert [row["x"] for row in found] == [0.012345678, None, None]
    assert found[0]["s"] == {"y": None} and json.loads(json_rows.render(table([]))) == []


def test_text_from_models_cannot_steer_the_terminal_or_break_latex():
    frame = table(pl.DataFrame({"answer": ["\x1b[31mred\x07", 'a < b | "c" > d']}))
    assert "\x1b" not in render(frame) and "\\x1b[31mred\\x07" in render(frame)
    assert (
        r"a \textless{} b \textbar{} \textquotedbl{}c\textquotedbl{} \textgreater{} d"
        in latex.render(frame).decode()
    )


def test_every_format_is_a_line_of_the_registry_and_is_told_by_its_ending(tmp_path):
    outside = {"__init__", "columns", "port", "registry", "terminal", "words"}
    modules = {path.stem for path in Path(exports.__file__).parent.glob("*.py")} - outside
    assert modules == {known.module for known in registry.FORMATS.values()}
    for name, known in registry.FORMATS.items():
        path = tmp_path / f"table{known.ending.upper()}"
        assert registry.choose(None, path) == registry.choose(name, tmp_path / "x") == known
        registry.write(table(NESTED, "table"), known, path)
        module = import_module(f"qwh.exports.{known.module}")
        assert path.read_bytes() == module.render(table(NESTED, "table"))


def test_unknown_formats_and_missing_folders_are_refused(tmp_path):
    for name, path in ((None, "table.doc"), ("word", "table.csv")):
        with pytest.raises(QwhError, match="csv, json, parquet, markdown, latex") as refused:
            registry.choose(name, Path(path))
        assert refused.value.code == ExitCode.USAGE
    with pytest.raises(QwhError, match="there is no folder") as refused:
        registry.write(table(FRAME), registry.FORMATS["csv"], tmp_path / "none" / "a.csv")
    assert refused.value.code == ExitCode.NOT_FOUND
