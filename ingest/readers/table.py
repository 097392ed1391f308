"""Tables that people publish: CSV, TSV or Markdown, a row per quant, with the labels of llama-perplexity's summary as columns.

A cell may hold an error (`0.0123 ± 0.0004`). What llama-perplexity prints in per cent is taken as per cent (98.2, 98.2 %);
a Same top p of 1 or less without a sign is a fraction. Columns with other names are passed over.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .contents import BadFile, Statistic, Summary
from .llama_log import NUMBER, known

KIND = "table"
LARGEST = 64 << 20  # bytes of a table that people publish
NAMES = ("quant", "quantization", "quant type", "model", "name", "file", "filename", "type")
DELIMITERS = "|\t;,"
LABELS = "Mean KLD, Median KLD, 99.0% KLD, Mean PPL(Q), Mean ln(PPL(Q)/PPL(base)), Same top p, RMS Δp and the others that llama-perplexity prints"


def recognises(path: Path, head: bytes) -> bool:
    """Whether one of the first lines is a row of names with a label of llama-perplexity's summary among them."""
    return any(_labels(line) for line in head.decode("utf-8", "replace").splitlines()[:50])


def read(path: Path, picks: dict[str, str]) -> Iterator[Summary]:
    """Yields a Summary for every row under a row of labels. Raises BadFile. There is nothing to pick."""
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise BadFile(path, "as a whole", "a table of more than 64 MiB", "give the table of quants alone")
        lines = path.read_bytes().decode("utf-8-sig", "replace").splitlines()
    except OSError as error:
        raise BadFile(path, "at its start", error.strerror or str(error), "check the path") from None
    start = next((number for number, line in enumerate(lines) if _labels(line)), None)
    if start is None:
        raise BadFile(path, "as a whole", "no row of column names that are known", f"name the columns {LABELS}")
    names, columns, delimiter = _header(path, lines[start], start + 1)
    seen: Counter[str] = Counter()
    for number, line in enumerate(lines[start + 1 :], start + 2):
        cells = _cells(line, delimiter)
        if not any(cells) or all(re.fullmatch(r":?-+:?", cell) for cell in cells):  # Markdown's rule under the names
            continue
        quant = cells[names].strip("*`[] ") if names < len(cells) else ""
        if not quant:
            raise BadFile(path, f"line {number}", "a row without the name of a quant", "mend that line")
        seen[quant] += 1
        if seen[quant] > 1:
            raise BadFile(path, f"line {number}", f"{quant} a second time", "keep one row for each quant")
        yield _summary(path, number, quant, cells, columns)
    if not seen:
        raise BadFile(path, f"line {start + 1}", "column names and no row under them", "give a table with a row for each quant")


def _summary(path: Path, number: int, quant: str, cells: list[str], columns: dict[int, tuple[str, bool]]) -> Summary:
    """One row's cells."""
    statistics, left_out = [], Counter()
    for place, (metric, per_cent) in columns.items():
        cell = cells[place].strip("*` ") if place < len(cells) else ""
        if cell in ("", "-", "—", "N/A", "n/a"):
            continue
        numbers = re.findall(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", cell)
        if not re.match(rf"[-+.\d]|{NUMBER}", cell) or not numbers and not re.search("nan|inf", cell, re.IGNORECASE):
            raise BadFile(path, f"line {number}", f"{cell[:40]!r} where {metric} should be", "write a number, or leave the cell empty")
        if re.match(r"[-+]?(nan|inf)", cell, re.IGNORECASE) or float(numbers[0]) in (float("inf"), float("-inf")):
            left_out["statistics that are not finite"] += 1
            continue
        value, error = float(numbers[0]), float(numbers[1]) if len(numbers) > 1 else None
        unit = 100 if per_cent and ("%" in cell or metric != "top1_agreement" or value > 1) else 1
        statistics.append(Statistic(metric, value / unit + 0.0, error / unit if error is not None and error < float("inf") else None))
    return Summary(quant_name=quant, corpus_id=None, context_length=None, statistics=statistics, facts={"line": number}, left_out=dict(left_out))


def _header(path: Path, line: str, number: int) -> tuple[int, dict[int, tuple[str, bool]], str]:
    """(place of the quants' names, place -> (metric, per cent), delimiter). Raises BadFile where a column is there twice."""
    delimiter = max(DELIMITERS, key=lambda mark: len(_labels(line, mark)))
    cells = _cells(line, delimiter)
    columns = {place: known(cell)[:2] for place, cell in enumerate(cells) if known(cell)}
    double = next((metric for metric, count in Counter(metric for metric, _ in columns.values()).items() if count > 1), None)
    if double:
        raise BadFile(path, f"line {number}", f"two columns for {double}", "keep one of them")
    lower = [" ".join(cell.lower().split()) for cell in cells]
    names = next((lower.index(name) for name in NAMES if name in lower), next((place for place in range(len(cells)) if place not in columns), None))
    if names is None:
        raise BadFile(path, f"line {number}", "no column with the quants' names", f"call one {NAMES[0]}")
    return names, columns, delimiter


def _labels(line: str, delimiters: str = DELIMITERS) -> list[str]:
    """The cells of a line that are labels of llama-perplexity's summary, under the delimiter that shows most of them."""
    return max(([cell for cell in _cells(line, mark) if known(cell)] for mark in delimiters), key=len)


def _cells(line: str, delimiter: str) -> list[str]:
    """A line's cells, outer spaces removed."""
    if delimiter == "|":
        return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []
