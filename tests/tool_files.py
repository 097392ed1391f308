"""Result files in the forms that tools write, made from a table of graded answers.

A table is item -> whether each attempt was right. Each writer lays out one model's run below a
folder and returns what a user would give to `qwh ingest`.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Answers: TypeAlias = dict[str, list[bool]]
RIGHT, WRONG, SECOND = [True, True], [False, False], [False, True]  # of two attempts
OUTCOMES = {  # item -> of a reference and of a quant that got three better and three worse
    "rhine": (RIGHT, RIGHT),
    "tiber": (WRONG, RIGHT),
    "oder": (RIGHT, WRONG),
    "elbe": (RIGHT, RIGHT),
    "neva": (WRONG, SECOND),
    "don": (RIGHT, WRONG),
    "ebro": (WRONG, WRONG),
    "loire": (WRONG, RIGHT),
    "rhone": (SECOND, RIGHT),
    "po": (SECOND, WRONG),
}
ANSWERS: dict[str, Answers] = {
    model: {item: both[at] for item, both in OUTCOMES.items()}
    for at, model in enumerate(("base", "lean"))
}
CATEGORIES = ("simple_python", "live_multiple")  # items are dealt to them in turn


def dump(path: Path, found: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1))
    return path


def lines(path: Path, found: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in found))
    return path


def dealt(answers: Answers) -> dict[str, Answers]:
    """The items of each category."""
    return {
        category: {item: answers[item] for item in list(answers)[at::2]}
        for at, category in enumerate(CATEGORIES)
    }


def bfcl(folder: Path, model: str, answers: Answers) -> Path:
    """One attempt at each entry; a group's folder for each category."""
    for category, some in dealt(answers).items():
        group = "live" if category.startswith("live") else "non_live"
        entries = [
            {"id": f"{category}_{item}", "result": [{"look": json.dumps({"name": item})}]}
            for item in some
        ]
        failed = [item for item, right in some.items() if not right[0]]
        totals = {
            "accuracy": 1 - len(failed) / len(some),
            "correct_count": len(some) - len(failed),
            "total_count": len(some),
        }
        failures = [
            {"id": f"{category}_{item}", "valid": False, "prompt": {"question": [[item]]}}
            for item in failed
        ]
        stem = f"{model}/{group}/BFCL_v4_{category}"
        lines(folder / "result" / f"{stem}_result.json", entries)
        lines(folder / "score" / f"{stem}_score.json", [totals, *failures])
    return folder / "score" / model


def mmlu_pro(folder: Path, model: str, answers: Answers) -> Path:
    """One attempt; a wrong answer is another letter, or none."""
    for category, some in dealt(answers).items():
        questions = [
            {
                "question_id": at,
                "question": f"{category}: which is {item}?",
                "options": [item, "none", "all"],
                "answer": "A",
                "answer_index": 0,
                "category": category.replace("_", " "),
                "pred": "A" if right[0] else ("B", None)[at % 2],
                "model_outputs": "The answer is ...",
            }
            for at, (item, right) in enumerate(some.items())
        ]
        dump(folder / model / "CoT" / "all" / f"{category.replace('_', ' ')}.json", questions)
    return folder / model


def mmlu_authors(folder: Path, model: str, answers: Answers) -> Path:
    """One attempt; each category is a subject."""
    for subject, some in dealt(answers).items():
        path = folder / f"results_{model}" / f"{subject}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            numbered = [str(number) for number in range(6)]
            writer.writerow(
                [*numbered, f"{model}_correct", f"{model}_choiceA_probs", f"{model}_choiceB_probs"]
            )
            for item, right in some.items():
                probabilities = [0.75, 0.25] if right[0] else [0.25, 0.75]
                question = f'Which, "of all",\nis {item}?'
                writer.writerow([question, item, "b", "c", "d", "A", right[0], *probabilities])
    return folder / f"results_{model}"


def tau2(folder: Path, model: str, answers: Answers) -> Path:
    """A trial for each attempt."""
    simulations = [
        {
            "id": f"{item}-{trial}",
            "task_id": item,
            "trial": trial,
            "termination_reason": "user_stop",
            "reward_info": {"reward": float(right)},
            "messages": [{"role": "assistant", "content": f"{item} it is"}],
        }
        for item, attempts in answers.items()
        for trial, right in enumerate(attempts)
    ]
    trials = max(len(attempts) for attempts in answers.values())
    found = {
        "timestamp": "2026-01-01",
        "info": {
            "num_trials": trials,
            "agent_info": {"implementation": "llm_agent", "llm": model},
            "user_info": {"llm": "someone"},
            "environment_info": {"domain_name": "retail"},
        },
        "tasks": [
            {"id": item, "user_scenario": {"instructions": {"do": item}}} for item in answers
        ],
        "simulations": simulations,
    }
    return dump(folder / "deep" / f"{model}_retail.json", found)


def terminal_bench(folder: Path, model: str, answers: Answers) -> Path:
    """A trial for each attempt; a wrong one was judged, or had no verdict."""
    results = [
        {
            "trial_name": f"{item}.{attempt + 1}-of-{len(attempts)}.run",
            "task_id": item,
            "instruction": f"Do {item}.",
            "is_resolved": True if right else (False, None)[at % 2],
            "failure_mode": "unset",
        }
        for at, (item, attempts) in enumerate(answers.items())
        for attempt, right in enumerate(attempts)
    ]
    resolved = [result["task_id"] for result in results if result["is_resolved"]]
    unresolved = [result["task_id"] for result in results if not result["is_resolved"]]
    run = folder / "runs" / model
    found = {"id": "x", "results": results, "resolved_ids": resolved, "unresolved_ids": unresolved}
    for result in results:
        dump(run / result["task_id"] / result["trial_name"] / "results.json", result)
    dump(run / "run_metadata.json", {"model_name": model, "dataset_name": "core"})
    return dump(run / "results.json", found).parent


