"""The shell of `qwh sql`: what is typed, completed, remembered, stopped and printed."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from conftest import qwh
from typer.testing import CliRunner

from qwh.cli import app
from qwh.commands import prompt
from qwh.database import statements
from qwh.database.session import session
from qwh.database.warehouse import Warehouse
from qwh.errors import ExitCode, QwhError

RUN = "from qwh.cli import app; app()"
OWN_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"  # for its Ctrl-C
ENDLESS = (
    "with recursive r as (select 1 as x union all select x + 1 from r) select max(x) from r",
    "select count(*) from range(100000000000) t(i) where hash(i) = 3",
)
PIVOT = (
    "pivot (select quant_id, metric, value from fct_fidelity where metric in ('ppl', 'kld_mean'))"
    " on metric using max(value)"
)


def piped(warehouse: Path, text: str, *options: object):
    """What the shell says to lines of a pipe."""
    asked = ["sql", "--warehouse", str(warehouse), *map(str, options)]
    return CliRunner().invoke(app, asked, input=text)


class Terminal:
    """`qwh sql` as it runs in a terminal of 80 columns."""

    def __init__(self, warehouse: Path, state: Path):
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{OWN_TERMINAL}; {RUN}", "sql"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=os.environ
            | {"QWH_WAREHOUSE": str(warehouse), "XDG_STATE_HOME": str(state), "COLUMNS": "80"}
            | {"TERM": "dumb", "INPUTRC": os.devnull},
        )
        os.close(theirs)
        self.seen = ""

    def until(self, words: str, seconds: float = 60) -> str:
        """What is printed until these words come."""
        import select

        end = time.monotonic() + seconds
        while words not in self.seen:
            assert select.select([self.ours], [], [], max(end - time.monotonic(), 0))[0], self.seen
            with suppress(OSError):
                self.seen += os.read(self.ours, 1 << 16).decode()
        before, _, self.seen = self.seen.partition(words)
        return before

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())


@pytest.fixture
def terminal(warehouse, tmp_path) -> Iterator[Terminal]:
    shell = Terminal(warehouse, tmp_path / "state")
    shell.until("qwh> ")
    yield shell
    shell.process.kill()
    shell.process.wait()
    os.close(shell.ours)


def test_a_pivot_and_temporary_tables_are_answered(warehouse):
    before = (warehouse / "warehouse.duckdb").read_bytes()
    pivoted = qwh("sql", PIVOT, "--format", "csv", "--warehouse", warehouse)
    assert pivoted.stdout.splitlines()[0] == "quant_id,kld_mean,ppl"
    made = "/* mine */ create or replace temp table t as select 41 as x; select x + 1 as y from t;"
    done = qwh("sql", made, "--format", "json", "--warehouse", warehouse)
    assert done.stdout == '[{"y": 42}]\n', done.stderr
    for refused in (
        "create table t as select 1",
        "create temp table t as from read_text('/etc/hostname')",
        "create temp table t as select 1; insert into fct_scores from fct_scores",
        "-- create temp table\ndrop table fct_scores",
        "update extensions",  # of a type that DuckDB's Python package has no name for
    ):
        assert qwh("sql", refused, "--warehouse", warehouse).exit_code in (2, 4)
    variant = qwh("sql", "select 1::variant as x", "--format", "csv", "--warehouse", warehouse)
    assert variant.stdout == "x\n1\n"
    assert (warehouse / "warehouse.duckdb").read_bytes() == before


def test_a_file_of_statements_is_asked(warehouse, tmp_path):
    file = tmp_path / "asked.sql"
    file.write_text("select 1 as x;\nselect 2 as x\n;")
    done = qwh("sql", "-f", file, "--format", "csv", "--warehouse", warehouse)
    assert done.stdout == "x\n1\nx\n2\n"
    both = qwh("sql", "select 1", "-f", file, "--warehouse", warehouse)
    assert both.exit_code == ExitCode.USAGE and "one of them" in both.stderr
    gone = qwh("sql", "-f", tmp_path / "gone.sql", "--warehouse", warehouse)
    assert gone.exit_code == ExitCode.BAD_INPUT and len(gone.stderr.splitlines()) == 1


def test_every_format_has_all_digits_and_the_table_fits(warehouse):
    ask = "select quant_id, value from fct_fidelity where metric = 'ppl' order by all"
    exact = Warehouse(warehouse).ask(ask).__next__()
    for format, read in (("csv", pl.read_csv), ("json", pl.read_json)):
        printed = qwh("sql", ask, "--format", format, "--warehouse", warehouse).stdout
        assert read(printed.encode())["value"].to_list() == exact["value"].to_list()
    assert qwh("sql", ask, "--format", "markdown", "--warehouse", warehouse).stdout[0] == "|"
    wide = qwh("sql", "from fct_fidelity limit 3", "--width", 60, "--warehouse", warehouse)
    assert max(map(len, wide.stdout.splitlines())) <= 60


def test_words_of_the_shell_are_answered_kindly(warehouse):
    done = piped(warehouse, "help;\n.help\n.tables\n.columns zone\n.macros\n", "--width", 100)
    assert done.exit_code == 0 and not done.stderr, done.stderr
    for words in (
        ".format NAME",
        "fct_fidelity",
        "How far is each quant",
        "p_ranking",
        "spearman(",
    ):
        assert words in done.stdout, words
    done = piped(warehouse, ".tabels\n.columns zonne\n.format word\nselect 7 as x;\n")
    assert done.exit_code == 0 and "7" in done.stdout
    assert [".tables" in done.stderr, "zone" in done.stderr, "markdown" in done.stderr] == [
        True
    ] * 3
    assert len(done.stderr.splitlines()) == 3


def test_a_format_holds_from_there_on_and_the_last_statement_needs_no_end(warehouse):
    done = piped(warehouse, ".format csv\nselect 1 as x;\n.quit\nselect 2 as x;\n")
    assert done.stdout == "x\n1\n"
    assert piped(warehouse, "select\n 3 as x", "--format", "csv").stdout == "x\n3\n"


def test_temporary_tables_stay_until_the_shell_is_left(warehouse):
    text = "create temp table t as select 5 as x;\nselect nonsense;\nfrom t;\n"
    done = piped(warehouse, text, "--format", "csv")
    assert done.stdout == "x\n5\n" and "nonsense" in done.stderr


def test_names_are_completed(warehouse):
    with session(Warehouse(warehouse)) as opened:
        complete = prompt.completer([*opened.words(), ".tables"])

    def all_of(typed: str) -> list[str | None]:
        found = [complete(typed, 0)]
        while found[-1] is not None:
            found.append(complete(typed, len(found)))
        return found[:-1]

    assert "fct_fidelity" in all_of("fct_f") and "fidelity" in all_of("fid")
    assert "kld_mean_se" in all_of("kld_mean_") and "worst_tokens" in all_of("worst")
    assert "statistic_fields" in all_of("statistic_")
    assert all_of("sele") == ["select"] and all_of("SELE") == ["select"]
    assert "f.kld_mean" in all_of("f.kld_m") and all_of(".t") == [".tables"]
    assert all_of("nothing_begins_so") == []


def test_what_was_typed_is_there_the_next_time(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert prompt.history() == tmp_path / "qwh" / "history"
    prompt.prepare([])
    prompt._remember("select 'a' as kept;")
    assert "select 'a' as kept;" in prompt.history().read_text()
    assert prompt.history().stat().st_mode & 0o777 == 0o600
    monkeypatch.delenv("XDG_STATE_HOME")
    assert prompt.history() == Path.home() / ".local" / "state" / "qwh" / "history"
    prompt.readline.clear_history()


def test_a_history_that_cannot_be_kept_stops_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    prompt.prepare([])
    prompt._remember("select 1;")
    monkeypatch.setattr(prompt, "readline", None)  # as on Windows
    prompt.prepare(["select"])
    prompt._remember("select 1;")


def test_a_terminal_completes_remembers_and_survives_ctrl_c(terminal, warehouse, tmp_path):
    terminal.type("select count(*) as n from fct_fidel\t;\n")
    assert re.search(r"\b456\b|\b\d{2,}\b", terminal.until("qwh> "))
    for query in ENDLESS:
        terminal.type(query + ";\n")
        time.sleep(1)
        began = time.monotonic()
        terminal.type("\x03")
        assert "qwh: the query was stopped" in terminal.until("qwh> ")
        assert time.monotonic() - began < 5
    terminal.type("select half\n")
    terminal.until("...> ")
    time.sleep(0.5)  # readline does not hear what comes between its prompt and its first look
    terminal.type("\x03")
    terminal.until("qwh> ")
    terminal.type("select 40 + 2 as x;\n")
    assert "42" in terminal.until("qwh> ")
    terminal.type("\x04")
    terminal.process.wait(10)
    assert terminal.process.returncode == 0
    kept = (tmp_path / "state" / "qwh" / "history").read_text()
    assert "from fct_fidelity;" in kept and "select half" not in kept
    again = Terminal(warehouse, tmp_path / "state")
    again.until("qwh> ")
    again.type("\x1b[A\n")  # the arrow up
    assert "42" in again.until("qwh> ")
    again.process.kill()


@pytest.mark.parametrize("query", ENDLESS)
def test_ctrl_c_is_one_line(warehouse, query):
    asked = [sys.executable, "-c", RUN, "sql", query]
    process = subprocess.Popen(
        asked, env=os.environ | {"QWH_WAREHOUSE": str(warehouse)}, stderr=subprocess.PIPE, text=True
    )
    time.sleep(4)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == ExitCode.INTERRUPTED, said
    assert said.splitlines()[-1] == "qwh: the query was stopped" and time.monotonic() - began < 10


def test_a_stopped_query_leaves_its_connection_as_it_was(warehouse, monkeypatch):
    with Warehouse(warehouse).open() as connection:
        real = statements.wait

        def stopped(*arguments, **options):
            monkeypatch.setattr(statements, "wait", real)
            time.sleep(0.5)
            raise KeyboardInterrupt

        monkeypatch.setattr(statements, "wait", stopped)
        with pytest.raises(QwhError, match="stopped"):
            list(statements.ask(connection, ENDLESS[0]))
        [rows] = statements.ask(connection, "select 1 as x")
        assert rows.item() == 1
