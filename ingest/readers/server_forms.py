"""The three forms in which servers give the log-probs of a prompt, each turned into Tokens."""

import json
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ...errors import BadFile
from .untrusted.json_plain import at, finite

MOST_ALTERNATIVES = 10_000  # of one token
LONGEST_MESSAGE = 300  # characters of what a server said
ENOUGH = 8  # positions whose common order is no accident
ADVICE = (
    "ask for prompt_logprobs (vLLM), return_logprob with logprob_start_len 0 (SGLang) or echo with"
    " logprobs (OpenAI form)"
)
AS_IT_WAS = "give the server's response as it was"
FEWER = "ask for fewer alternatives"


class Token(NamedTuple):
    """One position of a prompt."""

    position: int
    id: int  # -1 where the server does not tell which token is there
    text: str | None
    logprob: object  # as the file has it: a number, null or damage
    rank: int  # 0 where it is not given
    # id, or text where there are no ids -> log-prob, of the likeliest k and no other
    alternatives: dict


def prompts(path: Path, place: str, response: dict) -> Iterator[tuple[str, list[Token]]]:
    """(engine, tokens) of each prompt in a response. Raises BadFile if it has none."""
    choices = response.get("choices")
    choices = (
        [choice for choice in choices if isinstance(choice, dict)]
        if isinstance(choices, list)
        else []
    )
    meta = response.get("meta_info")
    given = [choice for choice in (*choices, response) if choice.get("prompt_logprobs") is not None]
    echoed = [
        choice["logprobs"]
        for choice in choices
        if isinstance(choice.get("logprobs"), dict)
        and choice["logprobs"].get("token_logprobs") is not None
    ]
    if given:
        for index, choice in enumerate(given):
            entries = choice["prompt_logprobs"]
            # n answers to one prompt repeat it
            if index and _same(path, place, entries, given[index - 1]["prompt_logprobs"]):
                continue
            where, ids = f"{place}, prompt_logprobs", choice.get("prompt_token_ids")
            yield "vLLM", _vllm(path, where, entries, ids)
    elif isinstance(meta, dict) and meta.get("input_token_logprobs") is not None:
        yield "SGLang", _sglang(path, f"{place}, meta_info", meta)
    elif echoed:
        answers = _answer_tokens(path, place, response, choices, echoed)
        for index, logprobs in enumerate(echoed):
            yield "OpenAI form", _openai(path, f"{place}, choice {index}", logprobs, answers)
    else:
        raise BadFile(path, place, "no log-probs of a prompt", ADVICE)


def _same(path: Path, place: str, a: object, b: object) -> bool:
    try:
        return a == b
    except RecursionError:
        raise BadFile(path, place, "JSON nested too deeply", AS_IT_WAS) from None


def _list(path: Path, place: str, found: object) -> list:
    if not isinstance(found, list):
        raise BadFile(path, place, f"{type(found).__name__} where a list belongs", AS_IT_WAS)
    return found


def _id(found: object) -> int:
    """A token id, or -1."""
    return (
        found
        if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 1 << 31
        else -1
    )


_Listed: TypeAlias = tuple[int, object, int]  # id, log-prob and rank of one token of an entry


def _vllm(path: Path, place: str, found: object, ids: object) -> list[Token]:
    """The token that is there comes first in its entry, then the top k by rank."""
    entries = _list(path, place, found)
    known = ids if isinstance(ids, list) and len(ids) == len(entries) else [None] * len(entries)
    places = [f"{place}, position {position}" for position in range(len(entries))]
    # nothing comes before the first token
    lists = [
        None if entry is None else _entry(path, where, entry)
        for where, entry in zip(places, entries)
    ]
    shuffled = _sorted_by_another([listed for listed in lists if listed and len(listed) > 1])
    tokens = []
    for position, (listed, own) in enumerate(zip(lists, known)):
        if listed is None:
            continue
        own = _own(listed, shuffled) if own is None else _id(own)
        logprob, rank = next(
            ((logprob, rank) for token, logprob, rank in listed if token == own), (None, 0)
        )
        outside = rank > len(listed) or (rank == 0 and _is_last(logprob, listed))
        alternatives = {
            token: value for token, value, _ in listed if not (token == own and outside)
        }
        tokens.append(Token(position, own, None, logprob, rank, alternatives))
    return tokens


