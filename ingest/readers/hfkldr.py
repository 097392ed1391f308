"""hipfire's HFKSEQ: the mean and the 99 % KLD (and, in version 2, the NLL) of every chunk.

    8 bytes `HFKSEQ\\0\\0`, u32 version, u32 chunks, u32 0, then float64 mean, float64 p99[, float64 nll] for each chunk

HFKLDR, its file of the reference's top-k log-probs, is recognised and refused: it holds one side only, and what is
beyond the top k is a single number, from which no KLD of a quant can be computed that deserves the name.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .contents import BadFile, ChunkStatistic, Statistic, Summary

KIND = "hfkldr"
HEADER = 20
COLUMNS = {1: ("kld_mean", "kld_p99"), 2: ("kld_mean", "kld_p99", "nll")}


def recognises(path: Path, head: bytes) -> bool:
    """By the eight bytes at its start."""
    return head.startswith((b"HFKSEQ\0\0", b"HFKLDR\0\0"))


def read(path: Path, picks: dict[str, str]) -> Iterator[Summary]:
    """Yields one Summary. Raises BadFile. There is nothing to pick."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = file.read(HEADER)
            if head.startswith(b"HFKLDR\0\0"):
                raise BadFile(path, "byte 0", "a reference's top-k log-probs (HFKLDR), which give no KLD by themselves", "give the HFKSEQ file of a quant")
            if not head.startswith(b"HFKSEQ\0\0") or len(head) < HEADER:
                raise BadFile(path, "byte 0", "it has no whole HFKSEQ header", "give a file that hipfire wrote")
            version, chunks = (int(value) for value in np.frombuffer(head, "<u4", 2, 8))
            if version not in COLUMNS or not chunks:
                raise BadFile(path, "byte 8", f"version {version} with {chunks} chunks", "versions 1 and 2 with at least one chunk can be read")
            wide = len(COLUMNS[version])
            size = path.stat().st_size - HEADER
            whole = min(chunks, size // (8 * wide))
            if not whole or size > 8 * wide * chunks:
                raise BadFile(path, f"byte {HEADER + size:,}", f"{size:,} bytes where {chunks:,} chunks take {8 * wide * chunks:,}", "write it again")
            values = np.fromfile(file, "<f8", wide * whole).reshape(whole, wide)
    except OSError as error:
        raise BadFile(path, "at its start", error.strerror or str(error), "check the path") from None
    finite = np.isfinite(values).all(1)
    found = [ChunkStatistic(int(chunk), metric, float(value), 0.0) for chunk in np.flatnonzero(finite) for metric, value in zip(COLUMNS[version], values[chunk])]
    complete = whole == chunks and bool(finite.all())
    yield Summary(
        quant_name=None, corpus_id=None, context_length=None, engine="hipfire", chunks=found, facts={"version": version},
        statistics=[Statistic("kld_mean", float(values[:, 0].mean()))] if complete else [],  # chunks are of one length: their mean is the mean
        partial=None if whole == chunks else f"{whole:,} of {chunks:,} chunks", left_out={"chunks that are not finite": int((~finite).sum())} if not finite.all() else {},
    )
