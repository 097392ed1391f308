"""`qwh init`: an empty warehouse, and a cohort file to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import storage_error
from ..ingest.cohort_file.keys import NAME
from ..progress import say
from .options import DEFAULT, WarehouseOption, from_here

FILE = Path(NAME)
TEMPLATE = """\
# What qwh run measures, in this folder's terms; a line that begins with # says nothing.
{cohort}
reference = "models/f16.gguf"  # the model in high precision
quants = ["models/*.gguf"]     # files, folders or patterns; the reference's file is left out
{warehouse}# margin = 0.02                # a difference of score that counts as none
# until = 0.03                 # stop a text when every mean KLD is known to 3 %
# capture = false              # run the reference anew for every quant that comes later
# control = true               # read the reference twice: what the engine itself moves
# repeat = true                # read every quant twice
# reading = {{ rows = 16 }}      # how they read the second time

[[texts]]
path = "wiki.txt"              # what all read; the more text, the finer the verdicts
# context_length = 512         # tokens per chunk
# chunks = 100                 # read only the first so many
# primary = true               # of several texts: the one that tables go by
# name = "wiki"                # what it is called, if not as its file

# [[benchmarks]]               # questions: what decides who does a task better
# path = "facts.jsonl"         # {{"prompt": "2 + 2 =", "answers": ["4"]}} a line
# max_new_tokens = 8
# chat_template = "none"       # "auto": the reference's own; or a file
# stop = ["Q:"]                # words before which an answer ends, in place of a line feed
# extract = 'answer is (.*)'   # what counts in an answer: a pattern's last match
# sampling_temperature = 0     # above it: answers are drawn, attempts = 4 of each, by a seed

# [[imports]]                  # what other tools left behind; kinds: qwh ingest --help
# path = "logs/{{quant}}.log"    # {{quant}} stands for a quant's name
# kind = "llama-log"           # if it is not to be told from the content
# text = "wiki"                # the text's name, where the file does not tell
# reference = "f16"            # what {{quant}} is for the reference

# [[quants]]                   # in place of quants = [...]: with what is to be said of them
# path = "other/model-Q4.gguf"
# name = "Q4-other"
# settings = {{ kv_type = "q8_0" }} # how it is run, if not in the engine's own way
# uploader = "somebody"
# facts = {{ imatrix = "their own" }}

# [zone]                       # the silent zone that tables tell of
# rule = "kld_max"
# threshold = 0.05
"""


def init(
    folder: Annotated[Path | None, typer.Argument(help="Where to make it.")] = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Make an empty warehouse, and a qwh.toml in this folder where there is none.
    Example: qwh init ./warehouse
    """
    from ..raw.store import Store

    made = folder or warehouse
    print(Store(made).create().raw.parent)
    if FILE.exists():
        say(f"{FILE} is there already and stays as it is; qwh run does what it asks for")
        return
    elsewhere = made.resolve() != DEFAULT.resolve()
    try:
        FILE.write_text(
            TEMPLATE.format(
                cohort=f"cohort = {_quoted(Path.cwd().name or 'cohort')}",
                warehouse=f"warehouse = {_quoted(Path(from_here(made)).as_posix())}\n"
                if elsewhere
                else "",
            ),
            encoding="utf-8",
        )
    except OSError as error:
        raise storage_error(f"cannot write {FILE}", error) from None
    say(f"wrote {FILE}: put your files into it, then qwh run")


def _quoted(text: str) -> str:
    """A text as TOML has it."""
    import json

    return json.dumps(text, ensure_ascii=False)
