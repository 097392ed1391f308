"""What llama-perplexity prints, with and without --kl-divergence.

Given are its statistics, and each chunk's values out of its running means. The program now and then
loses the end of its output and still exits with 0. So a number counts only where its whole line is
there, with every digit that the program prints, and a run without its last lines is partial: a
running mean is no result. Read are the lines of llama.cpp since April 2024 and ik_llama.cpp, and of
January to April 2024 (`Average:`, `KLD_99 :`).
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path, PureWindowsPath
from typing import Any

from ...errors import BadFile
from .llama_labels import LINES, OLD_LINES, OPTIONAL
from .llama_lines import (
    Cell,
    Event,
    Final,
    Header,
    Heading,
    Printed,
    Row,
    Running,
    Start,
    events,
)
from .port import ChunkStatistic, Picks, Statistic, Summary
from .running_means import chunk_values
from .untrusted.files import opened
from .untrusted.json_plain import clean

# characters; the running values of 50,000 chunks are one line of half of that
LONGEST_LINE = 1 << 20
MOST_RUNS = 10_000
MARKS = (
    b"Final estimate: PPL",
    b"KL divergence statistics",
    b"KL-divergence statistics",
    b"ln(PPL(Q)/PPL(base))          KL",
    b"calculating perplexity over",
    b"kl_divergence: computing over",
)

PART = re.compile(r"-\d{5}-of-\d{5}$")  # of a model in several files
COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}m")


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file holds the program's own words, in UTF-8 or as PowerShell writes them.

    A long start of other lines hides them.
    """
    return any(mark in head.replace(b"\0", b"") for mark in MARKS)


def read(path: Path, picks: Picks) -> Iterator[Summary]:
    """One Summary per run in the log, in its order.

    Raises BadFile if no run printed anything that counts.
    """
    runs = [_Run()]
    for line in _lines(path):
        for event in events(line, runs[-1].old):
            if runs[-1].is_ended_by(event):
                if len(runs) == MOST_RUNS:
                    raise BadFile(path, "as a whole", f"more than {MOST_RUNS:,} runs", "split it")
                runs.append(_Run())
            runs[-1].take(event)
    runs = [run for run in runs if run.header or run.has_results()]
    if not any(run.has_results() for run in runs):
        early, other = (
            "the log stops before the first result",
            "no line of llama-perplexity's output",
        )
        raise BadFile(
            path,
            "up to its end",
            early if runs else other,
            "run llama-perplexity again and keep both its stdout and its stderr",
        )
    yield from (run.summary() for run in runs)


def _lines(path: Path) -> Iterator[str]:
    """The log's lines without colours.

    Longer ones than LONGEST_LINE are passed over, lines of --log-jsonl unwrapped.
    """
    file, _ = opened(path)
    with file:
        start = file.read(2)
        file.seek(0)
        # UTF-16: what > makes in PowerShell
        encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text, pending = TextIOWrapper(file, encoding, errors="replace"), ""
        while line := text.readline(LONGEST_LINE):
            if line == "\n":
                continue
            if len(line) == LONGEST_LINE and line[-1] != "\n":
                while line and line[-1] != "\n":
                    line = text.readline(LONGEST_LINE)
                continue
            if line.startswith('{"type":"log"'):
                message = _message(line)
                pending += message
                if "\n" in message:
                    *whole, pending = pending.split("\n")
                    yield from whole
                elif len(pending) > LONGEST_LINE:
                    pending = ""
            else:
                yield COLOUR.sub("", line.rstrip("\n")) if "\x1b" in line else line.rstrip("\n")
        yield pending


