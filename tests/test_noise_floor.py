"""What an engine itself moves: counted here from the raw files, tested by SciPy; and that a member
which is read twice is never ranked or counted twice.
"""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from conftest import query, qwh
from scipy import stats
from toy import columns, publish

from qwh.raw.store import Store

CHUNKS, POSITIONS, PROMPTS = 8, 40, 12
FARTHER = {"floor": 1.0, "near": 1.5, "far": 20.0}  # how far each quant lies, in controls
CONTROLS = {"rows=16": 1.0, "kv_type=q8_0,rows=16": 90.0}
COHORTS = ("once", "twice")
TOP1_REF = 7
FIRST = "q-{}-{}"  # run id of a quant
TEXT = {"task": "corpus", "corpus_id": "prose", "corpus_rank": 0, "context_length": 64}
QUIZ = {"task": "benchmark", "corpus_id": "quiz", "benchmark_id": "quiz", "harness": "{}"}


def text_rows(rng: np.random.Generator, scale: float, flips: float) -> dict:
    """Heavy-tailed KLD, and a most likely token that is sometimes another than the reference's."""
    n = CHUNKS * POSITIONS
    hard = np.repeat(np.exp(rng.normal(0, 0.3, CHUNKS)), POSITIONS)
    top1 = np.where(rng.random(n) < flips, rng.integers(8, 10, n), TOP1_REF)
    return columns(
        "tokens",
        n,
        chunk=np.repeat(np.arange(CHUNKS), POSITIONS),
        position=np.tile(np.arange(POSITIONS), CHUNKS),
        kld=scale * 1e-3 * hard * np.exp(rng.normal(0, 1, n)),
        nll=rng.random(n),
        top1=top1,
        finite=rng.random(n) > 0.02,
    )


def answers(rng: np.random.Generator) -> dict:
    return columns(
        "samples",
        PROMPTS,
        benchmark_id=["quiz"] * PROMPTS,
        prompt_index=np.arange(PROMPTS),
        prompt_id=[f"p{n}" for n in range(PROMPTS)],
        answer=rng.choice(["a", "b"], PROMPTS).tolist(),
        score=rng.integers(0, 2, PROMPTS).astype(float),
        finish_reason=["stop"] * PROMPTS,
    )


def answer_rows(rng: np.random.Generator) -> dict:
    return columns(
        "tokens",
        PROMPTS,
        chunk=np.arange(PROMPTS),
        position=np.full(PROMPTS, 5),
        kld=rng.random(PROMPTS),
        finite=[True] * PROMPTS,
    )


def publish_reference(store: Store, cohort: str) -> None:
    n = CHUNKS * POSITIONS
    tokens = columns(
        "reference_tokens",
        n,
        chunk=np.repeat(np.arange(CHUNKS), POSITIONS),
        position=np.tile(np.arange(POSITIONS), CHUNKS),
        token_id=np.full(n, TOP1_REF),
        top1_ref=np.full(n, TOP1_REF),
        finite_ref=[True] * n,
    )
    facts = {"role": "reference", "cohort_id": cohort}
    publish(store, f"ref-{cohort}-prose", {"reference_tokens": tokens}, **facts, **TEXT)
    prompts = columns(
        "prompts",
        PROMPTS,
        benchmark_id=["quiz"] * PROMPTS,
        prompt_index=np.arange(PROMPTS),
        prompt_id=[f"p{n}" for n in range(PROMPTS)],
        category=["easy"] * PROMPTS,
        prompt_tokens=[5] * PROMPTS,
        text_id=[None] * PROMPTS,
    )
    tokens = columns(
        "reference_tokens",
        PROMPTS,
        chunk=np.arange(PROMPTS),
        position=np.full(PROMPTS, 5),
        finite_ref=[True] * PROMPTS,
    )
    rows = {"reference_tokens": tokens, "prompts": prompts}
    rows["samples"] = answers(np.random.default_rng(1))
    publish(store, f"ref-{cohort}-quiz", rows, **facts, **QUIZ)


