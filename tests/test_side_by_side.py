"""Prompts answered side by side: no bit hangs on order or neighbours, whatever the quant."""

import json
import random

import numpy as np
import pytest
from conftest import MODEL, REFERENCE, qwh
from gguf import GGUFReader
from gguf_files import CASES

from qwh.errors import ExitCode, QwhError
from qwh.ingest.engines import llama_cpp, llama_slots
from qwh.ingest.engines.port import Reading, Sequence, Start
from qwh.raw.store import Store

LINES = (MODEL / "prompts.jsonl").read_text().splitlines()
LIMIT = 12


def ends_after(tokens: int):
    """Watches by which answers end one after another: each has one token more than the last."""

    def watch():
        count = [tokens]

        def ends(token: int) -> bool:
            count[0] -= 1
            return count[0] <= 0

        return ends

    return watch


@pytest.fixture(scope="module")
def starts() -> list[Start]:
    """Prompts that share beginnings of all lengths, one of them too long for llama.cpp's 256."""
    vocabulary = llama_cpp.vocabulary(llama_cpp.file(REFERENCE))
    head = "".join(f"{json.loads(line)['prompt']} {line[-8:-3]}\n" for line in LINES[:8])
    texts = [head[: 7 * n] + json.loads(line)["prompt"] for n, line in enumerate(LINES[:30])]
    texts.append(head + texts[3])
    found = [Start(n, vocabulary.tokenize(text).tolist(), []) for n, text in enumerate(texts)]
    vocabulary.close()
    assert max(len(each.prompt) for each in found) > 256
    return found


def model(path, slots: int, flash_attention: str = "on"):
    settings = (("flash_attention", flash_attention),)
    return llama_cpp.load(llama_cpp.file(path), Reading(slots=slots, settings=settings), 400, 1)


def answers(loaded, starts: list[Start]) -> dict[int, list[int]]:
    """Number -> ids; which answers end sooner hangs on who stands where."""
    found, order = {}, iter(range(10**6))

    def watch():
        place = next(order)
        return ends_after(3 + place % 7)()

    longest = {each.number: 3 for each in starts}
    for answer in loaded.answer(starts, LIMIT, watch):
        found[answer.number] = answer.ids
        longest[answer.number] = len(answer.ids)
    assert (len(found) == len(starts) and len(set(longest.values())) > 2) or len(starts) < 9
    return found


def logits(loaded, starts: list[Start], theirs: dict[int, list[int]]) -> dict[int, np.ndarray]:
    """Number -> the logits along an answer, [T, V]."""
    sequences = []
    for start in starts:
        answer = theirs[start.number]
        ids = np.array(start.prompt + answer[:-1], np.int32)
        targets = np.full(len(ids), -1, np.int32)
        targets[len(start.prompt) - 1 :] = answer
        sequences.append(Sequence(start.number, ids, targets))
    blocks = iter(loaded.read(sequences, 64))
    found = {}
    for each in sequences:
        parts = [next(blocks) for _ in range(0, len(each.ids), 64)]
        found[each.number] = np.concatenate([part for part in parts if part is not None])
    return found


@pytest.mark.parametrize("flash_attention", ["on", "off"])
@pytest.mark.parametrize("name", ["F16", "Q8_0", "Q4_K_M"])
def test_no_bit_hangs_on_order_or_neighbours(quants, starts, name, flash_attention):
    path = REFERENCE if name == "F16" else quants[name]
    shuffled = random.Random(5).sample(starts, len(starts))
    first, rows = {}, {}
    for slots in (3, 8, 24):
        loaded = model(path, slots, flash_attention)
        for order in (starts, shuffled, starts[::-7]):
            for number, ids in answers(loaded, order).items():
                known = first.setdefault((slots, number), ids)
                shorter = min(len(known), len(ids))  # a watch ends it by its place in line
                assert known[:shorter] == ids[:shorter]
                first[slots, number] = max(known, ids, key=len)
        theirs = {number: ids for (n, number), ids in first.items() if n == slots}
        for order in (starts, shuffled[:9], shuffled):
            for number, found in logits(loaded, order, theirs).items():
                assert np.array_equal(rows.setdefault((slots, number), found), found)
        if flash_attention == "on":  # what is read in one pass is what would have been answered
            for start in starts:
                chosen = rows[slots, start.number].argmax(1).tolist()
                assert chosen == theirs[start.number]
        loaded.close()


def test_a_machine_on_which_neighbours_move_bits_is_refused(monkeypatch):
    fill = llama_slots.Slots._fill

    def moved(self, slot, ids, wanted):
        found = fill(self, slot, ids, wanted)
        return found if found is None else found + np.float32(slot * 1e-3)

    monkeypatch.setattr(llama_slots.Slots, "_fill", moved)
    with pytest.raises(QwhError, match="leave --parallel out"):
        model(REFERENCE, 8)


