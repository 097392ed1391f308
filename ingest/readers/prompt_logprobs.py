"""Log-probs of a prompt's tokens as servers return them: responses as JSON, a list of them, or one per line (batch output too).

    vLLM               prompt_logprobs: [null, {"<id>": {"logprob", "rank", "decoded_token"}, ...}], in each choice or beside them
    SGLang /generate   meta_info.input_token_logprobs: [[logprob, id, text], ...], input_top_logprobs: [null, [[...], ...], ...]
    OpenAI with echo   choices[].logprobs: {"tokens", "token_logprobs": [null, ...], "top_logprobs": [null, {"<text>": logprob}]}

Given are NLL, rank, top-1 and the top k with their log-probs; the OpenAI form has texts, which several ids may share, and so only
NLL and top-1. -9999.0 and less is what servers write for -inf and for whatever is below: censored, no number.
"""

import math
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from .contents import BadFile, TokenBlock, TokenRows
from .plain import MIB, clean, number, opened, parsed, whole

KIND = "prompt-logprobs"
LONGEST_LINE = 128 * MIB
LARGEST = 256 * MIB  # of one JSON document; a file with one response per line may have any size
CENSORED = -9999.0
MOST_ALTERNATIVES = 10_000  # per token: the k of all k x positions numbers of a response
UNRETURNED = "positions that the server had cached or was not asked for"
ADVICE = "ask for prompt_logprobs (vLLM), return_logprob with logprob_start_len 0 (SGLang) or echo with logprobs (OpenAI form)"


def recognises(path: Path, head: bytes) -> bool:
    """JSON with one of the three fields."""
    return head.lstrip()[:1] in (b"{", b"[") and any(mark in head for mark in (b'"prompt_logprobs"', b'"input_token_logprobs"', b'"token_logprobs"'))


def read(path: Path, picks: dict) -> Iterator[TokenRows]:
    """One TokenRows, a block per prompt. Raises BadFile, also while the blocks are read; a last line that is cut makes it partial."""
    rows = TokenRows(quant_name=None, corpus_id=None, context_length=None, top_k=0, blocks=iter(()))
    responses = _responses(path, rows)
    blocks = _blocks(path, responses, rows)
    first = next(blocks, None)  # what the file is about is in its first response
    if first is None:
        raise BadFile(path, "as a whole", "no response with log-probs of a prompt", ADVICE)
    rows.blocks = chain((first,), blocks)
    yield rows


def _responses(path: Path, rows: TokenRows) -> Iterator[tuple[str, dict]]:
    """Each response with its place in the file."""
    file, _ = opened(path)
    with file:
        line, count = file.readline(LONGEST_LINE), 0
        if not line.rstrip().endswith((b"}", b"]")) or line.strip() in (b"[]", b"{}"):  # one document over several lines
            yield from _unwrapped(path, "as a whole", parsed(path, "as a whole", whole(path, LARGEST)))
            return
        while line:
            count += 1
            following = file.readline(LONGEST_LINE)
            if len(line) == LONGEST_LINE:
                raise BadFile(path, f"line {count}", f"it is longer than {LONGEST_LINE:,} bytes", "write fewer responses into one line")
            if line.strip():
                try:
                    found = parsed(path, f"line {count}", line)
                except BadFile:
                    if following or count == 1 or line.endswith(b"\n"):
                        raise
                    rows.partial = f"cut within line {count}"
                    return
                yield from _unwrapped(path, f"line {count}", found)
            line = following


def _unwrapped(path: Path, place: str, found: object) -> Iterator[tuple[str, dict]]:
    for index, response in enumerate(found if isinstance(found, list) else [found]):
        where = f"{place}, response {index}" if isinstance(found, list) else place
        for key in ("response", "body"):  # the envelope of a batch's output
            if isinstance(response, dict) and isinstance(response.get(key), dict):
                response = response[key]
        if not isinstance(response, dict):
            raise BadFile(path, where, "not a JSON object", "give a server's responses")
        yield where, response


def _blocks(path: Path, responses: Iterator[tuple[str, dict]], rows: TokenRows) -> Iterator[TokenBlock]:
    chunk = 0
    for place, response in responses:
        model = response.get("model")
        if isinstance(model, str):
            if rows.quant_name not in (None, clean(model)):
                raise BadFile(path, place, f"model {model[:80]!r} after {rows.quant_name[:80]!r}", "give a file per model")
            rows.quant_name = clean(model)
        for engine, tokens in _prompts(path, place, response):
            if rows.engine not in ("unknown", engine):
                raise BadFile(path, place, f"a response of {engine} after one of {rows.engine}", "give a file per server")
            rows.engine = engine
            if tokens and tokens[0][0] > 1:
                rows.left_out[UNRETURNED] = rows.left_out.get(UNRETURNED, 0) + tokens[0][0] - 1
            block = _block(chunk, tokens, rows)
            rows.top_k = max(rows.top_k, 0 if block.topk_ids is None else block.topk_ids.shape[1])
            yield block
            chunk += 1


