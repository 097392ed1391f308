"""models/sources.yml from where its words are said: raw/schema.py, RunFacts, Edit, staging's YAML.

`python tests/source_columns.py` writes it anew; tests/test_definitions.py compares.
"""

import re
from dataclasses import fields
from pathlib import Path
from textwrap import wrap
from typing import Any

import yaml

from qwh.raw.ledger import Edit
from qwh.raw.manifest import RunFacts
from qwh.raw.schema import TABLES

PROJECT = Path(__file__).resolve().parents[1]
FILE = PROJECT / "models" / "sources.yml"
SQL = {  # what Parquet, and what Python, calls a type
    "int32": "integer",
    "int64": "bigint",
    "float": "float",
    "double": "double",
    "string": "varchar",
    "bool": "boolean",
}
JSON = {
    name: kind.lower()
    for file in ("source", "edits")
    for name, kind in re.findall(
        r"\b(\w+): '([A-Z]+)'", (PROJECT / "macros" / f"{file}.sql").read_text()
    )
}
TAGS = "varchar[]"
RUN = {"name": "run_id", "data_type": "varchar", "description": "the run, from the folder's name"}


def written() -> str:
    """The file's text."""
    head, _, _ = FILE.read_text().partition("  tables:\n")
    tables = yaml.safe_load(FILE.read_text())["sources"][0]["tables"]
    return head + "  tables:\n" + "".join(map(_table, tables))


def _table(known: dict[str, Any]) -> str:
    """One table with its columns."""
    text = f"  - name: {known['name']}\n{_described(known['description'], 4)}    columns:\n"
    for column in columns(known["name"]):
        text += f"    - name: {column['name']}\n      data_type: {column['data_type']}\n"
        text += _described(column["description"], 6)
    return text


def columns(table: str) -> list[dict[str, str]]:
    """name, data_type and description of every column of a raw table."""
    if table == "runs":
        said = {each.name: each.metadata["sentence"] for each in fields(RunFacts)}
        said |= {"tags": _staged("runs")["tags"]}
        return [_column(name, JSON.get(name, TAGS), sentence) for name, sentence in said.items()]
    sentences = _staged(table)
    if table == "edits":
        return [_column(each.name, JSON[each.name], sentences[each.name]) for each in fields(Edit)]
    return [RUN] + [
        _column(field.name, _type(str(field.type)), sentences[field.name])
        for field in TABLES[table]
    ]


def _staged(table: str) -> dict[str, str]:
    """Raw column -> its sentence in staging, which may call it otherwise."""
    model = PROJECT / "models" / "staging" / f"stg_{table}"
    twin = yaml.safe_load(model.with_suffix(".yml").read_text())["models"][0]["columns"]
    sentences = {each["name"]: each["description"] for each in twin}
    renamed = re.findall(r"^ +(.*) as (\w+),$", model.with_suffix(".sql").read_text(), re.MULTILINE)
    for expression, name in renamed:
        for raw in re.findall(r"\w+", expression):
            sentences.setdefault(raw, sentences[name])
    return sentences


def _column(name: str, kind: str, sentence: str) -> dict[str, str]:
    return {"name": name, "data_type": kind, "description": " ".join(sentence.split())}


def _type(kind: str) -> str:
    inner = re.fullmatch(r"list<\w+: (\w+)>", kind)
    return f"{SQL[inner[1]]}[]" if inner else SQL[kind]


def _described(sentence: str, indent: int) -> str:
    """`description:` as a folded text."""
    lines = wrap(" ".join(sentence.split()), 100 - indent - 2, break_on_hyphens=False)
    return " " * indent + "description: >-\n" + "".join(f"{' ' * indent}  {x}\n" for x in lines)


if __name__ == "__main__":
    FILE.write_text(written())
