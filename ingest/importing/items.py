"""Which prompt and which attempt each sample of a run is, and what the run holds, as a hash."""

import hashlib
import json
from typing import NamedTuple

from ..readers.port import Sample, text_id


class Place(NamedTuple):
    """Where a sample stands in its run."""

    number: int  # of its prompt, from 0
    prompt_id: str
    attempt: int  # of the answers to that prompt, from 0; 0: the prompt is new


class Items:
    """The prompts of a run, as its samples come.

    Rows of one item are attempts at it. Another item of the same text stays a prompt of its own,
    under an id that says the how-manieth it is; both share their text_id.
    """

    def __init__(self, match: str):
        self._by_item = match == "item"
        self._found: dict[tuple[str, str, str], Place] = {}
        self._copies: dict[str, int] = {}
        self._digest = hashlib.sha256()
        self.samples = 0

    def __len__(self) -> int:
        return len(self._found)

    def ids(self) -> set[str]:
        """The ids of all prompts so far."""
        return {place.prompt_id for place in self._found.values()}

    def content(self) -> str:
        """A hash of all samples so far: prompts, scores, answers."""
        return self._digest.hexdigest()

    def place(self, sample: Sample, score: float) -> Place:
        """Where the next sample stands."""
        base = sample.prompt_id
        if self._by_item:
            base = text_id("item", sample.category, sample.item, sample.expected or "")
        key = (base, sample.category, sample.item)
        held = self._found.get(key)
        if held:
            place = held._replace(attempt=held.attempt + 1)
        else:
            copy = self._copies[base] = self._copies.get(base, 0) + 1
            place = Place(len(self), base if copy == 1 else text_id(base, str(copy)), 0)
        self._found[key] = place
        self.samples += 1
        self._digest.update(
            json.dumps([place.prompt_id, place.attempt, score, sample.answer]).encode()
        )
        return place
