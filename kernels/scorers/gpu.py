"""The GPU scorer: Triton, float32 sums kept as vectors over a tile, joined in float64. The
definitions are in naive.py.

    _one_side   reads a row once: tile maxima, sum of exponentials, entropy, rank of the target
    _select     the k largest entries from the tile maxima; touches k tiles
    _pair       reads both rows once: KLD, reverse KLD, JSD, total variation

so that a quant costs two reads of its own logits and one of the reference's, and nothing of
vocabulary's size is written. With TRITON_INTERPRET=1 the same code runs on tensors in the machine's
own memory, which is how it is tested without a GPU.
"""

import math

import numpy as np
import torch
import triton
import triton.language as tl

from .rows import QuantRows, ReferenceRows

NAME = "triton-f32"
TILE = 4096  # entries per step of _one_side; its maxima bound the top k
PAIR_TILE = 1024  # entries per step of _pair, which holds more of them in registers
PROGRAMS = 4 * 132  # enough to fill a large GPU: with fewer rows, a row is split
MASK = tl.constexpr(-1e30)  # -inf stands here, so that masked - masked = 0
LOG2_E = tl.constexpr(1.4426950408889634)  # the hardware's exponential is that of base 2


@triton.jit
def _one_side(
    x, own, target, maxima, sums, counts, vocabulary, stride, tiles, per_split, TILE: tl.constexpr
):
    """Grid (T, splits). maxima [T, tiles] f32; sums [T, splits, 3] f32: max, sum of e^(x-max), the
    same weighted by x-max; counts [T, splits] i32: ids before the target in rank. NaN or +inf
    anywhere leave NaN in the sums."""
    t, split = tl.program_id(0).to(tl.int64), tl.program_id(1)
    mine, y = tl.load(own + t), tl.load(target + t)
    m = MASK
    total, weighted, before = (
        tl.zeros([TILE], tl.float32),
        tl.zeros([TILE], tl.float32),
        tl.zeros([TILE], tl.int32),
    )
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
    x,
    maxima,
    ids_out,
    values_out,
    vocabulary,
    stride,
    tiles,
    k,
    TILE: tl.constexpr,
    TILES: tl.constexpr,
):
    """Grid (T,). The k largest entries of a row, falling, ties by rising id: k times the best
    tile's best entry that is left.
    """
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
def _pair(
    x,
    z,
    max_x,
    log_x,
    max_z,
    log_z,
    c,
    sums,
    vocabulary,
    stride_x,
    stride_z,
    tiles,
    per_split,
    TILE: tl.constexpr,
):
    """Grid (T, splits). sums [T, splits, 5] f32: KLD, reverse KLD, 2 JSD, 2 TV, largest |d|. log =
    lse - max; c = lse_ref - lse.
    """
    t, split = tl.program_id(0).to(tl.int64), tl.program_id(1)
    m_x, l_x, m_z, l_z, shift = (
        tl.load(max_x + t),
        tl.load(log_x + t),
        tl.load(max_z + t),
        tl.load(log_z + t),
        tl.load(c + t),
    )
    kld, reverse = tl.zeros([TILE], tl.float32), tl.zeros([TILE], tl.float32)
    jsd, tv, furthest = (
        tl.zeros([TILE], tl.float32),
        tl.zeros([TILE], tl.float32),
        tl.zeros([TILE], tl.float32),
    )
    for tile in range(split * per_split, tl.minimum((split + 1) * per_split, tiles)):
        ids = tile * TILE + tl.arange(0, TILE)
        inside = ids < vocabulary
        v = tl.maximum(
            tl.load(x + t * stride_x + ids, mask=inside, other=-float("inf")).to(tl.float32), MASK
        )
        w = tl.maximum(
            tl.load(z + t * stride_z + ids, mask=inside, other=-float("inf")).to(tl.float32), MASK
        )
        d = (v - w) - shift  # the difference first
        a = (v - m_x) - l_x  # ln p; where both sides mask, p and q are 0 and d does not matter
        size = tl.abs(d)
        more, ratio = tl.exp2(tl.maximum(a, a - d) * LOG2_E), tl.exp2(size * -LOG2_E)
        less = more * ratio
        p, q = tl.where(d > 0, more, less), tl.where(d > 0, less, more)
        near = tl.minimum(tl.maximum(d, -1.0), 1.0)
        s = near * near
        # e^-d - 1 + d = d^2 (even - d odd) for |d| <= 1
        even = (
            (2.535851224469582e-05 * s + 0.0013885396911806121) * s + 0.04166673659523751
        ) * s + 0.49999999781421683
        odd = near * (
            ((2.8062802582327777e-06 * s + 0.00019838101968683) * s + 0.008333339675917066) * s
            + 0.16666666646842135
        )
        u = 0.25 * s  # p ln 2p/(p+q) + q ln 2q/(p+q) = (p + q) h
        h = (
            (-0.006037735609214809 * u + 0.019130690796206665) * u - 0.047152732338880766
        ) * u + 0.11110710072076688
        h = ((h * u - 0.24999991469045163) * u + 0.49999999970420683) * u
        # |d| > 1: the same is (p + q) (ln 2 - ln(1 + ratio)) - less |d|, with ln(1 + ratio) = ratio
        # far
        far = (0.052440770440222974 * ratio - 0.13000222218232738) * ratio + 0.19174401556891496
        far = (
            (far * ratio - 0.24899812429881246) * ratio + 0.3332739238778105
        ) * ratio - 0.4999986567258267
        far = far * ratio + 0.9999999949740784
        g = s * (even - odd)
        close = size < 1.0
        moved = more - less
        kld += tl.where(close, p * g, (q - p) + p * d)
        reverse += tl.where(close, q * s * (even + odd), (p - q) - q * d)
        tv += tl.where(close, tl.abs(p * (near - g)), moved)
        jsd += tl.where(
            close, (p + q) * h, (p + q) * (0.6931471805599453 - ratio * far) - less * size
        )
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
    """Score the reference. logits_ref: [T, V] float32, float16 or bfloat16 on the GPU, rows
    contiguous; targets: [T] int; top_k is cut to V.
    """
    vocabulary = logits_ref.shape[1]
    k = min(top_k, vocabulary)
    side = _Side(logits_ref, targets, min(max(k, 2), vocabulary))
    top = side.values.double().masked_fill(side.values <= MASK.value, -math.inf) - side.lse[:, None]
    margin = top[:, 0] - top[:, 1] if top.shape[1] > 1 else torch.full_like(side.lse, math.nan)
    return _columns(
        ReferenceRows,
        side.finite,
        side.nll,
        side.entropy,
        side.ids[:, 0],
        side.rank,
        margin,
        side.lse,
        side.ids[:, :k],
        top[:, :k],
    )


