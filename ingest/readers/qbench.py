"""exllamav3's qbench: the JSON list that a project writes to output.results, one entry per model.

    [{"label", "group", "ppl", "kld", "kld_median", "kld_p10", "kld_p25", "kld_p75", "kld_p90",
    "kld_buckets", "bpw_layer", "bpw_head", "vram_gb", "nonfinite_share"}]

One group is "reference"; "noise_floor" is the reference again with noise of one bfloat16 rounding
in every layer. KLD covers the whole vocabulary; positions that are not finite are left out by the
tool. Its median of an even count is the lower of two.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ...errors import BadFile
from .port import Picks, Statistic, Summary
from .untrusted.files import MIB, contents
from .untrusted.json_plain import clean, finite, parsed

LARGEST = 4 * MIB  # an entry has under 2 kB
ADVICE = "give the file that a project's output.results names"
METRICS = {
    "ppl": "ppl",
    "kld": "kld_mean",
    "kld_median": "kld_median",
    "kld_p10": "kld_p10",
    "kld_p25": "kld_p25",
    "kld_p75": "kld_p75",
    "kld_p90": "kld_p90",
}
FACTS = ("bpw_layer", "bpw_head", "vram_gb", "nonfinite_share")


def recognises(path: Path, head: bytes) -> bool:
    """A JSON list of objects with label and group that speak of perplexity or bits per weight."""
    return (
        head.lstrip()[:1] == b"["
        and b'"label"' in head
        and b'"group"' in head
        and (b'"ppl"' in head or b'"bpw_layer"' in head)
    )


def read(path: Path, picks: Picks) -> Iterator[Summary]:
    """One Summary per model.

    Two groups may use one label: then the group goes before it. Raises BadFile.
    """
    entries = parsed(path, "as a whole", bytes(contents(path, LARGEST)))
    if not isinstance(entries, list) or not entries:
        raise BadFile(path, "as a whole", "not a list of models", ADVICE)
    names = [_name(path, index, entry) for index, entry in enumerate(entries)]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice:
        label, group = twice
        raise BadFile(
            path,
            f"label {label[:80]!r}",
            f"{names.count(twice)} entries in group {group[:80]!r}",
            "give each model its own label",
        )
    labels = Counter(label for label, _ in names)
    for entry, (label, group) in zip(entries, names):
        yield _summary(entry, label if labels[label] == 1 else f"{group} {label}", group)


def _name(path: Path, index: int, entry: object) -> tuple[str, str]:
    """(label, group) of an entry. Raises BadFile."""
    place = f"entry {index}"
    if not isinstance(entry, dict):
        raise BadFile(path, place, "not an object", ADVICE)
    for key in ("label", "group"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise BadFile(
                path,
                place,
                f"no {key}",
                "run qbench again, or name it in the file",
            )
    return clean(entry["label"]), clean(entry["group"])


def _summary(entry: dict, name: str, group: str) -> Summary:
    statistics, left_out = list[Statistic](), dict[str, int]()
    for key, metric in METRICS.items():
        value = finite(entry.get(key))
        if value is not None:
            statistics.append(Statistic(metric, value))
        elif key in entry:
            left_out["statistics that are no finite numbers"] = (
                left_out.get("statistics that are no finite numbers", 0) + 1
            )
    compared = group != "reference"
    lacking = [key for key in METRICS if key not in entry and (compared or key == "ppl")]
    facts = {"group": group, "noise_floor": group == "noise_floor"} | {
        key: value for key in FACTS if (value := finite(entry.get(key))) is not None
    }
    buckets = _buckets(entry.get("kld_buckets"))
    return Summary(
        quant_name=name,
        corpus_id=None,
        context_length=None,
        statistics=statistics,
        engine="exllamav3 qbench",
        is_reference=not compared,
        facts=facts | ({"kld_buckets": buckets} if buckets else {}),
        partial=(
            f"no {', '.join(lacking)}: the model gave no finite logits, or the entry is incomplete"
            if lacking
            else None
        ),
        left_out=left_out,
    )


def _buckets(found: object) -> list[dict]:
    """KLD by the reference's confidence: conf_range [low, high], share of positions, mean, median.

    None where there are no positions.
    """
    buckets = []
    for bucket in found if isinstance(found, list) else ():
        bounds = bucket.get("conf_range") if isinstance(bucket, dict) else None
        limits = [finite(bound) for bound in bounds] if isinstance(bounds, list) else []
        if len(limits) == 2 and None not in limits:
            buckets.append(
                {"conf_range": limits}
                | {key: finite(bucket.get(key)) for key in ("share", "mean", "median")}
            )
    return buckets
