"""Codes into sentences: a verdict's words are seeds/verdicts.csv's, and nowhere else.

A name in braces stands for its fact. {n:quant} is a number of things, 1 quant or 3 quants, and
{n:is|are} a word that goes by that number. analyses/study.sql fills the same sentences in SQL.
"""

import csv
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

SENTENCES = Path(__file__).resolve().parents[1] / "seeds" / "verdicts.csv"
UNKNOWN = "unknown"  # a figure that is null


def points(value: float) -> str:
    """A difference of scores, in points of 100."""
    return f"{100 * value:.2f}"


def share(value: float) -> str:
    """A part of all prompts."""
    return f"{100 * value:.1f} %"


def small(value: float) -> str:
    """A p-value, a KLD, or a margin in points."""
    return f"{value:.2g}"


def whole(value: float) -> str:
    """A number of things."""
    return f"{value:,.0f}"


def signed(value: float) -> str:
    """A difference of scores with its sign, in points of 100; what rounds to 0 has none below."""
    return f"{round(100 * value, 2) + 0.0:+.2f}"


FORMS: dict[str, Callable[[float], str]] = {  # how a figure reads, by its column's name
    "difference": signed,
    "low": signed,
    "high": signed,
    "margin": lambda value: small(100 * value),
    "resolvable": points,
    "loss_bound": points,
    "standard_error": points,
    "volume": share,
    "kld_mean": small,
    "p": small,
    "p_adjusted": small,
    "p_equivalent": small,
    "p_equivalent_adjusted": small,
}


class Fact(str):
    """A fact's text, which a sentence may want with its noun."""

    __slots__ = ()

    def __format__(self, noun: str) -> str:
        """noun: none, a singular, or the words for one and for more with a bar between them."""
        one, bar, more = noun.partition("|")
        if bar:
            return one if self == "1" else more
        return counted(self, noun) if noun else str(self)


def counted(number: object, noun: str) -> str:
    """A number of things: 1 family, 3 families."""
    if f"{number}" == "1":
        return f"{number} {noun}"
    return f"{number} {noun.removesuffix('y')}ies" if noun.endswith("y") else f"{number} {noun}s"


def facts(row: Mapping[str, Any]) -> dict[str, Fact]:
    """The figures of a row as sentences print them: texts as they are, counts whole."""
    return {name: Fact(_fact(name, value)) for name, value in row.items()}


def _fact(name: str, value: Any) -> str:
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else FORMS.get(name, whole)(value)


def sentence(statistic: str, code: str, row: Mapping[str, Any]) -> str:
    """What may be said of a verdict; a row's figures fill the names in braces.

    statistic: the table without stat_. Raises KeyError for a code without a sentence, or a sentence
    that wants a fact which is not there.
    """
    return _sentences()[statistic, code].format_map(facts(row))


@lru_cache
def _sentences() -> dict[tuple[str, str], str]:
    """(statistic, code) -> sentence."""
    with SENTENCES.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        return {(row["statistic"], row["code"]): row["sentence"] for row in rows}
