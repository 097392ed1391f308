"""What becomes of a benchmark's members: rows on their way to disk, counted, published as runs."""

import hashlib
import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..kernels.scorers import dispatch
from ..raw.manifest import RunFacts, now
from ..raw.store import RunWriter, Store
from . import cohort
from .cohort import Job
from .lockstep import Scored
from .members import Member


def columns(scored: Scored) -> tuple[str, dict[str, Any]]:
    """The raw table of a block of rows, and its columns."""
    if isinstance(scored.rows, dispatch.ReferenceRows):
        tokens = {"token_id": scored.targets}
        return "reference_tokens", scored.where | tokens | scored.rows._asdict()
    return "tokens", scored.where | scored.rows._asdict()


def identity(rows: dispatch.ReferenceRows) -> bytes:
    """What a block of a reference's rows adds to the digest that tells it from other rows."""
    return rows.nll_ref.tobytes() + rows.topk_ids.tobytes()


@dataclass
class Record:
    """What becomes of one member: its rows on their way to disk, counted."""

    writer: RunWriter
    began: float = field(default_factory=time.monotonic)
    nonfinite: int = 0
    rows: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def take(self, scored: Scored) -> None:
        """Write and count a block of rows."""
        rows = scored.rows
        if isinstance(rows, dispatch.ReferenceRows):
            self.digest.update(identity(rows))
        self.writer.write(*columns(scored))
        finite = rows.finite_ref if isinstance(rows, dispatch.ReferenceRows) else rows.finite
        self.nonfinite += int(np.count_nonzero(~finite))
        self.rows += len(finite)

    def publish(self, run: RunFacts) -> RunFacts:
        """The run under what was counted."""
        return self.writer.publish(
            replace(
                run,
                rows=self.rows,
                nonfinite=self.nonfinite,
                finished_at=now(),
                seconds=round(time.monotonic() - self.began, 3),
            )
        )


def publish(
    store: Store, job: Job, records: dict[Member, Record], shared: RunFacts
) -> list[RunFacts]:
    """Publish a run for each quant, and one for the reference unless the store holds its very rows.

    The rows' digest is part of the reference's name: a quant always points at the rows that it was
    scored against.
    """
    head = records[job.reference]
    reference = cohort.run_of(job, job.reference, shared, rows=head.digest.hexdigest())
    published = [] if store.find(reference.run_id) else [head.publish(reference)]
    for member, record in records.items():
        if member is not job.reference:
            run = cohort.run_of(job, member, shared)
            published.append(record.publish(replace(run, reference_run_id=reference.run_id)))
    return published
