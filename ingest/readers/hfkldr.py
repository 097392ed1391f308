"""hipfire's two files: HFKLDR, a reference's top-k log-probs at llama.cpp's positions, and HFKSEQ,
a quant's KLD chunk by chunk.

Little-endian. HFKLDR version 1: magic "HFKLDR\\0\\0", u32 version, n_ctx, n_vocab, n_chunk, u16
top_k, flags, u32 0; u32 tokens [n_chunk, n_ctx]; then for each of the n_ctx - 1 - n_ctx // 2 scored
positions of each chunk: u32 ids[top_k], f32 log-probs[top_k] falling, f32 probability of all other
ids, f32 0. HFKSEQ: magic "HFKSEQ\\0\\0", u32 version, n_chunk, 0; then for each chunk f64 mean and
99 % KLD and, in version 2, mean NLL. That KLD lumps all ids beyond the reference's top k into one:
a lower bound.
"""

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .plain import opened
from .port import BadFile, ChunkStatistic, Statistic, Summary, TokenBlock, TokenRows

KIND = "hfkldr"
REFERENCE, RESULT = b"HFKLDR\0\0", b"HFKSEQ\0\0"
LARGEST_BLOCK = 1 << 28  # bytes of one chunk: 2,047 positions of 256 ids have 4 MB
SUM_TOLERANCE = 1e-3  # how far from 1 the probabilities of one position may sum up


def recognises(path: Path, head: bytes) -> bool:
    """By the magic bytes."""
    return head.startswith((REFERENCE, RESULT))


