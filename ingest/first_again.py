"""A quant whose run is stored, read once more for its repeat's sake: the rows must be the same."""

import numpy as np
import pyarrow.parquet as pq

from ..kernels.scorers import dispatch
from ..progress import say
from ..raw.manifest import RunFacts
from ..raw.store import Store
from .lockstep import Scored
from .running import Sums


class FirstAgain:
    """The stored rows of one run, held against rows that are read. name: for a person."""

    def __init__(self, store: Store, run: RunFacts, name: str):
        self.run_id, self.name = run.run_id, name
        self.sums: list[Sums] = []
        columns = ["chunk", "position", "nll", "kld"]
        table = pq.read_table(store.part("tokens", run.run_id), columns=columns)
        self.chunk, self.position, *self.rows = (each.to_numpy() for each in table.columns)
        self._chunk, self._is_said = Sums(), False

    @property
    def chunks(self) -> int:
        """How many chunks have been read."""
        return len(self.sums)

    def begin(self) -> None:
        """Nothing is counted: its run is done."""

    def forget(self) -> None:
        """Nothing has been read: the reference is read anew."""
        self.sums.clear()
        self._chunk = Sums()

    def take(self, scored: Scored) -> None:
        """Compare a block of rows with those that are stored; says it once if they differ."""
        rows, number = scored.rows, int(scored.where["chunk"][0])
        assert isinstance(rows, dispatch.QuantRows)
        first, after = np.searchsorted(self.chunk, [number, number + 1])
        at = int(first + np.searchsorted(self.position[first:after], scored.where["position"][0]))
        here = slice(at, at + len(rows.kld))
        pairs = zip(self.rows, (rows.nll, rows.kld))
        same = all(np.array_equal(held[here], new, equal_nan=True) for held, new in pairs)
        if not same and not self._is_said:
            self._is_said = True
            say(
                f"{self.name}: chunk {number} is read otherwise than in its run {self.run_id}, as"
                " another machine might: its repeat is compared with what is read here"
            )
        self._chunk = self._chunk.plus(rows)
        if scored.ends:
            self.sums.append(self._chunk)
            self._chunk = Sums()
