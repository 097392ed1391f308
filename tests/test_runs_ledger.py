"""The ledger of edits: whole at every moment, in order, and read alike by Python and SQL."""

import json
import os
from contextlib import suppress
from pathlib import Path

import deaths
import pytest

from qwh.errors import ExitCode, QwhError
from qwh.raw import edits
from qwh.raw.manifest import RunFacts
from qwh.raw.store import RunWriter, Store


def run(run_id: str, **facts: object) -> RunFacts:
    known = {
        "task": "corpus",
        "role": "quant",
        "cohort_id": "c",
        "quant_id": "q",
        "corpus_id": "wiki",
        "started_at": "2026-01-01",
        "status": "complete",
    }
    return RunFacts(run_id=run_id, **(known | facts))


def publish(store: Store, *runs: RunFacts) -> None:
    for each in runs:
        with RunWriter(store, "summaries") as writer:
            writer.publish(each)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path).create()


def names(store: Store, retracted: bool = False) -> list[str | None]:
    return [each.quant_id for each in store.runs(retracted)]


def test_the_last_edit_of_a_field_holds(store):
    publish(store, run("a1"), run("b2", quant_id="p"))
    edits.retract(store, ["a1"], "a wrong file")
    assert names(store) == ["p"] and names(store, retracted=True) == ["q", "p"]
    assert store.find("a1") is None and store.find("a1", retracted=True).quant_id == "q"
    edits.rename(store, "q", "r", "c")
    edits.restore(store, ["a1"])
    edits.rename(store, "p", "s", "c")
    edits.rename(store, "s", "t", "c")
    assert names(store) == ["r", "t"]
    assert store.published("a1").quant_id == "q"
    said = [(each.sequence, each.run_id, each.field, each.value) for each in store.ledger.edits()]
    assert said == [
        (1, "a1", "retracted", "true"),
        (2, "a1", "quant_id", "r"),
        (3, "a1", "retracted", "false"),
        (4, "b2", "quant_id", "s"),
        (5, "b2", "quant_id", "t"),
    ]
    assert store.ledger.edits()[0].why == "a wrong file"


def test_a_reason_is_text_that_sql_can_read(store):
    publish(store, run("a1"))
    edits.retract(store, ["a1"], "not UTF-8: \udcff, 'quoted'\n")
    assert store.ledger.edits()[0].why == "not UTF-8: ?, 'quoted'"


def test_what_changes_nothing_is_not_written(store):
    publish(store, run("a1"))
    assert edits.restore(store, ["a1"]) == []
    assert len(edits.retract(store, ["a1"], "no")) == 1
    assert edits.retract(store, ["a1"], "no") == []
    assert len(edits.rename(store, "q", "p", "c")) == 1
    assert edits.rename(store, "p", "p", "c") == []
    assert len(edits.tag(store, ["a1"], "night")) == 1
    assert edits.tag(store, ["a1"], "night") == []
    assert len(edits.tag(store, ["a1"], "night", remove=True)) == 1
    assert len(list(store.ledger.folder.glob("0*.json"))) == 4


def test_a_reference_does_not_leave_its_quants_behind(store):
    reference = run("f0", role="reference", quant_id="f16")
    publish(store, reference, run("a1", reference_run_id="f0"), run("b2", quant_id="p"))
    with pytest.raises(QwhError, match=r"1 run scored against it .* q on wiki .a1.* --with-quants"):
        edits.retract(store, ["f0"], "another text")
    assert len(names(store)) == 3
    assert len(edits.retract(store, ["f0"], "another text", with_quants=True)) == 2
    assert names(store) == ["p"]
    with pytest.raises(QwhError, match="scored against the run f0, which is retracted"):
        edits.restore(store, ["a1"])
    assert [each.run_id for each in edits.restore(store, ["f0"], with_quants=True)] == ["a1", "f0"]
    assert edits.retract(store, ["f0", "a1"], "both named")
    assert [each.run_id for each in edits.restore(store, ["a1", "f0"])] == ["a1", "f0"]


def test_measuring_a_retracted_run_again_puts_it_back(store):
    publish(store, run("f0", role="reference", quant_id="f16"), run("a1", reference_run_id="f0"))
    edits.retract(store, ["f0"], "no", with_quants=True)
    publish(store, run("f0", role="reference", quant_id="f16"))
    assert names(store) == ["f16"]
    assert edits.again(store, "a1").run_id == "a1" and len(names(store)) == 2
    assert edits.again(store, "a2") is None
    edits.retract(store, ["f0"], "no", with_quants=True)
    assert edits.again(store, "a1").run_id == "a1" and len(names(store)) == 2
    assert store.ledger.edits()[-1].why == "measured again"


def test_runs_that_cannot_stand_together_are_not_restored(store):
    own = {"estimator": "naive", "file_sha256": "1"}
    publish(store, run("a1", batch_size=8, **own))
    edits.retract(store, ["a1"], "too small")
    for other, words in (
        (run("b2", batch_size=16, quant_id="p", **own), "another batch_size than p on wiki"),
        (run("b2", batch_size=8, **(own | {"file_sha256": "2"})), "q is another file there"),
        (run("b2", role="reference"), "q is the cohort's reference"),
    ):
        publish(store, other)
        with pytest.raises(QwhError, match=words):
            edits.restore(store, ["a1"])
    publish(store, run("b2", cohort_id="d", batch_size=16, **own))
    assert edits.restore(store, ["a1"])


