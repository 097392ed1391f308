"""Families: what makes quants relatives, in answers made for it and in the packed study."""

import json

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from qwh.kernels.statistics.answers import Answers
from qwh.kernels.statistics.port import rows_of
from qwh.kernels.statistics.quants import families


def answers_of(gains: dict[str, list[float]]) -> Answers:
    """Rows of one benchmark on which the reference scores one half."""
    return rows_of(
        Answers,
        [
            {
                "quant_id": quant,
                "benchmark_id": "b",
                "prompt_id": f"p{k:03d}",
                "text_id": f"p{k:03d}",
                "weight": 1.0,
                "score": 0.5 + gain,
                "score_ref": 0.5,
            }
            for quant, row in gains.items()
            for k, gain in enumerate(row)
        ],
    )


def files_of(*records: dict) -> families.Files:
    missing = dict.fromkeys(families.Files._fields)
    return rows_of(families.Files, [missing | record for record in records])


def declared(files: families.Files, share: float = 0.5) -> dict[str, str | None]:
    found = families.declared_families(files, families.Share(share))
    return {member.quant_id: member.family_id for member in found}


def test_quants_whose_flips_agree_are_a_family_and_one_without_flips_stands_alone():
    rng = np.random.default_rng(0)
    first, second = rng.choice([-0.5, 0.0, 0.5], (2, 400), p=[0.05, 0.9, 0.05])
    gains = {
        "a": first,
        "b": np.where(rng.random(400) < 0.1, 0, first),
        "c": second,
        "d": np.where(rng.random(400) < 0.1, 0, second),
        "still": np.zeros(400),
    }
    found = families.gain_families(answers_of({k: v.tolist() for k, v in gains.items()}))
    by = {member.quant_id: member.family_id for member in found}
    assert by == {"a": "a", "b": "a", "c": "c", "d": "c", "still": "still"}
    why = {member.quant_id: member.because for member in found}
    alike = np.corrcoef(gains["a"], gains["b"])[0, 1]
    assert why["a"] == f"its changes correlate {alike:.2f} with its family's"
    assert why["still"] == "no answer differs from the reference's"


def test_a_correlation_of_one_half_is_a_family_and_less_is_none():
    def pair(shared: int) -> list[str | None]:
        """Two quants of 8 flips each on 1,024 prompts, shared of them the same."""
        one, other = np.zeros((2, 1_024))
        one[:8] = other[8 - shared : 16 - shared] = 0.5
        one[16:24] = other[16 + 8 - shared : 32 - shared] = -0.5
        rows = {"x": one.tolist(), "y": other.tolist()}
        return [member.family_id for member in families.gain_families(answers_of(rows))]

    assert pair(4) == ["x", "x"]
    assert pair(3) == ["x", "y"]


def test_a_chain_of_cousins_is_no_family():
    likeness = np.eye(5)
    for k in range(4):
        likeness[k, k + 1] = likeness[k + 1, k] = 0.6
    labels = families.linked(likeness)
    assert len(set(labels)) > 1
    assert connected_components(likeness > 0.5)[0] == 1


def test_a_quant_that_left_prompts_out_has_no_family():
    rows = answers_of({"a": [0.5, -0.5, 0], "b": [0.5, -0.5]})
    found = {member.quant_id: member for member in families.gain_families(rows)}
    assert found["b"].family_id is None
    assert found["b"].because == "it did not answer every prompt"


def test_files_are_relatives_by_the_share_of_their_quantized_weights():
    files = files_of(
        {"quant_id": "m", "file_type": "MOSTLY_Q4_K_M", "tensor_hashes": '{"a": 80, "b": 20}'},
        {"quant_id": "s", "file_type": "MOSTLY_Q5_K_S", "tensor_hashes": '{"a": 80, "c": 20}'},
        {"quant_id": "other", "file_type": "MOSTLY_Q4_K_M", "tensor_hashes": '{"c": 20, "d": 80}'},
        {"quant_id": "float", "file_type": "MOSTLY_BF16", "tensor_hashes": "{}"},
    )
    assert declared(files) == {"m": "m", "s": "m", "other": "other", "float": "float"}
    why = {m.quant_id: m.because for m in families.declared_families(files, families.Share(0.5))}
    assert why["m"] == "80% of the lesser file's weights are shared with s"
    assert why["other"].endswith("at most 20% of the lesser file's weights are shared, with s")
    assert why["float"] == "its file holds no quantized tensor"


