"""Trends among relatives: known answers, independent routes, and the rule that joins the tests."""

import itertools

import numpy as np
import pytest
from conftest import query
from scipy import stats

from qwh.kernels.statistics.answers import Answers
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.quants import cells, families, permuted, relatives, these, trends

KLD = np.array([0.001, 0.004, 0.012, 0.002, 0.006, 0.015, 0.003, 0.020])
FAMILIES = np.array([0, 0, 0, 1, 1, 1, 2, 2])
FALLING = np.array([0.702, 0.699, 0.690, 0.700, 0.697, 0.688, 0.693, 0.689])
MIXED = np.array([0.702, 0.701, 0.699, 0.691, 0.693, 0.690, 0.698, 0.696])
DRAWS = relatives.Draws(n_permutations=2_000, n_tosses=499, fewest_quants=8, seed=1)
TOSSES = these.Tosses(n_tosses=499, fewest_quants=8, seed=1)


def every_deal(x: np.ndarray, y: np.ndarray, share: float) -> tuple[float, int, int]:
    """T, how many of all deals reach it, and how many there are: written out, not the kernel's."""
    x, y = stats.rankdata(x), stats.rankdata(y)
    members = [np.flatnonzero(number == FAMILIES) for number in range(3)]
    weights = np.array([1 / (share + 1 / len(own)) for own in members])

    def apart(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        means = np.array([v[own].mean() for own in members])
        centre = (weights * means).sum() / weights.sum()
        return v - means[FAMILIES], np.sqrt(weights) * (means - centre)

    (inside_x, between_x), (inside_y, between_y) = apart(x), apart(y)
    observed = inside_x @ inside_y + between_x @ between_y
    orders = itertools.product(
        *[itertools.permutations(own) for own in members], itertools.permutations(range(3))
    )
    found = []
    for *inside, between in orders:
        total = sum(inside_x[own] @ inside_y[list(order)] for own, order in zip(members, inside))
        found.append(abs(total + between_x @ between_y[list(between)]))
    return observed, sum(value >= abs(observed) - 1e-9 for value in found), len(found)


@pytest.mark.parametrize(
    ("y", "share", "rho", "reached"), [(FALLING, 0, -0.904762, 2), (MIXED, 6.68744, -0.637403, 40)]
)
def test_the_deals_have_their_known_answers(y, share, rho, reached):
    dealt = permuted.permuted(KLD[None], y, FAMILIES, 40_000, 1)
    assert dealt.share == pytest.approx(share, abs=1e-4)
    assert dealt.rho[0] == pytest.approx(rho, abs=1e-6)
    observed, as_far, deals = every_deal(KLD, y, dealt.share)
    assert (as_far, deals) == (reached, 432)
    assert dealt.statistic[0] == pytest.approx(observed)
    error = np.sqrt(reached / 432 / 40_000)
    assert dealt.p[0] == pytest.approx(reached / 432, abs=4 * error)
    assert dealt.least[0] == pytest.approx(2 / 432)


def test_with_all_alone_it_is_spearmans_permutation():
    dealt = permuted.permuted(KLD[None], MIXED, np.arange(8), 20_000, 1)
    rho = stats.spearmanr(KLD, MIXED)[0]
    assert dealt.rho[0] == pytest.approx(rho)
    ranks = stats.rankdata(KLD)
    exact = stats.permutation_test(
        (stats.rankdata(MIXED),), lambda v: stats.pearsonr(ranks, v)[0],
        permutation_type="pairings", n_resamples=20_000, vectorized=False, rng=2,
    )  # fmt: skip
    assert dealt.p[0] == pytest.approx(exact.pvalue, abs=0.015)


def test_the_variance_of_the_deals_is_that_of_the_drawn_ones():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 8))
    parts_x = permuted.parts(x[None], FAMILIES, 0.7)
    parts_y = [part[0] for part in permuted.parts(y[None], FAMILIES, 0.7)]
    orders, whole = permuted.deals(FAMILIES.tobytes(), 50_000, 1)
    drawn = parts_y[0][orders] @ parts_x[0][0] + parts_y[1][whole] @ parts_x[1][0]
    told = permuted.deal_variance((parts_x[0], parts_y[0]), (parts_x[1], parts_y[1]), FAMILIES)
    assert told[0] == pytest.approx(drawn.var(), rel=0.03)


def test_blocks_that_are_nothing_allow_no_deal():
    # KLD is one within families: only the three families can be dealt, 2 / 3!
    flat = np.array([0.001] * 3 + [0.01] * 3 + [0.1] * 2)
    assert permuted.permuted(flat[None], MIXED, FAMILIES, 99, 1).least[0] == pytest.approx(2 / 6)


