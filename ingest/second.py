"""What is asked to be read a second time."""

from typing import NamedTuple, TypeAlias

Settings: TypeAlias = tuple[tuple[str, str], ...]  # of an engine: (name, value) each
USUAL: Settings = (("rows", "16"),)  # a batch shape that takes other matrix kernels
ONE_BY_ONE: Settings = (("sequences", "1"),)  # the same of prompts that are answered together


class Second(NamedTuple):
    """Who is read a second time, and how: settings on top of those of the first time."""

    control: bool = False  # the reference
    repeat: bool = False  # each quant
    said: Settings = ()  # none: the usual ones

    def settings(self, slots: int) -> Settings:
        """What a second reading has. slots: prompts answered side by side the first time."""
        return self.said or (ONE_BY_ONE if slots > 1 else USUAL)


ONCE = Second()
