"""The doors, where others add: each has a written port and a registry, a line per entry, and lets
nothing else out.
"""

import re
import sys
from importlib import import_module

import house
import pytest
from house import HOUSE

DOORS = {  # folder -> the dict in its registry.py
    "ingest/engines": "ENGINES",
    "ingest/readers": "KINDS",
    "exports": "FORMATS",
}
WAYS_OUT = {"port.py", "registry.py"}
PORTS = {f"ingest/engines/{name}.py" for name in ("beside", "settings", "stored")}  # parts of one
BESIDE = {  # modules that are no entries of their door, and who may ask for them
    "exports/terminal.py": "commands",
    "exports/words.py": "commands",
    "ingest/engines/llama_quantize.py": "demo",
    "ingest/readers/file_sizes.py": "commands",
    "ingest/readers/names.py": "ingest",
    "ingest/readers/strangers.py": "ingest",
    "ingest/readers/untrusted/packed.py": "ingest",
}
door = pytest.mark.parametrize("folder", DOORS)


def entries(folder: str) -> dict:
    """The registry of a door: name on the command line -> entry."""
    registry = import_module(f"qwh.{folder.replace('/', '.')}.registry")
    return getattr(registry, DOORS[folder])


@door
def test_every_entry_has_its_module_its_words_and_a_test(folder):
    tests = "".join(path.read_text() for path in (HOUSE / "tests").glob("test_*.py"))
    assert (HOUSE / folder / "port.py").exists()
    for name, entry in entries(folder).items():
        assert (HOUSE / folder / f"{entry.module}.py").exists(), f"{name} has no module"
        assert entry.sentence, f"{name} has no words"
        assert re.search(rf"\b{entry.module}\b|[\"']{name}[\"']", tests), f"{name} has no test"


@door
def test_a_registry_imports_nothing_heavy(folder):
    for each in house.imports(HOUSE / folder / "registry.py"):
        light = {"errors.py", f"{folder}/port.py"} | PORTS | sys.stdlib_module_names
        assert each.target in light, f"line {each.line} imports {each.target}"


@door
def test_nothing_outside_asks_for_more_than_port_and_registry(folder):
    wrong = []
    for path in house.product():
        for each in house.imports(path):
            inside = each.target.startswith(f"{folder}/") and not each.path.startswith(f"{folder}/")
            if not inside or each.target in PORTS or each.target.split("/")[-1] in WAYS_OUT:
                continue
            if each.path.split("/")[0] != BESIDE.get(each.target):
                wrong.append(f"{each.path}:{each.line} imports {each.target}")
    assert wrong == []