def test_steps_of_one_size_where_another_moves_bits(monkeypatch, starts):
    step = llama_slots.Slots._step

    def moved(self):
        found = step(self)
        return found + np.float32(1e-3) if len(found) < self.rows else found

    monkeypatch.setattr(llama_slots.Slots, "_step", moved)
    loaded = model(REFERENCE, 24)
    assert loaded.slots.least == 24
    found = answers(loaded, starts[:5])
    loaded.close()
    assert len(found) == 5


def ask(warehouse, quants, lines, *more):
    """`qwh ingest prompts` of some lines by the reference and two quants."""
    warehouse.mkdir(exist_ok=True)
    path = warehouse / "p.jsonl"
    path.write_text("\n".join(lines))
    files = [part for name in ("Q8_0", "Q4_K_M") for part in ("--quant", quants[name])]
    where = ("--cohort", "m", "--threads", 1, "--warehouse", warehouse / "w")
    done = qwh("ingest", "prompts", path, "--reference", REFERENCE, *files, *where, *more)
    assert done.exit_code == 0, done.stderr
    return answered(warehouse / "w")


def answered(warehouse) -> dict:
    """(member, prompt, attempt) -> its sample and its rows."""
    store, found, prompts = Store(warehouse), {}, {}
    runs = [run for run in store.runs() if run.task == "benchmark"]
    for run in runs:
        if run.role == "reference":
            rows = store.rows("prompts", run.run_id)
            prompts = {row["prompt_index"]: row["prompt_id"] for row in rows}
    for run in runs:
        table = "reference_tokens" if run.role == "reference" else "tokens"
        for row in store.rows(table, run.run_id):
            prompt = prompts[row.pop("chunk")]
            found.setdefault((run.quant_id, prompt), []).append(row)
        for row in store.rows("samples", run.run_id):
            row.pop("prompt_index")
            found[run.quant_id, row["prompt_id"], row["attempt"]] = row
    return found


@pytest.mark.parametrize("parallel", [1, 8])
def test_shuffled_prompts_give_the_same_rows(tmp_path, quants, parallel):
    """Some begin with the same examples, of which more or less is held by who was there before."""
    shots = "Q: Where does Bria live?\nA: Arlen\n"
    lines = [json.loads(line) for line in LINES[:36]]
    lines = [
        json.dumps(line | {"prompt": shots * (2 * n % 14) + line["prompt"]})
        for n, line in enumerate(lines)
    ]
    shuffled = random.Random(2).sample(lines, len(lines))
    more = ("--parallel", parallel, "--max-new-tokens", 16)
    straight = ask(tmp_path / "a", quants, lines, *more)
    assert straight == ask(tmp_path / "b", quants, shuffled, *more)
    assert straight == ask(tmp_path / "c", quants, lines, *more)
    assert len(straight) == 3 * 2 * len(lines)


@pytest.mark.parametrize("parallel", [1, 8])
def test_drawn_attempts_hang_on_no_order_and_all_members_draw_alike(tmp_path, quants, parallel):
    drawn = ("--attempts", 3, "--sampling-temperature", 0.8, "--seed", 4, "--parallel", parallel)
    straight = ask(tmp_path / "a", quants, LINES[:12], *drawn)
    shuffled = ask(tmp_path / "b", quants, LINES[:12][::-1], *drawn)
    assert straight == shuffled and len(straight) == 3 * (12 + 3 * 12)
    said = {key: row["answer"] for key, row in straight.items() if len(key) == 3}
    assert len({said["tiny-f16", prompt, n] for _, prompt, n in said}) > 4
    same = [said["Q8_0", *key[1:]] == said[key] for key in said if key[0] == "tiny-f16"]
    assert sum(same) > 0.8 * len(same)  # near lossless, and one noise for all


def test_another_number_is_another_harness_and_one_is_none(tmp_path, quants):
    ask(tmp_path, quants, LINES[:4], "--benchmark-id", "alone")
    ask(tmp_path, quants, LINES[:4], "--parallel", 8, "--benchmark-id", "eight")
    runs = [run for run in Store(tmp_path / "w").runs() if run.task == "benchmark"]
    harness = {run.benchmark_id: json.loads(run.harness) for run in runs}
    assert harness["eight"].pop("parallel") == 8 and harness["eight"] == harness["alone"]
    assert {run.corpus_id for run in runs} == {"alone", "eight"}
    path = tmp_path / "p.jsonl"
    two = ("--reference", REFERENCE, "--quant", quants["Q8_0"], "--cohort", "m")
    where = ("--warehouse", tmp_path / "w", "--benchmark-id", "alone")
    done = qwh("ingest", "prompts", path, *two, *where, "--parallel", 3)
    assert done.exit_code == ExitCode.MISMATCH and "parallel 1 there, 3 here" in done.stderr
    path.write_text("\n".join(LINES[2:5]))
    done = qwh("ingest", "prompts", path, *two, *where)
    assert done.exit_code == ExitCode.MISMATCH and done.stderr.count("\n") == 1
    assert "cohort m holds another text as alone: give this file its own --benc" in done.stderr


