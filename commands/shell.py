"""The prompt of `qwh sql`: statements that end in ; are answered, one after the other."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..database import catalogue
from ..database.freshness import say_if_due
from ..database.statements import ask
from ..database.warehouse import Warehouse
from ..errors import ExitCode, QwhError, meant, report
from ..exports.port import table
from ..exports.registry import SCREEN, STDOUT, choose
from ..progress import say
from . import prompt
from .ask import listed
from .look import Look, put

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HELP = """\
A statement ends with ; and may take several lines: from fidelity;
.tables          analyses and tables
.columns NAME    columns of one, with their meaning
.macros          functions beside those of DuckDB itself
.format NAME     how rows are printed: table, csv, json, markdown, latex
.quit            leaves, as Ctrl-D does; Ctrl-C stops a query, or drops what was typed"""
LEAVE = (".quit", ".exit", "quit", "exit")
WORDS = (".help", ".tables", ".columns", ".macros", ".format", *LEAVE, "help")


def answer(connection: "DuckDBPyConnection", text: str, look: Look) -> None:
    """Print the rows of one or more statements. Raises QwhError as statements.ask does."""
    for rows in ask(connection, text):
        put(table(rows), look)


def shell(warehouse: Warehouse, look: Look) -> None:
    """Read statements from stdin until it ends, and answer each; an error does not end it."""
    with warehouse.open() as connection:
        is_asked = sys.stdin.isatty()
        if is_asked:
            say(f"{warehouse.database}, read-only; end a statement with ;, .help tells more")
            say_if_due(warehouse)
            prompt.prepare([*catalogue.words(connection), *WORDS])
        for text in prompt.statements(is_asked, is_word):
            word, _, about = text.strip().rstrip("; ").partition(" ")
            if word in LEAVE:
                return
            try:
                if is_word(text):
                    look = _told(connection, warehouse.folder, (word, about.strip()), look)
                else:
                    answer(connection, text, look)
            except QwhError as error:
                report(error)


def is_word(line: str) -> bool:
    """Whether a line is for the shell itself: it begins with a dot, or is one of its words."""
    return line.startswith(".") or line.strip().rstrip("; ") in WORDS


def _told(
    connection: "DuckDBPyConnection", folder: Path, asked: tuple[str, str], look: Look
) -> Look:
    """Do what a word of the shell asks; returns the look from here on. Raises QwhError."""
    word, about = asked
    if word in (".help", "help"):
        print(HELP)
    elif word == ".tables":
        put(listed(folder, look), look)
    elif word == ".columns":
        put(table(catalogue.columns(connection, about)), look)
    elif word == ".macros":
        put(table(catalogue.macros(connection)), look)
    elif word == ".format":
        if about != SCREEN:
            choose(about, STDOUT)
        return look._replace(format=about)
    else:
        raise QwhError(f"there is no {word} here: {meant(word, WORDS)}", ExitCode.USAGE)
    return look
