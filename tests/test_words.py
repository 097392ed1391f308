"""Sentences of verdicts: every code's from the seed, filled with a finding's own figures."""

import re

import duckdb
import pytest

from qwh.database.warehouse import PROJECT
from qwh.exports import words

ONE = (
    "benchmark chunk disagreement family figure file group measurement pair point prompt quant text"
    " zone"
)
MANY = ONE.replace(" ", "s ").replace("familys", "families") + "s"


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
        said = re.sub(r"\{[a-z_]+(:[a-z |]+)?\}", "", text)
        assert text == " ".join(text.split()) and " is better" not in said, text
        assert "{" not in said, text


def named(text: str) -> list[str]:
    """The facts that a sentence wants."""
    return re.findall(r"\{([a-z_]+)", text)


@pytest.mark.parametrize(
    "number, noun, said",
    [
        (1, "quant", "1 quant"),
        ("1", "such pair", "1 such pair"),
        (0, "quant", "0 quants"),
        ("1,146", "prompt", "1,146 prompts"),
        ("1.00", "point", "1.00 points"),
        ("1", "family", "1 family"),
        (2, "family", "2 families"),
        ("unknown", "chunk", "unknown chunks"),
    ],
)
def test_a_noun_goes_by_its_number(number, noun, said):
    assert words.counted(number, noun) == said


def test_one_is_never_said_of_many():
    """Of every sentence, with each number 1 and with each 3, with the adjectives that they have."""
    one_of_many = re.compile(rf"\b1 ((such|effective) )?({MANY.replace(' ', '|')})\b")
    many_of_one = re.compile(rf"\b3 ((such|effective) )?({ONE.replace(' ', '|')})\b")
    for (statistic, code), text in words._sentences().items():
        for number, wrong in (("1", one_of_many), ("3", many_of_one)):
            said = words.sentence(statistic, code, dict.fromkeys(named(text), number))
            assert not wrong.search(said), said


def test_reasons_of_statistics_put_no_number_before_its_noun():
    """Where it may be 1: "5 quants needed, 1 found", which no seed has to inflect."""
    gives = re.compile(r'(return |reason ?= ?)f"')
    wrong = re.compile(rf"\{{(?!SMALLEST)[^}}]+\}} ({MANY.replace(' ', '|')})\b")
    for path in sorted((PROJECT / "kernels" / "statistics").rglob("*.py")):
        for line in path.read_text().splitlines():
            assert not (gives.search(line) and wrong.search(line)), (path.name, line)


def test_a_sentence_agrees_with_its_number():
    facts = {"n": 8, "fewest": 30, "above": 1, "below": 0, "beat": 1}
    said = words.sentence("routers", "pairs_told", facts)
    assert "1 is resolved above 50 %, 0 below; 1 beats always" in said
    said = words.sentence("routers", "pairs_told", facts | {"above": 2, "beat": 2})
    assert "2 are resolved above 50 %, 0 below; 2 beat always" in said


@pytest.mark.parametrize("number", ["1", "3", "1,146", None])
def test_the_study_fills_sentences_as_python_does(number):
    """Every sentence of the seed is a finding, whose facts are this number."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table verdicts as from read_csv($seed, header = true, all_varchar = true)",
            {"seed": str(words.SENTENCES)},
        )
        connection.execute(
            """create table findings as
            select
                statistic as cohort_id, 'answered' as scoring, 1 as place, code as finding,
                1 as n, 1.0 as figure,
                0.0 as low, 2.0 as high, statistic, code as verdict,
                map_from_entries(list_transform(
                    list_distinct(regexp_extract_all(sentence, '\\{([a-z_]+)', 1)),
                    lambda name: (name, $number::varchar)
                )) as facts,
            from verdicts""",
            {"number": number},
        )
        study = (PROJECT / "analyses" / "study.sql").read_text()
        rows = connection.execute(re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"\1", study)).fetchall()
    assert len(rows) == len(words._sentences())
    for statistic, code, *_, said in rows:
        facts = dict.fromkeys(named(words._sentences()[statistic, code]), number)
        assert said == words.sentence(statistic, code, facts)
