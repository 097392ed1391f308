"""What is known of an analysis' columns: seeds/columns.csv, as the database has it too."""

import csv
from functools import lru_cache
from pathlib import Path

SEED = Path(__file__).resolve().parents[1] / "seeds" / "columns.csv"


@lru_cache
def known(analysis: str) -> dict[str, dict[str, str]]:
    """Name of a column -> its row of the seed; nothing for what is no analysis."""
    return {row["name"]: row for row in _rows() if row["analysis"] == analysis}


@lru_cache
def alike() -> dict[str, dict[str, str]]:
    """Name of a column -> its row in the analysis where it is most important."""
    rows = sorted(_rows(), key=lambda row: -int(row["importance"]))
    return {row["name"]: row | {"error": ""} for row in rows}


@lru_cache
def _rows() -> list[dict[str, str]]:
    with SEED.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
