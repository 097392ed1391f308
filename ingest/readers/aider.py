"""Aider's benchmark: the folder of a run, with an .aider.results.json beside each exercise.

RUN/LANGUAGE/exercises/practice/EXERCISE/.aider.results.json holds whether the tests passed after
each try; a later try has seen the errors of the one before. Pick metric: passed (after the last
try, the default), or pass_rate_1, pass_rate_2, ... (within so many tries). An exercise without an
outcome was not run. prompt_id is over the language and the exercise's name.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...errors import BadFile
from .port import Found, Picks, Sample, Samples, choose, text_id
from .several import only_model
from .untrusted.files import contents, existing
from .untrusted.json_typed import decoder
from .untrusted.trees import any_below, below

NAME = ".aider.results.json"
WHOLE = "passed"  # after the last try


class Exercise(msgspec.Struct):
    """The results of one exercise; one that broke off has an exception alone."""

    tests_outcomes: list[bool] = []
    testcase: str | None = None
    model: str | None = None
    edit_format: str | None = None


_exercise = decoder(Exercise)


def recognises(path: Path, head: bytes) -> bool:
    """By the name of the results' file; a folder by one in it."""
    return any_below(path, NAME) if path.is_dir() else path.name == NAME


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples. Picks: model, metric. Raises BadFile."""
    path = existing(path)
    files = [path] if path.is_file() else below(path, NAME)
    if not files:
        advice = "give the folder of a run of aider's benchmark"
        raise BadFile(path, "as a whole", f"there is no {NAME} in it", advice)
    found = {file: _exercise(contents(file), file, "as a whole") for file in files}
    models = {each.model for each in found.values() if each.model}
    model = only_model(path, models, picks.get("model")) if models else None
    found = {file: each for file, each in found.items() if each.model in (None, model)}
    _refuse_two_runs(path, found)
    run = {file: each for file, each in found.items() if each.tests_outcomes}
    if not run:
        advice = "run the benchmark with its tests"
        raise BadFile(path, "as a whole", "none of its exercises was run", advice)
    formats = {each.edit_format for each in run.values()}
    if len(formats) > 1:
        what = f"its exercises were edited in several formats, {', '.join(map(str, formats))}"
        raise BadFile(path, "as a whole", what, "give one run's folder")
    longest = max(len(each.tests_outcomes) for each in run.values())
    metrics = [WHOLE, *(f"pass_rate_{tries + 1}" for tries in range(longest))]
    metric = choose(path, "metric", picks.get("metric"), metrics)
    tries = None if metric == WHOLE else metrics.index(metric)
    partial = f"{len(run)} of {len(found)} exercises" if len(run) < len(found) else None
    yield Samples(
        benchmark_id="aider-polyglot",
        harness={"harness": "aider", "edit_format": formats.pop(), "metric": metric},
        rows=(_sample(file, each, tries) for file, each in run.items()),
        model_name=model,
        metric=metric,
        other_metrics=[name for name in metrics if name != metric],
        smaller_is_better=False,
        partial="one exercise alone" if path.is_file() else partial,
        left_out=Counter({"an exercise that was not run": len(found) - len(run)})
        if partial
        else {},
    )


def _place(file: Path) -> tuple[Path, str, str]:
    """The run's folder, the language and the exercise that a results file is of."""
    parts = file.resolve().parts
    if parts[-4:-2] == ("exercises", "practice") and len(parts) > 5:
        return Path(*parts[:-5]), parts[-5], parts[-2]
    return Path(*parts[:-2]), "all", parts[-2]


def _refuse_two_runs(path: Path, found: dict[Path, Exercise]) -> None:
    """Raise BadFile where the results of several runs lie in one folder."""
    runs = sorted({str(_place(file)[0]) for file in found})
    if len(runs) > 1:
        names = ", ".join(Path(run).name for run in runs[:20])
        raise BadFile(path, "as a whole", f"it holds {len(runs)} runs, {names}", "give one of them")


def _sample(file: Path, each: Exercise, tries: int | None) -> Sample:
    """An exercise: right if its tests passed after the last try, or within so many."""
    _, language, name = _place(file)
    outcomes = each.tests_outcomes
    passed = outcomes[-1] if tries is None else any(outcomes[:tries])
    item = name if language == "all" else f"{language}/{name}"
    return Sample(item, text_id(language, name), 0, float(passed), language)