def read(path: Path, picks: dict) -> Iterator[TokenRows | Summary]:
    """One TokenRows for a reference, one Summary for a result. Raises BadFile; a cut file keeps its
    whole chunks and is partial.
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


def _reference(path: Path, size: int) -> TokenRows:
    version, n_ctx, n_vocab, n_chunk, top_k, _, _ = _header(path, "<4I2HI")
    if version != 1:
        raise BadFile(
            path,
            "byte 8",
            f"version {version}, and only 1 is known",
            "write it again with a version that writes 1",
        )
    scored = n_ctx - 1 - n_ctx // 2
    for place, name, value, least, most in (
        (12, "n_ctx", n_ctx, 3, 1 << 24),
        (16, "n_vocab", n_vocab, 2, 1 << 24),
        (20, "n_chunk", n_chunk, 1, 1 << 24),
        (24, "top_k", top_k, 1, n_vocab),
    ):
        if not least <= value <= most:
            raise BadFile(
                path,
                f"byte {place}",
                f"{name} {value:,} is not within {least:,} and {most:,}",
                "it is damaged, fetch it again",
            )
    tokens, block = 4 * n_ctx * n_chunk, scored * (8 + 8 * top_k)
    if block > LARGEST_BLOCK:
        raise BadFile(
            path,
            "byte 12",
            f"a chunk of {block:,} bytes is more than {LARGEST_BLOCK:,}",
            "write it with a shorter context or a smaller top k",
        )
    there = min(n_chunk, (size - 32 - tokens) // block)  # whole chunks
    promised = 32 + tokens + n_chunk * block
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
    rows = TokenRows(
        quant_name=None,
        corpus_id=None,
        context_length=n_ctx,
        top_k=top_k,
        blocks=iter(()),
        engine="hipfire",
        is_reference=True,
        facts={"n_vocab": n_vocab, "chunks": n_chunk},
        partial=f"{there} of {n_chunk} chunks are whole" if there < n_chunk else None,
    )
    rows.blocks = _blocks(path, rows, there, n_ctx, n_vocab, n_chunk, top_k)
    return rows


def _blocks(
    path: Path, rows: TokenRows, there: int, n_ctx: int, n_vocab: int, n_chunk: int, top_k: int
) -> Iterator[TokenBlock]:
    """Chunk by chunk. A position whose ids or probabilities are impossible is left out and
    counted.
    """
    first, scored = n_ctx // 2, n_ctx - 1 - n_ctx // 2
    layout = np.dtype(
        [("ids", "<u4", top_k), ("logprobs", "<f4", top_k), ("residual", "<f4"), ("pad", "<f4")]
    )
    for chunk in range(there):
        file, _ = opened(path)
        with file:
            file.seek(32 + 4 * n_ctx * chunk)
            tokens = np.frombuffer(file.read(4 * n_ctx), "<u4")
            file.seek(32 + 4 * n_ctx * n_chunk + chunk * scored * layout.itemsize)
            raw = file.read(scored * layout.itemsize)
        if len(tokens) < n_ctx or len(raw) < scored * layout.itemsize:
            raise BadFile(
                path, f"chunk {chunk}", "the file became shorter while it was read", "try again"
            )
        entries = np.frombuffer(raw, layout)
        realised = tokens[first + 1 :].astype(np.int64)
        with np.errstate(all="ignore"):  # damaged bytes may be any float
            ids, logprobs, residual = (
                entries["ids"].reshape(scored, top_k).astype(np.int64),
                entries["logprobs"].reshape(scored, top_k).astype(np.float64),
                entries["residual"].astype(np.float64),
            )
            ordered = np.sort(ids, axis=1)
            total = np.exp(logprobs).sum(axis=1) + residual
            good = (
                (np.diff(logprobs, axis=1) <= 0).all(axis=1)
                & (logprobs[:, 0] <= 1e-6)
                & (residual >= 0)
                & (np.abs(total - 1) <= SUM_TOLERANCE)
            )
        good &= (
            (ids < n_vocab).all(axis=1)
            & (np.diff(ordered, axis=1) > 0).all(axis=1)
            & (realised < n_vocab)
        )
        if not good.all():
            reason = "positions with impossible ids or probabilities"
            rows.left_out[reason] = rows.left_out.get(reason, 0) + int((~good).sum())
        ids, logprobs, residual, realised = (
            ids[good],
            logprobs[good],
            residual[good],
            realised[good],
        )
        hit = ids == realised[:, None]
        found = hit.any(axis=1)
        place = hit.argmax(axis=1)
        nll = np.where(found, -np.take_along_axis(logprobs, place[:, None], 1)[:, 0], math.nan)
        if not found.all():
            reason = "NLL of tokens outside of the reference's top k"
            rows.left_out[reason] = rows.left_out.get(reason, 0) + int((~found).sum())
        yield TokenBlock(
            chunk,
            np.arange(first + 1, n_ctx, dtype=np.int32)[good],
            nll,
            token_id=realised,
            rank=np.where(found, place + 1, 0).astype(np.int32),
            top1=ids[:, 0],
            topk_ids=ids,
            topk_logprobs=logprobs,
            residual=residual,
        )


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
    there = min(n_chunk, (size - 20) // (8 * width))
    if there < 1:
        raise BadFile(
            path, f"byte {size:,}", f"not one of {n_chunk:,} chunks is whole", "fetch it again"
        )
    if size > 20 + 8 * width * n_chunk:
        raise BadFile(
            path,
            f"byte {20 + 8 * width * n_chunk:,}",
            f"{size - 20 - 8 * width * n_chunk:,} bytes more than the header promises",
            "it is damaged, fetch it again",
        )
    file, _ = opened(path)
    with file:
        file.seek(20)
        values = np.frombuffer(file.read(8 * width * there), "<f8").reshape(-1, width)
    chunks, statistics, left_out = [], [], {}
    for name, column in zip(("kld_lumped_mean", "kld_lumped_p99", "nll_mean"), values.T):
        good = np.isfinite(column) & (np.abs(column) < 1e4)
        if not good.all():
            left_out["chunk values that are no possible numbers"] = left_out.get(
                "chunk values that are no possible numbers", 0
            ) + int((~good).sum())
        chunks += [
            ChunkStatistic(int(chunk), name, float(column[chunk]), 0.0)
            for chunk in np.flatnonzero(good)
        ]
        if name == "kld_lumped_p99" or not good.any():
            continue  # the mean of percentiles is no percentile
        mean, error = (
            float(column[good].mean()),
            (float(column[good].std(ddof=1) / math.sqrt(good.sum())) if good.sum() > 1 else None),
        )
        statistics.append(
            Statistic(name, mean, error)
            if name != "nll_mean" or mean > 700
            else Statistic("ppl", math.exp(mean), None if error is None else math.exp(mean) * error)
        )
    partial = (
        f"{there} of {n_chunk} chunks are whole"
        if there < n_chunk
        else "chunks without possible numbers"
        if left_out
        else None
    )
    return Summary(
        quant_name=None,
        corpus_id=None,
        context_length=None,
        statistics=statistics,
        chunks=chunks,
        engine="hipfire",
        facts={"chunks": n_chunk, "standard_error": "over chunks"},
        partial=partial,
        left_out=left_out,
    )
