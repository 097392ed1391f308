"""Runs of one model on one text that stand in one log or folder: told apart, or refused."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ...errors import ExitCode, QwhError
from .port import NotTaken, Summary

ROUNDING = 1e-4  # of a perplexity, relative: a final estimate has four digits behind the point


def told_apart(path: Path, found: list[Summary]) -> Iterator[Summary | NotTaken]:
    """Each run once, in their order; those of one model and text under names that tell them apart.

    What differs in their commands goes behind the name: tiny-Q4_0 -ctk q8_0. Runs without a name
    are left as they are. Raises QwhError where equal commands printed other numbers.
    """
    for key, members in _grouped(found):
        if key[0] is None or len(members) == 1:
            yield from members
            continue
        names = _names(members)
        for name in dict.fromkeys(names):
            run, passed = _one(path, [run for run, one in zip(members, names) if one == name])
            yield from (NotTaken(name, why) for why in passed)
            yield replace(run, quant_name=name)


def _grouped(found: list[Summary]) -> Iterator[tuple[tuple, list[Summary]]]:
    """Runs of one model, text, context length and role."""
    keys = dict[tuple, list[Summary]]()
    for run in found:
        key = (run.quant_name, run.corpus_id, run.context_length, run.is_reference)
        keys.setdefault(key, []).append(run)
    yield from keys.items()


def _numbers(run: Summary) -> tuple:
    return (run.statistics, run.chunks, run.partial)


def _names(runs: list[Summary]) -> list[str]:
    """A name for each, with the options that are not the same in all commands."""
    settings = [run.facts["settings"] for run in runs if "settings" in run.facts]
    if len(settings) < len(runs):
        return [str(run.quant_name) for run in runs]
    options = dict.fromkeys(option for given in settings for option in given)
    differ = [name for name in options if len({given.get(name) for given in settings}) > 1]
    return [
        " ".join([str(run.quant_name), *(f"{o} {given[o]}".strip() for o in differ if o in given)])
        for run, given in zip(runs, settings)
    ]


def _one(path: Path, alike: list[Summary]) -> tuple[Summary, list[str]]:
    """The run that counts of those with equal settings, and why the others do not.

    Raises QwhError.
    """
    kept, passed = list[Summary](), list[str]()
    for run in alike:
        if any(_numbers(run) == _numbers(other) for other in kept):
            passed.append("the same numbers stand in it twice")
        else:
            kept.append(run)
    if len(kept) == 1:
        return kept[0], passed
    complete = [run for run in kept if not run.partial]
    passed += [f"{run.partial}: a complete run is beside it" for run in kept if run.partial]
    if len(complete) == 1:
        return complete[0], passed
    compared = [run for run in complete if "kld_mean" in _values(run)]
    if len(compared) == 1 and all(_agree(compared[0], run) for run in complete):
        return compared[0], [*passed, "its perplexity is among the statistics of the run beside it"]
    raise QwhError(f"cannot use {path}: {_difference(kept)}", ExitCode.MISMATCH)


def _values(run: Summary) -> dict[str, float]:
    return {statistic.metric: statistic.value for statistic in run.statistics}


def _agree(a: Summary, b: Summary) -> bool:
    ppl, other = _values(a).get("ppl"), _values(b).get("ppl")
    same = all(_fact(a, name) in (None, _fact(b, name)) for name in ("chunks", "base_file"))
    return same and ppl is not None and other is not None and abs(ppl - other) <= ROUNDING * ppl


def _fact(run: Summary, name: str) -> object:
    return run.facts.get(name)


def _difference(alike: list[Summary]) -> str:
    """Why runs of one quant on one text are no single measurement."""
    name, corpus = alike[0].quant_name, alike[0].corpus_id or "a text that it does not name"
    files = list(dict.fromkeys(str(run.facts["file"]) for run in alike if "file" in run.facts))
    where = f" ({', '.join(files[:3])})" if files else ""
    start = f"{len(alike)} runs of {name} on {corpus}{where}"
    for fact, word in (("chunks", "of {} chunks"), ("base_file", "against the base {}")):
        values = [str(value) for run in alike if (value := _fact(run, fact)) is not None]
        if len(set(values)) > 1:
            said = " and ".join(word.format(value) for value in dict.fromkeys(values))
            return f"{start}, {said}: they are no single measurement: give each a --corpus-id"
    bases = [value for run in alike if (value := _values(run).get("ppl_ref")) is not None]
    if bases and max(bases) - min(bases) > ROUNDING * max(bases):
        said = " and ".join(f"{base:g}" for base in dict.fromkeys(bases))
        return (
            f"{start}, PPL(base) {said}: they are on several texts, or against several bases: give"
            " each by itself, with its --corpus-id"
        )
    advice = "by itself, with its --quant-id" if files else "in a file of its own, with --quant-id"
    return f"{start} with other numbers, which nothing in it tells apart: give each {advice}"
