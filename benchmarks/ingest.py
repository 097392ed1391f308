"""What a whole cohort costs through `qwh ingest gguf` and through llama-perplexity's steps.

    python benchmarks/ingest.py --reference R.gguf --quant A.gguf --corpus text.txt [--chunks N]

Wall time, CPU time, memory, disk. llama-perplexity writes the reference's logits once and reads
them back for every quant; qwh runs all models together. Same text, context length and threads, one
chunk per batch on both sides; the rounds alternate, medians are printed. Plain perplexity of every
quant is run as well: what --kl-divergence costs on top of it is llama.cpp's KLD step from end to
end; qwh's is the time in its scorer, by its own count.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import peer


def measured(command: list) -> tuple[str, float, float, float]:
    """Run a program: its output, wall seconds, CPU seconds, peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed: {output[-500:]}")
    return (
        output,
        time.perf_counter() - start,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
    )


def theirs(programs: Path, folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """llama-perplexity: write the base file, read it for each quant; each quant's perplexity."""
    common = [
        programs / "llama-perplexity",
        "-f",
        arguments.corpus,
        "-c",
        arguments.context_length,
        "-b",
        arguments.context_length,
        "-t",
        arguments.threads,
    ]
    common += ["--chunks", arguments.chunks] if arguments.chunks else []
    base = folder / "base.dat"
    steps = [measured([*common, "-m", arguments.reference, "--kl-divergence-base", base])]
    steps += [
        measured([*common, "-m", quant, "--kl-divergence-base", base, "--kl-divergence"])
        for quant in arguments.quant
    ]
    plain = [measured([*common, "-m", quant]) for quant in arguments.quant]
    _, wall, cpu, memory = zip(*steps)
    size = base.stat().st_size
    base.unlink()
    return {
        "wall": sum(wall),
        "cpu": sum(cpu),
        "memory": max(memory),
        "disk": size / 1e6,
        "step": sum(cpu[1:]) - sum(part[2] for part in plain),
    }


def ours(folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """One `qwh ingest gguf` of all of them."""
    warehouse = Path(tempfile.mkdtemp(dir=folder))
    command = [
        "qwh",
        "ingest",
        "gguf",
        "--reference",
        arguments.reference,
        "--corpus",
        arguments.corpus,
        "--cohort",
        "benchmark",
        "--warehouse",
        warehouse,
    ]
    command += [
        "--context-length",
        arguments.context_length,
        "--threads",
        arguments.threads,
        "--batch-size",
        arguments.context_length,
    ]
    command += [part for quant in arguments.quant for part in ("--quant", quant)] + (
        ["--chunks", arguments.chunks] if arguments.chunks else []
    )
    output, wall, cpu, memory = measured(command)
    print(
        next(line for line in output.splitlines() if line.startswith("forward ")), file=sys.stderr
    )
    disk = sum(path.stat().st_size for path in warehouse.rglob("*") if path.is_file()) / 1e6
    return {
        "wall": wall,
        "cpu": cpu,
        "memory": memory,
        "disk": disk,
        "step": float(re.search(r"score ([\d.,]+) s", output)[1]),
    }


def main() -> None:
    """Measure in turns and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--quant", type=Path, action="append", required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--context-length", type=int, default=512)
    parser.add_argument("--chunks", type=int)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--programs", type=Path, help="folder of llama-perplexity; built if not given"
    )
    arguments = parser.parse_args()
    programs = arguments.programs or peer.build()
    found = {"qwh": [], "llama-perplexity": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            found["qwh"].append(ours(Path(folder), arguments))
            found["llama-perplexity"].append(theirs(programs, Path(folder), arguments))
    figures = {
        name: {key: statistics.median(part[key] for part in rounds) for key in rounds[0]}
        for name, rounds in found.items()
    }
    print(
        f"{f'1 reference, {len(arguments.quant)} quants':<22}"
        f"{'wall s':>10}{'CPU s':>10}{'peak MB':>10}{'disk MB':>10}{'KLD step s':>12}"
    )
    for name, figure in [
        *figures.items(),
        (
            "ratio",
            {key: figures["llama-perplexity"][key] / figures["qwh"][key] for key in figures["qwh"]},
        ),
    ]:
        print(
            f"{name:<22}"
            + "".join(f"{figure[key]:>{10 if key != 'step' else 12}.2f}" for key in figure)
        )


if __name__ == "__main__":
    main()
