"""What the tests of logs, tables and log-probs share: checks of results, and hipfire's files."""

import math
import struct
from pathlib import Path

import numpy as np

from qwh.errors import QwhError
from qwh.ingest.readers import registry
from qwh.ingest.readers.port import NotTaken, Summary, TokenRows

FIXTURES = Path(__file__).parent / "fixtures" / "printed"
READERS = {
    kind: registry.reader(kind)
    for kind in ("llama-log", "qbench", "table", "prompt-logprobs", "hfkldr")
}


def checked(found):
    """A Summary or TokenRows whose numbers are all finite or marked as missing.

    Blocks are read to the end.
    """
    if isinstance(found, TokenRows):
        found.blocks = list(found.blocks)
        for block in found.blocks:
            rows = len(block.position)
            assert (
                all(column is None or len(column) == rows for column in block[1:])
                and not np.isinf(block.nll).any()
                and not (block.nll < 0).any()
            )
            if block.topk_ids is not None:
                assert (
                    block.topk_ids.shape == block.topk_logprobs.shape
                    and ((block.topk_ids >= 0) | np.isnan(block.topk_logprobs)).all()
                )
    else:
        assert isinstance(found, Summary)
        assert all(
            math.isfinite(statistic.value)
            and (statistic.standard_error is None or math.isfinite(statistic.standard_error))
            for statistic in found.statistics
        )
        assert all(
            math.isfinite(chunk.value) and math.isfinite(chunk.precision) and chunk.precision >= 0
            for chunk in found.chunks
        )
        assert len({statistic.metric for statistic in found.statistics}) == len(found.statistics)
    return found


def summaries(path: Path, **picks: str) -> list[Summary]:
    """What a log, a table or a results file holds; checked for what every Summary promises."""
    head = path.read_bytes()[: 1 << 16]
    reader = next(reader for reader in READERS.values() if reader.recognises(path, head))
    return [checked(found) for found in reader.read(path, picks) if not isinstance(found, NotTaken)]


def log(name: str) -> Summary:
    """The one run in a fixture."""
    (found,) = summaries(FIXTURES / name)
    return found


def values(summary: Summary) -> dict[str, float]:
    """metric -> value."""
    return {statistic.metric: statistic.value for statistic in summary.statistics}


def survives(reader, path: Path) -> bool:
    """Whether a file is read to its end; a refusal is one line that names the file.

    Nothing else may happen.
    """
    try:
        for found in reader.read(path, {}):
            if not isinstance(found, NotTaken):
                checked(found)
        return True
    except QwhError as error:
        assert "\n" not in str(error) and path.name in str(error) and len(str(error)) < 2000
        return False


def reference_file(chunks: int = 2, top_k: int = 4) -> bytes:
    """HFKLDR with contexts of 8 tokens, 3 scored, of a vocabulary of 6."""
    rng = np.random.default_rng(5)
    tokens = rng.integers(0, 6, (chunks, 8))
    raw = (
        b"HFKLDR\0\0"
        + struct.pack("<4I2HI", 1, 8, 6, chunks, top_k, 0, 0)
        + tokens.astype("<u4").tobytes()
    )
    for _ in range(3 * chunks):
        p = rng.dirichlet(np.ones(6))
        ids = np.argsort(-p)
        raw += (
            ids[:top_k].astype("<u4").tobytes()
            + np.log(p[ids[:top_k]]).astype("<f4").tobytes()
            + struct.pack("<2f", p[ids[top_k:]].sum(), 0)
        )
    return raw


def result_file(version: int = 2, values: tuple = ((0.1, 0.5, 2.0), (0.3, 0.9, 2.2))) -> bytes:
    """HFKSEQ: mean, 99 % and mean NLL of each chunk."""
    return (
        b"HFKSEQ\0\0"
        + struct.pack("<3I", version, len(values), 0)
        + b"".join(struct.pack(f"<{version + 1}d", *chunk[: version + 1]) for chunk in values)
    )
