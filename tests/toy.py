"""A small warehouse whose every number can be worked out by hand, published part by part."""

import shutil

import duckdb
import numpy as np
import pytest

from qwh.database.build import build
from qwh.database.warehouse import Warehouse
from qwh.raw.manifest import RunFacts
from qwh.raw.schema import TABLES
from qwh.raw.store import RunWriter, Store

FACTS = {
    "cohort_id": "toy",
    "status": "complete",
    "started_at": "2026-01-01T00:00:00Z",
    "finished_at": "2026-01-01T00:00:01Z",
    "tokenizer_sha256": "tok",
    "engine": "llama.cpp",
    "engine_version": "1",
    "device": "cpu",
    "batch_size": 1,
    "ubatch_size": 1,
    "estimator": "by-hand",
    "logits_dtype": "f32",
    "metrics_version": 1,
    "schema_version": 1,
    "block_levels": 4096,
}
TEXTS = [("prose", 0, 4), ("prose", 0, 8), ("code", 1, 4)]  # corpus, its rank, context length
# Two chunks of two positions; a fifth position has no finite numbers and must not move any mean.
CHUNK, POSITION, FINITE = [0, 0, 1, 1, 1], [2, 3, 1, 2, 3], [True, True, True, True, False]
KLD = {"far": [1, 2, 3, 4, 99], "near": [1 / 64, 1 / 64, 1 / 64, 1 / 64, 99]}
# Prompts that each member answers right; the quiz has 8, the sums 4.
RIGHT = {
    "reference": {"quiz": {0, 1, 2, 3, 4, 5}, "sums": {0, 1, 2, 3}},
    "far": {"quiz": {0, 1, 2, 3, 6}, "sums": {0, 1, 2}},
    "near": {"quiz": {0, 1, 2, 3, 4, 5}, "sums": {0, 1, 2, 3}},
}
PROMPTS = {"quiz": 8, "sums": 4}
ANSWER_KLD = [1e-3, 1e-1]  # of each quant on the two tokens of each answer of the reference


def columns(table: str, n: int, **given) -> dict:
    """n rows of a raw table: the given columns, zeros elsewhere."""
    rows = {}
    for field in TABLES[table]:
        kind = str(field.type)
        blank = [""] * n if kind == "string" else np.zeros((n, 1) if kind.startswith("list") else n)
        rows[field.name] = given.get(field.name, blank)
    return rows | {
        name: np.asarray(given[name], bool) for name in ("finite", "finite_ref") if name in given
    }


def publish(store: Store, run_id: str, tables: dict, **facts) -> None:
    with RunWriter(store, *tables) as writer:
        for table, rows in tables.items():
            writer.write(table, rows)
        rows = sum(len(tables[table]["chunk"]) for table in tables if "tokens" in table)
        ours = {
            "run_id": run_id,
            "quant_id": facts["role"],
            "file_sha256": facts.get("quant_id", "reference"),
            "rows": rows,
        }
        writer.publish(RunFacts(**(FACTS | ours | facts)))


def samples(benchmark: str, right: set) -> dict:
    """Wrong answers of quants and reference differ: an answer names its member's right set."""
    n = PROMPTS[benchmark]
    answers = ["right" if i in right else f"wrong {sorted(right)}" for i in range(n)]
    return columns(
        "samples",
        n,
        benchmark_id=[benchmark] * n,
        prompt_index=np.arange(n),
        prompt_id=[f"{benchmark}-{i}" for i in range(n)],
        answer=answers,
        score=np.array([float(i in right) for i in range(n)]),
        attempt=np.zeros(n, int),
    )


def publish_reference(store: Store) -> None:
    publish_reference_texts(store)
    publish_reference_answers(store)


def publish_reference_texts(store: Store) -> None:
    for corpus, rank, length in TEXTS:
        tokens = columns(
            "reference_tokens",
            5,
            chunk=CHUNK,
            position=POSITION,
            token_id=[7] * 5,
            nll_ref=[1.0] * 5,
            top1_ref=[7, 7, 7, 8, 8],
            finite_ref=[True] * 5,
        )
        publish(
            store,
            f"ref-{corpus}-{length}",
            {"reference_tokens": tokens},
            role="reference",
            task="corpus",
            corpus_id=corpus,
            corpus_rank=rank,
            context_length=length,
        )