def test_a_file_of_one_shared_quantized_tensor_is_a_relative():
    files = files_of(
        {"quant_id": "F16+embd-Q5_1", "file_type": "F", "tensor_hashes": '{"e": 28}'},
        {"quant_id": "Q4_1+embd-Q5_1", "file_type": "Q4_1", "tensor_hashes": '{"e": 28, "b": 106}'},
    )
    assert len(set(declared(files).values())) == 1


def test_a_models_own_name_is_not_its_quants_type():
    assert families.kind_of("DeepSeek-Q1-Q4_0", None, None).base_type == "Q4_0"
    assert families.kind_of("Q8_0+embd-Q5_1", None, None).base_type == "Q8_0"


def test_with_no_share_asked_for_one_tensor_joins_chains_included():
    files = files_of(
        *(
            {"quant_id": name, "file_type": "F", "tensor_hashes": json.dumps(tensors)}
            for name, tensors in {
                "a": {"1": 99, "2": 1},
                "b": {"2": 1, "3": 98, "4": 1},
                "c": {"4": 1, "5": 99},
                "d": {"6": 1},
            }.items()
        )
    )
    assert declared(files, 0.0) == {"a": "a", "b": "a", "c": "a", "d": "d"}
    assert declared(files, 0.5) == {"a": "a", "b": "b", "c": "c", "d": "d"}


def test_two_files_that_share_half_are_relatives():
    files = files_of(
        {"quant_id": "a", "file_type": "F", "tensor_hashes": '{"1": 5, "2": 5}'},
        {"quant_id": "b", "file_type": "F", "tensor_hashes": '{"1": 5, "3": 5}'},
    )
    assert declared(files) == {"a": "a", "b": "a"}


def test_uploaders_part_families_and_never_join_them():
    same = {"file_type": "MOSTLY_Q4_K_M", "tensor_hashes": '{"a": 1}'}
    files = files_of(
        {"quant_id": "x", "uploader": "u", **same},
        {"quant_id": "y", "uploader": "u", **same},
        {"quant_id": "z", "uploader": "v", **same},
        {"quant_id": "w", "uploader": "v", "file_type": "F", "tensor_hashes": '{"b": 1}'},
    )
    assert declared(files) == {"x": "x", "y": "x", "z": "z", "w": "w"}


@pytest.mark.parametrize("quant_id, base, imatrix", [
    ("Q4_K_M", "Q4_K", False),
    ("Q4_K_S", "Q4_K", False),
    ("Meta-Llama-3-8B.i1-Q3_K_XL", "Q3_K", True),
    ("IQ4_XS-im", "IQ4", True),
    ("IQ4_NL", "IQ4", False),
    ("qwen2.5-7b-q5_0", "Q5_0", False),
    ("Q8_0+embd-Q5_1", "Q8_0", False),
    ("UD-Q2_K_XL", "Q2_K", False),
    ("imatrix-maker", None, True),
    ("awq", None, False),
])  # fmt: skip
def test_a_name_says_base_type_and_imatrix(quant_id, base, imatrix):
    assert families.kind_of(quant_id, None, None) == families.Kind(base, imatrix, True)


def test_a_files_label_goes_before_its_name_and_its_imatrix_is_compared():
    files = files_of(
        {"quant_id": "Q8_0", "file_type": "MOSTLY_Q4_K_M", "imatrix": "wiki.dat"},
        {"quant_id": "b", "file_type": "MOSTLY_Q4_K_S", "imatrix": "wiki.dat"},
        {"quant_id": "c", "file_type": "MOSTLY_Q4_K_S", "imatrix": "code.dat"},
        {"quant_id": "d-Q4_K_M-im"},
        {"quant_id": "nothing said"},
        {"quant_id": "nothing said either"},
    )
    found = declared(files)
    assert found["Q8_0"] == found["b"] == "Q8_0"
    assert found["nothing said"] != found["nothing said either"]
    why = {m.quant_id: m.because for m in families.declared_families(files, families.Share(0.5))}
    assert why["b"] == "base type Q4_K imatrix wiki.dat, by its file's label"
    assert why["d-Q4_K_M-im"] == "base type Q4_K with an imatrix, by its name"
    assert why["nothing said"] == "its name says no base type"


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(1)
    rows = [
        {
            "quant_id": quant, "benchmark_id": "b", "prompt_id": str(k), "text_id": str(k),
            "weight": 1.0, "score": float(rng.random() < 0.5), "score_ref": 1.0,
        }
        for quant in "abcdef"
        for k in range(30)
    ]  # fmt: skip
    first = families.gain_families(rows_of(Answers, rows))
    rng.shuffle(rows)
    assert families.gain_families(rows_of(Answers, rows)) == first
