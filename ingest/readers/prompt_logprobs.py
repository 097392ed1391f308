"""Log-probs of given texts, as servers report them: vLLM's prompt_logprobs, SGLang's input_token_logprobs, OpenAI's echo.

A JSON file with one response or a list of them, or a .jsonl file with a response a line. NLL, rank, top 1 and top k are kept
as far as the server gives them: OpenAI's form names tokens by text, which is not unique, so it has an NLL and no ids.
A log-prob of -9999 or less is a server's floor, not a number. vLLM puts the realised token first among an entry's.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from . import safely  # first: it names the extra that brings msgspec
import msgspec
from .contents import BadFile, LogProbs, Response

KIND = "prompt-logprobs"
CENSORED = -9999.0
MARKS = {b'"prompt_logprobs"': "vllm", b'"input_token_logprobs"': "sglang", b'"token_logprobs"': "openai"}
ADVICE = "save the server's whole response, with log-probs of the prompt"

_list = safely.decoder(list[msgspec.Raw], safely.MAX_JSON)


def recognises(path: Path, head: bytes) -> bool:
    """By the keys that hold the log-probs."""
    return head.lstrip()[:1] in (b"{", b"[") and any(mark in head for mark in MARKS)


def read(path: Path, picks: dict[str, str]) -> Iterator[LogProbs]:
    """One LogProbs. Raises BadFile. There is nothing to pick."""
    path = safely.existing(path)
    left_out: Counter[str] = Counter()
    pieces = _pieces(path)
    first = next(pieces, None)
    if first is None:
        raise BadFile(path, "as a whole", "it holds no response", ADVICE)
    name = safely.at(first[1], "model") if isinstance(first[1], dict) else None

    def rows() -> Iterator[Response]:
        for place, response in chain([first], pieces):
            yield from _texts(path, place, response, left_out)

    yield LogProbs(rows=rows(), model_name=name if isinstance(name, str) else None, engine=_form(path, *first), left_out=left_out)


def _pieces(path: Path) -> Iterator[tuple[str, object]]:
    """(place, response), one at a time."""
    if path.suffix in (".jsonl", ".ndjson"):
        for number, line, _ in safely.lines(path):
            yield f"line {number}", safely.anything(line, path, f"line {number}")
        return
    data = safely.contents(path)
    if bytes(data[:64]).lstrip()[:1] == b"[":
        for number, raw in enumerate(_list(data, path, "as a whole")):
            yield f"response {number}", safely.anything(bytes(raw), path, f"response {number}")
    else:
        yield "as a whole", safely.anything(safely.contents(path, safely.MAX_FACTS), path, "as a whole")


def _form(path: Path, place: str, response: object) -> str:
    for choice in _choices(response):
        for key, form in (("prompt_logprobs", "vllm"), ("meta_info", "sglang"), ("logprobs", "openai")):
            if isinstance(choice, dict) and choice.get(key) is not None:
                return form
    raise BadFile(path, place, "no log-probs of a prompt", ADVICE)


def _choices(response: object) -> list:
    """The texts of one response: SGLang gives a list, the others have them under choices or, in chat, at the top."""
    if isinstance(response, list):
        return response
    choices = safely.at(response, "choices")
    if isinstance(response, dict) and response.get("prompt_logprobs") is None and isinstance(choices, list):
        return choices
    return [response]


def _texts(path: Path, place: str, response: object, left_out: Counter[str]) -> Iterator[Response]:
    """The texts of one response that have log-probs."""
    form = _form(path, place, response)
    for choice in _choices(response):
        try:
            yield {"vllm": _vllm, "sglang": _sglang, "openai": _openai}[form](choice, left_out)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError):
            raise BadFile(path, place, f"log-probs that are not in {form}'s form", ADVICE) from None


def _vllm(choice: dict, left_out: Counter[str]) -> Response:
    found = Response([], [], [], [], [], [])
    given = choice.get("prompt_token_ids")
    for position, entry in enumerate(choice["prompt_logprobs"][1:], 1):
        top = sorted(((_number(value["logprob"]), int(token), value) for token, value in entry.items()), key=lambda item: (-item[0], item[1]))
        own_id = int(given[position]) if given else int(next(iter(entry)))
        own = entry[str(own_id)]
        # the realised token comes on top of the k asked for, unless it is one of them
        beyond = [item for item in top if item[1] != own_id]
        kept = top if not (own.get("rank") and own["rank"] > len(beyond)) else beyond
        _append(found, own_id, own.get("decoded_token"), _number(own["logprob"]), own.get("rank"), [(logprob, token) for logprob, token, _ in kept], left_out)
    return found


def _sglang(choice: dict, left_out: Counter[str]) -> Response:
    found, meta = Response([], [], [], [], [], []), choice["meta_info"]
    tokens, tops = meta["input_token_logprobs"], meta.get("input_top_logprobs") or []
    if meta.get("cached_tokens"):
        left_out["texts of which the server had cached a part: positions may be missing"] += 1
    for position, (logprob, token, text) in enumerate(tokens):
        if logprob is None:
            continue  # the first token follows nothing
        top = [(_number(value), int(other)) for value, other, *_ in (tops[position] if position < len(tops) and tops[position] else [])]
        _append(found, int(token), text, _number(logprob), None, sorted(top, key=lambda item: (-item[0], item[1])), left_out)
    return found


def _openai(choice: dict, left_out: Counter[str]) -> Response:
    found, logprobs = Response([], [], [], [], [], []), choice["logprobs"]
    for token, logprob in list(zip(logprobs["tokens"], logprobs["token_logprobs"], strict=True))[1:]:
        _append(found, None, str(token), None if logprob is None else _number(logprob), None, [], left_out)
    return found


def _append(found: Response, token_id: int | None, token: str | None, logprob: float | None, rank: int | None, top: list[tuple[float, int]], left_out: Counter[str]) -> None:
    """One position."""
    if logprob is None or logprob <= CENSORED:
        left_out["tokens whose log-prob the server floors"] += 1
        logprob = None
    if token_id is not None and not 0 <= token_id < 1 << 31 or any(not 0 <= other < 1 << 31 for _, other in top):
        raise ValueError
    top = [(value, other) for value, other in top if value > CENSORED]
    found.token_ids.append(token_id)
    found.tokens.append(token if isinstance(token, str) else None)
    found.nll.append(None if logprob is None else -logprob)
    found.ranks.append(int(rank) if isinstance(rank, int) and 0 < rank < 1 << 31 else None)
    found.top_ids.append([other for _, other in top])
    found.top_logprobs.append([value for value, _ in top])


def _number(value: object) -> float:
    """A log-prob: a finite number, at most rounding above 0."""
    number = safely.number(value)
    if number is None or number > 1e-3:
        raise ValueError
    return min(number, 0.0)
