"""What one line of llama-perplexity's output says."""

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from .llama_command import Command, command, other_task
from .llama_labels import LINES, OLD_LINES, Line

LONGEST = 2000  # characters of a line that is looked at, running values aside: they have under 200
LONGEST_ROW = 800  # with whatever stands before it
LONGEST_COMPLAINT = 200

# between value and error: " ± ", or whatever a wrong encoding made of it
SEPARATOR = r"[^\d.]{1,24}"


def _number(decimals: int) -> str:
    return rf"(-?(?:\d{{1,310}}\.\d{{{decimals}}}|nan(?:\(ind\))?|inf))"


def _pair(decimals: int) -> str:
    return _number(decimals) + SEPARATOR + _number(decimals)


CHUNK = r"([1-9]\d{0,8})"
# whatever stands before the chunk, and what a quote or a list may put behind a line
BEFORE, BEHIND = r"(?<![\w.,])", r"[\s`'\"|*\\,]*$"
ROW = re.compile(
    rf"{BEFORE}{CHUNK}\s+{_pair(4)}\s+{_pair(5)}\s+{_pair(5)}\s+{_pair(3)}\s*%\s+{_pair(3)}\s*%"
    + BEHIND
)
OLD_ROW = re.compile(
    rf"{BEFORE}{CHUNK}\s+{_number(4)}\s+{_pair(5)}\s+{_pair(5)}(?:\s+{_pair(5)})?{BEHIND}"
)
RUNNING = re.compile(rf"\[{CHUNK}\]{_number(4)},")
FINAL = re.compile(
    r"Final estimate: PPL(?: over (\d{1,9}) chunks for n_ctx=(\d{1,9}))? ="
    rf" {_number(4)}{SEPARATOR}{_number(5)}{BEHIND}"
)
VALUES = {
    line: re.compile(
        r"\s*"
        + (_pair if line.error else _number)(line.decimals)
        + (r"\s*%" if line.per_cent else "")
        + BEHIND
    )
    for line in {*LINES.values(), *OLD_LINES.values()}
}
# of a line: the program's clock and level, with whatever a log's collector put before it
PREFIX = re.compile(r"^.{0,200}?\d\.\d\d\.\d\d\d\.\d\d\d [A-Z] ")
HEADER = re.compile(
    r"(perplexity|perplexity_v2|kl_divergence)\s?: (?:calculating perplexity|computing) over"
    r" (\d{1,9}) chunks"
)
SETTING = re.compile(r"\b(n_ctx|batch_size|n_seq)\s?=\s?(\d{1,9})\b")
BUILD = re.compile(r"\bbuild(?: =|:) (\d{1,9} \([0-9a-f]{4,40}\))")
OTHERS = (  # what other programs and tests print, which look like a run of llama-perplexity
    (re.compile(r"\b(?:compute|save|collect)_imatrix\s?:"), "the output of llama-imatrix"),
    (re.compile(r"\bhellaswag_score\b"), "HellaSwag scores"),
    (re.compile(r"\bwinogrande_score\b|\bFinal Winogrande score"), "Winogrande scores"),
    (re.compile(r"\bmultiple_choice_score\b"), "multiple-choice scores"),
    (
        re.compile(r"\bllama_model_quantize|\bmain: quantiz(?:e|ing)"),
        "the output of llama-quantize",
    ),
)
OTHER_WORDS = ("imatrix", "swag", "winogrande", "multiple", "quantiz", "llama-")
COMPLAINTS = (
    *("error", "failed", "failure", "unable to", "cannot", "could not", "out of memory"),
    *(
        "you must",
        "need at least",
        "tokenizes to only",
        "does not look like",
        "inconsistent vocabulary",
    ),
    *("you must", "no such file", "aborted", "ggml_assert", "terminate called", "invalid argument"),
)
COMPLAINT = re.compile(rf"\b(?:{'|'.join(COMPLAINTS)})\b", re.IGNORECASE)
CRASHES = ("Killed", "Segmentation fault", "Aborted", "core dumped", "Bus error")
CRASH = re.compile(rf"\b(?:{'|'.join(CRASHES)})\b")
JOINED = re.compile(r"[:|>\]]")  # between a prefix and the line, where no space is
# a function's name before a message
OWN = re.compile(r"(?:^|\s)(?:llama|common|ggml|gguf|perplexity|kl_divergence|main)\w*\s?: ")


class Start(NamedTuple):
    """A line from before the first result: what it tells of the run."""

    facts: dict[str, str]
    command: Command | None = None


class Other(NamedTuple):
    """A line that shows that what is printed here is no perplexity or KLD of a quant."""

    what: str
    printed: bool  # or is it a command


class Complaint(NamedTuple):
    """A word of what went wrong."""

    text: str
    own: bool  # in the way in which llama.cpp says such things


class Header(NamedTuple):
    """The line that announces the chunks."""

    mode: str  # perplexity, perplexity_v2, kl_divergence
    settings: dict[str, int]  # chunks, n_ctx, batch_size, n_seq


class Heading(NamedTuple):
    """A line of === above statistics."""

    is_first: bool  # of the run
    old: bool  # the wording of January to April 2024


class Cell(NamedTuple):
    """One column of the chunk table: its value times 10 ** exponent, with so many decimals."""

    metric: str
    text: str
    decimals: int
    exponent: str


