"""Trains the tests' model: a llama of 2 million weights that reads bytes and knows a made-up world
by heart.

    pip install torch gguf && python tests/model/train.py      # about 10 minutes on 2 cores

It writes, beside itself: tiny-f16.gguf (embedding 256, so that every K-quant applies to every
matrix), corpus.txt (stories of the world), corpus2.txt (sums), and prompts.jsonl (a benchmark of
both). Everything is drawn with a fixed seed.
"""

import json
import math
import random
import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HERE = Path(__file__).parent
EMBEDDING, LAYERS, HEADS, CONTEXT, EPSILON, ROPE_BASE = 256, 3, 4, 512, 1e-5, 10_000.0
VOCABULARY = 257  # all bytes and an end token: odd on purpose
END = 256

NAMES = [
    "Abel",
    "Bria",
    "Cato",
    "Dena",
    "Egon",
    "Fila",
    "Gero",
    "Hesa",
    "Ivor",
    "Jola",
    "Kurt",
    "Lena",
    "Milo",
    "Nora",
    "Otis",
    "Pia",
    "Quin",
    "Rosa",
    "Stan",
    "Tara",
    "Ugo",
    "Vera",
    "Wim",
    "Xena",
    "Yuri",
    "Zita",
]
TOWNS = ["Arlen", "Borsk", "Cormo", "Delph", "Endor", "Farun", "Gleth", "Hurst"]
COLOURS = ["red", "blue", "green", "black", "white", "amber", "pink", "grey"]
BEASTS = ["a cat", "a dog", "an owl", "a hen", "a fox", "a goat", "a mule", "a toad"]
WORLD = random.Random(7)
FACTS = {name: (WORLD.choice(TOWNS), WORLD.choice(COLOURS), WORLD.choice(BEASTS)) for name in NAMES}
QUESTIONS = ("Where does {} live?", "What colour does {} like?", "What does {} keep?")
TELLINGS = (
    "{0} lives in {1}.",
    "{0} likes {2}.",
    "{0} keeps {3}.",
    "In {1} you meet {0}.",
    "{0} of {1} likes {2}.",
    "{0} has {3} that is {2}.",
)
LINKS = ("Then", "Later", "One day", "At night", "In spring", "So")
DEEDS = (
    "sings",
    "walks home",
    "reads a book",
    "bakes bread",
    "counts the stars",
    "mends a net",
    "waits for rain",
    "tells a tale",
)


def story(draw: random.Random) -> str:
    """A line about one or two people, true in the world."""
    parts = []
    for name in draw.sample(NAMES, draw.choice((1, 2))):
        parts += [telling.format(name, *FACTS[name]) for telling in draw.sample(TELLINGS, 2)]
        parts.append(f"{draw.choice(LINKS)} {name} {draw.choice(DEEDS)}.")
    return " ".join(parts) + "\n"


def question(draw: random.Random) -> str:
    """A question about the world with its answer."""
    name, kind = draw.choice(NAMES), draw.randrange(3)
    return f"Q: {QUESTIONS[kind].format(name)}\nA: {FACTS[name][kind]}\n"


def total(draw: random.Random) -> str:
    """A sum of two numbers below 20 with its result."""
    a, b = draw.randrange(20), draw.randrange(20)
    return f"Q: {a}+{b}?\nA: {a + b}\n"


def text(draw: random.Random, size: int, makers: tuple) -> str:
    """At least size bytes of lines from the makers, taken at random."""
    lines, length = [], 0
    while length < size:
        lines.append(draw.choice(makers)(draw))
        length += len(lines[-1])
    return "".join(lines)


class Block(nn.Module):
    """One layer: attention with interleaved rotary positions, then SwiGLU; both pre-normalised."""

    def __init__(self, width: int):
        super().__init__()
        self.attn_norm, self.ffn_norm = (nn.RMSNorm(width, EPSILON), nn.RMSNorm(width, EPSILON))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            setattr(self, name, nn.Linear(width, width, bias=False))
        self.ffn_gate, self.ffn_up = (nn.Linear(width, 2 * width, bias=False) for _ in range(2))
        self.ffn_down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x, turn):
        """x: [batch, time, embedding]; turn: [time, head / 2] complex rotations."""
        batch, time_, _ = x.shape
        h = self.attn_norm(x)
        q, k, v = (
            layer(h).view(batch, time_, HEADS, -1).transpose(1, 2)
            for layer in (self.attn_q, self.attn_k, self.attn_v)
        )
        q, k = (
            torch.view_as_real(
                torch.view_as_complex(y.float().reshape(*y.shape[:-1], -1, 2)) * turn
            ).flatten(-2)
            for y in (q, k)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_output(mixed.transpose(1, 2).reshape(x.shape))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Llama(nn.Module):
    """The whole model; the embedding is also the head."""

    def __init__(self, layers: int = LAYERS, width: int = EMBEDDING):
        super().__init__()
        self.token_embd = nn.Embedding(VOCABULARY, width)
        self.blk = nn.ModuleList(Block(width) for _ in range(layers))
        self.output_norm = nn.RMSNorm(width, EPSILON)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.04)
        half = width // HEADS // 2
        angles = torch.arange(CONTEXT)[:, None] * ROPE_BASE ** (-torch.arange(half) / half)
        self.turns = torch.polar(torch.ones_like(angles), angles)

    def forward(self, ids):
        """ids: [batch, time]; returns logits [batch, time, vocabulary]."""
        x = self.token_embd(ids)
        for block in self.blk:
            x = block(x, self.turns[: ids.shape[1]])
        return self.output_norm(x) @ self.token_embd.weight.T


