"""Tables that people publish, through the command line: every number as the file has it."""

import pytest
from table_cases import CASES, kept, refused, table

QUANT, THIRD = CASES / "quant", CASES / "third"
THREE = table(
    "ppl",
    "kld_mean",
    "top1_agreement",
    Q8_0=(8.2533, 0.0013, 0.981),
    Q6_K=(8.2612, 0.0041, 0.962),
    Q4_K_M=(8.3025, 0.0214, 0.924),
)
AS_WRITTEN = {
    QUANT / "01-decimal-comma.md": table(
        "kld_mean",
        "top1_agreement",
        "ppl",
        **{"UD-Q4_K_XL": ((0.028143, 0.00021), 0.97574, 7.251)},
        Q8_0=((0.007148, 0.00009), 0.99215, 7.2011),
    ),
    QUANT / "02-error-in-parentheses.md": table(
        "ppl",
        "kld_mean",
        "top1_agreement",
        Q8_0=((6.2342, 0.0378), (0.001355, 0.000006), (0.9812, 0.0008)),
        Q4_K_M=((6.2825, 0.0384), (0.028152, 0.000186), (0.9257, 0.0012)),
    ),
    QUANT / "03-escaped-pipe.md": table(
        "ppl", "kld_mean", IQ4_XS=(7.21, 0.021), IQ3_S=(7.61, 0.061)
    ),
    QUANT / "04-link-names.md": table(
        "ppl",
        "kld_mean",
        Q6_K=((7.251, 0.0463), (0.0031, 0.00002)),
        Q4_K_M=((7.348, 0.0471), (0.0212, 0.00013)),
    ),
    QUANT / "05-escaped-names.md": table(
        "ppl",
        "kld_mean",
        **{
            "lab_Tiny-27B-UD-Q4_K_XL": (5.7901, 0.005187),
            "other_Tiny-27B-Q4_K_M": (5.7882, 0.005733),
        },
    ),
    QUANT / "06-headings.md": table(
        "kld_mean",
        "kld_p99",
        "kld_p999",
        "kld_max",
        "top1_agreement",
        Q8_0=(0.001355, 0.0104, 0.0921, 0.4211, 0.9812),
        Q4_K_M=(0.028152, 0.3362, 1.9021, 6.1021, 0.9257),
    ),
    QUANT / "07-own-names.csv": table(
        "ppl",
        "kld_mean",
        "kld_p99",
        "kld_max",
        "top1_agreement",
        Q8_0=(6.2342, 0.001355, 0.0104, 0.4211, 0.9812),
        Q4_K_M=(6.2825, 0.028152, 0.3362, 6.1021, 0.9257),
    ),
    QUANT / "08-median-q99.md": table(
        "kld_median",
        "kld_p99",
        "ln_ppl_ratio",
        IQ2_XS=(0.1046, 1.6693, 0.1946),
        Q4_K_M=(0.0065, 0.0885, 0.0052),
        Q6_K=(0.0022, 0.0191, -0.0007),
    ),
    QUANT / "09-unicode-minus.md": table(
        "kld_median",
        "ln_ppl_ratio",
        "dp_mean",
        Q6_K=(0.0022, -0.0007, -0.00012),
        Q4_K_M=(0.0065, 0.0052, -0.00289),
    ),
    QUANT / "35-rule-with-plus.md": table(
        "ppl",
        "kld_mean",
        "dp_rms",
        **{
            "f16/f16/f16": ((6.132196, 0.037873), (0.000179, 0.000001), (0.00466, 0.00002)),
            "f16/f16/q8_0": ((6.132771, 0.037877), (0.000733, 0.000003), (0.00895, 0.00004)),
            "q8_0/q8_0/q8_0": ((6.134619, 0.037877), (0.001542, 0.000007), (0.01261, 0.00007)),
        },
    ),
    THIRD / "01-two-row-heading/sheet.csv": table(
        "ppl",
        "kld_median",
        "kld_mean",
        "kld_p99",
        "top1_agreement",
        Q8_0=((8.2533, 0.0510), 0.0006, 0.0013, 0.0101, 0.981),
        Q4_K_M=((8.3025, 0.0514), 0.0091, 0.0214, 0.2110, 0.924),
    ),
    THIRD / "02-rows-that-are-no-quants/table.md": table(
        "ppl", "kld_mean", **{"4.0": (8.3025, 0.0214), "3.0": (8.6412, 0.0812)}
    ),
    THIRD / "07-two-directions/card.md": table(
        "ppl",
        "kld_mean",
        "top1_agreement",
        **{"3.0bpw": (21.450, 0.0588, 0.874), "4.0bpw": (20.310, 0.0166, 0.930)},
        original=(20.105, None, None),
    ),
    THIRD / "09-failed-row/failed.csv": table(
        "ppl", "kld_mean", Q8_0=(8.2533, 0.0013), Q4_K_M=(8.3025, 0.0214)
    ),
    THIRD / "10-sheet-export/export.csv": table(
        "ppl",
        "kld_mean",
        "top1_agreement",
        BF16=(8.2511, None, None),
        Q8_0=(8.2533, 0.0013, 0.981),
        Q4_K_M=(8.3025, 0.0214, 0.924),
    ),
    THIRD / "11-quoted-headings/runs.csv": table(
        "ppl",
        "kld_mean",
        **{
            "q8_0-eval": (8.2533, 0.0013),
            "q4_k_m-eval": (8.3025, 0.0214),
            "q3-eval": (8.9, 0.0451),
        },
    ),
    THIRD / "12-mlflow/mlflow.csv": table(
        "ppl", "kld_mean", Q8_0=(8.2533, 0.0013), Q4_K_M=(8.3025, 0.0214)
    ),
    THIRD / "13-workbook/quants.xlsx": THREE,
    THIRD / "14-json-of-quants/quants.json": THREE,
    THIRD / "14-json-of-quants/results.json": table(
        "ppl",
        "kld_mean",
        **{
            "EXL3 3.0bpw": (8.6412, 0.0812),
            "GGUF Q4_K_M": (8.3025, 0.0214),
            "HF bf16": (8.2511, 0.0),
        },
    ),
}


