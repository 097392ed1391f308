"""Texts that follow prompts, read by one model at a time: accepted answers, or choices.

Nothing is generated (teacher forcing). The models do not need each other: each has a run of its
own, published when its last text is read. The texts of one prompt are read in one pass where the
engine can.
"""

from collections import abc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...kernels.scorers import dispatch
from ...kernels.scorers.dispatch import END, AnswerRows
from ...progress import say
from ...raw import edits
from ...raw.manifest import RunFacts
from ...raw.store import Store
from .. import cohort
from ..cohort import Job
from ..engines.port import Logits, Sequence, Vocabulary, blocks
from ..lockstep import Lane, refuse_unfit
from ..members import Member
from .asked import Asked

ANCHOR = "\n"  # tokens after it are those of a text that begins nothing
ANY_END = 0  # an id for the place where any end is scored
SIDE_BY_SIDE = 16  # texts of a prompt in one pass, where the engine can


def continues(asked: Asked, text: str, vocabulary: Vocabulary) -> list[int]:
    """A text's ids after its prompt, or by itself where the two would melt into one token or the
    prompt ends in markup.

    By itself: without what a tokenizer puts before a text.
    """
    ways = [(ANCHOR, vocabulary.tokenize(ANCHOR).tolist())]
    if asked.prompt.rendered is None:
        ways.insert(0, (asked.prompt.read, asked.ids))
    for before, head in ways:
        whole = vocabulary.tokenize(before + text).tolist()
        if whole[: len(head)] == head:
            return whole[len(head) :]
    return []


class Runs:
    """The runs of a job's members, each on its own."""

    def __init__(self, store: Store, job: Job, shared: RunFacts):
        self.store, self.job, self.shared = store, job, shared

    def of(self, who: Member) -> RunFacts:
        """A member's run; a quant's points at its reference's."""
        run = cohort.run_of(self.job, who, self.shared)
        if who is self.job.reference:
            return run
        if who.first and who.role == "repeat":
            run = replace(run, first_run_id=self.of(who.first).run_id)
        return replace(run, reference_run_id=self.of(self.job.reference).run_id)

    def missing(self, what: str, seconds: abc.Sequence[Member] = ()) -> list[Member]:
        """The members and second readings whose runs the store lacks, the reference first; says who
        has read it.
        """
        members = [self.job.reference, *self.job.quants, *seconds]
        left = [who for who in members if not edits.again(self.store, self.of(who).run_id)]
        for who in members:
            if who not in left:
                say(f"{who.title} has read {what} already: nothing to do")
        return left


class Reader:
    """One model's way through sequences. ends: ids that end a text; temperatures: see AnswerRows.

    Of a target that is ANY_END in a sequence's last place, all ends are scored together.
    """

    def __init__(
        self,
        lane: Lane,
        job: Job,
        sequences: list[Sequence],
        ends: np.ndarray,
        temperatures: tuple[float, ...],
    ):
        self.lane, self.settings = lane, job.settings
        self.ends, self.temperatures = ends, temperatures
        self.stream: Iterator[Logits | None] = lane.model.read(sequences, job.settings.reading.rows)
        self._follows = iter(sequences)

    def next(self) -> AnswerRows:
        """What the model says of the next sequence's scored positions."""
        each, parts = next(self._follows), []
        for start, stop in blocks(each, self.settings.reading.rows):
            at, logits = each.scored(start, stop), next(self.stream)
            refuse_unfit(self.lane, logits, len(at))
            if logits is not None:
                targets = np.where(self._is_end(each, at), END, each.targets[at])
                parts.append(
                    dispatch.answer_rows(
                        logits, targets, self.ends, self.temperatures, self.settings.threads
                    )
                )
        return AnswerRows(*map(np.concatenate, zip(*parts)))

    def _is_end(self, each: Sequence, at: np.ndarray) -> np.ndarray:
        return (at == len(each.ids) - 1) & bool(len(self.ends))

    def close(self) -> None:
        """Free what the model keeps open."""
        getattr(self.stream, "close", lambda: None)()