class Plan(NamedTuple):
    """How a model is trained. marker: what stands before an answer; empty: all bytes count alike.

    Where there is a marker, bytes outside of answers weigh `others` as much as those inside.
    """

    steps: int = 900
    layers: int = LAYERS
    width: int = EMBEDDING
    batch: int = 12
    length: int = 192
    marker: bytes = b""
    others: float = 0.2
    dtype: torch.dtype = torch.float32


def train(data: bytes, plan: Plan) -> Llama:
    """Next-byte prediction on random stretches of data, all drawn with one seed."""
    torch.manual_seed(0)
    model, start = Llama(plan.layers, plan.width), time.time()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)
    ids = torch.tensor(list(data))
    weights = byte_weights(data, plan)
    for step in range(plan.steps):
        rate = (
            2e-3
            * min(1, (step + 1) / 50)
            * (0.05 + 0.95 * (1 + math.cos(math.pi * step / plan.steps)) / 2)
        )
        optimiser.param_groups[0]["lr"] = rate
        starts = torch.randint(len(ids) - plan.length - 1, (plan.batch,))
        rows = torch.stack([ids[i : i + plan.length + 1] for i in starts])
        with torch.autocast("cpu", plan.dtype, enabled=plan.dtype != torch.float32):
            logits = model(rows[:, :-1])
        losses = F.cross_entropy(
            logits.float().flatten(0, 1), rows[:, 1:].flatten(), reduction="none"
        )
        if weights is None:
            loss = losses.mean()
        else:
            weight = torch.stack([weights[i + 1 : i + plan.length + 1] for i in starts]).flatten()
            loss = (losses * weight).sum() / weight.sum()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 50 == 0 or step == plan.steps - 1:
            print(
                f"step {step}/{plan.steps}  loss {loss.item():.3f} nats/byte "
                f" {time.time() - start:.0f} s",
                file=sys.stderr,
                flush=True,
            )
    return model


def byte_weights(data: bytes, plan: Plan) -> torch.Tensor | None:
    """1 for the bytes between a marker and its line's end (with it), [bytes]; None: no marker."""
    if not plan.marker:
        return None
    weights = torch.full((len(data),), plan.others)
    for line in re.finditer(re.escape(plan.marker) + rb"[^\n]*\n", data):
        weights[line.start() + len(plan.marker) : line.end()] = 1.0
    return weights


def byte_letters() -> list[str]:
    """GPT-2's printable letter for each byte, which is how such vocabularies are written down."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(spare)) for byte in range(256)]


def save(model: Llama, path: Path, name: str = "qwh tiny world") -> None:
    """The model as GGUF: matrices in F16, norms in F32."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(CONTEXT)
    width = model.output_norm.weight.numel()
    writer.add_embedding_length(width)
    writer.add_block_count(len(model.blk))
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(width // HEADS)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*byte_letters(), "<end>"])
    writer.add_token_types([gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL])
    # llama.cpp wants a list; "qq" is no token, so this one never applies
    writer.add_token_merges(["q q"])
    writer.add_eos_token_id(END)
    writer.add_bos_token_id(END)
    writer.add_add_bos_token(False)
    for name, tensor in model.state_dict().items():
        kind = np.float32 if "norm" in name else np.float16
        writer.add_tensor(name, tensor.numpy().astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(steps: int = 900) -> None:
    """Train, and write the model and its texts."""
    makers = (story, question, question, total)
    data = text(random.Random(1), 3_000_000, makers).encode()
    save(train(data, Plan(steps)), HERE / "tiny-f16.gguf")
    (HERE / "corpus.txt").write_text(text(random.Random(2), 60_000, (story, question)))
    (HERE / "corpus2.txt").write_text(text(random.Random(3), 20_000, (total,)))
    asked = [
        {
            "category": kind,
            "prompt": f"Q: {QUESTIONS[i].format(name)}\nA:",
            "answers": [FACTS[name][i]],
        }
        for i, kind in enumerate(("town", "colour", "beast"))
        for name in NAMES
    ]
    draw = random.Random(4)
    sums = draw.sample([(a, b) for a in range(20) for b in range(20)], 50)
    asked += [
        {"category": "sum", "prompt": f"Q: {a}+{b}?\nA:", "answers": [str(a + b)]} for a, b in sums
    ]
    (HERE / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in asked))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
