"""One run of llama-perplexity, as far as its log has shown it, and what is kept of it."""

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import PureWindowsPath
from typing import Any

from .llama_command import Command, file_name
from .llama_labels import LINES, OLD_LINES, OPTIONAL
from .llama_lines import (
    Cell,
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
)
from .port import ChunkStatistic, Statistic, Summary
from .running_means import chunk_values

MOST_COMPLAINTS = 3  # that are quoted


@dataclass
class Run:
    """One run of the program, as far as the log has shown it."""

    header: dict = field(default_factory=dict)  # mode, chunks, n_ctx, batch_size, n_seq
    facts: dict[str, str] = field(default_factory=dict)
    rows: dict[int, list[Cell]] = field(default_factory=dict)  # chunk -> of the chunk table
    running: dict[int, str] = field(default_factory=dict)  # chunk -> perplexity so far
    statistics: dict[str, Printed] = field(default_factory=dict)  # by label
    final: Final | None = None
    contradicted: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    failed: bool = False  # as the program itself said
    command: Command | None = None
    other: str | None = None  # what it is, where it is no perplexity or KLD of a quant
    is_over: bool = False  # and whether the next model that is loaded is another run's
    old: bool = False

    def has_results(self) -> bool:
        """Whether a number was printed."""
        return bool(self.rows or self.running or self.statistics or self.final)

    def is_a_run(self) -> bool:
        """Whether the log shows that the program was started, or what kept it from starting."""
        return bool(self.header or self.command or self.failed) or self.has_results()

    def has_a_course(self) -> bool:
        """Whether more than its last lines is there, which may be quoted anywhere."""
        return bool(self.header or self.running or self.rows)

    def is_ended_by(self, event: Event) -> bool:
        """Whether this can only come from the next run.

        What the program prints in between may be lost.
        """
        match event:
            case Running(chunk, mean) if not self.other or self._calibrates():
                return bool(self.rows) or self._goes_back(self.running, chunk, mean)
            case Final() if self._calibrates():
                return self.final is not None
            case Running() | Row() | Heading() | Printed() | Final() if self.other:
                return True  # no other program prints such lines
            case Row(chunk, cells):
                return bool(self.running) or self._goes_back(self.rows, chunk, cells)
            case Start(_, None):
                return bool(self.header) or self.has_results() or self.is_over
            case Start(_, command):
                again = self.command is None or self.command == command
                return self._has_shown() or bool(self.complaints) or not again
            case Header():
                return self._has_shown()
            case Other(what, _):
                return self.other != what and self._has_shown()
            case Complaint():
                return bool(self.final or self.statistics)
            case Heading(is_first, _):
                return is_first and bool(self.statistics)
            case Final():
                return self.final is not None
        return False

    def _calibrates(self) -> bool:
        return self.other is not None and "imatrix" in self.other

    def _has_shown(self) -> bool:
        return bool(self.header or self.other) or self.has_results()

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
            case Other(what, _):
                self.other = what
                self.is_over = "model_path" in self.facts  # what was loaded was for this
            case Complaint(text, own):
                self.failed = self.failed or own
                if text not in self.complaints and len(self.complaints) < MOST_COMPLAINTS:
                    self.complaints.append(text)
            case Start(facts, command):
                self.command = command or self.command
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
        corpus, partial = self.facts.get("corpus_path"), self._partial()
        header = {key: value for key, value in self.header.items() if key != "n_ctx"}
        if "chunks" not in header and not partial and (self.rows or self.running):
            header["chunks"] = max(len(self.rows), len(self.running))
        settings = {"settings": self.command.settings} if self.command else {}
        return Summary(
            quant_name=self.quant_name,
            corpus_id=PureWindowsPath(corpus).stem if corpus else None,
            context_length=self.header.get("n_ctx"),
            statistics=statistics,
            chunks=chunks,
            n=self._positions() if statistics or infinite else None,
            engine="llama.cpp",
            is_reference="logits_file" in self.facts and not self._compares(),
            facts={"program": "llama-perplexity"} | self.facts | settings | header,
            partial=partial,
            left_out=left_out | {reason: count for reason, count in counts.items() if count > 0},
        )

    @property
    def quant_name(self) -> str | None:
        """What the log calls the model."""
        path = self.facts.get("model_path")
        return file_name(path) if path else None

    @property
    def complaint(self) -> str | None:
        """What the program said of its failure, quoted."""
        return " ".join(f'"{text}"' for text in self.complaints) or None

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
            if self.final and not _finite(self.final.value, ""):
                return f"its final estimate is {self.final.value}"
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
        said = f"; it printed {self.complaint}" if self.complaint else ""
        return f"only running means up to chunk {last}{of}{said}"

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
