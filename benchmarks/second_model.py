"""Makes demo/second/: another model than the demo's, and its quants, on the demo's very prompts.

    pip install torch && python benchmarks/second_model.py FOLDER    # about 10 CPU minutes

The model reads bytes and is trained here by tests/model/train.py's code, on the questions and
answers of demo/make_prompts.py themselves, each as often as a draw says (between once and 300 times
as often as the rarest). It knows about half of them by heart and nothing else, which is all that it
is for: where two models differ in what they know, is the one right whose KLD is lower? What has to
be read (the benchmark `reading`) is left out of its training. FOLDER keeps model, quants and
warehouse.
"""

import os
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "model"))

import torch  # noqa: E402
import train  # noqa: E402

from qwh.demo import make_prompts, run, study  # noqa: E402
from qwh.demo.models import make_quants  # noqa: E402
from qwh.ingest.cohort import Settings, job  # noqa: E402
from qwh.ingest.prompts.asking import ask_benchmark  # noqa: E402
from qwh.ingest.prompts.benchmarks import read_benchmark  # noqa: E402
from qwh.raw.store import Store  # noqa: E402

COHORT = "bytes-by-heart"
QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K+pure")
PLAN = train.Plan(
    steps=500, layers=2, batch=13, length=240, marker=b"A:", others=0.1, dtype=torch.bfloat16
)
SIZE = 4_000_000  # bytes of text


def text(size: int, seed: int) -> bytes:
    """Runs of four questions of one kind with their answers, at least so many bytes."""
    draw, runs, length = random.Random(seed), [], 0
    kinds = {
        kind: entries
        for benchmark, kinds in make_prompts.BENCHMARKS.items()
        if benchmark != "reading"
        for kind, entries in kinds.items()
    }
    often = {kind: [300 ** draw.random() for _ in entries] for kind, entries in kinds.items()}
    shares = [len(entries) for entries in kinds.values()]
    while length < size:
        (kind,) = draw.choices(list(kinds), shares)
        asked: dict[str, str] = {}
        while len(asked) < 4:
            ((question, answers),) = draw.choices(kinds[kind], often[kind])
            asked[question] = answers[0]
        runs.append("".join(f"Q: {question}\nA: {answer}\n" for question, answer in asked.items()))
        length += len(runs[-1])
    return "".join(runs).encode()


def main(folder: Path) -> None:
    """Train, quantize, answer and pack; what is there already is kept."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    folder.mkdir(parents=True, exist_ok=True)
    reference = folder / "f16.gguf"
    if not reference.exists():
        train.save(train.train(text(SIZE, 5), PLAN), reference, COHORT)
    quants = make_quants(reference, folder, QUANTS, 1)
    store = Store(folder / "warehouse").create()
    asked = job(COHORT, reference, quants, None, Settings(1))
    for path in sorted((Path(run.__file__).parent / "benchmarks").glob("*.jsonl")):
        ask_benchmark(store, asked, read_benchmark(path, max_new_tokens=8))
    study.pack(folder / "warehouse", COHORT, study.SECOND)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
