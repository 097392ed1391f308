"""hipfire's reference and result files (hfkldr)."""

import math

import numpy as np
import pytest
from log_files import checked, reference_file, result_file, summaries, values

from qwh.ingest.readers import hfkldr


def test_hipfires_reference(tmp_path):
    (tmp_path / "a.bin").write_bytes(reference_file())
    found = checked(next(hfkldr.read(tmp_path / "a.bin", {})))
    rng = np.random.default_rng(5)
    tokens, p = rng.integers(0, 6, (2, 8)), [rng.dirichlet(np.ones(6)) for _ in range(6)]
    assert (found.context_length, found.top_k, found.is_reference, found.partial) == (
        8,
        4,
        True,
        None,
    )
    for chunk, block in enumerate(found.blocks):
        assert (
            block.chunk == chunk
            and block.position.tolist() == [5, 6, 7]
            and block.token_id.tolist() == tokens[chunk, 5:].tolist()
        )
        for row, token in enumerate(block.token_id):
            truth = p[3 * chunk + row]
            assert block.top1[row] == truth.argmax() and block.residual[row] == pytest.approx(
                np.sort(truth)[:2].sum(), rel=1e-5
            )
            rank = 1 + int((truth > truth[token]).sum())
            assert block.rank[row] == (rank if rank <= 4 else 0)
            assert (
                block.nll[row] == pytest.approx(-math.log(truth[token]), rel=1e-5)
                if rank <= 4
                else math.isnan(block.nll[row])
            )
    assert found.left_out.get("NLL of tokens outside of the reference's top k", 0) == sum(
        int(np.isnan(block.nll).sum()) for block in found.blocks
    )


def test_a_cut_reference_keeps_its_whole_chunks(tmp_path):
    (tmp_path / "a.bin").write_bytes(reference_file(3)[:-1])
    found = checked(next(hfkldr.read(tmp_path / "a.bin", {})))
    assert found.partial == "2 of 3 chunks are whole" and len(found.blocks) == 2


def test_hipfires_results(tmp_path):
    (tmp_path / "a.bin").write_bytes(result_file())
    found = summaries(tmp_path / "a.bin")[0]
    assert values(found) == {
        "kld_lumped_mean": pytest.approx(0.2),
        "ppl": pytest.approx(math.exp(2.1)),
    } and found.statistics[0].standard_error == pytest.approx(0.1)
    assert {(chunk.metric, chunk.chunk): chunk.value for chunk in found.chunks} == {
        ("kld_lumped_mean", 0): 0.1,
        ("kld_lumped_mean", 1): 0.3,
        ("kld_lumped_p99", 0): 0.5,
        ("kld_lumped_p99", 1): 0.9,
        ("nll_mean", 0): 2.0,
        ("nll_mean", 1): 2.2,
    }
    (tmp_path / "a.bin").write_bytes(result_file(1))
    assert values(summaries(tmp_path / "a.bin")[0]) == {"kld_lumped_mean": pytest.approx(0.2)}
