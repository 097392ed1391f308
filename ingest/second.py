"""What is asked to be read a second time."""

from typing import NamedTuple, TypeAlias

Settings: TypeAlias = tuple[tuple[str, str], ...]  # of an engine: (name, value) each
USUAL: Settings = (("rows", "16"),)  # a batch shape that takes other matrix kernels


class Second(NamedTuple):
    """Who is read a second time, and how: settings on top of those of the first time."""

    control: bool = False  # the reference
    repeat: bool = False  # each quant
    settings: Settings = USUAL


ONCE = Second()
