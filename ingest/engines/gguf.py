"""What a GGUF file says of itself: identity, tensor types, bits per weight, tokenizer.

Nothing in it is run.
"""

import hashlib
import json
import mmap
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ExitCode, QwhError
from ...raw import disk
from .gguf_header import Header, Tensor
from .vocabulary import vocabulary_sha256

# weights per block in every llama.cpp format that is not a K-quant (those use 256 = 8 blocks)
BLOCK = 32
SAMPLED_BLOCKS = 512
FLOATS = ("F32", "F16", "BF16")
TOKENIZER = (  # all keys that decide how text becomes token ids
    "tokens",
    "model",
    "pre",
    "merges",
    "token_type",
    "bos_token_id",
    "eos_token_id",
    "add_bos_token",
    "add_space_prefix",
)


@dataclass(frozen=True)
class GGUF:
    """A GGUF file as its header and its weights show it (see port.ModelFile).

    bits_per_weight = 8 x tensor bytes / weights; tensor_types: type -> tensors, weights, bytes;
    block_levels: see `_block_levels`.
    """

    path: Path
    sha256: str
    bytes: int
    name: str
    architecture: str
    file_type: str
    parameters: int
    bits_per_weight: float
    tensor_types: dict[str, dict[str, int]]
    block_levels: int | None
    imatrix: str | None
    context_length: int
    tokenizer: dict[str, Any]

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return len(self.tokenizer["tokens"])

    @cached_property
    def tokenizer_sha256(self) -> str:
        """Hash over everything that decides how text becomes token ids."""
        return hashlib.sha256(json.dumps(self.tokenizer, sort_keys=True).encode()).hexdigest()

    @property
    def stream(self) -> None:
        """It reads any sequence."""
        return None

    @property
    def partial(self) -> None:
        """A file that is cut short is refused."""
        return None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The fields of RunFacts about the model file and its tokenizer."""
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
            "vocabulary_sha256": vocabulary_sha256(self.tokenizer["tokens"]),
            "vocab_size": self.vocab_size,
        }


def read_gguf(path: Path) -> GGUF:
    """Read a GGUF file's metadata and tensor table and hash the file.

    Raises QwhError: file missing, not a GGUF, cut short, or without a tokenizer.
    """
    path, size = Path(path), _size(Path(path))
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

    tokens = fields.get("tokenizer.ggml.tokens")
    if not tokens:
        raise QwhError(
            f"cannot use {path} as a model: it carries no tokenizer (no tokenizer.ggml.tokens): use"
            " a complete model file",
            ExitCode.BAD_INPUT,
        )
    architecture = fields.get("general.architecture", "unknown")
    types = _tensor_types(tensors)
    weights = sum(total["weights"] for total in types.values())
    stored = sum(total["bytes"] for total in types.values())
    return GGUF(
        path=path,
        sha256=disk.sha256(path),
        bytes=size,
        name=fields.get("general.name", path.stem),
        architecture=architecture,
        file_type=_file_type(fields.get("general.file_type")),
        parameters=weights,
        bits_per_weight=8 * stored / weights,
        tensor_types=types,
        block_levels=block_levels,
        imatrix=fields.get("quantize.imatrix.file"),
        context_length=int(fields.get(f"{architecture}.context_length", 0)),
        tokenizer={key: fields.get(f"tokenizer.ggml.{key}") for key in TOKENIZER},
    )


def _size(path: Path) -> int:
    """Bytes of a file that is there and not empty. Raises QwhError."""
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
    return size


def _tensor_types(tensors: list[Tensor]) -> dict[str, dict[str, int]]:
    """type -> tensors, weights, bytes, in the order of the types' names."""
    types: dict[str, dict[str, int]] = {}
    for tensor in tensors:
        total = types.setdefault(tensor.kind, {"tensors": 0, "weights": 0, "bytes": 0})
        total["tensors"] += 1
        total["weights"] += tensor.weights
        total["bytes"] += tensor.bytes
    return dict(sorted(types.items()))


def _file_type(number: int | None) -> str:
    from gguf import LlamaFileType

    try:
        return LlamaFileType(number).name
    except ValueError:
        return "unknown" if number is None else str(number)


def _block_levels(tensors: list[Tensor], raw: mmap.mmap) -> int | None:
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
