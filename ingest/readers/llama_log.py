"""What llama-perplexity prints, with and without --kl-divergence: a log, or a folder of logs.

Given are its statistics, and each chunk's values out of its running means. The program now and then
loses the end of its output and still exits with 0. So a number counts only where its whole line is
there, with every digit that the program prints, and a run without its last lines is partial: a
running mean is no result. Read are the lines of llama.cpp since April 2024 and ik_llama.cpp, and of
January to April 2024 (`Average:`, `KLD_99 :`), whatever stands before them. What other programs
print beside them is passed over: llama-imatrix's running perplexity is of its calibration text.
"""

import re
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from ...errors import BadFile, ExitCode, QwhError
from . import log_text, strangers
from .llama_apart import told_apart
from .llama_lines import (
    Complaint,
    Event,
    Final,
    Header,
    Heading,
    Other,
    Printed,
    Row,
    Running,
    Start,
    events,
)
from .llama_run import Run
from .port import NotTaken, Picks, Summary

MOST_RUNS = 10_000
MOST_FILES = 10_000  # of a folder
SUFFIXES = {".log", ".txt", ".out", ".err", ".stdout", ".stderr", ""}  # of a folder's logs
HEAD = 1 << 16  # bytes of a folder's file that tell whether it is a log
PAGES = {".md", ".markdown", ".rst"}  # may quote a line of a log
CONTINUED = (" \\", " `", " ^")  # how a shell's command goes on in the next line
LONGEST_COMMAND = 4000
NO_RUN = "no perplexity or KLD of a quant"
ABOUT = {  # what others' output is
    "the output of llama-imatrix": "a calibration text's perplexity, no run of llama-perplexity",
    "the output of llama-quantize": "sizes only, nothing is measured",
}
_BAD = ExitCode.BAD_INPUT
COMMA = re.compile(r"\d,\d{4,6} *(?:±|\+/-)")  # as a program of another locale writes a result


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file, or one of the folder's, holds lines that the program printed.

    Final estimates alone are a page that quotes them. A long start of other lines hides them.
    """
    if path.is_dir():
        return any(_is_log(file) for file in _logs(path))
    return _shows_a_run(path, head)


def _shows_a_run(path: Path, head: bytes) -> bool:
    """Whether lines are there that no page about the program has, which only mentions its words."""
    seen, old, page = Counter[type](), False, path.suffix.lower() in PAGES
    for _, line in log_text.cut(BytesIO(head)):
        for event in events(line, old):
            match event:
                case Row() | Printed() | Other(_, True):
                    return True
                case Header() | Complaint(_, True) if not page:
                    return True
                case Heading(_, is_old):
                    old = old or is_old
                case Final() if page:
                    continue
                case Start(_, command) if command is None:
                    continue
            seen[type(event)] += 1
    return seen[Running] > 1 or seen[Final] == 1 or (seen[Final] > 1 and seen[Start] > 0)


def read(path: Path, picks: Picks) -> Iterator[Summary | NotTaken]:
    """One Summary per run in the log or in a folder's logs, in their order.

    Raises BadFile if no line of the program is in it, and QwhError if no run printed anything that
    counts, or if two runs of one quant cannot be told apart.
    """
    found = _folder(path) if path.is_dir() else _file(path)
    yield from (part for part in found if isinstance(part, NotTaken))
    yield from told_apart(path, [part for part in found if isinstance(part, Summary)])


def _folder(path: Path) -> list[Summary | NotTaken]:
    found, refused = list[Summary | NotTaken](), list[QwhError]()
    for file in _logs(path):
        if not _is_log(file):
            continue
        name = str(file.relative_to(path))
        try:
            parts = _file(file)
        except QwhError as error:
            refused.append(error)
            found.append(NotTaken(name, str(error)))
            continue
        for part in parts:
            if isinstance(part, Summary):
                part.facts["file"] = name
                found.append(part)
            else:
                found.append(NotTaken(f"{name}: {part.what}", part.why))
    if not any(isinstance(part, Summary) for part in found):
        if refused:
            raise refused[0]
        advice = "give the folder that the logs are in"
        raise BadFile(path, "as a whole", "no log of llama-perplexity is in it", advice)
    return found


def _logs(path: Path) -> list[Path]:
    """A folder's files that may be logs, in order; links are not followed."""
    files = [file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES]
    plain = sorted(file for file in files[:MOST_FILES] if not file.is_symlink())
    return [file for file in plain if file.is_file()]