def _sorted_by_another(lists: list[list[_Listed]]) -> bool:
    """Whether another program put the tokens of each position in an order of its own.

    Then the first is not the one that is there. Ids in order tell it, and, where there are no
    ranks, log-probs that always fall.
    """
    if len(lists) < ENOUGH:
        return False
    ids = [[token for token, _, _ in listed] for listed in lists]
    if all(found == sorted(found) or found == sorted(found, key=str) for found in ids):
        return True
    if any(rank for listed in lists for _, _, rank in listed):
        return False
    values = [
        [found for _, value, _ in row if (found := finite(value)) is not None] for row in lists
    ]
    return all(row == sorted(row, reverse=True) for row in values)


def _refuse_too_many(path: Path, place: str, count: int) -> None:
    """Raise BadFile where a token has more alternatives than are read."""
    if count > MOST_ALTERNATIVES:
        found = f"{count:,} alternatives of one token, at most {MOST_ALTERNATIVES:,} are read"
        raise BadFile(path, place, found, FEWER)


def _entry(path: Path, place: str, entry: object) -> list[_Listed]:
    """The tokens of one position, in the order of the file; a log-prob may stand alone."""
    if not isinstance(entry, dict) or not entry:
        raise BadFile(path, place, "not an object of log-probs by token id", AS_IT_WAS)
    _refuse_too_many(path, place, len(entry))
    listed = []
    for key, value in entry.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = {"logprob": value}
        if not isinstance(value, dict) or not (key.isascii() and key.isdigit() and len(key) < 10):
            raise BadFile(path, place, f"no log-prob under a token id at {key[:40]!r}", AS_IT_WAS)
        rank = value.get("rank")
        if not isinstance(rank, int) or not 0 < rank < 1 << 31:
            rank = 0
        listed.append((int(key), value.get("logprob"), rank))
    return listed


def _own(listed: list[_Listed], shuffled: bool) -> int:
    """Which is the token that is there, or -1.

    Where the order does not tell, a rank beyond the list still does.
    """
    beyond = [token for token, _, rank in listed if rank > len(listed)]
    if beyond:
        return beyond[0] if len(beyond) == 1 else -1
    rising = all(a < b or a == b == 0 for (_, _, a), (_, _, b) in pairwise(listed[1:]))
    return listed[0][0] if len(listed) == 1 or (rising and not shuffled) else -1


def _is_last(logprob: object, listed: list[_Listed]) -> bool:
    """Whether a token without a rank is the least likely of several.

    Then it may lie far below the others.
    """
    others = [found for _, other, _ in listed if (found := finite(other)) is not None]
    own = finite(logprob)
    return own is None or own == min(others) < max(others)


def _sglang(path: Path, place: str, meta: dict) -> list[Token]:
    """The tokens of a prompt, with positions counted from its end.

    The server leaves out those before logprob_start_len and those it had cached.
    """
    own = _list(path, place, meta["input_token_logprobs"])
    top = meta.get("input_top_logprobs")
    top = _list(path, place, top) if top is not None else [None] * len(own)
    if len(top) != len(own):
        raise BadFile(
            path, place, f"{len(top)} lists of alternatives to {len(own)} tokens", AS_IT_WAS
        )
    length = meta.get("prompt_tokens")
    skipped = length - len(own) if isinstance(length, int) and len(own) <= length < 1 << 31 else 0
    tokens = []
    for position, (entry, alternatives) in enumerate(zip(own, top), skipped):
        triples = [entry, *(_list(path, place, alternatives) if alternatives is not None else ())]
        _refuse_too_many(path, f"{place}, position {position}", len(triples) - 1)
        if not all(
            isinstance(triple, list) and len(triple) > 1 and _id(triple[1]) >= 0
            for triple in triples
        ):
            raise BadFile(
                path, f"{place}, position {position}", "not [log-prob, id, text]", AS_IT_WAS
            )
        if position > 0 or entry[0] is not None:  # nothing comes before the first token
            tokens.append(
                Token(
                    position,
                    entry[1],
                    None,
                    entry[0],
                    0,
                    {token: logprob for logprob, token, *_ in triples[1:]},
                )
            )
    return tokens


