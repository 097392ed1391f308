"""Any table of answers, CSV, Parquet, JSON or JSON Lines, with the user's map of its columns.

Needed: item or prompt, and score (a number, true and false, or a word that says right or wrong).
May be there: prompt_id, attempt, category, prompt, expected, answer, answer_tokens, finish_reason.
A column is a dotted path into a row; @key is a row's name in an object of objects, @file its file's
stem. Equal prompts are equal texts; where the file holds no text and no prompt_id, category and
item together stand for it, and the run's facts say so.

Several files, or a folder of them, are one run.
"""

from collections.abc import Iterator
from pathlib import Path

from ...errors import BadFile, ExitCode, QwhError
from .answer_survey import Answers
from .answer_tables import FILE, FORMATS, Map, table
from .grades import smaller_is_better
from .json_records import KEY, Rows
from .port import Found, NotTaken, Picks, Samples
from .untrusted.files import existing, matching

COLUMNS: tuple[str, ...] = (
    "item",
    "prompt_id",
    "attempt",
    "score",
    "category",
    "prompt",
    "expected",
    "answer",
)
COLUMNS += ("answer_tokens", "finish_reason")
PICKS = ("records", "where", "right", "wrong", "none")  # what else --map may say
ROWS = ("attempts", "last")  # what several rows of a prompt may be
SHOWN = 30  # names in a message


def recognises(path: Path, head: bytes) -> bool:
    """Never: only the user knows what its columns mean."""
    return False


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples, of a file or a folder of files. Picks and errors as `read_together`."""
    return read_together([path], picks)


def read_together(paths: list[Path], picks: Picks) -> Iterator[Found]:
    """One Samples.

    picks: our column -> the file's; records -> where the rows lie in JSON; where -> COLUMN=VALUE;
    right, wrong, none -> words; rows -> attempts or last. Its benchmark_id is the file's stem, ""
    for several files. Raises BadFile or QwhError.
    """
    asked = _map(paths[0], picks)
    tables = list[Rows]()
    for path in paths:
        if not existing(path).is_dir():
            tables.append(table(path, asked))
            continue
        for file in _files(path):
            found = _in_folder(file, asked)
            if isinstance(found, NotTaken):
                yield found
            else:
                tables.append(found)
    if not tables:
        return
    answers = Answers(tables, asked, picks)
    _check(tables, answers, asked, picks)
    survey, columns = answers.survey, asked.columns
    over = " and ".join(name for name in ("category", "item") if name in columns)
    has_text = {"prompt_id", "prompt"} & set(columns)
    told = {"right", "wrong"} & set(picks)  # which is more than a column's name says
    yield Samples(
        benchmark_id="" if len(tables) > 1 else tables[0].path.stem,
        harness={"harness": "generic"},
        rows=answers.samples(),
        model_name=next(iter(survey.models), None),
        metric=columns["score"],
        smaller_is_better=None if told else smaller_is_better(columns["score"]),
        left_out=survey.left_out,
        facts={"map": picks}
        | ({"files": [each.path.name for each in tables]} if len(tables) > 1 else {})
        | ({} if has_text else {"prompt_id": f"of {over}"}),
    )


def advice(path: Path) -> str | None:
    """How a file that no reader knows may be read here; None where there are no rows in it."""
    try:
        there = ", ".join(table(path, Map({})).names()[:SHOWN])
    except QwhError:
        return None
    return (
        f"its rows have {there}: say which of them are what with qwh ingest generic {path}"
        " --map item=... --map score=..."
    )


def _map(path: Path, picks: Picks) -> Map:
    """The map that the picks say. Raises BadFile where it is not complete, QwhError for others."""
    if picks.get("rows", "last") not in ROWS:
        raise QwhError(
            f"--rows {picks['rows']}: several rows of a prompt are {' or '.join(ROWS)}",
            ExitCode.USAGE,
        )
    where = picks.get("where", "=").partition("=")
    columns = {name: path for name, path in picks.items() if name not in (*PICKS, "rows")}
    if "score" not in columns or any(name not in COLUMNS for name in columns) or not where[1]:
        raise _incomplete(path, columns)
    if not {"item", "prompt"} & set(columns):
        columns["item"] = KEY
    return Map(columns, picks.get("records"), (where[0], where[2]) if "where" in picks else None)


def _incomplete(path: Path, columns: dict[str, str]) -> BadFile:
    others = (*(name for name in COLUMNS if name not in ("score", "item", "prompt")), *PICKS)
    return BadFile(
        path,
        "its --map",
        f"it maps {', '.join(columns) or 'nothing'}",
        f"map score, and item or prompt; there are also {', '.join(others)} (where=COLUMN=VALUE)",
    )


def _files(folder: Path) -> list[Path]:
    """The tables in a folder, or in the one folder within it that has some. Raises BadFile."""
    files = [
        file
        for file in matching(folder, "**/*", "give a folder with a file for each part")
        if file.suffix.lower() in FORMATS
    ]
    folders = list(dict.fromkeys(file.parent for file in files))
    if not folders:
        raise BadFile(folder, "as a whole", "there is no table in it", f"give {', '.join(FORMATS)}")
    if len(folders) > 1:
        named = ", ".join(str(each.relative_to(folder)) for each in folders[:5])
        raise BadFile(
            folder,
            "as a whole",
            f"its tables lie in {len(folders)} folders ({named})",
            "give one of them, or several if they are one run's",
        )
    return files


def _in_folder(file: Path, asked: Map) -> Rows | NotTaken:
    """A folder's file, passed over where it has nothing that is mapped. Raises BadFile."""
    try:
        found = table(file, asked)
        there = found.names()
    except BadFile as error:
        if file.suffix.lower() != ".json":
            raise
        return NotTaken(file.name, str(error).rsplit(": ", 1)[0].rsplit(": ", 1)[-1])
    mapped = [path for path in asked.columns.values() if path not in (KEY, FILE)]
    if any(path in there or any(name.startswith(f"{path}.") for name in there) for path in mapped):
        return found
    return NotTaken(file.name, f"it has {', '.join(there[:SHOWN])}, nothing that is mapped")


