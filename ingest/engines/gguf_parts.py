"""A model in one GGUF file or in several, as llama-gguf-split leaves it.

The parts are NAME-00001-of-00003.gguf and so on in one folder. The first holds the metadata (and
perhaps no tensor), each its number, how many there are, and how many tensors they have together.
"""

import re
from pathlib import Path

from ...errors import ExitCode, QwhError
from .gguf_header import Header

NUMBER, COUNT, TENSORS = "split.no", "split.count", "split.tensors.count"
PART = re.compile(r"(?P<name>.*)-\d{5}-of-\d{5}\.gguf")  # the only form that llama.cpp looks for


def model_stem(path: Path) -> str:
    """A file's name without .gguf and the number of a part."""
    named = PART.fullmatch(path.name)
    return named["name"] if named else path.stem


def model_headers(path: Path) -> list[Header]:
    """The headers of all files of a model, in their order. path: its only or its first file.

    Raises QwhError: a file that is missing, cut short, or not of this model.
    """
    first = Header(path)
    count = first.whole(COUNT)
    if count < 2:
        headers = [first]
    else:
        names = _names(first, count)
        _refuse_missing(path, names)
        headers = [first, *(Header(path.with_name(name)) for name in names[1:])]
        _refuse_other_parts(headers)
    for header in headers:
        _refuse_cut(header)
    if not any(header.tensors for header in headers):
        raise _unusable(path, "it holds no tensors: use a complete model file")
    return headers


def _unusable(path: Path, why: str) -> QwhError:
    return QwhError(f"cannot use {path} as a model: {why}", ExitCode.BAD_INPUT)


def _names(first: Header, count: int) -> list[str]:
    """What the parts are called. Raises QwhError unless this is the first one under its name."""
    path, number = first.path, first.whole(NUMBER)
    named = PART.fullmatch(path.name)
    if not named:
        raise _unusable(
            path,
            f"it is part {number + 1} of {count}, and its name does not end in"
            f" -{number + 1:05d}-of-{count:05d}.gguf, by which the other parts are found: give the"
            " parts back their names",
        )
    names = [f"{named['name']}-{i:05d}-of-{count:05d}.gguf" for i in range(1, count + 1)]
    if number:
        raise _unusable(path, f"it is part {number + 1} of {count}: give the first, {names[0]}")
    if path.name != names[0]:
        raise _unusable(path, f"it is part 1 of {count}: call it {names[0]}, as the others are")
    return names


def _refuse_missing(path: Path, names: list[str]) -> None:
    missing = [name for name in names if not path.with_name(name).is_file()]
    if missing:
        raise QwhError(
            f"cannot use {path} as a model: of its {len(names)} parts {', '.join(missing)}"
            f" {'is' if len(missing) == 1 else 'are'} missing: fetch all parts into one folder",
            ExitCode.NOT_FOUND,
        )


def _refuse_other_parts(headers: list[Header]) -> None:
    """Raise QwhError unless these are the parts of one model, each once."""
    first, held = headers[0], {tensor.name: tensor.path for tensor in headers[0].tensors}
    for i, header in enumerate(headers[1:], 2):
        number, count = header.whole(NUMBER), header.whole(COUNT)
        if (number, count) != (i - 1, len(headers)):
            found = f"part {number + 1} of {count}" if count else "no part of a model"
            raise _unusable(
                header.path, f"it is {found}, not part {i} of {len(headers)}: fetch it again"
            )
        other = next(
            (
                key
                for key in header.fields.keys() & first.fields.keys() - {NUMBER}
                if header.fields[key] != first.fields[key]
            ),
            None,
        )
        double = next((tensor for tensor in header.tensors if tensor.name in held), None)
        if double:
            other = f"{double.name}, which {held[double.name].name} holds too"
        if other:
            raise _unusable(
                header.path,
                f"it is a part of another model than {first.path.name} ({other}): fetch all parts"
                " of one model",
            )
        held |= {tensor.name: tensor.path for tensor in header.tensors}
    promised = first.whole(TENSORS, len(held))
    if promised != len(held):
        raise _unusable(
            first.path,
            f"its parts hold {len(held):,} tensors and the model has {promised:,}: they are not all"
            " of one model: fetch all parts again",
        )


def _refuse_cut(header: Header) -> None:
    end = max((tensor.offset + tensor.bytes for tensor in header.tensors), default=0)
    if end > header.bytes:
        raise _unusable(
            header.path,
            f"its tensors need {end:,} bytes and the file has {header.bytes:,}: fetch it again",
        )
