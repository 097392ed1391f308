"""The CPU scorer: the compiled loops of loops.py, threads over rows. The float64 twin with the
definitions is naive.py.

Compiling takes seconds, once per machine (numba's cache).
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from . import loops
from .rows import Bfloat16Rows, CodedRows, QuantRows, ReferenceRows

NAME = "numba-f32"


def reference_rows(
    logits_ref: np.ndarray | CodedRows | Bfloat16Rows,
    targets: np.ndarray,
    top_k: int = 32,
    threads: int | None = None,
) -> ReferenceRows:
    """Score the reference. logits_ref: [T, V] float32, float16, bfloat16 or coded; targets: [T]
    int, the realised tokens; top_k is cut to V.
    """
    x, targets = _readable(logits_ref), np.ascontiguousarray(targets, np.int32)
    rows, vocabulary = logits_ref.shape
    k = min(top_k, vocabulary)
    wide = min(max(k, 2), vocabulary)  # the margin needs two
    reals, lse = np.full((5, rows), np.nan, np.float32), np.full(rows, np.nan)
    ints, ids = np.full((2, rows), -1, np.int32), np.full((rows, wide), -1, np.int32)
    values, finite = np.full((rows, wide), np.nan, np.float32), np.zeros(rows, np.bool_)
    _over_rows(
        threads, rows, loops.reference_range, x, targets, reals, lse, ints, ids, values, finite
    )
    bounds = reals[3:] if x.kind == loops.CODED else (None, None)
    return ReferenceRows(
        reals[0],
        reals[1],
        ints[0],
        ints[1],
        reals[2],
        lse,
        ids[:, :k].copy(),
        values[:, :k].copy(),
        finite,
        *bounds,
    )


def quant_rows(
    logits_ref: np.ndarray | CodedRows | Bfloat16Rows,
    reference: ReferenceRows,
    logits: np.ndarray | CodedRows | Bfloat16Rows,
    targets: np.ndarray,
    threads: int | None = None,
) -> QuantRows:
    """Score a quant against the reference. Both [T, V], in any of the forms; coded quants need a
    coded reference (else ValueError).
    """
    x, z, targets = (
        _readable(logits_ref),
        _readable(logits),
        np.ascontiguousarray(targets, np.int32),
    )
    if z.kind == loops.CODED != x.kind:
        raise ValueError(
            "a quant's logits file can be scored against the reference's logits file only"
        )
    rows = len(targets)
    reals, lse = np.full((9, rows), np.nan, np.float32), np.full(rows, np.nan)
    ints, finite = np.full((2, rows), -1, np.int32), np.zeros(rows, np.bool_)
    values = np.full(reference.topk_ids.shape, np.nan, np.float32)
    _over_rows(
        threads,
        rows,
        loops.quant_range,
        x,
        z,
        targets,
        reference.finite_ref,
        reference.lse_ref,
        reference.top1_ref,
        reference.topk_ids,
        reals,
        lse,
        ints,
        values,
        finite,
    )
    bounds = reals[6:] if x.kind == loops.CODED else (None, None, None)
    return QuantRows(*reals[:6], *ints, lse, values, finite, *bounds)


def _readable(logits: np.ndarray | CodedRows | Bfloat16Rows) -> loops.Logits:
    """The rows as the loops take them, without a copy unless they are read-only, not contiguous, or
    of another type.
    """
    none, no_header, no_row = (
        np.empty((0, logits.shape[1]), np.float32),
        np.empty((0, 2), np.float32),
        np.empty(0, np.bool_),
    )
    if isinstance(logits, CodedRows):
        return loops.Logits(
            loops.CODED, none, np.ascontiguousarray(logits.words), logits.headers, logits.clipped
        )
    if isinstance(logits, Bfloat16Rows):
        return loops.Logits(
            loops.UPPER_HALF, none, np.ascontiguousarray(logits.bits), no_header, no_row
        )
    if logits.dtype == np.float16:
        return loops.Logits(
            loops.HALF, none, np.ascontiguousarray(logits).view(np.uint16), no_header, no_row
        )
    return loops.Logits(
        loops.WIDE,
        np.require(logits, np.float32, "CW"),
        np.empty((0, 0), np.uint16),
        no_header,
        no_row,
    )


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="qwh-score")


def _over_rows(threads: int | None, rows: int, kernel, *arguments) -> None:
    """Run kernel(start, stop, ...) over all rows. This thread only waits: one that works on keeps
    its core from a helper just woken.
    """
    threads = min(threads or 1, rows)
    if threads == 1:
        return kernel(0, rows, *arguments)
    parts = min(4 * threads, rows)  # more than threads: a slow core takes fewer
    edges = [rows * i // parts for i in range(parts + 1)]
    for done in [
        _pool(threads).submit(kernel, start, stop, *arguments)
        for start, stop in zip(edges, edges[1:])
    ]:
        done.result()
