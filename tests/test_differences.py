"""What differs is seen, however long the two are."""

from qwh.ingest.differences import SHOWN, apart, difference


def test_long_texts_are_shown_where_they_first_differ():
    head = '{"decoding": "greedy", "template": null, '
    one, other = head + '"max_new_tokens": 8}', head + '"max_new_tokens": 4}'
    assert apart(one, other) == ("...8}...", "...4}...")
    assert apart("16", "512") == ("16", "512")
    long = "x" * 500
    one, other = apart(long + "a" + long, long + "b" + long)
    assert one.strip(".") == "x" * (SHOWN // 2) + "a" + "x" * (SHOWN // 2 - 1)
    assert "b" in other and "a" not in other


def test_a_difference_begins_with_its_word():
    assert difference("one two three", "one two four") == ("three", "four")
    assert difference("one", "one more") == ("one", "one more")
