"""Tables of quants (printed_table) and exllamav3's results (qbench)."""

import pytest
from log_files import FIXTURES, summaries, values

from qwh.errors import QwhError
from qwh.ingest.readers import printed_table as table


def test_qbench():
    found = summaries(FIXTURES / "qbench.json")
    assert [entry.quant_name for entry in found] == [
        "BF16",
        "Noise floor",
        "EXL3 4.00 bpw",
        "EXL2 4.00 bpw",
        "broken",
    ] and [entry.is_reference for entry in found] == [True] + [False] * 4
    assert values(found[2]) == {
        "ppl": 7.161,
        "kld_mean": 0.0121,
        "kld_median": 0.0061,
        "kld_p10": 2e-4,
        "kld_p25": 0.0016,
        "kld_p75": 0.0142,
        "kld_p90": 0.0275,
    }
    assert found[1].facts["noise_floor"] and found[1].facts["kld_buckets"][1] == {
        "conf_range": [0.95, 1.0],
        "share": 0.0,
        "mean": None,
        "median": None,
    }
    assert (
        found[4].statistics == []
        and found[4].partial.startswith("no ppl")
        and [entry.partial for entry in found[:4]] == [None] * 4
    )


def test_tables():
    rows = summaries(FIXTURES / "table.csv")
    assert [row.quant_name for row in rows] == ["Q8_0", "Q4_K_M", "Q3_K_M"]
    assert rows[1].statistics == [
        ("ppl", 6.6463, 0.0421),
        ("kld_mean", 0.01237, 0.00021),
        ("kld_median", 0.00478, None),
        ("kld_p99", 0.3362, None),
        ("dp_rms", 0.03123, 0.00041),
        ("top1_agreement", 0.94917, 0.0008),
    ]
    assert summaries(FIXTURES / "table.tsv")[0].statistics == [
        ("kld_mean", 0.0395, 0.0004),
        ("kld_p999", 1.5457, None),
        ("top1_agreement", 0.89938, None),
    ]
    rows = summaries(FIXTURES / "table.md")
    assert values(rows[0]) == {"ppl": 6.5159, "ln_ppl_ratio": 0.0} and values(rows[2]) == {
        "top1_agreement": 0.90637,
        "kld_median": 0.018433,
        "kld_p99": 1.0482,
        "ppl": 6.437,
        "ln_ppl_ratio": -0.0122,
    }


def test_a_tables_unit_is_never_guessed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Quant,Mean KLD,RMS Δp\nQ8_0,0.001,0.5\n")
    found = summaries(path)[0]
    assert values(found) == {"kld_mean": 0.001} and found.left_out == {
        "shares that may be per cent or fractions": 1
    }
    assert (
        values(summaries(path, unit="percent")[0])["dp_rms"] == 0.005
        and values(summaries(path, unit="fraction")[0])["dp_rms"] == 0.5
    )
    path.write_text("Quant,Same top p,RMS Δp\nQ8_0,0.99,0.005\n")
    assert values(summaries(path)[0]) == {"top1_agreement": 0.99, "dp_rms": 0.005}


@pytest.mark.parametrize(
    "text, words",
    [
        ("Quant,Speed\nQ8_0,3\n", "Mean KLD"),
        ("", "empty"),
        ("Quant,Mean KLD\nQ8_0,1\nQ8_0,2\n", "another row"),
        ("Quant,Mean KLD,Same top p\nQ8_0,0.1,99 %\nQ6_K,0.\n", "2 cells where the heading has 3"),
        ("Mean KLD\n0.1\n", "no column with the quants' names"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(QwhError, match=words):
        list(table.read(tmp_path / "a.csv", {}))
