"""Bad rows or parts of one cohort: it is set aside with its reason, and the others are built."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import qwh
from toy import rows

from qwh.database.build import build
from qwh.database.warehouse import Warehouse
from qwh.errors import ExitCode, QwhError
from qwh.raw.disk import sha256
from qwh.raw.store import Store

TABLES = ("fct_fidelity", "fct_disagreements", "fct_composites", "stat_disagreements", "fct_chunks")
PER_CENT = np.array([0, 100.0, 100, 0, 35.2, 0, 0, 100])
BAD = {  # cohort -> words of its reason
    "percent": ("scores are fractions of one", "quant_id far", "benchmark_id quiz"),
    "lost": ("tokens", "lost"),
    "cut": ("samples", "damaged"),
    "zeros": ("samples", "damaged"),
    "pages": ("cannot be made of its rows",),
}


@dataclass
class Broken:
    """A warehouse of one good cohort and many bad ones, as two builds found it."""

    warehouse: Warehouse
    cells: list  # of the good cohort, before the bad ones came
    lines: list[str]  # of the build, on stderr
    lenient: int  # its exit code
    kept: dict[Path, bytes]  # what mends it
    prefix: dict[str, str]  # cohort -> what its run_ids begin with


def cells(warehouse: Warehouse) -> list:
    """Every cell of the good cohort."""
    return [
        rows(warehouse, f"from {table} where cohort_id = 'toy' order by all") for table in TABLES
    ]


def add_cohort(store: Store, cohort: str, prefix: str) -> None:
    """The toy cohort's runs once more under another name."""
    for path in sorted((store.raw / "runs").glob("*-*.json")):
        facts = json.loads(path.read_text())
        if facts["cohort_id"] != "toy":
            continue
        new = facts | {"run_id": prefix + facts["run_id"], "cohort_id": cohort}
        if facts["reference_run_id"]:
            new["reference_run_id"] = prefix + facts["reference_run_id"]
        for table in json.loads(facts["parts"]):
            part = store.part(table, new["run_id"])
            part.parent.mkdir()
            shutil.copy2(store.part(table, facts["run_id"]), part)
        store.manifest(new["run_id"]).write_text(json.dumps(new))


def rewrite(store: Store, table: str, run_id: str, column: str, values: np.ndarray) -> None:
    """Other values in a column of a part, which the manifest vouches for."""
    part = store.part(table, run_id)
    old = pq.read_table(part, partitioning=None)
    place = old.schema.get_field_index(column)
    kind = old.schema.field(place)
    new = old.set_column(place, kind, [values.astype(kind.type.to_pandas_dtype())])
    pq.write_table(new, part)
    facts = json.loads(store.manifest(run_id).read_text())
    parts = json.loads(facts["parts"])
    parts[table] |= {"bytes": part.stat().st_size, "sha256": sha256(part)}
    store.manifest(run_id).write_text(json.dumps(facts | {"parts": json.dumps(parts)}))


def damage(store: Store, prefix: dict[str, str]) -> None:
    """Each bad cohort as BAD says."""
    rewrite(store, "samples", prefix["percent"] + "far-quiz", "score", PER_CENT)
    store.part("tokens", prefix["lost"] + "far-prose-4").unlink()
    for cohort in ("cut", "zeros"):
        part = store.part("samples", prefix[cohort] + "far-quiz")
        whole = part.read_bytes()
        part.write_bytes(whole[: len(whole) // 2] if cohort == "cut" else bytes(len(whole)))
    part = store.part("tokens", prefix["pages"] + "far-prose-4")
    whole = part.read_bytes()
    end = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")  # of the rows: a footer follows
    part.write_bytes(whole[:4] + bytes(end - 4) + whole[end:])


@pytest.fixture(scope="module")
def broken(toy, tmp_path_factory) -> Broken:
    folder = tmp_path_factory.mktemp("broken") / "copy"
    shutil.copytree(toy.folder, folder)
    warehouse, store = Warehouse(folder), Store(folder)
    before = cells(warehouse)
    prefix = {cohort: f"{number}-" for number, cohort in enumerate(BAD)}  # as a hash may begin
    for cohort in BAD:
        add_cohort(store, cohort, prefix[cohort])
    kept = {path: path.read_bytes() for path in store.raw.rglob("*") if path.is_file()}
    damage(store, prefix)
    done = qwh("build", "--warehouse", folder)
    lines = done.stderr.splitlines()
    return Broken(warehouse, before, lines, done.exit_code, kept, prefix)


def test_the_good_cohort_is_built_cell_by_cell(broken):
    assert broken.lenient == 0, broken.lines
    assert cells(broken.warehouse) == broken.cells


@pytest.mark.parametrize("cohort", BAD)
def test_a_bad_cohort_is_set_aside_in_one_line(broken, cohort):
    (line,) = [line for line in broken.lines if f"cohort {cohort} " in line]
    assert line.startswith(f"cohort {cohort} is set aside: ")
    assert all(word in line for word in BAD[cohort]), line
    ((reason,),) = rows(
        broken.warehouse, f"select reason from unbuilt_cohorts where cohort_id = '{cohort}'"
    )
    assert line.endswith(reason)
    for table in (*TABLES, "dim_cohorts", "stg_runs", "fct_scores"):
        query = f"select count(*) from {table} where cohort_id = '{cohort}'"
        assert rows(broken.warehouse, query) == [(0,)]


def test_questions_about_it_are_answered_with_the_reason(broken):
    folder = broken.warehouse.folder
    asked = qwh("show", "fidelity", "--cohort", "percent", "--warehouse", folder)
    assert asked.exit_code == ExitCode.NOT_FOUND
    assert "percent is set aside: its rows break the rule" in asked.stderr
    listed = qwh("show", "unbuilt_cohorts", "--wide", "--warehouse", folder)
    assert listed.exit_code == 0 and "percent" in listed.stdout
    assert "percent" in qwh("status", "--warehouse", folder).stdout


def test_what_is_mended_is_built_and_a_strict_build_ends_with_8_until_all_is(broken):
    folder = broken.warehouse.folder
    lost = Store(folder).part("tokens", broken.prefix["lost"] + "far-prose-4")
    for path, whole in broken.kept.items():
        if path != lost:
            path.write_bytes(whole)
    strict = qwh("build", "--strict", "--warehouse", folder)
    assert strict.exit_code == ExitCode.BUILD_FAILED and "(lost)" in strict.stderr
    lost.write_bytes(broken.kept[lost])
    mended = qwh("build", "--strict", "--warehouse", folder)
    assert mended.exit_code == 0, mended.stderr
    assert rows(broken.warehouse, "from unbuilt_cohorts") == []
    built = rows(broken.warehouse, "select distinct cohort_id from fct_composites order by 1")
    assert built == sorted((cohort,) for cohort in ("toy", *BAD))
    scores = "select score from fct_scores where quant_id = 'far' and benchmark_id = 'quiz'"
    assert set(rows(broken.warehouse, scores)) == {(5 / 8,)}


def test_a_build_that_no_cohort_is_to_blame_for_fails(copy):
    """A setting that fails whatever the rows: readers keep the tables that they had."""
    before = copy.database.stat().st_mtime_ns
    with pytest.raises(QwhError, match="dbt build failed: dim_zone_rules") as caught:
        build(copy, settings={"zone_threshold": "'much'"})
    assert caught.value.code == ExitCode.BUILD_FAILED
    assert copy.database.stat().st_mtime_ns == before
