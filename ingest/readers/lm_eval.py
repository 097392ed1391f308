"""lm-evaluation-harness and lmms-eval: samples of each task, and the results json beside them.

One Samples per task; tasks that the tool averages over their documents into one figure (mmlu and
its 57) are one benchmark, whose categories they are. A samples file is opened in append mode, so it
may hold several runs: the last complete one counts. prompt_id joins the tool's own hashes of the
prompt and the document; a multiple-choice answer is the log-likelihoods as written.
"""

from collections.abc import Iterator
from pathlib import Path

from ...errors import BadFile
from .lm_eval_benchmarks import Part, Written, together
from .lm_eval_files import (
    is_folder,
    looks_like_results,
    looks_like_samples,
    name_of,
    results_beside,
    samples_beside,
    samples_in,
)
from .lm_eval_lines import survey
from .lm_eval_results import model_of
from .port import Found, NotTaken, Picks
from .registry import head
from .untrusted.files import existing
from .untrusted.json_plain import at
from .untrusted.json_typed import settings_file


def recognises(path: Path, head: bytes) -> bool:
    """Samples, a results json, or a folder of them, whatever version wrote them."""
    if path.is_dir():
        return is_folder(path)
    if looks_like_samples(head):
        return True
    return "results" in path.name and looks_like_results(head)


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """The answers to each task or group of tasks. Picks: filter, metric. Raises BadFile."""
    path = existing(path)
    if path.is_dir():
        files = samples_in(path)
    else:
        is_results = path.suffix == ".json" and not looks_like_samples(head(path))
        files = samples_beside(path) if is_results else [path]
    runs = _runs(files)
    parts, passed = _parts(runs)
    if path not in files:
        _refuse_two_models(path, runs, parts)
    benchmarks, apart = together(_best(parts))
    yield from passed + apart
    for benchmark in benchmarks:
        found = benchmark.read(picks)
        if isinstance(found, NotTaken) and len(benchmarks) == 1:
            raise BadFile(path, f"task {found.what}", found.why, "check what was run")
        yield found


def _runs(files: list[Path]) -> list[Written]:
    """The files, by folder and date."""
    together: dict[tuple[Path, str | None], list[Path]] = {}
    for file in files:
        together.setdefault((file.parent, name_of(file).date), []).append(file)
    runs = []
    for (folder, date), group in together.items():
        beside = results_beside(folder, date)
        results = settings_file(beside) if beside else {}
        runs.append(Written(group, date, results, model_of(results)))
    return runs


def _refuse_two_models(path: Path, runs: list[Written], parts: list[Part]) -> None:
    """Raise BadFile where the runs beside each other are of several models.

    What no results json names is told apart by its folder, which the tool names after the model,
    before 0.4.3 by what stands before the task in a file's name.
    """
    labels = dict.fromkeys(run.model.label() for run in runs if run.model)
    named = {run.files[0].parent for run in runs if run.model}
    folder = path if path.is_dir() else path.parent
    for run in runs:
        where = run.files[0].parent
        if run.model is None and where not in named:
            labels.setdefault(str(where.relative_to(folder)), None)
    before = {prefix for part in parts if (prefix := _before_task(part.path, part.task))}
    for shown in (labels, dict.fromkeys(sorted(before))):
        if len(shown) > 1:
            raise BadFile(
                path,
                "as a whole",
                f"it holds answers of {len(shown)} models: {', '.join(list(shown)[:10])}",
                "give the folder, the results json or the files of one",
            )


def _before_task(path: Path, task: str) -> str | None:
    """What stands before the task in the name of a file from before 0.4.3."""
    stem, _, is_task = name_of(path)
    return None if is_task or not task else stem.removesuffix(task).removesuffix("_") or None


def _parts(runs: list[Written]) -> tuple[list[Part], list[NotTaken]]:
    """What the files of all runs hold, by task. Raises BadFile."""
    parts, passed = list[Part](), list[NotTaken]()
    for run in runs:
        for path in run.files:
            found = survey(path)
            for task, filters in found.tasks.items():
                name = task or _task(path, run)
                of = run if task else run.of_file(_before_task(path, name))
                parts.append(Part(name, path, of, filters, found.cut))
            if not found.tasks:
                passed.append(NotTaken(path.name, "it holds no samples"))
    if not parts:
        path = runs[0].files[0]
        raise BadFile(path, "as a whole", "it holds no samples", "give a samples file of lm-eval")
    return parts, passed


def _task(path: Path, run: Written) -> str:
    """The task that a file's name says, with the results json's help; "" where nothing does.

    Raises BadFile where several files do not say.
    """
    stem, _, is_task = name_of(path)
    if is_task:
        return stem
    known = [
        task
        for key in ("configs", "results")
        for task in (at(run.results, key) or {})
        if stem == task or stem.endswith(f"_{task}")
    ]
    if not known and len(run.files) > 1:
        raise BadFile(
            path,
            "its name",
            "it does not tell the task, nor does a results json beside it",
            "give each file by itself, with a --benchmark-id",
        )
    return max(known, key=len, default="")


def _best(parts: list[Part]) -> list[Part]:
    """Of each task the newest of its files with the most documents."""
    same: dict[str, list[Part]] = {}
    for part in parts:
        same.setdefault(part.task, []).append(part)
    kept = []
    for several in same.values():
        best = max(several, key=lambda part: (part.size(), part.run.date or "", part.path.name))
        best.older = len(several) - 1
        kept.append(best)
    return kept
