"""The docs' examples, run: in every ```console block, what stands below a `$ command` is what that
command prints in a folder whose warehouse/ holds the study in miniature.

`python tests/docs.py` writes the outputs anew; tests/test_docs.py compares them.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "demo" / "README.md")
WIDTH = 100
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*\\\n)*.*\n", re.MULTILINE)  # with the lines that a \ continues


def make_study(folder: Path) -> None:
    """Fill folder/warehouse with the results that the demo carries, and build it."""
    run("qwh demo --study --warehouse warehouse", folder)


def run(command: str, folder: Path) -> str:
    """What a shell command prints in this folder, without what it says on stderr."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": programs, "COLUMNS": str(WIDTH), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{command}: exit code {done.returncode}: {done.stderr.strip()}")
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def regenerated(page: str, folder: Path) -> str:
    """The page with every output as its command prints it now."""

    def block(found: re.Match) -> str:
        commands = [match.group() for match in COMMAND.finditer(found.group())]
        return "".join(each + run(each.removeprefix("$ "), folder) for each in commands)

    return BLOCK.sub(block, page)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_study(Path(folder))
        for page in PAGES:
            page.write_text(regenerated(page.read_text(), Path(folder)))


if __name__ == "__main__":
    main()
