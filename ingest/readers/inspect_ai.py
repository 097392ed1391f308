"""inspect_ai: .eval logs (a zip of JSON members, packed with zstd or deflate) and .json logs (the
same in one object).

One Samples per log. Picks: scorer; metric, where a scorer gives several values at once. A log
without header.json is of a run that crashed: what its journal holds is read, and marked partial.
Prompts come from the summaries, and from the sample itself where a summary keeps only the start of
it.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from . import safely  # first: it names the extra that brings msgspec
from .port import BadFile, Sample, Samples

KIND = "inspect"
SHORTENED = "\n(content truncated)"  # what a summary ends a text with that it cut
# the tool's own reading of text values
SCORES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
MAX_SMALL = safely.MIB  # bytes of one sample's scores, target, choices or limit
CRASHED = "crashed"  # our word where the tool did not live to write its own
# of a generate config: how, not what
RUNTIME = {
    "max_connections",
    "max_retries",
    "timeout",
    "attempt_timeout",
    "cache",
    "batch",
    "adaptive_connections",
}
_JOURNAL = re.compile(r"_journal/summaries/([0-9]{1,9})\.json")


class Score(msgspec.Struct):
    value: msgspec.Raw = msgspec.Raw()
    answer: msgspec.Raw = msgspec.Raw()


class Usage(msgspec.Struct):
    output_tokens: int | None = None


class Entry(msgspec.Struct):
    """A summary, a sample member or a sample of a .json log: the same fields."""

    id: int | str
    epoch: int
    input: msgspec.Raw
    target: msgspec.Raw = msgspec.Raw()
    choices: msgspec.Raw = msgspec.Raw()
    scores: msgspec.Raw = msgspec.Raw()
    model_usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    limit: msgspec.Raw = msgspec.Raw()


class Message(msgspec.Struct):
    """Of a message only this was shown; its random id was not."""

    role: str = "user"
    content: msgspec.Raw = msgspec.Raw()


class Plain(msgspec.Struct):
    """A .json log. Raw: settings, decoded as any JSON within a limit."""

    eval: msgspec.Raw
    status: str = "success"
    plan: msgspec.Raw = msgspec.Raw(b"{}")
    results: msgspec.Raw = msgspec.Raw(b"{}")
    samples: list[Entry] | None = None


_plain = safely.decoder(Plain, safely.MAX_JSON)
_entries = safely.decoder(list[Entry], safely.MAX_MEMBER)
_entry = safely.decoder(Entry, safely.MAX_MEMBER)
_scores = safely.decoder(dict[str, Score] | None, MAX_SMALL)
_values = safely.decoder(
    bool | int | float | str | list[msgspec.Raw] | dict[str, msgspec.Raw] | None, MAX_SMALL
)
_usage = safely.decoder(dict[str, Usage] | None, MAX_SMALL)
_choices = safely.decoder(list[str] | None, MAX_SMALL)
_messages = safely.decoder(list[Message])


def recognises(path: Path, head: bytes) -> bool:
    """A zip file called .eval, or a .json log."""
    if head[:4] == b"PK\3\4":
        return path.suffix == ".eval"
    return head.lstrip()[:1] == b"{" and b'"version"' in head[:200] and b'"eval_id"' in head


def read(path: Path, picks: dict[str, str]) -> Iterator[Samples]:
    """One Samples for each log. Raises BadFile."""
    path = safely.existing(path)
    if path.is_dir():
        for file in safely.files(path, "*.eval", "give a log folder of inspect"):
            yield from read(file, picks)
        return
    if bytes(safely.contents(path, 1 << 40)[:2]) == b"PK":
        yield _zipped(path, picks)
        return
    log = _plain(safely.contents(path), path, "as a whole")
    header = {
        key: _settings(getattr(log, key), path, key) for key in ("eval", "plan", "results")
    } | {"status": log.status}
    yield _samples(path, header, _latest(log.samples or []), None, {}, picks)


def _zipped(path: Path, picks: dict[str, str]) -> Samples:
    archive = safely.Zip(path)
    names = set(archive.names)
    start = "header.json" if "header.json" in names else "_journal/start.json"
    if start not in names:
        raise BadFile(
            path,
            "as a whole",
            "it has neither header.json nor _journal/start.json",
            "give a log that inspect has written",
        )
    header = _settings(archive.read(start), path, start)
    journal = sorted(
        filter(_JOURNAL.fullmatch, names), key=lambda name: int(_JOURNAL.fullmatch(name)[1])
    )
    entries, size = [], 0
    for name in ["summaries.json"] if "summaries.json" in names else journal:
        raw = archive.read(name)
        size += len(raw)
        if size > safely.MAX_MEMBER:
            raise BadFile(
                path,
                f"member {name}",
                f"its summaries are larger than {safely.MAX_MEMBER:,} bytes",
                "split the log",
            )
        entries += _entries(raw, path, f"member {name}")
    if start != "header.json":
        header["status"] = CRASHED
    return _samples(path, header, _latest(entries), archive, names, picks)


def _settings(raw: bytes | msgspec.Raw, path: Path, place: str) -> dict:
    """One JSON object."""
    found = safely.anything(raw, path, place)
    return found if isinstance(found, dict) else {}


def _latest(entries: list[Entry]) -> tuple[dict[tuple[str, int], Entry], int]:
    """Of samples that were run or scored again the last, and how many were superseded."""
    latest: dict[tuple[str, int], Entry] = {}
    for entry in entries:
        latest[str(entry.id), entry.epoch] = entry
    return latest, len(entries) - len(latest)


def _samples(
    path: Path,
    header: dict,
    found: tuple[dict, int],
    archive: safely.Zip | None,
    names: set[str] | dict,
    picks: dict[str, str],
) -> Samples:
    entries, superseded = found
    spec, results = header.get("eval"), header.get("results")
    if not isinstance(spec, dict) or not isinstance(spec.get("task"), str) or not spec["task"]:
        raise BadFile(
            path,
            "key eval",
            "it does not say which task was run",
            "give a log that inspect has written",
        )
    scorer, metric = _choose(path, entries, picks)
    config = safely.at(spec, "config")
    expected = safely.number(safely.at(results, "total_samples")) or len(
        ids if isinstance(ids := safely.at(spec, "dataset", "sample_ids"), list) else []
    ) * (safely.number(safely.at(config, "epochs")) or 1)
    status = str(header.get("status"))[:20]
    reasons = (
        []
        if status == "success"
        else [
            (
                "the run crashed or was still going on: the log has no header"
                if status == CRASHED
                else f"the run's status is {status}"
            )
        ]
    )
    if len(entries) < expected:
        reasons.append(f"{len(entries)} of {expected:.0f} samples")
    left_out = Counter({"a sample that was run again": superseded} if superseded else {})
    model = spec.get("model") if isinstance(spec.get("model"), str) else None
    return Samples(
        benchmark_id=spec["task"],
        harness=_harness(header, scorer, metric),
        rows=_rows(path, entries, scorer, metric, model, archive, set(names), left_out),
        model_name=model,
        facts={
            key: value
            for key in (
                "created",
                "run_id",
                "eval_id",
                "revision",
                "packages",
                "model_args",
                "model_base_url",
            )
            if (value := spec.get(key))
        }
        | {"status": status},
        partial="; ".join(reasons) or None,
        left_out=left_out,
    )


def _choose(
    path: Path, entries: dict[tuple[str, int], Entry], picks: dict[str, str]
) -> tuple[str, str]:
    """The scorer, and which of its values: "value" where it gives but one."""
    first: dict[str, Score] = {}
    for entry in entries.values():
        for scorer, score in _decoded_scores(entry, path).items():
            first.setdefault(scorer, score)
        if first and (picks.get("scorer") is None or picks["scorer"] in first):
            break
    scorer = safely.choose(path, "scorer", picks.get("scorer"), list(first))
    value = _values(first[scorer].value or b"null", path, f"scorer {scorer}")
    return scorer, safely.choose(
        path,
        f"value of scorer {scorer} called",
        picks.get("metric"),
        list(value) if isinstance(value, dict) else ["value"],
    )


def _decoded_scores(entry: Entry, path: Path) -> dict[str, Score]:
    place = f"scores of sample {str(entry.id)[:60]}, epoch {entry.epoch}"
    return (_scores(entry.scores, path, place) if len(entry.scores) else None) or {}


def _rows(
    path: Path,
    entries: dict,
    scorer: str,
    metric: str,
    model: str | None,
    archive: safely.Zip | None,
    names: set[str],
    left_out: Counter[str],
) -> Iterator[Sample]:
    """Every scored sample; epoch 1 is attempt 0."""
    try:
        for (item, epoch), entry in entries.items():
            place = f"sample {item[:60]}, epoch {epoch}"
            if epoch < 1:
                raise BadFile(
                    path, place, "epochs count from 1", "give a log that inspect has written"
                )
            score = _decoded_scores(entry, path).get(scorer)
            value = None if score is None else _score(score.value, metric, path, place)
            prompt = None if value is None else _prompt(entry, path, place, archive, names)
            if prompt is None:
                failed = len(entry.error) and bytes(entry.error) != b"null"
                reason = (
                    "its prompt is not kept whole"
                    if value is not None
                    else (
                        "it ended in an error"
                        if failed and score is None
                        else f"no finite score from {scorer}"
                    )
                )
                left_out[reason] += 1
                continue
            usage = (
                _usage(entry.model_usage or b"null", path, f"model_usage of {place}") or {}
            ).get(model or "")
            limit = _small(entry.limit, path, place)
            yield Sample(
                item,
                safely.text_id(json.dumps(prompt)),
                epoch - 1,
                value,
                "all",
                _shown(*prompt),
                _listed(_small(entry.target, path, place)),
                _listed(_small(score.answer, path, place)),
                usage.output_tokens if usage else None,
                limit if isinstance(limit, str) else safely.at(limit, "type"),
            )
    finally:
        if archive:
            archive.close()


def _score(raw: msgspec.Raw, metric: str, path: Path, place: str) -> float | None:
    """A score's value as a finite number, as the tool itself reads letters and words."""
    value = _values(raw, path, place) if 0 < len(raw) <= MAX_SMALL else None
    if isinstance(value, dict):
        value = _values(value[metric], path, place) if metric in value else None
    if not isinstance(value, str):
        return safely.number(value)
    if value in SCORES or value.lower() in SCORES:
        return SCORES.get(value, SCORES.get(value.lower()))
    try:
        return safely.number(float(value)) if len(value) <= safely.SCALAR_LENGTH else None
    except ValueError:
        return None