def publish_member(store: Store, cohort: str, run_id: str, seed: int, rows: dict, **facts) -> None:
    """A run on the text and one on the benchmark, whose ids end on what they read."""
    scale, flips = rows["scale"], rows["flips"]
    rng = np.random.default_rng(seed)
    for what, about in (("prose", TEXT), ("quiz", QUIZ)):
        tables = {"tokens": text_rows(rng, scale, flips) if what == "prose" else answer_rows(rng)}
        if what == "quiz":
            tables["samples"] = answers(rng)
        if facts["role"] == "repeat":
            n = len(tables["tokens"]["chunk"])
            tables["reading_klds"] = columns(
                "reading_klds",
                n,
                chunk=tables["tokens"]["chunk"],
                position=tables["tokens"]["position"],
                kld=1e-3 * rng.random(n),
                finite=rng.random(n) > 0.02,
            )
        more = {"first_run_id": FIRST.format(facts["quant_id"], f"{cohort}-{what}")}
        publish(
            store,
            f"{run_id}-{cohort}-{what}",
            tables,
            cohort_id=cohort,
            reference_run_id=f"ref-{cohort}-{what}",
            **about,
            **facts,
            **(more if facts["role"] == "repeat" else {}),
        )


@pytest.fixture(scope="module")
def twice(tmp_path_factory) -> Path:
    """Two cohorts of the same rows; one of them is read twice, with what would move its ranks."""
    folder = tmp_path_factory.mktemp("twice")
    store = Store(folder).create()
    for cohort in COHORTS:
        publish_reference(store, cohort)
        for seed, (quant, farther) in enumerate(FARTHER.items()):
            rows = {"scale": farther, "flips": 0.02 * farther}
            facts = {"role": "quant", "quant_id": quant, "file_bytes": 1000 - seed}
            publish_member(store, cohort, f"q-{quant}", seed, rows, **facts)
    second = {"batch_size": 16, "started_at": "2026-01-02T00:00:00Z"}
    for seed, (reading, scale) in enumerate(CONTROLS.items(), 100):
        facts = {"role": "control", "quant_id": "reference", "reading": reading} | second
        publish_member(
            store, "twice", f"control-{seed}", seed, {"scale": scale, "flips": 0.0}, **facts
        )
    for seed, quant in enumerate(FARTHER, 200):
        facts = {"role": "repeat", "quant_id": quant, "reading": "rows=16"} | second
        publish_member(
            store, "twice", f"repeat-{quant}", seed, {"scale": 9.0, "flips": 0.3}, **facts
        )
    done = qwh("build", "--warehouse", folder)
    assert done.exit_code == 0, done.stderr
    return folder


def part(warehouse: Path, table: str, run_id: str) -> pl.DataFrame:
    return pl.read_parquet(Store(warehouse).part(table, run_id))


