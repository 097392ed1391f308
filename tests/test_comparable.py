"""Which models of a cohort are compared, and by what, where some have answers and some a text."""

import pytest

from qwh.commands import decided, overview
from qwh.errors import QwhError

NAMES = {"answers": ("Q4", "Q5", "f16"), "figures of a text": ("Q4", "Q6", "Q8")}


class Asked:
    """A cohort whose models are those of NAMES, or of a part of it."""

    name = "m"

    def __init__(self, *kinds: str):
        self.kinds = kinds

    def ask(self, question: str) -> list[dict]:
        assert question == "names"
        return [{"what": what, "quant_id": name} for what in self.kinds for name in NAMES[what]]


BOTH = Asked(*NAMES)


def test_a_pair_goes_by_its_answers_else_by_its_text():
    assert decided._both_answered(BOTH, "Q4", "f16")
    assert not decided._both_answered(BOTH, "Q8", "Q4")
    assert not decided._both_answered(Asked("figures of a text"), "Q8", "Q4")


@pytest.mark.parametrize(("pair", "said"), [(("Q8", "f16"), "no Q8 "), (("Q4", "x"), "no x ")])
def test_a_pair_with_nothing_in_common_is_refused(pair, said):
    with pytest.raises(QwhError, match=f"{said}with answers in cohort m: "):
        decided._both_answered(BOTH, *pair)
    with pytest.raises(QwhError, match="with figures of a text"):
        decided._both_answered(Asked("figures of a text"), "Q8", "f16")


def test_the_screen_names_only_pairs_that_are_compared():
    def pair(asked: Asked, *quants: str) -> list[str]:
        rows = [{"quant_id": name} for name in quants]
        return [row["quant_id"] for row in overview._comparable(asked, rows)]

    assert pair(BOTH, "Q8", "Q5", "Q4") == ["Q5", "Q4"]
    assert pair(BOTH, "Q8", "Q6", "Q4") == ["Q8", "Q6", "Q4"]
    assert pair(BOTH, "Q8", "Q5") == []
