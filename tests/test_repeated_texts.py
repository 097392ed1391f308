"""Items of one text: k copies of every prompt say what one says, in every kernel that draws prompts
or judges them; copies that differ say more than one and less than as many prompts.
"""

import numpy as np
import pytest
from answer_rows import answer_rows

from qwh.kernels.statistics import texts
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.prompts import prompt_failure, prompt_failure_overall, routers
from qwh.kernels.statistics.prompts.prompt_splits import Asked
from qwh.kernels.statistics.quants import two_level
from qwh.kernels.statistics.scores import composites, paired, reference_floor
from qwh.kernels.statistics.scores.composite_differences import PairedDraws, composite_differences
from qwh.kernels.statistics.texts import Prompts

N, K, B, SEED = 60, 3, 400, 7
RNG = np.random.default_rng(3)
NAMES = ["a"] * 25 + ["b"] * 35
REFERENCE = (RNG.random(N) < 0.6).astype(float)
SCORES = np.abs(REFERENCE - (RNG.random((7, N)) < 0.25))
KLD = np.exp(RNG.normal(size=(7, N)))
LABELS = [str(n) for n in range(N)]
WEIGHTS = {"a": 2.0}
COUNTS = ("n_event", "n_other", "clipped", "disagreements", "first_right", "ties", "prompts")


def repeated(values):
    """K copies of each, side by side."""
    return np.repeat(values, K, axis=-1)


def same(one: object, other: object) -> None:
    """Equal but for counts, which are K times as large."""
    if isinstance(one, dict):
        for name, value in one.items():
            counted = name in COUNTS and value is not None
            same(K * value if counted else value, other[name])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for value, another in zip(one, other):
            same(value, another)
    elif one is None or isinstance(one, str):
        assert one == other
    else:
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)


ONCE, OFTEN = Prompts(NAMES, LABELS), Prompts(repeated(NAMES).tolist(), repeated(LABELS).tolist())


def test_texts_that_all_differ_are_those_of_no_labels():
    for found in (NAMES, Prompts(NAMES), ONCE):
        drawn = composites.score_replicates(SCORES, found, WEIGHTS, B, SEED)
        assert (drawn == composites.score_replicates(SCORES, NAMES, WEIGHTS, B, SEED)).all()


def test_composites_are_those_of_one_copy():
    arguments = WEIGHTS, B, SEED
    same(
        composites.score_replicates(SCORES, ONCE, *arguments),
        composites.score_replicates(repeated(SCORES), OFTEN, *arguments),
    )
    gains = SCORES - REFERENCE
    settings = PairedDraws(n_resamples=B, n_tosses=B, seed=SEED, margin=0.01)
    for made in (gains, 0 * gains):
        once, often = (
            composite_differences(answer_rows(values, names, labels, WEIGHTS), settings)
            for values, names, labels in (
                (made, NAMES, LABELS),
                (repeated(made), repeated(NAMES).tolist(), repeated(LABELS).tolist()),
            )
        )
        same([row._asdict() for row in once], [row._asdict() for row in often])


def test_the_references_own_flips_are_those_of_one_copy():
    quant, replicate = np.abs(SCORES[:2, :25] - REFERENCE[:25])

    def found(copies: int) -> dict:
        rows = [
            {"quant_id": "q", "benchmark_id": "b", "prompt_id": f"{k:02}{j}", "text_id": f"{k:02}"}
            | {"volume": a, "volume_ref": b}
            for k, (a, b) in enumerate(zip(quant.tolist(), replicate.tolist()))
            for j in range(copies)
        ]
        [row] = reference_floor.reference_floor(rows_of(reference_floor.Volumes, rows))
        return row._asdict()

    same(found(1), found(K))


def test_rho_and_its_noise_are_those_of_one_copy():
    point = {"zone_rule": "full", "threshold": 0.0, "measurement_id": "m", "variant": 1}
    point |= dict.fromkeys(
        ("corpus_id", "context_length", "quantity", "form", "fraction", "orientation")
    )
    distances = rows_of(
        two_level.Distances,
        [point | {"quant_id": f"q{k:02}", "x": x} for k, x in enumerate(KLD.mean(1).tolist())],
    )
    once, often = (
        two_level.two_level(
            distances,
            rows_of(two_level.Chunks, []),
            answer_rows(gains, names, labels, WEIGHTS),
            two_level.Redraws(B, SEED, 20),
        )
        for gains, names, labels in (
            (SCORES - REFERENCE, NAMES, LABELS),
            (repeated(SCORES - REFERENCE), repeated(NAMES).tolist(), repeated(LABELS).tolist()),
        )
    )
    assert once[0].n == 7 and once[0].low is not None
    same([row._asdict() for row in once], [row._asdict() for row in often])


def prompts_of(kind: type, copies: int):
    """The same as rows of quants and prompts, with so many copies of every prompt."""
    rng = np.random.default_rng(5)
    tokens, entropy = rng.random(N), rng.random(N)
    return rows_of(
        kind,
        [
            {
                "pool_id": "one",
                "cohort_id": "c",
                "quant_id": f"q{quant}",
                "prompt_id": f"{n:02}/{copy}",
                "kind_of_task": NAMES[n],
                "text_id": f"{n:02}",
                "kld": KLD[quant, n],
                "score": SCORES[quant, n],
                "score_ref": REFERENCE[n],
                "prompt_tokens": tokens[n],
                "entropy": entropy[n],
            }
            for quant in range(len(KLD))
            for n in range(N)
            for copy in range(copies)
        ],
    )


@pytest.mark.parametrize(
    ("kind", "answer", "settings"),
    [
        (Asked, prompt_failure.prompt_failure, prompt_failure.Marks(1e-9, 0.5)),
        (
            Asked,
            prompt_failure_overall.prompt_failure_overall,
            prompt_failure_overall.Tosses(1e-9, 0.5, 5, B, SEED),
        ),
        (routers.Routed, routers.routers, routers.Coins(0.5, B, SEED)),
    ],
)
def test_failures_and_routers_are_those_of_one_copy(kind, answer, settings):
    once, often = (answer(prompts_of(kind, copies), settings) for copies in (1, K))
    for one, other in zip(once, often, strict=True):
        if "matched" not in one.kind:  # its bins have edges of their own
            same(*({**row._asdict(), "reason": None} for row in (one, other)))


@pytest.mark.parametrize("agreeing", [0.0, 0.5, 1.0])
def test_an_interval_covers_whatever_copies_of_a_text_share(agreeing):
    """Ten copies of 40 texts; a copy does what its text does in that share of all."""
    held, design = [], []
    for world in range(400):
        rng = np.random.default_rng(world)
        of_text, own = rng.choice([-1, 0, 1], (2, 40, 10), p=[0.2, 0.6, 0.2])
        gains = np.where(rng.random((40, 10)) < agreeing, of_text[:, :1], own).ravel()
        unit = np.repeat(np.arange(40), 10)
        effect = texts.design_effect(gains.astype(float), unit)
        counts = [(gains > 0).sum() / effect, (gains < 0).sum() / effect, 400 / effect]
        low, high = paired.difference_interval(*counts)
        held.append(low <= 0 <= high)
        design.append(effect)
    assert np.mean(held) > 0.92
    # 1 + 9 x the correlation of two copies, which is the squared share; estimated, at least 1
    assert np.mean(design) == pytest.approx(1 + 9 * agreeing**2, rel=0.12)
