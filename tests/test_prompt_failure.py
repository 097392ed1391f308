"""Prompts split by what the reference did: counted by hand, figures by SciPy from raw rows, words
that do not count one set of prompts once per quant.
"""

import numpy as np
import pytest
from conftest import query
from plain import plain
from scipy import stats as scipy_stats

from qwh.kernels.statistics.multiplicity import holm
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.prompts.dealing import dealt_p, dealt_together_p
from qwh.kernels.statistics.prompts.prompt_failure import Marks, PromptFailure, prompt_failure
from qwh.kernels.statistics.prompts.prompt_failure_overall import (
    Overall,
    Tosses,
    prompt_failure_overall,
)
from qwh.kernels.statistics.prompts.prompt_splits import KINDS, SPLITS, Asked
from qwh.kernels.statistics.prompts.prompt_table import Strata

MARKS, TOSSES = Marks(1e-9, 0.5), Tosses(1e-9, 0.5, 8, 999, 1)
OWN = ("all", "drop", "leapfrog")


def records(quants: int = 9, seed: int = 0, planted: float = 1.0) -> list[dict]:
    """Rows of quants on 240 prompts of 4 kinds; a dropped prompt's KLD is e^planted as high."""
    rng, found = np.random.default_rng(seed), []
    hard, entropy = rng.normal(size=240), rng.random(240)
    score_ref = (rng.random(240) < 0.5).astype(float)
    for quant in range(quants):
        differs = rng.random(240) < 0.2
        score = np.where(differs, 1 - score_ref, score_ref)
        dropped = (score_ref == 1) & (score == 0)
        kld = np.exp(-3 + hard + 0.5 * rng.normal(size=240) + planted * dropped)
        for k in range(240):
            found.append(
                {
                    "quant_id": f"q{quant}",
                    "prompt_id": f"p{k:03}",
                    "kind_of_task": f"kind {k % 4}",
                    "text_id": f"t{k:03}",
                    "kld": kld[k],
                    "score": score[k],
                    "score_ref": score_ref[k],
                    "prompt_tokens": 10.0 + k % 7,
                    "entropy": entropy[k],
                }
            )
    return found


def per_quant(some: list[dict], marks: Marks = MARKS) -> dict[tuple, PromptFailure]:
    rows = prompt_failure(rows_of(Asked, some), marks)
    return {(row.quant_id, row.split, row.kind): row for row in rows}


def together(some: list[dict], settings: Tosses = TOSSES) -> dict[tuple, Overall]:
    rows = prompt_failure_overall(rows_of(Asked, some), settings)
    return {(row.split, row.kind): row for row in rows}


def side(row: dict, split: str) -> bool | None:
    """Whether a row has the event of a split; None: it is not in the split."""
    passed, passed_ref = row["score"] >= 0.5, row["score_ref"] >= 0.5
    if split == "reference":
        return not passed_ref
    if split == "drop":
        return not passed if passed_ref else None
    if split == "leapfrog":
        return None if passed_ref else passed
    return not passed


