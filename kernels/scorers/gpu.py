"""The GPU scorer: Triton, float32 sums kept as vectors over a tile, joined in float64.

The definitions are in naive.py.
    _one_side   reads a row once: tile maxima, sum of exponentials, entropy, rank of the target
    _select     the k largest entries from the tile maxima; touches k tiles
    _pair       reads both rows once: KLD, reverse KLD, JSD, total variation
so that a quant costs two reads of its own logits and one of the reference's, and nothing of
vocabulary's size is written. With TRITON_INTERPRET=1 the same code runs on tensors in the machine's
own memory, which is how it is tested without a GPU.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import triton
import triton.language as tl

from . import fits
from .rows import QuantRows, ReferenceRows, Rows, stored

NAME = "triton-f32"
TILE = 4096  # entries per step of _one_side; its maxima bound the top k
PAIR_TILE = 1024  # entries per step of _pair, which holds more of them in registers
PROGRAMS = 4 * 132  # enough to fill a large GPU: with fewer rows, a row is split
ONE_SIDED = 1e29  # a difference this large: one side masks what the other allows
MASK = tl.constexpr(-1e30)  # -inf stands here, so that masked - masked = 0
LOG2_E = tl.constexpr(1.4426950408889634)  # the hardware's exponential is that of base 2
LN_2 = tl.constexpr(math.log(2))
E3, E2, E1, E0 = map(tl.constexpr, fits.EVEN)
O3, O2, O1, O0 = map(tl.constexpr, fits.ODD)
J6, J5, J4, J3, J2, J1 = map(tl.constexpr, fits.JENSEN_SHANNON)
L7, L6, L5, L4, L3, L2, L1 = map(tl.constexpr, fits.LOG1P)


@triton.jit
def _one_side(
    x: tl.tensor,  # in [T, V] logits
    own: tl.tensor,  # in [T] f32: the target's logit
    target: tl.tensor,  # in [T] i64: the target's id
    maxima: tl.tensor,  # out [T, tiles] f32
    sums: tl.tensor,  # out [T, splits, 3] f32: max, sum of e^(x-max), the same weighted by x-max
    counts: tl.tensor,  # out [T, splits] i32: ids before the target in rank
    vocabulary: tl.tensor,  # V
    stride: tl.tensor,  # entries from one row of x to the next
    tiles: tl.tensor,  # of a row
    per_split: tl.tensor,  # tiles
    TILE: tl.constexpr,  # entries
) -> None:
    """Grid (T, splits). NaN or +inf anywhere leave NaN in the sums."""
    t, split = tl.program_id(0).to(tl.int64), tl.program_id(1)
    mine, y = tl.load(own + t), tl.load(target + t)
    m = MASK
    total = tl.zeros([TILE], tl.float32)
    weighted = tl.zeros([TILE], tl.float32)
    before = tl.zeros([TILE], tl.int32)
    first, last = split * per_split, tl.minimum((split + 1) * per_split, tiles)
    for tile in range(first, last):
        ids = tile * TILE + tl.arange(0, TILE)
        v = tl.load(x + t * stride + ids, mask=ids < vocabulary, other=-float("inf")).to(tl.float32)
        if tile < y // TILE:
            before += (v >= mine).to(tl.int32)
        else:
            before += (v > mine).to(tl.int32)
        v = tl.maximum(v, MASK, propagate_nan=tl.PropagateNan.ALL)
        top = tl.max(v, 0)
        tl.store(maxima + t * tiles + tile, top)
        higher = tl.maximum(m, top)
        shrink = tl.exp2((m - higher) * LOG2_E)
        weighted = (weighted + total * (m - higher)) * shrink
        total = total * shrink
        m = higher
        a = v - m
        e = tl.exp2(a * LOG2_E)
        total += e
        weighted += e * a
    # equal logits in the target's own tile: those before it count
    if (first <= y // TILE) & (y // TILE < last):
        ids = y // TILE * TILE + tl.arange(0, TILE)
        v = tl.load(x + t * stride + ids, mask=ids < y, other=-float("inf")).to(tl.float32)
        before += (v == mine).to(tl.int32)
    at = t * tl.num_programs(1) + split
    tl.store(sums + at * 3, m)
    tl.store(sums + at * 3 + 1, tl.sum(total, 0))
    tl.store(sums + at * 3 + 2, tl.sum(weighted, 0))
    tl.store(counts + at, tl.sum(before, 0))


@triton.jit
def _select(
    x: tl.tensor,  # in [T, V] logits
    maxima: tl.tensor,  # in [T, tiles] f32, from _one_side
    ids_out: tl.tensor,  # out [T, k] i32, by falling logit, ties by rising id
    values_out: tl.tensor,  # out [T, k] f32
    vocabulary: tl.tensor,  # V
    stride: tl.tensor,  # entries from one row of x to the next
    tiles: tl.tensor,  # of a row
    k: tl.tensor,
    TILE: tl.constexpr,  # entries
    TILES: tl.constexpr,  # tiles, up to the next power of 2
) -> None:
    """Grid (T,). The k largest entries: k times the best tile's best entry that is left."""
    t = tl.program_id(0).to(tl.int64)
    places = tl.arange(0, TILES)
    best = tl.load(maxima + t * tiles + places, mask=places < tiles, other=-float("inf"))
    last, last_id = float("inf"), -1
    for j in range(k):
        tile = tl.argmax(best, 0, tie_break_left=True)
        ids = tile * TILE + tl.arange(0, TILE)
        v = tl.load(x + t * stride + ids, mask=ids < vocabulary, other=-float("inf")).to(tl.float32)
        v = tl.where(ids < vocabulary, tl.maximum(tl.where(v == v, v, MASK), MASK), -float("inf"))
        v = tl.where((v < last) | ((v == last) & (ids > last_id)), v, -float("inf"))
        last, place = tl.max(v, 0), tl.argmax(v, 0, tie_break_left=True)
        last_id = tile * TILE + place
        tl.store(ids_out + t * k + j, last_id)
        tl.store(values_out + t * k + j, last)
        rest = tl.max(tl.where(ids == last_id, -float("inf"), v), 0)
        best = tl.where(places == tile, rest, best)


