"""What one more quant costs where the reference is kept.

    python benchmarks/capture.py --reference R.gguf --quant Q.gguf --corpus text.txt [--chunks N]

Seconds for one quant on one text, models loaded anew each time: from a capture; the parts that this
cannot do without, the quant's own forward passes and one product of the reference's head over the
scored rows; beside the live reference; and llama-perplexity's second step, which reads the
reference's logits from a file. The rounds alternate, medians are printed, and the capture's bytes.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import peer

import ingest
from qwh.ingest import cohort
from qwh.ingest.captures.captured import Quants, score_captures
from qwh.ingest.captures.capturing import capture_texts
from qwh.ingest.cohort import Settings, job, stored_job
from qwh.ingest.engines.port import PLAIN
from qwh.ingest.texts.scoring import score_texts
from qwh.ingest.texts.text import Cut, stored_text
from qwh.ingest.trace import Trace
from qwh.kernels.scorers.head import widen
from qwh.raw.captures import read_manifest
from qwh.raw.store import Store


class Said:
    """Nothing of the text: the capture knows it."""

    corpus = context_length = chunks = score_from = None


class Ways:
    """The ways of adding a quant, each in seconds."""

    def __init__(self, asked: argparse.Namespace, folder: Path):
        self.asked, self.folder = asked, folder
        self.settings = Settings(asked.threads)
        self.cut = Cut(asked.context_length, asked.chunks, "half")
        self.kept = folder / "kept"
        texts = ([str(asked.corpus)], [self.cut])
        ((_, self.manifest),) = capture_texts(
            self.kept, asked.reference, texts, PLAIN, asked.threads
        )
        self.base = folder / "base.dat"
        self.programs = None if asked.no_peer else peer.build()
        if self.programs:
            ingest.measured([*self._peer(asked.reference), "--kl-divergence-base", self.base])

    def ways(self) -> dict[str, Callable[[], float]]:
        """Name -> what does it once and says how long it took."""
        found = {
            "from the capture": self.from_capture,
            "the quant's own passes": self.passes,
            "the head's product": self.product,
            "beside the live reference": self.live,
        }
        return found | ({"llama-perplexity's second step": self.second} if self.programs else {})

    def from_capture(self) -> float:
        quants = Quants("c", [self.asked.quant], None, self.settings)
        return timed(
            lambda store: score_captures(store, [self.kept], quants, Said(), Trace()), self.folder
        )

    def live(self) -> float:
        def add(store: Store) -> None:
            asked = job("c", self.asked.reference, [self.asked.quant], None, self.settings)
            score_texts(store, asked, [str(self.asked.corpus)], [self.cut], Trace())

        return timed(add, self.folder)

    def passes(self) -> float:
        """The quant's passes over the text, loading included."""
        asked = stored_job("c", (self.kept, None), [self.asked.quant], None, self.settings)
        head, quant = asked.reference, asked.quants[0]
        with closing(head.engine.vocabulary(head.file)) as vocabulary:
            sequences = stored_text(head.file, None, vocabulary).sequences()
        start = time.perf_counter()
        with closing(cohort.load(quant, self.cut.context_length, self.settings)) as model:
            for _ in model.read(sequences, PLAIN.rows):
                pass
        return time.perf_counter() - start

    def product(self) -> float:
        """The head's product over the rows that are scored, and nothing else."""
        asked = stored_job("c", (self.kept, None), [self.asked.quant], None, self.settings)
        file = asked.reference.file
        with closing(cohort.load(asked.reference, self.cut.context_length, self.settings)) as model:
            start = time.perf_counter()
            for hidden in file.hidden:
                model.head.logits(widen(hidden, file.kind))
            return time.perf_counter() - start

    def second(self) -> float:
        step = [*self._peer(self.asked.quant), "--kl-divergence-base", self.base]
        return ingest.measured([*step, "--kl-divergence"])[1]

    def _peer(self, model: Path) -> list:
        asked = self.asked
        sizes = ["-c", asked.context_length, "-b", asked.context_length, "-t", asked.threads]
        chunks = ["--chunks", asked.chunks] if asked.chunks else []
        program = self.programs / "llama-perplexity"
        return [program, "-m", model, "-f", asked.corpus, *sizes, *chunks]


def timed(add: Callable[[Store], object], folder: Path) -> float:
    """Seconds of adding to an empty store."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        store = Store(Path(place)).create()
        start = time.perf_counter()
        add(store)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--quant", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--context-length", type=int, default=512)
    parser.add_argument("--chunks", type=int)
    parser.add_argument("--threads", type=int, default=cohort.all_threads())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = Ways(asked, Path(folder))
        ways = found.ways()
        found.product()  # compiles
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(asked.rounds):
            for name, way in ways.items():
                seconds[name].append(way())
        manifest = read_manifest(found.kept)
    say(seconds, manifest)


def say(seconds: dict[str, list[float]], manifest) -> None:
    """The medians, their ratios, and the bytes."""
    median = {name: statistics.median(each) for name, each in seconds.items()}
    for name, each in seconds.items():
        print(f"{name:32} {median[name]:8.2f} s   ({', '.join(f'{x:.2f}' for x in each)})")
    ours = median["from the capture"]
    least = median["the quant's own passes"] + median["the head's product"]
    print(f"from the capture / (passes + product)  {ours / least:.3f}")
    for name in ("beside the live reference", "llama-perplexity's second step"):
        if name in median:
            print(f"from the capture / {name}  {ours / median[name]:.3f}")
    rows, vocabulary = manifest.kld["positions"], manifest.about.model["vocab_size"]
    hidden, head = manifest.bytes_of("hidden"), manifest.bytes_of("head")
    share = 2 * vocabulary * rows / hidden
    print(
        f"hidden states: {hidden / rows:,.0f} bytes a scored token, 1/{share:.0f} of 16-bit logits"
    )
    print(f"the head apart: {head / 1e6:,.1f} MB")
    print(f"keeping adds {manifest.kld['mean']:.2g} nats, at most {manifest.kld['max']:.2g}")


if __name__ == "__main__":
    main()
