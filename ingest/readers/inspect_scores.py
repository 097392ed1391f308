"""The scores of an inspect log: which scorer's, and which of its values where it gives several."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from ...errors import BadFile
from . import inspect_forms as forms
from .grades import Spread, rank, smaller_is_better
from .inspect_forms import MAX_SMALL, Entry, Score
from .port import Picks, choose
from .untrusted.archives import Zip
from .untrusted.json_plain import finite, graded
from .untrusted.json_typed import SCALAR_LENGTH

VALUE = "value"  # what the one value of a scorer is called
# the tool's own reading of text values
SCORES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


@dataclass
class Log:
    """One log: its entries by (id, epoch), and the zip file that they come from, if one does."""

    path: Path
    entries: dict[tuple[str, int], Entry]
    archive: Zip | None = None


def scores_of(entry: Entry, path: Path) -> dict[str, Score]:
    """The scores of a sample by scorer. Raises BadFile."""
    if not len(entry.scores):
        return {}
    place = f"scores of sample {str(entry.id)[:60]}, epoch {entry.epoch}"
    return forms.scores(entry.scores, path, place) or {}


def value_of(raw: msgspec.Raw, metric: str, path: Path, place: str) -> float | None:
    """A score's value as a finite number, as the tool itself reads letters and words."""
    value = forms.values(raw, path, place) if 0 < len(raw) <= MAX_SMALL else None
    if isinstance(value, dict):
        value = forms.values(value[metric], path, place) if metric in value else None
    if not isinstance(value, str):
        return graded(value)
    if value in SCORES or value.lower() in SCORES:
        return SCORES.get(value, SCORES.get(value.lower()))
    try:
        return finite(float(value)) if len(value) <= SCALAR_LENGTH else None
    except ValueError:
        return None


def named(scorer: str, metric: str) -> str:
    """What a score is called."""
    return scorer if metric == VALUE else f"{scorer}: {metric}"


def chosen(log: Log, picks: Picks) -> tuple[str, str, list[str]]:
    """The scorer, which of its values, and the others that there are.

    By default the first scorer with a value that is a grade, and the first such value. Raises
    BadFile.
    """
    spreads = _spreads(log)

    def order(scorer: str, metric: str) -> tuple[bool, ...]:
        name = scorer if metric == VALUE else metric
        smaller = smaller_is_better(named(scorer, metric))
        return rank(name, spreads[scorer][metric], smaller)

    default = sorted(
        spreads,
        key=lambda name: min((order(name, value) for value in spreads[name]), default=(True,) * 3),
    )
    scorer = choose(log.path, "scorer", picks.get("scorer"), default)
    values = spreads[scorer]
    there = sorted(values, key=lambda value: order(scorer, value))
    metric = choose(log.path, f"value of scorer {scorer} called", picks.get("metric"), there)
    if picks.get("metric") is None and len(there) > 1 and not values[metric].is_share():
        raise BadFile(
            log.path,
            f"scorer {scorer}",
            f"none of its values {', '.join(there[:20])} is a grade in 0..1",
            "choose one with --pick metric=NAME",
        )
    others = [name for name in there if name != metric]
    return (
        scorer,
        metric,
        others + [f"{name} (--pick scorer={name})" for name in spreads if name != scorer],
    )


def _spreads(log: Log) -> dict[str, dict[str, Spread]]:
    """scorer -> which of its values -> the numbers over all samples."""
    spreads: dict[str, dict[str, Spread]] = {}
    for entry in log.entries.values():
        for scorer, score in scores_of(entry, log.path).items():
            there = spreads.setdefault(scorer, {})
            if not len(score.value) or len(score.value) > MAX_SMALL:
                continue
            place = f"scorer {scorer}"
            value = forms.values(score.value, log.path, place)
            for name in value if isinstance(value, dict) else [VALUE]:
                number = value_of(score.value, name, log.path, place)
                spread = there.setdefault(name, Spread())
                if number is not None:
                    spread.count(number)
    return spreads
