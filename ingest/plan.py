"""Before anything runs: what is already in the warehouse, what must not be mixed with it, and what
each run is called.
"""

import os
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from ..errors import ExitCode, QwhError
from ..raw.manifest import COMPARABLE, RunFacts
from ..raw.schema import METRICS_VERSION, SCHEMA_VERSION
from ..raw.store import Store
from .engines.gguf import GGUF

NOT_IDENTITY = (
    "corpus_rank",
    "threads",
    "device",
    "qwh_version",
    "uploader",
    "made_from",
    "schema_version",
)


@dataclass(frozen=True, eq=False)  # hashed by identity
class Member:
    """One model file of a cohort under its quant_id."""

    quant_id: str
    file: GGUF
    uploader: str | None = None


@dataclass
class Settings:
    """What a command line fixes for all the runs that it makes."""

    cohort: str
    threads: int
    batch_size: int = 512
    top_k: int = 32
    made_from: str | None = None
    quants_at_once: int | None = None
    # engine, engine_version, device, estimator, logits_dtype
    facts: dict = field(default_factory=dict)

    def common(self) -> dict:
        """The manifest's keys that every run of this command shares."""
        return self.facts | {
            "cohort_id": self.cohort,
            "threads": self.threads,
            "batch_size": self.batch_size,
            "ubatch_size": self.batch_size,
            "top_k": self.top_k,
            "metrics_version": METRICS_VERSION,
            "schema_version": SCHEMA_VERSION,
            "qwh_version": version("qwh"),
            "status": "complete",
        }


def quant_run_id(reference: Member, member: Member, facts: dict) -> str:
    """The run_id of a quant (or of the reference, where member is reference) under these facts."""
    what = {key: value for key, value in facts.items() if key not in NOT_IDENTITY}
    return (
        RunFacts(**(what | {"quant_id": member.quant_id, "file_sha256": member.file.sha256}))
        .named(reference=reference.file.sha256)
        .run_id
    )


def unique_members(
    paths: list[Path], read: callable, quant_ids: list[str] | None, uploader: str | None
) -> list[Member]:
    """Members for the given files; a quant_id defaults to the file's stem. Raises QwhError if two
    are called the same.
    """
    names = quant_ids or [Path(path).stem for path in paths]
    if len(names) != len(paths):
        raise QwhError(
            f"{len(names)} --quant-id for {len(paths)} --quant: give one for each, in the same"
            " order, or none",
            ExitCode.USAGE,
        )
    double = next((name for name in names if names.count(name) > 1), None)
    if double:
        raise QwhError(
            f"two quants are called {double}: give each its own --quant-id", ExitCode.USAGE
        )
    return [Member(name, read(path), uploader) for name, path in zip(names, paths)]


def in_memory_together(
    settings: Settings, reference: Member, quants: list[Member]
) -> list[list[Member]]:
    """The quants in groups that fit beside the reference: settings.quants_at_once, or what half of
    the free memory holds.
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2 - reference.file.bytes
    largest = max((quant.file.bytes for quant in quants), default=1)
    size = settings.quants_at_once or max(1, int(free // largest))
    return [quants[i : i + size] for i in range(0, len(quants), size)]


def refuse_other_reference(store: Store, mine: RunFacts) -> None:
    """Raise QwhError if an import's role or name clashes with the cohort's one reference."""
    for run in store.runs():
        if run.cohort_id != mine.cohort_id:
            continue
        if run.role == mine.role == "reference" and run.quant_id != mine.quant_id:
            raise QwhError(
                f"cohort {mine.cohort_id} already has the reference {run.quant_id}, not"
                f" {mine.quant_id}: give --quant-id {run.quant_id} if it is the same model, or"
                " another --cohort",
                ExitCode.MISMATCH,
            )
        if run.role != mine.role and run.quant_id == mine.quant_id:
            raise QwhError(
                f"cohort {mine.cohort_id} knows {mine.quant_id} as its {run.role}, not as a"
                f" {mine.role}: check --is-reference and --quant-id",
                ExitCode.MISMATCH,
            )


def refuse_mixing(
    store: Store, settings: Settings, reference: Member, quants: list[Member], runs: list[dict]
) -> None:
    """Raise QwhError if these members or facts clash with what the cohort holds.

    runs: the facts of each run to be made (corpus_id, context_length and the keys of
    schema.COMPARABLE).
    """
    held = [run for run in store.runs() if run.cohort_id == settings.cohort]
    for run in held:
        if run.role == "reference" and run.file_sha256 != reference.file.sha256:
            raise QwhError(
                f"cohort {settings.cohort} already has the reference {run.quant_id}"
                f" ({run.file_name}), not {reference.file.path.name}: use that file or another"
                " --cohort",
                ExitCode.MISMATCH,
            )
        for quant in quants:
            if (
                run.role == "quant"
                and run.quant_id == quant.quant_id
                and run.file_sha256 != quant.file.sha256
            ):
                raise QwhError(
                    f"cohort {settings.cohort} already knows another file as {quant.quant_id}"
                    f" ({run.file_name}): give this one its own --quant-id",
                    ExitCode.MISMATCH,
                )
        for facts in runs:
            same = all(
                getattr(run, key) == facts.get(key)
                for key in ("task", "corpus_id", "context_length")
            )
            differs = [
                key
                for key in COMPARABLE
                if same and key in facts and getattr(run, key) != facts[key]
            ]
            if differs:
                raise QwhError(
                    f"cohort {settings.cohort} holds {run.corpus_id} at context length"
                    f" {run.context_length} with other settings: "
                    + ", ".join(
                        f"{key} {_short(getattr(run, key))} there, {_short(facts[key])} here"
                        for key in differs
                    )
                    + ": repeat those settings, or use another --cohort or corpus name",
                    ExitCode.MISMATCH,
                )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 24 else text[:12] + "..."
