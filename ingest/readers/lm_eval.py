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
        is_results = path.suffix == ".json" and not looks_like_samples(_start(path))
        files = samples_beside(path) if is_results else [path]
    runs = _runs(files)
    if path.is_dir():
        _refuse_two_models(path, runs)
    benchmarks, apart = together(_best([part for run in runs for part in _parts(run)]))
    yield from apart
    for benchmark in benchmarks:
        found = benchmark.read(picks)
        if isinstance(found, NotTaken) and len(benchmarks) == 1:
            raise BadFile(path, f"task {found.what}", found.why, "check what was run")
        yield found


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1 << 16)


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


def _refuse_two_models(path: Path, runs: list[Written]) -> None:
    """Raise BadFile where the runs in a folder are of several models.

    What no results json names is told apart by its folder, which the tool names after the model.
    """
    labels = dict.fromkeys(run.model.label() for run in runs if run.model)
    named = {run.files[0].parent for run in runs if run.model}
    for run in runs:
        folder = run.files[0].parent
        if run.model is None and folder not in named:
            labels.setdefault(str(folder.relative_to(path)), None)
    if len(labels) > 1:
        shown = ", ".join(list(labels)[:10])
        raise BadFile(
            path,
            "as a whole",
            f"it holds answers of {len(labels)} models: {shown}",
            "give the folder or the results json of one",
        )


def _parts(run: Written) -> Iterator[Part]:
    """What a run's files hold, by task. Raises BadFile."""
    for path in run.files:
        found = survey(path)
        if not found.tasks:
            raise BadFile(
                path, "as a whole", "it holds no samples", "give a samples file of lm-eval"
            )
        for task, filters in found.tasks.items():
            yield Part(task or _task(path, run), path, run, filters, found.cut)


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
