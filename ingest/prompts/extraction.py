"""An answer found in a longer text by a pattern.

The pattern is matched by RE2, whose time grows with the text and not with the pattern's cunning: a
grade depends on no time limit, and no pattern can hang. It knows no look-around and no
back-references.
"""

from functools import cache

import duckdb

from ...errors import ExitCode, QwhError

MATCHES = "select regexp_extract_all(?, ?, ?)"  # RE2 as DuckDB has it


def check(pattern: str) -> str:
    """The pattern. Raises QwhError if RE2 does not take it."""
    try:
        _matches("", pattern, 0)
    except duckdb.Error as error:
        why = str(error).split(": ", 1)[-1].splitlines()[0]
        raise QwhError(
            f"cannot look for the pattern {pattern!r}: {why}: write it as RE2 takes it (no"
            " look-around, no back-references; the end of the text is \\z)",
            ExitCode.USAGE,
        ) from None
    return pattern


def last_match(text: str, pattern: str) -> str | None:
    """What the pattern's first group (the whole of it, without groups) has in its last match.

    None: there is no match, or the group has no part in it.
    """
    try:
        found = _matches(text, pattern, 1)
    except duckdb.Error:  # it has no group
        found = _matches(text, pattern, 0)
    return found[-1] if found else None


def _matches(text: str, pattern: str, group: int) -> list[str | None]:
    row = _database().execute(MATCHES, [text, pattern, group]).fetchone()
    assert row is not None
    return row[0]


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"threads": 1})