def test_second_readings_of_prompts(tmp_path, quants):
    """Alone in another batch shape, what was side by side alone, or under another setting."""
    lines = [json.loads(line) for line in LINES[:10]]
    shots = "Q: Where does Bria live?\nA: Arlen\n" * 4  # from 64 rows on attention is another
    lines = [json.dumps(line | {"prompt": shots + line["prompt"]}) for line in lines]
    for name, more, second, label in (
        ("a", (), (), "rows=16"),
        ("b", ("--parallel", 8), (), "sequences=1"),
        ("c", ("--parallel", 8), ("--reading", "flash_attention=off"), "flash_attention=off"),
    ):
        first = ask(tmp_path / name, quants, lines, *more)
        found = ask(tmp_path / name, quants, lines, *more, *second, "--control", "--repeat")
        store = Store(tmp_path / name / "w")
        runs = {(r.role, r.quant_id): r for r in store.runs() if r.task == "benchmark"}
        assert len(runs) == 3 + 2 + 1 and first.keys() == found.keys()
        assert runs["control", "tiny-f16"].reference_run_id == runs["reference", "tiny-f16"].run_id
        assert runs["control", "tiny-f16"].reading == label
        for quant in ("Q8_0", "Q4_K_M"):
            repeat, once = runs["repeat", quant], runs["quant", quant]
            assert repeat.first_run_id == once.run_id and repeat.rows == once.rows
            between = [row["kld"] for row in store.rows("reading_klds", repeat.run_id)]
            assert len(between) == repeat.rows and 0 < np.mean(between) < 0.01
        control = [row["kld"] for row in store.rows("tokens", runs["control", "tiny-f16"].run_id)]
        assert 0 < np.mean(control) < 1e-5
    path, given = tmp_path / "b" / "p.jsonl", ("--reference", REFERENCE, "--cohort", "m")
    where = ("--quant", quants["Q8_0"], "--warehouse", tmp_path / "b" / "w", "--parallel", 8)
    for said in ("rows=16", "sequences=12"):
        done = qwh("ingest", "prompts", path, *given, *where, "--control", "--reading", said)
        assert done.exit_code == ExitCode.USAGE and done.stderr.count("\n") == 1
        assert "--control would read tiny-f16 as before" in done.stderr
        assert "give another reading, as rows=16 with sequences=1" in done.stderr


def test_memory_is_bounded_and_the_line_says_what_fits(tmp_path, quants):
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(LINES[:8]))
    given = ("--reference", REFERENCE, "--quant", quants["Q8_0"], "--cohort", "m")
    given = ("ingest", "prompts", path, *given, "--warehouse", tmp_path / "w", "--threads", 1)
    done = qwh(*given, "--parallel", 24, "--kv-memory", "14MB")
    line = done.stderr.strip()
    assert done.exit_code == ExitCode.USAGE and "\n" not in line and done.stdout == ""
    fits = int(line.rpartition("--parallel ")[2])
    fields = GGUFReader(REFERENCE).fields
    layers, width, heads, kept = (
        fields[f"llama.{key}"].contents()
        for key in (
            "block_count",
            "embedding_length",
            "attention.head_count",
            "attention.head_count_kv",
        )
    )
    each = 2 * 256 * layers * 2 * kept * width // heads  # bytes of a slot: keys and values in F16
    assert f"{24 * each / 1e6:.3g} MB" in line
    assert fits == int(14e6 / each) // 4 * 4
    assert qwh(*given, "--parallel", fits + 1, "--kv-memory", "14MB").exit_code == ExitCode.USAGE
    assert qwh(*given, "--parallel", fits, "--kv-memory", "14MB").exit_code == 0


def test_a_name_is_of_one_file(tmp_path, quants):
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(LINES[0])
    given = ("--reference", REFERENCE, "--quant", quants["Q8_0"], "--cohort", "m")
    where = ("--warehouse", tmp_path / "w", "--benchmark-id", "x")
    done = qwh("ingest", "prompts", tmp_path / "*.jsonl", *given, *where)
    assert done.exit_code == ExitCode.USAGE and "2 files" in done.stderr


def test_a_recurrent_model_answers_one_by_one(tmp_path):
    reference, quant = (CASES / f"30-mamba-{each}.gguf" for each in ("ref", "q"))
    found = []
    for name, more in (("a", ()), ("b", ("--parallel", 4))):
        given = ("--reference", reference, "--quant", quant, "--cohort", "m", "--threads", 1)
        where = ("--warehouse", tmp_path / name, *more)
        done = qwh("ingest", "prompts", CASES / "30-prompts.jsonl", *given, *where)
        assert done.exit_code == 0, done.stderr
        found.append(answered(tmp_path / name))
    assert found[0] == found[1]
