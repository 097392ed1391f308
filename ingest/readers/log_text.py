"""The lines of a program's log, without what terminals and log collectors wrapped around them.

Taken away are control sequences, and the JSON objects that llama.cpp, Docker and journald make of
lines. Several containers' lines in one log are told apart by their prefix, as `docker compose logs`
and `kubectl logs --prefix` write it; every other prefix stays, for its readers look behind it.
"""

import json
import re
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from .untrusted.files import opened
from .untrusted.json_plain import clean

# characters; the running values of 50,000 chunks are one line of half of that
LONGEST_LINE = 1 << 20

# ESC, also as other programs spell it when they show it
_ESC = r"(?:\x1b|\^\[|␛|\\x1b|\\u001b|\\033|\\e)"
_CONTROL = re.compile(
    rf"(?:{_ESC}\[|\x9b)[0-?]{{0,64}}[ -/]{{0,8}}[@-~]"  # CSI: colours, erasing, the cursor
    rf"|{_ESC}[\]PX^_][^\x07\x1b]{{0,4096}}(?:\x07|{_ESC}\\)"  # OSC, DCS: titles, links
    r"|\x1b[ -/]{0,8}[0-~]"  # all others of ECMA-48 and ISO 2022
    r"|\[(?:\d{1,3}(?:;\d{1,3}){0,8})?[mK]"  # a CSI whose ESC was lost on the way
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]"
)
_SUSPECT = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x9b␛]|\^\[|\\(?:x1b|u001b|033|e)|\[[\d;]{0,40}[mK]"
)
_STREAM = re.compile(r"([\w.-]{1,100}) {1,100}\| |(\[pod/[\w./-]{1,300}\]) ")
_MESSAGES = ("msg", "log", "message", "MESSAGE")  # a line's text in a JSON object


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """Whose line it is ("" where one program wrote the log), and the line.

    Longer ones than LONGEST_LINE are passed over. Raises QwhError (not found).
    """
    file, _ = opened(path)
    with file:
        yield from cut(file)


def cut(file: BinaryIO) -> Iterator[tuple[str, str]]:
    """The same of an open file."""
    start = file.read(2)
    file.seek(0)
    # UTF-16: what > makes in PowerShell
    encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    pending = dict[str, str]()
    for line in _whole(TextIOWrapper(file, encoding, errors="replace")):
        plain = _CONTROL.sub("", line) if _SUSPECT.search(line) else line
        stream = _STREAM.match(plain)
        name, rest = (stream[1] or stream[2], plain[stream.end() :]) if stream else ("", plain)
        message = _message(rest)
        if message is None:
            yield name, rest
            continue
        *whole, pending[name] = (pending.get(name, "") + message).split("\n")
        yield from ((name, text) for text in whole)
        if len(pending[name]) > LONGEST_LINE:
            pending[name] = ""
    yield from pending.items()


def _whole(text: TextIOWrapper) -> Iterator[str]:
    """The lines that are not too long, without their ends; a carriage return ends one too."""
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and line[-1] != "\n":
            while line and line[-1] != "\n":
                line = text.readline(LONGEST_LINE)
        elif line != "\n":
            yield line.rstrip("\n")


def _message(line: str) -> str | None:
    """What a JSON object around a line holds; None where there is no such object."""
    start = line.find('{"')
    if start < 0 or not line.rstrip().endswith("}"):
        return None
    try:
        found = json.loads(line[start:])
    except (ValueError, RecursionError):
        return "" if line.startswith('{"type":"log"', start) else None
    texts = [found[key] for key in _MESSAGES if isinstance(found.get(key), str)]
    if not texts:
        return None
    text = clean(texts[0])
    text = _CONTROL.sub("", text)
    # journald's objects have a line each, without its end
    return text + "\n" if "MESSAGE" in found and not text.endswith("\n") else text
