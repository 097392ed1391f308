"""Which scores a decision goes by: it names them with their margin, and shows answers beside."""

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..errors import ExitCode, QwhError

if TYPE_CHECKING:
    from ..database.questions import Cohort

ANSWERED = "answered"
ScoringOption = Annotated[
    str | None,
    typer.Option(
        help="The scores to go by: answered, expected@0.3, ...; default: expected@0.3 where all"
        " have it, else answered. qwh show scorings lists them."
    ),
]


class Scoring(NamedTuple):
    """What a score is."""

    name: str
    margin: float  # difference of score that counts as none, a fraction

    def asked(self) -> dict[str, Any]:
        """The variables of a question about it."""
        return {"scoring": self.name, "margin": self.margin}


def of_cohort(asked: "Cohort", wanted: str | None, margin: float | None) -> list[Scoring]:
    """The scoring to go by, then answered if that is another one; None: the cohort's own.

    margin: of both, their own if None. Raises QwhError for a scoring that the cohort has not.
    """
    rows = asked.ask("comparable")
    names = [row["scoring"] for row in rows]
    if wanted is not None and wanted not in names:
        near = get_close_matches(wanted, names, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise QwhError(
            f"cohort {asked.name} has no scores by {wanted}: {hint}there are {', '.join(names)}",
            ExitCode.NOT_FOUND,
        )
    chosen = wanted or next((row["scoring"] for row in rows if row["is_default"]), ANSWERED)
    rows.sort(key=lambda row: row["scoring"] != chosen)
    return [
        Scoring(row["scoring"], margin or row["margin"])
        for row in rows
        if row["scoring"] in (chosen, ANSWERED)
    ]


def named(sentence: str, scoring: Scoring) -> str:
    """A verdict with the scores and the margin that it goes by."""
    from ..exports import words

    by = words.sentence("scorings", "named", {"scoring": scoring.name, "margin": scoring.margin})
    return f"{sentence}; {by}"