@triton.jit
def _jensen_shannon(u: tl.tensor) -> tl.tensor:
    """JSD's terms, doubled, over p + q, for u = d^2 / 4 <= 1/4."""
    return (((((J6 * u + J5) * u + J4) * u + J3) * u + J2) * u + J1) * u


@triton.jit
def _log1p(r: tl.tensor) -> tl.tensor:
    """ln(1 + r) for r = e^-|d|, |d| >= 1."""
    return r * ((((((L7 * r + L6) * r + L5) * r + L4) * r + L3) * r + L2) * r + L1)


@triton.jit
def _pair(
    x: tl.tensor,  # in [T, V] the reference's logits
    z: tl.tensor,  # in [T, V] the quant's
    max_x: tl.tensor,  # in [T] f32: the reference's largest logit
    log_x: tl.tensor,  # in [T] f32: its lse - max
    c: tl.tensor,  # in [T] f32: lse_ref - lse
    sums: tl.tensor,  # out [T, splits, 5] f32: KLD, reverse KLD, 2 JSD, 2 TV, largest |d|
    vocabulary: tl.tensor,  # V
    stride_x: tl.tensor,  # entries from one row of x to the next
    stride_z: tl.tensor,
    tiles: tl.tensor,  # of a row
    per_split: tl.tensor,  # tiles
    TILE: tl.constexpr,  # entries
) -> None:
    """Grid (T, splits). The terms and their polynomials are those of fits.py."""
    t, split = tl.program_id(0).to(tl.int64), tl.program_id(1)
    m_x, l_x, shift = tl.load(max_x + t), tl.load(log_x + t), tl.load(c + t)
    zero = tl.zeros([TILE], tl.float32)
    kld, reverse, jsd, tv, furthest = zero, zero, zero, zero, zero
    for tile in range(split * per_split, tl.minimum((split + 1) * per_split, tiles)):
        ids = tile * TILE + tl.arange(0, TILE)
        inside = ids < vocabulary
        v = tl.load(x + t * stride_x + ids, mask=inside, other=-float("inf")).to(tl.float32)
        w = tl.load(z + t * stride_z + ids, mask=inside, other=-float("inf")).to(tl.float32)
        v, w = tl.maximum(v, MASK), tl.maximum(w, MASK)
        d = (v - w) - shift  # the difference first
        a = (v - m_x) - l_x  # ln p; where both sides mask, p and q are 0 and d does not matter
        size = tl.abs(d)
        more, ratio = tl.exp2(tl.maximum(a, a - d) * LOG2_E), tl.exp2(size * -LOG2_E)
        less = more * ratio
        p, q = tl.where(d > 0, more, less), tl.where(d > 0, less, more)
        near = tl.minimum(tl.maximum(d, -1.0), 1.0)
        s = near * near
        even = ((E3 * s + E2) * s + E1) * s + E0
        odd = near * (((O3 * s + O2) * s + O1) * s + O0)
        g = s * (even - odd)
        close = size < 1.0
        kld += tl.where(close, p * g, (q - p) + p * d)
        reverse += tl.where(close, q * s * (even + odd), (p - q) - q * d)
        tv += tl.where(close, tl.abs(p * (near - g)), more - less)
        jsd_far = (p + q) * (LN_2 - _log1p(ratio)) - less * size
        jsd += tl.where(close, (p + q) * _jensen_shannon(0.25 * s), jsd_far)
        furthest = tl.maximum(furthest, size)
    at = (t * tl.num_programs(1) + split) * 5
    tl.store(sums + at, tl.sum(kld, 0))
    tl.store(sums + at + 1, tl.sum(reverse, 0))
    tl.store(sums + at + 2, tl.sum(jsd, 0))
    tl.store(sums + at + 3, tl.sum(tv, 0))
    tl.store(sums + at + 4, tl.max(furthest, 0))


