"""The harness cases: where they lie, and what their raw files say, counted without qwh."""

import json
from pathlib import Path
from typing import NamedTuple

from conftest import query

CASES = Path(__file__).parent / "fixtures" / "cases"


class Counts(NamedTuple):
    """What fct_disagreements must say of one quant on one benchmark, as answered."""

    prompts: int
    score_ref: float
    score: float
    leapfrogs: float
    drops: float


# wrong are Peru and Kenya in the reference, Kenya, Japan and Egypt in the quant, of twelve
USUAL = Counts(12, 10 / 12, 9 / 12, 1, 2)


def disagreements(said, cohort: str) -> dict[str, Counts]:
    """benchmark -> what the table says."""
    rows = query(
        said["warehouse"],
        "select benchmark_id, prompts, score_ref, score, leapfrogs, drops from fct_disagreements"
        f" where cohort_id = '{cohort}' and quant_id = 'q4' and scoring = 'answered'",
    )
    return {benchmark: Counts(*figures) for benchmark, *figures in rows}


def counted(reference: dict[object, float], quant: dict[object, float]) -> Counts:
    """The same from scores by prompt."""
    assert reference.keys() == quant.keys()
    changes = [quant[item] - reference[item] for item in reference]
    return Counts(
        len(changes),
        sum(reference.values()) / len(changes),
        sum(quant.values()) / len(changes),
        sum(change for change in changes if change > 0),
        -sum(change for change in changes if change < 0),
    )


def lines(path: Path) -> list[dict]:
    """The objects of a JSON Lines file, or of one JSON array."""
    text = path.read_text()
    return json.loads(text) if text.startswith("[") else list(map(json.loads, text.splitlines()))


def only(folder: Path, pattern: str) -> Path:
    """The one file that matches."""
    (found,) = folder.rglob(pattern)
    return found
