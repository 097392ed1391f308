"""HELM: a run with its requests, and one of which only the statistics were kept."""

import shutil

from harness_files import FIXTURES, HELM, one, refused, scores

from qwh.ingest.readers import helm


def test_helm(tmp_path):
    samples, rows = one(helm, FIXTURES / "helm")
    assert (
        samples.benchmark_id == "simple_mcqa"
        and samples.model_name == "simple/model1"
        and samples.harness["metric"] == "exact_match"
    )
    assert (
        "model" not in samples.harness["adapter_spec"]
        and samples.harness["adapter_spec"]["max_train_instances"] == 5
        and samples.facts["prompt_id"] == "requests"
    )
    assert (
        len(rows) == 6
        and rows[0].item == "id60"
        and rows[0].prompt.endswith("Is 70 even or odd?\nA. Even\nB. Odd\nAnswer:")
        and rows[0].expected == '["Even"]'
        and rows[0].answer == "Answer:"
    )
    assert {row.score for row in one(helm, HELM, metric="num_references")[1]} == {2.0}
    refused(helm, HELM / "per_instance_stats.json", "exact_match, quasi_exact_match", metric="bleu")
    other = tmp_path / "simple_mcqa:model=other"
    other.mkdir()
    shutil.copy(HELM / "per_instance_stats.json", other)
    samples, alone = one(helm, other)
    assert (
        samples.model_name == "other"
        and samples.benchmark_id == "simple_mcqa"
        and scores(alone) == scores(rows)
        and len({row.prompt_id for row in alone}) == 6
    )
    assert samples.harness["metric"] == "exact_match" and samples.facts["prompt_id"] == "settings"
