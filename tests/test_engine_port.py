"""Engines of other kinds behind the port: each, a page of code here, goes through scoring as it is.

All of them compute the same toy language model, so their rows must be those of its logits taken
whole, whatever an engine batches, stores or reuses.
"""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from qwh.errors import QwhError
from qwh.ingest.cohort import Settings
from qwh.ingest.engines.port import PLAIN, Reading, Sequence, blocks
from qwh.ingest.lockstep import Lane, Scorer
from qwh.ingest.members import Member
from qwh.ingest.prompts.answering import refuse_mute
from qwh.ingest.trace import Trace
from qwh.kernels.scorers import dispatch, naive
from qwh.kernels.scorers.rows import Bfloat16Rows

V, D = 61, 8
RNG = np.random.default_rng(7)
EMBED, HEAD = RNG.normal(size=(V, D)), RNG.normal(size=(D, V))


def hidden(ids: np.ndarray, noise: float) -> np.ndarray:
    """[T, D]: a running mean of embeddings; noise: how far a quant's weights are off."""
    embed = EMBED + noise * np.sin(np.arange(V * D)).reshape(V, D)
    return np.cumsum(embed[ids], axis=0) / np.sqrt(np.arange(1, len(ids) + 1))[:, None]


def logits(ids: np.ndarray, noise: float) -> np.ndarray:
    """[T, V] float32."""
    return (hidden(ids, noise) @ HEAD).astype(np.float32)


class OneBuffer:
    """As llama.cpp: one sequence at a time, and every block in the same buffer."""

    def __init__(self, noise: float, reading: Reading = PLAIN):
        self.noise, self.reading = noise, reading
        self.buffer = np.empty((512, V), np.float32)

    def read(self, sequences, rows):
        for sequence in sequences:
            whole = logits(sequence.ids, self.noise)
            for start, stop in blocks(sequence, rows):
                at = sequence.scored(start, stop)
                self.buffer[: len(at)] = whole[at]
                yield self.buffer[: len(at)] if len(at) else None
                self.buffer[:] = np.nan  # whoever still looks finds nothing

    def close(self):
        pass


class WholeForward(OneBuffer):
    """As torch: chunks side by side, the whole forward first, the head on slices of its end."""

    def read(self, sequences, rows):
        for first in range(0, len(sequences), self.reading.sequences):
            together = sequences[first : first + self.reading.sequences]
            states = [hidden(each.ids, self.noise) for each in together]
            for sequence, state in zip(together, states):
                for start, stop in blocks(sequence, rows):
                    at = sequence.scored(start, stop)
                    yield (state[at] @ HEAD).astype(np.float32) if len(at) else None


class Stored(OneBuffer):
    """As a file of logits: rows of the scored positions, found by the sequence's index."""

    def __init__(self, noise: float, sequences: list[Sequence]):
        super().__init__(noise)
        self.rows = {each.number: logits(each.ids, noise) for each in sequences}

    def read(self, sequences, rows):
        for sequence in sequences:
            for start, stop in blocks(sequence, rows):
                at = sequence.scored(start, stop)
                yield self.rows[sequence.number][at] if len(at) else None


class RoundedCache(OneBuffer):
    """A file with a run-time setting that moves its numbers, as the type of a KV cache does."""

    def read(self, sequences, rows):
        digits = int(dict(self.reading.settings)["cache_digits"])
        for sequence in sequences:
            state = np.round(hidden(sequence.ids, self.noise), digits)
            for start, stop in blocks(sequence, rows):
                at = sequence.scored(start, stop)
                yield (state[at] @ HEAD).astype(np.float32) if len(at) else None


def lane(name: str, model: OneBuffer) -> Lane:
    file = SimpleNamespace(path=SimpleNamespace(name=name), vocab_size=V)
    return Lane(Member(name, "toy", file, model.reading), model)


