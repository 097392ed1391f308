"""The zone: the words of its null, the losses that are shown, what prompts are said to rank.

In worlds that the null assumes (one law of the loss, families with offsets of their own) and in
worlds that it does not (a hinge, a rise, a loss that ends inside the zone, none at all).
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import duckdb
import numpy as np
import polars as pl
from scipy.stats import norm

from qwh.database.warehouse import PROJECT
from qwh.kernels.statistics.answers import Sheet
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.quants.families import Families, linked
from qwh.kernels.statistics.texts import Prompts
from qwh.kernels.statistics.zone import zone_null, zone_ranking
from qwh.kernels.statistics.zone.losses import LossSettings, shown
from qwh.kernels.statistics.zone.zone_worlds import DIGITS, Cohort

from . import SIZE, SPLITS, VARS, Promise

EDGE, DRAWS = 0.03, 299
ZONES = [("kld_max", 0.01), ("kld_max", 0.02), ("kld_max", EDGE), ("kld_max", 0.05)]
ZONES += [("score_tol", 0.01), ("tost", 0.02), ("not_different", 0.05)]
WORDS = ("flatter", "steeper", "falls")
ANY = (0.0, 1.0)
LAWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # KLD -> score that is lost
    "line": lambda kld: 0.3 * kld,
    "k^1.5": lambda kld: 0.3 * kld**1.5,
    "k^0.5": lambda kld: 0.1 * kld**0.5,
    "logistic": lambda kld: 0.25 / (1 + (0.15 / kld) ** 1.5),
    "line to a floor": lambda kld: np.minimum(0.3 * kld, 0.35),
    "hinge at 0.03": lambda kld: 0.06 * np.maximum(0, np.log(kld / 0.03)),
    "rise in the zone": lambda kld: np.where(kld < EDGE, -0.25 * kld, 0.3 * kld),
    "loss ends at 0.01": lambda kld: 0.02 / (1 + (0.01 / kld) ** 4),
    "no loss": lambda kld: 0 * kld,
}
RIGHT_WORD = {"hinge at 0.03": "flatter", "rise in the zone": "flatter"}
RIGHT_WORD |= {"loss ends at 0.01": "steeper", "no loss": ""}
# zones beyond EDGE, and those chosen by the score, do fall there
FALLS_BEYOND = ("hinge at 0.03", "rise in the zone")


class Plan(NamedTuple):
    """What a cohort is made of."""

    law: str
    quants: int = 41
    prompts: int = 2_500
    families: int = 0  # 0: every quant alone
    between: float = 0.9  # share of the variance of ln KLD that lies between families
    offset: float = 0.0  # sd of families' true offsets of the score, fraction
    own: float = 0.0  # sd of each quant's own
    wrecks: int = 0  # quants at 2 to 6 nats
    passed: float = 0.5  # share of prompts that the reference passes

    def __str__(self) -> str:
        told = f"{self.law}, {self.quants} quants, {self.prompts:,} prompts"
        kind = "between" if self.between > 0.5 else "within"
        told += f", {self.families} families {kind}" * bool(self.families)
        told += f", offsets {self.offset:g}" * bool(self.offset)
        told += f", scatter {self.own:g}" * bool(self.own)
        told += f", {self.passed:.0%} passed" * (self.passed != 0.5)
        return told + f", {self.wrecks} wrecks" * bool(self.wrecks)


class Made(NamedTuple):
    """A cohort that was made."""

    known: Cohort
    family: np.ndarray  # [q]
    lost: np.ndarray  # true loss of the score, [q]


def made(plan: Plan, rng: np.random.Generator) -> Made:
    """A cohort by a plan: prompts near the border flip for everybody, relatives share most flips.

    A prompt has a margin; a quant moves it by a perturbation as large as the root of its KLD, of
    which a family has four fifths in common, and by what makes its loss the true one.
    """
    n = plan.quants
    family = np.arange(n) % plan.families if plan.families else np.arange(n)

    def mixed(share: float) -> np.ndarray:
        """Standard normal [q], this share of its variance in common within families."""
        common = rng.standard_normal(n)[family]
        return math.sqrt(share) * common + math.sqrt(1 - share) * rng.standard_normal(n)

    kld = np.exp(math.log(0.003) + norm.cdf(mixed(plan.between)) * math.log(0.5 / 0.003))
    worst = rng.choice(n, plan.wrecks, replace=False)
    kld[worst] = np.exp(rng.uniform(math.log(2), math.log(6), plan.wrecks))
    lost = LAWS[plan.law](kld) + plan.offset * rng.standard_normal(n)[family]
    lost = lost + plan.own * rng.standard_normal(n)
    margin = rng.standard_normal(plan.prompts)
    moved = rng.standard_normal((n, plan.prompts)) * math.sqrt(0.2)
    moved += math.sqrt(0.8) * rng.standard_normal((n, plan.prompts))[family]
    place = np.sqrt(1 + kld) * norm.ppf(np.clip(plan.passed - lost, 1e-6, 1 - 1e-6))
    scores = 1.0 * (margin + np.sqrt(kld)[:, None] * moved + place[:, None] > 0)
    reference = 1.0 * (margin + norm.ppf(plan.passed) > 0)
    names = [f"q{k:02}" for k in range(n)]
    answered = Sheet(names, scores, reference, Prompts(["all"] * plan.prompts), {"all": 1.0})
    gains = answered.gains
    mean, error = np.round(gains.mean(1), DIGITS), gains.std(1) / math.sqrt(plan.prompts)
    return Made(Cohort(names, kld, mean, error, answered), family, lost)


def families(world: Made) -> Families:
    """Both labellings: as declared, which is true where there are any, and as found."""
    names, gains = world.known.quants, world.known.sheet.gains
    flips = gains.std(1) > 0
    alike = np.eye(len(names))
    alike[np.ix_(flips, flips)] = np.corrcoef(gains[flips])
    family = world.family
    if len(set(family)) == len(family):  # no relatives: what is declared means nothing
        family = np.arange(len(family)) % 8
    labels = {"declared": family, "gains": linked(alike)}
    return rows_of(
        Families,
        [
            {"labelling": labelling, "quant_id": name, "family_id": str(label)}
            for labelling, of in labels.items()
            for name, label in zip(names, of)
        ],
    )


def said(worlds: list[Made], seed: int) -> pl.DataFrame:
    """world, zone_rule, threshold, verdict: what the project's own SQL says of each world."""
    settings = zone_null.NullSettings(VARS["wreck_kld"], DRAWS, seed)
    sides, lost, laws = [], [], []
    for number, world in enumerate(worlds):
        key = {"cohort_id": str(number)}
        related = families(world)
        for row in zone_null.nulls(world.known, ZONES, related, settings):
            sides.append(key | row._asdict() | {"is_default": row.threshold == EDGE})
        kld = dict(zip(world.known.quants, world.known.kld))
        for loss in shown(world.known.sheet, LossSettings(499, seed)):
            lost.append(key | loss._asdict() | {"kld_mean": kld[loss.quant_id]})
        # all that the verdict asks of the laws
        for labelling in set(related.labelling):
            mine = related.family_id[related.labelling == labelling]
            counts = {"n": len(mine), "families": len(set(mine))}
            laws.append(key | counts | {"labelling": labelling})
    tables = {"stat_zone_nulls": sides, "stat_losses": lost, "stat_zone_laws": laws}
    with duckdb.connect() as connection:
        for name, rows in tables.items():
            connection.register(name, pl.DataFrame(rows, infer_schema_length=None).to_arrow())
        for name in ("stat_loss_onsets", "stat_zone_verdicts"):
            connection.execute(f"create table {name} as {rendered(name)}")
        return connection.sql(
            "select cohort_id::int as world, zone_rule, threshold, verdict from stat_zone_verdicts"
        ).pl()


