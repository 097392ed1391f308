"""Long work talks on stderr: what, how far, how fast, how long still.

A bar in a terminal, a line now and then in a log.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
            if self.total is None:
                say(f"{self.title}: {self.done:,} {self.unit}, {rate:,.0f} {self.unit}/s")
            else:
                say(
                    f"{self.title}: {self.done:,} of {self.total:,} {self.unit}, {rate:,.0f}"
                    f" {self.unit}/s, {(self.total - self.done) / rate:,.0f} s left"
                )


@contextmanager
def progress(title: str, total: int | None, unit: str) -> Iterator[Bar]:
    """Progress on stderr for `total` units of work, None if nobody knows."""
    if not sys.stderr.isatty():
        yield LogLines(title, total, unit)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Units per second, of now or of the whole."""

        def render(self, task: Any) -> Text:
            return Text(f"{task.finished_speed or task.speed or 0:,.0f} {unit}/s")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield RichBar(bars, title, total)


class RichBar:
    """rich's bar behind the same method."""

    def __init__(self, bars: Any, title: str, total: int | None):
        self.bars, self.task = bars, bars.add_task(title, total=total)

    def advance(self, units: int) -> None:
        """Count `units` more as done."""
        self.bars.advance(self.task, units)


def say(text: str) -> None:
    """One line of talk on stderr."""
    print(text, file=sys.stderr, flush=True)
