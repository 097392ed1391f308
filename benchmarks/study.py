"""How long all statistics of the study take: cohorts of 28 and 41 quants, 14 measurements, 6
targets, 2 zones, B = 10,000.

    OMP_NUM_THREADS=2 python benchmarks/study.py [--resamples B] [--prompts N]

The cohorts are made up (worlds.py) with 5 benchmarks. Correlations, their differences, the zone and
the two-level bootstrap are run for every measurement and target; paired figures for every quant and
benchmark; per-prompt prediction for every quant; routers for every two quants. One process; a line
per subject, seconds of wall time.
"""

import argparse
import time

import numpy as np
from worlds import variants, world

from qwh.database.settings import variables
from qwh.kernels.statistics import (
    composites,
    failure,
    front,
    paired,
    prediction,
    rho,
    rho_differences,
    routers,
    two_level,
    zone_edge,
    zone_null,
    zone_ranking,
)

VARS = variables()
MEASUREMENTS, SEED, EDGE = 14, VARS["seed"], 0.03


def main() -> None:
    """Run both cohorts and print seconds by subject."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resamples", type=int, default=VARS["n_resamples"])
    parser.add_argument("--prompts", type=int, default=500, help="per benchmark")
    arguments = parser.parse_args()
    seconds = {}
    for quants in (28, 41):
        for subject, call in subjects(quants, arguments.prompts, arguments.resamples):
            start = time.perf_counter()
            call()
            seconds.setdefault(subject, []).append(time.perf_counter() - start)
    print(f"{'':<52}{'28 quants':>10}{'41 quants':>10}")
    for subject, (small, large) in (*seconds.items(), ("all", map(sum, zip(*seconds.values())))):
        print(f"{subject:<52}{small:>10.2f}{large:>10.2f}")
    print(f"{'both cohorts':<62}{sum(map(sum, seconds.values())):>10.2f}")


def subjects(quants: int, per_benchmark: int, resamples: int):
    """(name, what to call) of each subject of one cohort."""
    made = world(quants, per_benchmark, quants)
    x, inside = variants(made, MEASUREMENTS, 1), made.kld < EDGE
    gains, names = made.scores - made.reference, np.unique(made.benchmarks)
    composite = made.scores.mean(1)
    y = np.array(
        [
            composite,
            *(made.scores[:, made.benchmarks == name].mean(1) for name in names[:3]),
            np.abs(gains).mean(1),
            gains.mean(1) / np.abs(gains).mean(1),
        ]
    )
    errors = np.sqrt((np.abs(gains).mean(1) - gains.mean(1) ** 2) / gains.shape[1])
    draws = {"n_resamples": resamples, "seed": SEED}
    groups = [f"uploader {k % 7}" for k in range(quants)]
    replicates = {}

    def both_levels():
        scores, volumes = (
            composites.score_replicates(values, made.benchmarks, None, **draws)
            for values in (made.scores, np.abs(gains))
        )
        replicates.update(scores=scores, volumes=volumes)
        single = [
            composites.score_replicates(
                made.scores[:, made.benchmarks == name],
                made.benchmarks[made.benchmarks == name],
                None,
                **draws,
            )
            for name in names[:3]
        ]
        reference = composites.score_replicates(made.reference, made.benchmarks, None, **draws)
        with np.errstate(invalid="ignore", divide="ignore"):
            targets = np.array([scores, *single, volumes, (scores - reference) / volumes])
        measured = two_level.mean_replicates(made.chunk_kld, made.chunk_tokens, **draws)
        measured = np.array([measured * row / made.kld for row in x])
        for part in (np.ones(quants, bool), inside):
            two_level.redrawn(
                x[:, part], y[:, part], measured[:, :, part], targets[:, :, part], SEED
            )

    def per_quant():
        for row in gains:
            parts = [row[made.benchmarks == name] for name in names]
            leapfrogs, drops = (
                [int((part > 0).sum()) for part in parts],
                [int((part < 0).sum()) for part in parts],
            )
            for a, b, part in zip(leapfrogs, drops, parts):
                paired.compare(a, b, len(part), VARS["margin"])
            composites.composite(parts, [1] * len(parts), **draws, margin=VARS["margin"])
            composites.heterogeneity(leapfrogs, drops, **draws)

    def per_prompt():
        failed = 1 - made.scores
        matched = failure.strata(made.benchmarks, [made.entropy])
        failure.failure_ratios(
            made.prompt_kld, failed, made.benchmarks, matched, **draws, clip=VARS["kld_clip"]
        )
        for labels in (None, made.benchmarks):
            prediction.lift(made.prompt_kld, failed, labels, VARS["n_lifts"], SEED)
        for kld, row in zip(made.prompt_kld, failed):
            for labels in (None, made.benchmarks, matched):
                prediction.auroc(kld, row, labels)

    def the_zone():
        for target, spread in ((y[0], errors), (y[4], None)):
            zone_edge.hinge(x[0], target, spread, **draws)
        for row in x:
            zone_null.no_mystery(row, y[0], errors, inside, resamples, SEED, replicates["scores"])
        zone_ranking.reliability(y[0][inside], errors[inside], **draws)
        weights = [1.0] * len(made.benchmarks)
        zone_ranking.ranking(
            list(made.scores[inside]),
            list(made.benchmarks),
            weights,
            **draws,
            n_splits=VARS["n_splits"],
        )

    def fronts():
        sizes = 1 / made.kld
        front.membership(sizes, replicates["volumes"], replicates["scores"])
        front.groups(composite, replicates["scores"])
        front.pick(sizes, composite, replicates["scores"])

    yield (
        "correlations, full cohort and zone",
        lambda: [
            rho.correlate(x[:, part], y[:, part], resamples, **draws, groups=np.array(groups)[part])
            for part in (np.ones(quants, bool), inside)
        ],
    )
    yield (
        "differences of measurements, full cohort and zone",
        lambda: [
            rho_differences.differences(x[:, part], y[:, part], **draws)
            for part in (np.ones(quants, bool), inside)
        ],
    )
    yield "two-level bootstrap, full cohort and zone", both_levels
    yield "hinge, reliability, ranking, no-mystery null", the_zone
    yield "paired figures by quant and benchmark, composites", per_quant
    yield f"per-prompt prediction, {len(made.benchmarks):,} prompts", per_prompt
    yield (
        "routers, every two quants",
        lambda: routers.routers(made.prompt_kld, made.scores, made.benchmarks),
    )
    yield "fronts, letters, pick", fronts


if __name__ == "__main__":
    main()
