"""However a table is saved again, its numbers stay, or it is refused; what qwh writes it reads."""

import csv
import io
import json
from pathlib import Path

import pytest
from conftest import query, qwh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from table_cases import CASES, ingest, kept, stored, table

from qwh.database.warehouse import Warehouse
from qwh.errors import QwhError
from qwh.ingest.readers import printed_table, registry
from qwh.ingest.readers.port import NotTaken

QUANTS = ("Q8_0", "UD-Q4_K_XL", "IQ2_XS")
COLUMNS = {  # heading -> what is stored, and the cells
    "PPL": ("ppl", ["7.2011 ± 0.0451", "7.2510 ± 0.0463", "1234.5678 ± 9.25"]),
    "Mean KLD": ("kld_mean", ["0.007148 ± 0.00009", "0.028143 ± 0.00021", "1.3123 ± 0.0115"]),
    "KLD 99%": ("kld_p99", ["0.0885", "0.3362", "12.6693"]),
    "Same top p": ("top1_agreement", ["99.215 %", "97.574 %", "61.5 %"]),
    "ln(PPL(Q)/PPL(base))": ("ln_ppl_ratio", ["-0.0007", "0.0052", "5.1946"]),
}
OTHERS = {
    "Size (GB)": ["1.32", "0.8", "0.61"],
    "imatrix": ["no", "yes", "yes"],
    "PPL of code": ["3.1", "3.2", "9.5"],
    "Top tokens differ": ["0.01", "0.03", "0.4"],
}
WRAPPED = ("{}", "**{}**", "`{}.gguf`", "[{}](https://example.org/{}.gguf)", "m/{}.gguf")


def numbers(cells: list[str]) -> list[tuple]:
    """The values and errors of cells, in our units; counted here, not with the project's code."""
    found = []
    for cell in cells:
        parts = [float(part.strip("% ")) for part in cell.split("±")]
        scale = 100 if "%" in cell else 1
        found.append((parts[0] / scale, parts[1] / scale if len(parts) > 1 else None))
    return found


def drawn(heading: list[str], rows: list[list[str]], form: str) -> str:
    """A table as text."""
    if form == "json":
        return json.dumps([dict(zip(heading, row)) for row in rows])
    if form in ("md", "org"):
        rule = "+" if form == "org" else "|"
        ruled = ["|" + rule.join(["---"] * len(heading)) + "|"]
        pipes = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
        return "\n".join(["| " + " | ".join(heading) + " |", *ruled, *pipes]) + "\n"
    out = io.StringIO()
    delimiter = {"csv": ",", "tsv": "\t", "semicolon": ";"}[form]
    csv.writer(out, delimiter=delimiter).writerows([heading, *rows])
    return out.getvalue()


def read(path: Path) -> dict[str, dict[str, tuple]]:
    """quant -> metric -> (value, error)."""
    found = {}
    for part in printed_table.read(path, {}):
        if not isinstance(part, NotTaken):
            assert part.quant_name not in found
            found[part.quant_name] = {row.metric: row[1:] for row in part.statistics}
    return found


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_saved_again_it_is_the_same_or_refused(tmp_path, data):
    others = data.draw(st.lists(st.sampled_from(sorted(OTHERS)), unique=True))
    known = data.draw(st.lists(st.sampled_from(list(COLUMNS)), unique=True, min_size=1))
    form = data.draw(st.sampled_from(["csv", "tsv", "semicolon", "md", "org", "json"]))
    wrap = data.draw(st.sampled_from(WRAPPED))
    comma = data.draw(st.booleans())
    minus = data.draw(st.sampled_from(["-", "−", "–"]))
    extra = data.draw(st.sampled_from([None, "Average", "IQ1_S"]))
    order = data.draw(st.permutations(["Quant", *known, *others]))
    columns = {"Quant": [wrap.format(name, name) for name in QUANTS]}
    columns |= {heading: COLUMNS[heading][1] for heading in known}
    columns |= {heading: OTHERS[heading] for heading in others}
    rows = [[columns[heading][at] for heading in order] for at in range(len(QUANTS))]
    if extra:
        cell = "0.5" if extra == "Average" else "OOM"
        rows.append([extra if heading == "Quant" else cell for heading in order])
    name_at = order.index("Quant")
    for row in rows:
        for at, cell in enumerate(row):
            if at != name_at:
                cell = cell.replace("-", minus)
                row[at] = cell.replace(".", ",") if comma else cell
    path = tmp_path / f"a.{form}"
    path.write_text(drawn(order, rows, form))
    try:
        found = read(path)
    except QwhError as error:
        # a comma before three digits alone may be one of thousands: nothing else is in doubt
        assert comma and "thousands or decimals" in str(error)
        return
    values = {COLUMNS[heading][0]: numbers(COLUMNS[heading][1]) for heading in known}
    assert list(found) == list(QUANTS)
    for at, name in enumerate(QUANTS):
        for metric, expected in values.items():
            value, error = found[name][metric]
            assert value == pytest.approx(expected[at][0], rel=1e-15)
            assert error == (expected[at][1] and pytest.approx(expected[at][1], rel=1e-15))
        assert len(found[name]) == len(values)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_mended_or_torn_file_has_the_same_numbers_or_none(tmp_path, data):
    name = data.draw(
        st.sampled_from(["06-headings.md", "07-own-names.csv", "35-rule-with-plus.md"])
    )
    raw = (CASES / "quant" / name).read_text()
    whole = tmp_path / f"whole-{name}"
    whole.write_text(raw)
    expected = read(whole)
    lines = raw.splitlines()
    at = data.draw(st.integers(2, len(lines) - 1))
    change = data.draw(st.sampled_from(["drop a line", "twice", "cut", "one more", "note"]))
    if change == "drop a line":
        del lines[at]
    elif change == "twice":
        lines.insert(at, lines[at])
    elif change == "cut":
        lines = "\n".join(lines)[: data.draw(st.integers(1, len(raw) - 2))].splitlines()
    elif change == "one more":
        lines[at] = lines[at] + (" 0.5 |" if name.endswith(".md") else ",0.5")
    else:
        lines = ["My numbers", "", *lines, "", "measured on Friday"]
    path = tmp_path / f"changed-{name}"
    path.write_text("\n".join(lines))
    try:
        found = read(path)
    except QwhError:
        return
    last = lines[-1].split("|" if name.endswith(".md") else ",")
    for quant, metrics in found.items():
        cut = change == "cut" and quant.strip() in (last[0].strip(), *map(str.strip, last[1:2]))
        for metric, number in metrics.items():
            assert cut or number == expected[quant][metric]


@pytest.fixture(scope="module")
def exported(tmp_path_factory, warehouse) -> Path:
    """What qwh writes of a warehouse with runs of its own."""
    folder = tmp_path_factory.mktemp("exported")
    for name in ("fidelity", "fct_fidelity"):
        for ending in (".csv", ".md", ".parquet", ".tex"):
            path = folder / f"{name}{ending}"
            done = qwh("export", name, "-o", path, "--warehouse", warehouse)
            assert done.exit_code == 0, done.stderr
        done = qwh("sql", f"select * from {name}", "--wide", "--warehouse", warehouse)
        (folder / f"{name}.txt").write_text(done.stdout)
    return folder


@pytest.mark.parametrize("ending", ["csv", "parquet", "md", "tex"])
def test_the_analysis_that_qwh_writes_it_reads_back(exported, warehouse, tmp_path, ending):
    path = exported / f"fidelity.{ending}"
    found, _ = kept(tmp_path / "w", path, kind="auto")
    relation = Warehouse(warehouse).relation("fidelity")
    assert len(found) == relation.height > 3
    exact = ending in ("csv", "parquet")  # the others round to four digits, or by the error
    for row in relation.to_dicts():
        metrics = found[row["quant_id"], "unstated", 0]
        assert len(metrics) == 7
        for metric, (value, error) in metrics.items():
            was, was_error = row[metric], row.get(f"{metric}_se")
            finest = 0.05 * (was_error or 0)  # of two digits of the error
            assert value == (was if exact else pytest.approx(was, rel=5e-4, abs=finest))
            assert error == (
                was_error if exact else was_error and pytest.approx(was_error, rel=0.05)
            )


@pytest.mark.parametrize("ending", ["csv", "parquet", "md", "txt"])
def test_the_table_that_qwh_writes_it_reads_back(exported, warehouse, tmp_path, ending):
    found, _ = kept(tmp_path / "w", exported / f"fct_fidelity.{ending}", kind="auto")
    held = query(
        warehouse,
        "select quant_id, corpus_id, context_length, metric, value, standard_error_iid"
        " from fct_fidelity join dim_measurements using (cohort_id, measurement_id, metric)",
    )
    exact = ending in ("csv", "parquet")
    assert len(held) == sum(map(len, found.values())) > 100
    for *key, metric, was, was_error in held:
        value, error = found[tuple(key)][metric]
        assert value == (was if exact else pytest.approx(was, rel=5e-4))
        assert error == (was_error if exact else was_error and pytest.approx(was_error, rel=5e-4))


def test_a_table_is_asked_last_but_before_what_must_be_named():
    kinds = list(registry.KINDS)
    assert kinds.index("qbench") < kinds.index("table") < kinds.index("generic")


def test_stored_numbers_are_those_of_the_file_to_the_last_bit(tmp_path):
    path = tmp_path / "a.csv"
    texts = ["0.1", "0.30000000000000004", "5e-324", "1.7976931348623157e+250", "0.007148"]
    rows = "".join(f"q{at},{text}\n" for at, text in enumerate(texts))
    path.write_text("quant,kld_mean\n" + rows)
    assert ingest(tmp_path / "w", path).exit_code == 0
    assert stored(tmp_path / "w") == table(
        "kld_mean", **{f"q{at}": (float(text),) for at, text in enumerate(texts)}
    )
