"""Distances and targets of a cohort's quants, cell by cell, and what each text adds to a target."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..port import Numbers, Texts, Truths
from ..texts import Prompts, units
from ..tosses import text_sums

ALIKE = 1e-9  # a score and the mean of its answers differ by less
NO_ANSWERS = "without answers per prompt the noise that relatives share is unknown"
NO_TEST = "no test that was tried keeps its level for a direction among relatives"
NO_MEAN = "the target is no mean over the prompts' answers"
CONSTANT = "all quants are equal"
SAME_MEASUREMENT = "the measurement is the same for every quant"
NO_SPREAD = "all prompts give the same trend"
TOO_FEW = "too few quants"


class Distances(NamedTuple):
    """One row per zone, measurement, target and quant, as fct_zone_points has them."""

    zone_rule: Annotated[Texts, "the rule of the zone"]
    threshold: Annotated[Numbers, "its threshold"]
    measurement_id: Annotated[Texts, "the measurement"]
    target: Annotated[Texts, "composite, volume, direction, or one of a benchmark"]
    quant_id: Annotated[Texts, "the quant"]
    x: Annotated[Numbers, "the measurement, larger = further from the reference"]
    y: Annotated[Numbers, "the target's figure"]
    doubles: Annotated[Truths, "whether a doubling of x has a meaning, as of a KLD"]


class Cell(NamedTuple):
    """The measurements of one zone and target that hold the same quants.

    Those quants that answered every prompt, where they are enough; else all of them.
    """

    zone_rule: str
    threshold: float
    target: str
    measurements: list[str]  # m of them
    doubles: np.ndarray  # [m]
    quants: list[str]  # n of them, in alphabetical order
    x: np.ndarray  # [m, n]
    y: np.ndarray  # [n]
    distinct: int  # measurements of the zone and target; those that rank all alike count once
    weight: float  # distinct over the distinct ones here, at least 1
    lacking: int  # of its quants did not answer every prompt

    @property
    def benchmark(self) -> str:
        """Whose prompts the target is of; empty for all."""
        return self.target.partition(":")[2]


def cells(points: Distances, answered: set[str], fewest: int) -> Iterator[Cell]:
    """The cells of these rows, in the order of their keys.

    answered: quants that answered every prompt. The others are left out where that leaves fewest.
    """
    whole: dict[tuple[str, float, str], dict[str, dict[str, tuple]]] = {}
    for rule, threshold, measurement, target, quant, x, y, doubles in zip(*points):
        rows = whole.setdefault((str(rule), float(threshold), str(target)), {})
        rows.setdefault(str(measurement), {})[str(quant)] = (x, y, doubles)
    for key in sorted(whole):
        alike: dict[tuple[str, ...], list[str]] = {}
        for measurement, held in sorted(whole[key].items()):
            whole_ones = answered & held.keys()
            kept = whole_ones if len(whole_ones) >= fewest else held
            alike.setdefault(tuple(sorted(kept)), []).append(measurement)
        figures = {
            quants: np.array([[whole[key][each][q] for q in quants] for each in names], float)
            for quants, names in alike.items()
        }
        kinds = {quants: _rankings(values[:, :, 0]) for quants, values in figures.items()}
        for quants, names in alike.items():
            x, y, doubles = np.moveaxis(figures[quants], 2, 0)
            every = sum(kinds.values())
            yield Cell(
                *key,
                measurements=names,
                doubles=doubles[:, 0] > 0,
                quants=list(quants),
                x=x,
                y=y[0],
                distinct=every,
                weight=every / kinds[quants],
                lacking=len(set(quants) - answered),
            )


def _rankings(x: np.ndarray) -> int:
    """How many different orders of n quants m measurements [m, n] give."""
    from scipy.stats import rankdata

    return len(np.unique(rankdata(x, axis=1), axis=0))


NOBODY = Sheet([], np.empty((0, 0)), np.empty(0), Prompts([], []), {})


class Gains:
    """What each text adds to a target of each quant that answered every prompt."""

    def __init__(self, answers: Answers):
        self.sheet = sheet(answers).complete() if len(answers.quant_id) else NOBODY
        self.answered = set(self.sheet.quants)
        self._any = len(answers.quant_id) > 0
        self._sums: dict[str, np.ndarray | None] = {}

    def of(self, cell: Cell) -> np.ndarray | str:
        """[n, texts], whose sum over texts is the cell's y but for a constant; or why not."""
        if cell.lacking:
            return lacks(cell.lacking, len(cell.quants)) if self._any else NO_ANSWERS
        sums = self._of_target(cell.target)
        if sums is None:
            return NO_TEST
        place = {quant: k for k, quant in enumerate(self.sheet.quants)}
        mine = sums[[place[quant] for quant in cell.quants]]
        left = cell.y - mine.sum(1)
        return mine if np.ptp(left) < ALIKE else NO_MEAN

    def worth(self, cell: Cell) -> float | None:
        """The effective number of the cell's quants, by what their scores share, or None."""
        kind, colon, benchmark = cell.target.partition(":")
        plain = {"direction": "score" if colon else "composite"}.get(kind, kind)
        place = {quant: k for k, quant in enumerate(self.sheet.quants)}
        sums = self._of_target(plain + colon + benchmark)
        if sums is None or cell.lacking:
            return None
        return effective_number(noise(sums[[place[quant] for quant in cell.quants]]))

    def _of_target(self, target: str) -> np.ndarray | None:
        """[quants of the sheet, texts], or None for a target that is no mean over prompts.

        Of a benchmark's own target the texts are that benchmark's.
        """
        if target not in self._sums:
            kind, _, benchmark = target.partition(":")
            gains, shares = self.sheet.gains, self.sheet.shares()
            texts = np.array(self.sheet.prompts.texts, object)
            if benchmark:
                inside = np.array(self.sheet.prompts.groups, str) == benchmark
                gains, texts = gains[:, inside], texts[inside]
                shares = np.full(inside.sum(), 1 / max(inside.sum(), 1))
            sums = None
            if kind in ("composite", "volume", "score") and len(shares):
                each = np.abs(gains) if kind == "volume" else gains
                sums = text_sums(each * shares, units(texts))
            self._sums[target] = sums
        return self._sums[target]


def lacks(lacking: int, quants: int) -> str:
    """Why quants, some of them lacking answers, have no figure."""
    return f"quants that did not answer every prompt: {lacking} of {quants}"


def noise(sums: np.ndarray) -> np.ndarray:
    """Covariance [n, n] of n totals over the same texts [n, texts]: what they share is in it."""
    texts = sums.shape[1]
    centred = sums - sums.mean(1, keepdims=True)
    return centred @ centred.T * texts / max(texts - 1, 1)


def effective_number(covariance: np.ndarray) -> float | None:
    """How many independent quants a covariance [n, n] is worth: (sum e)^2 / sum e^2.

    e: eigenvalues of the correlation. Quants that never vary are left out; None if all are.
    """
    spread = np.sqrt(covariance.diagonal())
    kept = spread > 0
    if not kept.any():
        return None
    alike = covariance[np.ix_(kept, kept)] / np.outer(spread[kept], spread[kept])
    return float(kept.sum() ** 2 / (alike**2).sum())
