"""`qwh ingest prompt-logprobs` (and hipfire's HFKLDR): log-probs of given texts without a KLD, and
a top-k KLD with bounds.

The reference comes first; a quant's file must hold the very same tokens. Its log-probs are taken at
the reference's ids.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from ...errors import ExitCode, QwhError
from ...kernels.scorers.topk_bounds import FLOOR, topk_bounds
from ...progress import say
from ...raw import disk
from ...raw.manifest import RunFacts
from ...raw.store import RunWriter, Store
from ..plan import refuse_other_reference
from ..readers.port import TokenBlock, TokenRows
from .files import manifest, now, reader

PRECISION = 1e-5  # of a log-prob that a server computed in float32


def ingest_logprobs(
    store: Store | None,
    kind: str,
    path: Path,
    cohort: str,
    quant_id: str | None,
    is_reference: bool,
    corpus_id: str | None,
    floor: float = FLOOR,
    least_logprob: float | None = None,
) -> dict | None:
    """Read one file of one model. store None: only say what it holds. Returns the manifest; None if
    there was nothing to do.
    """
    path = Path(path)
    if not path.is_file():
        raise QwhError(
            f"cannot read {path}: there is no such file: check the path", ExitCode.NOT_FOUND
        )
    (found,) = reader(kind).read(path, {})
    return publish(
        store,
        found,
        kind,
        path,
        cohort,
        quant_id,
        is_reference or found.is_reference,
        corpus_id,
        floor,
        least_logprob,
    )


def publish(
    store: Store | None,
    found: TokenRows,
    kind: str,
    path: Path,
    cohort: str,
    quant_id: str | None,
    is_reference: bool,
    corpus_id: str | None,
    floor: float = FLOOR,
    least_logprob: float | None = None,
) -> dict | None:
    """One run of what a reader found; arguments as of ingest_logprobs."""
    blocks = list(found.blocks)
    rows = sum(len(block.position) for block in blocks)
    if not rows:
        raise QwhError(
            f"{path} holds no position with a log-prob: save the server's whole response",
            ExitCode.BAD_INPUT,
        )
    name, corpus_id = quant_id or found.quant_name, corpus_id or found.corpus_id or path.stem
    if not name:
        raise QwhError(
            f"{path} does not say which model it is about: give it a --quant-id", ExitCode.USAGE
        )
    if store is None:
        print(
            f"{name} ({'reference' if is_reference else 'quant'}) on {corpus_id}: {rows:,}"
            f" positions of {len(blocks):,} texts with the top {found.top_k} of {found.engine}"
        )
        return None
    who = {"cohort_id": cohort, "role": "reference" if is_reference else "quant", "quant_id": name}
    refuse_other_reference(store, who)
    run = manifest(
        who, {"source_format": kind, "source_name": path.name, "source_sha256": disk.sha256(path)}
    ) | {
        "task": "corpus",
        "scored_span": "prompt",
        "corpus_id": corpus_id,
        "context_length": found.context_length or 0,
        "chunks": len(blocks),
        "token_stream_sha256": _stream(blocks),
        "engine": found.engine,
        "estimator": "prompt-logprobs",
        "logits_dtype": "unknown",
        "top_k": found.top_k,
        "rows": rows,
        "nonfinite": sum(int(np.isnan(block.nll).sum()) for block in blocks),
        "status": "partial" if found.partial else "complete",
        "facts": json.dumps(
            found.facts
            | {"left_out": found.left_out}
            | ({} if is_reference else {"floor": floor, "least_logprob": least_logprob}),
            default=str,
        ),
    }
    reference = None if is_reference else _reference(store, run)
    run["reference_run_id"] = reference and reference.run_id
    run["run_id"] = (
        RunFacts(
            **{
                key: run[key]
                for key in (
                    "cohort_id",
                    "role",
                    "quant_id",
                    "corpus_id",
                    "source_sha256",
                    "facts",
                    "reference_run_id",
                )
            }
        )
        .named()
        .run_id
    )
    if store.find(run["run_id"]):
        say(f"{name} on {corpus_id} is already in the warehouse: nothing to do")
        return None
    with RunWriter(
        store, *(("reference_tokens",) if is_reference else ("tokens", "topk_klds"))
    ) as writer:
        if is_reference:
            for block in blocks:
                writer.write("reference_tokens", _reference_columns(block))
        else:
            theirs = _rows_of(store, reference.run_id)
            for block in blocks:
                _write_quant(
                    writer, block, [next(theirs) for _ in block.position], floor, least_logprob
                )
        return writer.publish(RunFacts(**(run | {"finished_at": now()})))


def _stream(blocks: list[TokenBlock]) -> str:
    """Hash of the positions and their tokens: ids, or texts where a server gives no ids."""
    digest = hashlib.sha256()
    for block in blocks:
        tokens = block.token if block.token_id is None else block.token_id.tolist()
        digest.update(json.dumps([block.position.tolist(), tokens]).encode())
    return digest.hexdigest()


def _reference(store: Store, run: dict) -> dict:
    """The reference's run on the same tokens. Raises QwhError if there is none."""
    held = [
        other
        for other in store.runs()
        if other.cohort_id == run["cohort_id"]
        and other.role == "reference"
        and other.estimator == run["estimator"]
        and other.corpus_id == run["corpus_id"]
    ]
    if not held:
        raise QwhError(
            f"cohort {run['cohort_id']} has no log-probs of its reference on {run['corpus_id']}:"
            " ingest them first, with --is-reference",
            ExitCode.NOT_FOUND,
        )
    same = [other for other in held if other.token_stream_sha256 == run["token_stream_sha256"]]
    if not same:
        raise QwhError(
            f"{run['source_name']} does not hold the tokens of the reference's"
            f" {held[-1].source_name}: ask both models for the same prompts, in the same order",
            ExitCode.MISMATCH,
        )
    return same[-1]


