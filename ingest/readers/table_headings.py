"""What the heading of a published table's column means: llama.cpp's labels, our names, and words.

A heading is understood as a whole or not at all: `KLD 99%` and `P99 KL-divergence` are one metric,
`KLD vs Q8_0` and `PPL wiki` are none, for a word is left over.
"""

import csv
import html
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .llama_labels import LINES, QUANTILES


class Meaning(NamedTuple):
    """What a column's numbers are."""

    metric: str  # our name
    is_share: bool  # 0..1, which tables write in per cent
    per_cent: bool  # the heading says so
    ours: bool  # the heading is our own name: shares are in 0..1
    error: bool  # its standard error rather than its value


def _shares() -> dict[str, bool]:
    """Our metrics and those of llama.cpp's lines: whether each is a share."""
    seed = Path(__file__).parents[2] / "seeds" / "metrics.csv"
    with seed.open(encoding="utf-8", newline="") as file:
        known = {row["metric"]: row["unit"] == "fraction" for row in csv.DictReader(file)}
    return known | {line.metric: line.per_cent for line in LINES.values()}


SHARES = _shares()
LONGEST = 300  # letters of a heading, with its links
_ARROWS = re.compile(r"[↓↑⬇⬆▼▲🔻🔺\ufe0f]|[(\[]\s*(?:lower|higher)(?: is | = |=)better\s*[)\]]")
_PREFIX = re.compile(r"^(?:(?:metrics?|summary|evals?|results?|params?|tags?|config)[./])+")
_ERROR = re.compile(
    r"(?:^|[\s_(\[/]+)(?:(?:±|\+/-)\s*)?(?:±|\+/-|standard[ _]error|std\.?[ _]?err(?:or)?|stderr"
    r"|s\.?e\.?|err(?:or)?|uncertainty)[)\]]?$"
)
_PER_CENT = re.compile(r"\s*(?:[(\[]\s*(?:in )?(?:%|per ?cent)\s*[)\]]|%|\bin %)\s*$")
_KLD = re.compile(
    r"\b(?:d[_ ]?kl|kl[-_ ]?d|kl[-_ ]?div(?:\.|ergence)?|kl|kullback[-–— ]leibler"
    r"(?:[-_ ]divergence)?)(?![a-z])"
)
_TIGHT = re.compile(r"\b(mean|median|max|min|avg)(?=kl)")  # MeanKLD
_DELTA_P = re.compile(r"(?:[δ∆Δ]|\bdelta)[\s_-]?p(?:rob(?:ability|s)?)?(?![a-z])|\bdp(?![a-z])")
_QUANTILE = re.compile(
    r"(?:[pq]?(?P<number>\d{1,3}(?:\.\d)?)\s?(?P<sign>%|th|st)?(?:[\s-]?(?:percentile|quantile"
    r"|pctl?|%?-?ile))?|(?:percentile|quantile)[\s-]?(?P<after>\d{1,3}(?:\.\d)?))"
)
_DIRECTION = re.compile(
    r"[(\[]?\s*(?P<first>[a-z0-9_]+)\s*(?:→|->|=>|‖|\|\||∥|\bto\b)"
    r"\s*(?P<second>[a-z0-9_]+)\s*[)\]]?"
)
ORIGINALS = {
    "o",
    "p",
    "orig",
    "original",
    "base",
    "ref",
    "reference",
    "bf16",
    "fp16",
    "f16",
    "full",
}
QUANTS = {"q", "quant", "quantized", "quantised"}
STATISTICS = {
    **dict.fromkeys(("mean", "avg", "average", "μ"), "mean"),
    **dict.fromkeys(("median", "med"), "median"),
    **dict.fromkeys(("max", "maximum"), "max"),
    **dict.fromkeys(("min", "minimum"), "min"),
    "rms": "rms",
}
IDLE = {"nats", "nat", "value", "values"}  # words that change nothing
SAME = {"same", "match", "matches", "matching", "agreement", "agree", "agrees"}
TOP = {"top", "top1", "argmax"}
DIFFER = re.compile(r"differ|flip|mismatch|disagree|chang")
RATIOS = {
    "ln(ppl(q)/ppl(base))": "ln_ppl_ratio",
    "ln(ppl/base)": "ln_ppl_ratio",
    "lnppl/base": "ln_ppl_ratio",
    "ln(pplratio)": "ln_ppl_ratio",
    "lnpplratio": "ln_ppl_ratio",
    "ppl(q)/ppl(base)": "ppl_ratio",
    "pplratio": "ppl_ratio",
    "ppl(q)-ppl(base)": "ppl_difference",
}
LABELS = {label.lower(): line.metric for label, line in LINES.items()}


