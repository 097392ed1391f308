"""Codes into sentences: a verdict's words are seeds/verdicts.csv's, and nowhere else."""

import csv
from functools import lru_cache
from pathlib import Path

SENTENCES = Path(__file__).resolve().parents[1] / "seeds" / "verdicts.csv"


def sentence(statistic: str, code: str, facts: dict[str, str]) -> str:
    """What may be said of a verdict; facts fill the names in braces.

    statistic: the table without stat_. Raises KeyError for a code without a sentence, or a sentence
    that wants a fact which is not there.
    """
    return _sentences()[statistic, code].format_map(facts)


@lru_cache
def _sentences() -> dict[tuple[str, str], str]:
    """(statistic, code) -> sentence."""
    with SENTENCES.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        return {(row["statistic"], row["code"]): row["sentence"] for row in rows}
