"""Sentences of verdicts: every code's from the seed, filled with a finding's own figures."""

import re

import pytest

from qwh.exports import words


def test_a_sentence_is_filled_with_its_facts():
    assert words.sentence("gaps", "no_rows", {"reason": "no text was read"}) == "no text was read"


def test_a_sentence_says_what_it_lacks():
    with pytest.raises(KeyError):
        words.sentence("gaps", "no_rows", {})
    with pytest.raises(KeyError):
        words.sentence("gaps", "nothing of the kind", {})


def test_every_sentence_is_one_plain_line():
    for (statistic, code), text in words._sentences().items():
        assert re.fullmatch(r"[a-z_]+", statistic) and re.fullmatch(r"[a-z_]+", code)
        said = re.sub(r"\{[a-z_]+\}", "", text)
        assert text == " ".join(text.split()) and " is better" not in said, text
        assert "{" not in said, text
