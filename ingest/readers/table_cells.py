"""Cells of published tables: their text without its dress, and the number that it writes.

A number may have a standard error (`0.0123 ± 0.0004`, `0.0123 (±0.0004)`, `0.0123(4)`), a per-cent
sign, thousands, a power of ten, a typeset minus, and a decimal comma. Whether a comma or a point
ends the whole part is told by the table's other numbers where the number itself leaves it open.
"""

import html
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

NOTHING = ("", "-", "--", "---", "—", "–", "−", "n/a", "na", "null", "none", "?")
DRESS = "*`_~$ \t\u00a0"  # emphasis, code and formulas around a cell
_TAG = re.compile(r"</?[a-z][^<>]{0,200}>", re.IGNORECASE)
_MINUS = re.compile(r"[−‐‑‒–—﹣－](?=\s?[\d.,])")
_POWER = re.compile(r"\s*[x×·*]\s*10\s*\^?\s*[({]?([-+]?\d{1,3})[)}]?", re.IGNORECASE)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SPACES = re.compile(r"[\u00a0\u2000-\u200a\u202f]")
_DIGITS = r"(?:\d(?:[\d.,'’ ]{0,300}\d)?[.,]?|[.,]\d{1,300})"
_NUMBER = rf"{_DIGITS}(?:e[-+]?\d{{1,3}})?"
_ERROR = r"(?:±|\+/-|\+-|\\pm|�|Â±)"
_CELL = re.compile(
    rf"(?P<value>[-+]?{_NUMBER})\s*(?P<share>%)?"
    rf"(?:\s*{_ERROR}\s*(?P<error>{_NUMBER})\s*(?P<share_2>%)?"
    rf"|\s*\(\s*{_ERROR}\s*(?P<inside>{_NUMBER})\s*(?P<share_3>%)?\s*\)\s*(?P<share_4>%)?"
    r"|\((?P<last_digits>\d{1,6})\)\s*(?P<share_5>%)?"
    r"|\s*[(\[](?P<aside>[-+\d.,%x×\s]{1,60})[)\]])?\s*(?:nats?)?",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:([ '’.,])\d{3})(?:\1\d{3})*")
_MEASURE = re.compile(r"[<>~≈+-]?\s*[\d.,]+\s*(?:%|[a-z]{1,5}(?:/[a-z]{1,5})?)?", re.IGNORECASE)


class Typed(str):
    """A number that a program wrote into a cell of its own type: its point is a point."""


class Number(NamedTuple):
    """What a cell says: exact decimals, as they are written."""

    value: Decimal
    error: Decimal | None
    per_cent: bool  # it has the sign
    aside: str | None  # a number in brackets whose meaning the cell does not tell


class OpenMark(ValueError):
    """A number such as 1,234: thousands or decimals, and nothing tells which."""


def bare(cell: str) -> str:
    """A cell's text without tags, entities, emphasis and typesetting."""
    if isinstance(cell, Typed):
        return cell
    text = _SPACES.sub(" ", _TAG.sub("", html.unescape(cell))).strip(DRESS)
    return _MINUS.sub("-", text)


def is_empty(cell: str) -> bool:
    """Whether a cell says that there is nothing."""
    return bare(cell).lower() in NOTHING


def is_measure(cell: str) -> bool:
    """Whether a cell is a number, perhaps with a unit: 16.3, 4.9 GiB, 120 t/s, 12,345."""
    text = bare(cell)
    return bool(_MEASURE.fullmatch(text) or _CELL.fullmatch(text))


def decimal_mark(cells: Iterable[str]) -> str | None:
    """What ends the whole part in these cells: `,`, `.`, `` (they use both), or None (untold)."""
    found = {mark for cell in cells for text in _numbers(cell) if (mark := _certain(text))}
    return next(iter(found)) if len(found) == 1 else "" if found else None


def number(cell: str, mark: str | None, of_column: str | None = None) -> Number | None:
    """A cell's number, or None where it is none; raises OpenMark.

    mark: the decimal mark of the whole table; of_column: of the column alone.
    """
    match = _CELL.fullmatch(_written(cell))
    if not match:
        return None
    marks = (".", ".") if isinstance(cell, Typed) else (mark, of_column)
    value = _exact(match["value"], *marks)
    error_text = match["error"] or match["inside"]
    error = _exact(error_text, *marks) if error_text else None
    if value is None or (error_text and error is None):
        return None
    if match["last_digits"]:
        error = Decimal(int(match["last_digits"])).scaleb(int(value.as_tuple().exponent))
    per_cent = any(match[name] for name in ("share", "share_2", "share_3", "share_4", "share_5"))
    return Number(value, error, per_cent, match["aside"])


def _written(cell: str) -> str:
    """A cell's text with a power of ten as an exponent, without brackets around it all."""
    text = bare(cell)
    text = _POWER.sub(r"e\1", text.translate(_RAISED)) if "10" in text else text
    whole = re.fullmatch(r"\(([^()]*±[^()]*)\)\s*(%?)", text)
    return f"{whole[1]}{whole[2]}" if whole else text


def _numbers(cell: str) -> list[str]:
    """The digits of a cell's value and error, marks included."""
    match = None if isinstance(cell, Typed) else _CELL.fullmatch(_written(cell))
    texts = (match["value"], match["error"], match["inside"]) if match else ()
    return [re.split("e", text.strip("+-"), flags=re.IGNORECASE)[0] for text in texts if text]


def _certain(digits: str) -> str | None:
    """The decimal mark of a number by itself; None where there is none, or it may be thousands."""
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        return max(".,", key=digits.rfind)
    if points + commas > 1:  # groups of thousands: the decimal mark would be the other one
        return "," if points else "."
    if points + commas == 0:
        return None
    mark = "." if points else ","
    before, after = digits.split(mark)
    return None if len(after) == 3 and 1 <= len(before) <= 3 and before[0] != "0" else mark


def _exact(text: str, mark: str | None, of_column: str | None) -> Decimal | None:
    """A number's decimals; None where its groups are none. Raises OpenMark."""
    sign = "-" if text[0] == "-" else ""
    digits, _, power = text.lstrip("+-").lower().partition("e")
    mine = _certain(digits)
    if mine is None and ("." in digits or "," in digits):
        there = "." if "." in digits else ","
        if mark == there or (there == "." and mark is None):
            mine = there
        elif there == "," and mark == "." and of_column == ".":
            mine = "."
        else:
            raise OpenMark(text)
    whole, _, fraction = digits.rpartition(mine) if mine and mine in digits else (digits, "", "")
    if mine and mine not in digits:
        fraction = ""
    grouped = not whole or whole.isdigit() or _GROUPED.fullmatch(whole)
    if not grouped or not (fraction.isdigit() or not fraction):
        return None
    whole = re.sub(r"\D", "", whole)
    if len(whole) > 300 or not (whole or fraction):
        return None
    return Decimal(f"{sign}{whole or '0'}.{fraction or '0'}" if fraction else sign + whole).scaleb(
        int(power or 0)
    )
