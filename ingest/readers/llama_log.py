"""What llama-perplexity prints, with and without --kl-divergence: statistics, and each chunk's
values out of its running means.

The program now and then loses the end of its output and still exits with 0. So a number counts only
where its whole line is there, with every digit that the program prints, and a run without its last
lines is partial: a running mean is no result. Read are the lines of llama.cpp since April 2024 and
ik_llama.cpp, and of January to April 2024 (`Average:`, `KLD_99 :`).
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path, PureWindowsPath

from .llama_labels import LINES, OLD_LINES, OPTIONAL, Line
from .plain import clean, opened
from .port import BadFile, ChunkStatistic, Statistic, Summary
from .running_means import chunk_values

KIND = "llama-log"
# characters; the running values of 50,000 chunks are one line of half of that
LONGEST_LINE = 1 << 20
LONGEST_STATISTIC = 2000  # characters of any other line that is looked at: they have under 200
MOST_RUNS = 10_000
MARKS = (
    b"Final estimate: PPL",
    b"KL divergence statistics",
    b"KL-divergence statistics",
    b"ln(PPL(Q)/PPL(base))          KL",
    b"calculating perplexity over",
    b"kl_divergence: computing over",
)

# between value and error: " ± ", or whatever a wrong encoding made of it
SEPARATOR = r"[^\d.]{1,24}"


def _number(decimals: int) -> str:
    return rf"(-?(?:\d{{1,310}}\.\d{{{decimals}}}|nan(?:\(ind\))?|inf))"


def _pair(decimals: int) -> str:
    return _number(decimals) + SEPARATOR + _number(decimals)


CHUNK = r"([1-9]\d{0,8})"
ROW = re.compile(
    rf"\s*{CHUNK}\s+{_pair(4)}\s+{_pair(5)}\s+{_pair(5)}\s+{_pair(3)}\s*%\s+{_pair(3)}\s*%\s*"
)
OLD_ROW = re.compile(rf"\s*{CHUNK}\s+{_number(4)}\s+{_pair(5)}\s+{_pair(5)}(?:\s+{_pair(5)})?\s*")
RUNNING = re.compile(rf"\[{CHUNK}\]{_number(4)},")
FINAL = re.compile(
    r"Final estimate: PPL(?: over (\d{1,9}) chunks for n_ctx=(\d{1,9}))? ="
    rf" {_number(4)}{SEPARATOR}{_number(5)}\s*$"
)
VALUES = {
    line: re.compile(
        r"\s*"
        + (_pair if line.error else _number)(line.decimals)
        + (r"\s*%" if line.per_cent else "")
        + r"\s*"
    )
    for line in {*LINES.values(), *OLD_LINES.values()}
}
PREFIX = re.compile(r"\s*\d+\.\d\d\.\d\d\d\.\d\d\d [A-Z] ")
COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}m")
HEADER = re.compile(
    r"(perplexity|perplexity_v2|kl_divergence)\s?: (?:calculating perplexity|computing) over"
    r" (\d{1,9}) chunks"
)
SETTING = re.compile(r"\b(n_ctx|batch_size|n_seq)\s?=\s?(\d{1,9})\b")
BUILD = re.compile(r"\bbuild(?: =|:) (\d{1,9} \([0-9a-f]{4,40}\))")
ARGUMENT = re.compile(
    r"""\s(-m|--model|-f|--file)[ =](?:"([^"]{1,1000})"|'([^']{1,1000})'|(\S{1,1000}))"""
)
PART = re.compile(r"-\d{5}-of-\d{5}$")  # of a model in several files


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file holds the program's own words, in UTF-8 or as PowerShell writes them. A long
    start of other lines hides them.
    """
    return any(mark in head.replace(b"\0", b"") for mark in MARKS)


def read(path: Path, picks: dict) -> Iterator[Summary]:
    """One Summary per run in the log, in its order. Raises BadFile if no run printed anything that
    counts.
    """
    runs = [_Run()]
    for line in _lines(path):
        for kind, *found in _events(line, runs[-1].old):
            if runs[-1].is_ended_by(kind, found):
                if len(runs) == MOST_RUNS:
                    raise BadFile(path, "as a whole", f"more than {MOST_RUNS:,} runs", "split it")
                runs.append(_Run())
            runs[-1].take(kind, found)
    runs = [run for run in runs if run.header or run.has_results()]
    if not any(run.has_results() for run in runs):
        found = (
            "the log stops before the first result"
            if runs
            else "no line of llama-perplexity's output"
        )
        raise BadFile(
            path,
            "up to its end",
            found,
            "run llama-perplexity again and keep both its stdout and its stderr",
        )
    yield from (run.summary() for run in runs)


def _lines(path: Path) -> Iterator[str]:
    """The log's lines without colours; longer ones than LONGEST_LINE are passed over, lines of
    --log-jsonl unwrapped.
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