def sequences(*lengths: int) -> list[Sequence]:
    """Chunks of these lengths, of which the second half is scored."""
    found = []
    for index, length in enumerate(lengths):
        ids = RNG.integers(0, V, length).astype(np.int32)
        targets = np.append(ids[1:], -1).astype(np.int32)
        targets[: length // 2] = -1
        found.append(Sequence(index, ids, targets))
    return found


def scored(lanes: list[Lane], asked: list[Sequence], rows: int) -> dict:
    """quant -> (chunk, position) -> KLD, through the scorer."""
    found: dict[str, dict] = {each.member.quant_id: {} for each in lanes}

    def sink(block):
        if isinstance(block.rows, dispatch.QuantRows):
            where = zip(block.where["chunk"], block.where["position"])
            found[block.member.quant_id] |= dict(zip(where, block.rows.kld))

    with Scorer(lanes, Settings(1, 4), sink, Trace(), lambda who, positions: None) as scorer:
        scorer.read(asked, rows)
    return found


def truth(asked: list[Sequence], quant) -> dict:
    """The same from whole logits, in float64. quant: ids -> its logits."""
    found = {}
    for each in asked:
        at = np.flatnonzero(each.targets >= 0)
        x, z, y = logits(each.ids, 0)[at], quant(each.ids)[at], each.targets[at]
        kld = naive.quant_rows(x, naive.reference_rows(x, y, 4), z, y).kld
        found |= {(each.number, position + 1): value for position, value in zip(at, kld)}
    return found


def same(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    values = [found[key] for key in expected]
    np.testing.assert_allclose(values, list(expected.values()), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("rows", [5, 16, 64])
def test_every_kind_of_engine_gives_the_rows_of_its_logits(rows):
    asked = sequences(24, 40, 7, 64)  # chunks of unequal length
    side_by_side = WholeForward(0.05, Reading(sequences=3))
    lanes = [
        lane("reference", Stored(0, asked)),
        lane("one buffer", OneBuffer(0.05)),
        lane("side by side", side_by_side),
        lane("stored", Stored(0.05, asked)),
        lane("other settings", RoundedCache(0, Reading(settings=(("cache_digits", "1"),)))),
        lane("second reading", OneBuffer(0.05, Reading(rows=16))),
    ]
    found = scored(lanes, asked, rows)
    expected = truth(asked, lambda ids: logits(ids, 0.05))
    for name in ("one buffer", "side by side", "stored", "second reading"):
        same(found[name], expected)
    rounded = truth(asked, lambda ids: (np.round(hidden(ids, 0), 1) @ HEAD).astype(np.float32))
    same(found["other settings"], rounded)
    assert max(rounded.values()) > 1e-5  # the setting does move the numbers


def test_a_slow_scorer_never_reads_a_buffer_that_was_overwritten(monkeypatch):
    """The engines would be far ahead of the scorer, were they not held."""
    asked = sequences(32, 32)

    def slow(function):
        def wait(*arguments):
            time.sleep(0.06)
            return function(*arguments)

        return wait

    monkeypatch.setattr(dispatch, "reference_rows", slow(dispatch.reference_rows))
    monkeypatch.setattr(dispatch, "quant_rows", slow(dispatch.quant_rows))
    quants = {f"q{i}": 0.02 * (i + 1) for i in range(3)}
    lanes = [lane("reference", OneBuffer(0)), *(lane(q, OneBuffer(n)) for q, n in quants.items())]
    found = scored(lanes, asked, 8)
    for name, noise in quants.items():
        same(found[name], truth(asked, lambda ids, noise=noise: logits(ids, noise)))


def test_settings_are_facts_and_name_the_reading():
    assert Reading().label == Reading(rows=16).label == ""  # rows are facts of their own
    reading = Reading(sequences=3, settings=(("kv_type", "q8_0"),))
    assert reading.label == "sequences=3,kv_type=q8_0"


def test_a_model_that_only_reads_answers_no_prompts():
    with pytest.raises(QwhError, match="quant cannot answer prompts: the engine toy only reads"):
        refuse_mute([lane("quant", OneBuffer(0))])


def test_logits_that_are_no_floats_are_refused():
    class Counts(OneBuffer):
        def read(self, sequences, rows):
            yield np.zeros((12, V), np.int32)

    with pytest.raises(QwhError, match="reference: its engine gave int32: give float32"):
        scored([lane("reference", Counts(0)), lane("quant", OneBuffer(0))], sequences(24), 24)


def test_bfloat16_logits_are_refused():
    """They put a floor under every KLD that is larger than what is measured."""

    class Brief(OneBuffer):
        def read(self, sequences, rows):
            yield Bfloat16Rows(np.zeros((12, V), np.uint16))

    lanes = [lane("reference", Brief(0)), lane("quant", OneBuffer(0))]
    with pytest.raises(QwhError, match="reference: bfloat16 logits put a floor"):
        scored(lanes, sequences(24), 24)


@pytest.mark.parametrize("shape", [(3, V), (12, V - 1)])
def test_a_block_of_another_shape_is_refused(shape):
    class Wrong(OneBuffer):
        def read(self, sequences, rows):
            yield np.zeros(shape, np.float32)

    lanes = [lane("reference", Wrong(0)), lane("quant", OneBuffer(0))]
    with pytest.raises(QwhError, match="reference: its engine gave logits of shape"):
        scored(lanes, sequences(24), 24)
