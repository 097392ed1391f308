"""exllamav3's qbench: a results JSON with one entry per quant, and entries of the groups `reference` and `noise_floor`.

Its KLD is over its own logits in float16; bits per weight and memory are kept as facts. Entries of the noise floor are
quants too, and say so in their facts.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from . import safely  # first: it names the extra that brings msgspec
import msgspec
from .contents import BadFile, Statistic, Summary

KIND = "qbench"
METRICS = {"ppl": "ppl", "kld": "kld_mean", "kld_median": "kld_median", "kld_p10": "kld_p10", "kld_p25": "kld_p25", "kld_p75": "kld_p75", "kld_p90": "kld_p90"}
FACTS = ("bpw_layer", "bpw_head", "vram_gb", "nonfinite_share")


class Entry(msgspec.Struct):
    """One quant. Raw: a number, null, or anything else that a damaged file holds."""

    label: str
    group: str | None = None
    ppl: msgspec.Raw = msgspec.Raw()
    kld: msgspec.Raw = msgspec.Raw()
    kld_median: msgspec.Raw = msgspec.Raw()
    kld_p10: msgspec.Raw = msgspec.Raw()
    kld_p25: msgspec.Raw = msgspec.Raw()
    kld_p75: msgspec.Raw = msgspec.Raw()
    kld_p90: msgspec.Raw = msgspec.Raw()
    bpw_layer: msgspec.Raw = msgspec.Raw()
    bpw_head: msgspec.Raw = msgspec.Raw()
    vram_gb: msgspec.Raw = msgspec.Raw()
    nonfinite_share: msgspec.Raw = msgspec.Raw()


class Results(msgspec.Struct):
    """The file, where the entries lie under a key."""

    results: list[Entry]


_results, _entries = safely.decoder(Results, safely.MAX_JSON), safely.decoder(list[Entry], safely.MAX_JSON)


def recognises(path: Path, head: bytes) -> bool:
    """By the keys of an entry."""
    return head.lstrip()[:1] in (b"{", b"[") and b'"label"' in head and b'"kld"' in head and b'"group"' in head


def read(path: Path, picks: dict[str, str]) -> Iterator[Summary]:
    """Yields a Summary for every entry. Raises BadFile. There is nothing to pick."""
    path = safely.existing(path)
    data = safely.contents(path)
    entries = _entries(data, path, "as a whole") if bytes(data[:64]).lstrip()[:1] == b"[" else _results(data, path, "as a whole").results
    if not entries:
        raise BadFile(path, "key results", "it holds no entry", "give the results file that qbench wrote")
    double = next((label for label, count in Counter(entry.label for entry in entries).items() if count > 1), None)
    if double is not None:
        raise BadFile(path, "key results", f"two entries are called {double}", "keep one of them")
    for entry in entries:
        values = {name: safely.raw_number(getattr(entry, name)) for name in (*METRICS, *FACTS)}
        left_out = {f"{name} is not a finite number": 1 for name in METRICS if values[name] is None and bytes(getattr(entry, name)) not in (b"", b"null")}
        yield Summary(
            quant_name=entry.label, corpus_id=None, context_length=None, engine="exllamav3", is_reference=entry.group == "reference",
            statistics=[Statistic(metric, values[name]) for name, metric in METRICS.items() if values[name] is not None],
            facts={"group": entry.group} | {name: values[name] for name in FACTS if values[name] is not None}, left_out=left_out,
        )
