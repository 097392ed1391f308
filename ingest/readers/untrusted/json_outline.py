"""What a JSON file is made of, told from its first bytes alone: for recognising it."""

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]:,]|[^\s"{}\[\]:,]+', re.DOTALL)


class Outline(NamedTuple):
    """The shape of a JSON value: of a list, its first entry's."""

    opening: bytes  # b"{", b"[" for a list of objects, b"" for anything else
    keys: frozenset[str]  # of the object, or of the list's first one, as far as the bytes go
    whole: bool  # whether the bytes reach that object's end


NOTHING = Outline(b"", frozenset(), False)


@lru_cache(maxsize=8)
def outline(head: bytes) -> Outline:
    """The outline of the JSON, or of the first JSON line, that begins so; NOTHING if none does."""
    tokens = (match.group() for match in _TOKEN.finditer(head))
    opening = next(tokens, b"")
    if (opening == b"[" and next(tokens, b"") != b"{") or opening not in (b"[", b"{"):
        return NOTHING
    depth, before, keys = 1, b"", set()
    for token in tokens:
        if token == b":" and depth == 1 and before[:1] == b'"':
            keys.add(_text(before))
        depth += (token in (b"{", b"[")) - (token in (b"}", b"]"))
        if depth == 0:
            break
        before = token
    return Outline(opening, frozenset(keys), depth == 0)


def _text(raw: bytes) -> str:
    """A JSON string's text; that of a damaged one as far as it can be read."""
    try:
        return str(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return raw[1:-1].decode(errors="replace")