class Row(NamedTuple):
    """A line of the chunk table: means over all chunks so far."""

    chunk: int
    cells: list[Cell]


class Running(NamedTuple):
    """The perplexity over all chunks so far."""

    chunk: int
    mean: str


class Final(NamedTuple):
    """The last line of a run that compares nothing."""

    value: str
    error: str
    settings: dict[str, int]  # of ik_llama.cpp, which says them here


class Printed(NamedTuple):
    """A statistic, as it is printed."""

    label: str
    line: Line
    value: str
    error: str | None


Event: TypeAlias = Start | Other | Complaint | Header | Heading | Row | Running | Final | Printed


def events(line: str, old: bool) -> Iterator[Event]:
    """What a line says. old: the run prints the lines of January 2024."""
    if "]" in line:
        yield from (Running(int(chunk), mean) for chunk, mean in RUNNING.findall(line))
    if len(line) > LONGEST:
        return
    lower = line.lower()
    event = (
        ("." in line and _row(line))
        or ("===" in line and _heading(line))
        or (" chunks" in line and _header(line))
        or ("Final estimate" in line and _final(line))
        or (_mentions(line, CRASHES) and _crash(line))
        or (_mentions(lower, OTHER_WORDS) and _other(line))
        or _start(line)
        or (":" in line and _printed(line, old))
        or (_mentions(lower, COMPLAINTS) and _complaint(line))
    )
    if event:
        yield event


def _mentions(line: str, words: tuple[str, ...]) -> bool:
    """Whether one of the words is there: much faster than a regular expression that is not."""
    return any(word in line for word in words)


def _row(line: str) -> Row | None:
    if len(line) > LONGEST_ROW:
        return None
    if match := "%" in line and ROW.search(line):
        columns = zip(
            ("ppl", "ln_ppl_ratio", "kld_mean", "dp_rms", "top1_agreement"),
            match.groups()[1::2],
            (4, 5, 5, 5, 5),
            ("", "", "", "e-2", "e-2"),
        )
    elif match := OLD_ROW.search(line):
        columns = zip(
            ("ppl", "ln_ppl_ratio", "kld_mean", "top1_agreement"),
            (match[2], match[3], match[5], match[7]),
            (4, 5, 5, 5),
            ("",) * 4,
        )
    else:
        return None
    return Row(int(match[1]), [Cell(*column) for column in columns if column[1] is not None])


def _heading(line: str) -> Heading | None:
    if "statistics" not in line:
        return None
    old = "= KL-divergence statistics" in line
    return Heading(old or "Perplexity statistics" in line, old)


def _header(line: str) -> Header | None:
    match = HEADER.search(line)
    if match is None:
        return None
    settings = {name: int(value) for name, value in SETTING.findall(line)}
    return Header(match[1], {"chunks": int(match[2])} | settings)


def _final(line: str) -> Final | None:
    match = FINAL.search(line)
    if match is None:
        return None
    settings = (("chunks", match[1]), ("n_ctx", match[2]))
    return Final(match[3], match[4], {name: int(value) for name, value in settings if value})


def _start(line: str) -> Start | None:
    if "llama_model_loader: loaded meta data" in line and " (version " in line:
        path = line.rpartition(" (version ")[0].partition(" tensors from ")[2]
        return Start({"model_path": path})
    if "perplexity: saving all logits to " in line:
        return Start({"logits_file": line.partition(" logits to ")[2].strip()})
    if "build" in line and (match := BUILD.search(line)):
        return Start({"build": match[1]})
    return _command(line) if "perplexity" in line else None


def _command(line: str) -> Start | None:
    found = command(line)
    if found is None:
        return None
    named = {
        "model_path": found.model,
        "corpus_path": found.corpus,
        "base_file": found.base,
    }
    return Start(
        {"command": found.text} | {name: text for name, text in named.items() if text is not None},
        found,
    )


def _other(line: str) -> Other | None:
    printed = next((what for pattern, what in OTHERS if pattern.search(line)), None)
    what = printed or other_task(line)
    return Other(what, printed is not None) if what else None


def _crash(line: str) -> Complaint | None:
    """A shell's word, which repeats the command behind it."""
    return Complaint(line.strip()[:LONGEST_COMPLAINT], True) if CRASH.search(line) else None


def _complaint(line: str) -> Complaint | None:
    if not COMPLAINT.search(line):
        return None
    text = PREFIX.sub("", line).strip()
    return Complaint(text[:LONGEST_COMPLAINT], bool(OWN.search(text)))


def _printed(line: str, old: bool) -> Printed | None:
    left, _, right = line.rpartition(":")
    words = [JOINED.split(word)[-1] for word in left.split()[-2:]]
    if len(words) == 2 and words[1].endswith("p") and _is_of_shares(words[0]):
        words[1] = "Δp"  # the Greek letter is whatever the encoding left of it
    label = "Same top p" if words == ["top", "p"] else " ".join(words)
    known = OLD_LINES.get(words[-1]) if old and words else LINES.get(label)
    match = VALUES[known].match(right) if known else None
    if known is None or match is None:
        return None
    error = match[2] if known.error else None
    return Printed(words[-1] if old else label, known, match[1], error)


def _is_of_shares(word: str) -> bool:
    return word in ("Mean", "RMS", "Median", "Maximum", "Minimum") or word.endswith("%")
