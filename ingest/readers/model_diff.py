"""exllamav3's eval/model_diff.py: what it prints of two models, A and B, on the same text.

A is the model that is tested: its errors are relative to B, whose confidence is the reference's in
the last lines. "KL divergence (A, B)" is F.kl_div(log_softmax(A), softmax(B)), which is KL(B || A),
in all versions of the tool. Its text is WikiText-2's test part, and its means are over all
positions of rows of equal length.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ...errors import BadFile
from . import log_text
from .llama_command import file_name
from .port import NotTaken, Picks, Statistic, Summary

MARK = b"KL divergence (A, B):"
CORPUS = "wiki2"  # the tool's own name
NUMBER = r"\s*(\d{1,12}\.\d{4,12})(?!\d)"
FIGURES = {  # metric -> the end of a line
    "ppl": re.compile(rf"-- A perplexity:{NUMBER}"),
    "ppl_ref": re.compile(rf"-- B perplexity:{NUMBER}"),
    "kld_mean": re.compile(rf"-- KL divergence \(A, B\):{NUMBER}"),
    "kld_median": re.compile(rf"-- KL divergence \(A, B\), per-token: median{NUMBER}"),
    "kld_p90": re.compile(rf"-- KL divergence \(A, B\), per-token: .*\bp90{NUMBER}"),
}
AGREEMENT, FIRST = "Top-K agreement, A vs B", re.compile(rf"K = 1:{NUMBER}")
COMMAND = re.compile(r"model_diff\.py\s+(.*)")
OPTION = re.compile(
    r"""(?:^|\s)(-ma|--model_a|-mb|--model_b|-l|--length|-r|--rows)[ =]["']?([^\s"']{1,500})"""
)
SHORT = {"--model_a": "-ma", "--model_b": "-mb", "--length": "-l", "--rows": "-r"}
PASSED = (
    NotTaken("KL divergence (B, A)", "it is KL(quant || original), and KLD the other way around"),
    NotTaken("label in top-K", "qwh has no such metric"),
)


def recognises(path: Path, head: bytes) -> bool:
    """The tool's words for both directions of KL, and the two perplexities."""
    return all(mark in head for mark in (MARK, b"KL divergence (B, A):", b"A perplexity:"))


def read(path: Path, picks: Picks) -> Iterator[Summary | NotTaken]:
    """The run in a log. Raises BadFile if there is none, or if there are several."""
    found, options = dict[str, str](), dict[str, str]()
    agreement = False
    for _, line in log_text.lines(path):
        if command := COMMAND.search(line):
            options |= {SHORT.get(name, name): value for name, value in OPTION.findall(command[1])}
        metrics = {
            metric: match[1] for metric, form in FIGURES.items() if (match := form.search(line))
        }
        if agreement and (match := FIRST.search(line)):
            metrics["top1_agreement"] = match[1]
        agreement = AGREEMENT in line or (agreement and "K = " in line)
        if again := next((metric for metric in metrics if metric in found), None):
            raise BadFile(path, f"its second {again}", "several runs", "give each its own file")
        found |= metrics
    if "kld_mean" not in found:
        advice = "run model_diff.py again, or write the figures as a table"
        raise BadFile(path, "up to its end", "no KL divergence (A, B)", advice)
    yield from PASSED
    yield _summary(found, options)


def _summary(found: dict[str, str], options: dict[str, str]) -> Summary:
    model, base, length = options.get("-ma"), options.get("-mb"), options.get("-l", "")
    lacking = [metric for metric in ("ppl", "ppl_ref", "top1_agreement") if metric not in found]
    return Summary(
        quant_name=file_name(model) if model else None,
        corpus_id=CORPUS,
        context_length=int(length) if length.isdecimal() and len(length) < 8 else None,
        statistics=[Statistic(metric, float(text)) for metric, text in found.items()],
        engine="exllamav3 model_diff",
        facts={"model_a": model, "model_b": base} if model or base else {},
        partial=f"it lacks {', '.join(lacking)}" if lacking else None,
    )
