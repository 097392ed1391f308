"""Sizes of files that a table or a command says: bytes of them, and that pick takes them."""

import csv
import json
import time

import pytest
from conftest import query, qwh
from table_cases import CASES, ingest

from qwh.ingest.readers.file_sizes import heading_unit, sizes
from qwh.raw.store import Store

QUANTS = {"Q8_0": (0.001, 8.5), "Q6_K": (0.004, 6.6), "Q4_K_M": (0.02, 4.9), "Q3_K_M": (0.09, 4.1)}


@pytest.mark.parametrize(
    "heading, unit",
    [
        ("Size", ""),
        ("File size", ""),
        ("**File Size**", ""),
        ("file_size", ""),
        ("Size on disk", ""),
        ("Size (GB)", "gb"),
        ("Size [GiB]", "gib"),
        ("size in MB", "mb"),
        ("size_gb", "gb"),
        ("Model size, MiB", "mib"),
        ("size_bytes", "bytes"),
        ("file_bytes", "bytes"),
        ("bytes", "bytes"),
        ("GiB", "gib"),
        ("BPW", None),
        ("Bits per weight", None),
        ("Batch size", None),
        ("Context size", None),
        ("Size ratio", None),
        ("VRAM (GB)", None),
        ("Params", None),
        ("GB/s", None),
    ],
)
def test_headings_of_sizes(heading, unit):
    assert heading_unit(heading) == unit


@pytest.mark.parametrize(
    "heading, cell, count",
    [
        ("Size", "4.1 GB", 4_100_000_000),
        ("Size", "4.1G", 4_100_000_000),
        ("Size", "4.1GiB", round(4.1 * 1024**3)),
        ("Size", "~ 4.07 GiB (4.83 BPW)", round(4.07 * 1024**3)),
        ("Size", "700MB", 700_000_000),
        ("Size", "700 MiB", 700 * 1024**2),
        ("Size", "1,234.5 MB", 1_234_500_000),
        ("Size", "4,1 GB", 4_100_000_000),
        ("Size", "4368439552", 4_368_439_552),
        ("Size", "4,368,439,552 bytes", 4_368_439_552),
        ("Size (GB)", "4.1", 4_100_000_000),
        ("Size (GiB)", "4.1", round(4.1 * 1024**3)),
        ("Size (GB)", "700 MB", 700_000_000),  # the cell says it of itself
        ("size_bytes", "4368439552", 4_368_439_552),
        ("Size", "4.1", None),  # of what?
        ("Size", "7B", None),  # weights
        ("Size", "4.1 GB/s", None),
        ("Size", "4-5 GB", None),
        ("Size", "12%", None),
        ("Size (GB)", "-4.1", None),
        ("Size (GB)", "small", None),
    ],
)
def test_cells_of_sizes(heading, cell, count):
    assert sizes(heading, [cell], None) == {cell: count}


def test_a_columns_other_cells_and_the_tables_numbers_tell_the_decimal_mark():
    assert sizes("Size (MB)", ["1.234"], None) == {"1.234": 1_234_000}
    assert sizes("Size (MB)", ["1,234"], None) == {"1,234": None}
    assert sizes("Size (MB)", ["1,234"], ",") == {"1,234": 1_234_000}
    assert sizes("Size (MB)", ["1,234", "812.5"], ".") == {
        "1,234": 1_234_000_000,
        "812.5": 812_500_000,
    }


@pytest.mark.parametrize("cell", ["1(" * 200_000, "1" + " " * 200_000 + "x"])
def test_a_text_under_sizes_is_passed_over_at_once(cell):
    began = time.monotonic()
    assert sizes("Size", [cell], None) == {cell: None}
    assert time.monotonic() - began < 1


def said_sizes(warehouse) -> dict[str, int | None]:
    return {run.quant_id: run.file_bytes for run in Store(warehouse).runs()}


def test_a_table_of_links_keeps_its_sizes(tmp_path):
    done = ingest(tmp_path, CASES / "quant" / "04-link-names.md")
    assert done.exit_code == 0 and "File Size" not in done.stderr
    assert set(said_sizes(tmp_path).values()) >= {6_600_000_000, 4_920_000_000}


@pytest.mark.parametrize("form", ["csv", "json"])
def test_of_two_columns_the_one_that_tells_counts(tmp_path, form):
    rows = [
        {"quant": "Q8_0", "size": 4.1, "KLD": 0.001, "size_bytes": 4_100_345_678},
        {"quant": "Q4_0", "size": 2.1, "KLD": 0.02, "size_bytes": 2_100_345_678},
    ]
    path = tmp_path / f"table.{form}"
    if form == "json":
        path.write_text(json.dumps(rows))
    else:
        with path.open("w", newline="") as file:
            out = csv.DictWriter(file, list(rows[0]))
            out.writeheader()
            out.writerows(rows)
    done = ingest(tmp_path / "w", path)
    assert done.exit_code == 0
    assert "'4.1' and 1 more of column size is not taken: no size, or its unit" in done.stderr
    assert said_sizes(tmp_path / "w") == {"Q8_0": 4_100_345_678, "Q4_0": 2_100_345_678}


