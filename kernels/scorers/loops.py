"""The CPU scorer's compiled loops: numba, float32 within a block of the vocabulary, float64 across.

A row comes from memory once for its normaliser (block by block: maximum, then sum of exponentials),
and the pair once more for the joint sums, from cache. Nothing larger than a row is held. In the
joint sweep, with c = lse_ref - lse and d = (x - z) - c = ln p - ln q,
    e^-d - 1 + d = d^2 g(d),    g(d) = E(d^2) - d O(d^2),
so that KLD, reverse KLD, total variation and JSD of nearly equal rows are sums without
cancellation.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from .lanes import (
    F,
    Peak,
    block_max,
    block_sums,
    exp64,
    from_half,
    from_upper_half,
    inlined,
    joint_sums,
    joint_sums_close,
    term,
)
from .rows import QuantRows, ReferenceRows

# vocabulary entries summed in float32 before they join a float64 total; block maxima also bound the
# top k
BLOCK = 512
STRIP = 64  # entries of a block that the search for the top k looks at together
ONE_SIDED = F(1e29)  # a difference this large: one side masks what the other allows


class Readable(NamedTuple):
    """Rows in any of the forms that the loops read; kind says which.

    What a form does not need is empty.
    """

    kind: int
    wide: np.ndarray  # [T, V] float32
    narrow: np.ndarray  # [T, V] uint16: float16 or bfloat16 bits; or CodedRows.words
    headers: np.ndarray  # [T, 2] float32: scale and minimum of the codes
    clipped: np.ndarray  # [T] bool: whether code 0 is a bound


class Known(NamedTuple):
    """The targets, and what the reference's own pass found, as ReferenceRows has it."""

    targets: np.ndarray  # [T] int32
    finite: np.ndarray  # [T] bool
    lse: np.ndarray  # [T] float64
    top1: np.ndarray  # [T] int32
    topk_ids: np.ndarray  # [T, k] int32


WIDE, HALF, UPPER_HALF, CODED = range(4)


@njit
def _codes(words: np.ndarray, t: int, vocabulary: int) -> np.ndarray:
    return words[t, 4 : 4 + vocabulary]


@njit
def row_of(logits: Readable, t: int, room: np.ndarray) -> np.ndarray:
    """Row t in float32: itself, or decoded into room [V]; a clipped id gets -inf."""
    if logits.kind == WIDE:
        return logits.wide[t]
    source = _codes(logits.narrow, t, len(room)) if logits.kind == CODED else logits.narrow[t]
    if logits.kind == HALF:
        for i in range(len(room)):
            room[i] = from_half(source[i])
    elif logits.kind == UPPER_HALF:
        for i in range(len(room)):
            room[i] = from_upper_half(source[i])
    else:
        scale, minimum = logits.headers[t, 0], logits.headers[t, 1]
        lowest = F(-np.inf) if logits.clipped[t] else minimum
        for i in range(len(room)):
            value = scale * F(source[i]) + minimum
            room[i] = lowest if source[i] == 0 else value
    return room


@inlined
def _normaliser(x: np.ndarray, maxima: np.ndarray) -> tuple[bool, int, float, float, float]:
    """(usable, top1, max, sum of e^(x-max) without the top entry, entropy) of a row.

    Fills the block maxima. The top entry is exactly 1 and stays out of the float32 sums, so that a
    near-certain row keeps the digits of its tail.
    """
    top, m = -1, F(0)
    rest, weighted = 0.0, 0.0
    for b in range(len(maxima)):
        start, stop = b * BLOCK, min((b + 1) * BLOCK, len(x))
        maxima[b] = block_max(x[start:stop])
        if maxima[b] > (m if top >= 0 else F(-np.inf)):
            if maxima[b] == np.inf:
                return False, -1, m, rest, 0.0
            if top >= 0:  # the sums shrink to the new maximum, and the old top joins them
                shift = np.float64(m) - maxima[b]
                shrink = math.exp(shift)
                weighted = shrink * (weighted + shift * (1.0 + rest))
                rest = shrink * (1.0 + rest)
            m = maxima[b]
            top = start
            while x[top] != m:
                top += 1
            s, w = block_sums(x[start:top], m)
            rest += s
            weighted += w
            start = top + 1
        s, w = block_sums(x[start:stop], m)
        rest += s
        weighted += w
    if top < 0 or rest != rest:  # everything masked; a NaN somewhere
        return False, -1, m, rest, 0.0
    return True, top, m, rest, math.log1p(rest) - weighted / (1.0 + rest)


