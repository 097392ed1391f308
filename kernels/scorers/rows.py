"""What a scorer takes and returns, and in which types: one home for the columns and their order.

One value per scored position [T]; k top ids of the reference [T, k]. Nats, ranks from 1. A row
that holds NaN or +inf, gives its target no probability, or masks (-inf) an id that the other side
allows, is not finite: its numbers are NaN and its ids -1. An id that both sides mask adds nothing.
Ties go to the lower id everywhere.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np


class CodedRows(NamedTuple):
    """Log-probs as llama.cpp's logits files keep them: 16-bit steps down to `depth` nats below a
    row's top, where they stop.

    words: [T, 4 + V (+ 1 if V is odd)] uint16, C-contiguous: two float32 (scale, minimum), then the
    codes. A log-prob is scale * code + minimum; in a row that reaches down to depth, code 0 only
    says "at or below minimum": such an id is clipped. Clipped ids add nothing to the divergences (a
    lower bound); their mass is a column; a clipped target's NLL is NaN, with a lower bound beside
    it, and its rank -1.
    """

    words: np.ndarray
    vocabulary: int
    depth: float  # 16 (llama.cpp) or 24 (ik_llama.cpp)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.words), self.vocabulary

    @property
    def codes(self) -> np.ndarray:
        """[T, V] uint16, a view."""
        return self.words[:, 4 : 4 + self.vocabulary]

    @property
    def headers(self) -> np.ndarray:
        """[T, 2] float32: scale, minimum."""
        return np.ascontiguousarray(self.words[:, :4]).view(np.float32)

    @property
    def clipped(self) -> np.ndarray:
        """[T] bool: rows in which code 0 is a bound: their range is depth, up to rounding."""
        return self.headers[:, 0] * np.float32(65535) >= np.float32(self.depth - 1e-3)


class Bfloat16Rows(NamedTuple):
    """Logits [T, V] as bfloat16 bit patterns in uint16.

    They put a floor of about 2e-4 nats under KLD, whatever computes it.
    """

    bits: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.bits.shape


Logits = np.ndarray | CodedRows | Bfloat16Rows  # [T, V]; an array: float32, float16 or float64


class ReferenceRows(NamedTuple):
    """The reference's side. margin_ref: log-prob of the first minus the second choice.

    The last two only for CodedRows (else None): the mass of clipped ids, and minus the row's
    minimum where the target is one.
    """

    nll_ref: np.ndarray
    entropy_ref: np.ndarray
    top1_ref: np.ndarray
    rank_ref: np.ndarray
    margin_ref: np.ndarray
    lse_ref: np.ndarray
    topk_ids: np.ndarray
    topk_logprobs_ref: np.ndarray
    finite_ref: np.ndarray
    clipped_mass_ref: np.ndarray | None = None
    nll_ref_at_least: np.ndarray | None = None


class QuantRows(NamedTuple):
    """The quant's side. kld = KL(reference || quant), kld_reverse the other way.

    topk_logprobs are those of the reference's topk_ids.

    The last three only against CodedRows (else None): the quant's mass on the ids that the
    reference clips, minus the quant's own minimum where it is coded too and its target clipped, and
    KLD as llama-perplexity sums it from those codes.
    """

    nll: np.ndarray
    kld: np.ndarray
    kld_reverse: np.ndarray
    jsd: np.ndarray
    tv: np.ndarray
    entropy: np.ndarray
    top1: np.ndarray
    rank: np.ndarray
    lse: np.ndarray
    topk_logprobs: np.ndarray
    finite: np.ndarray
    clipped_mass: np.ndarray | None = None
    nll_at_least: np.ndarray | None = None
    kld_llamacpp: np.ndarray | None = None


class AnswerRows(NamedTuple):
    """How likely what follows was at each of K temperatures, [T, K], and along it [T].

    What follows is a target id or, for END, any of the ends. greedy: it is the likeliest id.
    """

    logprob: np.ndarray
    entropy: np.ndarray
    greedy: np.ndarray
    finite: np.ndarray


END = -1  # stands in the targets where any end of an answer may follow


Rows = TypeVar("Rows", ReferenceRows, QuantRows)


def unscored(kind: type[Rows], rows: int, k: int) -> Rows:
    """Rows as those that are not finite are kept: NaN, -1 and False in every column."""
    columns = {}
    for name in kind._fields:
        shape = (rows, k) if name.startswith("topk_") else (rows,)
        stored = _stored_type(name)
        columns[name] = np.full(shape, _NOTHING[np.dtype(stored).kind], stored)
    return kind(**columns)


def stored(found: Rows) -> Rows:
    """The columns in their stored types; NaN and -1 in the rows that are not finite."""
    finite = next(column for name, column in found._asdict().items() if name.startswith("finite"))
    columns = {}
    for name, values in found._asdict().items():
        if values is None:
            continue
        columns[name] = values.astype(_stored_type(name))
        columns[name][~finite] = _NOTHING[columns[name].dtype.kind]
    return type(found)(**columns)


_NOTHING = {"f": np.nan, "i": -1, "b": False}  # by the kind of a column's type


def _stored_type(column: str) -> type[np.generic]:
    if column.startswith("finite"):
        return np.bool_
    if column.startswith(("top1", "rank", "topk_ids")):
        return np.int32
    return np.float64 if column.startswith("lse") else np.float32