def _is_log(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return _shows_a_run(file, opened.read(HEAD))
    except OSError:
        return False


def _file(path: Path) -> list[Summary | NotTaken]:
    """What one log holds. Raises QwhError if that is no run with a result."""
    strangers.refuse_wrapped(path)
    runs = _runs(path)
    good = [run for run in runs if run.has_results() and not run.other]
    _refuse_quotes(path, good)
    if not good:
        raise _nothing(path, runs)
    passed = dict.fromkeys(_passed(run) for run in runs if run.is_a_run() and run not in good)
    return [*passed, *(run.summary() for run in good)]


def _refuse_quotes(path: Path, runs: list[Run]) -> None:
    """Raise QwhError for a page that quotes results; a command on it need not be theirs."""
    page = path.suffix.lower() in PAGES
    quoted = [run for run in runs if not run.has_a_course() and (page or not run.command)]
    if page:
        for run in quoted:
            run.facts.pop("model_path", None)
    finals = sum(run.final is not None for run in quoted)
    if finals > 1 or (page and finals):
        raise QwhError(
            f"cannot use {path}: it quotes final estimates without the runs that they come"
            " from, as a model card does: write them as a table with a row per quant, which qwh"
            " ingest table reads",
            _BAD,
        )


def _passed(run: Run) -> NotTaken:
    """A part of a log that is no run of llama-perplexity with a result."""
    if run.other:
        return NotTaken(run.other, f"it is {ABOUT.get(run.other, NO_RUN)}")
    name = run.quant_name or "a model that it does not name"
    return NotTaken(f"the run of {name}", run.complaint or "the log has no result of it")


def _nothing(path: Path, runs: list[Run]) -> QwhError:
    """The reason why a log without a run that counts is refused."""
    complaint = next((run.complaint for run in runs if run.complaint and not run.other), None)
    other = next((run.other for run in runs if run.other), None)
    if complaint and any(run.is_a_run() and not run.other for run in runs):
        found = f"the program gave up before its first result and printed {complaint}"
        return QwhError(f"cannot use {path}: {found}: mend that and run it again", _BAD)
    if other:
        advice = "give the log of llama-perplexity on a text, with or without --kl-divergence"
        return QwhError(
            f"cannot use {path}: it holds {other}, which is {ABOUT.get(other, NO_RUN)}: {advice}",
            _BAD,
        )
    if any(COMMA.search(line) for _, line in log_text.lines(path)):
        found, advice = "its numbers have decimal commas", "run it again with LC_ALL=C set"
        return BadFile(path, "as a whole", found, advice)
    early, nothing = "the log stops before the first result", "no line of llama-perplexity's output"
    said = f"{nothing}; it says {complaint}" if complaint else nothing
    return BadFile(
        path,
        "up to its end",
        early if any(run.header or run.command for run in runs) else said,
        "run llama-perplexity again and keep both its stdout and its stderr",
    )


def _runs(path: Path) -> list[Run]:
    """All that was begun in a log, other programs' output too, stream by stream."""
    streams = dict[str, list[Run]]()
    unfinished = dict[str, str]()  # a command that goes on in the next line
    for name, line in log_text.lines(path):
        line = unfinished.pop(name, "") + line
        if line.endswith(CONTINUED) and len(line) < LONGEST_COMMAND and "perplexity" in line:
            unfinished[name] = line[:-1] + " "
            continue
        runs = streams.setdefault(name, [Run()])
        for event in events(line, runs[-1].old):
            _take(path, runs, event)
    return [run for runs in streams.values() for run in runs]


def _take(path: Path, runs: list[Run], event: Event) -> None:
    if runs[-1].is_ended_by(event):
        if len(runs) == MOST_RUNS:
            raise BadFile(path, "as a whole", f"more than {MOST_RUNS:,} runs", "split it")
        runs.append(Run())
    runs[-1].take(event)
