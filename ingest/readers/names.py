"""What a quant is called, without what tables, logs and file names wrap around it.

So the same quant has one name in a table, a log and a GGUF file.
"""

import html
import re
import unicodedata
from pathlib import PureWindowsPath

QUANT = "{quant}"  # stands for a quant's name in the pattern of a path

# [name](address), also a picture; an address may hold brackets
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\((?:[^()]|\([^()]*\))*\)|\[[^\]]*\])")
_FOOTNOTE = re.compile(r"\[\^[^\]]{1,20}\]|<sup>.{0,20}?</sup>")
_ADDRESS = re.compile(r"<(https?://[^<>]{1,500})>")
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{1,500}>")  # <a href=...>
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|~<>])")  # Markdown's and pandoc's
_QUERY = re.compile(r"(\.gguf)[?#]\S*$", re.IGNORECASE)  # of an address
_EMPHASIS = re.compile(r"_([^_].*[^_])_|__(.+)__")
_PART = re.compile(r"-\d{5}-of-\d{5}$")  # of a model in several files
_VARIABLE = re.compile(r"\$[\w{(]|%\w+%|\{\w*\}")  # a shell's, that nobody has filled in


def plain_name(text: str) -> str | None:
    """A quant's name as people say it; None where there is none, as in an empty cell or `$model`.

    Taken away are links, emphasis, footnotes, pictures, backslashes, folders, .gguf and the number
    of a part.
    """
    name = _ADDRESS.sub(r"\1", _FOOTNOTE.sub("", text))
    name = _LINK.sub(r"\1", _LINK.sub(r"\1", name))  # a picture may be within a link
    name = _TAG.sub("", _BREAK.sub(" ", name))
    name = html.unescape(_ESCAPED.sub(r"\1", name))
    name = " ".join("".join(map(_letter, name)).split()).strip("*`~\"' ")
    if emphasis := _EMPHASIS.fullmatch(name):
        name = emphasis[1] or emphasis[2]
    name = _QUERY.sub(r"\1", name)
    if name.lower().endswith(".gguf"):
        name = PureWindowsPath(name).name[: -len(".gguf")]
    name = _PART.sub("", name)
    return None if not name or _VARIABLE.search(name) else name


def _letter(character: str) -> str:
    """A character, where it is none of a picture's (a star, a medal, an arrow)."""
    kind = unicodedata.category(character)
    return "" if kind in ("So", "Cf") or character in "\ufe0e\ufe0f" else character
