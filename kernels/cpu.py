"""The CPU scorer: numba, float32 inside a block of the vocabulary, float64 across blocks, threads over rows.

The float64 twin with the same signature and the definitions is naive.py. Per row pair: the reference is swept twice
(maximum; sum of exponentials) once per group of quants, a quant three times (the third sweep reads both rows); after
the first sweep the rows come from cache. No temporary of the vocabulary's size is made. In the joint sweep, with
c = lse_ref - lse and d = (x - z) - c = ln p - ln q,
    e^-d - 1 + d = d^2 g(d),    g(d) = E(d^2) - d O(d^2),
so that KLD, reverse KLD, total variation and JSD of nearly equal rows are sums without cancellation.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from .rows import QuantRows, ReferenceRows

NAME = "numba-f32"
BLOCK = 512  # vocabulary entries summed in float32 before they join a float64 total; block maxima also bound the top k
F = np.float32
SUMS = {"contract", "reassoc", "nsz", "arcp"}  # vectorised sums; NaN and infinity keep their meaning
POSITIVE_INF, NEGATIVE_INF = 0x7F800000, -0x800000  # float32 bits read as int32


@intrinsic
def _power_of_two(typing, n):
    """2^n as float32 for a whole float n in -126..127, built from its bits (numba would widen the integers)."""

    def build(context, builder, signature, arguments):
        i32, f32 = ir.IntType(32), ir.FloatType()
        exponent = builder.add(builder.fptosi(arguments[0], i32), ir.Constant(i32, 127))
        return builder.bitcast(builder.shl(exponent, ir.Constant(i32, 23)), f32)

    return types.float32(types.float32), build


@njit(fastmath={"contract"})  # no reassociation: the two-part reduction would lose its second part
def _exp(a):
    """e^a for a <= 0, relative error below 1.5e-7; a below -87 counts as -87 (1.6e-38)."""
    a = max(a, F(-87.0))
    y = a * F(1.44269504)
    n = np.floor(y + F(0.5))
    r = (a - n * F(0.693359375)) - n * F(-2.12194440e-4)  # ln 2 in two parts
    r *= F(1.44269504)
    p = F(0.0013390863364671234)
    p = p * r + F(0.009676031918322054)
    p = p * r + F(0.05550357114219078)
    p = p * r + F(0.2402210748530834)
    p = p * r + F(0.6931471880262288)
    p = p * r + F(1.0000000754548972)
    return p * _power_of_two(n)


@njit(fastmath=False)  # said outright, because numba hands a caller's fastmath down
def _difference(x, z, c):
    """(x - z) - c, in that order: reassociated, the digits of nearly equal logits are gone. -inf on both sides gives -c."""
    return (max(x, F(-1e30)) - max(z, F(-1e30))) - c


@njit(fastmath={"nnan", "nsz"}, nogil=True, cache=True)
def _block_max(x):
    m = x[0]
    for i in range(1, len(x)):
        m = x[i] if x[i] > m else m
    return m


@njit(nogil=True, cache=True)
def _unusable(bits):
    """How many entries are NaN or +inf, from their bits."""
    n = 0
    for i in range(len(bits)):
        n += (bits[i] >= POSITIVE_INF) | ((bits[i] < 0) & (bits[i] > NEGATIVE_INF))
    return n


@njit(nogil=True, cache=True)
def _masks_differ(x_bits, z_bits):
    """How many entries are -inf on one side only."""
    n = 0
    for i in range(len(x_bits)):
        n += (x_bits[i] == NEGATIVE_INF) != (z_bits[i] == NEGATIVE_INF)
    return n


@njit(fastmath=SUMS, nogil=True, cache=True)
def _block_sums(x, m):
    """(sum e^(x-m), sum e^(x-m) (x-m)) of a part of a row; an entry far below m adds nothing to either."""
    total, weighted = F(0), F(0)
    for i in range(len(x)):
        a = max(x[i] - m, F(-87.0))
        e = _exp(a)
        total += e
        weighted += e * a
    return total, weighted


@njit(nogil=True, cache=True)
def _normaliser(x, bits, maxima):
    """(usable, top1, max, sum of e^(x-max) without the top entry, entropy) of a row; fills the block maxima.

    The top entry is exactly 1 and stays out of the float32 sums, so that a near-certain row keeps the digits of its tail.
    """
    vocabulary = len(x)
    m = F(-np.inf)
    bad = 0
    for b in range(len(maxima)):
        start, stop = b * BLOCK, min((b + 1) * BLOCK, vocabulary)
        maxima[b] = _block_max(x[start:stop])
        m = max(m, maxima[b])
        bad += _unusable(bits[start:stop])
    if bad > 0 or not m > F(-np.inf):
        return False, 0, F(0), 0.0, 0.0
    top = -1
    rest, weighted = 0.0, 0.0
    for b in range(len(maxima)):
        start, stop = b * BLOCK, min((b + 1) * BLOCK, vocabulary)
        if top < 0 and maxima[b] == m:
            top = start
            while x[top] != m:
                top += 1
            s, w = _block_sums(x[start:top], m)
            rest += s
            weighted += w
            start = top + 1
        s, w = _block_sums(x[start:stop], m)
        rest += s
        weighted += w
    return True, top, m, rest, math.log1p(rest) - weighted / (1.0 + rest)


@njit(nogil=True, cache=True)
def _count_ahead(x, y):
    """Ids that rank before y: a larger logit, or an equal one and a lower id."""
    own = x[y]
    before, after = x[:y], x[y:]
    n = 0
    for i in range(len(before)):
        n += before[i] >= own
    for i in range(len(after)):
        n += after[i] > own
    return n


@njit(nogil=True, cache=True)
def _top(x, maxima, ids, values):
    """Fill ids and values with the k largest entries, falling, ties by rising id.

    The k-th largest block maximum is a lower bound of the k-th largest entry: other blocks are not looked at.
    """
    k = len(ids)
    bound = np.sort(maxima)[len(maxima) - k] if len(maxima) >= k else F(-np.inf)
    n = 0
    for b in range(len(maxima)):
        if maxima[b] < bound:
            continue
        for i in range(b * BLOCK, min((b + 1) * BLOCK, len(x))):
            value = x[i]
            if n == k and value <= values[k - 1]:
                continue
            j = min(n, k - 1)
            while j > 0 and values[j - 1] < value:
                values[j], ids[j] = values[j - 1], ids[j - 1]
                j -= 1
            values[j], ids[j] = value, i
            n = min(n + 1, k)


@njit(nogil=True, cache=True)
def _reference_range(start, stop, x, bits, targets, reals, lse, ints, ids, values, finite):
    maxima = np.empty((x.shape[1] + BLOCK - 1) // BLOCK, np.float32)
    for t in range(start, stop):
        usable, top, m, rest, entropy = _normaliser(x[t], bits[t], maxima)
        y = targets[t]
        finite[t] = usable and x[t, y] > F(-np.inf)
        if not finite[t]:
            continue
        log_total = math.log1p(rest)
        lse[t] = m + log_total
        _top(x[t], maxima, ids[t], values[t])
        for j in range(len(values[t])):
            values[t, j] = (values[t, j] - m) - log_total
        reals[0, t] = log_total - (np.float64(x[t, y]) - m)
        reals[1, t] = max(entropy, 0.0)
        reals[2, t] = values[t, 0] - values[t, 1] if len(values[t]) > 1 else np.nan
        ints[0, t] = top
        ints[1, t] = 1 + _count_ahead(x[t], y)


@njit(fastmath=SUMS, error_model="numpy", nogil=True, cache=True)
def _joint_sums(x, z, m_x, m_z, scale_x, scale_z, c):
    """(KLD, reverse KLD, JSD, TV) of one block; scale = 1 / sum e^(x - max)."""
    kld, reverse, jsd, tv = F(0), F(0), F(0), F(0)
    for i in range(len(x)):
        p = _exp(x[i] - m_x) * scale_x
        q = _exp(z[i] - m_z) * scale_z
        d = _difference(x[i], z[i], c)
        near = min(max(d, F(-1)), F(1))
        w = near * near
        even = ((F(2.535851224469582e-05) * w + F(0.0013885396911806121)) * w + F(0.04166673659523751)) * w + F(0.49999999781421683)
        odd = near * (((F(2.8062802582327777e-06) * w + F(0.00019838101968683)) * w + F(0.008333339675917066)) * w + F(0.16666666646842135))
        u = F(0.25) * w
        h = F(-0.006037735609214809)
        h = h * u + F(0.019130690796206665)
        h = h * u + F(-0.047152732338880766)
        h = h * u + F(0.11110710072076688)
        h = h * u + F(-0.24999991469045163)
        h = (h * u + F(0.49999999970420683)) * u
        # |d| >= 1, with r = min / max: p ln 2p/(p+q) + q ln 2q/(p+q) = (p + q)(ln 2 - log1p(r)) + min ln r
        size = abs(d)
        less, more = min(p, q), max(p, q)
        r = less / max(more, F(1e-38))
        s = r / (F(2) + r)
        v = s * s
        log1p = F(2) * s * ((((F(1 / 9) * v + F(1 / 7)) * v + F(1 / 5)) * v + F(1 / 3)) * v + F(1))
        # both forms, then a select: a branch would keep the loop from being vectorised
        close = size < F(1)
        kld_close, kld_far = p * w * (even - odd), (q - p) + p * d
        reverse_close, reverse_far = q * w * (even + odd), (p - q) - q * d
        tv_close, tv_far = abs(p * near * (F(1) - near * (even - odd))), more - less
        jsd_close, jsd_far = (p + q) * h, (p + q) * (F(0.6931471805599453) - log1p) - less * size
        kld += kld_close if close else kld_far
        reverse += reverse_close if close else reverse_far
        tv += tv_close if close else tv_far
        jsd += jsd_close if close else jsd_far
    return kld, reverse, jsd, tv


@njit(nogil=True, cache=True)
def _quant_range(start, stop, x, x_bits, z, z_bits, targets, usable_ref, lse_ref, top1_ref, ids, reals, lse, ints, values, finite):
    vocabulary = x.shape[1]
    maxima = np.empty((vocabulary + BLOCK - 1) // BLOCK, np.float32)
    for t in range(start, stop):
        usable, top, m, rest, entropy = _normaliser(z[t], z_bits[t], maxima)
        y = targets[t]
        finite[t] = usable and usable_ref[t] and z[t, y] > F(-np.inf) and _masks_differ(x_bits[t], z_bits[t]) == 0
        if not finite[t]:
            continue
        log_total = math.log1p(rest)
        lse[t] = m + log_total
        m_x = x[t, top1_ref[t]]
        scale_x, scale_z = F(math.exp(m_x - lse_ref[t])), F(1.0 / (1.0 + rest))
        c = F(lse_ref[t] - lse[t])
        kld, reverse, jsd, tv = 0.0, 0.0, 0.0, 0.0
        for b in range(len(maxima)):
            first, last = b * BLOCK, min((b + 1) * BLOCK, vocabulary)
            sums = _joint_sums(x[t, first:last], z[t, first:last], m_x, m, scale_x, scale_z, c)
            kld += sums[0]
            reverse += sums[1]
            jsd += sums[2]
            tv += sums[3]
        reals[0, t] = log_total - (np.float64(z[t, y]) - m)
        reals[1, t] = max(kld, 0.0)
        reals[2, t] = max(reverse, 0.0)
        reals[3, t] = max(jsd, 0.0) / 2
        reals[4, t] = tv / 2
        reals[5, t] = max(entropy, 0.0)
        ints[0, t] = top
        ints[1, t] = 1 + _count_ahead(z[t], y)
        for j in range(ids.shape[1]):
            values[t, j] = (z[t, ids[t, j]] - m) - log_total


def reference_rows(logits_ref: np.ndarray, targets: np.ndarray, top_k: int = 32, threads: int | None = None) -> ReferenceRows:
    """Score the reference. logits_ref: [T, V] real; targets: [T] int, the realised tokens; top_k is cut to V."""
    x, targets = _single(logits_ref), np.ascontiguousarray(targets, np.int32)
    rows, vocabulary = x.shape
    k = min(top_k, vocabulary)
    wide = min(max(k, 2), vocabulary)  # the margin needs two
    reals, lse = np.full((3, rows), np.nan, np.float32), np.full(rows, np.nan)
    ints, ids = np.full((2, rows), -1, np.int32), np.full((rows, wide), -1, np.int32)
    values, finite = np.full((rows, wide), np.nan, np.float32), np.zeros(rows, np.bool_)
    _over_rows(threads, rows, _reference_range, x, x.view(np.int32), targets, reals, lse, ints, ids, values, finite)
    return ReferenceRows(reals[0], reals[1], ints[0], ints[1], reals[2], lse, ids[:, :k].copy(), values[:, :k].copy(), finite)


def quant_rows(logits_ref: np.ndarray, reference: ReferenceRows, logits: np.ndarray, targets: np.ndarray, threads: int | None = None) -> QuantRows:
    """Score a quant against the reference. Both logits: [T, V] real."""
    x, z, targets = _single(logits_ref), _single(logits), np.ascontiguousarray(targets, np.int32)
    rows = len(x)
    reals, lse = np.full((6, rows), np.nan, np.float32), np.full(rows, np.nan)
    ints, finite = np.full((2, rows), -1, np.int32), np.zeros(rows, np.bool_)
    values = np.full(reference.topk_ids.shape, np.nan, np.float32)
    _over_rows(
        threads, rows, _quant_range, x, x.view(np.int32), z, z.view(np.int32), targets, reference.finite_ref, reference.lse_ref,
        reference.top1_ref, reference.topk_ids, reals, lse, ints, values, finite,
    )
    return QuantRows(reals[0], reals[1], reals[2], reals[3], reals[4], reals[5], ints[0], ints[1], lse, values, finite)


def _single(logits: np.ndarray) -> np.ndarray:
    """float32, rows contiguous; a view where it already is."""
    return np.ascontiguousarray(logits, np.float32)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="qwh-score")


def _over_rows(threads: int | None, rows: int, kernel, *arguments) -> None:
    """Run kernel(start, stop, ...) over all rows, split evenly over the threads."""
    threads = min(threads or 1, rows)
    edges = [rows * i // threads for i in range(threads + 1)]
    if threads == 1:
        kernel(0, rows, *arguments)
        return
    list(_pool(threads).map(lambda i: kernel(edges[i], edges[i + 1], *arguments), range(threads)))
