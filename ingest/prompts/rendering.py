"""A chat template at work: a process of its own, started by chat_template.py and by nobody else.

It reads a task as JSON from standard input and writes {"texts": [...]} or {"error": why}. The
template is a stranger's program: it sees messages and nothing else, and what it may take of time,
memory and output is limited before it is compiled. Nothing in it tells one machine or day from
another: the date is fixed, and nothing is random.
"""

import json
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

DATE = datetime(2024, 7, 26)  # what Llama 3's own template writes where no date is given
MESSAGE = 200  # characters of an error
MISTAKES = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


class TooLong(Exception):
    """More text than a template may write."""


class Generation(Extension):
    """{% generation %}: marks what the model wrote, and changes nothing."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The body as it is."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def main() -> None:
    """One task."""
    task = json.load(sys.stdin)
    limit_process(task["seconds"], task["memory"], task["bytes"])
    try:
        answer: dict[str, Any] = {"texts": render(task)}
    except (TemplateError, *MISTAKES) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        answer = {"error": said[:MESSAGE].removesuffix(".")}
    except RecursionError:
        answer = {"error": "it calls itself without end"}
    except MemoryError:
        answer = {"error": "it wants too much memory"}
    except TooLong:
        answer = {"error": "it writes too much text"}
    json.dump(answer, sys.stdout)


def limit_process(seconds: int, memory: int, size: int) -> None:
    """What the system then holds this process to, where it can: seconds, and two numbers of bytes.

    size: of what it writes.
    """
    with suppress(ImportError):
        import resource

        for what, limit in (
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_FSIZE, 8 * size),  # JSON writes a letter in up to six bytes
        ):
            with suppress(ValueError, OSError):
                resource.setrlimit(what, (limit, limit))


def render(task: dict[str, Any]) -> list[str]:
    """Every conversation's text. Raises what a template can raise."""
    template = environment().from_string(task["template"])
    texts, left = [], task["bytes"]
    for messages in task["conversations"]:
        pieces = []
        # without `tools`: many templates ask whether it is defined
        for piece in template.generate(
            messages=messages, add_generation_prompt=True, **task["special"]
        ):
            left -= len(piece)
            if left < 0:
                raise TooLong
            pieces.append(piece)
        texts.append("".join(pieces))
    return texts


def environment() -> ImmutableSandboxedEnvironment:
    """Where templates are rendered as model cards' authors expect, and files are out of reach."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols", Generation],
    )
    del made.globals["lipsum"], made.filters["random"]
    made.filters["tojson"] = to_json
    made.globals |= {"raise_exception": refuse, "strftime_now": DATE.strftime}
    return made


def to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **more: Any) -> str:
    """JSON without HTML's escapes, as transformers has it."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **more)


def refuse(message: str) -> None:
    """What a template calls where messages make no sense to it."""
    raise TemplateError(str(message))


if __name__ == "__main__":
    main()