def cohort(sizes=(4, 4, 4, 4), prompts=400, fall=0.0, seed=0, texts=1):
    """Points, answers and families of a made-up cohort; texts: items that ask the same."""
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    family = np.repeat(np.arange(len(sizes)), sizes)
    kld = np.exp(rng.uniform(np.log(0.001), np.log(0.02), n))
    chance = 0.05 + fall * np.argsort(np.argsort(kld))[:, None] / n
    shared = rng.random((len(sizes), prompts))[family]
    u = np.where(rng.random((n, prompts)) < 0.5, shared, rng.random((n, prompts)))
    reference = (rng.random(prompts) < 0.6).astype(float)
    scores = np.where(u < chance, 0.0, np.where(u > 0.95, 1.0, reference))
    names = [f"q{k:02d}" for k in range(n)]
    answers = [
        {
            "quant_id": name, "benchmark_id": f"b{j % 2}", "prompt_id": f"p{j:04d}",
            "text_id": f"t{j // 2 // texts}-{j % 2}", "weight": 1.0,
            "score": scores[k, j], "score_ref": reference[j],
        }
        for k, name in enumerate(names)
        for j in range(prompts)
    ]  # fmt: skip
    gains = scores - reference
    figures = {
        "composite": gains.mean(1) + reference.mean(),
        "volume": np.abs(gains).mean(1),
        "direction": gains.mean(1) / np.abs(gains).mean(1),
        "score:b1": gains[:, 1::2].mean(1),
    }
    points = [
        {
            "zone_rule": "full", "threshold": 0.0, "measurement_id": measurement,
            "target": target, "quant_id": name, "x": x[k], "y": y[k], "doubles": doubles,
        }
        for measurement, x, doubles in (("kld", kld, True), ("ppl", -kld[::-1], False))
        for target, y in figures.items()
        for k, name in enumerate(names)
    ]  # fmt: skip
    labels = [
        {"labelling": labelling, "quant_id": name, "family_id": str(family[k])}
        for labelling in ("declared", "gains")
        for k, name in enumerate(names)
    ]
    return points, answers, labels, kld, gains


def found(points, answers, labels):
    rows = (
        rows_of(cells.Distances, points), rows_of(Answers, answers),
        rows_of(families.Families, labels),
    )  # fmt: skip
    both = relatives.relatives(*rows, DRAWS)
    alone = these.these_quants(*rows[:2], TOSSES)
    return (
        {(row.measurement_id, row.target, row.labelling): row for row in both},
        {(row.measurement_id, row.target): row for row in alone},
    )


def test_prompts_alone_are_a_t_test_of_the_contrast():
    points, answers, labels, kld, gains = cohort(fall=0.1)
    _, alone = found(points, answers, labels)
    row = alone["kld", "composite"]
    ranks = stats.rankdata(kld)
    contrast = (ranks - ranks.mean()) @ gains
    t = stats.ttest_1samp(contrast, 0)
    assert row.z == pytest.approx(t.statistic)
    assert row.p_these == pytest.approx(2 * stats.norm.sf(abs(t.statistic)))
    line = [stats.linregress(np.log2(kld), column).slope for column in gains.T]
    half = stats.norm.isf(0.025) * np.std(line, ddof=1) / np.sqrt(len(line))
    assert row.these_low == pytest.approx(np.mean(line) - half)
    assert row.these_high == pytest.approx(np.mean(line) + half)
    values = np.linalg.eigvalsh(np.corrcoef(gains))
    assert row.effective_n == pytest.approx(values.sum() ** 2 / (values**2).sum())
    assert alone["ppl", "composite"].these_low is None


def test_no_p_falls_where_others_are_allowed_for():
    """Tosses of few texts have lighter ends than the normal law."""
    for seed in range(5):
        points, answers, _, _, _ = cohort(fall=0.3, seed=seed)
        rows = rows_of(cells.Distances, points), rows_of(Answers, answers)
        for row in these.these_quants(*rows, TOSSES):
            assert row.z is None or row.p_these_adjusted >= row.p_these


def test_items_of_one_text_are_one():
    points, answers, labels, kld, gains = cohort(texts=4)
    _, alone = found(points, answers, labels)
    ranks = stats.rankdata(kld)
    contrast = (ranks - ranks.mean()) @ gains
    texts = [answer["text_id"] for answer in answers[: gains.shape[1]]]
    sums = [contrast[np.array(texts) == text].sum() for text in sorted(set(texts))]
    assert alone["kld", "composite"].z == pytest.approx(stats.ttest_1samp(sums, 0).statistic)


