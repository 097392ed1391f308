"""Whether what a command says can be meant of all that its files hold."""

from collections.abc import Iterable

from ...errors import ExitCode, QwhError
from ..readers.port import NotTaken, Results, Samples, Summary, task_of
from .source import Import, Source, whose

SHOWN = 8  # names in one line


def refuse_several(finds: list[tuple[Source, Results]], asked: Import) -> None:
    """Raise QwhError where one option would stand for several things."""
    for quant_id in dict.fromkeys(source.quant_id for source, _ in finds):
        mine = [(source, found) for source, found in finds if source.quant_id == quant_id]
        answers = [found for _, found in mine if isinstance(found, Samples)]
        if quant_id:
            _refuse_more(f"--quant-id {quant_id}", [found.model_name for found in answers])
            _refuse_quants(mine)
        if asked.benchmark_id:
            benchmarks = [found.benchmark_id for found in answers]
            _refuse_more(f"--benchmark-id {asked.benchmark_id}", benchmarks)
    metrics = [found.metric for _, found in finds if isinstance(found, Samples)]
    if asked.score_max is not None:
        _refuse_more(f"--score-max {asked.score_max:g}", metrics)
    if asked.smaller_is_better:
        _refuse_more("--smaller-is-better", metrics)
    for source in dict.fromkeys(source for source, _ in finds):
        if not source.quant_id:
            _refuse_nameless(source, [found for where, found in finds if where == source])
    _refuse_unmet_sizes(finds, asked)


def _refuse_unmet_sizes(finds: list[tuple[Source, Results]], asked: Import) -> None:
    """Raise QwhError for the size of a quant that is not among those brought in."""
    names = {name for source, found in finds if (name := whose(found, source))}
    there = f"there are {', '.join(sorted(names)[:SHOWN])}" if names else "give a --quant-id"
    for quant_id in asked.sizes:
        if quant_id not in names:
            raise QwhError(
                f"--size {quant_id}: there is no such quant in these files: {there}",
                ExitCode.NOT_FOUND,
            )


def refuse_unmet_picks(
    finds: list[tuple[Source, Results]], untaken: list[NotTaken], asked: Import
) -> None:
    """Raise QwhError for a choice that is meant for a benchmark that is not there."""
    taken = {found.benchmark_id for _, found in finds if isinstance(found, Samples)}
    there = sorted(taken | {found.what for found in untaken})
    for name, value in asked.picks.items():
        task = task_of(name)
        if task is not None and task not in there:
            raise QwhError(
                f"--pick {name}={value}: there is no benchmark {task} in these files: there are"
                f" {', '.join(there[:SHOWN]) or 'none'}",
                ExitCode.NOT_FOUND,
            )


def _refuse_more(option: str, there: Iterable[str | None]) -> None:
    names = [name for name in dict.fromkeys(there) if name]
    if len(names) > 1:
        shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        raise QwhError(
            f"{option} is meant of one, and there are {len(names)}: {shown}: leave it out,"
            " or give each in a command of its own",
            ExitCode.USAGE,
        )


def _refuse_quants(mine: list[tuple[Source, Results]]) -> None:
    """Raise QwhError where one name stands for several quants, or one text is there twice."""
    summed = [(source, found) for source, found in mine if isinstance(found, Summary)]
    quants = {found.quant_name for _, found in summed if found.quant_name}
    texts = {(source.path, found.corpus_id, found.context_length) for source, found in summed}
    if len(quants) > 1 or len(texts) < len(summed):
        source = summed[0][0]
        found = f"{len(quants)} quants" if len(quants) > 1 else f"{len(summed)} runs on one text"
        raise QwhError(
            f"--quant-id {source.quant_id} names one quant, and {source.path.name} holds"
            f" {found}: leave it out, or give them in files of their own",
            ExitCode.USAGE,
        )


def _refuse_nameless(source: Source, finds: list[Results]) -> None:
    """Raise QwhError where one --quant-id cannot name what the file leaves without a name."""
    summed = [found for found in finds if isinstance(found, Summary)]
    nameless = sum(found.quant_name is None for found in summed)
    if nameless and len(summed) > 1:
        raise QwhError(
            f"{source.path} holds {len(summed)} runs and does not name the quant of {nameless}:"
            " give each run in a file of its own, with --quant-id or --quant-from",
            ExitCode.USAGE,
        )
