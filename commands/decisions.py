"""`qwh compare`, `plan`, `pick` and `card`: what these prompts can decide between quants, and how
many would decide the rest.

Two quants are compared on the prompts that both answered under the reference's facts. Scores are
fractions of 1; a difference is the second quant's score less the first's. Inside what is not
resolved nothing is called better.
"""

from itertools import combinations

import numpy as np
import polars as pl

from ..database.warehouse import Warehouse
from ..errors import ExitCode, QwhError
from ..kernels.statistics import clusters, paired, pareto

RESAMPLES, SEED = 10_000, 20260617


class Scores:
    """Every quant's score on every prompt of a cohort, the reference among them under its own
    name.
    """

    def __init__(self, warehouse: Warehouse, cohort: str | None):
        with warehouse.open() as connection:
            ask = lambda sql, *values: connection.execute(sql, values).fetchall()
            cohorts = [row[0] for row in ask("select cohort_id from dim_cohorts order by 1")]
            self.cohort = cohort or (cohorts[0] if len(cohorts) == 1 else None)
            if self.cohort not in cohorts:
                raise QwhError(
                    f"{'there is no cohort called ' + cohort if cohort else 'which cohort'}: give"
                    f" --cohort one of {', '.join(cohorts) or 'none yet'}",
                    ExitCode.NOT_FOUND if cohort else ExitCode.USAGE,
                )
            rows = ask(
                "select quant_id, benchmark_id, prompt_id, score, score_ref from fct_prompts where"
                " cohort_id = ?",
                self.cohort,
            )
            self.reference = ask(
                "select reference_id from dim_cohorts where cohort_id = ?", self.cohort
            )[0][0]
            self.bytes = dict(
                ask(
                    "select quant_id, file_bytes from dim_quants where cohort_id = ? and role ="
                    " 'quant'",
                    self.cohort,
                )
            )
            self.weights = dict(ask("select benchmark_id, weight from benchmark_weights"))
        if not rows:
            raise QwhError(
                f"cohort {self.cohort} has no benchmark that reference and quants both answered:"
                " bring one in with qwh ingest prompts, or import its results",
                ExitCode.NOT_FOUND,
            )
        self.of: dict[str, dict[tuple[str, str], float]] = {self.reference: {}}
        for quant, benchmark, prompt, score, score_ref in rows:
            self.of.setdefault(quant, {})[benchmark, prompt] = score
            self.of[self.reference][benchmark, prompt] = score_ref

    def pair(self, first: str, second: str) -> dict[str, np.ndarray]:
        """benchmark -> [2, n] scores of both on the prompts that both answered. Raises QwhError for
        a name that is not there.
        """
        if first == second:
            raise QwhError(f"{first} against itself says nothing: name two quants", ExitCode.USAGE)
        for name in (first, second):
            if name not in self.of:
                raise QwhError(
                    f"there is no {name} with answers in cohort {self.cohort}: there are"
                    f" {', '.join(sorted(self.of))}",
                    ExitCode.NOT_FOUND,
                )
        found: dict[str, list] = {}
        for key in sorted(self.of[first].keys() & self.of[second].keys()):
            found.setdefault(key[0], []).append((self.of[first][key], self.of[second][key]))
        if not found:
            raise QwhError(
                f"{first} and {second} answered no prompt in common: see qwh show unpaired",
                ExitCode.NOT_FOUND,
            )
        return {benchmark: np.array(scores).T for benchmark, scores in found.items()}

    def matrix(self) -> tuple[list[str], np.ndarray, np.ndarray, list[str]]:
        """(quants, scores [q, n] with NaN where one did not answer, reference's scores [n],
        benchmarks [n]).
        """
        quants, keys = (
            sorted(name for name in self.of if name != self.reference),
            sorted(self.of[self.reference]),
        )
        scores = np.array([[self.of[quant].get(key, np.nan) for key in keys] for quant in quants])
        return (
            quants,
            scores,
            np.array([self.of[self.reference][key] for key in keys]),
            [key[0] for key in keys],
        )