def publish_reference_answers(store: Store) -> None:
    for benchmark, n in PROMPTS.items():
        chunk, position = np.repeat(np.arange(n), 2), np.tile([5, 6], n)
        tokens = columns(
            "reference_tokens", 2 * n, chunk=chunk, position=position, finite_ref=[True] * (2 * n)
        )
        prompts = columns(
            "prompts",
            n,
            benchmark_id=[benchmark] * n,
            prompt_index=np.arange(n),
            prompt_id=[f"{benchmark}-{i}" for i in range(n)],
            category=["easy"] * n,
            prompt_tokens=[5] * n,
            reference_answer_tokens=[2] * n,
            text_id=[None] * n,
        )
        publish(
            store,
            f"ref-{benchmark}",
            {
                "reference_tokens": tokens,
                "prompts": prompts,
                "samples": samples(benchmark, RIGHT["reference"][benchmark]),
            },
            role="reference",
            task="benchmark",
            corpus_id=benchmark,
            benchmark_id=benchmark,
            corpus_rank=0,
            harness="{}",
        )


def publish_quant(store: Store, quant: str, like: str | None = None, **facts) -> None:
    """A quant with the numbers of `like`; facts overwrite those of its runs."""
    publish_quant_texts(store, quant, like or quant, facts)
    publish_quant_answers(store, quant, like or quant, facts)


def publish_quant_texts(store: Store, quant: str, like: str, facts: dict) -> None:
    for corpus, rank, length in TEXTS:
        kld = np.array(KLD[like]) * (length // 4)  # twice as far at twice the context length
        # the realised token is 7: agree, harm, agree, neutral
        tokens = columns(
            "tokens",
            5,
            chunk=CHUNK,
            position=POSITION,
            nll=[1.5, 1.5, 2.0, 1.0, 99.0],
            kld=kld,
            top1=[7, 9, 7, 9, 8],
            finite=FINITE,
        )
        for name in ("nll", "kld"):
            tokens[name] = np.where(FINITE, tokens[name], np.nan)
        publish(
            store,
            f"{quant}-{corpus}-{length}",
            {"tokens": tokens},
            **{
                "role": "quant",
                "quant_id": quant,
                "task": "corpus",
                "reference_run_id": f"ref-{corpus}-{length}",
                "corpus_id": corpus,
                "corpus_rank": rank,
                "context_length": length,
                "nonfinite": 1,
            }
            | facts,
        )


def publish_quant_answers(store: Store, quant: str, like: str, facts: dict) -> None:
    for benchmark, n in PROMPTS.items():
        tokens = columns(
            "tokens",
            2 * n,
            chunk=np.repeat(np.arange(n), 2),
            position=np.tile([5, 6], n),
            kld=np.tile(ANSWER_KLD, n),
            top1=np.tile([0, 1], n),
            finite=[True] * (2 * n),
        )
        publish(
            store,
            f"{quant}-{benchmark}",
            {"tokens": tokens, "samples": samples(benchmark, RIGHT[like][benchmark])},
            **{
                "role": "quant",
                "quant_id": quant,
                "task": "benchmark",
                "reference_run_id": f"ref-{benchmark}",
                "corpus_id": benchmark,
                "benchmark_id": benchmark,
                "corpus_rank": 0,
                "harness": "{}",
            }
            | facts,
        )


def rows(warehouse: Warehouse, query: str) -> list:
    # no UDF: what any DuckDB shell sees
    with duckdb.connect(str(warehouse.database), read_only=True) as connection:
        return connection.sql(query).fetchall()


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Warehouse:
    folder = tmp_path_factory.mktemp("it's a warehouse")  # a quote and blanks: paths stand in SQL
    store = Store(folder).create()
    publish_reference(store)
    publish_quant(store, "far")
    publish_quant(store, "near")
    warehouse = Warehouse(folder)
    build(warehouse)
    return warehouse


@pytest.fixture
def copy(toy, tmp_path) -> Warehouse:
    """The toy warehouse, free to be changed."""
    shutil.copytree(toy.folder, tmp_path / "copy")
    return Warehouse(tmp_path / "copy")
