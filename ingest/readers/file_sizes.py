"""Sizes of files as people write them: 4.1 GB, 3.8GiB, 700MB, 4.1G, 4368439552.

GB, G and their kin are powers of 1,000, GiB and its kin powers of 1,024.
"""

import re
from collections.abc import Iterable

from .table_cells import OpenMark, Typed, decimal_mark, number
from .table_headings import plain

UNITS = {
    **dict.fromkeys(("", "b", "byte", "bytes"), 1),
    **{f"{letter}{b}": 1000**power for power, letter in enumerate("kmgt", 1) for b in ("", "b")},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
LONGEST = 100  # characters of a cell that tells a size: what is longer is a text
LEAST = 1_000_000  # bytes of a model's file: smaller counts without a unit are in another one
_UNIT = r"bytes?|[kmgt]i?b|b"
_HEADING = re.compile(
    r"(?:(?:file|model|quant|gguf|disk|download)[\s_-]*)?size(?:[\s_-]*on[\s_-]*disk)?"
    rf"(?:[\s_,(\[-]*(?:in )?(?P<unit>{_UNIT})[)\]]?)?|(?:file_)?(?P<alone>bytes|[mg]i?b)"
)
_CELL = re.compile(
    rf"[~≈]?\s*(?P<digits>.*?\d[.,]?)\s*(?P<unit>{_UNIT}|[kmgt])?(?:\s*[(\[].*[)\]])?",
    re.IGNORECASE,
)


def heading_unit(heading: str) -> str | None:
    """The unit that a column of file sizes says, empty where it says none; None: it is no such."""
    found = _HEADING.fullmatch(plain(heading))
    return (found["unit"] or found["alone"] or "") if found else None


def sizes(heading: str, cells: Iterable[str], mark: str | None) -> dict[str, int | None]:
    """bare cell -> bytes, of a column of file sizes; None where a cell tells none, or not its unit.

    mark: the decimal mark of the table's other numbers.
    """
    said = heading_unit(heading) or ""
    parts = {cell: _CELL.fullmatch(cell) if len(cell) <= LONGEST else None for cell in cells}
    digits = {cell: _digits(cell, match["digits"]) for cell, match in parts.items() if match}
    own = decimal_mark(digits.values())
    found = dict[str, int | None]()
    for cell, match in parts.items():
        unit = ((match and match["unit"]) or said).lower()
        found[cell] = _bytes(digits[cell], unit, mark, own) if match else None
    return found


def _digits(cell: str, digits: str) -> str:
    return Typed(digits) if isinstance(cell, Typed) else digits


def _bytes(digits: str, unit: str, mark: str | None, own: str | None) -> int | None:
    try:
        found = number(digits, mark, own)
    except OpenMark:
        return None
    if found is None or found.per_cent or found.error is not None or found.aside:
        return None
    count = found.value * UNITS[unit]
    return round(count) if (LEAST if UNITS[unit] == 1 else 1) <= count < 1 << 60 else None
