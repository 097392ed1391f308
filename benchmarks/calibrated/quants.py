"""Quants that are exchangeable by construction: noise of many seeds, and random recipes.

- noise: Gaussian noise on every matrix, in proportion to its own root mean square, of one size for
  each level of KLD; within a level the quants differ in nothing but the seed
- family: the same at one level, in families of four whose members share RELATED of the noise's
  variance
- recipe: llama.cpp's quantizer with a random type for each matrix
"""

import os
import random
from pathlib import Path
from typing import NamedTuple

import gguf
import llama_cpp
import torch

LEVELS = {0.002: 14, 0.004: 28, 0.008: 14, 0.016: 48, 0.03: 14, 0.06: 14, 0.1: 14, 0.2: 14}
SIZES = {  # of noise, in root mean squares of a matrix, that bring about each level of KLD
    0.002: 0.0546837524,
    0.004: 0.0773190248,
    0.008: 0.1089582368,
    0.016: 0.1522810455,
    0.03: 0.202490978,
    0.06: 0.2698930415,
    0.1: 0.3169272514,
    0.2: 0.395,
}
FAMILIES, MEMBERS, FAMILY_LEVEL, RELATED = 10, 4, 0.016, 0.8
RECIPES = 40
TYPES = ("Q8_0", "Q6_K", "Q5_K", "Q5_1", "Q5_0", "Q4_K", "Q4_1", "Q4_0", "IQ4_NL", "Q3_K", "Q2_K")

Weights = dict[str, torch.Tensor]


class Quant(NamedTuple):
    """One quant to be made. seeds: of the noise that a family shares, and of its own."""

    quant_id: str
    kind: str
    level: float | None  # None: a recipe
    family: str | None
    seeds: tuple[int, int]


def planned() -> list[Quant]:
    """All of them in an order of their own, so that the first hundred are a fair sample too."""
    found = [
        Quant(f"noise-{level:g}-{i:02}", "noise", level, None, (0, 1000 * place + i))
        for place, (level, count) in enumerate(LEVELS.items(), 1)
        for i in range(count)
    ]
    for f in range(FAMILIES):
        for m in range(MEMBERS):
            seeds = (90_000 + f, 91_000 + MEMBERS * f + m)
            found.append(Quant(f"family-{f:02}-{m}", "family", FAMILY_LEVEL, f"{f:02}", seeds))
    found += [Quant(f"recipe-{i:02}", "recipe", None, None, (0, i)) for i in range(RECIPES)]
    return random.Random(0).sample(found, len(found))


def read(path: Path) -> Weights:
    """All tensors of a model file, quantized ones as their types say."""
    return {
        tensor.name: torch.tensor(gguf.quants.dequantize(tensor.data, tensor.tensor_type))
        for tensor in gguf.GGUFReader(path).tensors
    }


def noisy(weights: Weights, quant: Quant) -> Weights:
    """The weights with a quant's noise on every matrix, as F16 would hold them."""
    shared, own = (torch.Generator().manual_seed(seed) for seed in quant.seeds)
    related, size = RELATED if quant.family else 0.0, SIZES[quant.level]
    changed = {}
    for name, tensor in weights.items():
        if tensor.dim() == 2:
            noise = related**0.5 * torch.randn(tensor.shape, generator=shared)
            noise += (1 - related) ** 0.5 * torch.randn(tensor.shape, generator=own)
            tensor = (tensor + size * tensor.square().mean().sqrt() * noise).half().float()
        changed[name] = tensor
    return changed


def mixed(source: Path, target: Path, seed: int) -> None:
    """A quant with a random type for each matrix, by llama.cpp's quantizer."""
    draw = random.Random(f"recipe {seed}")
    names = [tensor.name for tensor in gguf.GGUFReader(source).tensors if len(tensor.shape) == 2]
    kinds = {name: getattr(llama_cpp, f"GGML_TYPE_{draw.choice(TYPES)}") for name in names}
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, 1
    params.token_embedding_type = kinds.pop("token_embd.weight")
    override = llama_cpp.llama_model_tensor_override
    rules = [override(name.encode(), kind) for name, kind in kinds.items()]
    params.tt_overrides = (override * (len(rules) + 1))(*rules)  # an empty one ends it
    if llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(target), params) != 0:
        raise SystemExit(f"llama.cpp could not make {target}")
