"""Long work talks on stderr: what, how far, how fast, how long still."""

from contextlib import contextmanager


class Bar:
    """One running total. advance(n) counts units done."""

    def __init__(self, progress: object, task: object):
        self._progress, self._task = progress, task

    def advance(self, units: int) -> None:
        """Count `units` more as done."""
        self._progress.advance(self._task, units)

    def say(self, text: str) -> None:
        """Name what is being done now."""
        self._progress.update(self._task, description=text)


@contextmanager
def progress(title: str, total: int, unit: str):
    """A bar on stderr for `total` units of work; yields a Bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task) -> Text:
            return Text(f"{task.finished_speed or task.speed or 0:,.0f} {unit}/s")

    columns = TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), Rate(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield Bar(bars, bars.add_task(title, total=total))


def say(text: str) -> None:
    """One line of talk on stderr."""
    import sys

    print(text, file=sys.stderr, flush=True)