def _prompt(
    entry: Entry, path: Path, place: str, archive: safely.Zip | None, names: set[str]
) -> tuple | None:
    """(text or [[role, content], ...], choices), or None where the log keeps only a part of it."""
    shown = _input(entry, path, place)
    if archive and (
        shown is None
        or (
            shown.endswith(SHORTENED)
            if isinstance(shown, str)
            else any(
                not isinstance(content, str) or content.endswith(SHORTENED) for _, content in shown
            )
        )
    ):
        whole, chunked = (
            f"samples/{entry.id}_epoch_{entry.epoch}.json",
            f"samples/{entry.id}_epoch_{entry.epoch}/sample.json",
        )
        name = next((name for name in (whole, chunked) if name in names), None)
        if name is None:
            return None
        entry = _entry(archive.read(name), path, f"member {name[:100]}")
        shown = _input(entry, path, place)
        # an index there, which says nothing about the text
        if name == chunked and "attachment://" in json.dumps(shown):
            return None
    return (
        None
        if shown is None
        else (shown, _choices(entry.choices or b"null", path, f"choices of {place}"))
    )


def _input(entry: Entry, path: Path, place: str) -> str | list | None:
    """What the sample asked: text, or messages without their random ids; None if it is too large to
    tell.
    """
    if len(entry.input) > safely.MAX_FACTS:
        return None
    if bytes(entry.input)[:1] == b"[":
        return [
            [message.role, safely.anything(message.content or b"null", path, place)]
            for message in _messages(entry.input, path, place)
        ]
    found = safely.anything(entry.input, path, place)
    if not isinstance(found, str):
        raise BadFile(
            path,
            place,
            "its input is neither a text nor a list of messages",
            "give a log that inspect has written",
        )
    return found


