"""CONTRIBUTING.md's recipes as data: the code blocks that name a file in their first line."""

import re
from typing import NamedTuple

from house import HOUSE

PAGE = HOUSE / "CONTRIBUTING.md"
BLOCK = re.compile(
    r"^```(?:python|sql|yaml)\n(?:#|--) (\S+?)(?:, in (\w+))?\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Addition(NamedTuple):
    """Code that goes into a new file, or as a line into a registry."""

    path: str
    registry: str  # its name there; empty: it is a file
    code: str


def recipes() -> dict[str, list[Addition]]:
    """Title of a recipe -> what it adds."""
    parts = PAGE.read_text().split("\n## ")[1:]
    found = {
        part.splitlines()[0]: [Addition(*each) for each in BLOCK.findall(part)] for part in parts
    }
    return {title: additions for title, additions in found.items() if additions}
