"""A model's head: what its last layer leaves, hidden states [T, D], becomes logits [T, V].

    logits = cap(scale (W h + b)), cap(z) = c tanh(z / c) where there is one

The product runs in tiles of TILE rows, the last one padded, so that a row's bits depend on that row
alone and not on how many are asked for together. float32, in the order of an engine's own sums
where that is known, and then equal to its logits in every bit; the float64 twin is
naive.head_logits.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

TILE = 64  # rows of a product
NEAR = 2e-5  # of the largest logit: a head that is rebuilt is no further from the model's own
LANES = (16, 64, 8, 32, 4)  # llama.cpp's: AVX-512, there in odd vocabularies, AVX2, likewise, SSE
TYPES = {"F16": np.float16, "BF16": np.uint16, "F32": np.float32}  # as they are kept


class Order(NamedTuple):
    """How a product's sums run. lanes: parts of a sum, added by halves at its end; 0: as BLAS does.

    pairs: each part takes two neighbours at a time, the second first, as AVX-512 does of bfloat16.
    """

    lanes: int = 0
    pairs: bool = False


class Weights(NamedTuple):
    """A head's numbers and how its file has them.

    weight: [V, D] of kind F16, BF16 (bits in uint16) or F32; bias: [V] float32.
    """

    kind: str
    weight: np.ndarray
    bias: np.ndarray | None = None


class Finish(NamedTuple):
    """What becomes of a product. cap: None where there is none."""

    order: Order = Order()
    scale: float = 1.0
    cap: float | None = None


class Head:
    """A head in memory. Its logits lie in one buffer, which the next call overwrites."""

    def __init__(self, weights: Weights, finish: Finish, threads: int = 1):
        self.bias, self.finish, self.threads = weights.bias, finish, threads
        lanes, pairs = finish.order
        weight = np.ascontiguousarray(weights.weight)
        self._order = _paired(weight.shape[1], lanes) if pairs else None
        self._weight = weight if self._order is None else weight[:, self._order]
        self._kind = weights.kind
        if not lanes or _compiled() is None:
            self._weight, self._kind = widen(self._weight, self._kind), "F32"
        self._buffer = np.empty((0, len(weight)), np.float32)

    def logits(self, hidden: np.ndarray) -> np.ndarray:
        """hidden: [T, D] float32; returns [T, V] float32."""
        rows, width = hidden.shape
        tiles = -(-rows // TILE)
        if len(self._buffer) < tiles * TILE:
            self._buffer = np.empty((tiles * TILE, self._buffer.shape[1]), np.float32)
        for start in range(0, rows, TILE):
            tile = np.zeros((TILE, width), np.float32)
            part = hidden[start : start + TILE]
            tile[: len(part)] = part if self._order is None else part[:, self._order]
            out = self._buffer[start : start + TILE]
            self._product(tile, len(part), out)
            finished(out[: len(part)], self.bias, self.finish)
        return self._buffer[:rows]

    def _product(self, tile: np.ndarray, rows: int, out: np.ndarray) -> None:
        """A padded tile's, of which the first rows are wanted."""
        lanes, products = self.finish.order.lanes, _compiled()
        if not lanes:
            np.matmul(tile, self._weight.T, out=out)
        elif products is None:
            in_parts(tile[:rows], self._weight, lanes, out[:rows])
        else:
            from .cpu import over_rows

            some = -(-rows // products.ROWS) * products.ROWS
            given = products.readable(self._weight, self._kind)
            parts = (tile[:some], given, products.in_lanes(lanes), out)
            over_rows(self.threads, len(self._weight), products.product, *parts)


@cache
def _compiled() -> Any:
    """The compiled products; None without a compiler. It takes a while to import."""
    try:
        from . import products
    except ImportError:  # no numba
        return None
    return products


def in_parts(tile: np.ndarray, weight: np.ndarray, lanes: int, out: np.ndarray) -> None:
    """A product in lanes without a compiler: tile [T, D], weight [V, D], out [T, V], float32.

    A product of 16-bit numbers is exact in float32, so the order of the sums is all that counts;
    BLAS has its own.
    """
    block = 1 << 10  # columns at a time
    for first in range(0, len(weight), block):
        part = weight[first : first + block]
        sums = np.zeros((len(tile), len(part), lanes), np.float32)
        for start in range(0, tile.shape[1], lanes):
            here = slice(start, start + lanes)
            sums += tile[:, None, here] * part[None, :, here]
        while sums.shape[2] > 1:
            half = sums.shape[2] // 2
            sums = sums[:, :, :half] + sums[:, :, half:]
        out[:, first : first + block] = sums[:, :, 0]


def finished(z: np.ndarray, bias: np.ndarray | None, finish: Finish) -> None:
    """What stands between the product and the logits, in place."""
    if bias is not None:
        z += bias
    if finish.scale != 1:
        z *= np.float32(finish.scale)
    if finish.cap is not None:
        z /= np.float32(finish.cap)
        np.tanh(z, out=z)
        z *= np.float32(finish.cap)


def fit(
    hidden: np.ndarray,
    logits: np.ndarray,
    weights: Weights,
    caps: list[float],
    scales: list[float],
) -> Finish | None:
    """The head that gives a model's logits: of those within NEAR the nearest, the simplest first.

    None if there is none. hidden: [T, D] float32, logits: [T, V], of a model; caps, scales: those
    that its file names; beside its scales that of least squares is tried.
    """
    top = float(np.abs(logits).max())
    best, least = None, NEAR * top
    y = np.asarray(logits[:TILE], np.float64)
    for order in _orders(weights):
        z = Head(weights, Finish(order)).logits(hidden[:TILE]).copy()
        for cap in (None, *caps):
            plain = y if cap is None else cap * np.arctanh(np.clip(y / cap, -1 + 1e-7, 1 - 1e-7))
            for scale in (1.0, *scales, float((z * plain).sum() / np.square(z, dtype=float).sum())):
                found = Finish(order, scale, cap)
                tried = z.copy()
                finished(tried, None, found)
                away = float(np.abs(tried - y).max())
                if away < least or (best is None and away <= least):
                    best, least = found, away
                if best and not least:
                    return best
    return best


def _orders(weights: Weights) -> list[Order]:
    """The orders in which engines are known to sum, the plain one last."""
    lanes = [each for each in LANES if weights.weight.shape[1] % each == 0]
    found = [Order(each) for each in lanes]
    if weights.kind == "BF16" and weights.weight.shape[1] % 32 == 0:
        found = [Order(16, pairs=True), *found]
    return [*found, Order()]


def _paired(width: int, lanes: int) -> np.ndarray:
    """Where the numbers of a row lie so that lanes take pairs of neighbours."""
    at = np.arange(width).reshape(-1, lanes, 2)[:, :, ::-1]
    return at.transpose(0, 2, 1).reshape(-1)


def narrow(values: np.ndarray, kind: str) -> np.ndarray:
    """float32 as a head of a type reads it: F16, BF16 (its bits, in uint16) or F32."""
    if kind != "BF16":
        with np.errstate(over="ignore"):  # infinite then, which is seen
            return values.astype(TYPES[kind])
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)


def widen(values: np.ndarray, kind: str) -> np.ndarray:
    """float32 of what narrow kept."""
    if kind != "BF16":
        return values.astype(np.float32)
    return (values.astype(np.uint32) << 16).view(np.float32)
