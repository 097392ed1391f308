"""qwh.toml: a cohort written down once. Its keys, what each may be, and what is read from it.

Paths are relative to the file's folder. Nothing that a file names is opened here.
"""

import glob
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import ExitCode, QwhError
from ...raw.names import RULE, is_name
from ..prompts.manner import NO_TEMPLATE, OWN_TEMPLATE, Manner
from ..readers.names import QUANT
from ..readers.registry import AUTO, KINDS, choices
from ..second import ONCE, Second

NAME = "qwh.toml"
LENGTH = 512  # tokens per chunk, where nothing is said
SHOWN = 40  # characters of a value in an error


@dataclass(frozen=True)
class QuantEntry:
    """Model files with what is said of them. path: a file, a folder or a pattern."""

    path: Path
    name: str | None = None
    uploader: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TextEntry:
    """A text that all read. primary: it is the one that tables and verdicts go by."""

    path: Path
    name: str
    context_length: int = LENGTH
    chunks: int | None = None
    primary: bool = False


@dataclass(frozen=True)
class BenchmarkEntry:
    """A file of prompts that all answer."""

    path: Path
    manner: Manner = field(default_factory=Manner)


@dataclass(frozen=True)
class ImportEntry:
    """Other tools' files. path: with {quant} where a name stands; reference: the reference's.

    picks: which of several a file offers; of a generic table, what its columns are.
    """

    path: Path
    given: str  # the path as the file has it
    kind: str = AUTO
    text: str | None = None
    reference: str | None = None
    benchmark: str | None = None
    picks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CohortFile:
    """What a cohort file asks for. warehouse, cohort: None where it does not say."""

    path: Path
    cohort: str | None = None
    warehouse: Path | None = None
    reference: Path | None = None
    quants: tuple[QuantEntry, ...] = ()
    texts: tuple[TextEntry, ...] = ()
    benchmarks: tuple[BenchmarkEntry, ...] = ()
    imports: tuple[ImportEntry, ...] = ()
    zone: tuple[str, float] | None = None  # rule and threshold
    margin: float | None = None
    until: float | None = None
    second: Second = ONCE
    calibration: Path | None = None
    capture: bool = True  # whether what the reference says of a text is kept


class Want(NamedTuple):
    """What a value may be: a test, and the words for it."""

    fits: Callable[[Any], bool]
    words: str


def _whole(least: int) -> Want:
    return Want(lambda it: type(it) is int and it >= least, f"a whole number from {least} on")


def _number(it: Any) -> bool:
    return type(it) in (int, float)


TEXT = Want(lambda it: isinstance(it, str) and bool(it.strip()), "text in quotes")
A_NAME = Want(lambda it: isinstance(it, str) and is_name(it), f"text in quotes, {RULE}")
SHARE = Want(lambda it: _number(it) and 0 < it < 1, "a number between 0 and 1")
ABOVE = Want(lambda it: _number(it) and 0 < it < float("inf"), "a number above 0")
WARM = Want(lambda it: _number(it) and 0 <= it < float("inf"), "a number from 0 on")
WORDS = Want(
    lambda it: isinstance(it, list) and all(isinstance(x, str) and x for x in it),
    'a list of texts, ["Q:"]',
)
FLAG = Want(lambda it: isinstance(it, bool), "true or false")
FACTS = Want(
    lambda it: isinstance(it, dict) and not any(isinstance(x, dict | list) for x in it.values()),
    'a table of texts and numbers, { imatrix = "wiki" }',
)
SETTINGS = Want(
    lambda it: isinstance(it, dict) and all(_number(x) or isinstance(x, str) for x in it.values()),
    'a table of settings, { kv_type = "q8_0" }',
)
PICKS = Want(
    lambda it: isinstance(it, dict) and all(isinstance(x, str) or _number(x) for x in it.values()),
    'a table of texts, { metric = "acc" }',
)
LIST = Want(
    lambda it: isinstance(it, list) and all(isinstance(x, dict) for x in it),
    "a list of tables, each under its own [[NAME]]",
)
TABLE = Want(lambda it: isinstance(it, dict), "a table, [NAME]")
QUANTS = Want(
    lambda it: isinstance(it, list | str) and all(isinstance(x, str | dict) for x in it),
    'files, ["models/*.gguf"], or tables, each under its own [[quants]]',
)
WHOLE = {
    "cohort": A_NAME,
    "warehouse": TEXT,
    "reference": TEXT,
    "quants": QUANTS,
    "texts": LIST,
    "benchmarks": LIST,
    "imports": LIST,
    "zone": TABLE,
    "margin": SHARE,
    "until": SHARE,
    "control": FLAG,
    "repeat": FLAG,
    "capture": FLAG,
    "reading": SETTINGS,
    "calibration": TEXT,
}
QUANT_KEYS = {"path": TEXT, "name": A_NAME, "uploader": TEXT, "facts": FACTS, "settings": SETTINGS}
TEXT_KEYS = {
    "name": TEXT,
    "path": TEXT,
    "context_length": _whole(8),
    "chunks": _whole(2),
    "primary": FLAG,
}
BENCHMARK_KEYS = {
    "path": TEXT,
    "max_new_tokens": _whole(1),
    "chat_template": TEXT,
    "stop": WORDS,
    "extract": TEXT,
    "attempts": _whole(1),
    "sampling_temperature": WARM,
    "seed": _whole(0),
    "parallel": _whole(1),
}
IMPORT_KEYS = {
    "kind": TEXT,
    "path": TEXT,
    "text": TEXT,
    "reference": A_NAME,
    "benchmark": TEXT,
    "picks": PICKS,
    "map": PICKS,
}
ZONE_KEYS = {"rule": TEXT, "threshold": ABOVE}