def _events(line: str, old: bool) -> Iterator[tuple]:
    """What a line says: (kind, values...). old: the run prints the lines of January 2024."""
    if "]" in line:
        yield from (("running", int(match[1]), match[2]) for match in RUNNING.finditer(line))
    if len(line) > LONGEST_STATISTIC:
        return
    if "." in line and (row := _row(line)):
        yield "row", *row
    elif "===" in line and "statistics" in line:
        old = "= KL-divergence statistics" in line
        yield "heading", old or "Perplexity statistics" in line, old
    elif " chunks" in line and (match := HEADER.search(line)):
        yield (
            "header",
            match[1],
            {"chunks": int(match[2])} | {name: int(value) for name, value in SETTING.findall(line)},
        )
    elif match := FINAL.search(line):
        yield (
            "final",
            match[3],
            match[4],
            {
                name: int(value)
                for name, value in (("chunks", match[1]), ("n_ctx", match[2]))
                if value
            },
        )
    elif "llama_model_loader: loaded meta data" in line and " (version " in line:
        yield (
            "start",
            {"model_path": line.rpartition(" (version ")[0].partition(" tensors from ")[2]},
        )
    elif "perplexity: saving all logits to " in line:
        yield "start", {"logits_file": line.partition(" logits to ")[2].strip()}
    elif match := BUILD.search(line):
        yield "start", {"build": match[1]}
    elif "perplexity" in line and (
        given := {
            match[1].lstrip("-")[0]: match[2] or match[3] or match[4]
            for match in ARGUMENT.finditer(line)
        }
    ):
        yield (
            "start",
            {"command": line.strip()[:LONGEST_STATISTIC]}
            | {
                name: given[letter]
                for letter, name in (("m", "model_path"), ("f", "corpus_path"))
                if letter in given
            },
        )
    elif ":" in line:
        left, _, right = line.rpartition(":")
        words = left.split()[-2:]
        if (
            len(words) == 2
            and words[1].endswith("p")
            and (
                words[0] in ("Mean", "RMS", "Median", "Maximum", "Minimum")
                or words[0].endswith("%")
            )
        ):
            words[1] = "Δp"  # the Greek letter is whatever the encoding left of it
        label = "Same top p" if words == ["top", "p"] else " ".join(words)
        known = OLD_LINES.get(words[-1]) if old and words else LINES.get(label)
        if known and (match := VALUES[known].fullmatch(right)):
            yield (
                "statistic",
                words[-1] if old else label,
                known,
                match[1],
                match[2] if known.error else None,
            )


def _row(line: str) -> tuple | None:
    """A line of the chunk table: its number, and (metric, printed value, decimals, power of ten) of
    each column.
    """
    start = prefix.end() if (prefix := PREFIX.match(line)) else 0
    if match := ROW.fullmatch(line, start):
        columns = zip(
            ("ppl", "ln_ppl_ratio", "kld_mean", "dp_rms", "top1_agreement"),
            match.groups()[1::2],
            (4, 5, 5, 5, 5),
            ("", "", "", "e-2", "e-2"),
        )
    elif match := OLD_ROW.fullmatch(line, start):
        columns = zip(
            ("ppl", "ln_ppl_ratio", "kld_mean", "top1_agreement"),
            (match[2], match[3], match[5], match[7]),
            (4, 5, 5, 5),
            ("",) * 4,
        )
    else:
        return None
    return int(match[1]), [
        (metric, text, decimals, exponent)
        for metric, text, decimals, exponent in columns
        if text is not None
    ]


