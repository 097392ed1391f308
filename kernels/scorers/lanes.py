"""The arithmetic of the CPU scorer's compiled loops, in forms that LLVM makes vectors of.

numba's cache looks only at the file of the function that is called from Python: after a change
here, in fits.py or in rows.py, touch loops.py and answers.py; after one in loops.py, answers.py.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from . import fits

# What may round in an order of LLVM's choice, and what calls it, must become part of the function
# that is called from Python. As a function of its own it exists twice in a process that compiles
# and once in one that loads the cache, and which of them runs would decide the last bits.
inlined = partial(njit, forceinline=True)

F: Any = np.float32  # numba infers float32 from it, which mypy need not follow
E3, E2, E1, E0 = map(F, fits.EVEN)
O3, O2, O1, O0 = map(F, fits.ODD)
J6, J5, J4, J3, J2, J1 = map(F, fits.JENSEN_SHANNON)
X5, X4, X3, X2, X1, X0 = map(F, fits.EXP)
Joint = tuple[float, float, float, float, float]  # KLD, reverse KLD, 2 JSD, 2 TV, largest |d|
# vectorised sums; NaN and infinity keep their meaning
SUMS = {"contract", "reassoc", "nsz", "arcp"}
MASK = F(-1e30)  # -inf stands here in differences, so that masked - masked = 0


@intrinsic
def larger(typing: Any, a: Any, b: Any) -> Any:
    """max(a, b) of two float32 that are no NaN, as LLVM makes vectors of it."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        f32 = ir.FloatType()
        function = builder.module.declare_intrinsic(
            "llvm.maxnum", [f32], ir.FunctionType(f32, [f32, f32])
        )
        return builder.call(function, arguments, fastmath=("nnan", "nsz"))

    return types.float32(types.float32, types.float32), build


@intrinsic
def shifted_bits(typing: Any, y: Any) -> Any:
    """The low bits of a float32 moved into its exponent: 2^n for y = n + MAGIC.

    numba's own integers would be widened.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        i32 = ir.IntType(32)
        return builder.bitcast(
            builder.shl(builder.bitcast(arguments[0], i32), ir.Constant(i32, 23)), ir.FloatType()
        )

    return types.float32(types.float32), build


@intrinsic
def from_half(typing: Any, bits: Any) -> Any:
    """The float32 of a float16's bits."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), build


@intrinsic
def from_upper_half(typing: Any, bits: Any) -> Any:
    """The float32 whose upper 16 bits these are: a bfloat16."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        i32 = ir.IntType(32)
        return builder.bitcast(
            builder.shl(builder.zext(arguments[0], i32), ir.Constant(i32, 16)), ir.FloatType()
        )

    return types.float32(types.uint16), build


# added to y, rounds it and leaves round(y) + 127, a float32's exponent, in the low bits
MAGIC = F(1.5 * 2**23 + 127)


# no reassociation: the rounding by MAGIC and the two-part reduction would be lost
@inlined(fastmath={"contract"})
def exp(a: float) -> float:
    """e^a for a <= 0, relative error below 1.5e-7.

    a below -87 counts as -87 (1.6e-38); NaN stays NaN.
    """
    a = F(-87) if a < F(-87) else a
    y = a * F(1.44269504) + MAGIC
    n = y - MAGIC
    r = (a - n * F(0.693359375)) - n * F(-2.12194440e-4)  # ln 2 in two parts
    p = ((((X5 * r + X4) * r + X3) * r + X2) * r + X1) * r + X0
    return p * shifted_bits(y)


@intrinsic
def shifted_bits64(typing: Any, y: Any) -> Any:
    """As shifted_bits, for float64."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        i64 = ir.IntType(64)
        return builder.bitcast(
            builder.shl(builder.bitcast(arguments[0], i64), ir.Constant(i64, 52)), ir.DoubleType()
        )

    return types.float64(types.float64), build


