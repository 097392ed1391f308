"""What a reader sees: rounding, dashes, escapes."""

import polars as pl
import pytest

from qwh.exports import tables

FRAME = pl.DataFrame(
    {
        "quant_id": ["Q4_K_M", "a|b & 50%"],
        "kld_mean": [0.012345678, None],
        "p_t": [0.0000123, 0.25],
        "n": [12345, 0],
        "is_member": [True, None],
    }
)


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
    assert tables.printed(value, column) == text


def test_terminal_shows_every_cell_on_one_line():
    lines = tables.terminal(FRAME).splitlines()
    assert lines[0].split() == FRAME.columns and lines[-1] == "2 rows" and len(lines) == 5
    assert lines[2].split() == ["Q4_K_M", "0.01235", "<0.001", "12,345", "yes"]


def test_markdown_is_a_github_table():
    lines = tables.markdown(FRAME).splitlines()
    assert lines[1] == "| --- | ---: | ---: | ---: | --- |"
    assert lines[3] == r"| a\|b & 50% | — | 0.25 | 0 | — |"


def test_latex_is_booktabs_and_escaped():
    text = tables.latex(FRAME)
    assert text.startswith(
        "\\begin{tabular}{lrrrl}\n\\toprule\nquant\\_id & kld\\_mean & p\\_t & n & is\\_member"
        " \\\\\n\\midrule\n"
    )
    assert "a\\textbar{}b \\& 50\\% & --- & 0.25 & 0 & --- \\\\" in text and text.endswith(
        "\\bottomrule\n\\end{tabular}\n"
    )


def test_csv_and_parquet_keep_full_precision(tmp_path):
    frame = FRAME.with_columns(ids=pl.Series([[1, 2], [3]]))
    tables.write(frame, "csv", tmp_path / "a.csv")
    tables.write(frame, "parquet", tmp_path / "a.parquet")
    assert pl.read_csv(tmp_path / "a.csv")["kld_mean"][0] == 0.012345678 and pl.read_csv(
        tmp_path / "a.csv"
    )["ids"].to_list() == ["[1, 2]", "[3]"]
    assert pl.read_parquet(tmp_path / "a.parquet").equals(frame)


def test_nested_cells_are_json_in_csv(tmp_path):
    tables.write(
        pl.DataFrame({"s": [{"a": 1, "b": None}, {"a": 2, "b": "x"}], "l": [["p", "q"], []]}),
        "csv",
        tmp_path / "a.csv",
    )
    rows = pl.read_csv(tmp_path / "a.csv")
    assert rows["s"].to_list() == ['{"a": 1, "b": null}', '{"a": 2, "b": "x"}'] and rows[
        "l"
    ].to_list() == ['["p", "q"]', "[]"]


def test_text_from_models_cannot_steer_the_terminal_or_break_latex():
    frame = pl.DataFrame({"answer": ["\x1b[31mred\x07", 'a < b | "c" > d']})
    assert "\x1b" not in tables.terminal(frame) and "\\x1b[31mred\\x07" in tables.terminal(frame)
    assert (
        r"a \textless{} b \textbar{} \textquotedbl{}c\textquotedbl{} \textgreater{} d"
        in tables.latex(frame)
    )
