"""Makes scores.parquet: 240 quants of one small model, exchangeable by construction, and what they
answer to 2,500 fresh prompts.

    pip install torch && python benchmarks/calibrated/make.py FOLDER   # 15 CPU minutes on one core

The model (2 layers, 1.4 million weights, bytes) is trained here by tests/model/train.py's code on
the tasks of tasks.py; quants.py says what its quants are. They are read and asked in torch:
through_qwh.py measures some of them with `qwh ingest` too and compares. FOLDER keeps the model and
what is measured; a second run goes on where the first stopped.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "model"))

import numpy as np  # noqa: E402
import packed  # noqa: E402
import polars as pl  # noqa: E402
import quants  # noqa: E402
import tasks  # noqa: E402
import torch  # noqa: E402
import train  # noqa: E402

PLAN = train.Plan(1000, layers=2, batch=32, length=96, marker=b"=", dtype=torch.bfloat16)
TRAINING, TEXT, PROMPTS = 1, 2, 3  # seeds
LENGTH, CHUNKS = 96, 100  # a chunk's second half is scored
AT_ONCE, BLOCK = 10, 125


class Block(NamedTuple):
    """Some prompts with their right answers, of about one length."""

    rows: torch.Tensor  # [n]: their numbers
    ids: torch.Tensor  # [n, T], padded
    judged: torch.Tensor  # [n, T] bool: the next byte belongs to the answer or ends its line


def main(folder: Path) -> None:
    """Train, make and measure what is missing, and write scores.parquet."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    folder.mkdir(parents=True, exist_ok=True)
    reference = folder / "reference.gguf"
    if not reference.exists():
        text = tasks.text(4_000_000, TRAINING).encode()
        train.save(train.train(text, PLAN), reference, "qwh small tasks")
    measured = Measured(reference)
    done = {quant for part in parts(folder) for quant in pl.read_parquet(part)["quant_id"]}
    todo = [quant for quant in quants.planned() if quant.quant_id not in done]
    for start in range(0, len(todo), AT_ONCE):
        rows = [measured.row(quant) for quant in todo[start : start + AT_ONCE]]
        part = folder / f"part-{len(done) + start:03}.parquet"
        pl.DataFrame(rows).write_parquet(part)
        print(part, flush=True)
    pack(folder, measured)


def parts(folder: Path) -> list[Path]:
    """What is measured already."""
    return sorted(folder.glob("part-*.parquet"))


class Measured:
    """The reference with its quants, on one text and the prompts of every kind."""

    def __init__(self, reference: Path):
        self.reference = reference
        self.weights = quants.read(reference)
        text = tasks.text(LENGTH * CHUNKS + 1, TEXT).encode()[: LENGTH * CHUNKS]
        self.text = torch.tensor(list(text)).view(CHUNKS, LENGTH)
        self.prompts = [
            prompt
            for kind in packed.KINDS
            for prompt in tasks.prompts(kind, packed.PROMPTS_A_KIND, PROMPTS)
        ]
        self.blocks = blocks(self.prompts)
        self.base = self.logprobs(self.weights)

    def row(self, quant: quants.Quant) -> dict:
        """What one quant is and got."""
        weights = self.made(quant)
        return quant._asdict() | {"scores": self.scores(weights)} | self.chunks(weights)

    def made(self, quant: quants.Quant) -> quants.Weights:
        """The quant's weights."""
        if quant.level is None:
            path = self.reference.with_name("recipe.gguf")
            quants.mixed(self.reference, path, quant.seeds[1])
            return quants.read(path)
        return quants.noisy(self.weights, quant)

    def scores(self, weights: quants.Weights) -> list[bool]:
        """Whether each prompt's greedy answer is the right one, kind by kind."""
        net, right = network(weights), torch.zeros(len(self.prompts), dtype=torch.bool)
        with torch.no_grad():
            for rows, ids, judged in self.blocks:
                same = net(ids[:, :-1]).argmax(-1) == ids[:, 1:]
                right[rows] = (same | ~judged[:, :-1]).all(1)
        return right.tolist()

    def chunks(self, weights: quants.Weights) -> dict[str, list[float]]:
        """Means of each chunk's scored half: KLD, loss less the reference's, share of flips."""
        own, base = self.logprobs(weights), self.base
        targets = self.text[:, LENGTH // 2 :, None]
        losses = (base[:, :-1] - own[:, :-1]).gather(-1, targets[:, 1:])
        found = {
            "kld": (base.exp() * (base - own)).sum(-1)[:, :-1],
            "loss": losses[..., 0],
            "flips": (own.argmax(-1) != base.argmax(-1)).double()[:, :-1],
        }
        return {name: values.mean(1).tolist() for name, values in found.items()}

    def logprobs(self, weights: quants.Weights) -> torch.Tensor:
        """Log-probabilities of every scored position of the text, float64."""
        with torch.no_grad():
            return network(weights)(self.text)[:, LENGTH // 2 :].double().log_softmax(-1)


def network(weights: quants.Weights) -> train.Llama:
    """A model with these weights."""
    made = train.Llama(PLAN.layers)
    made.load_state_dict(weights)
    return made


def blocks(prompts: list[tuple[str, str]]) -> list[Block]:
    """Prompts with their answers as blocks of ids, the shortest first."""
    lines = [f"{question}{answer}\n".encode() for question, answer in prompts]
    order = sorted(range(len(lines)), key=lambda row: len(lines[row]))
    found = []
    for start in range(0, len(order), BLOCK):
        rows = order[start : start + BLOCK]
        ids = torch.zeros(len(rows), len(lines[rows[-1]]), dtype=torch.long)
        judged = torch.zeros_like(ids, dtype=torch.bool)
        for place, row in enumerate(rows):
            ids[place, : len(lines[row])] = torch.tensor(list(lines[row]))
            judged[place, len(prompts[row][0]) - 1 : len(lines[row]) - 1] = True
        found.append(Block(torch.tensor(rows), ids, judged))
    return found


def pack(folder: Path, measured: Measured) -> None:
    """All parts and the reference as one small file: answers as bits, means in single precision."""
    rows = pl.concat(pl.read_parquet(part) for part in parts(folder))
    rows = rows.sort("quant_id").drop("seeds")
    own = {
        "quant_id": "reference",
        "kind": "reference",
        "scores": measured.scores(measured.weights),
    }
    rows = pl.concat([rows, pl.DataFrame([own])], how="diagonal")
    bits = [np.packbits(np.array(right, bool)).tobytes() for right in rows["scores"]]
    singles = [pl.col(name).cast(pl.List(pl.Float32)) for name in ("kld", "loss", "flips")]
    rows.with_columns(pl.Series("scores", bits, pl.Binary), *singles).write_parquet(
        packed.PATH, compression="zstd", compression_level=19
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