@inlined(fastmath={"contract"})
def exp64(a: float) -> float:
    """e^a of a float32 <= 0 in float64, relative error below 1e-13.

    So rounding it to float32 gives the C library's expf.
    """
    a = max(np.float64(a), -700.0)
    y = a * 1.4426950408889634 + (1.5 * 2.0**52 + 1023)
    n = y - (1.5 * 2.0**52 + 1023)
    r = (a - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10
    p = 1 / 479001600 * r + 1 / 39916800
    for k in (
        1 / 3628800,
        1 / 362880,
        1 / 40320,
        1 / 5040,
        1 / 720,
        1 / 120,
        1 / 24,
        1 / 6,
        1 / 2,
        1.0,
        1.0,
    ):
        p = p * r + k
    return p * shifted_bits64(y)


@inlined(fastmath=False)  # said outright, because numba hands a caller's fastmath down
def difference(x: float, z: float, c: float) -> float:
    """(x - z) - c, in that order; -inf on both sides gives -c.

    Reassociated, the digits of nearly equal logits would be gone.
    """
    return (max(x, MASK) - max(z, MASK)) - c


@inlined
def block_max(x: np.ndarray) -> float:
    m = F(-np.inf)
    for i in range(len(x)):
        m = larger(m, x[i])
    return m


@inlined(fastmath=SUMS)
def block_sums(x: np.ndarray, m: float) -> tuple[float, float]:
    """(sum e^(x-m), sum e^(x-m) (x-m)) of a part of a row.

    An entry far below m adds nothing to either. NaN spreads.
    """
    total, weighted = F(0), F(0)
    for i in range(len(x)):
        a = x[i] - m
        a = F(-87) if a < F(-87) else a
        e = exp(a)
        total += e
        weighted += e * a
    return total, weighted


@inlined
def even_odd(w: float) -> tuple[float, float]:
    """The two polynomials of KL's terms, for w = d^2 <= 1."""
    return ((E3 * w + E2) * w + E1) * w + E0, ((O3 * w + O2) * w + O1) * w + O0


@inlined
def jensen_shannon(w: float) -> float:
    """JSD's terms, doubled, over p + q, for w = d^2 <= 1."""
    u = F(0.25) * w
    return (((((J6 * u + J5) * u + J4) * u + J3) * u + J2) * u + J1) * u


class Peak(NamedTuple):
    """A row's likeliest id."""

    logit: float
    probability: float  # in float32, as the logit


@inlined(fastmath=SUMS, error_model="numpy")
def joint_sums_close(x: np.ndarray, z: np.ndarray, m: float, c: float) -> Joint:
    """The sums of one block, in units of the top's probability.

    Right if the largest |d| is below 1: then q = p e^-d needs no exponential of its own.
    """
    kld, reverse, jsd, tv, furthest = F(0), F(0), F(0), F(0), F(0)
    for i in range(len(x)):
        p = exp(x[i] - m)
        d = difference(x[i], z[i], c)
        w = d * d
        even, odd = even_odd(w)
        odd *= d
        g = w * (even - odd)  # e^-d - 1 + d
        gap = p * (d - g)  # p - q
        q = p - gap
        kld += p * g
        reverse += q * (w * (even + odd))
        jsd += (p + q) * jensen_shannon(w)
        tv += abs(gap)
        furthest = larger(furthest, abs(d))
    return kld, reverse, jsd, tv, furthest


@inlined(fastmath=SUMS, error_model="numpy")
def joint_sums(x: np.ndarray, peak_x: Peak, z: np.ndarray, peak_z: Peak, c: float) -> Joint:
    """As joint_sums_close for any d, in units of 1."""
    kld, reverse, jsd, tv, furthest = F(0), F(0), F(0), F(0), F(0)
    for i in range(len(x)):
        p = exp(x[i] - peak_x.logit) * peak_x.probability
        q = exp(z[i] - peak_z.logit) * peak_z.probability
        d = difference(x[i], z[i], c)
        near = min(max(d, F(-1)), F(1))
        w = near * near
        even, odd = even_odd(w)
        odd *= near
        # |d| >= 1, with s = min / (2 max + min):
        # p ln 2p/(p+q) + q ln 2q/(p+q) = (p + q)(ln 2 - 2 artanh s) - min |d|
        size = abs(d)
        less, more = min(p, q), max(p, q)
        s = less / (more + more + less + F(1e-37))
        v = s * s
        log1p = F(2) * s * ((((F(1 / 9) * v + F(1 / 7)) * v + F(1 / 5)) * v + F(1 / 3)) * v + F(1))
        # both forms, then a select: a branch would keep the loop from being vectorised
        close = size < F(1)
        kld_close, kld_far = p * w * (even - odd), (q - p) + p * d
        reverse_close, reverse_far = q * w * (even + odd), (p - q) - q * d
        tv_close, tv_far = abs(p * (near - w * (even - odd))), more - less
        jsd_close, jsd_far = (
            (p + q) * jensen_shannon(w),
            (p + q) * (F(0.6931471805599453) - log1p) - less * size,
        )
        kld += kld_close if close else kld_far
        reverse += reverse_close if close else reverse_far
        tv += tv_close if close else tv_far
        jsd += jsd_close if close else jsd_far
        furthest = larger(furthest, size)
    return kld, reverse, jsd, tv, furthest


@inlined(fastmath=False)
def term(scale: float, code: int, minimum: float, z: float, z_lse: float) -> float:
    """One summand of llama-perplexity's KLD, its float32 roundings kept; 0 for what it skips."""
    logp = scale * F(code) + minimum
    return F(exp64(logp)) * (logp - z + z_lse) if logp > F(-16) else F(0)
