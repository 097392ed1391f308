"""`qwh bundle`: one file with everything in it, for machines that have no raw folder."""

import os
import re
import shutil
from pathlib import Path

import pytest
from conftest import query, qwh
from test_opens_anywhere import shell

from qwh.database import bundle as bundling

NAMES = "select table_name from information_schema.tables where table_schema = 'main' order by 1"


@pytest.fixture(scope="module")
def bundle(warehouse, tmp_path_factory) -> Path:
    """A bundle of the warehouse, in a folder of its own."""
    file = tmp_path_factory.mktemp("bundle") / "m.duckdb"
    done = qwh("bundle", "-o", file, "--warehouse", warehouse)
    assert done.exit_code == 0, done.stderr
    assert f"{file.stat().st_size / 1e6:,.1f} MB" in done.stdout
    assert re.search(r"bundle: (\d+) of \1 tables", done.stderr)
    assert [path.name for path in file.parent.iterdir()] == ["m.duckdb"]
    return file


def test_every_table_has_the_same_rows_in_the_real_shell(warehouse, bundle):
    names = [name for (name,) in query(warehouse, NAMES)]
    assert shell(NAMES, bundle.parent, bundle)[0].split() == names
    ask = " union all ".join(
        f"select '{name}', (select count(*) from \"{name}\")" for name in names
    )
    counts = [f"{name},{rows}" for name, rows in query(warehouse, ask)]
    printed, said = shell(ask, bundle.parent, bundle)
    assert not said and sorted(printed.splitlines()) == sorted(counts)
    sums = "select round(sum(kld), 6), round(sum(nll), 4), max(position) from int_tokens"
    [figures] = query(warehouse, sums)
    assert shell(sums, bundle.parent, bundle)[0] == ",".join(map(str, figures))


def test_nothing_in_it_reads_a_file(bundle):
    told = (
        "select count(*) from duckdb_views() where not internal and sql similar to '.*read_(p|j).*'"
    )
    assert shell(told, bundle.parent, bundle)[0] == "0"
    kinds = "select count(*) from duckdb_tables() where table_name in ('stg_tokens', 'stg_runs')"
    assert shell(kinds, bundle.parent, bundle)[0] == "2"


def test_comments_and_macros_are_kept(warehouse, bundle):
    for ask in (
        "select column_name, comment from duckdb_columns() where table_name = 'stg_tokens'"
        " and database_name = current_database() order by column_index",
        "select function_name, comment from duckdb_functions() where not internal"
        " and database_name = current_database() order by 1",
    ):
        rows = query(warehouse, ask)
        assert rows and all(all(row) for row in rows)
        listed = f"select string_agg(concat_ws('|', *columns(*)), '~') from ({ask})"
        said = "~".join("|".join(row) for row in rows)
        assert shell(listed, bundle.parent, bundle)[0].strip('"').replace('""', '"') == said
    bare = "select count(*) from duckdb_columns() where not internal and comment is null"
    assert shell(bare, bundle.parent, bundle)[0] == "0"
    relations = "select comment from duckdb_tables() union all select comment from duckdb_views()"
    raw = f"select count(*) from ({relations}) where comment like '%qwh_raw%'"
    assert shell(raw, bundle.parent, bundle)[0] == "0"


def test_the_warehouses_own_file_is_refused(warehouse, tmp_path):
    before = (warehouse / "warehouse.duckdb").read_bytes()
    link = tmp_path / "link.duckdb"
    link.symlink_to(warehouse / "warehouse.duckdb")
    for file in (warehouse / "warehouse.duckdb", link):
        done = qwh("bundle", "-o", file, "--warehouse", warehouse)
        assert done.exit_code == 2 and "the warehouse's own file" in done.stderr
    assert (warehouse / "warehouse.duckdb").read_bytes() == before
    done = qwh("bundle", "-o", tmp_path / "no" / "m.duckdb", "--warehouse", warehouse)
    assert done.exit_code == 3 and "a folder that is there" in done.stderr
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = qwh("bundle", "-o", pipe, "--warehouse", warehouse)
    assert done.exit_code == 3 and pipe.is_fifo()


def test_it_is_whole_or_not_there(warehouse, tmp_path, monkeypatch):
    """A bundle that breaks off leaves the older one as it was, and nothing beside it."""
    file = tmp_path / "m.duckdb"
    file.write_bytes(b"the older one")
    monkeypatch.setattr(bundling, "_comment", lambda connection: os.listdir(tmp_path / "gone"))
    done = qwh("bundle", "-o", file, "--warehouse", warehouse)
    assert done.exit_code == 6 and len(done.stderr.strip().splitlines()) == 2
    assert file.read_bytes() == b"the older one"
    assert [path.name for path in tmp_path.iterdir()] == ["m.duckdb"]


def test_raw_that_is_gone_is_one_line(warehouse, tmp_path):
    folder = shutil.copytree(warehouse, tmp_path / "w")
    shutil.rmtree(folder / "raw" / "tokens")
    done = qwh("bundle", "-o", tmp_path / "m.duckdb", "--warehouse", folder)
    assert done.exit_code == 6 and done.stderr.strip().splitlines()[-1].startswith("qwh: cannot")
    assert not (tmp_path / "m.duckdb").exists()
