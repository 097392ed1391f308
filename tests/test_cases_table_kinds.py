"""Other spellings of the kinds of tables, and what is refused because it could be misread."""

import pytest
from table_cases import ingest, kept, refused, table

TWO = table("ppl", "kld_mean", Q8_0=(6.2342, 0.001), Q4_K_M=(6.2825, 0.028))
DRAWN = {
    "psql.txt": """\
 quant  |  ppl   |  kld
--------+--------+-------
 Q8_0   | 6.2342 | 0.001
 Q4_K_M | 6.2825 | 0.028
(2 rows)
""",
    "mysql.txt": """\
+--------+--------+-------+
| quant  | ppl    | kld   |
+--------+--------+-------+
| Q8_0   | 6.2342 | 0.001 |
| Q4_K_M | 6.2825 | 0.028 |
+--------+--------+-------+
""",
    "duckdb.txt": """\
┌─────────┬──────────────┬──────────────┐
│  quant  │     ppl      │     kld      │
│ varchar │ decimal(5,4) │ decimal(4,3) │
├─────────┼──────────────┼──────────────┤
│ Q8_0    │       6.2342 │        0.001 │
│ Q4_K_M  │       6.2825 │        0.028 │
└─────────┴──────────────┴──────────────┘
""",
    "org.org": """\
* Results
| Quant   |    PPL |   KLD |
|---------+--------+-------|
| Q8_0    | 6.2342 | 0.001 |
| Q4_K_M  | 6.2825 | 0.028 |
|---------+--------+-------|
| Average | 6.2583 | 0.014 |
""",
    "quoted.md": """\
> **Numbers**
>
> | Quant | PPL | KLD |
> |:--|--:|--:|
> | Q8_0 | 6.2342 | 0.001 |
> | Q4_K_M | 6.2825 | 0.028 |
""",
    "latex.tex": r"""\begin{tabular}{lrr}
\toprule
Quant & PPL & KLD \\
\midrule
Q8\_0 & $6.2342$ & 0.001 \\
\textbf{Q4\_K\_M} & 6.2825 & 0.028 \\
\bottomrule
\end{tabular}
""",
    "apart.txt": "quant     ppl      kld\nQ8_0      6.2342   0.001\nQ4_K_M    6.2825   0.028\n",
    "semicolons.csv": "Quant;PPL;KLD\nQ8_0;6,2342;0,001\nQ4_K_M;6,2825;0,028\n",
    "titled.csv": "My quants,,\n\nQuant,PPL,KLD\nQ8_0,6.2342,0.001\nQ4_K_M,6.2825,0.028\n# wiki\n",
    "lines.jsonl": '{"quant": "Q8_0", "ppl": 6.2342, "kld": 0.001}\n'
    '{"quant": "Q4_K_M", "ppl": 6.2825, "kld": 0.028}\n',
    "objects.json": '{"Q8_0": {"ppl": 6.2342, "kld": {"mean": 0.001}},'
    ' "Q4_K_M": {"ppl": 6.2825, "kld": {"mean": 0.028}}}',
    "columns.json": '{"ppl": {"Q8_0": 6.2342, "Q4_K_M": 6.2825},'
    ' "kld": {"Q8_0": 0.001, "Q4_K_M": 0.028}}',
    "within.json": '{"model": "m", "results": [{"quant": "Q8_0", "ppl": 6.2342, "kld": 0.001},'
    ' {"quant": "Q4_K_M", "ppl": 6.2825, "kld": 0.028}]}',
    "digits.md": "|Quant|PPL|D_KL(P‖Q)|\n|-|-|-|\n|Q8_0|6.2342|1.0×10⁻³|\n|Q4_K_M|6.2825|2.8e-2|\n",
    "groups.md": "| | PPL | KLD | |\n|-|-|-|-|\n| Quant | value | mean | Q |\n"
    "| Q8_0 | 6.2342 | 0.001 | 1 |\n| Q4_K_M | 6.2825 | 0.028 | 2 |\n",
    "thousands.csv": "Quant,Tokens,PPL,KLD\nQ8_0,'1 234',6.2342,0.001\nQ4_K_M,,6.2825,0.028\n",
}


