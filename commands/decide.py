"""`qwh compare`, `plan`, `pick` and `card`: what these prompts decide, and how many would more."""

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ExitCode, QwhError
from .options import DEFAULT, CohortOption, WarehouseOption, points, size

if TYPE_CHECKING:
    from ..database.answers import Answers
    from ..database.warehouse import Warehouse
    from ..kernels.statistics.decisions import Cohort, Pairs

MARGIN = "the project's own margin if not given."


def compare(
    first: Annotated[str, typer.Argument(help="A quant, or the reference.")],
    second: Annotated[str, typer.Argument(help="The quant that is judged against it.")],
    cohort: CohortOption = None,
    margin: Annotated[
        str | None,
        typer.Option(help=f"Difference of score that counts as none: 1pt, 1%, 0.01; {MARGIN}"),
    ] = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Compare two quants on the prompts that both answered, and say what would settle it. Example:
    qwh compare Q8_0 Q4_K_M
    """
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render

    rows, sentences = compared(Warehouse(warehouse), first, second, cohort, _points(margin))
    print(render(table(rows)), *sentences, sep="\n")


def plan(
    pair: Annotated[
        tuple[str, str] | None, typer.Option(help="Two quants, or the reference and a quant.")
    ] = None,
    delta: Annotated[
        str | None, typer.Option(help=f"True difference to be found: 1pt, 1%, 0.01; {MARGIN}")
    ] = None,
    volume: Annotated[
        float | None,
        typer.Option(help="Share of prompts that divide them, in place of a pair.", min=0, max=1),
    ] = None,
    cohort: CohortOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Say how many prompts a difference takes. Example: qwh plan --pair Q8_0 Q4_K_M --delta 1pt"""
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render

    if (pair is None) == (volume is None):
        raise QwhError(
            "qwh plan wants either --pair A B or --volume SHARE: give one of them", ExitCode.USAGE
        )
    rows = planned(Warehouse(warehouse), pair, cohort, _points(delta), volume)
    print(render(table(rows)))


def pick(
    max_bytes: Annotated[
        str | None, typer.Option(help="Largest file: 4GB, 700MB, 123456789.")
    ] = None,
    cohort: CohortOption = None,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Name the smallest quant that these prompts do not resolve from the highest score. Example:
    qwh pick --max-bytes 4GB
    """
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render

    limit = size(max_bytes) if max_bytes else None
    rows, sentence = picked(Warehouse(warehouse), cohort, limit)
    print(render(table(rows)), sentence, sep="\n")


def card(cohort: CohortOption = None, warehouse: WarehouseOption = DEFAULT) -> None:
    """Print what a cohort's prompts can resolve at all. Example: qwh card"""
    from ..database.warehouse import Warehouse
    from ..exports.port import table
    from ..exports.terminal import render

    print(render(table(resolved(Warehouse(warehouse), cohort))))


def compared(
    warehouse: "Warehouse", first: str, second: str, cohort: str | None, margin: float
) -> tuple[list[dict], list[str]]:
    """The second against the first: a row for each benchmark, and sentences about all of them."""
    from ..database.answers import read_answers
    from ..kernels.statistics.decisions import compare_pair

    answers = read_answers(warehouse, cohort)
    rows, whole = compare_pair(_pair(answers, first, second), answers.weights, *_draws(), margin)
    names = {"first": first, "second": second}
    named = [{names.get(key, key): value for key, value in row.items()} for row in rows]
    return named, _sentences(first, second, whole, margin)


def planned(
    warehouse: "Warehouse",
    pair: tuple[str, str] | None,
    cohort: str | None,
    delta: float,
    volume: float | None,
) -> list[dict]:
    """Prompts that resolve a true difference of delta (80 % power, 5 %).

    By benchmark of a pair, or for a given volume.
    """
    from ..database.answers import read_answers
    from ..kernels.statistics.decisions import budget
    from ..kernels.statistics.resolution import prompts_needed

    if pair is None:
        needed = prompts_needed(volume or 0.0, delta)
        return [{"volume": volume, "delta": delta, "prompts_needed": needed}]
    return budget(_pair(read_answers(warehouse, cohort), *pair), delta)


def picked(
    warehouse: "Warehouse", cohort: str | None, largest: float | None
) -> tuple[list[dict], str]:
    """A row for each quant, smallest first, and a sentence about the one picked.

    Size, volume and score with its place on their front. Raises QwhError where no size is known, or
    none is small enough.
    """
    from ..database.answers import read_answers
    from ..kernels.statistics.decisions import choose

    answers = read_answers(warehouse, cohort)
    quants = answers.names[1:]
    known = {quant: size for quant, size in zip(quants, answers.bytes) if size == size}
    if not known:
        raise QwhError(
            f"cohort {answers.cohort} holds no file sizes: ingest the quants' GGUF files with qwh"
            " ingest gguf",
            ExitCode.NOT_FOUND,
        )
    rows, choice, highest = choose(_cohort(answers), answers.bytes, largest, *_draws())
    if choice is None or highest is None:
        smallest = min(known, key=lambda quant: known[quant])
        raise QwhError(
            f"no quant of cohort {answers.cohort} is that small: the smallest is {smallest} with"
            f" {known[smallest]:,.0f} bytes",
            ExitCode.NOT_FOUND,
        )
    named = [{"quant_id": quant} | row for quant, row in zip(quants, rows)]
    named.sort(key=lambda row: row["bytes"] or float("inf"))
    if choice == highest:
        why = (
            "it has the highest score of those allowed, and every smaller one is resolved to lie"
            " below it"
        )
    else:
        why = (
            "the smallest whose score these prompts do not resolve from the highest"
            f" ({quants[highest]}); more prompts may part them"
        )
    return named, f"{quants[choice]}: {why}"


def resolved(warehouse: "Warehouse", cohort: str | None) -> list[dict]:
    """What a cohort's prompts resolve: rows of figure and value."""
    from ..database.answers import read_answers
    from ..kernels.statistics.decisions import resolves

    answers = read_answers(warehouse, cohort)
    found = resolves(_cohort(answers), *_draws())
    needed, smallest = found["prompts_for_closest"], found["minimum_difference"]
    benchmarks = len(set(answers.benchmarks))
    values = {
        "quants": f"{len(answers.names) - 1}",
        "prompts": f"{len(answers.benchmarks):,} of {benchmarks} benchmarks",
        "median volume against the reference": f"{found['volume']:.2%}",
        "standard error of a composite less the reference's, median": (
            f"{found['standard_error']:.2%}"
        ),
        "smallest difference that these prompts find at that volume (80 % power)": (
            "none" if smallest is None else f"{smallest:.2%}"
        ),
        "pairs of quants whose scores are resolved, all judged together": (
            f"{found['resolved']} of {found['pairs']}"
        ),
        "prompts that would resolve the closest pair": "-" if needed is None else f"{needed:,}",
    }
    return [{"figure": figure, "value": value} for figure, value in values.items()]


def _sentences(first: str, second: str, whole: dict, margin: float) -> list[str]:
    """What may be said, and what would settle the rest."""
    if whole["reason"]:
        return [f"nothing can be said: {whole['reason']}"]
    words = {
        "damaged": (
            f"{second} scores below {first} on these prompts, and the difference is resolved"
        ),
        "better": f"{second} scores above {first} on these prompts, and the difference is resolved",
        "equivalent": f"{second} and {first} are the same within {margin:.1%} of the prompts",
        "unresolved": f"not resolved: {second} may score above {first}, below it, or the same",
    }
    said = [
        f"{words[whole['verdict']]}: difference {whole['difference']:+.2%} [{whole['low']:+.2%},"
        f" {whole['high']:+.2%}], {whole['prompts']:,} prompts, of which {whole['volume']:.1%}"
        " divide them"
    ]
    if whole["verdict"] == "unresolved":
        smallest, needed = whole["minimum_difference"], whole["prompts_for_margin"]
        said.append(
            f"so many prompts find a difference of {smallest:.2%} (80 % power)"
            if smallest
            else "so few disagreements find no difference at all"
        )
        said.append(
            f"a true difference of {margin:.1%} at this volume takes about {needed:,} prompts"
            if needed
            else (
                f"at this volume no true difference reaches {margin:.1%}: more prompts would show"
                " them the same"
            )
        )
    return said


def _pair(answers: "Answers", first: str, second: str) -> "Pairs":
    """Scores of both on the prompts that both answered. Raises QwhError where there are none."""
    from ..kernels.statistics.decisions import common
    from ..kernels.statistics.texts import Prompts

    if first == second:
        raise QwhError(f"{first} against itself says nothing: name two quants", ExitCode.USAGE)
    rows = [answers.row(name) for name in (first, second)]
    pairs = common(answers.scores[rows], Prompts(answers.benchmarks, answers.texts))
    if not pairs:
        raise QwhError(
            f"{first} and {second} answered no prompt in common: see qwh show unpaired",
            ExitCode.NOT_FOUND,
        )
    return pairs


def _cohort(answers: "Answers") -> "Cohort":
    from ..kernels.statistics.decisions import Cohort
    from ..kernels.statistics.texts import Prompts

    prompts = Prompts(answers.benchmarks, answers.texts)
    return Cohort(answers.scores[1:], answers.scores[0], prompts, answers.weights)


def _draws() -> tuple[int, int]:
    """How many resamples, and their seed."""
    from ..database.settings import variables

    return variables()["n_resamples"], variables()["seed"]


def _points(text: str | None) -> float:
    """A difference of score as a fraction; the project's margin where none was given."""
    from ..database.settings import variables

    return points(text) if text else variables()["margin"]
