"""The zone's null: one smooth law through the reference, scatter with families in it, three sides.

The law, its scatter and its p are met by other routes: SciPy, closed forms, counts written here.
"""

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from answer_rows import answer_rows
from plain import plain
from scipy import linalg, optimize
from scipy import stats as scipy_stats

from qwh.kernels.statistics.answers import Sheet, sheet
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.quants.families import Families
from qwh.kernels.statistics.ranks import rho_inside
from qwh.kernels.statistics.texts import Prompts
from qwh.kernels.statistics.zone import zone_law, zone_null, zone_worlds
from qwh.kernels.statistics.zone.zone_choice import ZoneQuants

# a grid so coarse that the figures below could be found by hand
COARSE = zone_law.Shapes(np.linspace(0.5, 2, 7), np.geomspace(0.02, 200, 16), 0)
KLD = np.geomspace(0.003, 0.5, 16)
WIGGLE = 0.003 * np.tile([1.0, -1.0], 8)
ERROR = 0.004
SMOOTH = {
    "line": -0.3 * KLD + WIGGLE,
    "power": -0.3 * KLD**1.5 + WIGGLE,
    "rise": np.where(KLD < 0.05, 0.6 * KLD, -0.3 * KLD) + WIGGLE / 3,
}
NOISE = ERROR**2 * np.eye(16)
ALONE = [str(k) for k in range(16)]
SETTINGS = zone_null.NullSettings(1.0, 999, 1)


def law(gains: np.ndarray, shapes=COARSE) -> zone_law.Law:
    return zone_law.fit(KLD, gains, NOISE, ALONE, 1.0, shapes)


def known(gains: np.ndarray) -> zone_worlds.Cohort:
    empty = Sheet(ALONE, np.zeros((16, 0)), np.zeros(0), Prompts([]), {})
    return zone_worlds.Cohort(ALONE, KLD, gains, np.full(16, ERROR), empty)


def test_the_law_of_three_cohorts():
    line, power, rise = (law(gains) for gains in SMOOTH.values())
    assert (line.exponent, line.half) == (1, pytest.approx(200))
    assert line.values[0] == pytest.approx(-0.00090691, abs=5e-9)
    assert power.exponent == 1.5
    assert line.own == power.own == pytest.approx(0, abs=1e-9)  # they lie nearer than their errors
    assert rise.own > 1e-4


def test_the_scatter_is_the_likeliest_by_error_contrasts():
    gains = SMOOTH["rise"]
    found = law(gains)
    first = zone_law.fitted_laws(KLD, np.full(16, 1 / ERROR**2), gains[None], COARSE)
    exponent, half = float(first.exponent[0]), float(first.half[0])

    def curve(log_half: float) -> np.ndarray:
        return 1 / (1 + (math.exp(log_half) / KLD) ** exponent)

    step = 1e-6
    slope = (curve(math.log(half) + step) - curve(math.log(half) - step)) / (2 * step)
    contrasts = linalg.null_space(np.stack([curve(math.log(half)), slope]), rcond=1e-7).T

    def unlikely(log_own: float) -> float:
        spread = contrasts @ (NOISE + math.exp(log_own) * np.eye(16)) @ contrasts.T
        zero = np.zeros(len(contrasts))
        return -scipy_stats.multivariate_normal(zero, spread).logpdf(contrasts @ gains)

    best = optimize.minimize_scalar(unlikely, bounds=(-14, -5), method="bounded").x
    assert found.own == pytest.approx(math.exp(best), rel=1e-3)


def test_the_law_is_least_squares_over_every_exponent_and_half():
    rng = np.random.default_rng(3)
    gains = -0.2 / (1 + (0.1 / KLD) ** 1.3) + 0.002 * rng.standard_normal(16)

    def left(theta: np.ndarray) -> np.ndarray:
        return gains - theta[2] / (1 + (np.exp(theta[1]) / KLD) ** theta[0])

    bounds = [0.5, math.log(0.02), -5], [2, math.log(200), 0]
    best = optimize.least_squares(
        left, [1, math.log(0.3), -0.3], bounds=bounds, x_scale=[1, 1, 0.1]
    )
    found = law(gains, zone_law.SHAPES)
    assert ((gains - found.values) ** 2).sum() == pytest.approx(2 * best.cost, rel=1e-6)
    assert found.exponent == pytest.approx(best.x[0], rel=1e-3)
    assert found.half == pytest.approx(math.exp(best.x[1]), rel=1e-3)
    assert found.floor == pytest.approx(best.x[2], rel=1e-3)


def p_of(gains: np.ndarray) -> dict[str, float]:
    """p of each side for the zone below .05, with independent noise in place of prompts."""
    rng = np.random.default_rng(1)
    prompts = ERROR * rng.standard_normal((2 * 999, 16))
    drawn = zone_worlds.worlds(law(gains), KLD, ALONE, prompts, 1)
    return sides(gains, drawn)


