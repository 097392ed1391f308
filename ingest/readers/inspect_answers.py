"""The samples of an inspect log, out of its entries: scores, prompts and answers."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...errors import BadFile
from . import inspect_forms as forms
from .inspect_forms import MAX_SMALL, Entry
from .inspect_scores import Log, scores_of, value_of
from .port import Sample, text_id
from .untrusted.json_plain import at
from .untrusted.json_typed import MAX_FACTS, anything

SHORTENED = "\n(content truncated)"  # what a summary ends a text with that it cut
ADVICE = "give a log that inspect has written"


def answers(
    log: Log, scorer: str, metric: str, model: str | None, left_out: Counter[str]
) -> Iterator[Sample]:
    """Every scored sample; epoch 1 is attempt 0. Closes the log's archive."""
    try:
        for (item, epoch), entry in log.entries.items():
            place = f"sample {item[:60]}, epoch {epoch}"
            if epoch < 1:
                raise BadFile(log.path, place, "epochs count from 1", ADVICE)
            score = scores_of(entry, log.path).get(scorer)
            value = None if score is None else value_of(score.value, metric, log.path, place)
            if score is None or value is None:
                failed = len(entry.error) and bytes(entry.error) != b"null" and score is None
                reason = "it ended in an error" if failed else f"no finite score from {scorer}"
                left_out[reason] += 1
                continue
            prompt = _prompt(entry, log, place)
            if prompt is None:
                left_out["its prompt is not kept whole"] += 1
                continue
            used = forms.usage(entry.model_usage or b"null", log.path, f"model_usage of {place}")
            usage = (used or {}).get(model or "")
            limit = _small(entry.limit, log.path, place)
            yield Sample(
                item,
                text_id(json.dumps(prompt)),
                epoch - 1,
                value,
                "all",
                _shown(*prompt),
                _listed(_small(entry.target, log.path, place)),
                _listed(_small(score.answer, log.path, place)),
                usage.output_tokens if usage else None,
                limit if isinstance(limit, str) else at(limit, "type"),
            )
    finally:
        if log.archive:
            log.archive.close()


Prompt = tuple[str | list, list[str] | None]  # text or [[role, content], ...]; choices


def _prompt(entry: Entry, log: Log, place: str) -> Prompt | None:
    """What was asked, or None where the log keeps only a part of it."""
    shown = _input(entry, log.path, place)
    if log.archive and (shown is None or _is_shortened(shown)):
        stem = f"samples/{entry.id}_epoch_{entry.epoch}"
        whole, chunked = f"{stem}.json", f"{stem}/sample.json"
        name = next((name for name in (whole, chunked) if name in log.archive.members), None)
        if name is None:
            return None
        entry = forms.entry(log.archive.read(name), log.path, f"member {name[:100]}")
        shown = _input(entry, log.path, place)
        # an index there, which says nothing about the text
        if name == chunked and "attachment://" in json.dumps(shown):
            return None
    if shown is None:
        return None
    return shown, forms.choices(entry.choices or b"null", log.path, f"choices of {place}")


def _is_shortened(shown: str | list) -> bool:
    """Whether a summary cut the text, or one of the messages.

    Of parts other than text it tells nothing.
    """
    texts = [shown] if isinstance(shown, str) else [content for _, content in shown]
    return any(not isinstance(text, str) or text.endswith(SHORTENED) for text in texts)


def _input(entry: Entry, path: Path, place: str) -> str | list | None:
    """What the sample asked: text, or messages without their random ids.

    None if it is too large to tell.
    """
    if len(entry.input) > MAX_FACTS:
        return None
    if bytes(entry.input)[:1] == b"[":
        return [
            [message.role, anything(message.content or b"null", path, place)]
            for message in forms.messages(entry.input, path, place)
        ]
    found = anything(entry.input, path, place)
    if not isinstance(found, str):
        raise BadFile(path, place, "its input is neither a text nor a list of messages", ADVICE)
    return found


def _shown(asked: str | list, choices: list[str] | None) -> str:
    """A prompt for people to read."""
    if not isinstance(asked, str):
        asked = "\n\n".join(f"{role}: {_listed(content) or ''}" for role, content in asked)
    return asked + "".join(f"\n- {choice}" for choice in choices or [])


def _small(raw: msgspec.Raw, path: Path, place: str) -> object:
    """Any JSON of at most MAX_SMALL bytes; None for nothing and for more."""
    return anything(raw, path, place) if 0 < len(raw) <= MAX_SMALL else None


def _listed(value: object) -> str | None:
    """Text as it is, other values as JSON."""
    if isinstance(value, str) or value is None:
        return value
    return json.dumps(value, ensure_ascii=False)
