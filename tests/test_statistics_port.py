"""What a statistic's declaration promises: SQL knows its names, holds rows to them, gives them in
one order, and every table that it fills says the same of its columns.
"""

import re
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import duckdb
import numpy as np
import pytest
import yaml
from house import HOUSE

from qwh.kernels import udf
from qwh.kernels.statistics import port, registry
from qwh.kernels.statistics.port import Lists, Numbers, Texts, Truths


class Things(NamedTuple):
    """One row per thing."""

    name: Annotated[Texts, "its name"]
    value: Annotated[Numbers, "its value"]
    parts: Annotated[Lists, "its parts"]
    is_in: Annotated[Truths, "whether it counts"]


class Settings(NamedTuple):
    """How."""

    seed: Annotated[int, "of all draws"]


class Told(NamedTuple):
    """What came in, in order."""

    names: Annotated[str, "the names, joined"]
    total: Annotated[float | None, "sum of the values, null for none"]
    missing: Annotated[int, "values that are missing"]
    parts: Annotated[float, "sum of the parts"]


def told(rows: Things, settings: Settings) -> list[Told]:
    """The rows as they came."""
    parts = sum(part.sum() for part in rows.parts if part is not None)
    known = rows.value[np.isfinite(rows.value) & rows.is_in]
    total = float(known.sum()) if len(known) else None
    missing = int(np.isnan(rows.value).sum())
    return [Told(",".join(map(str, rows.name)), total, missing, float(parts))]


DECLARED = port.declared()  # before a test adds its own


@pytest.fixture
def connection(monkeypatch):
    monkeypatch.setattr(port, "STATISTICS", dict(port.STATISTICS))
    port.statistic(told)
    with duckdb.connect() as connection:
        udf.register(connection)
        yield connection


ROWS = (
    "(values ('b', 2.0, [1.0], true), ('a', null, null, true), ('c', 4, [2], null)) t (n, v, p, i)"
)
CALL = "told(list(struct_pack(name := n, value := v, parts := p, is_in := i) {}), {{'seed': 1}})"


def test_rows_come_sorted_whatever_their_order_and_what_is_missing_is_missing(connection):
    for order in ("order by n", "order by n desc", "order by v"):
        answer = connection.sql(
            f"select unnest({CALL.format(order)}, recursive := true) from {ROWS}"
        )
        assert answer.columns == ["names", "total", "missing", "parts"]
        assert answer.fetchall() == [("a,b,c", 2.0, 1, 3.0)]


def test_groups_are_calls_of_their_own_and_null_is_no_rows(connection):
    query = f"select n, {CALL.format('')}[1].names from {ROWS} group by n order by n"
    assert connection.sql(query).fetchall() == [(name, name) for name in "abc"]
    none = connection.sql("select unnest(told(null, {'seed': 1}), recursive := true)").fetchall()
    assert none == [("", None, 0, 0.0)]


@pytest.mark.parametrize(
    "rows", ["name := n, value := v", "name := n, val := v, parts := p, i := i"]
)
def test_rows_that_lack_a_column_are_refused_by_its_name(connection, rows):
    with pytest.raises(duckdb.BinderException, match="told"):
        connection.sql(f"select told(list(struct_pack({rows})), {{'seed': 1}}) from {ROWS}")


def test_rows_of_records_are_what_sql_gives():
    records = [{"name": name, "value": None, "parts": [1.0], "is_in": None} for name in "ba"]
    rows = port.rows_of(Things, records)
    assert rows.name.tolist() == ["a", "b"] and np.isnan(rows.value).all() and not rows.is_in.any()


class Untyped(NamedTuple):
    """No sentence."""

    name: str


def test_a_field_without_a_sentence_is_refused():
    with pytest.raises(TypeError, match="name wants one sentence"):
        port.statistic(lambda_of(Untyped))


def lambda_of(kind):
    """A statistic of such rows."""

    def counted(rows: kind) -> list[Told]:
        return []

    counted.__annotations__ = {"rows": kind, "return": list[Told]}
    return counted


def test_every_module_is_listed_has_words_and_a_test():
    folder = HOUSE / "kernels" / "statistics"
    declaring = {
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if "\n@statistic\n" in path.read_text()
    }
    assert set(registry.MODULES) == declaring and sorted(registry.MODULES) == [*registry.MODULES]
    tests = "".join(path.read_text() for path in (HOUSE / "tests").glob("test_*.py"))
    assert len(DECLARED) >= len(registry.MODULES) > 20
    for each in DECLARED:
        assert each.function.__doc__, each.name
        assert re.search(rf"\b{each.name}\b", tests), f"{each.name} has no test"


def columns() -> Iterator[tuple[str, str, list[port.Field]]]:
    """(model, column, the declared fields that it can be of), of models that ask statistics."""
    for path in sorted((HOUSE / "models" / "statistics").glob("*.sql")):
        text = path.read_text()
        called = [each for each in DECLARED if re.search(rf"\b{each.name}[(']", text)]
        for name in re.findall(r"^ +answer\.(\w+),$", text, re.MULTILINE):
            yield path.stem, name, [f for each in called for f in each.answer if f.name == name]


def test_contracts_say_what_statistics_declare():
    wrong, held = [], 0
    for model, name, fields in columns():
        text = (HOUSE / "models" / "statistics" / f"{model}.yml").read_text()
        [twin] = yaml.safe_load(text)["models"]
        said = {column["name"]: column for column in twin["columns"]}[name]
        # where two statistics, or a seed too, fill one column its words are the model's own
        words = said["description"] if len(fields) > 1 or model == "stat_published" else None
        known = [(field.type.lower(), words or field.sentence) for field in fields]
        held += 1
        if (said["data_type"].lower(), said["description"]) not in known:
            wrong += [
                f"{model}: {{name: {name}, data_type, description: {each}}}" for each in known
            ]
            wrong += [] if known else [f"{model}: {name} is declared by no statistic"]
    assert wrong == [] and held > 200
