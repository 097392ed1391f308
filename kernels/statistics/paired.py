"""A quant and its reference on the same prompts: what their disagreements can say about damage,
sameness and what is left open.

Counts are per benchmark: leapfrogs (the quant alone is right), drops (the reference alone is
right), prompts in all. Differences are score less the reference's score, as fractions of 1.
Margins, verdicts and e-values are ours, not the paper's.
"""

import math

import numpy as np

from .resampling import interval, number

MARGIN = 0.01  # a difference of one point counts as none, unless the caller says otherwise
COMPARISON = (
    "difference",
    "low",
    "high",
    "p_mcnemar",
    "improvement_share",
    "share_low",
    "share_high",
    "p_equivalent",
    "p_not_inferior",
    "e_value",
    "anytime_low",
    "anytime_high",
    "minimum_difference",
    "verdict",
)


def compare(
    leapfrogs: int, drops: int, prompts: int, margin: float = MARGIN, alpha: float = 0.05
) -> dict:
    """Everything about one quant on one benchmark scored 0/1 (graded scores: `composite`):
    COMPARISON (each None where it cannot be had), margin and reason.

    low and high: Tango's interval of the difference at 1 - alpha; improvement_share: f = leapfrogs
    / disagreements with its Wilson interval, None without disagreement; p_equivalent and
    p_not_inferior: see `equivalence`; e_value and anytime_*: see `e_value` and `anytime_interval`;
    minimum_difference: what so many prompts at this volume find with 80 % power.
    """
    answer = dict.fromkeys(COMPARISON) | {"margin": margin, "reason": None}
    if prompts < 1:
        return answer | {"verdict": "unresolved", "reason": "no prompts"}
    low, high = difference_interval(leapfrogs, drops, prompts, 1 - alpha)
    answer |= {
        "difference": (leapfrogs - drops) / prompts,
        "low": low,
        "high": high,
        "p_mcnemar": mcnemar(leapfrogs, drops),
    }
    answer |= dict(
        zip(
            ("improvement_share", "share_low", "share_high"),
            improvement_share(leapfrogs, drops, 1 - alpha),
        )
    )
    answer |= dict(
        zip(("p_equivalent", "p_not_inferior"), equivalence(leapfrogs, drops, prompts, margin))
    )
    answer |= dict(
        zip(("anytime_low", "anytime_high"), anytime_interval(leapfrogs, drops, prompts, alpha))
    )
    answer |= {
        "e_value": e_value(leapfrogs, drops),
        "minimum_difference": minimum_resolvable_difference((leapfrogs + drops) / prompts, prompts),
    }
    answer["verdict"] = verdict(
        answer["p_mcnemar"], answer["difference"], answer["p_equivalent"], alpha
    )
    return answer | {"reason": "no disagreement: no direction" if leapfrogs + drops == 0 else None}


def mcnemar(leapfrogs: int, drops: int) -> float:
    """Exact two-sided McNemar p: is a disagreement as often a leapfrog as a drop? 1 without
    disagreement; < 0.05 takes at least 6.
    """
    from scipy.stats import binomtest

    return (
        float(binomtest(int(leapfrogs), int(leapfrogs + drops), 0.5).pvalue)
        if leapfrogs + drops
        else 1.0
    )


def improvement_share(
    leapfrogs: int, drops: int, level: float = 0.95
) -> tuple[float | None, float | None, float | None]:
    """f = leapfrogs / disagreements with its Wilson interval; None without disagreement, never
    0.5.
    """
    from scipy.stats import binomtest

    if leapfrogs + drops == 0:
        return None, None, None
    found = binomtest(int(leapfrogs), int(leapfrogs + drops))
    low, high = found.proportion_ci(level, method="wilson")
    return float(found.statistic), float(low), float(high)