def test_two_models_are_not_called_the_same(store):
    publish(
        store,
        run("a1", file_sha256="1", file_name="a.gguf"),
        run("b2", quant_id="p", file_sha256="2"),
        run("c3", quant_id="f16", role="reference"),
        run("d4", quant_id="log", task="summary", estimator="llama-log"),
        run("e5", quant_id="log2", task="summary", estimator="llama-log"),
        run("e6", quant_id="again", file_sha256="1"),
        run("e7", quant_id="elsewhere", cohort_id="d"),
    )
    for old, new, words in (
        ("q", "p", "q cannot be called p, which is another file"),
        ("q", "f16", "the name of cohort c's reference, for it is a quant"),
        ("log", "log2", "both have a run on wiki .d4 and e5.*: retract one"),
        ("nobody", "x", "no nobody in cohort c: there are again, f16, log, log2, p, q"),
        ("q", " ", "is no name"),
        ("q", " x", "is no name"),
        ("q", "\udcff", "is no name"),
        ("q", "a\nb", "is no name"),
        ("q", "x" * 121, "is no name"),
    ):
        with pytest.raises(QwhError, match=words):
            edits.rename(store, old, new, "c")
    assert edits.rename(store, "log", "q", "c")  # figures of a log join the model's own run
    assert edits.rename(store, "again", "q", "c")  # the same file
    edits.retract(store, ["e5"], "double")
    assert edits.rename(store, "log2", "p", "c")
    assert edits.rename(store, "p", "elsewhere", "c")


def test_a_model_parts_again_from_runs_that_joined_it(store):
    publish(store, run("a1"), run("d4", quant_id="log", task="summary"))
    edits.rename(store, "log", "q", "c")
    assert names(store) == ["q", "q"]
    assert [each.run_id for each in edits.rename(store, "q", "log", "c", ["d4"])] == ["d4"]
    assert names(store) == ["q", "log"]
    assert store.ledger.edits()[-1].value is None  # the name that it was published with


def test_only_a_purge_deletes_and_only_what_is_retracted(store):
    reference = run("f0", role="reference", quant_id="f16")
    publish(store, reference, run("a1", reference_run_id="f0"))
    runs = store.runs()
    with pytest.raises(QwhError, match="not retracted"):
        edits.purge(store, runs)
    edits.retract(store, ["f0"], "no", with_quants=True)
    with pytest.raises(QwhError, match="1 run was scored against what would be deleted"):
        edits.purge(store, [each for each in runs if each.role == "reference"])
    edits.purge(store, runs)
    assert store.runs(retracted=True) == [] and not store.part("summaries", "a1").exists()
    publish(store, reference)  # what was said before is void
    assert names(store) == ["f16"]


def test_what_is_half_deleted_is_deleted_again(store):
    publish(store, run("a1"))
    edits.retract(store, ["a1"], "no")
    store.part("summaries", "a1").unlink()
    with pytest.raises(QwhError, match="its summaries are gone"):
        edits.restore(store, ["a1"])
    assert edits.again(store, "a1") is None  # so that it is measured anew
    edits.purge(store, store.runs(retracted=True))
    assert store.runs(retracted=True) == [] and not store.manifest("a1").exists()


def test_an_id_may_be_cut_short(store):
    publish(store, run("a1b2"), run("a1c3"), run("dd"))
    assert [each.run_id for each in edits.by_id(store, ["a1b", "D", "dd"])] == ["a1b2", "dd"]
    for prefix, words in (("a1", "2 runs begin with it"), ("e", "no run begins"), ("", "no run")):
        with pytest.raises(QwhError, match=words) as error:
            edits.by_id(store, [prefix])
        assert error.value.code is ExitCode.NOT_FOUND


def test_a_number_that_is_taken_is_left_alone(store, monkeypatch):
    publish(store, run("a1"), run("b2"))
    edits.tag(store, ["a1"], "one")
    numbers = iter((0, 0, 1))
    monkeypatch.setattr(type(store.ledger), "_last", lambda self: next(numbers))
    edits.tag(store, ["b2"], "two")
    assert [(each.sequence, each.field) for each in store.ledger.edits()] == [
        (1, "tag:one"),
        (2, "tag:two"),
    ]


def test_a_broken_file_of_edits_is_named(store):
    (store.ledger.folder / "00000001.json").write_text("[1")
    with pytest.raises(QwhError, match=r"00000001.json.*restore the file") as error:
        store.runs()
    assert error.value.code is ExitCode.STORAGE


def renamed_and_killed(store: Store, when: str, call: int) -> bool:
    """Rename in a child that dies at a call; whether it came to its end before."""
    child = os.fork()
    if child == 0:
        names = ("link", "mkdir", "open", "fsync", "unlink", "rmdir", "replace")
        deaths.die_at(call, names, after=when == "after")
        with suppress(BaseException):
            edits.rename(store, "q", "p", "c")
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFEXITED(status)


def test_a_process_killed_at_any_write_leaves_all_or_nothing(store):
    publish(store, run("a1"), run("b2", corpus_id="other"))
    seen, call, is_over = set(), 0, False
    while not is_over:
        call += 1
        for when in ("after", "before"):
            for file in edit_files(store):
                file.unlink()
            is_over = renamed_and_killed(store, when, call)
            found = names(store.create())
            assert found in (["q", "q"], ["p", "p"]), call
            seen.add(found[0])
            assert all(len(json.loads(file.read_text())) == 2 for file in edit_files(store))
            edits.rename(store, found[0], "z", "c")
            assert names(store) == ["z", "z"]
    assert seen == {"q", "p"} and call > 5


def edit_files(store: Store) -> list[Path]:
    return sorted(store.ledger.folder.glob("0*.json"))
