"""`qwh ingest prompt-logprobs`: what servers report of given texts, as token rows without a KLD, and a top-k KLD with bounds.

The reference comes first; a quant's file must hold the very same tokens. Its log-probs are taken at the reference's ids.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from ..kernels import topk
from .errors import ExitCode, QwhError
from .imports import manifest, now, reader
from .plan import refuse_other_reference
from .progress import say
from .readers.contents import LogProbs, Response
from .store import RunWriter, Store, file_sha256, identity

FORMAT = "prompt-logprobs"


def ingest_logprobs(store: Store | None, path: Path, cohort: str, quant_id: str | None, is_reference: bool, corpus_id: str | None, floor: float, least_logprob: float | None) -> dict | None:
    """Read one file of one model. store None: only say what it holds. Returns the manifest; None if there was nothing to do."""
    path = Path(path)
    if not path.is_file():
        raise QwhError(f"cannot read {path}: there is no such file: check the path", ExitCode.NOT_FOUND)
    (found,) = reader(FORMAT).read(path, {})
    texts = list(found.rows)
    rows = sum(len(text.nll) for text in texts)
    if not rows:
        raise QwhError(f"{path} holds no position with a log-prob: save the server's whole response", ExitCode.BAD_INPUT)
    name, corpus_id = quant_id or found.model_name, corpus_id or path.stem
    if not name:
        raise QwhError(f"{path} does not say which model it is about: give it a --quant-id", ExitCode.USAGE)
    k = max((len(ids) for text in texts for ids in text.top_ids), default=0)
    if store is None:
        print(f"{name} ({'reference' if is_reference else 'quant'}) on {corpus_id}: {rows:,} positions of {len(texts):,} texts with the top {k} of {found.engine}")
        return None
    who = {"cohort_id": cohort, "role": "reference" if is_reference else "quant", "quant_id": name}
    refuse_other_reference(store, who)
    run = manifest(who, {"source_format": FORMAT, "source_name": path.name, "source_sha256": file_sha256(path)}) | {
        "task": "corpus", "scored_span": "prompt", "corpus_id": corpus_id, "context_length": 0, "chunks": len(texts), "token_stream_sha256": _stream(texts),
        "engine": found.engine, "estimator": FORMAT, "logits_dtype": "unknown", "top_k": k, "rows": rows, "nonfinite": sum(value is None for text in texts for value in text.nll),
        "facts": json.dumps({"left_out": dict(found.left_out)} | ({} if is_reference else {"floor": floor, "least_logprob": least_logprob})), "status": "complete",
    }
    reference = None if is_reference else _reference(store, run)
    run["reference_run_id"] = reference and reference["run_id"]
    run["run_id"] = identity({key: run[key] for key in ("cohort_id", "role", "quant_id", "corpus_id", "source_sha256", "facts", "reference_run_id")})
    if store.find(run["run_id"]):
        say(f"{name} on {corpus_id} is already in the warehouse: nothing to do")
        return None
    with RunWriter(store, *(("reference_tokens",) if is_reference else ("tokens", "topk_klds"))) as writer:
        if is_reference:
            for chunk, text in enumerate(texts):
                writer.write("reference_tokens", _reference_columns(chunk, text))
        else:
            _write_quant(writer, texts, _rows_of(store, reference["run_id"]), k, floor, least_logprob)
        return writer.publish(run | {"finished_at": now()})


def _stream(texts: list[Response]) -> str:
    """Hash of the tokens: their ids, or their texts where a server gives no ids."""
    return hashlib.sha256(json.dumps([text.token_ids if None not in text.token_ids else text.tokens for text in texts]).encode()).hexdigest()


def _reference(store: Store, run: dict) -> dict:
    """The reference's run on the same tokens. Raises QwhError if there is none."""
    held = [other for other in store.runs() if other["cohort_id"] == run["cohort_id"] and other["role"] == "reference" and other["source_format"] == FORMAT and other["corpus_id"] == run["corpus_id"]]
    if not held:
        raise QwhError(f"cohort {run['cohort_id']} has no reference on {run['corpus_id']}: ingest its {FORMAT} first, with --is-reference", ExitCode.NOT_FOUND)
    same = [other for other in held if other["token_stream_sha256"] == run["token_stream_sha256"]]
    if not same:
        raise QwhError(f"{run['source_name']} does not hold the tokens of the reference's {held[-1]['source_name']}: ask both models for the same prompts, in the same order", ExitCode.MISMATCH)
    return same[-1]


def _reference_columns(chunk: int, text: Response) -> dict:
    n = len(text.nll)
    return {
        "chunk": [chunk] * n, "position": list(range(1, n + 1)), "token_id": text.token_ids, "nll_ref": text.nll, "entropy_ref": None, "top1_ref": _first(text), "rank_ref": text.ranks,
        "margin_ref": [top[0] - top[1] if len(top) > 1 else None for top in text.top_logprobs], "lse_ref": None, "topk_ids": text.top_ids, "topk_logprobs_ref": text.top_logprobs,
        "finite_ref": [value is not None for value in text.nll], "clipped_mass_ref": None, "nll_ref_at_least": None,
    }


def _first(text: Response) -> list[int | None]:
    return [ids[0] if ids else None for ids in text.top_ids]


def _rows_of(store: Store, run_id: str) -> Iterator[dict]:
    """The reference's stored rows, in order."""
    for batch in pq.ParquetFile(store.part("reference_tokens", run_id)).iter_batches(columns=["topk_ids", "topk_logprobs_ref"]):
        yield from batch.to_pylist()


def _write_quant(writer: RunWriter, texts: list[Response], reference: Iterator[dict], k: int, floor: float, least_logprob: float | None) -> None:
    """The quant's rows at the reference's ids; where both sides have a top k, its KLD with bounds."""
    for chunk, text in enumerate(texts):
        n, at_ids, logp = len(text.nll), [], []
        for ids, logprobs in zip(text.top_ids, text.top_logprobs):
            theirs, own = next(reference), dict(zip(ids, logprobs))
            at_ids.append([own.get(token) for token in theirs["topk_ids"]])
            logp.append(theirs["topk_logprobs_ref"])
        where = {"chunk": [chunk] * n, "position": list(range(1, n + 1))}
        writer.write("tokens", where | dict.fromkeys(("kld", "kld_reverse", "jsd", "tv", "entropy", "lse", "clipped_mass", "nll_at_least", "kld_llamacpp")) | {
            "nll": text.nll, "top1": _first(text), "rank": text.ranks, "topk_logprobs": at_ids, "finite": [value is not None for value in text.nll],
        })
        if not any(logp) or not any(text.top_logprobs):
            continue
        found = topk.topk_kld(_square(logp), _square(at_ids), _square(text.top_logprobs), floor, least_logprob)
        writer.write("topk_klds", where | {"k": [k] * n, "floor": [floor] * n, "kld_topk": found.kld_topk, "floored": found.floored, "kld_lower": found.lower, "kld_upper": found.upper})


def _square(rows: list[list[float | None]]) -> np.ndarray:
    """[T, k] float64, NaN where a row has none."""
    square = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, values in zip(square, rows):
        row[: len(values)] = values
    return square