def difference_interval(
    leapfrogs: int, drops: int, prompts: int, level: float = 0.95
) -> tuple[float, float]:
    """Tango's score interval (1998) of the paired difference: it keeps its width where few or no
    prompts disagree.
    """
    from scipy import optimize, stats

    z = stats.norm.ppf((1 + level) / 2)
    centre = (leapfrogs - drops) / prompts

    def end(side: int) -> float:
        def gap(difference: float) -> float:
            return side * score_z(leapfrogs, drops, prompts, difference) + z

        return (
            float(side)
            if gap(side * (1 - 1e-12)) > 0
            else float(optimize.brentq(gap, centre, side * (1 - 1e-12), xtol=1e-12))
        )

    return end(-1) if centre > -1 else -1.0, end(1) if centre < 1 else 1.0


def score_z(leapfrogs: int, drops: int, prompts: int, difference: float) -> float:
    """Tango's statistic: how many standard errors the observed difference lies above this one;
    |difference| < 1.
    """
    share = drop_share(leapfrogs, drops, prompts, difference)
    variance = prompts * (2 * share + difference * (1 - difference))
    gap = leapfrogs - drops - prompts * difference
    return (
        gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0
    )


def drop_share(leapfrogs: int, drops: int, prompts: int, difference: float) -> float:
    """The likeliest probability of a drop if the true difference were this one (Tango 1998, closed
    form).
    """
    a, b = 2 * prompts, (2 * prompts - leapfrogs + drops) * difference - leapfrogs - drops
    c = -drops * difference * (1 - difference)
    return max((math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a), -difference, 0.0)


def equivalence(
    leapfrogs: int, drops: int, prompts: int, margin: float = MARGIN
) -> tuple[float, float]:
    """(p that the difference lies within +-margin by two one-sided score tests, p that it lies
    above -margin: not inferior).
    """
    from scipy.stats import norm

    above = float(norm.sf(score_z(leapfrogs, drops, prompts, -margin)))
    below = float(norm.cdf(score_z(leapfrogs, drops, prompts, margin)))
    return max(above, below), above


def verdict(
    p_different: float | None,
    difference: float | None,
    p_equivalent: float | None,
    alpha: float = 0.05,
) -> str:
    """equivalent: shown to lie within the margin, even if it is not zero; damaged, better: shown to
    differ from zero; else unresolved.
    """
    if p_equivalent is not None and p_equivalent < alpha:
        return "equivalent"
    if p_different is not None and p_different < alpha and difference:
        return "better" if difference > 0 else "damaged"
    return "unresolved"


def composite(
    differences: list[np.ndarray],
    weights: list[float],
    n_resamples: int,
    seed: int,
    margin: float = MARGIN,
    alpha: float = 0.05,
) -> dict:
    """A weighted sum of benchmarks, scored 0/1 or graded, each resampled on its own.

    differences: one array per benchmark, score less the reference's score of every prompt; weights:
    one per benchmark, scaled here to sum to 1. Returns difference, standard_error, low and high (1
    - alpha), p_different (every disagreement's sign is a coin toss), p_equivalent (two one-sided
    tests on the bootstrap distribution, add-one), p_not_inferior, volume, direction, verdict and
    reason.
    """
    keys = (
        "difference",
        "standard_error",
        "low",
        "high",
        "p_different",
        "p_equivalent",
        "p_not_inferior",
        "volume",
        "direction",
    )
    answer = dict.fromkeys(keys) | {"margin": margin, "verdict": "unresolved", "reason": None}
    arrays = [
        np.asarray(values, float)[np.isfinite(np.asarray(values, float))] for values in differences
    ]
    if not arrays or min(map(len, arrays)) < 2 or not sum(weights) > 0:
        return answer | {"reason": "a benchmark has fewer than 2 prompts"}
    shares = np.asarray(weights, float) / sum(weights)
    rng = np.random.default_rng(seed)
    difference = float(sum(w * d.mean() for w, d in zip(shares, arrays)))
    volume = float(sum(w * np.abs(d).mean() for w, d in zip(shares, arrays)))
    error = math.sqrt(sum(w**2 * d.var(ddof=1) / len(d) for w, d in zip(shares, arrays)))
    if volume == 0:  # nothing to resample: the score test's interval at the prompts that count
        effective = 1 / sum(w**2 / len(d) for w, d in zip(shares, arrays))
        low, high = difference_interval(0, 0, effective, 1 - alpha)
        same, above = equivalence(0, 0, effective, margin)
        answer |= {
            "difference": 0.0,
            "standard_error": 0.0,
            "low": low,
            "high": high,
            "p_different": 1.0,
            "p_equivalent": same,
            "p_not_inferior": above,
        }
        return answer | {
            "volume": 0.0,
            "verdict": verdict(1.0, 0.0, same, alpha),
            "reason": "no disagreement: no direction",
        }
    replicates, tossed = np.zeros(n_resamples), np.zeros(n_resamples)
    for share, values in zip(shares, arrays):
        # prompts of equal difference are interchangeable
        kinds, counts = np.unique(values, return_counts=True)
        replicates += (
            share
            * (rng.multinomial(len(values), counts / len(values), n_resamples) @ kinds)
            / len(values)
        )
        sizes, counts = np.unique(np.abs(values[values != 0]), return_counts=True)
        tossed += (
            share
            * ((2 * rng.binomial(counts, 0.5, (n_resamples, len(sizes))) - counts) @ sizes)
            / len(values)
        )
    low, high = interval(replicates, 1 - alpha)
    above, below = (
        (1 + side.sum()) / (1 + n_resamples)
        for side in (replicates <= -margin, replicates >= margin)
    )
    different = (1 + (np.abs(tossed) >= abs(difference) - 1e-12).sum()) / (1 + n_resamples)
    answer |= {
        "difference": difference,
        "standard_error": error,
        "low": low,
        "high": high,
        "p_different": float(different),
    }
    answer |= {
        "p_equivalent": float(max(above, below)),
        "p_not_inferior": float(above),
        "volume": volume,
        "direction": difference / volume,
    }
    return answer | {"verdict": verdict(different, difference, answer["p_equivalent"], alpha)}