def llama_eval(folder: Path, model: str, answers: Answers) -> Path:
    """A round for each attempt, and one question that is pending in all of them."""
    cases = {
        f"quiz_{chunk:03d}_{at:03d}": {
            "prompt": f"Which is {item}?",
            "expected": item,
            "response": item,
            "correct": right,
            "status": "ok",
            "chunk_idx": chunk,
            "problem_idx": at,
        }
        for at, (item, attempts) in enumerate(answers.items())
        for chunk, right in enumerate(attempts)
    }
    cases[f"quiz_000_{len(answers):03d}"] = {"prompt": "?", "correct": False, "status": "pending"}
    found = {
        "id": "quiz",
        "model_name": model,
        "tasks": list(cases),
        "task_states": {"total": len(cases), "cases": cases},
        "sampling_config": {"temperature": 0.5, "top_k": None},
    }
    return dump(folder / f"{model}.json", found)


def aider(folder: Path, model: str, answers: Answers) -> Path:
    """The attempts are tries, of which the last counts; one exercise was not run."""
    run = folder / f"2026-01-01--{model}"
    for at, (item, tries) in enumerate({**answers, "idle": []}.items()):
        place = run / ("python", "go")[at % 2] / "exercises" / "practice" / item
        found = {"testcase": item, "model": model, "edit_format": "diff", "tests_outcomes": tries}
        found["chat_hashes"] = [[f"{at}a", f"{at}b"] for at in range(20)]
        dump(place / ".aider.results.json", found)
    return run


def swe_bench(folder: Path, model: str, answers: Answers) -> Path:
    """One attempt; the wrong ones are dealt to the three lists of failures in turn."""
    lists = ("unresolved", "empty_patch", "error")
    ended = {f"org__{item}-1": right[0] for item, right in answers.items()}
    wrong = [instance for instance, right in ended.items() if not right]
    found: dict[str, Any] = {
        "total_instances": len(ended),
        "resolved_instances": len(ended) - len(wrong),
        "unresolved_instances": len(wrong[0::3]),
        "submitted_ids": list(ended),
        "resolved_ids": [instance for instance, right in ended.items() if right],
    }
    found |= {f"{name}_ids": wrong[at::3] for at, name in enumerate(lists)}
    return dump(folder / f"{model}.run1.json", found)


def bigcodebench(folder: Path, model: str, answers: Answers) -> Path:
    """A solution for each attempt."""
    found = {
        "date": "2026-01-01",
        "eval": {
            f"BigCodeBench/{item}": [
                {"solution": "pass", "status": "pass" if right else ("fail", "timeout")[at % 2]}
                for right in attempts
            ]
            for at, (item, attempts) in enumerate(answers.items())
        },
    }
    name = f"{model}--bigcodebench-hard-instruct--vllm-0.5-2-sanitized_calibrated_eval_results.json"
    return dump(folder / name, found)


def every_eval_ever(folder: Path, model: str, answers: Answers) -> Path:
    """A line for each attempt by each of two metrics, of which the first is no score in 0..1."""
    found = [
        {
            "schema_version": "0.3.0",
            "evaluation_id": "quiz/1",
            "model_id": model,
            "evaluation_name": "quiz",
            "evaluation_result_id": metric,
            "sample_id": f"quiz_{at}",
            "sample_hash": f"{item:0>64}",
            "interaction_type": "single_turn",
            "input": {"raw": f"Which is {item}?", "reference": [item]},
            "output": {"raw": [item]},
            "answer_attribution": [],
            "evaluation": {"score": score, "is_correct": right},
        }
        for at, (item, attempts) in enumerate(answers.items())
        for right in attempts
        for metric, score in (("length", 40.0 + at), ("exact_match", float(right)))
    ]
    return lines(folder / model / "0a_samples.jsonl", found)


def livecodebench(folder: Path, model: str, answers: Answers) -> Path:
    """Code execution: two calls of each problem's code, a grade for each attempt."""
    found = [
        {
            "question_id": str(at // 2),
            "difficulty": "easy",
            "code": f"def name(n):\n    return {item!r}\n",
            "input": f"name({at})",
            "output": repr(item),
            "id": f"sample_{at}",
            "output_list": ["[ANSWER]"] * len(attempts),
            "pred_list": [repr(item)] * len(attempts),
            "graded_list": attempts,
        }
        for at, (item, attempts) in enumerate(answers.items())
    ]
    return dump(folder / "output" / model / "Scenario.codeexecution_2_0.5_eval_all.json", found)


WRITERS: dict[str, Callable[[Path, str, Answers], Path]] = {
    "bfcl": bfcl,
    "mmlu-pro": mmlu_pro,
    "mmlu-authors": mmlu_authors,
    "tau2": tau2,
    "terminal-bench": terminal_bench,
    "llama-eval": llama_eval,
    "aider": aider,
    "swe-bench": swe_bench,
    "bigcodebench": bigcodebench,
    "every-eval-ever": every_eval_ever,
    "livecodebench": livecodebench,
}
ONE_ATTEMPT = {"bfcl", "mmlu-pro", "mmlu-authors", "swe-bench"}
TRIES = {"aider"}  # whose attempts are tries at one answer: the last counts


def counted(kind: str, answers: Answers) -> dict[str, float]:
    """item -> its score, as the tool of a kind counts the attempts."""
    if kind in ONE_ATTEMPT:
        return {item: float(attempts[0]) for item, attempts in answers.items()}
    if kind in TRIES:
        return {item: float(attempts[-1]) for item, attempts in answers.items()}
    return {item: sum(attempts) / len(attempts) for item, attempts in answers.items()}
