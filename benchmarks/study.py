"""How long all statistics of the study take: cohorts of 28 and 41 quants, 14 measurements, 6
targets, 2 zones, B = 10,000.

    OMP_NUM_THREADS=2 python benchmarks/study.py [--resamples B] [--prompts N]

The cohorts are made up (worlds.py) with 5 benchmarks. Correlations, their differences, the zone and
the two-level bootstrap are run for every measurement and target; composites for every quant and
pairs of equal KLD; per-prompt prediction for every quant; routers for every two quants. One
process; a line per subject, seconds of wall time.
"""

import argparse
import time
from collections.abc import Callable
from functools import cached_property

import numpy as np
from promises import MARGIN, SPLITS, VARS
from promises.paired import answers
from worlds import points, variants, world

from qwh.kernels.statistics.chunks import chunks
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.prompts.prompt_failure import failures
from qwh.kernels.statistics.prompts.prompt_failure_overall import Tosses, overall
from qwh.kernels.statistics.prompts.routers import Coins, Routed, routers
from qwh.kernels.statistics.quants import two_level
from qwh.kernels.statistics.quants.families import Families
from qwh.kernels.statistics.quants.rho import Draws, rank_correlations
from qwh.kernels.statistics.quants.rho_differences import Resamples, correlation_differences
from qwh.kernels.statistics.scores import composites, front
from qwh.kernels.statistics.scores.composite_differences import PairedDraws, composite_differences
from qwh.kernels.statistics.scores.equal_distance import Distances, Nearness, equal_distance_pairs
from qwh.kernels.statistics.zone import zone_null, zone_ranking
from qwh.kernels.statistics.zone.zone_choice import ZoneQuants

MEASUREMENTS, SEED, EDGE = 14, VARS["seed"], 0.03
ZONES = [("kld_max", edge) for edge in (0.005, 0.01, 0.02, 0.05)]
ZONES += [("score_tol", 0.01), ("tost", 0.02), ("not_different", 0.05)]


