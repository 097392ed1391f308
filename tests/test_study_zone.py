"""The zone: who is in it, what its prompts can rank, and what choosing by the score does to rho."""

import math
from collections import Counter

import numpy as np
import pytest
from answer_rows import answer_rows
from conftest import query
from plain import plain
from scipy import stats as scipy_stats

from qwh.kernels.statistics.answers import Sheet, sheet
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.texts import Prompts
from qwh.kernels.statistics.zone import zone_choice, zone_ranking

SETTINGS = zone_ranking.RankingSettings(400, 100, 1)


def prompts_of(spread: float, seed: int) -> Sheet:
    """Scores [16, 2500] at volume 6 % of quants whose true scores have this standard deviation."""
    rng = np.random.default_rng(seed)
    gain = spread * scipy_stats.norm.ppf((np.arange(16) + 0.5) / 16)[:, None]
    u, right = rng.random((16, 2_500)), rng.random(2_500) < 0.7
    leap, drop = (0.06 + gain) / 2 / 0.3, (0.06 - gain) / 2 / 0.7
    scores = np.where(right, u >= drop, u < leap).astype(float)
    labels = Prompts(np.repeat(list("abcde"), 500))
    names = [f"q{k:02}" for k in range(16)]
    return Sheet(names, scores, right.astype(float), labels, dict.fromkeys("abcde", 1.0))


@pytest.mark.parametrize(
    ("spread", "low", "high"), [(0.001, 0.0, 0.15), (0.003, 0.1, 0.4), (0.006, 0.45, 0.7)]
)
def test_reliability_with_and_without_a_model(spread, low, high):
    analytic, halves = [], []
    for seed in range(60):
        made = prompts_of(spread, seed)
        means, errors = made.scores.mean(1), made.gains.std(1) / 50
        analytic.append(1 - 13 / 15 * (errors**2).mean() / means.var(ddof=1))
        found = zone_ranking.reliability(means, errors)
        assert found.figure == pytest.approx(max(0, analytic[-1]))
        assert found.low is None and found.reason == zone_ranking.NO_MODEL
        halves.append(zone_ranking.split_half(made, SETTINGS._replace(n_splits=40)).figure)
    assert low <= np.median(np.maximum(0, analytic)) <= high and low <= np.median(halves) <= high
    assert np.median(halves) == pytest.approx(np.median(np.maximum(0, analytic)), abs=0.1)


def relatives(seed: int) -> Sheet:
    """Gains [16, 600] of four families of four quants that differ in nothing; nine answers in ten
    are the whole family's.
    """
    rng = np.random.default_rng(seed)
    family, own = (
        rng.choice([-1.0, 0.0, 1.0], (rows, 600), p=[0.03, 0.94, 0.03]) for rows in (4, 16)
    )
    gains = np.where(rng.random((16, 600)) < 0.9, family.repeat(4, axis=0), own)
    names = [f"q{k:02}" for k in range(16)]
    return Sheet(names, gains, np.zeros(600), Prompts(["a"] * 600), {"a": 1.0})


def ranked(made: Sheet) -> bool:
    """Whether a zone of all quants is called rankable."""
    apart = zone_ranking.spread(made, SETTINGS)
    [found] = zone_ranking._ranked([apart], [16], SETTINGS.n_resamples)
    return found.p_adjusted <= 0.05


def test_what_prompts_can_rank():
    assert sum(ranked(prompts_of(0.0, seed)) for seed in range(60)) <= 8
    assert sum(ranked(prompts_of(0.01, seed)) for seed in range(10)) == 10
    assert sum(ranked(relatives(seed)) for seed in range(100)) <= 12


def zone_rows(gains: np.ndarray, kld: np.ndarray, zones: dict, reference: float = 0.5) -> list:
    """Records of the zones {(rule, threshold): members [q] bool}."""
    known = np.isfinite(gains).all(1)
    return [
        {
            "zone_rule": rule,
            "threshold": threshold,
            "quant_id": f"q{k:02}",
            "kld": kld[k],
            "composite": reference + gains[k].mean() if known[k] else None,
            "error": gains[k].std() / math.sqrt(gains.shape[1]) if known[k] else None,
            "is_member": bool(inside[k]),
        }
        for (rule, threshold), inside in zones.items()
        for k in range(len(gains))
    ]


def figures(gains: np.ndarray, kld: np.ndarray, zones: dict, answered=None) -> dict:
    """(rule, threshold, kind) -> the row."""
    answers = answer_rows(gains) if answered is None else answered
    rows = rows_of(zone_ranking.ZoneScores, zone_rows(gains, kld, zones))
    found = zone_ranking.zone_figures(rows, answers, SETTINGS)
    assert plain(found)
    return {row[:3]: row for row in found}