@njit
def _rank(x: np.ndarray, y: int, maxima: np.ndarray) -> int:
    """1 + ids with a larger logit + lower ids with an equal one.

    A block whose maximum is smaller is not looked at.
    """
    own = x[y]
    n = 1
    for b in range(len(maxima)):
        if maxima[b] < own:
            continue
        start, stop = b * BLOCK, min((b + 1) * BLOCK, len(x))
        split = min(max(y, start), stop)
        before, after = x[start:split], x[split:stop]
        for i in range(len(before)):
            n += before[i] >= own
        for i in range(len(after)):
            n += after[i] > own
    return n


@njit
def _insert(value: float, i: int, n: int, ids: np.ndarray, values: np.ndarray) -> int:
    """Put an entry into lists of the n largest so far, falling, an equal one behind.

    Returns the new n, at most k.
    """
    k = len(values)
    if n == k and value <= values[k - 1]:
        return n
    j = min(n, k - 1)
    while j > 0 and values[j - 1] < value:
        values[j], ids[j] = values[j - 1], ids[j - 1]
        j -= 1
    values[j], ids[j] = value, i
    return min(n + 1, k)


@njit
def _top(x: np.ndarray, maxima: np.ndarray, ids: np.ndarray, values: np.ndarray) -> None:
    """Fill ids and values with the k largest entries, falling, ties by rising id.

    The k-th largest block maximum is a lower bound of the k-th largest entry: what is below it is
    not looked at.
    """
    bound = F(-np.inf)
    if len(maxima) >= len(values):
        n = 0
        for b in range(len(maxima)):
            n = _insert(maxima[b], b, n, ids, values)
        bound = values[-1]
    n = 0
    for b in range(len(maxima)):
        if maxima[b] < bound:
            continue
        for strip in range(b * BLOCK, min((b + 1) * BLOCK, len(x)), STRIP):
            end = min(strip + STRIP, len(x))
            if block_max(x[strip:end]) < bound:
                continue
            for i in range(strip, end):
                if x[i] >= bound:
                    n = _insert(x[i], i, n, ids, values)


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """The machine code of a function that works without Python.

    It is kept on disk where numba can write its cache.
    """
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return njit(nogil=True)(function)


@compiled
def reference_range(
    start: int, stop: int, x: Readable, targets: np.ndarray, found: ReferenceRows
) -> None:
    """Fill rows start..stop-1 of found, whose columns hold NaN, -1 and False.

    The lists of its top k are at least 2 long where the vocabulary allows: the margin needs two.
    """
    assert found.clipped_mass_ref is not None and found.nll_ref_at_least is not None
    room, maxima = rooms(x)
    for t in range(start, stop):
        row, y = row_of(x, t, room), targets[t]
        usable, top, m, rest, entropy = _normaliser(row, maxima)
        coded = x.kind == CODED
        found.finite_ref[t] = usable and (coded or row[y] > F(-np.inf))
        if not found.finite_ref[t]:
            continue
        log_total = math.log1p(rest)
        found.lse_ref[t] = m + log_total
        if coded:
            found.lse_ref[t], log_total, found.entropy_ref[t], found.clipped_mass_ref[t] = (
                _as_stored(m, rest, entropy)
            )
        else:
            found.entropy_ref[t] = max(entropy, 0.0)
        ids, values = found.topk_ids[t], found.topk_logprobs_ref[t]
        _top(row, maxima, ids, values)
        for j in range(len(values)):
            values[j] = (values[j] - m) - log_total
            if coded and values[j] == -np.inf:
                values[j], ids[j] = np.nan, -1
        found.margin_ref[t] = values[0] - values[1] if len(values) > 1 else np.nan
        found.top1_ref[t] = top
        if row[y] > F(-np.inf):
            found.nll_ref[t] = log_total - (np.float64(row[y]) - m)
            found.rank_ref[t] = _rank(row, y, maxima)
        else:
            found.nll_ref_at_least[t] = -x.headers[t, 1]


