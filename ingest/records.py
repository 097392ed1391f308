"""Rows of a member on their way to disk: their columns, and the run under what was counted."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..kernels.scorers import dispatch
from ..raw.manifest import RunFacts, now
from ..raw.store import RunWriter
from .lockstep import Scored


def tables(scored: Scored) -> Iterator[tuple[str, dict[str, Any]]]:
    """The raw tables of a block of rows, with its columns."""
    if isinstance(scored.rows, dispatch.ReferenceRows):
        tokens = {"token_id": scored.targets}
        yield "reference_tokens", scored.where | tokens | scored.rows._asdict()
        return
    yield "tokens", scored.where | scored.rows._asdict()
    if scored.between:
        kld, finite = scored.between
        yield "reading_klds", scored.where | {"kld": kld, "finite": finite}


def identity(rows: dispatch.ReferenceRows) -> bytes:
    """What a block of a reference's rows adds to the digest that tells it from other rows."""
    return rows.nll_ref.tobytes() + rows.topk_ids.tobytes()


@dataclass
class Record:
    """One member's rows on their way to disk, counted."""

    writer: RunWriter
    began: float = field(default_factory=time.monotonic)
    nonfinite: int = 0
    rows: int = 0

    def count(self, finite: np.ndarray) -> None:
        """Rows of a block. finite: [T] bool, whether each has finite numbers."""
        self.rows += len(finite)
        self.nonfinite += int(np.count_nonzero(~finite))

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
