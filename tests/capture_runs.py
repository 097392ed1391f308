"""`qwh capture` in children of one warmed process, in small files, killed at a call."""

import multiprocessing
import os
import sys
from pathlib import Path

import deaths

SMALL = 1 << 16  # bytes of hidden states in a file: two chunks of the test model
WARM = ["capture_runs", "qwh.cli", "qwh.ingest.captures.capturing", "llama_cpp", "numba"]


def start(arguments: list, said: Path, die_at: int = 0):
    """`qwh ARGUMENTS` in a child; its output goes to the file `said`; see kill_runs.start."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    child = context.Process(target=_run, args=(list(map(str, arguments)), said, die_at))
    child.start()
    return child


def _run(arguments: list[str], said: Path, die_at: int) -> None:
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    from qwh.cli import app
    from qwh.ingest.captures import capturing

    capturing.SHARD = SMALL
    if die_at:
        deaths.die_at(die_at, ("fsync", "replace"))
    sys.argv = ["qwh", *arguments]
    app()