@njit
def rooms(logits: Readable) -> tuple[np.ndarray, np.ndarray]:
    """Space for one decoded row and for the maxima of its blocks."""
    vocabulary = logits.wide.shape[1]
    row = np.empty(0 if logits.kind == WIDE else vocabulary, np.float32)
    return row, np.empty((vocabulary + BLOCK - 1) // BLOCK, np.float32)


@njit
def _as_stored(m: float, rest: float, entropy: float) -> tuple[float, float, float, float]:
    """(lse, log of the total over e^m, entropy, clipped mass) of a coded row.

    Its values are log-probs already.
    """
    stored = math.exp(m) * (1.0 + rest)
    weighted = (math.log1p(rest) - entropy) * (1.0 + rest)
    return 0.0, -np.float64(m), -(stored * m + math.exp(m) * weighted), max(1.0 - stored, 0.0)


@njit
def _agree_where_clipped(
    x: np.ndarray, z: np.ndarray, c: float, z_max: float, log_total: float
) -> float:
    """Make the sides equal where the reference (or both) is clipped; the quant's mass there.

    So such an id adds nothing.
    """
    mass = 0.0
    for i in range(len(x)):
        if x[i] == F(-np.inf) and z[i] > F(-np.inf):
            mass += math.exp((z[i] - z_max) - log_total)
            x[i] = z[i] + c
        elif z[i] == F(-np.inf):
            x[i] = F(-np.inf)
    return mass


@inlined(fastmath={"reassoc", "nsz"})
def _llamacpp_kld(
    codes: np.ndarray, scale: float, minimum: float, z: np.ndarray, z_max: float
) -> float:
    """KLD of a live row as llama-perplexity sums it.

    Stored values as they are, nothing for log-probs at or below -16.
    """
    total = 0.0
    for i in range(len(z)):
        total += F(exp64(z[i] - z_max))
    z_lse = z_max + F(math.log(total))
    kld = 0.0
    for i in range(len(z)):
        kld += term(scale, codes[i], minimum, z[i], z_lse)
    return kld


@inlined
def _joint(
    x: np.ndarray, peak_x: Peak, z: np.ndarray, peak_z: Peak, p_top: float, c: float
) -> tuple[bool, float, float, float, float]:
    """(whether the sides mask the same ids, KLD, reverse KLD, 2 JSD, 2 TV) of two rows.

    p_top: the reference's largest probability, in float64.
    """
    allowed, close = True, True
    kld, reverse, jsd, tv = 0.0, 0.0, 0.0, 0.0
    for first in range(0, len(x), BLOCK):
        last = min(first + BLOCK, len(x))
        unit = p_top
        sums = (F(0), F(0), F(0), F(0), F(1))
        if close:  # as the block before was
            sums = joint_sums_close(x[first:last], z[first:last], peak_x.logit, c)
        if not sums[4] < F(1):
            sums = joint_sums(x[first:last], peak_x, z[first:last], peak_z, c)
            unit = 1.0
        close = sums[4] < F(1)
        allowed &= sums[4] < ONE_SIDED
        kld += unit * sums[0]
        reverse += unit * sums[1]
        jsd += unit * sums[2]
        tv += unit * sums[3]
    return allowed, kld, reverse, jsd, tv


@compiled
def quant_range(
    start: int, stop: int, x: Readable, known: Known, z: Readable, found: QuantRows
) -> None:
    """Fill rows start..stop-1 of found, whose columns hold NaN, -1 and False."""
    assert found.clipped_mass is not None and found.nll_at_least is not None
    assert found.kld_llamacpp is not None
    vocabulary = x.wide.shape[1]
    room_x, maxima = rooms(x)
    room_z, _ = rooms(z)
    for t in range(start, stop):
        row, y = row_of(z, t, room_z), known.targets[t]
        usable, top, m, rest, entropy = _normaliser(row, maxima)
        coded = z.kind == CODED
        if not (usable and known.finite[t] and (coded or row[y] > F(-np.inf))):
            continue
        log_total = math.log1p(rest)
        lse, peak = m + log_total, Peak(m, F(1.0 / (1.0 + rest)))
        if coded:
            lse, log_total, entropy, _ = _as_stored(m, rest, entropy)
            peak = Peak(m, F(math.exp(m)))
        own = row_of(x, t, room_x)
        top_ref = own[known.top1[t]]
        p_top = math.exp(top_ref - known.lse[t])
        c = F(known.lse[t] - lse)
        llamacpp = mass = np.nan
        if x.kind == CODED:
            if not coded:
                llamacpp = _llamacpp_kld(
                    _codes(x.narrow, t, vocabulary), x.headers[t, 0], x.headers[t, 1], row, m
                )
            mass = _agree_where_clipped(own, row, c, m, log_total)
        peak_ref = Peak(top_ref, F(p_top))
        allowed, kld, reverse, jsd, tv = _joint(own, peak_ref, row, peak, p_top, c)
        if not allowed:
            continue
        found.finite[t], found.lse[t] = True, lse
        found.kld[t], found.kld_reverse[t] = max(kld, 0.0), max(reverse, 0.0)
        found.jsd[t], found.tv[t] = max(jsd, 0.0) / 2, tv / 2
        found.entropy[t] = max(entropy, 0.0)
        found.clipped_mass[t], found.kld_llamacpp[t] = mass, llamacpp
        found.top1[t] = top
        if row[y] > F(-np.inf):
            found.nll[t] = log_total - (np.float64(row[y]) - m)
            found.rank[t] = _rank(row, y, maxima)
        else:
            found.nll_at_least[t] = -z.headers[t, 1]
        ids, values = known.topk_ids[t], found.topk_logprobs[t]
        for j in range(len(ids)):
            if ids[j] >= 0:
                values[j] = (row[ids[j]] - m) - log_total
