"""Log-probs of given texts as a run (servers' and hipfire's): no KLD, but a top-k KLD with bounds.

The reference comes first; a quant's file must hold the very same tokens. Its log-probs are taken at
the reference's ids.
"""

import hashlib
import json
from dataclasses import replace

import numpy as np

from ...errors import ExitCode, QwhError
from ...kernels.scorers.topk_bounds import FLOOR, Limits, TopList, topk_bounds
from ...raw.manifest import RunFacts
from ...raw.schema import TABLES
from ...raw.store import RunWriter, Store
from ..mixing import refuse_other_reference
from ..readers.port import Picks, TokenBlock, TokenRows
from .source import (
    Import,
    Source,
    Stored,
    already_there,
    begun_import,
    flaws,
    named,
    whole_or_partial,
)

PRECISION = 1e-5  # of a log-prob that a server computed in float32
FLOORS = ("floor", "least_logprob")  # picks: what stands in for what a quant's file lacks


def publish(store: Store, found: TokenRows, source: Source, asked: Import) -> Stored | None:
    """The run, or None if the warehouse has it.

    Raises QwhError, also where the cohort lacks the reference's rows.
    """
    blocks = _blocks(found, source)
    run = _facts(found, blocks, source, asked)
    refuse_other_reference(store, run)
    if run.role == "quant":
        run = replace(run, reference_run_id=_reference(store, run).run_id)
    run = named(
        store,
        run,
        corpus_id=run.corpus_id,
        limits=_limits(asked.picks) if run.reference_run_id else None,
        reference_run_id=run.reference_run_id,
        content=_content(blocks),
    )
    if already_there(store, run, asked):
        return None
    what = (
        f"{run.rows:,} rows of {len(blocks):,} texts with the top {found.top_k} of"
        f" {found.engine}, {run.nonfinite} not finite{flaws(found)}"
    )
    if run.reference_run_id is None:
        with RunWriter(store, "reference_tokens") as writer:
            for block in blocks:
                writer.write("reference_tokens", _reference_columns(block))
            return Stored(writer.publish(run), what)
    with RunWriter(store, "tokens", "topk_klds") as writer:
        columns = ("topk_ids", "topk_logprobs_ref")
        theirs = store.rows("reference_tokens", run.reference_run_id, *columns)
        for block in blocks:
            rows = [next(theirs) for _ in block.position]
            _write_tokens(writer, block, rows)
            _write_bounds(writer, block, rows, _limits(asked.picks))
        return Stored(writer.publish(run), what)


def _blocks(found: TokenRows, source: Source) -> list[TokenBlock]:
    """All blocks: what is found besides is final after them. Raises QwhError if all are empty."""
    blocks = list(found.blocks)
    if not any(len(block.position) for block in blocks):
        raise QwhError(
            f"{source.path} holds no position with a log-prob: save the server's whole response",
            ExitCode.BAD_INPUT,
        )
    return blocks


def _facts(found: TokenRows, blocks: list[TokenBlock], source: Source, asked: Import) -> RunFacts:
    run = begun_import(found, source, asked)
    notes = found.facts | {"left_out": found.left_out}
    if run.role == "quant":
        limits = _limits(asked.picks)
        notes |= {name: getattr(limits, name) for name in FLOORS}
    run = replace(
        run,
        task="corpus",
        scored_span="prompt",
        corpus_id=asked.corpus_id or found.corpus_id or source.path.stem,
        context_length=found.context_length or 0,
        chunks=len(blocks),
        token_stream_sha256=_stream(blocks),
        engine=found.engine,
        estimator="prompt-logprobs",
        logits_dtype="unknown",
        top_k=found.top_k,
        rows=sum(len(block.position) for block in blocks),
        nonfinite=sum(int(np.isnan(block.nll).sum()) for block in blocks),
        facts=json.dumps(notes, default=str),
    )
    return whole_or_partial(run, found)


def _limits(picks: Picks) -> Limits:
    """The user's floors, and how far a log-prob may be off. Raises QwhError."""
    given = {name: picks[name] for name in FLOORS if name in picks}
    try:
        numbers = {name: float(text) for name, text in given.items()}
    except ValueError:
        raise QwhError(
            f"{', '.join(f'{name} {text}' for name, text in given.items())}: a log-prob is a number"
            " of nats: write one such as -27.6",
            ExitCode.USAGE,
        ) from None
    return Limits(
        floor=numbers.get("floor", FLOOR),
        least_logprob=numbers.get("least_logprob"),
        precision=PRECISION,
    )