def _shown(input: str | list, choices: list[str] | None) -> str:
    """A prompt for people to read."""
    text = (
        input
        if isinstance(input, str)
        else "\n\n".join(f"{role}: {_listed(content) or ''}" for role, content in input)
    )
    return text + "".join(f"\n- {choice}" for choice in choices or [])


def _small(raw: msgspec.Raw, path: Path, place: str) -> object:
    """Any JSON of at most MAX_SMALL bytes; None for nothing and for more."""
    return safely.anything(raw, path, place) if 0 < len(raw) <= MAX_SMALL else None


def _listed(value: object) -> str | None:
    """Text as it is, other values as JSON."""
    return (
        value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)
    )


def _harness(header: dict, scorer: str, metric: str) -> dict:
    """What must agree between two runs. plan_sha256: over the solvers with their parameters,
    templates and examples among them.
    """
    spec = header["eval"]
    config, generate = safely.at(spec, "config"), {}
    for settings in (safely.at(spec, "model_generate_config"), safely.at(header, "plan", "config")):
        generate |= (
            {key: value for key, value in settings.items() if key not in RUNTIME}
            if isinstance(settings, dict)
            else {}
        )
    steps = safely.at(header, "plan", "steps")
    steps = (
        [[safely.at(step, "solver"), safely.at(step, "params")] for step in steps]
        if isinstance(steps, list)
        else []
    )
    return {
        "harness": KIND,
        "task_version": spec.get("task_version"),
        "task_args": spec.get("task_args"),
        "data_set": safely.at(spec, "dataset", "name"),
        "scorer": scorer,
        "metric": metric,
        "solvers": [solver for solver, _ in steps],
        "plan_sha256": hashlib.sha256(json.dumps(steps, sort_keys=True).encode()).hexdigest(),
        "generate": generate,
        **{
            key: safely.at(config, key)
            for key in (
                "epochs",
                "message_limit",
                "token_limit",
                "turn_limit",
                "time_limit",
                "working_limit",
                "cost_limit",
            )
        },
    }
