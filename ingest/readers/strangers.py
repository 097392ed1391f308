"""Files that people bring and that hold nothing for qwh: recognised, and refused under their names.

Asked only where no reader knows a file, or where the reader that was named finds nothing in it.
"""

import re
from pathlib import Path
from typing import NamedTuple

from ...errors import ExitCode, QwhError
from .untrusted.files import opened

HEAD = 1 << 16  # bytes of a file that are looked at


class Stranger(NamedTuple):
    """A kind of file that is out of scope."""

    what: str  # what it is, in the words of those who have it
    advice: str  # what to do instead
    names: tuple[str, ...] = ()  # its file's name ends so
    pattern: bytes = b""  # a regular expression that is found in the head


UNPACK = "unpack it first, and give what is in it"
TABLE = "write the figures as a table with a row per quant, which qwh ingest table reads"
LOGITS = (
    "qwh reads the logits that llama-perplexity --save-all-logits FILE writes (they begin with"
    " _logits_), and a KLD needs both models' logits of every position: write them so, or compute"
    " the KLD and give it as a table"
)
POINTER = Stranger(
    "a Git LFS pointer, not the file itself",
    "fetch the file with git lfs pull",
    pattern=rb"\Aversion https://git-lfs\.github\.com/spec/",
)
HTML = Stranger(
    "an HTML page, not the file itself",
    "fetch the file with its download link, or save the page's text",
    pattern=rb"(?i)\A[\s\xef\xbb\xbf]*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?"
    rb"<(?:!doctype html|html|head)\b",
)
WRAPPED = [  # texts that hold another file's text
    Stranger(
        "a notebook",
        "save the cell's output as text, and give that",
        pattern=rb'\A\s*\{.*"cell_type"\s*:',
    ),
    HTML,
]
STRANGERS = [
    *WRAPPED,
    POINTER,
    Stranger("packed with bzip2", UNPACK, pattern=rb"\ABZh[1-9]1AY&SY"),
    Stranger("packed with xz", UNPACK, pattern=rb"\A\xfd7zXZ\x00"),
    Stranger("a 7z archive", UNPACK, pattern=rb"\A7z\xbc\xaf\x27\x1c"),
    Stranger("a tar archive", UNPACK, pattern=rb"(?s)\A.{257}ustar"),
    Stranger("an array of NumPy", LOGITS, pattern=rb"\A\x93NUMPY"),
    Stranger("arrays of NumPy", LOGITS, names=(".npz",), pattern=rb"\APK\x03\x04"),
    Stranger("tensors (safetensors)", LOGITS, pattern=rb"(?s)\A.{5}\x00\x00\x00\s*\{\s*\""),
    Stranger(
        "tensors of PyTorch",
        LOGITS,
        names=(".pt", ".pth", ".bin", ".ckpt"),
        pattern=rb"\A(?:PK\x03\x04|\x80[\x02-\x05])",
    ),
    Stranger("a picture", TABLE, pattern=rb"\A(?:\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP)"),
    Stranger("a PDF", TABLE, pattern=rb"\A%PDF-"),
    Stranger(
        "a table of speeds (llama-bench), no fidelity",
        "there is nothing to store",
        pattern=rb"\bavg_ts\b.{0,200}\bstddev_ts\b|\bstddev_ns\b|\|\s*test\s*\|\s*t/s\s*\|"
        rb"|\|\s*pp\d+(?:\s*@\s*d\d+)?\s*\|\s*[\d.]+ \xc2\xb1",
    ),
    Stranger(
        "a table of totals as lm-eval prints it: without single answers no pairing is possible",
        "run lm-eval with --log_samples (lighteval: --save-details), and give what it writes",
        pattern=rb"\|\s*(?:Tasks?|Groups)\s*\|\s*Version\s*\|(?:.{0,200}\|)?\s*Metric\s*\|",
    ),
    Stranger(
        "a table in HTML",
        "copy it into a CSV or Markdown table, which qwh ingest table reads",
        pattern=rb"(?i)<t[hd][^<>]{0,200}>(?:<[^<>]{1,100}>|[^<>]){0,40}"
        rb"\b(?:kld|kl.div|ppl|perplex)",
    ),
    Stranger(
        "OpenCompass's summary: totals without single answers, no pairing is possible",
        "run OpenCompass with --dump-eval-details, and give the details",
        pattern=rb"(?m)^\W*dataset[\s,|]+version[\s,|]+metric[\s,|]+mode\b",
    ),
    Stranger(
        "llama-imatrix's log: the perplexity of a calibration text, no run of llama-perplexity",
        "give the log of llama-perplexity on a text",
        pattern=rb"\b(?:compute|save|collect)_imatrix\s?:",
    ),
    *(
        Stranger(
            f"a log of {name} scores, no perplexity or KLD",
            "give the log of llama-perplexity on a text",
            pattern=rb"\b" + mark + rb"_score\b",
        )
        for name, mark in (
            ("HellaSwag", b"hellaswag"),
            ("Winogrande", b"winogrande"),
            ("multiple-choice", b"multiple_choice"),
        )
    ),
    Stranger(
        "llama-quantize's log: it has sizes only, nothing is measured",
        "run llama-perplexity with the quant, and give its log",
        pattern=rb"\bllama_model_quantize\w*: (?:model|quant) size|\bmain: quantizing '",
    ),
    Stranger(
        "a page that quotes final estimates of llama-perplexity, such as a model card",
        TABLE,
        pattern=rb"\A(?!.*\[1\]-?\d+\.\d{4},).*Final estimate: PPL[^\n]{0,60}= \d",
    ),
    Stranger(
        "a table of positions with both models' log-probs: their NLL is there, but no distribution,"
        " and hence no KLD",
        "ask both models for their top log-probs and use qwh ingest prompt-logprobs, or write"
        " _logits_ files with llama-perplexity --save-all-logits",
        pattern=rb"(?i)\A(?=.{0,400}?\b(?:pos|position|token|token_id|idx|index|step)\b)"
        rb"(?!.{0,400}?(?:prompt_logprobs|token_logprobs|top_logprobs|logprobs\"))"
        rb".{0,400}?\b(\w*(?:log_?probs?|logp|nll|lp_|_lp)\w*)\b.{0,400}?\b(?!\1\b)"
        rb"\w*(?:log_?probs?|logp|nll|lp_|_lp)\w*\b",
    ),
    Stranger(
        "BFCL's table of totals, without single answers: no pairing is possible",
        "give the folder that holds result and score to qwh ingest bfcl",
        names=("_overall.csv", "_live.csv", "_multi_turn.csv", "_agentic.csv"),
        pattern=rb"\A[^\n]*\bModel\b[^\n]*Acc|\A[^\n]*Acc[^\n]*\bModel\b",
    ),
    Stranger(
        "MMLU-Pro's summary of totals, without single answers: no pairing is possible",
        "give the folder with a list per subject to qwh ingest mmlu-pro",
        pattern=rb"-{6}category level sta-{6}",
    ),
    Stranger(
        "the MMLU authors' totals, without single answers: no pairing is possible",
        "give the folder results_MODEL to qwh ingest mmlu-authors",
        pattern=rb'\A\s*\{\s*"subcategories"\s*:.*"weighted_accuracy"',
    ),
]


def refuse(path: Path, head: bytes) -> None:
    """Raise QwhError if a file is a stranger. head: its first 64 KiB, b"" for a folder."""
    _refuse(path, head, STRANGERS)


def refuse_unfetched(path: Path, head: bytes) -> None:
    """Raise QwhError if what was fetched is a pointer to the file, or a page about it."""
    _refuse(path, head, [POINTER, HTML])


def refuse_wrapped(path: Path) -> None:
    """Raise QwhError if the text in a file is wrapped, as a notebook's is.

    For readers that take single lines, and would find some in it. Also as `opened` does.
    """
    file, _ = opened(path)
    with file:
        _refuse(path, file.read(HEAD), WRAPPED)


def _refuse(path: Path, head: bytes, strangers: list[Stranger]) -> None:
    for stranger in strangers:
        named = not stranger.names or path.name.lower().endswith(stranger.names)
        if named and re.search(stranger.pattern, head, re.DOTALL):
            raise QwhError(
                f"cannot use {path}: it is {stranger.what}: {stranger.advice}", ExitCode.BAD_INPUT
            )