def rendered(model: str) -> str:
    """A model's SQL without dbt."""
    text = (PROJECT / "models" / "statistics" / f"{model}.sql").read_text()
    text = re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"\1", text)
    text = re.sub(r"\{\{ var\('(\w+)'\) \}\}", lambda name: str(VARS[name[1]]), text)
    return text.replace("{{ alpha() }}", "0.05")


def plans() -> Iterator[Plan]:
    """The worlds of the null."""
    for law in LAWS:
        wrecks = 4 * (law == "line to a floor")
        yield Plan(law, wrecks=wrecks)
        yield Plan(law, prompts=20_000, wrecks=wrecks)
        yield Plan(law, families=8, offset=0.005, wrecks=wrecks)
        yield Plan(law, families=8, between=0.1, offset=0.005, wrecks=wrecks)
        yield Plan(law, own=0.004, wrecks=wrecks)
    for law in ("line", "k^1.5", "logistic", "no loss"):
        for quants in (12, 16, 28):
            yield Plan(law, quants=quants, families=4, offset=0.005)
        yield Plan(law, prompts=300, passed=0.03)
    yield Plan("line", quants=5)


def of_the_null(worlds: int, seed: int) -> Iterator[Promise]:
    """Every word that the null can say: wrongly of any of seven zones, rightly of the default.

    Zones that KLD draws and those that the score draws are two questions, each judged apart.
    """
    for number, plan in enumerate(plans()):
        rng = np.random.default_rng((seed, number))
        count = min(worlds, 200)
        words = said([made(plan, rng) for _ in range(count)], seed)
        right = RIGHT_WORD.get(plan.law, "falls")
        for word in WORDS:
            told = words.filter(pl.col("verdict") == word)
            if word == right:
                found = _told(told.filter(pl.col("threshold") == EDGE), count)
                yield Promise(f"{plan}: {word}, rightly", found, ANY)
            elif not (word == "falls" and plan.law == "loss ends at 0.01"):
                for drawn_by, zones in _zones(told, word, plan.law):
                    name = f"{plan}: {word}, wrongly of any zone by {drawn_by}"
                    yield Promise(name, _told(zones, count), SIZE)


