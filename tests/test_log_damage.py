"""Damaged logs, tables and log-probs: refused in one line, or read; nothing else, and soon."""

import random
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_files import FIXTURES, READERS, reference_file, result_file, survives

SIZES = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
STARTS = (  # whole files
    b"",
    b"\n",
    b"[]",
    b"{}",
    b"null",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"\0" * 5000,
    b"1" * 5000,
    b"[1e999999, -1e999999, " + b"9" * 5000 + b"]",
    b'[{"label": "a"}]',
)
NUMBER = re.compile(rb"-?\d+\.?\d*(?:e-?\d+)?|null|true")
NO_NUMBERS = (
    b"NaN",
    b"-Infinity",
    b"nan",
    b"-nan(ind)",
    b"1e999",
    b"9" * 400,
    b"9" * 5000,
    b'"text"',
    b"[]",
    b"{}",
    b"null",
    b"-1",
    b"true",
    b'"\\ud800"',
    b"[" * 2000,
    b"\xc3",
)


def damaged(raw: bytes, seed: str) -> Iterator[bytes]:
    """At least 200 versions of a file that something happened to."""
    rng = random.Random(seed)
    edges = [
        at
        for at in range(len(raw))
        if raw[at : at + 1] in b"\n,:|}]\t" or (at % 8 == 0 and raw[:2] == b"HF")
    ]
    for cut in edges if len(edges) < 150 else rng.sample(edges, 150):
        yield raw[:cut]
        yield raw[: cut + 1]
    for _ in range(60):
        at = rng.randrange(len(raw))
        yield raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :]
        start, stop = sorted(rng.sample(range(len(raw)), 2))
        yield raw[:start] + raw[stop:]
        yield raw[:stop] + raw[start:]
    for size in SIZES:
        for at in (8, 12, 16, 20, 24, 28):
            yield raw[:at] + size + raw[at + 4 :]
    yield from STARTS
    yield from (
        raw[::-1],
        raw + raw,
        b"\xff\xfe" + raw,
        raw + b"\xff\xfe\0",
        b"\xed\xa0\x80" + raw,
        b"[0]1.0000," + raw,
        b"[1]0.0000,[2]-1.0000," + raw,
    )
    numbers = list(NUMBER.finditer(raw))
    for found in rng.sample(numbers, min(30, len(numbers))):
        for other in NO_NUMBERS:
            yield raw[: found.start()] + other + raw[found.end() :]


FILES = {
    "llama-log": ["kld.log", "perplexity.log", "january-2024.log", "json-lines.log"],
    "qbench": ["qbench.json"],
    "table": ["table.csv", "table.md"],
    "prompt-logprobs": ["vllm.jsonl", "vllm-chat.json", "sglang.json", "openai.json"],
    "hfkldr": [reference_file(), result_file()],
}


@pytest.mark.parametrize(
    "kind, file",
    [(kind, file) for kind, files in FILES.items() for file in files],
    ids=lambda value: value if isinstance(value, str) else "made",
)
def test_damage_is_refused_in_one_line_or_read(tmp_path, kind, file):
    raw = file if isinstance(file, bytes) else (FIXTURES / file).read_bytes()
    path = tmp_path / "damaged"
    outcomes = []
    for version in damaged(raw, kind):
        path.write_bytes(version)
        READERS[kind].recognises(path, version[: 1 << 16])
        outcomes.append(survives(READERS[kind], path))
    assert len(outcomes) >= 200 and not all(outcomes)


WORDS = st.sampled_from(
    [
        "Mean    KLD:",
        "Mean PPL(Q)",
        " ± ",
        "0.001234",
        "-0.000000",
        "nan",
        "99.0%   KLD:",
        "RMS Δp    :",
        "Same top p:",
        "%",
        "\n",
        "\r",
        "[1]",
        "1.2345,",
        "====== Perplexity statistics ======",
        "===== KL-divergence statistics",
        "Average:",
        "perplexity: calculating perplexity over 3 chunks, n_ctx=8",
        "Final estimate: PPL = 1.0000 +/- 0.10000",
        (
            "   1       1.2221 ±    0.1222       0.00055 ±    0.00227       0.00009 ±    0.00003   "
            "  0.375 ±  0.133 %    98.413 ±  1.587 %"
        ),
        "| Quant | Mean KLD |",
        "|---|---|",
        "| a | 1 |",
        "Quant,KLD,PPL",
        "\t",
        '"',
        "]",
        "}",
        "[",
        "{",
        "1e400",
        "HFKLDR\0\0",
        "HFKSEQ\0\0",
        "\x01\0\0\0",
        "\x02\0\0\0",
        "\0",
        "é",
        '{"prompt_logprobs":',
        "[null,",
        '{"1":{"logprob":-1,"rank":1}}',
        '"label":"a"',
        '"group":"reference"',
        '"ppl":',
    ]
)


@pytest.mark.parametrize("kind", READERS)
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(WORDS | st.text(max_size=8) | st.binary(max_size=40), max_size=30))
def test_anything_at_all(tmp_path, kind, parts):
    path = tmp_path / "anything"
    path.write_bytes(
        b"".join(
            part if isinstance(part, bytes) else part.encode("utf-8", "replace") for part in parts
        )
    )
    READERS[kind].recognises(path, path.read_bytes())
    survives(READERS[kind], path)


@pytest.mark.parametrize("kind", READERS)
def test_no_file_and_a_folder(tmp_path, kind):
    assert not survives(READERS[kind], tmp_path / "none") and not survives(READERS[kind], tmp_path)


@pytest.mark.parametrize(
    "filler",
    [
        b"[1]",
        b"[1]1.2345,",
        b"[2]1.0000,[1]1.0000,",
        b" ",
        b"1",
        b"[",
        b"1.2345 ",
        b"Mean KLD:",
        b"\xc2\xb1",
        b"a=",
        b"\x1b[",
        b"Final estimate: PPL = 1",
        b" -m x perplexity chunks",
        b"|",
        b"99.0% KLD,",
        b'{"a":',
        b'"',
        b"[[",
        b"{}",
    ],
)
@pytest.mark.parametrize("longest", [1900, 10_000_000])
def test_ten_megabytes_are_read_in_a_second_however_long_the_lines(tmp_path, filler, longest):
    path = tmp_path / "a.log"
    line = filler * (longest // len(filler))
    path.write_bytes((line + b"\n") * (10_000_000 // len(line)))
    for kind, reader in READERS.items():
        start = time.process_time()
        reader.recognises(path, path.read_bytes()[: 1 << 16])
        survives(reader, path)
        # a second, and room for slow and busy machines
        assert time.process_time() - start < 4, kind
