"""What can be the name of a cohort, of its reference or of a quant, wherever one is given."""

from ..errors import ExitCode, QwhError

LONGEST = 120  # characters
RULE = f"1 to {LONGEST} printable characters, no space before or behind them"
SHOWN = 40  # characters of what is none, in an error


def is_name(text: str) -> bool:
    """Whether a text can be a name."""
    return text == text.strip() and text.isprintable() and 0 < len(text) <= LONGEST


def refuse_name(name: str, where: str | None = None) -> str:
    """The name as it is; where: the option that gives it. Raises QwhError for what can be none."""
    if is_name(name):
        return name
    shown = repr(name[:SHOWN]) + ("..." if len(name) > SHOWN else "")
    given = f"{where} {shown}" if where else shown
    raise QwhError(f"{given} is no name: write {RULE}", ExitCode.USAGE)
