"""What the head of a GGUF model reads while llama.cpp runs it, and the head's own weights."""

import ctypes
from collections.abc import Iterator

import llama_cpp
import numpy as np

from ...kernels.scorers.head import Weights as HeadWeights
from ...kernels.scorers.head import widen
from .gguf import FLOATS
from .gguf_header import Tensor
from .gguf_parts import model_headers
from .llama_context import Context, Weights, tensor_data
from .port import ModelFile, Reading, Sequence, blocks
from .stored import HeadUnknown, Output

OUTPUTS = ("output.weight", "token_embd.weight")  # the second where there is no first
BIAS = "output.bias"
F32 = 0  # ggml's number of that type
BITS = {"F16": "<f2", "BF16": "<u2", "F32": "<f4"}


class _Tensor(ctypes.Structure):
    """The beginning of ggml's own, which llama-cpp-python's pinned version has so."""


_Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.POINTER(_Tensor) * 10),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
]


class Tap:
    """Called by llama.cpp at every step of a pass; it asks for the head's product alone."""

    def __init__(self, head: str):
        self.head = head.encode()
        self._hidden: list[np.ndarray] = []
        self.callback = llama_cpp.ggml_backend_sched_eval_callback(self._step)

    def _step(self, step: int, ask: bool, _: object) -> bool:
        tensor = ctypes.cast(step, ctypes.POINTER(_Tensor)).contents
        weight, read = tensor.src[0], tensor.src[1]
        if ask:
            if not weight or weight.contents.name != self.head:
                return False
            return bool(read) and read.contents.type == F32  # a look-up of tokens reads their ids
        self._hidden = [tensor_data(read, (read.contents.ne[1], read.contents.ne[0]))]
        return True

    def taken(self) -> np.ndarray | None:
        """What the head read since this was last asked, [T, D] float32; None: nothing."""
        found, self._hidden = self._hidden, []
        return found[0] if found else None


class Tapped:
    """A GGUF model with a tap at its head (see stored.Tapped).

    Raises HeadUnknown for a head that is quantized: llama.cpp rounds what such a one reads.
    """

    def __init__(self, file: ModelFile, reading: Reading, length: int, threads: int):
        self.file = file
        self.output, name = _output(file)
        self.tap = Tap(name)
        self.weights = Weights(file.path)
        how = {"cb_eval": self.tap.callback}
        try:
            block = min(reading.rows, length)
            self.context = Context(self.weights, length, block, threads, how=how)
        except BaseException:
            self.weights.close()
            raise

    def pairs(self, sequence: Sequence) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See stored.Tapped; the passes are those of a model that is not tapped."""
        self.context.keep(0)
        for start, stop in blocks(sequence, self.context.block):
            wanted = np.isin(np.arange(start, stop), sequence.scored(start, stop))
            logits = self.context.forward(sequence.ids[start:stop], start, wanted)
            hidden = self.tap.taken()
            if logits is None:
                continue
            if hidden is None or len(hidden) != len(logits):
                raise HeadUnknown(
                    self.file.path.name, "llama.cpp does not show what its head reads"
                )
            yield hidden, logits

    def close(self) -> None:
        """Free context and weights."""
        self.context.close()
        self.weights.close()


def _output(file: ModelFile) -> tuple[Output, str]:
    """The head's weights and what the file says of what follows them; its tensor's name."""
    headers = model_headers(file.path)
    tensors = {tensor.name: tensor for header in headers for tensor in header.tensors}
    found = next((tensors[name] for name in OUTPUTS if name in tensors), None)
    if found is None:
        raise HeadUnknown(file.path.name, "it has no head that is known")
    if found.kind not in FLOATS:
        raise HeadUnknown(
            file.path.name, f"its head is {found.kind}, and what such a one reads is rounded"
        )
    fields = headers[0].fields.items()
    caps = [float(x) for key, x in fields if "cap" in key and "att" not in key and _is_number(x)]
    scales = [float(x) for key, x in fields if key.endswith("logit_scale") and _is_number(x)]
    bias = widen(_values(tensors[BIAS]), tensors[BIAS].kind) if BIAS in tensors else None
    both = [each for scale in scales for each in (scale, 1 / scale)]
    return Output(HeadWeights(found.kind, _values(found), bias), caps, both), found.name


def _is_number(value: object) -> bool:
    return isinstance(value, float) and value > 0


def _values(tensor: Tensor) -> np.ndarray:
    """A tensor of floats, [rows, columns], as its file has it."""
    shape = tensor.shape[::-1]
    return np.memmap(tensor.path, BITS[tensor.kind], mode="r", offset=tensor.offset, shape=shape)