def _answer_tokens(
    path: Path, place: str, response: dict, choices: list[dict], echoed: list[dict]
) -> int:
    """How many tokens at the end of each list are the answer's.

    They differ only if an answer ended by itself, and then nothing tells them.
    """
    usage = response.get("usage")
    prompt_tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    if not isinstance(prompt_tokens, int):
        return 0
    answers = (
        sum(len(_list(path, place, logprobs["token_logprobs"])) for logprobs in echoed)
        - prompt_tokens
    )
    if answers <= 0:
        return 0
    if answers % len(echoed) or (
        len(echoed) > 1 and any(choice.get("finish_reason") != "length" for choice in choices)
    ):
        raise BadFile(
            path,
            place,
            "nothing tells where the prompts end and the answers begin",
            "ask for one prompt at a time, or for max_tokens 1",
        )
    return answers // len(echoed)


def _openai(path: Path, place: str, logprobs: dict, answers: int) -> list[Token]:
    """Texts instead of ids, unless the server was asked for return_tokens_as_token_ids.

    The last answers tokens are not the prompt's.
    """
    texts = _list(path, place, logprobs.get("tokens"))
    values = _list(path, place, logprobs["token_logprobs"])
    top = logprobs.get("top_logprobs")
    top = _list(path, place, top) if top is not None else [None] * len(values)
    if not len(texts) == len(values) == len(top):
        raise BadFile(
            path,
            place,
            f"{len(texts)} tokens, {len(values)} log-probs and {len(top)} lists of alternatives",
            AS_IT_WAS,
        )
    if values and values[0] is not None:
        raise BadFile(
            path,
            place,
            "the first token has a log-prob, so these are an answer's tokens and not the prompt's",
            ADVICE,
        )
    ids = _ids(texts, top)
    end = max(len(values) - answers, 0)
    tokens = []
    for position, (text, value, alternatives) in enumerate(list(zip(texts, values, top))[1:end], 1):
        if not isinstance(text, str) or not isinstance(alternatives, dict | None):
            raise BadFile(
                path, f"{place}, token {position}", "not a text with alternatives", AS_IT_WAS
            )
        alternatives = alternatives or {}
        _refuse_too_many(path, f"{place}, token {position}", len(alternatives))
        if ids is None:
            tokens.append(Token(position, -1, text, value, 0, alternatives))
            continue
        own = ids[text]
        listed = [(ids[name], logprob, 0) for name, logprob in alternatives.items()]
        outside = any(token == own for token, *_ in listed) and _is_last(value, listed)
        kept = {token: other for token, other, _ in listed if not (token == own and outside)}
        tokens.append(Token(position, own, None, value, 0, kept))
    return tokens


def _ids(texts: list, top: list) -> dict[str, int] | None:
    """The ids in "token_id:311", the form of return_tokens_as_token_ids.

    None where a name is another text.
    """
    dicts = [alternatives for alternatives in top if isinstance(alternatives, dict)]
    ids = {}
    for name in chain(texts, *dicts):
        if isinstance(name, str):
            digits = name.removeprefix("token_id:")
            if digits == name or not (digits.isascii() and digits.isdigit() and len(digits) < 10):
                return None
            ids[name] = int(digits)
    return ids or None


def failure(response: object) -> str | None:
    """What a server said instead of an answer, in one line of a batch; None if it did answer."""
    body = at(response, "response", "body") or at(response, "response") or response
    finish = at(body, "meta_info", "finish_reason")
    told = (
        *(at(found, "error") for found in (body, response)),
        body if at(body, "object") == "error" else None,
        at(body, "detail"),
        finish if at(finish, "type") == "abort" else None,
    )
    for found in told:
        text = at(found, "message") or found
        if found:
            return text if isinstance(text, str) else json.dumps(text)[:LONGEST_MESSAGE]
    return None
