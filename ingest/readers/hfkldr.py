"""hipfire's two files, little-endian: HFKLDR of a reference, HFKSEQ of a quant.

HFKLDR version 1, top-k log-probs at llama.cpp's positions: magic "HFKLDR\\0\\0", u32 version,
n_ctx, n_vocab, n_chunk, u16 top_k, flags, u32 0; u32 tokens [n_chunk, n_ctx]; then for each of the
n_ctx - 1 - n_ctx // 2 scored positions of each chunk: u32 ids[top_k], f32 log-probs[top_k] falling,
f32 probability of all other ids, f32 0.

HFKSEQ, KLD chunk by chunk: magic "HFKSEQ\\0\\0", u32 version, n_chunk, 0; then for each chunk f64
mean and 99 % KLD and, in version 2, mean NLL. That KLD lumps all ids beyond the reference's top k
into one: a lower bound.
"""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import BadFile
from .port import ChunkStatistic, Picks, Statistic, Summary, TokenBlock, TokenRows
from .untrusted.files import opened

REFERENCE, RESULT = b"HFKLDR\0\0", b"HFKSEQ\0\0"
LARGEST_BLOCK = 1 << 28  # bytes of one chunk: 2,047 positions of 256 ids have 4 MB
SUM_TOLERANCE = 1e-3  # how far from 1 the probabilities of one position may sum up


def recognises(path: Path, head: bytes) -> bool:
    """By the magic bytes."""
    return head.startswith((REFERENCE, RESULT))


def read(path: Path, picks: Picks) -> Iterator[TokenRows | Summary]:
    """One TokenRows for a reference, one Summary for a result.

    Raises BadFile; a cut file keeps its whole chunks and is partial.
    """
    file, size = opened(path)
    with file:
        magic = file.read(8)
    if magic == REFERENCE:
        yield _reference(path, size)
    elif magic == RESULT:
        yield _result(path, size)
    else:
        raise BadFile(
            path, "byte 0", "neither HFKLDR nor HFKSEQ", "give a .kldref.bin or .kldseq file"
        )


def _header(path: Path, layout: str) -> tuple:
    file, size = opened(path)
    with file:
        raw = file.read(8 + struct.calcsize(layout))
    if len(raw) < 8 + struct.calcsize(layout):
        raise BadFile(path, f"byte {size}", "the header is cut short", "fetch it again")
    return struct.unpack(layout, raw[8:])


class _Layout(NamedTuple):
    """Where things are in a HFKLDR file."""

    n_ctx: int
    n_vocab: int
    n_chunk: int
    top_k: int

    @property
    def scored(self) -> int:
        """Positions of a chunk."""
        return self.n_ctx - 1 - self.n_ctx // 2

    @property
    def entry(self) -> np.dtype:
        """One position."""
        k = (self.top_k,)
        return np.dtype(
            [("ids", "<u4", k), ("logprobs", "<f4", k), ("residual", "<f4"), ("pad", "<f4")]
        )

    def tokens(self, chunk: int) -> int:
        """Byte at which a chunk's tokens begin, n_ctx of them."""
        return 32 + 4 * self.n_ctx * chunk

    def positions(self, chunk: int) -> int:
        """Byte at which a chunk's positions begin."""
        return self.tokens(self.n_chunk) + chunk * self.scored * self.entry.itemsize


