"""What can forecast quants' scores: scorings of prompts, and measurements that need no prompt."""

from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, sheet
from ..port import Counts, Numbers, Texts
from ..texts import Prompts, units
from .halved import FEWEST_TEXTS

TARGET = "answered"  # the scoring that is forecast: right or wrong by the greedy answer
BETWEEN = "\t"  # no name has it


class Scored(NamedTuple):
    """One row per scoring, quant and prompt."""

    scoring: Annotated[Texts, "what the score is"]
    quant_id: Annotated[Texts, "the quant"]
    benchmark_id: Annotated[Texts, "the benchmark"]
    prompt_id: Annotated[Texts, "the prompt within its benchmark"]
    text_id: Annotated[Texts, "equal where a benchmark asks one text more than once"]
    weight: Annotated[Numbers, "the benchmark's weight in the composite"]
    score: Annotated[Numbers, "the quant's, larger where it does well"]
    score_ref: Annotated[Numbers, "the reference's"]


class Measured(NamedTuple):
    """One row per zone, measurement and quant."""

    zone_rule: Annotated[Texts, "the rule that draws the zone"]
    threshold: Annotated[Numbers, "the rule's threshold"]
    variant: Annotated[Counts, "number in the list of measurements; the least is the main KLD"]
    measurement_id: Annotated[Texts, "the measurement"]
    quant_id: Annotated[Texts, "the quant"]
    x: Annotated[Numbers, "the measurement, larger = further from the reference"]


class Table(NamedTuple):
    """What q quants gain by m scorings on n prompts."""

    scorings: list[str]  # m of them, the target first
    quants: list[str]  # that have the target on every prompt
    gains: np.ndarray  # score less the reference's, [m, q, n]; NaN where there is none
    asked: Prompts
    weights: dict[str, float]


class Zone(NamedTuple):
    """A zone's forecasters: scorings first, then measurements."""

    key: tuple[str, float]
    names: list[str]
    scorings: int  # how many of them are scorings
    quants: list[str]
    gains: np.ndarray  # [m, q, n]
    fixed: np.ndarray  # measurements turned, larger = nearer to the reference, [k, q]
    asked: Prompts  # [n]
    weights: dict[str, float]

    def covered(self, which: int) -> tuple[np.ndarray, np.ndarray]:
        """Which quants [q] and prompts [n] a forecaster has: all prompts of its best-known."""
        if which >= self.scorings:
            known = np.isfinite(self.fixed[which - self.scorings])
            return known, np.isfinite(self.gains[0]).all(0)
        has = np.isfinite(self.gains[which])
        whole = has.sum(1) == has.sum(1).max(initial=0)
        return whole, has[whole].all(0) & has.any(0)


def table(rows: Scored) -> Table | None:
    """The rows as one table; None where no quant has the target on every prompt."""
    if TARGET not in set(rows.scoring.tolist()):
        return None
    both = np.array([f"{a}{BETWEEN}{b}" for a, b in zip(rows.scoring, rows.quant_id)], object)
    gains = rows.score - rows.score_ref
    every = sheet(Answers(both, *rows[2:6], gains, np.zeros(len(gains))))
    names = [name.split(BETWEEN, 1) for name in every.quants]
    scorings = sorted({scoring for scoring, _ in names}, key=lambda name: (name != TARGET, name))
    quants = sorted({quant for _, quant in names})
    whole = np.full((len(scorings), len(quants), len(every.reference)), np.nan)
    for (scoring, quant), row in zip(names, every.scores):
        whole[scorings.index(scoring), quants.index(quant)] = row
    prompts = np.isfinite(whole[0]).any(0) & _enough(every.prompts, np.isfinite(whole[0]).any(0))
    complete = np.isfinite(whole[0][:, prompts]).all(1)
    kept = whole[:, complete][:, :, prompts]
    asked = chosen(every.prompts, prompts)
    named = [quant for quant, has in zip(quants, complete) if has]
    return Table(scorings, named, kept, asked, every.weights) if named else None


def zones(known: Table, measured: Measured) -> list[Zone]:
    """Every zone with those of its quants that have the target."""
    found = []
    order = sorted(set(zip(measured.variant.tolist(), measured.measurement_id.tolist())))
    for key in sorted(set(zip(measured.zone_rule.tolist(), measured.threshold.tolist()))):
        here = (measured.zone_rule == key[0]) & (measured.threshold == key[1])
        inside = set(measured.quant_id[here].tolist())
        quants = [quant for quant in known.quants if quant in inside]
        place = {quant: k for k, quant in enumerate(quants)}
        row = {name: k for k, (_, name) in enumerate(order)}
        fixed = np.full((len(order), len(quants)), np.nan)
        for name, quant, x in zip(*(column[here] for column in measured[3:])):
            if quant in place:
                fixed[row[name], place[quant]] = -x
        rows = [known.quants.index(quant) for quant in quants]
        names = known.scorings + [name for _, name in order]
        found.append(
            Zone(
                key,
                names,
                len(known.scorings),
                quants,
                known.gains[:, rows],
                fixed,
                known.asked,
                known.weights,
            )
        )
    return found


def chosen(asked: Prompts, which: np.ndarray) -> Prompts:
    """The labels of some of n prompts; which: [n] bool."""
    labels = (np.array(each, object)[which].tolist() for each in asked)
    return Prompts(*labels)


def _enough(asked: Prompts, which: np.ndarray) -> np.ndarray:
    """Whether each prompt's benchmark has texts enough to be halved, [n] bool."""
    names, unit = np.array(asked.groups, object), units(asked.texts)
    enough = {
        name: len(set(unit[(names == name) & which].tolist())) >= FEWEST_TEXTS
        for name in set(names.tolist())
    }
    return np.array([enough[name] for name in names.tolist()], bool)
