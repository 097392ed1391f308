"""Who may import whom: the rooms of the house as a table, and every import held to it, those inside
functions too.
"""

import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location

import house
import pytest
from house import HOUSE, Import

GROUND = {"errors.py", "progress.py"}
ENGINES = {
    f"ingest/engines/{file}.py" for file in ("beside", "port", "registry", "settings", "stored")
}
READERS = {
    f"ingest/readers/{file}.py"
    for file in (
        "file_sizes",
        "names",
        "picks",
        "port",
        "registry",
        "strangers",
        "untrusted/packed",
    )
}
INGEST = {"ingest", *ENGINES, *READERS}

MAY_IMPORT = {  # room: a folder with all below it, or a file -> rooms and single files of ours
    "errors.py": set(),
    "progress.py": set(),
    "kernels/scorers": set(),
    "kernels/statistics": set(),
    "kernels/udf.py": {"kernels/statistics"},
    "raw": GROUND,
    "exports": {"errors.py"},
    "ingest/engines": {"errors.py", "raw", "kernels/scorers"},
    "ingest/readers": {"errors.py"},
    "ingest": GROUND | INGEST | {"raw", "kernels/scorers", "kernels/statistics/chunks/clusters.py"},
    "database": GROUND | {"raw", "kernels/udf.py"},
    "demo": GROUND | INGEST | {"raw", "database", "ingest/engines/llama_quantize.py"},
    "commands": GROUND | INGEST | {"raw", "database", "exports", "demo", "kernels/statistics"},
    "cli.py": {"errors.py", "commands"},
    "__init__.py": {"errors.py", "database"},
}

MAY_USE = {  # package -> rooms and files that may import it
    "dbt": {"database/dbt_build.py", "database/plugin.py"},
    "duckdb": {
        "database",
        "kernels/udf.py",
        "ingest/prompts/extraction.py",
        "ingest/readers/untrusted/tables.py",
    },
    "filelock": {"raw/disk.py"},
    "gguf": {"ingest/engines/gguf.py", "ingest/engines/gguf_header.py"},
    "jinja2": {"ingest/prompts/rendering.py"},
    "llama_cpp": {
        f"ingest/engines/{file}.py"
        for file in ("llama_context", "llama_quantize", "llama_settings", "llama_tap")
    },
    "llvmlite": {f"kernels/scorers/{file}.py" for file in ("lanes", "products")},
    "matplotlib": {"exports/figures/score_changes.py"},
    "msgspec": {"ingest/readers"},
    "numba": {f"kernels/scorers/{file}.py" for file in ("loops", "lanes", "products")},
    "numpy": {
        "ingest",
        "ingest/engines",
        "ingest/readers",
        "kernels/scorers",
        "kernels/statistics",
        "raw/parts.py",
        "raw/tensor_file.py",
    },
    "polars": {"database", "demo", "exports"},
    "psutil": {"ingest/engines"},
    "pyarrow": {
        "raw",
        "demo",
        "ingest/first_again.py",
        "ingest/kept.py",
        "ingest/readers/lighteval_details.py",
        "kernels/statistics/answers.py",
        "kernels/statistics/port.py",
        "kernels/udf.py",
    },
    "rich": {"exports/terminal.py", "progress.py"},
    "scipy": {"kernels/statistics"},
    "torch": {"kernels/scorers", "ingest/engines/port.py"},
    "triton": {"kernels/scorers/gpu.py"},
    "typer": {"cli.py", "commands"},
    "yaml": {"database/settings.py"},
    "zstandard": {f"ingest/readers/untrusted/{file}.py" for file in ("archives", "packed")},
}
LATE = {"dbt", "filelock", "rich", "scipy"}  # slow to import, so done where they are called
PLUGIN = "database/plugin.py"  # dbt itself imports this file


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    return [each for path in house.product() for each in house.imports(path)]


def room(path: str) -> str:
    """The room that a file lies in: the longest of their names that its path begins with."""
    rooms = [each for each in MAY_IMPORT if path == each or path.startswith(each + "/")]
    return max(rooms, key=len, default="")


def test_every_file_lies_in_a_room():
    """A new folder is a new line in MAY_IMPORT; packages above a room hold a docstring alone."""
    halls = {"kernels/__init__.py"}
    files = {house.name(path) for path in house.product()} - halls
    assert {path for path in files if not room(path)} == set()


def test_rooms_import_what_their_row_says(imports):
    wrong = []
    for each in imports:
        mine, theirs = room(each.path), room(each.target)
        allowed = {mine, *MAY_IMPORT.get(mine, ())}
        if each.target.endswith(".py") and not {theirs, each.target} & allowed:
            wrong.append(f"{each.path}:{each.line} imports {each.target}")
    assert wrong == []


def test_packages_stay_where_they_are_expected(imports):
    wrong = []
    for each in imports:
        if each.target.endswith(".py") or each.target in sys.stdlib_module_names:
            continue
        if not {each.path, room(each.path)} & MAY_USE.get(each.target, set()):
            wrong.append(f"{each.path}:{each.line} imports {each.target}")
        elif each.target in LATE and not each.inside and each.path != PLUGIN:
            wrong.append(f"{each.path}:{each.line} imports {each.target} before it is called")
    assert wrong == []


def test_no_file_imports_itself_by_a_detour(imports):
    arrows: dict[str, set[str]] = {}
    for each in imports:
        if each.target.endswith(".py"):
            arrows.setdefault(each.path, set()).add(each.target)

    done: set[str] = set()

    def walk(path: str, way: tuple[str, ...]) -> None:
        assert path not in way, " -> ".join([*way[way.index(path) :], path])
        if path not in done:
            for target in sorted(arrows.get(path, ())):
                walk(target, (*way, path))
            done.add(path)

    for path in sorted(arrows):
        walk(path, ())


def test_packages_are_the_folders():
    """pyproject.toml lists what is installed; a folder that is not listed would be left out."""
    listed = tomllib.loads((HOUSE / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(HOUSE) for path in house.product()}
    assert sorted(listed) == sorted(".".join(("qwh", *folder.parts)) for folder in folders)
    for folder in folders:
        assert (HOUSE / folder / "__init__.py").exists(), f"{folder} is no package"


def test_a_clone_may_have_any_name():
    """pytest imports the root's __init__.py under the name of its folder, without a package."""
    spec = spec_from_file_location("a-clone", HOUSE / "__init__.py")
    spec.loader.exec_module(module_from_spec(spec))
