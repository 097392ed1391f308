"""Do llama-perplexity and qwh print the same of the same reference, quant and text?

    python benchmarks/parity.py --reference R.gguf --quant Q.gguf --corpus text.txt [--chunks N]

llama-perplexity writes the reference's log-probs as 16-bit codes and reads them back for the quant;
qwh scores both live in one pass. So the quant's own figures (PPL) must agree to rounding, and KLD
within what the codes lose: up to 4e-5 nats of noise per position, and the tail beyond 16 nats,
which makes llama.cpp's KLD of a flattened quant too large. Then `qwh ingest logits-file` reads
llama-perplexity's own file and `qwh build` repeats its summary, which must be the same to the last
printed digit, in every line. Exit code 1 if a line is off by more than is allowed for it.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import peer

# line of llama-perplexity's summary -> (our SQL over the wide rows, and how far it may be off:
# absolutely, relatively)
LINES = {
    "Mean PPL(Q)": ("exp(avg(nll))", 0, 1e-4),
    "Mean ln(PPL(Q)/PPL(base))": ("avg(nll - nll_ref)", 2e-3, 0),
    "Mean KLD": ("avg(kld)", 4e-5, 0.02),
    "Median KLD": ("median(kld)", 4e-5, 0.02),
    "90.0% KLD": ("quantile_cont(kld, 0.9)", 4e-5, 0.02),
    "95.0% KLD": ("quantile_cont(kld, 0.95)", 4e-5, 0.02),
    "99.0% KLD": ("quantile_cont(kld, 0.99)", 4e-5, 0.02),
    "99.9% KLD": ("quantile_cont(kld, 0.999)", 4e-5, 0.02),
    "Maximum KLD": ("max(kld)", 4e-5, 0.02),
    "Mean Δp": ("100 * avg(exp(-nll) - exp(-nll_ref))", 0.01, 0),
    "RMS Δp": ("100 * sqrt(avg((exp(-nll) - exp(-nll_ref)) ** 2))", 0.01, 0),
    "Same top p": ("100 * avg((top1 = top1_ref)::integer)", 0.1, 0),
}


def read_summary(text: str) -> dict[str, float]:
    """The summary lines that llama-perplexity prints after --kl-divergence: label -> value."""
    found = {}
    for label in LINES:
        words = r"\s+".join(re.escape(word) for word in label.split())
        match = re.search(rf"^\s*{words}\s*:\s*(-?[\d.]+)", text, re.MULTILINE)
        if match:
            found[label] = float(match.group(1))
    return found


def printed_lines(text: str) -> dict[str, tuple[str, str | None]]:
    """Every line of the summary as printed: statistic -> (value, error), digits kept."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"\s*(\S.*?)\s*:\s*(-?[\d.]+)\s*%?(?:\s*±\s*([\d.]+))?\s*%?\s*$", line)
        if match and re.search(r"KLD|PPL|Δp|Same top", match[1]):
            found[" ".join(match[1].split())] = match[2], match[3]
    return found


def off_in_the_last_digit(
    found: dict[str, tuple[str, str | None]], rows: list[tuple[str, float, float | None]]
) -> list[str]:
    """Lines of ours (statistic, value, error) that would not print as theirs did.

    A difference of one unit in the last digit counts.
    """
    mine, wrong = {statistic: (value, error) for statistic, value, error in rows}, []
    for statistic, shown in found.items():
        for text, number in zip(shown, mine.get(statistic, (None, None))):
            if text is not None and (
                number is None or float(f"{number:.{len(text.partition('.')[2])}f}") != float(text)
            ):
                wrong.append(f"{statistic}: {text} printed, {number} ours")
    return wrong


def repeated(folder: Path, arguments: argparse.Namespace) -> list[tuple[str, float, float | None]]:
    """Its summary from our rows: llama-perplexity's own file, ingested and built."""
    warehouse = folder / "repeated"
    _run(
        [
            "qwh",
            "ingest",
            "logits-file",
            folder / "base.dat",
            "--quant",
            arguments.quant,
            "--cohort",
            "parity",
            "--threads",
            arguments.threads,
            "--batch-size",
            arguments.context_length,
            "--warehouse",
            warehouse,
        ]
    )
    _run(["qwh", "build", "--warehouse", warehouse])
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as connection:
        return connection.sql(
            "select statistic, value, error from fct_llama_perplexity order by line"
        ).fetchall()