def _zones(told: pl.DataFrame, word: str, law: str) -> Iterator[tuple[str, pl.DataFrame]]:
    """Who draws a zone, and the rows of those where the word is wrong."""
    by_kld = pl.col("zone_rule") == "kld_max"
    near = word == "falls" and law in FALLS_BEYOND
    yield "KLD", told.filter(by_kld & ((pl.col("threshold") <= EDGE) | pl.lit(not near)))
    if not near:
        yield "score", told.filter(~by_kld)


def _told(told: pl.DataFrame, count: int) -> np.ndarray:
    """In which of so many worlds a word is said, [count] bool."""
    return np.isin(np.arange(count), told["world"].to_numpy())


def of_losses(worlds: int, seed: int) -> Iterator[Promise]:
    """A loss claimed where there is none; the share of losses of a point or more that is shown."""
    for law, more in (
        ("no loss", {}),
        ("no loss", {"passed": 0.03, "prompts": 300}),
        ("hinge at 0.03", {}),
        ("rise in the zone", {}),
    ):
        for kind in ({}, {"families": 6}):
            plan = Plan(law, quants=24, **{"prompts": 1_500} | more | kind)
            rng = np.random.default_rng((seed, 90))
            false, power = [], []
            for _ in range(min(worlds, 400)):
                world = made(plan, rng)
                rows = shown(world.known.sheet, LossSettings(499, seed))
                told = np.array([row.verdict == "loss" for row in rows])
                false.append((told & (world.lost <= 0)).any())
                power += told[world.lost >= 0.01].tolist()
            yield Promise(f"{plan}: a loss, wrongly of any quant", false, SIZE)
            if power:
                yield Promise(f"{plan}: a loss of a point or more is shown", power, ANY)


def of_ranks(worlds: int, seed: int) -> Iterator[Promise]:
    """Quants that differ in nothing are said to be rankable; and quants that do differ."""
    for own, families in ((0.0, 0), (0.0, 4), (0.01, 4)):
        plan = Plan("no loss", quants=16, prompts=600, families=families, own=own)
        rng = np.random.default_rng((seed, 91))
        ranked = []
        for k in range(min(worlds, 400)):
            settings = zone_ranking.RankingSettings(400, SPLITS, k)
            apart = zone_ranking.spread(made(plan, rng).known.sheet, settings)
            p = (1 + (apart.drawn >= apart.observed).sum()) / (1 + len(apart.drawn))
            ranked.append(p <= 0.05)
        yield Promise(
            f"{plan}: rankable, " + ("rightly" if own else "wrongly"), ranked, ANY if own else SIZE
        )


PROMISES = (of_the_null, of_losses, of_ranks)
