"""Members of a text at different chunks: against which of the reference's rows each was scored."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from test_store import manifest

from qwh.ingest import cohort
from qwh.ingest.cohort import Settings
from qwh.ingest.kept import ReadOtherwise
from qwh.ingest.texts.kept_chunks import KeptText
from qwh.kernels.scorers import dispatch
from qwh.raw import staging
from qwh.raw.store import Store


class Who:
    """A member, as far as a checkpoint knows it."""

    def __init__(self, quant_id: str):
        self.quant_id = self.title = quant_id
        self.role, self.first = "quant", None


class Toy:
    """Scored blocks of a reference and a quant without any model."""

    def __init__(self, tmp_path, monkeypatch):
        self.store = Store(tmp_path).create()
        self.reference, self.quant, self.other = (Who(each) for each in "rab")
        self.job = SimpleNamespace(reference=self.reference, settings=Settings(1))
        self.shared = replace(manifest("x"), corpus_id="text", context_length=8)

        def named(job, who, shared, **more):
            role = "reference" if who is self.reference else "quant"
            run = replace(shared, quant_id=who.quant_id, role=role)
            return run.named(**more)

        monkeypatch.setattr(cohort, "run_of", named)

    def kept(self, *quants):
        return KeptText(self.store, self.job, self.shared, list(quants))

    def block(self, member, number, shift=0.0):
        n, k = 3, 2
        where = {"chunk": np.full(n, number, np.int32), "position": np.arange(n, dtype=np.int32)}
        kind = dispatch.ReferenceRows if member is self.reference else dispatch.QuantRows
        values = dict.fromkeys(kind._fields, np.full(n, number + shift, np.float32))
        for name in ("finite_ref", "finite"):
            values[name] = np.ones(n, bool)
        for name in ("top1_ref", "rank_ref", "top1", "rank"):
            values[name] = np.ones(n, np.int32)
        values["topk_ids"] = np.zeros((n, k), np.int32)
        values["topk_logprobs_ref"] = values["topk_logprobs"] = np.zeros((n, k), np.float32)
        found = kind(**{name: values[name] for name in kind._fields})
        targets = np.zeros(n, np.int32)
        about = {"member": member, "where": where, "targets": targets, "rows": found}
        return SimpleNamespace(**about, ends=True, between=None)


def take(toy, text, member, numbers, shift=0.0):
    for number in numbers:
        text.take(toy.block(member, number, shift))


def test_members_at_different_chunks_agree_on_the_references_rows(tmp_path, monkeypatch):
    """A quant that joins later reads from the beginning; nothing of the others is written twice."""
    toy = Toy(tmp_path, monkeypatch)
    with toy.kept(toy.quant) as text:
        for number in range(3):
            take(toy, text, toy.reference, [number])
            take(toy, text, toy.quant, [number])
        take(toy, text, toy.reference, [3])  # killed before the quant's
    with toy.kept(toy.quant, toy.other) as text:
        held = [text.of(each).chunks for each in (toy.reference, toy.quant, toy.other)]
        assert held == [4, 3, 0]
        for number in range(4):
            take(toy, text, toy.reference, [number])
            readers = [toy.other] if number < 3 else [toy.quant, toy.other]
            for quant in readers:
                take(toy, text, quant, [number])
        published = text.publish([toy.quant, toy.other], toy.shared, 4)
    assert [run.rows for run in published] == [12, 12, 12]
    for run in published:
        table = "reference_tokens" if run.role == "reference" else "tokens"
        found = [row["chunk"] for row in toy.store.rows(table, run.run_id)]
        assert found == [number for number in range(4) for _ in range(3)]
    assert list(toy.store.staging.iterdir()) == []


def test_a_reference_that_reads_otherwise_ends_what_was_kept_from_there(
    tmp_path, monkeypatch, capsys
):
    toy = Toy(tmp_path, monkeypatch)
    with toy.kept(toy.quant) as text:
        for number in range(3):
            take(toy, text, toy.reference, [number])
            take(toy, text, toy.quant, [number])
    with toy.kept(toy.quant, toy.other) as text:
        take(toy, text, toy.reference, [0])
        take(toy, text, toy.other, [0])
        with pytest.raises(ReadOtherwise):
            take(toy, text, toy.reference, [1], shift=0.25)
        with pytest.raises(ReadOtherwise):  # nothing is written until that is mended
            take(toy, text, toy.other, [1])
        text.keep(1)
        assert "chunk 1 is read otherwise than before" in capsys.readouterr().err
        held = [text.of(each).chunks for each in (toy.reference, toy.quant, toy.other)]
        assert held == [1, 1, 1]
        for number in (1, 2):
            take(toy, text, toy.reference, [number], shift=0.25)
            take(toy, text, toy.quant, [number])
            take(toy, text, toy.other, [number])
        published = text.publish([toy.quant, toy.other], toy.shared, 3)
    (head, *quants) = published
    assert {run.reference_run_id for run in quants} == {head.run_id}
    nll = [row["nll_ref"] for row in toy.store.rows("reference_tokens", head.run_id)]
    assert nll == [0, 0, 0, 1.25, 1.25, 1.25, 2.25, 2.25, 2.25]


def test_a_quant_scored_against_rows_that_nobody_holds_reads_again(tmp_path, monkeypatch, capsys):
    toy = Toy(tmp_path, monkeypatch)
    with toy.kept(toy.quant) as text:
        take(toy, text, toy.reference, [0])
        take(toy, text, toy.quant, [0])
    for folder in toy.store.staging.iterdir():
        if staging.about(folder)["reference"] is None:
            shutil.rmtree(folder)
    with toy.kept(toy.other) as text:
        take(toy, text, toy.reference, [0], shift=0.25)
        take(toy, text, toy.other, [0])
    with toy.kept(toy.quant, toy.other) as text:
        assert "chunk 0 was scored against other rows" in capsys.readouterr().err
        assert text.of(toy.quant).chunks == 0 and text.of(toy.other).chunks == 1
