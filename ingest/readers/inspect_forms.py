"""What is decoded of inspect's logs, as types; all else in them is skipped."""

import msgspec

from .untrusted.archives import MAX_MEMBER
from .untrusted.files import MAX_WHOLE, MIB
from .untrusted.json_typed import decoder

MAX_SMALL = MIB  # bytes of one sample's scores, target, choices or limit


class Score(msgspec.Struct):
    value: msgspec.Raw = msgspec.Raw()
    answer: msgspec.Raw = msgspec.Raw()


class Usage(msgspec.Struct):
    output_tokens: int | None = None


class Entry(msgspec.Struct):
    """A summary, a sample member or a sample of a .json log: the same fields."""

    id: int | str
    epoch: int
    input: msgspec.Raw
    target: msgspec.Raw = msgspec.Raw()
    choices: msgspec.Raw = msgspec.Raw()
    scores: msgspec.Raw = msgspec.Raw()
    model_usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    limit: msgspec.Raw = msgspec.Raw()


class Message(msgspec.Struct):
    """Of a message only this was shown; its random id was not."""

    role: str = "user"
    content: msgspec.Raw = msgspec.Raw()


class Plain(msgspec.Struct):
    """A .json log. Raw: settings, decoded as any JSON within a limit."""

    eval: msgspec.Raw
    status: str = "success"
    plan: msgspec.Raw = msgspec.Raw(b"{}")
    results: msgspec.Raw = msgspec.Raw(b"{}")
    samples: list[Entry] | None = None


class PlainStart(msgspec.Struct):
    """A .json log but for its samples."""

    eval: msgspec.Raw
    status: str = "success"


plain_log = decoder(Plain, MAX_WHOLE)
plain_start = decoder(PlainStart, MAX_WHOLE)
entries = decoder(list[Entry], MAX_MEMBER)
entry = decoder(Entry, MAX_MEMBER)
scores = decoder(dict[str, Score] | None, MAX_SMALL)
values = decoder(
    bool | int | float | str | list[msgspec.Raw] | dict[str, msgspec.Raw] | None, MAX_SMALL
)
usage = decoder(dict[str, Usage] | None, MAX_SMALL)
choices = decoder(list[str] | None, MAX_SMALL)
messages = decoder(list[Message])