def test_a_zone_has_four_kinds_of_figure_and_one_verdict():
    rng = np.random.default_rng(2)
    kld = np.geomspace(0.001, 0.1, 16)
    shift = 0.08 * (np.arange(16) % 4)[:, None]
    gains = np.where(rng.random((16, 500)) < 0.06 + shift, -1.0, 0.0)
    everyone, few = np.ones(16, bool), np.arange(16) < 6
    zones = {("kld_max", 1.0): everyone, ("kld_max", 0.01): few, ("tost", 0.02): ~few}
    found = figures(gains, kld, zones)
    assert len(found) == 12
    halves = {key[:2]: row for key, row in found.items() if key[2] == "reliability_halves"}
    assert {key: row.verdict for key, row in halves.items()} == {
        ("kld_max", 1.0): "rankable",
        ("kld_max", 0.01): "too_few",
        ("tost", 0.02): "rankable",
    }
    apart = zone_ranking.spread(sheet(answer_rows(gains)), SETTINGS)
    p = (1 + (apart.drawn >= apart.observed).sum()) / 401
    assert halves["kld_max", 1.0].p == pytest.approx(p)
    assert halves["kld_max", 0.01].p_adjusted is None
    for zone, row in halves.items():
        ends = row.low, row.figure, row.high
        assert 0 <= row.low <= row.figure <= row.high <= 1
        ceiling = found[*zone, "noise_ceiling"]
        assert (ceiling.low, ceiling.figure, ceiling.high) == pytest.approx(np.sqrt(ends))
        inside = zones[zone]
        slope = scipy_stats.theilslopes(gains[inside].mean(1), np.log2(kld[inside]))
        fall = found[*zone, "fall_per_doubling"]
        assert fall.figure == pytest.approx(slope[0])
        assert fall.low is None and fall.reason == zone_ranking.UNRELATED


def test_the_ends_of_a_reliability_are_those_whose_noise_gives_what_is_seen():
    """By drawing prompts anew in a loop: at each end one variance in forty is as extreme."""
    made = relatives(3)
    made = made._replace(scores=made.scores + 0.04 * np.arange(16)[:, None] / 15)
    seen = made.scores.mean(1)
    low, high = zone_ranking.reliable_interval(
        zone_ranking.spread(made, SETTINGS._replace(n_resamples=4_000))
    )
    noise = (made.scores - made.scores.mean(0)).var(1).mean() / 600
    rng = np.random.default_rng(5)
    drawn = made.scores[:, rng.integers(0, 600, (3_000, 600))].mean(2) - seen[:, None]
    assert 0 < low < high < 1
    for share, wanted in ((low, 0.975), (high, 0.025)):
        multiple = math.sqrt(share / (1 - share) * noise / seen.var())
        variances = ((multiple * (seen - seen.mean()))[:, None] + drawn).var(0)
        assert (variances <= seen.var()).mean() == pytest.approx(wanted, abs=0.015)


def test_scores_without_answers_have_no_verdict_of_rank():
    rng = np.random.default_rng(3)
    gains = rng.choice([-1.0, 0.0], (16, 100))
    zones = {("kld_max", 1.0): np.ones(16, bool)}
    found = figures(gains, np.geomspace(0.01, 1, 16), zones, answer_rows(np.zeros((0, 0))))
    assert found["kld_max", 1.0, "reliability_halves"].verdict == "no_answers"
    assert found["kld_max", 1.0, "reliability"].figure is not None


def test_fall_per_doubling():
    kld = np.array([0.01, 0.02, 0.04, 0.08, 0.16, 0.32])
    found = zone_ranking.fall_per_doubling(kld, 0.7 - 0.01 * np.log2(kld))
    assert found.figure == pytest.approx(-0.01)


@pytest.mark.parametrize("kld", [[0.1, 0.2, 0.3], [0.1] * 9, [0.0] * 5 + [1, 2, 3, 4], [0.0] * 9])
@pytest.mark.parametrize("gains", [0.0, 1.0, math.nan])
def test_degenerate_cohorts_have_reasons_not_nan(kld, gains):
    found = figures(
        np.full((len(kld), 8), gains), np.array(kld, float), {("kld_max", 7.0): [True] * len(kld)}
    )
    for row in found.values():
        assert (row.figure is None) <= (row.reason is not None)
        assert row.verdict in (None, "not_rankable", "too_few", "no_answers")


def test_the_four_rules():
    kld, difference, error = (
        np.array([0.01, 0.02, 0.05, np.nan]),
        np.array([0.001, -0.02, -0.004, 0.0]),
        np.array([0.002, 0.002, 0.02, 0.001]),
    )
    for rule, threshold, wanted in (
        ("kld_max", 0.02, "1100"),
        ("score_tol", 0.01, "1011"),
        ("tost", 0.01, "1001"),
        ("not_different", 0.05, "1011"),
    ):
        inside = zone_choice.members(rule, threshold, kld, difference, error)
        assert "".join("01"[bool(each)] for each in inside) == wanted, rule
    with pytest.raises(ValueError, match="none of kld_max"):
        zone_choice.members("best", 1, kld, difference, error)


def crossfits(gains: np.ndarray, kld: np.ndarray, zones: list, names=None, splits: int = 60):
    """The rows of these zones."""
    records = [
        {"zone_rule": rule, "threshold": edge, "quant_id": f"q{k:02}", "kld": x, "error": None}
        for rule, edge in zones
        for k, x in enumerate(kld.tolist())
    ]
    rows = rows_of(zone_choice.ZoneQuants, records)
    settings = zone_choice.SplitSettings(splits, 1)
    found = zone_choice.zone_crossfits(rows, answer_rows(gains, names), settings)
    assert plain(found)
    return found


