"""What becomes of a job's members: rows on their way to disk, counted, and published as runs."""

import hashlib
import time
from dataclasses import dataclass, field, replace
from typing import Any

from ..kernels.scorers import dispatch
from ..raw.manifest import RunFacts, now
from ..raw.store import RunWriter, Store
from . import cohort
from .cohort import Job
from .lockstep import Scored
from .members import Member


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
            table, finite = "reference_tokens", rows.finite_ref
            self.digest.update(rows.nll_ref.tobytes() + rows.topk_ids.tobytes())
            columns = scored.where | {"token_id": scored.targets} | rows._asdict()
        else:
            table, finite = "tokens", rows.finite
            columns = scored.where | rows._asdict()
        self.writer.write(table, columns)
        self.nonfinite += int((~finite).sum())
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
