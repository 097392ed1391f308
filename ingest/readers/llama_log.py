"""The text that llama-perplexity prints: its summary with errors, and per-chunk values recovered from its running means.

llama-perplexity now and then loses the end of its output and still exits with 0. So a run counts as whole only if the
last line of its summary is there in full; else it is partial, and a running mean is never taken for the result.
"""

import re
from collections import Counter
from collections.abc import Iterator
from math import isfinite, log
from pathlib import Path

from .contents import BadFile, ChunkStatistic, Statistic, Summary

KIND = "llama-log"
LONGEST_LINE = 1 << 24  # bytes: [i]value, of a hundred thousand chunks lie in one line
LARGEST = 1 << 30  # of a log
NUMBER = r"(-?\d+\.\d+|-?nan|-?inf)"
PREFIX = re.compile(r"^\d+\.\d\d\.\d{3}\.\d{3} [A-Z] ")  # time and level, as newer builds print them
HEADER = re.compile(r"(?:kl_divergence: computing|perplexity: calculating perplexity) over (\d+) chunks?(?:, n_ctx=(\d+))?(?:, batch_size=(\d+))?(?:, n_seq=(\d+))?")
LOADER = re.compile(r"llama_model_load(?:er)?: loaded meta data with .* from (.+?)(?: \(version .*)?$")
FINAL = re.compile(rf"Final estimate: PPL(?: over \d+ chunks for n_ctx=(\d+))? = {NUMBER} \+/- (\d+\.\d{{5}})$")
RUNNING = re.compile(rf"\[(\d+)\]{NUMBER},")
LABEL = re.compile(r"^(Mean|Average|Maximum|Minimum|Median|RMS|Same top|Cor|KLD_\d\d|\d+\.\d%)")

PERCENTILES = {"Maximum": "max", "99.9%": "p999", "99.0%": "p99", "95.0%": "p95", "90.0%": "p90", "75.0%": "p75", "Median": "median", "25.0%": "p25", "10.0%": "p10", "5.0%": "p05", "1.0%": "p01", "0.1%": "p001", "Minimum": "min"}
RATIOS = {
    "Mean PPL(Q)": "ppl", "Mean PPL(base)": "ppl_ref", "Cor(ln(PPL(Q)), ln(PPL(base)))": "ln_ppl_correlation",
    "Mean ln(PPL(Q)/PPL(base))": "ln_ppl_ratio", "Mean PPL(Q)/PPL(base)": "ppl_ratio", "Mean PPL(Q)-PPL(base)": "ppl_difference",
}
EARLY = {"Average": "kld_mean", "Median": "kld_median", "Maximum": "kld_max", "Minimum": "kld_min", "KLD_99": "kld_p99", "KLD_95": "kld_p95", "KLD_90": "kld_p90", "KLD_10": "kld_p10", "KLD_05": "kld_p05", "KLD_01": "kld_p01"}
# the columns of a chunk's row: metric, printed unit, decimals; None: an error, or a root that cannot be differenced
COLUMNS = {10: ("ppl", None, "ln_ppl_ratio", None, "kld_mean", None, None, None, "top1_agreement", None), 8: ("ppl", None, "ln_ppl_ratio", None, "kld_mean", None, "top1_agreement", None)}


def recognises(path: Path, head: bytes) -> bool:
    """Whether a text carries llama-perplexity's marks."""
    return any(mark in head for mark in (b"kl_divergence: ", b"perplexity: calculating", b"KL divergence statistics", b"KL-divergence statistics", b"Final estimate: PPL", b"ln(PPL(Q)/PPL(base))"))


class _Run:
    """What a log has said of one run so far."""

    def __init__(self):
        self.model, self.promised, self.context_length, self.facts = None, None, None, {}
        self.statistics: dict[str, Statistic] = {}
        self.running: dict[str, list[tuple[float, int]]] = {}  # metric -> running means and their decimals, chunk by chunk
        self.chunks, self.left_out, self.in_summary, self.ended, self.last = 0, Counter(), False, False, "its header"

    def __bool__(self) -> bool:
        return bool(self.chunks or self.statistics or self.in_summary)

    def summary(self) -> Summary:
        """The run as far as it is known."""
        partial = None
        if not self.ended:
            partial = f"the log ends after {self.last}, before the end of its statistics: {len(self.statistics)} statistics, {self.chunks} chunks"
        n = None
        if self.ended and self.context_length and self.chunks:
            n = self.chunks * (self.context_length - 1 - self.context_length // 2)
        return Summary(
            quant_name=Path(self.model.replace("\\", "/")).stem if self.model else None, corpus_id=None, context_length=self.context_length,
            statistics=list(self.statistics.values()), chunks=_differenced(self.running), n=n, engine="llama.cpp",
            facts=self.facts | ({"model_path": self.model} if self.model else {}) | ({"chunks": self.promised} if self.promised else {}), partial=partial, left_out=dict(self.left_out),
        )


def read(path: Path, picks: dict[str, str]) -> Iterator[Summary]:
    """Yields every run that a log holds, in order. Raises BadFile if it holds none. There is nothing to pick."""
    path = Path(path)
    run, found = _Run(), False
    for line, whole in _lines(path):
        header, loader = HEADER.search(line), LOADER.search(line)
        again = run and (header or loader or run.ended and _row(line) or _row(line) and int(line.split()[0]) <= run.chunks)
        if again:
            found = True
            yield run.summary()
            run = _Run()
        if loader:
            run.model = loader[1]
        elif header:
            run.promised, run.context_length = int(header[1]), int(header[2]) if header[2] else None
            run.facts |= {name: int(value) for name, value in zip(("batch_size", "n_seq"), header.groups()[2:]) if value}
        else:
            _take(run, line, whole)
    if run:
        found = True
        yield run.summary()
    if not found:
        raise BadFile(path, "as a whole", "it holds no chunk and no statistic of llama-perplexity", "save all that llama-perplexity prints, stdout and stderr")


def _lines(path: Path) -> Iterator[tuple[str, bool]]:
    """Lines without prefix and end, and whether they were ended; undecodable bytes become one odd character each."""
    try:
        with open(path, "rb") as file:
            read = 0
            while raw := file.readline(LONGEST_LINE):
                read += len(raw)
                if read > LARGEST:
                    raise BadFile(path, f"byte {read:,}", "a log of more than 1 GiB", "give the log of llama-perplexity alone")
                yield PREFIX.sub("", raw.decode("utf-8", "replace").strip("\r\n")).rstrip(), raw.endswith(b"\n")
    except OSError as error:
        raise BadFile(path, "at its start", error.strerror or str(error), "check the path") from None


def _take(run: _Run, line: str, whole: bool) -> None:
    """Add what one line says."""
    final = FINAL.search(line)
    if final:
        run.context_length = int(final[1]) if final[1] else run.context_length
        run.ended = _put(run, "ppl", final[2], final[3], 1) or run.ended
    elif re.search(r"={4,} (Perplexity|KL.divergence|Token probability) statistics", line):
        run.in_summary, run.last = True, line.strip("= ")
    elif "===== KL-divergence statistics" in line:
        run.in_summary, run.last = True, line.strip("= ")
    elif run.in_summary and LABEL.match(line.lstrip()):
        _statistic(run, line.strip(), whole)
    elif _row(line):
        _chunk_row(run, line)
    elif line.startswith("[") and not run.in_summary:
        for number, value in RUNNING.findall(line):
            if int(number) != run.chunks + 1:
                run.left_out["chunks out of order"] += 1
            elif _finite(value) and float(value) > 0:
                run.running.setdefault("ppl", []).append((float(value), _decimals(value)))
                run.chunks, run.last = run.chunks + 1, f"chunk {number}"
            else:
                run.left_out["chunks that are not finite"] += 1
                run.chunks += 1
                run.running.clear()  # running means say nothing from here on


def known(label: str) -> tuple[str, bool, bool] | None:
    """(qwh's metric, whether llama.cpp prints it in per cent, whether with an error) of a label of its summary; None of another."""
    label = " ".join(label.split())
    name = label.partition(" ")[0]
    if label in RATIOS:
        return RATIOS[label], label.startswith("Cor"), not label.startswith("Cor")
    if label in EARLY:
        return EARLY[label], False, label == "Average"
    if re.fullmatch(r"\S+ KLD", label) and (name in PERCENTILES or name == "Mean"):
        return f"kld_{PERCENTILES.get(name, 'mean')}", False, name == "Mean"
    if re.fullmatch(r"Same top( p)?", label):
        return "top1_agreement", True, True
    if re.fullmatch(r"\S+ \S{0,6}p", label) and (name in PERCENTILES or name in ("Mean", "RMS")):  # the letter before the p may be mangled
        return f"dp_{'rms' if name == 'RMS' else PERCENTILES.get(name, 'mean')}", True, name in ("Mean", "RMS")
    return None


def _statistic(run: _Run, line: str, whole: bool) -> None:
    """One line of the summary; one that is cut inside its number is not taken."""
    label, _, rest = line.rpartition(":")
    found, numbers = known(label), re.findall(NUMBER, rest)
    if not found:
        return
    metric, per_cent, has_error = found
    full = re.search(r"\d\.\d{6}$", line) and len(numbers) == 1 + has_error if not per_cent else line.endswith("%")
    if len(numbers) <= has_error or not (whole or full):
        return
    if _put(run, metric, numbers[0], numbers[1] if has_error else None, 100 if "%" in rest else 1):
        run.last = " ".join(label.split())
    if metric == "top1_agreement" or label.strip() == "KLD_01":  # the last line of the summary, now and before February 2024
        run.ended = metric in run.statistics


def _put(run: _Run, metric: str, value: str, error: str | None, unit: int) -> bool:
    """Keep a statistic; one that is not finite is counted instead."""
    if not _finite(value):
        run.left_out["statistics that are not finite"] += 1
        return False
    run.statistics[metric] = Statistic(metric, float(value) / unit + 0.0, float(error) / unit if error and _finite(error) else None)  # + 0.0: -0.000000 is 0
    return True


def _row(line: str) -> bool:
    """Whether a line is a chunk's row of --kl-divergence: a number, then pairs of value and error."""
    words = line.split(None, 3)
    return len(words) == 4 and len(line) < 400 and words[0].isdigit() and re.fullmatch(NUMBER, words[1]) is not None and len(re.findall(NUMBER, line)) in COLUMNS


def _chunk_row(run: _Run, line: str) -> None:
    """Running means of one chunk."""
    number, numbers = int(line.split()[0]), re.findall(NUMBER, line)
    if number != run.chunks + 1:
        run.left_out["chunks out of order"] += 1
        return
    run.chunks, run.last = number, f"chunk {number}"
    if not all(map(_finite, numbers)):
        run.left_out["chunks that are not finite"] += 1
        run.running.clear()
        return
    if number > 1 and len(run.running.get("kld_mean", ())) != number - 1:
        return  # after a chunk that is not finite nothing can be differenced
    for metric, value in zip(COLUMNS[len(numbers)], numbers):
        if metric:
            per_cent = metric == "top1_agreement" and "%" in line
            run.running.setdefault(metric, []).append((float(value) / (100 if per_cent else 1), _decimals(value) + 2 * per_cent))


def _differenced(running: dict[str, list[tuple[float, int]]]) -> list[ChunkStatistic]:
    """Chunk values x_n = n m_n - (n - 1) m_(n-1) of running means m; a perplexity becomes its logarithm, the mean NLL, first."""
    found = []
    for metric, means in running.items():
        before, slack_before = 0.0, 0.0
        for index, (value, decimals) in enumerate(means):
            slack = 0.5 * 10.0**-decimals
            if metric == "ppl":
                if value <= 0:
                    break
                value, slack = log(value), slack / value
            n = index + 1
            found.append(ChunkStatistic(index, "nll" if metric == "ppl" else metric, n * value - index * before, n * slack + index * slack_before))
            before, slack_before = value, slack
    return found


def _finite(text: str) -> bool:
    return isfinite(float(text))


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])
