"""The tests' small model with a vocabulary as wide as the largest: for timing what that costs.

    python benchmarks/wide_model.py OUT.gguf [--vocabulary 248320]

The added ids are never in a text; their embeddings are random, so that rows of logits are long and
not degenerate.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np

SOURCE = Path(__file__).parent.parent / "tests" / "model" / "tiny-f16.gguf"


def widen(path: Path, vocabulary: int) -> None:
    """Write the small model with `vocabulary` ids to path."""
    reader = gguf.GGUFReader(SOURCE)
    fields = {key: field for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    writer = gguf.GGUFWriter(path, fields.pop("general.architecture").contents())
    for key, field in fields.items():
        value = field.contents()
        if key == "tokenizer.ggml.tokens":
            value = value + [f"<unused{i}>" for i in range(vocabulary - len(value))]
        elif key == "tokenizer.ggml.token_type":
            value = value + [int(gguf.TokenType.UNUSED)] * (vocabulary - len(value))
        elif key == "llama.vocab_size":
            value = vocabulary
        writer.add_key_value(
            key, value, field.types[0], field.types[-1] if len(field.types) > 1 else None
        )
    for tensor in reader.tensors:
        values = tensor.data
        if tensor.name == "token_embd.weight":
            more = np.random.default_rng(0).normal(
                0, values.std(dtype=np.float32), (vocabulary - len(values), values.shape[1])
            )
            values = np.concatenate([values, more.astype(values.dtype)])
        writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--vocabulary", type=int, default=248_320)
    arguments = parser.parse_args()
    widen(arguments.out, arguments.vocabulary)
