"""What a quant is called, without what tables, logs and file names wrap around it.

So the same quant has one name in a table, a log and a GGUF file.
"""

import re
from pathlib import PureWindowsPath

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")  # [name](address), also as a picture
_TAG = re.compile(r"<[^<>]{1,200}>")  # <a href=...>, <br>
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|~<>])")  # Markdown's and pandoc's
_PART = re.compile(r"-\d{5}-of-\d{5}$")  # of a model in several files
_VARIABLE = re.compile(r"\$(\w|\{)")  # a shell's, that nobody has filled in


def plain_name(text: str) -> str | None:
    """A quant's name as people say it; None where there is none, as in an empty cell or `$model`.

    Taken away are links, emphasis, backslashes, folders, .gguf and the number of a part.
    """
    name = _ESCAPED.sub(r"\1", _TAG.sub("", _LINK.sub(r"\1", text)))
    name = name.strip().strip("*`\"' ").strip()
    if name.lower().endswith(".gguf"):
        name = PureWindowsPath(name).name[: -len(".gguf")]
    name = _PART.sub("", name)
    return None if not name or _VARIABLE.search(name) else name