def compare(
    warehouse: Warehouse, first: str, second: str, cohort: str | None, margin: float
) -> tuple[pl.DataFrame, list[str]]:
    """The second against the first: a row for each benchmark, and sentences about all of them
    together.
    """
    scores = Scores(warehouse, cohort)
    pairs = scores.pair(first, second)
    rows = []
    for benchmark, (a, b) in pairs.items():
        gained, lost = int((b > a).sum()), int((b < a).sum())
        binary = np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()
        found = (
            paired.compare(gained, lost, len(a), margin)
            if binary
            else paired.composite([b - a], [1.0], RESAMPLES, SEED, margin)
        )
        rows.append(
            {
                "benchmark": benchmark,
                "prompts": len(a),
                first: a.mean(),
                second: b.mean(),
                "only_second": gained,
                "only_first": lost,
                "difference": float((b - a).mean()),
                "low": found["low"],
                "high": found["high"],
                "p": found.get("p_mcnemar", found.get("p_different")),
                "p_equivalent": found["p_equivalent"],
                "e_value": found.get("e_value"),
                "verdict": found["verdict"],
            }
        )
    whole = paired.composite(
        [b - a for a, b in pairs.values()],
        [scores.weights.get(name, 1.0) for name in pairs],
        RESAMPLES,
        SEED,
        margin,
    )
    return pl.DataFrame(rows), _sentences(first, second, pairs, whole, margin)


def _sentences(
    first: str, second: str, pairs: dict[str, np.ndarray], whole: dict, margin: float
) -> list[str]:
    """What may be said, and what would settle the rest."""
    prompts = sum(scores.shape[1] for scores in pairs.values())
    if whole["reason"]:
        return [f"nothing can be said: {whole['reason']}"]
    words = {
        "damaged": (
            f"{second} scores below {first} on these prompts, and the difference is resolved"
        ),
        "better": f"{second} scores above {first} on these prompts, and the difference is resolved",
        "equivalent": f"{second} and {first} are the same within {margin:.1%} of the prompts",
        "unresolved": f"not resolved: {second} may score above {first}, below it, or the same",
    }
    said = [
        f"{words[whole['verdict']]}: difference {whole['difference']:+.2%} [{whole['low']:+.2%},"
        f" {whole['high']:+.2%}], {prompts:,} prompts, of which {whole['volume']:.1%} divide them"
    ]
    if whole["verdict"] == "unresolved":
        needed = paired.prompts_needed(whole["volume"], margin)
        smallest = paired.minimum_resolvable_difference(whole["volume"], prompts)
        said.append(
            f"so many prompts find a difference of {smallest:.2%} (80 % power)"
            if smallest
            else "so few disagreements find no difference at all"
        )
        said.append(
            f"a true difference of {margin:.1%} at this volume takes about {needed:,} prompts"
            if needed
            else (
                f"at this volume no true difference reaches {margin:.1%}: more prompts would show"
                " them the same"
            )
        )
    return said


def plan(
    warehouse: Warehouse | None,
    pair: tuple[str, str] | None,
    cohort: str | None,
    delta: float,
    volume: float | None,
) -> pl.DataFrame:
    """Prompts that resolve a true difference of delta (80 % power, 5 %), by benchmark of a pair, or
    for a given volume.
    """
    if volume is not None:
        return pl.DataFrame(
            [
                {
                    "volume": volume,
                    "delta": delta,
                    "prompts_needed": paired.prompts_needed(volume, delta),
                }
            ]
        )
    pairs = Scores(warehouse, cohort).pair(*pair)
    rows = [
        (name, scores.shape[1], float(np.abs(scores[1] - scores[0]).mean()))
        for name, scores in pairs.items()
    ]
    if len(rows) > 1:
        rows.append(
            (
                "all together",
                sum(row[1] for row in rows),
                float(np.average([row[2] for row in rows], weights=[row[1] for row in rows])),
            )
        )
    return pl.DataFrame(
        [
            {
                "benchmark": name,
                "answered": n,
                "volume": share,
                "delta": delta,
                "prompts_needed": paired.prompts_needed(share, delta),
                "found_by_these": paired.minimum_resolvable_difference(share, n),
            }
            for name, n, share in rows
        ]
    )


