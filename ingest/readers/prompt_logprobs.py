"""Log-probs of a prompt's tokens as servers return them: JSON, a list of it, or one per line.

    vLLM              prompt_logprobs: [null, {"<id>": {"logprob", "rank", "decoded_token"}, ...}],
                      in each choice or beside them
    SGLang /generate  meta_info.input_token_logprobs: [[logprob, id, text], ...],
                      input_top_logprobs: [null, [[...], ...], ...]
    OpenAI with echo  choices[].logprobs: {"tokens", "token_logprobs": [null, ...],
                      "top_logprobs": [null, {"<text>": logprob}]}

Given are NLL, rank, top-1 and the top k with their log-probs; the OpenAI form has texts, which
several ids may share, and so only NLL and top-1, unless the server wrote "token_id:311" for them.
-9999.0 and less is what servers write for -inf and for whatever is below: censored, no number.
"""

import math
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from ...errors import BadFile
from .port import Picks, TokenBlock, TokenRows
from .server_forms import ADVICE, AS_IT_WAS, LONGEST_MESSAGE, Token, failure, prompts
from .untrusted.files import MIB, contents, opened
from .untrusted.json_plain import clean, finite, parsed

LONGEST_LINE = 128 * MIB
LARGEST = 256 * MIB  # of one JSON document; a file with one response per line may have any size
MOST_ENTRIES = 50_000_000  # of one prompt: positions x the longest list of alternatives
CENSORED = -9999.0
ROUNDING = 1e-3  # how far above 0 a log-prob may be, in half precision
SUM_ROUNDING = 0.02  # and the sum of one position's probabilities above 1, of rounded log-probs
LEAST_OF_THE_MOST_LIKELY = -14.0  # where a million tokens are equally likely, each has -13.8
FAILED = "failed requests, the server said "
NO_LOGPROBS = (
    "these are logits or probabilities: ask for log-probs (vLLM: --logprobs-mode raw_logprobs)"
)


def recognises(path: Path, head: bytes) -> bool:
    """JSON with one of the three fields."""
    return head.lstrip()[:1] in (b"{", b"[") and any(
        mark in head
        for mark in (b'"prompt_logprobs"', b'"input_token_logprobs"', b'"token_logprobs"')
    )


def read(path: Path, picks: Picks) -> Iterator[TokenRows]:
    """One TokenRows, a block per prompt.

    Raises BadFile, also while the blocks are read; a last line that is cut makes it partial.
    """
    rows = TokenRows(quant_name=None, corpus_id=None, context_length=None, top_k=0, blocks=iter(()))
    blocks = _blocks(path, rows)
    first = next(blocks, None)  # the first response tells what the file is about
    if first is None:
        failed = next((reason for reason in rows.left_out if reason.startswith(FAILED)), None)
        found = failed or "no response with log-probs of a prompt"
        raise BadFile(path, "as a whole", found, ADVICE)
    rows.blocks = chain((first,), blocks)
    yield rows


def _responses(path: Path, rows: TokenRows) -> Iterator[tuple[str, dict]]:
    """Each response with its place in the file."""
    file, _ = opened(path)
    with file:
        line, count = file.readline(LONGEST_LINE), 0
        if not line.rstrip().endswith((b"}", b"]")):  # one document over several lines
            raw = bytes(contents(path, LARGEST))
            yield from _unwrapped(path, "as a whole", parsed(path, "as a whole", raw), rows)
            return
        while line:
            count += 1
            if len(line) == LONGEST_LINE:
                raise BadFile(
                    path,
                    f"line {count}",
                    f"it is longer than {LONGEST_LINE:,} bytes",
                    "write fewer responses into one line",
                )
            following = file.readline(LONGEST_LINE)
            if line.strip():
                try:
                    found = parsed(path, f"line {count}", line)
                except BadFile:
                    if following or count == 1 or line.endswith(b"\n"):
                        raise
                    rows.partial = f"cut within line {count}"
                    return
                yield from _unwrapped(path, f"line {count}", found, rows)
            line = following


def _unwrapped(
    path: Path, place: str, found: object, rows: TokenRows
) -> Iterator[tuple[str, dict]]:
    """The responses in one piece of JSON; failed requests are counted, and the first is quoted."""
    for index, response in enumerate(found if isinstance(found, list) else [found]):
        where = f"{place}, response {index}" if isinstance(found, list) else place
        if said := failure(response):
            quoted = f'{FAILED}"{" ".join(clean(said).split())[:LONGEST_MESSAGE]}"'
            known = next((reason for reason in rows.left_out if reason.startswith(FAILED)), quoted)
            _count(rows, known)
            continue
        for key in ("response", "body"):  # the envelope of a batch's output
            if isinstance(response, dict) and isinstance(response.get(key), dict):
                response = response[key]
        if not isinstance(response, dict):
            raise BadFile(path, where, "not a JSON object", AS_IT_WAS)
        yield where, response


