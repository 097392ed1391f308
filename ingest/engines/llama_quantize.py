"""llama.cpp's quantizer: one GGUF file made of another.

A recipe is a file type of llama.cpp, as Q4_K_M. A + behind it keeps one part of the model in
another type, as Q8_0+embd-F16: embd (the token embedding, which is also the head), attn, ffn, or
down (of the ffn); +pure keeps none.
"""

import os
from pathlib import Path
from typing import Any

from ...errors import ExitCode, QwhError, storage_error

PARTS = {"attn": b"attn_", "ffn": b"ffn_", "down": b"ffn_down"}  # patterns of tensor names


def quantize(source: Path, target: Path, recipe: str, threads: int) -> None:
    """Make target, unless it is there: it is written beside and renamed, so it is whole."""
    import llama_cpp

    from . import llama_context  # noqa: F401  (quiets llama.cpp)

    if target.exists():
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_suffix(".partial")
        params = _params(recipe, threads)
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


def _params(recipe: str, threads: int) -> Any:
    """A recipe in the quantizer's own words."""
    import llama_cpp

    params = llama_cpp.llama_model_quantize_default_params()
    kind, _, part = recipe.partition("+")
    params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind.upper()}")
    params.pure = part == "pure"
    params.nthread = threads
    params.allow_requantize = True
    if part and not params.pure:
        name, _, kept = part.partition("-")
        type_ = getattr(llama_cpp, f"GGML_TYPE_{kept}")
        if name == "embd":  # apart: an F16 model's other tensors take no override
            params.token_embedding_type = type_
        else:
            override = llama_cpp.llama_model_tensor_override
            # an empty one ends it
            params.tt_overrides = (override * 2)(override(PARTS[name], type_))
    return params
