"""lm-evaluation-harness: which of a task's metrics is a score of single documents, and a grade.

Of several the one is taken that lies in 0..1 and grows with quality, in the file's order; what
exists only over all documents (a perplexity, a corpus' BLEU, a correlation) is none.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from .grades import Spread, rank, smaller_is_better
from .untrusted.json_plain import at
from .untrusted.json_typed import raw_score

OWN_LENGTH = "score at its own length"  # of tasks whose metrics are context lengths
OTHER_LENGTH = -1.0  # what stands under the lengths that are not a document's own
# numbers or pairs of a document from which the metric is made over all documents
OVER_ALL = {
    "perplexity",
    "weighted_perplexity",
    "bits_per_byte",
    "bleu",
    "chrf",
    "chrf++",
    "ter",
    "f1",
    "matthews_corrcoef",
    "brier_score",
    "bypass",
}  # lm-eval's names of such aggregations
_PERPLEXITIES = {"perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte"}
_BYPASS = "bypass"  # stands for a metric under --predict_only


@dataclass
class Column(Spread):
    """One metric over the documents of a run."""

    composed: int = 0  # values that are lists or objects
    empty: int = 0  # values that are null, a text, NaN

    def add(self, raw: msgspec.Raw) -> None:
        """Count one document's value."""
        value = value_of(raw)
        if value is not None:
            self.count(value)
        elif first_byte(raw) in (b"[", b"{"):
            self.composed += 1
        else:
            self.empty += 1

    def add_all(self, other: "Column") -> None:
        """Count another run's, too."""
        self.count_all(other)
        self.composed += other.composed
        self.empty += other.empty


class Scored(msgspec.Struct):
    """What some tasks of lmms-eval give for a number: the score with what it was made from."""

    score: msgspec.Raw


_scored = msgspec.json.Decoder(Scored)


def value_of(raw: msgspec.Raw) -> float | None:
    """The finite number that a metric gives, or that is its "score"; None for anything else."""
    if first_byte(raw) != b"{":
        return raw_score(raw)
    try:
        return raw_score(_scored.decode(raw).score)
    except (ValueError, RecursionError):
        return None


def first_byte(raw: msgspec.Raw) -> bytes:
    """What a piece of JSON begins with."""
    return bytes(memoryview(raw)[:1])


class Choice(NamedTuple):
    """The metric that is taken."""

    metric: str
    others: list[str]
    smaller_is_better: bool | None
    columns: list[str]  # where it stands in the file; several: each document has its own


@dataclass
class Told:
    """What the results json says of a task's metrics."""

    higher: dict[str, object] = field(default_factory=dict)  # metric -> whether higher is better
    aggregations: dict[str, object] = field(default_factory=dict)
    printed: set[str] = field(default_factory=set)  # that it has a figure of


def told(results: dict, task: str) -> Told:
    """What the results json says of a task's metrics; nothing without one."""
    higher, listed = at(results, "higher_is_better", task), at(results, "configs", task)
    aggregations, named = dict[str, object](), at(listed, "metric_list")
    for entry in named if isinstance(named, list) else ():
        if isinstance(at(entry, "metric"), str):
            aggregations[entry["metric"]] = at(entry, "aggregation")
    figures = at(results, "results", task)
    printed = {key.rpartition(",")[0] for key in figures} if isinstance(figures, dict) else set()
    return Told(higher if isinstance(higher, dict) else {}, aggregations, printed - {""})


def choice(columns: dict[str, Column], told: Told, picked: str | None) -> Choice | str:
    """The metric, the picked one if one is, or why there is none."""
    if not columns:
        return "its lines hold no score of a metric, as with --predict_only"
    usable = [name for name in columns if columns[name].numbers and not _is_over_all(name, told)]
    if not usable or (picked in columns and picked not in usable):
        return _why_none(columns, picked)
    # a document's score stands under its own context length, -1 under all others
    lengths = [name for name in usable if name.isdecimal()]
    graded_first = sorted(
        usable,
        key=lambda name: (
            *rank(name, columns[name], _smaller(name, told)),
            bool(told.printed) and name not in told.printed,
        ),
    )
    there = [OWN_LENGTH, *lengths] if lengths else []
    there += [name for name in graded_first if name not in there]
    if picked is not None and picked not in there:
        return f"it has no metric {picked}: it has {', '.join(there[:20])}"
    metric = picked or there[0]
    return Choice(
        metric,
        [name for name in there if name != metric],
        _smaller(metric, told),
        lengths if metric == OWN_LENGTH else [metric],
    )


def _is_over_all(name: str, told: Told) -> bool:
    return name == _BYPASS or name in _PERPLEXITIES or told.aggregations.get(name) in OVER_ALL


def _smaller(name: str, told: Told) -> bool | None:
    """Whether smaller is better; None where neither the file nor the name says."""
    higher = told.higher.get(name)
    if isinstance(higher, bool):
        return not higher
    return smaller_is_better(name)


def _why_none(columns: dict[str, Column], picked: str | None) -> str:
    """Why no metric of a task, or not the picked one, is a score of single documents."""
    names = [picked] if picked in columns else list(columns)
    if all(name == _BYPASS for name in names):
        return "no metric was computed for its documents (--predict_only)"
    shown = ", ".join(str(name) for name in names[:5])
    if all(name in _PERPLEXITIES for name in names):
        return f"its perplexities are sums over the text: {shown} exist only over all documents"
    if all(columns[str(name)].empty and not columns[str(name)].composed for name in names):
        return f"no document has a finite number as its {shown}"
    return f"{shown}: exists only over all documents, not for single ones"
