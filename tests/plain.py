"""What every statistic promises of its answer: figures or None with a reason, never NaN."""

import math


def plain(answer) -> bool:
    """Whether an answer holds only finite plain numbers, words and None, however deep, and says why
    where a figure is missing.
    """
    if isinstance(answer, dict):
        return all(plain(value) for value in answer.values())
    if isinstance(answer, list | tuple):
        return all(plain(value) for value in answer)
    return (
        answer is None
        or isinstance(answer, str | bool)
        or (type(answer) in (int, float) and math.isfinite(answer))
    )
