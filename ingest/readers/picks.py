"""The user's choices where a file holds several benchmarks: NAME=VALUE, or TASK:NAME=VALUE for one.

A task's own name may hold colons, the name of a choice holds none.
"""

from typing import TypeAlias

Picks: TypeAlias = dict[str, str]  # the user's choices where a file offers several


def of_task(picks: Picks, task: str) -> Picks:
    """The choices for one task: what is said for all, unless something else is said for it."""
    own = {name: value for name, value in picks.items() if task_of(name) == task}
    general = {name: value for name, value in picks.items() if task_of(name) is None}
    return general | {choice_of(name): value for name, value in own.items()}


def task_of(name: str) -> str | None:
    """The task that a choice is for; None: for all."""
    task, colon, _ = name.rpartition(":")
    return task if colon else None


def choice_of(name: str) -> str:
    """What is chosen, whatever it is for."""
    return name.rpartition(":")[2]