def _message(line: str) -> str:
    try:
        message = json.loads(line)["msg"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
    return clean(message) if isinstance(message, str) else ""


@dataclass
class _Run:
    """One run of the program, as far as the log has shown it."""

    header: dict = field(default_factory=dict)  # mode, chunks, n_ctx, batch_size, n_seq
    facts: dict[str, str] = field(default_factory=dict)
    rows: dict[int, list[Cell]] = field(default_factory=dict)  # chunk -> of the chunk table
    running: dict[int, str] = field(default_factory=dict)  # chunk -> perplexity so far
    statistics: dict[str, Printed] = field(default_factory=dict)  # by label
    final: Final | None = None
    contradicted: set[str] = field(default_factory=set)
    old: bool = False

    def has_results(self) -> bool:
        return bool(self.rows or self.running or self.statistics or self.final)

    def is_ended_by(self, event: Event) -> bool:
        """Whether this can only come from the next run.

        What the program prints in between may be lost.
        """
        match event:
            case Running(chunk, mean):
                return bool(self.rows) or self._goes_back(self.running, chunk, mean)
            case Row(chunk, cells):
                return bool(self.running) or self._goes_back(self.rows, chunk, cells)
            case Start() | Header():
                return bool(self.header) or self.has_results()
            case Heading(is_first, _):
                return is_first and bool(self.statistics)
            case Final():
                return self.final is not None
        return False

    def _goes_back(self, seen: dict[int, Any], chunk: int, value: object) -> bool:
        """Whether a chunk comes after the run's end, or no later than the last one seen.

        The last one may be repeated.
        """
        last = next(reversed(seen), 0)
        repeated = chunk == last and seen.get(chunk) == value
        return bool(self.statistics or self.final) or (chunk <= last and not repeated)

    def take(self, event: Event) -> None:
        """Hold on to what a line says."""
        match event:
            case Running(chunk, mean):
                self.running[chunk] = mean
            case Row(chunk, cells):
                self.rows[chunk] = cells
            case Start(facts):
                another = "command" in facts or any(
                    self.facts.get(name, value) != value for name, value in facts.items()
                )
                self.facts = ({} if another else self.facts) | facts
            case Header(mode, settings):
                self.header = settings | {"mode": mode}
            case Heading(_, old):
                self.old = self.old or old
            case Final(_, _, settings):
                self.final = event
                self.header = settings | self.header
                self.facts |= {"wording": "ik_llama.cpp"} if settings else {}
            case Printed(label):
                if self.statistics.setdefault(label, event) != event:
                    self.contradicted.add(label)

    def summary(self) -> Summary:
        """What was held on to. Statistics that are nan or inf are counted in left_out."""
        statistics, infinite = self._statistics()
        chunks, left_out = self._chunks()
        lost = self.header.get("chunks", 0) - max(len(self.rows), len(self.running))
        counts = {
            "statistics that are nan or inf": infinite,
            "chunks that were not printed": lost,
        }
        model, corpus = self.facts.get("model_path"), self.facts.get("corpus_path")
        name = PureWindowsPath(model).name.removesuffix(".gguf") if model else None
        header = {key: value for key, value in self.header.items() if key != "n_ctx"}
        return Summary(
            quant_name=PART.sub("", name) if name is not None else None,
            corpus_id=PureWindowsPath(corpus).stem if corpus else None,
            context_length=self.header.get("n_ctx"),
            statistics=statistics,
            chunks=chunks,
            n=self._positions() if statistics or infinite else None,
            engine="llama.cpp",
            is_reference="logits_file" in self.facts and not self._compares(),
            facts={"program": "llama-perplexity"} | self.facts | header,
            partial=self._partial(),
            left_out=left_out | {reason: count for reason, count in counts.items() if count > 0},
        )

    def _statistics(self) -> tuple[list[Statistic], int]:
        """Those that are finite, and how many are not."""
        printed = [
            found for label, found in self.statistics.items() if label not in self.contradicted
        ]
        if self.final and "ppl" not in {found.line.metric for found in printed}:
            line = LINES["Mean PPL(Q)"]
            printed.append(Printed("", line, self.final.value, self.final.error))
        statistics = []
        for _, line, text, error in printed:
            exponent = "e-2" if line.per_cent else ""
            value = _finite(text, exponent)
            if value is not None:
                statistics.append(Statistic(line.metric, value, _finite(error, exponent)))
        return statistics, len(printed) - len(statistics)

    def _positions(self) -> int | None:
        """How many were scored, where the header tells."""
        n_ctx = self.header.get("n_ctx")
        if not n_ctx or self.header.get("mode") == "perplexity_v2":
            return None
        positions = self.header.get("chunks", 0) * (n_ctx - 1 - n_ctx // 2)
        return positions if positions > 0 else None

    def _compares(self) -> bool:
        return bool(self.rows or self.statistics) or self.header.get("mode") == "kl_divergence"

    def _partial(self) -> str | None:
        if self.contradicted:
            return f"{_some(sorted(self.contradicted))} printed twice with different values"
        if not self._compares():
            return None if self.final else f"no final estimate, {self._reached()}"
        if not self.statistics:
            return f"no statistics, {self._reached()}"
        missing = [
            label
            for label in (OLD_LINES if self.old else LINES)
            if label not in self.statistics and (self.old or label not in OPTIONAL)
        ]
        return f"its statistics lack {_some(missing)}" if missing else None

    def _reached(self) -> str:
        last = max(next(reversed(self.rows), 0), next(reversed(self.running), 0))
        of = f" of {self.header['chunks']}" if "chunks" in self.header else ""
        return f"only running means up to chunk {last}{of}"

    def _chunks(self) -> tuple[list[ChunkStatistic], dict[str, int]]:
        """Each chunk's own values, and what was left out."""
        printed: dict[str, dict[int, tuple[float | None, float]]] = {}
        if self.running:
            printed["ppl"] = {chunk: _rounded(text, 4, "") for chunk, text in self.running.items()}
        for chunk, cells in self.rows.items():
            for metric, text, decimals, exponent in cells:
                printed.setdefault(metric, {})[chunk] = _rounded(text, decimals, exponent)
        chunks, left_out = list[ChunkStatistic](), Counter[str]()
        for metric, means in printed.items():
            values, without = chunk_values(metric, means)
            chunks += values
            left_out.update(without)
        return chunks, dict(left_out)


def _finite(text: str | None, exponent: str) -> float | None:
    """A printed number; None for nan and inf."""
    value = float(text + exponent) if text and "n" not in text else math.inf
    return value if math.isfinite(value) else None


def _rounded(text: str, decimals: int, exponent: str) -> tuple[float | None, float]:
    return _finite(text, exponent), 0.5 * 10.0**-decimals


def _some(labels: list[str]) -> str:
    return ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
