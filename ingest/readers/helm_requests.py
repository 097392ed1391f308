"""HELM: what a model was given, and its answers, from a run's scenario_state.json."""

import json
from pathlib import Path
from typing import NamedTuple

import msgspec

from .choices import Doubts, Option
from .helm_choices import Asked, options
from .port import text_id
from .untrusted.files import MAX_WHOLE, contents
from .untrusted.json_typed import decoder

CORRECT = b'"correct"'  # the tag of a right answer
Key = tuple[str, str, int]  # instance, perturbation, draw of examples


class Perturbation(msgspec.Struct):
    name: str = "perturbed"


class Text(msgspec.Struct):
    text: str = ""


class Reference(msgspec.Struct):
    output: Text = msgspec.field(default_factory=Text)
    tags: msgspec.Raw = msgspec.Raw()


class Instance(msgspec.Struct):
    """The instance of a request."""

    id: str = ""
    perturbation: Perturbation | None = None
    references: list[Reference] = []


class Request(msgspec.Struct):
    prompt: str = ""
    messages: msgspec.Raw = msgspec.Raw()


class Completion(Text):
    tokens: msgspec.Raw = msgspec.Raw()


class Result(msgspec.Struct):
    completions: list[Completion] = []


class RequestState(msgspec.Struct):
    """One request; methods that score each choice by itself have several for one instance."""

    instance: Instance
    request: Request
    result: Result | None = None
    train_trial_index: int = 0
    reference_index: int | None = None
    request_mode: str | None = None


class ScenarioState(msgspec.Struct):
    request_states: list[RequestState]


_state = decoder(ScenarioState, MAX_WHOLE)


def by_instance(path: Path) -> dict[Key, list[RequestState]]:
    """The requests of each instance, in the order in which they were sent."""
    found: dict[Key, list[RequestState]] = {}
    for state in _state(contents(path), path, "as a whole").request_states:
        found.setdefault(
            key_of(state.instance.id, state.instance.perturbation, state.train_trial_index), []
        ).append(state)
    return found


def key_of(instance: str, perturbation: Perturbation | None, trial: int) -> Key:
    """Which of the instances one is."""
    return instance, perturbation.name if perturbation else "", trial


def item_of(key: Key) -> str:
    """An instance's name, with what it shares with others of that name."""
    instance, perturbation, trial = key
    parts = (perturbation, f"draw {trial}" if trial else "")
    return instance + "".join(f"/{part}" for part in parts if part)


class Sent(NamedTuple):
    """What the model was given."""

    requests: dict[Key, list[RequestState]]  # of each instance, as they were sent; may be empty
    settled: str  # else what settles them, as JSON

    def prompt(self, key: Key) -> tuple[str, str | None]:
        """(prompt_id, text) of an instance."""
        asked = self.requests.get(key)
        if not asked:
            return text_id("settings", self.settled, *map(str, key)), None
        prompts = [
            state.request.prompt or bytes(state.request.messages).decode("utf-8", "replace")
            for state in asked
        ]
        return text_id("requests", *prompts), "\n".join(prompts) or None

    def expected(self, key: Key) -> str | None:
        """The right answers, as a JSON list."""
        right = [
            reference.output.text
            for state in self.requests.get(key, [])[:1]
            for reference in state.instance.references
            if CORRECT in bytes(reference.tags)
        ]
        return json.dumps(right, ensure_ascii=False) if right else None

    def answer(self, key: Key) -> str | None:
        """The first completion, where there was one request."""
        asked = self.requests.get(key, [])
        result = asked[0].result if len(asked) == 1 else None
        return result.completions[0].text if result and result.completions else None

    def choices(self, key: Key, grade: float | None, doubts: Doubts) -> tuple[Option, ...]:
        """How likely each was, where each was asked by itself."""
        asked = self.requests.get(key, [])
        requests = [
            Asked(state.reference_index, state.request_mode, completion.tokens)
            for state in asked
            if state.result
            for completion in state.result.completions[:1]
        ]
        there = asked[0].instance.references if asked else []
        named = [(each.output.text, CORRECT in bytes(each.tags)) for each in there]
        return options(named, requests, grade, item_of(key), doubts)
