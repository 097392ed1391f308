"""How long the scorer takes for one entry, beside plain torch, llama.cpp and memory itself.

    python benchmarks/kernels.py [--vocabulary V ...] [--threads N ...] [--rounds R] [--compile]

An entry is a position's (reference, quant) pair of logits for one id. llama.cpp's own step is
compiled here, with the flags that its program ships with (-O3, no -march), from the text of
tools/perplexity/perplexity.cpp in the source distribution of llama-cpp-python. The contenders take
turns in every round, and medians are printed: CPU time over all threads, wall time, and their
ratio, the cores in use: if that is below `threads`, the machine was busy with something else, and
neither the wall time nor torch's CPU time (its threads spin while they wait) means much. "x memory"
and "x ours" are of CPU time.
"""

import argparse
import ctypes
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import peer
import torch
import torch_columns
from numba import njit

from qwh.kernels.scorers import cpu, naive
from qwh.kernels.scorers.rows import CodedRows

# logits of each side: both together are larger than the last cache, and a call takes tens of
# milliseconds
ENTRIES = 30_000_000
SLOW_SHARE = 8  # the slow contenders get an eighth of the rows
PARTS = (
    "static inline int nearest_int(",
    "static double log_softmax(int n_vocab, const float * logits, uint16_t",
    "struct kl_divergence_result {",
    "static std::pair<double, float> log_softmax(",
)
WRAPPER = """
extern "C" void base_rows(int rows, int n, int stride, const float * x, const int * y,
                          uint16_t * codes) {
    for (int t = 0; t < rows; ++t)
        log_softmax(n, x + size_t(t)*n, codes + size_t(t)*stride, y[t]);
}
extern "C" double kld_rows(int rows, int n, int stride, const float * z, const int * y,
                           const uint16_t * codes) {
    kl_divergence_result sums;
    for (int t = 0; t < rows; ++t)
        log_softmax(n, z + size_t(t)*n, codes + size_t(t)*stride, y[t], sums);
    return sums.sum_kld / rows;
}
"""


def main() -> None:
    """Measure and print a line for each vocabulary, number of threads and contender."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--perplexity-cpp",
        type=Path,
        help="llama.cpp's tools/perplexity/perplexity.cpp; peer.py's copy if not given",
    )
    parser.add_argument("--vocabulary", type=int, nargs="+", default=[32_000, 151_936, 248_320])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--noise",
        type=float,
        default=0.05,
        help="standard deviation of the quant's error in its logits",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="torch.compile as well: about 20 s more for each shape",
    )
    arguments = parser.parse_args()
    library = llama_cpp(arguments.perplexity_cpp)
    score(*rows_like_a_model(2, 600, 0.1), 1)  # compiles
    print(
        f"{'V':>8}{'threads':>8} "
        f" {'':<50}{'cpu ns':>9}{'wall ns':>9}{'cores':>7}{'x memory':>10}{'x ours':>8}"
    )
    for vocabulary in arguments.vocabulary:
        x, z, y = rows_like_a_model(
            max(SLOW_SHARE, ENTRIES // vocabulary), vocabulary, arguments.noise
        )
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            report(
                vocabulary,
                threads,
                measure(contenders(x, z, y, threads, library, arguments.compile), arguments.rounds),
            )


def rows_like_a_model(
    rows: int, vocabulary: int, noise: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reference and quant logits [rows, vocabulary] and targets [rows] drawn from the reference."""
    rng = np.random.default_rng(0)
    x = 2 * rng.standard_normal((rows, vocabulary), np.float32)
    x[np.arange(rows), rng.integers(0, vocabulary, rows)] += rng.uniform(0, 12, rows).astype(
        np.float32
    )
    y = np.array([np.argmax(row + rng.gumbel(size=vocabulary)) for row in x], np.int32)
    return x, x + np.float32(noise) * rng.standard_normal(x.shape, np.float32), y


