"""A process that kills itself at one of its own calls, so that all ways to end are tried."""

import os
import signal
from collections.abc import Iterable


def die_at(count: int, names: Iterable[str], after: bool = False) -> None:
    """Kill this process at its count-th call of these functions of os, before or after its work."""
    calls = [0]

    def deadly(function):
        def call(*arguments, **more):
            calls[0] += 1
            is_last = calls[0] == count
            if is_last and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*arguments, **more)
            if is_last:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for name in names:
        setattr(os, name, deadly(getattr(os, name)))
