"""The house in figures, read off its source: which files, functions and imports there are.

`python tests/house.py` prints the figures; tests/test_house_*.py hold them.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HOUSE = Path(__file__).resolve().parents[1]
WORKSHOP = ("tests", "benchmarks")  # every other folder is the product
WIDTH = 100  # columns
MOST_LINES = {".py": 400, ".sql": 120}
MOST_PORT_LINES = 200  # of a port.py
MOST_FUNCTION_LINES = 50
MOST_PARAMETERS = 6
COMMAND = re.compile(r"typer\.|Option\b|Argument\b")  # in the signature of a typer command


class Function(NamedTuple):
    """A function's name with those of the classes and functions around it, and its size."""

    path: str
    name: str
    lines: int  # of its `def`, docstring included
    parameters: int  # without self and cls
    is_command: bool  # typer reads its signature: one parameter per option


class Import(NamedTuple):
    """One import statement's target, from wherever in the file it stands."""

    path: str
    line: int
    target: str  # a file of ours by its path, or a package by its name
    inside: bool  # in a function: done when that is called


def files(*suffixes: str) -> list[Path]:
    """The house's files of these endings, without what git ignores and without links."""
    lines = (HOUSE / ".gitignore").read_text().split()
    ignored = {line.strip("/") for line in lines if not line.startswith("/")} | {".git"}
    ignored_here = {HOUSE / line.strip("/") for line in lines if line.startswith("/")}

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if path.is_symlink() or path.name in ignored or path in ignored_here:
                continue
            if path.is_dir():
                yield from walk(path)
            elif path.suffix in suffixes:
                yield path

    return list(walk(HOUSE))


def name(path: Path) -> str:
    """A file's path from the root of the house, as tables and messages write it."""
    return path.relative_to(HOUSE).as_posix()


def product() -> list[Path]:
    """The Python files that are installed."""
    return [path for path in files(".py") if name(path).split("/")[0] not in WORKSHOP]


def functions(path: Path) -> Iterator[Function]:
    """All functions of a file, methods and nested ones too."""

    def walk(node: ast.AST, around: tuple[str, ...]) -> Iterator[Function]:
        for child in ast.iter_child_nodes(node):
            inner = around
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = (*around, child.name)
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield _measured(path, ".".join(inner), child)
            yield from walk(child, inner)

    return walk(ast.parse(path.read_text()), ())


def _measured(path: Path, qualified: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    arguments = node.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    given += [each for each in (arguments.vararg, arguments.kwarg) if each]
    return Function(
        name(path),
        qualified,
        node.end_lineno - node.lineno + 1,
        len([each for each in given if each.arg not in ("self", "cls")]),
        name(path).startswith("commands/") and bool(COMMAND.search(ast.unparse(arguments))),
    )


def imports(path: Path) -> Iterator[Import]:
    """What a file imports, also inside functions; a file of ours by its path."""
    tree = ast.parse(path.read_text())
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ["qwh", *name(path).split("/")[: -node.level]] if node.level else []
            module = ".".join(package + ([node.module] if node.module else []))
            modules = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in sorted({_target(module) for module in modules}):
            yield Import(name(path), node.lineno, target, id(node) in inside)


def _target(module: str) -> str:
    """A dotted name's file in the house, or the package that it comes from."""
    first, *parts = module.split(".")
    if first != "qwh":
        return first
    while parts:
        base = HOUSE.joinpath(*parts)
        for file in (base.with_name(base.name + ".py"), base / "__init__.py"):
            if file.exists():
                return name(file)
        parts.pop()  # a name inside a module
    return "__init__.py"


def wide_lines() -> list[str]:
    """Every line of code and SQL past the width, as file:line."""
    return [
        f"{name(path)}:{number}"
        for path in files(".py", ".sql")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > WIDTH
    ]


def figures() -> Iterator[str]:
    """What `just house` prints, a line each."""
    from recipes import recipes  # it reads this module

    total = sum(len(path.read_text().splitlines()) for path in files(".py", ".sql"))
    yield f"lines over {WIDTH} columns: {len(wide_lines()) / total:.1%} of {total:,}"
    checker = [sys.executable, "-m", "mypy"]
    types = subprocess.run(checker, cwd=HOUSE, text=True, capture_output=True).stdout
    yield f"types: {types.splitlines()[-1]}"
    for suffix in MOST_LINES:
        sizes = [(len(path.read_text().splitlines()), name(path)) for path in files(suffix)]
        yield "longest {} file: {} lines, {}".format(suffix, *max(sizes))
    every = [each for path in product() for each in functions(path)]
    longest = max(every, key=lambda each: each.lines)
    yield f"longest function: {longest.lines} lines, {longest.path} {longest.name}"
    most = max((each for each in every if not each.is_command), key=lambda each: each.parameters)
    yield f"longest parameter list: {most.parameters}, {most.path} {most.name}"
    for title, additions in recipes().items():
        lines = sum(bool(each.registry) for each in additions)
        new = len(additions) - lines
        yield f"{title}: files to add {new}, lines in a registry {lines}"


if __name__ == "__main__":
    print(*figures(), sep="\n")