class Study:
    """One cohort, and a method for each subject that is timed."""

    def __init__(self, quants: int, per_benchmark: int, resamples: int):
        self.made = world(quants, per_benchmark, quants)
        self.draws = {"n_resamples": resamples, "seed": SEED}
        self.x = variants(self.made, MEASUREMENTS, 1)
        self.inside = self.made.kld < EDGE
        self.parts = (np.ones(quants, bool), self.inside)
        self.gains = self.made.scores - self.made.reference
        self.names = np.unique(self.made.benchmarks)
        volume, gain = np.abs(self.gains).mean(1), self.gains.mean(1)
        single = [self.made.scores[:, self.of(name)].mean(1) for name in self.names[:3]]
        self.y = np.array([self.made.scores.mean(1), *single, volume, gain / volume])
        self.errors = np.sqrt((volume - gain**2) / self.gains.shape[1])

    def of(self, name: str) -> np.ndarray:
        """Which prompts are of a benchmark."""
        return self.made.benchmarks == name

    def replicates(self, scores: np.ndarray, only: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Composites [B, q] on prompts drawn anew, of all or of these prompts."""
        names = self.made.benchmarks[only]
        return composites.score_replicates(
            np.atleast_2d(scores)[:, only], names, None, **self.draws
        )

    @cached_property
    def scores(self) -> np.ndarray:
        return self.replicates(self.made.scores)

    @cached_property
    def volumes(self) -> np.ndarray:
        return self.replicates(np.abs(self.gains))

    def correlations(self) -> None:
        uploaders = np.array([f"uploader {k % 7}" for k in range(len(self.inside))])
        settings = Draws(n_permutations=self.draws["n_resamples"], **self.draws)
        for part in self.parts:
            rows = points(self.x[:, part], self.y[:, part], uploaders[part].tolist())
            rank_correlations(rows, settings)

    def differences(self) -> None:
        for part in self.parts:
            rows = points(self.x[:, part], self.y[:, part])
            correlation_differences(rows, Resamples(**self.draws))

    def two_levels(self) -> None:
        single = [self.replicates(self.made.scores, self.of(name)) for name in self.names[:3]]
        with np.errstate(invalid="ignore", divide="ignore"):
            directions = (self.scores - self.replicates(self.made.reference)) / self.volumes
        y = np.array([self.scores, *single, self.volumes, directions])
        made = self.made
        x = chunks.mean_replicates(made.chunk_kld, made.chunk_tokens, **self.draws)
        x = np.array([x * row / made.kld for row in self.x])
        for part in self.parts:
            known = self.x[:, part], self.y[:, part]
            two_level.redrawn(*known, x[:, :, part], y[:, :, part])

    def zone(self) -> None:
        rows = answers(self.gains, self.made.benchmarks)
        quants = [f"q{k:03}" for k in range(len(self.gains))]
        columns = zip(quants, self.made.kld.tolist(), self.y[0].tolist(), self.errors.tolist())
        known = [
            {"zone_rule": rule, "threshold": edge, "quant_id": quant, "kld": kld}
            | {"composite": score, "error": error, "is_member": kld <= edge}
            for quant, kld, score, error in columns
            for rule, edge in ZONES
        ]
        families = [
            {"labelling": "declared", "quant_id": quant, "family_id": str(k % 7)}
            for k, quant in enumerate(quants)
        ]
        settings = zone_null.NullSettings(VARS["wreck_kld"], VARS["n_tosses"], SEED)
        zones, related = rows_of(ZoneQuants, known), rows_of(Families, families)
        zone_null.zone_nulls(zones, rows, related, settings)
        ranking = zone_ranking.RankingSettings(self.draws["n_resamples"], SPLITS, SEED)
        zone_ranking.zone_figures(rows_of(zone_ranking.ZoneScores, known), rows, ranking)

    def pairs(self) -> None:
        rows = answers(self.gains, self.made.benchmarks)
        tosses = VARS["n_tosses"]
        composite_differences(rows, PairedDraws(**self.draws, n_tosses=tosses, margin=MARGIN))
        quants = np.array([f"q{k:03}" for k in range(len(self.gains))], object)
        near = Nearness(tosses, SEED, VARS["equal_distance"])
        equal_distance_pairs(Distances(quants, self.made.kld), rows, near)

    def prompts(self) -> None:
        failures(self.outcomes)
        overall(self.outcomes, Tosses(*(VARS[name] for name in Tosses._fields)))

    def routers(self) -> None:
        made, shape = self.made, self.made.prompt_kld.shape
        quants, prompts = (index.ravel() for index in np.indices(shape))
        names = np.array([f"p{k:05}" for k in prompts])
        rows = Routed(
            np.full(quants.shape, "pool"),
            np.full(quants.shape, "cohort"),
            np.array([f"q{k:02}" for k in quants]),
            names,
            made.benchmarks[prompts],
            names,
            made.prompt_kld.ravel(),
            made.scores.ravel(),
        )
        routers(rows, Coins(*(VARS[name] for name in Coins._fields)))

    def fronts(self) -> None:
        sizes = 1 / self.made.kld
        front.membership(sizes, self.volumes, self.scores)
        front.groups(self.y[0], self.scores)
        front.pick(sizes, self.y[0], self.scores)


SUBJECTS: dict[str, Callable[[Study], None]] = {
    "correlations, full cohort and zone": Study.correlations,
    "differences of measurements, full cohort and zone": Study.differences,
    "two-level bootstrap, full cohort and zone": Study.two_levels,
    "reliability, ranking, the null of seven zones": Study.zone,
    "paired figures by quant and benchmark, composites": Study.pairs,
    "per-prompt prediction": Study.prompts,
    "routers, every two quants": Study.routers,
    "fronts, letters, pick": Study.fronts,
}


def main() -> None:
    """Run both cohorts and print seconds by subject."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resamples", type=int, default=VARS["n_resamples"])
    parser.add_argument("--prompts", type=int, default=500, help="per benchmark")
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    for quants in (28, 41):
        study = Study(quants, arguments.prompts, arguments.resamples)
        for subject, call in SUBJECTS.items():
            start = time.perf_counter()
            call(study)
            seconds[subject].append(time.perf_counter() - start)
    print(f"{'':<52}{'28 quants':>10}{'41 quants':>10}")
    for subject, (small, large) in (*seconds.items(), ("all", map(sum, zip(*seconds.values())))):
        print(f"{subject:<52}{small:>10.2f}{large:>10.2f}")
    print(f"{'both cohorts':<62}{sum(map(sum, seconds.values())):>10.2f}")


if __name__ == "__main__":
    main()