def test_a_benchmarks_own_score_is_tested_on_its_own_prompts():
    points, answers, labels, kld, gains = cohort(fall=0.1)
    both, alone = found(points, answers, labels)
    ranks = stats.rankdata(kld)
    contrast = (ranks - ranks.mean()) @ gains[:, 1::2]
    assert alone["kld", "score:b1"].z == pytest.approx(stats.ttest_1samp(contrast, 0).statistic)
    assert both["kld", "score:b1", "gains"].is_tested


def test_a_direction_is_not_tested_and_its_quants_are_worth_what_their_scores_are():
    both, alone = found(*cohort()[:3])
    assert both["kld", "direction", "gains"].reason == cells.NO_TEST
    assert alone["kld", "direction"].reason == cells.NO_TEST
    assert alone["kld", "direction"].effective_n == alone["kld", "composite"].effective_n


def test_one_measurement_needs_no_adjustment_and_more_never_lower_p():
    points, answers, labels, *_ = cohort(fall=0.05)
    both, _alone = found(points, answers, labels)
    for row in both.values():
        if row.is_tested:
            assert row.p_permutation_adjusted >= row.p_permutation - 1e-12
            assert row.p_gls_adjusted >= row.p_gls
    one, _ = found([point for point in points if point["measurement_id"] == "kld"], answers, labels)
    row = one["kld", "composite", "gains"]
    assert row.p_permutation_adjusted == pytest.approx(row.p_permutation)
    assert row.p_gls_adjusted == pytest.approx(row.p_gls, abs=0.05)


def test_a_measurement_that_lacks_a_quant_pays_for_all():
    points, answers, labels, *_ = cohort()
    fewer = [p for p in points if (p["measurement_id"], p["quant_id"]) != ("ppl", "q03")]
    both, _ = found(fewer, answers, labels)
    row = both["ppl", "composite", "gains"]
    assert row.n == 15
    assert row.p_permutation_adjusted == pytest.approx(min(1, 2 * row.p_permutation))


def test_measurements_that_rank_alike_count_once():
    points, answers, labels, *_ = cohort()
    again = [point | {"measurement_id": "again"} for point in points]
    _, alone = found(points + [each for each in again if each["doubles"]], answers, labels)
    assert alone["kld", "composite"].measurements == 2


def test_a_labelling_of_one_family_or_of_all_alone_is_shown_and_not_tested():
    points, answers, labels, *_ = cohort()
    for label in labels:
        label["family_id"] = "one" if label["labelling"] == "gains" else None
    both, _ = found(points, answers, labels)
    one, alone = (both["kld", "composite", name] for name in ("gains", "declared"))
    assert (one.families, one.is_tested, one.reason) == (1, False, relatives.ONE_FAMILY)
    assert (alone.families, alone.is_tested, alone.reason) == (16, False, relatives.ALL_ALONE)


def test_fewer_than_eight_and_no_answers_get_no_figure():
    points, answers, labels, *_ = cohort(sizes=(3, 2, 2))
    both, _ = found(points, answers, labels)
    assert both["kld", "composite", "gains"].reason == cells.TOO_FEW
    both, alone = found(points, [], labels)
    assert both["kld", "composite", "gains"].reason == cells.NO_ANSWERS
    assert alone["kld", "composite"].effective_n is None


def test_quants_that_left_out_prompts_are_left_out():
    points, answers, labels, *_ = cohort(sizes=(3, 3, 3), fall=0.1)

    def without(names: set[str], rows: list[dict]) -> list[dict]:
        return [row for row in rows if row["quant_id"] not in names]

    def gaps(names: set[str]) -> list[dict]:
        return [a for a in answers if a["quant_id"] not in names or a["prompt_id"] >= "p0010"]

    one, two = {"q04"}, {"q00", "q04"}
    whole = found(*(without(one, rows) for rows in (points, answers, labels)))
    both, alone = found(points, gaps(one), labels)
    assert (both, alone) == whole
    row = alone["kld", "composite"]
    assert (row.n, row.reason) == (8, None) and row.effective_n > 1
    assert both["kld", "composite", "gains"].is_tested
    both, alone = found(points, gaps(two), labels)
    reason = "quants that did not answer every prompt: 2 of 9"
    assert alone["kld", "composite"].reason == both["kld", "composite", "gains"].reason == reason
    assert alone["kld", "composite"].n == both["kld", "composite", "gains"].n == 9
    assert alone["kld", "composite"].effective_n is None