def _reference(path: Path, size: int) -> TokenRows:
    version, *fields, _, _ = _header(path, "<4I2HI")
    if version != 1:
        raise BadFile(
            path,
            "byte 8",
            f"version {version}, and only 1 is known",
            "write it again with a version that writes 1",
        )
    layout = _Layout(*fields)
    _check(path, layout)
    block, promised = layout.positions(1) - layout.positions(0), layout.positions(layout.n_chunk)
    there = min(layout.n_chunk, (size - layout.positions(0)) // block)  # whole chunks
    if there < 1:
        raise BadFile(
            path,
            f"byte {size:,}",
            f"the header promises {promised:,} bytes, and not one chunk is whole",
            "fetch it again",
        )
    if size > promised:
        raise BadFile(
            path,
            f"byte {promised:,}",
            f"{size - promised:,} bytes more than the header promises",
            "it is of another version or damaged, fetch it again",
        )
    chunks = layout.n_chunk
    rows = TokenRows(
        quant_name=None,
        corpus_id=None,
        context_length=layout.n_ctx,
        top_k=layout.top_k,
        blocks=iter(()),
        engine="hipfire",
        is_reference=True,
        facts={"n_vocab": layout.n_vocab, "chunks": chunks},
        partial=f"{there} of {chunks} chunks are whole" if there < chunks else None,
    )
    rows.blocks = _blocks(path, rows, layout, there)
    return rows


def _check(path: Path, layout: _Layout) -> None:
    """Raise BadFile where the header cannot be."""
    for place, name, value, least, most in (
        (12, "n_ctx", layout.n_ctx, 3, 1 << 24),
        (16, "n_vocab", layout.n_vocab, 2, 1 << 24),
        (20, "n_chunk", layout.n_chunk, 1, 1 << 24),
        (24, "top_k", layout.top_k, 1, layout.n_vocab),
    ):
        if not least <= value <= most:
            raise BadFile(
                path,
                f"byte {place}",
                f"{name} {value:,} is not within {least:,} and {most:,}",
                "it is damaged, fetch it again",
            )
    block = layout.positions(1) - layout.positions(0)
    if block > LARGEST_BLOCK:
        raise BadFile(
            path,
            "byte 12",
            f"a chunk of {block:,} bytes is more than {LARGEST_BLOCK:,}",
            "write it with a shorter context or a smaller top k",
        )


def _blocks(path: Path, rows: TokenRows, layout: _Layout, there: int) -> Iterator[TokenBlock]:
    """Chunk by chunk.

    A position whose ids or probabilities are impossible is left out and counted.
    """
    first = layout.n_ctx // 2
    for chunk in range(there):
        tokens, entries = _chunk(path, layout, chunk)
        realised = tokens[first + 1 :].astype(np.int64)
        good = _possible(entries, realised, layout)
        _count(rows, "positions with impossible ids or probabilities", ~good)
        entries, realised = entries[good], realised[good]
        ids = entries["ids"].astype(np.int64)
        logprobs = entries["logprobs"].astype(np.float64)
        hit = ids == realised[:, None]
        found, place = hit.any(axis=1), hit.argmax(axis=1)
        nll = np.where(found, -np.take_along_axis(logprobs, place[:, None], 1)[:, 0], math.nan)
        _count(rows, "NLL of tokens outside of the reference's top k", ~found)
        yield TokenBlock(
            chunk,
            np.arange(first + 1, layout.n_ctx, dtype=np.int32)[good],
            nll,
            token_id=realised,
            rank=np.where(found, place + 1, 0).astype(np.int32),
            top1=ids[:, 0],
            topk_ids=ids,
            topk_logprobs=logprobs,
            residual=entries["residual"].astype(np.float64),
        )


def _chunk(path: Path, layout: _Layout, chunk: int) -> tuple[np.ndarray, np.ndarray]:
    """A chunk's tokens [n_ctx] and its positions [scored]."""
    file, _ = opened(path)
    with file:
        file.seek(layout.tokens(chunk))
        tokens = file.read(4 * layout.n_ctx)
        file.seek(layout.positions(chunk))
        raw = file.read(layout.positions(1) - layout.positions(0))
    if len(tokens) < 4 * layout.n_ctx or len(raw) < layout.scored * layout.entry.itemsize:
        raise BadFile(
            path, f"chunk {chunk}", "the file became shorter while it was read", "try again"
        )
    return np.frombuffer(tokens, "<u4"), np.frombuffer(raw, layout.entry)


def _possible(entries: np.ndarray, realised: np.ndarray, layout: _Layout) -> np.ndarray:
    """[scored] bool: whether a position's ids and probabilities can be."""
    with np.errstate(all="ignore"):  # damaged bytes may be any float
        logprobs = entries["logprobs"].astype(np.float64)
        residual = entries["residual"].astype(np.float64)
        total = np.exp(logprobs).sum(axis=1) + residual
        good = (
            (np.diff(logprobs, axis=1) <= 0).all(axis=1)
            & (logprobs[:, 0] <= 1e-6)
            & (residual >= 0)
            & (np.abs(total - 1) <= SUM_TOLERANCE)
        )
    ordered = np.sort(entries["ids"].astype(np.int64), axis=1)
    return (
        good
        & (ordered < layout.n_vocab).all(axis=1)
        & (np.diff(ordered, axis=1) > 0).all(axis=1)
        & (realised < layout.n_vocab)
    )


def _count(rows: TokenRows, reason: str, which: np.ndarray) -> None:
    if which.any():
        rows.left_out[reason] = rows.left_out.get(reason, 0) + int(which.sum())


def _result(path: Path, size: int) -> Summary:
    version, n_chunk, _ = _header(path, "<3I")
    if version not in (1, 2):
        raise BadFile(
            path,
            "byte 8",
            f"version {version}, and only 1 and 2 are known",
            "write it again with a version that writes 2",
        )
    width = 2 if version == 1 else 3
    there, promised = min(n_chunk, (size - 20) // (8 * width)), 20 + 8 * width * n_chunk
    if there < 1:
        raise BadFile(
            path, f"byte {size:,}", f"not one of {n_chunk:,} chunks is whole", "fetch it again"
        )
    if size > promised:
        raise BadFile(
            path,
            f"byte {promised:,}",
            f"{size - promised:,} bytes more than the header promises",
            "it is damaged, fetch it again",
        )
    file, _ = opened(path)
    with file:
        file.seek(20)
        values = np.frombuffer(file.read(8 * width * there), "<f8").reshape(-1, width)
    summary = Summary(
        quant_name=None,
        corpus_id=None,
        context_length=None,
        statistics=[],
        engine="hipfire",
        facts={"chunks": n_chunk, "standard_error": "over chunks"},
    )
    for name, column in zip(("kld_lumped_mean", "kld_lumped_p99", "nll_mean"), values.T):
        _add_column(summary, name, column)
    if there < n_chunk:
        summary.partial = f"{there} of {n_chunk} chunks are whole"
    elif summary.left_out:
        summary.partial = "chunks without possible numbers"
    return summary


def _add_column(summary: Summary, name: str, column: np.ndarray) -> None:
    """Add one number of each chunk, and their mean."""
    good = np.isfinite(column) & (np.abs(column) < 1e4)
    if not good.all():
        reason = "chunk values that are no possible numbers"
        summary.left_out[reason] = summary.left_out.get(reason, 0) + int((~good).sum())
    summary.chunks += [
        ChunkStatistic(int(chunk), name, float(column[chunk]), 0.0)
        for chunk in np.flatnonzero(good)
    ]
    if name == "kld_lumped_p99" or not good.any():
        return  # the mean of percentiles is no percentile
    mean, error = float(column[good].mean()), None
    if good.sum() > 1:
        error = float(column[good].std(ddof=1) / math.sqrt(good.sum()))
    if name == "nll_mean" and mean <= 700:
        name, mean = "ppl", math.exp(mean)
        error = None if error is None else mean * error
    summary.statistics.append(Statistic(name, mean, error))
