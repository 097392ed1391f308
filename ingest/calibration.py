"""How much of what is measured stands in the text that an importance matrix was made from.

Of each run of 13 tokens (as GPT-3's authors count overlap, Brown et al. 2020, appendix C) it is
asked whether the calibration text has it too; of a prompt that is shorter, the whole of it.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..progress import say
from .cohort import Job, is_calibrated
from .engines.beside import Told
from .engines.port import ModelFile, Vocabulary
from .prompts.benchmarks import Benchmark
from .texts.text import read_bytes

RUN = 13  # tokens
FACTOR = 0x9E3779B97F4A7C15  # odd: a power of it tells places apart


class Calibration:
    """A calibration text as a vocabulary's tokens."""

    def __init__(self, path: Path, vocabulary: Vocabulary):
        raw = read_bytes(path, "calibration text")
        self.path, self.sha256 = path, hashlib.sha256(raw).hexdigest()
        self.ids = vocabulary.tokenize(raw.decode(errors="replace"))
        self._runs: dict[int, np.ndarray] = {}

    def share(self, texts: Iterable[np.ndarray]) -> float | None:
        """Of the runs of these ids, each [n], how many the calibration text has; None: no run."""
        found = total = 0
        for ids in texts:
            length = min(RUN, len(ids))
            if length:
                runs = hashed_runs(ids, length)
                found += int(np.isin(runs, self._of(length)).sum())
                total += len(runs)
        return found / total if total else None

    def _of(self, length: int) -> np.ndarray:
        if length not in self._runs:
            self._runs[length] = np.unique(hashed_runs(self.ids, length))
        return self._runs[length]


def hashed_runs(ids: np.ndarray, length: int) -> np.ndarray:
    """A 64-bit hash of each run of so many ids, [n - length + 1]; equal runs, equal hashes."""
    if len(ids) < length:
        return np.empty(0, np.uint64)
    mixed = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(FACTOR)
    mixed ^= mixed >> np.uint64(29)
    found = np.zeros(len(ids) - length + 1, np.uint64)
    for place in range(length):
        found = found * np.uint64(FACTOR) + mixed[place : place + len(found)]
    return found


def at_hand(job: Job, vocabulary: Vocabulary) -> Calibration | None:
    """The calibration text of a job's quants: the one that was given, or that their files name.

    None where there is none; says so where they name several.
    """
    given, made = job.settings.calibration, [who for who in job.quants if is_calibrated(who)]
    if given is not None:
        if made:
            return Calibration(given, vocabulary)
        say(f"no quant here names an importance matrix: no overlap with {given.name} is counted")
        return None
    there = sorted({path for who in made if (path := _named(who.described)) is not None})
    if len(there) > 1:
        listed = ", ".join(map(str, there))
        say(f"these quants were calibrated on several texts ({listed}): no overlap is counted")
        return None
    return Calibration(there[0], vocabulary) if there else None


def _named(file: ModelFile) -> Path | None:
    """The calibration text that a model file names, if it is there: at its path, or beside it."""
    said = file.calibration if isinstance(file, Told) else None
    ways = [Path(said), file.path.parent / Path(said).name] if said else []
    return next((path.resolve() for path in ways if path.is_file()), None)


def of_prompts(benchmark: Benchmark, vocabulary: Vocabulary) -> list[np.ndarray]:
    """The ids of every turn's words; the first of them is another one in the middle of a text."""
    first = 1 + bool(vocabulary.add_bos)
    turns = (turn for prompt in benchmark.prompts for turn in prompt.conversation)
    return [vocabulary.tokenize(turn["content"])[first:] for turn in turns]


def overlap(name: str, texts: Iterable[np.ndarray], with_: Calibration | None) -> dict[str, Any]:
    """The fields of RunFacts about a text's overlap with a calibration text; says it in a line."""
    share = with_.share(texts) if with_ else None
    if with_ is None or share is None:
        return {}
    say(
        f"{name}: {share:.1%} of its runs of {RUN} tokens stand in {with_.path.name} as well, the"
        " text that an importance matrix of these quants was made from"
    )
    return {"calibration_sha256": with_.sha256, "calibration_overlap": round(share, 6)}