def _blocks(path: Path, rows: TokenRows) -> Iterator[TokenBlock]:
    """A block per prompt; what holds for the whole file goes into rows."""
    chunk = 0
    for place, response in _responses(path, rows):
        name, model = rows.quant_name, response.get("model")
        model = clean(model) if isinstance(model, str) else name
        if name is not None and name != model:
            raise BadFile(
                path,
                place,
                f"model {str(model)[:80]!r} after {name[:80]!r}",
                "give a file per model",
            )
        rows.quant_name = model
        for engine, tokens in prompts(path, place, response):
            if rows.engine not in ("unknown", engine):
                raise BadFile(
                    path,
                    place,
                    f"a response of {engine} after one of {rows.engine}",
                    "give a file per server",
                )
            rows.engine = engine
            k = max((len(token.alternatives) for token in tokens), default=0)
            if len(tokens) * k > MOST_ENTRIES:
                raise BadFile(
                    path,
                    place,
                    f"{len(tokens):,} tokens with up to {k:,} alternatives",
                    "ask for fewer alternatives",
                )
            if tokens and tokens[0].position > 1:
                _count(
                    rows,
                    "positions that the server had cached or was not asked for",
                    tokens[0].position - 1,
                )
            _refuse_no_logprobs(path, place, tokens)
            block = _block(chunk, tokens, rows)
            rows.top_k = max(rows.top_k, 0 if block.topk_ids is None else block.topk_ids.shape[1])
            yield block
            chunk += 1


def _count(rows: TokenRows, reason: str, number: int = 1) -> None:
    if number:
        rows.left_out[reason] = rows.left_out.get(reason, 0) + number


def _refuse_no_logprobs(path: Path, place: str, tokens: list[Token]) -> None:
    """Raise BadFile where one position's values are above 0, sum above 1, or are all too small."""
    for token in tokens:
        values = [finite(value) for value in token.alternatives.values()]
        if token.text is None and token.id not in token.alternatives:
            values.append(finite(token.logprob))
        known = [value for value in values if value is not None]
        largest = max(known, default=0.0)
        where = f"{place}, position {token.position}"
        if largest > ROUNDING or (finite(token.logprob) or 0.0) > ROUNDING:
            above = max(largest, finite(token.logprob) or 0.0)
            raise BadFile(path, where, f"{above:g} is above 0, and no log-prob is", NO_LOGPROBS)
        if len(known) > 1 and largest < LEAST_OF_THE_MOST_LIKELY:
            found = f"its most likely token has {largest:g}, less than of equally likely ones"
            raise BadFile(path, where, found, NO_LOGPROBS)
        total = math.fsum(map(math.exp, known))
        if total > 1 + SUM_ROUNDING:
            found = f"its probabilities sum to {total:.2f}, which is above 1"
            raise BadFile(path, where, found, NO_LOGPROBS)
    if tokens and all(token.text is None and token.id < 0 for token in tokens):
        raise BadFile(
            path,
            place,
            "nothing tells which token of each list is the one that is there",
            "give the server's response as it was, or with its prompt_token_ids",
        )


def _logprob(value: object, rows: TokenRows, where: str) -> float:
    """A log-prob. NaN, and counted, where it is censored or none."""
    found = finite(value)
    if found is not None and CENSORED < found <= ROUNDING:
        return min(found, 0.0)
    censored = value == -math.inf or (found is not None and found <= CENSORED)
    _count(rows, f"{where} that are {'censored at -9999' if censored else 'no log-probs'}")
    return math.nan


def _block(chunk: int, tokens: list[Token], rows: TokenRows) -> TokenBlock:
    """Arrays out of tokens. An alternative without a log-prob is missing from its list."""
    position = np.array([token.position for token in tokens], np.int32)
    # no -0.0
    nll = -np.array([_logprob(token.logprob, rows, "tokens") for token in tokens], float) + 0.0
    kept = []
    for token in tokens:
        known = [
            (logprob, name)
            for name, value in token.alternatives.items()
            if not math.isnan(logprob := _logprob(value, rows, "alternatives"))
        ]
        kept.append(sorted(known, key=lambda pair: (-pair[0], pair[1])))
    if any(token.text is not None for token in tokens):
        return TokenBlock(
            chunk,
            position,
            nll,
            token=[clean(token.text or "") for token in tokens],
            top1_token=[clean(top[0][1]) if top else None for top in kept],
        )
    k = max(map(len, kept), default=0)
    ids, logprobs = np.full((len(tokens), k), -1, np.int64), np.full((len(tokens), k), math.nan)
    for row, top in enumerate(kept):
        ids[row, : len(top)] = [name for _, name in top]
        logprobs[row, : len(top)] = [logprob for logprob, _ in top]
    own = np.array([token.id for token in tokens], np.int64)
    rank = np.array([token.rank for token in tokens], np.int32)
    _count(rows, "tokens of which the entry does not tell which is there", int((own < 0).sum()))
    return TokenBlock(
        chunk,
        position,
        nll,
        token_id=own,
        rank=rank if rank.any() else None,
        top1=ids[:, 0] if k else None,
        topk_ids=ids if k else None,
        topk_logprobs=logprobs if k else None,
    )