@dataclass
class _Run:
    """One run of the program, as far as the log has shown it."""

    header: dict = field(default_factory=dict)  # mode, chunks, n_ctx, batch_size, n_seq
    facts: dict = field(default_factory=dict)
    rows: dict[int, list] = field(default_factory=dict)  # chunk -> columns of the chunk table
    running: dict[int, str] = field(default_factory=dict)  # chunk -> perplexity so far
    # label -> value and error as printed
    statistics: dict[str, tuple[Line, str, str | None]] = field(default_factory=dict)
    final: tuple[str, str] | None = None
    contradicted: set[str] = field(default_factory=set)
    old: bool = False

    def has_results(self) -> bool:
        return bool(self.rows or self.running or self.statistics or self.final)

    def is_ended_by(self, kind: str, found: list) -> bool:
        """Whether this can only come from the next run: what the program prints in between may be
        lost.
        """
        if kind in ("start", "header"):
            return bool(self.header) or self.has_results()
        if kind == "heading":
            return found[0] and bool(self.statistics)
        if kind in ("row", "running"):
            mine, others = (self.rows, self.running) if kind == "row" else (self.running, self.rows)
            repeated = found[0] == next(reversed(mine), 0) and mine.get(found[0]) == found[1]
            return bool(others or self.statistics or self.final) or (
                found[0] <= next(reversed(mine), 0) and not repeated
            )
        return kind == "final" and self.final is not None

    def take(self, kind: str, found: list) -> None:
        if kind == "start":
            another = "command" in found[0] or any(
                self.facts.get(name, value) != value for name, value in found[0].items()
            )
            self.facts = ({} if another else self.facts) | found[0]
        elif kind == "header":
            self.header = found[1] | {"mode": found[0]}
        elif kind == "heading":
            self.old = self.old or found[1]
        elif kind == "row":
            self.rows[found[0]] = found[1]
        elif kind == "running":
            self.running[found[0]] = found[1]
        elif kind == "final":
            self.final = (found[0], found[1])
            self.header = found[2] | self.header
            self.facts |= {"wording": "ik_llama.cpp"} if found[2] else {}
        elif self.statistics.setdefault(found[0], tuple(found[1:])) != tuple(found[1:]):
            self.contradicted.add(found[0])

    def summary(self) -> Summary:
        """What was held on to. Statistics that are nan or inf are counted in left_out."""
        left_out: dict[str, int] = {}
        statistics = [
            _statistic(*printed)
            for label, printed in self.statistics.items()
            if label not in self.contradicted
        ]
        if self.final and "ppl" not in {statistic.metric for statistic in statistics}:
            statistics.append(_statistic(LINES["Mean PPL(Q)"], *self.final))
        finite = [statistic for statistic in statistics if statistic.value is not None]
        chunks = self._chunks(left_out)
        lost = self.header.get("chunks", 0) - max(len(self.rows), len(self.running))
        left_out |= {
            reason: count
            for reason, count in (
                ("statistics that are nan or inf", len(statistics) - len(finite)),
                ("chunks that were not printed", lost),
            )
            if count > 0
        }
        model, corpus, n_ctx = (
            self.facts.get("model_path"),
            self.facts.get("corpus_path"),
            self.header.get("n_ctx"),
        )
        positions = (
            self.header.get("chunks", 0) * (n_ctx - 1 - n_ctx // 2)
            if n_ctx and self.header.get("mode") != "perplexity_v2"
            else 0
        )
        return Summary(
            quant_name=(
                PART.sub("", PureWindowsPath(model).name.removesuffix(".gguf")) if model else None
            ),
            corpus_id=PureWindowsPath(corpus).stem if corpus else None,
            context_length=n_ctx,
            statistics=finite,
            chunks=chunks,
            n=positions if positions > 0 and statistics else None,
            engine="llama.cpp",
            is_reference="logits_file" in self.facts and not self._compares(),
            facts={"program": "llama-perplexity"}
            | self.facts
            | {name: value for name, value in self.header.items() if name != "n_ctx"},
            partial=self._partial(),
            left_out=left_out,
        )

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
        return f"only running means up to chunk {last}" + (
            f" of {self.header['chunks']}" if "chunks" in self.header else ""
        )

    def _chunks(self, left_out: dict[str, int]) -> list[ChunkStatistic]:
        """Each chunk's own values. left_out is added to."""
        printed: dict[str, dict[int, tuple]] = (
            {"ppl": {chunk: _rounded(text, 4, "") for chunk, text in self.running.items()}}
            if self.running
            else {}
        )
        for chunk, columns in self.rows.items():
            for metric, text, decimals, exponent in columns:
                printed.setdefault(metric, {})[chunk] = _rounded(text, decimals, exponent)
        chunks = []
        for metric, means in printed.items():
            values, without = chunk_values(metric, means)
            chunks += values
            for reason, count in without.items():
                left_out[reason] = left_out.get(reason, 0) + count
        return chunks


def _finite(text: str | None, exponent: str) -> float | None:
    """A printed number; None for nan and inf."""
    value = float(text + exponent) if text and "n" not in text else math.inf
    return value if math.isfinite(value) else None


def _rounded(text: str, decimals: int, exponent: str) -> tuple[float | None, float]:
    return _finite(text, exponent), 0.5 * 10.0**-decimals


def _statistic(line: Line, value: str, error: str | None) -> Statistic:
    exponent = "e-2" if line.per_cent else ""
    return Statistic(line.metric, _finite(value, exponent), _finite(error, exponent))


def _some(labels: list[str]) -> str:
    return ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
