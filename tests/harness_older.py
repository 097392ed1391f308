"""Files as older versions of evalplus and lighteval wrote them, of twelve prompts.

The forms are those of evalplus 0.1.7 and 0.2.0 (`evaluate.py`) and of lighteval 0.3 and 0.7
(`DetailsLogger.Detail`, `EvaluationTracker.save`), with content of our own.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

COUNTRIES = {
    "France": "Paris",
    "Italy": "Rome",
    "Japan": "Tokyo",
    "Peru": "Lima",
    "Ghana": "Accra",
    "Cuba": "Havana",
    "Spain": "Madrid",
    "Kenya": "Nairobi",
    "Egypt": "Cairo",
    "Norway": "Oslo",
    "Chile": "Santiago",
    "Nepal": "Kathmandu",
}
WRONG = {"ref": ("Peru", "Kenya"), "q4": ("Kenya", "Japan", "Egypt")}
DATE = "2025-03-05T10-11-12.131415"


def older_evalplus(folder: Path, name: str) -> Path:
    """An eval_results.json from before 0.2.1, in a folder that the tool named."""
    path = folder / f"model-{name}_temp_0.0" / "eval_results.json"
    path.parent.mkdir(parents=True)
    tasks = {}
    for number, country in enumerate(COUNTRIES):
        passed = country not in WRONG[name]
        status = "success" if passed else ("timed out" if country == "Kenya" else "failed")
        tasks[f"HumanEval/{number}"] = {
            "nfiles": 1,
            "base": [["success", [True] * 7]],
            "plus": [[status, [True, passed]]],
        }
    found = {"date": "2024-01-02 03:04", "hash": "1f6ccd7ce9e3e9ac2c1ed1b6d7c0ba6f", "eval": tasks}
    path.write_text(json.dumps(found))
    return path


def older_lighteval(folder: Path, name: str, form: str) -> Path:
    """An output folder from before 0.8. form: "struct" as 0.3 wrote it, "text" as 0.7 did."""
    rows = []
    for country, capital in COUNTRIES.items():
        right = country not in WRONG[name]
        rows.append(
            {
                "example": f"Capital of {country}?",
                "instruction": "",
                "full_prompt": f"Question: Capital of {country}?\nAnswer:",
                "num_effective_few_shots": 0,
                "num_asked_few_shots": 0,
                "predictions": [[-1.0, right], [-2.0, False]],
                "input_tokens": [[1, 2]],
                "cont_tokens": [[3], [4]],
                "truncated": [0, 0],
                "padded": [0, 0],
                "gold": [],
                "pred_logits": [],
                "choices": [f" {capital}", " Atlantis"],
                "gold_index": [0],
                # a length comes first, and a share of letters
                "metrics": {"len": 9 + len(country), "acc": int(right), "acc_norm": 0.5},
                "specifics": {},
            }
        )
    if form == "text":
        rows = [{key: str(value) for key, value in row.items()} for row in rows]
    else:
        for row in rows:
            row["predictions"] = [-1.0, -2.0] if row["metrics"]["acc"] else [-2.0, -1.0]
            del row["specifics"]
    model = f"org/model-{name}"
    path = folder / "details" / model / DATE / f"details_leaderboard|capitals|0_{DATE}.parquet"
    path.parent.mkdir(parents=True)
    table = pa.Table.from_pylist([dict(sorted(row.items())) for row in rows])
    pq.write_table(table, path)
    results = folder / "results" / model / f"results_{DATE}.json"
    results.parent.mkdir(parents=True)
    results.write_text(json.dumps({"config_general": {"model_name": model}, "results": {}}))
    return folder
