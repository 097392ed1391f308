"""llama.cpp's own calls, one text at a time, beside which the project's readings are held."""

import numpy as np

VOCABULARY = 257  # ids of the test model: bytes, and an end


class Outside:
    """llama.cpp's own calls: every text runs anew, in one pass, with nothing in memory before."""

    def __init__(self, path):
        import llama_cpp

        self.api = llama_cpp
        self.model = llama_cpp.llama_model_load_from_file(
            str(path).encode(), llama_cpp.llama_model_default_params()
        )
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = 512
        params.n_threads = params.n_threads_batch = 1
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.batch = llama_cpp.llama_batch_init(512, 0, 1)
        self.known: dict[tuple[int, ...], np.ndarray] = {}

    def logits(self, ids: list[int]) -> np.ndarray:
        """[n, V] float64, of every position."""
        if tuple(ids) in self.known:
            return self.known[tuple(ids)]
        api, batch = self.api, self.batch
        api.llama_memory_clear(api.llama_get_memory(self.context), True)
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.logits[i] = token, i, 1
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
        assert api.llama_decode(self.context, batch) == 0
        shape = (len(ids), VOCABULARY)
        found = np.ctypeslib.as_array(api.llama_get_logits(self.context), shape=shape)
        self.known[tuple(ids)] = found.astype(np.float64)
        return self.known[tuple(ids)]

    def close(self) -> None:
        self.api.llama_batch_free(self.batch)
        self.api.llama_free(self.context)
        self.api.llama_model_free(self.model)
