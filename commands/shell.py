"""The prompt of `qwh sql`: statements that end in ; are answered, one after the other."""

import sys

from ..database.session import Session
from ..errors import ExitCode, QwhError, meant, report
from ..exports.port import table
from ..exports.registry import SCREEN, STDOUT, choose
from ..progress import say
from . import prompt
from .listed import listed
from .look import Look, put

HELP = """\
A statement ends with ; and may take several lines: from fidelity;
.tables          analyses and tables
.columns NAME    columns of one, with their meaning
.macros          functions beside those of DuckDB itself
.format NAME     how rows are printed: table, csv, json, markdown, latex
.quit            leaves, as Ctrl-D does; Ctrl-C stops a query, or drops what was typed"""
LEAVE = (".quit", ".exit", "quit", "exit")
WORDS = (".help", ".tables", ".columns", ".macros", ".format", *LEAVE, "help")


def answer(session: Session, text: str, look: Look) -> None:
    """Print the rows of one or more statements. Raises QwhError as statements.ask does."""
    for rows in session.ask(text):
        put(table(rows), look)


def shell(session: Session, look: Look) -> None:
    """Read statements from stdin until it ends, and answer each; an error does not end it."""
    is_asked = sys.stdin.isatty()
    if is_asked:
        file = session.warehouse.database
        say(f"{file}, read-only; end a statement with ;, .help tells more")
        prompt.prepare([*session.words(), *WORDS])
    for text in prompt.statements(is_asked, is_word):
        word, _, about = text.strip().rstrip("; ").partition(" ")
        if word in LEAVE:
            return
        try:
            if is_word(text):
                look = _told(session, word, about.strip(), look)
            else:
                answer(session, text, look)
        except QwhError as error:
            report(error)


def is_word(line: str) -> bool:
    """Whether a line is for the shell itself: it begins with a dot, or is one of its words."""
    return line.startswith(".") or line.strip().rstrip("; ") in WORDS


def _told(session: Session, word: str, about: str, look: Look) -> Look:
    """Do what a word of the shell asks; returns the look from here on. Raises QwhError."""
    if word in (".help", "help"):
        print(HELP)
    elif word == ".tables":
        put(listed(session.warehouse.folder, look), look)
    elif word == ".columns":
        put(table(session.columns(about)), look)
    elif word == ".macros":
        put(table(session.macros()), look)
    elif word == ".format":
        if about != SCREEN:
            choose(about, STDOUT)
        return look._replace(format=about)
    else:
        raise QwhError(f"there is no {word} here: {meant(word, WORDS)}", ExitCode.USAGE)
    return look
