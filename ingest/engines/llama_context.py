"""llama.cpp's low-level API: weights, tokenizer, attention memory, views of its own logits."""

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import ExitCode, QwhError, missing_extra

try:
    import llama_cpp
    from llama_cpp._ggml import libggml
except ImportError:
    raise missing_extra("llama-cpp-python", "gguf") from None

VERSION: str = llama_cpp.__version__  # llama-cpp-python pins the llama.cpp that it is built from
_complaints: list[str] = []  # llama.cpp's, since we last asked it for something


@llama_cpp.llama_log_callback
def _keep_log(level: int, text: bytes, _: object) -> None:
    """llama.cpp talks on stderr; keep its complaints for our own one-line errors instead."""
    if level == 4 and text.strip():  # GGML_LOG_LEVEL_ERROR
        _complaints.append(text.decode(errors="replace").strip())


def _complaint() -> str:
    """What llama.cpp said first, which names the cause; what follows is that it gave up."""
    return _complaints[0] if _complaints else "no reason given"


llama_cpp.llama_log_set(_keep_log, None)
llama_cpp.llama_backend_init()


def tensor_type_of_llama(number: int) -> tuple[str, int, int]:
    """(name, weights per block, bytes per block) of a tensor type.

    The sizes are 0 where there is none; the name then says why it was removed, or is empty.
    """
    if number not in range(llama_cpp.GGML_TYPE_COUNT):
        return "", 0, 0
    libggml.ggml_type_name.restype = ctypes.c_char_p
    libggml.ggml_blck_size.restype = ctypes.c_int64
    libggml.ggml_type_size.restype = ctypes.c_size_t
    name = libggml.ggml_type_name(number).decode()
    return name, libggml.ggml_blck_size(number), libggml.ggml_type_size(number)


def tensor_data(tensor: object, shape: tuple[int, int]) -> np.ndarray:
    """A copy of what a tensor of float32 holds, wherever it lies. tensor: its address."""
    values = np.empty(shape, np.float32)
    pointer = ctypes.c_void_p(values.ctypes.data)
    libggml.ggml_backend_tensor_get(
        tensor, pointer, ctypes.c_size_t(0), ctypes.c_size_t(values.nbytes)
    )
    return values


def file_type_of_llama(number: int) -> str | None:
    """llama.cpp's name of a file type, as MOSTLY_Q2_0."""
    prefix = "LLAMA_FTYPE_"
    names = (name for name in dir(llama_cpp) if name.startswith(prefix))
    found = (name for name in names if getattr(llama_cpp, name) == number)
    return next((name.removeprefix(prefix) for name in found), None)


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
        self.adapters: list[tuple[Any, float]] = []  # freed with the model
        _complaints.clear()
        self.handle = llama_cpp.llama_model_load_from_file(os.fsencode(path), params)
        if not self.handle:
            raise QwhError(
                f"llama.cpp cannot load {path}: {_complaint()}: update llama-cpp-python,"
                " or fetch the file again",
                ExitCode.BAD_INPUT,
            )
        self.vocab = llama_cpp.llama_model_get_vocab(self.handle)
        self.vocab_size = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self.bos = llama_cpp.llama_vocab_bos(self.vocab)
        self.eos = llama_cpp.llama_vocab_eos(self.vocab)
        self.add_bos = bool(llama_cpp.llama_vocab_get_add_bos(self.vocab))
        of_state = (llama_cpp.llama_model_is_recurrent, llama_cpp.llama_model_is_hybrid)
        # whether its memory holds positions, and no state of all that was read
        self.has_positions = not any(is_so(self.handle) for is_so in of_state)

    def adapt(self, adapters: list[tuple[Path, float]]) -> None:
        """Lay adapters over the weights, each with its scale: contexts that follow use them."""
        for path, scale in adapters:
            _complaints.clear()
            handle = llama_cpp.llama_adapter_lora_init(self.handle, os.fsencode(path))
            if not handle:
                raise QwhError(
                    f"llama.cpp cannot lay {path} over {self.path.name}: {_complaint()}: give a"
                    " LoRA adapter in GGUF that was made for this model",
                    ExitCode.BAD_INPUT,
                )
            self.adapters.append((handle, scale))

    def tokenize(self, text: str) -> np.ndarray:
        """Token ids [n] int32, special tokens added at the start where the model wants them, markup
        kept as plain text.
        """
        return self._tokenize(text, add=True, markup=False)

    def tokenize_markup(self, text: str) -> np.ndarray:
        """Token ids [n] int32, markup read as special tokens, none added."""
        return self._tokenize(text, add=False, markup=True)

    def _tokenize(self, text: str, add: bool, markup: bool) -> np.ndarray:
        raw = text.encode()
        size = len(raw) + 8
        buffer = (llama_cpp.llama_token * size)()
        n = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), buffer, size, add, markup)
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

    def wordless(self, what: str) -> QwhError:
        """The refusal of a model that predicts no next token."""
        name = ctypes.create_string_buffer(64)
        llama_cpp.llama_model_meta_val_str(self.handle, b"general.architecture", name, len(name))
        return QwhError(
            f"cannot use {self.path} as a model: it is {what} ({name.value.decode()}), no"
            " next-token probabilities: use a language model",
            ExitCode.BAD_INPUT,
        )

    def close(self) -> None:
        """Free the weights."""
        if self.handle:
            llama_cpp.llama_model_free(self.handle)
            self.handle = None