def _check(tables: list[Rows], answers: Answers, asked: Map, picks: Picks) -> None:
    """Refuse what the rows together do not bear out. Raises BadFile."""
    path, survey = tables[0].path, answers.survey
    if asked.where and not survey.there:
        values = ", ".join(survey.filtered)
        advice = f"there are {values}" if values else "it is empty"
        raise BadFile(path, "its rows", f"none has {'='.join(asked.where)}", advice)
    for name, column in asked.columns.items():
        if column == KEY and not survey.there[name] and name not in picks:
            raise _incomplete(path, {name: picks[name] for name in picks if name in COLUMNS})
        if column != FILE and not survey.there[name]:
            has = ", ".join(tables[0].names()[:SHOWN])
            raise BadFile(path, "its columns", f"there is no {column}", f"it has {has}")
    if len(survey.models) > 1:
        first, *_ = models = list(survey.models)
        raise BadFile(
            path,
            "its rows",
            f"they are of {len(models)} models: {', '.join(models[:5])}",
            f"choose one with --map where={survey.models[first]}={first}",
        )
    if survey.several and "rows" not in picks:
        raise _several(path, answers, len(tables))


def _several(path: Path, answers: Answers, files: int) -> BadFile:
    """The error for prompts with several rows, of which nobody has said what they are."""
    survey = answers.survey
    item = next(iter(survey.several.values()))
    found = f"{len(survey.several):,} of {len(survey.last):,} prompts have several rows"
    if files > 1 and survey.across:
        found += f", {len(survey.across):,} of them in several files"
    return BadFile(
        path,
        "its rows",
        f"{found} (as {item[:60]})",
        "say --rows attempts if all are answers to it, --rows last if the last one counts, or map"
        " what tells them apart: category (@file is the file), attempt, item",
    )
