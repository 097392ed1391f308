"""A capture on disk: what the head of a reference read of one text, so that it is run once.

    capture.json               written last: what it is of, bytes and SHA-256 of all the others
    vocabulary.json            the tokenizer, as the model's file has it
    tokens.safetensors         [chunks, context length]; its header too says what it is of
    head.safetensors           weight [V, D], perhaps bias [V]
    hidden-00000.safetensors   [chunks of this one, scored positions, D], in the head's own type

Nothing in it is run. Every file says or is said to be whole, and one byte more, less or other is
refused.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import BadFile, ExitCode, QwhError
from . import disk
from .manifest import RunFacts
from .tensor_file import TensorFile

FORMAT = 1
MANIFEST, VOCABULARY = "capture.json", "vocabulary.json"
TOKENS, HEAD, HIDDEN = "tokens.safetensors", "head.safetensors", "hidden-{:05d}.safetensors"
NAME = re.compile(r"tokens\.safetensors|head\.safetensors|hidden-\d{5}\.safetensors")
LARGEST = 1 << 24  # bytes of the manifest
ID, CHECK = "capture_id", "check"
IDENTITY = (  # what decides its bits, and what its text is called
    "file_sha256",
    "tokenizer_sha256",
    "vocabulary_sha256",
    "corpus_id",
    "corpus_sha256",
    "token_stream_sha256",
    "add_bos",
    "context_length",
    "chunks",
    "score_from",
    "engine",
    "engine_version",
    "device",
    "logits_dtype",
    "batch_size",
    "ubatch_size",
)
FIELDS: dict[str, Any] = {each.name: each.type for each in fields(RunFacts)}


@dataclass(frozen=True)
class About:
    """What a capture is of. model, text, engine: fields of RunFacts, in whose order they count.

    vocabulary: bos, eos and add_bos of the tokenizer; room: tokens that the model was made for.
    """

    model: dict[str, Any]
    text: dict[str, Any]
    engine: dict[str, Any]
    vocabulary: dict[str, Any]
    room: int | None

    @property
    def facts(self) -> dict[str, Any]:
        """All fields of RunFacts."""
        return self.model | self.text | self.engine

    @property
    def capture_id(self) -> str:
        """16 hex digits of what decides its bits."""
        known = {key: self.facts.get(key) for key in IDENTITY} | {"format": FORMAT}
        return hashlib.sha256(_text(known).encode()).hexdigest()[:16]

    def other(self, theirs: "About") -> list[str]:
        """The facts in which two captures cannot be one."""
        ours, there = self.facts, theirs.facts
        return [key for key in IDENTITY if ours.get(key) != there.get(key)]

    def to_json(self) -> str:
        """All of it in one line."""
        return _text(asdict(self))


@dataclass(frozen=True)
class Manifest:
    """A whole capture. kld: mean and max, nats, that keeping adds, over so many positions.

    head: kind of the weights and of the hidden states, scale and cap; files: name -> bytes, sha256.
    """

    about: About
    head: dict[str, Any]
    kld: dict[str, Any]
    files: dict[str, dict[str, Any]]

    def to_json(self) -> str:
        """The manifest's text, with the hash of all else in it."""
        found = asdict(self) | {ID: self.about.capture_id, "format": FORMAT}
        check = hashlib.sha256(_text(found).encode()).hexdigest()
        return json.dumps(found | {CHECK: check}, indent=1, sort_keys=True, allow_nan=False) + "\n"

    def bytes_of(self, *names: str) -> int:
        """Bytes of files whose names begin so."""
        return sum(about["bytes"] for name, about in self.files.items() if name.startswith(names))


def folder_of(path: Path) -> Path:
    """A capture's folder, by its own path or by that of the manifest in it."""
    return path.parent if path.name == MANIFEST else path


def is_capture(folder: Path) -> bool:
    """Whether a folder holds a capture, or what was begun of one."""
    return any((folder / name).is_file() for name in (MANIFEST, TOKENS))


def read_manifest(folder: Path) -> Manifest:
    """What a capture says of itself. Raises QwhError: none, not whole yet, damaged."""
    path = folder / MANIFEST
    if not path.is_file():
        begun = sorted(folder.glob("hidden-*.safetensors"))
        found = f"{len(begun)} parts of one, not whole yet" if is_capture(folder) else "none"
        advice = "run the same qwh capture again" if is_capture(folder) else "check the path"
        raise QwhError(f"cannot read a capture in {folder}: {found}: {advice}", ExitCode.NOT_FOUND)
    bad = partial(BadFile, path, advice="make the capture again")
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError
        text = path.read_bytes().decode()
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise bad("format", f"{str(found['format'])[:20]}, and this qwh reads {FORMAT}")
        kinds = {each.name: found[each.name] for each in fields(Manifest)}
        manifest = Manifest(**(kinds | {"about": about_of(found["about"])}))
        if manifest.to_json() != text:
            raise bad("its check", "it is not as it was written")
    except OSError as error:
        raise bad("at its start", error.strerror or str(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise bad("at its start", "it makes no sense") from None
    return manifest


def about_of(found: dict[str, Any]) -> About:
    """What a capture is of, from its JSON. Raises ValueError, KeyError or TypeError: no such."""
    about = About(**found)
    for key, value in about.facts.items():
        if not isinstance(value, FIELDS[key]):
            raise ValueError(key)
    for kind, key in ((int, "bos"), (int, "eos"), (bool, "add_bos")):
        if type(about.vocabulary[key]) is not kind:
            raise ValueError(key)
    return about


def refuse_damage(folder: Path, manifest: Manifest) -> None:
    """Read every file. Raises BadFile unless each is as the manifest has it."""
    for name, about in manifest.files.items():
        path = folder / name
        if name != VOCABULARY and not NAME.fullmatch(name):
            raise BadFile(folder / MANIFEST, "files", name[:40], "make the capture again")
        if not path.is_file():
            raise BadFile(path, "at its start", "there is no such file", "make the capture again")
        size = path.stat().st_size
        if size != about["bytes"] or disk.sha256(path) != about["sha256"]:
            kept = about["bytes"]
            more = f": {size:,} of them, not {kept:,}" if size != kept else ""
            found = f"its bytes are not those of its capture{more}"
            raise BadFile(path, "its checksum", found, "make the capture again")


def described(path: Path) -> dict[str, Any]:
    """What a manifest says of a file."""
    return {"bytes": path.stat().st_size, "sha256": disk.sha256(path)}


def whole(path: Path, capture_id: str) -> TensorFile | None:
    """A file of a capture that is not whole yet, if it is its own and undamaged; else None."""
    try:
        found = TensorFile(path)
        found.refuse_damage()
    except (QwhError, OSError):
        return None
    return found if found.about.get(ID) == capture_id else None


def write_text(path: Path, text: str) -> None:
    """Write beside and rename, waiting for the disk. Raises OSError."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8", newline="\n")
    disk.sync(beside)
    beside.replace(path)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)
