"""What a GGUF file says of itself: identity, tensor types, bits per weight, tokenizer.

Nothing in it is run.
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ExitCode, QwhError
from ...raw import disk
from .gguf_header import Header, Tensor
from .gguf_parts import model_headers, model_stem
from .vocabulary import vocabulary_sha256

# weights per block in every llama.cpp format that is not a K-quant (those use 256 = 8 blocks)
BLOCK = 32
SAMPLED_BLOCKS = 512
FLOATS = ("F32", "F16", "BF16")
HASHED = 12  # hex digits: among a million tensors two strangers agree once in 500
RANK = 4  # llama.cpp's pooling type of a reranker
TOKENIZER = (  # the keys that decide how text becomes token ids, and which the hash is of
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
TOKENIZER_BESIDE = (  # rarer ones, which are compared as well
    "scores",
    "add_eos_token",
    "eot_token_id",
    "remove_extra_whitespaces",
    "precompiled_charsmap",
)


@dataclass(frozen=True)
class GGUF:
    """A model in GGUF as its headers and its weights show it (see port.ModelFile).

    path, name: of its first file; the rest is of all its files together.
    bits_per_weight = 8 x tensor bytes / weights; tensor_types: type -> tensors, weights, bytes;
    block_levels: see `_block_levels`; tensor_hashes: see `_tensor_hashes`; kept: numbers that
    attention keeps of each position, as keys and as values, of all layers.
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
    tensor_hashes: dict[str, int]
    imatrix: str | None
    context_length: int
    kept: tuple[int, int]
    tokenizer: dict[str, Any]
    chat_template: str | None = None
    calibration: str | None = None

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return len(self.tokenizer["tokens"])

    @cached_property
    def tokenizer_sha256(self) -> str:
        """Hash over everything that decides how text becomes token ids."""
        hashed = {key: self.tokenizer[key] for key in TOKENIZER}
        return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()

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
            "tensor_hashes": json.dumps(self.tensor_hashes),
            "imatrix": self.imatrix,
            "tokenizer_sha256": self.tokenizer_sha256,
            "vocabulary_sha256": vocabulary_sha256(self.tokenizer["tokens"]),
            "vocab_size": self.vocab_size,
        }


def read_gguf(path: Path) -> GGUF:
    """Read a model's metadata and tensor table and hash its files. path: its only or first file.

    Raises QwhError: a file missing, not a GGUF or cut short; a model without a tokenizer, or one
    that predicts no next token.
    """
    path = Path(path)
    headers = model_headers(path)
    fields = headers[0].fields
    tensors = [tensor for header in headers for tensor in header.tensors]
    tokens = fields.get("tokenizer.ggml.tokens")
    if not tokens:
        raise QwhError(
            f"cannot use {path} as a model: it carries no tokenizer (no tokenizer.ggml.tokens): use"
            " a complete model file",
            ExitCode.BAD_INPUT,
        )
    architecture = fields.get("general.architecture", "unknown")
    _refuse_embedding(path, architecture, fields)
    types = _tensor_types(tensors)
    weights = sum(total["weights"] for total in types.values())
    stored = sum(total["bytes"] for total in types.values())
    with ThreadPoolExecutor(1) as beside:  # the file is read once, from the disk's cache after that
        hashes = beside.submit(_tensor_hashes, tensors)
        sha256 = disk.sha256_together([header.path for header in headers])
    return GGUF(
        path=path,
        sha256=sha256,
        bytes=sum(header.bytes for header in headers),
        name=fields.get("general.name", model_stem(path)),
        architecture=architecture,
        file_type=_file_type(fields.get("general.file_type")),
        parameters=weights,
        bits_per_weight=8 * stored / weights,
        tensor_types=types,
        block_levels=_block_levels(tensors),
        tensor_hashes=hashes.result(),
        imatrix=fields.get("quantize.imatrix.file"),
        context_length=headers[0].whole(f"{architecture}.context_length"),
        kept=_kept(headers[0], architecture),
        chat_template=_text(fields, "tokenizer.chat_template"),
        calibration=_text(fields, "quantize.imatrix.dataset"),
        tokenizer={
            key: fields.get(f"tokenizer.ggml.{key}") for key in (*TOKENIZER, *TOKENIZER_BESIDE)
        },
    )


def _kept(header: Header, architecture: str) -> tuple[int, int]:
    """Numbers in the keys and the values of a position, over all layers; 0 without attention."""

    def whole(key: str, default: int = 0) -> int:
        return header.whole(f"{architecture}.{key}", default)

    def by_layer(key: str, default: list[int]) -> list[int]:
        found = header.fields.get(f"{architecture}.attention.{key}")
        if isinstance(found, list):
            return [each for each in found if isinstance(each, int)]
        return default if found is None else [whole(f"attention.{key}")] * whole("block_count")

    heads = by_layer("head_count", [])
    kept = sum(by_layer("head_count_kv", heads))
    size = whole("embedding_length") // max(1, *heads) if heads else 0
    keys, values = (whole(f"attention.{each}_length", size) for each in ("key", "value"))
    return kept * keys, kept * values


def _text(fields: dict[str, Any], key: str) -> str | None:
    """A key's text; None without one."""
    found = fields.get(key)
    return found if isinstance(found, str) else None


def _tensor_hashes(tensors: list[Tensor]) -> dict[str, int]:
    """First HASHED hex digits of the SHA-256 of each quantized tensor's data -> its weights.

    Two quants that share one were made alike where it lies.
    """
    hashes: dict[str, int] = {}
    for tensor in tensors:
        if tensor.kind not in FLOATS and tensor.bytes:
            data = np.memmap(
                tensor.path, np.uint8, mode="r", offset=tensor.offset, shape=tensor.bytes
            )
            digest = hashlib.sha256(data.data).hexdigest()[:HASHED]
            hashes[digest] = hashes.get(digest, 0) + tensor.weights
    return hashes


def _refuse_embedding(path: Path, architecture: str, fields: dict[str, Any]) -> None:
    """Raise QwhError if the file says that it predicts no next token."""
    pooling = fields.get(f"{architecture}.pooling_type")
    causal = fields.get(f"{architecture}.attention.causal", True)
    if causal and not pooling:
        return
    kind = "a reranker" if pooling == RANK else "an embedding model"
    raise QwhError(
        f"cannot use {path} as a model: it is {kind} ({architecture}), no next-token"
        " probabilities: use a language model",
        ExitCode.BAD_INPUT,
    )


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
        from .llama_context import file_type_of_llama

        return "unknown" if number is None else file_type_of_llama(number) or str(number)


def _block_levels(tensors: list[Tensor]) -> int | None:
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
    bits = np.memmap(
        largest.path,
        "<u4" if largest.kind == "F32" else "<u2",
        mode="r",
        offset=largest.offset,
        shape=largest.weights,
    )
    blocks = bits[: len(bits) // BLOCK * BLOCK].reshape(-1, BLOCK)
    sample = np.sort(blocks[:: max(1, len(blocks) // SAMPLED_BLOCKS)], axis=1)
    return int((np.diff(sample, axis=1) != 0).sum(axis=1).max() + 1)
