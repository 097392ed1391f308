"""Small GGUF files of the tests' own: read, changed, written anew, in one file or in several."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np

CASES = Path(__file__).parent / "fixtures" / "cases" / "quant"
WIDTH = 8  # of the models made here, as of micro-ref.gguf
Kinds = gguf.GGUFValueType


@dataclass
class Model:
    """A model's metadata, key -> (value, type, type of a list's entries), and its tensors."""

    fields: dict[str, tuple[Any, Any, Any]] = field(default_factory=dict)
    tensors: dict[str, np.ndarray] = field(default_factory=dict)

    def set(self, **values: Any) -> "Model":
        """Fields by their names with __ for the dots; None takes one away."""
        for name, value in values.items():
            key = name.replace("__", ".")
            self.fields.pop(key, None)
            if value is None:
                continue
            inner = _kind(value[0]) if isinstance(value, list) else None
            self.fields[key] = (value, Kinds.ARRAY if inner is not None else _kind(value), inner)
        return self

    def write(self, path: Path, **split: Any) -> Path:
        """The file, or several: split_max_tensors, small_first_shard. Returns the first one."""
        writer = gguf.GGUFWriter(path, self.fields["general.architecture"][0], **split)
        for key, (value, kind, inner) in self.fields.items():
            if key != "general.architecture":
                writer.add_key_value(key, value, kind, inner)
        for name, tensor in self.tensors.items():
            writer.add_tensor(name, tensor)
        writer.write_header_to_file(path)
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        parts = sorted(path.parent.glob(f"{path.stem}-00001-of-*.gguf"))
        return path if path.exists() else parts[0]

    def shaken(self, seed: int, by: float = 0.05) -> "Model":
        """The same model with other weights, as a quant's are."""
        rng = np.random.default_rng(seed)
        return Model(
            dict(self.fields),
            {
                name: (tensor + by * rng.normal(size=tensor.shape) * tensor.std()).astype(
                    tensor.dtype
                )
                for name, tensor in self.tensors.items()
            },
        )


def _kind(value: Any) -> Any:
    kinds = {bool: Kinds.BOOL, int: Kinds.UINT32, float: Kinds.FLOAT32, str: Kinds.STRING}
    return kinds[type(value)]


def read(path: Path) -> Model:
    """A GGUF file as it is."""
    reader = gguf.GGUFReader(path)
    found = Model(tensors={each.name: np.array(each.data) for each in reader.tensors})
    for key, entry in reader.fields.items():
        if not key.startswith("GGUF."):
            kind, inner = entry.types[0], entry.types[-1] if len(entry.types) > 1 else None
            found.fields[key] = (entry.contents(), kind, inner)
    return found


def micro() -> Model:
    """The reference of the kept cases: llama, 257 byte tokens."""
    return read(CASES / "micro-ref.gguf")


def hybrid() -> Model:
    """LFM2: a layer of short convolutions, whose state is recurrent, and one of attention."""
    arch = "lfm2"
    found = _spoken(arch).set(
        lfm2__feed_forward_length=16,
        lfm2__attention__head_count=2,
        lfm2__attention__head_count_kv=[0, 2],
        lfm2__attention__layer_norm_rms_epsilon=1e-6,
        lfm2__rope__freq_base=10000.0,
        lfm2__shortconv__l_cache=3,
        lfm2__vocab_size=257,
    )
    weights = _Weights(found)
    weights.one("token_embd_norm", WIDTH)
    for layer in (0, 1):
        weights.one(f"blk.{layer}.attn_norm", WIDTH)
        weights.one(f"blk.{layer}.ffn_norm", WIDTH)
        weights.add(f"blk.{layer}.ffn_gate", 16, WIDTH)
        weights.add(f"blk.{layer}.ffn_up", 16, WIDTH)
        weights.add(f"blk.{layer}.ffn_down", WIDTH, 16)
    weights.add("blk.0.shortconv.conv", WIDTH, 3)
    weights.add("blk.0.shortconv.in_proj", 3 * WIDTH, WIDTH)
    weights.add("blk.0.shortconv.out_proj", WIDTH, WIDTH)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        weights.add(f"blk.1.{name}", WIDTH, WIDTH)
    weights.one("blk.1.attn_q_norm", WIDTH // 2)
    weights.one("blk.1.attn_k_norm", WIDTH // 2)
    return found


def recurrent() -> Model:
    """RWKV 7: nothing but recurrent state."""
    rank, inner = 4, 16
    width = head = 64  # its loops take so many numbers at a time
    found = _spoken("rwkv7", width).set(
        rwkv7__feed_forward_length=inner,
        rwkv7__attention__head_count=0,
        rwkv7__attention__layer_norm_epsilon=1e-5,
        rwkv7__wkv__head_size=head,
        rwkv7__token_shift_count=2,
        rwkv7__attention__decay_lora_rank=rank,
        rwkv7__attention__iclr_lora_rank=rank,
        rwkv7__attention__value_residual_mix_lora_rank=rank,
        rwkv7__attention__gate_lora_rank=rank,
    )
    weights = _Weights(found)
    for norm in ("token_embd_norm", "output_norm"):
        weights.one(norm, width)
        weights.one(norm, width, ".bias", 0.0)
    weights.add("output", 257, width)
    for layer in (0, 1):
        name = f"blk.{layer}."
        for norm in ("attn_norm", "attn_norm_2", "time_mix_ln"):
            weights.one(name + norm, width)
            weights.one(name + norm, width, ".bias", 0.0)
        for part in "wavg":
            weights.add(f"{name}time_mix_{part}1", rank, width)
            weights.add(f"{name}time_mix_{part}2", width, rank)
        for part in ("w0", "a0", "v0", "k_k", "k_a"):
            weights.add(f"{name}time_mix_{part}", width)
        weights.add(f"{name}time_mix_r_k", width)
        weights.add(f"{name}time_mix_lerp_fused", 6, 1, 1, width)
        weights.add(f"{name}channel_mix_lerp_k", width)
        for part in ("key", "value", "receptance", "output"):
            weights.add(f"{name}time_mix_{part}", width, width)
        weights.add(f"{name}channel_mix_key", inner, width)
        weights.add(f"{name}channel_mix_value", width, inner)
    return found


def _spoken(architecture: str, width: int = WIDTH) -> Model:
    """A model without layers that speaks as micro-ref.gguf does."""
    plain = micro()
    found = Model(
        {key: value for key, value in plain.fields.items() if not key.startswith("llama.")},
    )
    _Weights(found).add("token_embd", 257, width)
    shape = {"context_length": 512, "embedding_length": width, "block_count": 2}
    return found.set(
        general__architecture=architecture,
        **{f"{architecture}__{key}": value for key, value in shape.items()},
    )


class _Weights:
    """Random weights, put into a model under their names."""

    def __init__(self, model: Model):
        self.model, self.rng = model, np.random.default_rng(0)

    def add(self, name: str, *shape: int) -> None:
        """Normal ones, rows last: [out, in]."""
        weights = 0.5 * self.rng.normal(size=shape)
        self.model.tensors[f"{name}.weight"] = weights.astype(np.float32)

    def one(self, name: str, size: int, ending: str = ".weight", value: float = 1.0) -> None:
        """A norm's."""
        self.model.tensors[name + ending] = np.full(size, value, np.float32)
