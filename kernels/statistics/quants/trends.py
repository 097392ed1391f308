"""What may be said of a trend: both tests, every labelling, and the prompts alone, in one word."""

from typing import Annotated, NamedTuple

import numpy as np

from ..intervals import finite
from ..left_out import DECLARED
from ..multiplicity import resolves
from ..port import Numbers, Texts, Truths, statistic


class Labelled(NamedTuple):
    """One row per labelling, as stat_relatives has them."""

    labelling: Annotated[Texts, "gains or declared"]
    is_tested: Annotated[Truths, "whether it divides the quants and was tested"]
    rho: Annotated[Numbers, "correlation among relatives"]
    t: Annotated[Numbers, "of the slope per rank"]
    p_permutation: Annotated[Numbers, "of the deals"]
    p_gls: Annotated[Numbers, "of t"]
    p_permutation_adjusted: Annotated[Numbers, "over the zone's measurements"]
    p_gls_adjusted: Annotated[Numbers, "over the zone's measurements"]
    least_p: Annotated[Numbers, "the smallest p that the deals allow"]


class Alone(NamedTuple):
    """What the prompts alone say of these quants."""

    n: Annotated[
        int, "quants that answered every prompt; where they are fewer than 8 (fewest_quants), all"
    ]
    z: Annotated[float | None, "of the contrast over texts"]
    p_these_adjusted: Annotated[float | None, "over the zone's measurements"]
    fewest_quants: Annotated[int, "of fewer nothing is said"]


class Trend(NamedTuple):
    """The word, and what it follows from."""

    labelling: Annotated[
        str | None,
        "the labelling with the largest p, whose figures these are; else one untested,"
        " declared before others",
    ]
    is_declared: Annotated[bool, "whether a declared labelling was tested"]
    p: Annotated[float | None, "largest of both tests over the labellings that were tested"]
    p_adjusted: Annotated[float | None, "the same, each test adjusted over the zone's measurements"]
    least_p: Annotated[float | None, "the smallest p that the deals allow"]
    verdict: Annotated[
        str,
        "code of seeds/verdicts.csv: falls_beyond, rises_beyond, falls_here, rises_here,"
        " falls_here_undeclared, rises_here_undeclared, falls_here_untested, rises_here_untested,"
        " cannot_tell, no_deals, undeclared, undivided, too_few or no_verdict",
    ]


@statistic
def trend(labelled: Labelled, alone: Alone) -> Trend:
    """The verdict of one zone, measurement and target.

    beyond: both tests refuse chance under every labelling, in one direction, and a declared
    labelling is among them. here: other prompts would show it on these very quants; undeclared,
    where no declared labelling divides them, and untested, where none does. Nothing else is ever
    said.
    """
    tested = labelled.is_tested
    names = labelled.labelling[tested].tolist()
    if not names:
        untested = sorted(labelled.labelling.tolist(), key=lambda name: name != DECLARED)
        word = _word(labelled, alone, None, False)
        return Trend(untested[0] if untested else None, False, None, None, None, word)
    raw = np.maximum(labelled.p_permutation, labelled.p_gls)[tested]
    adjusted = np.maximum(labelled.p_permutation_adjusted, labelled.p_gls_adjusted)[tested]
    is_declared = DECLARED in names
    p_adjusted = finite(adjusted.max())
    return Trend(
        names[int(adjusted.argmax())],
        is_declared,
        finite(raw.max()),
        p_adjusted,
        finite(labelled.least_p[tested].max()),
        _word(labelled, alone, p_adjusted, is_declared),
    )


def _word(labelled: Labelled, alone: Alone, p: float | None, is_declared: bool) -> str:
    """The code; p: adjusted, None where no labelling was tested."""
    if alone.n < alone.fewest_quants:
        return "too_few"
    if alone.z is None or alone.p_these_adjusted is None:
        return "no_verdict"
    tested = labelled.is_tested
    signs = set(np.sign([*labelled.rho[tested], *labelled.t[tested]]).tolist())
    beyond = resolves(p)
    if beyond and is_declared and len(signs) == 1:
        return "falls_beyond" if signs == {-1.0} else "rises_beyond"
    if resolves(alone.p_these_adjusted):
        here = "falls_here" if alone.z < 0 else "rises_here"
        if p is None:
            return f"{here}_untested"
        return here if is_declared else f"{here}_undeclared"
    if p is None:
        return "undivided"
    if not resolves(labelled.least_p[tested].max()):
        return "no_deals"
    return "undeclared" if beyond and not is_declared else "cannot_tell"