def reference_rows(
    logits_ref: torch.Tensor, targets: np.ndarray, top_k: int = 32, threads: int | None = None
) -> ReferenceRows:
    """Score the reference.

    logits_ref: [T, V] float32, float16 or bfloat16 on the GPU, rows contiguous; targets: [T] int;
    top_k is cut to V.
    """
    vocabulary = logits_ref.shape[1]
    k = min(top_k, vocabulary)
    side = _side(logits_ref, targets, min(max(k, 2), vocabulary))  # the margin needs two
    top = side.values.double().masked_fill(side.values <= MASK.value, -math.inf) - side.lse[:, None]
    margin = top[:, 0] - top[:, 1] if top.shape[1] > 1 else torch.full_like(side.lse, math.nan)
    return _stored(
        ReferenceRows,
        nll_ref=side.nll,
        entropy_ref=side.entropy,
        top1_ref=side.ids[:, 0],
        rank_ref=side.rank,
        margin_ref=margin,
        lse_ref=side.lse,
        topk_ids=side.ids[:, :k],
        topk_logprobs_ref=top[:, :k],
        finite_ref=side.finite,
    )


def quant_rows(
    logits_ref: torch.Tensor,
    reference: ReferenceRows,
    logits: torch.Tensor,
    targets: np.ndarray,
    threads: int | None = None,
) -> QuantRows:
    """Score a quant against the reference. Both [T, V], on one GPU."""
    here = logits.device
    side = _side(logits, targets, 1)
    sums = _pair_sums(logits_ref, reference, logits, side.lse)
    kld, reverse, jsd, tv = sums[..., :4].double().sum(1).clamp(min=0).unbind(1)
    finite_ref = torch.from_numpy(reference.finite_ref).to(here)
    ids = torch.from_numpy(reference.topk_ids).to(here, torch.int64).clamp(min=0)
    return _stored(
        QuantRows,
        nll=side.nll,
        kld=kld,
        kld_reverse=reverse,
        jsd=jsd / 2,
        tv=tv / 2,
        entropy=side.entropy,
        top1=side.ids[:, 0],
        rank=side.rank,
        lse=side.lse,
        topk_logprobs=logits.gather(1, ids).double() - side.lse[:, None],
        finite=side.finite & finite_ref & (sums[..., 4].amax(1) < ONE_SIDED),
    )