# a token: position, its id or text (None: unknown), its log-prob, its rank (0: unknown), its alternatives {id or text: log-prob}
Token = tuple[int, int | str | None, object, int, dict]


def _prompts(path: Path, place: str, response: dict) -> Iterator[tuple[str, list[Token]]]:
    """(engine, tokens) of each prompt in a response. Raises BadFile if it has none."""
    choices = response.get("choices")
    choices = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []
    given = [(choice["prompt_logprobs"], choice.get("prompt_token_ids")) for choice in choices if choice.get("prompt_logprobs") is not None]
    given = given or [(response["prompt_logprobs"], response.get("prompt_token_ids"))] if given or response.get("prompt_logprobs") is not None else []
    meta = response.get("meta_info")
    found = False
    for index, (entries, ids) in enumerate(given):
        try:
            if index and entries == given[index - 1][0]:
                continue  # n answers to one prompt repeat it
        except RecursionError:
            raise BadFile(path, place, "JSON nested too deeply", "give the server's response as it was") from None
        yield "vLLM", _vllm(path, f"{place}, prompt_logprobs", entries, ids)
        found = True
    if isinstance(meta, dict) and meta.get("input_token_logprobs") is not None:
        yield "SGLang", _sglang(path, f"{place}, meta_info", meta)
        found = True
    usage = response.get("usage")
    prompt_tokens = usage.get("prompt_tokens") if isinstance(usage, dict) and len(choices) == 1 else None
    for index, choice in enumerate(() if found else choices):
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and logprobs.get("token_logprobs") is not None:
            yield "OpenAI form", _openai(path, f"{place}, choice {index}", logprobs, prompt_tokens)
            found = True
    if not found:
        raise BadFile(path, place, "no log-probs of a prompt", ADVICE)


def _list(path: Path, place: str, found: object) -> list:
    if not isinstance(found, list):
        raise BadFile(path, place, f"{type(found).__name__} where a list belongs", "give the server's response as it was")
    return found


def _vllm(path: Path, place: str, entries: object, ids: object) -> list[Token]:
    """The token that is there comes first in its entry, then the top k by rank; where another program sorted them, its rank may still tell it."""
    entries = _list(path, place, entries)
    ids = ids if isinstance(ids, list) and len(ids) == len(entries) else [None] * len(entries)
    orders = [list(entry) for entry in entries if isinstance(entry, dict) and len(entry) > 1]
    alphabetic = len(orders) >= 8 and all(order == sorted(order) for order in orders)  # another program sorted the keys
    tokens = []
    for position, (entry, own) in enumerate(zip(entries, ids)):
        if entry is None:
            continue  # nothing comes before the first token
        if not isinstance(entry, dict) or not entry or len(entry) > MOST_ALTERNATIVES:
            raise BadFile(path, f"{place}, position {position}", "not an object of log-probs by token id", "give the server's response as it was")
        listed = []
        for key, value in entry.items():
            rank = value.get("rank") if isinstance(value, dict) else None
            if not isinstance(value, dict) or not (key.isascii() and key.isdigit() and len(key) < 10):
                raise BadFile(path, f"{place}, position {position}", f"no log-prob under a token id at {key[:40]!r}", "give the server's response as it was")
            listed.append((int(key), value.get("logprob"), rank if isinstance(rank, int) and 0 < rank < 1 << 31 else 0))
        if own is None:
            beyond = [token for token, _, rank in listed if rank > len(listed)]
            in_order = (len(listed) == 1 or not alphabetic) and all(a < b or a == b == 0 for (_, _, a), (_, _, b) in zip(listed[1:], listed[2:])) and (len(beyond) == 0 or beyond == [listed[0][0]])
            own = listed[0][0] if in_order else beyond[0] if len(beyond) == 1 else None
        logprob, rank = next(((logprob, rank) for token, logprob, rank in listed if token == own), (None, 0))
        # the likeliest k without the token that is there, if it is not one of them
        top = {token: value for token, value, other in listed if not (token == own and (other > len(listed) or other == 0 and _is_last(value, listed)))}
        tokens.append((position, own if isinstance(own, int) and not isinstance(own, bool) and 0 <= own < 1 << 31 else None, logprob, rank, top))
    return tokens


def _is_last(value: object, listed: list[tuple]) -> bool:
    """Whether no listed log-prob is smaller, and one is larger: without ranks that one may lie far below the others."""
    others = [number(other) for _, other, _ in listed]
    return len(listed) > 1 and number(value) is not None and all(other is None or other >= number(value) for other in others) and any(other is not None and other > number(value) for other in others)


