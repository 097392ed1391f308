"""tau2-bench: a results file with a simulation for each trial of each task.

The file may hold the simulations itself, or lie beside a folder `simulations` with one file each.
The score is the reward. As in the tool's own figures, a simulation that broke off for want of the
infrastructure or the context window counts neither as right nor as wrong.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ...errors import BadFile
from .port import Found, Picks, Sample, Samples, text_id
from .several import each_file, looks_below
from .untrusted.files import MAX_WHOLE, contents
from .untrusted.json_outline import outline
from .untrusted.json_plain import at, finite
from .untrusted.json_typed import anything, decoder
from .untrusted.trees import below

NOT_JUDGED = ("infrastructure_error", "context_window_exceeded")
FOLDER = "simulations"


class Reward(msgspec.Struct):
    reward: float | None = None


class Simulation(msgspec.Struct):
    """One trial of one task."""

    task_id: str | int
    trial: int | None = None
    reward_info: Reward | None = None
    termination_reason: str | None = None
    messages: msgspec.Raw = msgspec.Raw(b"null")


class Scenario(msgspec.Struct):
    instructions: msgspec.Raw = msgspec.Raw(b'""')


class Task(msgspec.Struct):
    id: str | int
    user_scenario: Scenario | None = None


class Results(msgspec.Struct):
    """The file."""

    info: msgspec.Raw
    tasks: list[Task] = []
    simulations: list[Simulation] = []


_results = decoder(Results, MAX_WHOLE)
_simulation = decoder(Simulation, MAX_WHOLE)


def recognises(path: Path, head: bytes) -> bool:
    """By who took part, or by simulations with a reward; a folder by such a file in it."""
    if path.is_dir():
        return looks_below(path, ".json", recognises)
    opening, keys, _ = outline(head)
    told = keys >= {"info", "tasks"} and b'"agent_info"' in head
    rewarded = FOLDER in keys and b'"reward_info"' in head and b'"task_id"' in head
    return opening == b"{" and (told or rewarded)


def read(path: Path, picks: Picks) -> Iterator[Found]:
    """One Samples for each domain. Pick model. Raises BadFile."""
    yield from each_file(path, picks, ".json", recognises, _one)


def _one(path: Path, picks: Picks) -> Iterator[Found]:
    """One results file."""
    found: Results = _results(contents(path), path, "as a whole")
    simulations = found.simulations or _beside(path)
    if not simulations:
        advice = "give a file that tau2 run has saved"
        raise BadFile(path, "as a whole", "it holds no simulations", advice)
    info = anything(found.info, path, "info")
    domain = at(info, "environment_info", "domain_name")
    domain = domain if isinstance(domain, str) and domain else "unknown"
    trials, model = at(info, "num_trials"), at(info, "agent_info", "llm")
    planned = trials * len(found.tasks) if type(trials) is int else 0
    left_out: Counter[str] = Counter()
    samples = Samples(
        benchmark_id=f"tau2-{domain}",
        harness={
            "harness": "tau2",
            "domain": domain,
            "agent": at(info, "agent_info", "implementation"),
            "user": at(info, "user_info", "llm"),
        },
        rows=iter(()),
        model_name=model if isinstance(model, str) and model else None,
        metric="reward",
        smaller_is_better=False,
        facts={"git_commit": at(info, "git_commit"), "max_steps": at(info, "max_steps")},
        left_out=left_out,
    )
    if len(simulations) < planned:
        samples.partial = f"{len(simulations)} of {planned} simulations"
    samples.rows = _rows(path, found.tasks, simulations, samples, left_out)
    yield samples


def _beside(path: Path) -> list[Simulation]:
    """The simulations that lie in a folder of their own beside the results."""
    folder = path.with_name(FOLDER)
    files = below(folder, ".json", 0) if folder.is_dir() else []
    return [_simulation(contents(file), file, "as a whole") for file in files]


def _rows(
    path: Path,
    tasks: list[Task],
    simulations: list[Simulation],
    samples: Samples,
    left_out: Counter[str],
) -> Iterator[Sample]:
    """Every simulation with a reward."""
    texts = {
        str(task.id): _instructions(task.user_scenario, path, f"task {task.id}")
        for task in tasks
        if task.user_scenario
    }
    seen: Counter[str] = Counter()
    for simulation in simulations:
        task, ended = str(simulation.task_id), simulation.termination_reason
        number = seen[task] if simulation.trial is None else simulation.trial
        seen[task] += 1
        reward = finite(simulation.reward_info.reward) if simulation.reward_info else None
        if ended in NOT_JUDGED or reward is None:
            reason = f"that ended with {ended}" if ended in NOT_JUDGED else "without a reward"
            left_out[f"a simulation {reason}"] += 1
            samples.partial = samples.partial or "not every simulation was judged"
            continue
        text = texts.get(task)
        yield Sample(
            task,
            text_id(samples.benchmark_id, task, text or ""),
            max(number, 0),
            reward,
            prompt=text,
            answer=_last_answer(anything(simulation.messages, path, f"messages of task {task}")),
            finish_reason=ended,
        )


def _instructions(scenario: Scenario, path: Path, place: str) -> str:
    """What the simulated user was told: a text, or an object, written out with sorted keys."""
    found = anything(scenario.instructions, path, place)
    if isinstance(found, str):
        return found
    return json.dumps(found, sort_keys=True, ensure_ascii=False)


def _last_answer(messages: object) -> str | None:
    """The last thing that the agent said."""
    for message in reversed(messages if isinstance(messages, list) else []):
        content = at(message, "content")
        if at(message, "role") == "assistant" and isinstance(content, str) and content:
            return content
    return None
