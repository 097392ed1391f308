"""What a quant is called, whatever it is wrapped in."""

import pytest

from qwh.ingest.readers.names import plain_name


@pytest.mark.parametrize(
    "text",
    [
        "tiny-Q4_K_M",
        "**tiny-Q4_K_M**",
        "`tiny-Q4_K_M.gguf`",
        "_tiny-Q4_K_M_",
        "tiny-Q4\\_K\\_M",
        "tiny-Q4&#95;K&#95;M",
        "[tiny-Q4_K_M](https://example.org/a/blob/main/x.gguf)",
        "[tiny-Q4\\_K\\_M.gguf](https://example.org/a/x.gguf)",
        "[tiny-Q4_K_M](https://example.org/a_(b).gguf)",
        "[tiny-Q4_K_M][1]",
        "[![tiny-Q4_K_M](https://example.org/badge.svg)](https://example.org/x)",
        '<a href="https://example.org/x.gguf">tiny-Q4_K_M</a>',
        "<https://example.org/a/resolve/main/tiny-Q4_K_M.gguf?download=true>",
        "https://example.org/a/resolve/main/tiny-Q4_K_M.gguf",
        "models/tiny-Q4_K_M.gguf",
        r"C:\models\tiny-Q4_K_M.gguf",
        "tiny-Q4_K_M-00001-of-00003.gguf",
        "tiny-Q4_K_M[^1]",
        "⭐ tiny-Q4_K_M 🏆",
        " tiny-Q4_K_M<br>",
    ],
)
def test_one_quant_has_one_name(text):
    assert plain_name(text) == "tiny-Q4_K_M"


@pytest.mark.parametrize(
    "text", ["", "  ", "**", "$model", '"${MODEL}"', "$1", "$(ls)", "%M%", "{}"]
)
def test_what_is_no_name(text):
    assert plain_name(text) is None


@pytest.mark.parametrize(
    "text", ["f16/f16/q8_0", "EXL3 3.0bpw", "4.0", "tiny-it-GGUF:Q8_0", "Q4 K"]
)
def test_names_that_stay(text):
    assert plain_name(text) == text
