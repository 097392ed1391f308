"""Files, functions and lines stay small enough to be read at once. What does not yet is listed with
its size: it may shrink, not grow, and leaves the list when it fits.
"""

import house
from house import Function, name

TOO_LONG: dict[str, int] = {}  # function -> its lines
TOO_MANY: dict[str, int] = {  # function -> its parameters: GPU kernels
    "kernels/scorers/gpu.py _one_side": 11,
    "kernels/scorers/gpu.py _pair": 12,
    "kernels/scorers/gpu.py _select": 10,
}

CASES = house.HOUSE / "tests" / "fixtures" / "cases"  # as other tools write them


def measured(functions: list[Function], what: str, most: int) -> dict[str, int]:
    """The functions past a limit: "file function" -> size."""
    sizes = {f"{each.path} {each.name}": getattr(each, what) for each in functions}
    return {each: size for each, size in sizes.items() if size > most}


def all_functions() -> list[Function]:
    return [each for path in house.files(".py") for each in house.functions(path)]


def unlike(found: dict[str, int], listed: dict[str, int]) -> dict[str, str]:
    """What to do for the list to be true."""
    grown = {each: f"{size} now" for each, size in found.items() if size > listed.get(each, 0)}
    fits = {each: "fits now: strike it" for each in listed if each not in found}
    return grown | fits


def test_functions_are_read_at_once():
    found = measured(all_functions(), "lines", house.MOST_FUNCTION_LINES)
    assert unlike(found, TOO_LONG) == {}


def test_functions_take_few_parameters():
    """Beyond six: a settings object. A command's parameters are its options."""
    functions = [each for each in all_functions() if not each.is_command]
    found = measured(functions, "parameters", house.MOST_PARAMETERS)
    assert unlike(found, TOO_MANY) == {}


def test_files_are_short():
    for path in house.files(*house.MOST_LINES):
        most = house.MOST_LINES[path.suffix]
        if path.name == "port.py":
            most = house.MOST_PORT_LINES
        lines = len(path.read_text().splitlines())
        assert lines <= most, f"{name(path)}: {lines} lines, at most {most}"


def test_lines_are_narrow():
    assert house.wide_lines() == []
    ours = [path for path in house.files(".md") if CASES not in path.parents]
    pages = ((house.name(path), path.read_text()) for path in ours)
    wide = [name for name, page in pages if any(len(x) > house.WIDTH for x in page.splitlines())]
    assert wide == []
