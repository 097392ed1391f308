"""A line of a benchmark file: a prompt, or a conversation, with its answers or its choices."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from .grading import first_line

PLAIN = '{"prompt": text, "answers": [text, ...]}'
CHAT = '{"messages": [{"role": text, "content": text}, ...], "answers": [text, ...]}'
CHOOSING = '{"prompt": text, "choices": [text, text, ...], "right": place of the right one, from 0}'


class Message(NamedTuple):
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True)
class Prompt:
    """One line of a benchmark file. answers: the accepted ones; of a multiple choice the right
    choices.

    messages: what `text` is the JSON of, if it is a conversation; rendered: what a chat template
    makes of it.
    """

    category: str
    text: str
    answers: tuple[str, ...]
    choices: tuple[str, ...] = ()
    right: tuple[int, ...] = ()
    messages: tuple[Message, ...] = ()
    rendered: str | None = None

    @property
    def prompt_id(self) -> str:
        """Of the text, and of the choices if there are any, as qwh's own runs are stored."""
        asked = json.dumps([self.text, *self.choices]) if self.choices else self.text
        return hashlib.sha256(asked.encode()).hexdigest()[:16]

    @property
    def read(self) -> str:
        """The text that a model reads; spaces before a choice are read with the choice."""
        if self.rendered is not None:
            return self.rendered
        return self.text.rstrip() if self.choices else self.text

    @property
    def continuations(self) -> list[str]:
        """What is read after `read` for each choice: joined by a space unless a template ended."""
        if self.rendered is not None:
            return list(self.choices)
        return [f"{self.text[len(self.read) :]} {choice}" for choice in self.choices]

    @property
    def conversation(self) -> list[dict[str, str]]:
        """Its messages; a text alone is one of a user."""
        return [each._asdict() for each in self.messages or (Message("user", self.text),)]


def accepted_texts(prompt: Prompt) -> list[str]:
    """The different accepted answers as texts: their first lines, as an answer's is taken."""
    return list(dict.fromkeys(line for text in prompt.answers if (line := first_line(text))))


def wanted(item: Any) -> str:
    """What a line of this kind should be, for a person."""
    if isinstance(item, dict) and "choices" in item:
        return CHOOSING
    return CHAT if isinstance(item, dict) and "messages" in item else PLAIN


def prompt(item: Any) -> Prompt:
    """A line's prompt. Raises ValueError, KeyError or TypeError: the line is no such thing."""
    messages = tuple(_message(each) for each in item["messages"]) if "messages" in item else ()
    if "messages" in item and ("prompt" in item or not messages or messages[-1].role != "user"):
        raise ValueError
    said = [each._asdict() for each in messages]
    text = json.dumps(said, ensure_ascii=False) if messages else item["prompt"]
    category = str(item.get("category", "all"))
    if "choices" in item:
        choices, right = _choices(item)
        answers = tuple(choices[at] for at in right)
        made = Prompt(category, text, answers, choices, right, messages)
    else:
        answers = item["answers"]
        answers = (answers,) if isinstance(answers, str) else tuple(answers)
        made = Prompt(category, text, answers, messages=messages)
    texts = (category, text, *made.answers, *made.choices)
    if not made.answers or not all(isinstance(each, str) for each in texts):
        raise TypeError
    "".join(texts).encode()  # half a surrogate is none
    return made


def _message(given: dict[str, Any]) -> Message:
    turn = Message(**given)
    if not all(isinstance(each, str) for each in turn):
        raise TypeError
    return turn


def _choices(item: dict[str, Any]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The choices, and the places of the right ones."""
    choices, right = tuple(item["choices"]), item["right"]
    places = (right,) if type(right) is int else tuple(sorted(set(right)))
    known = all(type(at) is int and 0 <= at < len(choices) for at in places)
    if "answers" in item or not known or len(set(choices)) < max(2, len(choices)):
        raise ValueError
    if not all(isinstance(each, str) and each.strip() for each in choices):
        raise ValueError
    return choices, places
