"""scores.parquet, unpacked."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

PATH = Path(__file__).with_name("scores.parquet")
KINDS = ("brackets", "lookups", "orders", "reversals", "sums")  # of prompts, in this order
PROMPTS_A_KIND = 500


class Packed(NamedTuple):
    """The calibrated quants, q of them by name, on n prompts and c chunks of one text."""

    quants: list[str]
    kinds: np.ndarray  # [q]: noise, family or recipe
    levels: np.ndarray  # [q]: mean KLD that the noise was made for; NaN for recipes
    families: list[str | None]
    scores: np.ndarray  # [q, n] bool
    reference: np.ndarray  # [n] bool
    kld: np.ndarray  # [q, c]: mean of a chunk
    loss: np.ndarray  # [q, c]: mean log-loss of a chunk less the reference's
    flips: np.ndarray  # [q, c]: share of a chunk's tokens whose first choice is another

    def only(self, kind: str, level: float | None = None) -> np.ndarray:
        """Row numbers of the quants of a kind, and of a level if one is given."""
        at = self.kinds == kind
        return np.flatnonzero(at if level is None else at & (self.levels == level))


def load() -> Packed:
    """What lies in the file."""
    rows = pl.read_parquet(PATH)
    bits = [np.frombuffer(packed, np.uint8) for packed in rows["scores"]]
    n = len(KINDS) * PROMPTS_A_KIND
    scores = np.unpackbits(np.stack(bits), axis=1, count=n).astype(bool)
    is_reference = (rows["kind"] == "reference").to_numpy()
    own = rows.filter(~pl.Series(is_reference))
    chunks = [np.stack(own[name].to_list()).astype(float) for name in ("kld", "loss", "flips")]
    return Packed(
        own["quant_id"].to_list(),
        own["kind"].to_numpy(),
        own["level"].to_numpy(),
        own["family"].to_list(),
        scores[~is_reference],
        scores[is_reference][0],
        *chunks,
    )