def sides(gains: np.ndarray, drawn: zone_worlds.Worlds) -> dict[str, float]:
    seen = zone_null._seen(known(gains), ("kld_max", 0.05), drawn)
    rows = zone_null._sides([seen], "declared", len(drawn.law))
    return {row.kind: row.p for row in rows}


def test_p_of_three_cohorts():
    line, power, rise = (p_of(gains) for gains in SMOOTH.values())
    assert line["flatter"] == pytest.approx(0.6, abs=0.06)
    assert line["noise"] == pytest.approx(0.01, abs=0.012)
    assert power["flatter"] == pytest.approx(0.8, abs=0.06)
    assert power["noise"] == pytest.approx(0.09, abs=0.04)
    assert rise["flatter"] <= 0.02 and rise["steeper"] > 0.9
    inside = KLD < 0.05
    for gains, rho in zip(SMOOTH.values(), (-0.75, -0.5, 0.966667)):
        found = zone_worlds.zone_rho(known(gains), "kld_max", 0.05, gains[None])[0]
        assert found == pytest.approx(rho, abs=5e-7)
        assert found == pytest.approx(scipy_stats.spearmanr(KLD[inside], gains[inside])[0])


SEVEN = [("kld_max", edge) for edge in (0.005, 0.01, 0.02, 0.05)]
SEVEN += [("score_tol", 0.01), ("tost", 0.02), ("not_different", 0.05)]


def test_a_rise_is_flatter_whatever_zones_the_score_draws():
    gains = SMOOTH["rise"]
    prompts = ERROR * np.random.default_rng(1).standard_normal((2 * 999, 16))
    drawn = zone_worlds.worlds(law(gains), KLD, ALONE, prompts, 1)

    def rows(zones: list[tuple[str, float]]) -> dict[tuple, zone_null.ZoneNull]:
        seen = [zone_null._seen(known(gains), zone, drawn) for zone in zones]
        made = zone_null._sides(seen, "declared", 999)
        return {(row.zone_rule, row.threshold, row.kind): row for row in made}

    every = rows(SEVEN)
    row = every["kld_max", 0.05, "flatter"]
    assert row.rho == pytest.approx(0.966667, abs=5e-7) and row.rho > row.expected_high
    assert row.verdict == "refused" and row.p <= row.p_adjusted <= 0.05
    for part in (SEVEN[:4], SEVEN[4:]):
        assert rows(part) == {key: row for key, row in every.items() if key[:2] in part}


def test_draws_without_a_figure_count_against_their_own_zone_alone():
    rng = np.random.default_rng(2)
    null = rng.standard_normal((999, 2))
    gaps = null.copy()
    gaps[:300, 1] = np.nan
    observed, judged = np.array([4.0, 4.0]), np.ones(2, bool)
    p, adjusted = zone_null._tails(observed, gaps, judged)
    assert p.tolist() == [0.001, 0.301] and adjusted.tolist() == [0.001, 0.301]


