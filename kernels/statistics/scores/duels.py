"""Two models on each benchmark that both answered, prompt by prompt."""

from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, Sheet, sheet
from ..intervals import ALPHA, finite
from ..multiplicity import holm, resolves
from ..port import statistic
from ..texts import units
from . import betting
from .evidence import Counted, evidence
from .fractions import BOTH, told
from .paired import e_value, mcnemar
from .prompt_budget import needed, resolvable
from .score_pairs import PairDraws


class Duel(NamedTuple):
    """One row per benchmark."""

    benchmark_id: Annotated[str, "the benchmark"]
    prompts: Annotated[int, "that both answered"]
    score: Annotated[float, "the second's, 0 to 1"]
    score_ref: Annotated[float, "the first's, 0 to 1"]
    gained: Annotated[int, "prompts on which the second scores more"]
    lost: Annotated[int, "prompts on which the first does"]
    volume: Annotated[float, "mean size of their differences, 0 to 1"]
    difference: Annotated[float, "the second's score less the first's, fraction"]
    low: Annotated[float, "95 % interval of it, Tango's; of fractions by their t"]
    high: Annotated[float, "its other end"]
    p: Annotated[float, "exact McNemar; of fractions their t, or the chance of losses unseen"]
    p_adjusted: Annotated[float, "p by Holm over the benchmarks"]
    p_equivalent: Annotated[float, "that the difference lies within +-margin"]
    e_value: Annotated[float | None, "evidence that may be looked at after every prompt"]
    resolvable: Annotated[
        float | None, "smallest true difference that so many prompts find with 80 % power, fraction"
    ]
    prompts_needed: Annotated[
        int | None,
        "prompts that find a true difference of one margin with 80 % power; null where less than"
        " that divides them",
    ]
    verdict: Annotated[
        str, "higher or lower: the second's, by p_adjusted; within_margin, by Holm; or cannot_tell"
    ]


@statistic
def duel(answers: Answers, settings: PairDraws) -> list[Duel]:
    """One quant, the second, against another that is given as its reference, the first."""
    return duels(sheet(answers), settings)


def duels(found: Sheet, settings: PairDraws) -> list[Duel]:
    """The same of a sheet of that one quant."""
    names = np.array(found.prompts.groups, str)
    alone = [
        _benchmark(kind, found.asking(names == kind), settings)
        for kind in np.unique(names).tolist()
    ]
    beside = holm(np.array([each.p for each in alone], float))
    same = holm(np.array([each.p_equivalent for each in alone], float))
    return [
        each._replace(p_adjusted=float(p), verdict=_verdict(each.difference, p, p_equivalent))
        for each, p, p_equivalent in zip(alone, beside, same)
    ]


def _benchmark(kind: str, one: Sheet, settings: PairDraws) -> Duel:
    """The prompts of one benchmark, as if there were no other."""
    from scipy.stats import norm

    gains, shown = one.gains[0], evidence(one.gains, one, BOTH)
    low, high = (float(end[0]) for end in shown.interval())
    p_equivalent = float(shown.equivalent(settings.margin)[0])
    if isinstance(shown, Counted):
        leapfrogs, drops = (float(side[0, 0]) for side in shown.part[:2])  # at texts that count
        p, evident = mcnemar(leapfrogs, drops), e_value(leapfrogs, drops)
    else:
        p = float(told(shown.part, BOTH)[0])
        unit = units(one.prompts.texts, len(gains))
        evident = betting.e_value(betting.stakeable(gains, unit))
    critical, prompts = float(norm.isf(ALPHA / 2)), np.array([len(gains)])
    wanted = finite(needed(shown.part, settings.margin, critical, prompts, True)[0])
    return Duel(
        kind,
        len(gains),
        float(one.scores[0].mean()),
        float(one.reference.mean()),
        int((gains > 0).sum()),
        int((gains < 0).sum()),
        float(np.abs(gains).mean()),
        float(gains.mean()),
        low,
        high,
        p,
        p,
        p_equivalent,
        evident,
        finite(resolvable(shown.part, critical, True)[0]),
        None if wanted is None else int(wanted),
        _verdict(float(gains.mean()), p, p_equivalent),
    )


def _verdict(difference: float, p_adjusted: float, p_equivalent_adjusted: float) -> str:
    if resolves(p_equivalent_adjusted):
        return "within_margin"
    if resolves(p_adjusted):
        return "higher" if difference > 0 else "lower"
    return "cannot_tell"