def read_cohort_file(path: Path) -> CohortFile:
    """What a cohort file says. Raises QwhError naming the key that is wrong."""
    try:
        text = path.read_bytes().decode()
        found = tomllib.loads(text)
    except OSError as error:
        raise QwhError(
            f"cannot read {path}: {error.strerror}: qwh init writes one to begin with, or name"
            " another: qwh run FILE",
            ExitCode.NOT_FOUND,
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise QwhError(
            f"cannot read {path}: {error}: mend that line (qwh.toml is TOML: texts in quotes)",
            ExitCode.BAD_INPUT,
        ) from None
    return _Reader(path).read(found)


class _Reader:
    """One file's way from TOML to entries."""

    def __init__(self, path: Path):
        self.path = path
        self.folder = path.resolve().parent

    def read(self, found: dict[str, Any]) -> CohortFile:
        """All of it, checked."""
        self.check("", found, WHOLE)
        zone = found.get("zone", {})
        self.check("zone", zone, ZONE_KEYS, ("rule", "threshold") if zone else ())
        asked = CohortFile(
            self.path,
            found.get("cohort"),
            self.at(found["warehouse"]) if "warehouse" in found else None,
            self.at(found["reference"]) if "reference" in found else None,
            self.quants(found.get("quants", [])),
            tuple(map(self.text, *_numbered("texts", found))),
            tuple(map(self.benchmark, *_numbered("benchmarks", found))),
            tuple(map(self.brought, *_numbered("imports", found))),
            (zone["rule"], float(zone["threshold"])) if zone else None,
            found.get("margin"),
            found.get("until"),
            self.second(found),
            self.at(found["calibration"]) if "calibration" in found else None,
            found.get("capture", True),
        )
        self.refuse_contradictions(asked)
        return asked

    def at(self, text: str) -> Path:
        """A path or a pattern of the file's, from where qwh runs."""
        is_pattern = glob.has_magic(text) or QUANT in text
        folder = glob.escape(str(self.folder)) if is_pattern else str(self.folder)
        return Path(folder) / _unfolded(text)

    def quants(self, given: Any) -> tuple[QuantEntry, ...]:
        """Files as texts or as tables."""
        entries = []
        for number, each in enumerate([given] if isinstance(given, str) else given, 1):
            if isinstance(each, str):
                entries.append(QuantEntry(self.at(each)))
                continue
            self.check(f"quants[{number}]", each, QUANT_KEYS, ("path",))
            read = {"path": self.at(each["path"]), "settings": self.settings(each.get("settings"))}
            entries.append(QuantEntry(**(each | read)))
        return tuple(entries)

    def settings(self, given: dict[str, Any] | None) -> tuple[tuple[str, str], ...]:
        """Settings of an engine; a file's path is from the file's folder."""
        found = [(name.replace("-", "_"), f"{value}") for name, value in (given or {}).items()]
        return tuple((n, str(self.at(value)) if n == "lora" else value) for n, value in found)

    def second(self, found: dict[str, Any]) -> Second:
        """What is read twice, and how."""
        asked = Second(found.get("control", False), found.get("repeat", False))
        if "reading" not in found:
            return asked
        if not (asked.control or asked.repeat):
            raise self.wrong(
                "reading says how control and repeat read, and neither is true",
                "write control = true or repeat = true, or leave reading out",
            )
        return asked._replace(said=self.settings(found["reading"]))

    def text(self, where: str, given: dict[str, Any]) -> TextEntry:
        """One of [[texts]]; its name is its file's stem unless it says another."""
        self.check(where, given, TEXT_KEYS, ("path",))
        named = {"name": given.get("name") or _stem(given["path"]), "path": self.at(given["path"])}
        return TextEntry(**(given | named))

    def benchmark(self, where: str, given: dict[str, Any]) -> BenchmarkEntry:
        """One of [[benchmarks]]."""
        self.check(where, given, BENCHMARK_KEYS, ("path",))
        said = {key: value for key, value in given.items() if key != "path"}
        said |= {"stop": tuple(given.get("stop", ()))}
        template = given.get("chat_template", NO_TEMPLATE)
        if template not in (NO_TEMPLATE, OWN_TEMPLATE):
            said |= {"chat_template": str(self.at(template))}
        try:
            manner = Manner(**said).checked()
        except QwhError as error:
            raise self.wrong(where, str(error)) from None
        return BenchmarkEntry(self.at(given["path"]), manner)

    def brought(self, where: str, given: dict[str, Any]) -> ImportEntry:
        """One of [[imports]]."""
        self.check(where, given, IMPORT_KEYS, ("path",))
        kind = given.get("kind", AUTO)
        if kind not in (AUTO, *KINDS):
            raise self.wrong(f"{where}.kind is {kind}", _nearest(kind, (AUTO, *KINDS)))
        if "reference" in given and QUANT not in given["path"]:
            raise self.wrong(
                f"{where}.reference is what {QUANT} is for the reference, and {where}.path has"
                f" none",
                f"write {QUANT} where the name stands",
            )
        ours = {"path": self.at(given["path"]), "given": _unfolded(given["path"])}
        picks = {"picks": self.picks(where, kind, given)}
        return ImportEntry(**({k: v for k, v in given.items() if k != "map"} | ours | picks))

    def picks(self, where: str, kind: str, given: dict[str, Any]) -> dict[str, str]:
        """What an import chooses among what its kind offers."""
        from ..readers.port import choice_of

        key, other = ("map", "picks") if kind == "generic" else ("picks", "map")
        if other in given:
            advice = f"write {key} = {{ ... }}, or another kind"
            raise self.wrong(f"{where}.{other} is not for the kind {kind}", advice)
        if kind == "generic" and key not in given:
            advice = 'write map = { item = "a column", score = "a column" }'
            raise self.wrong(f"{where} has no map, which says what its columns are", advice)
        chosen = given.get(key, {})
        if chosen and kind == AUTO:
            raise self.wrong(f"{where} has picks and no kind, whose they are", "write its kind")
        for name in chosen:
            known = choices(kind)
            if choice_of(name) not in known:
                raise self.wrong(f"there is no {where}.{key}.{name}", _nearest(name, known))
        return {name: str(value) for name, value in chosen.items()}

    def check(
        self, where: str, table: dict[str, Any], keys: dict[str, Want], needed: tuple = ()
    ) -> None:
        """Raise QwhError for a key that is none, a value that does not fit, a key that lacks."""
        dot = f"{where}." if where else ""
        for key, value in table.items():
            if key not in keys:
                raise self.wrong(f"there is no key {dot}{key}", _nearest(key, tuple(keys)))
            if not keys[key].fits(value):
                words = keys[key].words.replace("NAME", key)
                raise self.wrong(f"{dot}{key} is {_shown(value)}", f"write {words}")
        for key in needed:
            if key not in table:
                raise self.wrong(f"{where} has no {key}", f"write {key} = {keys[key].words}")

    def refuse_contradictions(self, asked: CohortFile) -> None:
        """Raise QwhError for what cannot be meant together."""
        runs = asked.texts or asked.benchmarks
        if not runs and not asked.imports:
            raise self.wrong("it asks for nothing", "add a [[texts]] with its path")
        if runs and not (asked.reference and asked.quants):
            lacks = "quants" if asked.reference else "reference"
            raise self.wrong(f"there is no {lacks}", "texts and benchmarks are read by both")
        if sum(each.primary for each in asked.texts) > 1:
            raise self.wrong("two texts are primary", "leave one of them so")
        seen: dict[str, TextEntry] = {}
        for each in asked.texts:
            other = seen.setdefault(each.name, each)
            same = each is not other and each.context_length == other.context_length
            if same or each.path != other.path:
                raise self.wrong(
                    f"two texts are called {each.name}", "give each a name, or a length of its own"
                )

    def wrong(self, found: str, advice: str) -> QwhError:
        """The error for this file."""
        return QwhError(f"{self.path}: {found}: {advice}", ExitCode.BAD_INPUT)


def _numbered(key: str, found: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    """Where each table of a list stands, and the tables."""
    tables = found.get(key, [])
    return [f"{key}[{number}]" for number in range(1, len(tables) + 1)], tables


def _nearest(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, 1, 0.5)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"


def _shown(value: Any) -> str:
    """A value as the file has it, as far as a line holds it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _unfolded(path: str) -> str:
    """A path without ~ and without ./ before it, its folders parted by /."""
    return Path(path).expanduser().as_posix()


def _stem(path: str) -> str:
    from ..readers.untrusted.packed import plain_path

    return plain_path(Path(path)).stem