def quant_rows(
    logits_ref: torch.Tensor,
    reference: ReferenceRows,
    logits: torch.Tensor,
    targets: np.ndarray,
    threads: int | None = None,
) -> QuantRows:
    """Score a quant against the reference. Both [T, V], on one GPU."""
    x, z, here = logits_ref, logits, logits.device
    side = _Side(z, targets, 1)
    on_device = lambda values, kind: torch.from_numpy(np.asarray(values, kind)).to(here)
    lse_ref, top1_ref = (
        on_device(reference.lse_ref, np.float64),
        on_device(reference.top1_ref, np.int64).clamp(min=0),
    )
    max_ref = x.gather(1, top1_ref[:, None])[:, 0].double()
    rows, vocabulary = z.shape
    tiles, splits, per_split = _grid(rows, vocabulary, PAIR_TILE)
    sums = torch.empty((rows, splits, 5), dtype=torch.float32, device=here)
    single = lambda values: values.float().contiguous()
    _pair[rows, splits](
        x,
        z,
        single(max_ref),
        single(lse_ref - max_ref),
        single(side.maximum),
        single(side.lse - side.maximum),
        single(lse_ref - side.lse),
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
    kld, reverse, jsd, tv = sums[..., :4].double().sum(1).clamp(min=0).unbind(1)
    finite = side.finite & on_device(reference.finite_ref, np.bool_) & (sums[..., 4].amax(1) < 1e29)
    ids = on_device(reference.topk_ids, np.int64).clamp(min=0)
    top = z.gather(1, ids).double() - side.lse[:, None]
    return _columns(
        QuantRows,
        finite,
        side.nll,
        kld,
        reverse,
        jsd / 2,
        tv / 2,
        side.entropy,
        side.ids[:, 0],
        side.rank,
        side.lse,
        top,
    )


class _Side:
    """What is known of one model's rows [T, V] by themselves, as tensors on their device; reals in
    float64.
    """

    def __init__(self, logits: torch.Tensor, targets: np.ndarray, k: int):
        if logits.stride(1) != 1:
            raise ValueError("rows of logits must be contiguous: call .contiguous() on them")
        here, (rows, vocabulary) = logits.device, logits.shape
        y = torch.from_numpy(np.asarray(targets, np.int64)).to(here)
        own = logits.gather(1, y[:, None])[:, 0].float()
        tiles, splits, per_split = _grid(rows, vocabulary, TILE)
        maxima = torch.empty((rows, tiles), dtype=torch.float32, device=here)
        sums = torch.empty((rows, splits, 3), dtype=torch.float32, device=here)
        counts = torch.empty((rows, splits), dtype=torch.int32, device=here)
        _one_side[rows, splits](
            logits,
            own,
            y,
            maxima,
            sums,
            counts,
            vocabulary,
            logits.stride(0),
            tiles,
            per_split,
            TILE=TILE,
            num_warps=8,
            enable_fp_fusion=True,
        )
        self.ids = torch.empty((rows, k), dtype=torch.int32, device=here)
        self.values = torch.empty((rows, k), dtype=torch.float32, device=here)
        _select[rows,](
            logits,
            maxima,
            self.ids,
            self.values,
            vocabulary,
            logits.stride(0),
            tiles,
            k,
            TILE=TILE,
            TILES=triton.next_power_of_2(tiles),
            num_warps=8,
            enable_fp_fusion=True,
        )
        m, total, weighted = sums.double().unbind(2)
        self.maximum = m.amax(1)
        lower = m - self.maximum[:, None]
        total, weighted = total * lower.exp(), (weighted + total * lower) * lower.exp()
        log_total = total.sum(1).log()
        self.lse = self.maximum + log_total
        self.entropy = (log_total - weighted.sum(1) / total.sum(1)).clamp(min=0)
        self.nll = log_total - (own.double() - self.maximum)
        self.rank = 1 + counts.sum(1)
        self.finite = torch.isfinite(self.entropy) & (self.maximum > -1e29) & (own > -math.inf)


def _grid(rows: int, vocabulary: int, tile: int) -> tuple[int, int, int]:
    """(tiles, splits of a row, tiles per split): one program a row, unless the rows are too few to
    fill the GPU.
    """
    tiles = triton.cdiv(vocabulary, tile)
    per_split = triton.cdiv(tiles, min(tiles, max(1, PROGRAMS // rows)))
    return tiles, triton.cdiv(tiles, per_split), per_split


def _columns(kind: type, finite: torch.Tensor, *columns: torch.Tensor):
    """kind of NumPy columns in their stored types; rows that are not finite become NaN and -1."""
    stored = []
    for name, values in zip(kind._fields, columns):
        bad = ~finite.view(-1, *[1] * (values.dim() - 1))
        values = values.masked_fill(bad, math.nan if values.is_floating_point() else -1)
        wanted = (
            torch.int32
            if not values.is_floating_point()
            else torch.float64
            if name.startswith("lse")
            else torch.float32
        )
        stored.append(values.to(wanted).cpu().numpy())
    return kind(*stored, finite.cpu().numpy())