def _where(block: TokenBlock) -> dict:
    return {
        "chunk": np.full(len(block.position), block.chunk, np.int32),
        "position": block.position,
    }


def _known(values: np.ndarray | None, least: int) -> list[int | None] | None:
    """Ids or ranks as a column: what lies below least is not known."""
    return None if values is None else [int(value) if value >= least else None for value in values]


def _lists(block: TokenBlock) -> tuple[list[list[int]], list[list[float]]]:
    """Each position's ids and log-probs, without the fill at the end of shorter lists."""
    if block.topk_ids is None:
        return [[]] * len(block.position), [[]] * len(block.position)
    there = (block.topk_ids >= 0) & ~np.isnan(block.topk_logprobs)
    return [row[mask].tolist() for row, mask in zip(block.topk_ids, there)], [
        row[mask].tolist() for row, mask in zip(block.topk_logprobs, there)
    ]


def _reference_columns(block: TokenBlock) -> dict:
    ids, logprobs = _lists(block)
    return _where(block) | {
        "token_id": _known(block.token_id, 0),
        "nll_ref": block.nll,
        "entropy_ref": None,
        "top1_ref": _known(block.top1, 0),
        "rank_ref": _known(block.rank, 1),
        "margin_ref": [row[0] - row[1] if len(row) > 1 else None for row in logprobs],
        "lse_ref": None,
        "topk_ids": ids,
        "topk_logprobs_ref": logprobs,
        "finite_ref": ~np.isnan(block.nll),
        "clipped_mass_ref": None,
        "nll_ref_at_least": None,
    }


def _rows_of(store: Store, run_id: str) -> Iterator[dict]:
    """The reference's stored top k, in order."""
    for batch in pq.ParquetFile(store.part("reference_tokens", run_id)).iter_batches(
        columns=["topk_ids", "topk_logprobs_ref"]
    ):
        yield from batch.to_pylist()


def _write_quant(
    writer: RunWriter,
    block: TokenBlock,
    theirs: list[dict],
    floor: float,
    least_logprob: float | None,
) -> None:
    """The quant's rows at the reference's ids; where both sides have a top k, its KLD with
    bounds.
    """
    ids, logprobs = _lists(block)
    own = [dict(zip(*lists)) for lists in zip(ids, logprobs)]
    writer.write(
        "tokens",
        _where(block)
        | dict.fromkeys(
            (
                "kld",
                "kld_reverse",
                "jsd",
                "tv",
                "entropy",
                "lse",
                "clipped_mass",
                "nll_at_least",
                "kld_llamacpp",
            )
        )
        | {
            "nll": block.nll,
            "top1": _known(block.top1, 0),
            "rank": _known(block.rank, 1),
            "finite": ~np.isnan(block.nll),
            "topk_logprobs": [
                [mine.get(token) for token in row["topk_ids"]] for mine, row in zip(own, theirs)
            ],
        },
    )
    found = topk_bounds(
        _square([row["topk_ids"] for row in theirs], -1),
        _square([row["topk_logprobs_ref"] for row in theirs], np.nan),
        _square(ids, -1),
        _square(logprobs, np.nan),
        floor=floor,
        least_logprob=least_logprob,
        precision=PRECISION,
    )
    good = ~np.isnan(found.kld_topk)
    if good.any():
        columns = {name: values[good] for name, values in _where(block).items()}
        writer.write(
            "topk_klds",
            columns
            | {
                "k": found.k[good],
                "floor": np.full(int(good.sum()), floor),
                "kld_topk": found.kld_topk[good],
                "floored": found.floored[good],
                "kld_lower": found.lower[good],
                "kld_upper": np.where(np.isinf(found.upper), np.nan, found.upper)[good],
            },
        )


def _square(rows: list[list], fill: float) -> np.ndarray:
    """[T, k], `fill` where a row is shorter."""
    square = np.full((len(rows), max(map(len, rows))), fill, int if fill == -1 else float)
    for row, values in zip(square, rows):
        row[: len(values)] = values
    return square