def test_choosing_by_the_score_pulls_rho_to_zero_and_cross_fitting_takes_that_back():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(12):
        kld = np.exp(rng.uniform(math.log(0.003), math.log(0.5), 41))
        u = rng.random((41, 1_000))
        lost = 0.16 * kld[:, None]
        up = u < (0.06 - lost).clip(0) / 2
        gains = np.where(up, 1.0, np.where(u < 0.06 + lost / 2, -1.0, 0.0))
        zones = [("score_tol", 0.015), ("kld_max", 0.03)]
        found.append(crossfits(gains, kld, zones, list("ab") * 500))
    fixed, chosen = ([np.mean([pair[k][at] for pair in found]) for at in (4, 5)] for k in (0, 1))
    assert chosen[0] < chosen[1] - 0.03  # fresh prompts show the fall that choosing hid
    # the measurement's rule knows nothing of luck
    assert fixed[0] == pytest.approx(fixed[1], abs=0.01)
    [none] = crossfits(gains, kld, [("score_tol", -1.0)], list("ab") * 500)
    [short] = crossfits(gains[:, :4], kld, [("kld_max", 1.0)], list("aaab"))
    [same] = crossfits(0 * gains, kld, [("kld_max", 1.0)], list("ab") * 500)
    assert none.reason and short.reason and same.reason


def test_zones_are_those_of_one_copy():
    """Prompts that ask one text twice count as one, in halves and in draws."""
    rng = np.random.default_rng(6)
    gains = rng.choice([-1.0, 0.0, 1.0], (9, 60), p=[0.2, 0.7, 0.1])
    copies, texts = np.repeat(gains, 2, axis=1), [f"{k // 2:05}" for k in range(120)]
    once, twice = (
        sheet(answer_rows(made, texts=of)) for made, of in ((gains, None), (copies, texts))
    )
    assert zone_ranking.split_half(twice, SETTINGS) == pytest.approx(
        zone_ranking.split_half(once, SETTINGS)
    )
    for first, second in zip(*(zone_ranking.spread(each, SETTINGS) for each in (once, twice))):
        assert second == pytest.approx(first)
    zones = rows_of(
        zone_choice.ZoneQuants,
        [
            {"zone_rule": "score_tol", "threshold": 1.0, "quant_id": f"q{k:02}", "kld": 1.0 + k}
            | {"error": None}
            for k in range(9)
        ],
    )
    settings = zone_choice.SplitSettings(20, 1)
    [one] = zone_choice.zone_crossfits(zones, answer_rows(gains), settings)
    [two] = zone_choice.zone_crossfits(zones, answer_rows(copies, texts=texts), settings)
    assert two == pytest.approx(one)


def test_zone_tables_are_those_of_the_raw_rows(warehouse):
    """rho, z and onset counted from fct_prompts and fct_zone_members alone."""
    rows = query(
        warehouse,
        "select quant_id, benchmark_id, text_id, weight, score - score_ref from fct_prompts where"
        " scoring = 'answered'",
    )
    sizes = Counter((quant, benchmark) for quant, benchmark, *_ in rows)
    weights = {benchmark: weight for _, benchmark, _, weight, _ in rows}
    texts: dict[str, Counter] = {}
    for quant, benchmark, text, weight, gain in rows:
        share = weight / sum(weights.values()) / sizes[quant, benchmark]
        texts.setdefault(quant, Counter())[benchmark, text] += share * gain
    gains = {quant: sum(each.values()) for quant, each in texts.items()}
    losses = query(
        warehouse,
        "select quant_id, difference, z, kld_mean, verdict from stat_losses where scoring ="
        " 'answered'",
    )
    assert {row[0] for row in losses} == set(gains)
    for quant, difference, z, _, _ in losses:
        size = math.sqrt(sum(part**2 for part in texts[quant].values()))
        assert difference == pytest.approx(gains[quant])
        assert z == pytest.approx(-gains[quant] / size if size else 0)
    shown = [row[3] for row in losses if row[4] == "loss" and row[3] is not None]
    [onset] = query(
        warehouse, "select kld_mean, shown from stat_loss_onsets where scoring = 'answered'"
    )
    assert onset == (min(shown, default=None), len(shown))
    found = query(
        warehouse,
        "select zone_rule, threshold, n, rho from stat_zone_nulls where rho is not null and"
        " scoring = 'answered'",
    )
    for rule, threshold, n, rho in found:
        inside = query(
            warehouse,
            "select quant_id, kld_mean from fct_zone_members where is_member and"
            f" zone_rule = '{rule}' and threshold = {threshold} and coalesce(scoring, 'answered') ="
            " 'answered'",
        )
        x, y = [kld for _, kld in inside], [round(gains[quant], 12) for quant, _ in inside]
        assert n == len(inside) and rho == pytest.approx(scipy_stats.spearmanr(x, y)[0])