class _Side(NamedTuple):
    """What is known of one model's rows by themselves, on their device; reals in float64."""

    ids: torch.Tensor  # [T, k] int32: of the largest logits, falling
    values: torch.Tensor  # [T, k] float32: those logits
    lse: torch.Tensor  # this and all that follow: [T]
    entropy: torch.Tensor
    nll: torch.Tensor
    rank: torch.Tensor
    finite: torch.Tensor


def _side(logits: torch.Tensor, targets: np.ndarray, k: int) -> _Side:
    if logits.stride(1) != 1:
        raise ValueError("rows of logits must be contiguous: call .contiguous() on them")
    here, (rows, vocabulary) = logits.device, logits.shape
    y = torch.from_numpy(np.asarray(targets, np.int64)).to(here)
    own = logits.gather(1, y[:, None])[:, 0].float()
    tiles, splits, per_split = _grid(rows, vocabulary, TILE)
    maxima = torch.empty((rows, tiles), dtype=torch.float32, device=here)
    sums = torch.empty((rows, splits, 3), dtype=torch.float32, device=here)
    counts = torch.empty((rows, splits), dtype=torch.int32, device=here)
    ids = torch.empty((rows, k), dtype=torch.int32, device=here)
    values = torch.empty((rows, k), dtype=torch.float32, device=here)
    fixed = {"TILE": TILE, "num_warps": 8, "enable_fp_fusion": True}
    size = (vocabulary, logits.stride(0), tiles)
    _one_side[rows, splits](logits, own, y, maxima, sums, counts, *size, per_split, **fixed)
    padded = triton.next_power_of_2(tiles)
    _select[rows,](logits, maxima, ids, values, *size, k, TILES=padded, **fixed)
    m, total, weighted = sums.double().unbind(2)
    maximum = m.amax(1)
    lower = m - maximum[:, None]
    total, weighted = total * lower.exp(), (weighted + total * lower) * lower.exp()
    log_total = total.sum(1).log()
    entropy = (log_total - weighted.sum(1) / total.sum(1)).clamp(min=0)
    return _Side(
        ids=ids,
        values=values,
        lse=maximum + log_total,
        entropy=entropy,
        nll=log_total - (own.double() - maximum),
        rank=1 + counts.sum(1),
        finite=torch.isfinite(entropy) & (maximum > -ONE_SIDED) & (own > -math.inf),
    )


def _pair_sums(
    x: torch.Tensor, reference: ReferenceRows, z: torch.Tensor, lse: torch.Tensor
) -> torch.Tensor:
    """[T, splits, 5] float32, as _pair leaves them."""
    rows, vocabulary = z.shape
    lse_ref = torch.from_numpy(reference.lse_ref).to(z.device)
    top1_ref = torch.from_numpy(reference.top1_ref).to(z.device, torch.int64).clamp(min=0)
    max_ref = x.gather(1, top1_ref[:, None])[:, 0].double()
    tiles, splits, per_split = _grid(rows, vocabulary, PAIR_TILE)
    sums = torch.empty((rows, splits, 5), dtype=torch.float32, device=z.device)
    _pair[rows, splits](
        x,
        z,
        max_ref.float(),
        (lse_ref - max_ref).float(),
        (lse_ref - lse).float(),
        sums,
        vocabulary,
        x.stride(0),
        z.stride(0),
        tiles,
        per_split,
        TILE=PAIR_TILE,
        num_warps=4,
        enable_fp_fusion=True,
    )
    return sums


def _grid(rows: int, vocabulary: int, tile: int) -> tuple[int, int, int]:
    """(tiles, splits of a row, tiles per split).

    One program a row, unless the rows are too few to fill the GPU.
    """
    tiles = triton.cdiv(vocabulary, tile)
    per_split = triton.cdiv(tiles, min(tiles, max(1, PROGRAMS // rows)))
    return tiles, triton.cdiv(tiles, per_split), per_split


def _stored(kind: type[Rows], **found: torch.Tensor) -> Rows:
    """NumPy columns in their stored types."""
    return stored(kind(**{name: values.cpu().numpy() for name, values in found.items()}))