class _Columns(NamedTuple):
    """Views of a batch, an entry per token."""

    token: np.ndarray
    position: np.ndarray
    owners: np.ndarray  # how many sequences it belongs to
    wanted: np.ndarray


class Context:
    """Attention memory on a model: of one sequence, or of several in one room that begin alike.

    how: more of llama.cpp's own parameters, as kv_unified=False: a part of n_ctx for each. Its
    logits view is valid until its next `forward`.
    """

    def __init__(
        self,
        weights: Weights,
        context_length: int,
        block: int,
        threads: int,
        sequences: int = 1,
        how: Mapping[str, Any] = {},
    ):
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = context_length, block, block
        params.n_seq_max, params.kv_unified = sequences, sequences > 1
        params.n_threads = params.n_threads_batch = threads
        for name, value in how.items():
            setattr(params, name, value)
        self.weights = weights
        self.block = block
        _complaints.clear()
        self.handle = llama_cpp.llama_init_from_model(weights.handle, params)
        if not self.handle:
            raise QwhError(
                f"llama.cpp cannot open a context of {context_length} tokens on"
                f" {weights.path.name}: {_complaint()}: use a shorter --context-length or free"
                " memory",
                ExitCode.BAD_INPUT,
            )
        self._use(weights.adapters)
        self.memory = llama_cpp.llama_get_memory(self.handle)
        self.batch = llama_cpp.llama_batch_init(block, 0, sequences)
        self.columns = _Columns(
            _view(self.batch.token, block, np.int32),
            _view(self.batch.pos, block, np.int32),
            _view(self.batch.n_seq_id, block, np.int32),
            _view(self.batch.logits, block, np.int8),
        )
        self.all = list(range(sequences))
        self.spoke = False  # whether logits that differ have been seen
        found = self._no_language_model()
        if found:
            self.close()
            raise weights.wordless(found)

    def _use(self, adapters: list[tuple[Any, float]]) -> None:
        """Run with these adapters over the weights."""
        if adapters:
            handles, scales = zip(*adapters)
            n = len(handles)
            kind = llama_cpp.llama_adapter_lora_p_ctypes
            llama_cpp.llama_set_adapters_lora(
                self.handle, (kind * n)(*handles), n, (ctypes.c_float * n)(*scales)
            )

    def _no_language_model(self) -> str | None:
        """What the model is if it predicts no next token, as llama.cpp knows it."""
        weights = self.weights.handle
        if llama_cpp.llama_model_has_encoder(weights):
            return "a model with an encoder"
        if llama_cpp.llama_model_is_diffusion(weights):
            return "a diffusion model"
        pooled = llama_cpp.llama_pooling_type(self.handle) > 0
        if pooled or not llama_cpp.llama_get_causal_attn(self.handle):
            return "an embedding model"
        return None

    def keep(self, length: int) -> int:
        """Forget everything after the first `length` tokens; returns how many are still held.

        A recurrent model's memory cannot be cut: it forgets all.
        """
        if length and llama_cpp.llama_memory_seq_rm(self.memory, -1, length, -1):
            return length
        llama_cpp.llama_memory_clear(self.memory, True)
        return 0

    def forward(self, tokens: np.ndarray, start: int, wanted: np.ndarray) -> np.ndarray | None:
        """Run up to `block` tokens of all sequences that begin at position `start`.

        tokens: [n] int32; wanted: [n] bool, the positions whose logits are computed. Returns
        float32 logits [wanted.sum(), vocabulary], a view of llama.cpp's buffer, or None if none was
        wanted.
        """
        n = len(tokens)
        return self.decode(tokens, np.arange(start, start + n), [self.all] * n, wanted)

    def decode(
        self,
        tokens: np.ndarray,
        positions: np.ndarray,
        owners: list[list[int]],
        wanted: np.ndarray,
    ) -> np.ndarray | None:
        """As forward, of tokens at any positions; owners: the sequences of each."""
        batch, n = self.batch, len(tokens)
        batch.n_tokens = n
        self.columns.token[:n] = tokens
        self.columns.position[:n] = positions
        self.columns.owners[:n] = [len(those) for those in owners]
        self.columns.wanted[:n] = wanted
        for place, those in enumerate(owners):
            ids = batch.seq_id[place]
            for i, owner in enumerate(those):
                ids[i] = owner
        at = positions[0]
        _complaints.clear()
        code = llama_cpp.llama_decode(self.handle, batch)
        if code != 0:
            raise QwhError(
                f"llama.cpp failed on {self.weights.path.name} at position {at} (code {code}):"
                f" {_complaint()}: free memory or use a smaller --batch-size",
                ExitCode.BAD_INPUT,
            )
        rows = int(wanted.sum())
        if rows == 0:
            return None
        pointer = llama_cpp.llama_get_logits(self.handle)  # waits until the device is done
        logits = np.ctypeslib.as_array(pointer, shape=(rows, self.weights.vocab_size))
        if not self.spoke and (logits == logits[:, :1]).all():
            raise self.weights.wordless("a model of which llama.cpp gives no logits")
        self.spoke = True
        return logits

    def run(
        self, tokens: np.ndarray, positions: np.ndarray, owners: np.ndarray, wanted: np.ndarray
    ) -> np.ndarray | None:
        """As decode, of tokens with one owner each; owners: [n] int."""
        return self.decode(tokens, positions, [[owner] for owner in owners.tolist()], wanted)

    def cut(self, sequence: int, length: int) -> None:
        """Forget one sequence after its first `length` tokens."""
        llama_cpp.llama_memory_seq_rm(self.memory, sequence, length, -1)

    def copy(self, source: int, target: int) -> None:
        """Let one sequence hold what another one does, and nothing else."""
        llama_cpp.llama_memory_seq_cp(self.memory, source, target, -1, -1)

    def close(self) -> None:
        """Free the context."""
        if self.handle:
            llama_cpp.llama_batch_free(self.batch)
            llama_cpp.llama_free(self.handle)
            self.handle = None


def _view(pointer: object, n: int, kind: type) -> np.ndarray:
    return np.ctypeslib.as_array(pointer, shape=(n,)).view(kind)
