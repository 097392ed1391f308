"""A cohort as a small data set: packed from a warehouse, and loaded into one.

    python -m qwh.demo.study WAREHOUSE COHORT     writes results/ anew

results/ is what `qwh demo --full` measured: its cohort is smollm2-135m-instruct-full.
results/runs.jsonl holds the manifests, results/TABLE.parquet every run's rows of one raw table,
without what the study does not read (OMITTED).
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from ..progress import progress
from ..raw.manifest import RunFacts, from_json
from ..raw.schema import TABLES
from ..raw.store import RunWriter, Store

RESULTS = Path(__file__).with_name("results")
SECOND = Path(__file__).with_name("second")  # another model's, on the same prompts
OMITTED = {  # of positions
    "topk_ids",
    "topk_logprobs",
    "topk_logprobs_ref",
    "lse",
    "lse_ref",
    "kld_reverse",
    "jsd",
    "tv",
    "entropy",
    "rank",
}

SINGLE = {"logprob", "entropy"}  # of accepted answers: kept to float32's 7 digits


def pack(warehouse: Path, cohort: str, folder: Path = RESULTS) -> None:
    """Write the runs of one cohort to folder.

    The manifests say top_k 0: the rows keep no tokens but the realised one and the top. A quant's
    first manifest alone holds its tensors' hashes.
    """
    store = Store(warehouse)
    rows: dict[str, list[pl.DataFrame]] = {}
    runs = [replace(run, top_k=run.top_k and 0) for run in store.runs() if run.cohort_id == cohort]
    first = {run.quant_id: run.run_id for run in reversed(runs) if run.tensor_hashes}
    runs = [
        run if first.get(run.quant_id) == run.run_id else replace(run, tensor_hashes=None)
        for run in runs
    ]
    folder.mkdir(exist_ok=True)
    (folder / "runs.jsonl").write_text("".join(json.dumps(asdict(run)) + "\n" for run in runs))
    for run in runs:
        for table in json.loads(run.parts or "{}"):
            rows.setdefault(table, []).append(
                pl.read_parquet(store.part(table, run.run_id), hive_partitioning=False)
                .drop(OMITTED if table.endswith("tokens") else (), strict=False)
                .with_columns(run_id=pl.lit(run.run_id))
            )
    for table, parts in rows.items():
        whole = pl.concat(parts)
        single = [name for name in whole.columns if name in SINGLE]
        whole = whole.with_columns(pl.col(single).cast(pl.Float32))
        whole = whole.drop([name for name in whole.columns if whole[name].is_null().all()])
        floats = [name for name in whole.columns if whole[name].dtype.is_float()]
        others = [name for name in whole.columns if name not in floats]
        pq.write_table(
            whole.to_arrow(),
            folder / f"{table}.parquet",
            compression="zstd",
            compression_level=19,
            use_dictionary=others,
            use_byte_stream_split=floats,
        )


def load(store: Store, folder: Path = RESULTS) -> list[RunFacts]:
    """Publish the runs in folder that store does not hold; returns their manifests."""
    runs = [
        run
        for run in map(from_json, (folder / "runs.jsonl").read_text().splitlines())
        if not store.find(run.run_id)
    ]
    if not runs:
        return []
    rows = {
        path.stem: pl.read_parquet(path).partition_by("run_id", as_dict=True)
        for path in folder.glob("*.parquet")
    }
    with progress("loading", len(runs), "runs") as bar:
        for run in runs:
            tables = list(json.loads(run.parts or "{}"))
            with RunWriter(store, *tables) as writer:
                for table in tables:
                    part = rows[table][(run.run_id,)]
                    writer.write(
                        table,
                        {
                            field.name: (
                                part[field.name].to_list()
                                if field.name in part.columns
                                else [None] * len(part)
                            )
                            for field in TABLES[table]
                        },
                    )
                writer.publish(run)
            bar.advance(1)
    return runs


if __name__ == "__main__":
    pack(Path(sys.argv[1]), sys.argv[2])
