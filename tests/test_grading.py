"""Where answers end and what counts of them; what a harness says of it, letter by letter."""

from dataclasses import replace

import pytest

from qwh.errors import QwhError
from qwh.ingest.prompts.benchmarks import Benchmark
from qwh.ingest.prompts.extraction import check, last_match
from qwh.ingest.prompts.prompt_lines import Prompt
from qwh.ingest.prompts.tally import Tally

PROMPT = Prompt("all", "2 + 2 =", ("4", "Four"))
PLAIN = Benchmark("sums", "0" * 64, [PROMPT], 8)


def test_the_harness_of_a_plain_benchmark_stays_as_it_was_stored():
    """Runs are named by it: another text would ask every prompt again."""
    assert PLAIN.harness == (
        '{"decoding": "greedy", "max_new_tokens": 8, "normalisation": "first line, outer spaces,'
        ' quotes and final punctuation removed, case folded", "qwh_prompts": 1, "stop": "newline",'
        ' "template": null}'
    )


def test_every_way_of_asking_is_another_harness():
    ways = [
        PLAIN,
        replace(PLAIN, stop=("\n\n",)),
        replace(PLAIN, template="ab"),
        replace(PLAIN, extract="x"),
        replace(PLAIN, temperature=0.5),
        replace(PLAIN, temperature=0.5, seed=1),
        replace(PLAIN, temperature=0.5, attempts=2),
        replace(PLAIN, max_new_tokens=9),
    ]
    assert len({each.harness for each in ways}) == len(ways)
    assert replace(PLAIN, stop=("a", "b")).harness == replace(PLAIN, stop=("b", "a")).harness


def test_an_answer_ends_at_its_first_line_feed():
    assert [PLAIN.ends(text) for text in ("", "\n", " \n 4", " 4\n")] == [False, False, False, True]


def test_stop_words_end_an_answer_instead():
    stop = replace(PLAIN, stop=("\n\n", "Q:"))
    assert [stop.ends(text) for text in ("4\n", "4\nQ:", "4\n\n")] == [False, True, True]
    assert stop.graded(" 4\nQ: 4 + 4", PROMPT) == (" 4".strip(), True, False)


def test_with_a_template_only_the_models_own_end_ends_it():
    chat = replace(PLAIN, template="ab")
    assert not chat.ends("Let me see.\n\n4")


def test_the_first_line_is_graded():
    assert PLAIN.graded("\n 'Four.'\nQ:", PROMPT) == ("'Four.'", True, False)
    assert PLAIN.graded("", PROMPT) == ("", False, False)


def test_the_last_match_of_a_pattern_is_graded():
    asked = replace(PLAIN, extract=r"answer is (\d+)")
    text = "The answer is 3.\nNo, wait: the answer is 4."
    assert asked.graded(text, PROMPT) == ("4", True, False)
    assert asked.graded("4", PROMPT) == ("4", False, True)  # right, but not where it was asked for


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"\d+", "1 and 22", "22"),
        (r"(\d)\d", "31 42", "4"),
        (r"(?i)ANSWER: (.*)", "answer: a\nAnswer: b\nc", "b"),
        (r"(?s)<a>(.*?)</a>", "<a>x</a> <a>y\nz</a>", "y\nz"),
        (r"(a)|b", "a b", None),  # the group has no part in the last match
        (r"x", "abc", None),
        (r"", "abc", ""),
        (r"é.", "né\0é\u4e2d", "é\u4e2d"),
    ],
)
def test_patterns(pattern, text, found):
    assert last_match(text, check(pattern)) == found


def test_a_catastrophic_pattern_takes_no_longer_than_another():
    assert last_match("a" * 20_000 + "!", check(r"(a|aa)+$")) is None


@pytest.mark.parametrize("pattern", ["(", r"(?=a)b", r"(a)\1", "a{1,9999}", "*"])
def test_what_is_no_pattern_is_refused_in_one_line(pattern):
    with pytest.raises(QwhError, match="cannot look for the pattern") as raised:
        check(pattern)
    assert "\n" not in str(raised.value)


def test_answers_that_were_cut_or_had_no_match_are_counted(capsys):
    tally = Tally(replace(PLAIN, max_new_tokens=4096))
    for who, reason, missed in [
        ("f16", "stop", False),
        ("Q4", "length", True),
        ("Q4", "stop", True),
    ]:
        tally.add(who, reason, missed)
    tally.say()
    assert capsys.readouterr().err.splitlines() == [
        "sums: answers that were cut at 4,096 tokens: f16 0 of 1, Q4 1 of 2",
        "sums: answers without a match of the pattern, which are wrong: f16 0 of 1, Q4 2 of 2",
    ]
    Tally(PLAIN).say()
    assert capsys.readouterr().err == ""
