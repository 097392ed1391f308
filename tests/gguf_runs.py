"""Small GGUF files through `qwh ingest`, what is stored of them, and the same count in NumPy."""

import numpy as np
from conftest import MODEL, qwh
from gguf_files import CASES
from scipy.special import log_softmax

from qwh.errors import ExitCode
from qwh.raw.store import Store

REFERENCE, QUANT = CASES / "micro-ref.gguf", CASES / "micro-q.gguf"
CORPUS = MODEL / "corpus.txt"
LENGTH, CHUNKS = 64, 4


def ingest(warehouse, quant, *more, reference=REFERENCE, corpus=CORPUS):
    """`qwh ingest gguf` of one quant, as the cases' README has it."""
    files = ("--reference", reference, "--quant", quant, "--corpus", corpus)
    span = ("--context-length", LENGTH, "--chunks", CHUNKS)
    where = ("--warehouse", warehouse, *(() if "--cohort" in more else ("--cohort", "m")))
    return qwh("ingest", "gguf", *files, *span, *where, *more)


def runs(warehouse, task: str | None = None) -> dict:
    """quant_id -> its run's facts, of the runs of one task where one is named."""
    found = Store(warehouse).runs()
    return {run.quant_id: run for run in found if task in (None, run.task)}


def refused(done, *words: str, code: ExitCode = ExitCode.BAD_INPUT) -> None:
    """It ended with this code and one line that holds these words."""
    line = done.stderr.strip()
    assert done.exit_code == code, (done.exit_code, line)
    assert "\n" not in line and done.stdout == ""
    assert [word for word in words if word not in line] == [], line


def logits(path, ids) -> np.ndarray:
    """llama.cpp's own logits [T, V] of one sequence, float64, with nothing in memory before."""
    from qwh.ingest.engines import llama_context

    weights = llama_context.Weights(path)
    context = llama_context.Context(weights, len(ids), len(ids), 1)
    found = context.forward(np.asarray(ids, np.int32), 0, np.ones(len(ids), bool))
    found = found.astype(np.float64)
    context.close()
    weights.close()
    return found


def kld(reference, quant, ids) -> np.ndarray:
    """KL(reference || quant) at every position [T], in plain NumPy."""
    p, q = (log_softmax(logits(path, ids), axis=1) for path in (reference, quant))
    return (np.exp(p) * (p - q)).sum(1)


def token_ids(path, text: str) -> list[int]:
    """A model's token ids of a text."""
    from qwh.ingest.engines import llama_context

    weights = llama_context.Weights(path, vocab_only=True)
    found = weights.tokenize(text)
    weights.close()
    return found.tolist()
