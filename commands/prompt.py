"""What is typed at a prompt: statements of several lines, with completion and a history that stays.

Both are the standard library's readline; where Python comes without it, as on Windows, lines are
read all the same.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

PROMPT, MORE = "qwh> ", "...> "
BETWEEN = " \t\n\"'`@$><=;|&{}(),[]:!+-*/%"  # what ends a word; a dot does not
KEPT = 1_000  # statements of the history


def _library() -> Any:
    """readline, or None where Python comes without it."""
    try:
        return import_module("readline")
    except ImportError:
        return None


readline = _library()


def history() -> Path:
    """The user's own file of what was typed, after the XDG's convention."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "qwh" / "history"


def prepare(words: list[str]) -> None:
    """Complete these words on Tab, and find what was typed before."""
    if readline is None:
        return
    readline.set_completer(completer(words))
    readline.set_completer_delims(BETWEEN)
    is_libedit = "libedit" in (readline.__doc__ or "")  # macOS
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    readline.set_auto_history(False)  # a statement is remembered as a whole
    with suppress(OSError):
        readline.read_history_file(history())


def completer(words: list[str]) -> Callable[[str, int], str | None]:
    """readline's: the words that begin as the typed one does, whatever its letters' case.

    Of a column with its table, as f.kld, the part after the dot is completed.
    """

    def complete(typed: str, number: int) -> str | None:
        table, dot, name = ("", "", typed) if typed.startswith(".") else typed.rpartition(".")
        found = [word for word in words if word.startswith(name.lower())]
        return table + dot + found[number] if number < len(found) else None

    return complete


def statements(is_asked: bool, is_word: Callable[[str], bool]) -> Iterator[str]:
    """What is typed until the end: statements that end in ;, and lines that are a word alone.

    Ctrl-C drops what was typed of one. The last needs no ;.
    """
    lines: list[str] = []
    while True:
        try:
            lines.append(input((MORE if lines else PROMPT) if is_asked else ""))
        except KeyboardInterrupt:
            if not is_asked:
                raise
            print()
            lines = []
            continue
        except EOFError:
            if "".join(lines).strip():
                yield "\n".join(lines)
            return
        if lines[-1].rstrip().endswith(";") or (len(lines) == 1 and is_word(lines[0])):
            if is_asked:
                _remember(" ".join(lines))
            yield "\n".join(lines)
            lines = []
        elif not lines[-1].strip() and len(lines) == 1:
            lines = []


def _remember(text: str) -> None:
    """Keep a statement in the history; a disk that does not take it is no reason to stop."""
    if readline is None:
        return
    readline.add_history(text)
    readline.set_history_length(KEPT)
    with suppress(OSError):
        history().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        readline.write_history_file(history())
        history().chmod(0o600)
