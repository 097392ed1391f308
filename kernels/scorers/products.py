"""A head's product in the order of llama.cpp's own sums, compiled: equal in every bit.

Each sum runs in `lanes` parts, one for each lane of a register, which are then added by halves. The
twin in NumPy, which says the same in other words, is head.in_parts.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .lanes import from_half, from_upper_half

ROWS = 4  # of a tile whose sums lie in registers
COLUMNS = {16: 6, 64: 1, 8: 2, 32: 3, 4: 4}  # lanes -> its columns


@intrinsic
def tile(typing: Any, h: Any, at: Any, w: Any, out: Any, lanes: Any) -> Any:
    """out[r, c] = the sum over k of h[at + r * width + k] w[c, k], k < width, w's second side.

    lanes: a tuple of so many numbers, which its type tells the compiler.
    """
    arrays = (h, w, out)
    shape = (ROWS, COLUMNS[lanes.count], lanes.count)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        places = (arguments[0], arguments[2], arguments[3])
        there = [
            context.make_array(kind)(context, builder, place) for kind, place in zip(arrays, places)
        ]
        width = cgutils.unpack_tuple(builder, there[1].shape)[1]
        _sums(builder, shape, [each.data for each in there], arguments[1], width)
        return context.get_dummy_value()

    return types.void(h, at, w, out, lanes), build


def _sums(builder: Any, shape: tuple, data: list, at: Any, width: Any) -> None:
    """All sums of a tile at once, each in a register."""
    rows, columns, lanes = shape
    h, w, out = data
    f32, index = ir.FloatType(), width.type
    vector = ir.VectorType(f32, lanes)
    kind = ir.FunctionType(vector, [vector] * 3)
    fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{lanes}f32")

    def loaded(base: Any, row: int, start: Any, i: Any) -> Any:
        place = builder.add(builder.add(start, i), builder.mul(width, ir.Constant(index, row)))
        pointer = builder.bitcast(builder.gep(base, [place]), vector.as_pointer())
        return builder.load(pointer, align=4)

    sums = [cgutils.alloca_once(builder, vector) for _ in range(rows * columns)]
    for each in sums:
        builder.store(ir.Constant(vector, [0.0] * lanes), each)
    zero = ir.Constant(index, 0)
    with cgutils.for_range_slice(builder, zero, width, ir.Constant(index, lanes), index) as (i, _):
        left = [loaded(h, r, at, i) for r in range(rows)]
        right = [loaded(w, c, zero, i) for c in range(columns)]
        for number, each in enumerate(sums):
            a, b = left[number // columns], right[number % columns]
            builder.store(builder.call(fma, [a, b, builder.load(each)]), each)
    for number, each in enumerate(sums):
        value, size = builder.load(each), lanes
        while size > 1:
            size //= 2
            value = builder.fadd(*(_part(builder, value, size, side) for side in (0, size)))
        total = builder.extract_element(value, ir.Constant(ir.IntType(32), 0))
        builder.store(total, builder.gep(out, [ir.Constant(index, number)]))


def _part(builder: Any, value: Any, size: int, start: int) -> Any:
    """`size` of a vector's numbers, from `start` on."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), size), list(range(start, start + size)))
    return builder.shuffle_vector(value, value, mask)


class Readable(NamedTuple):
    """A weight as the kernels take it: one of both, [V, D], the other without rows."""

    is_upper_half: bool  # narrow is bfloat16, else float16
    wide: np.ndarray  # float32
    narrow: np.ndarray  # uint16, the bits


def readable(weight: np.ndarray, kind: str) -> Readable:
    """weight: [V, D] of kind F16, BF16 or F32, in C order."""
    none = (0, weight.shape[1])
    if kind == "F32":
        return Readable(False, weight, np.empty(none, np.uint16))
    return Readable(kind == "BF16", np.empty(none, np.float32), weight.view(np.uint16))


@njit(nogil=True, cache=True)
def unpack(weight: Readable, row: int, out: np.ndarray) -> None:
    """A row of a weight in float32."""
    if len(weight.wide):
        out[:] = weight.wide[row]
    elif weight.is_upper_half:
        for k in range(len(out)):
            out[k] = from_upper_half(weight.narrow[row, k])
    else:
        for k in range(len(out)):
            out[k] = from_half(weight.narrow[row, k])


@njit(nogil=True, cache=True, fastmath=False)
def product(
    start: int, stop: int, h: np.ndarray, weight: Readable, lanes: tuple, out: np.ndarray
) -> None:
    """out[:T, start:stop] = h w[start:stop].T, of h [T, D], T a multiple of ROWS.

    lanes: see in_lanes.
    """
    count, width = h.shape
    columns = lanes[0]
    panel = np.zeros((columns, width), np.float32)
    part = np.empty((ROWS, columns), np.float32)
    for first in range(start, stop, columns):
        last = min(first + columns, stop)
        for c in range(first, last):
            unpack(weight, c, panel[c - first])
        for row in range(0, count, ROWS):
            tile(h, row * width, panel, part, lanes)
            for r in range(ROWS):
                for c in range(last - first):
                    out[row + r, first + c] = part[r, c]


def in_lanes(lanes: int) -> tuple[int, ...]:
    """A number of lanes in a type of its own, as the kernel takes it: its columns, so often."""
    return (COLUMNS[lanes],) * lanes
