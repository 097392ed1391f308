"""What a cell says of right and wrong, as a score: numbers, truth values, words, marks, letters.

Words are read only where they can mean one thing. The user may name others as right, wrong or
none, which is a cell without a score.
"""

import json
import re
from decimal import Decimal

from .port import Picks
from .untrusted.json_plain import graded

RIGHT = (
    *("true", "yes", "pass", "passed", "correct", "right", "success", "successful", "succeeded"),
    *("resolved", "solved", "ok", "✓", "✔", "✅"),
)
WRONG = (
    *("false", "no", "fail", "failed", "failure", "incorrect", "wrong", "unsuccessful"),
    *("unresolved", "unsolved", "✗", "✘", "❌"),
)
NONE = ("", "-", "n/a", "na", "nan", "none", "null")
# letters that a whole column is written in, and those of them that show which of these it is
LETTERS: list[tuple[dict[str, float], str]] = [
    ({"c": 1.0, "i": 0.0, "p": 0.5, "n": 0.0}, "ci"),  # inspect's: right, wrong, partly, no answer
    ({"t": 1.0, "f": 0.0}, "tf"),
    ({"y": 1.0, "n": 0.0}, "yn"),
]
OWN_WORDS = {"right": 1.0, "wrong": 0.0, "none": None}  # what the user names -> its score
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d{1,3})?)\s*(%)?", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"0,\d+|1,0{1,2}")  # others may separate thousands
_MARK = re.compile(r"\[(PASS|FAIL)\]")  # before a text, as promptfoo writes them
SHOWN = 60  # characters of a cell that a message shows


class Grades:
    """One column of scores. Every cell is looked at, then `settle`, then they may be read."""

    def __init__(self, picks: Picks):
        """picks: right, wrong and none name words of the user's own, with commas between them."""
        self._words: dict[str, float | None] = {
            **dict.fromkeys(RIGHT, 1.0),
            **dict.fromkeys(WRONG, 0.0),
            **dict.fromkeys(NONE, None),
        }
        for name, score in OWN_WORDS.items():
            if name in picks:
                self._words |= dict.fromkeys(map(_folded, picks[name].split(",")), score)
        self._letters: set[str] = set()
        self._other = False  # something that is no single letter has a score

    def look(self, cell: object) -> bool:
        """Whether there is a score, once this is settled.

        Raises ValueError, which shows the cell, where it is none.
        """
        word = _folded(cell)
        is_letter = len(word) == 1 and word.isalpha() and word not in self._words
        if is_letter:
            self._letters.add(word)
        elif self.read(cell) is None:
            return False
        else:
            self._other = True
        return True

    def settle(self) -> None:
        """Decide what letters mean. Raises ValueError where that is not clear."""
        if not self._letters:
            return
        for meaning, telling in LETTERS if not self._other else ():
            if self._letters <= meaning.keys() and self._letters & set(telling):
                self._words |= meaning
                return
        raise ValueError(f'"{min(self._letters).upper()}" is no score')

    def read(self, cell: object) -> float | None:
        """The finite score, or None where there is none. Raises ValueError as `look`."""
        while isinstance(cell, list | tuple) and len(cell) == 1:
            cell = cell[0]
        if cell is None or isinstance(cell, bool | int | float | Decimal):
            return graded(float(cell) if isinstance(cell, Decimal) else cell)
        if not isinstance(cell, str):
            raise ValueError(f"{shown(cell)} is no score")
        word = _folded(cell)
        if word in self._words:
            return self._words[word]
        if number := _NUMBER.fullmatch(word):
            return graded(float(number[1]) / (100 if number[2] else 1))
        if _DECIMAL_COMMA.fullmatch(word):
            return float(word.replace(",", "."))
        if mark := _MARK.match(cell.lstrip()):
            return float(mark[1] == "PASS")
        if word[0] == "[" and word[-1] == "]" and len(word) <= SHOWN and "," not in word:
            return self.read(word[1:-1].strip("'\""))
        raise ValueError(f"{shown(cell)} is no score")


def shown(cell: object) -> str:
    """A cell as a message shows it: in quotes where it is a text, cut where it is long."""
    text = json.dumps(cell, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def _folded(cell: object) -> str:
    """A text as it is compared with words; "\0" for what is none, which equals no word."""
    return cell.strip().lower().replace("\ufe0f", "") if isinstance(cell, str) else "\0"
