"""How llama.cpp can be told to run a file: its settings, and what they are in its own words."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...raw import disk
from .gguf_header import tensor_type
from .port import Reading
from .settings import Setting, adapter

F16, BF16 = 1, 30  # of ggml's types, which the bindings do not name
FLOATS = ("f16", "f32", "bf16")  # a cache of these types works without flash attention
KV_TYPES = (*FLOATS, "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
SWITCH = {"auto": -1, "off": 0, "on": 1}
ROPE = {"none": 0, "linear": 1, "yarn": 2, "longrope": 3}

SETTINGS = {
    "kv_type": Setting(
        "f16", KV_TYPES, "kv", "type of keys and values that are kept", both=("k_type", "v_type")
    ),
    "k_type": Setting("f16", KV_TYPES, "k", "type of the keys that are kept"),
    "v_type": Setting(
        "f16", KV_TYPES, "v", "type of the values that are kept; a quantized one needs flash"
        " attention"
    ),
    "flash_attention": Setting("auto", tuple(SWITCH), "fa", "flash attention"),
    "lora": Setting(
        "", "file", "lora", "an adapter laid over the weights, FILE or FILE=SCALE", several=True
    ),
    "rope_scaling": Setting("", tuple(ROPE), "rope", "how positions are stretched"),
    "rope_freq_base": Setting("", "number", "rope-base", "base frequency of RoPE"),
    "rope_freq_scale": Setting("", "number", "rope-scale", "factor on the frequencies of RoPE"),
    "threads": Setting("", "whole", "threads", "CPU threads"),
}  # fmt: skip


def contradiction(reading: Reading) -> str | None:
    """What of a reading llama.cpp cannot do together, and what to do; None if all is well."""
    said = dict(reading.settings)
    values = said.get("v_type") or said.get("kv_type") or FLOATS[0]
    if values in FLOATS or said.get("flash_attention") != "off":
        return None
    return f"values kept as {values} need flash attention: leave it on, or keep them as f16"


def threads_of(reading: Reading, threads: int) -> int:
    """CPU threads: the reading's, else those of the command."""
    return int(dict(reading.settings).get("threads", threads))


def adapters(reading: Reading) -> list[tuple[Path, float]]:
    """Adapters over the weights, with their scales."""
    return [adapter(value) for name, value in reading.settings if name == "lora"]


def facts(reading: Reading) -> dict[str, Any]:
    """The fields of RunFacts about a reading beside its label."""
    found = [
        {"file": path.name, "sha256": _sha256(path), "scale": scale}
        for path, scale in adapters(reading)
    ]
    return {"lora": json.dumps(found)} if found else {}


def parameters(reading: Reading) -> dict[str, Any]:
    """Fields of llama_context_params; what is not set stays llama.cpp's own."""
    import llama_cpp

    said = dict(reading.settings)
    found: dict[str, Any] = {}
    for field, name in (("type_k", "k_type"), ("type_v", "v_type")):
        if kind := said.get(name) or said.get("kv_type"):
            found[field] = getattr(llama_cpp, f"GGML_TYPE_{kind.upper()}", BF16)
    if "flash_attention" in said:
        found["flash_attn_type"] = SWITCH[said["flash_attention"]]
    if "rope_scaling" in said:
        found["rope_scaling_type"] = ROPE[said["rope_scaling"]]
    for name in ("rope_freq_base", "rope_freq_scale"):
        if name in said:
            found[name] = float(said[name])
    return found


def cached_bytes(reading: Reading, kept: tuple[int, int]) -> float:
    """Bytes of attention memory per position. kept: numbers in its keys and in its values."""
    types = parameters(reading)
    total = 0.0
    for field, numbers in zip(("type_k", "type_v"), kept):
        kind = tensor_type(types.get(field, F16))
        total += numbers * kind.bytes / kind.block
    return total


@lru_cache
def _sha256(path: Path) -> str:
    return disk.sha256(path)