def _sglang(path: Path, place: str, meta: dict) -> list[Token]:
    """Positions are counted from the prompt's end: the server leaves out those before logprob_start_len and those it had cached."""
    own = _list(path, place, meta["input_token_logprobs"])
    top = meta.get("input_top_logprobs")
    top = _list(path, place, top) if top is not None else [None] * len(own)
    length = meta.get("prompt_tokens")
    skipped = length - len(own) if isinstance(length, int) and len(own) <= length < 1 << 31 else 0
    if len(top) != len(own):
        raise BadFile(path, place, f"{len(top)} lists of alternatives to {len(own)} tokens", "give the server's response as it was")
    tokens = []
    for index, (entry, alternatives) in enumerate(zip(own, top)):
        triples = [entry, *(_list(path, place, alternatives) if alternatives is not None else ())]
        for triple in triples:
            if not isinstance(triple, list) or len(triple) < 2 or isinstance(triple[1], bool) or not isinstance(triple[1], int) or not 0 <= triple[1] < 1 << 31:
                raise BadFile(path, f"{place}, token {index}", "not [log-prob, id, text]", "give the server's response as it was")
        if len(triples) > MOST_ALTERNATIVES:
            raise BadFile(path, f"{place}, token {index}", f"{len(triples)} alternatives", "ask for fewer")
        if entry[0] is not None or index + skipped > 0:
            tokens.append((index + skipped, entry[1], entry[0], 0, {triple[1]: triple[0] for triple in triples[1:]}))
    return tokens


def _openai(path: Path, place: str, logprobs: dict, prompt_tokens: object) -> list[Token]:
    texts, values = _list(path, place, logprobs.get("tokens")), _list(path, place, logprobs["token_logprobs"])
    top = logprobs.get("top_logprobs")
    top = _list(path, place, top) if top is not None else [None] * len(values)
    if not len(texts) == len(values) == len(top):
        raise BadFile(path, place, f"{len(texts)} tokens, {len(values)} log-probs and {len(top)} lists of alternatives", "give the server's response as it was")
    if values and values[0] is not None:
        raise BadFile(path, place, "the first token has a log-prob, so these are an answer's tokens and not the prompt's", ADVICE)
    stop = prompt_tokens if isinstance(prompt_tokens, int) and 0 < prompt_tokens else len(values)  # then the answer begins
    tokens = []
    for position, (text, value, alternatives) in enumerate(list(zip(texts, values, top))[1:stop], 1):
        if not isinstance(text, str) or alternatives is not None and not isinstance(alternatives, dict):
            raise BadFile(path, f"{place}, token {position}", "not a text with alternatives", "give the server's response as it was")
        tokens.append((position, text, value, 0, alternatives or {}))
    return tokens


def _block(chunk: int, tokens: list[Token], rows: TokenRows) -> TokenBlock:
    """Arrays out of tokens. What is censored or no number becomes NaN in an NLL and is missing among alternatives; both are counted."""

    def finite(value: object, where: str) -> float:
        found = number(value)
        if found is None or not CENSORED < found <= 1e-3:
            censored = value == -math.inf or found is not None and found <= CENSORED
            reason = f"{where} that are {'censored at -9999' if censored else 'no log-probs'}"
            rows.left_out[reason] = rows.left_out.get(reason, 0) + 1
            return math.nan
        return min(found, 0.0)

    nll = np.array([-finite(value, "tokens") for _, _, value, _, _ in tokens], float)
    kept = [sorted(((found, token) for token, value in top.items() if not math.isnan(found := finite(value, "alternatives"))), key=lambda pair: (-pair[0], pair[1])) for *_, top in tokens]
    position = np.array([token[0] for token in tokens], np.int32)
    if rows.engine == "OpenAI form":
        return TokenBlock(chunk, position, nll, token=[clean(token[1]) for token in tokens], top1_token=[clean(top[0][1]) if top else None for top in kept])
    k = max(map(len, kept), default=0)
    ids, logprobs = np.full((len(tokens), k), -1, np.int64), np.full((len(tokens), k), math.nan)
    for row, top in enumerate(kept):
        ids[row, : len(top)], logprobs[row, : len(top)] = [token for _, token in top], [value for value, _ in top]
    own = np.array([-1 if token[1] is None else token[1] for token in tokens], np.int64)
    unknown = int((own < 0).sum())
    if unknown:
        rows.left_out["tokens of which the entry does not tell which is there"] = rows.left_out.get("tokens of which the entry does not tell which is there", 0) + unknown
    rank = np.array([token[3] for token in tokens], np.int32)
    return TokenBlock(chunk, position, nll, token_id=own, rank=rank if rank.any() else None, top1=ids[:, 0] if k else None, topk_ids=ids if k else None, topk_logprobs=logprobs if k else None)