def _stream(blocks: list[TokenBlock]) -> str:
    """Hash of the positions and their tokens: ids, or texts where a server gives no ids."""
    digest = hashlib.sha256()
    for block in blocks:
        tokens = block.token if block.token_id is None else block.token_id.tolist()
        digest.update(json.dumps([block.position.tolist(), tokens]).encode())
    return digest.hexdigest()


def _content(blocks: list[TokenBlock]) -> str:
    """Hash of all that the blocks hold."""
    digest = hashlib.sha256()
    for block in blocks:
        for values in block:
            if isinstance(values, np.ndarray):
                digest.update(np.ascontiguousarray(values).tobytes())
            else:
                digest.update(json.dumps(values).encode())
    return digest.hexdigest()


def _reference(store: Store, run: RunFacts) -> RunFacts:
    """The reference's run on the same tokens. Raises QwhError if there is none."""
    held = [
        other
        for other in store.runs()
        if other.cohort_id == run.cohort_id
        and other.role == "reference"
        and other.estimator == run.estimator
        and other.corpus_id == run.corpus_id
    ]
    if not held:
        raise QwhError(
            f"cohort {run.cohort_id} has no log-probs of its reference on {run.corpus_id}: ingest"
            " them first, with --is-reference",
            ExitCode.NOT_FOUND,
        )
    same = [other for other in held if other.token_stream_sha256 == run.token_stream_sha256]
    if not same:
        raise QwhError(
            f"{run.source_name} does not hold the tokens of the reference's {held[-1].source_name}:"
            " ask both models for the same prompts, in the same order",
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
    if block.topk_ids is None or block.topk_logprobs is None:
        return [[]] * len(block.position), [[]] * len(block.position)
    there = (block.topk_ids >= 0) & ~np.isnan(block.topk_logprobs)
    return [row[mask].tolist() for row, mask in zip(block.topk_ids, there)], [
        row[mask].tolist() for row, mask in zip(block.topk_logprobs, there)
    ]


def _unknown(table: str) -> dict[str, None]:
    """All columns of a table, NULL: what a server does not give stays so."""
    return dict.fromkeys(TABLES[table].names)


def _reference_columns(block: TokenBlock) -> dict:
    ids, logprobs = _lists(block)
    return (
        _unknown("reference_tokens")
        | _where(block)
        | {
            "token_id": _known(block.token_id, 0),
            "nll_ref": block.nll,
            "top1_ref": _known(block.top1, 0),
            "rank_ref": _known(block.rank, 1),
            "margin_ref": [row[0] - row[1] if len(row) > 1 else None for row in logprobs],
            "topk_ids": ids,
            "topk_logprobs_ref": logprobs,
            "finite_ref": ~np.isnan(block.nll),
        }
    )


def _write_tokens(writer: RunWriter, block: TokenBlock, theirs: list[dict]) -> None:
    """The quant's rows at the reference's ids."""
    own = [dict(zip(*lists)) for lists in zip(*_lists(block))]
    writer.write(
        "tokens",
        _unknown("tokens")
        | _where(block)
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


def _write_bounds(writer: RunWriter, block: TokenBlock, theirs: list[dict], limits: Limits) -> None:
    """The top-k KLD with its bounds, where both sides have a top k."""
    ids, logprobs = _lists(block)
    their_ids = [row["topk_ids"] for row in theirs]
    if not any(ids) or not any(their_ids):
        return
    found = topk_bounds(
        TopList(
            _square(their_ids, -1), _square([row["topk_logprobs_ref"] for row in theirs], np.nan)
        ),
        TopList(_square(ids, -1), _square(logprobs, np.nan)),
        limits,
    )
    good = ~np.isnan(found.kld_topk)
    if good.any():
        writer.write(
            "topk_klds",
            {name: values[good] for name, values in _where(block).items()}
            | {
                "k": found.k[good],
                "floor": np.full(int(good.sum()), limits.floor),
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