def by_chunk(frame: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """Sum and number of a chunk's finite positions."""
    kept = frame.filter("finite")
    return kept.group_by("chunk").agg(value.sum().alias("sum"), pl.len().alias("n")).sort("chunk")


def ratio(sums: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """A ratio of sums over chunks, and its standard error."""
    mean, count = sums.sum() / sizes.sum(), len(sums)
    spread = ((sums - mean * sizes) ** 2).sum() * count / (count - 1)
    return mean, math.sqrt(spread) / sizes.sum()


KLD = pl.col("kld").cast(pl.Float64)


def test_the_control_of_another_batch_shape_alone_is_the_floor(twice):
    rows = query(
        twice,
        "select cohort_id, corpus_id, context_length, route, reading, kld_mean, kld_mean_se,"
        " kld_p99, n, chunks, run_id from fct_noise_floor where is_floor",
    )
    tokens = part(twice, "tokens", "control-100-twice-prose")
    chunks = by_chunk(tokens, KLD)
    mean, error = ratio(chunks["sum"].to_numpy(), chunks["n"].to_numpy())
    klds = tokens.filter("finite")["kld"].cast(pl.Float64).to_numpy()
    assert rows == [
        (
            *("twice", "prose", 64, "llama.cpp", "rows=16"),
            *map(pytest.approx, (mean, error, np.quantile(klds, 0.99))),
            *(len(klds), CHUNKS, "control-100-twice-prose"),
        )
    ]


def test_the_quantiles_error_is_woodruffs(twice):
    [(p99, error)] = query(twice, "select kld_p99, kld_p99_se from fct_noise_floor where is_floor")
    tokens = part(twice, "tokens", "control-100-twice-prose").filter("finite")
    chunks = by_chunk(tokens, (p99 < KLD).cast(pl.Int64))
    _, share = ratio(chunks["sum"].to_numpy(), chunks["n"].to_numpy())
    klds = np.sort(tokens["kld"].cast(pl.Float64).to_numpy())
    ends = [
        np.quantile(klds, 0.99 - share, method="lower"),
        np.quantile(klds, min(1, 0.99 + share), method="higher"),
    ]
    assert error == pytest.approx((ends[1] - ends[0]) / 2) and error > 0


def test_differences_are_paired_by_chunk(twice):
    found = query(
        twice,
        "select quant_id, difference, standard_error, p, verdict, noise_floor, chunks, is_primary"
        " from stat_above_floor order by difference",
    )
    assert [row[0] for row in found] == list(FARTHER)
    control = by_chunk(part(twice, "tokens", "control-100-twice-prose"), KLD)
    floor = (control["sum"] / control["n"]).to_numpy()
    words = {}
    for quant, difference, error, p, verdict, word, chunks, is_primary in found:
        own = by_chunk(part(twice, "tokens", f"q-{quant}-twice-prose"), KLD)
        sizes = own["n"].to_numpy()
        apart = own["sum"].to_numpy() - floor * sizes
        mean, plain = ratio(apart, sizes)
        assert (difference, error) == (pytest.approx(mean), pytest.approx(plain))
        # wider than Student's t by what neighbours may share, and never narrower by Hall's cubic
        t = mean / (plain * math.sqrt(1.3 / 0.7))
        assert p >= 2 * stats.t.sf(abs(t), CHUNKS - 1) * (1 - 1e-9)
        assert (chunks, is_primary) == (CHUNKS, True)
        assert word == {"above_floor": "above", "not_above_floor": "not above"}[verdict]
        words[quant] = word
    assert words["far"] == "above" and words["floor"] == "not above"


def test_what_comes_back_of_a_quants_flips(twice):
    for quant in FARTHER:
        first = part(twice, "tokens", f"q-{quant}-twice-prose")
        second = part(twice, "tokens", f"repeat-{quant}-twice-prose")
        between = part(twice, "reading_klds", f"repeat-{quant}-twice-prose")
        both = first.join(second, on=["chunk", "position"], suffix="_2").filter(
            pl.col("finite") & pl.col("finite_2")
        )
        one, two = (pl.col(name) != TOP1_REF for name in ("top1", "top1_2"))
        repeated = both.filter(one & (pl.col("top1") == pl.col("top1_2"))).height
        swapped = both.filter(one & two & (pl.col("top1") != pl.col("top1_2"))).height
        pairs = by_chunk(both.select("chunk", "position").join(between, ["chunk", "position"]), KLD)
        kld, error = ratio(pairs["sum"].to_numpy(), pairs["n"].to_numpy())
        flips = both.filter(one).height
        assert query(
            twice,
            "select n, kld_first, kld_second, kld_between, kld_between_se, flips_first,"
            " flips_second, flips_repeated, flips_swapped, repeated_share from fct_readings where"
            f" quant_id = '{quant}'",
        ) == [
            (
                both.height,
                pytest.approx(both["kld"].cast(pl.Float64).mean()),
                pytest.approx(both["kld_2"].cast(pl.Float64).mean()),
                *(pytest.approx(kld), pytest.approx(error)),
                *(flips, both.filter(two).height, repeated, swapped),
                repeated / flips,
            )
        ]


def test_answers_of_two_readings(twice):
    for run_id, first, quant in [
        *((f"repeat-{quant}", f"q-{quant}", quant) for quant in FARTHER),
        ("control-100", "ref", "reference"),
    ]:
        one = part(twice, "samples", f"{first}-twice-quiz")
        two = part(twice, "samples", f"{run_id}-twice-quiz")
        ref = part(twice, "samples", "ref-twice-quiz")["score"]
        flips = [one["score"] - ref, two["score"] - ref]
        counts = (
            (flips[0] != 0).sum(),
            (flips[1] != 0).sum(),
            ((flips[0] * flips[1]) > 0).sum(),
        )
        assert query(
            twice,
            "select quant_id, prompts, answers, other_answers, other_scores, first_higher,"
            " second_higher, flips_first, flips_second, flips_repeated from fct_reading_answers"
            f" where run_id = '{run_id}-twice-quiz'",
        ) == [
            (
                *(quant, PROMPTS, PROMPTS),
                (one["answer"] != two["answer"]).sum(),
                (one["score"] != two["score"]).sum(),
                (one["score"] > two["score"]).sum(),
                (one["score"] < two["score"]).sum(),
                *(counts if quant != "reference" else (None, None, None)),
            )
        ]


OWN = {"fct_noise_floor", "fct_floor_chunks", "fct_readings", "fct_reading_answers"}
OWN |= {"stat_above_floor", "find_floor", "noise_floor", "provenance"}
OF_NOISE = {"noise_floor", "other_noise_floor", "run_id", "cohort_id", "other_cohort_id"}


def rounded(row: tuple) -> list[str]:
    """A row without the last bits of its sums, which are added in any order."""
    return [f"{value:.9g}" if isinstance(value, float) else str(value) for value in row]


def test_a_second_reading_moves_nothing_else(twice):
    """Every table has the same rows of both cohorts, but for those that are of second readings."""
    names = query(
        twice,
        "select table_name from information_schema.columns where column_name = 'cohort_id'"
        " and not regexp_matches(table_name, '^(stg|int|unbuilt)_')",
    )
    compared = 0
    for (name,) in names:
        if name in OWN:
            continue
        held = query(
            twice,
            "select column_name from information_schema.columns where table_name ="
            f" '{name}' order by 1",
        )
        kept = ", ".join(column for (column,) in held if column not in OF_NOISE)
        ours = "finding not like '%engine itself moves'" if "finding" in kept else "true"
        if ("other_cohort_id",) in held:  # pairs of two cohorts stand with one of them
            ours = "other_cohort_id = cohort_id"
        sql = f"select {kept} from {name} where {ours} and cohort_id = "
        one, two = (sorted(map(rounded, query(twice, f"{sql}'{each}'"))) for each in COHORTS)
        assert one == two, name
        compared += bool(one)
    assert compared > 40


def test_what_is_asked_by_hand_counts_first_readings_alone(twice):
    n = CHUNKS * POSITIONS
    for cohort in COHORTS:
        for quant in FARTHER:
            asked = f"'{cohort}', '{quant}', most := {2 * n}"
            sql = f"select count(*), sum(kld) from worst_tokens({asked}) where corpus_id = 'prose'"
            [(count, total)] = query(twice, sql)
            own = part(twice, "tokens", f"q-{quant}-{cohort}-prose")
            assert (count, total) == (n, pytest.approx(own["kld"].sum(), rel=1e-5))
    words = query(twice, "select cohort_id, noise_floor from kld_summary('far') order by 1")
    assert words == [("once", None), ("twice", "above")]


def test_words_stand_beside_every_kld(twice):
    for name in ("fidelity", "text", "token_direction", "score_changes", "volume_and_direction"):
        sql = "select distinct quant_id, noise_floor from {} where cohort_id = '{}'"
        held = dict(query(twice, sql.format(name, "twice")))
        assert held.keys() == FARTHER.keys() and held["far"] == "above", name
        assert set(dict(query(twice, sql.format(name, "once"))).values()) == {None}, name
    lines = query(
        twice,
        "select distinct contains(statistic, 'KLD'), noise_floor is not null from llama_perplexity"
        " where cohort_id = 'twice'",
    )
    assert sorted(lines) == [(False, False), (True, True)]
    shown = qwh("show", "noise_floor", "--warehouse", twice, "--format", "json")
    rows = json.loads(shown.stdout)
    assert [row["kind"] for row in rows] == ["control", "control", "quant", "quant", "quant"]
    told = query(twice, "select says from study where finding like '%engine itself moves'")
    assert len(told) == 1 and "not resolved above" in told[0][0]
