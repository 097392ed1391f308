"""How long the Triton scorer takes on a GPU, beside torch and the memory itself.

    python benchmarks/kernels_gpu.py [--vocabulary V ...] [--rows T] [--rounds R]

Milliseconds per 1,000 positions, medians of CUDA events, the contenders in turn in every round.
"one side" is reference_rows with its top 32, "pair" what each further quant costs. The floor is the
time in which the same bytes are read once: a copy's, halved. x floor is against that.
"""

import argparse
import statistics
from functools import partial

import torch
import torch_columns

from qwh.kernels.scorers import gpu

ROUNDS = 15


def main() -> None:
    """Measure and print a line for each vocabulary, precision and contender."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vocabulary", type=int, nargs="+", default=[32_000, 151_936, 248_320])
    parser.add_argument("--rows", type=int, default=1_024)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {arguments.rows:,} rows")
    print(f"{'V':>8} {'logits':<9}{'':<44}{'ms / 1,000':>11}{'x floor':>9}")
    for vocabulary in arguments.vocabulary:
        for precision in (torch.float32, torch.float16):
            found = contenders(arguments.rows, vocabulary, precision)
            times = measure(found, arguments.rounds)
            for name, (_, reads) in found.items():
                floor = times["memory: a copy of one side"] / 2 * reads
                share = 1_000 / arguments.rows
                print(
                    f"{vocabulary:>8} {str(precision)[6:]:<9}{name:<44}"
                    f"{times[name] * share:>11.4f}{times[name] / floor:>9.2f}",
                    flush=True,
                )


def contenders(rows: int, vocabulary: int, precision: torch.dtype) -> dict:
    """name -> (what to call, how many sides' logits it must read)."""
    torch.manual_seed(0)
    x = (2 * torch.randn(rows, vocabulary, device="cuda")).to(precision)
    z = (x.float() + 0.05 * torch.randn(rows, vocabulary, device="cuda")).to(precision)
    y = torch.randint(vocabulary, (rows,))
    target, room = y.cuda(), torch.empty_like(x)
    reference = gpu.reference_rows(x, y.numpy(), 32)
    plain = partial(torch_columns.columns, top_k=False)
    fused = torch.compile(plain)
    return {
        "memory: a copy of one side": (lambda: room.copy_(x), 2),
        "qwh: one side, top 32": (partial(gpu.reference_rows, x, y.numpy(), 32), 1),
        "qwh: pair": (partial(gpu.quant_rows, x, reference, z, y.numpy()), 3),
        "torch eager: KLD only": (partial(torch_columns.kld_only, x, z), 2),
        "torch eager: every column but top k": (partial(plain, x, z, target), 2),
        "torch.compile: every column but top k": (partial(fused, x, z, target), 2),
    }


def measure(found: dict, rounds: int) -> dict[str, float]:
    """name -> median milliseconds of a call; two untimed rounds first."""
    times: dict[str, list[float]] = {name: [] for name in found}
    for turn in range(rounds + 2):
        for name, (call, _) in found.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
            start.record()
            call()
            end.record()
            torch.cuda.synchronize()
            if turn > 1:
                times[name].append(start.elapsed_time(end))
    return {name: statistics.median(values) for name, values in times.items()}


if __name__ == "__main__":
    main()