def sides(rows: list[dict], split: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """kind of task -> KLD of the rows with and without the event."""
    found: dict[str, tuple[list, list]] = {}
    for row in rows:
        event = side(row, split)
        if event is not None:
            found.setdefault(row["kind_of_task"], ([], []))[0 if event else 1].append(row["kld"])
    return {kind: (np.array(a), np.array(b)) for kind, (a, b) in found.items()}


def by_hand(rows: list[dict], split: str) -> tuple[float, float]:
    """(ratio, AUROC) within kinds of task: fixed effects and Mann-Whitney's pairs."""
    above = weights = wins = pairs = 0.0
    for bad, good in sides(rows, split).values():
        if len(bad) and len(good):
            weight = len(bad) * len(good) / (len(bad) + len(good))
            above += weight * (np.log(bad).mean() - np.log(good).mean())
            weights += weight
            wins += scipy_stats.mannwhitneyu(bad, good).statistic
            pairs += len(bad) * len(good)
    return float(np.exp(above / weights)), wins / pairs


@pytest.mark.parametrize("split", SPLITS)
def test_splits_are_what_quant_and_reference_did(split):
    some = records()
    found = per_quant(some)
    for quant in ("q0", "q8"):
        rows = [row for row in some if row["quant_id"] == quant]
        told = [side(row, split) for row in rows]
        ratio, area = by_hand(rows, split)
        row = found[quant, split, "ratio_within"]
        assert (row.n_event, row.n_other) == (told.count(True), told.count(False))
        assert row.figure == pytest.approx(ratio)
        assert found[quant, split, "auroc_within"].figure == pytest.approx(area)


FIRST = "cohort_id like 'smollm2%'"  # the packed study holds a second model, too


def test_the_demos_drops_are_foretold_and_its_failures_are_the_references(study):
    """Medians over the quants, counted from the rows of answers."""
    columns = ("quant_id", "kind_of_task", "kld", "score", "score_ref")
    asked = "select quant_id, benchmark_id || '/' || category, kld_mean, score, score_ref"
    sql = f"{asked} from fct_prompts where {FIRST} and scoring = 'answered'"
    some = [dict(zip(columns, row)) for row in query(study, sql)]
    quants = sorted({row["quant_id"] for row in some})
    wanted = {
        "all": (1.28, 0.57),
        "reference": (1.21, 0.555),
        "drop": (1.61, 0.76),
        "leapfrog": (1.085, 0.565),
    }
    for split, printed in wanted.items():
        counted = []
        for quant in quants:
            rows = [row for row in some if row["quant_id"] == quant]
            told = [side(row, split) for row in rows]
            if min(told.count(True), told.count(False)) >= 5:
                counted.append(by_hand(rows, split))
        medians = np.median(counted, axis=0)
        for kind, median, figure in zip(("ratio_within", "auroc_within"), medians, printed):
            [(quants_with, overall)] = query(
                study,
                "select quants, figure from stat_prompt_failure_overall"
                f" where split = '{split}' and kind = '{kind}' and {FIRST}",
            )
            assert (quants_with, overall) == (len(counted), pytest.approx(median))
            assert overall == pytest.approx(figure, abs=0.006)
    said = query(
        study, "select distinct verdict from stat_prompt_failure where split = 'reference'"
    )
    assert said == [("one_fact",)]


def test_rows_in_any_order_give_one_answer():
    some = records()
    order = np.random.default_rng(1).permutation(len(some))
    shuffled = [some[k] for k in order]
    assert per_quant(shuffled) == per_quant(some)
    assert together(shuffled) == together(some)


def test_verdicts_use_p_adjusted_over_quants_and_splits():
    found = per_quant(records())
    for kind in KINDS:
        rows = [row for (_, split, of), row in found.items() if of == kind and split in OWN]
        adjusted = holm(np.array([row.p for row in rows], float))
        for row, p in zip(rows, adjusted):
            assert row.p_adjusted == pytest.approx(p) and row.p_adjusted >= row.p
            word = "higher" if row.figure > (0.5 if "auroc" in kind else 1) else "lower"
            assert row.verdict == (word if p <= 0.05 else "cannot_tell")


def test_the_references_failures_are_one_fact():
    """The same prompts for every quant: a word per cohort, none per quant."""
    some = records()
    found = per_quant(some)
    told = {row.verdict for (_, split, _), row in found.items() if split == "reference"}
    assert told == {"one_fact"}
    overall = together(some)["reference", "ratio_within"]
    assert overall.prompts == sum(row["score_ref"] < 0.5 for row in some) / 9
    copies = [row | {"quant_id": f"copy {k}"} for k in range(9) for row in some[:240]]
    one = per_quant(some[:240])["q0", "reference", "ratio_within"]
    many = together(copies)["reference", "ratio_within"]
    # nine copies of one quant are no more evidence than it is
    assert many.figure == pytest.approx(one.figure)
    assert (many.low, many.high) == pytest.approx((one.low, one.high), rel=0.03)


def test_drops_are_told_alone_and_together():
    some = records(planted=2.0)
    found, overall = per_quant(some), together(some)
    told = [found[f"q{k}", "drop", "auroc_within"].verdict for k in range(9)]
    assert told.count("higher") >= 6 and "lower" not in told
    assert overall["drop", "auroc_within"].verdict == "drop_higher"
    assert overall["drop", "ratio_same_prompt"].verdict == "drop_same_higher"
    assert overall["leapfrog", "ratio_within"].verdict == "cannot_tell"
    assert overall["leapfrog", "ratio_within"].detectable > 1


def test_the_same_prompts_ratio_is_a_regression_on_both_levels():
    some = [row for row in records(4) if row["score_ref"] >= 0.5]
    prompts = sorted({row["prompt_id"] for row in some})
    levels = [[row["quant_id"] == f"q{k}" for k in range(4)] for row in some]
    levels = [a + [row["prompt_id"] == p for p in prompts[1:]] for a, row in zip(levels, some)]
    design = np.column_stack([[row["score"] < 0.5 for row in some], np.array(levels)])
    logs = np.log([row["kld"] for row in some])
    slope = np.linalg.lstsq(design.astype(float), logs, rcond=None)[0][0]
    found = together(some)["drop", "ratio_same_prompt"]
    assert found.figure == pytest.approx(np.exp(slope))
    assert found.verdict == "too_few"  # of quants
    assert found.low < found.figure < found.high


def test_medians_and_ranges_are_over_quants():
    some = records()
    found, overall = per_quant(some), together(some)
    for kind in ("ratio_pooled", "ratio_within", "ratio_matched", "auroc_within"):
        for split in SPLITS:
            figures = [found[f"q{k}", split, kind].figure for k in range(9)]
            assert overall[split, kind].figure == pytest.approx(np.median(figures))
            assert overall[split, kind].low < np.median(figures) < overall[split, kind].high


def test_few_quants_have_figures_and_no_word():
    overall = together(records(7))
    assert {row.verdict for row in overall.values()} == {"too_few"}
    assert all(row.figure is not None for row in overall.values())


def test_where_kld_and_scores_are_cut_comes_from_the_settings():
    some = records(2)
    strict, clipped = per_quant(some, Marks(1e-9, 1.1)), per_quant(some, Marks(1.0, 0.5))
    assert strict["q0", "all", "ratio_within"].n_other == 0
    below = sum(row["kld"] < 1.0 for row in some[:240])
    assert clipped["q0", "all", "ratio_within"].clipped == below


def test_missing_answers_are_left_out_and_what_is_not_there_has_a_reason():
    some = [row for k, row in enumerate(records(9)) if k % 11]
    for row in some:
        if row["quant_id"] == "q8":
            row["score"] = row["score_ref"]
    found, overall = per_quant(some), together(some)
    for rows in (found.values(), overall.values()):
        assert plain([row._asdict() for row in rows])
        assert all(row.reason or row.figure is not None for row in rows)
    assert found["q8", "drop", "ratio_within"].verdict == "too_few"
    assert found["q8", "drop", "ratio_within"].reason.endswith("0 and 0 can be compared")
    assert overall["drop", "ratio_within"].quants == 8
    counts = [sum(row["quant_id"] == f"q{k}" for row in some) for k in range(9)]
    row = found["q3", "all", "ratio_within"]
    assert row.n_event + row.n_other == counts[3]


@pytest.mark.parametrize("quants", [1, 3])
def test_events_dealt_anew_have_the_tails_of_many_deals(quants):
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1], 40)
    values, events = rng.exponential(size=(quants, 80)), rng.random((quants, 80)) < 0.15
    events[:] = events[0]
    values += 0.6 * events
    strata, sums, gap = Strata(labels, np.arange(80)), np.zeros(40_000), 0.0
    for label in (0, 1):
        here = labels == label
        a, b = values[:, here], events[:, here].astype(float)
        dealt = rng.permuted(np.broadcast_to(np.arange(40), (40_000, 40)), axis=1)
        gap += (a * b).sum()
        sums += (a.T @ b)[np.arange(40), dealt].sum(1)
    tail = min((sums >= gap).mean(), (sums <= gap).mean())
    p = dealt_together_p(values, events, strata)
    assert p == pytest.approx(2 * tail, abs=0.01)
    if quants == 1:
        assert dealt_p(values[0], events[0], strata) == pytest.approx(p)
