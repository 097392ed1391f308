"""Two texts that differ, told so that the difference is seen."""

import re

SHOWN = 40  # characters of a difference


def difference(one: str, other: str) -> tuple[str, str]:
    """What stands in either text where they first differ, from the start of that word."""
    pairs = enumerate(zip(one, other))
    first = next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))
    word = len(re.split(r"\s", one[:first])[-1])
    start = first - min(word, SHOWN // 2)
    return _until(one, start), _until(other, start)


def apart(one: str, other: str) -> tuple[str, str]:
    """Two facts as text; of long ones what stands where they first differ."""
    if max(len(one), len(other)) <= SHOWN:
        return one, other
    first, second = difference(one, other)
    return f"...{first}...", f"...{second}..."


def _until(text: str, start: int) -> str:
    return text[start : start + SHOWN].split("\n")[0]
