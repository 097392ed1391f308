"""Tokens drawn at a temperature: their distribution, and that each depends on its place alone."""

import hashlib
import math

import numpy as np
from scipy import special, stats

from qwh.ingest.prompts.drawing import Draw, gumbel

LOGITS = np.array([2.0, 1.0, 0.5, 0.0, -1.0, -np.inf, 1.5], np.float32)
DRAWS = 4000


def drawn(temperature: float, logits: np.ndarray = LOGITS) -> np.ndarray:
    draw = Draw(temperature, seed=3)
    places = [(f"prompt {i % 20}", i // 20 % 10, i // 200) for i in range(DRAWS)]
    return np.array([draw.choose(logits, *place) for place in places])


def test_tokens_are_drawn_from_the_softmax():
    """Chi-square against SciPy's softmax, over prompts, attempts and positions; 1 in 1,000."""
    for temperature in (0.5, 1.0, 2.0):
        share = special.softmax(LOGITS.astype(float) / temperature)
        found = np.bincount(drawn(temperature), minlength=len(LOGITS))
        assert found[5] == 0  # what cannot be is not drawn
        could = share > 0
        assert stats.chisquare(found[could], DRAWS * share[could]).pvalue > 1e-3


def test_noise_is_gumbels_and_uncorrelated_between_places():
    """Kolmogorov-Smirnov against SciPy's Gumbel; no correlation between neighbouring places."""
    here = gumbel(5000, 1, "a", 0, 0)
    assert stats.kstest(here, stats.gumbel_r.cdf).pvalue > 1e-3
    others = [(2, "a", 0, 0), (1, "b", 0, 0), (1, "a", 1, 0), (1, "a", 0, 1)]
    for place in others:
        there = gumbel(5000, *place)
        assert not np.isin(here, there).any()
        assert abs(np.corrcoef(here, there)[0, 1]) < 0.06


def test_a_place_has_its_draw_whatever_was_drawn_before():
    places = [(f"p{i}", i % 3, i % 7) for i in range(50)]
    draw, order = Draw(1.0, 7), np.random.default_rng(0).permutation(50)
    first = [draw.choose(LOGITS, *place) for place in places]
    again = {int(i): draw.choose(LOGITS, *places[i]) for i in order}
    assert first == [again[i] for i in range(50)] and len(set(first)) > 2


def philox(key: list[int], counter: list[int]) -> list[int]:
    """Philox 4x64 in ten rounds, from Salmon et al. 2011, table 2 and figure 4."""
    low = 2**64 - 1
    left, right = key
    a, b, c, d = counter
    for _ in range(10):
        one, two = a * 0xD2E7470EE14C6C93, c * 0xCA5A826395121157
        a, b, c, d = (two >> 64) ^ b ^ left, two & low, (one >> 64) ^ d ^ right, one & low
        left, right = (left + 0x9E3779B97F4A7C15) & low, (right + 0xBB67AE8584CAA73B) & low
    return [a, b, c, d]


def test_noise_is_made_of_philox_words():
    """The generator by hand: equal on every machine and for every version of NumPy."""
    digest = hashlib.sha256(b"5 p").digest()
    key = [int.from_bytes(digest[at : at + 8], "little") for at in (0, 8)]
    words = philox(key, [1, 7, 2, 0]) + philox(key, [2, 7, 2, 0])
    known = [-math.log(-math.log(((word >> 12) + 0.5) / 2**52)) for word in words]
    assert np.allclose(gumbel(8, 5, "p", attempt=2, position=7), known, rtol=1e-13)


def test_a_shorter_vocabulary_has_the_same_noise():
    assert (gumbel(10, 1, "p", 2, 3) == gumbel(100, 1, "p", 2, 3)[:10]).all()


def test_without_a_temperature_the_largest_logit_is_taken():
    assert Draw().choose(LOGITS, "p", 0, 0) == Draw().choice("p", 0)(LOGITS, 0) == 0
    assert Draw(1e-6, 1).choose(LOGITS, "p", 0, 0) == 0
