"""Prompts as a chat model is asked them: rendered by its own template, in a process of its own.

A template is a program that came with a model file. See rendering.py for what it may do.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import ExitCode, QwhError
from ...progress import say
from ..cohort import Job
from ..engines.beside import Told
from ..engines.port import ModelFile
from ..texts.text import read_bytes
from .benchmarks import Benchmark
from .manner import NO_TEMPLATE, OWN_TEMPLATE

RENDERER = Path(__file__).with_name("rendering.py")
SECONDS, MORE = 30, 0.01  # for all conversations, and for each of them
MEMORY = 512 << 20  # bytes
LONGEST = 64 << 20  # characters of all conversations
CONTROL = 3  # the type of a token that is markup and no text


def templated(benchmark: Benchmark, job: Job, choice: str) -> Benchmark:
    """The benchmark with its prompts rendered. choice: none, auto or a file's path.

    Raises QwhError: there is no template, it fails, or it wants more than it may have.
    """
    file = job.reference.described
    if choice == NO_TEMPLATE:
        if any(prompt.messages for prompt in benchmark.prompts):
            raise QwhError(
                f"the prompts of {benchmark.benchmark_id} are messages: say what makes a text of"
                " them: --chat-template auto, or a file",
                ExitCode.USAGE,
            )
        return benchmark
    template, name = _own(file) if choice == OWN_TEMPLATE else of_file(Path(choice))
    if choice == OWN_TEMPLATE:
        _say_of_others(job, template)
    conversations = [prompt.conversation for prompt in benchmark.prompts]
    _say_of_markup(benchmark, conversations, file)
    texts = render(template, name, conversations, special(file))
    _refuse_one_text(conversations, texts, name)
    prompts = [replace(each, rendered=text) for each, text in zip(benchmark.prompts, texts)]
    return replace(benchmark, prompts=prompts, template=digest(template))


def _refuse_one_text(
    conversations: list[list[dict[str, str]]], texts: list[str], name: str
) -> None:
    """Raise QwhError where a template makes one text of two prompts that differ."""
    first: dict[str, int] = {}
    for number, text in enumerate(texts):
        other = first.setdefault(text, number)
        if conversations[other] != conversations[number]:
            raise QwhError(
                f"the chat template of {name} makes the same text of prompts {other + 1} and"
                f" {number + 1}, which differ: give another, --chat-template FILE, or none",
                ExitCode.BAD_INPUT,
            )


def digest(template: str) -> str:
    """By what a harness tells templates apart."""
    return hashlib.sha256(template.encode()).hexdigest()


def _own(file: ModelFile) -> tuple[str, str]:
    """A model's own template, and whose it is."""
    found = file.chat_template if isinstance(file, Told) else None
    if not found:
        raise QwhError(
            f"{file.path.name} has no chat template: give one, --chat-template FILE, or none",
            ExitCode.BAD_INPUT,
        )
    return found, file.path.name


def of_file(path: Path) -> tuple[str, str]:
    """A file's template, and what it is called. Raises QwhError."""
    try:
        return read_bytes(path, "chat template").decode(), path.name
    except UnicodeDecodeError as error:
        raise QwhError(
            f"cannot read the chat template {path}: byte {error.start} is not UTF-8: give a text"
            " file in Jinja",
            ExitCode.BAD_INPUT,
        ) from None


def _say_of_others(job: Job, template: str) -> None:
    """Say which quants' files have another template: it is not used."""
    files = [quant.described for quant in job.quants]
    others = [
        file.path.name
        for file in files
        if isinstance(file, Told) and file.chat_template not in (None, "", template)
    ]
    if others:
        say(
            f"another chat template than the reference's lies in {', '.join(others)}: all are asked"
            " by the reference's"
        )


def _say_of_markup(
    benchmark: Benchmark, conversations: Sequence[list[dict[str, str]]], file: ModelFile
) -> None:
    """Count prompts whose own words a tokenizer takes for markup."""
    ours = file.tokenizer or {}
    pairs = zip(ours.get("tokens") or (), ours.get("token_type") or ())
    markup = [re.escape(text) for text, kind in pairs if kind == CONTROL and text]
    if not markup:
        return
    found = re.compile("|".join(markup))
    many = sum(any(found.search(each["content"]) for each in turns) for turns in conversations)
    if many:
        say(
            f"{benchmark.benchmark_id}: {many} of {len(conversations)} prompts contain markup of"
            " this model, which is read as such"
        )


def special(file: ModelFile) -> dict[str, str]:
    """The texts that a template knows by name."""
    ours = file.tokenizer or {}
    tokens = ours.get("tokens") or []
    ids = {name: ours.get(f"{name}_id") for name in ("bos_token", "eos_token")}
    return {
        name: tokens[at] if isinstance(at, int) and 0 <= at < len(tokens) else ""
        for name, at in ids.items()
    }


def render(
    template: str, name: str, conversations: list[list[dict[str, str]]], words: dict[str, str]
) -> list[str]:
    """Every conversation's text, up to where the model answers. name: whose template it is.

    words: texts of special tokens by name. Raises QwhError with what the template did.
    """
    seconds = int(SECONDS + MORE * len(conversations))
    task = {
        "template": template,
        "conversations": conversations,
        "special": words,
        "seconds": seconds + 1,  # of the processor; here the clock is looked at
        "memory": MEMORY,
        "bytes": LONGEST,
    }
    answer = _rendered(json.dumps(task), seconds)
    if "error" in answer:
        raise QwhError(
            f"cannot render prompts by the chat template of {name}: {answer['error']}: give"
            " another, --chat-template FILE, or none",
            ExitCode.BAD_INPUT,
        )
    return answer["texts"]


def _rendered(task: str, seconds: int) -> dict[str, Any]:
    """What a process of its own answers; a sentence where it did not come to an answer."""
    command = [sys.executable, "-I", str(RENDERER)]
    with tempfile.TemporaryFile() as out:  # of which the system can bound the size
        try:
            done = subprocess.run(
                command, input=task.encode(), stdout=out, stderr=subprocess.DEVNULL, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return {"error": f"it takes longer than {seconds} s"}
        out.seek(0)
        try:
            return json.load(out)
        except ValueError:
            # a process that is ended for its time is ended by the system where it can be
            return {"error": f"it was ended ({done.returncode}): too much time or memory"}
