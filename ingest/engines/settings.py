"""Settings of an engine: what each may be, in what a command line and qwh.toml write down, and the
short words by which a member that is run under them is told from its file.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ...errors import ExitCode, QwhError, meant
from .port import Reading

ROWS, SEQUENCES = "rows", "sequences"  # of a reading itself, whatever the engine is


class Setting(NamedTuple):
    """default: what it is where nothing is said; values: all that it may be, or the kind of them.

    short: its word in a member's name. several: it may be given more than once. both: the settings
    that it stands for.
    """

    default: str
    values: tuple[str, ...] | str  # a kind: number, whole, file
    short: str
    sentence: str
    several: bool = False
    both: tuple[str, ...] = ()


COMMON = {
    ROWS: Setting("512", "whole", "rows", "positions through the model at once"),
    SEQUENCES: Setting("1", "whole", "sequences", "answered or read side by side"),
}


def pairs(given: Iterable[str]) -> list[tuple[str, str]]:
    """NAME=VALUE each, parted. Raises QwhError for what is not so."""
    found = []
    for text in given:
        name, sign, value = text.partition("=")
        if not sign:
            raise QwhError(f"{text!r} is no setting: write NAME=VALUE, as rows=16", ExitCode.USAGE)
        found.append((name.strip().replace("-", "_"), value.strip()))
    return found


def checked(
    given: Iterable[tuple[str, str]], known: Mapping[str, Setting], what: str
) -> list[tuple[str, str]]:
    """Names and values, each of which the engine takes. what: it does, in a sentence.

    Raises QwhError naming what is nearest, and for two values of one setting.
    """
    found: list[tuple[str, str]] = []
    for name, value in given:
        setting = known.get(name)
        if setting is None:
            raise QwhError(
                f"there is no setting {name} where {what}: {meant(name, set(known))}",
                ExitCode.USAGE,
            )
        value = _fitting(name, value, setting)
        other = dict(found).get(name, value)
        if other != value and not setting.several:
            raise QwhError(
                f"{name} is given as {other} and as {value}: give one of them", ExitCode.USAGE
            )
        found.append((name, value))
    return found


def under(base: Reading, given: Iterable[tuple[str, str]], known: Mapping[str, Setting]) -> Reading:
    """A reading with these settings on top, later ones instead of earlier ones, usual values left
    out. What stands for two settings is one wherever both are alike.

    `rows` stays among the settings where it is given, so that the label names it; so does
    `sequences` in place of slots.
    """
    single: dict[str, str] = {}
    several: list[tuple[str, str]] = []
    for name, value in (*base.settings, *given):
        if known[name].several:
            several.append((name, value))
        else:
            single |= dict.fromkeys(known[name].both or (name,), value)
    if base.slots > 1:
        base = base._replace(slots=int(single.get(SEQUENCES, base.slots)))
    else:
        base = base._replace(sequences=int(single.pop(SEQUENCES, base.sequences)))
    rows = int(single.get(ROWS, base.rows))
    always = (ROWS, SEQUENCES)
    kept = {n: v for n, v in single.items() if n in always or v != known[n].default}
    for name, setting in known.items():
        values = {kept.get(each) for each in setting.both}
        if len(values) == 1 and None not in values:
            for each in setting.both:
                del kept[each]
            kept[name] = str(values.pop())
    settings = (*sorted(kept.items()), *dict.fromkeys(several))
    return base._replace(rows=rows, settings=settings)


def is_same(one: Reading, other: Reading) -> bool:
    """Whether two readings run a file alike, whatever of it was asked for.

    With slots every pass has rows of one kernel, whatever their number.
    """

    def moved(reading: Reading) -> Reading:
        rest = tuple(pair for pair in reading.settings if pair[0] not in (ROWS, SEQUENCES))
        if reading.slots > 1:
            reading = reading._replace(rows=0, slots=2)
        return reading._replace(settings=rest)

    return moved(one) == moved(other)


def suffix(reading: Reading, known: Mapping[str, Setting]) -> str:
    """What a member's name has beside its file's, as +kv-q8_0; "" where nothing is said."""
    words = (
        f"+{known[name].short}-{_short(value, known[name])}" for name, value in reading.settings
    )
    return "".join(words)


def adapter(value: str) -> tuple[Path, float]:
    """The file and the scale of FILE or FILE=SCALE. A file of that very name has no scale."""
    path, sign, scale = value.rpartition("=")
    if not sign or Path(value).exists():
        return Path(value), 1.0
    return Path(path), float(scale)


def _short(value: str, setting: Setting) -> str:
    if setting.values != "file":
        return value
    path, scale = adapter(value)
    return path.stem if scale == 1 else f"{path.stem}-{scale:g}"


def _fitting(name: str, value: str, setting: Setting) -> str:
    """The value. Raises QwhError for one that cannot be."""
    kind = setting.values
    if isinstance(kind, tuple):
        if value not in kind:
            raise QwhError(f"{name}={value} is none: {meant(value, set(kind))}", ExitCode.USAGE)
        return value
    if kind == "file":
        return _file(name, value)
    try:
        number = int(value) if kind == "whole" else float(value)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        what = "a whole number from 1 on" if kind == "whole" else "a number above 0"
        raise QwhError(f"{name}={value} is none: write {what}", ExitCode.USAGE)
    return f"{number:g}" if isinstance(number, float) else str(number)


def _file(name: str, value: str) -> str:
    try:
        path, scale = adapter(value)
    except ValueError:
        path, scale = Path(value), 1.0
    if not path.is_file():
        raise QwhError(f"{name}={value}: there is no such file: check the path", ExitCode.NOT_FOUND)
    return str(path.resolve()) + ("" if scale == 1 else f"={scale:g}")
