"""llama.cpp's low-level API: weights, tokenizer, attention memory, views of its own logits."""

import ctypes
import os
from pathlib import Path

import numpy as np

from ...errors import ExitCode, QwhError, missing_extra

try:
    import llama_cpp
except ImportError:
    raise missing_extra("llama-cpp-python", "gguf") from None

VERSION: str = llama_cpp.__version__  # llama-cpp-python pins the llama.cpp that it is built from
_complaints = [""]  # the last one is llama.cpp's last


@llama_cpp.llama_log_callback
def _keep_log(level: int, text: bytes, _: object) -> None:
    """llama.cpp talks on stderr; keep its last complaint for our own one-line errors instead."""
    if level >= 3:  # GGML_LOG_LEVEL_WARN = 3, ERROR = 4
        _complaints[0] = text.decode(errors="replace").strip() or _complaints[0]


llama_cpp.llama_log_set(_keep_log, None)
llama_cpp.llama_backend_init()


def device() -> str:
    """Where llama.cpp computes: 'gpu' if it was built to offload layers, else 'cpu'."""
    return "gpu" if llama_cpp.llama_supports_gpu_offload() else "cpu"


class Weights:
    """One GGUF file in memory (mapped), with its tokenizer. vocab_only skips the weights."""

    def __init__(self, path: Path, vocab_only: bool = False):
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = vocab_only
        params.n_gpu_layers = 0 if vocab_only else 999
        self.path = Path(path)
        self.handle = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
        if not self.handle:
            raise QwhError(
                f"llama.cpp cannot load {path}: {_complaints[0] or 'no reason given'}: fetch the"
                " file again or update llama-cpp-python",
                ExitCode.BAD_INPUT,
            )
        self.vocab = llama_cpp.llama_model_get_vocab(self.handle)
        self.vocab_size = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self.bos = llama_cpp.llama_vocab_bos(self.vocab)
        self.add_bos = bool(llama_cpp.llama_vocab_get_add_bos(self.vocab))

    def tokenize(self, text: str) -> np.ndarray:
        """Token ids [n] int32, special tokens added at the start where the model wants them, markup
        kept as plain text.
        """
        raw = text.encode()
        size = len(raw) + 8
        buffer = (llama_cpp.llama_token * size)()
        n = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), buffer, size, True, False)
        if n < 0:
            raise QwhError(
                f"{self.path.name}: llama.cpp could not tokenize a text of {len(raw):,} bytes:"
                " split it",
                ExitCode.BAD_INPUT,
            )
        return np.ctypeslib.as_array(buffer)[:n].astype(np.int32)

    def text(self, tokens: list[int]) -> str:
        """The text of token ids, special tokens left out."""
        ids = (llama_cpp.llama_token * max(1, len(tokens)))(*tokens)
        size = 64 * max(1, len(tokens))
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = llama_cpp.llama_detokenize(self.vocab, ids, len(tokens), buffer, size, False, False)
            if n >= 0:
                return buffer.raw[:n].decode(errors="replace")
            size = -n

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation (EOS, EOT, ...)."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocab, token))

    def close(self) -> None:
        """Free the weights."""
        if self.handle:
            llama_cpp.llama_model_free(self.handle)
            self.handle = None


class Context:
    """One sequence's attention memory on a model. Its logits view is valid until its next
    `forward`.
    """

    def __init__(self, weights: Weights, context_length: int, block: int, threads: int):
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = (
            context_length,
            block,
            block,
            1,
        )
        params.n_threads = params.n_threads_batch = threads
        self.weights = weights
        self.block = block
        self.handle = llama_cpp.llama_init_from_model(weights.handle, params)
        if not self.handle:
            raise QwhError(
                f"llama.cpp cannot open a context of {context_length} tokens on"
                f" {weights.path.name}: {_complaints[0]}: use a shorter --context-length or free"
                " memory",
                ExitCode.BAD_INPUT,
            )
        self.memory = llama_cpp.llama_get_memory(self.handle)
        self.batch = llama_cpp.llama_batch_init(block, 0, 1)

    def keep(self, length: int) -> int:
        """Forget everything after the first `length` tokens; returns how many are still held.

        A recurrent model's memory cannot be cut: it forgets all.
        """
        if length and llama_cpp.llama_memory_seq_rm(self.memory, 0, length, -1):
            return length
        llama_cpp.llama_memory_clear(self.memory, True)
        return 0

    def forward(self, tokens: np.ndarray, start: int, wanted: np.ndarray) -> np.ndarray | None:
        """Run up to `block` tokens that begin at position `start`.

        tokens: [n] int32; wanted: [n] bool, the positions whose logits are computed. Returns
        float32 logits [wanted.sum(), vocabulary], a view of llama.cpp's buffer, or None if none was
        wanted.
        """
        batch, n = self.batch, len(tokens)
        batch.n_tokens = n
        _view(batch.token, n, np.int32)[:] = tokens
        _view(batch.pos, n, np.int32)[:] = np.arange(start, start + n)
        _view(batch.n_seq_id, n, np.int32)[:] = 1
        _view(batch.logits, n, np.int8)[:] = wanted
        for i in range(n):
            batch.seq_id[i][0] = 0
        code = llama_cpp.llama_decode(self.handle, batch)
        if code != 0:
            raise QwhError(
                f"llama.cpp failed on {self.weights.path.name} at position {start} (code {code}):"
                f" {_complaints[0]}: free memory or use a smaller --batch-size",
                ExitCode.BAD_INPUT,
            )
        rows = int(wanted.sum())
        if rows == 0:
            return None
        pointer = llama_cpp.llama_get_logits(self.handle)  # waits until the device is done
        return np.ctypeslib.as_array(pointer, shape=(rows, self.weights.vocab_size))

    def close(self) -> None:
        """Free the context."""
        if self.handle:
            llama_cpp.llama_batch_free(self.batch)
            llama_cpp.llama_free(self.handle)
            self.handle = None


def _view(pointer: object, n: int, kind: type) -> np.ndarray:
    return np.ctypeslib.as_array(pointer, shape=(n,)).view(kind)