def contenders(
    x: np.ndarray, z: np.ndarray, y: np.ndarray, threads: int, library, compiled: bool
) -> dict:
    """name -> (what to call, entries it goes through)."""
    few = max(1, len(x) // SLOW_SHARE)
    small = (x[:few], z[:few], y[:few])
    reference = cpu.reference_rows(x, y, threads=threads)
    tensors = [torch.from_numpy(part) for part in small]
    codes = base_codes(x)
    library_rows(library.base_rows, x, y, codes)
    coded = CodedRows(codes, x.shape[1], 16)
    coded_reference = cpu.reference_rows(coded, y, threads=threads)
    x_half, z_half = x.astype(np.float16), z.astype(np.float16)
    found = {
        "memory: both rows read once": (partial(over_rows, threads, read_both, x, z), x.size),
        "qwh: reference, top 32": (lambda: cpu.reference_rows(x, y, threads=threads), x.size),
        "qwh: quant": (lambda: cpu.quant_rows(x, reference, z, y, threads), x.size),
        "qwh: both": (lambda: score(x, z, y, threads), x.size),
        "qwh: quant, both float16": (
            lambda: cpu.quant_rows(x_half, reference, z_half, y, threads),
            x.size,
        ),
        "qwh: quant against llama.cpp's codes, both KLDs": (
            lambda: cpu.quant_rows(coded, coded_reference, z, y, threads),
            x.size,
        ),
        "llama.cpp: writing the base row": (
            partial(over_rows, threads, partial(library_rows, library.base_rows), x, y, codes),
            x.size,
        ),
        "llama.cpp: KLD of a quant, nothing else": (
            partial(over_rows, threads, partial(library_rows, library.kld_rows), z, y, codes),
            x.size,
        ),
        "torch float32: KLD only": (lambda: torch_columns.kld_only(*tensors[:2]), small[0].size),
        "torch float32: every column": (
            lambda: torch_columns.columns(*tensors, top_k=True),
            small[0].size,
        ),
        "NumPy float64: every column (naive.py)": (
            lambda: naive.quant_rows(
                *small[:1], naive.reference_rows(small[0], small[2]), *small[1:]
            ),
            small[0].size,
        ),
    }
    if compiled:
        fused = torch.compile(partial(torch_columns.columns, top_k=False))
        found["torch.compile: every column but top k"] = (lambda: fused(*tensors), small[0].size)
    return found


def measure(found: dict, rounds: int) -> dict[str, tuple[float, float]]:
    """name -> median (CPU, wall) nanoseconds per entry; one untimed round first."""
    times = {name: [] for name in found}
    for turn in range(rounds + 1):
        for name, (call, entries) in found.items():
            time.sleep(0.05)  # until the threads of the one before have stopped waiting for more
            wall, busy = time.perf_counter(), time.process_time()
            call()
            if turn:
                times[name].append(
                    (
                        (time.process_time() - busy) / entries * 1e9,
                        (time.perf_counter() - wall) / entries * 1e9,
                    )
                )
    return {name: tuple(map(statistics.median, zip(*values))) for name, values in times.items()}


def report(vocabulary: int, threads: int, times: dict[str, tuple[float, float]]) -> None:
    """One line per contender."""
    memory, ours = next(iter(times.values()))[0], times["qwh: both"][0]
    for name, (busy, wall) in times.items():
        print(
            f"{vocabulary:>8}{threads:>8}  {name:<50}{busy:>9.3f}{wall:>9.3f}"
            f"{busy / wall:>7.2f}{busy / memory:>10.1f}{busy / ours:>8.2f}",
            flush=True,
        )


def score(x, z, y, threads):
    """What ingest does for one quant."""
    return cpu.quant_rows(x, cpu.reference_rows(x, y, threads=threads), z, y, threads)


def over_rows(threads: int, call, *arrays: np.ndarray) -> None:
    """call(parts of the arrays) in as many threads, rows split evenly."""
    parts = list(zip(*(np.array_split(array, threads) for array in arrays)))
    if threads == 1:
        call(*parts[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda part: call(*part), parts))


@njit(nogil=True, fastmath=True)
def read_both(x, z):
    total = np.float32(0)
    for t in range(len(x)):
        a, b = x[t], z[t]
        for i in range(len(a)):
            total += a[i] + b[i]
    return total


def base_codes(x: np.ndarray) -> np.ndarray:
    """Room for llama.cpp's rows: two floats and a 16-bit code for each id."""
    return np.zeros((len(x), 2 * ((x.shape[1] + 1) // 2) + 4), np.uint16)


def library_rows(function, logits: np.ndarray, targets: np.ndarray, codes: np.ndarray) -> None:
    pointers = (array.ctypes.data_as(ctypes.c_void_p) for array in (logits, targets, codes))
    function(*logits.shape, codes.shape[1], *pointers)


def llama_cpp(source: Path | None) -> ctypes.CDLL:
    """llama.cpp's two functions, cut from its file and compiled."""
    source = source or next(
        peer.cache().glob("llama_cpp_python-*/vendor/llama.cpp/tools/perplexity/perplexity.cpp"),
        None,
    )
    if source is None:
        raise SystemExit(
            "llama.cpp's source is not here: run benchmarks/peer.py first, or give --perplexity-cpp"
        )
    lines = source.read_text().splitlines()
    text = "".join(
        f"#include <{name}>\n"
        for name in ("algorithm", "cmath", "cstdint", "cstring", "utility", "vector")
    )
    for part in PARTS:
        start = next(i for i, line in enumerate(lines) if line.startswith(part))
        end = next(i for i in range(start, len(lines)) if lines[i] in ("}", "};"))
        text += "\n".join(lines[start : end + 1]) + "\n"
    folder = Path(tempfile.mkdtemp())
    (folder / "step.cpp").write_text(text + WRAPPER)
    subprocess.run(
        ["g++", "-O3", "-shared", "-fPIC", "-o", str(folder / "step.so"), str(folder / "step.cpp")],
        check=True,
    )
    return ctypes.CDLL(str(folder / "step.so"))


if __name__ == "__main__":
    main()
