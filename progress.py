"""Long work talks on stderr: what, how far, how fast, how long still.

A bar in a terminal, a line now and then in a log.
"""

import sys
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

EVERY = 10  # seconds between two lines in a log


class Bar(Protocol):
    """Where work says how far it is."""

    def advance(self, units: int) -> None:
        """Count `units` more as done."""


class LogLines:
    """Counts units done and says so every few seconds."""

    def __init__(self, title: str, total: int | None, unit: str):
        self.title, self.total, self.unit = title, total, unit
        self.done = 0
        self.start = self.said = time.monotonic()

    def advance(self, units: int) -> None:
        """Count `units` more as done."""
        self.done += units
        now = time.monotonic()
        if now - self.said >= EVERY or self.done == self.total:
            self.said = now
            rate = self.done / max(now - self.start, 1e-9)
            say(f"{self.title}: {_how_far(self.done, self.total, self.unit, rate)}")


@contextmanager
def progress(title: str, total: int | None, unit: str) -> Iterator[Bar]:
    """Progress on stderr for `total` units of work, None if nobody knows."""
    if not sys.stderr.isatty():
        yield LogLines(title, total, unit)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn())
    with _bars(f" {unit}", *columns) as bars:
        yield RichBar(bars, title, total)


def _bars(unit: str, *columns: Any) -> Any:
    """rich's bars on stderr with these columns, the rate in this unit and the time left."""
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        """Units per second, of now or of the whole."""

        def render(self, task: Any) -> Text:
            return Text(f"{task.finished_speed or task.speed or 0:,.0f}{unit}/s")

    console = Console(stderr=True)
    return Progress(*columns, Rate(), TimeRemainingColumn(compact=True), console=console)


class RichBar:
    """rich's bar behind the same method."""

    def __init__(self, bars: Any, title: str, total: int | None):
        self.bars, self.task = bars, bars.add_task(title, total=total)

    def advance(self, units: int) -> None:
        """Count `units` more as done."""
        self.bars.advance(self.task, units)


@dataclass
class Runner:
    """One of several that do the same work side by side. figures: what to say of it at any time."""

    name: str
    total: int
    done: int
    figures: Callable[[], str]


@contextmanager
def race(
    title: str, runners: dict[Hashable, Runner], unit: str
) -> Iterator[Callable[[Any, int], None]]:
    """Progress on stderr of all runners with their figures: a bar for each in a terminal, else a
    line now and then. Gives what counts units of one of them as done.
    """
    if not sys.stderr.isatty():
        lines = _RaceLines(title, runners, unit)
        yield lines.advance
        lines.say()
        return
    from rich.progress import BarColumn, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Figures(ProgressColumn):
        """What there is to say of a runner."""

        def render(self, task: Any) -> Text:
            return Text(task.fields["figures"](), no_wrap=True, overflow="ellipsis")

    narrow = Column(max_width=18, no_wrap=True, overflow="ellipsis")
    name = TextColumn("{task.description}", markup=False, table_column=narrow)
    with _bars("", name, BarColumn(6), Figures()) as bars:
        tasks = {
            key: bars.add_task(
                each.name, total=each.total, completed=each.done, figures=each.figures
            )
            for key, each in runners.items()
        }
        bars.console.print(f"{title}, {unit}:", markup=False)
        yield lambda key, units: bars.advance(tasks[key], units)


class _RaceLines:
    """Counts what all runners do together, and says it every few seconds and at the end, when the
    figures hold what came last.
    """

    def __init__(self, title: str, runners: dict[Hashable, Runner], unit: str):
        self.title, self.runners, self.unit = title, runners, unit
        self.total = sum(each.total for each in runners.values())
        self.before = sum(each.done for each in runners.values())
        self.start = self.said = time.monotonic()

    def advance(self, key: Hashable, units: int) -> None:
        """Count `units` more of one runner's as done."""
        self.runners[key].done += units
        if time.monotonic() - self.said >= EVERY:
            self.say()

    def say(self) -> None:
        """How far all are, and their figures."""
        self.said = now = time.monotonic()
        done = sum(each.done for each in self.runners.values())
        rate = max(done - self.before, 1) / max(now - self.start, 1e-9)
        figures = (f"{each.name} {each.figures()}" for each in self.runners.values())
        far = _how_far(done, self.total, self.unit, rate)
        say(f"{self.title}: {far}; {'; '.join(figures)}")


def _how_far(done: int, total: int | None, unit: str, rate: float) -> str:
    """Units done, units per second, and seconds left where the end is known."""
    if total is None:
        return f"{done:,} {unit}, {rate:,.0f} {unit}/s"
    left = (total - done) / rate
    return f"{done:,} of {total:,} {unit}, {rate:,.0f} {unit}/s, {left:,.0f} s left"


def say(text: str) -> None:
    """One line of talk on stderr."""
    print(text, file=sys.stderr, flush=True)