@pytest.mark.parametrize("name", DRAWN)
def test_one_table_in_many_drawings(tmp_path, name):
    path = tmp_path / name
    path.write_text(DRAWN[name])
    assert kept(tmp_path / "w", path, kind="auto")[0] == TWO


def test_what_windows_calls_unicode_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Quant\tPPL\tKLD\nQ8_0\t6,2342\t0,001\nQ4_K_M\t6,2825\t0,028\n", "utf-16")
    assert kept(tmp_path / "w", path, kind="auto")[0] == TWO


@pytest.mark.parametrize(
    "text, metrics",
    [
        ("Quant,KLD\nq,0.0123(4)\n", {"kld_mean": (0.0123, 0.0004)}),
        ("Quant,KLD (SE)\nq,0.0123 (0.0004)\n", {"kld_mean": (0.0123, 0.0004)}),
        ("Quant,PPL,PPL error\nq,6.1,0.1\n", {"ppl": (6.1, 0.1)}),
        ("Quant,kld_mean_se,kld_mean\nq,0.1,0.5\n", {"kld_mean": (0.5, 0.1)}),
        ("Quant,PPL,Same top p\nq,6.1 (+0.6%),98 %\n", {"ppl": 6.1, "top1_agreement": 0.98}),
        ("Quant;PPL;KLD\nq;1.234,5;0,5\n", {"ppl": 1234.5, "kld_mean": 0.5}),
        ("Quant;PPL;KLD\nq;7,251;0,5\n", {"ppl": 7.251, "kld_mean": 0.5}),
        ('Quant,PPL,KLD\nq,"1,842.5",0.5\n', {"ppl": 1842.5, "kld_mean": 0.5}),
        ("Quant,top1_agreement,dp_rms\nq,0.98,0.02\n", {"top1_agreement": 0.98, "dp_rms": 0.02}),
        ("Quant,dp_rms\nq,0.02\n", {"dp_rms": 0.02}),
        ("Quant,MeanKLD,p99_kld,rms_dp\nq,0.1,2,0.5\n", {"kld_mean": 0.1, "kld_p99": 2.0}),
        ("params.quant,metrics.mean_kld\nq,0.02\n", {"kld_mean": 0.02}),
        ("Quant,P95 KLD,KLD min\nq,0.5,0\n", {"kld_p95": 0.5, "kld_min": 0.0}),
        ("Quant,KL(ref||quant),KL(quant||ref)\nq,0.5,0.7\n", {"kld_mean": 0.5}),
        ("Quant,KLD,ΔPPL,PPL wiki,PPL/base\nq,0.5,0.7,6,7\n", {"kld_mean": 0.5}),
        ("Quant,KLD (bits),KLD vs Q8_0,KLD,1-PPL\nq,1,2,3,4\n", {"kld_mean": 3.0}),
        ("Quant,KLD,Top-1 error,Top-1 mismatch\nq,3,4,5\n", {"kld_mean": 3.0}),
    ],
)
def test_a_cell_is_what_its_heading_and_its_table_say(tmp_path, text, metrics):
    path = tmp_path / "a.csv"
    path.write_text(text)
    done, _ = kept(tmp_path / "w", path)
    assert done == table(*metrics, q=tuple(metrics.values()))


