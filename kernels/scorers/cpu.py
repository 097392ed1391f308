"""The CPU scorer: the compiled loops of loops.py, threads over rows.

The float64 twin with the definitions is naive.py. Compiling takes seconds, once per machine
(numba's cache).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np

from . import loops
from .rows import Bfloat16Rows, CodedRows, Logits, QuantRows, ReferenceRows, Rows, unscored

NAME = "numba-f32"


def reference_rows(
    logits_ref: Logits, targets: np.ndarray, top_k: int = 32, threads: int | None = None
) -> ReferenceRows:
    """Score the reference.

    logits_ref: [T, V] float32, float16, bfloat16 or coded; targets: [T] int, the realised tokens;
    top_k is cut to V.
    """
    x, y = readable(logits_ref), np.ascontiguousarray(targets, np.int32)
    rows, vocabulary = logits_ref.shape
    k = min(top_k, vocabulary)
    found = unscored(ReferenceRows, rows, min(max(k, 2), vocabulary))  # the margin needs two
    over_rows(threads, rows, loops.reference_range, x, y, found)
    found = found._replace(
        topk_ids=found.topk_ids[:, :k].copy(),
        topk_logprobs_ref=found.topk_logprobs_ref[:, :k].copy(),
    )
    return found if x.kind == loops.CODED else _plain(found)


def quant_rows(
    logits_ref: Logits,
    reference: ReferenceRows,
    logits: Logits,
    targets: np.ndarray,
    threads: int | None = None,
) -> QuantRows:
    """Score a quant against the reference.

    Both [T, V], in any of the forms; coded quants need a coded reference (else ValueError).
    """
    x, z, y = readable(logits_ref), readable(logits), np.ascontiguousarray(targets, np.int32)
    if z.kind == loops.CODED != x.kind:
        raise ValueError(
            "a quant's logits file can be scored against the reference's logits file only"
        )
    known = loops.Known(
        targets=y,
        finite=reference.finite_ref,
        lse=reference.lse_ref,
        top1=reference.top1_ref,
        topk_ids=reference.topk_ids,
    )
    rows, k = reference.topk_ids.shape
    found = unscored(QuantRows, rows, k)
    over_rows(threads, rows, loops.quant_range, x, known, z, found)
    return found if x.kind == loops.CODED else _plain(found)


def _plain(found: Rows) -> Rows:
    """Without the columns that only coded rows have."""
    return found._replace(**found._field_defaults)


def readable(logits: Logits) -> loops.Readable:
    """The rows as the loops take them.

    No copy is made unless they are read-only, not contiguous, or of another type.
    """
    wide = np.empty((0, logits.shape[1]), np.float32)  # its width is the vocabulary's
    narrow, headers = np.empty((0, 0), np.uint16), np.empty((0, 2), np.float32)
    clipped = np.empty(0, np.bool_)
    if isinstance(logits, CodedRows):
        kind, narrow = loops.CODED, np.ascontiguousarray(logits.words)
        headers, clipped = logits.headers, logits.clipped
    elif isinstance(logits, Bfloat16Rows):
        kind, narrow = loops.UPPER_HALF, np.ascontiguousarray(logits.bits)
    elif logits.dtype == np.float16:
        kind, narrow = loops.HALF, np.ascontiguousarray(logits).view(np.uint16)
    else:
        kind, wide = loops.WIDE, np.require(logits, np.float32, ["C", "W"])
    return loops.Readable(kind, wide, narrow, headers, clipped)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="qwh-score")


def over_rows(
    threads: int | None, rows: int, kernel: Callable[..., None], *arguments: object
) -> None:
    """Run kernel(start, stop, ...) over all rows.

    This thread only waits: one that works on keeps its core from a helper just woken.
    """
    threads = min(threads or 1, rows)
    if threads == 1:
        kernel(0, rows, *arguments)
        return
    parts = min(4 * threads, rows)  # more than threads: a slow core takes fewer
    edges = [rows * i // parts for i in range(parts + 1)]
    for done in [
        _pool(threads).submit(kernel, start, stop, *arguments) for start, stop in pairwise(edges)
    ]:
        done.result()
