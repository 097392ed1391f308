"""How far each way to compute KLD is from float64 on a real model's logits, by decade of KLD.

    python benchmarks/accuracy.py --reference R.gguf --quant Q.gguf --corpus text.txt [--chunks N]

Median and largest relative error of the scorer's KLD, reverse KLD and JSD; of the scorer reading
llama.cpp's 16-bit codes; of llama-perplexity's own sum over the same codes; and of plain torch in
float32. `below 0`: share of negative KLDs.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import kernels as kernel_benchmark
from qwh.ingest.engines.llama_cpp import file, load, vocabulary
from qwh.ingest.engines.port import PLAIN
from qwh.ingest.texts.text import Cut, read_text
from qwh.kernels.scorers import cpu, naive
from qwh.kernels.scorers.rows import CodedRows


def rows_of(arguments: argparse.Namespace):
    """Yields the reference's and one quant's logits [positions, V] and the targets, chunk by chunk,
    for every quant.
    """
    reference = file(arguments.reference)
    cut = Cut(arguments.context_length, arguments.chunks, "half")
    text = read_text(str(arguments.corpus), 0, cut, vocabulary(reference))
    length = arguments.context_length
    models = [load(each, PLAIN, length, 2) for each in (reference, *map(file, arguments.quant))]
    sequences = text.sequences()
    streams = [model.read(sequences, length) for model in models]
    for sequence, (first, *others) in zip(sequences, zip(*streams)):
        targets = sequence.targets[sequence.targets >= 0]
        for logits in others:
            yield first, logits, targets


def measure(x: np.ndarray, z: np.ndarray, y: np.ndarray, library) -> dict[str, np.ndarray]:
    """Route -> KLD (or reverse, or JSD) [positions]; the float64 ones are called truth."""
    codes = kernel_benchmark.base_codes(x)
    kernel_benchmark.library_rows(library.base_rows, x, y, codes)
    coded = CodedRows(codes, x.shape[1], 16)
    ours, truth = (
        cpu.quant_rows(x, cpu.reference_rows(x, y), z, y),
        naive.quant_rows(x, naive.reference_rows(x, y), z, y),
    )
    stored = cpu.quant_rows(coded, cpu.reference_rows(coded, y), z, y)
    plain = kernel_benchmark.torch_kld(torch.from_numpy(x), torch.from_numpy(z)).numpy()
    return {
        "truth": truth.kld,
        "truth reverse": truth.kld_reverse,
        "truth jsd": truth.jsd,
        "qwh: KLD": ours.kld,
        "qwh: reverse KLD": ours.kld_reverse,
        "qwh: JSD": ours.jsd,
        "qwh: KLD from 16-bit codes": stored.kld,
        "llama-perplexity: KLD from 16-bit codes": stored.kld_llamacpp,
        "torch float32: KLD": plain,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--quant", type=Path, action="append", required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--context-length", type=int, default=256)
    parser.add_argument("--chunks", type=int, default=2)
    parser.add_argument("--perplexity-cpp", type=Path)
    arguments = parser.parse_args()
    library = kernel_benchmark.llama_cpp(arguments.perplexity_cpp)
    parts = [measure(*rows, library) for rows in rows_of(arguments)]
    found = {
        name: np.concatenate([part[name] for part in parts]).astype(float) for name in parts[0]
    }
    print(f"{'KLD from':>10}{'positions':>11}  {'':<42}{'median':>10}{'largest':>10}{'below 0':>9}")
    for decade in range(-9, 1):
        chosen = (found["truth"] >= 10.0**decade) & (found["truth"] < 10.0 ** (decade + 1))
        if not chosen.any():
            continue
        for name in list(found)[3:]:
            truth = found[
                "truth reverse" if "reverse" in name else "truth jsd" if "JSD" in name else "truth"
            ][chosen]
            error = abs(found[name][chosen] / truth - 1)
            print(
                f"{10.0**decade:>10.0e}{chosen.sum():>11}  {name:<42}"
                f"{np.median(error):>10.1e}{error.max():>10.1e}"
                f"{(found[name][chosen] < 0).mean():>9.1%}"
            )


if __name__ == "__main__":
    main()