@pytest.mark.parametrize(
    "text, words",
    [
        ("|Quant|PPL|KLD|\n|-|-|-|\n|a|x|7.2|0.1|\n", ["4 cells", "heading has 3"]),
        ("|Quant|R|PPL|KLD|\n|-|-|-|-|\n|a|`(k|v)`|7.2|0.1|\n", ["5 cells", "write | as"]),
        ("Quant,PPL,KLD\nq,0,021,7.2\n", ["4 cells", "heading has 3"]),
        ('Quant,PPL\nq,"7,251"\n', ['"7,251"', "decimal=comma"]),
        ('Quant,PPL,KLD\nq,"7,251",0.021\n', ['"7,251"', "decimal=point"]),
        ("Quant,Same top p\nq,0.981\nr,92.1\n", ["may be per cent or fractions"]),
        (",,PPL,\nctx,Size,512,2048\nq,1,6,5\n", ["'512'", "two rows"]),
        ("Metric,q,r\nPPL,6,7\nMean KLD,1,2\n", ["its metrics are rows"]),
        ("Quant,PPL,KLD\nq,OOM,n/a\n", ["no number", 'row q: "OOM"']),
        ("Quant,PPL\nq,about six\nr,seven\n", ["about six"]),
        ("Quant,KLD,,\n,Mediana,Media,99 %\nq,0.001,0.002,0.1\n", ["Mediana", "two rows"]),
        (",PPL,,KLD,\nQuant,512,2048,512,2048\nq,6,5,0.1,0.2\n", ["'512'", "two rows"]),
        ("Quant,KLD,Mean KLD\nq,0.1,0.2\n", ["`KLD` and `Mean KLD` are both kld_mean"]),
        ("Quant,wiki,,code,\n,PPL,KLD,PPL,KLD\nq,6,0.1,3,0.2\n", ["are both ppl"]),
        ("Quant,Same top p (%)\nq,0.98\n", ["says per cent", "unit=fraction"]),
        ("Quant,imatrix,PPL\nq,no,6\nq,yes,5\n", ["`imatrix` (no and yes)", "--pick name=imatrix"]),
        ("## A-7B\n|Q|PPL|\n|-|-|\n|q|6|\n## B-8B\n|Q|PPL|\n|-|-|\n|q|7|\n", ["--corpus-id"]),
        ("n_ctx,ppl,kld\n512,6,0.1\n1024,5,0.1\n", ["`n_ctx` numbers the rows"]),
        ("model,step,ppl,kld\nm,1,6,0.1\nm,2,5,0.1\n", ["`step` numbers the rows"]),
        ("tensor,ppl,kld\nblk.0,6,0.1\nblk.1,5,0.1\n", ["`tensor` numbers the rows"]),
        ("where,ppl,kld\n1,6,0.1\n2,5,0.1\n", ["`where` numbers the rows"]),
        (",ppl,kld\n0,6,0.1\n1,5,0.1\n", ["no column with the quants' names"]),
        ("Quant,Text PPL,my kld\nq,1,2\n", ["no known column", "Text PPL", "my kld"]),
        ("Quant,PPL\n$model,6\n", ["$model", "no name"]),
        ("Quant,PPL\n", ["a heading without rows"]),
        ("quant,ctx,ppl\nq,long,6\n", ["'long' is no context length"]),
    ],
)
def test_what_could_be_misread_is_refused(tmp_path, text, words):
    path = tmp_path / "a.csv"
    path.write_text(text)
    refused(tmp_path / "w", path, *words)


@pytest.mark.parametrize("kind", ["table", "auto"])
@pytest.mark.parametrize(
    "text, words",
    [
        ("<table><tr><th>Quant</th><th><b>PPL</b></th></tr></table>\n", ["a table in HTML"]),
        ("|  Task  |Version| Metric |Value |\n|--|--:|--|--:|\n|a|0|ppl|5.1|\n", ["as lm-eval"]),
        ("dataset    version    metric    mode    m\nmmlu  -  acc  gen  80\n", ["OpenCompass"]),
    ],
)
def test_tables_of_another_kind_are_named(tmp_path, text, words, kind):
    path = tmp_path / "a.md"
    path.write_text(text)
    refused(tmp_path / "w", path, *words, kind=kind)


def test_the_user_may_say_what_a_comma_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('Quant,PPL\nq,"7,251"\n')
    done, _ = kept(tmp_path / "comma", path, "--pick", "decimal=comma")
    assert done == table("ppl", q=(7.251,))
    done, _ = kept(tmp_path / "point", path, "--pick", "decimal=point")
    assert done == table("ppl", q=(7251.0,))
    wrong = ingest(tmp_path / "w", path, "--pick", "decimal=dot")
    assert wrong.exit_code == 4 and "choose comma or point" in wrong.stderr


def test_two_texts_and_two_contexts_are_four_runs(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        'quant,text,n_ctx,ppl\nq,wiki,512,6\nq,wiki,2k,5\nq,code,512,3\nq,code,"2,048",2\n'
    )
    done, _ = kept(tmp_path / "w", path)
    assert {key: row["ppl"][0] for key, row in done.items()} == {
        ("q", "wiki", 512): 6.0,
        ("q", "wiki", 2048): 5.0,
        ("q", "code", 512): 3.0,
        ("q", "code", 2048): 2.0,
    }
