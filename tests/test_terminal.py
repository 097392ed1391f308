"""A table in a terminal: its width, which columns stay, and numbers rounded by their errors."""

import polars as pl
import pytest
from rich.cells import cell_len

from qwh.exports.port import rounded, table
from qwh.exports.terminal import render

SAYS = "not resolved: it may score above the other, below it, or the same; more prompts tell"


def widest(text: str) -> int:
    """Columns of the screen that the widest line takes."""
    return max(map(cell_len, text.splitlines()))


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-0.005782, 0.01, "-0.01"),
        (-0.005782, 0.0123, "-0.006"),
        (0.0001345, 3.247e-6, "0.0001345"),
        (3.247e-6, 3.247e-6, "3.2e-06"),
        (5.078e-6, 7.5e-7, "5.08e-06"),
        (-1e-9, 0.003, "0.000"),
        (0.9996, 0.00012, "0.99960"),
        (1234.4, 12.0, "1234"),
        (1234.4, 120.0, "1230"),
        (1.5, None, "1.5"),
        (0.012345678, 0.0, "0.01235"),
        (0.012345678, 1e-17, "0.01235"),
        (0.0, 1e-300, "0"),
        (0.012345678, float("nan"), "0.01235"),
        (float("inf"), 0.1, "inf"),
    ],
)
def test_a_number_has_the_digits_of_its_error(value, error, text):
    assert rounded(value, error) == text


def test_an_interval_rounds_as_its_standard_error_does():
    """Ends that lie 3.92 errors apart."""
    ends = {"low": [0.1 - 1.959964 * 0.0123], "high": [0.1 + 1.959964 * 0.0123]}
    frame = pl.DataFrame({"benchmark_id": ["b"], "difference": [0.1], **ends})
    assert table(frame, "disagreements").cells() == [["b", "0.100", "0.076", "0.124"]]


def test_files_that_are_read_by_programs_are_not_rounded():
    from qwh.exports import delimited

    frame = pl.DataFrame({"kld_mean": [0.123456789], "kld_mean_se": [0.01]})
    assert b"0.123456789" in delimited.render(table(frame, "fidelity"))


def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {"quant_id": ["Q4_K_M"], "reason": [SAYS], "rho": [0.25], "low": [0.125], "high": [0.5]}
    )


def test_what_does_not_fit_is_left_out_and_named():
    for width in range(40, 140):
        text = render(table(frame()), width)
        assert widest(text) <= width
        head, left_out = text.splitlines()[0], text.partition("1 row\n")[2]
        assert all((name in head) != (name in left_out) for name in frame().columns)
    assert render(table(frame()), 200) == render(table(frame()))


def test_ends_of_an_interval_come_and_go_together():
    for width in range(20, 140):
        head = render(table(frame()), width).splitlines()[0]
        assert ("low" in head) == ("high" in head)


def test_the_important_columns_stay_and_not_the_left_ones():
    rows = pl.DataFrame(
        {"quant_id": ["Q4_K_M"], "kld_median": [0.25], "dp_rms": [0.5], "kld_mean": [0.125]}
    )
    text = render(table(rows, "fidelity"), 24)
    assert text.splitlines()[0].split() == ["quant_id", "kld_mean"]
    assert text.endswith("kld_median, dp_rms")


def test_every_line_fits_whatever_stands_in_it():
    """Wide letters, long words, line breaks, names longer than the screen."""
    rows = pl.DataFrame(
        {
            "cohort_id": ["a" * 90, "b"],
            "quant_id": ["量子化" * 20, "Q4"],
            "reason": ["x" * 200, "one\ntwo three " * 9],
            "a_very_long_name_of_a_column_that_has_many_words": [1.5, None],
        }
    )
    for width in (20, 40, 80, 120):
        assert widest(render(table(rows), width)) <= width


def test_long_names_stand_on_two_lines_where_that_makes_room():
    rows = pl.DataFrame({"improvement_share": [0.25], "context_length": [512]})
    assert render(table(rows), 25).splitlines()[:2] == [
        "improvement_  context_",
        "       share    length",
    ]
    assert render(table(rows), 33).splitlines()[0] == "improvement_share  context_length"


def test_sentences_stand_below_their_row():
    rows = pl.DataFrame({"finding": ["a", "b"], "figure": [1.5, 2.5], "says": [SAYS, "short"]})
    lines = render(table(rows, "study"), 40).splitlines()
    assert lines[2] == "a           1.5" and lines[6] == "" and lines[7] == "b           2.5"
    assert " ".join("".join(line[3:] for line in lines[3:6]).split()) == SAYS
    assert "says" not in lines[0] and lines[8] == "    short"
    assert "says" in render(table(rows, "study"), 120).splitlines()[0]


