"""A score as qwh keeps it, 0 for the worst and 1 for the best, or the reason why it is none."""

from dataclasses import dataclass

from ...errors import ExitCode, NoScore, QwhError
from ..readers.port import Sample, Samples
from .source import Import, Source

SLACK = 1e-9  # what a mean of exact scores may be off by
MOST_NAMED = 8  # metrics in one line


@dataclass(frozen=True)
class Scale:
    """How a tool's figure becomes a score."""

    name: str  # of the file, for messages
    metric: str
    others: list[str]
    top: float
    smaller_is_better: bool
    asked: bool  # the user has said so

    def score(self, sample: Sample) -> float:
        """The score of a sample. Raises NoScore where the figure lies outside 0..top."""
        share = float(sample.score) / self.top
        if not -SLACK <= share <= 1 + SLACK:
            wanted = f"--score-max says {self.top:g}" if self.asked else "a score lies in 0..1"
            raise NoScore(
                f"{self.name}: {self.metric} of item {sample.item[:80]} is {sample.score:.10g}, and"
                f" {wanted}: {_advice(self.others)}"
            )
        share = min(max(share, 0.0), 1.0)
        return 1 - share if self.smaller_is_better else share

    def facts(self) -> dict:
        """What must agree between two runs; nothing where a score is taken as it is."""
        return {"smaller_is_better": True} if self.smaller_is_better else {}


def scale(found: Samples, source: Source, asked: Import) -> Scale:
    """How the figures in a file become scores.

    Raises NoScore if smaller ones are better and the user has not said so.
    """
    metric = found.metric or "the score"
    if found.smaller_is_better and not asked.smaller_is_better:
        pick = f", or {_pick(found.other_metrics)}"
        raise NoScore(
            f"{source.path.name}: {metric} is better where it is smaller: give"
            " --smaller-is-better, and --score-max N for the worst one"
            + (pick if found.other_metrics else "")
        )
    if asked.smaller_is_better and found.smaller_is_better is False:
        raise NoScore(
            f"{source.path.name}: {metric} is better where it is larger: leave out"
            " --smaller-is-better"
        )
    if asked.score_max is not None and not 0 < asked.score_max < float("inf"):
        raise QwhError(
            f"--score-max {asked.score_max:g} is no best score: give a number above 0",
            ExitCode.USAGE,
        )
    return Scale(
        f"{source.path.name}, {found.benchmark_id}" if found.benchmark_id else source.path.name,
        metric,
        found.other_metrics,
        asked.score_max or 1.0,
        asked.smaller_is_better,
        asked.score_max is not None,
    )


def named(metrics: list[str]) -> str:
    """A few metrics, for a line."""
    more = len(metrics) - MOST_NAMED
    return ", ".join(metrics[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _advice(others: list[str]) -> str:
    pick = f"{_pick(others)}, or " if others else ""
    return f"give {pick}--score-max N, N being the best score (or the worst, --smaller-is-better)"


def _pick(others: list[str]) -> str:
    """How one of the other metrics is chosen, which some name with their own pick."""
    own = any("--pick" in other for other in others)
    return named(others) if own else f"--pick metric= one of {named(others)}"