def heterogeneity(leapfrogs: list[int], drops: list[int], n_resamples: int, seed: int) -> dict:
    """Do the benchmarks disagree about the direction? Chi-square of leapfrogs and drops by
    benchmark, p by random tables of the same margins.

    Benchmarks without disagreement are left out. Returns benchmarks, statistic, p, p_pooled
    (Stouffer's combination of one-sided exact tests, weighted by the root of the disagreements,
    made two-sided) and reason.
    """
    from scipy import stats

    table = np.array([leapfrogs, drops], int).reshape(2, -1)
    table = table[:, table.sum(0) > 0]
    answer = {
        "benchmarks": table.shape[1],
        "statistic": None,
        "p": None,
        "p_pooled": None,
        "reason": None,
    }
    if table.shape[1] == 0:
        return answer | {"reason": "no disagreement"}
    # mid-p: symmetrical
    one_sided = [
        (stats.binom.cdf(a, a + b, 0.5) + stats.binom.cdf(a - 1, a + b, 0.5)) / 2
        for a, b in table.T
    ]
    # two certain benchmarks that contradict each other would have no sum
    one_sided = np.clip(one_sided, 1e-15, 1 - 1e-15)
    below = float(
        stats.combine_pvalues(one_sided, method="stouffer", weights=np.sqrt(table.sum(0))).pvalue
    )
    answer["p_pooled"] = min(1.0, 2 * min(below, 1 - below))
    if table.shape[1] < 2:
        return answer | {"reason": "one benchmark with disagreement"}
    if not table.sum(1).all():
        return answer | {"reason": "every disagreement goes the same way"}
    found = stats.chi2_contingency(table, correction=False)
    dealt = stats.random_table(*(table.sum(axis) for axis in (1, 0))).rvs(
        n_resamples, random_state=np.random.default_rng(seed)
    )
    statistics = ((dealt - found.expected_freq) ** 2 / found.expected_freq).sum((1, 2))
    p = (1 + (statistics >= found.statistic - 1e-9).sum()) / (1 + n_resamples)
    return answer | {"statistic": float(found.statistic), "p": float(p)}