def pick(
    warehouse: Warehouse, cohort: str | None, largest: float | None
) -> tuple[pl.DataFrame, str]:
    """Size, volume and score of every quant with its place on their front, and the smallest that is
    not resolved from the highest score.
    """
    scores = Scores(warehouse, cohort)
    quants, matrix, reference, benchmarks = scores.matrix()
    sizes = np.array([scores.bytes.get(quant) or np.nan for quant in quants], float)
    if np.isnan(sizes).all():
        raise QwhError(
            f"cohort {scores.cohort} holds no file sizes: ingest the quants' GGUF files with qwh"
            " ingest gguf",
            ExitCode.NOT_FOUND,
        )
    moved = np.abs(matrix - reference)
    drawn, volumes = (
        clusters.score_replicates(part, benchmarks, scores.weights, RESAMPLES, SEED)
        for part in (matrix, moved)
    )
    point, volume = (_composite(part, benchmarks, scores.weights) for part in (matrix, moved))
    front, letters, choice = (
        pareto.membership(sizes, volumes, drawn),
        pareto.groups(point, drawn),
        pareto.pick(sizes, point, drawn, largest),
    )
    if choice["picked"] is None:
        k = int(np.nanargmin(sizes))
        raise QwhError(
            f"no quant of cohort {scores.cohort} is that small: the smallest is {quants[k]} with"
            f" {sizes[k]:,.0f} bytes",
            ExitCode.NOT_FOUND,
        )
    rows = pl.DataFrame(
        [
            {
                "quant_id": quant,
                "bytes": None if np.isnan(sizes[k]) else int(sizes[k]),
                "composite": float(point[k]),
                "volume": float(volume[k]),
                "group": letters[k],
                "on_front": front[k]["probability"],
                "picked": k == choice["picked"],
            }
            for k, quant in enumerate(quants)
        ]
    ).sort("bytes", nulls_last=True)
    picked, highest = quants[choice["picked"]], quants[choice["highest"]]
    if picked == highest:
        return (
            rows,
            (
                f"{picked}: it has the highest score of those allowed, and every smaller one is"
                " resolved to lie below it"
            ),
        )
    return (
        rows,
        (
            f"{picked}: the smallest whose score these prompts do not resolve from the highest"
            f" ({highest}); more prompts may part them"
        ),
    )


def card(warehouse: Warehouse, cohort: str | None) -> pl.DataFrame:
    """What a cohort's prompts resolve: one row of figures and their values."""
    scores = Scores(warehouse, cohort)
    quants, matrix, reference, benchmarks = scores.matrix()
    drawn, point = (
        clusters.score_replicates(matrix, benchmarks, scores.weights, RESAMPLES, SEED),
        _composite(matrix, benchmarks, scores.weights),
    )
    apart = pareto.unlike(point, drawn)
    volumes = [
        float(np.nanmean(np.abs(matrix[a] - matrix[b])))
        for a, b in combinations(range(len(quants)), 2)
    ]
    to_reference = np.nanmean(np.abs(matrix - reference), axis=1)
    gaps = [
        (abs(point[a] - point[b]), volumes[k])
        for k, (a, b) in enumerate(combinations(range(len(quants)), 2))
        if point[a] != point[b]
    ]
    closest = min(gaps, default=None)
    median = float(np.median(to_reference))
    return pl.DataFrame(
        [
            {"figure": "quants", "value": f"{len(quants)}"},
            {
                "figure": "prompts",
                "value": f"{matrix.shape[1]:,} of {len(set(benchmarks))} benchmarks",
            },
            {"figure": "median volume against the reference", "value": f"{median:.2%}"},
            {
                "figure": "standard error of a composite less the reference's, median",
                "value": (
                    f"{np.median((drawn - clusters.score_replicates(reference, benchmarks, scores.weights, RESAMPLES, SEED)).std(0)):.2%}"
                ),
            },
            {
                "figure": "smallest difference that these prompts find at that volume (80 % power)",
                "value": _percent(paired.minimum_resolvable_difference(median, matrix.shape[1])),
            },
            {
                "figure": "pairs of quants whose scores are resolved, all judged together",
                "value": f"{int(np.triu(apart, 1).sum())} of {len(volumes)}",
            },
            {
                "figure": "prompts that would resolve the closest pair",
                "value": (
                    "-"
                    if closest is None
                    else f"{paired.prompts_needed(closest[1], closest[0]) or 0:,}"
                ),
            },
        ]
    )


def _composite(scores: np.ndarray, benchmarks: list[str], weights: dict) -> np.ndarray:
    """Weighted mean of benchmark means, [q]."""
    names = np.array(benchmarks)
    kinds = sorted(set(benchmarks))
    means = np.average(
        [np.nanmean(scores[:, names == kind], axis=1) for kind in kinds],
        axis=0,
        weights=[weights.get(kind, 1.0) for kind in kinds],
    )
    return np.round(means, 12)  # equal scores shall stay ties


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.2%}"
