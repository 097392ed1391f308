"""The whole dbt project on a small warehouse (toy.py): every number by hand."""

import math

import pytest
from toy import rows

FIDELITY = {  # of `far` on prose at 4: value, clustered standard error or None
    "kld_mean": (2.5, 1.0),  # chunk sums 3 and 7, two positions each: sqrt(2 x (2² + 2²)) / 4
    "kld_gmean": (24**0.25, None),
    "kld_median": (2.5, None),
    "kld_p90": (3.7, None),
    "kld_p95": (3.85, None),
    "kld_p99": (3.97, None),
    "kld_p999": (3.997, None),
    "kld_max": (4.0, None),
    "kld_cvar99": (4.0, None),
    "kld_reverse_mean": (0.0, 0.0),
    "jsd_mean": (0.0, 0.0),
    "tv_mean": (0.0, 0.0),
    "ppl": (math.exp(1.5), 0.0),
    "ln_ppl_ratio": (0.5, 0.0),
    "ln_ppl_ratio_abs": (0.5, 0.0),
    "token_direction": (-2.0, 1.0),
    "dp_mean": ((2 * math.exp(-1.5) + math.exp(-2) - 3 * math.exp(-1)) / 4, None),
    "dp_rms": (
        math.sqrt(
            (2 * (math.exp(-1.5) - math.exp(-1)) ** 2 + (math.exp(-2) - math.exp(-1)) ** 2) / 4
        ),
        None,
    ),
    "top1_agreement": (0.5, 0.0),
}


@pytest.mark.parametrize("metric", FIDELITY)
def test_every_metric_by_hand(toy, metric):
    value, error = FIDELITY[metric]
    [(found, oriented, found_error, n, nonfinite)] = rows(
        toy,
        "select value, value_oriented, standard_error, n, nonfinite from fct_fidelity where"
        f" quant_id = 'far' and measurement_id = '{metric}:prose:4'",
    )
    assert found == pytest.approx(value, rel=1e-6, abs=1e-12)
    assert oriented == (-found if metric in ("top1_agreement", "dp_mean") else found)
    assert (n, nonfinite) == (4, 1)
    if error is not None:
        assert found_error == pytest.approx(error, abs=1e-7)


def test_the_metrics_are_these_and_14_variants_exist(toy):
    assert {metric for (metric,) in rows(toy, "select distinct metric from fct_fidelity")} == set(
        FIDELITY
    )
    variants = rows(
        toy,
        "select variant, measurement_id from dim_measurements where variant is not null order by 1",
    )
    assert [variant for variant, _ in variants] == list(range(1, 15))
    assert (variants[0][1], variants[12][1], variants[13][1]) == (
        "kld_mean:prose:4",
        "kld_mean:code:4",
        "kld_mean:prose:8",
    )
    assert rows(
        toy,
        "select value from fct_fidelity where quant_id = 'far' and measurement_id ="
        " 'kld_mean:prose:8'",
    ) == [(5.0,)]


def test_token_flips_count_against_the_realised_token(toy):
    found = rows(
        toy,
        "select sum(benefits), sum(harms), sum(neutrals), sum(n), sum(nonfinite) from"
        " int_run_chunks where run_id = 'far-prose-4'",
    )
    assert found == [(0, 1, 1, 4, 1)]


def test_disagreements_split_into_leapfrogs_and_drops(toy):
    query = (
        "select score_ref, score, leapfrogs, drops, volume, direction, mcnemar_p,"
        " other_wrong_answers from fct_disagreements where quant_id = '{}' and benchmark_id ="
        " 'quiz'"
    )
    assert rows(toy, query.format("far"))[0] == pytest.approx(
        (0.75, 0.625, 1, 2, 0.375, -1 / 3, 1.0, 1)
    )
    # no volume: no direction, not 0.5
    assert rows(toy, query.format("near")) == [(0.75, 0.75, 0, 0, 0, None, 1, 0)]
    assert rows(
        toy, "select score from fct_scores where role = 'reference' order by benchmark_id"
    ) == [(0.75,), (1.0,)]


def test_composites_move_by_volume_times_direction(toy):
    composites = {
        quant: row
        for quant, *row in rows(
            toy, "select quant_id, composite_ref, composite, volume, direction from fct_composites"
        )
    }
    assert composites["far"] == pytest.approx([0.875, 0.6875, 0.3125, -0.6], abs=1e-15)
    assert composites["near"] == [0.875, 0.875, 0.0, None]


def test_prompt_kld_over_the_references_answer(toy):
    found = rows(
        toy,
        "select distinct tokens, kld_mean, kld_gmean, kld_max, clipped, first_token_flip from"
        " int_prompt_kld where run_id = 'far-quiz'",
    )
    assert len(found) == 1 and found[0] == pytest.approx((2, 0.0505, 0.01, 0.1, 0, 1), rel=1e-6)


def test_the_zone_holds_what_its_threshold_says(toy):
    members = (
        "select quant_id from fct_zone_members where zone_rule = 'kld_max' and is_member and"
        " threshold = {} order by 1"
    )
    assert rows(toy, members.format(0.02)) == [("near",)]
    assert rows(toy, members.format(0.01)) == []


def test_the_reference_is_described_and_never_measured(toy):
    assert rows(
        toy,
        "select reference_id, quants, primary_corpus, primary_context_length, reference_is_original"
        " from dim_cohorts",
    ) == [("reference", 2, "prose", 4, True)]
    assert rows(toy, "select count(*) from fct_fidelity where quant_id = 'reference'") == [(0,)]


def test_views_work_wherever_the_shell_is_opened(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rows(toy, "select count(*) from int_tokens where run_id = 'far-prose-4'") == [(5,)]


def test_contracts_and_comments_are_in_the_file(toy):
    assert (
        rows(
            toy,
            "select table_name from duckdb_tables() where table_name similar to '(dim|fct|stat)_.*'"
            " and comment is null",
        )
        == []
    )
    assert (
        rows(
            toy,
            "select table_name, column_name from duckdb_columns() where table_name similar to"
            " '(dim|fct|stat)_.*' and comment is null",
        )
        == []
    )
