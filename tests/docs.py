"""The docs' examples, run: in every ```console block, what stands below a `$ command` is what that
command prints on a terminal of 100 columns, in a folder whose warehouse/ holds the study.

`python tests/docs.py` writes the outputs anew, and the picture; tests/test_docs.py compares them.
"""

import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "demo" / "README.md")
PICTURE = ROOT / "demo" / "score_changes.svg"
WIDTH = 100
SCREEN = {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "PAGER": "cat"}
STUDY = "qwh demo --study"  # takes minutes: run once, and its output used again
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*\\\n)*.*\n", re.MULTILINE)  # with the lines that a \ continues


def make_study(folder: Path) -> None:
    """What a reader has after `qwh demo --study`: the warehouse, and what was printed."""
    (folder / "printed.txt").write_text(run(STUDY, folder))


def run(command: str, folder: Path) -> str:
    """What a command prints on a terminal, without what it says on stderr."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ours, theirs = pty.openpty()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=os.environ | SCREEN | {"PATH": programs, "QWH_WAREHOUSE": "warehouse"},
            stdout=theirs,
            stderr=said,
        )
        os.close(theirs)
        printed = b"".join(_pieces(ours))
        os.close(ours)
        said.seek(0)
        if process.wait():
            raise RuntimeError(f"{command}: exit code {process.returncode}: {said.read().strip()}")
    return "".join(f"{line.rstrip()}\n" for line in printed.decode().splitlines())


def _pieces(terminal: int) -> Iterator[bytes]:
    """All that is written to a terminal, until its last writer closes it: Linux calls that EIO."""
    with suppress(OSError):
        while piece := os.read(terminal, 1 << 16):
            yield piece


def regenerated(page: str, folder: Path) -> str:
    """The page with every output as its command prints it now."""

    def block(found: re.Match) -> str:
        commands = [match.group() for match in COMMAND.finditer(found.group())]
        asked = [each.removeprefix("$ ").replace(STUDY, "cat printed.txt") for each in commands]
        return "".join(each + run(ask, folder) for each, ask in zip(commands, asked))

    return BLOCK.sub(block, page)


def draw(folder: Path) -> None:
    """The README's picture, of the study's rows."""
    import matplotlib

    from qwh.database.warehouse import Warehouse
    from qwh.demo.run import FULL
    from qwh.exports.figures import score_changes
    from qwh.exports.port import table

    rows = Warehouse(folder / "warehouse").relation("score_changes", FULL.cohort)
    with matplotlib.rc_context({"svg.hashsalt": "qwh"}):  # the same picture, the same bytes
        score_changes.draw(table(rows)).savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_study(Path(folder))
        for page in PAGES:
            page.write_text(regenerated(page.read_text(), Path(folder)))
        draw(Path(folder))


if __name__ == "__main__":
    main()
