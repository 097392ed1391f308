"""The calibrated quants: what is packed, what the prompts are, what a drawn cohort is."""

import json
from collections import Counter

import numpy as np
import polars as pl
import pytest
from calibrated import cohorts, packed, tasks

from qwh.demo import study

OPENING = {"(": "r", "[": "s", "<": "a", "{": "c"}


@pytest.fixture(scope="module")
def known() -> packed.Packed:
    return packed.load()


def right(kind: str, question: str) -> str:
    """The answer, by another route than the generators'."""
    said = question[:-1]
    if kind == "sums":
        plus, modulus = said.split("%")
        return str(sum(map(int, plus.split("+"))) % int(modulus))
    if kind == "lookups":
        *told, asked = said.split(" ")
        return {each[0]: each[1:] for each in told}[asked]
    if kind == "brackets":
        still = ""
        for each in said:
            still = still + OPENING[each] if each in OPENING else still[:-1]
        return still[::-1]
    word = said.split(" ")[1]
    return "".join(reversed(word)) if kind == "reversals" else "".join(sorted(word))


@pytest.mark.parametrize("kind", packed.KINDS)
def test_every_prompt_has_its_right_answer(kind):
    asked = tasks.prompts(kind, 200, 3)
    assert len({question for question, _ in asked}) == 200
    assert [right(kind, question) for question, _ in asked] == [answer for _, answer in asked]
    assert tasks.prompts(kind, 200, 3) == asked != tasks.prompts(kind, 200, 4)


def test_the_packed_file_holds_what_its_page_says(known):
    assert Counter(known.kinds.tolist()) == {"noise": 160, "family": 40, "recipe": 40}
    assert known.scores.shape == (240, 2500) and known.kld.shape == (240, 100)
    assert Counter(known.families)[None] == 200 and len(set(known.families)) == 11
    assert packed.PATH.stat().st_size < 600_000


def test_answers_are_unpacked_as_they_were(known):
    """Counted in the file's own bytes, without the reader."""
    rows = pl.read_parquet(packed.PATH).filter(pl.col("kind") != "reference")
    ones = {
        quant: sum(byte.bit_count() for byte in bits)
        for quant, bits in zip(rows["quant_id"], rows["scores"])
    }
    assert ones == dict(zip(known.quants, known.scores.sum(1).tolist()))
    assert 0.4 < known.reference.mean() < 0.7  # it does about half


def test_each_level_lies_where_it_was_put(known):
    for level in sorted({level for level in known.levels if level == level}):
        klds = known.kld[known.only("noise", level)].mean(1)
        assert abs(klds.mean() / level - 1) < 0.2
        assert klds.std() < 0.3 * level  # one size of noise


def test_relatives_change_together_and_strangers_do_not(known):
    gains = known.scores.astype(float) - known.reference
    alike = np.corrcoef(gains[known.only("family")])
    names = np.array([known.families[row] for row in known.only("family")])
    same = (names[:, None] == names) & ~np.eye(len(names), dtype=bool)
    assert alike[same].mean() > alike[names[:, None] != names].mean() + 0.2


def test_dealt_answers_are_the_same_answers(known):
    rng = np.random.default_rng(1)
    drawn = cohorts.dealt(known, 8, rng)
    before = known.scores[drawn.rows].sum(0) + known.reference
    assert (drawn.scores.sum(0) + drawn.reference == before).all()
    spoilt = cohorts.spoilt(drawn, 0.05, rng)
    assert abs((drawn.scores - spoilt.scores).mean() - 0.05) < 0.01


def test_families_are_drawn_whole(known):
    drawn = cohorts.families_between(known, 16, np.random.default_rng(1))
    assert set(Counter(drawn.families).values()) == {4}
    far = np.log(drawn.distance).reshape(4, 4)
    assert far.std(1).max() < 0.1 < np.diff(np.sort(far.mean(1))).min()


def test_the_second_model_was_asked_the_same_prompts():
    """Counted in the packed samples: prompts of which exactly one model's quant is right."""
    scores = {}
    for folder in (study.RESULTS, study.SECOND):
        runs = [json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines()]
        (cohort,) = {run["cohort_id"] for run in runs}
        own = {run["run_id"] for run in runs if run["quant_id"] == "Q8_0"}
        samples = pl.read_parquet(folder / "samples.parquet")
        mine = samples.filter(pl.col("run_id").is_in(own))
        keys = mine["benchmark_id"] + "/" + mine["prompt_id"]
        scores[cohort] = dict(zip(keys, mine["score"]))
    first, second = scores.values()
    assert first.keys() == second.keys() and len(first) == 1146
    assert sum(first[key] != second[key] for key in first) > 300
