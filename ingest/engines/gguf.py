"""What a GGUF file says of itself: identity, real tensor types and bits per weight, tokenizer.
Nothing in it is run.
"""

import hashlib
import json
import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import ExitCode, QwhError
from ...raw import disk
from .gguf_header import Header

# weights per block in every llama.cpp format that is not a K-quant (those use 256 = 8 blocks)
BLOCK = 32
SAMPLED_BLOCKS = 512
FLOATS = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class GGUF:
    """Facts of one model file. bits_per_weight = 8 x tensor bytes / weights; tensor_types: type ->
    tensors, weights, bytes.
    """

    path: Path
    sha256: str
    bytes: int
    name: str
    architecture: str
    file_type: str
    parameters: int
    bits_per_weight: float
    tensor_types: dict
    block_levels: int | None
    imatrix: str | None
    context_length: int
    tokenizer: dict

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return len(self.tokenizer["tokens"])

    @property
    def tokenizer_sha256(self) -> str:
        """Hash over everything that decides how text becomes token ids."""
        return hashlib.sha256(json.dumps(self.tokenizer, sort_keys=True).encode()).hexdigest()

    def run_facts(self) -> dict:
        """The manifest's keys about the model file and its tokenizer."""
        return {
            "model_name": self.name,
            "architecture": self.architecture,
            "file_name": self.path.name,
            "file_sha256": self.sha256,
            "file_bytes": self.bytes,
            "parameters": self.parameters,
            "bits_per_weight": self.bits_per_weight,
            "file_type": self.file_type,
            "tensor_types": json.dumps(self.tensor_types),
            "block_levels": self.block_levels,
            "imatrix": self.imatrix,
            "tokenizer_sha256": self.tokenizer_sha256,
            "vocab_size": self.vocab_size,
        }


def read_gguf(path: Path) -> GGUF:
    """Read a GGUF file's metadata and tensor table and hash the file.

    Raises QwhError: file missing, not a GGUF, cut short, or without a tokenizer.
    """
    path = Path(path)
    if not path.is_file():
        raise QwhError(
            f"cannot read the model {path}: there is no such file: check the path",
            ExitCode.NOT_FOUND,
        )
    size = path.stat().st_size
    if size == 0:
        raise QwhError(
            f"cannot use {path} as a model: the file is empty: fetch it again", ExitCode.BAD_INPUT
        )
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        header = Header(path, raw)
        fields, tensors = header.fields, header.tensors
        end = max((tensor.offset + tensor.bytes for tensor in tensors), default=0)
        if not tensors or end > size:
            raise QwhError(
                f"cannot use {path} as a model: its tensors need {end:,} bytes and the file has"
                f" {size:,}: fetch it again",
                ExitCode.BAD_INPUT,
            )
        block_levels = _block_levels(tensors, raw)

    def get(key: str, default=None):
        return fields.get(key, default)

    architecture = get("general.architecture", "unknown")
    tokens = get("tokenizer.ggml.tokens")
    if not tokens:
        raise QwhError(
            f"cannot use {path} as a model: it carries no tokenizer (no tokenizer.ggml.tokens): use"
            " a complete model file",
            ExitCode.BAD_INPUT,
        )
    types: dict[str, dict] = {}
    for tensor in tensors:
        total = types.setdefault(tensor.kind, {"tensors": 0, "weights": 0, "bytes": 0})
        total["tensors"] += 1
        total["weights"] += tensor.weights
        total["bytes"] += tensor.bytes
    weights = sum(total["weights"] for total in types.values())
    return GGUF(
        path=path,
        sha256=disk.sha256(path),
        bytes=size,
        name=get("general.name", path.stem),
        architecture=architecture,
        file_type=_file_type(get("general.file_type")),
        parameters=weights,
        bits_per_weight=8 * sum(total["bytes"] for total in types.values()) / weights,
        tensor_types=dict(sorted(types.items())),
        block_levels=block_levels,
        imatrix=get("quantize.imatrix.file"),
        context_length=int(get(f"{architecture}.context_length", 0)),
        tokenizer={"tokens": tokens}
        | {
            key: get(f"tokenizer.ggml.{key}")
            for key in (
                "model",
                "pre",
                "merges",
                "token_type",
                "bos_token_id",
                "eos_token_id",
                "add_bos_token",
                "add_space_prefix",
            )
        },
    )


def refuse_other_tokenizer(reference: GGUF, quant: GGUF) -> None:
    """Raise QwhError, naming the first difference, unless both files turn text into the same token
    ids.
    """
    if reference.tokenizer_sha256 == quant.tokenizer_sha256:
        return
    if quant.vocab_size != reference.vocab_size:
        found = f"{quant.vocab_size:,} tokens against {reference.vocab_size:,}"
    else:
        key = next(
            key for key in reference.tokenizer if reference.tokenizer[key] != quant.tokenizer[key]
        )
        ours, theirs = reference.tokenizer[key], quant.tokenizer[key]
        if isinstance(ours, list) and isinstance(theirs, list):
            at = next(
                (i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b),
                min(len(ours), len(theirs)),
            )
            found = f"{key}[{at}] is {_at(theirs, at)} against {_at(ours, at)}"
        else:
            found = f"{key} is {theirs!r} against {ours!r}"
    raise QwhError(
        f"cannot compare {quant.path.name} with {reference.path.name}: their tokenizers differ,"
        f" {found}: use quants of this very model",
        ExitCode.MISMATCH,
    )


def _at(values: list, index: int) -> str:
    return repr(values[index]) if index < len(values) else "absent"


def _file_type(number: int | None) -> str:
    from gguf import LlamaFileType

    try:
        return LlamaFileType(number).name
    except ValueError:
        return "unknown" if number is None else str(number)


def _block_levels(tensors: list, raw: mmap.mmap) -> int | None:
    """Most distinct values in any sampled block of 32 weights of a float file's largest matrix;
    None if it is quantized.

    Weights that were trained in 16 bits differ almost everywhere (about 30 of 32). At most 16 means
    that the file was made from a 4-bit one: a reference of that kind is not the original model.
    """
    matrices = [tensor for tensor in tensors if len(tensor.shape) == 2]
    if not matrices or any(tensor.kind not in FLOATS for tensor in matrices):
        return None
    largest = max(
        [tensor for tensor in matrices if tensor.name.startswith("blk.")] or matrices,
        key=lambda tensor: tensor.weights,
    )
    bits = np.frombuffer(
        raw, "<u4" if largest.kind == "F32" else "<u2", largest.weights, largest.offset
    )
    blocks = bits[: len(bits) // BLOCK * BLOCK].reshape(-1, BLOCK)
    sample = np.sort(blocks[:: max(1, len(blocks) // SAMPLED_BLOCKS)], axis=1)
    del bits, blocks  # views of the mapped file, which is closed next
    return int((np.diff(sample, axis=1) != 0).sum(axis=1).max() + 1)