@lru_cache(4096)
def meaning(heading: str) -> Meaning | None:
    """What a column of this heading holds, or None where it is not understood as a whole."""
    text = plain(heading)
    for error, name in ((False, text), (True, _ERROR.sub("", text, count=1).strip(" ([_/"))):
        if not name or (error and name == text):
            continue
        if name in SHARES:
            return Meaning(name, SHARES[name], False, True, error)
        if name in LABELS:
            return _of(LABELS[name], False, error)
        if metric := _by_words(name, error):
            return _of(metric, False, error)
        bare = _PER_CENT.sub("", name).strip()
        metric = LABELS.get(bare) or _by_words(bare, error)
        if metric and SHARES[metric]:
            return _of(metric, True, error)
    return None


def _of(metric: str, per_cent: bool, error: bool) -> Meaning:
    return Meaning(metric, SHARES[metric], per_cent, False, error)


def is_error(heading: str) -> bool:
    """Whether it says standard error and nothing else: the one of the column before."""
    text = plain(heading)
    return bool(text) and not _ERROR.sub("", text).strip("() ")


def holds_error(heading: str) -> bool:
    """Whether it speaks of a standard error: then numbers in brackets are that."""
    return bool(_ERROR.search(plain(heading)))


def why_not(heading: str) -> str | None:
    """Why a heading that speaks of a known thing is not taken, where that can be said."""
    text = plain(heading)
    if _KLD.search(text) and (found := _DIRECTION.search(text)) and found["first"] in QUANTS:
        return "it is KL(quant || original), the other way round"
    if ("top" in text or "argmax" in text) and DIFFER.search(text):
        return "it is 1 less Same top p: write that"
    if _KLD.search(text) or re.search(r"\bkld|\bppl|perplexity", text):
        return "not all of its heading is understood: name it Mean KLD, 99.0% KLD, PPL, ..."
    return None


def plain(heading: str) -> str:
    """A heading in lower case without its dress, in the letters of llama.cpp's labels.

    Empty where it is too long for a heading.
    """
    if len(heading) > LONGEST:
        return ""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", html.unescape(heading))
    text = re.sub(r"</?[a-z][^<>]*>", " ", text, flags=re.IGNORECASE).replace("\\", "")
    text = text.replace("∆", "Δ").replace("％", "%").strip("*`~$ ").lower()
    return _PREFIX.sub("", " ".join(_ARROWS.sub(" ", text).split()))


def _by_words(text: str, error: bool) -> str | None:
    """The metric of a heading that is made of known words alone."""
    tight = text.replace(" ", "").removeprefix("mean")
    if tight in RATIOS:
        return RATIOS[tight]
    spaced = _TIGHT.sub(r"\1 ", text.replace("_", " "))
    spaced = _turned(_KLD.sub("kld", spaced))
    if kld := _with_statistic(spaced, r"\bkld(?![a-z])", "kld", "mean"):
        return kld
    if delta := _with_statistic(text.replace("_", " "), _DELTA_P.pattern, "dp", None):
        return delta
    words = set(re.split(r"[\s_()\[\],:]+", text)) - IDLE - {""}
    if words & {"ppl", "perplexity"}:
        rest = words - {"ppl", "perplexity", "mean", "avg", "average", "q"}
        return "ppl" if not rest else "ppl_ref" if rest <= {"base", "ref", "reference"} else None
    words = set(re.split(r"[\s_()\[\],:-]+", text)) - IDLE - {""}
    about = words - {"p", "1", "token", "tokens", "rate", "share", "of"}
    one = "1" in words or "top1" in words
    if about & TOP and about <= TOP | SAME and (about & SAME or (one and not error)):
        return "top1_agreement"
    return None


def _turned(text: str) -> str:
    """A KLD's heading without its direction; empty where that is not original to quant."""
    found = _DIRECTION.search(text)
    if not found:
        return text
    forward = found["first"] in ORIGINALS and found["second"] in QUANTS
    return text.replace(found[0], " ") if forward else ""


def _with_statistic(text: str, what: str, prefix: str, default: str | None) -> str | None:
    """kld_mean of `mean kld`, dp_p99 of `99% Δp`; None where a word is left over."""
    rest, count = re.subn(what, " ", text)
    words = [word.rstrip(".") for word in re.split(r"[\s_()\[\],:;@/-]+|(?<!\d)\.", rest)]
    words = [word for word in words if word and word not in IDLE]
    if count != 1:
        return None
    if not words:
        return f"{prefix}_{default}" if default else None
    name = STATISTICS.get(words[0]) if len(words) == 1 else None
    name = name or _quantile(" ".join(words))
    metric = f"{prefix}_{name}"
    return metric if name and metric in SHARES else None


def _quantile(text: str) -> str | None:
    """p99 of `99%`, `p99`, `q99`, `99th percentile`, `p999` or `99.9%`."""
    found = _QUANTILE.fullmatch(text)
    if not found:
        return None
    digits = found["number"] or found["after"]
    said = found["after"] or found["sign"] or text[0] in "pq" or not text[-1].isdigit()
    if not said:
        return None
    share = 99.9 if digits == "999" else float(digits)
    special = {50.0: "median", 100.0: "max", 0.0: "min"}
    return special.get(share) or QUANTILES.get(f"{share:.1f}%")
