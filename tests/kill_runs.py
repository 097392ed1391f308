"""Runs of the command line in children of one warmed process, killed at a moment or at a call."""

import multiprocessing
import os
import sys
from pathlib import Path

import deaths

WARM = ["kill_runs", "qwh.cli", "qwh.commands.ingest", "qwh.ingest.texts.scoring"]
WARM += ["llama_cpp", "numba"]
DEATHS = ("fsync", "replace", "truncate", "rmdir")  # calls of os at which a run may be killed


def start(arguments: list, said: Path, reads: Path | None = None, die_at: int = 0):
    """`qwh ARGUMENTS` in a child; its output goes to the file `said`.

    reads: a file that gets a line, model file and chunk, when a model begins to read a chunk.
    die_at: it kills itself at its n-th call of one of DEATHS.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    child = context.Process(target=_run, args=(list(map(str, arguments)), said, reads, die_at))
    child.start()
    return child


def _run(arguments: list[str], said: Path, reads: Path | None, die_at: int) -> None:
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    if reads:
        _log_reads(os.open(reads, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    if die_at:
        deaths.die_at(die_at, DEATHS)
    from qwh.cli import app

    sys.argv = ["qwh", *arguments]
    app()


def _log_reads(log: int) -> None:
    """Have llama.cpp's models say what they read."""
    from qwh.ingest.engines import llama_cpp

    load, alone = llama_cpp.load, llama_cpp.Model._alone

    def loaded(file, *more):
        model = load(file, *more)
        model.name = file.path.name
        return model

    def logged(self, sequence, rows):
        os.write(log, f"{self.name} {sequence.number}\n".encode())
        yield from alone(self, sequence, rows)

    llama_cpp.load, llama_cpp.Model._alone = loaded, logged
