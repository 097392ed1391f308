"""The Triton scorer: on a GPU where there is one, else under Triton's interpreter; and that it
compiles for real GPUs.
"""

import os
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_kernels import at_level, logits, score

from qwh.kernels.scorers import naive

NEEDS = "needs the extra torch: pip install 'quant-warehouse[torch]'"
torch = pytest.importorskip("torch", reason=NEEDS)
pytest.importorskip("triton", reason=NEEDS)
gpu = import_module("qwh.kernels.scorers.gpu")
pytestmark = pytest.mark.torch
ON_GPU = "TRITON_INTERPRET" not in os.environ  # conftest.py sets it where there is no GPU


class OnDevice:
    """The scorer with NumPy arrays moved to the device."""

    move = staticmethod(
        lambda logits: torch.from_numpy(np.ascontiguousarray(logits)).to(
            "cuda" if ON_GPU else "cpu"
        )
    )

    @classmethod
    def reference_rows(cls, x, y, k, threads):
        return gpu.reference_rows(cls.move(x), y, k)

    @classmethod
    def quant_rows(cls, x, reference, z, y, threads):
        return gpu.quant_rows(cls.move(x), reference, cls.move(z), y)


@pytest.mark.parametrize("level", [1e-1, 1e-3, 1e-5, 1e-8])
def test_one_part_in_a_hundred_thousand(level):
    rng = np.random.default_rng(1)
    x, z = at_level(rng, 3, 32_003, level)
    y = rng.integers(0, 32_003, 3)
    (r, q), (r0, q0) = score(OnDevice, x, z, y), score(naive, x, z, y)
    for column in ("kld", "kld_reverse", "jsd"):
        np.testing.assert_allclose(getattr(q, column), getattr(q0, column), rtol=1e-5)
    for ours, truth, columns in (
        (r, r0, ("top1_ref", "rank_ref", "topk_ids", "finite_ref")),
        (q, q0, ("top1", "rank", "finite")),
    ):
        assert all(
            np.array_equal(getattr(ours, column), getattr(truth, column)) for column in columns
        )
    np.testing.assert_allclose(q.tv, q0.tv, rtol=1e-5, atol=1e-7)
    for ours, truth, columns in (
        (r, r0, ("nll_ref", "entropy_ref", "margin_ref", "lse_ref", "topk_logprobs_ref")),
        (q, q0, ("nll", "entropy", "lse", "topk_logprobs")),
    ):
        for column in columns:
            np.testing.assert_allclose(
                getattr(ours, column), getattr(truth, column), rtol=1e-5, atol=2e-6, err_msg=column
            )


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.sampled_from([2, 3, 257, 1_024, 1_025, 4_096, 4_099, 9_000])),
    st.sampled_from([1, 3, 528]),
    st.tuples(st.floats(1e-3, 30), st.floats(0, 3)),
    st.booleans(),
    st.integers(1, 12),
    st.integers(0, 2**31),
)
def test_twins_agree_on_any_shape(shape, programs, spread, ties, k, seed):
    rng, (scale, noise) = np.random.default_rng(seed), spread
    x = (scale * rng.normal(size=shape)).astype(np.float32)
    z = (x + noise * rng.normal(size=shape)).astype(np.float32)
    if ties:
        x, z = np.rint(x), np.rint(z)
    y = rng.integers(0, shape[1], shape[0])
    before, gpu.PROGRAMS = gpu.PROGRAMS, programs  # how many parts a row is split into
    try:
        (r, q), (r0, q0) = score(OnDevice, x, z, y, k), score(naive, x, z, y, k)
    finally:
        gpu.PROGRAMS = before
    for name in ("top1_ref", "rank_ref", "topk_ids", "finite_ref"):
        assert np.array_equal(getattr(r, name), getattr(r0, name)), name
    for name in ("top1", "rank", "finite"):
        assert np.array_equal(getattr(q, name), getattr(q0, name)), name
    for name in ("kld", "kld_reverse", "jsd", "tv", "nll", "entropy", "topk_logprobs"):
        np.testing.assert_allclose(
            getattr(q, name),
            getattr(q0, name),
            rtol=2e-5,
            atol=(
                4e-6
                if name in ("nll", "entropy", "topk_logprobs")
                else 1e-7
                if name == "tv"
                else 1e-9
            ),
            err_msg=name,
        )


def test_equal_logits_are_exactly_zero():
    x, _ = logits(np.random.default_rng(2), 3, 4_097, 0)
    _, q = score(OnDevice, x, x.copy(), np.arange(3))
    for column in ("kld", "kld_reverse", "jsd", "tv"):
        assert not getattr(q, column).any()


def test_rows_without_finite_numbers_are_flagged_and_poison_nothing():
    x, z = logits(np.random.default_rng(4), 10, 1_700, 1e-2)
    y = np.full(10, 900)
    x[1, 5], z[2, 1_500], x[3, 0], z[4, 1_699] = np.nan, np.nan, np.inf, np.inf
    x[5], z[6, 7], z[8, 900] = -np.inf, -np.inf, -np.inf
    x[7, :50] = z[7, :50] = -np.inf  # a mask that both share is legal
    (r, q), (r0, q0) = score(OnDevice, x, z, y, 4), score(naive, x, z, y, 4)
    assert (
        np.array_equal(r.finite_ref, r0.finite_ref)
        and np.array_equal(q.finite, q0.finite)
        and list(np.flatnonzero(q.finite)) == [0, 7, 9]
    )
    np.testing.assert_allclose(q.kld, q0.kld, rtol=1e-5)
    assert (
        np.isnan(q.kld[1:7]).all()
        and (q.top1[~q.finite] == -1).all()
        and (r.topk_ids[~r.finite_ref] == -1).all()
    )


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_narrow_logits_are_read_as_they_are(kind):
    x, z = (
        OnDevice.move(part).to(getattr(torch, kind))
        for part in logits(np.random.default_rng(6), 3, 900, 0.1)
    )
    y = np.zeros(3, int)
    narrow = gpu.quant_rows(x, gpu.reference_rows(x, y), z, y)
    wide = gpu.quant_rows(x.float(), gpu.reference_rows(x.float(), y), z.float(), y)
    assert all(np.array_equal(a, b) for a, b in zip(narrow, wide) if a is not None)


COMPILE = """
import sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from qwh.kernels.scorers import gpu

SIZES = {"TILE": 1024, "TILES": 256}
TYPES = {
    **dict.fromkeys(("vocabulary", "stride", "stride_x", "stride_z", "tiles"), "i32"),
    **dict.fromkeys(("per_split", "k"), "i32"),
    **dict.fromkeys(("counts", "ids_out"), "*i32"),
    "target": "*i64",
}
for kernel in (gpu._one_side, gpu._select, gpu._pair):
    names = kernel.arg_names
    types = {n: "constexpr" if n in SIZES else TYPES.get(n, "*fp32") for n in names}
    sizes = {(i,): SIZES[n] for i, n in enumerate(names) if n in SIZES}
    target = GPUTarget("cuda", int(sys.argv[1]), 32)
    print(len(triton.compile(ASTSource(kernel, types, sizes), target=target).asm["ptx"]))
"""


@pytest.mark.parametrize("architecture", ["80", "90"])
def test_compiles_for_a_real_gpu(architecture):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, architecture],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0 and len(done.stdout.split()) == 3, done.stderr[-2000:]
