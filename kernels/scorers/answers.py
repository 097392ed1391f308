"""The CPU scorer of accepted answers: log-probs and entropies at several temperatures, compiled.

A row comes from memory once for its maximum and once more, block by block, for the sums of all
temperatures. With d = x - max and s = 1 / T,
    log p_T(y) = s d_y - ln Z(s),    Z(s) = sum e^(s d),    H_T = ln Z - s E_T(d).
s is rounded to float32 in the sums; as d ln Z / ds = E_T(d), what that costs is put back. The
float64 twin with the definitions is naive.py.
"""

import math
from typing import NamedTuple

import numpy as np

from .cpu import over_rows, readable
from .lanes import SUMS, F, block_max, exp, inlined
from .loops import BLOCK, Readable, compiled, rooms, row_of
from .rows import END, AnswerRows, Logits


class Asked(NamedTuple):
    """What follows the rows, and at which temperatures it is scored."""

    targets: np.ndarray  # [T] int32, an id or END
    ends: np.ndarray  # int32
    scales: np.ndarray  # [K] float64, 1 / T


def answer_rows(
    logits: Logits,
    targets: np.ndarray,
    ends: np.ndarray,
    temperatures: tuple[float, ...],
    threads: int | None = None,
) -> AnswerRows:
    """Score what follows each position at every temperature.

    logits: [T, V] float32 or float16; targets: [T] int, an id or END; ends: ids that end an answer;
    temperatures: K numbers above 0. A row that is not finite, or gives what follows no probability,
    is NaN.
    """
    rows, shape = logits.shape[0], (logits.shape[0], len(temperatures))
    found = AnswerRows(
        logprob=np.full(shape, np.nan),
        entropy=np.full(shape, np.nan),
        greedy=np.zeros(rows, np.bool_),
        finite=np.zeros(rows, np.bool_),
    )
    asked = Asked(
        targets=np.ascontiguousarray(targets, np.int32),
        ends=np.ascontiguousarray(ends, np.int32),
        scales=1 / np.asarray(temperatures, np.float64),
    )
    over_rows(threads, rows, answer_range, readable(logits), asked, found)
    return found


@inlined(fastmath=SUMS)
def _block_sums(x: np.ndarray, m: float, s: float) -> tuple[float, float]:
    """(sum e^a, sum e^a a) of a block, a = s (x - m)."""
    total, weighted = F(0), F(0)
    for i in range(len(x)):
        a = (x[i] - m) * s
        a = F(-87) if a < F(-87) else a
        e = exp(a)
        total += e
        weighted += e * a
    return total, weighted


@inlined
def _largest(x: np.ndarray) -> tuple[int, float]:
    """(id, value) of a row's first largest entry; -1 where there is none, or +inf."""
    top, m = -1, F(-np.inf)
    for first in range(0, len(x), BLOCK):
        block = x[first : first + BLOCK]
        high = block_max(block)
        if high > m:
            m, top = high, first
            while x[top] != m:
                top += 1
    return (-1 if m == np.inf else top), m


@inlined
def _sums(x: np.ndarray, m: float, s: float) -> tuple[float, float]:
    """(sum e^a, sum e^a a) of a part of any length."""
    total, weighted = 0.0, 0.0
    for first in range(0, len(x), BLOCK):
        some, part = _block_sums(x[first : first + BLOCK], m, s)
        total += some
        weighted += part
    return total, weighted


@inlined
def _log_share(x: np.ndarray, ends: np.ndarray, m: float, s: float) -> float:
    """ln sum e^(s (x - m)) over the ends."""
    high = F(-np.inf)
    for i in range(len(ends)):
        high = max(high, x[ends[i]])
    if not high > F(-np.inf):
        return -np.inf
    total = 0.0
    for i in range(len(ends)):
        total += math.exp(s * (np.float64(x[ends[i]]) - high))
    return s * (np.float64(high) - m) + math.log(total)


@inlined
def _among(ends: np.ndarray, token: int) -> bool:
    return (ends == token).any()


@compiled
def answer_range(start: int, stop: int, x: Readable, asked: Asked, found: AnswerRows) -> None:
    """Fill rows start..stop-1 of found, whose columns hold NaN and False."""
    room, _ = rooms(x)
    for t in range(start, stop):
        row, y = row_of(x, t, room), asked.targets[t]
        top, m = _largest(row)
        if top < 0:
            continue
        found.finite[t] = True
        found.greedy[t] = _among(asked.ends, top) if y == END else top == y
        for k in range(len(asked.scales)):
            s = asked.scales[k]
            before, weighted = _sums(row[:top], m, F(s))
            after, part = _sums(row[top + 1 :], m, F(s))
            rest = before + after  # the top entry is exactly 1, and joins in float64
            mean = (weighted + part) / (1.0 + rest)
            log_total = math.log1p(rest) + (s / np.float64(F(s)) - 1.0) * mean
            own = s * (np.float64(row[y]) - m) if y != END else _log_share(row, asked.ends, m, s)
            found.logprob[t, k] = own - log_total
            found.entropy[t, k] = max(log_total - mean, 0.0)
            found.finite[t] &= own - log_total > -np.inf  # a NaN is not
        if not found.finite[t]:
            found.greedy[t] = False
            found.logprob[t, :] = np.nan
            found.entropy[t, :] = np.nan