def theirs(programs: Path, folder: Path, arguments: argparse.Namespace) -> tuple[str, float]:
    """llama-perplexity's two steps; what it printed and its wall time in seconds."""
    start = time.perf_counter()
    common = [
        programs / "llama-perplexity",
        "-f",
        arguments.corpus,
        "-c",
        arguments.context_length,
        "-t",
        arguments.threads,
    ]
    # one chunk at a time, as qwh: llama.cpp rounds otherwise for other batch shapes
    common += ["-b", arguments.context_length]
    common += ["--chunks", arguments.chunks] if arguments.chunks else []
    base = folder / "base.dat"
    _run([*common, "-m", arguments.reference, "--kl-divergence-base", base])
    for _ in range(5):  # now and then it exits with 0 and the end of its output is lost
        text = _run(
            [*common, "-m", arguments.quant, "--kl-divergence-base", base, "--kl-divergence"]
        )
        if len(read_summary(text)) == len(LINES):
            break
        print("llama-perplexity lost the end of its output; once more", file=sys.stderr)
    return text, time.perf_counter() - start


def figures(warehouse: Path) -> dict[str, float]:
    """Our value of each line, by SQL over the Parquet of a warehouse that holds one quant's run."""
    columns = ", ".join(expression for expression, *_ in LINES.values())
    raw = warehouse / "raw"
    return dict(
        zip(
            LINES,
            duckdb.sql(
                f"select {columns} from '{raw}/tokens/*/part.parquet' join"
                f" '{raw}/reference_tokens/*/part.parquet' using (chunk, position)"
            ).fetchall()[0],
        )
    )


def allowed(label: str, value: float) -> float:
    """How far ours may be from llama-perplexity's value of this line."""
    _, absolute, relative = LINES[label]
    return absolute + relative * abs(value)


def ours(folder: Path, arguments: argparse.Namespace) -> tuple[dict[str, float], float]:
    """`qwh ingest gguf`, reduced by SQL over its Parquet; and its wall time in seconds."""
    start = time.perf_counter()
    command = [
        "qwh",
        "ingest",
        "gguf",
        "--reference",
        arguments.reference,
        "--quant",
        arguments.quant,
        "--quant-id",
        "quant",
        "--corpus",
        arguments.corpus,
    ]
    command += [
        "--context-length",
        arguments.context_length,
        "--threads",
        arguments.threads,
        "--cohort",
        "parity",
        "--warehouse",
        folder / "warehouse",
    ]
    _run(command + (["--chunks", arguments.chunks] if arguments.chunks else []))
    seconds = time.perf_counter() - start
    return figures(folder / "warehouse"), seconds


def _run(command: list) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr[-500:]}")
    return done.stdout + done.stderr


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("reference", "quant", "corpus"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--context-length", type=int, default=512)
    parser.add_argument("--chunks", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--programs", type=Path, help="folder of llama-perplexity; built if not given"
    )
    arguments = parser.parse_args()
    programs = arguments.programs or peer.build()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (mine, my_seconds), (text, their_seconds) = (
            ours(folder, arguments),
            theirs(programs, folder, arguments),
        )
        base_bytes, peers = (folder / "base.dat").stat().st_size, read_summary(text)
        printed = printed_lines(text)
        wrong = off_in_the_last_digit(printed, repeated(folder, arguments))
    worst = 0
    print(f"{'line':<28}{'qwh':>14}{'llama.cpp':>14}{'difference':>14}{'allowed':>12}")
    for label in LINES:
        if label not in peers:
            print(f"{label:<28}{mine[label]:>14.6f}{'not printed':>14}")
            worst = 1
            continue
        difference, limit = mine[label] - peers[label], allowed(label, peers[label])
        worst |= abs(difference) > limit
        print(
            f"{label:<28}{mine[label]:>14.6f}{peers[label]:>14.6f}{difference:>14.6f}{limit:>12.6f}"
            f"  {'ok' if abs(difference) <= limit else 'OFF'}"
        )
    print(
        f"from its own logits file: {len(printed) - len({line.split(':')[0] for line in wrong})} of"
        f" {len(printed)} lines the same to the last printed digit",
        *wrong,
        sep="\n  ",
    )
    worst |= bool(wrong)
    print(
        f"wall time: qwh {my_seconds:.1f} s, llama-perplexity's two steps {their_seconds:.1f} s and"
        f" {base_bytes / 1e6:,.0f} MB of logits on disk"
    )
    return worst


if __name__ == "__main__":
    sys.exit(main())