def test_what_other_prompts_add_is_known_from_these():
    rng = np.random.default_rng(4)
    gains = rng.choice([-1.0, 0, 1], (3, 400), p=[0.1, 0.8, 0.1])
    gains[1] = np.where(rng.random(400) < 0.7, gains[0], gains[1])
    once = sheet(answer_rows(gains))
    assert zone_worlds.noise(once) == pytest.approx(np.cov(gains) / 400)
    twice = sheet(answer_rows(np.repeat(gains, 2, axis=1), texts=[str(k // 2) for k in range(800)]))
    assert zone_worlds.noise(twice) == pytest.approx(np.cov(gains) / 400)
    labels = ["a"] * 200 + ["b"] * 200
    parted = sheet(answer_rows(gains, benchmarks=labels, weights={"a": 3.0, "b": 1.0}))
    closed = (9 * np.cov(gains[:, :200]) + np.cov(gains[:, 200:])) / 16 / 200
    assert zone_worlds.noise(parted) == pytest.approx(closed)
    drawn = zone_worlds.redrawn(parted, 20_000, 1)
    assert drawn.mean(0) == pytest.approx(np.zeros(3), abs=4 * math.sqrt(closed.max() / 20_000))
    assert np.cov(drawn.T) == pytest.approx(closed, abs=0.05 * closed.max())


def test_what_never_differed_lies_within_half_of_a_disagreement():
    """Or a law alone would rank, in the drawn cohorts, what lies tied in the real one."""
    gains = np.zeros((3, 400))
    gains[1, :5] = -1
    drawn = zone_worlds.redrawn(sheet(answer_rows(gains)), 20_000, 1)
    for quant in (0, 2):
        half = scipy_stats.uniform(-0.5 / 400, 1 / 400)
        assert scipy_stats.kstest(drawn[:, quant], half.cdf).pvalue > 0.01
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 2])[0, 1]) < 0.03
    nearest = np.abs(drawn[:, 1] * 400 - np.rint(drawn[:, 1] * 400))
    assert nearest.max() <= 0.5 and drawn[:, 1].std() > drawn[:, 0].std()


def test_scatter_is_drawn_with_its_families():
    found = law(SMOOTH["line"])._replace(family=4e-4, own=1e-4)
    labels = [str(k % 4) for k in range(16)]
    flat = zone_worlds.worlds(found, KLD, labels, np.zeros((80_000, 16)), 1).flat
    same = np.equal.outer(labels, labels)
    assert np.cov(flat.T) == pytest.approx(4e-4 * same + 1e-4 * np.eye(16), abs=2e-5)


def test_a_rule_that_looks_at_the_score_draws_its_zone_anew():
    rng = np.random.default_rng(5)
    gains = -0.3 * KLD + 0.01 * rng.standard_normal((30, 16))
    found = zone_worlds.zone_rho(known(gains[0]), "score_tol", 0.02, gains)
    for row, rho in zip(gains, found):
        inside = row >= -0.02
        assert rho == pytest.approx(scipy_stats.spearmanr(KLD[inside], row[inside])[0])
    ties = np.round(gains, 2)
    inside = rng.random((30, 16)) < 0.6
    for row, chosen, rho in zip(ties, inside, rho_inside(KLD, ties, inside)):
        assert rho == pytest.approx(scipy_stats.spearmanr(KLD[chosen], row[chosen])[0])


# --- whole cohorts --------------------------------------------------------------------------------


def families_of(labels: Iterable[object], labelling: str = "declared") -> Families:
    """One labelling of quants q00, q01, ..."""
    records = [
        {"labelling": labelling, "quant_id": f"q{k:02}", "family_id": str(label)}
        for k, label in enumerate(labels)
    ]
    return rows_of(Families, records)


ZONES = [("kld_max", 0.02), ("kld_max", 0.05), ("not_different", 0.05)]


def gains_of(lost, seed: int, quants: int = 24, prompts: int = 3_000) -> tuple:
    """KLD [q] and gains [q, n] of quants that lose lost(KLD)."""
    rng = np.random.default_rng(seed)
    kld = np.geomspace(0.003, 0.5, quants) if quants < 41 else np.geomspace(0.001, 0.7, quants)
    margin, moved = rng.standard_normal(prompts), rng.standard_normal((quants, prompts))
    place = np.sqrt(1 + kld) * scipy_stats.norm.ppf(0.5 - lost(kld))
    scores = margin + np.sqrt(kld)[:, None] * moved + place[:, None] > 0
    return kld, 1.0 * scores - (margin > 0)


def cohort(lost, seed: int, quants: int = 24, prompts: int = 300):
    """(zone rows' records, answers, families) of such quants, each alone."""
    kld, gains = gains_of(lost, seed, quants, prompts)
    records = [
        {"zone_rule": rule, "threshold": edge, "quant_id": f"q{k:02}", "kld": x, "error": 0.005}
        for rule, edge in ZONES
        for k, x in enumerate(kld.tolist())
    ]
    return records, answer_rows(gains), families_of(range(quants))


def nulls(made, settings=SETTINGS) -> list[zone_null.ZoneNull]:
    records, answers, families = made
    return zone_null.zone_nulls(rows_of(ZoneQuants, records), answers, families, settings)


def refused(lost, worlds: int, prompts: int = 3_000, quants: int = 24) -> Counter:
    """kind -> in how many cohorts that side is refused for the zone up to .05."""
    count: Counter = Counter()
    for seed in range(worlds):
        kld, gains = gains_of(lost, seed, quants, prompts)
        names = [f"q{k:02}" for k in range(len(kld))]
        scores = Sheet(names, gains, np.zeros(prompts), Prompts(["all"] * prompts), {"all": 1.0})
        made = zone_worlds.Cohort(
            names, kld, gains.mean(1), gains.std(1) / math.sqrt(prompts), scores
        )
        few = SETTINGS._replace(n_tosses=399)
        for row in zone_null.nulls(made, ZONES[:2], families_of(range(quants)), few):
            count[row.kind] += row.verdict == "refused" and row.threshold == 0.05
    return count


def test_a_smooth_law_is_not_called_a_collapse():
    """A straight line through these cohorts refuses the law in most of them."""
    found = refused(lambda kld: 0.25 / (1 + (0.15 / kld) ** 1.5), 20)
    assert found["flatter"] <= 3 and found["steeper"] <= 3 and found["noise"] >= 17


def test_a_curved_law_is_not_called_steeper_than_itself():
    """A straight line through the nearest quants and the wrecks alike refuses itself in most."""
    found = refused(lambda kld: np.minimum(0.45, 0.5 * kld**1.5), 12, quants=41)
    assert found["flatter"] <= 2 and found["steeper"] <= 2


def test_three_sides_are_told_apart():
    rising = refused(lambda kld: np.where(kld < 0.05, -0.5 * kld, 0.3 * kld), 5)
    assert rising["flatter"] == 5 and rising["steeper"] == 0
    assert refused(lambda kld: 0 * kld, 10)["noise"] <= 2
    law, flat = 0.001 * np.random.default_rng(1).standard_normal((2, 999, 16))
    down, up = (sides(sign * KLD, zone_worlds.Worlds(law - KLD / 50, flat)) for sign in (-1, 1))
    assert down == {"flatter": 1, "steeper": 0.001, "noise": 0.001}
    assert up == {"flatter": 0.001, "steeper": 1, "noise": 1}


def test_edges_and_zones_have_one_null():
    records, answers, families = cohort(lambda k: 0.3 * k, 1)
    rows = rows_of(ZoneQuants, records)
    edges = zone_null.zone_edges(rows, answers, families, SETTINGS)
    assert plain(edges) and [row.n for row in edges] == list(range(5, 25))
    zones = {row.n: row for row in nulls((records, answers, families)) if row.kind == "flatter"}
    compared = 0
    for edge in edges:
        zone = zones.get(edge.n)
        if zone is not None and zone.zone_rule == "kld_max":
            compared += 1
            assert edge[3:] == zone[5:9]
    assert compared == 2


def test_any_order_of_rows_gives_the_same_answer():
    records, answers, families = cohort(lambda k: 0.3 * k, 2, quants=10)
    rng = np.random.default_rng(0)
    shuffled = [records[k] for k in rng.permutation(len(records))]
    few = SETTINGS._replace(n_tosses=99)
    assert nulls((records, answers, families), few) == nulls((shuffled, answers, families), few)


def test_p_is_adjusted_over_zones_of_eight_quants():
    records, answers, families = cohort(lambda k: 0.3 * k, 3)
    found = nulls((records, answers, families))
    assert plain(found)
    for row in found:
        assert row.p <= row.p_adjusted <= min(1, 3 * row.p + 0.01)
    small = [row | {"threshold": 0.006} for row in records if row["threshold"] == 0.02]
    for row in nulls((small, answers, families)):
        assert row.n < 8 and row.verdict == "too_few" and row.p_adjusted is None


def test_every_labelling_is_told_with_its_law():
    records, answers, _ = cohort(lambda k: 0.3 * k, 4)
    both = families_of([k // 4 for k in range(24)]), families_of(range(24), "gains")
    families = Families(*(np.concatenate(pair) for pair in zip(*both)))
    rows = rows_of(ZoneQuants, records)
    laws = zone_null.zone_laws(rows, answers, families, SETTINGS)
    assert plain(laws) and [(row.labelling, row.families) for row in laws] == [
        ("declared", 6),
        ("gains", 24),
    ]
    errors = np.sqrt(zone_worlds.noise(sheet(answers)).diagonal())
    assert laws[0].prompt_error == pytest.approx(math.sqrt((errors**2).mean()))


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (lambda made: (made[0], answer_rows(np.zeros((0, 0))), made[2]), "no_answers"),
        (lambda made: (made[0], answer_rows(np.zeros((24, 30))), made[2]), "no_law"),
        (lambda made: ([r | {"kld": 0.0} for r in made[0]], *made[1:]), "no_law"),
        (lambda made: ([r | {"kld": None} for r in made[0]], *made[1:]), "no_answers"),
        (lambda made: ([r | {"kld": 2.0} for r in made[0]], *made[1:]), "no_law"),
        (lambda made: (made[0], made[1], families_of([])), None),
    ],
)
def test_cohorts_without_a_law_say_why(change, verdict):
    made = change(cohort(lambda k: 0.3 * k, 5))
    rows, answers, families = rows_of(ZoneQuants, made[0]), *made[1:]
    few = SETTINGS._replace(n_tosses=99)
    found = zone_null.zone_nulls(rows, answers, families, few)
    laws = zone_null.zone_laws(rows, answers, families, few)
    edges = zone_null.zone_edges(rows, answers, families, few)
    assert plain([found, laws, edges]) and len(found) == 9
    assert {row.verdict for row in found if row.zone_rule == "kld_max"} & {verdict} or not verdict
    for row in laws:
        assert (row.reason is None) == (row.exponent is not None)
    if verdict is None:
        assert {row.labelling for row in found} == {"alone"}