@pytest.mark.parametrize("kind", ["table", "auto"])
@pytest.mark.parametrize("path", AS_WRITTEN, ids=lambda path: path.name)
def test_a_table_is_stored_as_it_is_written(tmp_path, path, kind):
    found, _ = kept(tmp_path, path, kind=kind)
    for metrics in found.values():  # 17 digits of the file are one float
        if metrics.get("top1_agreement") == (0.9620000000000001, None):
            metrics["top1_agreement"] = (0.962, None)
    assert found == AS_WRITTEN[path]


@pytest.mark.parametrize(
    "path, words",
    [
        ("quant/08-median-q99.md", ["column Top tokens differ", "Same top p", "Bits per weight"]),
        ("third/01-two-row-heading/sheet.csv", ["column Size"]),
        (
            "third/07-two-directions/card.md",
            ["KL-div (q→o)", "the other way round", "Top-2, Top-3"],
        ),
        ("third/09-failed-row/failed.csv", ['row IQ1_S is not taken: "OOM" is no number']),
        ("third/10-sheet-export/export.csv", ["row Average is not taken", "is no quant"]),
        ("third/11-quoted-headings/runs.csv", ["q3-eval on unstated; its state is crashed"]),
    ],
)
def test_what_is_left_out_is_named(tmp_path, path, words):
    _, said = kept(tmp_path, CASES / path)
    assert all(word in said for word in words), said


def test_texts_of_tables_and_of_columns_are_runs_of_their_own(tmp_path):
    found, _ = kept(tmp_path / "a", QUANT / "10-two-tables.md")
    assert found == {
        ("Q8_0", "wikitext", 0): {"ppl": (6.23, None), "kld_mean": (0.001, None)},
        ("Q4_K_M", "wikitext", 0): {"ppl": (6.28, None), "kld_mean": (0.028, None)},
        ("Q8_0", "code", 0): {"ppl": (3.23, None), "kld_mean": (0.002, None)},
        ("Q4_K_M", "code", 0): {"ppl": (3.28, None), "kld_mean": (0.038, None)},
    }
    found, said = kept(tmp_path / "b", THIRD / "08-text-in-a-column/evaluations.csv", kind="auto")
    assert "column stride" in said and found == {
        ("m-7b-bf16", "wikitext", 2048): {"ppl": (5.4712, None)},
        ("m-7b-q4", "wikitext", 2048): {"ppl": (5.6203, None)},
        ("m-7b-q3", "ptb_new", 1200): {"ppl": (29.8123, None)},
    }
    found, _ = kept(tmp_path / "c", THIRD / "08-text-in-a-column/all.csv", kind="auto")
    assert found == {
        ("m-7b-bf16", "wikitext", 2048): {"ppl": (5.4712, None)},
        ("m-7b-q4", "wikitext", 2048): {"ppl": (5.6203, None)},
        ("m-7b-bf16", "ptb_new", 2048): {"ppl": (25.1023, None)},
        ("m-7b-q4", "ptb_new", 2048): {"ppl": (26.3001, None)},
    }


@pytest.mark.parametrize(
    "path, words",
    [
        (
            "02-rows-that-are-no-quants/chunks.csv",
            ["`chunk` numbers the rows", "no table of quants"],
        ),
        (
            "02-rows-that-are-no-quants/layers.csv",
            ["`layer` numbers the rows", "one model's course"],
        ),
        ("22-speed/bench.csv", ["speeds (llama-bench)", "nothing to store"]),
        ("22-speed/bench.md", ["speeds (llama-bench)", "nothing to store"]),
        ("25-totals-only/printed.md", ["totals", "no pairing is possible", "--log_samples"]),
        (
            "25-totals-only/summary_20261125_100000.csv",
            ["totals without single answers", "--dump-eval-details"],
        ),
    ],
)
@pytest.mark.parametrize("kind", ["table", "auto"])
def test_what_is_no_table_of_quants_is_refused_for_what_it_is(tmp_path, path, words, kind):
    refused(tmp_path, THIRD / path, *words, kind=kind)


def test_a_list_without_groups_is_no_qbench(tmp_path):
    path = THIRD / "14-json-of-quants/results.json"
    refused(tmp_path, path, "of the kind table", "qwh ingest table", kind="qbench")
