"""A cohort with a text and no benchmark, and one of logs alone, through the command line: what is
said of them, counted anew from the raw Parquet.
"""

import itertools
import math
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import CHUNKS, ingest, query, qwh
from log_files import FIXTURES
from scipy import stats

from qwh.database.settings import variables
from qwh.kernels.statistics.chunks.clusters import SMALLEST_CHUNKS
from qwh.raw.store import Store

FIVE = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q2_K")
WIDER = math.sqrt(1.3 / 0.7)  # neighbouring chunks may be correlated by 0.3
PRINTED = {"IQ2_M": 0.5, "IQ3_M": 0.25, "Q4_K_M": 0.05}  # mean KLD of made-up logs


def unwrapped(text: str) -> str:
    """A text whose lines were broken, on one line."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def texts(tmp_path_factory, quants):
    """A built warehouse: five quants on one text, and three logs, no benchmark at all."""
    folder = tmp_path_factory.mktemp("texts")
    log = (FIXTURES / "kld.log").read_text()
    for name, kld in PRINTED.items():
        printed = re.sub(r"(Mean +KLD: +)[0-9.]+", rf"\g<1>{kld:.6f}", log)
        (folder / f"{name}.log").write_text(printed)
    logs = sorted(folder.glob("*.log"))
    store = folder / "warehouse"
    for done in (
        ingest(store, [quants[name] for name in FIVE]),
        qwh(
            *("ingest", "llama-log", *logs, "--cohort", "logs", "--warehouse", store),
            *("--quant-from", "{quant}.log"),
        ),
        qwh("build", "--warehouse", store),
    ):
        assert done.exit_code == 0, done.stderr
    return store


def columns(path: Path) -> dict[str, np.ndarray]:
    """The columns of a Parquet part, in the order of the text."""
    rows = pq.read_table(path).sort_by([("chunk", "ascending"), ("position", "ascending")])
    return {name: rows[name].to_numpy() for name in rows.column_names if "topk" not in name}


@pytest.fixture(scope="module")
def sums(texts):
    """kind -> quant -> (sums by chunk, positions by chunk), from the raw rows."""
    store = Store(texts)
    runs = {run.quant_id: run for run in store.runs() if run.cohort_id == "tiny"}
    reference = runs.pop("tiny-f16")
    theirs = columns(store.part("reference_tokens", reference.run_id))
    found: dict = {"kld": {}, "loss": {}, "flips": {}, "change": {}}
    for quant, run in runs.items():
        mine = columns(store.part("tokens", run.run_id))
        assert all((mine[key] == theirs[key]).all() for key in ("chunk", "position"))
        values = {
            "kld": mine["kld"],
            "loss": mine["nll"],
            "flips": mine["top1"] != theirs["top1_ref"],
            "change": mine["nll"].astype(float) - theirs["nll_ref"],
        }
        for kind, value in values.items():
            chunk = mine["chunk"]
            found[kind][quant] = np.bincount(chunk, value.astype(float)), np.bincount(chunk)
    return found


def test_every_pair_is_counted_anew_from_raw_rows(texts, sums):
    rows = query(
        texts,
        "select kind, quant_id, other_quant_id, figure, low, high, p, p_adjusted, verdict, chunks"
        " from stat_text_pairs where cohort_id = 'tiny' and is_primary",
    )
    assert len(rows) == 3 * 10
    for kind in ("kld", "loss", "flips"):
        mine = {row[1:3]: row[3:] for row in rows if row[0] == kind}
        assert sorted(mine) == list(itertools.combinations(sorted(FIVE), 2))
        raw = {}
        for one, other in mine:
            (a, n), (b, m) = sums[kind][one], sums[kind][other]
            assert (n == m).all() and len(set(n)) == 1 and len(n) == CHUNKS
            gap = (b - a) / n
            t = gap.mean() / stats.sem(gap) / WIDER
            raw[one, other] = 2 * stats.t.sf(abs(t), CHUNKS - 1), gap
        for pair, (figure, low, high, p, p_adjusted, verdict, chunks) in mine.items():
            truth, gap = raw[pair]
            half = stats.t.isf(0.025, CHUNKS - 1) * stats.sem(gap) * WIDER
            assert chunks == CHUNKS and figure == pytest.approx(gap.mean(), rel=1e-6)
            assert (low, high) == pytest.approx((figure - half, figure + half), rel=1e-5, abs=1e-9)
            assert p == pytest.approx(truth, rel=1e-4)
            every = [q for q, _ in raw.values()]
            holm = max(q * sum(other >= q for other in every) for q in every if q <= truth)
            assert p_adjusted == pytest.approx(min(1, holm), rel=1e-4)
            side = "first_lower" if figure > 0 else "second_lower"
            assert verdict == (side if holm <= 0.05 else "cannot_tell")


def test_letters_say_what_the_pairs_say(texts, sums):
    pairs = query(
        texts,
        "select kind, quant_id, other_quant_id, verdict in ('first_lower', 'second_lower') from"
        " stat_text_pairs where cohort_id = 'tiny'",
    )
    rows = query(
        texts,
        "select kind, quant_id, figure, letters, is_lowest, bytes, is_smallest, chunks,"
        " smallest_chunk, largest_chunk from stat_text_groups where cohort_id = 'tiny'",
    )
    assert len(rows) == 3 * 5
    for kind in ("kld", "loss", "flips"):
        mine = {row[1]: row[2:] for row in rows if row[0] == kind}
        for quant, (figure, *_, chunks, smallest, largest) in mine.items():
            total, n = sums[kind][quant]
            assert figure == pytest.approx(total.sum() / n.sum())
            assert (chunks, smallest, largest) == (len(n), n.min(), n.max())
        for of, one, other, is_apart in pairs:
            if of == kind:
                assert is_apart == (not set(mine[one][1]) & set(mine[other][1]))
        first = min(mine, key=lambda quant: mine[quant][0])
        assert mine[first][1].startswith("a")
        group = {quant for quant in mine if set(mine[quant][1]) & set(mine[first][1])}
        assert group == {quant for quant in mine if mine[quant][2]}
        smallest = min(group, key=lambda quant: mine[quant][3])
        assert [quant for quant in mine if mine[quant][4]] == [smallest]


def test_the_study_speaks_of_the_text(texts):
    rows = {
        finding: (n, figure, verdict)
        for finding, n, figure, verdict in query(
            texts, "select finding, n, figure, verdict from find_texts where cohort_id = 'tiny'"
        )
    }
    told = query(
        texts,
        "select kind, count(*) filter (where verdict like '%_lower'), max(chunks_needed) from"
        " stat_text_pairs where cohort_id = 'tiny' group by kind order by kind",
    )
    names = {"flips": "share of token flips", "kld": "mean KLD", "loss": "mean loss"}
    for kind, pairs, needed in told:
        found = rows.pop(f"pairs of quants that the first text tells apart by {names[kind]}")
        assert found == (10, pairs, "counted")
        if kind == "kld":
            _, figure, _ = rows.pop("chunks that would tell the nearest pair apart by mean KLD")
            assert figure == needed
    assert rows.pop("quants that were measured on the first text") == (5, 5, "read")
    groups = query(
        texts,
        "select letters, is_lowest from stat_text_groups where cohort_id = 'tiny' and kind = 'kld'",
    )
    letters = {letter for row in groups for letter in row[0]}
    lowest = sum(row[1] for row in groups)
    where = (
        "apart by mean KLD on the first text",
        "apart from the lowest mean KLD of the first text",
    )
    assert rows == {
        f"letters of quants not told {where[0]}": (5, len(letters), "letters"),
        f"quants not told {where[1]}": (5, lowest, "lowest_smallest"),
    }
    done = qwh("show", "study", "--cohort", "tiny", "--warehouse", texts)
    assert (
        done.exit_code == 0
        and "which of two does a task better a text cannot tell" in unwrapped(done.stdout)
    )
    assert "{" not in unwrapped(done.stdout)


def test_the_commands_say_distance_and_never_quality(texts, sums):
    where = ("--cohort", "tiny", "--warehouse", texts)
    done = qwh("compare", "Q8_0", "Q2_K", *where)
    assert done.exit_code == 0, done.stderr
    (total, n), (other, _) = sums["kld"]["Q8_0"], sums["kld"]["Q2_K"]
    gap = (other - total) / n
    said = f"Q2_K less Q8_0 is {gap.mean():+.3g}"
    words = unwrapped(done.stdout)
    assert "Q8_0 has the lower mean KLD on this text" in words and said in words
    # the same pair named the other way about
    done = qwh("compare", "Q2_K", "Q8_0", *where)
    words = unwrapped(done.stdout)
    assert "Q8_0 has the lower mean KLD on this text" in words
    assert f"Q8_0 less Q2_K is {-gap.mean():+.3g}" in words
    assert "Which does a task better a text cannot tell" in words
    groups = query(
        texts,
        "select quant_id, bytes, is_lowest from stat_text_groups where cohort_id = 'tiny' and kind"
        " = 'kld' order by bytes",
    )
    allowed = [quant for quant, _, is_lowest in groups if is_lowest]
    done = qwh("pick", *where)
    assert done.exit_code == 0 and f"{allowed[0]}: the smallest file that" in unwrapped(done.stdout)
    assert "which says nothing of a task" in unwrapped(done.stdout)
    done = qwh("pick", "--max-bytes", groups[0][1], *where)
    assert done.exit_code == 0
    assert "no file allowed is in the group of the lowest mean KLD" in unwrapped(done.stdout)
    for words in ("better", "quality", "best", "recommend"):
        assert words not in unwrapped(done.stdout)
    done = qwh("plan", "--pair", "Q5_K_M", "Q6_K", *where)
    [(needed,)] = query(
        texts,
        "select chunks_needed from stat_text_pairs where cohort_id = 'tiny' and kind = 'kld' and"
        " quant_id = 'Q5_K_M' and other_quant_id = 'Q6_K'",
    )
    assert done.exit_code == 0 and f"{needed:,}" in unwrapped(done.stdout)
    done = qwh("pick", "--cohort", "logs", "--warehouse", texts)
    assert done.exit_code == 0 and "no pick: printed figures only" in unwrapped(done.stdout)


def test_loss_and_direction_are_counted_anew(texts, sums):
    rows = query(
        texts,
        "select kind, quant_id, figure, standard_error, p from stat_token_direction where cohort_id"
        " = 'tiny' and kind <> 'improvement_share'",
    )
    assert len(rows) == 2 * 5
    for kind, quant, figure, error, p in rows:
        change, n = sums["change"][quant]
        moved = change if kind == "loss" else change - sums["kld"][quant][0]
        truth = stats.ttest_1samp(moved / n, 0)
        assert figure == pytest.approx((moved / n).mean(), rel=1e-5, abs=1e-9)
        assert error == pytest.approx(stats.sem(moved / n), rel=1e-5)
        t, skew = truth.statistic / WIDER, stats.skew(moved / n)
        cubic = t + skew * (t**2 / 3 + 1 / 6) / CHUNKS**0.5 + skew**2 * t**3 / 27 / CHUNKS
        nearer = min(abs(t), abs(cubic))  # Hall's (1992) where it says less
        assert p == pytest.approx(2 * stats.t.sf(nearer, CHUNKS - 1), rel=1e-4)


def test_tables_and_kernels_want_as_many_chunks():
    assert variables()["smallest_chunks"] == SMALLEST_CHUNKS


def test_logs_are_shown_and_never_paired(texts):
    rows = query(
        texts,
        "select quant_id, figure, token_error, chunks, letters, is_lowest, is_smallest, reason from"
        " stat_text_groups where cohort_id = 'logs' and kind = 'kld' order by quant_id",
    )
    assert {row[0]: row[1] for row in rows} == PRINTED
    assert all(row[2] > 0 and row[3:7] == (None, None, None, None) for row in rows)
    assert {row[7] for row in rows} == {"printed figures only: no sums by chunk"}
    pairs = query(
        texts,
        "select figure, low, high, p, p_adjusted, e_value, chunks_needed, verdict from"
        " stat_text_pairs where cohort_id = 'logs' and kind = 'kld' order by all",
    )
    differences = [b - a for (_, a), (_, b) in itertools.combinations(sorted(PRINTED.items()), 2)]
    assert [row[0] for row in pairs] == pytest.approx(sorted(differences))
    assert {row[1:] for row in pairs} == {(None,) * 6 + ("not_paired",)}
    found = query(
        texts, "select verdict, count(*) from find_texts where cohort_id = 'logs' group by all"
    )
    assert sorted(found) == [("not_paired", 3), ("printed", 1)]
    done = qwh("show", "study", "--cohort", "logs", "--warehouse", texts)
    assert done.exit_code == 0 and "the printed errors are per token" in unwrapped(done.stdout)


def test_the_packed_study_has_no_word_that_its_chunks_do_not_carry(study):
    """Of a normal quantile's words for 4 and 16 chunks 12 of 105 are another for t."""
    rows = query(
        study,
        "select quant_id, corpus_id, context_length, list(n order by chunk), list(delta_loss_sum"
        " order by chunk), list(token_direction_sum order by chunk) from fct_chunks group by all",
    )

    def word(n, change, moved, quantile) -> str:
        figures = []
        for part in (change, moved):
            mean = sum(part) / sum(n)
            left = np.array(part) - mean * np.array(n)
            count = len(n)
            error = math.sqrt(count / (count - 1) * (left**2).sum()) / sum(n)
            figures.append((mean, quantile(count) * error))
        (loss, half), (direction, other) = figures
        if loss - half <= 0:
            return "lower" if loss + half < 0 else "open"
        return "away" if direction > other else "towards" if direction < -other else "as moved"

    normal, students = (
        [word(*row[3:], quantile) for row in rows]
        for quantile in (lambda count: 1.96, lambda count: stats.t.isf(0.025, count - 1))
    )
    assert len(rows) == 105 and sum(a != b for a, b in zip(normal, students)) == 12
    said = {
        (quant, text, length): (loss, direction)
        for quant, text, length, loss, direction in query(
            study,
            "select quant_id, corpus_id, context_length, any_value(verdict) filter (where kind ="
            " 'loss'), any_value(verdict) filter (where kind = 'token_direction') from"
            " stat_token_direction group by all",
        )
    }
    for row, student in zip(rows, students):
        loss, direction = said[row[:3]]
        assert loss != "loss_higher" or student in ("away", "towards", "as moved")
        assert direction != "away_from_text" or student in ("away", "open")
        assert direction != "towards_text" or student in ("towards", "open", "lower")