def excess_volume(quant: np.ndarray, replicate: np.ndarray, level: float = 0.95) -> dict:
    """The quant's volume above the floor that the reference has against its own second run.

    quant, replicate: |score - reference's score| of each prompt [n], by the quant and by the
    reference's other run. Returns prompts, volume, floor, excess with its t interval (low, high)
    and reason.
    """
    from scipy import stats

    both = np.array([quant, replicate], float).reshape(2, -1)
    both = both[:, np.isfinite(both).all(0)]
    answer = {"prompts": both.shape[1]} | dict.fromkeys(
        ("volume", "floor", "excess", "low", "high", "reason")
    )
    if both.shape[1] < 2:
        return answer | {"reason": f"{both.shape[1]} prompts, 2 needed"}
    excess = both[0] - both[1]
    answer |= {
        "volume": float(both[0].mean()),
        "floor": float(both[1].mean()),
        "excess": float(excess.mean()),
    }
    if not excess.any():
        return answer | {"reason": "no prompt differs: no interval"}
    low, high = stats.ttest_1samp(excess, 0).confidence_interval(level)
    return answer | {"low": number(low), "high": number(high)}


def e_value(leapfrogs: int, drops: int, prior: float = 1.0) -> float:
    """Evidence against "a disagreement is a coin toss" that may be looked at after every prompt:
    stop when it reaches 1 / alpha.

    Likelihood ratio of a Beta(prior, prior) mixture over f; its mean under the coin toss is 1
    whenever one stops (Ville).
    """
    from scipy.special import betaln

    exponent = (
        (leapfrogs + drops) * math.log(2)
        + betaln(prior + leapfrogs, prior + drops)
        - betaln(prior, prior)
    )
    return float(math.exp(min(exponent, 700.0)))  # 1e304 says enough


def anytime_interval(
    leapfrogs: int, drops: int, prompts: int, alpha: float = 0.05
) -> tuple[float, float]:
    """Interval of the difference that holds at every number of prompts at once, with probability 1
    - alpha.

    The differences that a mixture over volume, Beta(1/2, 5): mostly small, and f, Beta(1, 1), does
    not beat by a factor of 1 / alpha at their likeliest probabilities. Inside +-margin: sameness is
    shown and one may stop; without 0: a difference is.
    """
    from scipy import optimize
    from scipy.special import betaln, xlogy

    same = prompts - leapfrogs - drops
    mixture = (
        betaln(0.5 + leapfrogs + drops, 5 + same)
        - betaln(0.5, 5)
        + betaln(1 + leapfrogs, 1 + drops)
    )
    centre = (leapfrogs - drops) / prompts

    def room(difference: float) -> float:
        drop = drop_share(leapfrogs, drops, prompts, difference)
        shares = (drop + difference, drop, 1 - 2 * drop - difference)
        likelihood = sum(
            xlogy(count, max(share, 1e-300))
            for count, share in zip((leapfrogs, drops, same), shares)
        )
        return max(float(likelihood - mixture - math.log(alpha)), -1e6)

    ends = []
    for side in (-1.0, 1.0):
        far = side * (1 - 1e-12)
        ends.append(
            side
            if side * centre >= 1 - 1e-12 or room(far) > 0
            else float(optimize.brentq(room, centre, far, xtol=1e-10))
        )
    return ends[0], ends[1]


def prompts_needed(
    volume: float, difference: float, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """Prompts that resolve a true difference at this volume of disagreement: z^2 (volume -
    difference^2) / difference^2.

    None where it cannot be: no difference, or one larger than the volume.
    """
    if not 0 < abs(difference) <= volume <= 1:
        return None
    return math.ceil(_both_z(alpha, power) ** 2 * (volume - difference**2) / difference**2)


def minimum_resolvable_difference(
    volume: float, prompts: int, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Smallest true difference that so many prompts find with this power: `prompts_needed` turned
    around.

    None without disagreement, or where even disagreement that all goes one way would not be found.
    """
    if prompts < 1 or not 0 < volume <= 1:
        return None
    z = _both_z(alpha, power)
    smallest = z * math.sqrt(volume / (prompts + z**2))
    return smallest if smallest <= volume else None


def _both_z(alpha: float, power: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(1 - alpha / 2) + norm.ppf(power))
