"""llama.cpp's own programs, built from the source distribution that llama-cpp-python publishes.

    python benchmarks/peer.py [--sdist llama_cpp_python-0.3.36.tar.gz]

It prints the folder of the programs; about 15 minutes, once.
"""

import argparse
import os
import subprocess
import sys
import tarfile
from pathlib import Path

VERSION = "0.3.36"
TARGETS = ("llama-perplexity", "llama-quantize", "llama-server")
OFF = (
    "BUILD_SHARED_LIBS",
    "LLAMA_CURL",
    "LLAMA_OPENSSL",
    "LLAMA_BUILD_TESTS",
    "LLAMA_BUILD_EXAMPLES",
    "LLAMA_BUILD_UI",
    "LLAMA_USE_PREBUILT_UI",  # which would be fetched
)


def cache() -> Path:
    """Where the build is kept."""
    return (
        Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "qwh" / f"peer-{VERSION}"
    )


def build(sdist: Path | None = None) -> Path:
    """The folder of the programs; builds them if they are not there yet.

    Raises CalledProcessError if a step fails.
    """
    folder = cache()
    programs = folder / "build" / "bin"
    if all((programs / name).exists() for name in TARGETS):
        return programs
    folder.mkdir(parents=True, exist_ok=True)
    if sdist is None:
        download = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:"]
        _run([*download, "-d", folder, f"llama-cpp-python=={VERSION}"])
        sdist = next(folder.glob("llama_cpp_python-*.tar.gz"))
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    source = next(folder.glob("llama_cpp_python-*/vendor/llama.cpp"))
    options = ["-DCMAKE_BUILD_TYPE=Release", *(f"-D{name}=OFF" for name in OFF)]
    options.append("-DLLAMA_BUILD_SERVER=ON")
    _run(["cmake", "-S", source, "-B", folder / "build", *options])
    _run(["cmake", "--build", folder / "build", "-j", os.cpu_count(), "--target", *TARGETS])
    return programs


def _run(command: list[object]) -> None:
    subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sdist", type=Path)
    print(build(parser.parse_args().sdist))
