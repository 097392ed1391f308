"""What can be downloaded: a source archive whose tests find all that they need."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from house import HOUSE

IGNORED = [line.strip("/") for line in (HOUSE / ".gitignore").read_text().split()]
BESIDE = (*IGNORED, ".git", "typing", "*_cache")  # typing/: a link that only types are checked by
MADE = ("PKG-INFO", "setup.cfg", "quant_warehouse.egg-info")  # by the archive's maker
BUILD = "import sys, setuptools.build_meta as b; print(b.build_sdist(sys.argv[1]))"


def names(folder: Path) -> set[str]:
    """All files below a folder."""
    paths = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {path for path in paths if not path.startswith(MADE)}


def python(folder: Path, *arguments: object) -> None:
    """Run Python in a folder; what it said is told if it fails."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sdist") / "house"
    return shutil.copytree(HOUSE, folder, ignore=shutil.ignore_patterns(*BESIDE))


def test_a_source_archive_holds_the_whole_house_and_its_tests_run(house):
    files = names(house)
    python(house, "-c", BUILD, house.parent)
    (archive,) = house.parent.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(house.parent / "unpacked", filter="data")
    (root,) = (house.parent / "unpacked").iterdir()
    assert root.name.startswith("quant_warehouse-")
    assert names(root) == files and len(files) > 500

    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    python(root, *tests, "--collect-only")
    python(root, *tests, "tests/test_tosses.py", "tests/test_tables.py")