def test_a_size_that_comes_later_is_a_run_of_its_own(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("quant,KLD\nQ8_0,0.001\n")
    ingest(tmp_path / "w", path)
    done = ingest(tmp_path / "w", path, "--size", "Q8_0=8.5GB")
    assert done.exit_code == 0 and "replaces run" in done.stderr
    again = ingest(tmp_path / "w", path, "--size", "Q8_0=8.5GB")
    assert "nothing to do" in again.stderr
    wrong = ingest(tmp_path / "w", path, "--size", "Q8=8.5GB")
    assert wrong.exit_code == 3 and "--size Q8: there is no such quant" in wrong.stderr
    unread = ingest(tmp_path / "w", path, "--size", "Q8_0=large")
    assert unread.exit_code == 2 and "large is not a size" in unread.stderr
    for nothing in ("0", "0.3"):
        empty = ingest(tmp_path / "w", path, "--size", f"Q8_0={nothing}")
        assert empty.exit_code == 2 and empty.stderr.count("\n") == 1
        assert f"--size Q8_0={nothing} is no model's file" in empty.stderr
    path.write_text("item,score\na,1\nb,0\n")
    columns = ("--map", "item=item", "--map", "score=score", "--cohort", "c")
    nameless = qwh("ingest", "generic", path, *columns, "--size", "X=4GB", "--dry-run")
    assert nameless.exit_code == 3 and "these files: give a --quant-id" in nameless.stderr


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A table's cohort, and one of answers whose sizes the command says; an older import of the
    table had none.
    """
    folder = tmp_path_factory.mktemp("sizes")
    warehouse, table = folder / "w", folder / "table.csv"
    lines = [f"{name},{size} GB,{kld}" for name, (kld, size) in QUANTS.items()]
    table.write_text("\n".join(["Quant,Size,Mean KLD", *lines, "IQ1_S,?,0.9\n"]))
    assert ingest(warehouse, table).exit_code == 0
    for name in ("base", *QUANTS):
        path = folder / f"{name}.csv"
        wrong = len(name)  # so many prompts, of 40
        path.write_text("\n".join(["item,score"] + [f"p{k},{int(k >= wrong)}" for k in range(40)]))
        mine = ["--quant-id", name, "--benchmark-id", "words"]
        mine += ["--size", f"{name}={QUANTS[name][1]}GB"] if name in QUANTS else ["--is-reference"]
        columns = ["--map", "item=item", "--map", "score=score", "--cohort", "answers"]
        done = qwh("ingest", "generic", path, *columns, *mine, "--warehouse", warehouse)
        assert done.exit_code == 0, done.stderr
    built = qwh("build", "--warehouse", warehouse)
    assert built.exit_code == 0, built.stderr
    return warehouse


def test_pick_works_on_a_table_of_sizes(imported):
    sql = "select quant_id, file_bytes from dim_quants where cohort_id = 'm' and role = 'quant'"
    expected = {name: round(size * 1e9) for name, (_, size) in QUANTS.items()}
    assert dict(query(imported, sql)) == expected | {"IQ1_S": None}
    done = qwh("pick", "--cohort", "m", "--max-bytes", "5GB", "--warehouse", imported)
    assert done.exit_code == 0, done.stderr
    shown = [line.split()[0] for line in done.stdout.splitlines()[2:4]]
    assert shown == ["Q3_K_M", "Q4_K_M"]
    assert "Q4_K_M has the lowest printed mean KLD, 0.02: a distance" in done.stdout
    assert "the printed errors are per token and part no pair" in done.stdout
    small = qwh("pick", "--cohort", "m", "--max-bytes", "1GB", "--warehouse", imported)
    assert small.exit_code == 3 and "the smallest is Q3_K_M with 4,100,000,000" in small.stderr


def test_pick_takes_the_sizes_that_the_command_says(imported):
    done = qwh("pick", "--cohort", "answers", "--max-bytes", "7GB", "--warehouse", imported)
    assert done.exit_code == 0, done.stderr
    shown = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()[2:5]}
    assert shown == {
        "Q3_K_M": "4,100,000,000",
        "Q4_K_M": "4,900,000,000",
        "Q6_K": "6,600,000,000",
    }