def test_what_is_equal_is_named():
    points, answers, labels, *_ = cohort(sizes=(4, 4))
    flat = [point | {"x": 0.01} if point["doubles"] else point for point in points]
    both, alone = found(flat, answers, labels)
    for row in (alone["kld", "composite"], both["kld", "composite", "gains"]):
        assert row.reason == cells.SAME_MEASUREMENT
    assert alone["ppl", "composite"].reason is None
    alike = [
        answer | {"score": answers[k % 400]["score"]} for k, answer in enumerate(answers)
    ]  # every quant answers as the first
    level = [point | {"y": 0.5} for point in points if point["target"] == "composite"]
    both, alone = found(level, alike, labels)
    for row in (alone["kld", "composite"], both["kld", "composite", "gains"]):
        assert row.reason == cells.CONSTANT
    _, alone = found(level[:1], [a for a in alike if a["quant_id"] == "q00"], labels)
    assert alone["kld", "composite"].reason == cells.TOO_FEW


@pytest.mark.parametrize(("z", "word"), [(-3.0, "falls"), (3.0, "rises")])
def test_a_trend_whose_declared_quants_are_one_family_is_not_tested_beyond_them(z, word):
    nothing = dict.fromkeys(trends.Labelled._fields, None)
    rows = [nothing | {"labelling": name, "is_tested": False} for name in ("gains", "declared")]
    alone = trends.Alone(12, z, 0.01, 8)
    told = trends.trend(rows_of(trends.Labelled, rows), alone)
    assert (told.labelling, told.verdict) == ("declared", f"{word}_here_untested")


@pytest.mark.parametrize(("z", "word"), [(-3.0, "falls"), (3.0, "rises")])
@pytest.mark.parametrize("p", [0.001, 0.6])
def test_families_that_only_the_answers_show_want_declared_ones(z, word, p):
    """Whether the found families refuse chance or not: more answers would not mend it."""
    rows = [
        dict.fromkeys(trends.Labelled._fields, p)
        | {"labelling": name, "is_tested": name == "gains", "rho": z, "t": z, "least_p": 0.0001}
        for name in ("gains", "declared")
    ]
    told = trends.trend(rows_of(trends.Labelled, rows), trends.Alone(12, z, 0.01, 8))
    assert (told.labelling, told.is_declared) == ("gains", False)
    assert told.verdict == f"{word}_here_undeclared"


def test_a_target_that_is_no_mean_over_prompts_is_not_tested():
    points, answers, labels, *_ = cohort()
    points[0]["y"] += 0.01
    both, _ = found(points, answers, labels)
    assert both["kld", "composite", "gains"].reason == cells.NO_MEAN


def test_the_order_of_rows_does_not_matter():
    points, answers, labels, *_ = cohort()
    first = found(points, answers, labels)
    rng = np.random.default_rng(5)
    for rows in (points, answers, labels):
        rng.shuffle(rows)
    assert found(points, answers, labels) == first


def trend(study, zone: str, threshold: float, columns: str) -> tuple:
    [row] = query(
        study,
        f"select {columns} from stat_trends where zone_rule = '{zone}' and target = 'composite'"
        f" and threshold = {threshold} and measurement_id = 'kld_mean:prose:512'"
        " and scoring = 'answered'",
    )
    return row


def test_the_packed_studys_zone_falls_on_its_quants_alone(study):
    [(share, rho, t, df)] = query(
        study,
        "select family_share, rho, t, df from stat_relatives where labelling = 'gains' and"
        " zone_rule = 'kld_max' and threshold = 0.02 and target = 'composite'"
        " and measurement_id = 'kld_mean:prose:512' and scoring = 'answered'",
    )
    assert (share, rho) == (pytest.approx(4.273, abs=1e-3), pytest.approx(-0.2732, abs=1e-4))
    assert (t, df) == (pytest.approx(-2.486, abs=1e-3), pytest.approx(39.6, abs=0.1))
    n, many, worth, z, verdict = trend(
        study, "kld_max", 0.02, "n, families, effective_n, z, verdict"
    )
    assert (n, many, verdict) == (16, 8, "falls_here")
    assert (worth, z) == (pytest.approx(5.8, abs=0.05), pytest.approx(-3.208, abs=1e-3))


def test_the_packed_studys_families_are_those_of_its_recipes(study):
    rows = query(
        study,
        "select labelling, list(quant_id order by quant_id) from dim_families"
        " where cohort_id like 'smollm2%' group by labelling, family_id order by all",
    )
    assert [labelling for labelling, _ in rows].count("gains") == 14
    assert ("gains", ["Q6_K", "Q6_K+embd-F16"]) in rows
    assert ("gains", ["Q8_0", "Q8_0+embd-F16", "Q8_0+ffn-F16"]) in rows
    assert ("declared", ["Q5_1", "Q5_K_M", "Q5_K_S"]) in rows
    rho, p = trend(study, "full", 0, "rho_relatives, p")
    assert (rho, p) == (pytest.approx(-0.5534, abs=1e-4), pytest.approx(0.034, abs=5e-4))