def test_one_cohort_is_named_once_and_several_in_their_rows():
    rows = pl.DataFrame({"cohort_id": ["m", "m"], "quant_id": ["a", "b"]})
    lines = render(table(rows), 80).splitlines()
    assert lines[0] == "quant_id" and lines[-1] == "2 rows of cohort m"
    several = rows.with_columns(cohort_id=pl.Series(["m", "n"]))
    assert render(table(several), 80).splitlines()[0].split() == ["cohort_id", "quant_id"]
    assert render(table(rows)).splitlines()[0].split() == ["cohort_id", "quant_id"]
    first = table(rows)._replace(total=9)  # the others may be of another
    assert render(first, 80).splitlines()[0].split() == ["cohort_id", "quant_id"]
    assert render(first._replace(is_one_cohort=True), 80).endswith("9 rows of cohort m")


def test_names_of_several_cohorts_are_cut_where_they_take_the_room_of_figures():
    names = ["smollm2-135m-instruct-full", "smollm2-135m-instruct-study"]
    rows = pl.DataFrame({"cohort_id": names, "quant_id": ["a", "b"], "ppl": [1.5, 2.5]})
    lines = render(table(rows, "fidelity"), 40).splitlines()
    assert lines[0].split() == ["cohort_id", "quant_id", "ppl"]
    cut = [line.split()[0] for line in lines[2:4]]
    for name, each in zip(names, cut):
        begins, ends = each.split("…")
        assert name.startswith(begins) and name.endswith(ends) and len(begins) > 9 < len(ends)
    assert all(name in render(table(rows, "fidelity"), 50) for name in names)


def test_columns_without_any_figure_go_first():
    rows = pl.DataFrame({"quant_id": ["q"], "ppl": [None], "dp_rms": [0.5]}, strict=False)
    rows = rows.with_columns(pl.col("ppl").cast(pl.Float64))
    assert render(table(rows, "fidelity"), 20).splitlines()[0].split() == ["quant_id", "dp_rms"]


def test_the_first_rows_say_of_how_many():
    shown = table(frame())._replace(total=1190)
    assert render(shown).splitlines()[-2:] == ["...", "1,190 rows"]


def test_a_table_of_nothing_is_no_rows():
    assert render(table([])) == render(table([]), 80) == "0 rows"


def test_cells_within_cells_read_as_words():
    rows = pl.DataFrame({"facts": [{"a": 1, "\x1bb": None}], "klds": [[0.5, 1.25]]})
    assert table(rows).cells() == [["a: 1, \\x1bb: —", "[0.5, 1.25]"]]


def test_cohorts_stand_above_their_rows_where_their_names_take_the_room_of_figures():
    names = ["m" * 30] * 2 + ["n" * 90] * 2
    columns = {"quant_id": ["a", "b"] * 2, "ppl": [1.5, 2.5, 3.5, 4.5], "verdict": ["same"] * 4}
    rows = pl.DataFrame({"cohort_id": names} | columns)
    shown = table(rows)
    head, _, first, *lines, last = render(important(shown, 1), 30).splitlines()
    assert head.split() == ["quant_id", "ppl", "verdict"] and last == "4 rows"
    assert first == "m" * 30 and [line.split()[0] for line in lines[:2]] == ["a", "b"]
    assert "".join(lines[2:5]) == "n" * 90 and len(lines) == 7  # folded, not cut
    mixed = important(table(rows[[0, 2, 1, 3]]), 1)
    assert "cohort_id" in render(mixed, 30).splitlines()[0]  # which come back: in each row
    chosen = shown.select(["cohort_id", "quant_id", "ppl", "verdict"])
    assert "cohort_id" in render(chosen, 30).splitlines()[0]
    assert "cohort_id" in render(important(shown, 1), 80).splitlines()[0]


def test_a_verdict_is_the_last_to_go():
    rows = pl.DataFrame({"quant_id": ["a" * 12], "figure": [1.25], "verdict": ["cannot_tell"]})
    for width, names in ((40, ["quant_id", "figure", "verdict"]), (26, ["quant_id", "verdict"])):
        assert render(important(table(rows), 1), width).splitlines()[0].split() == names


def important(shown, level: int):
    """The table with all columns of one importance, and verdicts that are known as such."""
    columns = [
        each._replace(importance=level, form="verdict" if each.name == "verdict" else each.form)
        for each in shown.columns
    ]
    return shown._replace(columns=columns)
